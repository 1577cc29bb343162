// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package main

// access says who has access, and what happens to it.
func access() board {
	return board{
		uid: "rollcall-access", title: "Rollcall / Access", other: "rollcall-operations",
		description: "Who may act, by what, and what changes: people, grants, requests, sessions, logins, leavers, Locks, certificates. It " +
			"names nobody: kubectl rollcall does.",
		rows: []row{now(), people(), grants(), requests(), sessions(), keepingOut()},
	}
}

func now() row {
	return row{title: "Now", height: 4, panels: []panel{
		{
			kind: stat, title: "People who may act", width: 4, unit: short, none: "0",
			description: "Users whose condition Active is True.", queries: []query{{`max(rollcall_users{$of,state="Active"})`, ""}},
		},
		{
			kind: stat, title: "Sessions", width: 4, unit: short, none: "0",
			description: "Sessions of people that go on. Those of kubeconfig Secrets are not in it.",
			queries:     []query{{`sum(max by (method) (rollcall_active_sessions{$of,method!="Managed"}))`, ""}},
		},
		{
			kind: stat, title: "Requests that wait", width: 4, unit: short, marks: warn(1), none: "0",
			description: "AccessRequests that wait for approval: kubectl rollcall requests --pending.",
			queries:     []query{{`max(rollcall_objects{$of,kind="AccessRequest",state="Waiting",reason="Pending"})`, ""}},
		},
		{
			kind: stat, title: "Requests that are active", width: 4, unit: short, none: "0",
			description: "AccessRequests that give access now.",
			queries:     []query{{`max(rollcall_objects{$of,kind="AccessRequest",state="Ready",reason="Active"})`, ""}},
		},
		{
			kind: stat, title: "Emergencies to review", width: 4, unit: short, marks: warn(1), none: "0",
			description: "Access that was given before anybody approved it, and that nobody has looked at: RollcallReviewOverdue.",
			queries:     []query{{`max(rollcall_objects{$of,kind="AccessRequest",reason="ReviewPending"})`, ""}},
		},
		{
			kind: stat, title: "Locks in force", width: 4, unit: short, marks: warn(1), none: "0",
			description: "Locks that keep somebody out, and such as take hold just now.",
			queries:     []query{{`sum(max by (reason) (rollcall_objects{$of,kind="Lock",reason=~"Locked|Locking"}))`, ""}},
		},
	}}
}

func people() row {
	return row{title: "People", height: 8, panels: []panel{
		{
			kind: graph, title: "People who may act", width: 8, unit: short,
			description: "A step is many at once, or an accident.",
			queries: []query{
				{`max(rollcall_users{$of,state="Active"})`, "active"}, {`max(rollcall_dormant_users{$of})`, "of them not seen for long"},
			},
		},
		{
			kind: graph, title: "People who may not, by reason", width: 8, unit: short, stacked: true,
			description: "The reasons of the condition Active. UsernameTaken and IdentityReplaced wait for a person.",
			queries:     []query{{`max by (state) (rollcall_users{$of,state!="Active"})`, "{{state}}"}},
		},
		{
			kind: graph, title: "What the directory told of people", width: 8, unit: short, stacked: true,
			description: "Changes of Users an hour, by what happened. Many who left at once: RollcallManyPeopleLeft.",
			queries: []query{{
				`sum by (change) (increase(rollcall_directory_changes_total{$of,kind="User"}[1h]))`, "{{change}}",
			}},
		},
	}}
}

func grants() row {
	return row{title: "Grants", height: 8, panels: []panel{
		{
			kind: graph, title: "Grants, by how they are", width: 8, unit: short, stacked: true,
			description: "Applied: they have bindings. OnRequest: people may ask. NotStarted and Expired: by their times. All else is not whole.",
			queries:     []query{{`max by (state, reason) (rollcall_objects{$of,kind="Grant"})`, "{{state}} {{reason}}"}},
		},
		{
			kind: graph, title: "Bindings written", width: 8, unit: short, stacked: true,
			description: "An hour, by whose they are and what was done.",
			queries: []query{{
				`sum by (holder, change) (increase(rollcall_binding_changes_total{$of,result="done"}[1h]))`, "{{holder}} {{change}}",
			}},
		},
		{
			kind: table, title: "What is not as it should be", width: 8, unit: short,
			description: "Objects that wait or stall, by kind and reason. The condition Ready of each says what to do.",
			queries:     []query{{`max by (kind, state, reason) (rollcall_objects{$of,state=~"Waiting|Stalled"}) > 0`, ""}},
		},
	}}
}

func requests() row {
	return row{title: "Access on request", height: 8, panels: []panel{
		{
			kind: graph, title: "Requests", width: 8, unit: short,
			description: "That wait, that are active, and emergencies that nobody has reviewed.",
			queries: []query{
				{`max by (reason) (rollcall_objects{$of,kind="AccessRequest",reason=~"Pending|Active|ReviewPending|NotStarted"})`, "{{reason}}"},
			},
		},
		{
			kind: graph, title: "How long people wait for approval", width: 8, unit: seconds, marks: warn(3600),
			description: "From the request until the decision that counted, over a day.",
			queries: []query{
				{over("0.5", "rollcall_access_request_wait_duration_seconds", `,outcome="approved"`, "1d"), "median"},
				{over("0.9", "rollcall_access_request_wait_duration_seconds", `,outcome="approved"`, "1d"), "slowest tenth"},
			},
		},
		{
			kind: graph, title: "What came of them", width: 8, unit: short, stacked: true,
			description: "A day, by outcome. Undecided: they ended before enough people had decided.",
			queries: []query{{
				`sum by (outcome) (increase(rollcall_access_request_wait_duration_seconds_count{$of}[1d]))`, "{{outcome}}",
			}},
		},
	}}
}

func sessions() row {
	return row{title: "Logins, Sessions and certificates", height: 8, panels: []panel{
		{
			kind: graph, title: "Sessions that go on", width: 6, unit: short, stacked: true,
			description: "By how people proved who they are. Managed: for kubeconfig Secrets.",
			queries:     []query{{`max by (method) (rollcall_active_sessions{$of})`, "{{method}}"}},
		},
		{
			kind: graph, title: "Logins, by method and result", width: 6, unit: short, stacked: true,
			description: "An hour. Those with a device code come by another path.",
			queries: []query{{
				`sum by (method, result) (increase(rollcall_login_requests_total{$of,path=~"/v1/(login|device/poll)",method!=""}[1h]))`,
				"{{method}} {{result}}",
			}},
		},
		{
			kind: graph, title: "Certificates", width: 6, unit: short, stacked: true,
			description: "An hour: new ones and renewals, by what came of it.",
			queries:     []query{{`sum by (result) (increase(rollcall_certificates_total{$of}[1h]))`, "{{result}}"}},
		},
		{
			kind: graph, title: "Kubeconfig Secrets", width: 6, unit: short, stacked: true,
			description: "By the reason of the User's condition Kubeconfig. Such as cannot be renewed: RollcallKubeconfigsNotRenewed.",
			queries:     []query{{`max by (state) (rollcall_kubeconfigs{$of})`, "{{state}}"}},
		},
	}}
}

func keepingOut() row {
	return row{title: "Keeping out", height: 8, panels: []panel{
		{
			kind: graph, title: "Leavers", width: 6, unit: short, stacked: true,
			description: "People an hour who left, were disabled, or whose name is another's now.",
			queries: []query{{
				`sum by (change) (increase(rollcall_directory_changes_total{$of,kind="User",change=~"left|disabled|replaced"}[1h]))`, "{{change}}",
			}},
		},
		{
			kind: graph, title: "How long leavers keep access", width: 6, unit: seconds, marks: bad(60),
			description: "From when the directory told it until a binding does not name them, over an hour. RollcallLeaversKeepAccess.",
			queries: []query{
				{over("0.5", "rollcall_leaver_withdrawal_duration_seconds", "", "1h"), "median"},
				{over("0.99", "rollcall_leaver_withdrawal_duration_seconds", "", "1h"), "slowest hundredth"},
			},
		},
		{
			kind: graph, title: "Denied by the webhook", width: 6, unit: short, stacked: true,
			description: "Requests an hour with a certificate whose Session has ended or is gone, of somebody else, or that nobody issued.",
			queries: []query{{
				`sum by (decision) (increase(rollcall_authorization_reviews_total{$of,decision!~"no_opinion|preflight"}[1h]))`, "{{decision}}",
			}},
		},
		{
			kind: graph, title: "Certificates that nobody issued", width: 6, unit: short, marks: bad(1),
			description: "Any is an incident: RollcallUnknownCertificate.",
			queries:     []query{{`sum(increase(rollcall_unknown_certificates_total{$of}[1h]))`, "an hour"}},
		},
	}}
}
