// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package usage

import (
	"cmp"
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
	Requests int64     `json:"requests"`
	First    time.Time `json:"first"`
	Last     time.Time `json:"last"`
}

// key tells deeds apart. A minute is short enough for what was allowed to be looked up once, and long enough for there to be few.
type key struct {
	username, groups string
	action           answers.Action
	outcome          Outcome
	allow            audit.Allow
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
		fresh := deedOf(e)
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
	deeds := make([]Deed, len(order))
	for i, deed := range order {
		deeds[i] = *deed
	}
	slices.SortStableFunc(deeds, func(a, b Deed) int { return cmp.Or(a.First.Compare(b.First), cmp.Compare(a.Username, b.Username)) })
	return deeds
}

func deedOf(e *auditv1.Event) Deed {
	at := e.RequestReceivedTimestamp.Time
	d := Deed{Username: e.User.Username, Groups: e.User.Groups, Action: asked(attribution.ActionOf(e)), Outcome: Other, First: at, Last: at}
	decision := audit.DecisionOf(e)
	switch {
	case decision.Forbidden:
		d.Outcome = Forbidden
	case e.ImpersonatedUser != nil:
		d.Action, d.Outcome = impersonation(e.ImpersonatedUser), Allowed
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

// impersonation is what whoever acts as somebody else had to be allowed first.
func impersonation(as *authenticationv1.UserInfo) answers.Action {
	const verb, prefix = "impersonate", "system:serviceaccount:"
	if namespace, name, found := strings.Cut(strings.TrimPrefix(as.Username, prefix), ":"); found && strings.HasPrefix(as.Username, prefix) {
		return answers.Action{Verb: verb, Resource: "serviceaccounts", Namespace: namespace, Name: name}
	}
	return answers.Action{Verb: verb, Resource: "users", Name: as.Username}
}

func (d *Deed) key() key {
	k := key{
		username: d.Username, groups: strings.Join(d.Groups, "\n"), action: d.Action, outcome: d.Outcome,
		minute: d.First.Unix() / int64(time.Minute/time.Second),
	}
	if d.Allow != nil {
		k.allow = *d.Allow
	}
	return k
}
