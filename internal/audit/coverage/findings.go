// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package coverage

import (
	"fmt"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/outcome"
	"github.com/rollcall-iam/rollcall/internal/usage"
)

// State is how it is with the events of an API server.
type State string

// The states, the one that most needs a person first.
const (
	Silent      State = "silent"      // Its heartbeat did not arrive.
	Losing      State = "losing"      // It counted events of the last hour that it could not deliver.
	Unreachable State = "unreachable" // It could not be asked.
	Starting    State = "starting"    // It was asked, and nothing has arrived yet.
	Received    State = "received"
)

// Finding is about one API server.
type Finding struct {
	Address string
	State   State
	// Trouble is why it could not be asked.
	Trouble string
}

// Findings are about all of them.
type Findings struct {
	// Failure is why it is not known what arrived, and Trouble why it is not known which API servers there are.
	Failure, Trouble string
	// Servers by address.
	Servers []Finding
}

// find says how it is with each API server that is there.
func (w *Watcher) find(watches []usage.Watch, lately []usage.Gap, now time.Time) Findings {
	fresh := w.Late + 2*w.Every
	var found Findings
	if now.Sub(w.listed) > fresh {
		found.Trouble = w.listing
	}
	for i := range watches {
		watch := &watches[i]
		if !watch.Left.IsZero() {
			continue
		}
		finding := Finding{Address: watch.Address, State: Starting}
		switch trouble := w.troubles[watch.Address]; {
		case slices.ContainsFunc(w.waiting[placeOf(watch)], func(s usage.Waiting) bool {
			return s.Before.IsZero() && now.Sub(s.At) > w.Late
		}):
			finding.State = Silent
		case slices.ContainsFunc(lately, func(g usage.Gap) bool { return g.Server == watch.Address && g.Lost > 0 }):
			finding.State = Losing
		case now.Sub(watch.Until) <= fresh: // Not at once: API servers are restarted now and then.
			finding.State = Received
		case trouble != "":
			finding.State, finding.Trouble = Unreachable, trouble
		}
		found.Servers = append(found.Servers, finding)
	}
	return found
}

func (w *Watcher) tell(found Findings) {
	w.Metrics.watched(found)
	w.telling.Lock()
	defer w.telling.Unlock()
	w.told = found
}

// Condition says for the Installation whether the audit logs of API servers arrive.
func (w *Watcher) Condition() metav1.Condition {
	w.telling.Lock()
	defer w.telling.Unlock()
	return w.told.Condition()
}

// Condition says in words what was found. They stay the same while nothing changes.
func (f Findings) Condition() metav1.Condition {
	told := metav1.Condition{Type: v1alpha1.ConditionAuditReceived, Status: metav1.ConditionFalse}
	switch {
	case f.Failure != "":
		told.Status, told.Reason, told.Message = metav1.ConditionUnknown, v1alpha1.ReasonFailed, f.Failure
		return told
	case len(f.of(Silent)) > 0:
		told.Reason = v1alpha1.ReasonNotReceived
	case len(f.of(Losing)) > 0:
		told.Reason = v1alpha1.ReasonEventsLost
	case f.Trouble != "" || len(f.of(Unreachable)) > 0:
		told.Status, told.Reason = metav1.ConditionUnknown, v1alpha1.ReasonUnreachable
	case len(f.Servers) == 0 || len(f.of(Starting)) > 0:
		told.Status, told.Reason = metav1.ConditionUnknown, v1alpha1.ReasonStarting
		told.Message = "API servers were asked for something that they log, and it has not arrived yet"
		return told
	default:
		told.Status, told.Reason = metav1.ConditionTrue, v1alpha1.ReasonReceived
		told.Message = "what API servers log arrives: " + outcome.Bounded(f.of(Received))
		return told
	}
	told.Message = f.message()
	return told
}

// of are the addresses of a state.
func (f Findings) of(state State) []string {
	var addresses []string
	for _, s := range f.Servers {
		if s.State == state {
			addresses = append(addresses, s.Address)
		}
	}
	return addresses
}

func (f Findings) message() string {
	var sentences []string
	if silent := f.of(Silent); len(silent) > 0 {
		sentences = append(sentences, fmt.Sprintf("what API servers were asked to log did not arrive for five minutes, from %s: have each "+
			"send its audit log, with a policy that logs creates, as config/audit/README.md says", outcome.Bounded(silent)))
	}
	if losing := f.of(Losing); len(losing) > 0 {
		sentences = append(sentences, fmt.Sprintf("in the last hour API servers counted events that they could not deliver "+
			"(apiserver_audit_error_total): %s. Their logs, and the operator's, say why; from a log in a file kubectl rollcall feed brings "+
			"them later",
			outcome.Bounded(losing)))
	}
	if f.Trouble != "" {
		sentences = append(sentences, f.Trouble)
	}
	var troubles []string
	for _, s := range f.Servers {
		if s.State == Unreachable {
			troubles = append(troubles, fmt.Sprintf("API server %s cannot be asked what it logged: %s", s.Address, s.Trouble))
		}
	}
	if len(troubles) > 0 {
		sentences = append(sentences, outcome.Bounded(troubles))
	}
	return strings.Join(sentences, "; ")
}
