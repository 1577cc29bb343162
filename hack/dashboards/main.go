// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

// Command dashboards writes the Grafana dashboards into a folder: make manifests runs it. What is on them is in operations.go and
// access.go; where everything is follows from its order and its width.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: dashboards FOLDER")
		os.Exit(2)
	}
	if err := write(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "dashboards:", err)
		os.Exit(1)
	}
}

func write(folder string) error {
	for _, b := range []board{operations(), access()} {
		var text bytes.Buffer
		encoder := json.NewEncoder(&text)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("", "  ")
		if err := encoder.Encode(b.json()); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(folder, b.uid+".json"), text.Bytes(), 0o644); err != nil {
			return err
		}
	}
	return nil
}
