// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package credential_test

import (
	"slices"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/credential"
)

// inGroups says for which groups a certificate must speak, and for which it does.
func inGroups(wanted, certified []string) func(*credential.Input) {
	return func(in *credential.Input) { in.Groups, in.Secret.Groups = wanted, certified }
}

var _ = Describe("The groups of a certificate", func() {
	keep := credential.Decision{Action: credential.Keep, At: now.Add(30 * time.Minute)}
	anew := issue("the groups that Grants bind changed")

	DescribeTable("must be those that bindings name, and no others", func(wanted, certified []string, want credential.Decision) {
		Expect(credential.Decide(input(inGroups(wanted, certified)))).To(Equal(want))
	},
		Entry("none", nil, nil, keep),
		Entry("none, however that is said", []string{}, nil, keep),
		Entry("the same", []string{"corp:a", "corp:b"}, []string{"corp:a", "corp:b"}, keep),
		Entry("the first", []string{"corp:a"}, nil, anew),
		Entry("one more", []string{"corp:a", "corp:b"}, []string{"corp:a"}, anew),
		Entry("one less", []string{"corp:a"}, []string{"corp:a", "corp:b"}, anew),
		Entry("none any more", nil, []string{"corp:a"}, anew),
		Entry("another", []string{"corp:a"}, []string{"corp:b"}, anew),
		Entry("another case", []string{"corp:a"}, []string{"corp:A"}, anew),
	)

	DescribeTable("are looked at in their turn", func(want credential.Decision, edits ...func(*credential.Input)) {
		in := input(inGroups([]string{"corp:a"}, nil))
		for _, edit := range edits {
			edit(&in)
		}
		Expect(credential.Decide(in)).To(Equal(want))
	},
		Entry("after whose Secret it is", credential.Decision{Action: credential.Refuse}, anothers),
		Entry("after whether one is wanted", credential.Decision{Action: credential.Remove, Why: "no longer wanted"}, unwanted),
		Entry("after what was changed", issue("the Secret was changed"), changed),
		Entry("after the username", issue("the username changed"), otherUsername),
		Entry("before renewal", anew, renewIn(0)),
		Entry("before a shorter life", anew, asking(time.Minute)),
	)
})

// until are groups for which certificates speak until some time.
func until(at time.Time, names ...string) []v1alpha1.CertifiedGroup {
	list := make([]v1alpha1.CertifiedGroup, len(names))
	for i, name := range names {
		list[i] = v1alpha1.CertifiedGroup{Name: name, NotAfter: metav1.NewTime(at)}
	}
	return list
}

func both(one, other []v1alpha1.CertifiedGroup) []v1alpha1.CertifiedGroup {
	return slices.Concat(one, other)
}

var _ = Describe("The groups that valid certificates speak for", func() {
	soon, end := now.Add(time.Minute), now.Add(time.Hour)

	DescribeTable("are those of the new one, and of its predecessors until they end",
		func(before []v1alpha1.CertifiedGroup, groups []string, want []v1alpha1.CertifiedGroup) {
			Expect(credential.Certified(before, groups, end, now)).To(Equal(want))
		},
		Entry("none", nil, nil, until(end)),
		Entry("the first", nil, []string{"a"}, until(end, "a")),
		Entry("sorted", nil, []string{"c", "a", "b"}, until(end, "a", "b", "c")),
		Entry("a predecessor's that the new one has not", until(soon, "a"), []string{"b"}, both(until(soon, "a"), until(end, "b"))),
		Entry("a predecessor's, while the new one has none", until(soon, "a", "b"), nil, until(soon, "a", "b")),
		Entry("sorted among a predecessor's", both(until(soon, "a"), until(soon, "c")), []string{"b"},
			both(until(soon, "a"), both(until(end, "b"), until(soon, "c")))),
		Entry("not those that have ended", until(now.Add(-1), "a"), []string{"b"}, until(end, "b")),
		Entry("not those that end now", until(now, "a"), []string{"b"}, until(end, "b")),
		Entry("those that end in a moment", until(now.Add(1), "a"), nil, until(now.Add(1), "a")),
		Entry("the later of two: the new one", until(soon, "a"), []string{"a"}, until(end, "a")),
		Entry("the later of two: the predecessor", until(end.Add(time.Hour), "a"), []string{"a"}, until(end.Add(time.Hour), "a")),
		Entry("one that had ended, and is there again", until(now, "a"), []string{"a"}, until(end, "a")),
		Entry("one that is said twice", nil, []string{"a", "a"}, until(end, "a")),
	)

	It("leave what was recorded before as it was", func() {
		before, groups := until(soon, "b", "a"), []string{"c", "a"}
		credential.Certified(before, groups, end, now)
		Expect(before).To(Equal(until(soon, "b", "a")))
		Expect(groups).To(Equal([]string{"c", "a"}))
	})

	It("go one after the other as certificates follow each other", func() {
		recorded := credential.Certified(nil, []string{"a", "b"}, now.Add(10*time.Minute), now)
		recorded = credential.Certified(recorded, []string{"b"}, now.Add(16*time.Minute), now.Add(6*time.Minute))
		Expect(recorded).To(Equal(both(until(now.Add(10*time.Minute), "a"), until(now.Add(16*time.Minute), "b"))))
		recorded = credential.Certified(recorded, nil, now.Add(22*time.Minute), now.Add(12*time.Minute))
		Expect(recorded).To(Equal(until(now.Add(16*time.Minute), "b")))
		Expect(credential.Certified(recorded, nil, now.Add(28*time.Minute), now.Add(16*time.Minute))).To(BeEmpty())
	})
})
