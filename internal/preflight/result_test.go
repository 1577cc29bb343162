// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package preflight_test

import (
	"errors"
	"fmt"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/outcome"
	"github.com/rollcall-iam/rollcall/internal/preflight"
	"github.com/rollcall-iam/rollcall/internal/session"
)

// denied is how the API server tells a user that something is not allowed, and why.
func denied(username, why string) error {
	return apierrors.NewForbidden(schema.GroupResource{Group: "authentication.k8s.io", Resource: "selfsubjectreviews"}, "",
		fmt.Errorf("User %q cannot create resource \"selfsubjectreviews\" in API group \"authentication.k8s.io\" at the cluster scope%s",
			username, why))
}

var _ = Describe("The API server's answer", func() {
	DescribeTable("says that the signer is of use, and whether the webhook is asked", func(username string, err error, asked bool) {
		for _, signer := range []string{"CSR", "CA"} {
			result, answered := preflight.Judge(signer, username, err)
			Expect(answered).To(BeTrue())
			Expect(result).To(Equal(preflight.Result{Asked: asked}))
		}
	},
		Entry("it knows the bearer", session.PreflightUsername, nil, false),
		Entry("the webhook denied it", "", denied(session.PreflightUsername, ": "+session.DenialPrefix+"no Session has it"), true),
		Entry("nobody allowed it", "", denied(session.PreflightUsername, ""), false),
		Entry("somebody else denied it", "", denied(session.PreflightUsername, ": not on a Sunday"), false),
		Entry("a policy refused it", "", apierrors.NewForbidden(schema.GroupResource{}, "", errors.New("denied by policy")), false),
	)

	DescribeTable("says that the signer is not trusted, and what to do", func(signer, username string, err error, words ...string) {
		result, answered := preflight.Judge(signer, username, err)
		Expect(answered).To(BeTrue())
		Expect(result.Problem).To(SatisfyAll(HaveField("Reason", v1alpha1.ReasonSignerNotTrusted), HaveField("Kind", outcome.Terminal)))
		for _, word := range words {
			Expect(result.Problem.Message).To(ContainSubstring(word))
		}
	},
		Entry("of the cluster", "CSR", "", apierrors.NewUnauthorized("Unauthorized"), "--client-ca-file", "kube-controller-manager"),
		Entry("of the operator", "CA", "", apierrors.NewUnauthorized("Unauthorized"), "ConfigMap rollcall-client-ca", "--client-ca-file"),
		Entry("of another kind", "HSM", "", apierrors.NewUnauthorized("Unauthorized"), "--client-ca-file"),
		Entry("where it takes the bearer for another", "CSR", "proxy", nil, `for "proxy"`, "ends TLS"),
		Entry("where it sees no certificate", "CSR", "", denied("system:anonymous", ""), "does not see", "ends TLS"),
		Entry("where it sees no certificate and its webhook is asked", "CSR", "",
			denied("system:anonymous", ": "+session.DenialPrefix+"no"), "does not see"),
	)

	DescribeTable("is none", func(err error) {
		result, answered := preflight.Judge("CSR", "", err)
		Expect(answered).To(BeFalse())
		Expect(result.Problem).To(SatisfyAll(HaveField("Reason", v1alpha1.ReasonFailed), HaveField("Kind", outcome.Transient),
			HaveField("Message", ContainSubstring(err.Error()))))
	},
		Entry("when there is no connection", errors.New("connection refused")),
		Entry("when its webhook cannot be reached", apierrors.NewInternalError(errors.New("post to the webhook: connection refused"))),
		Entry("when it is busy", apierrors.NewTooManyRequests("later", 1)),
	)
})

var _ = Describe("The conditions", func() {
	told := func(result preflight.Result) map[string]string {
		short := map[string]string{}
		for _, c := range result.Conditions("CSR") {
			Expect(c.Message).NotTo(BeEmpty())
			short[c.Type] = string(c.Status) + " " + c.Reason
		}
		return short
	}

	It("say that all is well", func() {
		Expect(told(preflight.Result{Asked: true})).To(Equal(map[string]string{
			"Ready": "True Reconciled", "SignerReady": "True Signs", "CredentialsChecked": "True WebhookAsked",
		}))
	})

	It("say that the webhook is not asked, what that means and where to read on, and that this is no failure", func() {
		Expect(told(preflight.Result{})).To(Equal(map[string]string{
			"Ready": "True Reconciled", "SignerReady": "True Signs", "CredentialsChecked": "False WebhookNotAsked",
		}))
		Expect(preflight.Result{}.Conditions("CSR")).To(ContainElement(SatisfyAll(HaveField("Type", "CredentialsChecked"),
			HaveField("Message", SatisfyAll(ContainSubstring("until it expires"), ContainSubstring("docs/authentication.md"))))))
	})

	DescribeTable("say what is wrong, and who can help", func(problem *outcome.Problem, second, signer string) {
		Expect(told(preflight.Result{Problem: problem})).To(Equal(map[string]string{
			"Ready": "False " + problem.Reason, second: "True " + problem.Reason, "SignerReady": signer + " " + problem.Reason,
			"CredentialsChecked": "Unknown " + problem.Reason,
		}))
		Expect(preflight.Result{Problem: problem}.Conditions("CSR")).To(ContainElement(SatisfyAll(
			HaveField("Type", "SignerReady"), HaveField("Message", problem.Message))))
	},
		Entry("time", outcome.Transientf(v1alpha1.ReasonSigningFailed, "not signed"), "Reconciling", "False"),
		Entry("a person", outcome.Terminalf(v1alpha1.ReasonSigningDenied, "denied"), "Stalled", "False"),
		Entry("a person, in the API server", outcome.Terminalf(v1alpha1.ReasonSignerNotTrusted, "not trusted"), "Stalled", "False"),
		Entry("a person, in the authority", outcome.Terminalf(v1alpha1.ReasonAuthorityUnusable, "gone"), "Stalled", "False"),
		Entry("who is not known, since nobody answered", outcome.Transientf(v1alpha1.ReasonFailed, "no answer"), "Reconciling", "Unknown"),
	)

	It("are of types that an Installation has, each once", func() {
		for _, result := range []preflight.Result{{}, {Problem: outcome.Terminalf("X", "x")}} {
			types := map[string]bool{}
			for _, c := range result.Conditions("CA") {
				types[c.Type] = true
				Expect(c.Status).To(BeElementOf(metav1.ConditionTrue, metav1.ConditionFalse, metav1.ConditionUnknown))
			}
			Expect(types).To(HaveLen(len(result.Conditions("CA"))))
			Expect(len(types)).To(BeNumerically("<=", 8))
		}
	})
})
