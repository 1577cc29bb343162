// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package integration_test

import (
	"context"
	"fmt"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	auditv1 "k8s.io/apiserver/pkg/apis/audit/v1"
	"k8s.io/client-go/kubernetes"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/config"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/rollcall-iam/rollcall/controllers"
	"github.com/rollcall-iam/rollcall/internal/operator"
	"github.com/rollcall-iam/rollcall/test/controlplane"
	"github.com/rollcall-iam/rollcall/test/installation"
)

// operatorUser is what the API server calls the operator.
const operatorUser = "system:serviceaccount:" + installation.Namespace + ":" + installation.ServiceAccount

// world is the control plane, its administrator, and the operator that is installed on it.
type world struct {
	// options of the control plane.
	options controlplane.Options
	plane   *controlplane.ControlPlane
	admin   client.Client
	set     kubernetes.Interface
	// kubeconfig of the operator's ServiceAccount.
	kubeconfig string
	// halt stops the operator, if one runs.
	halt func()
	// signs is who signs certificates: --signer.
	signs string
	// named counts the names that were given out.
	named int
}

func (w *world) start(ctx SpecContext) {
	GinkgoHelper()
	var err error
	w.plane, err = controlplane.Start(ctx, w.options)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(w.plane.Stop)
	Expect(installation.Install(ctx, w.plane)).To(Succeed())

	scheme, err := operator.Scheme()
	Expect(err).NotTo(HaveOccurred())
	w.admin, err = client.New(w.plane.RESTConfig(), client.Options{Scheme: scheme})
	Expect(err).NotTo(HaveOccurred())
	w.set = kubernetes.NewForConfigOrDie(w.plane.RESTConfig())
	w.kubeconfig, err = installation.ServiceAccountKubeconfig(ctx, w.plane, w.plane.URL())
	Expect(err).NotTo(HaveOccurred())
	w.halt = func() {}
	DeferCleanup(func() { w.halt() })
}

// live lets the operator work by itself.
func (w *world) live(ctx SpecContext) { w.run(ctx, controllers.Register) }

// run starts the operator in this process, in place of the one that runs, and returns once its caches are there.
func (w *world) run(ctx context.Context, register func(ctrl.Manager, operator.Environment) error) {
	GinkgoHelper()
	w.halt()
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	options := &operator.Options{
		Version:    operatorVersion,
		Kubeconfig: w.kubeconfig, Namespace: installation.Namespace, ClusterServer: w.plane.URL(),
		MetricsBindAddress: "0", HealthProbeBindAddress: "0", SessionRetention: 720 * time.Hour, Signer: w.signs,
	}
	ready, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		ended <- operator.Run(running, options, GinkgoLogr, func(mgr ctrl.Manager, environment operator.Environment) error {
			if err := register(unnamed{mgr}, environment); err != nil {
				return err
			}
			return mgr.Add(manager.RunnableFunc(func(context.Context) error { close(ready); return nil }))
		})
	}()
	w.halt = func() {
		cancel()
		Eventually(ended).Should(Receive(Not(HaveOccurred())), "the operator ends well")
		w.halt = func() {}
	}
	select {
	case <-ready:
	case err := <-ended:
		ended <- err
		Fail(fmt.Sprintf("the operator ended: %v", err))
	case <-ctx.Done():
		Fail("the operator did not get ready in time")
	}
}

// unnamed is a manager whose controllers may have names that others in this process had before.
type unnamed struct{ ctrl.Manager }

func (u unnamed) GetControllerOptions() config.Controller {
	options := u.Manager.GetControllerOptions()
	options.SkipNameValidation = new(true)
	return options
}

// name is one that nothing else in this suite has. Later ones sort after earlier ones.
func (w *world) name(prefix string) string {
	w.named++
	return fmt.Sprintf("%s-%04d", prefix, w.named)
}

// create creates objects as the administrator, and deletes them after the spec.
func (w *world) create(ctx context.Context, objects ...client.Object) {
	GinkgoHelper()
	for _, object := range objects {
		Expect(w.admin.Create(ctx, object)).To(Succeed())
		DeferCleanup(func(ctx SpecContext) { w.delete(ctx, object) })
	}
}

// delete deletes an object, whoever else holds on to it: the operator may stand still.
func (w *world) delete(ctx context.Context, object client.Object) {
	GinkgoHelper()
	Expect(client.IgnoreNotFound(w.admin.Delete(ctx, object))).To(Succeed())
	if _, namespace := object.(*corev1.Namespace); namespace {
		return
	}
	err := w.admin.Get(ctx, client.ObjectKeyFromObject(object), object)
	if apierrors.IsNotFound(err) {
		return
	}
	Expect(err).NotTo(HaveOccurred())
	free := client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`))
	Expect(client.IgnoreNotFound(w.admin.Patch(ctx, object, free))).To(Succeed())
}

// namespace makes a namespace of a new name.
func (w *world) namespace(ctx context.Context, labels map[string]string) *corev1.Namespace {
	GinkgoHelper()
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: w.name("ns"), Labels: labels}}
	w.create(ctx, namespace)
	return namespace
}

// change reads an object, changes it, and writes it, until nobody else wrote in between.
func change[T client.Object](ctx context.Context, w *world, object T, how func(T)) {
	GinkgoHelper()
	Eventually(ctx, func(g Gomega) {
		g.Expect(w.admin.Get(ctx, client.ObjectKeyFromObject(object), object)).To(Succeed())
		how(object)
		g.Expect(w.admin.Update(ctx, object)).To(Succeed())
	}).Should(Succeed())
}

// get reads an object as it is now.
func get[T client.Object](ctx context.Context, w *world, object T) T {
	GinkgoHelper()
	Expect(w.admin.Get(ctx, client.ObjectKeyFromObject(object), object)).To(Succeed())
	return object
}

// gone says whether there is no such object.
func (w *world) gone(ctx context.Context, object client.Object) bool {
	fresh, ok := object.DeepCopyObject().(client.Object)
	return ok && apierrors.IsNotFound(w.admin.Get(ctx, client.ObjectKeyFromObject(object), fresh))
}

func (w *world) kubectl(ctx context.Context, args ...string) (string, error) {
	return installation.Kubectl(ctx, w.plane, w.plane.AdminKubeconfig(), args...)
}

// mark is where the audit log ends now.
func (w *world) mark() controlplane.AuditMark {
	GinkgoHelper()
	mark, err := w.plane.AuditMark()
	Expect(err).NotTo(HaveOccurred())
	return mark
}

// writes are what the operator wrote since the mark, as "verb resource/subresource namespace/name", but for events, which are
// sent whenever there is time.
func (w *world) writes(mark controlplane.AuditMark) []string {
	GinkgoHelper()
	events, _, err := w.plane.AuditSince(mark)
	Expect(err).NotTo(HaveOccurred())
	writes := []string{}
	for i := range events {
		if written(&events[i]) {
			writes = append(writes, describe(&events[i]))
		}
	}
	return writes
}

func written(event *auditv1.Event) bool {
	switch event.Verb {
	case "create", "update", "patch", "delete", "deletecollection":
		return event.User.Username == operatorUser && event.ObjectRef.Resource != "events"
	}
	return false
}

func describe(event *auditv1.Event) string {
	o := event.ObjectRef
	resource := strings.TrimSuffix(o.Resource+"/"+o.Subresource, "/")
	return event.Verb + " " + resource + " " + strings.TrimPrefix(o.Namespace+"/"+o.Name, "/")
}
