// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package answers

import (
	"cmp"
	"maps"
	"slices"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
)

// WhoCan says who may do something.
type WhoCan struct {
	Action Action `json:"action"`
	// Everyone are the ways by which all may, since bindings name a group that all are in. The others are not said again for that.
	Everyone []Way `json:"everyone,omitempty"`
	// People are the Users who may, by username.
	People []PersonWays `json:"people"`
	// Others are subjects that no User stands behind: ServiceAccounts, users and groups that nobody here has.
	Others []OtherWays `json:"others,omitempty"`
}

// PersonWays are the ways by which one person may.
type PersonWays struct {
	Person Person `json:"person"`
	Ways   []Way  `json:"ways"`
	// Remarks on the person.
	Remarks []Remark `json:"remarks,omitempty"`
}

// OtherWays are the ways by which a subject may that no User stands behind.
type OtherWays struct {
	Subject Subject `json:"subject"`
	Ways    []Way   `json:"ways"`
}

// WhoCan says who may do something in its namespace, or, where it has none, everywhere.
func (w *World) WhoCan(action Action) WhoCan {
	return w.whoCan(action, w.holding(action.Namespace))
}

// WhoCanAnywhere says who may do something in any namespace, or everywhere.
func (w *World) WhoCanAnywhere(action Action) WhoCan {
	action.Namespace = ""
	var all []*binding
	for _, namespace := range slices.Sorted(maps.Keys(w.bindings)) {
		all = append(all, w.bindings[namespace]...)
	}
	return w.whoCan(action, all)
}

// able collects who may.
type able struct {
	*World
	everyone []Way
	people   map[string][]Way
	others   map[Subject][]Way
}

func (w *World) whoCan(action Action, bindings []*binding) WhoCan {
	found := &able{World: w, people: map[string][]Way{}, others: map[Subject][]Way{}}
	covers := w.coverage(action)
	for _, b := range bindings {
		rule := covers.of(b.role)
		if rule == nil {
			continue
		}
		for p := range b.principals {
			found.add(b, p, func(way Way) Way { way.Rule = rule; return way })
		}
	}
	return found.answer(action)
}

func (a *able) add(b *binding, p principal, with func(Way) Way) {
	switch {
	case p.group && everyone(p.name):
		a.everyone = append(a.everyone, with(a.way(b, p, nil)))
	case p.group:
		a.addGroup(b, p, with)
	case a.holders[p.name] != nil:
		user := a.holders[p.name]
		a.people[user.Name] = append(a.people[user.Name], with(a.way(b, p, user)))
	default:
		a.others[p.subject()] = append(a.others[p.subject()], with(a.way(b, p, nil)))
	}
}

// addGroup names the members. A group that is not known here may have others, so it is named itself too, as is one without members.
func (a *able) addGroup(b *binding, p principal, with func(Way) Way) {
	for _, user := range a.members[p.name] {
		a.people[user.Name] = append(a.people[user.Name], with(a.way(b, p, user)))
	}
	if len(a.members[p.name]) == 0 || !a.known[p.name] {
		a.others[p.subject()] = append(a.others[p.subject()], with(a.way(b, p, nil)))
	}
}

func (a *able) answer(action Action) WhoCan {
	answer := WhoCan{Action: action, Everyone: sortWays(a.everyone), People: make([]PersonWays, 0, len(a.people))}
	for name, ways := range a.people {
		answer.People = append(answer.People, a.personWays(a.users[name], sortWays(ways)))
	}
	slices.SortFunc(answer.People, func(a, b PersonWays) int {
		return cmp.Or(cmp.Compare(a.Person.Username, b.Person.Username), cmp.Compare(a.Person.Name, b.Person.Name))
	})
	for subject, ways := range a.others {
		answer.Others = append(answer.Others, OtherWays{Subject: subject, Ways: sortWays(ways)})
	}
	slices.SortFunc(answer.Others, func(a, b OtherWays) int { return compareSubjects(a.Subject, b.Subject) })
	return answer
}

func (a *able) personWays(user *v1alpha1.User, ways []Way) PersonWays {
	found := PersonWays{Person: a.person(user), Ways: ways}
	if !found.Person.Active {
		found.Remarks = append(a.keptOut(user), heldOn(found.Person, ways)...)
	}
	return found
}
