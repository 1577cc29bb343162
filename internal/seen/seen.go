// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

// Package seen writes when people and their Sessions were last seen, and Grants last used, gently: each at most once a minute, and all of
// them so many a second.
package seen

import (
	"context"
	"time"

	"golang.org/x/time/rate"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	iamac "github.com/rollcall-iam/rollcall/api/v1alpha1/applyconfiguration/api/v1alpha1"
)

const (
	// Owner is the field manager of status.lastSeenTime, and of what a Grant's status says of its use.
	Owner = "rollcall-seen"

	// within is how exact lastSeenTime is, and how seldom each is written. Where a Session may be idle for less than idleParts of these, it
	// is written more often: who is at work is not idle.
	within    = time.Minute
	idleParts = 3
	// perSecond bounds what writing costs.
	perSecond = 50
)

// Writer writes lastSeenTime.
type Writer struct {
	client client.Client
	writes *rate.Limiter
}

// NewWriter reads and writes by a client.
func NewWriter(c client.Client) *Writer {
	return &Writer{client: c, writes: rate.NewLimiter(perSecond, perSecond)}
}

// SessionDue says whether it is worth a write that a Session was seen.
func SessionDue(of *v1alpha1.Session, at time.Time) bool {
	exactness := within
	if idle := of.Spec.IdleTimeoutSeconds; idle > 0 {
		exactness = min(within, time.Duration(idle)*time.Second/idleParts)
	}
	return due(of.Status.LastSeenTime, at, exactness)
}

func due(last *metav1.Time, at time.Time, exactness time.Duration) bool {
	return last == nil || at.Sub(last.Time) >= exactness
}

// Session writes when a Session was seen, unless somebody did, or the Session is gone or another.
func (w *Writer) Session(ctx context.Context, name string, uid types.UID, at time.Time) error {
	var now v1alpha1.Session
	if err := w.client.Get(ctx, client.ObjectKey{Name: name}, &now); err != nil {
		return client.IgnoreNotFound(err)
	}
	if now.UID != uid || !SessionDue(&now, at) {
		return nil
	}
	status := iamac.SessionStatus().WithLastSeenTime(moment(at))
	// The uid keeps an object that is gone from being created.
	return w.apply(ctx, iamac.Session(name).WithUID(uid).WithStatus(status))
}

// User writes when a person was seen, unless somebody did, or the User is gone or another.
func (w *Writer) User(ctx context.Context, name string, uid types.UID, at time.Time) error {
	var now v1alpha1.User
	if err := w.client.Get(ctx, client.ObjectKey{Name: name}, &now); err != nil {
		return client.IgnoreNotFound(err)
	}
	if now.UID != uid || !due(now.Status.LastSeenTime, at, within) {
		return nil
	}
	status := iamac.UserStatus().WithLastSeenTime(moment(at))
	return w.apply(ctx, iamac.User(name).WithUID(uid).WithStatus(status))
}

// Grant writes when a Grant was last used, unless that is known to within a minute, and whether it is at all; unless the Grant is gone or
// another.
func (w *Writer) Grant(ctx context.Context, name string, uid types.UID, last *metav1.Time, usage v1alpha1.GrantUsage) error {
	var now v1alpha1.Grant
	if err := w.client.Get(ctx, client.ObjectKey{Name: name}, &now); err != nil {
		return client.IgnoreNotFound(err)
	}
	known := now.Status.LastUsedTime
	if now.UID != uid || now.Status.Usage == usage && (last == nil || !due(known, last.Time, within)) {
		return nil
	}
	status := iamac.GrantStatus().WithUsage(usage)
	if last != nil && (known == nil || known.Before(last)) { // What is no longer kept happened nevertheless.
		known = last
	}
	if known != nil {
		status.WithLastUsedTime(moment(known.Time))
	}
	return w.apply(ctx, iamac.Grant(name).WithUID(uid).WithStatus(status))
}

func (w *Writer) apply(ctx context.Context, written runtime.ApplyConfiguration) error {
	if err := w.writes.Wait(ctx); err != nil {
		return err
	}
	return client.IgnoreNotFound(w.client.Status().Apply(ctx, written, client.FieldOwner(Owner), client.ForceOwnership))
}

func moment(at time.Time) metav1.Time { return metav1.NewTime(at.Truncate(time.Second)) }
