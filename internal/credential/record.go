// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package credential

import (
	"cmp"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/session"
)

// mostCertified is how many groups a record holds.
const mostCertified = 256

// Record is what a User's status says of the last certificate of a Session, which has one, and of those before it that are still valid: a
// crash may have kept them out of it. The User asks for a kubeconfig.
func Record(user *v1alpha1.User, of *v1alpha1.Session, now time.Time) *v1alpha1.Certificate {
	last := session.Latest(of)
	// A signer may give more than was asked for. Renewal goes by what was asked for.
	life := min(last.NotAfter.Sub(now), time.Duration(user.Spec.Kubeconfig.DurationSeconds)*time.Second)
	until := metav1.NewTime(of.ValidUntil())
	var certified []v1alpha1.CertifiedGroup
	if before := user.Status.Certificate; before != nil {
		certified = before.Groups
		if before.LastNotAfter.After(until.Time) {
			until = before.LastNotAfter
		}
	}
	for _, valid := range session.Valid(of.Status.Certificates, now) {
		certified = Certified(certified, valid.Groups, valid.NotAfter.Time, now)
	}
	return &v1alpha1.Certificate{
		Fingerprint:  last.Fingerprint,
		SerialNumber: last.SerialNumber,
		NotBefore:    last.NotBefore,
		NotAfter:     last.NotAfter,
		LastNotAfter: until,
		RenewTime:    metav1.NewTime(RenewTime(now, now.Add(life), last.Fingerprint)),
		SecretRef:    user.Spec.Kubeconfig.SecretRef,
		Session:      of.Name,
		Groups:       certified,
	}
}

// Certified are the groups that certificates which are still valid speak for, sorted by name, once one more is issued: the groups of
// the new one until it ends, and those of its predecessors until they end.
func Certified(before []v1alpha1.CertifiedGroup, groups []string, notAfter, now time.Time) []v1alpha1.CertifiedGroup {
	last := map[string]metav1.Time{}
	for _, group := range before {
		if now.Before(group.NotAfter.Time) {
			last[group.Name] = group.NotAfter
		}
	}
	for _, name := range groups {
		if known, found := last[name]; !found || known.Time.Before(notAfter) {
			last[name] = metav1.NewTime(notAfter)
		}
	}
	certified := make([]v1alpha1.CertifiedGroup, 0, len(last))
	for name, until := range last {
		certified = append(certified, v1alpha1.CertifiedGroup{Name: name, NotAfter: until})
	}
	// A record holds so many. Those that end first are left out.
	slices.SortFunc(certified, func(a, b v1alpha1.CertifiedGroup) int {
		return cmp.Or(b.NotAfter.Compare(a.NotAfter.Time), strings.Compare(a.Name, b.Name))
	})
	certified = certified[:min(len(certified), mostCertified)]
	slices.SortFunc(certified, func(a, b v1alpha1.CertifiedGroup) int { return strings.Compare(a.Name, b.Name) })
	return certified
}

// Places are the Secrets that may hold a certificate of a User: those that any was issued for, as the User tells, or the Sessions, which
// tell of them before they are put there.
func Places(user *v1alpha1.User, sessions []v1alpha1.Session) []v1alpha1.SecretReference {
	var places []v1alpha1.SecretReference
	if user.Status.Certificate != nil {
		places = append(places, user.Status.Certificate.SecretRef)
	}
	for i := range sessions {
		for _, issued := range sessions[i].Status.Certificates {
			if issued.SecretRef != nil && !slices.Contains(places, *issued.SecretRef) {
				places = append(places, *issued.SecretRef)
			}
		}
	}
	return places
}
