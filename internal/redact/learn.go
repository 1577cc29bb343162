// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// What a field says about people.
const (
	// login is what somebody is called: to log in, by Kubernetes, or as an object.
	login = iota
	// full is the name for people to read, of which each part is a name.
	full
	// mail is an address.
	mail
	// other identifies a person, and is no name.
	other
	// device is what a machine is called, which is often its owner's name.
	device
)

// field is where a kind names people.
type field struct {
	path string
	says int
	// of are the kinds of a subject or target that are people; empty: the field is about nothing else.
	of []string
}

// fields by kind, the one that says whose an object is first. What is in none of them is text, in which people who are known are found.
func fields() map[string][]field {
	subject := []string{"User"}
	return map[string][]field{
		"User": {
			{path: "metadata.name"},
			{path: "spec.userName"},
			{path: "status.username"},
			{path: "status.identity.userName"},
			{path: "status.identity.id", says: other},
			{path: "status.identity.email", says: mail},
			{path: "status.identity.displayName", says: full},
			{path: "spec.devices.name", says: device},
		},
		"Group": {{path: "spec.members"}},
		"Session": {
			{path: "spec.userRef.name"},
			{path: "spec.username"},
			{path: "spec.identityID", says: other},
			{path: "spec.device", says: device},
			{path: "spec.authentication.subject", says: other},
			{path: "spec.termination.by"},
			{path: "status.endedBy"},
		},
		"Grant": {{path: "spec.subjects.name", of: subject}, {path: "spec.request.approvers.name", of: subject}},
		"AccessRequest": {
			{path: "spec.userName"}, {path: "status.user.name"}, {path: "status.approvals.approver"}, {path: "status.approvals.user"},
		},
		"Approval": {{path: "spec.approver"}},
		"Lock":     {{path: "spec.target.name", of: subject}, {path: "spec.target.name", says: device, of: []string{"Device"}}},
		// Whom roles are bound to.
		"ClusterRoleBinding": {{path: "subjects.name", of: subject}},
		"RoleBinding":        {{path: "subjects.name", of: subject}},
	}
}

// Personal are the fields of kinds that name people, as KIND:PATH.
func Personal() []string {
	var paths []string
	for kind, fields := range fields() {
		for _, f := range fields {
			paths = append(paths, kind+":"+f.path)
		}
	}
	return paths
}

// Learn has the people be known whom an object names. Users are to come first: what they are called in other places is them then.
func (r *Redactor) Learn(object map[string]any) {
	if r.keep {
		return
	}
	kind, _ := object["kind"].(string)
	whose := ""
	for _, f := range fields()[kind] {
		for _, value := range find(object, strings.Split(f.path, "."), f.of) {
			if whose == "" || kind != "User" && f.says == login {
				whose = value // Those who are named beside, in other kinds, are others.
			}
			r.learn(f.says, whose, value)
		}
	}
}

// learn has one name be known as that of somebody.
func (r *Redactor) learn(says int, whose, value string) {
	pseudo := r.Pseudonym("person", bare(whose))
	switch says {
	case login:
		if strings.HasPrefix(value, "Lock ") {
			return // status.endedBy may be one.
		}
		r.know(bare(value), pseudo, false)
	case mail:
		r.know(value, pseudo+"-mail", false)
		local, _, _ := strings.Cut(value, "@")
		r.know(local, pseudo, false)
	case full:
		r.know(value, pseudo, false)
		const least = 2
		for part := range strings.FieldsSeq(value) {
			if part = strings.Trim(part, `.,;()"'`); utf8.RuneCountInString(part) >= least {
				r.know(part, pseudo, true) // Only as it is written: May is a name, and may is not.
			}
		}
	case device:
		r.know(value, r.Pseudonym("device", value), false)
	default:
		r.know(value, pseudo+"-id", false)
	}
}

// bare is a username without its Directory's prefix, which says which directory it is and stays.
func bare(username string) string {
	name := username[strings.LastIndex(username, ":")+1:]
	if name == "" {
		return username
	}
	return name
}

// find are the strings at a path, through all lists.
func find(value any, path, kinds []string) []string {
	switch value := value.(type) {
	case []any:
		found := make([]string, 0, len(value))
		for _, one := range value {
			found = append(found, find(one, path, kinds)...)
		}
		return found
	case map[string]any:
		if len(path) == 0 {
			return nil
		}
		if kind, _ := value["kind"].(string); len(path) == 1 && len(kinds) > 0 && !slices.Contains(kinds, kind) {
			return nil
		}
		return find(value[path[0]], path[1:], kinds)
	case string:
		if len(path) == 0 {
			return []string{value}
		}
	}
	return nil
}
