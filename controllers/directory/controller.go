// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

// Package directory reads directories and mirrors their people and groups as Users and Groups.
package directory

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/directory"
	"github.com/rollcall-iam/rollcall/internal/directory/ldap"
	"github.com/rollcall-iam/rollcall/internal/index"
	"github.com/rollcall-iam/rollcall/internal/mirror"
	"github.com/rollcall-iam/rollcall/internal/outcome"
	"github.com/rollcall-iam/rollcall/internal/status"
)

const (
	// readTimeout bounds a full read.
	readTimeout = 10 * time.Minute
	// jitter spreads reads by this part of the interval, both ways.
	jitter = 0.1
	// settle is how long to wait where the cache does not show our own writes yet.
	settle = time.Second
)

// Reconciler reads Directories.
type Reconciler struct {
	Client client.Client
	// Live reads Secrets, which are not cached.
	Live     client.Reader
	Reporter status.Reporter
	Clock    clock.PassiveClock
	// Namespace is where the Secrets of Directories are.
	Namespace string
	// Backoff spaces the tries of a Directory that cannot be read.
	Backoff workqueue.TypedRateLimiter[reconcile.Request]
}

// scope is what one run learns of a Directory.
type scope struct {
	directory *v1alpha1.Directory
	started   time.Time
	plan      mirror.Plan
}

// Reconcile implements reconcile.Reconciler.
func (r *Reconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	s := &scope{directory: &v1alpha1.Directory{}, started: r.Clock.Now()}
	if err := r.Client.Get(ctx, request.NamespacedName, s.directory); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if !s.directory.DeletionTimestamp.IsZero() {
		return ctrl.Result{}, r.withdraw(ctx, s.directory)
	}
	if err := r.hold(ctx, s.directory); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if s.directory.Spec.Sync == v1alpha1.SyncPaused {
		return ctrl.Result{}, r.report(ctx, s, status.Ready(v1alpha1.ReasonPaused,
			"spec.sync is Paused: Users and Groups stay as they are"))
	}
	if err := r.sync(ctx, s); err != nil {
		return r.failed(ctx, request, s, err)
	}
	r.Backoff.Forget(request)
	return ctrl.Result{RequeueAfter: interval(s.directory)}, nil
}

// hold makes sure that the Directory's deletion waits for us.
func (r *Reconciler) hold(ctx context.Context, d *v1alpha1.Directory) error {
	if controllerutil.ContainsFinalizer(d, v1alpha1.FinalizerDirectory) {
		return nil
	}
	return r.patchFinalizers(ctx, d, controllerutil.AddFinalizer)
}

func (r *Reconciler) patchFinalizers(ctx context.Context, d *v1alpha1.Directory, change func(client.Object, string) bool) error {
	patch := client.MergeFromWithOptions(d.DeepCopy(), client.MergeFromWithOptimisticLock{})
	change(d, v1alpha1.FinalizerDirectory)
	if err := r.Client.Patch(ctx, d, patch, r.Reporter.FieldOwner); err != nil {
		return fmt.Errorf("change finalizers: %w", err)
	}
	return nil
}

// sync is a full read and what follows from it.
func (r *Reconciler) sync(ctx context.Context, s *scope) error {
	snapshot, err := r.read(ctx, s.directory)
	if err != nil {
		return err
	}
	if s.plan, err = r.planFor(ctx, s.directory, snapshot); err != nil {
		return err
	}
	if err := usable(s.directory, snapshot, &s.plan); err != nil {
		return err
	}
	if err := r.execute(ctx, s); err != nil {
		return err
	}
	return r.reportSynced(ctx, s)
}

// usable refuses a read in which nobody has an id: that is a wrong attribute or a missing right, not a company of strangers.
func usable(d *v1alpha1.Directory, snapshot *directory.Snapshot, plan *mirror.Plan) error {
	if people := len(snapshot.People); people > 0 && plan.PeopleSkipped[mirror.SkipNoID] == people {
		return outcome.Terminalf(v1alpha1.ReasonInvalidConfig,
			"none of the %d entries below %q shows its id: check spec.ldap.users.attributes.id, and what the bind DN may read",
			people, d.Spec.LDAP.Users.BaseDN)
	}
	return nil
}

func (r *Reconciler) read(ctx context.Context, d *v1alpha1.Directory) (*directory.Snapshot, error) {
	source, err := r.open(ctx, d.Spec.LDAP)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	return source.Read(ctx)
}

func (r *Reconciler) planFor(ctx context.Context, d *v1alpha1.Directory, snapshot *directory.Snapshot) (mirror.Plan, error) {
	users, err := index.UsersOfDirectory(ctx, r.Client, d.Name)
	if err != nil {
		return mirror.Plan{}, fmt.Errorf("list Users: %w", err)
	}
	groups, err := index.GroupsOfDirectory(ctx, r.Client, d.Name)
	if err != nil {
		return mirror.Plan{}, fmt.Errorf("list Groups: %w", err)
	}
	slices.SortFunc(users, func(a, b v1alpha1.User) int { return byAge(&a, &b) })
	slices.SortFunc(groups, func(a, b v1alpha1.Group) int { return byAge(&a, &b) })
	return mirror.New(mirror.Input{
		Directory: d, Snapshot: snapshot, Nested: ldap.Nested(d.Spec.LDAP), Users: users, Groups: groups, Now: r.Clock.Now(),
		UserTaken:  func(name string) bool { return r.taken(ctx, &v1alpha1.User{}, name) },
		GroupTaken: func(name string) bool { return r.taken(ctx, &v1alpha1.Group{}, name) },
	}), nil
}

func byAge(a, b client.Object) int {
	first, second := a.GetCreationTimestamp(), b.GetCreationTimestamp()
	return cmp.Or(first.Compare(second.Time), cmp.Compare(a.GetName(), b.GetName()))
}

// taken asks the cache. Should it not know yet, the API server refuses the creation, and the next read finds a name.
func (r *Reconciler) taken(ctx context.Context, object client.Object, name string) bool {
	return !apierrors.IsNotFound(r.Client.Get(ctx, client.ObjectKey{Name: name}, object))
}

// failed reports why nothing was mirrored and says when to try again.
func (r *Reconciler) failed(ctx context.Context, request ctrl.Request, s *scope, err error) (ctrl.Result, error) {
	if ctx.Err() != nil {
		return ctrl.Result{}, ctx.Err()
	}
	problem := *outcome.Of(err, v1alpha1.ReasonFailed)
	if problem.Kind == outcome.Waiting {
		return ctrl.Result{RequeueAfter: problem.After}, nil
	}
	if s.directory.Status.LastSyncTime != nil && len(s.plan.Users)+len(s.plan.Groups) == 0 {
		problem.Message += "; Users and Groups stay as the last complete read left them"
	}
	log.FromContext(ctx).V(1).Info("will try again", "reason", problem.Reason, "message", problem.Message)
	if err := r.report(ctx, s, status.NotReady(&problem)); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	return ctrl.Result{RequeueAfter: r.Backoff.When(request)}, nil
}

func interval(d *v1alpha1.Directory) time.Duration {
	seconds := float64(d.Spec.SyncIntervalSeconds)
	return time.Duration(seconds * (1 - jitter + 2*jitter*rand.Float64()) * float64(time.Second)) //nolint:gosec // Chance, not secrecy.
}

func (r *Reconciler) summary(s *scope) []metav1.Condition {
	message := fmt.Sprintf("%d users and %d groups are mirrored", s.plan.UserCount, s.plan.GroupCount)
	if skipped := s.plan.PeopleSkipped.String(); skipped != "" {
		message += "; people skipped: " + skipped
	}
	if skipped := s.plan.GroupsSkipped.String(); skipped != "" {
		message += "; groups skipped: " + skipped
	}
	return status.Ready(v1alpha1.ReasonSynced, message)
}
