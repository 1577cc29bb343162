// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
)

func directories(f *Facts) []Check {
	if f.Directories.Err != nil {
		return []Check{unread("directories", "directories.iam.rollcall.dev", f.Directories.Err)}
	}
	if len(f.Directories.Value) == 0 {
		return []Check{{
			State: Note, About: "directories", Found: "there is none: Users and Groups are those that somebody writes",
			See: "docs/directories.md",
		}}
	}
	checks := make([]Check, len(f.Directories.Value))
	for i := range f.Directories.Value {
		checks[i] = f.past(directory(f, &f.Directories.Value[i]))
	}
	return checks
}

// directory says how one is read, by what it says itself.
func directory(f *Facts, d *v1alpha1.Directory) Check {
	c := Check{State: OK, About: "directory " + d.Name}
	ready := meta.FindStatusCondition(d.Status.Conditions, v1alpha1.ConditionReady)
	if ready == nil {
		c.State, c.Found = Warning, "no operator has looked at it yet"
		c.Do = "See whether an operator runs."
		return c
	}
	found := []string{ready.Message}
	if read := d.Status.LastSyncTime; read != nil {
		found = append(found, fmt.Sprintf("last read %s ago", spoken(max(0, f.age(read.Time)))))
	}
	c.describe(d)
	switch {
	case ready.Reason == v1alpha1.ReasonPaused:
		c.State = Note
	case ready.Status != metav1.ConditionTrue:
		c.State, c.Do = Failed, remedies()[ready.Reason]
		if c.Do == "" {
			c.Do = "Do what the message says. Nobody joins or leaves meanwhile; access stays as it is."
		}
		if ready.Reason == v1alpha1.ReasonLossGuard && d.Status.Pending != nil {
			c.Run = []string{
				command("kubectl", "get", "directory", d.Name, "-o", "jsonpath={.status.pending}"),
				command("kubectl", "annotate", "directory", d.Name, "--overwrite", "iam.rollcall.dev/accept-loss="+d.Status.Pending.Token),
			}
		}
	case f.late(d):
		c.State = Warning
		c.Do = fmt.Sprintf("It should be read every %d seconds: the operator's log says what keeps it.", d.Spec.SyncIntervalSeconds)
	}
	found = append(found, c.watched(d)...)
	found = append(found, c.secured(d)...)
	c.Found = strings.Join(found, "; ")
	if c.State == OK || c.State == Note {
		c.Do, c.Run, c.See = "", nil, ""
	}
	return c
}

func (c *Check) describe(d *v1alpha1.Directory) {
	c.Run, c.See = []string{command("kubectl", "describe", "directory", d.Name)}, "docs/directories.md"
}

func (f *Facts) late(d *v1alpha1.Directory) bool {
	return d.Status.LastSyncTime == nil || f.age(d.Status.LastSyncTime.Time) > due(d)
}

// watched is what is to be said of how changes become known.
func (c *Check) watched(d *v1alpha1.Directory) []string {
	condition := meta.FindStatusCondition(d.Status.Conditions, v1alpha1.ConditionChangesWatched)
	switch {
	case condition == nil:
		return nil
	case condition.Status == metav1.ConditionTrue:
		return []string{"changes arrive by " + condition.Reason}
	case condition.Reason == v1alpha1.ReasonPollRequested, c.State == Failed: // Why it cannot be reached is said already.
		return nil
	case condition.Reason == v1alpha1.ReasonNotSupported:
		c.State = worse(c.State, Note)
	default:
		c.State = worse(c.State, Warning)
		if c.Do == "" {
			c.Do = "Changes wait for the next full read until this is mended: do what the message says."
		}
	}
	return []string{"changes are not told: " + condition.Message}
}

func (c *Check) secured(d *v1alpha1.Directory) []string {
	condition := meta.FindStatusCondition(d.Status.Conditions, v1alpha1.ConditionInsecure)
	if condition == nil || condition.Status != metav1.ConditionTrue {
		return nil
	}
	c.State = worse(c.State, Warning)
	if c.Do == "" {
		c.Do = "Set spec.ldap.tls to Required or StartTLS."
	}
	return []string{condition.Message}
}

// remedies by the reason for which a Directory is not Ready.
func remedies() map[string]string {
	const stays = " Nobody joins or leaves meanwhile; access stays as it is."
	return map[string]string{
		v1alpha1.ReasonUnreachable: "See whether the operator's Pod reaches that address (network policies, name resolution), and whether " +
			"the server runs." + stays,
		v1alpha1.ReasonTLSFailed: "Put the authority of the server's certificate into the Secret that spec.ldap.caSecretRef names, and write " +
			"into spec.ldap.url the name that the certificate has." + stays,
		v1alpha1.ReasonBindFailed:     "Put the bind DN and its password into the Secret that spec.ldap.bindSecretRef names." + stays,
		v1alpha1.ReasonSecretNotFound: "Make the Secret that the message names, in the operator's namespace." + stays,
		v1alpha1.ReasonLossGuard: "Find out whether it is right that so many lose access. If it is, accept exactly this plan by the second " +
			"command; if not, mend the directory.",
	}
}
