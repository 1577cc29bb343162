// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package census

import (
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
)

// The states of an object.
const (
	// Ready: all is as it should be.
	Ready = "Ready"
	// Waiting: the operator is at work, waits for something, or tries again.
	Waiting = "Waiting"
	// Stalled: nothing happens until a person acts.
	Stalled = "Stalled"
	// Unknown: nothing was decided yet.
	Unknown = "Unknown"
)

// ofObject are the state of an object and the reason for it.
func ofObject(conditions []metav1.Condition) []string {
	ready := meta.FindStatusCondition(conditions, v1alpha1.ConditionReady)
	switch {
	case ready == nil:
		return []string{Unknown, ""}
	case ready.Status == metav1.ConditionTrue:
		return []string{Ready, ready.Reason}
	case meta.IsStatusConditionTrue(conditions, v1alpha1.ConditionStalled):
		return []string{Stalled, ready.Reason}
	default:
		return []string{Waiting, ready.Reason}
	}
}

// ofUser is whether somebody may act, or why not: the reason of Active.
func ofUser(user *v1alpha1.User) []string {
	active := meta.FindStatusCondition(user.Status.Conditions, v1alpha1.ConditionActive)
	if active == nil {
		return []string{Unknown}
	}
	return []string{active.Reason}
}

// ofDormant counts those whom nobody has seen for long.
func ofDormant(user *v1alpha1.User) []string {
	if !meta.IsStatusConditionTrue(user.Status.Conditions, v1alpha1.ConditionDormant) {
		return nil
	}
	return []string{}
}

// ofKubeconfig is how it is with the kubeconfig of a User who asks for one: the reason of Kubeconfig.
func ofKubeconfig(user *v1alpha1.User) []string {
	if user.Spec.Kubeconfig == nil {
		return nil
	}
	kept := meta.FindStatusCondition(user.Status.Conditions, v1alpha1.ConditionKubeconfig)
	if kept == nil {
		return []string{Unknown}
	}
	return []string{kept.Reason}
}

// ofSession is how whoever began it has proved who they are, while it goes on.
func ofSession(session *v1alpha1.Session) []string {
	if session.Status.EndTime != nil || !meta.IsStatusConditionTrue(session.Status.Conditions, v1alpha1.ConditionActive) {
		return nil
	}
	return []string{string(session.Spec.Authentication.Method)}
}

// userStates are the reasons of a User's Active.
func userStates() []string {
	return []string{
		v1alpha1.ReasonActive, v1alpha1.ReasonSuspended, v1alpha1.ReasonExpired, v1alpha1.ReasonLocked, v1alpha1.ReasonDirectoryDisabled,
		v1alpha1.ReasonDirectoryMissing, v1alpha1.ReasonDirectoryPending, v1alpha1.ReasonDirectoryUnknown, v1alpha1.ReasonIdentityReplaced,
		v1alpha1.ReasonUsernameTaken, Unknown,
	}
}

// kubeconfigStates are the reasons of a User's Kubeconfig.
func kubeconfigStates() []string {
	return []string{
		v1alpha1.ReasonIssued, v1alpha1.ReasonIssuing, v1alpha1.ReasonUserInactive, v1alpha1.ReasonNamespaceNotFound,
		v1alpha1.ReasonSecretConflict, v1alpha1.ReasonSecretForbidden, v1alpha1.ReasonSigningFailed, v1alpha1.ReasonSigningDenied,
		v1alpha1.ReasonCertificateInvalid, v1alpha1.ReasonLedgerUnavailable, v1alpha1.ReasonFailed, Unknown,
	}
}

func methods() []string {
	return []string{
		string(v1alpha1.MethodOIDC), string(v1alpha1.MethodLDAP), string(v1alpha1.MethodDeviceKey), string(v1alpha1.MethodManaged),
	}
}

func conditionsOf(object client.Object) []metav1.Condition {
	switch o := object.(type) {
	case *v1alpha1.Directory:
		return o.Status.Conditions
	case *v1alpha1.User:
		return o.Status.Conditions
	case *v1alpha1.Group:
		return o.Status.Conditions
	case *v1alpha1.Grant:
		return o.Status.Conditions
	case *v1alpha1.AccessRequest:
		return o.Status.Conditions
	case *v1alpha1.Approval:
		return o.Status.Conditions
	case *v1alpha1.Lock:
		return o.Status.Conditions
	case *v1alpha1.Session:
		return o.Status.Conditions
	case *v1alpha1.Installation:
		return o.Status.Conditions
	}
	return nil
}
