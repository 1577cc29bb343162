// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

// Package recommend makes the smallest roles that allow what somebody did. It is pure: what was used goes in, roles come out.
package recommend

import (
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-iam/rollcall/internal/answers"
	"github.com/rollcall-iam/rollcall/internal/usage"
)

// Options say what roles are wanted.
type Options struct {
	// Name of each of them.
	Name string
	// ResourceNames narrows rules to the names of objects, where all requests were for a few of them by name.
	ResourceNames bool
	// Everybody are the rules that hold for everybody: what they allow is left out.
	Everybody []rbacv1.PolicyRule
}

// Proposal is what would be enough.
type Proposal struct {
	// Roles by namespace.
	Roles []rbacv1.Role
	// ClusterRole is for what is in no namespace, and for requests that are about all of them; nil where there was no such.
	ClusterRole *rbacv1.ClusterRole
	// Requests counts those that these roles allow, Everybodys those that everybody may make, and Odd those that no rule can allow without
	// allowing more.
	Requests, Everybodys, Odd int64
}

// Empty says that there is no role in it.
func (p *Proposal) Empty() bool { return len(p.Roles) == 0 && p.ClusterRole == nil }

// Propose makes roles of what was done.
func Propose(uses []usage.Use, options Options) Proposal {
	var proposal Proposal
	places := map[string]needs{}
	for i := range uses {
		use := &uses[i]
		switch {
		case odd(use):
			proposal.Odd += use.Requests
		case everybodys(use, options.Everybody):
			proposal.Everybodys += use.Requests
		default:
			proposal.Requests += use.Requests
			namespace := use.Action.Namespace
			if places[namespace] == nil {
				places[namespace] = needs{}
			}
			places[namespace].add(use)
		}
	}
	for namespace, wanted := range places {
		rules := wanted.rules(options.ResourceNames)
		if namespace == "" {
			proposal.ClusterRole = &rbacv1.ClusterRole{
				TypeMeta:   metav1.TypeMeta{APIVersion: rbacv1.SchemeGroupVersion.String(), Kind: "ClusterRole"},
				ObjectMeta: metav1.ObjectMeta{Name: options.Name}, Rules: rules,
			}
			continue
		}
		proposal.Roles = append(proposal.Roles, rbacv1.Role{
			TypeMeta:   metav1.TypeMeta{APIVersion: rbacv1.SchemeGroupVersion.String(), Kind: "Role"},
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: options.Name}, Rules: rules,
		})
	}
	slices.SortFunc(proposal.Roles, func(a, b rbacv1.Role) int { return strings.Compare(a.Namespace, b.Namespace) })
	return proposal
}

// odd says that there is no rule for that: clients choose what they ask for, and a star that somebody asked for literally would be anything
// in a rule. Whoever may do everything could plant it there.
func odd(use *usage.Use) bool {
	a := use.Action
	if a.Verb == "" || a.Resource == "" && a.Path == "" {
		return true
	}
	path := strings.TrimSuffix(a.Path, "/*") // Paths are taken together so (usage.Use).
	if path == "" {
		path = a.Path
	}
	return slices.ContainsFunc([]string{a.Verb, a.APIGroup, a.Resource, a.Subresource, path}, func(s string) bool {
		return strings.Contains(s, "*")
	})
}

// everybodys says that everybody may do all of that.
func everybodys(use *usage.Use, rules []rbacv1.PolicyRule) bool {
	if !named(use) {
		return answers.Permit(rules, use.Action)
	}
	return !slices.ContainsFunc(use.Names, func(name string) bool {
		action := use.Action
		action.Name = name
		return !answers.Permit(rules, action)
	})
}

// named says that all requests were for objects whose names are known.
func named(use *usage.Use) bool { return !use.Unnamed && len(use.Names) > 0 }
