// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package plugin_test

import (
	"context"
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
)

// name is one that nothing else has in this suite, since all specs share one API server.
func name(prefix string) string { return fmt.Sprintf("%s-%d", prefix, time.Now().UnixNano()) }

func create(ctx context.Context, objects ...client.Object) {
	GinkgoHelper()
	for _, object := range objects {
		Expect(writer(object).Create(ctx, object)).To(Succeed())
		DeferCleanup(func(ctx SpecContext) { Expect(client.IgnoreNotFound(admin.Delete(ctx, object))).To(Succeed()) })
	}
}

// writer is the administrator, called what who asks or approves has to be called.
func writer(object client.Object) client.Client {
	GinkgoHelper()
	config := rest.CopyConfig(plane.RESTConfig())
	switch o := object.(type) {
	case *v1alpha1.AccessRequest:
		config.Impersonate = rest.ImpersonationConfig{UserName: o.Spec.UserName, Groups: []string{"system:masters"}}
	case *v1alpha1.Approval:
		config.Impersonate = rest.ImpersonationConfig{UserName: o.Spec.Approver, Groups: []string{"system:masters"}}
	default:
		return admin
	}
	c, err := client.New(config, client.Options{Scheme: admin.Scheme()})
	Expect(err).NotTo(HaveOccurred())
	return c
}

// state writes an object's status, as the operator would.
func state[T client.Object](ctx context.Context, object T, how func(T)) {
	GinkgoHelper()
	Eventually(ctx, func(g Gomega) {
		g.Expect(admin.Get(ctx, client.ObjectKeyFromObject(object), object)).To(Succeed())
		how(object)
		g.Expect(admin.Status().Update(ctx, object)).To(Succeed())
	}).Should(Succeed())
}

func condition(of client.Object, kind string, status metav1.ConditionStatus, reason, message string) metav1.Condition {
	return metav1.Condition{
		Type: kind, Status: status, Reason: reason, Message: message, LastTransitionTime: metav1.Now(), ObservedGeneration: of.GetGeneration(),
	}
}

// localUser is a User of no directory who may act.
func localUser(ctx context.Context, name string) *v1alpha1.User {
	GinkgoHelper()
	user := &v1alpha1.User{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: v1alpha1.UserSpec{UserName: name}}
	create(ctx, user)
	state(ctx, user, func(u *v1alpha1.User) {
		u.Status.Username = name
		u.Status.Conditions = []metav1.Condition{condition(u, v1alpha1.ConditionActive, metav1.ConditionTrue, v1alpha1.ReasonActive, "")}
	})
	return user
}

func localGroup(ctx context.Context, name string, members ...string) *v1alpha1.Group {
	GinkgoHelper()
	group := &v1alpha1.Group{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: v1alpha1.GroupSpec{GroupName: name, Members: members}}
	create(ctx, group)
	return group
}

// onRequest is a Grant of ClusterRole edit in namespace default, that anybody of a group asks for and two others approve.
func onRequest(name, group string) *v1alpha1.Grant {
	return &v1alpha1.Grant{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: v1alpha1.GrantSpec{
		Subjects: []v1alpha1.Subject{{Kind: v1alpha1.SubjectGroup, Name: group}},
		RoleRef:  v1alpha1.RoleReference{Kind: v1alpha1.RoleKindClusterRole, Name: "edit"},
		Scope:    v1alpha1.ScopeNamespaces, Namespaces: &v1alpha1.NamespaceSet{Names: []string{"default"}},
		Activation: v1alpha1.ActivationOnRequest,
		Request: &v1alpha1.RequestPolicy{
			MaxDurationSeconds: 7200, Quorum: 2, Approvers: []v1alpha1.Subject{{Kind: v1alpha1.SubjectGroup, Name: "leads"}},
		},
	}}
}

// requestFor is the only request for a Grant, once it is there.
func requestFor(ctx context.Context, grant string) *v1alpha1.AccessRequest {
	GinkgoHelper()
	var found *v1alpha1.AccessRequest
	Eventually(ctx, func(g Gomega) {
		var list v1alpha1.AccessRequestList
		g.Expect(admin.List(ctx, &list)).To(Succeed())
		for i := range list.Items {
			if list.Items[i].Spec.GrantRef.Name == grant {
				found = &list.Items[i]
			}
		}
		g.Expect(found).NotTo(BeNil())
	}).Should(Succeed())
	DeferCleanup(func(ctx SpecContext) { Expect(client.IgnoreNotFound(admin.Delete(ctx, found))).To(Succeed()) })
	return found
}

// asked is a request of somebody, as the operator shows it while approvals are missing.
func asked(ctx context.Context, grant, who, reason string) *v1alpha1.AccessRequest {
	GinkgoHelper()
	request := &v1alpha1.AccessRequest{ObjectMeta: metav1.ObjectMeta{Name: name("asked")}, Spec: v1alpha1.AccessRequestSpec{
		GrantRef: v1alpha1.NameReference{Name: grant}, UserName: who, DurationSeconds: 3600, Reason: reason,
	}}
	create(ctx, request)
	state(ctx, request, pending)
	return request
}

func pending(r *v1alpha1.AccessRequest) {
	r.Status.Conditions = []metav1.Condition{
		condition(r, v1alpha1.ConditionActive, metav1.ConditionFalse, v1alpha1.ReasonPending, "approvals are missing"),
	}
}

func approvedBy(usernames ...string) func(*v1alpha1.AccessRequest) {
	return func(r *v1alpha1.AccessRequest) {
		for _, username := range usernames {
			r.Status.Approvals = append(r.Status.Approvals, v1alpha1.GivenApproval{
				Name: "by-" + username, UID: username, Approver: username, User: username, Decision: v1alpha1.DecisionApprove, Time: metav1.Now(),
			})
		}
	}
}

func activeFor(d time.Duration) func(*v1alpha1.AccessRequest) {
	return func(r *v1alpha1.AccessRequest) {
		r.Status.StartTime, r.Status.ExpireTime = new(metav1.Now()), new(metav1.NewTime(time.Now().Add(d)))
		r.Status.Conditions = []metav1.Condition{
			condition(r, v1alpha1.ConditionActive, metav1.ConditionTrue, v1alpha1.ReasonActive, "approved"),
		}
	}
}

func over(reason, message string) func(*v1alpha1.AccessRequest) {
	return func(r *v1alpha1.AccessRequest) {
		r.Status.EndTime, r.Status.EndReason = new(metav1.Now()), reason
		r.Status.Conditions = []metav1.Condition{condition(r, v1alpha1.ConditionActive, metav1.ConditionFalse, reason, message)}
	}
}

// approvalOf is the only Approval of a request, once it is there.
func approvalOf(ctx context.Context, request string) *v1alpha1.Approval {
	GinkgoHelper()
	var found *v1alpha1.Approval
	Eventually(ctx, func(g Gomega) {
		var list v1alpha1.ApprovalList
		g.Expect(admin.List(ctx, &list)).To(Succeed())
		for i := range list.Items {
			if list.Items[i].Spec.RequestRef.Name == request {
				found = &list.Items[i]
			}
		}
		g.Expect(found).NotTo(BeNil())
	}).Should(Succeed())
	DeferCleanup(func(ctx SpecContext) { Expect(client.IgnoreNotFound(admin.Delete(ctx, found))).To(Succeed()) })
	return found
}

func judged(status metav1.ConditionStatus, reason, message string) func(*v1alpha1.Approval) {
	return func(a *v1alpha1.Approval) {
		a.Status.Conditions = []metav1.Condition{condition(a, v1alpha1.ConditionReady, status, reason, message)}
	}
}
