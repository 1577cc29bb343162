// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package index

import (
	"context"
	"slices"

	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/rbacplan"
)

// UsersOfDirectory lists the Users that refer to a Directory.
func UsersOfDirectory(ctx context.Context, c client.Reader, directory string) ([]v1alpha1.User, error) {
	return users(ctx, c, usersByDirectory, directory)
}

// UsersCalled lists the Users with a login name, of whichever directory.
func UsersCalled(ctx context.Context, c client.Reader, userName string) ([]v1alpha1.User, error) {
	return usersNamed(ctx, c, userName, func(u *v1alpha1.User) string { return u.Spec.UserName })
}

// UsersWithUsername lists the Users whose status has a Kubernetes username.
func UsersWithUsername(ctx context.Context, c client.Reader, username string) ([]v1alpha1.User, error) {
	return usersNamed(ctx, c, username, func(u *v1alpha1.User) string { return u.Status.Username })
}

// UsersOfDirectoryGroup lists the Users that are in a group of a directory.
func UsersOfDirectoryGroup(ctx context.Context, c client.Reader, directory, group string) ([]v1alpha1.User, error) {
	return users(ctx, c, usersByGroup, pair(directory, group))
}

// UsersOfSecret lists the Users whose kubeconfig goes to a Secret.
func UsersOfSecret(ctx context.Context, c client.Reader, namespace, name string) ([]v1alpha1.User, error) {
	return users(ctx, c, usersBySecret, pair(namespace, name))
}

// GroupsOfDirectory lists the Groups that refer to a Directory.
func GroupsOfDirectory(ctx context.Context, c client.Reader, directory string) ([]v1alpha1.Group, error) {
	return groups(ctx, c, groupsByDirectory, directory)
}

// GroupsCalled lists the Groups that stand for a group of a directory.
func GroupsCalled(ctx context.Context, c client.Reader, directory, name string) ([]v1alpha1.Group, error) {
	return groups(ctx, c, groupsByName, pair(directory, name))
}

// GroupsWithMember lists the local Groups that name a User.
func GroupsWithMember(ctx context.Context, c client.Reader, user string) ([]v1alpha1.Group, error) {
	return groups(ctx, c, groupsByMember, user)
}

// Grants lists all of them.
func Grants(ctx context.Context, c client.Reader) ([]v1alpha1.Grant, error) {
	var list v1alpha1.GrantList
	err := c.List(ctx, &list, client.UnsafeDisableDeepCopy)
	return list.Items, err
}

// GrantsOfSubject lists the Grants that name a Group or User.
func GrantsOfSubject(ctx context.Context, c client.Reader, kind v1alpha1.SubjectKind, name string) ([]v1alpha1.Grant, error) {
	return grants(ctx, c, grantsBySubject, pair(string(kind), name))
}

// GrantsOfRole lists the Grants of a role.
func GrantsOfRole(ctx context.Context, c client.Reader, kind v1alpha1.RoleKind, name string) ([]v1alpha1.Grant, error) {
	return grants(ctx, c, grantsByRole, pair(string(kind), name))
}

// GrantsOfScope lists the Grants of a scope.
func GrantsOfScope(ctx context.Context, c client.Reader, scope v1alpha1.GrantScope) ([]v1alpha1.Grant, error) {
	return grants(ctx, c, grantsByScope, string(scope))
}

// RoleBindingsOf lists the generated RoleBindings of a Grant or an AccessRequest.
func RoleBindingsOf(ctx context.Context, c client.Reader, holder rbacplan.Holder) ([]rbacv1.RoleBinding, error) {
	var list rbacv1.RoleBindingList
	err := c.List(ctx, &list, client.MatchingFields{bindingsByHolder: pair(string(holder.Kind), holder.Name)}, client.UnsafeDisableDeepCopy)
	return list.Items, err
}

// ClusterRoleBindingsOf lists the generated ClusterRoleBindings of a Grant or an AccessRequest.
func ClusterRoleBindingsOf(ctx context.Context, c client.Reader, holder rbacplan.Holder) ([]rbacv1.ClusterRoleBinding, error) {
	var list rbacv1.ClusterRoleBindingList
	err := c.List(ctx, &list, client.MatchingFields{bindingsByHolder: pair(string(holder.Kind), holder.Name)}, client.UnsafeDisableDeepCopy)
	return list.Items, err
}

// Locks lists all of them.
func Locks(ctx context.Context, c client.Reader) ([]v1alpha1.Lock, error) {
	var list v1alpha1.LockList
	err := c.List(ctx, &list, client.UnsafeDisableDeepCopy)
	return list.Items, err
}

// LocksOf lists the Locks on a User, Group, Session or Device.
func LocksOf(ctx context.Context, c client.Reader, kind v1alpha1.LockTargetKind, name string) ([]v1alpha1.Lock, error) {
	var list v1alpha1.LockList
	err := c.List(ctx, &list, client.MatchingFields{locksByTarget: pair(string(kind), name)}, client.UnsafeDisableDeepCopy)
	return list.Items, err
}

// RequestsOfGrant lists the AccessRequests for a Grant.
func RequestsOfGrant(ctx context.Context, c client.Reader, grant string) ([]v1alpha1.AccessRequest, error) {
	return requests(ctx, c, requestsByGrant, grant)
}

// RequestsOfUsername lists the AccessRequests of whoever has a Kubernetes username.
func RequestsOfUsername(ctx context.Context, c client.Reader, username string) ([]v1alpha1.AccessRequest, error) {
	return requests(ctx, c, requestsByUsername, username)
}

// GivenRequests lists the AccessRequests that give something.
func GivenRequests(ctx context.Context, c client.Reader) ([]v1alpha1.AccessRequest, error) {
	return requests(ctx, c, requestsByState, given)
}

// OpenRequests lists the AccessRequests that have not ended, or wait for review.
func OpenRequests(ctx context.Context, c client.Reader) ([]v1alpha1.AccessRequest, error) {
	return requests(ctx, c, requestsByState, open)
}

// SessionsOfUser lists the Sessions of a User, by object name: also of another that had it before.
func SessionsOfUser(ctx context.Context, c client.Reader, user string) ([]v1alpha1.Session, error) {
	return sessions(ctx, c, sessionsByUser, user)
}

// SessionsOfUsername lists the Sessions whose certificates speak for a Kubernetes username.
func SessionsOfUsername(ctx context.Context, c client.Reader, username string) ([]v1alpha1.Session, error) {
	return sessions(ctx, c, sessionsByUsername, username)
}

// SessionsOfCertificate lists the Sessions that a certificate was issued in, by its fingerprint: one, or none.
func SessionsOfCertificate(ctx context.Context, c client.Reader, fingerprint string) ([]v1alpha1.Session, error) {
	return sessions(ctx, c, sessionsByCertificate, fingerprint)
}

// SessionsOfKey lists the Sessions whose certificates are for a public key.
func SessionsOfKey(ctx context.Context, c client.Reader, fingerprint string) ([]v1alpha1.Session, error) {
	return sessions(ctx, c, sessionsByKey, fingerprint)
}

// SessionsOnDevice lists the Sessions on devices of a name.
func SessionsOnDevice(ctx context.Context, c client.Reader, device string) ([]v1alpha1.Session, error) {
	return sessions(ctx, c, sessionsByDevice, device)
}

// SessionsEndedBy lists the Sessions that say in endedBy who ended them.
func SessionsEndedBy(ctx context.Context, c client.Reader, endedBy string) ([]v1alpha1.Session, error) {
	return sessions(ctx, c, sessionsByEnder, endedBy)
}

// UsersOfDeviceKey lists the Users that enrol a public key, given as OpenSSH writes it: type and base64, without a comment.
func UsersOfDeviceKey(ctx context.Context, c client.Reader, key string) ([]v1alpha1.User, error) {
	return users(ctx, c, usersByDeviceKey, key)
}

// ApprovalsBy lists the Approvals of whoever has a Kubernetes username.
func ApprovalsBy(ctx context.Context, c client.Reader, approver string) ([]v1alpha1.Approval, error) {
	return approvals(ctx, c, approvalsByPerson, approver)
}

// ApprovalsOf lists the Approvals that name an AccessRequest, whatever its uid.
func ApprovalsOf(ctx context.Context, c client.Reader, request string) ([]v1alpha1.Approval, error) {
	return approvals(ctx, c, approvalsByRequest, request)
}

// DirectoriesOfSecret lists the Directories that read a Secret.
func DirectoriesOfSecret(ctx context.Context, c client.Reader, secret string) ([]v1alpha1.Directory, error) {
	var list v1alpha1.DirectoryList
	err := c.List(ctx, &list, client.MatchingFields{directoriesByInput: secret}, client.UnsafeDisableDeepCopy)
	return list.Items, err
}

// DirectoriesImporting lists the Directories with an import policy.
func DirectoriesImporting(ctx context.Context, c client.Reader, policy v1alpha1.ImportPolicy) ([]v1alpha1.Directory, error) {
	var list v1alpha1.DirectoryList
	err := c.List(ctx, &list, client.MatchingFields{directoriesByImport: string(policy)}, client.UnsafeDisableDeepCopy)
	return list.Items, err
}

// The objects in these lists are the cache's own: read them, and copy what is to change.

func users(ctx context.Context, c client.Reader, key, value string) ([]v1alpha1.User, error) {
	var list v1alpha1.UserList
	err := c.List(ctx, &list, client.MatchingFields{key: value}, client.UnsafeDisableDeepCopy)
	return list.Items, err
}

// usersNamed lists the Users that have a name in the one place that is asked for.
func usersNamed(ctx context.Context, c client.Reader, name string, nameOf func(*v1alpha1.User) string) ([]v1alpha1.User, error) {
	found, err := users(ctx, c, usersByName, bare(name))
	return slices.DeleteFunc(found, func(u v1alpha1.User) bool { return nameOf(&u) != name }), err
}

func groups(ctx context.Context, c client.Reader, key, value string) ([]v1alpha1.Group, error) {
	var list v1alpha1.GroupList
	err := c.List(ctx, &list, client.MatchingFields{key: value}, client.UnsafeDisableDeepCopy)
	return list.Items, err
}

func requests(ctx context.Context, c client.Reader, key, value string) ([]v1alpha1.AccessRequest, error) {
	var list v1alpha1.AccessRequestList
	err := c.List(ctx, &list, client.MatchingFields{key: value}, client.UnsafeDisableDeepCopy)
	return list.Items, err
}

func approvals(ctx context.Context, c client.Reader, key, value string) ([]v1alpha1.Approval, error) {
	var list v1alpha1.ApprovalList
	err := c.List(ctx, &list, client.MatchingFields{key: value}, client.UnsafeDisableDeepCopy)
	return list.Items, err
}

func sessions(ctx context.Context, c client.Reader, key, value string) ([]v1alpha1.Session, error) {
	var list v1alpha1.SessionList
	err := c.List(ctx, &list, client.MatchingFields{key: value}, client.UnsafeDisableDeepCopy)
	return list.Items, err
}

func grants(ctx context.Context, c client.Reader, key, value string) ([]v1alpha1.Grant, error) {
	var list v1alpha1.GrantList
	err := c.List(ctx, &list, client.MatchingFields{key: value}, client.UnsafeDisableDeepCopy)
	return list.Items, err
}
