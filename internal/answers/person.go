// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package answers

import (
	"cmp"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/person"
)

// groupAuthenticated is the group of everyone whom the API server knows.
const groupAuthenticated = "system:authenticated"

// Person is a User as the authorizer may see them: with status.username and with all groups that their credential can speak for.
//
// These are: system:authenticated and rollcall:managed; all of status.groups; and groups that they have left while a certificate still
// speaks for them (status.certificate.groups). Which of these a request carries depends on the credential. A certificate of Rollcall's
// speaks for the marker group and for groups that Grants with subjectMode Groups bind; a token of an OIDC provider may speak for all of
// the directory's groups, but not for the marker group. The answers take the union: whoever reviews access wants to know what is possible.
//
// Whether a person may act (Active) does not change what the authorizer decides: Rollcall takes them out of its own bindings, and others
// hold on, for as long as they have a credential. So it is said besides.
type Person struct {
	// Name of the User object.
	Name string `json:"name"`
	// Username in Kubernetes. Empty while it is not known.
	Username    string `json:"username,omitempty"`
	DisplayName string `json:"displayName,omitempty"`
	// Active says whether they may act now.
	Active bool `json:"active"`
	// Reason and Message of the condition Active.
	Reason  string `json:"reason,omitempty"`
	Message string `json:"message,omitempty"`
	// Groups by their Kubernetes names, sorted, without those that everyone is in.
	Groups []string `json:"groups,omitempty"`
}

// membership is a group that a credential of a person may speak for.
type membership struct {
	group string
	// certified says that a valid certificate speaks for it, till then.
	certified bool
	till      metav1.Time
	// left says that it is no group of theirs any more.
	left bool
}

func everyone(group string) bool {
	return group == groupAuthenticated || group == v1alpha1.ManagedGroup
}

// memberships of a User, sorted by group.
func (w *World) memberships(user *v1alpha1.User) []membership {
	list := []membership{{group: groupAuthenticated}, {group: v1alpha1.ManagedGroup}}
	for _, group := range user.Status.Groups {
		list = append(list, membership{group: group})
	}
	for _, c := range certified(user) {
		if !w.now.Before(c.NotAfter.Time) {
			continue
		}
		if i := slices.IndexFunc(list, func(m membership) bool { return m.group == c.Name }); i >= 0 {
			list[i].certified, list[i].till = true, c.NotAfter
			continue
		}
		list = append(list, membership{group: c.Name, certified: true, till: c.NotAfter, left: true})
	}
	slices.SortFunc(list, func(a, b membership) int { return cmp.Compare(a.group, b.group) })
	return list
}

func certified(user *v1alpha1.User) []v1alpha1.CertifiedGroup {
	if user.Status.Certificate == nil {
		return nil
	}
	return user.Status.Certificate.Groups
}

// principals of a User: the username and the groups. None while the username is not known.
func (w *World) principals(user *v1alpha1.User) []principal {
	if user.Status.Username == "" {
		return nil
	}
	list := []principal{{name: user.Status.Username}}
	for _, m := range w.memberships(user) {
		list = append(list, principal{group: true, name: m.group})
	}
	return list
}

// find finds a User by the name of the object, else by username.
func (w *World) find(who string) (*v1alpha1.User, error) {
	if user := w.users[who]; user != nil {
		return user, nil
	}
	if user := w.holders[who]; user != nil {
		return user, nil
	}
	return nil, fmt.Errorf("no User has the name or the username %q", who)
}

// person without their groups.
func (w *World) person(user *v1alpha1.User) Person {
	p := Person{Name: user.Name, Username: user.Status.Username, Active: person.MayAct(user)}
	if user.Status.Identity != nil {
		p.DisplayName = user.Status.Identity.DisplayName
	}
	if condition := meta.FindStatusCondition(user.Status.Conditions, v1alpha1.ConditionActive); condition != nil {
		p.Reason, p.Message = condition.Reason, condition.Message
	}
	return p
}

func (w *World) personWithGroups(user *v1alpha1.User) Person {
	p := w.person(user)
	for _, m := range w.memberships(user) {
		if !everyone(m.group) {
			p.Groups = append(p.Groups, m.group)
		}
	}
	return p
}

// keptOut are remarks on why a person may not act, if so.
func (w *World) keptOut(user *v1alpha1.User) []Remark {
	var remarks []Remark
	p := w.person(user)
	switch {
	case p.Username == "":
		remarks = append(remarks, remark(RemarkInactive, "User %q has no username (yet)", p.Name))
	case !user.DeletionTimestamp.IsZero():
		remarks = append(remarks, remark(RemarkInactive, "User %q is being deleted", p.Name))
	case !p.Active:
		remarks = append(remarks, remark(RemarkInactive, "User %q may not act (%s): %s", p.Name, cmp.Or(p.Reason, "not decided"), p.Message))
	}
	for i := range w.locks {
		if lock := &w.locks[i]; w.locksOut(lock, user) {
			remarks = append(remarks, lockedBy(lock))
		}
	}
	return remarks
}

func (w *World) locksOut(lock *v1alpha1.Lock, user *v1alpha1.User) bool {
	if lock.Spec.ExpireTime != nil && !w.now.Before(lock.Spec.ExpireTime.Time) {
		return false
	}
	subject, about := lock.Spec.Target.Subject()
	return about && w.reaches(subject, user)
}

func lockedBy(lock *v1alpha1.Lock) Remark {
	text := fmt.Sprintf("Lock %q keeps out %s %q", lock.Name, lock.Spec.Target.Kind, lock.Spec.Target.Name)
	if lock.Spec.ExpireTime != nil {
		text += " until " + stamp(*lock.Spec.ExpireTime)
	}
	if lock.Spec.Reason != "" {
		text += ": " + lock.Spec.Reason
	}
	return Remark{Reason: RemarkLocked, Message: text}
}

// reaches says whether a subject of this API group is a User, or a Group that the User is in.
func (w *World) reaches(subject v1alpha1.Subject, user *v1alpha1.User) bool {
	if subject.Kind == v1alpha1.SubjectUser {
		return subject.Name == user.Name
	}
	group := w.groups[subject.Name]
	return group != nil && (slices.Contains(user.Status.Groups, group.Status.GroupName) ||
		group.Spec.DirectoryRef == nil && slices.Contains(group.Spec.Members, user.Name))
}
