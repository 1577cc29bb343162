// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

// Package reach answers, from the cache, whom a Grant reaches and which Grants reach a person: the same relation from both ends.
package reach

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/index"
)

// People is whom a Grant reaches.
type People struct {
	// Usernames to name in bindings, sorted and unique: of everybody, or with subjectMode Groups of the Users among the subjects.
	Usernames []string
	// Groups to name in bindings, as Kubernetes calls them, sorted and unique: with subjectMode Groups.
	Groups []string
	// Count of the active people, named or in a group that is named.
	Count int
	// Next is when a Lock ends, which may let somebody in again. Zero: never.
	Next time.Time
	// Missing are the subjects that stand for nothing now, as "Kind name", sorted.
	Missing []string
	// Pending are the subjects of which it is not known yet whom they stand for, as "Kind name", sorted.
	Pending []string
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

// OfGrant says whom a Grant reaches at a time: people who may act, and whom no Lock keeps out.
func OfGrant(ctx context.Context, c client.Reader, grant *v1alpha1.Grant, now time.Time) (People, error) {
	locked, err := lockedOut(ctx, c, now)
	if err != nil {
		return People{}, err
	}
	people := People{Next: locked.next}
	var reached []string
	for _, subject := range grant.Spec.Subjects {
		users, group, err := ofSubject(ctx, c, subject)
		if err != nil {
			return People{}, fmt.Errorf("resolve subject %s %s: %w", subject.Kind, subject.Name, err)
		}
		usernames := acting(users, locked.users)
		reached = append(reached, usernames...)
		people.Pending = append(people.Pending, pending(grant, users, group)...)
		switch {
		case group == nil && len(users) == 0:
			people.Missing = append(people.Missing, fmt.Sprintf("%s %q", subject.Kind, subject.Name))
		case grant.Spec.SubjectMode != v1alpha1.SubjectModeGroups || group == nil:
			people.Usernames = append(people.Usernames, usernames...)
		case Bindable(group) && !locked.groups[group.Name]:
			people.Groups = append(people.Groups, group.Status.GroupName)
		}
	}
	people.Usernames, people.Groups = unique(people.Usernames), unique(people.Groups)
	people.Count = len(unique(reached))
	slices.Sort(people.Missing)
	slices.Sort(people.Pending)
	return people, nil
}

// Bindable says whether bindings may name a Group. The marker group is everybody with a certificate of ours.
func Bindable(group *v1alpha1.Group) bool {
	return there(group) && group.Status.GroupName != "" && group.Status.GroupName != v1alpha1.ManagedGroup
}

func there(group *v1alpha1.Group) bool {
	return group.Spec.DirectoryRef == nil || group.Status.State == v1alpha1.IdentityPresent
}

func unique(names []string) []string {
	slices.Sort(names)
	return slices.Compact(names)
}

// acting are the usernames of those who may act, and who are not locked out.
func acting(users []v1alpha1.User, locked map[string]bool) []string {
	var usernames []string
	for i := range users {
		if Active(&users[i]) && users[i].Status.Username != "" && !locked[users[i].Name] {
			usernames = append(usernames, users[i].Status.Username)
		}
	}
	return usernames
}

// Subjects lists the Users whom a Grant's subjects stand for, active or not.
func Subjects(ctx context.Context, c client.Reader, grant *v1alpha1.Grant) ([]v1alpha1.User, error) {
	var all []v1alpha1.User
	for _, subject := range grant.Spec.Subjects {
		users, _, err := ofSubject(ctx, c, subject)
		if err != nil {
			return nil, fmt.Errorf("resolve subject %s %s: %w", subject.Kind, subject.Name, err)
		}
		all = append(all, users...)
	}
	return all, nil
}

// BoundGroups are the groups of a User that bindings name, as Kubernetes calls them, sorted.
func BoundGroups(ctx context.Context, c client.Reader, user *v1alpha1.User) ([]string, error) {
	groups, err := Groups(ctx, c, user)
	if err != nil {
		return nil, err
	}
	var bound []string
	for i := range groups {
		grants, err := index.GrantsOfSubject(ctx, c, v1alpha1.SubjectGroup, groups[i].Name)
		if err != nil {
			return nil, err
		}
		binds := func(g v1alpha1.Grant) bool { return g.Spec.SubjectMode == v1alpha1.SubjectModeGroups && Gives(&g) }
		if Bindable(&groups[i]) && slices.ContainsFunc(grants, binds) {
			bound = append(bound, groups[i].Status.GroupName)
		}
	}
	return unique(bound), nil
}

// ofSubject is whom a subject stands for: the User, or the Group and the Users in it; neither where it does not exist.
func ofSubject(ctx context.Context, c client.Reader, subject v1alpha1.Subject) (users []v1alpha1.User, group *v1alpha1.Group, err error) {
	if subject.Kind == v1alpha1.SubjectUser {
		users, err = named(ctx, c, []string{subject.Name})
		return users, nil, err
	}
	group = &v1alpha1.Group{}
	if err := c.Get(ctx, client.ObjectKey{Name: subject.Name}, group); err != nil {
		return nil, nil, client.IgnoreNotFound(err)
	}
	users, err = OfGroup(ctx, c, group)
	return users, group, err
}

// OfGroup lists the Users in a Group. A directory's Group whose entry is gone has none, whatever another entry of that name has.
func OfGroup(ctx context.Context, c client.Reader, group *v1alpha1.Group) ([]v1alpha1.User, error) {
	switch {
	case group.Spec.DirectoryRef == nil:
		return named(ctx, c, group.Spec.Members)
	case group.Status.State != v1alpha1.IdentityPresent:
		return nil, nil
	default:
		return index.UsersOfDirectoryGroup(ctx, c, group.Spec.DirectoryRef.Name, group.Spec.GroupName)
	}
}

// named gets those of the Users that exist, by object name.
func named(ctx context.Context, c client.Reader, names []string) ([]v1alpha1.User, error) {
	var users []v1alpha1.User
	for _, name := range names {
		var user v1alpha1.User
		err := c.Get(ctx, client.ObjectKey{Name: name}, &user)
		if apierrors.IsNotFound(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		users = append(users, user)
	}
	return users, nil
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

// everybody is whom a Grant names: its subjects, and whoever decides about their requests.
func everybody(grant *v1alpha1.Grant) []v1alpha1.Subject {
	if grant.Spec.Request == nil {
		return grant.Spec.Subjects
	}
	return slices.Concat(grant.Spec.Subjects, grant.Spec.Request.Approvers)
}

// Names are names of objects.
type Names struct{ Users, Groups map[string]bool }

// Named are the Users and Groups that Grants name, as subjects or as approvers, and the Users that a local Group among these does,
// whether or not they exist.
func Named(ctx context.Context, c client.Reader) (Names, error) {
	names := Names{Users: map[string]bool{}, Groups: map[string]bool{}}
	grants, err := index.Grants(ctx, c)
	if err != nil {
		return names, err
	}
	for i := range grants {
		for _, subject := range everybody(&grants[i]) {
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
