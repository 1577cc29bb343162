// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package preflight

import (
	"fmt"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/outcome"
	"github.com/rollcall-iam/rollcall/internal/session"
	"github.com/rollcall-iam/rollcall/internal/status"
)

// anonymous is whom the API server takes somebody for who shows it nothing.
const anonymous = "system:anonymous"

// Result is what a preflight found.
type Result struct {
	// Problem is why the signer is of no use; nil where the API server accepts what it signs.
	Problem *outcome.Problem
	// Asked says that the API server asked the authorization webhook. Not known where there is a Problem.
	Asked bool
}

// Judge reads the API server's answer to the question whom it takes the bearer of the preflight's certificate for: a username, or an
// error. It has not answered where the error says nothing of the certificate; then the Result is what is to be said if it never does.
func Judge(signer, username string, err error) (result Result, answered bool) {
	switch {
	case err == nil && username == session.PreflightUsername:
		return Result{}, true
	case err == nil:
		return unseen(fmt.Sprintf("takes its bearer for %q", username)), true
	case apierrors.IsUnauthorized(err):
		return Result{Problem: outcome.Terminalf(v1alpha1.ReasonSignerNotTrusted,
			"the API server does not accept what the signer signs: %s", remedy(signer))}, true
	case apierrors.IsForbidden(err) && strings.Contains(err.Error(), fmt.Sprintf("User %q", anonymous)):
		return unseen("does not see it"), true
	case apierrors.IsForbidden(err):
		// Whoever is denied by name was known. By default everybody may ask this, unless the webhook denies it.
		return Result{Asked: strings.Contains(err.Error(), session.DenialPrefix)}, true
	default:
		return Result{Problem: outcome.Transientf(v1alpha1.ReasonFailed,
			"a certificate was signed, and the API server did not say whether it accepts it: %v", err)}, false
	}
}

func unseen(how string) Result {
	return Result{Problem: outcome.Terminalf(v1alpha1.ReasonSignerNotTrusted,
		"a certificate was signed and shown, and the API server %s: is there a proxy between, which ends TLS? Let the operator, and people, "+
			"reach the API server itself", how)}
}

// remedy is what a person does about an API server that does not know the authority.
func remedy(signer string) string {
	switch signer {
	case "CSR":
		return "its --client-ca-file must hold the certificate of the authority that kube-controller-manager signs with " +
			"(--cluster-signing-cert-file)"
	case "CA":
		return "put what is in ConfigMap rollcall-client-ca of the operator's namespace into the API server's --client-ca-file; if it is " +
			"there, look whether the clocks of both agree"
	default:
		return "its --client-ca-file must hold the certificate of the signer's authority"
	}
}

// Conditions say what was found, in words for the Installation.
func (r Result) Conditions(signer string) []metav1.Condition {
	summary := status.Ready(v1alpha1.ReasonReconciled, fmt.Sprintf("the API server accepts what the signer %s signs", signer))
	if r.Problem != nil {
		summary = status.NotReady(r.Problem)
	}
	return append(summary, r.signs(signer), r.checked())
}

func (r Result) signs(signer string) metav1.Condition {
	told := metav1.Condition{Type: v1alpha1.ConditionSignerReady}
	if r.Problem == nil {
		told.Status, told.Reason = metav1.ConditionTrue, v1alpha1.ReasonSigns
		told.Message = fmt.Sprintf("the API server accepted a certificate that the signer %s signed", signer)
		return told
	}
	told.Status, told.Reason, told.Message = metav1.ConditionFalse, r.Problem.Reason, r.Problem.Message
	if r.Problem.Because(v1alpha1.ReasonFailed) {
		told.Status = metav1.ConditionUnknown
	}
	return told
}

func (r Result) checked() metav1.Condition {
	told := metav1.Condition{Type: v1alpha1.ConditionCredentialsChecked}
	switch {
	case r.Problem != nil:
		told.Status, told.Reason = metav1.ConditionUnknown, r.Problem.Reason
		told.Message = "whether API servers ask the authorization webhook is tried with a certificate that they accept, and there is none"
	case r.Asked:
		told.Status, told.Reason = metav1.ConditionTrue, v1alpha1.ReasonWebhookAsked
		told.Message = "API servers ask the authorization webhook: it denies every request with a certificate whose Session has ended"
	default:
		told.Status, told.Reason = metav1.ConditionFalse, v1alpha1.ReasonWebhookNotAsked
		told.Message = "API servers do not ask the authorization webhook: a certificate works until it expires even if its Session " +
			"has ended, for whatever is bound to its names by then; docs/authentication.md says how to have the webhook asked"
	}
	return told
}
