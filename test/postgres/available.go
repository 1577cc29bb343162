// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package postgres

import (
	"cmp"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/rollcall-iam/rollcall/test/internal/installed"
)

// everyVersion is where Debian puts the server of each version; clients of others may be beside it.
const everyVersion = "/usr/lib/postgresql/*/bin/postgres"

// Available says whether PostgreSQL can run here, and what to do if not.
func Available() error {
	return installed.Check("PostgreSQL", "postgresql", program("postgres"), program("initdb"))
}

// program is the path of one of the newest version's programs.
func program(name string) string {
	servers, err := filepath.Glob(everyVersion)
	if err != nil || len(servers) == 0 {
		return filepath.Join(filepath.Dir(everyVersion), name)
	}
	newest := slices.MaxFunc(servers, func(a, b string) int { return cmp.Compare(version(a), version(b)) })
	return filepath.Join(filepath.Dir(newest), name)
}

// version is the number in the path of a server, 0 if there is none.
func version(server string) float64 {
	number, err := strconv.ParseFloat(filepath.Base(filepath.Dir(filepath.Dir(server))), 64)
	if err != nil {
		return 0
	}
	return number
}
