// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package directory_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/rollcall-iam/rollcall/internal/directory"
)

// entry is a person, or a group if it has members.
type entry struct {
	name, place string
	disabled    bool
	members     map[string]bool
}

func (e *entry) ref() string { return e.name + "," + e.place }

// world is a directory as servers keep it: member lists follow those who are renamed or moved, and forget those who go, without a word.
type world struct {
	r       *rand.Rand
	entries map[string]*entry
	last    int
	// told is what the server says, act by act.
	told [][]directory.Change
	// touched are the keys of what changed, true where it is called otherwise than before.
	touched map[string]bool
	log     []string
}

func newWorld(seed uint64) *world {
	return &world{r: rand.New(rand.NewPCG(seed, 1)), entries: map[string]*entry{}, touched: map[string]bool{}}
}

func (w *world) change(key string) directory.Change {
	e := w.entries[key]
	switch {
	case e == nil:
		return gone(key)
	case e.members != nil:
		return came(group(key, e.ref(), slices.Sorted(maps.Keys(e.members))...))
	default:
		p := person(key, e.ref())
		p.Disabled = e.disabled
		return came(p)
	}
}

// tellf tells of someone, as things are now.
func (w *world) tellf(key string, renamed bool, format string, args ...any) {
	w.told = append(w.told, []directory.Change{w.change(key)})
	w.touched[key] = w.touched[key] || renamed
	w.log = append(w.log, fmt.Sprintf(format, args...))
}

// groups are the keys of groups, everyone's those of all.
func (w *world) groups() []string {
	return slices.DeleteFunc(w.everyone(), func(key string) bool { return w.entries[key].members == nil })
}

func (w *world) everyone() []string { return slices.Sorted(maps.Keys(w.entries)) }

// free is a DN that nobody has. There are few, so that most had somebody once.
func (w *world) free() (name, place string, ok bool) {
	for range 10 {
		name, place := "n"+strconv.Itoa(w.r.IntN(6)), "ou"+strconv.Itoa(w.r.IntN(2))
		ref := (&entry{name: name, place: place}).ref()
		if !slices.ContainsFunc(w.everyone(), func(key string) bool { return w.entries[key].ref() == ref }) {
			return name, place, true
		}
	}
	return "", "", false
}

func (w *world) join() {
	name, place, ok := w.free()
	if !ok {
		return
	}
	w.last++
	key, e := strconv.Itoa(w.last), &entry{name: name, place: place}
	if w.r.IntN(3) == 0 {
		e.members = map[string]bool{}
	}
	w.entries[key] = e
	w.tellf(key, true, "%s joins as %s, group %v", key, e.ref(), e.members != nil)
}

func (w *world) move(key string) {
	if name, place, ok := w.free(); ok {
		e := w.entries[key]
		old := e.ref()
		e.name, e.place = name, place
		w.rewrite(old, e.ref())
		w.tellf(key, true, "%s is now %s", key, e.ref())
	}
}

func (w *world) leave(key string) {
	old := w.entries[key].ref()
	delete(w.entries, key)
	w.rewrite(old, "")
	w.tellf(key, false, "%s leaves", key)
}

func (w *world) rewrite(old, now string) {
	for _, key := range w.groups() {
		list := w.entries[key].members
		if list[old] {
			delete(list, old)
			if now != "" {
				list[now] = true
			}
		}
	}
}

func (w *world) member(key, of string) {
	ref, list := w.entries[key].ref(), w.entries[of].members
	if list[ref] {
		delete(list, ref)
	} else {
		list[ref] = true
	}
	w.tellf(of, false, "%s is in %s: %v", key, of, list[ref])
}

// act does something; of most acts the server tells.
func (w *world) act() {
	everyone := w.everyone()
	if len(everyone) == 0 {
		w.join()
		return
	}
	key := everyone[w.r.IntN(len(everyone))]
	switch w.r.IntN(8) {
	case 0, 1:
		w.join()
	case 2:
		w.leave(key)
	case 3, 4:
		w.move(key)
	case 5:
		w.entries[key].disabled = !w.entries[key].disabled
		w.tellf(key, false, "%s changes", key)
	default:
		if groups := w.groups(); len(groups) > 0 {
			w.member(key, groups[w.r.IntN(len(groups))])
		}
	}
}

// again tells of someone, whether they are there or not, as things are now.
func (w *world) again() {
	key := strconv.Itoa(1 + w.r.IntN(w.last+1))
	w.tellf(key, false, "%s is told again", key)
}

// batch is all that changed since the last one, as it is now: some at a time, and at last the groups of those who are called otherwise.
func (w *world) batch(atOnce int) []directory.Change {
	var changes []directory.Change
	keys, again := slices.Sorted(maps.Keys(w.touched)), map[string]bool{}
	for some := range slices.Chunk(keys, atOnce) {
		var wentAway []directory.Change
		for _, key := range some {
			if c := w.change(key); c.Gone != "" {
				wentAway = append(wentAway, c)
			} else {
				changes = append(changes, c)
			}
		}
		changes = append(changes, wentAway...)
	}
	for _, key := range keys {
		if e := w.entries[key]; e != nil && w.touched[key] {
			again[e.ref()] = true
		}
	}
	for _, of := range w.groups() {
		if slices.ContainsFunc(slices.Collect(maps.Keys(w.entries[of].members)), func(ref string) bool { return again[ref] }) {
			changes = append(changes, w.change(of))
		}
	}
	clear(w.touched)
	return changes
}

func (w *world) snapshot() *directory.Snapshot {
	s := &directory.Snapshot{}
	for _, key := range w.everyone() {
		if c := w.change(key); c.Person != nil {
			s.People = append(s.People, *c.Person)
		} else {
			s.Groups = append(s.Groups, *c.Group)
		}
	}
	return s
}

// play lets a seed's history happen and tells it to a replica, from some full read on.
func play(seed uint64) (w *world, replica *directory.Replica) {
	w = newWorld(seed)
	for range w.r.IntN(20) {
		w.act()
	}
	replica = directory.NewReplica(w.snapshot())
	w.told, w.log = nil, append(w.log, "-- read")
	for range 1 + w.r.IntN(40) {
		w.act()
		if w.r.IntN(3) == 0 {
			w.again()
		}
	}
	for _, changes := range w.told {
		for range 1 + w.r.IntN(2) {
			replica.Apply(changes)
		}
	}
	return w, replica
}

var _ = Describe("Whatever happens in a directory", func() {
	const histories = 3000

	It("a replica that was told is what a full read gives", func() {
		for seed := range uint64(histories) {
			w, replica := play(seed)
			Expect(sorted(replica)).To(Equal(sorted(directory.NewReplica(w.snapshot()))), "seed %d: %q", seed, w.log)
		}
	})

	It("so it is where it was told in batches", func() {
		for seed := range uint64(histories) {
			w := newWorld(seed)
			for range w.r.IntN(20) {
				w.act()
			}
			replica := directory.NewReplica(w.snapshot())
			clear(w.touched)
			for range 5 {
				for range w.r.IntN(12) {
					w.act()
				}
				replica.Apply(w.batch(1 + w.r.IntN(4)))
				Expect(sorted(replica)).To(Equal(sorted(directory.NewReplica(w.snapshot()))), "seed %d: %q", seed, w.log)
			}
		}
	})

	It("names are given to others, so that this means something", func() {
		reused, nested := 0, 0
		for seed := range uint64(100) {
			w, _ := play(seed)
			had := map[string]string{}
			for _, changes := range w.told {
				for _, c := range changes {
					if c.Person == nil {
						continue
					}
					if before, ok := had[c.Person.UserName]; ok && before != c.Person.Key {
						reused++
					}
					had[c.Person.UserName] = c.Person.Key
				}
			}
			for _, g := range w.snapshot().Groups {
				for _, key := range w.groups() {
					if slices.Contains(g.Members, w.entries[key].ref()) {
						nested++
					}
				}
			}
		}
		Expect(reused).To(BeNumerically(">", 100))
		Expect(nested).To(BeNumerically(">", 10))
	})

	It("comes to the same whether changes are applied one by one or all at once", func() {
		names := []string{"a", "b", "c", "d", "e"}
		some := func(random *rand.Rand) (refs []string) {
			for _, name := range names {
				if random.IntN(3) == 0 {
					refs = append(refs, name)
				}
			}
			return refs
		}
		for seed := range uint64(20_000) {
			random := rand.New(rand.NewPCG(seed, 0))
			s := &directory.Snapshot{}
			for i := range 4 {
				s.People = append(s.People, directory.Person{Key: fmt.Sprint("p", i), Refs: names[i : i+1]})
				s.Groups = append(s.Groups, directory.Group{Key: fmt.Sprint("g", i), Members: some(random)})
			}
			changes := make([]directory.Change, 1+random.IntN(7))
			for i := range changes {
				switch person, group := fmt.Sprint("p", random.IntN(4)), fmt.Sprint("g", random.IntN(4)); random.IntN(6) {
				case 0:
					changes[i].Gone = person
				case 1:
					changes[i].Group = &directory.Group{Key: group, Members: some(random)}
				default:
					changes[i].Person = &directory.Person{Key: person, Refs: []string{names[random.IntN(5)]}}
				}
			}
			oneByOne, atOnce := directory.NewReplica(s), directory.NewReplica(s)
			ambiguous := false
			for i := range changes {
				ambiguous = oneByOne.Apply(changes[i:i+1]) || ambiguous
			}
			Expect(atOnce.Apply(changes)).To(Equal(ambiguous), "seed %d", seed)
			Expect(sorted(atOnce)).To(Equal(sorted(oneByOne)), "seed %d", seed)
		}
	})
})
