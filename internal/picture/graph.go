// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package picture

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/plain"
)

// The columns of a picture, from left to right.
const (
	columnPeople = iota
	columnGroups
	columnGrants
	columnRoles
	columnCount
)

// manyPeople is how many members of a group are drawn one by one; more become one box.
const manyPeople = 4

// state is how a box is drawn.
type state string

const (
	// stateOn is in force.
	stateOn state = "on"
	// stateAsk waits for somebody to ask.
	stateAsk state = "ask"
	// stateOff gives nobody anything now: locked, inactive, closed.
	stateOff state = "off"
)

// Target names an object that a picture is about.
type Target struct{ Kind, Name string }

// box is a person, people, a group, a grant, or a role somewhere.
type box struct {
	column       int
	title, small string
	state        state
}

// arrow leads from a box to one in a column further right, by their indexes.
type arrow struct{ from, to int }

// Graph is a picture of who gets what through what.
type Graph struct {
	boxes  []box
	arrows []arrow
}

// Empty says whether there is nothing to see.
func (g *Graph) Empty() bool { return len(g.boxes) == 0 }

// Boxes counts what is drawn.
func (g *Graph) Boxes() int { return len(g.boxes) }

// drawing is a Graph while it is made.
type drawing struct {
	world  *World
	graph  Graph
	index  map[string]int
	people map[string]bool // Users that are drawn one by one
}

// Draw makes the picture of some objects, or of everything.
func (w *World) Draw(targets []Target) Graph {
	d := &drawing{world: w, index: map[string]int{}, people: map[string]bool{}}
	if len(targets) == 0 {
		for i := range w.Grants {
			targets = append(targets, Target{KindGrant, w.Grants[i].Name})
		}
	}
	d.choose(targets)
	for _, target := range targets {
		d.target(target)
	}
	return d.graph
}

// choose says who is drawn one by one: whoever is asked for, whomever a Grant names that is drawn, and the members of small groups.
func (d *drawing) choose(targets []Target) {
	var groups []*v1alpha1.Group
	addGroup := func(name string) {
		if group := d.world.group(name); group != nil {
			groups = append(groups, group)
		}
	}
	for _, target := range targets {
		switch target.Kind {
		case KindUser:
			d.people[target.Name] = true
		case KindGroup:
			addGroup(target.Name)
		case KindGrant:
			for _, subject := range d.world.subjectsOf(target.Name) {
				if subject.Kind == v1alpha1.SubjectUser {
					d.people[subject.Name] = true
				} else {
					addGroup(subject.Name)
				}
			}
		}
	}
	// Whoever is drawn for one group leaves fewer others in the next.
	for d.chooseMembers(groups) {
	}
}

// chooseMembers says whether there are more people now that are drawn one by one.
func (d *drawing) chooseMembers(groups []*v1alpha1.Group) bool {
	before := len(d.people)
	for _, group := range groups {
		if others := d.others(group); len(others) <= manyPeople {
			for _, user := range others {
				d.people[user.Name] = true
			}
		}
	}
	return len(d.people) > before
}

// others are the members of a group who are not drawn one by one.
func (d *drawing) others(group *v1alpha1.Group) []*v1alpha1.User {
	return slices.DeleteFunc(d.world.members(group), func(user *v1alpha1.User) bool { return d.people[user.Name] })
}

func (d *drawing) target(target Target) {
	switch target.Kind {
	case KindUser:
		if user := d.world.user(target.Name); user != nil {
			d.ofUser(user)
		}
	case KindGroup:
		if group := d.world.group(target.Name); group != nil {
			d.members(group)
			d.ofSubject(d.groupBox(group), v1alpha1.SubjectGroup, group.Name)
		}
	case KindGrant:
		if grant := d.world.grant(target.Name); grant != nil {
			d.ofGrant(grant)
		}
	}
}

func (d *drawing) ofUser(user *v1alpha1.User) {
	from := d.userBox(user)
	for _, group := range d.world.groupsOf(user) {
		to := d.groupBox(group)
		d.lead(from, to)
		d.ofSubject(to, v1alpha1.SubjectGroup, group.Name)
	}
	d.ofSubject(from, v1alpha1.SubjectUser, user.Name)
}

func (d *drawing) ofSubject(from int, kind v1alpha1.SubjectKind, name string) {
	for _, grant := range d.world.grantsOf(kind, name) {
		d.lead(from, d.grantBox(grant))
	}
}

func (d *drawing) ofGrant(grant *v1alpha1.Grant) {
	to := d.grantBox(grant)
	for _, subject := range grant.Spec.Subjects {
		switch group := d.world.group(subject.Name); {
		case subject.Kind == v1alpha1.SubjectUser:
			d.lead(d.subjectBox(subject), to)
		case group == nil:
			d.lead(d.missing(columnGroups, subject), to)
		default:
			d.members(group)
			d.lead(d.groupBox(group), to)
		}
	}
}

// members of a group: those who are drawn one by one, and all the others as one box.
func (d *drawing) members(group *v1alpha1.Group) {
	to := d.groupBox(group)
	for _, user := range d.world.members(group) {
		if d.people[user.Name] {
			d.lead(d.userBox(user), to)
		}
	}
	if others := d.others(group); len(others) > 0 {
		d.lead(d.manyBox(group, others), to)
	}
}

func (d *drawing) userBox(user *v1alpha1.User) int {
	small := user.Status.Username
	if user.Status.Identity != nil && user.Status.Identity.DisplayName != "" {
		small = user.Status.Identity.DisplayName
	}
	return d.box(KindUser+"/"+user.Name, box{columnPeople, user.Name, small, stateOn}, d.world.userMarks(user))
}

func (d *drawing) manyBox(group *v1alpha1.Group, users []*v1alpha1.User) int {
	kept := 0
	for _, user := range users {
		if len(d.world.userMarks(user)) > 0 {
			kept++
		}
	}
	many := box{columnPeople, People(len(users)), "of " + group.Name, stateOn}
	if kept > 0 {
		many.small = fmt.Sprintf("%d of them locked or inactive", kept)
	}
	if kept == len(users) {
		many.state = stateOff
	}
	return d.box("People/"+group.Name, many, nil)
}

func (d *drawing) groupBox(group *v1alpha1.Group) int {
	small := People(len(d.world.members(group)))
	return d.box(KindGroup+"/"+group.Name, box{columnGroups, group.Name, small, stateOn}, d.world.groupMarks(group))
}

func (d *drawing) subjectBox(subject v1alpha1.Subject) int {
	if user := d.world.user(subject.Name); user != nil {
		return d.userBox(user)
	}
	return d.missing(columnPeople, subject)
}

func (d *drawing) missing(column int, subject v1alpha1.Subject) int {
	return d.box(string(subject.Kind)+"/"+subject.Name, box{column, subject.Name, "", stateOff}, []string{"does not exist"})
}

func (d *drawing) grantBox(grant *v1alpha1.Grant) int {
	b := box{columnGrants, grant.Name, "", stateOn}
	if grant.Spec.Activation == v1alpha1.ActivationOnRequest {
		b.state, b.small = stateAsk, "on request"
		if active := len(d.world.requestsFor(grant)); active > 0 {
			b.small = fmt.Sprintf("on request, %d active", active)
		}
	}
	if grant.Spec.ExpireTime != nil && b.small == "" {
		b.small = "until " + d.world.at(grant.Spec.ExpireTime.Time)
	}
	var marks []string
	if closed := d.world.closed(grant); closed != "" {
		marks = append(marks, closed)
	}
	from := d.box(KindGrant+"/"+grant.Name, b, marks)
	role := box{columnRoles, grant.Spec.RoleRef.Name, "@ " + where(grant), stateOn}
	d.lead(from, d.box("Role/"+Role(grant)+"/"+where(grant), role, nil))
	return from
}

// box is the index of the box with a key, which is drawn if it is not there yet. What has marks is off, and says why.
func (d *drawing) box(key string, b box, marks []string) int {
	if i, found := d.index[key]; found {
		return i
	}
	if len(marks) > 0 {
		b.state, b.small = stateOff, strings.Join(marks, "; ")
	}
	b.title, b.small = plain.Line(b.title), plain.Line(b.small)
	d.index[key] = len(d.graph.boxes)
	d.graph.boxes = append(d.graph.boxes, b)
	return d.index[key]
}

func (d *drawing) lead(from, to int) {
	if a := (arrow{from, to}); !slices.Contains(d.graph.arrows, a) {
		d.graph.arrows = append(d.graph.arrows, a)
	}
}

// stateOf an arrow is off where either end is.
func (g *Graph) stateOf(a arrow) state {
	from, to := g.boxes[a.from].state, g.boxes[a.to].state
	switch {
	case from == stateOff || to == stateOff:
		return stateOff
	case from == stateAsk || to == stateAsk:
		return stateAsk
	default:
		return stateOn
	}
}
