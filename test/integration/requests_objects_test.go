// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package integration_test

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
)

// onRequest makes a Grant one to ask for.
func onRequest(grant *v1alpha1.Grant, quorum int32, approvers ...v1alpha1.Subject) *v1alpha1.Grant {
	grant.Spec.Activation = v1alpha1.ActivationOnRequest
	grant.Spec.Request = &v1alpha1.RequestPolicy{MaxDurationSeconds: 7200, Approvers: approvers, Quorum: quorum}
	return grant
}

func requestFor(name string, grant *v1alpha1.Grant, username string) *v1alpha1.AccessRequest {
	return &v1alpha1.AccessRequest{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: v1alpha1.AccessRequestSpec{
		GrantRef: v1alpha1.NameReference{Name: grant.Name}, UserName: username, DurationSeconds: 3600, Reason: "the site is down",
	}}
}

// almighty is the administrator, called something else: groups decide what the API server lets them do, and these are its own.
func (w *world) almighty(username string) client.Client {
	GinkgoHelper()
	config := *w.plane.RESTConfig()
	config.Impersonate.UserName, config.Impersonate.Groups = username, []string{"system:masters"}
	c, err := client.New(&config, client.Options{Scheme: w.admin.Scheme()})
	Expect(err).NotTo(HaveOccurred())
	return c
}

// asks makes a request of a person.
func (s *stage) asks(
	ctx SpecContext, person *v1alpha1.User, grant *v1alpha1.Grant, edits ...func(*v1alpha1.AccessRequest),
) *v1alpha1.AccessRequest {
	GinkgoHelper()
	username := get(ctx, s.world, person).Status.Username
	request := requestFor(s.name("request"), grant, username)
	for _, edit := range edits {
		edit(request)
	}
	Expect(s.almighty(username).Create(ctx, request)).To(Succeed())
	DeferCleanup(func(ctx SpecContext) { s.delete(ctx, request) })
	s.reconcile(ctx, accessController, request)
	return request
}

// decides makes a decision of a person about a request.
func (s *stage) decides(
	ctx SpecContext, person *v1alpha1.User, request *v1alpha1.AccessRequest, decision v1alpha1.Decision,
) *v1alpha1.Approval {
	GinkgoHelper()
	username := get(ctx, s.world, person).Status.Username
	approval := &v1alpha1.Approval{ObjectMeta: metav1.ObjectMeta{Name: s.name("approval")}, Spec: v1alpha1.ApprovalSpec{
		RequestRef: v1alpha1.RequestReference{Name: request.Name, UID: string(request.UID)}, Decision: decision, Approver: username,
	}}
	Expect(s.almighty(username).Create(ctx, approval)).To(Succeed())
	DeferCleanup(func(ctx SpecContext) { s.delete(ctx, approval) })
	s.reconcile(ctx, accessController, request)
	return approval
}

// entry makes a User with an entry in a directory, who is active.
func (s *stage) entry(ctx SpecContext, directory, email string) *v1alpha1.User {
	GinkgoHelper()
	user := localUser(s.name("entry"))
	user.Spec.DirectoryRef = &v1alpha1.NameReference{Name: directory}
	s.create(ctx, user)
	user.Status.Identity = &v1alpha1.Identity{ID: user.Name, Email: email, State: v1alpha1.IdentityPresent}
	Expect(s.admin.Status().Update(ctx, user)).To(Succeed())
	s.reconcile(ctx, userController, user)
	Expect(s.condition(ctx, user, active)).To(says(isTrue, v1alpha1.ReasonActive))
	return user
}

// given is whom the binding of a request names; nil where there is none.
func (w *world) given(ctx context.Context, request *v1alpha1.AccessRequest) []string {
	GinkgoHelper()
	return w.bound(ctx, "", "rollcall-request:"+request.Name)
}

// over matches a request that has ended for a reason and gives nothing.
func (s *stage) over(ctx SpecContext, request *v1alpha1.AccessRequest, reason string) {
	GinkgoHelper()
	Expect(s.condition(ctx, request, active)).To(says(isFalse, reason))
	Expect(request.Status.EndReason).To(Equal(reason))
	Expect(request.Status.EndTime).NotTo(BeNil())
	Expect(s.given(ctx, request)).To(BeNil())
}
