// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package directory

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	iamac "github.com/rollcall-iam/rollcall/api/v1alpha1/applyconfiguration/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/mirror"
	"github.com/rollcall-iam/rollcall/internal/outcome"
	"github.com/rollcall-iam/rollcall/internal/status"
)

// reportKnown says what came of the last plan, and of the full read, if it was in this run.
func (r *Reconciler) reportKnown(ctx context.Context, s *scope) error {
	m := s.memory
	if m.last == nil {
		if m.problem != nil {
			return client.IgnoreNotFound(r.report(ctx, s, status.NotReady(m.problem)))
		}
		before := &s.directory.Status
		m.last = &mirror.Plan{UserCount: int(ptr.Deref(before.Users, 0)), GroupCount: int(ptr.Deref(before.Groups, 0))}
	}
	if m.fresh {
		m.problem = nil
		s.directory.Status.LastSyncTime = new(metav1.NewTime(m.readAt.Truncate(time.Second)))
	}
	if m.fresh || !m.unsaved.IsZero() && !s.started.Before(m.unsaved.Add(saveAfter)) {
		s.directory.Status.Progress, m.unsaved = m.progress(), time.Time{}
	}
	r.Metrics.known(s.directory, m)
	wanted := m.summary(s.directory)
	if m.problem != nil {
		wanted = status.NotReady(m.problem)
	}
	err := r.report(ctx, s, wanted)
	if err == nil {
		m.fresh = false
	}
	return client.IgnoreNotFound(err)
}

// summary says what the cluster is like after the last plan.
func (m *memory) summary(d *v1alpha1.Directory) []metav1.Condition {
	if m.held() != nil {
		return status.NotReady(m.guarded(d))
	}
	message := fmt.Sprintf("%d users and %d groups are mirrored", m.last.UserCount, m.last.GroupCount)
	if skipped := m.last.PeopleSkipped.String(); skipped != "" {
		message += "; people skipped: " + skipped
	}
	if skipped := m.last.GroupsSkipped.String(); skipped != "" {
		message += "; groups skipped: " + skipped
	}
	return status.Ready(v1alpha1.ReasonSynced, message)
}

const behind = "the server is behind what was read of this directory before: a replica that lags, or a restored backup"

// guarded says what the loss guard holds, and how to let it pass.
func (m *memory) guarded(d *v1alpha1.Directory) *outcome.Problem {
	held := m.held()
	accept := fmt.Sprintf("kubectl annotate directory %s --overwrite %s=%s", d.Name, v1alpha1.AnnotationAcceptLoss, held.Pending.Token)
	if m.aside != nil {
		return outcome.Terminalf(v1alpha1.ReasonLossGuard,
			"%s. It would create %d, change %d and take access from %d people; Users and Groups stay as they were read before. "+
				"A replica is believed again once it has caught up. To believe this server as it is: %s",
			behind, *held.Pending.Create, *held.Pending.Update, *held.Pending.Withdraw, accept)
	}
	return outcome.Terminalf(v1alpha1.ReasonLossGuard,
		"%d of %d people would lose access, which is more than may go unasked (spec.leavers.maxLossPercent); they keep it, "+
			"and who joins joins. If it is right that they lose it: %s", *held.Pending.Withdraw, held.Of, accept)
}

// progress is how far the directory has been followed.
func (m *memory) progress() *v1alpha1.ChangesProgress {
	return &v1alpha1.ChangesProgress{Source: shortened(m.source), Cookies: m.feed.State().Cookies, Position: m.position.Strings()}
}

// watched is the condition ChangesWatched; false where nothing was tried yet.
func watched(s *scope) (metav1.Condition, bool) {
	condition := metav1.Condition{Type: v1alpha1.ConditionChangesWatched, Status: metav1.ConditionFalse}
	if s.directory.Spec.LDAP.Changes == v1alpha1.ChangesPoll {
		condition.Reason, condition.Message = v1alpha1.ReasonPollRequested, "spec.ldap.changes is Poll: changes are found by full reads"
		return condition, true
	}
	state := s.memory.feed.State()
	condition.Reason, condition.Message = state.Reason, state.Message
	if state.Connected {
		condition.Status = metav1.ConditionTrue
	}
	return condition, state.Reason != ""
}

// report writes the status with other conditions, if it differs from what was reported last.
func (r *Reconciler) report(ctx context.Context, s *scope, wanted []metav1.Condition) error {
	before, facts := &s.before, &s.directory.Status
	if tls := s.directory.Spec.LDAP.TLS; tls == v1alpha1.TLSDisabled {
		wanted = append(wanted, metav1.Condition{
			Type: v1alpha1.ConditionInsecure, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonTLSDisabled,
			Message: "spec.ldap.tls is Disabled: the bind password and all that is read cross the network in the clear",
		})
	}
	if condition, tried := watched(s); tried {
		wanted = append(wanted, condition)
	}
	facts.Conditions = status.Merge(before.Conditions, wanted, s.directory.Generation, s.started)
	facts.ObservedGeneration = &s.directory.Generation
	slices.SortFunc(before.Conditions, func(a, b metav1.Condition) int { return strings.Compare(a.Type, b.Type) })
	if equality.Semantic.DeepEqual(facts, before) {
		return nil
	}
	applied := iamac.DirectoryStatus().WithConditions(status.Apply(facts.Conditions)...).WithObservedGeneration(s.directory.Generation)
	applied.Users, applied.Groups, applied.LastSyncTime = facts.Users, facts.Groups, facts.LastSyncTime
	applied.UsernamePrefix = facts.UsernamePrefix
	applied.Pending, applied.Progress = pendingPlan(facts.Pending), changesProgress(facts.Progress)
	err := r.Reporter.Report(ctx, s.directory, iamac.Directory(s.directory.Name).WithUID(s.directory.UID).WithStatus(applied),
		before.Conditions, facts.Conditions)
	if err != nil {
		return err
	}
	s.before = *facts.DeepCopy()
	s.memory.reported = &s.before
	return nil
}

func pendingPlan(p *v1alpha1.PendingPlan) *iamac.PendingPlanApplyConfiguration {
	if p == nil {
		return nil
	}
	return iamac.PendingPlan().WithCreate(*p.Create).WithUpdate(*p.Update).WithWithdraw(*p.Withdraw).
		WithToken(p.Token).WithStartTime(p.StartTime)
}

func changesProgress(p *v1alpha1.ChangesProgress) *iamac.ChangesProgressApplyConfiguration {
	if p == nil {
		return nil
	}
	return iamac.ChangesProgress().WithSource(p.Source).WithCookies(p.Cookies...).WithPosition(p.Position...)
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
