// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
)

func (t *tool) newUnlockCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "unlock LOCK|user/NAME|group/NAME|session/NAME|device/NAME",
		Short: "End a lock, or all locks on a person, a group, a session or a device",
		Long: "End a lock, or all locks on a person, a group, a session or a device.\n\n" +
			"Who was kept out gets back what Git and the directory say. Requests and sessions that the lock ended stay ended.",
		Example: `  kubectl rollcall unlock user/mallory
  kubectl rollcall unlock mallory-x7k2p`,
		Args:              exactly("what to unlock: LOCK, user/NAME, group/NAME, session/NAME or device/NAME"),
		ValidArgsFunction: t.complete(locksAndLocked),
		RunE:              func(command *cobra.Command, args []string) error { return t.unlock(command.Context(), args[0]) },
	}
}

func (t *tool) unlock(ctx context.Context, what string) error {
	c, err := t.client()
	if err != nil {
		return err
	}
	locks, err := locksNamed(ctx, c, what)
	if err != nil {
		return err
	}
	list := &v1alpha1.LockList{Items: locks}
	for i := range list.Items {
		lock := &list.Items[i]
		// Only the lock that was found, and not another that is called the same by now.
		if err := c.Delete(ctx, lock, client.Preconditions{UID: &lock.UID}); client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("end lock %s: %w", lock.Name, err)
		}
		t.sayf("lock %s on %s ended%s", lock.Name, targetOf(lock), reasonGiven(lock))
		lock.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("Lock"))
	}
	if t.structured() {
		list.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("LockList"))
		return t.print(list, nil)
	}
	return nil
}

func reasonGiven(lock *v1alpha1.Lock) string {
	if lock.Spec.Reason == "" {
		return ""
	}
	return " (it said: " + lock.Spec.Reason + ")"
}

func targetOf(lock *v1alpha1.Lock) target {
	return target{string(lock.Spec.Target.Kind), lock.Spec.Target.Name}
}

// locksNamed are the lock of a name, or all those on a target.
func locksNamed(ctx context.Context, c client.Client, what string) ([]v1alpha1.Lock, error) {
	parsed, err := parseLockTarget(what)
	if err != nil {
		return nil, err
	}
	if parsed.kind != "" {
		return locksOn(ctx, c, parsed)
	}
	var lock v1alpha1.Lock
	err = c.Get(ctx, client.ObjectKey{Name: what}, &lock)
	if err == nil {
		return []v1alpha1.Lock{lock}, nil
	}
	if !apierrors.IsNotFound(err) {
		return nil, err
	}
	return nil, noLock(ctx, c, what)
}

func locksOn(ctx context.Context, c client.Client, on target) ([]v1alpha1.Lock, error) {
	var list v1alpha1.LockList
	if err := c.List(ctx, &list); err != nil {
		return nil, err
	}
	locks := slices.DeleteFunc(list.Items, func(lock v1alpha1.Lock) bool { return targetOf(&lock) != on })
	if len(locks) == 0 {
		return nil, fmt.Errorf("there is no lock on %s: see kubectl get locks", on)
	}
	return locks, nil
}

// noLock says that there is no lock of a name, and what may have been meant.
func noLock(ctx context.Context, c client.Client, name string) error {
	var list v1alpha1.LockList
	if err := c.List(ctx, &list); err != nil {
		return fmt.Errorf("there is no lock %q", name)
	}
	var meant []string
	for i := range list.Items {
		if on := targetOf(&list.Items[i]); on.name == name {
			meant = append(meant, on.String())
		}
	}
	if len(meant) == 0 {
		return fmt.Errorf("there is no lock %q: see kubectl get locks", name)
	}
	slices.Sort(meant)
	return errors.New("there is no lock called " + name + "; did you mean kubectl rollcall unlock " +
		strings.Join(slices.Compact(meant), ", or ") + "?")
}
