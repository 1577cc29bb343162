// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package person_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/person"
)

func made(at time.Time) func(*v1alpha1.User) {
	return func(u *v1alpha1.User) { u.CreationTimestamp = metav1.NewTime(at) }
}

func seen(at time.Time) func(*v1alpha1.User) {
	return func(u *v1alpha1.User) { u.Status.LastSeenTime = &metav1.Time{Time: at} }
}

var _ = DescribeTable("Somebody dormant", func(u *v1alpha1.User, grants int, since time.Time, reason, message string) {
	Expect(person.QuietSince(u)).To(BeTemporally("==", since))
	Expect(person.Dormant(u, grants)).To(Equal(metav1.Condition{
		Type: v1alpha1.ConditionDormant, Status: metav1.ConditionTrue, Reason: reason, Message: message,
	}))
},
	Entry("was seen once", user(made(now.Add(-96*time.Hour)), seen(now.Add(-48*time.Hour))), 3, now.Add(-48*time.Hour), "NotSeen",
		"not seen since 2026-11-21T12:00:00Z, and may still act, with 3 Grants: set spec.state to Suspended, "+
			`or take this person out of Directory "corp" or of all Grants`),
	Entry("was never seen", user(made(now.Add(-96*time.Hour))), 1, now.Add(-96*time.Hour), "NeverSeen",
		"never seen since this User was made at 2026-11-19T12:00:00Z, and may still act, with 1 Grant: set spec.state to Suspended, "+
			`or take this person out of Directory "corp" or of all Grants`),
	Entry("is of no directory, has nothing, and was seen in another zone and within a second",
		user(local, made(now.Add(-96*time.Hour)), seen(now.Add(time.Millisecond).In(time.FixedZone("east", 7200)))), 0,
		now.Add(time.Millisecond), "NotSeen", "not seen since 2026-11-23T12:00:00Z, and may still act, with no Grant: "+
			"set spec.state to Suspended, or take this person out of all Grants"),
)
