// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package usage

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	auditv1 "k8s.io/apiserver/pkg/apis/audit/v1"

	"github.com/rollcall-iam/rollcall/internal/answers"
	"github.com/rollcall-iam/rollcall/internal/attribution"
	"github.com/rollcall-iam/rollcall/internal/audit"
)

// Outcome is what the API server decided about requests.
type Outcome string

const (
	// Allowed by RBAC.
	Allowed Outcome = "Allowed"
	// Forbidden by all.
	Forbidden Outcome = "Forbidden"
	// Other is what neither was asked about, nor was RBAC's to allow.
	Other Outcome = "Other"
)

// Deed is what somebody did within a minute, as often as they did.
type Deed struct {
	Username string         `json:"username"`
	Groups   []string       `json:"groups,omitempty"`
	Action   answers.Action `json:"action"`
	Outcome  Outcome        `json:"outcome"`
	// Allow is what RBAC says to have allowed it. Absent for what it did not tell: of impersonation, and where that was left out.
	Allow *audit.Allow `json:"allow,omitempty"`
	// Requests counts those that have ended: those that go on are known already, and count later.
	Requests int64 `json:"requests"`
	// Besides says that this is another right that the same requests needed, and no requests of their own.
	Besides bool      `json:"besides,omitempty"`
	First   time.Time `json:"first"`
	Last    time.Time `json:"last"`
}

// key tells deeds apart. A minute is short enough for what was allowed to be looked up once, and long enough for there to be few.
type key struct {
	username, groups string
	action           answers.Action
	outcome          Outcome
	allow            audit.Allow
	besides          bool
	minute           int64
}

// Collect takes events together, by what they have in common, in the order of time. Components of Kubernetes and workloads are left out:
// Grants are for people. What somebody did as somebody else is the use of the right to do so, and not of the other one's rights.
func Collect(lines []audit.Line) []Deed {
	var order []*Deed
	known := map[key]*Deed{}
	for i := range lines {
		e := &lines[i].Event
		if e.User.Username == "" || strings.HasPrefix(e.User.Username, "system:") || e.Stage == auditv1.StageRequestReceived {
			continue
		}
		for _, fresh := range deedsOf(e) {
			k := fresh.key()
			deed := known[k]
			if deed == nil {
				deed = &fresh
				deed.Groups = slices.Clone(deed.Groups)
				known[k], order = deed, append(order, deed)
			}
			deed.First, deed.Last = earlier(deed.First, fresh.First), later(deed.Last, fresh.Last)
			if e.Stage != auditv1.StageResponseStarted {
				deed.Requests++
			}
		}
	}
	deeds := make([]Deed, len(order))
	for i, deed := range order {
		deeds[i] = *deed
	}
	slices.SortStableFunc(deeds, func(a, b Deed) int { return cmp.Or(a.First.Compare(b.First), cmp.Compare(a.Username, b.Username)) })
	return deeds
}

// deedsOf are what an event tells: one, or for whoever acts as somebody else one for each right that this takes. What the other one was
// allowed then, or not, is none of theirs.
func deedsOf(e *auditv1.Event) []Deed {
	d := deedOf(e)
	if e.ImpersonatedUser == nil {
		return []Deed{d}
	}
	actions := impersonation(e)
	deeds := make([]Deed, len(actions))
	for i, action := range actions {
		deeds[i] = d
		deeds[i].Action, deeds[i].Outcome, deeds[i].Allow, deeds[i].Besides = action, Allowed, nil, i > 0
	}
	return deeds
}

func deedOf(e *auditv1.Event) Deed {
	at := e.RequestReceivedTimestamp.Time
	d := Deed{Username: e.User.Username, Groups: e.User.Groups, Action: asked(attribution.ActionOf(e)), Outcome: Other, First: at, Last: at}
	decision := audit.DecisionOf(e)
	switch {
	case decision.Forbidden:
		d.Outcome = Forbidden
	case decision.Allow != nil:
		d.Allow, d.Outcome = decision.Allow, Allowed
	case undecided(e) && succeeded(e):
		d.Outcome = Allowed
	}
	return d
}

// undecided says that an event says nothing of what was decided: some services leave its annotations out.
func undecided(e *auditv1.Event) bool { return audit.DecisionOf(e) == audit.Decision{} }

// succeeded says that a request was not refused (HTTP 4xx), and did not fail.
func succeeded(e *auditv1.Event) bool {
	const refused = 400
	return e.ResponseStatus != nil && e.ResponseStatus.Code > 0 && e.ResponseStatus.Code < refused
}

// asked is an action as the authorizer was asked about it: the name of what is created is filled in later.
func asked(action answers.Action) answers.Action {
	if action.Verb == "create" && action.Subresource == "" {
		action.Name = ""
	}
	return action
}

const (
	// groupAuthentication is the API group of rights to act as somebody with a uid or an extra; of all of them, where impersonation is
	// constrained (KEP-5284).
	groupAuthentication = "authentication.k8s.io"
	// groupAuthenticated is a group that the API server adds itself, as it does those of workloads.
	groupAuthenticated  = "system:authenticated"
	workload, workloads = "system:serviceaccount:", "system:serviceaccounts"
)

// impersonation is what whoever acts as somebody else had to be allowed first: the identity, then groups, uid and extras.
func impersonation(e *auditv1.Event) []answers.Action {
	r := right{verb: "impersonate"}
	if e.AuthenticationMetadata != nil && e.AuthenticationMetadata.ImpersonationConstraint != "" {
		r = right{verb: e.AuthenticationMetadata.ImpersonationConstraint, group: groupAuthentication}
	}
	all := append([]answers.Action{r.identity(e.ImpersonatedUser.Username)}, r.attributes(e.ImpersonatedUser)...)
	if _, mode, constrained := strings.Cut(r.verb, ":"); constrained { // And what was done, as somebody else.
		done := asked(attribution.ActionOf(e))
		done.Verb = "impersonate-on:" + mode + ":" + done.Verb
		all = append(all, done)
	}
	return all
}

// right is one to act as somebody else.
type right struct{ verb, group string }

func (r right) identity(username string) answers.Action {
	a := answers.Action{Verb: r.verb, APIGroup: r.group, Resource: "users", Name: username}
	rest, found := strings.CutPrefix(username, workload)
	if namespace, name, both := strings.Cut(rest, ":"); found && both {
		a.Resource, a.Namespace, a.Name = "serviceaccounts", namespace, name
	}
	return a
}

func (r right) attributes(as *authenticationv1.UserInfo) (all []answers.Action) {
	for _, group := range as.Groups {
		if group != groupAuthenticated && !strings.HasPrefix(group, workloads) {
			all = append(all, answers.Action{Verb: r.verb, APIGroup: r.group, Resource: "groups", Name: group})
		}
	}
	if as.UID != "" {
		all = append(all, answers.Action{Verb: r.verb, APIGroup: groupAuthentication, Resource: "uids", Name: as.UID})
	}
	for _, key := range slices.Sorted(maps.Keys(as.Extra)) {
		for _, value := range as.Extra[key] {
			all = append(all, answers.Action{
				Verb: r.verb, APIGroup: groupAuthentication, Resource: "userextras", Subresource: key, Name: value,
			})
		}
	}
	return all
}

func (d *Deed) key() key {
	k := key{
		username: d.Username, groups: strings.Join(d.Groups, "\n"), action: d.Action, outcome: d.Outcome,
		besides: d.Besides, minute: d.First.Unix() / int64(time.Minute/time.Second),
	}
	if d.Allow != nil {
		k.allow = *d.Allow
	}
	return k
}
