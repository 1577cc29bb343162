// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package attribution

import (
	"slices"
	"strconv"
	"strings"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/answers"
	"github.com/rollcall-iam/rollcall/internal/audit"
)

// Slack is how far what is known here of a change may be from when an API server authorized by it: it learns of a new binding after it was
// written, and goes on for a moment with one that is gone; so do those who record it here. And clocks differ.
const Slack = 30 * time.Second

// Facts are what is known of the time of an event.
type Facts struct {
	// Issued is the certificate that was shown, and Session what it was issued in, as last known; nil for one that is not known.
	Issued  *v1alpha1.SessionCertificate
	Session *v1alpha1.Session
	// User is who acted, and Impersonated as whom; nil for those who were no people then.
	User, Impersonated *v1alpha1.User
	// Binding that allowed it; nil where none was recorded for that time.
	Binding *BindingVersion
	// Grant and Request that the binding was made for; nil where they are not known as they were then.
	Grant   *v1alpha1.Grant
	Request *v1alpha1.AccessRequest
}

func (f Facts) certificate(fingerprint string) *Certificate {
	if fingerprint == "" {
		return nil
	}
	c := &Certificate{Fingerprint: fingerprint}
	if f.Issued != nil {
		c.SerialNumber, c.Predecessor = f.Issued.SerialNumber, f.Issued.Predecessor
		c.NotBefore, c.NotAfter = &f.Issued.NotBefore, &f.Issued.NotAfter
	}
	return c
}

func (f Facts) session() *Session {
	if f.Session == nil {
		return nil
	}
	spec, status := &f.Session.Spec, &f.Session.Status
	return &Session{
		Name: f.Session.Name, UID: string(f.Session.UID), Began: f.Session.CreationTimestamp, Custody: spec.Custody, Device: spec.Device,
		KeyFingerprint: spec.KeyFingerprint, Authentication: spec.Authentication,
		Ended: status.EndTime, EndReason: status.EndReason, EndedBy: status.EndedBy,
	}
}

// BindingVersion is what a binding was like for some time.
type BindingVersion struct {
	// Kind is RoleBinding or ClusterRoleBinding.
	Kind     string
	Meta     metav1.ObjectMeta
	RoleRef  rbacv1.RoleRef
	Subjects []rbacv1.Subject
	// Since and Until bound that time, as far as known; Until is zero while it is so.
	Since, Until time.Time
}

// MadeFor is what the operator made a binding for. It is empty for one that the operator did not make.
type MadeFor struct {
	Grant, GrantUID     string
	Generation          int64
	Request, RequestUID string
	Approvers           []string
}

// MadeFor reads it out of the binding.
func (b *BindingVersion) MadeFor() MadeFor {
	made := MadeFor{GrantUID: b.Meta.Annotations[v1alpha1.AnnotationGrantUID]}
	if made.Grant, made.Request = answers.MadeFor(&b.Meta); made.Grant == "" {
		return MadeFor{}
	}
	made.Generation, _ = strconv.ParseInt(b.Meta.Annotations[v1alpha1.AnnotationGrantGeneration], 10, 64)
	if made.Request != "" {
		made.RequestUID = b.Meta.Annotations[v1alpha1.AnnotationRequestUID]
		if approvers := b.Meta.Annotations[v1alpha1.AnnotationApprovers]; approvers != "" {
			made.Approvers = strings.Split(approvers, ",")
		}
	}
	return made
}

// Pick finds, among versions of the binding that RBAC named, the one that it meant: of those that name the subject and the role the one
// that held at that time, else the nearest.
func Pick(versions []BindingVersion, allow *audit.Allow, at time.Time) *BindingVersion {
	var picked *BindingVersion
	for i := range versions {
		v := &versions[i]
		if !v.allows(allow) {
			continue
		}
		if d := v.distance(at); d <= Slack && (picked == nil || d < picked.distance(at)) {
			picked = v
		}
	}
	return picked
}

func (b *BindingVersion) allows(allow *audit.Allow) bool {
	if b.RoleRef.Kind != allow.Role.Kind || b.RoleRef.Name != allow.Role.Name {
		return false
	}
	return slices.ContainsFunc(b.Subjects, func(s rbacv1.Subject) bool {
		if s.Kind == rbacv1.ServiceAccountKind && s.Namespace == "" {
			s.Namespace = b.Meta.Namespace
		}
		return s.Kind == allow.Subject.Kind && s.Name == allow.Subject.Name && s.Namespace == allow.Subject.Namespace
	})
}

// distance is how far from a time the version held: nothing where it did then.
func (b *BindingVersion) distance(at time.Time) time.Duration {
	switch {
	case at.Before(b.Since):
		return b.Since.Sub(at)
	case !b.Until.IsZero() && at.After(b.Until):
		return at.Sub(b.Until)
	default:
		return 0
	}
}
