// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

// Package company is a company of some thirty people, for specs and pictures of what is said of all of a cluster at once; and one of as
// many as somebody likes, for measuring.
package company

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/report"
	"github.com/rollcall-iam/rollcall/internal/usage"
	"github.com/rollcall-iam/rollcall/internal/wire"
)

// Now is when the company is looked at: a Friday.
func Now() time.Time { return time.Date(2026, 11, 27, 9, 30, 0, 0, time.UTC) }

const (
	day    = 24 * time.Hour
	prefix = "corp:"
)

func ago(d time.Duration) metav1.Time { return metav1.NewTime(Now().Add(-d)) }

func in(d time.Duration) *metav1.Time { return new(metav1.NewTime(Now().Add(d))) }

func meta(name string, age time.Duration) metav1.ObjectMeta {
	return metav1.ObjectMeta{Name: name, UID: types.UID("uid-of-" + name), CreationTimestamp: ago(age)}
}

// Condition is one of a status.
func Condition(kind string, status metav1.ConditionStatus, reason, message string) metav1.Condition {
	return metav1.Condition{Type: kind, Status: status, Reason: reason, Message: message, LastTransitionTime: ago(day)}
}

// User is somebody of the directory who may act.
func User(name, display string, groups ...string) v1alpha1.User {
	u := v1alpha1.User{ObjectMeta: meta(name, 400*day)}
	u.Spec.UserName, u.Spec.DirectoryRef = name, &v1alpha1.NameReference{Name: "corp"}
	u.Status.Username = prefix + name
	u.Status.Identity = &v1alpha1.Identity{ID: "id-of-" + name, DisplayName: display, State: v1alpha1.IdentityPresent, Groups: groups}
	for _, group := range groups {
		u.Status.Groups = append(u.Status.Groups, prefix+group)
	}
	u.Status.Conditions = []metav1.Condition{Condition(v1alpha1.ConditionActive, metav1.ConditionTrue, v1alpha1.ReasonActive, "may act")}
	return u
}

// Inactive is somebody who may not act.
func Inactive(u v1alpha1.User, reason, message string) v1alpha1.User {
	u.Status.Conditions = []metav1.Condition{Condition(v1alpha1.ConditionActive, metav1.ConditionFalse, reason, message)}
	return u
}

// Group is one of the directory.
func Group(name string) v1alpha1.Group {
	g := v1alpha1.Group{ObjectMeta: meta(name, 400*day)}
	g.Spec.GroupName, g.Spec.DirectoryRef = name, &v1alpha1.NameReference{Name: "corp"}
	g.Status.GroupName, g.Status.State = prefix+name, v1alpha1.IdentityPresent
	return g
}

// ToGroup and ToUser name whom a Grant gives something.
func ToGroup(name string) v1alpha1.Subject {
	return v1alpha1.Subject{Kind: v1alpha1.SubjectGroup, Name: name}
}

// ToUser is ToGroup for one person.
func ToUser(name string) v1alpha1.Subject {
	return v1alpha1.Subject{Kind: v1alpha1.SubjectUser, Name: name}
}

// Grant of a ClusterRole, in namespaces or, without any, everywhere.
func Grant(name, role, namespaces string, subjects ...v1alpha1.Subject) v1alpha1.Grant {
	g := v1alpha1.Grant{ObjectMeta: meta(name, 200*day)}
	g.Spec.Subjects, g.Spec.RoleRef = subjects, v1alpha1.RoleReference{Kind: v1alpha1.RoleKindClusterRole, Name: role}
	g.Spec.Scope, g.Spec.Activation, g.Spec.SubjectMode = v1alpha1.ScopeCluster, v1alpha1.ActivationAlways, v1alpha1.SubjectModeUsers
	if namespaces != "" {
		g.Spec.Scope, g.Spec.Namespaces = v1alpha1.ScopeNamespaces, &v1alpha1.NamespaceSet{Names: strings.Fields(namespaces)}
	}
	return g
}

// Until has a Grant end.
func Until(g v1alpha1.Grant, d time.Duration) v1alpha1.Grant {
	g.Spec.ExpireTime = in(d)
	return g
}

// OnRequest has people ask for a Grant.
func OnRequest(g v1alpha1.Grant, mode v1alpha1.ApprovalMode, approvers ...v1alpha1.Subject) v1alpha1.Grant {
	g.Spec.Activation = v1alpha1.ActivationOnRequest
	g.Spec.Request = &v1alpha1.RequestPolicy{MaxDurationSeconds: 14400, Quorum: 1, Approvers: approvers, Approval: mode}
	return g
}

// Role is a ClusterRole.
func Role(name string, rules ...rbacv1.PolicyRule) rbacv1.ClusterRole {
	return rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: name}, Rules: rules}
}

// Rule of the core group, in three lists of words.
func Rule(verbs, groups, resources string) rbacv1.PolicyRule {
	list := func(words string) []string {
		if words == "core" {
			return []string{""}
		}
		return strings.Fields(words)
	}
	return rbacv1.PolicyRule{Verbs: list(verbs), APIGroups: list(groups), Resources: list(resources)}
}

// Roles are those of every cluster, as far as it matters here, and two more.
func Roles() []rbacv1.ClusterRole {
	return []rbacv1.ClusterRole{
		Role("cluster-admin", Rule("*", "*", "*")),
		Role("admin", Rule("get list watch create delete", "core", "pods secrets configmaps"),
			Rule("impersonate", "core", "serviceaccounts")),
		Role("edit", Rule("get list watch create delete", "core", "pods secrets configmaps"), Rule("impersonate", "core", "serviceaccounts")),
		Role("view", Rule("get list watch", "core", "pods configmaps services")),
		Role("deployer", Rule("get list watch patch update", "apps", "deployments statefulsets")),
		Role("log-reader", Rule("get list", "core", "pods pods/log")),
	}
}

// Subjects of RBAC by their names; those of groups begin with a %.
func Subjects(names ...string) []rbacv1.Subject {
	subjects := make([]rbacv1.Subject, len(names))
	for i, name := range names {
		subjects[i] = rbacv1.Subject{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: name}
		if group, found := strings.CutPrefix(name, "%"); found {
			subjects[i].Kind, subjects[i].Name = rbacv1.GroupKind, group
		}
	}
	return subjects
}

// ClusterRoleBinding is one that no Grant made.
func ClusterRoleBinding(name, role string, subjects ...string) rbacv1.ClusterRoleBinding {
	return rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: name}, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role},
		Subjects: Subjects(subjects...),
	}
}

// RoleBinding is one that no Grant made.
func RoleBinding(namespace, name, role string, subjects ...string) rbacv1.RoleBinding {
	return rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role}, Subjects: Subjects(subjects...),
	}
}

// Bind makes the bindings of all Grants that hold always, as the operator would.
func Bind(in *report.Input) {
	for i := range in.Grants {
		g := &in.Grants[i]
		names := reached(in, g)
		over := g.Spec.ExpireTime != nil && g.Spec.ExpireTime.Time.Before(Now())
		if g.Spec.Activation != v1alpha1.ActivationAlways || len(names) == 0 || over {
			continue
		}
		bind(in, g, "rollcall:"+g.Name, "", names)
	}
}

func bind(in *report.Input, g *v1alpha1.Grant, name, request string, usernames []string) {
	labels := map[string]string{v1alpha1.LabelManagedBy: v1alpha1.ManagedBy, v1alpha1.LabelGrant: g.Name}
	if request != "" {
		labels[v1alpha1.LabelRequest] = request
	}
	if g.Spec.Scope == v1alpha1.ScopeCluster {
		b := ClusterRoleBinding(name, g.Spec.RoleRef.Name, usernames...)
		b.Labels = labels
		in.ClusterRoleBindings = append(in.ClusterRoleBindings, b)
		return
	}
	for _, namespace := range g.Spec.Namespaces.Names {
		b := RoleBinding(namespace, name, g.Spec.RoleRef.Name, usernames...)
		b.Labels = labels
		in.RoleBindings = append(in.RoleBindings, b)
	}
}

func reached(in *report.Input, g *v1alpha1.Grant) []string {
	var names []string
	for i := range in.Users {
		u := &in.Users[i]
		named := slices.ContainsFunc(g.Spec.Subjects, func(s v1alpha1.Subject) bool {
			return s.Kind == v1alpha1.SubjectUser && s.Name == u.Name ||
				s.Kind == v1alpha1.SubjectGroup && slices.Contains(u.Status.Groups, prefix+s.Name)
		})
		if named && u.Status.Conditions[0].Status == metav1.ConditionTrue {
			names = append(names, u.Status.Username)
			u.Status.Grants = append(u.Status.Grants, g.Name)
		}
	}
	return names
}

// Session of somebody, on a machine of theirs.
func Session(user, device string, method v1alpha1.AuthenticationMethod, began time.Duration) v1alpha1.Session {
	s := v1alpha1.Session{ObjectMeta: meta(user+"-"+device, began)}
	s.Spec.UserRef, s.Spec.Username, s.Spec.Device = v1alpha1.UserReference{Name: user, UID: "uid-of-" + user}, prefix+user, device
	s.Spec.Authentication = v1alpha1.SessionAuthentication{Method: method, Time: ago(began)}
	s.Spec.Custody = v1alpha1.CustodyClient
	s.Status.Certificates = []v1alpha1.SessionCertificate{{NotBefore: ago(5 * time.Minute), NotAfter: *in(11 * time.Minute)}}
	s.Status.LastSeenTime = new(ago(3 * time.Minute))
	s.Status.Conditions = []metav1.Condition{Condition(v1alpha1.ConditionActive, metav1.ConditionTrue, v1alpha1.ReasonActive, "goes on")}
	return s
}

// Coverage of the last days; all of them but for gaps.
func Coverage(days int, share float64, gaps ...usage.Gap) usage.Coverage {
	return usage.Coverage{Since: ago(time.Duration(days) * day), Until: metav1.NewTime(Now()), Share: share, Gaps: gaps}
}

// Said is what the audit service says of a Grant.
func Said(g *v1alpha1.Grant, said v1alpha1.GrantUsage, message string, requests int64, people int, last time.Duration) wire.GrantUsage {
	u := wire.GrantUsage{Name: g.Name, UID: string(g.UID), Created: g.CreationTimestamp, Usage: said, Message: message}
	u.Requests, u.People = requests, people
	if requests > 0 {
		u.Last = new(ago(last))
	}
	return u
}

// Days are what usernames did: much on working days and little on others, the same each time.
func Days(days int, usernames []string) []wire.Day {
	random := rand.New(rand.NewPCG(20, 26))
	var items []wire.Day
	for back := days; back >= 0; back-- {
		date := Now().AddDate(0, 0, -back)
		for i, username := range usernames {
			typical := 260 / (1 + i/2)
			if date.Weekday() == time.Saturday || date.Weekday() == time.Sunday {
				typical /= 12
			}
			if typical < 4 && random.IntN(3) > 0 {
				continue
			}
			requests := int64(typical/2 + random.IntN(typical+2))
			if requests == 0 {
				continue
			}
			refused := int64(0)
			if random.IntN(6) == 0 {
				refused = min(requests, int64(random.IntN(4)))
			}
			on := date.Format(time.DateOnly)
			items = append(items, wire.Day{Day: on, Username: username, Requests: requests, Forbidden: refused})
		}
	}
	return items
}

// Names are made-up ones, as many as there are; beyond that they have numbers.
func Names(count int) []string {
	first := strings.Fields("Alice Bob Carol Dave Erin Frank Grace Heidi Ivan Judy " +
		"Kofi Lena Mallory Nadia Oscar Peggy Quentin Rosa Sami Tove")
	last := strings.Fields("Ng Oduya Díaz Li Novak Weber Haddad Sørensen Petrov Kim Mensah Fischer Kos Rahman Lund Silva")
	names := make([]string, count)
	for i := range names {
		names[i] = first[i%len(first)] + " " + last[(i*7+i/len(first))%len(last)]
		if i >= len(first)*len(last) {
			names[i] += fmt.Sprintf(" %d", i)
		}
	}
	return names
}
