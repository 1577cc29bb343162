// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package auditfeed

import (
	"cmp"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// The bounds of the time between two tries.
const (
	firstRetry = 500 * time.Millisecond
	lastRetry  = 30 * time.Second
	// longestAfter bounds what Retry-After asks for.
	longestAfter = time.Hour
)

// answer is what became of a request.
type answer struct {
	status     int
	text       string
	retryAfter time.Duration
	// unreachable says why there is no status.
	unreachable string
}

// step is what to do after an answer.
type step int

const (
	// stop with an error: no other try would do better.
	stop step = iota
	// goOn with what comes next.
	goOn
	// again, later.
	again
	// smaller: in halves, or without the event if it is the only one.
	smaller
)

// verdict is a step, and why.
type verdict struct {
	step step
	why  string
	// tooLarge says that the receiver did not look into it.
	tooLarge bool
}

// judge says what to do about an answer.
func judge(a answer) verdict {
	said := fmt.Sprintf("%d %s", a.status, cmp.Or(a.text, http.StatusText(a.status)))
	switch {
	case a.unreachable != "":
		return verdict{step: again, why: a.unreachable}
	case a.status == http.StatusOK:
		return verdict{step: goOn}
	case a.status == http.StatusBadRequest:
		return verdict{step: smaller, why: "the receiver takes it for no audit event: " + said}
	case a.status == http.StatusRequestEntityTooLarge:
		return verdict{step: smaller, why: "it is larger than the receiver takes: " + said, tooLarge: true}
	case a.status == http.StatusTooManyRequests, a.status == http.StatusRequestTimeout, a.status >= http.StatusInternalServerError:
		return verdict{step: again, why: "it answers " + said}
	case a.status >= 300 && a.status < 400:
		return verdict{step: stop, why: "it points elsewhere (" + said + "), where the token is not for: --to must be the receiver itself"}
	case a.status == http.StatusNotFound:
		return verdict{step: stop, why: "there is no receiver for this API server (" + said + "): look at --to and --name"}
	default:
		return verdict{step: stop, why: "it answers " + said + ", which an audit receiver does not: look at --to"}
	}
}

// pause is how long to wait before a try; tries is how many there were, and chance, from 0 to 1, spreads those of many.
func pause(tries int, chance float64, retryAfter time.Duration) time.Duration {
	backoff := lastRetry
	if shift := tries - 1; shift < 16 {
		backoff = min(firstRetry<<shift, lastRetry)
	}
	spread := backoff/2 + time.Duration(chance*float64(backoff/2))
	if retryAfter > 0 {
		return retryAfter + time.Duration(chance*float64(min(retryAfter, lastRetry))/10) // Never earlier than it asked for.
	}
	return spread
}

// retryAfter reads the header: seconds, or a date.
func retryAfter(header string, now time.Time) time.Duration {
	after := time.Duration(0)
	if seconds, err := strconv.Atoi(strings.TrimSpace(header)); err == nil {
		after = time.Duration(min(seconds, int(longestAfter/time.Second))) * time.Second
	} else if date, err := http.ParseTime(header); err == nil {
		after = date.Sub(now)
	}
	return min(max(after, 0), longestAfter)
}
