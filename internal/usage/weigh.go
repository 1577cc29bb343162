// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package usage

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-iam/rollcall/internal/answers"
	"github.com/rollcall-iam/rollcall/internal/audit"
)

// Grant is one that allowed something.
type Grant struct {
	// UID and Name of the object.
	UID, Name string
}

// Weighed is what would have allowed something.
type Weighed struct {
	// Grants by uid. There is none where all is by bindings that Rollcall does not manage.
	Grants []Grant
	// Alone says that there is one Grant, and nothing else.
	Alone bool
	// Fits says that what RBAC named is among it, or anything where it named nothing: roles and bindings were then as they are known to
	// have been.
	Fits bool
}

// Weigh finds every binding that would have allowed a deed, in the world as it was then.
func Weigh(d *Deed, world *answers.World) Weighed {
	w, others := Weighed{}, false
	for _, by := range world.Allowing(d.Username, d.Groups, d.Action) {
		w.Fits = w.Fits || d.Allow == nil || named(d.Allow, &by)
		if by.Grant == "" {
			others = true
			continue
		}
		w.Grants = append(w.Grants, Grant{UID: by.GrantUID, Name: by.Grant})
	}
	slices.SortFunc(w.Grants, func(a, b Grant) int { return cmp.Or(strings.Compare(a.UID, b.UID), strings.Compare(a.Name, b.Name)) })
	w.Grants = slices.Compact(w.Grants)
	w.Alone = len(w.Grants) == 1 && !others
	return w
}

func named(allow *audit.Allow, by *answers.Allowing) bool {
	return allow != nil && by.Binding == answers.Binding{Kind: allow.Kind, Namespace: allow.Namespace, Name: allow.Name} &&
		by.Role == answers.Role{Kind: allow.Role.Kind, Name: allow.Role.Name}
}

// Uses are what a deed is a use of: of each Grant that would have allowed it, or of none. What does not fit is a use of the Grant alone
// that is known to have allowed it, and needed it: nobody shall lose what they need because it is not known what else there was. Where
// none is known, it may have been any that is found.
func Uses(d *Deed, w Weighed, known *Grant) []Use {
	if d.Outcome != Allowed {
		return nil
	}
	grants, needed := w.Grants, w.Alone
	if !w.Fits && known != nil {
		grants, needed = []Grant{*known}, true
	}
	action := d.Action
	action.Name, action.Path = "", below(action.Path)
	action = bounded(action)
	use := Use{
		Username: d.Username, Action: action, Requests: d.Requests, First: at(d.First), Last: at(d.Last), Unnamed: d.Action.Name == "",
	}
	if name := d.Action.Name; len(name) > longestName {
		use.Unnamed = true
	} else if name != "" {
		use.Names = []string{name}
	}
	if len(grants) == 0 {
		return []Use{use}
	}
	uses := make([]Use, len(grants))
	for i, grant := range grants {
		uses[i] = use
		uses[i].Grant = grant.UID
		if needed {
			uses[i].Needed = new(at(d.Last))
		}
	}
	return uses
}

// mostAction is how many bytes an action may take in JSON: more than those of any name that there is, and what an index takes. Whoever
// may ask for a path may ask for a long one.
const mostAction = 1024

// longestName is the longest that an object can have; what is longer was only asked for.
const longestName = 253

// below takes all that is below the first part of a path together, as rules of RBAC do: anybody can ask for as many paths as they like.
func below(path string) string {
	first, rest, found := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	if !found || rest == "" {
		return path
	}
	return "/" + first + "/*"
}

// bounded cuts off what is longer in an action than names are.
func bounded(a answers.Action) answers.Action {
	for most := mostAction; size(a) > mostAction; most /= 2 {
		for _, text := range []*string{&a.Verb, &a.APIGroup, &a.Resource, &a.Subresource, &a.Namespace, &a.Path} {
			if len(*text) > most {
				*text = strings.ToValidUTF8((*text)[:most], "")
			}
		}
	}
	return a
}

func size(a answers.Action) int {
	text, err := json.Marshal(a)
	if err != nil { // There is no text that cannot be written.
		return 0
	}
	return len(text)
}

// Add adds to a use what is another of the same Grant, username and action.
func (u *Use) Add(other *Use) {
	u.Requests += other.Requests
	if other.First.Before(&u.First) {
		u.First = other.First
	}
	if u.Last.Before(&other.Last) {
		u.Last = other.Last
	}
	if u.Needed == nil || other.Needed != nil && u.Needed.Before(other.Needed) {
		u.Needed = other.Needed
	}
	u.Names = slices.Compact(slices.Sorted(slices.Values(slices.Concat(u.Names, other.Names))))
	if u.Unnamed = u.Unnamed || other.Unnamed || len(u.Names) > MostNames; len(u.Names) > MostNames {
		u.Names = u.Names[:MostNames:MostNames]
	}
}

// Key of a use: uses of one key are added up.
type Key struct {
	Grant, Username string
	Action          answers.Action
}

// Key of this one.
func (u *Use) Key() Key { return Key{u.Grant, u.Username, u.Action} }

// Tally adds up uses, sorted by Grant, username and action.
func Tally(uses []Use) []Use {
	sums := map[Key]*Use{}
	for i := range uses {
		if sum := sums[uses[i].Key()]; sum != nil {
			sum.Add(&uses[i])
			continue
		}
		first := uses[i]
		sums[first.Key()] = &first
	}
	all := make([]Use, 0, len(sums))
	for _, sum := range sums {
		all = append(all, *sum)
	}
	Sort(all)
	return all
}

// Sort sorts uses by Grant, username and action.
func Sort(uses []Use) {
	slices.SortFunc(uses, func(a, b Use) int {
		return cmp.Or(strings.Compare(a.Grant, b.Grant), strings.Compare(a.Username, b.Username),
			strings.Compare(a.Action.Namespace, b.Action.Namespace), strings.Compare(a.Action.String(), b.Action.String()))
	})
}

func at(t time.Time) metav1.Time { return metav1.Time{Time: t.UTC().Truncate(time.Second)} }
