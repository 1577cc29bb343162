// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"text/tabwriter"

	"sigs.k8s.io/yaml"
)

// tableWriter writes rows of cells. Throw-away: the plugin's skeleton has its own.
type tableWriter struct{ *tabwriter.Writer }

// Row writes one row.
func (w *tableWriter) Row(cells ...string) {
	_, _ = fmt.Fprintln(w.Writer, strings.Join(cells, "\t"))
}

func (t *tool) print(object any, table func(w *tableWriter)) error {
	var data []byte
	var err error
	switch t.output {
	case "json":
		data, err = json.MarshalIndent(object, "", "  ")
		data = append(data, '\n')
	case "yaml":
		data, err = yaml.Marshal(object)
	case "table":
		w := &tableWriter{tabwriter.NewWriter(t.streams.Out, 0, 0, 3, ' ', 0)}
		table(w)
		return w.Flush()
	default:
		err = fmt.Errorf("there is no output %q: use table, json or yaml", t.output)
	}
	if err != nil {
		return err
	}
	_, err = t.streams.Out.Write(data)
	return err
}
