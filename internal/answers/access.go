// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package answers

import rbacv1 "k8s.io/api/rbac/v1"

// Access is everything that a person can do.
type Access struct {
	Person Person `json:"person"`
	// Ways by which they have access: Grants, requests, and what Rollcall does not manage.
	Ways []Way `json:"ways"`
	// Remarks on the person.
	Remarks []Remark `json:"remarks,omitempty"`
}

// Access says everything that a person can do, who is named by the name of the User object or by username.
func (w *World) Access(who string) (Access, error) {
	user, err := w.find(who)
	if err != nil {
		return Access{}, err
	}
	answer := Access{Person: w.personWithGroups(user), Ways: []Way{}, Remarks: w.keptOut(user)}
	for _, p := range w.principals(user) {
		for _, b := range w.naming[p] {
			answer.Ways = append(answer.Ways, w.way(b, p, user))
		}
	}
	sortWays(answer.Ways)
	answer.Remarks = append(answer.Remarks, heldOn(answer.Person, answer.Ways)...)
	return answer, nil
}

// heldOn warns where bindings out of which Rollcall does not take a person hold on: those that it does not manage, and those of groups.
func heldOn(p Person, ways []Way) []Remark {
	count := 0
	for _, way := range ways {
		if (way.Via == ViaUnmanaged || way.Subject.Kind == rbacv1.GroupKind) && !everyone(way.Subject.Name) {
			count++
		}
	}
	if p.Active || count == 0 {
		return nil
	}
	return []Remark{remark(RemarkHolds,
		"bindings that Rollcall does not take User %q out of: %d; they hold for as long as a credential is valid", p.Name, count)}
}
