// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package chronicle

import (
	"maps"
	"slices"

	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/ledger"
)

// access is what a binding gives, to so many of its subjects as go into one entry.
type access struct {
	RoleRef rbacv1.RoleRef `json:"roleRef"`
	// Made says what the operator made it for: the annotations that say so.
	Made     map[string]string `json:"made,omitempty"`
	Subjects []string          `json:"subjects"`
}

// ours is a binding that the operator made. About others the ledger says as little as about roles.
func ours(b *rbacv1.RoleBinding) *rbacv1.RoleBinding {
	if b == nil || b.Labels[v1alpha1.LabelManagedBy] != v1alpha1.ManagedBy {
		return nil
	}
	return b
}

// named is how many bytes of names go into one entry.
const named = 16 << 10

// bindingEntries say who came into a binding, and who went out of it. Both kinds have the same fields.
func bindingEntries(c Change) ([]*ledger.Entry, error) {
	before, err := decode[rbacv1.RoleBinding](c.Before)
	if err != nil {
		return nil, err
	}
	after, err := decode[rbacv1.RoleBinding](c.After)
	if err != nil {
		return nil, err
	}
	before, after = ours(before), ours(after)
	was, is := subjects(before), subjects(after)
	entries, err := remade(c, before, after)
	if err != nil {
		return nil, err
	}
	for _, side := range []struct {
		kind ledger.Kind
		of   *rbacv1.RoleBinding
		who  []string
	}{
		{ledger.AccessWithdrawn, before, without(was, is)}, {ledger.AccessGiven, after, without(is, was)},
	} {
		for len(side.who) > 0 {
			some := fitting(side.who)
			side.who = side.who[len(some):]
			e := c.entry(side.kind)
			e.After, err = shown(access{RoleRef: side.of.RoleRef, Made: made(side.of), Subjects: some})
			if err != nil {
				return nil, err
			}
			entries = append(entries, e)
		}
	}
	return entries, nil
}

// origin is what a binding is there for.
type origin struct {
	RoleRef rbacv1.RoleRef    `json:"roleRef"`
	Made    map[string]string `json:"made,omitempty"`
}

// remade says that a binding is there for something else than before.
func remade(c Change, before, after *rbacv1.RoleBinding) ([]*ledger.Entry, error) {
	if before == nil || after == nil || maps.Equal(made(before), made(after)) {
		return nil, nil
	}
	e := c.entry(ledger.BindingChanged)
	var err error
	if e.Before, err = shown(origin{before.RoleRef, made(before)}); err != nil {
		return nil, err
	}
	e.After, err = shown(origin{after.RoleRef, made(after)})
	return []*ledger.Entry{e}, err
}

// subjects of a binding as Kind name.
func subjects(b *rbacv1.RoleBinding) map[string]bool {
	all := map[string]bool{}
	if b != nil {
		for _, s := range b.Subjects {
			name := s.Kind + " " + s.Name
			if s.Namespace != "" {
				name = s.Kind + " " + s.Namespace + "/" + s.Name
			}
			all[name] = true
		}
	}
	return all
}

// without are those of one set that are not in another, sorted.
func without(these, those map[string]bool) []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(these)), func(name string) bool { return those[name] })
}

// fitting are as many of them as go into one entry: one at least.
func fitting(names []string) []string {
	size := 0
	for i, name := range names {
		if size += len(name); size > named && i > 0 {
			return names[:i]
		}
	}
	return names
}

func made(b *rbacv1.RoleBinding) map[string]string {
	kept := map[string]string{}
	for _, key := range []string{
		v1alpha1.AnnotationGrantUID, v1alpha1.AnnotationGrantGeneration, v1alpha1.AnnotationRequestUID, v1alpha1.AnnotationApprovers,
	} {
		if value := b.Annotations[key]; value != "" {
			kept[key] = value
		}
	}
	for _, key := range []string{v1alpha1.LabelGrant, v1alpha1.LabelRequest} {
		if value := b.Labels[key]; value != "" {
			kept[key] = value
		}
	}
	return kept
}
