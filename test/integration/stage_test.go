// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package integration_test

import (
	"context"
	"reflect"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/utils/clock"
	clocktesting "k8s.io/utils/clock/testing"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/controllers"
	"github.com/rollcall-iam/rollcall/internal/operator"
	"github.com/rollcall-iam/rollcall/internal/signer"
)

// The names of the controllers.
const (
	directoryController    = "directory"
	userController         = "user"
	groupController        = "group"
	grantController        = "grant"
	credentialController   = "credential"
	lockController         = "lock"
	accessController       = "access"
	sessionController      = "session"
	installationController = "installation"
)

// stage is an operator that stands still: its controllers are those of production, wired as there, but nobody calls them except
// the spec, and the time is what the spec says.
type stage struct {
	*world
	clock       *clocktesting.FakePassiveClock
	signer      *signer.Signer
	environment operator.Environment
	cached      client.Client
	controllers map[string]reconcile.Reconciler
}

// still replaces the operator that runs by one that stands still.
func (s *stage) still(ctx SpecContext) {
	GinkgoHelper()
	s.stand(ctx, func(mgr ctrl.Manager) ctrl.Manager { return mgr })
}

// stand is still, with something put in between the controllers and their manager.
func (s *stage) stand(ctx SpecContext, between func(ctrl.Manager) ctrl.Manager) {
	GinkgoHelper()
	s.clock = clocktesting.NewFakePassiveClock(clock.RealClock{}.Now())
	s.controllers = map[string]reconcile.Reconciler{}
	s.run(ctx, func(mgr ctrl.Manager, environment operator.Environment) error {
		s.environment, s.cached = environment, mgr.GetClient()
		s.signer = &s.environment.Signer
		wired := s.environment
		wired.Clock, wired.Signer = s.clock, replaceable{s.signer}
		if wired.Authority != nil {
			wired.Authority.Clock = s.clock
		}
		return controllers.Register(held{Manager: between(mgr), controllers: s.controllers}, wired)
	})
}

// replaceable lets a spec put another signer in place of the operator's.
type replaceable struct{ signer *signer.Signer }

func (r replaceable) Sign(ctx context.Context, request signer.Request) ([]byte, error) {
	return (*r.signer).Sign(ctx, request)
}

func (r replaceable) Name() string { return (*r.signer).Name() }

func (r replaceable) Shortest() time.Duration { return (*r.signer).Shortest() }

// with puts another signer in place of the operator's, until the spec ends.
func (s *stage) with(another signer.Signer) {
	before := *s.signer
	*s.signer = another
	DeferCleanup(func() { *s.signer = before })
}

// held is a manager that keeps its controllers from being started.
type held struct {
	ctrl.Manager
	controllers map[string]reconcile.Reconciler
}

func (h held) Add(runnable manager.Runnable) error {
	if c, ok := runnable.(controller.Controller); ok {
		h.controllers[reflect.ValueOf(c).Elem().FieldByName("Name").String()] = c
		return nil
	}
	return h.Manager.Add(runnable)
}

// reconcile calls a controller once for an object, as soon as the cache shows the present, and returns when it wants to be called
// again.
func (s *stage) reconcile(ctx context.Context, name string, object client.Object) time.Duration {
	GinkgoHelper()
	after, err := s.attempt(ctx, name, object)
	Expect(err).NotTo(HaveOccurred())
	return after
}

// attempt is reconcile, where it may fail.
func (s *stage) attempt(ctx context.Context, name string, object client.Object) (time.Duration, error) {
	GinkgoHelper()
	Expect(s.controllers).To(HaveKey(name))
	s.settle(ctx)
	request := reconcile.Request{NamespacedName: client.ObjectKey{Name: object.GetName()}}
	result, err := s.controllers[name].Reconcile(ctx, request)
	return result.RequeueAfter, err
}

// settle waits until the operator's cache shows the present.
func (s *stage) settle(ctx context.Context) {
	GinkgoHelper()
	managed := client.MatchingLabels{v1alpha1.LabelManagedBy: v1alpha1.ManagedBy}
	for _, kind := range []struct {
		list    client.ObjectList
		options []client.ListOption
	}{
		{list: &v1alpha1.DirectoryList{}},
		{list: &v1alpha1.UserList{}},
		{list: &v1alpha1.GroupList{}},
		{list: &v1alpha1.GrantList{}},
		{list: &v1alpha1.LockList{}},
		{list: &v1alpha1.SessionList{}},
		{list: &v1alpha1.AccessRequestList{}},
		{list: &v1alpha1.ApprovalList{}},
		{list: &v1alpha1.InstallationList{}},
		{list: &corev1.NamespaceList{}},
		{list: roles("RoleList")},
		{list: roles("ClusterRoleList")},
		{list: &rbacv1.RoleBindingList{}, options: []client.ListOption{managed}},
		{list: &rbacv1.ClusterRoleBindingList{}, options: []client.ListOption{managed}},
	} {
		Eventually(ctx, func(g Gomega) {
			g.Expect(versions(ctx, g, s.cached, kind.list, kind.options...)).To(Equal(versions(ctx, g, s.admin, kind.list, kind.options...)))
		}).WithPolling(time.Millisecond).Should(Succeed(), "the cache shows the present")
	}
}

func roles(kind string) *metav1.PartialObjectMetadataList {
	list := &metav1.PartialObjectMetadataList{}
	list.SetGroupVersionKind(rbacv1.SchemeGroupVersion.WithKind(kind))
	return list
}

func versions(ctx context.Context, g Gomega, from client.Reader, list client.ObjectList, options ...client.ListOption) map[string]string {
	g.Expect(from.List(ctx, list, options...)).To(Succeed())
	found := map[string]string{}
	g.Expect(meta.EachListItem(list, func(item runtime.Object) error {
		object, err := meta.Accessor(item)
		if err == nil {
			found[string(object.GetUID())] = object.GetResourceVersion()
		}
		return err
	})).To(Succeed())
	return found
}

// passes lets time pass.
func (s *stage) passes(d time.Duration) { s.clock.SetTime(s.clock.Now().Add(d)) }
