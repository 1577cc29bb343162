// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"slices"

	rbacv1 "k8s.io/api/rbac/v1"
)

// power is something that a rule may allow, and that makes whoever has it able to get more.
type power struct {
	name           string
	verbs          []string
	group          string
	resources      []string
	whateverObject bool // a rule for objects of certain names does not count
}

// powers in the order in which they are told.
func powers() []power {
	const core, rbac = "", rbacv1.GroupName
	return []power{
		{"everything", []string{rbacv1.VerbAll}, rbacv1.APIGroupAll, []string{rbacv1.ResourceAll}, true},
		{"gives more than it has (escalate)", []string{"escalate"}, rbac, []string{"clusterroles", "roles"}, false},
		{"binds roles", []string{"bind"}, rbac, []string{"clusterroles", "roles"}, true},
		{"acts as others (impersonate)", []string{"impersonate"}, core, []string{"users", "groups", "serviceaccounts"}, true},
		{"makes tokens of service accounts", []string{"create"}, core, []string{"serviceaccounts/token"}, true},
		{"reads secrets", []string{"get", "list", "watch"}, core, []string{"secrets"}, true},
	}
}

// Powers says what makes a role a powerful one. What gives everything is told as that alone.
func Powers(rules []rbacv1.PolicyRule) []string {
	var found []string
	for _, p := range powers() {
		if slices.ContainsFunc(rules, func(r rbacv1.PolicyRule) bool { return p.in(&r) }) {
			found = append(found, p.name)
		}
	}
	if len(found) > 0 && found[0] == "everything" {
		return found[:1]
	}
	return found
}

func (p *power) in(rule *rbacv1.PolicyRule) bool {
	if p.whateverObject && len(rule.ResourceNames) > 0 {
		return false
	}
	return hasOne(rule.Verbs, rbacv1.VerbAll, p.verbs) && hasOne(rule.APIGroups, rbacv1.APIGroupAll, []string{p.group}) &&
		hasOne(rule.Resources, rbacv1.ResourceAll, p.resources)
}

func hasOne(list []string, all string, wanted []string) bool {
	return slices.ContainsFunc(list, func(value string) bool { return value == all || slices.Contains(wanted, value) })
}
