// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

// Package outcome holds the one kind of error that rooms hand to each other: it knows its reason, whether a person must act,
// and when another try makes sense.
package outcome

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Kind says who can make an error go away.
type Kind int

const (
	// Transient errors go away by themselves; they are retried with backoff.
	Transient Kind = iota
	// Waiting errors go away when something else happens, and are looked at again after a fixed time at the latest.
	Waiting
	// Terminal errors stay until a person acts.
	Terminal
)

// Problem is an error that a condition can carry.
type Problem struct {
	// Kind says who can make it go away.
	Kind Kind
	// Reason is a condition reason of package v1alpha1.
	Reason string
	// Message is for a person: what is wrong with which object, and what to do. No secrets, no timestamps.
	Message string
	// After is when a Waiting problem is looked at again.
	After time.Duration
}

// Error implements error.
func (p *Problem) Error() string { return p.Message }

// Because says whether p is a problem with this reason. It may be called on nil.
func (p *Problem) Because(reason string) bool { return p != nil && p.Reason == reason }

// Transientf makes a Problem that goes away by itself.
func Transientf(reason, format string, args ...any) *Problem {
	return &Problem{Kind: Transient, Reason: reason, Message: fmt.Sprintf(format, args...)}
}

// Waitingf makes a Problem that is looked at again after a while.
func Waitingf(after time.Duration, reason, format string, args ...any) *Problem {
	return &Problem{Kind: Waiting, Reason: reason, Message: fmt.Sprintf(format, args...), After: after}
}

// Terminalf makes a Problem that a person must solve.
func Terminalf(reason, format string, args ...any) *Problem {
	return &Problem{Kind: Terminal, Reason: reason, Message: fmt.Sprintf(format, args...)}
}

// Of returns the Problem in err's chain, or wraps err as a Transient one with the given reason. Of(nil) is nil.
func Of(err error, reason string) *Problem {
	if err == nil {
		return nil
	}
	if problem, ok := errors.AsType[*Problem](err); ok {
		return problem
	}
	return Transientf(reason, "%v", err)
}

// Whole is one Problem that tells several, of which there is at least one: with the first one's reason, and Terminal if any of them is.
func Whole(problems []*Problem) *Problem {
	whole := *problems[0]
	messages := make([]string, len(problems))
	for i, problem := range problems {
		messages[i] = problem.Message
		if problem.Kind == Terminal {
			whole.Kind = Terminal
		}
	}
	whole.Message = strings.Join(messages, "; ")
	return &whole
}

// bound is how many names a message lists.
const bound = 10

// Bounded lists names in a message: the first ten, and how many more there are.
func Bounded(names []string) string {
	if len(names) <= bound {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:bound], ", "), len(names)-bound)
}

// Names lists objects of a kind in a message, as Bounded does.
func Names(kind string, names []string) string {
	quoted := make([]string, len(names))
	for i, name := range names {
		quoted[i] = fmt.Sprintf("%s %q", kind, name)
	}
	return Bounded(quoted)
}
