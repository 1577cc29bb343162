// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package answers

import (
	"cmp"
	"slices"
	"strings"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
)

// maxNamed bounds how many names a message lists.
const maxNamed = 5

// Why says whether a person may do something, and why or why not.
type Why struct {
	Person Person `json:"person"`
	Action Action `json:"action"`
	// Allowed is what the authorizer decides for the person's username and groups.
	Allowed bool `json:"allowed"`
	// Ways by which it is allowed.
	Ways []Way `json:"ways,omitempty"`
	// Remarks on the person, and on what is missing.
	Remarks []Remark `json:"remarks,omitempty"`
	// Offers are the Grants that would allow it. Absent where it is allowed.
	Offers []Offer `json:"offers,omitempty"`
}

// Why says whether a person may do something, who is named by the name of the User object or by username.
func (w *World) Why(who string, action Action) (Why, error) {
	user, err := w.find(who)
	if err != nil {
		return Why{}, err
	}
	answer := Why{Person: w.personWithGroups(user), Action: action, Remarks: w.keptOut(user)}
	found := w.trace(user, action)
	answer.Ways, answer.Allowed = found.ways, len(found.ways) > 0
	if answer.Allowed {
		answer.Remarks = append(answer.Remarks, heldOn(answer.Person, answer.Ways)...)
		return answer, nil
	}
	answer.Remarks = append(answer.Remarks, found.broken...)
	if len(found.elsewhere) > 0 {
		answer.Remarks = append(answer.Remarks, remark(RemarkElsewhere, "allowed in other namespaces: %s", listed(found.elsewhere)))
	}
	answer.Offers = w.offers(user, action)
	if len(answer.Offers) == 0 {
		answer.Remarks = append(answer.Remarks, remark(RemarkNoGrant, "no Grant gives a role that allows this%s", where(action)))
	}
	return answer, nil
}

// traced is what there is to say of the bindings that name a person.
type traced struct {
	ways []Way
	// broken are remarks on bindings whose role does not exist.
	broken []Remark
	// elsewhere are namespaces in which the action would be allowed.
	elsewhere []string
}

func (w *World) trace(user *v1alpha1.User, action Action) traced {
	var found traced
	covers := w.coverage(action)
	for _, p := range w.principals(user) {
		for _, b := range w.naming[p] {
			rule := covers.of(b.role)
			here := b.Namespace == "" || b.Namespace == action.Namespace
			_, exists := w.roles[b.role]
			switch {
			case here && rule != nil:
				way := w.way(b, p, user)
				way.Rule = rule
				found.ways = append(found.ways, way)
			case here && !exists:
				found.broken = append(found.broken, remark(RemarkRoleNotFound,
					"%s %q is of %s %q, which does not exist", b.Kind, b.path(), b.role.kind, b.role.name))
			case !here && rule != nil:
				found.elsewhere = append(found.elsewhere, b.Namespace)
			}
		}
	}
	sortWays(found.ways)
	slices.SortFunc(found.broken, func(a, b Remark) int { return cmp.Compare(a.Message, b.Message) })
	found.broken = slices.Compact(found.broken)
	return found
}

func (b *binding) path() string { return strings.TrimPrefix(b.Namespace+"/"+b.Name, "/") }

func where(action Action) string {
	if action.Namespace == "" {
		return " cluster-wide"
	}
	return " in namespace " + action.Namespace
}

func listed(names []string) string {
	names = slices.Compact(slices.Sorted(slices.Values(names)))
	if len(names) > maxNamed {
		names = append(names[:maxNamed:maxNamed], "...")
	}
	return strings.Join(names, ", ")
}
