// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package answers

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// Action is what somebody would do, as the API server's authorizer is asked about it: with a resource, or with a path.
type Action struct {
	// Verb of the API, for instance get.
	Verb string `json:"verb"`
	// APIGroup of the resource; empty for the core group.
	APIGroup string `json:"apiGroup,omitempty"`
	// Resource in the plural, for instance pods. Empty where Path is given.
	Resource string `json:"resource,omitempty"`
	// Subresource, for instance log.
	Subresource string `json:"subresource,omitempty"`
	// Name of one object. Empty: whatever its name, so that rules with resourceNames do not allow it.
	Name string `json:"name,omitempty"`
	// Namespace of the object. Empty: all of them at once, or a resource that is in none.
	Namespace string `json:"namespace,omitempty"`
	// Path of a request for no resource, for instance /healthz.
	Path string `json:"path,omitempty"`
}

// String is the action in words, for instance: patch deployments.apps/scale "web" in namespace "pay".
func (a Action) String() string {
	if a.Path != "" {
		return a.Verb + " " + a.Path
	}
	var text strings.Builder
	text.WriteString(a.Verb + " " + a.Resource)
	if a.APIGroup != "" {
		text.WriteString("." + a.APIGroup)
	}
	if a.Subresource != "" {
		text.WriteString("/" + a.Subresource)
	}
	if a.Name != "" {
		fmt.Fprintf(&text, " %q", a.Name)
	}
	if a.Namespace != "" {
		fmt.Fprintf(&text, " in namespace %q", a.Namespace)
	}
	return text.String()
}

// Target is what an action is about, as a person writes it: RESOURCE[.GROUP], RESOURCE[.GROUP]/NAME, RESOURCE[.GROUP]/SUBRESOURCE,
// RESOURCE[.GROUP]/NAME/SUBRESOURCE, or a path such as /healthz.
type Target struct {
	// Path of a request for no resource; then nothing else is set.
	Path string
	// Resource as it was written, with its group if one was given: whoever knows the API's resources finds out which it is.
	Resource string
	// Word is a name or a subresource: Resolve tells which.
	Word string
	// Name and Subresource are set where both were written, if only as nothing: pods//log, pods/log/.
	Name, Subresource string
}

// ParseTarget reads a target.
func ParseTarget(argument string) (Target, error) {
	if strings.ContainsFunc(argument, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }) {
		return Target{}, fmt.Errorf("%q is no resource and no path: it has spaces or characters that cannot be printed", argument)
	}
	if strings.HasPrefix(argument, "/") {
		return Target{Path: argument}, nil
	}
	parts := strings.Split(argument, "/")
	if parts[0] == "" || strings.Trim(parts[0], ".") != parts[0] {
		return Target{}, fmt.Errorf("%q is no resource and no path: write for instance pods, deployments.apps or /healthz", parts[0])
	}
	switch {
	case len(parts) == 1:
		return Target{Resource: parts[0]}, nil
	case len(parts) == 2 && parts[1] != "":
		return Target{Resource: parts[0], Word: parts[1]}, nil
	case len(parts) == 3 && parts[1]+parts[2] != "":
		return Target{Resource: parts[0], Name: parts[1], Subresource: parts[2]}, nil
	default:
		return Target{}, fmt.Errorf("%q is no resource: write RESOURCE/NAME, RESOURCE/SUBRESOURCE or RESOURCE/NAME/SUBRESOURCE", argument)
	}
}

// Resolve tells a name from a subresource: a word that is a subresource of this resource is meant so, as in rules of RBAC. An object that
// is called like one is written with a slash behind: pods/log/.
func (t Target) Resolve(subresources []string) (name, subresource string) {
	switch {
	case t.Word == "":
		return t.Name, t.Subresource
	case slices.Contains(subresources, t.Word):
		return "", t.Word
	default:
		return t.Word, ""
	}
}
