// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package answers

// Allowing is a binding that allows something, and what it was made for.
type Allowing struct {
	Binding

	Role Role
	// Grant that it was made for, by name and uid. Empty: Rollcall does not manage it.
	Grant, GrantUID string
}

// Allowing are the bindings that allow an action to whoever comes with a username and groups, User or not. They are in no order, and each
// is there once.
func (w *World) Allowing(username string, groups []string, action Action) []Allowing {
	list := make([]principal, 0, len(groups)+1)
	list = append(list, principal{name: username})
	for _, group := range groups {
		list = append(list, principal{group: true, name: group})
	}
	var all []Allowing
	covers, known := w.coverage(action), map[*binding]bool{}
	for _, p := range list {
		for _, b := range w.naming[p] {
			if known[b] || b.Namespace != "" && b.Namespace != action.Namespace || covers.of(b.role) == nil {
				continue
			}
			known[b] = true
			all = append(all, Allowing{
				Binding: b.Binding, Role: Role{Kind: b.role.kind, Name: b.role.name}, Grant: b.grant, GrantUID: b.grantUID,
			})
		}
	}
	return all
}
