// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package mirror_test

import (
	"fmt"
	"strings"

	. "github.com/onsi/ginkgo/v2"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/directory"
	"github.com/rollcall-iam/rollcall/test/golden"
)

// story runs one read after the other and tells what each did, and what the cluster holds in the end.
func story(w *world, reads ...*directory.Snapshot) string {
	var b strings.Builder
	for i, s := range reads {
		fmt.Fprintf(&b, "read %d:\n%s\n", i+1, w.sync(s))
	}
	fmt.Fprintf(&b, "in the end:\n%s\n", strings.Join(w.state(), "\n"))
	return b.String()
}

func called(p directory.Person, displayName, email string) directory.Person {
	p.DisplayName, p.Email = displayName, email
	return p
}

// company is a small one with everything that real directories have.
func company() *directory.Snapshot {
	return snapshot(
		people(
			called(person("p1", "alice"), "Alice Ng", "alice@corp.example"),
			called(person("p2", "bob"), "Bob Ray", "bob@corp.example"),
			called(person("p3", "Carol.Ito@corp.example"), "Carol Ito", "carol.ito@corp.example"),
			disabled(person("p4", "dave")),
			person("p5", "jürgen"),
			person("p6", "ci robot, staging"),
			person("", "ghost"),
			person("p8", ""),
			person("p9", "system:masters"),
			person("p10", strings.Repeat("x", 300)),
			person("p11", "twin"), person("p12", "twin"),
		),
		group("g1", "payments", "p1", "p3"),
		group("g2", "on-call", "p2", "g1"),
		group("g3", "everyone", "g2", "g3", "p4", "p5", "uid=left,dc=corp"),
		group("g4", "Ops Team"),
		group("g5", "system:nodes", "p2"),
	)
}

var _ = Describe("The story of", func() {
	// Alice marries, Bob leaves and another Bob comes, Dave may in again, Jürgen is disabled, payments is called pay.
	nextDay := snapshot(
		people(
			called(person("p1", "alice.ray"), "Alice Ray", "alice.ray@corp.example"),
			called(person("p20", "bob"), "Bob Stone", "bob.stone@corp.example"),
			called(person("p3", "Carol.Ito@corp.example"), "Carol Ito", "carol.ito@corp.example"),
			person("p4", "dave"),
			disabled(person("p5", "jürgen")),
			disabled(person("p6", "")),
			person("p11", "twin"),
		),
		group("g1", "pay", "p1", "p3"),
		group("g3", "everyone", "g1", "p4", "p5"),
		group("g9", "on-call", "p20"),
	)

	It("a company's first import and its next day, with leavers suspended", func() {
		golden.Expect("company-suspend.golden", story(newWorld(), company(), nextDay, nextDay))
	})

	It("a company's first import and its next day, with leavers deleted", func() {
		golden.Expect("company-delete.golden", story(newWorld().deletingLeavers(), company(), nextDay, nextDay))
	})

	It("a company where Git declares whom to let in", func() {
		w := newWorld().importingDeclared().
			declare("alice", "alice").declare("bob", "bob").declare("jurgen", "jürgen").declare("nobody", "nobody").
			declareGroup("payments", "payments").declareGroup("everyone", "everyone")
		w.user("bob").Spec.State = v1alpha1.UserSuspended
		golden.Expect("company-declared.golden", story(w, company(), nextDay, nextDay))
	})

	It("two who swap names, and back", func() {
		ab := snapshot(people(person("1", "alice"), person("2", "bob")), group("g", "payments", "1"))
		ba := snapshot(people(person("1", "bob"), person("2", "alice")), group("g", "payments", "1"))
		golden.Expect("swap.golden", story(newWorld(), ab, ba, ab))
	})
})
