// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/picture"
)

// lockFlags are those of the command lock.
type lockFlags struct {
	reason, duration, until string
	inAdvance               bool
}

func (t *tool) newLockCommand() *cobra.Command {
	var flags lockFlags
	command := &cobra.Command{
		Use:   "lock USER|user/NAME|group/NAME|session/NAME|device/NAME --reason TEXT",
		Short: "Keep a person, a group, a session or a device out of the cluster",
		Long: "Keep a person, or everybody in a group, out of the cluster, whatever Git and the directory say.\n\n" +
			"It takes them out of all bindings, ends their sessions and requests and removes their kubeconfig Secrets. A lock on a session\n" +
			"or a device ends that session, or all on devices of that name, and denies writes by their certificates; nobody's bindings change.",
		Example: `  kubectl rollcall lock user/mallory --reason "laptop stolen"
  kubectl rollcall lock group/contractors --for 2h --reason "INC-9: leaked token"
  kubectl rollcall lock session/alice-7wq2mxk4c5tdz3ab --reason "INC-9: not hers"
  kubectl rollcall lock device/LT-0042 --reason "INC-9: laptop stolen"
  kubectl rollcall lock bob --until "2026-08-01 09:00" --reason "on leave"`,
		Args:              exactly("whom to lock: USER, user/NAME, group/NAME, session/NAME or device/NAME"),
		ValidArgsFunction: t.complete(lockable),
		RunE: func(command *cobra.Command, args []string) error {
			return t.lock(command.Context(), args[0], flags)
		},
	}
	command.Flags().StringVar(&flags.reason, "reason", "",
		"why, for whoever reviews this later, and for the person who is kept out (required)")
	command.Flags().StringVar(&flags.duration, "for", "", "for how long, for instance 2h or 1d; until it is unlocked if not given")
	command.Flags().StringVar(&flags.until, "until", "", "until when, for instance 18:00 or 2006-01-02T15:04:05Z")
	command.Flags().BoolVar(&flags.inAdvance, "in-advance", false, "lock somebody who does not exist yet")
	command.MarkFlagsMutuallyExclusive("for", "until")
	return command
}

func (t *tool) lock(ctx context.Context, whom string, flags lockFlags) error {
	lock, err := flags.lock(whom, time.Now())
	if err != nil {
		return err
	}
	c, err := t.client()
	if err != nil {
		return err
	}
	if !flags.inAdvance {
		if err := exists(ctx, c, lock.Spec.Target); err != nil {
			return err
		}
	}
	if err := c.Create(ctx, lock); err != nil {
		return fmt.Errorf("lock %s: %w", whom, err)
	}
	t.sayf("lock %s created; to end it: kubectl rollcall unlock %s", lock.Name, lock.Name)
	return t.locked(ctx, c, lock)
}

// lock is what the flags ask for.
func (f *lockFlags) lock(whom string, now time.Time) (*v1alpha1.Lock, error) {
	if f.reason == "" {
		return nil, errors.New("say why, with --reason: the person who is kept out will ask")
	}
	target, err := lockTarget(whom)
	if err != nil {
		return nil, err
	}
	lock := &v1alpha1.Lock{
		ObjectMeta: metav1.ObjectMeta{GenerateName: nameStem(objectName(target.Name))},
		Spec:       v1alpha1.LockSpec{Target: target, Reason: f.reason},
	}
	var expire time.Time
	switch {
	case f.duration != "":
		length, err := parseDuration(f.duration)
		if err != nil {
			return nil, fmt.Errorf("--for: %w", err)
		}
		expire = now.Add(length)
	case f.until != "":
		if expire, err = parseTime(f.until, now); err != nil {
			return nil, fmt.Errorf("--until: %w", err)
		}
		if !now.Before(expire) {
			return nil, errors.New("--until: that is over already")
		}
	default:
		return lock, nil
	}
	lock.Spec.ExpireTime = new(metav1.NewTime(expire))
	return lock, nil
}

// lockTarget is whom an argument means: a name alone is a User's.
func lockTarget(whom string) (v1alpha1.LockTarget, error) {
	parsed, err := parseLockTarget(whom)
	switch {
	case err != nil:
		return v1alpha1.LockTarget{}, err
	case parsed.kind == picture.KindGrant:
		return v1alpha1.LockTarget{}, fmt.Errorf("a grant cannot be locked, only people can: to end it, set its spec.expireTime, or delete it")
	case parsed.kind == "":
		return v1alpha1.LockTarget{Kind: v1alpha1.LockUser, Name: parsed.name}, nil
	default:
		return v1alpha1.LockTarget{Kind: v1alpha1.LockTargetKind(parsed.kind), Name: parsed.name}, nil
	}
}

// exists is nil where the target does, and for whoever may not know: a lock must not fail for that.
func exists(ctx context.Context, c client.Client, lockee v1alpha1.LockTarget) error {
	var object client.Object
	var plural string
	switch lockee.Kind {
	case v1alpha1.LockGroup:
		object, plural = &v1alpha1.Group{}, "groups.iam.rollcall.dev"
	case v1alpha1.LockSession:
		object, plural = &v1alpha1.Session{}, "sessions.iam.rollcall.dev"
	case v1alpha1.LockDevice:
		return deviceExists(ctx, c, lockee.Name)
	default:
		object, plural = &v1alpha1.User{}, "users.iam.rollcall.dev"
	}
	if err := c.Get(ctx, client.ObjectKey{Name: lockee.Name}, object); apierrors.IsNotFound(err) {
		return notThere(lockee, "kubectl get "+plural)
	}
	return nil
}

func notThere(lockee v1alpha1.LockTarget, see string) error {
	return fmt.Errorf("there is no %s, so this would keep nobody out: see %s, or lock with --in-advance",
		target{string(lockee.Kind), lockee.Name}, see)
}

// deviceExists is nil where a User has such a device, or a Session is on one.
func deviceExists(ctx context.Context, c client.Client, name string) error {
	var users v1alpha1.UserList
	var sessions v1alpha1.SessionList
	unknown := errors.Join(c.List(ctx, &users), c.List(ctx, &sessions))
	enrolled := slices.ContainsFunc(users.Items, func(u v1alpha1.User) bool {
		return slices.ContainsFunc(u.Spec.Devices, func(d v1alpha1.Device) bool { return d.Name == name })
	})
	used := slices.ContainsFunc(sessions.Items, func(s v1alpha1.Session) bool { return s.Spec.Device == name })
	if unknown == nil && !enrolled && !used {
		return notThere(v1alpha1.LockTarget{Kind: v1alpha1.LockDevice, Name: name}, "kubectl rollcall sessions --all")
	}
	return nil
}

// locked waits for what the operator makes of a lock.
func (t *tool) locked(ctx context.Context, c client.WithWatch, lock *v1alpha1.Lock) error {
	var ready *metav1.Condition
	seen, err := soon(ctx, c, lock, &v1alpha1.LockList{}, func() bool {
		ready = meta.FindStatusCondition(lock.Status.Conditions, v1alpha1.ConditionReady)
		return ready != nil && ready.Status != metav1.ConditionUnknown && ready.ObservedGeneration == lock.Generation
	})
	if err != nil {
		return err
	}
	switch {
	case !seen:
		t.warnf("nobody has acted on it yet; see kubectl get lock %s", lock.Name)
	case onSessions(lock) && ready.Reason != v1alpha1.ReasonTargetNotFound:
		t.sayf("it keeps %s out%s; sessions that it ended and whose certificates are still valid, without writes: %d",
			targetOf(lock), lockedUntil(lock, time.Now()), ptr.Deref(lock.Status.Sessions, 0))
	case onSessions(lock), lock.Status.Users == nil || *lock.Status.Users == 0:
		t.warnf("it keeps nobody out: %s", because(ready.Reason, ready))
	default:
		t.sayf("it keeps %s out%s", picture.People(int(*lock.Status.Users)), lockedUntil(lock, time.Now()))
	}
	if t.structured() {
		lock.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("Lock"))
		return t.print(lock, nil)
	}
	return nil
}

// onSessions says whether a Lock is about Sessions alone.
func onSessions(lock *v1alpha1.Lock) bool {
	_, people := lock.Spec.Target.Subject()
	return !people
}

func lockedUntil(lock *v1alpha1.Lock, now time.Time) string {
	if lock.Spec.ExpireTime == nil {
		return ""
	}
	return " until " + until(lock.Spec.ExpireTime.Time, now)
}
