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
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/departure"
	"github.com/rollcall-iam/rollcall/internal/directory"
	"github.com/rollcall-iam/rollcall/internal/directory/ldap"
	"github.com/rollcall-iam/rollcall/internal/index"
	"github.com/rollcall-iam/rollcall/internal/mirror"
	"github.com/rollcall-iam/rollcall/internal/outcome"
	"github.com/rollcall-iam/rollcall/internal/reach"
	"github.com/rollcall-iam/rollcall/internal/sources"
	"github.com/rollcall-iam/rollcall/internal/status"
)

const (
	// jitter spreads reads by this part of the interval, both ways.
	jitter = 0.1
	// settle is how long to wait where the cache does not show our own writes yet.
	settle = time.Second
)

// Reconciler reads Directories.
type Reconciler struct {
	Client client.Client
	// Live reads past the cache.
	Live     client.Reader
	Reporter status.Reporter
	Clock    clock.PassiveClock
	// Sources opens what Directories name.
	Sources *sources.Opener
	// Backoff spaces the tries of a Directory that cannot be read.
	Backoff workqueue.TypedRateLimiter[reconcile.Request]
	// Metrics tell how well it goes.
	Metrics *Metrics
	// Departures are told who leaves; nil where nobody asks.
	Departures *departure.Watch

	once     sync.Once
	memories *memories
}

// scope is what one run learns of a Directory.
type scope struct {
	// directory as this run sees it: its status grows towards what will be reported.
	directory *v1alpha1.Directory
	// before is the status that was reported last.
	before  v1alpha1.DirectoryStatus
	memory  *memory
	started time.Time
	plan    mirror.Plan
}

// Reconcile implements reconcile.Reconciler.
func (r *Reconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	s := &scope{directory: &v1alpha1.Directory{}, started: r.Clock.Now()}
	if err := r.Client.Get(ctx, request.NamespacedName, s.directory); err != nil {
		if apierrors.IsNotFound(err) {
			r.forget(request.Name)
		}
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if !s.directory.DeletionTimestamp.IsZero() {
		r.forget(request.Name)
		return ctrl.Result{}, r.withdraw(ctx, s.directory)
	}
	if err := r.hold(ctx, s.directory); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	s.memory = r.remembered().of(s.directory)
	if s.memory.reported != nil {
		s.directory.Status = *s.memory.reported.DeepCopy()
	}
	s.before = *s.directory.Status.DeepCopy()
	if s.directory.Spec.Sync == v1alpha1.SyncPaused {
		r.forget(request.Name)
		return ctrl.Result{}, r.report(ctx, s, status.Ready(v1alpha1.ReasonPaused,
			"spec.sync is Paused: Users and Groups stay as they are"))
	}
	if err := r.sync(ctx, s); err != nil {
		return r.failed(ctx, request, s, err)
	}
	if s.memory.problem == nil {
		r.Backoff.Forget(request)
	}
	return ctrl.Result{RequeueAfter: s.memory.next(s.started)}, nil
}

// remembered makes the memories when the first Directory needs one.
func (r *Reconciler) remembered() *memories {
	r.once.Do(func() { r.memories = newMemories(r.Clock) })
	return r.memories
}

// forget drops what is known of a Directory that is not read any more.
func (r *Reconciler) forget(name string) {
	r.remembered().forget(name)
	r.Metrics.forget(name)
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

// sync brings the cluster to what the directory says: what it told since the last run, and a full read where that is due.
func (r *Reconciler) sync(ctx context.Context, s *scope) error {
	m := s.memory
	m.hear()
	if err := r.catchUp(ctx, s); err != nil {
		return err
	}
	if !m.due(s.directory, s.started) {
		return r.reportKnown(ctx, s)
	}
	outdated, err := r.readWhole(ctx, s)
	if err == nil && outdated != nil {
		err = r.mirrorOutdated(ctx, s, outdated)
	}
	// What was told meanwhile waits for no read that failed, or is not believed.
	if told := r.catchUp(ctx, s); err == nil {
		err = told
	}
	if err != nil {
		return err
	}
	return r.reportKnown(ctx, s)
}

// catchUp makes Users and Groups what is known of the directory, if they may not be that yet. Where it fails, that is still to be done.
func (r *Reconciler) catchUp(ctx context.Context, s *scope) error {
	m := s.memory
	if !m.owes(r.Clock.Now()) || m.replica == nil {
		return nil
	}
	plan, err := r.planFor(ctx, s, m.replica, m.guard())
	if err == nil {
		err = r.carryOut(ctx, s, plan)
	}
	if err != nil {
		m.planned.Store(true)
	}
	return err
}

// mirrorOutdated weighs a full read that is older than what was read before. Where it would change nothing, or somebody accepts what it
// would, it is the state of the directory now; else all stays as it is, and what the directory tells goes on being mirrored.
func (r *Reconciler) mirrorOutdated(ctx context.Context, s *scope, outdated *directory.Replica) error {
	m := s.memory
	guard := m.guard()
	guard.Behind = true
	owed := m.planned.Swap(false)
	plan, err := r.planFor(ctx, s, outdated, guard)
	if err != nil || plan.Held != nil {
		m.planned.CompareAndSwap(false, owed)
	}
	if err != nil {
		return err
	}
	if m.aside = plan.Held; m.aside != nil {
		m.problem, m.doubted, s.directory.Status.Pending = nil, m.aside.Doubted, &m.aside.Pending
		return nil
	}
	m.adopt(outdated, s.started)
	m.goBack()
	err = r.carryOut(ctx, s, plan)
	if err != nil {
		m.planned.Store(true)
	}
	return err
}

// carryOut writes a plan, and remembers what came of it.
func (r *Reconciler) carryOut(ctx context.Context, s *scope, plan mirror.Plan) error {
	m := s.memory
	s.plan = plan
	m.writes(&plan)
	r.time(&plan, cmp.Or(m.learnt, r.Clock.Now()))
	if err := r.execute(ctx, s); err != nil {
		return err
	}
	r.Metrics.wrote(s.directory.Name, &plan)
	m.wrote(&plan, r.Clock.Now())
	known := &s.directory.Status
	known.Users, known.Groups = new(int32(plan.UserCount)), new(int32(plan.GroupCount)) //nolint:gosec // Counts of objects in memory.
	known.UsernamePrefix, known.Pending = &plan.UsernamePrefix, nil
	if held := m.held(); held != nil {
		known.Pending = &held.Pending
	}
	return nil
}

// time begins to measure how long those who leave keep access, from when that became known.
func (r *Reconciler) time(plan *mirror.Plan, learnt time.Time) {
	for i := range plan.Users {
		change := &plan.Users[i]
		switch change.Why {
		case mirror.WhyLeft, mirror.WhyDisabled, mirror.WhyReplaced:
			r.Departures.Left(change.Object.Status.Username, learnt)
		default:
			r.Departures.Back(change.Object.Status.Username)
		}
	}
}

func (r *Reconciler) planFor(ctx context.Context, s *scope, known *directory.Replica, guard mirror.Guard) (mirror.Plan, error) {
	d := s.directory
	users, err := index.UsersOfDirectory(ctx, r.Client, d.Name)
	if err != nil {
		return mirror.Plan{}, fmt.Errorf("list Users: %w", err)
	}
	groups, err := index.GroupsOfDirectory(ctx, r.Client, d.Name)
	if err != nil {
		return mirror.Plan{}, fmt.Errorf("list Groups: %w", err)
	}
	named, err := reach.Named(ctx, r.Client)
	if err != nil {
		return mirror.Plan{}, fmt.Errorf("find whom Grants name: %w", err)
	}
	return mirror.New(mirror.Input{
		Directory: d, Snapshot: known.Snapshot(), Nested: ldap.Nested(d.Spec.LDAP), Now: r.Clock.Now(),
		Users: oldestFirst(users), Groups: oldestFirst(groups),
		Granted: mirror.Granted(named), Guard: guard,
		UserTaken:  func(name string) bool { return r.taken(ctx, &v1alpha1.User{}, name) },
		GroupTaken: func(name string) bool { return r.taken(ctx, &v1alpha1.Group{}, name) },
	}), nil
}

// oldestFirst sorts objects. They are large, and there may be very many: what is moved about while that is done is their places. Then each
// moves once, to where the one that was there left.
func oldestFirst[T any, Object interface {
	*T
	client.Object
}](objects []T) []T {
	from := make([]int, len(objects))
	for i := range from {
		from[i] = i
	}
	slices.SortFunc(from, func(a, b int) int { return byAge(Object(&objects[a]), Object(&objects[b])) })
	for i := range from {
		first := objects[i]
		for to := i; from[to] != to; {
			next := from[to]
			if objects[to] = objects[next]; next == i {
				objects[to] = first
			}
			to, from[to] = next, to
		}
	}
	return objects
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
	m, problem := s.memory, *outcome.Of(err, v1alpha1.ReasonFailed)
	if problem.Kind == outcome.Waiting {
		return ctrl.Result{RequeueAfter: problem.After}, nil
	}
	after := r.Backoff.When(request)
	// A spec or an annotation that was tried is not tried anew before that.
	m.generation, m.accept, m.nextRead = s.directory.Generation, s.directory.Annotations[v1alpha1.AnnotationAcceptLoss], s.started.Add(after)
	if s.directory.Status.LastSyncTime != nil && len(s.plan.Users)+len(s.plan.Groups) == 0 {
		problem.Message += "; Users and Groups stay as the last complete read left them"
	}
	m.problem = &problem
	log.FromContext(ctx).V(1).Info("will try again", "reason", problem.Reason, "message", problem.Message)
	if err := r.report(ctx, s, status.NotReady(&problem)); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	return ctrl.Result{RequeueAfter: after}, nil
}

func interval(d *v1alpha1.Directory) time.Duration {
	seconds := float64(d.Spec.SyncIntervalSeconds)
	return time.Duration(seconds * (1 - jitter + 2*jitter*rand.Float64()) * float64(time.Second)) //nolint:gosec // Chance, not secrecy.
}
