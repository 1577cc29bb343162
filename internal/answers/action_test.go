// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package answers_test

import (
	"slices"
	"strings"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/rollcall-iam/rollcall/internal/answers"
)

var _ = Describe("A target", func() {
	DescribeTable("is read", func(argument string, want answers.Target) {
		Expect(answers.ParseTarget(argument)).To(Equal(want))
	},
		Entry(nil, "pods", answers.Target{Resource: "pods"}),
		Entry(nil, "deployments.apps", answers.Target{Resource: "deployments.apps"}),
		Entry(nil, "deployments.apps/scale", answers.Target{Resource: "deployments.apps", Word: "scale"}),
		Entry(nil, "clusterroles/system:node", answers.Target{Resource: "clusterroles", Word: "system:node"}),
		Entry(nil, "pods/web/log", answers.Target{Resource: "pods", Name: "web", Subresource: "log"}),
		Entry(nil, "pods/log/", answers.Target{Resource: "pods", Name: "log"}),
		Entry(nil, "pods//log", answers.Target{Resource: "pods", Subresource: "log"}),
		Entry(nil, "*", answers.Target{Resource: "*"}),
		Entry(nil, "/", answers.Target{Path: "/"}),
		Entry(nil, "/api/v1/pods", answers.Target{Path: "/api/v1/pods"}),
	)
	DescribeTable("is refused", func(argument string) {
		_, err := answers.ParseTarget(argument)
		Expect(err).To(HaveOccurred())
	},
		Entry(nil, ""), Entry(nil, ".apps"), Entry(nil, "pods."), Entry(nil, "pods/"), Entry(nil, "pods//"), Entry(nil, "pods/a/b/c"),
		Entry(nil, "pods web"), Entry(nil, "/heal thz"), Entry(nil, "pods\x00"),
	)
	DescribeTable("is a name, or a subresource", func(argument, name, subresource string) {
		target, err := answers.ParseTarget(argument)
		Expect(err).NotTo(HaveOccurred())
		gotName, gotSubresource := target.Resolve([]string{"exec", "log"})
		Expect([]string{gotName, gotSubresource}).To(Equal([]string{name, subresource}))
	},
		Entry(nil, "pods", "", ""), Entry(nil, "pods/web", "web", ""), Entry(nil, "pods/log", "", "log"), Entry(nil, "pods/log/", "log", ""),
		Entry(nil, "pods//log", "", "log"), Entry(nil, "pods/web/log", "web", "log"),
	)
	DescribeTable("is told in words", func(action answers.Action, want string) { Expect(action.String()).To(Equal(want)) },
		Entry(nil, metrics, "get /metrics"),
		Entry(nil, execPods, `create pods/exec in namespace "pay"`),
		Entry(nil, answers.Action{Verb: "patch", APIGroup: "apps", Resource: "deployments", Subresource: "scale", Name: "web"},
			`patch deployments.apps/scale "web"`),
	)
})

// Whatever is typed, a target is a path or a resource and never both, and nothing of it gets lost.
func FuzzParseTarget(f *testing.F) {
	for _, argument := range []string{
		"", "pods", "pods/log", "pods/web/log", "pods//log", "pods/log/", "pods//", "deployments.apps/scale", "/healthz", "//",
		"a..b", ".", "*/*",
		"*", "\x00", "\xff", "pods/\u00a0", "päds", "a/b/c/d",
	} {
		f.Add(argument)
	}
	f.Fuzz(func(t *testing.T, argument string) {
		target, err := answers.ParseTarget(argument)
		if err != nil {
			return
		}
		if (target.Path == "") == (target.Resource == "") {
			t.Fatalf("%q: both or none of path and resource: %+v", argument, target)
		}
		written := []string{
			target.Path, target.Resource, target.Resource + "/" + target.Word, target.Resource + "/" + target.Name + "/" + target.Subresource,
		}
		if !slices.Contains(written, argument) {
			t.Errorf("%q is lost in %+v", argument, target)
		}
		if name, subresource := target.Resolve([]string{target.Word}); strings.Contains(name+subresource, "/") {
			t.Errorf("%q: name %q, subresource %q", argument, name, subresource)
		}
	})
}
