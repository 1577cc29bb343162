// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package company

import (
	"fmt"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/report"
	"github.com/rollcall-iam/rollcall/internal/usage"
	"github.com/rollcall-iam/rollcall/internal/wire"
)

// Small is a company of some thirty people in which a bit of everything is wrong.
func Small() report.Input {
	in := report.Input{Cluster: "prod-eu", By: "corp:rosa", Days: 30}
	in.Users = staff()
	for name := range strings.FieldsSeq("payments shop platform oncall auditors contractors data") {
		in.Groups = append(in.Groups, Group(name))
	}
	in.Grants, in.ClusterRoles = grants(), Roles()
	Bind(&in)
	in.ClusterRoleBindings = append(in.ClusterRoleBindings,
		ClusterRoleBinding("temp-debug", "cluster-admin", "corp:ivan"),
		ClusterRoleBinding("system:basic-user", "view", "%system:authenticated"))
	in.RoleBindings = append(in.RoleBindings,
		RoleBinding("shop", "old-viewers", "view", "%corp:contractors", "corp:heidi"),
		RoleBinding("data", "frank-logs", "log-reader", "corp:frank"))
	in.AccessRequests = requests()
	bind(&in, &in.Grants[2], "rollcall-request:payments-admin-7wq2m", "payments-admin-7wq2m", []string{"corp:alice"})
	in.Approvals = []v1alpha1.Approval{ownApproval()}
	in.Sessions = sessions()
	in.Locks = []v1alpha1.Lock{{ObjectMeta: meta("mallory-x7k2p", 2*day), Spec: v1alpha1.LockSpec{
		Target: v1alpha1.LockTarget{Kind: v1alpha1.LockUser, Name: "mallory"}, Reason: "INC-9: laptop stolen",
	}}}
	in.Directories = []v1alpha1.Directory{directory()}
	in.Usage = &wire.Usage{Coverage: coverage(), Items: said(in.Grants)}
	in.Activity = &wire.Days{Coverage: coverage(), Items: deeds(in.Users)}
	return in
}

func coverage() usage.Coverage {
	return Coverage(30, 0.9946, usage.Gap{
		Since: ago(12*day + 6*time.Hour), Until: ago(12*day + 2*time.Hour), Server: "10.0.0.12", Reason: "Silent",
		Message: "nothing was told, and nothing says that there was nothing to tell",
	})
}

// staff is everybody.
func staff() []v1alpha1.User {
	teams := []string{"payments", "shop", "platform", "data"}
	names := Names(32)
	users := make([]v1alpha1.User, 0, len(names)+1)
	for i, display := range names {
		login := strings.ToLower(strings.Fields(display)[0])
		if i >= 20 {
			login += fmt.Sprintf("%d", i/20+1)
		}
		groups := []string{teams[i%len(teams)]}
		if i%5 == 0 {
			groups = append(groups, "oncall")
		}
		if i%9 == 8 {
			groups = append(groups, "contractors")
		}
		if login == "rosa" || login == "tove" {
			groups = append(groups, "auditors")
		}
		u := User(login, display, groups...)
		u.Status.LastSeenTime = new(ago(time.Duration(i*i+1) * 47 * time.Minute))
		switch login {
		case "frank":
			u = Inactive(u, v1alpha1.ReasonDirectoryDisabled, "the directory has disabled the entry")
		case "mallory":
			u = Inactive(u, v1alpha1.ReasonLocked, `kept out by Lock "mallory-x7k2p"`)
		case "quentin":
			u.Status.LastSeenTime = new(ago(131 * day))
		case "sami":
			u.Status.LastSeenTime = nil
		}
		users = append(users, u)
	}
	robot := v1alpha1.User{ObjectMeta: meta("deployer", 300*day), Spec: v1alpha1.UserSpec{UserName: "deployer"}}
	robot.Status.Username, robot.Status.LastSeenTime = "deployer", new(ago(time.Minute))
	robot.Status.Conditions = []metav1.Condition{Condition(v1alpha1.ConditionActive, metav1.ConditionTrue, v1alpha1.ReasonActive, "may act")}
	return append(users, robot)
}

func grants() []v1alpha1.Grant {
	last := Until(Grant("audit-2025", "view", "", ToGroup("auditors")), -40*day)
	last.Spec.Reason = "The audit of 2025"
	breakGlass := OnRequest(Grant("break-glass", "cluster-admin", "", ToGroup("oncall")), v1alpha1.ApprovalAfterUse, ToGroup("platform"))
	breakGlass.Spec.Reason = "For incidents at night"
	return []v1alpha1.Grant{
		last, breakGlass,
		OnRequest(Grant("payments-admin", "admin", "pay", ToGroup("payments")), v1alpha1.ApprovalBeforeUse, ToGroup("platform")),
		Until(Grant("payments-edit", "edit", "pay pay-staging", ToGroup("payments")), 150*day),
		Grant("shop-edit", "edit", "shop", ToGroup("shop")),
		Until(Grant("shop-view", "view", "shop pay", ToGroup("shop"), ToGroup("payments")), 90*day),
		Grant("platform-admin", "cluster-admin", "", ToUser("carol"), ToUser("grace"), ToUser("kofi")),
		Until(Grant("platform-view", "view", "", ToGroup("platform")), 200*day),
		Until(Grant("data-edit", "edit", "data", ToGroup("data")), 60*day),
		Until(Grant("logs", "log-reader", "pay shop data", ToGroup("oncall")), 365*day),
		Until(Grant("contractors-view", "view", "shop", ToGroup("contractors")), 20*day),
		Grant("deploy", "deployer", "shop pay data", v1alpha1.Subject{Kind: v1alpha1.SubjectUser, Name: "deployer"}),
	}
}

func said(grants []v1alpha1.Grant) []wire.GrantUsage {
	used := func(i int, requests int64, people int, last time.Duration) wire.GrantUsage {
		return Said(&grants[i], v1alpha1.GrantUsed, "last needed at "+ago(last).UTC().Format(time.RFC3339), requests, people, last)
	}
	const unused = "not used since 2026-10-28T09:30:00Z, of which time 99.4 % is known"
	return []wire.GrantUsage{
		Said(&grants[0], v1alpha1.GrantUnused, unused, 0, 0, 0),
		used(1, 212, 2, 9*day), used(2, 95, 3, 2*time.Hour), used(3, 9120, 7, 4*time.Minute), used(4, 7733, 8, 11*time.Minute),
		Said(&grants[5], v1alpha1.GrantRedundant, "last used at 2026-11-26T15:04:00Z, and whatever was done by it since 2026-10-28T09:30:00Z, "+
			"something else allowed, too", 1204, 9, 18*time.Hour),
		used(6, 311, 2, day), used(7, 2290, 6, 20*time.Minute), used(8, 5120, 7, 6*time.Minute),
		Said(&grants[9], v1alpha1.GrantUnused, unused, 0, 0, 0),
		Said(&grants[10], v1alpha1.GrantUnknown, "no use is known since 2026-11-20T09:30:00Z, and of that time 87.2 % is known", 0, 0, 0),
		used(11, 15210, 1, time.Minute),
	}
}

// Request is somebody's for a Grant.
func Request(name, who, grant, reason, ticket string, asked time.Duration) v1alpha1.AccessRequest {
	r := v1alpha1.AccessRequest{ObjectMeta: meta(name, asked)}
	r.Spec = v1alpha1.AccessRequestSpec{
		GrantRef: v1alpha1.NameReference{Name: grant}, UserName: prefix + who, DurationSeconds: 7200, Reason: reason, Ticket: ticket,
	}
	return r
}

// Given is a request that somebody approved, and that gives or gave access.
func Given(r v1alpha1.AccessRequest, approver, ended string) v1alpha1.AccessRequest {
	start := r.CreationTimestamp.Add(4 * time.Minute)
	r.Status.StartTime, r.Status.ExpireTime = new(metav1.NewTime(start)), new(metav1.NewTime(start.Add(2*time.Hour)))
	if approver != "" {
		r.Status.Approvals = []v1alpha1.GivenApproval{
			{Approver: prefix + approver, Decision: v1alpha1.DecisionApprove, Time: metav1.NewTime(start)},
		}
	}
	r.Status.Conditions = []metav1.Condition{Condition(v1alpha1.ConditionActive, metav1.ConditionTrue, v1alpha1.ReasonActive, "")}
	if ended != "" {
		r.Status.EndTime, r.Status.EndReason = r.Status.ExpireTime, ended
		r.Status.Conditions[0].Status, r.Status.Conditions[0].Reason = metav1.ConditionFalse, ended
	}
	return r
}

// Reviewed says what became of the review of a request.
func Reviewed(r v1alpha1.AccessRequest, status metav1.ConditionStatus, reason string) v1alpha1.AccessRequest {
	r.Status.Conditions = append(r.Status.Conditions, Condition(v1alpha1.ConditionReviewed, status, reason, ""))
	return r
}

func requests() []v1alpha1.AccessRequest {
	denied := Request("payments-admin-c9d1k", "bob2", "payments-admin", "I would like to have a look around", "", 6*day)
	denied.Status.EndTime, denied.Status.EndReason = new(ago(6*day-time.Hour)), v1alpha1.ReasonDenied
	waiting := Request("payments-admin-q2w8e", "erin", "payments-admin", "INC-412: refunds of last night have to be run again", "INC-412",
		25*time.Minute)
	waiting.Status.Conditions = []metav1.Condition{Condition(v1alpha1.ConditionActive, metav1.ConditionFalse, v1alpha1.ReasonPending, "")}
	return []v1alpha1.AccessRequest{
		Given(Request("payments-admin-7wq2m", "alice", "payments-admin", "INC-411: payments are stuck", "INC-411",
			50*time.Minute), "grace", ""),
		waiting, denied,
		Reviewed(Given(Request("break-glass-m4x7c", "kofi", "break-glass", "INC-398: the API is down at night", "INC-398", 9*day), "",
			v1alpha1.ReasonExpired), metav1.ConditionFalse, v1alpha1.ReasonReviewPending),
		Reviewed(Given(Request("break-glass-a8s2d", "alice", "break-glass", "INC-377: nodes are full", "INC-377", 22*day), "carol",
			v1alpha1.ReasonExpired), metav1.ConditionTrue, v1alpha1.ReasonApproved),
		Given(Request("payments-admin-z6t3r", "ivan", "payments-admin", "CHG-88: new schema", "CHG-88",
			15*day), "kofi", v1alpha1.ReasonExpired),
		Given(Request("payments-admin-h5n9b", "erin", "payments-admin", "CHG-91: rotate the keys", "CHG-91",
			3*day), "carol", v1alpha1.ReasonExpired),
	}
}

func ownApproval() v1alpha1.Approval {
	a := v1alpha1.Approval{ObjectMeta: meta("payments-admin-c9d1k-bob2", 6*day)}
	a.Spec = v1alpha1.ApprovalSpec{
		RequestRef: v1alpha1.RequestReference{Name: "payments-admin-c9d1k"}, Decision: v1alpha1.DecisionApprove, Approver: "corp:bob2",
	}
	a.Status.Conditions = []metav1.Condition{Condition(v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonOwnRequest, "")}
	return a
}

func sessions() []v1alpha1.Session {
	robot := Session("deployer", "", v1alpha1.MethodManaged, 120*day)
	robot.Name, robot.Spec.Username, robot.Spec.Custody = "deployer-managed", "deployer", v1alpha1.CustodyServer
	ended := Session("bob", "bobs-laptop", v1alpha1.MethodOIDC, day)
	ended.Status.EndTime, ended.Status.EndReason = new(ago(time.Hour)), v1alpha1.ReasonIdle
	return []v1alpha1.Session{
		Session("alice", "alices-laptop", v1alpha1.MethodOIDC, 2*time.Hour),
		Session("carol", "carols-desk", v1alpha1.MethodOIDC, 70*time.Minute),
		Session("erin", "erins-laptop", v1alpha1.MethodLDAP, 90*time.Minute),
		Session("grace", "grace-key", v1alpha1.MethodDeviceKey, 26*time.Hour),
		Session("grace", "graces-laptop", v1alpha1.MethodOIDC, 55*time.Minute),
		Session("heidi", "heidis-laptop", v1alpha1.MethodOIDC, 3*time.Hour),
		ended, robot,
	}
}

func directory() v1alpha1.Directory {
	d := v1alpha1.Directory{ObjectMeta: meta("corp", 500*day)}
	d.Status.Users, d.Status.Groups, d.Status.LastSyncTime = new(int32(32)), new(int32(7)), new(ago(4*time.Minute))
	d.Status.Conditions = []metav1.Condition{Condition(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonSynced, "")}
	return d
}

// deeds are what people did; one of them tried something on a Tuesday.
func deeds(users []v1alpha1.User) []wire.Day {
	var usernames []string
	for i := range users {
		if users[i].Status.LastSeenTime != nil && Now().Sub(users[i].Status.LastSeenTime.Time) < 30*day {
			usernames = append(usernames, users[i].Status.Username)
		}
	}
	items := Days(30, usernames)
	for i := range items {
		if items[i].Username == "corp:heidi" && items[i].Day == "2026-11-17" {
			items[i].Requests, items[i].Forbidden = items[i].Requests+143, 143
		}
	}
	return items
}

// Large is a company of many, in which nearly nothing is wrong.
func Large(people, groups, grants int) report.Input {
	in := report.Input{Cluster: "large", Days: 30}
	in.ClusterRoles = Roles()
	for i := range groups {
		in.Groups = append(in.Groups, Group(fmt.Sprintf("team-%03d", i)))
	}
	usernames := make([]string, 0, people)
	for i, display := range Names(people) {
		team := func(n int) string { return fmt.Sprintf("team-%03d", (i*n+n)%groups) }
		u := User(fmt.Sprintf("person-%05d", i), display, team(1), team(7), team(13), team(31))
		u.Status.LastSeenTime = new(ago(time.Duration(i%2000) * time.Hour))
		in.Users = append(in.Users, u)
		usernames = append(usernames, u.Status.Username)
		if i%5 == 0 {
			in.Sessions = append(in.Sessions, Session(u.Name, "laptop", v1alpha1.MethodOIDC, time.Hour))
		}
	}
	for i := range grants {
		g := Grant(fmt.Sprintf("grant-%03d", i), []string{"view", "edit", "deployer"}[i%3],
			fmt.Sprintf("space-%d", i)+fmt.Sprintf(" space-%d", i+1),
			ToGroup(fmt.Sprintf("team-%03d", i%groups)), ToGroup(fmt.Sprintf("team-%03d", (i*3+1)%groups)))
		in.Grants = append(in.Grants, g)
	}
	Bind(&in)
	in.Activity = &wire.Days{Coverage: Coverage(30, 1), Items: Days(30, usernames)}
	in.Usage = &wire.Usage{Coverage: Coverage(30, 1)}
	for i := range in.Grants {
		in.Usage.Items = append(in.Usage.Items, Said(&in.Grants[i], v1alpha1.GrantUsed, "last needed today", 100, 10, time.Hour))
	}
	return in
}
