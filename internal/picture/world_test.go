// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package picture_test

import (
	"fmt"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/picture"
)

// now is when the company below is looked at.
func now() time.Time { return time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC) }

func in(d time.Duration) *metav1.Time { return new(metav1.NewTime(now().Add(d))) }

func named(name string) metav1.ObjectMeta { return metav1.ObjectMeta{Name: name} }

func user(name, display string, groups ...string) v1alpha1.User {
	u := v1alpha1.User{ObjectMeta: named(name)}
	u.Spec.UserName, u.Spec.DirectoryRef = name, &v1alpha1.NameReference{Name: "corp"}
	u.Status.Username = "corp:" + name
	u.Status.Identity = &v1alpha1.Identity{DisplayName: display, State: v1alpha1.IdentityPresent, Groups: groups}
	u.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionActive, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonActive}}
	return u
}

func inactive(u v1alpha1.User, reason string) v1alpha1.User {
	u.Status.Conditions[0].Status, u.Status.Conditions[0].Reason = metav1.ConditionFalse, reason
	return u
}

func group(name string) v1alpha1.Group {
	g := v1alpha1.Group{ObjectMeta: named(name)}
	g.Spec.GroupName, g.Spec.DirectoryRef = name, &v1alpha1.NameReference{Name: "corp"}
	g.Status.GroupName, g.Status.State = "corp:"+name, v1alpha1.IdentityPresent
	return g
}

func groupSubject(name string) v1alpha1.Subject {
	return v1alpha1.Subject{Kind: v1alpha1.SubjectGroup, Name: name}
}

func userSubject(name string) v1alpha1.Subject {
	return v1alpha1.Subject{Kind: v1alpha1.SubjectUser, Name: name}
}

func grant(name, role string, namespaces []string, subjects ...v1alpha1.Subject) v1alpha1.Grant {
	g := v1alpha1.Grant{ObjectMeta: named(name)}
	g.Spec.Subjects, g.Spec.RoleRef = subjects, v1alpha1.RoleReference{Kind: v1alpha1.RoleKindClusterRole, Name: role}
	g.Spec.Scope = v1alpha1.ScopeCluster
	if namespaces != nil {
		g.Spec.Scope, g.Spec.Namespaces = v1alpha1.ScopeNamespaces, &v1alpha1.NamespaceSet{Names: namespaces}
	}
	return g
}

func onRequest(g v1alpha1.Grant, approvers ...v1alpha1.Subject) v1alpha1.Grant {
	g.Spec.Activation = v1alpha1.ActivationOnRequest
	g.Spec.Request = &v1alpha1.RequestPolicy{MaxDurationSeconds: 3600, Quorum: 1, Approvers: approvers}
	return g
}

func roleBinding(namespace, name, grant, request string, usernames ...string) rbacv1.RoleBinding {
	b := rbacv1.RoleBinding{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: map[string]string{
		v1alpha1.LabelGrant: grant,
	}}}
	if request != "" {
		b.Labels[v1alpha1.LabelRequest] = request
	}
	for _, username := range usernames {
		b.Subjects = append(b.Subjects, rbacv1.Subject{Kind: rbacv1.UserKind, Name: username})
	}
	return b
}

func request(name, grant, username string) v1alpha1.AccessRequest {
	r := v1alpha1.AccessRequest{ObjectMeta: named(name)}
	r.Spec = v1alpha1.AccessRequestSpec{
		GrantRef: v1alpha1.NameReference{Name: grant}, UserName: username, DurationSeconds: 3600, Reason: "INC-7: payments are stuck",
	}
	r.Status.ExpireTime = in(59 * time.Minute)
	r.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionActive, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonActive}}
	r.Status.Applied = []v1alpha1.AppliedBinding{{Namespace: "pay", Name: "rollcall-request:" + name}}
	return r
}

func lock(name string, kind v1alpha1.SubjectKind, target, reason string, expire *metav1.Time) v1alpha1.Lock {
	return v1alpha1.Lock{ObjectMeta: named(name), Spec: v1alpha1.LockSpec{
		Target: v1alpha1.LockTarget{Kind: v1alpha1.LockTargetKind(kind), Name: target}, Reason: reason, ExpireTime: expire,
	}}
}

// company has a bit of everything.
func company() *picture.World {
	w := &picture.World{Now: now()}
	w.Users = append(w.Users,
		user("alice", "Alice Ng", "payments", "oncall"),
		user("bob", "Bob Oduya", "payments"),
		inactive(user("carol", "Carol Díaz", "oncall", "contractors"), v1alpha1.ReasonSuspended),
		user("dave", "Dave Li", "oncall"),
		inactive(user("mallory", "Mallory Kos", "payments"), v1alpha1.ReasonLocked),
	)
	for i := range 18 {
		w.Users = append(w.Users, user(fmt.Sprintf("payer-%02d", i), fmt.Sprintf("Payer %d", i), "payments"))
	}
	robot := v1alpha1.User{ObjectMeta: named("deployer"), Spec: v1alpha1.UserSpec{UserName: "deployer"}}
	robot.Status.Username = "deployer"
	robot.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionActive, Status: metav1.ConditionTrue}}
	w.Users = append(w.Users, robot)
	contractors := group("contractors")
	contractors.Status.State = v1alpha1.IdentityMissing
	w.Groups = append(w.Groups, group("payments"), group("oncall"), contractors,
		v1alpha1.Group{ObjectMeta: named("robots"), Spec: v1alpha1.GroupSpec{GroupName: "robots", Members: []string{"deployer", "alice"}}})
	past := grant("audit-2025", "view", nil, userSubject("dave"), userSubject("erin"))
	past.Spec.ExpireTime = in(-24 * time.Hour)
	labelled := grant("deploy", "edit", []string{"ci"}, groupSubject("robots"))
	labelled.Spec.Namespaces.Selector = &metav1.LabelSelector{MatchLabels: map[string]string{"deployed": "yes"}}
	until := grant("contractors-view", "view", []string{"pay", "shop"}, groupSubject("contractors"))
	until.Spec.ExpireTime = in(30 * 24 * time.Hour)
	w.Grants = append(w.Grants, past, labelled, until,
		grant("payments-edit", "edit", []string{"pay"}, groupSubject("payments"), userSubject("dave")),
		onRequest(grant("breakglass", "admin", []string{"pay"}, groupSubject("oncall")), groupSubject("payments"), userSubject("bob")))
	w.Locks = append(w.Locks, lock("mallory-x7k2p", v1alpha1.SubjectUser, "mallory", "laptop stolen", nil),
		lock("old", v1alpha1.SubjectUser, "bob", "over", in(-time.Hour)))
	w.Requests = append(w.Requests, request("breakglass-7wq2m", "breakglass", "corp:alice"))
	w.RoleBindings = append(w.RoleBindings,
		roleBinding("pay", "rollcall:payments-edit", "payments-edit", "", "corp:alice", "corp:bob", "corp:dave"),
		roleBinding("pay", "rollcall-request:breakglass-7wq2m", "breakglass", "breakglass-7wq2m", "corp:alice"),
		roleBinding("ci", "rollcall:deploy", "deploy", "", "corp:alice", "deployer"))
	w.Sort()
	return w
}
