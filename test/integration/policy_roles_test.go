// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package integration_test

import (
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

// readyMadeRoles is about the ClusterRoles for people in config/rbac: whole rows of verbs on kinds, and nothing besides.
func readyMadeRoles(w *world) {
	const (
		all    = "directories users groups grants locks accessrequests approvals sessions installations"
		reads  = "get list watch"
		writes = "create update patch delete"
	)
	verbs := strings.Fields(reads + " " + writes + " deletecollection mint assign operate bind")
	// allowed is what a role may, as "verb kind", of all that could be.
	row := func(verbs, kinds string) (pairs []string) {
		for verb := range strings.FieldsSeq(verbs) {
			for kind := range strings.FieldsSeq(kinds) {
				pairs = append(pairs, verb+" "+kind)
			}
		}
		return pairs
	}
	DescribeTable("let", func(ctx SpecContext, role string, rows ...[]string) {
		p, wanted, found := w.person("bearer"), []string{}, []string{}
		for _, row := range rows {
			wanted = append(wanted, row...)
		}
		p.bound(ctx, "", role)
		Eventually(ctx, p.can).WithArguments(ctx, ask{"list", iamGroup + "/grants", "", ""}).Should(BeTrue())
		for kind := range strings.FieldsSeq(all) {
			for _, verb := range verbs {
				if p.can(ctx, ask{verb, iamGroup + "/" + kind, "", ""}) {
					found = append(found, verb+" "+kind)
				}
			}
			for _, verb := range []string{"update", "patch"} {
				Expect(p.can(ctx, ask{verb, iamGroup + "/" + kind + "/status", "", ""})).To(BeFalse(), "%s status of %s", verb, kind)
			}
		}
		Expect(found).To(ConsistOf(wanted))
		for _, beyond := range []ask{
			{"get", "/secrets", "", ""},
			{"create", "/secrets", "", ""},
			{"create", "rbac.authorization.k8s.io/rolebindings", "", ""},
			{"create", "rbac.authorization.k8s.io/clusterrolebindings", "", ""},
			{"bind", "rbac.authorization.k8s.io/clusterroles", "view", ""},
			{"impersonate", "/users", "", ""},
			{"create", "certificates.k8s.io/certificatesigningrequests", "", ""},
			{"update", "admissionregistration.k8s.io/validatingadmissionpolicies", "", ""},
		} {
			Expect(p.can(ctx, beyond)).To(BeFalse(), "%v", beyond)
		}
	},
		Entry("viewers see", "rollcall-viewer", row(reads, all)),
		Entry("authors of Grants write Grants", "rollcall-grant-author",
			row(reads, "grants users groups accessrequests approvals"), row(writes, "grants")),
		Entry("admins of identities say who is who", "rollcall-identity-admin",
			row(reads, "directories users groups locks grants accessrequests"), row(writes, "directories users groups locks"),
			row("mint", "users"), row("assign", "groups"), row("get list watch patch delete", "sessions")),
		Entry("requesters ask", "rollcall-requester", row(reads, "accessrequests grants approvals"), row("create", "accessrequests")),
		Entry("approvers approve", "rollcall-approver",
			row(reads, "approvals accessrequests grants users groups"), row("create", "approvals")),
	)

	It("bind them to nobody, and let the operator alone operate", func() {
		operators := []string{}
		for _, object := range rbacFiles() {
			if object.RoleRef.Name != "" {
				Expect(object.RoleRef.Name).To(BeElementOf("rollcall-manager", "rollcall-bindable-roles", "rollcall-signer-csr",
					"rollcall-audit"))
			}
			Expect(object.Labels).NotTo(HaveKey(HavePrefix("rbac.authorization.k8s.io/aggregate-to-")), object.Name)
			for _, rule := range object.Rules {
				for _, verb := range rule.Verbs {
					if verb == "operate" {
						operators = append(operators, object.Name)
					}
				}
			}
		}
		Expect(operators).To(HaveExactElements("rollcall-manager"))
	})
}
