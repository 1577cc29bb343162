// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package mirror_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/directory"
	"github.com/rollcall-iam/rollcall/internal/mirror"
)

// Few names and ids, so that everything that can collide does.
var (
	someNames = []string{"", "alice", "bob", "Bob", "carol", "carol ng", "carol,ng", "dave@corp", "émile", "system:x", "x\n"}
	someIDs   = []string{"", "1", "2", "3", "4", "5", "6", "7", "8", "9"}
	// Names that objects get where these are free.
	somePlainObjects = []string{"alice", "bob", "carol", "git-0", "git-1", "nobody"}
)

func pick(r *rand.Rand, from []string) string { return from[r.IntN(len(from))] }

// randomSnapshot changes about half of what was there before.
func randomSnapshot(r *rand.Rand, before *directory.Snapshot) *directory.Snapshot {
	next := &directory.Snapshot{}
	for _, p := range before.People {
		if r.IntN(2) == 0 {
			next.People = append(next.People, p)
		}
	}
	for range r.IntN(5) {
		p := person(pick(r, someIDs), pick(r, someNames))
		p.Disabled = r.IntN(4) == 0
		next.People = append(next.People, p)
	}
	for range r.IntN(4) {
		// Ids of groups differ from those of people, names need not.
		next.Groups = append(next.Groups, group("g"+pick(r, someIDs), pick(r, someNames),
			pick(r, someIDs), pick(r, someIDs), "g"+pick(r, someIDs)))
	}
	r.Shuffle(len(next.People), func(i, j int) { next.People[i], next.People[j] = next.People[j], next.People[i] })
	return next
}

// someObjects are names that objects may get, those without a suffix as often as those with one.
func someObjects() []string {
	names := make([]string, 0, 240)
	for i, base := range []string{"alice", "bob", "carol", "carol-ng", "dave-corp", "mile"} {
		for _, id := range someIDs {
			person, group := sha256.Sum256([]byte(id)), sha256.Sum256([]byte("g"+id))
			names = append(names, base+"-"+hex.EncodeToString(person[:4]), base+"-"+hex.EncodeToString(group[:4]),
				somePlainObjects[i], somePlainObjects[i])
		}
	}
	return names
}

// grantRandomly makes Grants name other objects.
func (w *world) grantRandomly(r *rand.Rand, pool []string) {
	some := func() map[string]bool {
		found := map[string]bool{}
		for range r.IntN(8) {
			found[pick(r, pool)] = true
		}
		return found
	}
	w.granted = mirror.Granted{Users: some(), Groups: some()}
}

// settle reads once, and once more where Grants decide whom to import and leavers are deleted: that may free the name of an object which
// a Grant names, and only then it is known whom that means.
func (w *world) settle(s *directory.Snapshot) {
	w.sync(s)
	if w.dir.Spec.Import == v1alpha1.ImportGranted && w.dir.Spec.Leavers.Policy == v1alpha1.LeaversDelete {
		w.sync(s)
	}
}

func randomWorld(r *rand.Rand) *world {
	w := newWorld()
	w.nested = r.IntN(2) == 0
	w.others = []string{"alice"}
	if r.IntN(2) == 0 {
		w.deletingLeavers()
	}
	w.dir.Spec.Import = []v1alpha1.ImportPolicy{"", v1alpha1.ImportAll, v1alpha1.ImportGranted, v1alpha1.ImportDeclared}[r.IntN(4)]
	w.dir.Spec.Leavers.GraceSeconds = new([]int32{0, 0, 1800, 3600, 5400}[r.IntN(5)])
	w.grantRandomly(r, somePlainObjects)
	for i := range r.IntN(4) {
		w.declare(fmt.Sprintf("git-%d", i), pick(r, someNames[1:]))
		w.declareGroup(fmt.Sprintf("git-%d", i), pick(r, someNames[1:]))
	}
	return w
}

// pass lets time go by, in which some get certificates.
func (w *world) pass(r *rand.Rand) {
	w.now = w.now.Add(time.Hour)
	for i := range w.users {
		if r.IntN(4) == 0 {
			w.certify(w.users[i].Name, time.Duration(r.IntN(3))*time.Hour)
		}
	}
}

func (w *world) copy() *world {
	other := *w
	other.users, other.groups = slices.Clone(w.users), slices.Clone(w.groups)
	return &other
}

// hold checks what is true after every complete sync.
func (w *world) hold(s *directory.Snapshot) {
	GinkgoHelper()
	for i := range w.users {
		u := &w.users[i]
		Expect(validation.IsDNS1123Subdomain(u.Name)).To(BeEmpty(), u.Name)
		if u.Status.Identity == nil || u.Status.Identity.State != v1alpha1.IdentityPresent || u.Status.Identity.MissingTime != nil {
			continue
		}
		entries := slices.DeleteFunc(slices.Clone(s.People), func(p directory.Person) bool {
			return p.ID != u.Status.Identity.ID && (p.ID != "" || p.UserName != u.Spec.UserName)
		})
		Expect(entries).NotTo(BeEmpty(), "%s is Present without an entry", u.Name)
		if len(entries) == 1 {
			Expect(entries[0].Disabled).To(BeFalse(), "%s is Present and disabled", u.Name)
		}
	}
	Expect(ids(w.users)).To(HaveLen(len(slices.Compact(slices.Sorted(slices.Values(ids(w.users)))))), "one person, one Present User")
}

// ids are those of the Users who are Present, and not missing for a while.
func ids(users []v1alpha1.User) []string {
	var list []string
	for i := range users {
		identity := users[i].Status.Identity
		if identity != nil && identity.State == v1alpha1.IdentityPresent && identity.MissingTime == nil {
			list = append(list, identity.ID)
		}
	}
	return list
}

// who is the state without the objects' names, since which of them are free depends on what is deleted already.
func (w *world) who() []string {
	lines := w.state()
	for i, line := range lines {
		kind, rest, _ := strings.Cut(line, " ")
		_, facts, _ := strings.Cut(rest, " = ")
		lines[i] = kind + " " + facts
	}
	slices.Sort(lines)
	return lines
}

func (w *world) touchesEachOnce(s *directory.Snapshot) {
	GinkgoHelper()
	plan, seen := w.plan(s), map[string]bool{}
	for i := range plan.Users {
		Expect(seen).NotTo(HaveKey("user "+plan.Users[i].Object.Name), text(plan))
		seen["user "+plan.Users[i].Object.Name] = true
	}
	for i := range plan.Groups {
		Expect(seen).NotTo(HaveKey("group "+plan.Groups[i].Object.Name), text(plan))
		seen["group "+plan.Groups[i].Object.Name] = true
	}
}

func describeSnapshot(s *directory.Snapshot) string { return fmt.Sprintf("%+v", *s) }

var _ = Describe("Whatever the directory does", func() {
	const histories, reads = 200, 8

	It("a plan touches each object once, and the same read again changes nothing", func() {
		objects := someObjects()
		for seed := range uint64(histories) {
			r := rand.New(rand.NewPCG(seed, 1))
			w, s := randomWorld(r), &directory.Snapshot{}
			for range reads {
				s = randomSnapshot(r, s)
				w.pass(r)
				if r.IntN(3) == 0 {
					w.grantRandomly(r, objects)
				}
				w.touchesEachOnce(s)
				history := fmt.Sprintf("seed %d: %v, then %s: %s", seed, w.state(), describeSnapshot(s), text(w.plan(s)))
				w.settle(s)
				w.hold(s)
				again := w.plan(s)
				Expect(append(whys(again.Users), whys(again.Groups)...)).To(BeEmpty(), "%s; now %v: %s", history, w.state(), text(again))
			}
		}
	})

	It("a crash at any write ends where an undisturbed run ends", func() {
		for seed := range uint64(histories) {
			r := rand.New(rand.NewPCG(seed, 2))
			w, s := randomWorld(r), &directory.Snapshot{}
			for range reads {
				s = randomSnapshot(r, s)
				w.pass(r)
				if r.IntN(3) == 0 {
					w.grantRandomly(r, somePlainObjects)
				}
				before := w.copy()
				w.settle(s)
				for writes := 1; writes < 12; writes++ {
					crashed := before.copy()
					crashed.execute(crashed.plan(s), writes)
					after := crashed.state()
					crashed.settle(s)
					Expect(crashed.who()).To(Equal(w.who()),
						"seed %d: %v, then %s, %d writes, %v", seed, before.state(), describeSnapshot(s), writes, after)
				}
			}
		}
	})
})
