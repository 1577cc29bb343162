// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package answers_test

import (
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/answers"
)

func TestAnswers(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Answers")
}

var now = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func in(d time.Duration) *metav1.Time { return &metav1.Time{Time: now.Add(d)} }

func named(name string) metav1.ObjectMeta { return metav1.ObjectMeta{Name: name} }

func condition(kind string, status metav1.ConditionStatus, reason, message string) []metav1.Condition {
	return []metav1.Condition{{Type: kind, Status: status, Reason: reason, Message: message}}
}

// user corp:<name>, who may act.
func user(name string, groups ...string) v1alpha1.User {
	return v1alpha1.User{ObjectMeta: named(name), Status: v1alpha1.UserStatus{
		Username: "corp:" + name, Groups: groups,
		Conditions: condition(v1alpha1.ConditionActive, metav1.ConditionTrue, v1alpha1.ReasonActive, `present in Directory "corp"`),
	}}
}

func inactive(u v1alpha1.User, reason, message string) v1alpha1.User {
	u.Status.Conditions = condition(v1alpha1.ConditionActive, metav1.ConditionFalse, reason, message)
	return u
}

func group(name string) v1alpha1.Group {
	return v1alpha1.Group{
		ObjectMeta: named(name),
		Spec:       v1alpha1.GroupSpec{GroupName: name, DirectoryRef: &v1alpha1.NameReference{Name: "corp"}},
		Status:     v1alpha1.GroupStatus{GroupName: "corp:" + name, State: v1alpha1.IdentityPresent},
	}
}

func rule(apiGroup, resource string, verbs ...string) rbacv1.PolicyRule {
	return rbacv1.PolicyRule{APIGroups: []string{apiGroup}, Resources: []string{resource}, Verbs: verbs}
}

func clusterRole(name string, rules ...rbacv1.PolicyRule) rbacv1.ClusterRole {
	return rbacv1.ClusterRole{ObjectMeta: named(name), Rules: rules}
}

func users(names ...string) []rbacv1.Subject {
	subjects := make([]rbacv1.Subject, len(names))
	for i, name := range names {
		subjects[i] = rbacv1.Subject{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: name}
	}
	return subjects
}

func groups(names ...string) []rbacv1.Subject {
	subjects := users(names...)
	for i := range subjects {
		subjects[i].Kind = rbacv1.GroupKind
	}
	return subjects
}

func roleBinding(namespace, name, role string, subjects ...rbacv1.Subject) rbacv1.RoleBinding {
	return rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Subjects: subjects,
		RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role},
	}
}

// managed makes a binding a Grant's, or a request's.
func managed(b rbacv1.RoleBinding, grant, request string) rbacv1.RoleBinding {
	b.Labels = map[string]string{v1alpha1.LabelManagedBy: v1alpha1.ManagedBy, v1alpha1.LabelGrant: grant}
	if request != "" {
		b.Labels[v1alpha1.LabelRequest] = request
	}
	return b
}

// grant of a ClusterRole in the namespace pay.
func grant(name, role string, edit func(*v1alpha1.GrantSpec), subjects ...v1alpha1.Subject) v1alpha1.Grant {
	g := v1alpha1.Grant{ObjectMeta: named(name), Spec: v1alpha1.GrantSpec{
		Subjects: subjects, RoleRef: v1alpha1.RoleReference{Kind: v1alpha1.RoleKindClusterRole, Name: role},
		Scope: v1alpha1.ScopeNamespaces, Namespaces: &v1alpha1.NamespaceSet{Names: []string{"pay"}}, SubjectMode: v1alpha1.SubjectModeUsers,
	}}
	if edit != nil {
		edit(&g.Spec)
	}
	return g
}

func onRequest(s *v1alpha1.GrantSpec) {
	s.Activation = v1alpha1.ActivationOnRequest
	s.Request = &v1alpha1.RequestPolicy{Approvers: []v1alpha1.Subject{toGroup("leads")}, Quorum: 2}
}

func toGroup(name string) v1alpha1.Subject {
	return v1alpha1.Subject{Kind: v1alpha1.SubjectGroup, Name: name}
}

func toUser(name string) v1alpha1.Subject {
	return v1alpha1.Subject{Kind: v1alpha1.SubjectUser, Name: name}
}

// company is a small one that has everything once.
func company() answers.Snapshot {
	alice, erin := user("alice", "corp:leads", "corp:payments"), user("erin")
	alice.Spec.ExpireTime = in(72 * time.Hour)
	alice.Status.Identity = &v1alpha1.Identity{DisplayName: "Alice Ng"}
	erin.Status.Certificate = &v1alpha1.Certificate{Groups: []v1alpha1.CertifiedGroup{
		{Name: "corp:everybody", NotAfter: *in(time.Hour)}, {Name: "corp:payments", NotAfter: *in(-time.Hour)},
	}}
	request := v1alpha1.AccessRequest{ObjectMeta: named("carol-1"), Spec: v1alpha1.AccessRequestSpec{
		GrantRef: v1alpha1.NameReference{Name: "debug"}, UserName: "corp:carol", Reason: "stuck queue", Ticket: "INC-7",
	}}
	request.Status.ExpireTime = in(time.Hour)
	request.Status.Approvals = []v1alpha1.GivenApproval{
		{Approver: "corp:alice", Decision: v1alpha1.DecisionApprove}, {Approver: "corp:dora", Decision: v1alpha1.DecisionApprove},
	}
	waiting := v1alpha1.AccessRequest{ObjectMeta: named("dora-1"), Spec: v1alpha1.AccessRequestSpec{
		GrantRef: v1alpha1.NameReference{Name: "debug"}, UserName: "corp:dora",
	}}
	waiting.Status.Conditions = condition(v1alpha1.ConditionActive, metav1.ConditionFalse, v1alpha1.ReasonPending, "1 of 2 approvals")
	robot := rbacv1.Subject{Kind: rbacv1.ServiceAccountKind, Namespace: "ci", Name: "robot"}
	return answers.Snapshot{
		Users: []v1alpha1.User{
			alice, user("carol", "corp:payments"), user("dora", "corp:leads", "corp:payments"), erin, user("frank"),
			inactive(user("mallory", "corp:payments"), v1alpha1.ReasonLocked, `Lock "leak" keeps them out`),
		},
		Groups: []v1alpha1.Group{group("payments"), group("leads"), group("everybody"), group("empty")},
		Grants: []v1alpha1.Grant{
			grant("payments-view", "view", func(s *v1alpha1.GrantSpec) { s.Reason = "CHG-1: on call" }, toGroup("payments"), toUser("alice")),
			grant("debug", "debug", onRequest, toGroup("payments")),
			grant("closed", "debug", func(s *v1alpha1.GrantSpec) { s.ExpireTime = in(-time.Hour) }, toUser("frank")),
			grant("later", "debug", func(s *v1alpha1.GrantSpec) { s.StartTime = in(time.Hour) }, toUser("frank")),
			grant("everybody-view", "view", func(s *v1alpha1.GrantSpec) { s.SubjectMode = v1alpha1.SubjectModeGroups }, toGroup("everybody")),
			grant("shop-debug", "debug", func(s *v1alpha1.GrantSpec) { s.Namespaces.Names = []string{"shop"} }, toUser("frank")),
		},
		AccessRequests: []v1alpha1.AccessRequest{request, waiting},
		Locks: []v1alpha1.Lock{
			{ObjectMeta: named("leak"), Spec: v1alpha1.LockSpec{
				Target: v1alpha1.LockTarget{Kind: v1alpha1.LockUser, Name: "mallory"}, Reason: "key on a bus", ExpireTime: in(time.Hour),
			}},
			{ObjectMeta: named("over"), Spec: v1alpha1.LockSpec{
				Target: v1alpha1.LockTarget{Kind: v1alpha1.LockGroup, Name: "payments"}, ExpireTime: in(-time.Hour),
			}},
		},
		ClusterRoles: []rbacv1.ClusterRole{
			clusterRole("view", rule("", "pods", "get", "list")),
			clusterRole("debug", rule("", "services", "get"), rule("", "pods/exec", "create")),
			clusterRole("urls", rbacv1.PolicyRule{NonResourceURLs: []string{"/metrics"}, Verbs: []string{"get"}}),
		},
		ClusterRoleBindings: []rbacv1.ClusterRoleBinding{{
			ObjectMeta: named("urls"), RoleRef: rbacv1.RoleRef{Kind: "ClusterRole", Name: "urls"},
			Subjects: append(groups("system:authenticated", "system:unauthenticated"), robot),
		}},
		RoleBindings: []rbacv1.RoleBinding{
			managed(roleBinding("pay", "rollcall:payments-view", "view", users("corp:alice", "corp:carol", "corp:dora")...), "payments-view", ""),
			managed(roleBinding("pay", "rollcall:everybody-view", "view", groups("corp:everybody")...), "everybody-view", ""),
			managed(roleBinding("pay", "rollcall-request:carol-1", "debug", users("corp:carol")...), "debug", "carol-1"),
			// Labels alone are anybody's.
			managed(roleBinding("pay", "by-hand", "view", append(users("corp:mallory", "ext:bob"), robot)...), "payments-view", ""),
			roleBinding("pay", "broken", "no-such-role", users("corp:frank")...),
			roleBinding("shop", "old", "debug", groups("corp:leads", "corp:empty", "ext:team")...),
		},
		Namespaces: []corev1.Namespace{{ObjectMeta: named("pay")}, {ObjectMeta: named("shop")}},
	}
}
