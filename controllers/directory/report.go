// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package directory

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	iamac "github.com/rollcall-iam/rollcall/api/v1alpha1/applyconfiguration/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/outcome"
	"github.com/rollcall-iam/rollcall/internal/status"
)

// counts is what a read adds to the status; the last ones stay while there is no new read.
type counts struct {
	users, groups *int32
	lastSyncTime  *metav1.Time
}

// reportSynced says what a complete read came to.
func (r *Reconciler) reportSynced(ctx context.Context, s *scope) error {
	users, groups := int32(s.plan.UserCount), int32(s.plan.GroupCount) //nolint:gosec // Counts of objects in memory.
	started := metav1.NewTime(s.started.Truncate(time.Second))
	return client.IgnoreNotFound(r.write(ctx, s, r.summary(s), counts{users: &users, groups: &groups, lastSyncTime: &started}, true))
}

// report says anything else.
func (r *Reconciler) report(ctx context.Context, s *scope, wanted []metav1.Condition) error {
	before := s.directory.Status
	return r.write(ctx, s, wanted, counts{users: before.Users, groups: before.Groups, lastSyncTime: before.LastSyncTime}, false)
}

func (r *Reconciler) write(ctx context.Context, s *scope, wanted []metav1.Condition, c counts, force bool) error {
	before := s.directory.Status
	if tls := s.directory.Spec.LDAP.TLS; tls == v1alpha1.TLSDisabled {
		wanted = append(wanted, metav1.Condition{
			Type: v1alpha1.ConditionInsecure, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonTLSDisabled,
			Message: "spec.ldap.tls is Disabled: the bind password and all that is read cross the network in the clear",
		})
	}
	conditions := status.Merge(before.Conditions, wanted, s.directory.Generation, s.started)
	if !force && status.Same(before.Conditions, conditions, append(status.Summary(), v1alpha1.ConditionInsecure)...) &&
		ptr.Deref(before.ObservedGeneration, -1) == s.directory.Generation {
		return nil
	}
	applied := iamac.DirectoryStatus().WithConditions(status.Apply(conditions)...).WithObservedGeneration(s.directory.Generation)
	applied.Users, applied.Groups, applied.LastSyncTime = c.users, c.groups, c.lastSyncTime
	err := r.Reporter.Report(ctx, s.directory, iamac.Directory(s.directory.Name).WithUID(s.directory.UID).WithStatus(applied),
		before.Conditions, conditions)
	if err != nil {
		return err
	}
	s.directory.Status.Conditions = conditions
	return nil
}

// showProgress tells how far a large plan has got, at its beginning and then every few seconds, until it is stopped.
func (r *Reconciler) showProgress(ctx context.Context, s *scope, done *atomic.Int64, total int) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		ticker := time.NewTicker(progressInterval)
		defer ticker.Stop()
		for {
			r.progress(ctx, s, int(done.Load()), total)
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
		}
	}()
	return func() { cancel(); <-stopped }
}

func (r *Reconciler) progress(ctx context.Context, s *scope, done, total int) {
	message := fmt.Sprintf("%d of %d changes written", done, total)
	log.FromContext(ctx).Info("mirroring", "done", done, "total", total)
	wanted := status.NotReady(outcome.Transientf(v1alpha1.ReasonMirroring, "%s", message))
	ready := meta.FindStatusCondition(s.directory.Status.Conditions, v1alpha1.ConditionReady)
	if ready != nil && ready.Status == metav1.ConditionTrue {
		wanted[0] = *ready
	}
	if err := r.report(ctx, s, wanted); err != nil && ctx.Err() == nil {
		log.FromContext(ctx).V(1).Info("progress not written", "error", err.Error())
	}
}
