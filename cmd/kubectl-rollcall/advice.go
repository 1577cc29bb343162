// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/plain"
	"github.com/rollcall-iam/rollcall/internal/recommend"
	"github.com/rollcall-iam/rollcall/internal/usage"
)

// advice is a proposal, and what there is to say about it.
type advice struct {
	*advised
	recommend.Proposal

	coverage usage.Coverage
	// leftOut are the names of the roles that everybody has.
	leftOut []string
	// grants are what allowed it.
	grants []grantUses
}

// grantUses is how much was done by a Grant.
type grantUses struct {
	// name of the Grant; empty for bindings that no Grant made. uid alone is known of Grants that are gone.
	name, uid string
	requests  int64
}

// byGrant counts what was done by each Grant, and by none. Grants that give something and were not used are in it, too.
func byGrant(uses []usage.Use, grants []v1alpha1.Grant, given []string) []grantUses {
	names := make(map[string]string, len(grants))
	for i := range grants {
		names[string(grants[i].UID)] = grants[i].Name
	}
	counts := map[grantUses]int64{}
	for _, name := range given {
		counts[grantUses{name: name}] = 0
	}
	for i := range uses {
		of := grantUses{name: names[uses[i].Grant]}
		if of.name == "" {
			of.uid = uses[i].Grant
		}
		counts[of] += uses[i].Requests
	}
	list := make([]grantUses, 0, len(counts))
	for of, requests := range counts {
		of.requests = requests
		list = append(list, of)
	}
	slices.SortFunc(list, func(a, b grantUses) int {
		return cmp.Or(cmp.Compare(b.requests, a.requests), cmp.Compare(a.name, b.name), cmp.Compare(a.uid, b.uid))
	})
	return list
}

func (g grantUses) String() string {
	what := "Grant " + g.name
	switch {
	case g.name == "" && g.uid == "":
		what = "no Grant, but bindings that others made"
	case g.name == "":
		what = fmt.Sprintf("a Grant that is gone, or not yours to see (uid %s)", g.uid)
	}
	if g.requests == 0 {
		return what + ": not used"
	}
	return what + ": " + counted(g.requests)
}

func counted(requests int64) string {
	if requests == 1 {
		return "1 request"
	}
	return fmt.Sprintf("%d requests", requests)
}

// called is whom it is about, in words.
func (a *advised) called() string {
	if a.kind == v1alpha1.SubjectGroup {
		return fmt.Sprintf("Group %s (%d people)", a.name, len(a.usernames))
	}
	return a.usernames[0]
}

// remarks go above the roles.
func (a *advice) remarks() []string {
	lines := []string{
		fmt.Sprintf("A proposal, by what %s did from %s to %s. Nothing was applied.", a.called(),
			stamp(a.coverage.Since.Time), stamp(a.coverage.Until.Time)),
		fmt.Sprintf("%s of that time is known. In it: %s.", usage.Percent(a.coverage.Share), counted(a.Requests)),
	}
	if a.coverage.Share < usage.Covered {
		lines = append(lines, "RIGHTS THAT ARE USED SELDOM MAY BE MISSING. The largest gaps:")
		for _, gap := range largestGaps(a.coverage.Gaps) {
			lines = append(lines, "  "+gapLine(gap))
		}
	}
	lines = append(lines, "", "Not in it:", "  what was not done in that time, for instance what is done once a year, or in an emergency")
	if len(a.leftOut) > 0 {
		lines = append(lines, fmt.Sprintf("  what everybody may do (%s): %s", strings.Join(a.leftOut, ", "), counted(a.Everybodys)))
	}
	if a.Odd > 0 {
		lines = append(lines, fmt.Sprintf("  %s with a * in it, which a rule would take for anything", counted(a.Odd)))
	}
	if len(a.grants) > 0 {
		lines = append(lines, "", "What allowed it, and what else they have:")
		for _, grant := range a.grants {
			lines = append(lines, "  "+grant.String())
		}
	}
	if a.Empty() {
		return lines
	}
	return append(lines, a.howTo()...)
}

// howTo says how to give people such roles.
func (a *advice) howTo() []string {
	if a.kind == "" {
		return []string{"", "There is no such User, so no Grant can give them this: read it, and bind it as what they have now is bound."}
	}
	lines := []string{
		"", "To give them this instead: read it, apply it, let the operator bind it (ClusterRole rollcall-bindable-roles), and make Grants " +
			"with",
	}
	subject := fmt.Sprintf("  subjects: [{kind: %s, name: %q}]", a.kind, a.name)
	if a.ClusterRole != nil {
		lines = append(lines, subject, fmt.Sprintf("  roleRef: {kind: ClusterRole, name: %q}", a.ClusterRole.Name), "  scope: Cluster")
	}
	if a.ClusterRole != nil && len(a.Roles) > 0 {
		lines = append(lines, "and")
	}
	for some := range slices.Chunk(a.Roles, mostNamespaces) {
		names := make([]string, len(some))
		for i := range some {
			names[i] = some[i].Namespace
		}
		lines = append(lines, subject, fmt.Sprintf("  roleRef: {kind: Role, name: %q}", some[0].Name), "  scope: Namespaces",
			fmt.Sprintf("  namespaces: {names: [%s]}", strings.Join(names, ", ")))
	}
	return lines
}

// mostNamespaces is how many a Grant names at most.
const mostNamespaces = 16

// comment is a line of YAML that says nothing.
func comment(line string) string { return strings.TrimRight("# "+plain.Line(line), " ") + "\n" }
