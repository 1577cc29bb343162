// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

// Package integration_test puts the operator to work on a real control plane, in this process and under its own ServiceAccount: a
// right that is missing in config/rbac fails here.
package integration_test

import (
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

func TestIntegration(t *testing.T) {
	RegisterFailHandler(Fail)
	EnforceDefaultTimeoutsWhenUsingContexts()
	SetDefaultEventuallyTimeout(30 * time.Second)
	SetDefaultEventuallyPollingInterval(20 * time.Millisecond)
	SetDefaultConsistentlyDuration(500 * time.Millisecond)
	SetDefaultConsistentlyPollingInterval(20 * time.Millisecond)
	RunSpecs(t, "Integration")
}

// One control plane serves all specs, one after the other. While some run, the operator works by itself; while others run, it stands
// still, and its controllers are called one Reconcile at a time.
var _ = Describe("Rollcall on a real control plane", Ordered, ContinueOnFailure, func() {
	w := &world{}
	s := &stage{world: w}
	BeforeAll(w.start)

	Describe("Admission", func() { admission(w) })
	Describe("Immutable fields", func() { immutability(w) })
	Describe("Manifests", func() { manifests(w) })
	Describe("Manifests of the documentation", func() { documented(w) })
	Describe("Rights", func() { rights(w) })
	Describe("Policies", func() { policies(w) })
	Describe("Conformance", func() { conformance(s) })
	Describe("Users", func() { usersLive(w) })
	Describe("Users, step by step", func() { usersStill(s) })
	Describe("Users whom nobody sees, step by step", func() { dormantStill(s) })
	Describe("Users whom nobody sees", func() { dormantLive(w) })
	Describe("Grants", func() { grantsLive(w) })
	Describe("Drift", func() { drift(w) })
	Describe("A Grant to thousands", func() { many(w) })
	Describe("Grants, step by step", func() { grantsStill(s) })
	Describe("Locks, step by step", func() { locksStill(s) })
	Describe("Locks on Sessions and Devices, step by step", func() { sessionLocksStill(s) })
	Describe("Grants that bind groups, step by step", func() { groupsStill(s) })
	Describe("Access on request, step by step", func() { requestsStill(s) })
	Describe("Directories", func() { directoriesLive(w) })
	Describe("The loss guard", func() { guardLive(w) })
	Describe("Directories, step by step", func() { directoriesStill(s) })
	Describe("Withdrawals", func() { withdrawals(s) })
	Describe("Kubeconfigs, step by step", func() { credentialsStill(s) })
	Describe("Secrets of kubeconfigs", func() { credentialsLooks(s) })
	Describe("Logins", func() { logins(w) })
	Describe("What clients of the login service must know", func() { served(w) })
	Describe("Renewals, as time passes", func() { renewals(s) })
	Describe("Sessions, step by step", func() { sessionsStill(s) })
	Describe("The Installation, step by step", func() { installationStill(s) })
	Describe("Signing", func() { signing(s) })
	Describe("The operator's own authority", func() { ownAuthority(s) })
	Describe("Kubeconfigs", func() { credentialsLive(w) })
	Describe("The Installation", func() { installations(w) })
	Describe("Answers", func() { answering(w) })
	Describe("What kubectl rollcall tells of use", func() { usageCommands(s) })
	Describe("Answers of kubectl rollcall", func() { answeringCommands(w) })
})
