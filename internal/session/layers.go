// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package session

import (
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
)

// Layers are what is known of the layers that keep the credential of a Session out once it has ended.
type Layers struct {
	// UserActive says that the User may still act, so that bindings name them by right.
	UserActive bool
	// Bound says that a generated binding still names them.
	Bound bool
	// Checked says that API servers ask the authorization webhook.
	Checked bool
	// Locked names a Lock whose status holds every certificate that is still valid; empty where there is none.
	Locked string
}

// Conditions say of a Session that has ended which layers keep its credential out, and until when it is good for something otherwise. A
// layer that took hold after the last certificate had expired is not told of.
func (l Layers) Conditions(validUntil, now time.Time) []metav1.Condition {
	expired := condition(v1alpha1.ConditionCertificatesExpired, true, v1alpha1.ReasonExpired, "no certificate is valid any more")
	if now.Before(validUntil) {
		expired = condition(v1alpha1.ConditionCertificatesExpired, false, v1alpha1.ReasonStillValid,
			fmt.Sprintf("until %s the API server takes a certificate for its bearer's", validUntil.UTC().Format(time.RFC3339)))
	}
	return []metav1.Condition{
		condition(v1alpha1.ConditionRenewalRefused, true, v1alpha1.ReasonEnded, "no certificate is issued any more"),
		l.bindings(), l.credential(), l.writes(), expired,
	}
}

func (l Layers) bindings() metav1.Condition {
	switch {
	case l.UserActive:
		return condition(v1alpha1.ConditionBindingsWithdrawn, false, v1alpha1.ReasonUserActive,
			"the User may act, so bindings name them: to take everything from them, lock the User")
	case l.Bound:
		return condition(v1alpha1.ConditionBindingsWithdrawn, false, v1alpha1.ReasonWithdrawing, "bindings are being withdrawn")
	default:
		return condition(v1alpha1.ConditionBindingsWithdrawn, true, v1alpha1.ReasonWithdrawn, "no generated binding names the User")
	}
}

func (l Layers) credential() metav1.Condition {
	if l.Checked {
		return condition(v1alpha1.ConditionCredentialDenied, true, v1alpha1.ReasonWebhookAsked,
			"API servers ask the authorization webhook, which denies every request")
	}
	return condition(v1alpha1.ConditionCredentialDenied, false, v1alpha1.ReasonWebhookNotAsked,
		"API servers do not ask the authorization webhook: until its certificate expires the bearer can do what bindings allow")
}

func (l Layers) writes() metav1.Condition {
	if l.Locked != "" {
		return condition(v1alpha1.ConditionWritesDenied, true, v1alpha1.ReasonLocked,
			fmt.Sprintf("the policy rollcall-locks denies writes, by Lock %q", l.Locked))
	}
	return condition(v1alpha1.ConditionWritesDenied, false, v1alpha1.ReasonNotLocked,
		"no Lock names its certificates: to deny writes where the webhook is not asked, lock the Session")
}

func condition(kind string, holds bool, reason, message string) metav1.Condition {
	status := metav1.ConditionFalse
	if holds {
		status = metav1.ConditionTrue
	}
	return metav1.Condition{Type: kind, Status: status, Reason: reason, Message: message}
}

// LayerTypes are the types of the conditions that Layers makes.
func LayerTypes() []string {
	return []string{
		v1alpha1.ConditionRenewalRefused, v1alpha1.ConditionBindingsWithdrawn, v1alpha1.ConditionCredentialDenied,
		v1alpha1.ConditionWritesDenied, v1alpha1.ConditionCertificatesExpired,
	}
}
