// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

// Package reach answers, from the cache, whom a Grant reaches and which Grants reach a person: the same relation from both ends.
package reach

import (
	"context"
	"fmt"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/index"
)

// People is whom a Grant reaches.
type People struct {
	// Usernames of the active ones, sorted and unique.
	Usernames []string
	// Missing are the subjects that stand for nothing now, as "Kind name", sorted.
	Missing []string
}

// Active says whether a User may act now.
func Active(user *v1alpha1.User) bool {
	return meta.IsStatusConditionTrue(user.Status.Conditions, v1alpha1.ConditionActive) && user.DeletionTimestamp.IsZero()
}

// Directory gets the Directory that vouches for whoever refers to it: nil where there is no ref, and where it does not exist or is
// being deleted, since that knows nobody any more.
func Directory(ctx context.Context, c client.Reader, ref *v1alpha1.NameReference) (*v1alpha1.Directory, error) {
	if ref == nil {
		return nil, nil
	}
	var directory v1alpha1.Directory
	err := c.Get(ctx, client.ObjectKey{Name: ref.Name}, &directory)
	if apierrors.IsNotFound(err) || err == nil && !directory.DeletionTimestamp.IsZero() {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("get Directory %s: %w", ref.Name, err)
	}
	return &directory, nil
}

// OfGrant says whom a Grant reaches.
func OfGrant(ctx context.Context, c client.Reader, grant *v1alpha1.Grant) (People, error) {
	var people People
	for _, subject := range grant.Spec.Subjects {
		users, found, err := ofSubject(ctx, c, subject)
		if err != nil {
			return People{}, fmt.Errorf("resolve subject %s %s: %w", subject.Kind, subject.Name, err)
		}
		if !found {
			people.Missing = append(people.Missing, fmt.Sprintf("%s %q", subject.Kind, subject.Name))
		}
		for i := range users {
			if Active(&users[i]) && users[i].Status.Username != "" {
				people.Usernames = append(people.Usernames, users[i].Status.Username)
			}
		}
	}
	slices.Sort(people.Usernames)
	people.Usernames = slices.Compact(people.Usernames)
	slices.Sort(people.Missing)
	return people, nil
}

func ofSubject(ctx context.Context, c client.Reader, subject v1alpha1.Subject) (users []v1alpha1.User, found bool, err error) {
	if subject.Kind == v1alpha1.SubjectUser {
		return named(ctx, c, []string{subject.Name})
	}
	var group v1alpha1.Group
	err = c.Get(ctx, client.ObjectKey{Name: subject.Name}, &group)
	if apierrors.IsNotFound(err) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	users, err = OfGroup(ctx, c, &group)
	return users, err == nil, err
}

// OfGroup lists the Users in a Group. A directory's Group whose entry is gone has none, whatever another entry of that name has.
func OfGroup(ctx context.Context, c client.Reader, group *v1alpha1.Group) ([]v1alpha1.User, error) {
	switch {
	case group.Spec.DirectoryRef == nil:
		users, _, err := named(ctx, c, group.Spec.Members)
		return users, err
	case group.Status.State != v1alpha1.IdentityPresent:
		return nil, nil
	default:
		return index.UsersOfDirectoryGroup(ctx, c, group.Spec.DirectoryRef.Name, group.Spec.GroupName)
	}
}

// named gets Users by object name; found says whether all of them exist.
func named(ctx context.Context, c client.Reader, names []string) (users []v1alpha1.User, found bool, err error) {
	found = true
	for _, name := range names {
		var user v1alpha1.User
		err := c.Get(ctx, client.ObjectKey{Name: name}, &user)
		switch {
		case err == nil:
			users = append(users, user)
		case apierrors.IsNotFound(err):
			found = false
		default:
			return nil, false, err
		}
	}
	return users, found, nil
}

// Groups lists the Group objects that a User is in: those of its directory's groups, and local ones.
func Groups(ctx context.Context, c client.Reader, user *v1alpha1.User) ([]v1alpha1.Group, error) {
	groups, err := LocalGroups(ctx, c, user.Name)
	if err != nil || user.Spec.DirectoryRef == nil || user.Status.Identity == nil {
		return groups, err
	}
	for _, name := range user.Status.Identity.Groups {
		found, err := index.GroupsCalled(ctx, c, user.Spec.DirectoryRef.Name, name)
		if err != nil {
			return nil, err
		}
		for i := range found {
			if found[i].Status.State == v1alpha1.IdentityPresent {
				groups = append(groups, found[i])
			}
		}
	}
	return groups, nil
}

// LocalGroups lists the local Groups that name a User.
func LocalGroups(ctx context.Context, c client.Reader, user string) ([]v1alpha1.Group, error) {
	groups, err := index.GroupsWithMember(ctx, c, user)
	return slices.DeleteFunc(groups, func(g v1alpha1.Group) bool { return g.Spec.DirectoryRef != nil }), err
}

// Grants lists the Grants that name a User or a Group that the User is in, sorted by name.
func Grants(ctx context.Context, c client.Reader, user *v1alpha1.User) ([]v1alpha1.Grant, error) {
	grants, err := index.GrantsOfSubject(ctx, c, v1alpha1.SubjectUser, user.Name)
	if err != nil {
		return nil, err
	}
	groups, err := Groups(ctx, c, user)
	if err != nil {
		return nil, err
	}
	for i := range groups {
		more, err := index.GrantsOfSubject(ctx, c, v1alpha1.SubjectGroup, groups[i].Name)
		if err != nil {
			return nil, err
		}
		grants = append(grants, more...)
	}
	slices.SortFunc(grants, func(a, b v1alpha1.Grant) int { return strings.Compare(a.Name, b.Name) })
	return slices.CompactFunc(grants, func(a, b v1alpha1.Grant) bool { return a.Name == b.Name }), nil
}

// Names are names of objects.
type Names struct{ Users, Groups map[string]bool }

// Named are the Users and Groups that Grants name, and the Users that a local Group among these does, whether or not they exist.
func Named(ctx context.Context, c client.Reader) (Names, error) {
	names := Names{Users: map[string]bool{}, Groups: map[string]bool{}}
	grants, err := index.Grants(ctx, c)
	if err != nil {
		return names, err
	}
	for i := range grants {
		for _, subject := range grants[i].Spec.Subjects {
			if subject.Kind == v1alpha1.SubjectUser {
				names.Users[subject.Name] = true
			} else {
				names.Groups[subject.Name] = true
			}
		}
	}
	for name := range names.Groups {
		var group v1alpha1.Group
		if err := c.Get(ctx, client.ObjectKey{Name: name}, &group); client.IgnoreNotFound(err) != nil {
			return names, err
		}
		for _, member := range group.Spec.Members {
			names.Users[member] = true
		}
	}
	return names, nil
}
