// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package doctor_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/doctor"
)

var _ = Describe("People who are not Ready", func() {
	It("are counted by reason, and those named who wait for a person, then those who have waited longest", func() {
		grants := &doctor.Tally{Resource: "grants"}
		late := func(reason string, d time.Duration) metav1.Condition {
			c := condition(v1alpha1.ConditionReady, no, reason, "why "+reason)
			c.LastTransitionTime = ago(d)
			return c
		}
		stalled := condition(v1alpha1.ConditionStalled, yes, "RoleNotBindable", "")
		add(grants, "fine", 0, condition(v1alpha1.ConditionReady, yes, "Applied", ""))
		add(grants, "c", 0, late("RoleNotFound", time.Minute))
		add(grants, "d", 0, late("RoleNotFound", 2*time.Hour))
		add(grants, "e", 0, late("SubjectNotFound", time.Hour))
		add(grants, "b", 0, late("RoleNotBindable", time.Second), stalled)
		grants.Add(&metav1.ObjectMeta{Name: "changed", Generation: 2, CreationTimestamp: ago(time.Second)},
			[]metav1.Condition{condition(v1alpha1.ConditionReady, yes, "Applied", "")}, new(int64(1)))
		f := healthy()
		f.People = []doctor.Read[*doctor.Tally]{{Value: grants}}
		found{
			"grants", doctor.Warning,
			"5 of 6 are not Ready: 2 RoleNotFound, 1 NotLookedAt, 1 RoleNotBindable, 1 SubjectNotFound; " +
				"b (RoleNotBindable: why RoleNotBindable); " +
				"d (RoleNotFound: why RoleNotFound); e (SubjectNotFound: why SubjectNotFound)",
			"bindable_roles.yaml",
		}.in(doctor.Examine(f, expected()))
	})
})
