// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"cmp"
	"slices"
	"strings"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/picture"
	"github.com/rollcall-iam/rollcall/internal/rbacplan"
	"github.com/rollcall-iam/rollcall/internal/usage"
)

// coverage is of what people did; what is told of Grants has the same, where there is nothing else.
// covered says whether enough of the time is known to say that somebody was not there.
func (b *builder) covered() bool {
	known := b.coverage()
	return known != nil && known.Share >= usage.Covered
}

func (b *builder) coverage() *usage.Coverage {
	switch {
	case b.in.Activity != nil:
		return &b.in.Activity.Coverage
	case b.in.Usage != nil:
		return &b.in.Usage.Coverage
	default:
		return nil
	}
}

func (b *builder) grants() []Grant {
	grants := make([]Grant, 0, len(b.in.Grants))
	for i := range b.in.Grants {
		grants = append(grants, b.grant(&b.in.Grants[i]))
	}
	return grants
}

func (b *builder) grant(grant *v1alpha1.Grant) Grant {
	g := Grant{
		Name: grant.Name, Scope: grant.Spec.Scope, Role: picture.Role(grant), Where: picture.In(grant), Powers: b.powersOf(grant),
		OnRequest: grant.Spec.Activation == v1alpha1.ActivationOnRequest, Subjects: subjects(grant), Reaches: len(b.reached(grant)),
		Window: window(grant, b.now), Expires: grant.Spec.ExpireTime, Reason: grant.Spec.Reason,
		Last: grant.Status.LastUsedTime, Usage: grant.Status.Usage,
	}
	if told := b.usage[string(grant.UID)]; told != nil {
		g.Last, g.Usage, g.Message, g.Requests, g.People = told.Last, told.Usage, told.Message, told.Requests, told.People
	}
	return g
}

// usageOf a Grant, as the audit service says or else the Grant itself.
func (b *builder) usageOf(name string) v1alpha1.GrantUsage {
	i, found := slices.BinarySearchFunc(b.in.Grants, name, func(g v1alpha1.Grant, name string) int { return cmp.Compare(g.Name, name) })
	if !found {
		return ""
	}
	if told := b.usage[string(b.in.Grants[i].UID)]; told != nil {
		return told.Usage
	}
	return b.in.Grants[i].Status.Usage
}

func subjects(grant *v1alpha1.Grant) []string {
	names := make([]string, len(grant.Spec.Subjects))
	for i, s := range grant.Spec.Subjects {
		names[i] = string(s.Kind) + " " + s.Name
	}
	slices.Sort(names)
	return names
}

func window(grant *v1alpha1.Grant, now time.Time) v1alpha1.Window {
	open, reason, _ := rbacplan.Window(grant, now)
	switch {
	case open:
		return v1alpha1.WindowOpen
	case reason == v1alpha1.ReasonNotStarted:
		return v1alpha1.WindowNotStarted
	default:
		return v1alpha1.WindowExpired
	}
}

// powersOf a Grant's role: of a Role those of any of that name in a namespace that the Grant is for.
func (b *builder) powersOf(grant *v1alpha1.Grant) []string {
	set := grant.Spec.Namespaces
	return b.powers(string(grant.Spec.RoleRef.Kind), grant.Spec.RoleRef.Name, func(namespace string) bool {
		return set != nil && (set.Selector != nil || slices.Contains(set.Names, namespace))
	})
}

func (b *builder) powers(kind, name string, in func(namespace string) bool) []string {
	var rules []rbacv1.PolicyRule
	if kind == string(v1alpha1.RoleKindClusterRole) {
		for i := range b.in.ClusterRoles {
			if b.in.ClusterRoles[i].Name == name {
				rules = b.in.ClusterRoles[i].Rules
			}
		}
		return Powers(rules)
	}
	for i := range b.in.Roles {
		if role := &b.in.Roles[i]; role.Name == name && in(role.Namespace) {
			rules = append(rules, role.Rules...)
		}
	}
	return Powers(rules)
}

// requests are those that are open first, and then the newest ones.
func (b *builder) requests() []Request {
	requests := make([]Request, 0, len(b.in.AccessRequests))
	for i := range b.in.AccessRequests {
		requests = append(requests, b.request(&b.in.AccessRequests[i]))
	}
	slices.SortFunc(requests, func(a, b Request) int {
		if a.Open != b.Open {
			return cmp.Compare(b2i(b.Open), b2i(a.Open))
		}
		return cmp.Or(b.Asked.Compare(a.Asked.Time), cmp.Compare(a.Name, b.Name))
	})
	return requests
}

func b2i(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

func (b *builder) request(r *v1alpha1.AccessRequest) Request {
	row := Request{
		Name: r.Name, Who: r.Spec.UserName, Grant: r.Spec.GrantRef.Name, Reason: r.Spec.Reason, Ticket: r.Spec.Ticket,
		Asked: r.CreationTimestamp, From: r.Status.StartTime, To: r.Status.ExpireTime, State: r.Status.EndReason, Open: r.Status.EndTime == nil,
	}
	if r.Status.EndTime != nil && (row.To == nil || r.Status.EndTime.Before(row.To)) && row.From != nil {
		row.To = r.Status.EndTime
	}
	if active := meta.FindStatusCondition(r.Status.Conditions, v1alpha1.ConditionActive); row.State == "" && active != nil {
		row.State = active.Reason
	}
	row.State = cmp.Or(row.State, v1alpha1.ReasonPending)
	if reviewed := meta.FindStatusCondition(r.Status.Conditions, v1alpha1.ConditionReviewed); reviewed != nil {
		row.Review = reviewed.Reason
		row.Open = row.Open || reviewed.Status == metav1.ConditionFalse
	}
	for _, approval := range r.Status.Approvals {
		if approval.Decision == v1alpha1.DecisionApprove {
			row.Approvers = append(row.Approvers, approval.Approver)
		}
	}
	return row
}

func (b *builder) sessionRows() []Session {
	rows := make([]Session, 0, len(b.sessions))
	for i := range b.sessions {
		s := &b.sessions[i]
		row := Session{
			Name: s.Name, User: s.Spec.UserRef.Name, Username: s.Spec.Username, Device: s.Spec.Device,
			Method: string(s.Spec.Authentication.Method), Custody: string(s.Spec.Custody), Began: s.CreationTimestamp,
			LastSeen: s.Status.LastSeenTime,
		}
		if until := s.ValidUntil(); !until.IsZero() {
			row.Until = new(metav1.NewTime(until))
		}
		rows = append(rows, row)
	}
	slices.SortFunc(rows, func(a, b Session) int {
		return cmp.Or(cmp.Compare(a.User, b.User), a.Began.Compare(b.Began.Time), cmp.Compare(a.Name, b.Name))
	})
	return rows
}

func (b *builder) locks() []Lock {
	locks := make([]Lock, 0, len(b.in.Locks))
	for i := range b.in.Locks {
		l := &b.in.Locks[i]
		if l.Spec.ExpireTime == nil || b.now.Before(l.Spec.ExpireTime.Time) {
			locks = append(locks, Lock{
				Name: l.Name, Target: string(l.Spec.Target.Kind) + " " + l.Spec.Target.Name, Reason: l.Spec.Reason,
				Since: l.CreationTimestamp, Expires: l.Spec.ExpireTime,
			})
		}
	}
	slices.SortFunc(locks, func(a, b Lock) int { return cmp.Compare(a.Name, b.Name) })
	return locks
}

func (b *builder) directories() []Directory {
	rows := make([]Directory, 0, len(b.in.Directories))
	for i := range b.in.Directories {
		d := &b.in.Directories[i]
		row := Directory{Name: d.Name, Read: d.Status.LastSyncTime}
		if ready := meta.FindStatusCondition(d.Status.Conditions, v1alpha1.ConditionReady); ready != nil {
			row.Ready, row.Reason, row.Message = ready.Status == metav1.ConditionTrue, ready.Reason, ready.Message
		}
		if d.Status.Users != nil {
			row.People = int(*d.Status.Users)
		}
		rows = append(rows, row)
	}
	slices.SortFunc(rows, func(a, b Directory) int { return cmp.Compare(a.Name, b.Name) })
	return rows
}

// Bounds of the picture: what is larger nobody reads.
const (
	mostDrawn = 40
	mostBoxes = 150
)

// picture draws the Grants that matter most, as far as there is room: the powerful ones, and then those that reach most people.
func (b *builder) picture(grants []Grant) Picture {
	order := slices.SortedStableFunc(slices.Values(grants), func(a, b Grant) int {
		return cmp.Or(cmp.Compare(min(1, len(b.Powers)), min(1, len(a.Powers))), cmp.Compare(b.Reaches, a.Reaches))
	})
	names := make([]string, len(order))
	for i := range order {
		names[i] = order[i].Name
	}
	world := &picture.World{
		Users: b.in.Users, Groups: b.in.Groups, Grants: b.in.Grants, Locks: b.in.Locks, Requests: b.in.AccessRequests, Now: b.now,
	}
	for count := min(mostDrawn, len(names)); count > 0; count = count * 2 / 3 {
		targets := make([]picture.Target, count)
		for i := range targets {
			targets[i] = picture.Target{Kind: picture.KindGrant, Name: names[i]}
		}
		if graph := world.Draw(targets); graph.Boxes() <= mostBoxes || count == 1 {
			return Picture{
				svg:   graph.Figure(),
				Drawn: slices.Sorted(slices.Values(names[:count])), Left: slices.Sorted(slices.Values(names[count:])),
			}
		}
	}
	return Picture{}
}

func glance(page *Page) Glance {
	g := Glance{
		People: len(page.People), Grants: len(page.Grants), Sessions: len(page.Sessions), Locks: len(page.Locks),
		Usage: map[v1alpha1.GrantUsage]int{},
	}
	for i := range page.People {
		g.MayAct += b2i(page.People[i].MayAct)
	}
	for i := range page.Grants {
		if said := page.Grants[i].Usage; said != "" {
			g.Usage[said]++
		}
	}
	for i := range page.Requests {
		g.Requests += b2i(page.Requests[i].Open)
	}
	for _, f := range page.Findings {
		g.Findings += len(f.Items)
		if f.Weight == WeightUrgent {
			g.Urgent += len(f.Items)
		}
	}
	return g
}

// at is a time as the page has it: in UTC, to the minute.
func at(t metav1.Time) string { return t.UTC().Format("2006-01-02 15:04") }

// listed is names in a sentence, some of them where there are many.
func listed(names []string) string {
	const some = 5
	if len(names) <= some {
		return strings.Join(names, ", ")
	}
	return strings.Join(names[:some], ", ") + " and " + count(len(names)-some) + " more"
}
