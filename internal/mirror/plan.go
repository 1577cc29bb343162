// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

// Package mirror decides how Users and Groups follow a directory. It is pure: a complete snapshot and the objects that exist go
// in, sorted changes come out.
package mirror

import (
	"cmp"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

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
	// Granted are the objects that Grants name.
	Granted Granted
	// Guard is what the loss guard has to know besides.
	Guard Guard
	// Now decides which certificates are still valid, who has expired, and how long an entry has been missing.
	Now time.Time
	// UserTaken and GroupTaken say whether an object of that name exists, of whichever directory.
	UserTaken, GroupTaken func(name string) bool
}

// Granted are the names of the User and Group objects that Grants name, directly or through a local Group.
type Granted struct{ Users, Groups map[string]bool }

// Plan is what to do, in the order in which to do it: what takes access away comes first, and an object is deleted only after
// the one that takes its place is there.
type Plan struct {
	Users  []Change[v1alpha1.User, v1alpha1.Identity]
	Groups []Change[v1alpha1.Group, GroupFacts]
	// PeopleSkipped and GroupsSkipped count the entries that cannot be mirrored.
	PeopleSkipped, GroupsSkipped Skipped
	// UserCount and GroupCount are how many entries are mirrored once the plan is done.
	UserCount, GroupCount int
	// UsernamePrefix is the one in force once the plan is done.
	UsernamePrefix string
	// Lost are the Users who lose access by the plan, those apart who were disabled.
	Lost map[string]bool
	// Accepted identify losses that pass because somebody accepted them, for Guard.Accepted until all of them are written.
	Accepted map[string]bool
	// Held is what the loss guard took out of the plan; nil where it holds nothing.
	Held *Held
	// Recheck is when the same snapshot means something else by itself. Zero: never.
	Recheck time.Time
}

// GroupFacts is what the directory says about a group.
type GroupFacts struct {
	// ID of the entry.
	ID string
	// State is Present, Missing or Replaced.
	State v1alpha1.IdentityState
	// MissingTime is when the entry was first found missing, while that does not count yet.
	MissingTime *metav1.Time
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

// What happened to somebody who is out now, as Change.Why has it.
const (
	WhyLeft     = "left"
	WhyDisabled = "disabled"
	WhyReplaced = "replaced"
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
	// loss is what people lose by it, lostGroups the groups that give something which a person leaves.
	loss       loss
	lostGroups []string
	// successorOf is the object in whose place another is created. Empty: none.
	successorOf string
}

// The order of changes: withdraw, then give, then clean up.
const (
	rankWithdraw = iota
	rankGive
	rankCleanUp
)

// New plans.
func New(in Input) Plan {
	plan, staying := planned(in, nil)
	if len(staying) > 0 {
		// Groups that the guard keeps keep their names too: nobody else may be in a group of that name meanwhile.
		plan, _ = planned(in, staying)
	}
	plan.Recheck = recheck(in, &plan)
	return plan
}

// planned is a plan and, of what the guard took out of it, the Groups.
func planned(in Input, staying map[string]bool) (Plan, map[string]bool) {
	plan := Plan{UsernamePrefix: in.Directory.DeclaredUsernamePrefix()}
	groups := newGroupPlanner(in, staying)
	plan.Groups, plan.GroupCount, plan.GroupsSkipped = groups.plan()
	plan.Users, plan.UserCount, plan.PeopleSkipped = planUsers(in, groups)
	return guard(in, plan)
}

func policyOf(in Input, reached func(entry) bool) policy {
	spec := &in.Directory.Spec
	p := policy{
		wants:         func(entry) bool { return spec.Import != v1alpha1.ImportDeclared },
		deleteLeavers: spec.Leavers.Policy == v1alpha1.LeaversDelete,
		grace:         grace(spec),
		now:           in.Now,
	}
	if spec.Import == v1alpha1.ImportGranted {
		p.wants, p.releases = reached, true
	}
	return p
}

func grace(spec *v1alpha1.DirectorySpec) time.Duration {
	return time.Duration(ptr.Deref(spec.Leavers.GraceSeconds, 0)) * time.Second
}

// recheck is when the next person expires, or the next missing entry begins to count as gone.
func recheck(in Input, plan *Plan) time.Time {
	var next time.Time
	consider := func(t time.Time) {
		if t.After(in.Now) && (next.IsZero() || t.Before(next)) {
			next = t
		}
	}
	for i := range in.Snapshot.People {
		consider(in.Snapshot.People[i].ExpireTime)
	}
	wait := grace(&in.Directory.Spec)
	missing := func(since *metav1.Time) {
		if since != nil && wait > 0 {
			consider(since.Add(wait))
		}
	}
	for i := range in.Users {
		if identity := in.Users[i].Status.Identity; identity != nil {
			missing(identity.MissingTime)
		}
	}
	for i := range in.Groups {
		missing(in.Groups[i].Status.MissingTime)
	}
	for i := range plan.Users {
		missing(plan.Users[i].Facts.MissingTime)
	}
	for i := range plan.Groups {
		missing(plan.Groups[i].Facts.MissingTime)
	}
	return next
}

// timeOf is a time that may be absent; zero where it is.
func timeOf(t *metav1.Time) time.Time { return ptr.Deref(t, metav1.Time{}).Time }

// since is a time as status holds it, in whole seconds.
func since(now time.Time) *metav1.Time { return new(metav1.NewTime(now.Truncate(time.Second))) }

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
