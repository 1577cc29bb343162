// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package picture_test

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/picture"
)

// hostile is what somebody might write wherever an object has room for it, whatever admission would say of it.
const hostile = "a\"b'c`d<script>alert(1)</script>\\e\nf\x1b[31mg\x07\u009bh\u202ei&lt;]]>--> end #quot; $x {y} %%"

func haunted(text string) *picture.World {
	w := company()
	for i := range w.Users {
		w.Users[i].Status.Username, w.Users[i].Status.Identity = text, &v1alpha1.Identity{DisplayName: text, State: "Present"}
	}
	w.Users[0].Name = text
	w.Groups = append(w.Groups, v1alpha1.Group{ObjectMeta: named(text), Spec: v1alpha1.GroupSpec{Members: []string{text, "alice", "bob"}}})
	bad := grant(text, text, []string{text}, groupSubject(text), userSubject(text), userSubject(text+"?"))
	bad.Spec.Namespaces.Selector = &metav1.LabelSelector{MatchLabels: map[string]string{text: text}}
	w.Grants = append(w.Grants, bad)
	w.Locks = append(w.Locks, lock(text, v1alpha1.SubjectGroup, text, text, nil))
	w.Requests = append(w.Requests, request(text, text, text))
	w.Requests[len(w.Requests)-1].Spec.Reason = text
	w.RoleBindings = append(w.RoleBindings, roleBinding(text, text, text, "", text), roleBinding(text, text, text, text, text))
	w.Sort()
	return w
}

// unprintable is the first character that a terminal might act on; line breaks are ours.
func unprintable(text string) string {
	for _, r := range text {
		if r != '\n' && !unicode.IsPrint(r) {
			return fmt.Sprintf("%q", r)
		}
	}
	return ""
}

// markup says what is wrong with XML, or that it has an element that no picture has.
func markup(text string) error {
	decoder := xml.NewDecoder(strings.NewReader(text))
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		switch element := token.(type) {
		case xml.StartElement:
			if !slices.Contains(strings.Fields("svg title style rect text g path"), element.Name.Local) {
				return fmt.Errorf("an element %s", element.Name.Local)
			}
			for _, attribute := range element.Attr {
				if strings.HasPrefix(attribute.Name.Local, "on") || strings.Contains(attribute.Name.Local, "href") {
					return fmt.Errorf("an attribute %s", attribute.Name.Local)
				}
			}
		case xml.Comment, xml.Directive, xml.ProcInst:
			return fmt.Errorf("a token %T", token)
		}
	}
}

func dotLines() *regexp.Regexp {
	quoted := `"(?:[^"\\]|\\.)*"`
	return regexp.MustCompile(`^ *(?:digraph rollcall \{|subgraph cluster_\d \{|\}|rankdir=LR;|node \[[^\]]*\];|` +
		`label=` + quoted + `; color="#dddddd"; fontname="sans-serif";|` +
		`n\d+ \[label=` + quoted + `(?:, (?:fillcolor|color|fontcolor|style)="[#a-z0-9,]+")+\];|` +
		`n\d+ -> n\d+(?: \[[^\]]+\])?;)$`)
}

func mermaidLines() *regexp.Regexp {
	quoted := `"(?:[^"#;&<>` + "`" + `\\]|#\d+;|<br/>)*"`
	return regexp.MustCompile(`^ *(?:flowchart LR|subgraph c\d\[` + quoted + `\]|end|n\d+\(` + quoted + `\):::[a-z0-9]+|` +
		`n\d+ (?:-->|-\.->) n\d+|classDef [a-z0-9]+ [a-z0-9#:, -]+)$`)
}

// flaws are the lines that are not as we write them.
func flaws(text string, line *regexp.Regexp) []string {
	var flaws []string
	for l := range strings.Lines(text) {
		if !line.MatchString(strings.TrimSuffix(l, "\n")) {
			flaws = append(flaws, l)
		}
	}
	return flaws
}

var _ = Describe("Whatever somebody writes into an object", func() {
	It("is text and nothing else in a tree", func() {
		w := haunted(hostile)
		for _, kind := range []string{picture.KindUser, picture.KindGroup, picture.KindGrant} {
			text := tree(w, kind, hostile)
			Expect(unprintable(text)).To(BeEmpty())
			Expect(text).To(ContainSubstring(`\x1b[31mg\x07\u009bh\u202ei`))
			for line := range strings.Lines(text) {
				Expect(line).To(MatchRegexp(`^[│├└─ ]*(user|group|grant|request|RoleBinding|to|through|members|and|on request|nothing|no binding)`))
			}
		}
	})

	It("is text and nothing else in a picture", func() {
		graph := haunted(hostile).Draw(nil)
		for _, text := range []string{graph.DOT(), graph.Mermaid()} {
			Expect(unprintable(text)).To(BeEmpty())
		}
		Expect(markup(graph.SVG())).To(Succeed())
		Expect(unprintable(graph.SVG())).To(BeEmpty())
		Expect(graph.SVG()).To(ContainSubstring("&lt;script&gt;"))
		Expect(flaws(graph.DOT(), dotLines())).To(BeEmpty())
		Expect(flaws(graph.Mermaid(), mermaidLines())).To(BeEmpty())
	})
})

func FuzzPicture(f *testing.F) {
	for _, seed := range []string{hostile, "", "\\", "\"", "#", "a\\\"", "\xff", "]]>", "%%{init: {}}%%", "end"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		w := haunted(text)
		graph := w.Draw(nil)
		if err := markup(graph.SVG()); err != nil {
			t.Fatalf("the SVG: %v", err)
		}
		if wrong := flaws(graph.DOT(), dotLines()); wrong != nil {
			t.Fatalf("the DOT: %q", wrong)
		}
		if wrong := flaws(graph.Mermaid(), mermaidLines()); wrong != nil {
			t.Fatalf("the Mermaid: %q", wrong)
		}
		shown := graph.SVG() + graph.DOT() + graph.Mermaid()
		for _, kind := range []string{picture.KindUser, picture.KindGroup, picture.KindGrant} {
			if found := w.Of(kind, text, people); found != nil {
				shown += found.Render(plainMark)
			}
		}
		if r := unprintable(shown); r != "" {
			t.Fatalf("%s got through", r)
		}
	})
}
