// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package reach

import (
	"fmt"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/event"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
)

// Looked says whether anybody has looked at a User yet. Nobody will at one that is being deleted.
func Looked(user *v1alpha1.User) bool {
	return meta.FindStatusCondition(user.Status.Conditions, v1alpha1.ConditionActive) != nil || !user.DeletionTimestamp.IsZero()
}

// Judged says whether it is known if a User may act: not before their Directory was read. Who is being deleted may not.
func Judged(user *v1alpha1.User) bool {
	active := meta.FindStatusCondition(user.Status.Conditions, v1alpha1.ConditionActive)
	return active != nil && active.Status != metav1.ConditionUnknown || !user.DeletionTimestamp.IsZero()
}

// known says whether it is known if a Group is there: not before its Directory was read.
func known(group *v1alpha1.Group) bool {
	ready := meta.FindStatusCondition(group.Status.Conditions, v1alpha1.ConditionReady)
	return ready != nil && ready.Reason != v1alpha1.ReasonDirectoryPending || !group.DeletionTimestamp.IsZero()
}

// KnownDiffers lets through that it became known whom a Group stands for.
func KnownDiffers(e event.UpdateEvent) bool {
	before, ok := e.ObjectOld.(*v1alpha1.Group)
	after, also := e.ObjectNew.(*v1alpha1.Group)
	return ok && also && known(before) != known(after)
}

// pending is of whom it is not known yet whom a subject of a Grant stands for: a User, a Group, or those of a local Group at whom nobody
// has looked, which takes moments. What takes longer is a Group's own matter: people join all the time, and the rest is as it should be.
func pending(grant *v1alpha1.Grant, users []v1alpha1.User, group *v1alpha1.Group) (names []string) {
	switch {
	case group == nil:
		for i := range users {
			if !Judged(&users[i]) {
				names = append(names, fmt.Sprintf("User %q", users[i].Name))
			}
		}
	case !known(group):
		return []string{fmt.Sprintf("Group %q", group.Name)}
	case group.Spec.DirectoryRef == nil && grant.Spec.SubjectMode != v1alpha1.SubjectModeGroups:
		for i := range users {
			if !Looked(&users[i]) {
				names = append(names, fmt.Sprintf("User %q of Group %q", users[i].Name, group.Name))
			}
		}
	}
	return names
}
