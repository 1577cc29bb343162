// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package picture

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/rbacplan"
)

// timeFormat has no seconds and no zone: times are shown where the reader is.
const timeFormat = "2006-01-02 15:04"

// Role names a role, as "ClusterRole edit".
func Role(grant *v1alpha1.Grant) string {
	return fmt.Sprintf("%s %s", grant.Spec.RoleRef.Kind, grant.Spec.RoleRef.Name)
}

// In says where a Grant holds, within a sentence.
func In(grant *v1alpha1.Grant) string {
	switch namespaces := grant.Spec.Namespaces; {
	case grant.Spec.Scope == v1alpha1.ScopeCluster || namespaces == nil:
		return where(grant)
	case len(namespaces.Names) == 0:
		return "in " + where(grant)
	case len(namespaces.Names) == 1:
		return "in namespace " + where(grant)
	default:
		return "in namespaces " + where(grant)
	}
}

// where a Grant holds, in short.
func where(grant *v1alpha1.Grant) string {
	namespaces := grant.Spec.Namespaces
	if grant.Spec.Scope == v1alpha1.ScopeCluster || namespaces == nil {
		return "everywhere"
	}
	var places []string
	if len(namespaces.Names) > 0 {
		places = append(places, strings.Join(slices.Sorted(slices.Values(namespaces.Names)), ", "))
	}
	if namespaces.Selector != nil {
		places = append(places, labelled(namespaces.Selector))
	}
	return strings.Join(places, " and ")
}

func labelled(selector *metav1.LabelSelector) string {
	text := metav1.FormatLabelSelector(selector)
	if len(selector.MatchLabels)+len(selector.MatchExpressions) == 0 {
		return "all namespaces"
	}
	return "namespaces with " + text
}

// People is a number of people in words.
func People(count int) string {
	if count == 1 {
		return "1 person"
	}
	return fmt.Sprintf("%d people", count)
}

func (w *World) at(t time.Time) string { return t.In(w.Now.Location()).Format(timeFormat) }

func (w *World) userMarks(user *v1alpha1.User) []string {
	var marks []string
	for _, lock := range w.locksOnUser(user) {
		marks = append(marks, w.lockMark(lock))
	}
	active := meta.FindStatusCondition(user.Status.Conditions, v1alpha1.ConditionActive)
	switch {
	case active == nil:
		marks = append(marks, "not active yet")
	case active.Status == metav1.ConditionTrue:
	case active.Reason == v1alpha1.ReasonLocked && len(marks) > 0:
	default:
		marks = append(marks, "inactive: "+active.Reason)
	}
	return marks
}

func (w *World) groupMarks(group *v1alpha1.Group) []string {
	var marks []string
	for _, lock := range w.locksOnGroup(group) {
		marks = append(marks, w.lockMark(lock))
	}
	if group.Spec.DirectoryRef != nil && group.Status.State != v1alpha1.IdentityPresent {
		marks = append(marks, "not in its directory")
	}
	return marks
}

func (w *World) lockMark(lock *v1alpha1.Lock) string {
	mark := "locked by " + lock.Name
	if lock.Spec.ExpireTime != nil {
		mark += " until " + w.at(lock.Spec.ExpireTime.Time)
	}
	if lock.Spec.Reason != "" {
		mark += ": " + lock.Spec.Reason
	}
	return mark
}

// closed says why a Grant gives nothing to anybody now; empty where it does not.
func (w *World) closed(grant *v1alpha1.Grant) string {
	open, reason, _ := rbacplan.Window(grant, w.Now)
	switch {
	case open:
		return ""
	case reason == v1alpha1.ReasonNotStarted:
		return "closed: begins " + w.at(grant.Spec.StartTime.Time)
	default:
		return "closed: ended " + w.at(grant.Spec.ExpireTime.Time)
	}
}

func (w *World) grantMarks(grant *v1alpha1.Grant) []string {
	var marks []string
	if closed := w.closed(grant); closed != "" {
		marks = append(marks, closed)
	}
	ready := meta.FindStatusCondition(grant.Status.Conditions, v1alpha1.ConditionReady)
	if len(marks) == 0 && ready != nil && ready.Status == metav1.ConditionFalse {
		marks = append(marks, "not ready: "+ready.Reason)
	}
	return marks
}

// terms are how a Grant is given: until when, and whether somebody has to ask.
func (w *World) terms(grant *v1alpha1.Grant) string {
	var terms []string
	if grant.Spec.Activation == v1alpha1.ActivationOnRequest {
		terms = append(terms, "on request")
	}
	if grant.Spec.ExpireTime != nil && w.closed(grant) == "" {
		terms = append(terms, "until "+w.at(grant.Spec.ExpireTime.Time))
	}
	if len(terms) == 0 {
		return ""
	}
	return ", " + strings.Join(terms, ", ")
}
