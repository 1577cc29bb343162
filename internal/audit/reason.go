// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"strconv"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
	auditv1 "k8s.io/apiserver/pkg/apis/audit/v1"
)

// Decision is what the authorizers of the API server decided about a request.
type Decision struct {
	// Allowed is false for a request that was forbidden, and for one about which nothing was decided: of system:masters, or ended before.
	Allowed bool
	// Forbidden is true where they said so.
	Forbidden bool
	// Reason in their words.
	Reason string
	// Allow is that reason, where RBAC allowed it.
	Allow *Allow
}

// Allow is RBAC's reason to allow a request: the first binding that it found. There may be others.
type Allow struct {
	// Kind is RoleBinding or ClusterRoleBinding.
	Kind string
	// Namespace of a RoleBinding.
	Namespace string
	Name      string
	Role      rbacv1.RoleRef
	Subject   rbacv1.Subject
}

// DecisionOf reads the annotations of an event.
func DecisionOf(e *auditv1.Event) Decision {
	d := Decision{Reason: e.Annotations[annotationReason]}
	switch e.Annotations[annotationDecision] {
	case "allow":
		d.Allowed = true
		if allow, ok := parseReason(d.Reason); ok {
			d.Allow = &allow
		}
	case "forbid":
		d.Forbidden = true
	}
	return d
}

// parseReason reads RBAC: allowed by RoleBinding "name/namespace" of ClusterRole "role" to User "name". Names are quoted as in Go.
func parseReason(reason string) (allow Allow, ok bool) {
	r := &reader{rest: reason, ok: true}
	r.skip("RBAC: allowed by ")
	kind, binding := r.named()
	r.skip(" of ")
	roleKind, role := r.named()
	r.skip(" to ")
	subjectKind, subject := r.named()
	if !r.ok || r.rest != "" || kind != kindRoleBinding && kind != kindClusterRoleBinding {
		return Allow{}, false
	}
	allow = Allow{
		Kind: kind, Name: binding, Role: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: roleKind, Name: role},
		Subject: rbacv1.Subject{Kind: subjectKind, Name: subject},
	}
	if kind == kindRoleBinding {
		allow.Name, allow.Namespace = within(binding)
	}
	if subjectKind == rbacv1.ServiceAccountKind {
		allow.Subject.Name, allow.Subject.Namespace = within(subject)
	}
	return allow, true
}

const (
	kindRoleBinding        = "RoleBinding"
	kindClusterRoleBinding = "ClusterRoleBinding"
)

// reader takes a text apart from its beginning, for as long as that is as expected.
type reader struct {
	rest string
	ok   bool
}

func (r *reader) skip(text string) {
	rest, found := strings.CutPrefix(r.rest, text)
	r.rest, r.ok = rest, r.ok && found
}

// named takes a kind and a quoted name.
func (r *reader) named() (kind, name string) {
	kind, rest, found := strings.Cut(r.rest, " ")
	literal, err := strconv.QuotedPrefix(rest)
	if err == nil {
		name, err = strconv.Unquote(literal)
	}
	r.rest, r.ok = strings.TrimPrefix(rest, literal), r.ok && found && err == nil
	return kind, name
}

// within takes the namespace from behind a name.
func within(text string) (name, namespace string) {
	at := strings.LastIndexByte(text, '/')
	if at < 0 {
		return text, ""
	}
	return text[:at], text[at+1:]
}
