// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package answers

import (
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
)

const (
	kindClusterRole        = "ClusterRole"
	kindRole               = "Role"
	kindClusterRoleBinding = "ClusterRoleBinding"
	kindRoleBinding        = "RoleBinding"
)

// Binding names a RoleBinding or ClusterRoleBinding.
type Binding struct {
	// Kind is RoleBinding or ClusterRoleBinding.
	Kind string `json:"kind"`
	// Namespace in which it holds. Empty: everywhere.
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name"`
}

// Role names a Role or ClusterRole.
type Role struct {
	// Kind is Role or ClusterRole.
	Kind string `json:"kind"`
	Name string `json:"name"`
}

// Subject is whom a binding names, or would: a User by its username, a Group by its Kubernetes name, or a ServiceAccount.
type Subject struct {
	// Kind is User, Group or ServiceAccount.
	Kind string `json:"kind"`
	// Namespace of a ServiceAccount.
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name"`
}

// principal is whom a subject stands for: everyone in a group, or whoever has a username. Several subjects may stand for the same.
type principal struct {
	group bool
	name  string
}

// principalOf says whom a subject stands for; subjects of unknown kinds, and ServiceAccounts of no namespace, stand for nobody.
// Like the authorizer it does not look at the subject's apiGroup, which admission has made sure of.
func principalOf(s rbacv1.Subject, namespace string) (p principal, ok bool) {
	switch s.Kind {
	case rbacv1.UserKind:
		return principal{name: s.Name}, true
	case rbacv1.GroupKind:
		return principal{group: true, name: s.Name}, true
	case rbacv1.ServiceAccountKind:
		if s.Namespace != "" {
			namespace = s.Namespace
		}
		return principal{name: serviceAccountPrefix + namespace + ":" + s.Name}, namespace != ""
	default:
		return principal{}, false
	}
}

const serviceAccountPrefix = "system:serviceaccount:"

// subject is how a principal is named to people: the ServiceAccount rather than its username.
func (p principal) subject() Subject {
	if p.group {
		return Subject{Kind: rbacv1.GroupKind, Name: p.name}
	}
	namespace, name, found := strings.Cut(strings.TrimPrefix(p.name, serviceAccountPrefix), ":")
	if found && strings.HasPrefix(p.name, serviceAccountPrefix) {
		return Subject{Kind: rbacv1.ServiceAccountKind, Namespace: namespace, Name: name}
	}
	return Subject{Kind: rbacv1.UserKind, Name: p.name}
}

// binding is a RoleBinding or ClusterRoleBinding.
type binding struct {
	Binding
	role       roleKey
	principals map[principal]bool
	// grant and request are what Rollcall made it for. Empty: it did not.
	grant, request string
	// grantUID is the uid of that Grant.
	grantUID string
	// approvers as the binding has them.
	approvers []string
}

func newBinding(kind string, meta *metav1.ObjectMeta, ref rbacv1.RoleRef, subjects []rbacv1.Subject) *binding {
	b := &binding{
		Binding:    Binding{Kind: kind, Namespace: meta.Namespace, Name: meta.Name},
		role:       roleKey{kind: ref.Kind, name: ref.Name},
		principals: make(map[principal]bool, len(subjects)),
	}
	if ref.Kind == kindRole {
		b.role.namespace = meta.Namespace
	}
	for _, s := range subjects {
		if p, ok := principalOf(s, meta.Namespace); ok {
			b.principals[p] = true
		}
	}
	if b.grant, b.request = MadeFor(meta); b.grant != "" {
		b.grantUID = meta.Annotations[v1alpha1.AnnotationGrantUID]
	}
	if list := meta.Annotations[v1alpha1.AnnotationApprovers]; b.request != "" && list != "" {
		b.approvers = strings.Split(list, ",")
	}
	return b
}

// MadeFor says for which Grant, and for which AccessRequest, Rollcall made a binding: labels and name must both say so, since anybody who
// may write bindings may write labels.
func MadeFor(meta *metav1.ObjectMeta) (grant, request string) {
	grant, request = meta.Labels[v1alpha1.LabelGrant], meta.Labels[v1alpha1.LabelRequest]
	switch {
	case meta.Labels[v1alpha1.LabelManagedBy] != v1alpha1.ManagedBy, grant == "":
		return "", ""
	case request != "" && meta.Name == requestPrefix+request:
		return grant, request
	case request == "" && (meta.Name == grantPrefix+grant || strings.HasPrefix(meta.Name, grantPrefix+grant+":")):
		return grant, ""
	default:
		return "", ""
	}
}

// The names of bindings that Rollcall makes begin with these.
const (
	grantPrefix   = "rollcall:"
	requestPrefix = "rollcall-request:"
)

// Generated says whether a binding has a name as Rollcall gives them: nobody else may make one of such a name (config/policies).
func Generated(name string) bool {
	return strings.HasPrefix(name, grantPrefix) || strings.HasPrefix(name, requestPrefix)
}
