// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"maps"
	"slices"
	"strings"
	"time"

	auditv1 "k8s.io/apiserver/pkg/apis/audit/v1"

	"github.com/rollcall-iam/rollcall/test/controlplane"
	"github.com/rollcall-iam/rollcall/test/installation"
	"github.com/rollcall-iam/rollcall/test/internal/process"
)

// operatorUser is what the API server calls the operator.
const operatorUser = "system:serviceaccount:" + installation.Namespace + ":" + installation.ServiceAccount

// requests are what the operator asked the API server for, as the audit log tells. Events are left out, which are sent whenever there is
// time.
type requests struct {
	// reads and writes by verb and resource: patch users/status.
	reads, writes map[string]int
	// answered is when the last write of each resource was answered, its status among it.
	answered map[string]time.Time
}

// last is when the last write of resources was answered.
func (r requests) last(is func(resource string) bool) (last time.Time) {
	for resource, at := range r.answered {
		if is(resource) && at.After(last) {
			last = at
		}
	}
	return last
}

// requests of the operator since a mark. It says what they were.
func (b *bench) requests(mark controlplane.AuditMark) (requests, error) {
	events, _, err := b.plane.AuditSince(mark)
	found := requestsIn(events)
	for _, did := range []map[string]int{found.writes, found.reads} {
		for _, what := range slices.Sorted(maps.Keys(did)) {
			b.say("  asked for: %s %s", count(did[what]), what)
		}
	}
	return found, err
}

func requestsIn(events []auditv1.Event) requests {
	found := requests{reads: map[string]int{}, writes: map[string]int{}, answered: map[string]time.Time{}}
	for i := range events {
		event := &events[i]
		if event.User.Username != operatorUser || event.ObjectRef == nil || event.ObjectRef.Resource == "events" {
			continue
		}
		did := found.writes
		switch event.Verb {
		case "get", "list", "watch":
			did = found.reads
		default:
			if event.StageTimestamp.After(found.answered[event.ObjectRef.Resource]) {
				found.answered[event.ObjectRef.Resource] = event.StageTimestamp.Time
			}
		}
		resource := event.ObjectRef.Resource
		if event.ObjectRef.Subresource != "" {
			resource += "/" + event.ObjectRef.Subresource
		}
		did[event.Verb+" "+resource]++
	}
	return found
}

// total of counts.
func total(counts map[string]int) (sum int) {
	for _, n := range counts {
		sum += n
	}
	return sum
}

// mirrors says that objects of a resource show whom the directory has, and what they may do.
func mirrors(resource string) bool {
	return resource == "users" || resource == "groups" || binds(resource)
}

func binds(resource string) bool {
	return resource == "rolebindings" || resource == "clusterrolebindings"
}

// written counts the writes of resources, status among them.
func (r requests) written(is func(resource string) bool) (n int) {
	for what, times := range r.writes {
		_, resource, _ := strings.Cut(what, " ")
		resource, _, _ = strings.Cut(resource, "/")
		if is(resource) {
			n += times
		}
	}
	return n
}

func anything(string) bool { return true }

// cpu is processor time.
type cpu struct{ operator, plane time.Duration }

// cpu is what the operator and the control plane have used so far.
func (b *bench) cpu() (c cpu) {
	c.operator = process.CPU(b.manager.PID())
	for _, pid := range b.plane.PIDs() {
		c.plane += process.CPU(pid)
	}
	return c
}

func (c cpu) since(before cpu) cpu {
	return cpu{operator: c.operator - before.operator, plane: c.plane - before.plane}
}
