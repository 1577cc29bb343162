// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"math/rand/v2"
	"slices"
)

const (
	// seed makes every run's company the same.
	seed = 20260131
	// largeEvery: one group of so many has 500 to 1,000 members, the others 20 to 60.
	largeEvery = 31
	// largest is what a Group takes.
	largest = 1000
	// teamSize is how many namespaces carry the label of one team.
	teamSize = 5
	// named is how many namespaces a Grant by names has besides the shared one.
	named = 3
	// shared is the namespace in which most people have something to do.
	shared = 0
	// clusterEvery: one Grant of so many has scope Cluster.
	clusterEvery = 10
)

// sizes are how large a company is.
type sizes struct {
	people, groups, grants, namespaces int
}

// company is who is in what and who may do what where: plain numbers, of which objects are made.
type company struct {
	sizes
	// members of each group, sorted.
	members [][]int
	access  []access
}

// access is one Grant.
type access struct {
	role    string
	groups  []int
	people  []int
	cluster bool
	// team is whose namespaces it selects; -1 where it names them.
	team int
	// places are its namespaces, sorted; none with scope Cluster.
	places []int
}

func (s sizes) check() error {
	for name, n := range map[string]int{"--groups": s.groups, "--grants": s.grants, "--namespaces": s.namespaces} {
		if n < 1 {
			return fmt.Errorf("%s %d: use at least 1", name, n)
		}
	}
	if s.people < 20 || s.people > s.groups*largest/2 {
		return fmt.Errorf("--people %d: use 20 to %d, which %d groups can hold", s.people, s.groups*largest/2, s.groups)
	}
	if s.groups > s.grants*250 {
		return fmt.Errorf("--groups %d: use at most %d, which %d Grants can name", s.groups, s.grants*250, s.grants)
	}
	return nil
}

func newCompany(s sizes) *company {
	random := rand.New(rand.NewPCG(seed, seed))
	c := &company{sizes: s}
	c.members = spread(s.people, groupSizes(s, random), random)
	for i := range s.grants {
		c.access = append(c.access, c.newAccess(i, random))
	}
	return c
}

// groupSizes are some large and many small groups. Where they would hold fewer than everybody once or more than everybody twice,
// which the default size does not, all grow or shrink.
func groupSizes(s sizes, random *rand.Rand) []int {
	list, total := make([]int, s.groups), 0
	for i := range list {
		list[i] = 20 + random.IntN(41)
		if i%largeEvery == 0 {
			list[i] = 500 + random.IntN(501)
		}
		total += list[i]
	}
	if total < s.people*3/2 || total > s.people*2 {
		for i := range list {
			list[i] = max(1, list[i]*s.people*2/total)
		}
	}
	limit := min(s.people, largest)
	missing := s.people
	for i := range list {
		list[i] = min(list[i], limit)
		missing -= list[i]
	}
	for i := 0; missing > 0 && i < len(list); i++ {
		more := min(missing, limit-list[i])
		list[i], missing = list[i]+more, missing-more
	}
	return list
}

// spread puts everybody into a group, and then some into a second and a third.
func spread(people int, groups []int, random *rand.Rand) [][]int {
	pool := random.Perm(people)
	again := slices.Concat(random.Perm(people), random.Perm(people))
	random.Shuffle(len(again), func(i, j int) { again[i], again[j] = again[j], again[i] })
	pool = append(pool, again...)
	members := make([][]int, len(groups))
	for i, size := range groups {
		in := map[int]bool{}
		var passed []int
		for len(in) < size && len(pool) > 0 {
			person := pool[0]
			pool = pool[1:]
			if in[person] {
				passed = append(passed, person)
				continue
			}
			in[person] = true
			members[i] = append(members[i], person)
		}
		pool = append(passed, pool...)
		slices.Sort(members[i])
	}
	return members
}

// newAccess: Grants take the groups in turn; some name a person besides; half select a team's namespaces, half name theirs.
func (c *company) newAccess(i int, random *rand.Rand) access {
	a := access{role: []string{"view", "edit", "admin"}[i%3], team: -1}
	for group := i; group < c.groups; group += c.grants {
		a.groups = append(a.groups, group)
	}
	if len(a.groups) == 0 {
		a.groups = []int{i % c.groups}
	}
	if i%4 == 0 {
		a.people = []int{random.IntN(c.people)}
	}
	switch {
	case i >= c.grants-c.grants/clusterEvery:
		a.cluster, a.role = true, "view"
	case i%2 == 0:
		a.team = i / 2 % c.teams()
		for place := a.team; place < c.namespaces; place += c.teams() {
			a.places = append(a.places, place)
		}
	default:
		a.places = slices.Concat(random.Perm(c.namespaces)[:min(named, c.namespaces)], []int{shared})
		slices.Sort(a.places)
		a.places = slices.Compact(a.places)
	}
	return a
}

func (c *company) teams() int { return max(1, c.namespaces/teamSize) }

// reached are the people of a Grant, sorted, each once.
func (c *company) reached(a access) []int {
	people := slices.Clone(a.people)
	for _, group := range a.groups {
		people = append(people, c.members[group]...)
	}
	slices.Sort(people)
	return slices.Compact(people)
}

// busiest is the namespace in which bindings name most people.
func (c *company) busiest() int {
	names := c.names()
	return slices.Index(names, slices.Max(names))
}

// usual is a namespace in which they name as many as in the middle of all.
func (c *company) usual() int {
	names := c.names()
	return slices.Index(names, slices.Sorted(slices.Values(names))[len(names)/2])
}

// names are how often the bindings of each namespace name somebody.
func (c *company) names() []int {
	names := make([]int, c.namespaces)
	for _, a := range c.access {
		for _, place := range a.places {
			names[place] += len(c.reached(a))
		}
	}
	return names
}

// insider is somebody who may do something in a namespace, but not everywhere if there is such a person; -1 if nobody may.
func (c *company) insider(namespace int) int {
	everywhere, insider := map[int]bool{}, -1
	for _, a := range c.access {
		for _, person := range c.reached(a) {
			everywhere[person] = everywhere[person] || a.cluster
		}
	}
	for _, a := range c.access {
		if !slices.Contains(a.places, namespace) {
			continue
		}
		for _, person := range c.reached(a) {
			if insider = person; !everywhere[person] {
				return person
			}
		}
	}
	return insider
}

// single is one person's own binding.
type single struct {
	grant, person int
	// place is a namespace; -1 stands for the cluster.
	place int
}

// singles are the same access as one binding per person, Grant and place, together for each person: first the one who is given,
// then in no order, so that a part of them is a smaller company of the same shape.
func (c *company) singles(first int) [][]single {
	byPerson := make([][]single, c.people)
	for i, a := range c.access {
		places := a.places
		if a.cluster {
			places = []int{-1}
		}
		for _, person := range c.reached(a) {
			for _, place := range places {
				byPerson[person] = append(byPerson[person], single{grant: i, person: person, place: place})
			}
		}
	}
	order := rand.New(rand.NewPCG(seed, 1)).Perm(c.people)
	if at := slices.Index(order, first); at >= 0 {
		order[0], order[at] = order[at], order[0]
	}
	singles := make([][]single, 0, c.people)
	for _, person := range order {
		singles = append(singles, byPerson[person])
	}
	return singles
}
