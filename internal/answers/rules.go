// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package answers

import (
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
)

// allows says whether a rule allows an action, as the API server's RBAC authorizer does.
func allows(rule *rbacv1.PolicyRule, action Action) bool {
	if !oneOf(rule.Verbs, rbacv1.VerbAll, action.Verb) {
		return false
	}
	if action.Path != "" {
		return slices.ContainsFunc(rule.NonResourceURLs, func(pattern string) bool { return pathMatches(pattern, action.Path) })
	}
	return oneOf(rule.APIGroups, rbacv1.APIGroupAll, action.APIGroup) &&
		slices.ContainsFunc(rule.Resources, func(pattern string) bool { return resourceMatches(pattern, action) }) &&
		(len(rule.ResourceNames) == 0 || slices.Contains(rule.ResourceNames, action.Name))
}

func oneOf(list []string, all, wanted string) bool {
	return slices.ContainsFunc(list, func(value string) bool { return value == all || value == wanted })
}

// resourceMatches knows three patterns: * is everything, subresources too; */scale is that subresource of everything; what else there is
// means itself.
func resourceMatches(pattern string, action Action) bool {
	if action.Subresource == "" {
		return pattern == rbacv1.ResourceAll || pattern == action.Resource
	}
	return pattern == rbacv1.ResourceAll || pattern == action.Resource+"/"+action.Subresource || pattern == "*/"+action.Subresource
}

// pathMatches takes stars at the end for anything, and for nothing.
func pathMatches(pattern, path string) bool {
	return pattern == path || strings.HasSuffix(pattern, "*") && strings.HasPrefix(path, strings.TrimRight(pattern, "*"))
}

// coverage finds the rule that allows one action, role by role. Bindings by the thousand share few roles.
type coverage struct {
	world  *World
	action Action
	rules  map[roleKey]*rbacv1.PolicyRule
}

func (w *World) coverage(action Action) *coverage {
	return &coverage{world: w, action: action, rules: map[roleKey]*rbacv1.PolicyRule{}}
}

// of is the first rule of a role that allows the action; nil where none does.
func (c *coverage) of(role roleKey) *rbacv1.PolicyRule {
	rule, known := c.rules[role]
	if known {
		return rule
	}
	rules := c.world.roles[role]
	if i := slices.IndexFunc(rules, func(r rbacv1.PolicyRule) bool { return allows(&r, c.action) }); i >= 0 {
		rule = &rules[i]
	}
	c.rules[role] = rule
	return rule
}
