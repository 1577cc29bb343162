// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package rbacplan

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
)

// MaxNames is the most names that the bindings of one Grant write: people times places. At some 70 bytes each that is 7 MB in etcd.
const MaxNames = 100_000

// Kind is the kind of a Holder.
type Kind string

// The kinds that bindings are made for.
const (
	KindGrant   Kind = "Grant"
	KindRequest Kind = "AccessRequest"
)

// Holder is the object that a binding is made for, and that owns it. The zero value is none of ours.
type Holder struct {
	Kind Kind
	Name string
	UID  types.UID
}

// BindingName is the name of a holder's binding number index, in every place.
func (h Holder) BindingName(index int) string {
	name := "rollcall:" + h.Name
	if h.Kind == KindRequest {
		name = "rollcall-request:" + h.Name
	}
	if index == 0 {
		return name
	}
	return fmt.Sprintf("%s:%d", name, index)
}

// Template is what all bindings of one holder have in common.
type Template struct {
	Holder  Holder
	RoleRef rbacv1.RoleRef
	// Labels are those of ours.
	Labels map[string]string
	// Annotations are those of ours: where the binding comes from.
	Annotations map[string]string
}

// OfGrant is what the bindings of a Grant have in common.
func OfGrant(grant *v1alpha1.Grant) Template {
	return Template{
		Holder: Holder{Kind: KindGrant, Name: grant.Name, UID: grant.UID},
		RoleRef: rbacv1.RoleRef{
			APIGroup: rbacv1.GroupName, Kind: string(grant.Spec.RoleRef.Kind), Name: grant.Spec.RoleRef.Name,
		},
		Labels: map[string]string{v1alpha1.LabelManagedBy: v1alpha1.ManagedBy, v1alpha1.LabelGrant: grant.Name},
		Annotations: map[string]string{
			v1alpha1.AnnotationGrantUID:        string(grant.UID),
			v1alpha1.AnnotationGrantGeneration: strconv.FormatInt(grant.Generation, 10),
		},
	}
}

// OfRequest is what the bindings of an AccessRequest have in common: what the Grant gives, and who approved it.
func OfRequest(request *v1alpha1.AccessRequest, grant *v1alpha1.Grant, approvers []string) Template {
	template := OfGrant(grant)
	template.Holder = Holder{Kind: KindRequest, Name: request.Name, UID: request.UID}
	template.Labels[v1alpha1.LabelRequest] = request.Name
	template.Annotations[v1alpha1.AnnotationRequestUID] = string(request.UID)
	if len(approvers) > 0 {
		template.Annotations[v1alpha1.AnnotationApprovers] = strings.Join(approvers, ",")
	}
	return template
}

// Window says whether a Grant holds at a time, why not, and when that changes (zero: never).
func Window(grant *v1alpha1.Grant, now time.Time) (open bool, reason string, next time.Time) {
	start, expire := grant.Spec.StartTime, grant.Spec.ExpireTime
	switch {
	case expire != nil && !now.Before(expire.Time):
		return false, v1alpha1.ReasonExpired, time.Time{}
	case start != nil && now.Before(start.Time):
		return false, v1alpha1.ReasonNotStarted, start.Time
	case expire != nil:
		return true, v1alpha1.ReasonApplied, expire.Time
	default:
		return true, v1alpha1.ReasonApplied, time.Time{}
	}
}

// TooMany says that so many people in so many places are more names than a Grant may write.
func TooMany(usernames, places int) bool { return places > 0 && usernames > MaxNames/places }
