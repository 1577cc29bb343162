// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

// Package mirror decides how Users and Groups follow a directory. It is pure: a complete snapshot and the objects that exist go
// in, sorted changes come out.
package mirror

import (
	"cmp"
	"slices"
	"time"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/directory"
)

// Input is all that a plan depends on.
type Input struct {
	// Directory whose snapshot it is.
	Directory *v1alpha1.Directory
	// Snapshot of a read that finished.
	Snapshot *directory.Snapshot
	// Nested says whether members of member groups count.
	Nested bool
	// Users and Groups that refer to the Directory, oldest first.
	Users  []v1alpha1.User
	Groups []v1alpha1.Group
	// Now decides which certificates are still valid.
	Now time.Time
	// UserTaken and GroupTaken say whether an object of that name exists, of whichever directory.
	UserTaken, GroupTaken func(name string) bool
}

// Plan is what to do, in the order in which to do it: what takes access away comes first, and an object is deleted only after
// the one that takes its place is there.
type Plan struct {
	Users  []Change[v1alpha1.User, v1alpha1.Identity]
	Groups []Change[v1alpha1.Group, GroupFacts]
	// PeopleSkipped and GroupsSkipped count the entries that cannot be mirrored.
	PeopleSkipped, GroupsSkipped Skipped
	// UserCount and GroupCount are how many entries are mirrored once the plan is done.
	UserCount, GroupCount int
}

// GroupFacts is what the directory says about a group.
type GroupFacts struct {
	// ID of the entry.
	ID string
	// State is Present, Missing or Replaced.
	State v1alpha1.IdentityState
}

// Verb is what to do with an object.
type Verb int

const (
	// Observe writes the facts to the status of an object that exists.
	Observe Verb = iota
	// Create makes the object, then writes the facts to its status.
	Create
	// Delete deletes the object.
	Delete
)

// Change is one object to write. Two changes never concern the same object.
type Change[Object, Facts any] struct {
	Verb Verb
	// Object as it is (Observe, Delete) or shall be (Create: name, labels and spec).
	Object *Object
	// Facts for Observe and Create.
	Facts Facts
	// Why is for the log: one word for what happened in the directory.
	Why string

	rank int
	name string
}

// The order of changes: withdraw, then give, then clean up.
const (
	rankWithdraw = iota
	rankGive
	rankCleanUp
)

// New plans.
func New(in Input) Plan {
	var plan Plan
	groups := newGroupPlanner(in)
	plan.Groups, plan.GroupCount, plan.GroupsSkipped = groups.plan()
	plan.Users, plan.UserCount, plan.PeopleSkipped = planUsers(in, groups.names())
	return plan
}

func policyOf(d *v1alpha1.Directory) policy {
	return policy{
		importAll:     d.Spec.Import != v1alpha1.ImportDeclared,
		deleteLeavers: d.Spec.Leavers.Policy == v1alpha1.LeaversDelete,
	}
}

func imported(labels map[string]string, d *v1alpha1.Directory) bool {
	return labels[v1alpha1.LabelDirectory] == d.Name
}

// namer hands out object names that are free, among those that exist and those that it handed out.
func namer(taken func(string) bool) func(name, id string) string {
	mine := map[string]bool{}
	return func(name, id string) string {
		chosen := objectName(name, id, func(candidate string) bool { return mine[candidate] || taken(candidate) })
		mine[chosen] = true
		return chosen
	}
}

func sortChanges[Object, Facts any](changes []Change[Object, Facts]) {
	slices.SortFunc(changes, func(a, b Change[Object, Facts]) int {
		return cmp.Or(cmp.Compare(a.rank, b.rank), cmp.Compare(a.name, b.name))
	})
}

// placed counts the entries that have an object after the steps.
func placed(steps []step) int {
	entries := map[int]bool{}
	for _, s := range steps {
		if s.entry != none && (s.verb == create || s.verb == observe && s.state == v1alpha1.IdentityPresent) {
			entries[s.entry] = true
		}
	}
	return len(entries)
}

// Phases are sorted changes cut into withdrawals, gifts and clean-up: within a phase the order does not matter.
type Phases[Object, Facts any] struct {
	Withdraw, Give, CleanUp []Change[Object, Facts]
}

// Cut cuts sorted changes into phases.
func Cut[Object, Facts any](changes []Change[Object, Facts]) Phases[Object, Facts] {
	first := func(rank int) int {
		found := slices.IndexFunc(changes, func(c Change[Object, Facts]) bool { return c.rank >= rank })
		if found < 0 {
			return len(changes)
		}
		return found
	}
	give, cleanUp := first(rankGive), first(rankCleanUp)
	return Phases[Object, Facts]{Withdraw: changes[:give], Give: changes[give:cleanUp], CleanUp: changes[cleanUp:]}
}

// Count tells how many changes there are of each sort.
func Count[Object, Facts any](changes []Change[Object, Facts]) map[string]int {
	counts := map[string]int{}
	for i := range changes {
		counts[changes[i].Why]++
	}
	return counts
}
