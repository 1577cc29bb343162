// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package recommend

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/rollcall-iam/rollcall/internal/usage"
)

// need is something that was done: a verb with a resource (with its subresource, as rules write it), or with a path.
type need struct{ verb, group, resource, path string }

// objects are the names of those that it was done to. Once any is set, there were others.
type objects struct {
	any   bool
	names map[string]bool
}

// needs are what was done in one place.
type needs map[need]*objects

func (n needs) add(use *usage.Use) {
	a := use.Action
	key := need{verb: a.Verb, path: a.Path}
	if a.Path == "" {
		key.group, key.resource = a.APIGroup, a.Resource
		if a.Subresource != "" {
			key.resource += "/" + a.Subresource
		}
	}
	if n[key] == nil {
		n[key] = &objects{names: map[string]bool{}}
	}
	n[key].any = n[key].any || !named(use)
	for _, name := range use.Names {
		n[key].names[name] = true
	}
}

// list is the names that a rule for this may be narrowed to; nil where it may not: rules with names allow nothing that is about no single
// object, and what is created has no name yet when that is decided.
func (o *objects) list(verb string) []string {
	if o.any || len(o.names) > usage.MostNames || verb == "create" || verb == "deletecollection" {
		return nil
	}
	return slices.Sorted(maps.Keys(o.names))
}

// rules allow each need, and nothing else: first verbs of one resource are taken together, then resources of one group with the same verbs.
func (n needs) rules(resourceNames bool) []rbacv1.PolicyRule {
	verbs := map[place][]string{}
	for key, of := range n {
		at := place{group: key.group, resource: key.resource, path: key.path}
		if resourceNames {
			at.names = joined(of.list(key.verb))
		}
		verbs[at] = append(verbs[at], key.verb)
	}
	alike := map[manner][]string{}
	for at, list := range verbs {
		slices.Sort(list)
		how := manner{group: at.group, paths: at.path != "", names: at.names, verbs: joined(list)}
		alike[how] = append(alike[how], cmp.Or(at.resource, at.path))
	}
	rules := make([]rbacv1.PolicyRule, 0, len(alike))
	for how, of := range alike {
		slices.Sort(of)
		rules = append(rules, how.rule(of))
	}
	slices.SortFunc(rules, func(a, b rbacv1.PolicyRule) int {
		return cmp.Or(
			slices.Compare(a.NonResourceURLs, b.NonResourceURLs), slices.Compare(a.APIGroups, b.APIGroups),
			slices.Compare(a.Resources, b.Resources), slices.Compare(a.Verbs, b.Verbs),
		)
	})
	return rules
}

// place is what verbs are taken together for.
type place struct{ group, resource, path, names string }

// manner is what resources, or paths, have in common that are in one rule.
type manner struct {
	group        string
	paths        bool
	names, verbs string
}

func (m manner) rule(of []string) rbacv1.PolicyRule {
	rule := rbacv1.PolicyRule{Verbs: parted(m.verbs)}
	if m.paths {
		rule.NonResourceURLs = of
		return rule
	}
	rule.APIGroups, rule.Resources = []string{m.group}, of
	if m.names != "" {
		rule.ResourceNames = parted(m.names)
	}
	return rule
}

// between parts what is joined to be a key: nothing that is joined has one.
const between = "\x00"

func joined(list []string) string { return strings.Join(list, between) }

func parted(text string) []string { return strings.Split(text, between) }
