// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

// Package usage says what of the access that people have is used: it takes together what the API servers' audit logs tell, finds out what
// would have allowed each request, and says of Grants whether anybody needs them. It is pure.
package usage

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/answers"
)

// Use is what somebody did with the access that one Grant gives, all in all.
type Use struct {
	// Grant is the uid of the Grant. Empty for what no Grant allowed: bindings did that Rollcall does not manage.
	Grant string `json:"grant,omitempty"`
	// Username of whoever did it.
	Username string `json:"username"`
	// Action without the name of an object.
	Action answers.Action `json:"action"`
	// Names of the objects, as far as requests had such: MostNames at most.
	Names []string `json:"names,omitempty"`
	// Unnamed says that there were requests for no single object, or for more objects than there are Names.
	Unnamed bool `json:"unnamed,omitempty"`
	// Requests counts them. Those that go on for long count at their end.
	Requests int64       `json:"requests"`
	First    metav1.Time `json:"first"`
	Last     metav1.Time `json:"last"`
	// Needed is when there was last a request that nothing else is known to have allowed. Absent: there was none.
	Needed *metav1.Time `json:"needed,omitempty"`
}

// MostNames is how many names of objects are kept of one kind of action.
const MostNames = 8

// Total is what was done with the access that a Grant gives, by anybody.
type Total struct {
	Requests int64 `json:"requests"`
	// People counts the usernames of those who did.
	People int `json:"people"`
	// Last and Needed are as in Use. Absent: never.
	Last   *metav1.Time `json:"last,omitempty"`
	Needed *metav1.Time `json:"needed,omitempty"`
}

// Covered is how much of a time has to be covered for anybody to say that something did not happen in it.
const Covered = 0.99

// Window is a time that is looked at.
type Window struct {
	Since, Until time.Time
}

// Verdict says of a Grant whether it is used.
type Verdict struct {
	Usage v1alpha1.GrantUsage
	// Message says why.
	Message string
}

// Judge says whether a Grant was used in a window of time, where it gives something since it begun; coverage is of that window.
func Judge(total Total, begun time.Time, window Window, coverage Coverage) Verdict {
	within := func(t *metav1.Time) bool { return t != nil && !t.Time.Before(window.Since) }
	since := stamp(window.Since)
	switch {
	case within(total.Needed):
		return verdict(v1alpha1.GrantUsed, "last needed at %s", stamp(total.Needed.Time))
	case within(total.Last):
		return verdict(v1alpha1.GrantRedundant, "last used at %s; whatever was done by it since %s, something else allowed as well",
			stamp(total.Last.Time), since)
	case begun.After(window.Since):
		return verdict(v1alpha1.GrantUnknown, "not used yet; it gives something only since %s", stamp(begun))
	case slices.ContainsFunc(coverage.Gaps, func(g Gap) bool { return g.Reason == GapNotWeighed }):
		return verdict(v1alpha1.GrantUnknown, "no use is known since %s, and not all that was done has been weighed yet", since)
	case coverage.Share < Covered:
		return verdict(v1alpha1.GrantUnknown, "no use is known since %s, but only %s of that time is covered by audit events",
			since, Percent(coverage.Share))
	default:
		return verdict(v1alpha1.GrantUnused, "not used since %s; %s of that time is covered by audit events", since, Percent(coverage.Share))
	}
}

func verdict(usage v1alpha1.GrantUsage, format string, args ...any) Verdict {
	return Verdict{Usage: usage, Message: fmt.Sprintf(format, args...)}
}

// Percent is a share in words, and never 100 of what is less.
func Percent(share float64) string {
	const whole, tenth = 100, 10
	return strconv.FormatFloat(math.Floor(share*whole*tenth)/tenth, 'f', -1, 64) + " %"
}

func stamp(t time.Time) string { return t.UTC().Truncate(time.Second).Format(time.RFC3339) }
