// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package mirror_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/directory"
	"github.com/rollcall-iam/rollcall/internal/mirror"
)

// A larger company, so that a tenth of it is more than the few who may always go.
const largeStaff = 90

// Its groups: team is in company, and some names of which Grants name two.
var largeGroups = []string{"team", "company", "pay", "chess"}

func largeCompany(r *rand.Rand) *directory.Snapshot {
	s := snapshot(staff(largeStaff))
	for _, name := range largeGroups {
		g := group("id-"+name, name)
		for i := range s.People {
			if r.IntN(3) == 0 {
				g.Members = append(g.Members, s.People[i].ID)
			}
		}
		s.Groups = append(s.Groups, g)
	}
	s.Groups[1].Members = append(s.Groups[1].Members, s.Groups[0].ID)
	return s
}

// accident is what happens to a company by the next read: nothing, a little, or much of one thing.
func accident(r *rand.Rand, full, before *directory.Snapshot, round int) *directory.Snapshot {
	if r.IntN(4) == 0 {
		before = full
	}
	next := &directory.Snapshot{People: slices.Clone(before.People), Groups: slices.Clone(before.Groups)}
	percent := []int{0, 2, 6, 12, 50, 100}[r.IntN(6)]
	hit := func() bool { return r.IntN(100) < percent }
	switch r.IntN(7) {
	case 0:
		next.People = slices.DeleteFunc(next.People, func(directory.Person) bool { return hit() })
	case 1:
		for i := range next.People {
			next.People[i].Disabled = next.People[i].Disabled || hit()
		}
	case 2:
		for i := range next.People {
			if hit() {
				next.People[i].UserName += fmt.Sprintf(".%d", round)
			}
		}
	case 3:
		for i := range next.People {
			if hit() {
				next.People[i] = person(fmt.Sprintf("%s.%d", next.People[i].ID, round), next.People[i].UserName)
			}
		}
	case 4:
		i := r.IntN(len(largeGroups))
		if i < len(next.Groups) {
			next.Groups[i].Members = slices.DeleteFunc(slices.Clone(next.Groups[i].Members), func(string) bool { return hit() })
		}
	case 5:
		next.Groups = slices.DeleteFunc(next.Groups, func(directory.Group) bool { return hit() })
	case 6:
		for i := range next.Groups {
			switch {
			case !hit():
			case r.IntN(2) == 0:
				next.Groups[i].Name += fmt.Sprintf(".%d", round)
			default: // Made anew, with the members that it had but one, and with another.
				next.Groups[i] = group(fmt.Sprintf("%s.%d", next.Groups[i].ID, round), next.Groups[i].Name,
					append(slices.Clone(next.Groups[i].Members), fmt.Sprintf("p%03d", r.IntN(largeStaff)))...)
			}
		}
	}
	if r.IntN(2) == 0 {
		next.People = append(next.People, person(fmt.Sprintf("new-%d", round), fmt.Sprintf("new-%d", round)))
	}
	return next
}

func largeWorld(r *rand.Rand) *world {
	w := newWorld().granting("team", "company", "pay")
	w.dir.Spec.Leavers.MaxLossPercent = nil
	w.dir.Spec.Leavers.GraceSeconds = new([]int32{0, 0, 3600, 7200}[r.IntN(4)])
	if r.IntN(2) == 0 {
		w.deletingLeavers()
	}
	if r.IntN(2) == 0 {
		w.dir.Spec.Import = v1alpha1.ImportGranted
		w.grantingUsers("p001", "p002", "p003", "p004")
	}
	return w
}

// given is what Grants give: the people who have access, by the names of their Users, and the granted groups that each is in.
func (w *world) given() map[string][]string {
	return w.reached(func(state v1alpha1.IdentityState) bool { return state == v1alpha1.IdentityPresent })
}

// belonging is given, and what the disabled would have.
func (w *world) belonging() map[string][]string {
	return w.reached(func(v1alpha1.IdentityState) bool { return true })
}

func (w *world) reached(counts func(v1alpha1.IdentityState) bool) map[string][]string {
	found := map[string][]string{}
	for i := range w.users {
		identity := w.users[i].Status.Identity
		if identity == nil || !counts(identity.State) || w.users[i].Spec.State == v1alpha1.UserSuspended {
			continue
		}
		groups := []string{}
		for j := range w.groups {
			g := &w.groups[j]
			if w.granted.Groups[g.Name] && g.Status.State == v1alpha1.IdentityPresent && slices.Contains(identity.Groups, g.Spec.GroupName) {
				groups = append(groups, g.Name)
			}
		}
		found[w.users[i].Name] = groups
	}
	return found
}

// disabledNow are the Users who are not there by the directory's own word.
func (w *world) disabledNow() map[string]bool {
	found := map[string]bool{}
	for i := range w.users {
		if identity := w.users[i].Status.Identity; identity != nil && identity.State == v1alpha1.IdentityDisabled {
			found[w.users[i].Name] = true
		}
	}
	return found
}

// losses counts the people who had something before, and do not now, though the directory does not call them disabled.
func (w *world) losses(before map[string][]string) int {
	now, out, count := w.given(), w.disabledNow(), 0
	for name, groups := range before {
		kept, there := now[name]
		lost := !there || slices.ContainsFunc(groups, func(group string) bool { return !slices.Contains(kept, group) })
		if lost && !out[name] {
			count++
		}
	}
	return count
}

// undue are the people who were given a granted Group without being in its entry, or in one around which that is. Those whose own loss may
// be held are left out: what is known of them is old.
func (w *world) undue(s *directory.Snapshot, before map[string][]string) []string {
	in, there := map[string]map[string]bool{}, map[string]bool{}
	for _, g := range s.Groups {
		in[g.ID] = set(g.Members...)
	}
	for i := range s.People {
		there[s.People[i].ID+" "+s.People[i].UserName] = !s.People[i].Out(w.now)
	}
	var found []string
	for name, groups := range w.given() {
		id := w.user(name).Status.Identity.ID
		if !there[id+" "+w.user(name).Spec.UserName] {
			continue
		}
		for _, g := range groups {
			entry := in[w.group(g).Status.ID]
			inside := entry[id] || slices.ContainsFunc(s.Groups, func(inner directory.Group) bool { return entry[inner.ID] && in[inner.ID][id] })
			if !inside && !slices.Contains(before[name], g) {
				found = append(found, name+" in "+g)
			}
		}
	}
	return found
}

var _ = Describe("Whatever happens to a large directory", func() {
	const histories, reads = 60, 10

	It("nobody loses unasked what is over the limit, nobody gains what is not theirs, and the same read changes nothing", func() {
		asked := 0
		for seed := range uint64(histories) {
			r := rand.New(rand.NewPCG(seed, 3))
			w, full := largeWorld(r), largeCompany(r)
			w.settle(full)
			w.read(full)
			s := full
			for round := range reads {
				w.now = w.now.Add(time.Hour)
				s = accident(r, full, s, round)
				before, belonged := w.given(), w.belonging()
				limit := max(5, (len(before)+len(w.guard.Lost))/10)
				w.touchesEachOnce(s)
				plan := w.hear(s)
				told := func() string {
					return fmt.Sprintf("seed %d, round %d, %d with access, import %s, held %v: %s",
						seed, round, len(before), w.dir.Spec.Import, plan.Held, text(plan))
				}
				lost := w.losses(before)
				if plan.Accepted == nil && lost > 0 {
					Expect(len(w.guard.Lost)).To(BeNumerically("<=", limit), told)
				}
				Expect(lost).To(BeNumerically("<=", len(plan.Lost)), told)
				Expect(w.undue(s, belonged)).To(BeEmpty(), told)
				w.settle(s)
				Expect(w.undue(s, belonged)).To(BeEmpty(), told)
				again := w.plan(s)
				Expect(text(again)).To(BeEmpty(), told)
				if again.Held != nil {
					asked++
					Expect(again.Held.Pending.Token).To(Equal(plan.Held.Pending.Token), told)
					Expect(again.Held.Pending.Update).To(Equal(plan.Held.Pending.Update), told)
				}
				w.afterwards(r, s)
			}
		}
		Expect(asked).To(BeNumerically(">", histories), "the guard had to ask often enough for this to mean something")
	})

	It("accepting all of it ends where a world without guard ends", func() {
		asked := 0
		for seed := range uint64(histories) {
			r := rand.New(rand.NewPCG(seed, 4))
			w, full := largeWorld(r), largeCompany(r)
			w.settle(full)
			w.read(full)
			free := w.copy()
			free.dir = w.dir.DeepCopy()
			free.dir.Spec.Leavers.MaxLossPercent = new(int32(100))
			s := full
			for round := range reads {
				w.now, free.now = w.now.Add(time.Hour), free.now.Add(time.Hour)
				s = accident(r, full, s, round)
				if w.read(s).Held != nil {
					asked++
					w.accept()
					Expect(w.read(s).Held).To(BeNil(), "seed %d, round %d", seed, round)
				}
				w.settle(s)
				free.read(s)
				free.settle(s)
				Expect(strings.Join(w.who(), "\n")).To(Equal(strings.Join(free.who(), "\n")), "seed %d, round %d", seed, round)
			}
		}
		Expect(asked).To(BeNumerically(">", histories), "as above")
	})
})

// afterwards is what may come after a plan: a full read begins, somebody accepts what is held, or the spec changes.
func (w *world) afterwards(r *rand.Rand, s *directory.Snapshot) {
	switch r.IntN(5) {
	case 0, 1:
		w.guard.Lost = nil
	case 2:
		if w.dir.Status.Pending != nil {
			w.accept()
			Expect(w.hear(s)).To(HaveField("Held", BeNil()))
			w.settle(s)
		}
	case 3:
		w.dir.Generation++
	}
}

var _ = Describe("A large directory that did not change", func() {
	It("is planned quickly", func() {
		const people, groups, lax, good = 10_000, 550, 3 * time.Second, 200 * time.Millisecond
		w, s := newWorld().granting("g-001"), snapshot(nil)
		w.dir.Spec.Leavers.MaxLossPercent = nil
		for i := range people {
			s.People = append(s.People, person(fmt.Sprintf("id-%05d", i), fmt.Sprintf("person.%05d", i)))
		}
		for i := range groups {
			g := group(fmt.Sprintf("gid-%03d", i), fmt.Sprintf("g-%03d", i))
			for j := range 40 {
				g.Members = append(g.Members, s.People[(i*37+j*251)%people].ID)
			}
			if i > 0 {
				g.Members = append(g.Members, fmt.Sprintf("gid-%03d", i/2))
			}
			s.Groups = append(s.Groups, g)
		}
		taken := func(string) bool { return false }
		in := mirror.Input{Directory: w.dir, Snapshot: s, Nested: true, Granted: w.granted, Now: w.now, UserTaken: taken, GroupTaken: taken}
		first := mirror.New(in)
		for i := range first.Users {
			u := first.Users[i].Object
			u.Status.Identity = &first.Users[i].Facts
			in.Users = append(in.Users, *u)
		}
		for i := range first.Groups {
			g := first.Groups[i].Object
			g.Status.ID, g.Status.State = first.Groups[i].Facts.ID, first.Groups[i].Facts.State
			in.Groups = append(in.Groups, *g)
		}
		best := lax
		for range 3 {
			began := time.Now()
			plan := mirror.New(in)
			best = min(best, time.Since(began))
			Expect(plan.Users).To(BeEmpty())
			Expect(plan.Groups).To(BeEmpty())
			Expect(plan.UserCount).To(Equal(people))
		}
		GinkgoWriter.Printf("a plan for %d people and %d groups that did not change took %s, of %s that it may\n", people, groups, best, good)
		AddReportEntry("plan", best)
		Expect(best).To(BeNumerically("<", lax))
	})
})
