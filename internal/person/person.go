// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

// Package person decides who may act now: the one place that weighs what was declared against what the directory says.
package person

import (
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/outcome"
)

// Facts is all that the decision depends on.
type Facts struct {
	// User in question.
	User *v1alpha1.User
	// Directory that spec.directoryRef names; nil where there is none (any more).
	Directory *v1alpha1.Directory
	// Namesake is the object name of a User who has the same username by right; empty where there is none.
	Namesake string
	// Locks that keep the User out now, sorted by name.
	Locks []v1alpha1.Lock
	// NamesakeUntil is when that right ends by itself: with the last certificate of someone who may not act any more. Zero: never.
	NamesakeUntil time.Time
	// Spoken is the Session of another User, who may be gone, whose certificates speak for the same username until SpokenUntil; empty where
	// there is none.
	Spoken string
	// SpokenUntil is when the last of them expires.
	SpokenUntil time.Time
}

// Verdict says whether a person may act now, and until when that is certain.
type Verdict struct {
	// Status is True, False, or Unknown while the directory was not read yet.
	Status metav1.ConditionStatus
	// Reason is one of the reasons of the condition Active.
	Reason string
	// Message explains it to a person.
	Message string
	// PersonMustAct says that it stays so until someone changes an object.
	PersonMustAct bool
	// Recheck is when the verdict may change by itself. Zero: never.
	Recheck time.Time
}

// Username is what Kubernetes calls a User: the prefix of its Directory and its userName. Empty where the Directory is unknown.
func Username(user *v1alpha1.User, dir *v1alpha1.Directory) string {
	switch {
	case user.Spec.DirectoryRef == nil:
		return user.Spec.UserName
	case dir == nil:
		return ""
	default:
		return dir.UsernamePrefix() + user.Spec.UserName
	}
}

// Groups are the Kubernetes names of the groups that a User is in: those of its Directory with its prefix, and the local
// ones, sorted.
func Groups(user *v1alpha1.User, dir *v1alpha1.Directory, local []string) []string {
	groups := slices.Clone(local)
	if dir != nil && user.Status.Identity != nil {
		for _, name := range user.Status.Identity.Groups {
			groups = append(groups, dir.GroupPrefix()+name)
		}
	}
	slices.Sort(groups)
	return slices.Compact(groups)
}

// Decide weighs the facts. What a person declared comes before what the directory says, since it is the more deliberate, and a Lock
// before everything else.
func Decide(f Facts, now time.Time) Verdict {
	if len(f.Locks) > 0 {
		return locked(f.Locks)
	}
	if f.Namesake != "" {
		verdict := denied(v1alpha1.ReasonUsernameTaken, f.NamesakeUntil.IsZero(),
			"User %q had the same username before; delete one of the two", f.Namesake)
		verdict.Recheck = f.NamesakeUntil
		return verdict
	}
	if f.Spoken != "" {
		verdict := denied(v1alpha1.ReasonUsernameTaken, false,
			"certificates of Session %q, which was another User's, speak for the same username until they expire", f.Spoken)
		verdict.Recheck = f.SpokenUntil
		return verdict
	}
	if verdict, out := withdrawn(f.User, now); out {
		return verdict
	}
	verdict := fromDirectory(f)
	if expire := f.User.Spec.ExpireTime; expire != nil {
		verdict.Recheck = expire.Time
	}
	return verdict
}

// Withdrawn says whether a User's own spec keeps the person out now, whatever its status says yet.
func Withdrawn(user *v1alpha1.User, now time.Time) bool {
	_, out := withdrawn(user, now)
	return out
}

func withdrawn(user *v1alpha1.User, now time.Time) (verdict Verdict, out bool) {
	if user.Spec.State == v1alpha1.UserSuspended {
		return denied(v1alpha1.ReasonSuspended, false, "spec.state is Suspended"), true
	}
	if expire := user.Spec.ExpireTime; expire != nil && !now.Before(expire.Time) {
		return denied(v1alpha1.ReasonExpired, false, "spec.expireTime %s has passed", expire.UTC().Format(time.RFC3339)), true
	}
	return Verdict{}, false
}

// locked names the Locks. It is looked at again when the first of them ends.
func locked(locks []v1alpha1.Lock) Verdict {
	names := make([]string, len(locks))
	var recheck time.Time
	for i := range locks {
		names[i] = locks[i].Name
		if expire := locks[i].Spec.ExpireTime; expire != nil && (recheck.IsZero() || expire.Time.Before(recheck)) {
			recheck = expire.Time
		}
	}
	verdict := denied(v1alpha1.ReasonLocked, false, "kept out by %s", outcome.Names("Lock", names))
	verdict.Recheck = recheck
	return verdict
}

func fromDirectory(f Facts) Verdict {
	ref := f.User.Spec.DirectoryRef
	if ref == nil {
		return Verdict{Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonActive, Message: "local user"}
	}
	if f.Directory == nil {
		return denied(v1alpha1.ReasonDirectoryUnknown, false, "Directory %q does not exist", ref.Name)
	}
	identity := f.User.Status.Identity
	if identity == nil {
		return Verdict{
			Status: metav1.ConditionUnknown, Reason: v1alpha1.ReasonDirectoryPending,
			Message: fmt.Sprintf("Directory %q has not been read since this User was created", ref.Name),
		}
	}
	return fromIdentity(f, identity)
}

func fromIdentity(f Facts, identity *v1alpha1.Identity) Verdict {
	switch identity.State {
	case v1alpha1.IdentityPresent:
		return Verdict{
			Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonActive,
			Message: fmt.Sprintf("present in Directory %q", f.Directory.Name),
		}
	case v1alpha1.IdentityDisabled:
		return denied(v1alpha1.ReasonDirectoryDisabled, false, "disabled in Directory %q", f.Directory.Name)
	case v1alpha1.IdentityReplaced:
		return replaced(f, identity)
	default:
		return denied(v1alpha1.ReasonDirectoryMissing, false, "no entry for %q in Directory %q", f.User.Spec.UserName, f.Directory.Name)
	}
}

// replaced explains a name and an id that no longer belong to one entry. What the Directory imported and may delete goes by itself once
// no certificate of that name is valid any more; the rest waits for a person.
func replaced(f Facts, identity *v1alpha1.Identity) Verdict {
	imported := f.User.Labels[v1alpha1.LabelDirectory] == f.Directory.Name
	dir := f.Directory.Name
	switch {
	case identity.UserName != "" && imported:
		return denied(v1alpha1.ReasonIdentityReplaced, false,
			"this person is now called %q in Directory %q; this User goes when its last certificate has expired", identity.UserName, dir)
	case identity.UserName != "":
		return denied(v1alpha1.ReasonIdentityReplaced, true,
			"this person is now called %q in Directory %q; declare a User with that userName and delete this one", identity.UserName, dir)
	case imported && f.Directory.Spec.Leavers.Policy == v1alpha1.LeaversDelete:
		return denied(v1alpha1.ReasonIdentityReplaced, false,
			"the name %q in Directory %q now belongs to another entry; this User goes when its last certificate has expired",
			f.User.Spec.UserName, dir)
	default:
		return denied(v1alpha1.ReasonIdentityReplaced, true,
			"the name %q in Directory %q now belongs to another entry; delete this User to let that person in", f.User.Spec.UserName, dir)
	}
}

func denied(reason string, personMustAct bool, format string, args ...any) Verdict {
	return Verdict{
		Status: metav1.ConditionFalse, Reason: reason, Message: fmt.Sprintf(format, args...), PersonMustAct: personMustAct,
	}
}

// Older says whether a was there before b: of two Users with one username the older keeps it.
func Older(a, b *v1alpha1.User) bool {
	if a.CreationTimestamp.Equal(&b.CreationTimestamp) {
		return a.Name < b.Name
	}
	return a.CreationTimestamp.Before(&b.CreationTimestamp)
}

// Precedes says whether a username that both have is rather a's: whoever may act, else whoever was there before.
func Precedes(a, b *v1alpha1.User) bool {
	if MayAct(a) != MayAct(b) {
		return MayAct(a)
	}
	return Older(a, b)
}

// Holder is, of Users with one username, the one whose it is; nil of none.
func Holder(users []v1alpha1.User) *v1alpha1.User {
	var holder *v1alpha1.User
	for i := range users {
		if holder == nil || Precedes(&users[i], holder) {
			holder = &users[i]
		}
	}
	return holder
}

// MayAct says whether a User was found to be one who may act.
func MayAct(u *v1alpha1.User) bool {
	return meta.IsStatusConditionTrue(u.Status.Conditions, v1alpha1.ConditionActive) && u.DeletionTimestamp.IsZero()
}
