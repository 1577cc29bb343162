// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package answers

import (
	"cmp"
	"slices"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/person"
)

// Via says where access comes from.
type Via string

const (
	// ViaGrant is a Grant.
	ViaGrant Via = "Grant"
	// ViaRequest is an AccessRequest for a Grant.
	ViaRequest Via = "Request"
	// ViaUnmanaged is a binding that Rollcall does not manage.
	ViaUnmanaged Via = "Unmanaged"
)

// Way is one way by which somebody has access: from them, through groups and a Grant, to a binding and its role.
type Way struct {
	Via Via `json:"via"`
	// Grant and AccessRequest that the binding was made for, by name.
	Grant   string `json:"grant,omitempty"`
	Request string `json:"request,omitempty"`
	// Approvers of the request, by username and by time.
	Approvers []string `json:"approvers,omitempty"`
	// Through is by what the Grant, or an unmanaged binding, names the person: as a User, or by Groups. Several hold on each their own.
	Through []Subject `json:"through,omitempty"`
	// Subject as the binding names it.
	Subject Subject `json:"subject"`
	Binding Binding `json:"binding"`
	Role    Role    `json:"role"`
	// Rule of the role that allows what was asked; the first of several.
	Rule *rbacv1.PolicyRule `json:"rule,omitempty"`
	// Until is when it ends by itself. Absent: never.
	Until *metav1.Time `json:"until,omitempty"`
	// Reason and Ticket that the request, or else the Grant, gives.
	Reason  string   `json:"reason,omitempty"`
	Ticket  string   `json:"ticket,omitempty"`
	Remarks []Remark `json:"remarks,omitempty"`
}

// way is how a binding gives something to a principal; for a User, if one stands behind it.
func (w *World) way(b *binding, p principal, user *v1alpha1.User) Way {
	way := Way{
		Via: ViaUnmanaged, Grant: b.grant, Request: b.request, Subject: p.subject(), Binding: b.Binding,
		Role: Role{Kind: b.role.kind, Name: b.role.name},
	}
	if _, found := w.roles[b.role]; !found {
		way.Remarks = append(way.Remarks, remark(RemarkRoleNotFound,
			"%s %q does not exist: the binding gives nothing", b.role.kind, b.role.name))
	}
	if b.grant != "" {
		way.Via = ViaGrant
		w.fromGrant(&way)
	}
	if b.request != "" {
		way.Via = ViaRequest
		w.fromRequest(&way, b)
	}
	if user != nil {
		w.toPerson(&way, p, user)
	}
	return way
}

func (w *World) fromGrant(way *Way) {
	grant := w.grants[way.Grant]
	if grant == nil {
		way.Remarks = append(way.Remarks, remark(RemarkGrantNotFound, "Grant %q does not exist (any more)", way.Grant))
		return
	}
	way.Until, way.Reason = grant.Spec.ExpireTime, grant.Spec.Reason
}

func (w *World) fromRequest(way *Way, b *binding) {
	request := w.requests[way.Request]
	if request == nil {
		way.Approvers = b.approvers
		way.Remarks = append(way.Remarks, remark(RemarkGrantNotFound, "AccessRequest %q does not exist (any more)", way.Request))
		return
	}
	way.Until = earlier(way.Until, request.Status.ExpireTime)
	way.Reason, way.Ticket = cmp.Or(request.Spec.Reason, way.Reason), request.Spec.Ticket
	for _, approval := range request.Status.Approvals {
		if approval.Decision == v1alpha1.DecisionApprove {
			way.Approvers = append(way.Approvers, approval.Approver)
		}
	}
}

func (w *World) toPerson(way *Way, p principal, user *v1alpha1.User) {
	if way.Via == ViaUnmanaged {
		way.Through = []Subject{p.subject()}
	} else {
		w.throughGrant(way, user)
	}
	if way.Via != ViaUnmanaged && !p.group { // Nothing else ends with the User: nobody takes it away then.
		way.Until = earlier(way.Until, user.Spec.ExpireTime)
	}
	if p.group && !everyone(p.name) {
		w.throughCredential(way, p, user)
	}
}

// throughGrant finds how the Grant reaches a person; whom it does not reach is named by its binding for no longer than it takes to notice.
func (w *World) throughGrant(way *Way, user *v1alpha1.User) {
	grant := w.grants[way.Grant]
	if grant == nil {
		return
	}
	for _, subject := range grant.Spec.Subjects {
		if w.reaches(subject, user) {
			way.Through = append(way.Through, w.inRBAC(subject))
		}
	}
	slices.SortFunc(way.Through, compareSubjects)
	way.Through = slices.Compact(way.Through)
	if named := way.Subject.Kind == rbacv1.UserKind; named && (!person.MayAct(user) || len(way.Through) == 0) {
		way.Remarks = append(way.Remarks, remark(RemarkNotNamed,
			"Grant %q does not give this to User %q (any more): the binding is about to be withdrawn", way.Grant, user.Name))
	}
}

// inRBAC is how bindings would name a subject of a Grant. Whoever has no such name yet goes by that of the object.
func (w *World) inRBAC(subject v1alpha1.Subject) Subject {
	named := Subject{Kind: string(subject.Kind), Name: subject.Name}
	if user := w.users[subject.Name]; subject.Kind == v1alpha1.SubjectUser && user != nil {
		named.Name = cmp.Or(user.Status.Username, named.Name)
	}
	if group := w.groups[subject.Name]; subject.Kind == v1alpha1.SubjectGroup && group != nil {
		named.Name = cmp.Or(group.Status.GroupName, named.Name)
	}
	return named
}

// throughCredential says what depends on the groups that a credential speaks for: what it gives nobody can take from it.
func (w *World) throughCredential(way *Way, p principal, user *v1alpha1.User) {
	list := w.memberships(user)
	i := slices.IndexFunc(list, func(m membership) bool { return m.group == p.name })
	switch {
	case i < 0:
	case list[i].left:
		way.Until = earlier(way.Until, &list[i].till)
		way.Remarks = append(way.Remarks, remark(RemarkLeft,
			"User %q has left the group %q, and a certificate speaks for it until %s", user.Name, p.name, stamp(list[i].till)))
	case !list[i].certified:
		way.Remarks = append(way.Remarks, remark(RemarkDepends, "holds if their credential speaks for the group %q", p.name))
	}
}

func earlier(a, b *metav1.Time) *metav1.Time {
	if a == nil || b != nil && b.Before(a) {
		return b
	}
	return a
}

func sortWays(ways []Way) []Way {
	slices.SortFunc(ways, func(a, b Way) int {
		return cmp.Or(
			cmp.Compare(a.Via, b.Via),
			cmp.Compare(a.Grant, b.Grant),
			cmp.Compare(a.Request, b.Request),
			cmp.Compare(a.Binding.Namespace, b.Binding.Namespace),
			cmp.Compare(a.Binding.Name, b.Binding.Name),
			compareSubjects(a.Subject, b.Subject),
		)
	})
	return ways
}

func compareSubjects(a, b Subject) int {
	return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
}
