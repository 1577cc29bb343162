// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
)

const installationResource = "installations.iam.rollcall.dev"

// of is a condition of the Installation; nil where it does not say.
func (f *Facts) of(condition string) *metav1.Condition {
	if f.Installation.Value == nil {
		return nil
	}
	return meta.FindStatusCondition(f.Installation.Value.Status.Conditions, condition)
}

// signing says whether certificates can be had, and whether they can be taken away.
func signing(f *Facts) []Check {
	if f.Installation.Err != nil {
		return []Check{unread("signer", installationResource, f.Installation.Err)}
	}
	if f.Installation.Value == nil {
		return []Check{{
			State: Skipped, About: "signer",
			Found: "there is no Installation: the operator makes it when it first runs, and says in it whether certificates can be had",
		}}
	}
	checks := []Check{f.past(signer(f))}
	if c := f.of(v1alpha1.ConditionReady); c != nil && c.Status != metav1.ConditionTrue && checks[0].State == OK {
		checks = append(checks, f.past(Check{
			State: Failed, About: "installation", Found: c.Message, Do: "Do what the message says.",
			Run: []string{"kubectl describe installation " + v1alpha1.InstallationName},
		}))
	}
	if c := f.of(v1alpha1.ConditionAuthorityCurrent); c != nil {
		checks = append(checks, f.past(authority(f, c)))
	}
	return append(checks, f.past(webhook(f)))
}

func signer(f *Facts) Check {
	const about = "signer"
	condition := f.of(v1alpha1.ConditionSignerReady)
	if condition == nil {
		return Check{
			State: Warning, About: about, Found: "the operator has not said yet whether the signer works",
			Do: "Wait for a minute, and look at its log if it says nothing then.",
		}
	}
	c := Check{State: OK, About: about, Found: condition.Message}
	switch condition.Status {
	case metav1.ConditionTrue:
		return c
	case metav1.ConditionUnknown:
		c.State, c.Do = Warning, "It tries again within a minute: run this again. If it stays, its log says more."
	default:
		c.State, c.Do = Failed, "Do what the message says: nobody gets a certificate meanwhile. The operator tries again every half minute."
	}
	c.Run, c.See = []string{"kubectl describe installation " + v1alpha1.InstallationName}, "docs/authentication.md"
	return c
}

func authority(f *Facts, condition *metav1.Condition) Check {
	c := Check{State: OK, About: "authority", Found: condition.Message}
	if a := f.Installation.Value.Status.Authority; a != nil {
		c.Found += fmt.Sprintf("; it ends on %s", a.NotAfter.UTC().Format(time.DateOnly))
		if left := a.NotAfter.Sub(f.Server.Date); left <= 0 {
			c.State, c.Do = Failed, "It has ended, and nothing that it signed is good any more. Do what the message says."
		}
	}
	if condition.Status != metav1.ConditionTrue && c.State == OK {
		c.State, c.Do = Warning, "Do what the message says, before the authority ends and all that it signed with it."
	}
	if c.State != OK {
		c.See = "docs/adr/0013-the-operators-own-authority.md"
	}
	return c
}

// webhook says whether API servers ask it. Without is a choice.
func webhook(f *Facts) Check {
	const about = "webhook"
	condition := f.of(v1alpha1.ConditionCredentialsChecked)
	if condition == nil {
		return Check{State: Skipped, About: about, Found: "the operator has not said yet whether API servers ask the authorization webhook"}
	}
	c := Check{State: OK, About: about, Found: condition.Message}
	switch condition.Status {
	case metav1.ConditionTrue:
	case metav1.ConditionUnknown:
		c.State = Skipped
	default:
		c.State, c.See = Note, "config/authorization/README.md"
	}
	return c
}

// audit says whether what people do is known.
func audit(f *Facts) []Check {
	const about = "audit"
	if f.Installation.Err != nil {
		return []Check{unread(about, installationResource, f.Installation.Err)}
	}
	condition := f.of(v1alpha1.ConditionAuditReceived)
	if condition == nil {
		c := Check{State: Note, About: about, Found: "not set up: what people do is not known here", See: "docs/audit.md"}
		if f.Installation.Value == nil {
			c.State, c.Found = Skipped, "there is no Installation, in which the operator says whether audit logs arrive"
		}
		return []Check{f.past(c)}
	}
	c := Check{State: OK, About: about, Found: condition.Message}
	if condition.Status == metav1.ConditionTrue {
		return []Check{f.past(c)}
	}
	c.State, c.See = Warning, "config/audit/README.md"
	switch condition.Reason {
	case v1alpha1.ReasonStarting:
		c.Do = "Wait for some minutes, and run this again."
	case v1alpha1.ReasonNotReceived:
		c.State = Failed
		c.Do = "Do what the message says. Nothing is called unused, and nobody dormant, for a time of which not all is known."
	default:
		c.Do = "Do what the message says. How much is known of the last days:"
		c.Run = []string{"kubectl rollcall unused"}
	}
	return []Check{f.past(c)}
}
