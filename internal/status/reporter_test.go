// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package status_test

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	iamac "github.com/rollcall-iam/rollcall/api/v1alpha1/applyconfiguration/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/status"
)

// written is a client that writes nothing, and says that it did.
type written struct{ client.Client }

func (written) Status() client.SubResourceWriter { return writtenStatus{} }

type writtenStatus struct{ client.SubResourceWriter }

func (writtenStatus) Apply(context.Context, runtime.ApplyConfiguration, ...client.SubResourceApplyOption) error {
	return nil
}

var _ = Describe("What is told of a condition", func() {
	told := func(before, after *metav1.Condition) []string {
		recorder, known := events.NewFakeRecorder(10), []metav1.Condition{}
		if before != nil {
			known = append(known, *before)
		}
		reporter := status.Reporter{Client: written{}, Recorder: recorder}
		Expect(reporter.Report(context.Background(), &v1alpha1.User{}, iamac.User("alice"), known, []metav1.Condition{*after})).To(Succeed())
		close(recorder.Events)
		list := []string{}
		for event := range recorder.Events {
			list = append(list, event)
		}
		return list
	}
	of := func(kind string, status metav1.ConditionStatus, reason string) *metav1.Condition {
		return &metav1.Condition{Type: kind, Status: status, Reason: reason, Message: "said"}
	}
	const yes, no = metav1.ConditionTrue, metav1.ConditionFalse

	DescribeTable("is an event for what somebody should hear of", func(before, after *metav1.Condition, want string) {
		Expect(told(before, after)).To(HaveExactElements(HavePrefix(want)))
	},
		Entry("that a new object fails", nil, of("Ready", no, "SigningFailed"), "Warning SigningFailed said"),
		Entry("that one fails which was well", of("Ready", yes, "Reconciled"), of("Ready", no, "SigningFailed"), "Warning SigningFailed"),
		Entry("that one fails which had just begun", of("Ready", no, "Issuing"), of("Ready", no, "SigningFailed"), "Warning SigningFailed"),
		Entry("that it fails otherwise", of("Ready", no, "SigningFailed"), of("Ready", no, "SigningDenied"), "Warning SigningDenied"),
		Entry("that one is well again", of("Kubeconfig", no, "SigningFailed"), of("Kubeconfig", yes, "Issued"), "Normal Issued"),
		Entry("that a Directory is read again which was not", of("Ready", no, "Mirroring"), of("Ready", yes, "Synced"), "Normal Synced"),
		Entry("that somebody lost access", of("Active", yes, "Active"), of("Active", no, "Suspended"), "Warning Suspended"),
		Entry("that somebody is dormant", nil, of("Dormant", yes, "NotSeen"), "Normal NotSeen"),
	)

	DescribeTable("is nothing for what is as it should be", func(before, after *metav1.Condition) {
		Expect(told(before, after)).To(BeEmpty())
	},
		Entry("that a new object is well", nil, of("Ready", yes, "Reconciled")),
		Entry("that a new one begins", nil, of("Ready", no, "Issuing")),
		Entry("that one that began is well", of("Ready", no, "Issuing"), of("Ready", yes, "Reconciled")),
		Entry("nor its kubeconfig", of("Kubeconfig", no, "Issuing"), of("Kubeconfig", yes, "Issued")),
		Entry("that somebody new may not act", nil, of("Active", no, "Suspended")),
		Entry("the same once more", of("Ready", no, "SigningFailed"), of("Ready", no, "SigningFailed")),
		Entry("what Ready says too", nil, of("Stalled", yes, "SigningDenied")),
	)
})
