// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package integration_test

import (
	"bytes"
	"context"
	"slices"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	certificatesv1 "k8s.io/api/certificates/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/pki"
	"github.com/rollcall-iam/rollcall/internal/signer"
)

func applying(expression string) admissionregistrationv1.Mutation {
	return admissionregistrationv1.Mutation{
		PatchType:          admissionregistrationv1.PatchTypeApplyConfiguration,
		ApplyConfiguration: &admissionregistrationv1.ApplyConfiguration{Expression: expression},
	}
}

func patching(expression string) admissionregistrationv1.Mutation {
	return admissionregistrationv1.Mutation{
		PatchType: admissionregistrationv1.PatchTypeJSONPatch,
		JSONPatch: &admissionregistrationv1.JSONPatch{Expression: expression},
	}
}

// mutate changes the operator's certificate requests when they are created, until the spec ends.
func (w *world) mutate(ctx context.Context, operator csrs, mutation admissionregistrationv1.Mutation) {
	GinkgoHelper()
	name := w.name("policy")
	changes := func(ctx context.Context) bool {
		sent := newCSR(aliceRequest())
		got, err := operator.Create(ctx, sent.DeepCopy(), metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		Expect(err).NotTo(HaveOccurred())
		return !equality.Semantic.DeepEqual(got.Spec.ExpirationSeconds, sent.Spec.ExpirationSeconds) ||
			!slices.Equal(got.Spec.Usages, sent.Spec.Usages) || !bytes.Equal(got.Spec.Request, sent.Spec.Request)
	}
	DeferCleanup(func(ctx SpecContext) {
		Eventually(ctx, changes).WithArguments(ctx).Should(BeFalse(), "the policy is gone")
	})
	w.create(ctx,
		&admissionregistrationv1.MutatingAdmissionPolicy{
			ObjectMeta: metav1.ObjectMeta{Name: name},
			Spec: admissionregistrationv1.MutatingAdmissionPolicySpec{
				MatchConstraints: &admissionregistrationv1.MatchResources{ResourceRules: []admissionregistrationv1.NamedRuleWithOperations{{
					RuleWithOperations: admissionregistrationv1.RuleWithOperations{
						Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.Create},
						Rule: admissionregistrationv1.Rule{
							APIGroups: []string{certificatesv1.GroupName}, APIVersions: []string{"v1"},
							Resources: []string{"certificatesigningrequests"},
						},
					},
				}}},
				MatchConditions: []admissionregistrationv1.MatchCondition{{
					Name: "of-the-operator", Expression: "request.userInfo.username == '" + operatorUser + "'",
				}},
				Mutations:          []admissionregistrationv1.Mutation{mutation},
				FailurePolicy:      new(admissionregistrationv1.Fail),
				ReinvocationPolicy: admissionregistrationv1.NeverReinvocationPolicy,
			},
		},
		&admissionregistrationv1.MutatingAdmissionPolicyBinding{
			ObjectMeta: metav1.ObjectMeta{Name: name},
			Spec:       admissionregistrationv1.MutatingAdmissionPolicyBindingSpec{PolicyName: name},
		})
	Eventually(ctx, changes).WithArguments(ctx).Should(BeTrue(), "the policy is at work")
}

// aliceRequest asks for a certificate of alice.
func aliceRequest() signer.Request {
	GinkgoHelper()
	key, err := pki.NewKey()
	Expect(err).NotTo(HaveOccurred())
	subject := pki.Subject{Username: "alice"}
	body, err := pki.NewRequest(key, subject)
	Expect(err).NotTo(HaveOccurred())
	return signer.Request{User: localUser("alice"), Subject: subject, CSR: body, Duration: time.Hour}
}

// newCSR is a plain request, which no policy has changed.
func newCSR(request signer.Request) *certificatesv1.CertificateSigningRequest {
	GinkgoHelper()
	return &certificatesv1.CertificateSigningRequest{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "test-"},
		Spec: certificatesv1.CertificateSigningRequestSpec{
			Request: request.CSR, SignerName: certificatesv1.KubeAPIServerClientSignerName,
			Usages: []certificatesv1.KeyUsage{certificatesv1.UsageClientAuth},
		},
	}
}

// somebody is a User to ask for.
func (w *world) somebody(ctx context.Context) *v1alpha1.User {
	GinkgoHelper()
	user := localUser(w.name("somebody"))
	w.create(ctx, user)
	return user
}

func ownedBy(request signer.Request, user *v1alpha1.User) signer.Request {
	request.User = user
	return request
}
