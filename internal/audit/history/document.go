// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package history

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/attribution"
	"github.com/rollcall-iam/rollcall/internal/audit/store"
)

// The kinds whose objects are remembered.
const (
	kindUser               = "User"
	kindSession            = "Session"
	kindGrant              = "Grant"
	kindRequest            = "AccessRequest"
	kindLock               = "Lock"
	kindDirectory          = "Directory"
	kindRoleBinding        = "RoleBinding"
	kindClusterRoleBinding = "ClusterRoleBinding"
	kindRole               = "Role"
	kindClusterRole        = "ClusterRole"
)

// versionOf is an object as it is remembered: what matters for who may do what, and nothing that changes while that does not.
func versionOf(object client.Object) (v store.Version, err error) {
	kept := metadata(object)
	v = store.Version{UID: string(kept.UID), Namespace: kept.Namespace, Name: kept.Name, Generation: kept.Generation}
	var document any
	switch o := object.(type) {
	case *v1alpha1.User:
		v.Kind, v.Alias = kindUser, o.Status.Username
		document = &v1alpha1.User{ObjectMeta: kept, Spec: o.Spec, Status: v1alpha1.UserStatus{
			Username: o.Status.Username, Identity: o.Status.Identity, Groups: o.Status.Groups, Conditions: active(o.Status.Conditions),
		}}
	case *v1alpha1.Session:
		v.Kind = kindSession
		document = &v1alpha1.Session{ObjectMeta: kept, Spec: o.Spec, Status: v1alpha1.SessionStatus{
			EndTime: o.Status.EndTime, EndReason: o.Status.EndReason, EndedBy: o.Status.EndedBy,
		}}
	case *v1alpha1.Grant:
		v.Kind = kindGrant
		document = &v1alpha1.Grant{ObjectMeta: kept, Spec: o.Spec}
	case *v1alpha1.AccessRequest:
		v.Kind = kindRequest
		request := &v1alpha1.AccessRequest{ObjectMeta: kept, Spec: o.Spec, Status: *o.Status.DeepCopy()}
		request.Status.Conditions, request.Status.ObservedGeneration = active(o.Status.Conditions), nil
		document = request
	case *v1alpha1.Lock:
		v.Kind = kindLock
		document = &v1alpha1.Lock{ObjectMeta: kept, Spec: o.Spec}
	case *v1alpha1.Directory:
		v.Kind = kindDirectory
		document = &v1alpha1.Directory{ObjectMeta: kept, Spec: o.Spec}
	case *rbacv1.RoleBinding:
		v.Kind = kindRoleBinding
		document = &rbacv1.RoleBinding{ObjectMeta: kept, RoleRef: o.RoleRef, Subjects: o.Subjects}
	case *rbacv1.ClusterRoleBinding:
		v.Kind = kindClusterRoleBinding
		document = &rbacv1.ClusterRoleBinding{ObjectMeta: kept, RoleRef: o.RoleRef, Subjects: o.Subjects}
	case *rbacv1.Role:
		v.Kind = kindRole
		document = &rbacv1.Role{ObjectMeta: kept, Rules: o.Rules}
	case *rbacv1.ClusterRole:
		v.Kind = kindClusterRole
		document = &rbacv1.ClusterRole{ObjectMeta: kept, Rules: o.Rules}
	default:
		return v, fmt.Errorf("a %T is not remembered", object)
	}
	v.Document, err = json.Marshal(document)
	return v, err
}

// metadata is what is remembered of an object's: names, and what the operator itself wrote there.
func metadata(object client.Object) metav1.ObjectMeta {
	return metav1.ObjectMeta{
		Name: object.GetName(), Namespace: object.GetNamespace(), UID: object.GetUID(), Generation: object.GetGeneration(),
		CreationTimestamp: object.GetCreationTimestamp(), Labels: ours(object.GetLabels()), Annotations: ours(object.GetAnnotations()),
	}
}

func ours(all map[string]string) map[string]string {
	kept := map[string]string{}
	for key, value := range all {
		if strings.HasPrefix(key, v1alpha1.GroupVersion.Group+"/") || key == v1alpha1.LabelManagedBy {
			kept[key] = value
		}
	}
	return kept
}

func active(conditions []metav1.Condition) []metav1.Condition {
	if c := meta.FindStatusCondition(conditions, v1alpha1.ConditionActive); c != nil {
		return []metav1.Condition{*c}
	}
	return nil
}

// certificatesOf are those of a Session that come after one of them; all, where that is not among them.
func certificatesOf(session *v1alpha1.Session, after string) ([]store.Certificate, error) {
	issued := session.Status.Certificates
	for i := range issued {
		if issued[i].Fingerprint == after {
			issued = issued[i+1:]
			break
		}
	}
	kept := make([]store.Certificate, 0, len(issued))
	for i := range issued {
		document, err := json.Marshal(&issued[i])
		if err != nil {
			return nil, err
		}
		kept = append(kept, store.Certificate{
			Fingerprint: issued[i].Fingerprint, Session: string(session.UID), NotAfter: issued[i].NotAfter.Time, Document: document,
		})
	}
	return kept, nil
}

// since is from when on an object was as it is now, which nothing was known of before: its creation, where that is a moment ago, or where
// its spec was never changed; else we know of now alone.
func since(object client.Object, now time.Time) time.Time {
	created := object.GetCreationTimestamp().Time
	if object.GetGeneration() == 1 || now.Sub(created) < attribution.Slack {
		return created
	}
	return now
}
