// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package main

// operations says whether the operator works.
func operations() board {
	return board{
		uid: "rollcall-operations", title: "Rollcall / Operations", other: "rollcall-access",
		description: "Whether Rollcall works: directories, reconciling, logins, the webhook, audit, and what it takes. docs/metrics.md has " +
			"each metric, docs/runbooks.md what to do about each alert.",
		rows: []row{overview(), directories(), reconciling(), bindings(), certificates(), webhook(), audit(), ledger(), process()},
	}
}

func overview() row {
	return row{title: "Is it working?", height: 4, panels: []panel{
		{
			kind: stat, title: "Leaders", width: 3, unit: short, good: 1, none: "0",
			description: "Replicas that tell what the leader alone knows. It should be 1: RollcallNobodyLeads.",
			queries:     []query{{`count(count by (instance) (rollcall_users{$of}))`, ""}},
		},
		{
			kind: stat, title: "Replicas", width: 3, unit: short, good: 1, none: "0",
			description: "Replicas that are scraped.", queries: []query{{`count(rollcall_build_info{$of})`, ""}},
		},
		{
			kind: stat, title: "Directories behind", width: 4, unit: short, marks: bad(1), none: "0",
			description: "Directories whose last complete read is longer ago than three intervals and five minutes: RollcallDirectoryNotRead.",
			queries: []query{{
				`count(time() - rollcall_directory_last_read_timestamp_seconds{$of} > 3 * rollcall_directory_sync_interval_seconds{$of} + 300)`, "",
			}},
		},
		{
			kind: stat, title: "Held by the guard", width: 4, unit: short, marks: bad(1), none: "0",
			description: "People whose loss of access waits for a decision: RollcallLossGuardHolding.",
			queries:     []query{{`sum(rollcall_directory_guard_pending{$of})`, ""}},
		},
		{
			kind: stat, title: "Waiting for a person", width: 4, unit: short, marks: warn(1), none: "0",
			description: "Stalled objects, but for requests and approvals, whose authors see it: RollcallStalled.",
			queries:     []query{{`sum(rollcall_objects{$of,state="Stalled",kind!~"AccessRequest|Approval"})`, ""}},
		},
		{
			kind: stat, title: "Failed certificates", width: 3, unit: short, marks: bad(1), none: "0",
			description: "Certificates of the last hour that the signer, the ledger or the API server kept back: RollcallCertificatesFail.",
			queries:     []query{{`sum(increase(rollcall_certificates_total{$of,result="failed"}[1h]))`, ""}},
		},
		{
			kind: stat, title: "Ledger", width: 3, unit: flag, good: 1, none: "none",
			description: "Whether the ledger is open. While it is not, no certificate is issued: RollcallLedgerFails.",
			queries:     []query{{`max(rollcall_ledger_open{$of})`, ""}}, names: map[string]string{"0": "closed", "1": "open"},
		},
	}}
}

func directories() row {
	return row{title: "Directories", height: 7, panels: []panel{
		{
			kind: graph, title: "Age of the last complete read", width: 8, unit: seconds,
			description: "And the interval at which there should be one.",
			queries: []query{
				{`time() - max by (directory) (rollcall_directory_last_read_timestamp_seconds{$of})`, "{{directory}}"},
				{`max by (directory) (rollcall_directory_sync_interval_seconds{$of})`, "{{directory}} interval"},
			},
		},
		{
			kind: graph, title: "How long full reads take", width: 8, unit: seconds,
			description: "What the slowest tenth of full reads takes at least. More than half of the interval: RollcallDirectoryReadSlow.",
			queries:     []query{{tenth("rollcall_directory_read_duration_seconds", "directory"), "{{directory}}"}},
		},
		{
			kind: graph, title: "Full reads that failed", width: 8, unit: perSecond,
			description: "By directory. The condition Ready of the Directory says why.",
			queries:     []query{{rate("rollcall_directory_read_duration_seconds_count", `result="error"`, "directory"), "{{directory}}"}},
		},
		{
			kind: graph, title: "Changes are watched", width: 8, unit: flag,
			description: "1 while the directory tells its changes as they happen. 0: RollcallChangesNotWatched.",
			queries:     []query{{`max by (directory) (rollcall_directory_watch_connected{$of})`, "{{directory}}"}},
			names:       map[string]string{"0": "no", "1": "yes"},
		},
		{
			kind: graph, title: "Since the directory last told anything", width: 8, unit: seconds, marks: warn(86400),
			description: "A day of silence may be a weekend, or a right that is missing: RollcallWatchSilent.",
			queries:     []query{{`time() - max by (directory) (rollcall_directory_last_event_timestamp_seconds{$of})`, "{{directory}}"}},
		},
		{
			kind: graph, title: "What is mirrored", width: 8, unit: short,
			description: "People and groups of each directory.",
			queries:     []query{{`max by (directory, kind) (rollcall_directory_entries{$of})`, "{{directory}} {{kind}}"}},
		},
	}}
}

func reconciling() row {
	return row{title: "Reconciling, and the API server", height: 7, panels: []panel{
		{
			kind: graph, title: "Reconciles", width: 8, unit: perSecond, stacked: true,
			description: "How often each controller looks at an object.",
			queries:     []query{{rate("controller_runtime_reconcile_total", "", "controller"), "{{controller}}"}},
		},
		{
			kind: graph, title: "Errors", width: 8, unit: perSecond, marks: warn(0.1),
			description: "Reconciles that failed and are tried again; terminal ones, and panics, are defects.",
			queries: []query{
				{rate("controller_runtime_reconcile_errors_total", "", "controller"), "{{controller}}"},
				{rate("controller_runtime_terminal_reconcile_errors_total", "", "controller"), "{{controller}} terminal"},
				{rate("controller_runtime_reconcile_panics_total", "", "controller"), "{{controller}} panic"},
			},
		},
		{
			kind: graph, title: "How long they take", width: 8, unit: seconds,
			description: "What the slowest tenth takes at least. Those of directory include full reads.",
			queries:     []query{{tenth("controller_runtime_reconcile_time_seconds", "controller"), "{{controller}}"}},
		},
		{
			kind: graph, title: "Queues", width: 8, unit: short,
			description: "Objects that wait to be looked at. One that does not go down: more arrives than is done.",
			queries:     []query{{`sum by (name) (workqueue_depth{$of})`, "{{name}}"}},
		},
		{
			kind: graph, title: "How long they wait", width: 8, unit: seconds, marks: warn(5),
			description: "What the slowest tenth of objects waits in its queue at least. A leaver's way leads through the queues user and grant.",
			queries:     []query{{tenth("workqueue_queue_duration_seconds", "name"), "{{name}}"}},
		},
		{
			kind: graph, title: "The longest that a worker is at it", width: 8, unit: seconds, marks: warn(600),
			description: "Grows without end: it hangs.",
			queries:     []query{{`max by (name) (workqueue_longest_running_processor_seconds{$of})`, "{{name}}"}},
		},
		{
			kind: graph, title: "Requests to the API server", width: 12, unit: perSecond, stacked: true,
			description: "By HTTP method. Watches count once.",
			queries:     []query{{rate("rest_client_requests_total", "", "method"), "{{method}}"}},
		},
		{
			kind: graph, title: "Requests that the API server did not do", width: 12, unit: perSecond,
			description: "By status. 403: a right is missing. 409: somebody else wrote meanwhile, which is tried again. 429: it is overloaded. " +
				"error: it cannot be reached.",
			queries: []query{{rate("rest_client_requests_total", `code!~"2..|404"`, "code"), "{{code}}"}},
		},
	}}
}

func bindings() row {
	return row{title: "Bindings", height: 7, panels: []panel{
		{
			kind: graph, title: "Bindings written", width: 8, unit: perSecond, stacked: true,
			description: "Bindings of Grants and of AccessRequests, by what was done.",
			queries:     []query{{rate("rollcall_binding_changes_total", `result="done"`, "holder, change"), "{{holder}} {{change}}"}},
		},
		{
			kind: graph, title: "Bindings refused", width: 8, unit: perSecond,
			description: "What the API server did not take. An update or a deletion: RollcallBindingWritesFail.",
			queries:     []query{{rate("rollcall_binding_changes_total", `result="refused"`, "holder, change"), "{{holder}} {{change}}"}},
		},
		{
			kind: graph, title: "How long leavers keep access", width: 8, unit: seconds, marks: bad(60),
			description: "From when the directory told that somebody left or was disabled until a binding does not name them. " +
				"RollcallLeaversKeepAccess.",
			queries: []query{
				{quantile("0.5", "rollcall_leaver_withdrawal_duration_seconds", ""), "median"},
				{quantile("0.99", "rollcall_leaver_withdrawal_duration_seconds", ""), "slowest hundredth"},
			},
		},
	}}
}

func certificates() row {
	return row{title: "Logins and certificates", height: 7, panels: []panel{
		{
			kind: graph, title: "Requests to the login service", width: 6, unit: perSecond, stacked: true,
			description: "By path.", queries: []query{{rate("rollcall_login_requests_total", "", "path"), "{{path}}"}},
		},
		{
			kind: graph, title: "How long they take", width: 6, unit: seconds, marks: warn(10),
			description: "What the slowest tenth takes at least. Seconds: the directory, the identity provider or the signer is slow.",
			queries:     []query{{tenth("rollcall_login_request_duration_seconds", "path"), "{{path}}"}},
		},
		{
			kind: graph, title: "Certificates", width: 6, unit: perSecond,
			description: "By signer and by what came of it. Failed: RollcallCertificatesFail.",
			queries:     []query{{rate("rollcall_certificates_total", "", "signer, result"), "{{signer}} {{result}}"}},
		},
		{
			kind: graph, title: "How long signing takes", width: 6, unit: seconds, marks: warn(5),
			description: "What the slowest tenth takes at least.",
			queries:     []query{{tenth("rollcall_certificate_signing_duration_seconds", "signer"), "{{signer}}"}},
		},
	}}
}

func webhook() row {
	return row{title: "The authorization webhook", height: 7, panels: []panel{
		{
			kind: graph, title: "Answers", width: 8, unit: perSecond, stacked: true,
			description: "By decision. All but no_opinion and preflight were denied.",
			queries:     []query{{rate("rollcall_authorization_reviews_total", "", "decision"), "{{decision}}"}},
		},
		{
			kind: graph, title: "Not answered", width: 8, unit: perSecond, marks: bad(0.001),
			description: "By HTTP status. 401 and 503: RollcallAuthorizationFails.",
			queries:     []query{{rate("rollcall_authorization_refusals_total", "", "code"), "{{code}}"}},
		},
		{
			kind: graph, title: "How long answers take", width: 8, unit: seconds, marks: warn(0.1),
			description: "Every request of a managed person waits for that.",
			queries: []query{
				{quantile("0.5", "rollcall_authorization_review_duration_seconds", ""), "median"},
				{quantile("0.99", "rollcall_authorization_review_duration_seconds", ""), "slowest hundredth"},
			},
		},
	}}
}

func audit() row {
	return row{title: "Audit", height: 7, panels: []panel{
		{
			kind: graph, title: "Events received", width: 6, unit: perSecond, stacked: true,
			description: "By what became of them: stored, known already, or no events.",
			queries:     []query{{rate("rollcall_audit_events_total", "", "result"), "{{result}}"}},
		},
		{
			kind: graph, title: "Not taken, and lost", width: 6, unit: perSecond, marks: bad(0.001),
			description: "Requests that were refused, by HTTP status (RollcallAuditNotStored), and events that API servers counted as lost " +
				"(RollcallAuditEventsLost).",
			queries: []query{
				{rate("rollcall_audit_refusals_total", "", "code"), "refused {{code}}"}, {rate("rollcall_audit_lost_events_total", "", ""), "lost"},
			},
		},
		{
			kind: graph, title: "How long storing takes", width: 6, unit: seconds, marks: warn(5),
			description: "What the slowest tenth of requests takes at least.",
			queries:     []query{{tenth("rollcall_audit_store_duration_seconds", ""), "slowest tenth"}},
		},
		{
			kind: graph, title: "API servers", width: 6, unit: short, stacked: true,
			description: "By how it is with their events. Silent and unreachable: RollcallAuditNotReceived.",
			queries:     []query{{`max by (state) (rollcall_audit_watched_servers{$of})`, "{{state}}"}},
		},
		{
			kind: graph, title: "Since events of an API server were last stored", width: 12, unit: seconds, marks: warn(300),
			description: "The newest over all replicas, by API server.",
			queries:     []query{{`time() - max by (server) (rollcall_audit_last_received_timestamp_seconds{$of})`, "{{server}}"}},
		},
		{
			kind: graph, title: "Events for the SIEM that were not written", width: 12, unit: perSecond, marks: bad(0.001),
			description: "RollcallSIEMEventsLost.", queries: []query{{rate("rollcall_ocsf_failures_total", "", ""), "lost"}},
		},
	}}
}

func ledger() row {
	return row{title: "Ledger and authority", height: 7, panels: []panel{
		{
			kind: graph, title: "Entries", width: 8, unit: perSecond,
			description: "Written to the ledger, and such as could not be: RollcallLedgerFails.",
			queries: []query{
				{rate("rollcall_ledger_entries_total", "", ""), "written"},
				{rate("rollcall_ledger_failures_total", "", ""), "failed"},
				{rate("rollcall_ledger_publish_failures_total", "", ""), "checkpoint not published"},
			},
		},
		{
			kind: graph, title: "Size that was published", width: 8, unit: short,
			description: "It only ever grows.", queries: []query{{`max(rollcall_ledger_published_size{$of})`, "entries"}},
		},
		{
			kind: stat, title: "Own authority", width: 4, unit: flag, good: 1, none: "none",
			description: "Whether no rotation is due or under way. Not for days: RollcallAuthorityNotRotated.",
			queries:     []query{{`max(rollcall_authority_current{$of})`, ""}}, names: map[string]string{"0": "to be rotated", "1": "current"},
		},
		{
			kind: stat, title: "Authority expires in", width: 4, unit: days, good: 30, none: "none",
			description: "When it does nobody logs in, and nothing is renewed.",
			queries:     []query{{`(max(rollcall_authority_expiry_timestamp_seconds{$of}) - time()) / 86400`, ""}},
		},
	}}
}

func process() row {
	return row{title: "What it takes", height: 7, panels: []panel{
		{
			kind: graph, title: "Memory", width: 6, unit: size,
			description: "Resident, by replica. docs/scale.md says what to expect.",
			queries:     []query{{`process_resident_memory_bytes{$of}`, "{{instance}}"}},
		},
		{
			kind: graph, title: "CPU", width: 6, unit: short,
			description: "Cores, by replica.", queries: []query{{`rate(process_cpu_seconds_total{$of}[$__rate_interval])`, "{{instance}}"}},
		},
		{
			kind: graph, title: "Goroutines, and files that are open", width: 6, unit: short,
			description: "What grows without end is a defect.",
			queries:     []query{{`go_goroutines{$of}`, "{{instance}} goroutines"}, {`process_open_fds{$of}`, "{{instance}} files"}},
		},
		{
			kind: table, title: "Versions", width: 6, unit: short,
			description: "Replicas by version. Two at once for longer than an upgrade takes: one did not come up.",
			queries:     []query{{`count by (version, go_version) (rollcall_build_info{$of})`, ""}},
		},
	}}
}
