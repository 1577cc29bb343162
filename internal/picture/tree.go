// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package picture

import (
	"fmt"
	"strings"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/plain"
)

// The kinds of what trees and pictures show.
const (
	KindUser    = "User"
	KindGroup   = "Group"
	KindGrant   = "Grant"
	kindBinding = "Binding"
	kindRequest = "AccessRequest"
	kindNote    = "Note"
)

// Tree is an object and what hangs on it.
type Tree struct {
	// Kind of the object; Note where it is a remark.
	Kind string `json:"kind"`
	// Name of the object.
	Name string `json:"name,omitempty"`
	// Text is what the tree shows, the name included.
	Text string `json:"text"`
	// Marks say what is in the way: locked, inactive, closed.
	Marks []string `json:"marks,omitempty"`
	// Branches in the order in which they are shown.
	Branches []Tree `json:"branches,omitempty"`
}

// Render writes a tree with box-drawing characters; paint gives a mark its colour.
func (t *Tree) Render(paint func(mark string) string) string {
	var text strings.Builder
	t.write(&text, "", paint)
	return text.String()
}

func (t *Tree) write(text *strings.Builder, indent string, paint func(string) string) {
	text.WriteString(plain.Line(t.Text))
	for _, mark := range t.Marks {
		text.WriteString("  " + paint("["+plain.Line(mark)+"]"))
	}
	text.WriteByte('\n')
	for i := range t.Branches {
		knot, below := "├── ", "│   "
		if i == len(t.Branches)-1 {
			knot, below = "└── ", "    "
		}
		text.WriteString(indent + knot)
		t.Branches[i].write(text, indent+below, paint)
	}
}

// Of is the tree of a User, a Group or a Grant, with at most limit people in each place that lists them. Nil: there is no such object.
func (w *World) Of(kind, name string, limit int) *Tree {
	switch kind {
	case KindUser:
		if user := w.user(name); user != nil {
			return new(w.userTree(user))
		}
	case KindGroup:
		if group := w.group(name); group != nil {
			return new(w.groupTree(group, limit))
		}
	case KindGrant:
		if grant := w.grant(name); grant != nil {
			return new(w.grantTree(grant, limit))
		}
	}
	return nil
}

func (w *World) userTree(user *v1alpha1.User) Tree {
	tree := w.person(user)
	for _, group := range w.groupsOf(user) {
		branch := w.groupLine(group, len(w.members(group)))
		for _, grant := range w.grantsOf(v1alpha1.SubjectGroup, group.Name) {
			branch.Branches = append(branch.Branches, w.given(grant, user))
		}
		tree.Branches = append(tree.Branches, branch)
	}
	for _, grant := range w.grantsOf(v1alpha1.SubjectUser, user.Name) {
		tree.Branches = append(tree.Branches, w.given(grant, user))
	}
	if len(tree.Branches) == 0 {
		tree.Branches = []Tree{note("is in no group, and no grant names them")}
	}
	return tree
}

// given is a Grant as one person has it: with the bindings that name this person.
func (w *World) given(grant *v1alpha1.Grant, user *v1alpha1.User) Tree {
	tree := w.grantLine(grant)
	for _, b := range w.bindings(grant.Name) {
		if b.request == "" && (w.BindingsUnknown || b.gives(user)) {
			tree.Branches = append(tree.Branches, b.tree())
		}
	}
	for _, request := range w.requestsFor(grant) {
		if request.Spec.UserName == user.Status.Username {
			tree.Branches = append(tree.Branches, w.requestTree(request))
		}
	}
	switch {
	case len(tree.Branches) > 0 || len(tree.Marks) > 0:
	case grant.Spec.Activation == v1alpha1.ActivationOnRequest && len(w.userMarks(user)) == 0:
		tree.Branches = []Tree{note("nothing before they ask: kubectl rollcall request " + grant.Name)}
	default:
		tree.Branches = []Tree{note("no binding names them")}
	}
	return tree
}

func (w *World) groupTree(group *v1alpha1.Group, limit int) Tree {
	members := w.members(group)
	tree := w.groupLine(group, len(members))
	if len(members) > 0 {
		tree.Branches = append(tree.Branches, Tree{Kind: kindNote, Text: "members", Branches: w.people(members, limit)})
	}
	for _, grant := range w.grantsOf(v1alpha1.SubjectGroup, group.Name) {
		branch := w.grantLine(grant)
		branch.Branches = w.inForce(grant)
		tree.Branches = append(tree.Branches, branch)
	}
	return tree
}

func (w *World) grantTree(grant *v1alpha1.Grant, limit int) Tree {
	tree := w.grantLine(grant)
	tree.Branches = append(tree.Branches, Tree{Kind: kindNote, Text: "to", Branches: w.subjects(grant.Spec.Subjects, limit)})
	if policy := grant.Spec.Request; policy != nil {
		text := fmt.Sprintf("on request, approved by %d of", max(1, policy.Quorum))
		if policy.Approval == v1alpha1.ApprovalAfterUse {
			text = fmt.Sprintf("on request, reviewed afterwards by %d of", max(1, policy.Quorum))
		}
		tree.Branches = append(tree.Branches, Tree{Kind: kindNote, Text: text, Branches: w.subjects(policy.Approvers, limit)})
	}
	if inForce := w.inForce(grant); len(inForce) > 0 {
		tree.Branches = append(tree.Branches, Tree{Kind: kindNote, Text: "through", Branches: inForce})
	}
	return tree
}

// inForce are a Grant's bindings and its active requests.
func (w *World) inForce(grant *v1alpha1.Grant) []Tree {
	var branches []Tree
	for _, b := range w.bindings(grant.Name) {
		if b.request == "" {
			branches = append(branches, b.tree())
		}
	}
	for _, request := range w.requestsFor(grant) {
		branches = append(branches, w.requestTree(request))
	}
	return branches
}

func (w *World) requestTree(request *v1alpha1.AccessRequest) Tree {
	text := fmt.Sprintf("request/%s  of %s", request.Name, request.Spec.UserName)
	if request.Status.ExpireTime != nil {
		text += ", until " + w.at(request.Status.ExpireTime.Time)
	}
	if request.Spec.Reason != "" {
		text += ": " + request.Spec.Reason
	}
	tree := Tree{Kind: kindRequest, Name: request.Name, Text: text}
	for _, b := range w.bindings(request.Spec.GrantRef.Name) {
		if b.request == request.Name {
			tree.Branches = append(tree.Branches, b.tree())
		}
	}
	return tree
}

func (w *World) subjects(subjects []v1alpha1.Subject, limit int) []Tree {
	branches := make([]Tree, 0, len(subjects))
	for _, subject := range subjects {
		branches = append(branches, w.subject(subject, limit))
	}
	return branches
}

func (w *World) subject(subject v1alpha1.Subject, limit int) Tree {
	if subject.Kind == v1alpha1.SubjectUser {
		if user := w.user(subject.Name); user != nil {
			return w.person(user)
		}
		return Tree{Kind: KindUser, Name: subject.Name, Text: "user/" + subject.Name, Marks: []string{"does not exist"}}
	}
	group := w.group(subject.Name)
	if group == nil {
		return Tree{Kind: KindGroup, Name: subject.Name, Text: "group/" + subject.Name, Marks: []string{"does not exist"}}
	}
	members := w.members(group)
	tree := w.groupLine(group, len(members))
	tree.Branches = w.people(members, limit)
	return tree
}

func (w *World) people(users []*v1alpha1.User, limit int) []Tree {
	shown := users
	if len(users) > limit+1 { // "and 1 more" would take as much room as that one
		shown = users[:limit]
	}
	branches := make([]Tree, 0, len(shown)+1)
	for _, user := range shown {
		branches = append(branches, w.person(user))
	}
	if more := len(users) - len(shown); more > 0 {
		branches = append(branches, note(fmt.Sprintf("and %d more", more)))
	}
	return branches
}

func (w *World) person(user *v1alpha1.User) Tree {
	text := "user/" + user.Name
	if user.Status.Identity != nil && user.Status.Identity.DisplayName != "" {
		text += "  " + user.Status.Identity.DisplayName
	}
	if user.Status.Username != "" && user.Status.Username != user.Name {
		text += " (" + user.Status.Username + ")"
	}
	return Tree{Kind: KindUser, Name: user.Name, Text: text, Marks: w.userMarks(user)}
}

func (w *World) groupLine(group *v1alpha1.Group, members int) Tree {
	text := "group/" + group.Name + "  " + People(members)
	return Tree{Kind: KindGroup, Name: group.Name, Text: text, Marks: w.groupMarks(group)}
}

func (w *World) grantLine(grant *v1alpha1.Grant) Tree {
	text := fmt.Sprintf("grant/%s  %s %s%s", grant.Name, Role(grant), In(grant), w.terms(grant))
	return Tree{Kind: KindGrant, Name: grant.Name, Text: text, Marks: w.grantMarks(grant)}
}

func (b *binding) tree() Tree {
	text := "ClusterRoleBinding " + b.name
	if b.namespace != "" {
		text = "RoleBinding " + b.name + " in namespace " + b.namespace
	}
	if len(b.subjects) > 0 {
		text += fmt.Sprintf("  names %d", len(b.subjects))
	}
	return Tree{Kind: kindBinding, Name: b.name, Text: text}
}

func note(text string) Tree { return Tree{Kind: kindNote, Text: text} }
