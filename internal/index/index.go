// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

// Package index holds the field indexes of the cache, each with its key function and the list call that uses it.
package index

import (
	"context"
	"fmt"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/rbacplan"
)

// Keys of the indexes.
const (
	usersByDirectory   = "users-by-directory"
	usersByName        = "users-by-name"
	usersByGroup       = "users-by-directory-group"
	usersBySecret      = "users-by-secret"
	groupsByDirectory  = "groups-by-directory"
	groupsByName       = "groups-by-directory-and-name"
	groupsByMember     = "groups-by-member"
	grantsBySubject    = "grants-by-subject"
	grantsByRole       = "grants-by-role"
	grantsByScope      = "grants-by-scope"
	bindingsByHolder   = "bindings-by-holder"
	locksByTarget      = "locks-by-target"
	requestsByGrant    = "requests-by-grant"
	requestsByUsername = "requests-by-username"
	requestsByState    = "requests-by-state"
	usersByDeviceKey   = "users-by-device-key"
	sessionsByUser     = "sessions-by-user"
	sessionsByUsername = "sessions-by-username"
	sessionsByKey      = "sessions-by-key"
	sessionsByDevice   = "sessions-by-device"
	sessionsByEnder    = "sessions-by-ender"
	approvalsByRequest = "approvals-by-request"
	approvalsByPerson  = "approvals-by-approver"
	directoriesByInput = "directories-by-secret"

	sessionsByCertificate = "sessions-by-certificate"
	directoriesByImport   = "directories-by-import"
)

// States of AccessRequests: those that somebody may still decide about, and those that give something.
const (
	open  = "open"
	given = "given"
)

type definition struct {
	object client.Object
	key    string
	values client.IndexerFunc
}

// Register adds every index to the cache. Call it once, before the cache starts.
func Register(ctx context.Context, indexer client.FieldIndexer) error {
	for _, d := range definitions() {
		if err := indexer.IndexField(ctx, d.object, d.key, d.values); err != nil {
			return fmt.Errorf("index %s: %w", d.key, err)
		}
	}
	return nil
}

func definitions() []definition {
	return []definition{
		define(usersByDirectory, func(u *v1alpha1.User) []string { return directoryOf(u.Spec.DirectoryRef) }),
		define(usersByName, userNames),
		define(usersByGroup, userGroups),
		define(usersBySecret, userSecrets),
		define(groupsByDirectory, func(g *v1alpha1.Group) []string { return directoryOf(g.Spec.DirectoryRef) }),
		define(groupsByName, groupName),
		define(groupsByMember, func(g *v1alpha1.Group) []string { return g.Spec.Members }),
		define(grantsBySubject, grantSubjects),
		define(grantsByRole, func(g *v1alpha1.Grant) []string {
			return []string{pair(string(g.Spec.RoleRef.Kind), g.Spec.RoleRef.Name)}
		}),
		define(grantsByScope, func(g *v1alpha1.Grant) []string { return []string{string(g.Spec.Scope)} }),
		define(bindingsByHolder, func(b *rbacv1.RoleBinding) []string { return holderOf(b) }),
		define(bindingsByHolder, func(b *rbacv1.ClusterRoleBinding) []string { return holderOf(b) }),
		define(locksByTarget, func(l *v1alpha1.Lock) []string {
			return []string{pair(string(l.Spec.Target.Kind), l.Spec.Target.Name)}
		}),
		define(requestsByGrant, func(r *v1alpha1.AccessRequest) []string { return []string{r.Spec.GrantRef.Name} }),
		define(requestsByUsername, func(r *v1alpha1.AccessRequest) []string { return []string{r.Spec.UserName} }),
		define(requestsByState, requestStates),
		define(usersByDeviceKey, deviceKeys),
		define(sessionsByUser, func(s *v1alpha1.Session) []string { return []string{s.Spec.UserRef.Name} }),
		define(sessionsByUsername, func(s *v1alpha1.Session) []string { return []string{s.Spec.Username} }),
		define(sessionsByCertificate, fingerprints),
		define(sessionsByKey, func(s *v1alpha1.Session) []string { return some(s.Spec.KeyFingerprint) }),
		define(sessionsByEnder, func(s *v1alpha1.Session) []string { return some(s.Status.EndedBy) }),
		define(sessionsByDevice, func(s *v1alpha1.Session) []string { return some(s.Spec.Device) }),
		define(approvalsByPerson, func(a *v1alpha1.Approval) []string { return []string{a.Spec.Approver} }),
		define(approvalsByRequest, func(a *v1alpha1.Approval) []string { return []string{a.Spec.RequestRef.Name} }),
		define(directoriesByInput, directorySecrets),
		define(directoriesByImport, func(d *v1alpha1.Directory) []string { return []string{string(d.Spec.Import)} }),
	}
}

// define ties a key to a typed function of values.
func define[T any, P interface {
	*T
	client.Object
}](key string, values func(P) []string) definition {
	return definition{object: P(new(T)), key: key, values: func(o client.Object) []string {
		typed, ok := o.(P)
		if !ok {
			return nil
		}
		return values(typed)
	}}
}

func directoryOf(ref *v1alpha1.NameReference) []string {
	if ref == nil {
		return nil
	}
	return []string{ref.Name}
}

// userNames are a User's login name and Kubernetes username, each as bare makes it: one, where the prefix is as usual.
func userNames(u *v1alpha1.User) []string {
	called, recorded := bare(u.Spec.UserName), bare(u.Status.Username)
	if u.Status.Username == "" || recorded == called {
		return []string{called}
	}
	return []string{called, recorded}
}

// bare is a name from its last colon on. Prefixes end in one, mostly, so that both names of a User need one place in an index.
func bare(name string) string { return name[strings.LastIndexByte(name, ':')+1:] }

func userGroups(u *v1alpha1.User) []string {
	if u.Spec.DirectoryRef == nil || u.Status.Identity == nil {
		return nil
	}
	keys := make([]string, len(u.Status.Identity.Groups))
	for i, group := range u.Status.Identity.Groups {
		keys[i] = pair(u.Spec.DirectoryRef.Name, group)
	}
	return keys
}

func userSecrets(u *v1alpha1.User) []string {
	if u.Spec.Kubeconfig == nil {
		return nil
	}
	return []string{pair(u.Spec.Kubeconfig.SecretRef.Namespace, u.Spec.Kubeconfig.SecretRef.Name)}
}

// deviceKeys are a User's enrolled keys without their comments.
func deviceKeys(u *v1alpha1.User) []string {
	keys := make([]string, len(u.Spec.Devices))
	for i := range u.Spec.Devices {
		keys[i] = u.Spec.Devices[i].Key()
	}
	return keys
}

// some is a value, if there is one.
func some(value string) []string {
	if value == "" {
		return nil
	}
	return []string{value}
}

func fingerprints(s *v1alpha1.Session) []string {
	found := make([]string, len(s.Status.Certificates))
	for i := range s.Status.Certificates {
		found[i] = s.Status.Certificates[i].Fingerprint
	}
	return found
}

func groupName(g *v1alpha1.Group) []string {
	if g.Spec.DirectoryRef == nil {
		return nil
	}
	return []string{pair(g.Spec.DirectoryRef.Name, g.Spec.GroupName)}
}

func requestStates(r *v1alpha1.AccessRequest) []string {
	switch {
	case r.Status.EndTime == nil && r.Status.StartTime != nil:
		return []string{open, given}
	case r.Status.EndTime == nil, meta.IsStatusConditionFalse(r.Status.Conditions, v1alpha1.ConditionReviewed):
		return []string{open}
	default:
		return nil
	}
}

// holderOf is whom a generated binding's labels say that it was made for.
func holderOf(binding client.Object) []string {
	holder, found := HolderOf(binding)
	if !found {
		return nil
	}
	return []string{pair(string(holder.Kind), holder.Name)}
}

// HolderOf is whom a generated binding's labels say that it was made for: a request before the Grant that it is about.
func HolderOf(binding client.Object) (holder rbacplan.Holder, found bool) {
	if name := binding.GetLabels()[v1alpha1.LabelRequest]; name != "" {
		return rbacplan.Holder{Kind: rbacplan.KindRequest, Name: name}, true
	}
	name := binding.GetLabels()[v1alpha1.LabelGrant]
	return rbacplan.Holder{Kind: rbacplan.KindGrant, Name: name}, name != ""
}

func grantSubjects(g *v1alpha1.Grant) []string {
	keys := make([]string, len(g.Spec.Subjects))
	for i, subject := range g.Spec.Subjects {
		keys[i] = pair(string(subject.Kind), subject.Name)
	}
	return keys
}

func directorySecrets(d *v1alpha1.Directory) []string {
	if d.Spec.LDAP == nil {
		return nil
	}
	var names []string
	for _, ref := range []*v1alpha1.NameReference{d.Spec.LDAP.CASecretRef, d.Spec.LDAP.BindSecretRef} {
		if ref != nil {
			names = append(names, ref.Name)
		}
	}
	return names
}

// pair joins two names; the first of each pair in use here is an object name or a kind, which hold no slash.
func pair(first, second string) string { return first + "/" + second }
