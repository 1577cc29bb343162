// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package doctor_test

import (
	"regexp"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/rollcall-iam/rollcall/internal/doctor"
)

var _ = Describe("The operator's rights", func() {
	var f *doctor.Facts
	BeforeEach(func() { f = healthy() })

	deny := func(right doctor.Right) {
		GinkgoHelper()
		Expect(f.Allowed.Value).To(HaveKeyWithValue(right, true), "it is asked about")
		f.Allowed.Value[right] = false
	}

	It("are named where they are missing, with the role that has them", func() {
		deny(doctor.Right{Verb: "list", Group: "iam.rollcall.dev", Resource: "users"})
		deny(doctor.Right{Verb: "watch", Group: "iam.rollcall.dev", Resource: "users"})
		deny(doctor.Right{Verb: "get", Resource: "configmaps", Name: "rollcall-ledger", Namespace: "rollcall-system"})
		found{
			"rights", doctor.Failed,
			"of rollcall-manager it may not list, watch users.iam.rollcall.dev, get configmaps rollcall-ledger in rollcall-system",
			"[kubectl apply --server-side -f config/rbac/manager_role.yaml kubectl apply --server-side -f config/rbac/namespace_role.yaml]",
		}.in(doctor.Examine(f, expected()))
	})

	It("are never installed with what roles may be bound, and not by files that are for another namespace or ServiceAccount", func() {
		f.Allowed.Value = nil
		run := strings.Join(about(doctor.Examine(f, expected()), "rights").Run, "\n")
		Expect(run).To(SatisfyAll(Not(ContainSubstring("bindable")), Not(ContainSubstring("-k"))))
		files := regexp.MustCompile(`config/rbac/\S+`).FindAllString(run, -1)
		Expect(files).To(ConsistOf("config/rbac/manager_role.yaml", "config/rbac/namespace_role.yaml", "config/rbac/audit.yaml"))
		for _, file := range files {
			Expect("../../" + file).To(BeARegularFile())
		}
		for _, elsewhere := range []func(){
			func() { f.Namespace = "iam" }, func() { f.Namespace, f.ServiceAccount = "rollcall-system", "another" },
		} {
			elsewhere()
			Expect(about(doctor.Examine(f, expected()), "rights")).To(SatisfyAll(
				HaveField("State", doctor.Failed), HaveField("Run", BeEmpty()), HaveField("See", "docs/upgrade.md")))
		}
	})

	It("are asked for in the namespace that it is in", func() {
		Expect(expected().Rights("iam")).To(SatisfyAll(
			ContainElement(doctor.Right{Verb: "create", Resource: "secrets", Namespace: "iam"}),
			ContainElement(doctor.Right{Verb: "list", Group: "discovery.k8s.io", Resource: "endpointslices", Namespace: "default"}),
			Not(ContainElement(HaveField("Namespace", "rollcall-system"))),
		))
	})

	approve := doctor.Right{Verb: "approve", Group: "certificates.k8s.io", Resource: "signers", Name: "kubernetes.io/kube-apiserver-client"}

	DescribeTable("that only one signer needs", func(signer string, state doctor.State) {
		deny(approve)
		f.Installation.Value.Status.Signer = signer
		Expect(about(doctor.Examine(f, expected()), "rights").State).To(Equal(state))
	},
		Entry("with it", "CSR", doctor.Failed),
		Entry("with another", "CA", doctor.OK),
		Entry("where that is not known", "", doctor.Warning),
	)

	It("that only audit needs, are not needed without", func() {
		deny(doctor.Right{Verb: "get", Path: "/metrics"})
		found{"rights", doctor.Failed, "of rollcall-audit it may not get /metrics", ""}.in(doctor.Examine(f, expected()))
		f.Installation.Value.Status.Audit = nil
		Expect(about(doctor.Examine(f, expected()), "rights").State).To(Equal(doctor.OK))
	})

	It("do not include what roles may be bound, which is a setting", func() {
		Expect(expected().Rights("x")).NotTo(ContainElement(SatisfyAll(HaveField("Verb", "bind"), HaveField("Name", "view"))))
	})

	It("are too many where it could do everything", func() {
		for _, right := range tooMuch() {
			Expect(f.Allowed.Value).To(HaveKey(right), "it is asked about")
			f.Allowed.Value[right] = true
			found{"surplus", doctor.Warning, "may do what it does not need", "kubectl get clusterrolebindings"}.in(doctor.Examine(f, expected()))
			f.Allowed.Value[right] = false
		}
	})
})
