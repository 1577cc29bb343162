// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package integration_test

import (
	"fmt"
	"math/rand/v2"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/answers"
)

// lottery draws roles, bindings and questions.
type lottery struct {
	*rand.Rand
	round      int
	namespaces []string
	objects    int
	rules      []drawnRule
}

// drawnRule is a rule and where it may hold.
type drawnRule struct {
	rbacv1.PolicyRule
	namespace string
}

func (l *lottery) one(of ...string) string { return of[l.IntN(len(of))] }

// some draws from one to three of these.
func (l *lottery) some(of ...string) []string {
	list := make([]string, 1+l.IntN(3))
	for i := range list {
		list[i] = l.one(of...)
	}
	return list
}

func (l *lottery) chance(percent int) bool { return l.IntN(100) < percent }

func (l *lottery) name(prefix string) string {
	l.objects++
	return fmt.Sprintf("%s-%d-%d", prefix, l.round, l.objects)
}

func verbs() []string { return []string{"get", "list", "create", "delete", "use", "*"} }

func apiGroups() []string { return []string{"", "apps", "batch", "shop.example", "*"} }

func resources() []string {
	return []string{
		"pods", "pods/log", "pods/exec", "pods/*", "deployments", "deployments/scale", "jobs", "secrets",
		"*", "*/scale", "*/log", "*/*", "*/", "/log", "log",
	}
}

func objectNames() []string { return []string{"web", "db", "log", "*", ""} }

func paths() []string {
	return []string{"/healthz", "/metrics", "/logs/*", "/logs*", "/api/**", "/a*b", "*", "/healthz/", "/shop/orders"}
}

func (l *lottery) rule(urls bool) rbacv1.PolicyRule {
	if urls && l.chance(25) {
		return rbacv1.PolicyRule{Verbs: l.some(verbs()...), NonResourceURLs: l.some(paths()...)}
	}
	rule := rbacv1.PolicyRule{Verbs: l.some(verbs()...), APIGroups: l.some(apiGroups()...), Resources: l.some(resources()...)}
	if l.chance(40) {
		rule.ResourceNames = l.some(objectNames()...)
	}
	return rule
}

func (l *lottery) ruleList(namespace string) []rbacv1.PolicyRule {
	rules := make([]rbacv1.PolicyRule, l.IntN(5))
	for i := range rules {
		rules[i] = l.rule(namespace == "")
		l.rules = append(l.rules, drawnRule{PolicyRule: rules[i], namespace: namespace})
	}
	return rules
}

func people() []string {
	return []string{"corp:u0", "corp:u1", "corp:u2", "corp:u3", "corp:u4", "corp:u5"}
}

func (l *lottery) subject() rbacv1.Subject {
	user := func(name string) rbacv1.Subject {
		return rbacv1.Subject{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: name}
	}
	group := func(name string) rbacv1.Subject {
		return rbacv1.Subject{APIGroup: rbacv1.GroupName, Kind: rbacv1.GroupKind, Name: name}
	}
	robot := rbacv1.Subject{Kind: rbacv1.ServiceAccountKind, Namespace: l.one(l.namespaces...), Name: "robot"}
	switch n := l.IntN(100); {
	case n < 35:
		return user(l.one(people()...))
	case n < 60:
		return group(l.one("corp:g0", "corp:g1", "corp:g2", "corp:left", "corp:gone"))
	case n < 62:
		return group(l.one("system:authenticated", v1alpha1.ManagedGroup))
	case n < 75:
		return user(l.one("ext:bob", "corp:g0", "system:serviceaccount:"+robot.Namespace+":robot"))
	case n < 87:
		return group(l.one("ext:team", "corp:u0", "system:serviceaccounts"))
	default:
		return robot
	}
}

func (l *lottery) subjects() []rbacv1.Subject {
	subjects := make([]rbacv1.Subject, l.IntN(15))
	for i := range subjects {
		subjects[i] = l.subject()
	}
	return subjects
}

// draw draws the RBAC of one round. Some bindings are of roles that do not exist.
func (l *lottery) draw() []client.Object {
	l.rules = nil
	objects, clusterRoles := make([]client.Object, 0, 64), append(make([]string, 0, 11), "no-such-role")
	for range 10 {
		role := &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: l.name("answers")}, Rules: l.ruleList("")}
		clusterRoles, objects = append(clusterRoles, role.Name), append(objects, role)
	}
	for range 8 {
		objects = append(objects, &rbacv1.ClusterRoleBinding{
			ObjectMeta: metav1.ObjectMeta{Name: l.name("answers")}, Subjects: l.subjects(), RoleRef: clusterRoleRef(l.one(clusterRoles...)),
		})
	}
	for _, namespace := range l.namespaces[1:] {
		objects = append(objects, l.drawIn(namespace, clusterRoles)...)
	}
	return objects
}

func clusterRoleRef(name string) rbacv1.RoleRef {
	return rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: name}
}

func (l *lottery) drawIn(namespace string, clusterRoles []string) []client.Object {
	objects := make([]client.Object, 0, 13)
	// Called as a ClusterRole is, and as none is.
	roles := []string{"no-such-role", clusterRoles[1]}
	for _, name := range append(roles[1:], l.name("answers"), l.name("answers")) {
		role := &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Rules: l.ruleList(namespace)}
		roles, objects = append(roles, name), append(objects, role)
	}
	for range 10 {
		ref := rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: l.one(roles...)}
		if l.chance(40) {
			ref = clusterRoleRef(l.one(clusterRoles...))
		}
		objects = append(objects, &rbacv1.RoleBinding{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: l.name("answers")}, Subjects: l.subjects(), RoleRef: ref,
		})
	}
	return objects
}

// action draws a question: most of them as some rule has it, the others with something changed.
func (l *lottery) action() answers.Action {
	rule := l.rules[l.IntN(len(l.rules))]
	action := answers.Action{Verb: l.concrete(rule.Verbs, verbs()), Namespace: l.one(rule.namespace, l.one(l.namespaces...), "")}
	if len(rule.NonResourceURLs) > 0 {
		action.Namespace = ""
		action.Path = l.one("/healthz", "/metrics", "/logs/", "/logs", "/logs/x", "/api/", "/apis", "/axb", "/a*b", "/shop/orders")
		return action
	}
	action.APIGroup = l.concrete(rule.APIGroups, apiGroups())
	action.Resource, action.Subresource, _ = strings.Cut(l.concrete(rule.Resources, resources()), "/")
	if action.Resource == "" || action.Resource == "*" && l.chance(80) {
		action.Resource = l.one("pods", "deployments", "widgets")
	}
	if names := rule.ResourceNames; len(names) > 0 && l.chance(70) {
		action.Name = l.one(names...)
	} else if l.chance(50) {
		action.Name = l.one(objectNames()...)
	}
	if l.chance(25) {
		l.perturb(&action)
	}
	return action
}

// concrete draws what a rule has, or anything for its wildcard.
func (l *lottery) concrete(of, all []string) string {
	if drawn := l.one(of...); drawn != "*" || l.chance(10) {
		return drawn
	}
	return l.one(all...)
}

func (l *lottery) perturb(action *answers.Action) {
	switch l.IntN(5) {
	case 0:
		action.Verb = l.one("get", "watch")
	case 1:
		action.APIGroup = l.one("", "other.example")
	case 2:
		action.Subresource = l.one("", "log", "status")
	case 3:
		action.Name = l.one("", "web", "other")
	default:
		action.Namespace = l.one(l.namespaces...)
	}
}
