// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package answers

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/person"
	"github.com/rollcall-iam/rollcall/internal/rbacplan"
)

// Offer is a Grant that would allow something that is not allowed, and how to get there.
type Offer struct {
	Grant string              `json:"grant"`
	Role  Role                `json:"role"`
	Scope v1alpha1.GrantScope `json:"scope"`
	// Reaches says whether the Grant names the person already.
	Reaches bool `json:"reaches"`
	// Steps in the order in which they are to be taken.
	Steps []Remark `json:"steps"`
}

// offers are the Grants whose role allows the action where it is to be done; those that name the person already come first.
func (w *World) offers(user *v1alpha1.User, action Action) []Offer {
	var offers []Offer
	covers := w.coverage(action)
	for _, name := range slices.Sorted(maps.Keys(w.grants)) {
		grant := w.grants[name]
		role := roleKey{kind: string(grant.Spec.RoleRef.Kind), name: grant.Spec.RoleRef.Name}
		if role.kind == kindRole {
			role.namespace = action.Namespace
		}
		if grant.DeletionTimestamp.IsZero() && w.holdsIn(grant, action.Namespace) && covers.of(role) != nil {
			offers = append(offers, w.offer(grant, user))
		}
	}
	slices.SortStableFunc(offers, func(a, b Offer) int { return cmp.Compare(late(a.Reaches), late(b.Reaches)) })
	return offers
}

func late(reaches bool) int {
	if reaches {
		return 0
	}
	return 1
}

// holdsIn says whether a Grant is for a namespace; for the whole cluster, where none is given.
func (w *World) holdsIn(grant *v1alpha1.Grant, namespace string) bool {
	if grant.Spec.Scope == v1alpha1.ScopeCluster {
		return true
	}
	found, set := w.namespaces[namespace], grant.Spec.Namespaces
	if found == nil || set == nil || !found.DeletionTimestamp.IsZero() {
		return false
	}
	selector, err := metav1.LabelSelectorAsSelector(set.Selector)
	return slices.Contains(set.Names, namespace) || err == nil && selector.Matches(labels.Set(found.Labels))
}

func (w *World) offer(grant *v1alpha1.Grant, user *v1alpha1.User) Offer {
	offer := Offer{
		Grant: grant.Name, Scope: grant.Spec.Scope,
		Role:    Role{Kind: string(grant.Spec.RoleRef.Kind), Name: grant.Spec.RoleRef.Name},
		Reaches: slices.ContainsFunc(grant.Spec.Subjects, func(s v1alpha1.Subject) bool { return w.reaches(s, user) }),
	}
	if !person.MayAct(user) {
		offer.Steps = append(offer.Steps, remark(StepActivate, "User %q has to be let in again", user.Name))
	}
	if !offer.Reaches {
		offer.Steps = append(offer.Steps, join(grant)...)
	}
	open, reason, next := rbacplan.Window(grant, w.now)
	switch {
	case reason == v1alpha1.ReasonNotStarted:
		offer.Steps = append(offer.Steps, remark(StepWait, "the Grant begins at %s", stamp(metav1.NewTime(next))))
	case !open:
		offer.Steps = append(offer.Steps, remark(StepExtend, "the Grant expired at %s: extend its expireTime, or make another",
			stamp(*grant.Spec.ExpireTime)))
	}
	offer.Steps = append(offer.Steps, w.lastStep(grant, user, len(offer.Steps) == 0)...)
	return offer
}

// lastStep is what is left to do for whoever the Grant names and who may act; waiting says that this is so.
func (w *World) lastStep(grant *v1alpha1.Grant, user *v1alpha1.User, waiting bool) []Remark {
	switch {
	case grant.Spec.Activation == v1alpha1.ActivationOnRequest:
		return []Remark{w.ask(grant, user)}
	case !waiting:
		return nil
	case grant.Spec.SubjectMode == v1alpha1.SubjectModeGroups:
		return []Remark{repair(grant, "the Grant binds groups, and its binding is not there (yet)")}
	default:
		return []Remark{repair(grant, "the Grant gives it, and its binding does not name the person (yet)")}
	}
}

// repair tells what the Grant says of itself, if it is not well.
func repair(grant *v1alpha1.Grant, otherwise string) Remark {
	ready := meta.FindStatusCondition(grant.Status.Conditions, v1alpha1.ConditionReady)
	if ready == nil || ready.Status == metav1.ConditionTrue {
		return remark(StepRepair, "%s", otherwise)
	}
	return remark(StepRepair, "the Grant is not ready (%s): %s", ready.Reason, ready.Message)
}

func join(grant *v1alpha1.Grant) []Remark {
	var groups, users []string
	for _, subject := range grant.Spec.Subjects {
		if subject.Kind == v1alpha1.SubjectGroup {
			groups = append(groups, subject.Name)
		} else {
			users = append(users, subject.Name)
		}
	}
	if len(groups) == 0 {
		return []Remark{remark(StepJoin, "be named in its subjects, where there is now User %s", listed(users))}
	}
	steps := []Remark{remark(StepJoin, "be in a Group that it names: %s", listed(groups))}
	if grant.Spec.SubjectMode == v1alpha1.SubjectModeGroups {
		steps = append(steps, remark(StepRenew, "then get a new certificate or token, which speaks for the group"))
	}
	return steps
}

// ask says how to ask, or what became of having asked.
func (w *World) ask(grant *v1alpha1.Grant, user *v1alpha1.User) Remark {
	for _, name := range slices.Sorted(maps.Keys(w.requests)) {
		request := w.requests[name]
		if request.Spec.GrantRef.Name == grant.Name && request.Spec.UserName == user.Status.Username && request.Status.EndTime == nil {
			return asked(request)
		}
	}
	return remark(StepRequest, "ask for it: kubectl rollcall request %s%s", grant.Name, deciders(grant))
}

func asked(request *v1alpha1.AccessRequest) Remark {
	condition := meta.FindStatusCondition(request.Status.Conditions, v1alpha1.ConditionActive)
	if condition == nil {
		return remark(StepApprove, "AccessRequest %q has just been made", request.Name)
	}
	return remark(StepApprove, "AccessRequest %q is %s: %s", request.Name, condition.Reason, condition.Message)
}

func deciders(grant *v1alpha1.Grant) string {
	if grant.Spec.Request == nil {
		return ""
	}
	var names []string
	for _, subject := range grant.Spec.Request.Approvers {
		names = append(names, fmt.Sprintf("%s %s", subject.Kind, subject.Name))
	}
	if grant.Spec.Request.Approval == v1alpha1.ApprovalAfterUse {
		return " (access at once; reviewed by " + listed(names) + ")"
	}
	return fmt.Sprintf(" (approvals needed: %d, from %s)", max(1, grant.Spec.Request.Quorum), listed(names))
}
