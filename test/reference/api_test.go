// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package reference_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/yaml"

	"github.com/rollcall-iam/rollcall/test/golden"
)

// schema is as much of a CRD's as says what is refused.
type schema struct {
	Properties map[string]*schema `json:"properties"`
	Items      *schema            `json:"items"`
	Rules      []struct {
		Rule    string `json:"rule"`
		Message string `json:"message"`
	} `json:"x-kubernetes-validations"`
}

type crd struct {
	Spec struct {
		Names struct {
			Kind string `json:"kind"`
		} `json:"names"`
		Versions []struct {
			Schema struct {
				Object schema `json:"openAPIV3Schema"`
			} `json:"schema"`
		} `json:"versions"`
	} `json:"spec"`
}

func crds() []crd {
	GinkgoHelper()
	paths, err := filepath.Glob(at("config", "crd", "bases", "*.yaml"))
	Expect(err).NotTo(HaveOccurred())
	all := make([]crd, len(paths))
	for i, path := range paths {
		content, err := os.ReadFile(path)
		Expect(err).NotTo(HaveOccurred())
		Expect(yaml.Unmarshal(content, &all[i])).To(Succeed())
	}
	Expect(len(all)).To(BeNumerically(">", 5))
	return all
}

var _ = Describe("docs/api-reference.md", func() {
	It("says what is refused besides, in the words of the API server", Label("generated"), func() {
		var b strings.Builder
		for _, c := range crds() {
			var rows strings.Builder
			c.Spec.Versions[0].Schema.Object.refusals(&rows, "")
			Expect(rows.Len()).NotTo(BeZero(), c.Spec.Names.Kind)
			fmt.Fprintf(&b, "\n### Refused: %s\n\n| where | message |\n|---|---|\n%s", c.Spec.Names.Kind, rows.String())
		}
		b.WriteString("\n")
		golden.ExpectPart(at("docs", "api-reference.md"), "refusals", b.String())
	})

	It("has a section for each kind, and a meaning for each field", func() {
		page := read("docs", "api-reference.md")
		for _, c := range crds() {
			Expect(page).To(ContainSubstring("\n### " + c.Spec.Names.Kind + "\n"))
		}
		for line := range strings.SplitSeq(page, "\n") {
			if cells := strings.Split(line, " | "); strings.HasPrefix(line, "| `") && len(cells) > 1 {
				Expect(strings.Trim(cells[1], " |")).NotTo(BeEmpty(), line)
			}
		}
	})

	It("has defaults, units and meanings of all that people write", func() {
		page := read("docs", "api-reference.md")
		for field := range strings.SplitSeq(page, "\n") {
			name, _, _ := strings.Cut(strings.TrimPrefix(field, "| `"), "`")
			if strings.HasPrefix(field, "| `") && strings.HasSuffix(name, "Seconds") {
				Expect(field).To(MatchRegexp(`(?i)second| how long|longest`), "its unit")
			}
		}
	})
})

// refusals lists the rules of a schema and what is in it, by path.
func (s *schema) refusals(b *strings.Builder, path string) {
	where := path
	if where == "" {
		where = "the object"
	}
	for _, rule := range s.Rules {
		message := rule.Message
		if message == "" {
			message = "`" + rule.Rule + "`"
		}
		fmt.Fprintf(b, "| `%s` | %s |\n", where, cell(message))
	}
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		s.Properties[name].refusals(b, strings.TrimPrefix(path+"."+name, "."))
	}
	if s.Items != nil {
		s.Items.refusals(b, path+"[]")
	}
}
