// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package mirror_test

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/directory"
	"github.com/rollcall-iam/rollcall/internal/mirror"
)

// world is a cluster in memory, with one Directory "corp". Objects are in the order of their creation.
type world struct {
	dir    *v1alpha1.Directory
	nested bool
	users  []v1alpha1.User
	groups []v1alpha1.Group
	// others are the names of objects of other directories.
	others []string
	// granted are the objects that Grants name, guard what the controller remembers for the loss guard.
	granted mirror.Granted
	guard   mirror.Guard
	now     time.Time
}

func newWorld() *world {
	return &world{
		dir: &v1alpha1.Directory{
			ObjectMeta: metav1.ObjectMeta{Name: "corp"},
			// The guard has specs of its own.
			Spec: v1alpha1.DirectorySpec{Leavers: v1alpha1.LeaversSpec{MaxLossPercent: new(int32(100))}},
		},
		nested: true,
		now:    time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC),
	}
}

func (w *world) deletingLeavers() *world {
	w.dir.Spec.Leavers.Policy = v1alpha1.LeaversDelete
	return w
}

func (w *world) importingDeclared() *world {
	w.dir.Spec.Import = v1alpha1.ImportDeclared
	return w
}

// declare puts a User into the cluster as Git would: without label and status.
func (w *world) declare(object, userName string) *world {
	w.users = append(w.users, v1alpha1.User{
		ObjectMeta: metav1.ObjectMeta{Name: object},
		Spec:       v1alpha1.UserSpec{UserName: userName, DirectoryRef: &v1alpha1.NameReference{Name: "corp"}},
	})
	return w
}

func (w *world) declareGroup(object, groupName string) *world {
	w.groups = append(w.groups, v1alpha1.Group{
		ObjectMeta: metav1.ObjectMeta{Name: object},
		Spec:       v1alpha1.GroupSpec{GroupName: groupName, DirectoryRef: &v1alpha1.NameReference{Name: "corp"}},
	})
	return w
}

// certify records a certificate of a User's that is valid for some time from now.
func (w *world) certify(object string, valid time.Duration) {
	w.user(object).Status.Certificate = &v1alpha1.Certificate{LastNotAfter: metav1.NewTime(w.now.Add(valid))}
}

func (w *world) plan(s *directory.Snapshot) mirror.Plan {
	return mirror.New(mirror.Input{
		Directory: w.dir, Snapshot: s, Nested: w.nested, Users: slices.Clone(w.users), Groups: slices.Clone(w.groups),
		Granted: w.granted, Guard: w.guard, Now: w.now,
		UserTaken: func(name string) bool { return w.user(name) != nil || slices.Contains(w.others, name) },
		GroupTaken: func(name string) bool {
			return w.group(name) != nil || slices.Contains(w.others, name)
		},
	})
}

// sync plans, executes the whole plan, and returns it as text.
func (w *world) sync(s *directory.Snapshot) string {
	plan := w.plan(s)
	w.execute(plan, -1)
	return text(plan)
}

// hear plans what the directory told of itself, executes it, and remembers and reports what the controller does.
func (w *world) hear(s *directory.Snapshot) mirror.Plan {
	plan := w.plan(s)
	if plan.Accepted != nil {
		w.guard.Accepted = plan.Accepted
	}
	w.execute(plan, -1)
	lost := maps.Clone(w.guard.Lost)
	if lost == nil {
		lost = map[string]bool{}
	}
	maps.Copy(lost, plan.Lost)
	w.guard.Lost = lost
	w.dir.Status.UsernamePrefix, w.dir.Status.Pending, w.dir.Status.ObservedGeneration = &plan.UsernamePrefix, nil, new(w.dir.Generation)
	if plan.Held == nil {
		w.guard.Accepted = nil
	} else {
		w.dir.Status.Pending = &plan.Held.Pending
	}
	return plan
}

// read is hear at the end of a full read.
func (w *world) read(s *directory.Snapshot) mirror.Plan {
	plan := w.hear(s)
	w.guard.Lost = nil
	return plan
}

// accept lets the plan pass that the guard holds.
func (w *world) accept() {
	Expect(w.dir.Status.Pending).NotTo(BeNil(), "the guard holds something")
	w.dir.Annotations = map[string]string{v1alpha1.AnnotationAcceptLoss: w.dir.Status.Pending.Token}
}

// execute does what the controller does, and stops (as a crash would) when it has made so many writes. Negative: never.
func (w *world) execute(plan mirror.Plan, writes int) {
	for i := range plan.Users {
		change := &plan.Users[i]
		writes = w.executeUser(change, writes)
		if writes == 0 {
			return
		}
	}
	for i := range plan.Groups {
		change := &plan.Groups[i]
		writes = w.executeGroup(change, writes)
		if writes == 0 {
			return
		}
	}
}

func (w *world) executeUser(change *mirror.Change[v1alpha1.User, v1alpha1.Identity], writes int) int {
	name := change.Object.Name
	if change.Verb == mirror.Delete {
		w.users = slices.DeleteFunc(w.users, func(u v1alpha1.User) bool { return u.Name == name })
		return writes - 1
	}
	if change.Verb == mirror.Create {
		Expect(w.user(name)).To(BeNil(), "User %s exists already", name)
		w.users = append(w.users, *change.Object.DeepCopy())
		writes--
		if writes == 0 {
			return 0
		}
	}
	w.user(name).Status.Identity = change.Facts.DeepCopy()
	return writes - 1
}

func (w *world) executeGroup(change *mirror.Change[v1alpha1.Group, mirror.GroupFacts], writes int) int {
	name := change.Object.Name
	if change.Verb == mirror.Delete {
		w.groups = slices.DeleteFunc(w.groups, func(g v1alpha1.Group) bool { return g.Name == name })
		return writes - 1
	}
	if change.Verb == mirror.Create {
		Expect(w.group(name)).To(BeNil(), "Group %s exists already", name)
		w.groups = append(w.groups, *change.Object.DeepCopy())
		writes--
		if writes == 0 {
			return 0
		}
	}
	group := w.group(name)
	group.Status.ID, group.Status.State, group.Status.MissingTime = change.Facts.ID, change.Facts.State, change.Facts.MissingTime
	return writes - 1
}

func (w *world) user(name string) *v1alpha1.User {
	if i := slices.IndexFunc(w.users, func(u v1alpha1.User) bool { return u.Name == name }); i >= 0 {
		return &w.users[i]
	}
	return nil
}

func (w *world) group(name string) *v1alpha1.Group {
	if i := slices.IndexFunc(w.groups, func(g v1alpha1.Group) bool { return g.Name == name }); i >= 0 {
		return &w.groups[i]
	}
	return nil
}

// state is what the cluster holds, a line for each object, sorted.
func (w *world) state() []string {
	lines := make([]string, 0, len(w.users)+len(w.groups))
	for i := range w.users {
		u := &w.users[i]
		lines = append(lines, fmt.Sprintf("user %s = %s", u.Name, identity(u.Spec.UserName, u.Status.Identity)))
	}
	for i := range w.groups {
		g := &w.groups[i]
		lines = append(lines, fmt.Sprintf("group %s = %s %s%s",
			g.Name, g.Spec.GroupName, facts(g.Status.ID, g.Status.State), since(g.Status.MissingTime)))
	}
	slices.Sort(lines)
	return lines
}

func snapshot(people []directory.Person, groups ...directory.Group) *directory.Snapshot {
	return &directory.Snapshot{People: people, Groups: groups}
}

func people(list ...directory.Person) []directory.Person { return list }

// person is an entry whom groups call by its id.
func person(id, userName string) directory.Person {
	return directory.Person{ID: id, UserName: userName, Refs: []string{id}}
}

func disabled(p directory.Person) directory.Person {
	p.Disabled = true
	return p
}

func group(id, name string, members ...string) directory.Group {
	return directory.Group{ID: id, Name: name, Refs: []string{id}, Members: members}
}

// text is a plan as lines, in its own order.
func text(plan mirror.Plan) string {
	var b strings.Builder
	for i := range plan.Users {
		c := &plan.Users[i]
		fmt.Fprintf(&b, "user %s\n", line(c.Verb, c.Why, c.Object.Name, userFacts(c)))
	}
	for i := range plan.Groups {
		c := &plan.Groups[i]
		fmt.Fprintf(&b, "group %s\n", line(c.Verb, c.Why, c.Object.Name, groupFacts(c)))
	}
	if s := plan.PeopleSkipped.String(); s != "" {
		fmt.Fprintf(&b, "people skipped: %s\n", s)
	}
	if s := plan.GroupsSkipped.String(); s != "" {
		fmt.Fprintf(&b, "groups skipped: %s\n", s)
	}
	return b.String()
}

func line(verb mirror.Verb, why, name, facts string) string {
	verbs := map[mirror.Verb]string{mirror.Observe: "observe", mirror.Create: "create", mirror.Delete: "delete"}
	return strings.TrimSpace(fmt.Sprintf("%s %s (%s) %s", verbs[verb], name, why, facts))
}

func userFacts(c *mirror.Change[v1alpha1.User, v1alpha1.Identity]) string {
	if c.Verb == mirror.Delete {
		return ""
	}
	return identity(c.Object.Spec.UserName, &c.Facts)
}

func groupFacts(c *mirror.Change[v1alpha1.Group, mirror.GroupFacts]) string {
	if c.Verb == mirror.Delete {
		return ""
	}
	return c.Object.Spec.GroupName + " " + facts(c.Facts.ID, c.Facts.State) + since(c.Facts.MissingTime)
}

func identity(userName string, i *v1alpha1.Identity) string {
	if i == nil {
		return userName + " unseen"
	}
	parts := []string{userName, facts(i.ID, i.State)}
	for _, part := range []struct{ label, value string }{
		{"now", i.UserName}, {"name", i.DisplayName}, {"mail", i.Email}, {"groups", strings.Join(i.Groups, ",")},
	} {
		if part.value != "" {
			parts = append(parts, fmt.Sprintf("%s=%q", part.label, part.value))
		}
	}
	return strings.Join(parts, " ") + since(i.MissingTime)
}

// since is the time of day from which on an entry has been missing, where that does not count yet.
func since(missing *metav1.Time) string {
	if missing == nil {
		return ""
	}
	return " missing since " + missing.UTC().Format(time.TimeOnly)
}

func facts(id string, state v1alpha1.IdentityState) string {
	return fmt.Sprintf("id=%s %s", cmp.Or(id, "?"), state)
}
