// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package audit_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/rollcall-iam/rollcall/internal/audit"
	"github.com/rollcall-iam/rollcall/internal/audit/store"
	"github.com/rollcall-iam/rollcall/test/internal/installed"
	"github.com/rollcall-iam/rollcall/test/postgres"
)

// database is a place for a store, and a way to it past the store.
type database struct {
	location string
	driver   string
	source   string
}

// past opens the database itself.
func (d database) past() *sql.DB {
	GinkgoHelper()
	db, err := sql.Open(d.driver, d.source)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(db.Close)
	return db
}

func sqliteDatabase(context.Context) database {
	GinkgoHelper()
	folder, err := os.MkdirTemp("", "rollcall-store-")
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(os.RemoveAll, folder)
	return sqliteAt(filepath.Join(folder, "audit store.db"))
}

func sqliteAt(file string) database {
	return database{location: "sqlite:" + file, driver: "sqlite", source: file}
}

var postgresServer *postgres.Server

func postgresDatabase(ctx context.Context) database {
	GinkgoHelper()
	installed.OrSkip(postgres.Available())
	if postgresServer == nil {
		var err error
		postgresServer, err = postgres.Start(ctx, postgres.Options{})
		Expect(err).NotTo(HaveOccurred())
		Expect(os.Setenv("PGPASSWORD", postgresServer.Password())).To(Succeed())
	}
	url, err := postgresServer.NewDatabase(ctx)
	Expect(err).NotTo(HaveOccurred())
	return database{location: url, driver: "pgx", source: url}
}

var _ = AfterSuite(func() {
	if postgresServer != nil {
		Expect(postgresServer.Stop()).To(Succeed())
		Expect(os.Unsetenv("PGPASSWORD")).To(Succeed())
	}
})

func open(ctx context.Context, d database) *store.Store {
	GinkgoHelper()
	s, err := store.Open(ctx, d.location)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() { _ = s.Close() })
	return s
}

var noon = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

// event is one of somebody, so many seconds after noon.
func event(auditID, username string, second int, more ...string) audit.Line {
	GinkgoHelper()
	at := noon.Add(time.Duration(second) * time.Second).Format("2006-01-02T15:04:05.000000Z07:00")
	name, err := json.Marshal(username)
	Expect(err).NotTo(HaveOccurred())
	extra := ""
	for _, m := range more {
		extra += "," + m
	}
	line, err := audit.ReadLine(fmt.Appendf(nil, `{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":%q,`+
		`"stage":"ResponseComplete","requestURI":"/api/v1/pods","verb":"list","user":{"username":%s},"stageTimestamp":%q,`+
		`"requestReceivedTimestamp":%q%s}`, auditID, name, at, at, extra))
	Expect(err).NotTo(HaveOccurred())
	return line
}

func events(username string, from, count int) []audit.Line {
	lines := make([]audit.Line, count)
	for i := range lines {
		lines[i] = event(fmt.Sprintf("%s-%d", username, from+i), username, from+i)
	}
	return lines
}
