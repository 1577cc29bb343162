// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package status_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/person"
	"github.com/rollcall-iam/rollcall/internal/status"
)

var _ = Describe("The summary of a User", func() {
	verdict := func(state metav1.ConditionStatus, reason string) person.Verdict {
		return person.Verdict{Status: state, Reason: reason, Message: "why " + reason}
	}
	mayAct := verdict(metav1.ConditionTrue, v1alpha1.ReasonActive)
	plain := &v1alpha1.User{}
	// asks is a User of generation 2 that asks for a kubeconfig, of which that is said.
	asks := func(generation int64, state metav1.ConditionStatus, reason string) *v1alpha1.User {
		user := &v1alpha1.User{}
		user.Generation, user.Spec.Kubeconfig = 2, &v1alpha1.KubeconfigSpec{}
		if reason != "" {
			said := condition(v1alpha1.ConditionKubeconfig, state, reason, "about "+reason)
			user.Status.Conditions = []metav1.Condition{stored(said, generation, now)}
		}
		return user
	}
	yes, no := metav1.ConditionTrue, metav1.ConditionFalse

	DescribeTable("is", func(verdict person.Verdict, user *v1alpha1.User, ready metav1.ConditionStatus, reason, second string) {
		said := status.OfUser(verdict, user)
		Expect(said[0]).To(And(HaveField("Type", "Ready"), HaveField("Status", ready), HaveField("Reason", reason),
			HaveField("Message", Not(BeEmpty()))))
		if second == "" {
			Expect(said).To(HaveLen(1))
		} else {
			Expect(said).To(HaveExactElements(HaveField("Type", "Ready"), And(HaveField("Type", second), HaveField("Reason", reason))))
		}
	},
		Entry("that all is well, of somebody who may act", mayAct, plain, yes, "Reconciled", ""),
		Entry("that all is well, of somebody who may not", verdict(no, "Suspended"), plain, yes, "Reconciled", ""),
		Entry("that a person has to act", person.Verdict{Status: no, Reason: "UsernameTaken", Message: "m", PersonMustAct: true}, plain,
			no, "UsernameTaken", "Stalled"),
		Entry("that the directory is not there", verdict(no, "DirectoryUnknown"), plain, no, "DirectoryUnknown", "Reconciling"),
		Entry("that the directory was not read", verdict(metav1.ConditionUnknown, "DirectoryPending"), plain,
			no, "DirectoryPending", "Reconciling"),
		Entry("that a kubeconfig is being made", mayAct, asks(2, "", ""), no, "Issuing", "Reconciling"),
		Entry("that it is there", mayAct, asks(2, yes, "Issued"), yes, "Reconciled", ""),
		Entry("that one was there before the spec changed", mayAct, asks(1, yes, "Issued"), no, "Issuing", "Reconciling"),
		Entry("that one is made again for whom may act again", mayAct, asks(2, no, "UserInactive"), no, "Issuing", "Reconciling"),
		Entry("that it cannot be had until a person acts", mayAct, asks(2, no, "SecretConflict"), no, "SecretConflict", "Stalled"),
		Entry("that it cannot be had yet", mayAct, asks(2, no, "SigningFailed"), no, "SigningFailed", "Reconciling"),
		Entry("that all is well, of somebody who may not act and would have one", verdict(no, "Suspended"), asks(2, no, "UserInactive"),
			yes, "Reconciled", ""),
	)
})
