// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package reference_test

import (
	"flag"
	"fmt"
	"strings"

	. "github.com/onsi/ginkgo/v2"

	"github.com/rollcall-iam/rollcall/internal/operator"
	"github.com/rollcall-iam/rollcall/test/golden"
)

var _ = Describe("docs/manager-flags.md", func() {
	It("says of each flag what manager --help does", Label("generated"), func() {
		var b strings.Builder
		b.WriteString("\n| flag | default | what it does |\n|---|---|---|\n")
		operator.Flags().VisitAll(func(f *flag.Flag) {
			value := ""
			if f.DefValue != "" {
				value = "`" + f.DefValue + "`"
			}
			fmt.Fprintf(&b, "| `--%s` | %s | %s |\n", f.Name, value, cell(f.Usage))
		})
		b.WriteString("\n")
		golden.ExpectPart(at("docs", "manager-flags.md"), "flags", b.String())
	})
})

// cell is text in a table: in one line, and with no mark that would end it.
func cell(text string) string {
	return strings.NewReplacer("|", `\|`, "<", "&lt;").Replace(strings.Join(strings.Fields(text), " "))
}
