// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

// Package doctor judges an installation by what was found in a cluster: what works, what does not, and what to do about it.
package doctor

import (
	"fmt"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
)

// State is how something is.
type State string

// The states, the worst last.
const (
	// OK is as it should be.
	OK State = "ok"
	// Note is a choice, or what nothing depends on: worth knowing.
	Note State = "note"
	// Skipped was not looked at, and why is said.
	Skipped State = "skipped"
	// Warning is what somebody should look at.
	Warning State = "warning"
	// Failed does not work.
	Failed State = "failed"
)

// States from good to bad.
func States() []State { return []State{OK, Note, Skipped, Warning, Failed} }

func worse(a, b State) State {
	order := States()
	if slices.Index(order, a) > slices.Index(order, b) {
		return a
	}
	return b
}

// Check is what one look came to.
type Check struct {
	State State `json:"state"`
	// About is what was looked at: a kind of thing, and which where there are several.
	About string `json:"about"`
	// Found is what is so.
	Found string `json:"found"`
	// Do is what to do about it, and Run are commands for that, to be copied.
	Do  string   `json:"do,omitempty"`
	Run []string `json:"run,omitempty"`
	// See is a document that says more.
	See string `json:"see,omitempty"`
}

// Read is what was read, or why it was not.
type Read[T any] struct {
	Value T
	Err   error
}

// unread is what a check comes to whose facts could not be read. What is missing is said by who looks for it.
func unread(about, resource string, err error) Check {
	switch {
	case meta.IsNoMatchError(err):
		return Check{State: Skipped, About: about, Found: fmt.Sprintf("the cluster does not serve %s: install the kinds first", resource)}
	case apierrors.IsForbidden(err):
		return Check{
			State: Skipped, About: about, Found: "you may not read " + resource,
			Do: "Ask somebody who may, or be bound to a role that has it: rollcall-viewer for the kinds of iam.rollcall.dev.",
		}
	default:
		return Check{State: Warning, About: about, Found: fmt.Sprintf("%s could not be read: %v", resource, err), Do: "Try again."}
	}
}

// Report is all that was found.
type Report struct {
	// Plugin is its version, and Server that of the API server, which is at URL.
	Plugin string `json:"plugin"`
	Server string `json:"server"`
	URL    string `json:"url"`
	// Caller is whom the API server takes whoever asked for; what they may not read was not looked at.
	Caller string `json:"caller,omitempty"`
	// Namespace of the operator.
	Namespace string        `json:"namespace"`
	Time      time.Time     `json:"time"`
	Counts    map[State]int `json:"counts"`
	Checks    []Check       `json:"checks"`
}

// Failures counts what does not work.
func (r *Report) Failures() int { return r.Counts[Failed] }

// Examine judges what was found against what should be there.
func Examine(f *Facts, want *Expected) *Report {
	r := &Report{
		Plugin: f.Plugin, Server: f.Server.Version, URL: f.Server.URL, Caller: f.Caller, Namespace: f.Namespace,
		Time: f.Server.Date.UTC(), Counts: map[State]int{},
	}
	for _, part := range [][]Check{
		{kubernetes(f), kinds(f, want), policies(f, want)},
		operator(f), rights(f, want),
		signing(f), directories(f),
		{thisClock(f), operatorClock(f)},
		audit(f), services(f), people(f),
	} {
		r.Checks = append(r.Checks, part...)
	}
	for i := range r.Checks {
		r.Counts[r.Checks[i].State]++
	}
	return r
}
