// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e_test

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

// states are the kinds that Git holds, in every state. The first of a kind is shown unseen too.
func states() []shown {
	return []shown{
		{"User", "healthy_active", "alice", "{userName: alice, directoryRef: {name: acme}}", is("Ready True Reconciled", "Active True Active")},
		{
			"User", "healthy_disabled", "dora", "{userName: dora, directoryRef: {name: acme}}",
			is("Ready True Reconciled", "Active False DirectoryDisabled"),
		},
		{
			"User", "healthy_missing", "nemo", "{userName: nemo, directoryRef: {name: acme}}",
			is("Ready True Reconciled", "Active False DirectoryMissing"),
		},
		{"User", "healthy_locked", "mallory", "{userName: mallory}", is("Ready True Reconciled", "Active False Locked")},
		{
			"User", "healthy_expired", "trainee", `{userName: trainee, expireTime: "2025-01-01T00:00:00Z"}`,
			is("Ready True Reconciled", "Active False Expired"),
		},
		{
			"User", "healthy_kubeconfig", "robot",
			"{userName: robot, kubeconfig: {secretRef: {namespace: rollcall-system, name: robot-kubeconfig}}}",
			is("Ready True Reconciled", "Active True Active", "Kubeconfig True Issued"),
		},
		{"User", "suspended_suspended", "sam", "{userName: sam, state: Suspended}", is("Ready True Reconciled", "Active False Suspended")},
		{
			"User", "progressing_directoryUnknown", "una", "{userName: una, directoryRef: {name: nowhere}}",
			is("Ready False DirectoryUnknown", "Reconciling True DirectoryUnknown"),
		},
		{
			"User", "progressing_directoryPending", "penny", "{userName: penny, directoryRef: {name: paused}}",
			is("Ready False DirectoryPending", "Active Unknown DirectoryPending", "Reconciling True DirectoryPending"),
		},
		{
			"User", "progressing_namespaceNotFound", "robot-early",
			"{userName: robot-early, kubeconfig: {secretRef: {namespace: nowhere, name: robot-early}}}",
			is("Ready False NamespaceNotFound", "Kubeconfig False NamespaceNotFound", "Reconciling True NamespaceNotFound"),
		},
		{"User", "degraded_usernameTaken", "robot-again", "{userName: robot}", is("Ready False UsernameTaken", "Stalled True UsernameTaken")},
		{
			"User", "degraded_secretConflict", "robot-elsewhere",
			"{userName: robot-elsewhere, kubeconfig: {secretRef: {namespace: rollcall-system, name: acme-bind}}}",
			is("Ready False SecretConflict", "Kubeconfig False SecretConflict", "Stalled True SecretConflict"),
		},

		{"Group", "healthy_directory", "payments", "{groupName: payments, directoryRef: {name: acme}}", is("Ready True Reconciled")},
		{"Group", "healthy_local", "robots", "{groupName: robots, members: [robot]}", is("Ready True Reconciled")},
		{
			"Group", "progressing_directoryUnknown", "unread", "{groupName: unread, directoryRef: {name: nowhere}}",
			is("Ready False DirectoryUnknown", "Reconciling True DirectoryUnknown"),
		},
		{
			"Group", "progressing_memberNotFound", "ghosts", "{groupName: ghosts, members: [nobody-of-that-name]}",
			is("Ready False MemberNotFound", "Reconciling True MemberNotFound"),
		},
		{
			"Group", "degraded_directoryMissing", "disbanded", "{groupName: disbanded, directoryRef: {name: acme}}",
			is("Ready False DirectoryMissing", "Stalled True DirectoryMissing"),
		},

		{"Grant", "healthy_applied", "payments-view", grants("Group", "payments", "view", ""), is("Ready True Applied")},
		{
			"Grant", "healthy_expired", "audit-2024", grants("User", "alice", "view", `expireTime: "2025-01-01T00:00:00Z"`),
			is("Ready True Expired"),
		},
		{"Grant", "healthy_onRequest", "payments-admin", grants("User", "robot", "view",
			"activation: OnRequest, request: {maxDurationSeconds: 3600, approvers: [{kind: User, name: olga}]}"), is("Ready True OnRequest")},
		{
			"Grant", "suspended_notStarted", "audit-2099", grants("User", "alice", "view", `startTime: "2099-01-01T00:00:00Z"`),
			is("Ready True NotStarted"),
		},
		{
			"Grant", "progressing_subjectNotFound", "joiner-view", grants("User", "joiner", "view", ""),
			is("Ready False SubjectNotFound", "Reconciling True SubjectNotFound"),
		},
		{
			"Grant", "progressing_subjectPending", "penny-view", grants("User", "penny", "view", ""),
			is("Ready False SubjectPending", "Reconciling True SubjectPending"),
		},
		{
			"Grant", "progressing_roleNotFound", "payments-operator", grants("User", "alice", "payments-operator", ""),
			is("Ready False RoleNotFound", "Reconciling True RoleNotFound"),
		},
		{
			"Grant", "degraded_roleNotBindable", "everything", grants("User", "alice", "cluster-admin", ""),
			is("Ready False RoleNotBindable", "Stalled True RoleNotBindable"),
		},

		{"Lock", "healthy_locked", "mallory", "{target: {kind: User, name: mallory}, reason: INC-42}", is("Ready True Locked")},
		{"Lock", "healthy_device", "laptop-0815", "{target: {kind: Device, name: laptop-0815}, reason: INC-43}", is("Ready True Locked")},
		{
			"Lock", "healthy_expired", "alice-holiday",
			`{target: {kind: User, name: alice}, reason: INC-41, expireTime: "2025-01-01T00:00:00Z"}`, is("Ready True Expired"),
		},
		{
			"Lock", "progressing_targetNotFound", "stranger", "{target: {kind: User, name: nobody-of-that-name}, reason: INC-44}",
			is("Ready False TargetNotFound", "Reconciling True TargetNotFound"),
		},
	}
}

func is(conditions ...string) []string { return conditions }

// grants is the spec of a Grant in namespace healthy.
func grants(kind, subject, role, more string) string {
	return "{subjects: [{kind: " + kind + ", name: " + subject + "}], roleRef: {kind: ClusterRole, name: " + role +
		"}, scope: Namespaces, namespaces: {names: [healthy]}, " + more + "}"
}

// decisions are requests and what was decided of them, in the order in which they are made: each is Ready before the next.
func decisions() []shown {
	asked := func(more string) string {
		return "{grantRef: {name: payments-admin}, userName: robot, durationSeconds: 3600, reason: repairs" + more + "}"
	}
	return []shown{
		{"AccessRequest", "healthy_active", "robot-1", asked(""), is("Ready False Pending")},
		{"Approval", "healthy_counted", "olga-1", decided("robot-1", "Approve", "olga"), is("Ready True Counted")},
		{"AccessRequest", "suspended_pending", "robot-2", asked(""), is("Ready False Pending", "Active False Pending")},
		{"AccessRequest", "suspended_notStarted", "robot-3", asked(`, startTime: "2099-01-01T00:00:00Z"`), is("Ready False Pending")},
		{"Approval", "healthy_countedEarly", "olga-3", decided("robot-3", "Approve", "olga"), is("Ready True Counted")},
		{"AccessRequest", "healthy_denied", "robot-4", asked(""), is("Ready False Pending")},
		{"Approval", "healthy_denies", "olga-4", decided("robot-4", "Deny", "olga"), is("Ready True Counted")},
		{
			"AccessRequest", "degraded_durationTooLong", "robot-5",
			"{grantRef: {name: payments-admin}, userName: robot, durationSeconds: 7200, reason: repairs}",
			is("Ready False DurationTooLong", "Stalled True DurationTooLong"),
		},
		{
			"AccessRequest", "progressing_notASubject", "olga-6",
			"{grantRef: {name: payments-admin}, userName: olga, durationSeconds: 60, reason: repairs}",
			is("Ready False NotASubject", "Reconciling True NotASubject"),
		},
		{
			"AccessRequest", "suspended_reviewPending", "robot-7",
			"{grantRef: {name: payments-glass}, userName: robot, durationSeconds: 3600, reason: repairs}",
			is("Ready False ReviewPending", "Active True Active"),
		},
		{
			"Approval", "progressing_notAnApprover", "peter-2", decided("robot-2", "Approve", "peter"),
			is("Ready False NotAnApprover", "Reconciling True NotAnApprover"),
		},
		{
			"Approval", "degraded_requestEnded", "olga-5", decided("robot-4", "Approve", "olga"),
			is("Ready False RequestEnded", "Stalled True RequestEnded"),
		},
	}
}

// concluded is how requests end up once everything is decided.
func concluded() map[string][]string {
	return map[string][]string{
		"healthy_active":       is("Ready True Active", "Active True Active"),
		"suspended_notStarted": is("Ready True NotStarted", "Active False NotStarted"),
		"healthy_denied":       is("Ready True Denied", "Active False Denied"),
	}
}

var _ = Describe("What health checks look at", Ordered, func() {
	BeforeAll(func(ctx SpecContext) { settles(ctx) })

	It("is what the operator writes of a Directory", func(ctx SpecContext) {
		for _, s := range directoryStates() {
			s.isKept(ctx)
		}
		first := directoryStates()[0]
		first.unseen(first.arrives(ctx))
	})

	It("is what the operator writes of what Git holds", func(ctx SpecContext) {
		for _, s := range states() {
			create(ctx, s.object())
		}
		seen := map[string]bool{}
		for _, s := range states() {
			By(s.kind + " " + s.file)
			found := s.isKept(ctx)
			if !seen[s.kind] {
				s.unseen(found)
			}
			seen[s.kind] = true
		}
		sessionsAreShown(ctx)
		requestsAreShown(ctx)
		installationIsShown(ctx)
	}, SpecTimeout(3*patience))
})

func requestsAreShown(ctx context.Context) {
	GinkgoHelper()
	for _, s := range decisions() {
		By(s.kind + " " + s.file)
		s.asked(ctx)
		s.arrives(ctx)
	}
	seen := map[string]bool{}
	for _, s := range decisions() {
		if ends, known := concluded()[s.file]; known {
			s.conditions = ends
		}
		found := s.isKept(ctx)
		if !seen[s.kind] {
			s.unseen(found)
		}
		seen[s.kind] = true
	}
	Expect(seen).To(HaveLen(2))
}
