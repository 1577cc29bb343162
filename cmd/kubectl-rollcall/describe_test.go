// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
)

func at(d time.Duration) *metav1.Time { return new(metav1.NewTime(now().Add(d).UTC())) }

func conditionOf(kind string, status metav1.ConditionStatus, reason string) metav1.Condition {
	return metav1.Condition{Type: kind, Status: status, Reason: reason, Message: "as it is"}
}

// fares is a request in some state; status may be nil.
func fares(reason string, status func(*v1alpha1.AccessRequest)) *v1alpha1.AccessRequest {
	r := &v1alpha1.AccessRequest{Spec: v1alpha1.AccessRequestSpec{DurationSeconds: 5400}}
	if reason != "" {
		active := metav1.ConditionFalse
		if reason == v1alpha1.ReasonActive {
			active = metav1.ConditionTrue
		}
		r.Status.Conditions = []metav1.Condition{conditionOf(v1alpha1.ConditionActive, active, reason)}
	}
	if status != nil {
		status(r)
	}
	return r
}

func approvedTwice(r *v1alpha1.AccessRequest) {
	r.Status.Approvals = []v1alpha1.GivenApproval{
		{Approver: "bob", Decision: v1alpha1.DecisionApprove},
		{Approver: "carol", Decision: v1alpha1.DecisionApprove},
		{Approver: "mallory", Decision: v1alpha1.DecisionDeny},
	}
}

func endedAs(reason string) func(*v1alpha1.AccessRequest) {
	return func(r *v1alpha1.AccessRequest) { r.Status.EndReason, r.Status.EndTime = reason, at(-time.Hour) }
}

func askedOf() *v1alpha1.Grant {
	g := &v1alpha1.Grant{Spec: v1alpha1.GrantSpec{
		Scope: v1alpha1.ScopeCluster, RoleRef: v1alpha1.RoleReference{Kind: v1alpha1.RoleKindClusterRole, Name: "edit"},
		Activation: v1alpha1.ActivationOnRequest,
		Request: &v1alpha1.RequestPolicy{MaxDurationSeconds: 5400, Quorum: 3, Approvers: []v1alpha1.Subject{
			{Kind: v1alpha1.SubjectGroup, Name: "leads"}, {Kind: v1alpha1.SubjectUser, Name: "bob"},
		}},
	}}
	g.Name = "edit"
	return g
}

var _ = DescribeTable("A request", func(r *v1alpha1.AccessRequest, state, when, news string, waits bool) {
	Expect(stateOf(r)).To(Equal(state))
	Expect(span(r, now())).To(Equal(when))
	Expect(progress(r, askedOf(), now())).To(Equal(news))
	Expect(waitsForSomebody(r)).To(Equal(waits))
},
	Entry("that nobody has looked at", fares("", nil), "New", "1h30m", "", true),
	Entry("that waits", fares(v1alpha1.ReasonPending, nil), "Pending", "1h30m",
		"pending: 0 of 3 approvals; may be approved by group/leads, user/bob", true),
	Entry("that waits for more", fares(v1alpha1.ReasonPending, approvedTwice), "Pending", "1h30m",
		"pending: 2 of 3 approvals, last by carol", true),
	Entry("for later", fares(v1alpha1.ReasonNotStarted, func(r *v1alpha1.AccessRequest) { r.Spec.StartTime = at(time.Hour) }), "NotStarted",
		"1h30m from 2026-07-01 13:00", "begins 2026-07-01 13:00 (in 60m)", false),
	Entry("that is active", fares(v1alpha1.ReasonActive, func(r *v1alpha1.AccessRequest) {
		r.Status.ExpireTime = at(59 * time.Minute)
	}), "Active",
		"until 2026-07-01 12:59 (in 59m)", "active until 2026-07-01 12:59 (in 59m)", false),
	Entry("that is active, nobody says until when", fares(v1alpha1.ReasonActive, nil), "Active", "1h30m", "active", false),
	Entry("that was denied", fares(v1alpha1.ReasonDenied, endedAs(v1alpha1.ReasonDenied)), "Denied", "ended 2026-07-01 11:00",
		"ended: Denied: as it is", false),
	Entry("that never began", fares(v1alpha1.ReasonNotOnRequest, func(r *v1alpha1.AccessRequest) {
		r.Status.EndReason = v1alpha1.ReasonNotOnRequest
	}), "NotOnRequest", "never began", "ended: NotOnRequest: as it is", false),
	Entry("that has ended and is to be reviewed", fares(v1alpha1.ReasonExpired, func(r *v1alpha1.AccessRequest) {
		endedAs(v1alpha1.ReasonExpired)(r)
		r.Status.Conditions = append(r.Status.Conditions,
			conditionOf(v1alpha1.ConditionReviewed, metav1.ConditionFalse, v1alpha1.ReasonReviewPending))
	}), "Expired, to review", "ended 2026-07-01 11:00", "ended: Expired, to review: as it is", true),
	Entry("of somebody unknown", fares(v1alpha1.ReasonUserNotFound, nil), "UserNotFound", "1h30m", "UserNotFound: as it is", false),
)

var _ = DescribeTable("What cannot be asked for", func(change func(*v1alpha1.Grant, *v1alpha1.AccessRequest), why string) {
	g, r := askedOf(), fares("", nil)
	change(g, r)
	if why == "" {
		Expect(impossible(r, g, now())).To(BeEmpty())
	} else {
		Expect(impossible(r, g, now())).To(ContainSubstring(why))
	}
},
	Entry("not this", func(*v1alpha1.Grant, *v1alpha1.AccessRequest) {}, ""),
	Entry("nor what ends later", func(g *v1alpha1.Grant, _ *v1alpha1.AccessRequest) { g.Spec.ExpireTime = at(time.Second) }, ""),
	Entry("what has ended", func(g *v1alpha1.Grant, _ *v1alpha1.AccessRequest) { g.Spec.ExpireTime = at(0) },
		`grant "edit" ended 2026-07-01 12:00`),
	Entry("too much", func(_ *v1alpha1.Grant, r *v1alpha1.AccessRequest) { r.Spec.DurationSeconds++ }, "at most 1h30m at a time"),
	Entry("what is given anyway", func(g *v1alpha1.Grant, _ *v1alpha1.AccessRequest) { g.Spec.Activation = v1alpha1.ActivationAlways },
		"gives ClusterRole edit everywhere to its subjects always"),
)

var _ = DescribeTable("Seconds", func(count int, text string) { Expect(seconds(int32(count))).To(Equal(text)) },
	Entry(nil, 1, "1s"), Entry(nil, 59, "59s"), Entry(nil, 60, "1m"), Entry(nil, 90, "1m30s"), Entry(nil, 600, "10m"),
	Entry(nil, 3600, "1h"), Entry(nil, 5400, "1h30m"), Entry(nil, 36000, "10h"), Entry(nil, 3610, "1h0m10s"), Entry(nil, 604800, "168h"),
)

var _ = DescribeTable("How long something goes on", func(left time.Duration, told string) {
	now := time.Date(2026, 7, 1, 3, 0, 0, 0, time.UTC)
	Expect(until(now.Add(left), now)).To(HaveSuffix(" (in " + told + ")"))
},
	Entry("a moment after its beginning", 12*time.Hour-time.Second, "12h"),
	Entry("minutes", 15*time.Minute-time.Second, "15m"),
	Entry("shortly before its end", 9*time.Minute+59*time.Second, "9m59s"),
	Entry("over", -time.Second, "0s"),
)
