// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package report_test

import (
	"slices"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/report"
	"github.com/rollcall-iam/rollcall/internal/wire"
	"github.com/rollcall-iam/rollcall/test/company"
)

type change func(in *report.Input)

func request(status metav1.ConditionStatus, reason string) change {
	return func(in *report.Input) {
		asked := company.Request("glass", "alice", "payments-view", "INC-1", "INC-1", day)
		in.AccessRequests = append(in.AccessRequests,
			company.Reviewed(company.Given(asked, "", v1alpha1.ReasonExpired), status, reason))
	}
}

// disabled has the directory disable bob, who is in a binding.
func disabled(role string, subjects ...string) change {
	return func(in *report.Input) {
		in.Users[0] = company.Inactive(in.Users[0], v1alpha1.ReasonDirectoryDisabled, "disabled")
		in.Users[0].Status.LastSeenTime = new(ago(200 * day))
		in.RoleBindings[0].Subjects = company.Subjects("corp:alice")
		if len(subjects) > 0 {
			in.RoleBindings = append(in.RoleBindings, company.RoleBinding("data", "by-hand", role, subjects...))
		}
	}
}

func clusterBinding(role string, subjects ...string) change {
	return func(in *report.Input) {
		in.ClusterRoleBindings = append(in.ClusterRoleBindings, company.ClusterRoleBinding("by-hand", role, subjects...))
	}
}

// grants adds a Grant that is used.
func grants(grant v1alpha1.Grant) change {
	return func(in *report.Input) { in.Grants = append(in.Grants, grant) }
}

func directory(kind string, status metav1.ConditionStatus, reason string) change {
	return func(in *report.Input) {
		conditions := &in.Directories[0].Status.Conditions
		*conditions = slices.DeleteFunc(*conditions, func(c metav1.Condition) bool { return c.Type == kind })
		*conditions = append(*conditions, company.Condition(kind, status, reason, "because"))
	}
}

// refused has alice refused so often on a day, and on others of the last weeks.
func refused(often, others int64) change {
	return func(in *report.Input) {
		in.Activity.Items = nil
		for back := range 14 {
			date := company.Now().AddDate(0, 0, -back).Format(time.DateOnly)
			item := wire.Day{Day: date, Username: "corp:alice", Requests: 500, Forbidden: others}
			if back == 3 {
				item.Forbidden = often
			}
			in.Activity.Items = append(in.Activity.Items, item)
		}
	}
}

func approval(reason string) change {
	return func(in *report.Input) {
		a := v1alpha1.Approval{}
		a.Name, a.Spec.Approver = "mine", "corp:alice"
		status := metav1.ConditionFalse
		if reason == v1alpha1.ReasonCounted {
			status = metav1.ConditionTrue
		}
		a.Status.Conditions = []metav1.Condition{company.Condition(v1alpha1.ConditionReady, status, reason, "")}
		in.Approvals = append(in.Approvals, a)
	}
}

func custody(ended bool) change {
	return func(in *report.Input) {
		in.Sessions[0].Spec.Custody = v1alpha1.CustodyServer
		if ended {
			in.Sessions[0].Status.EndTime = new(ago(time.Hour))
		}
	}
}

func seen(before time.Duration) change {
	return func(in *report.Input) { in.Users[1].Status.LastSeenTime = new(ago(before)) }
}

func dormant(status metav1.ConditionStatus) change {
	return func(in *report.Input) {
		in.Users[1].Status.Conditions = append(in.Users[1].Status.Conditions, company.Condition("Dormant", status, "NotSeen", ""))
	}
}

func used(said v1alpha1.GrantUsage, expires time.Duration) change {
	return func(in *report.Input) {
		in.Usage.Items[0].Usage = said
		in.Grants[0] = company.Until(in.Grants[0], expires)
	}
}

// nobody has lost the group that the Grant names.
func emptied(in *report.Input) {
	in.Grants = append(in.Grants, company.Grant("root", "cluster-admin", "", company.ToGroup("gone")))
}

func unknownUsage(in *report.Input) {
	in.Usage = nil
	in.Grants[0].Status.Usage = v1alpha1.GrantUnused
}

var _ = Describe("Findings", func() {
	It("are none in a company in which nothing is wrong", func() {
		Expect(build(calm()).Findings).To(BeEmpty())
	})

	DescribeTable("are made", func(kind, what string, changes ...change) {
		in := calm()
		for _, c := range changes {
			c(&in)
		}
		Expect(found(in)).To(HaveKeyWithValue(kind, []string{what}))
	},
		Entry("of a request that waits for its review", report.NotReviewed, "AccessRequest glass",
			request(metav1.ConditionFalse, v1alpha1.ReasonReviewPending)),
		Entry("of one that nobody can review", report.NotReviewed, "AccessRequest glass",
			request(metav1.ConditionFalse, v1alpha1.ReasonNobodyCanReview)),
		Entry("of somebody inactive in a binding of others", report.HoldsOn, "User bob", disabled("view", "corp:bob")),
		Entry("of somebody inactive in a group of such", report.HoldsOn, "User bob", disabled("view", "%corp:payments")),
		Entry("of a powerful role given to a person", report.UnmanagedPowerful, "ClusterRoleBinding by-hand",
			clusterBinding("edit", "corp:bob")),
		Entry("of a powerful role given to a group", report.UnmanagedPowerful, "ClusterRoleBinding by-hand",
			clusterBinding("cluster-admin", "%corp:payments")),
		Entry("of another role given to a person", report.Unmanaged, "ClusterRoleBinding by-hand", clusterBinding("view", "corp:bob")),
		Entry("of a powerful Grant", report.PowerWithoutEnd, "Grant root",
			grants(company.Grant("root", "cluster-admin", "", company.ToUser("bob")))),
		Entry("of one in namespaces", report.PowerInNamespaces, "Grant root",
			grants(company.Grant("root", "edit", "pay", company.ToUser("bob")))),
		Entry("of a Directory that is not reached", report.DirectoryNotRead, "Directory corp",
			directory(v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonUnreachable)),
		Entry("of a Directory that was not read yet", report.DirectoryNotRead, "Directory corp",
			func(in *report.Input) { in.Directories[0].Status.Conditions = nil }),
		Entry("of a Directory without TLS", report.DirectoryInsecure, "Directory corp",
			directory(v1alpha1.ConditionInsecure, metav1.ConditionTrue, v1alpha1.ReasonTLSDisabled)),
		Entry("of a day of refusals", report.ForbiddenSpike, "User alice", refused(20, 0)),
		Entry("of a day of refusals among days with some", report.ForbiddenSpike, "User alice", refused(100, 46)),
		Entry("of an own approval", report.OwnApproval, "Approval mine", approval(v1alpha1.ReasonOwnRequest)),
		Entry("of a key in a Secret", report.KeyInSecret, "Session alice-laptop", custody(false)),
		Entry("of somebody not seen for long", report.Dormant, "User alice", seen(90*day+time.Minute)),
		Entry("of somebody of whom the operator says so", report.Dormant, "User alice", dormant(metav1.ConditionTrue)),
		Entry("of a Grant that nobody used", report.UnusedGrant, "Grant payments-view", used(v1alpha1.GrantUnused, day)),
		Entry("of a Grant that says so itself", report.UnusedGrant, "Grant payments-view", unknownUsage),
		Entry("of a Grant that nobody needs", report.RedundantGrant, "Grant payments-view", used(v1alpha1.GrantRedundant, day)),
	)

	DescribeTable("are not made", func(changes ...change) {
		in := calm()
		for _, c := range changes {
			c(&in)
		}
		Expect(found(in)).To(BeEmpty())
	},
		Entry("of a request that was reviewed", request(metav1.ConditionTrue, v1alpha1.ReasonApproved)),
		Entry("of somebody inactive whom no binding names", disabled("view")),
		Entry("of bindings of service accounts, strangers and the system's groups",
			clusterBinding("cluster-admin", "stranger", "%stranger", "%system:masters")),
		Entry("of a powerful Grant with an end", grants(company.Until(company.Grant("root", "cluster-admin", "", company.ToUser("bob")), day))),
		Entry("of a powerful Grant on request", grants(company.OnRequest(company.Grant("root", "cluster-admin", "", company.ToUser("bob")),
			v1alpha1.ApprovalBeforeUse, company.ToUser("alice")))),
		Entry("of a powerful Grant that reaches nobody", change(emptied)),
		Entry("of a weak Grant without an end", grants(company.Grant("weak", "log-reader", "", company.ToUser("bob")))),
		Entry("of a Directory with TLS", directory(v1alpha1.ConditionInsecure, metav1.ConditionFalse, "TLS")),
		Entry("of few refusals", refused(19, 0)),
		Entry("of many refusals, as on other days", refused(100, 47)),
		Entry("of an approval that counts", approval(v1alpha1.ReasonCounted)),
		Entry("of one that does not for another reason", approval(v1alpha1.ReasonNotAnApprover)),
		Entry("of a key in a Secret of a session that has ended", custody(true)),
		Entry("of somebody who was seen just within the time", seen(90*day-time.Minute)),
		Entry("of somebody of whom the operator says that they are not", dormant(metav1.ConditionFalse)),
		Entry("of somebody who was never seen", func(in *report.Input) { in.Users[1].Status.LastSeenTime = nil }),
		Entry("of a Grant of which nothing is known", used(v1alpha1.GrantUnknown, day)),
		Entry("of an unused Grant that is over", used(v1alpha1.GrantUnused, -day)),
	)

	It("tell of one person's worst day alone, and of the time that is looked at alone", func() {
		in := calm()
		refused(60, 0)(&in)
		in.Activity.Items = append(in.Activity.Items,
			wire.Day{Day: "2026-11-20", Username: "corp:alice", Requests: 300, Forbidden: 30},
			wire.Day{Day: "2026-10-01", Username: "corp:alice", Requests: 300, Forbidden: 300})
		items := build(in).Findings[0].Items
		Expect(items).To(HaveLen(1))
		Expect(items[0].Message).To(Equal("60 of 500 requests were refused on 2026-11-24; 1.0 on other days in the mean"))
	})

	It("are urgent first, and counted", func() {
		page := build(company.Small())
		weights := make([]report.Weight, len(page.Findings))
		items, urgent := 0, 0
		for i, f := range page.Findings {
			weights[i] = f.Weight
			items += len(f.Items)
			if f.Weight == report.WeightUrgent {
				urgent += len(f.Items)
			}
			Expect(f.Title).NotTo(BeEmpty())
			Expect(f.Do).NotTo(BeEmpty())
		}
		order := []report.Weight{report.WeightUrgent, report.WeightReview, report.WeightTidy}
		place := func(a, b report.Weight) int { return slices.Index(order, a) - slices.Index(order, b) }
		Expect(slices.IsSortedFunc(weights, place)).To(BeTrue())
		Expect(page.Glance).To(SatisfyAll(HaveField("Findings", items), HaveField("Urgent", urgent)))
	})
})

var _ = DescribeTable("What makes a role powerful", func(rule rbacv1.PolicyRule, powers ...string) {
	Expect(slices.Concat(report.Powers([]rbacv1.PolicyRule{rule}), []string{"."})).To(Equal(append(powers, ".")))
},
	Entry("everything", company.Rule("*", "*", "*"), "everything"),
	Entry("all of a harmless resource", company.Rule("*", "core", "configmaps")),
	Entry("reading everything in the core group", company.Rule("get", "core", "*"), "reads secrets"),
	Entry("secrets", company.Rule("watch", "core", "secrets"), "reads secrets"),
	Entry("writing secrets", company.Rule("create update delete", "core", "secrets")),
	Entry("one secret", rbacv1.PolicyRule{
		Verbs: []string{"get"}, APIGroups: []string{""}, Resources: []string{"secrets"}, ResourceNames: []string{"a"},
	}),
	Entry("secrets of another group", company.Rule("get", "example.com", "secrets")),
	Entry("escalating", company.Rule("escalate", "rbac.authorization.k8s.io", "clusterroles"), "gives more than it has (escalate)"),
	Entry("binding", company.Rule("bind", "rbac.authorization.k8s.io", "roles"), "binds roles"),
	Entry("all of roles", company.Rule("*", "rbac.authorization.k8s.io", "roles"), "gives more than it has (escalate)", "binds roles"),
	Entry("impersonating", company.Rule("impersonate", "core", "groups"), "acts as others (impersonate)"),
	Entry("tokens", company.Rule("create", "core", "serviceaccounts/token"), "makes tokens of service accounts"),
	Entry("service accounts without their tokens", company.Rule("create", "core", "serviceaccounts")),
)

var _ = It("Roles of a namespace count where the Grant is", func() {
	in := calm()
	grant := company.Grant("keys", "keys", "pay", company.ToUser("bob"))
	grant.Spec.RoleRef.Kind = v1alpha1.RoleKindRole
	in.Grants = append(in.Grants, grant)
	role := func(namespace string) rbacv1.Role {
		return rbacv1.Role{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "keys"}, Rules: []rbacv1.PolicyRule{company.Rule("get", "core", "secrets")},
		}
	}
	in.Roles = []rbacv1.Role{role("shop")}
	Expect(found(in)).To(BeEmpty())
	in.Roles = append(in.Roles, role("pay"))
	Expect(found(in)).To(HaveKey(report.PowerInNamespaces))
})
