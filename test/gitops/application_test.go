// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package gitops_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/test/argocd"
	"github.com/rollcall-iam/rollcall/test/installation"
)

const (
	applicationName = "access"
	isSynced        = "Synced"
	isHealthy       = "Healthy"
	isSuspended     = "Suspended"
)

// state is what an Application says of itself.
type state struct{ Sync, Revision, Health, Phase, Operation string }

func (s state) String() string {
	return fmt.Sprintf("%-9s at %-8s %-11s last sync %-9s of %s", s.Sync, short(s.Revision), s.Health, s.Phase, short(s.Operation))
}

func short(revision string) string { return revision[:min(8, len(revision))] }

func stateOf(app *unstructured.Unstructured) state {
	field := func(path ...string) string {
		value, _, _ := unstructured.NestedString(app.Object, append([]string{"status"}, path...)...)
		return value
	}
	return state{
		Sync: field("sync", "status"), Revision: field("sync", "revision"), Health: field("health", "status"),
		Phase: field("operationState", "phase"), Operation: field("operationState", "syncResult", "revision"),
	}
}

func newApplication() *unstructured.Unstructured {
	app := &unstructured.Unstructured{}
	app.SetAPIVersion("argoproj.io/v1alpha1")
	app.SetKind("Application")
	app.SetNamespace(argocd.Namespace)
	app.SetName(applicationName)
	return app
}

func application(ctx context.Context) *unstructured.Unstructured {
	GinkgoHelper()
	app := newApplication()
	Expect(k8s.Get(ctx, client.ObjectKeyFromObject(app), app)).To(Succeed())
	return app
}

// diary keeps every state that the Application was ever in.
type diary struct {
	mutex sync.Mutex
	begun time.Time
	last  state
	lines []string
	syncs []string
}

// keepDiary follows the Application until the container that it is called in ends, and prints what it saw.
func keepDiary(ctx context.Context) *diary {
	GinkgoHelper()
	d := &diary{begun: time.Now()}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	list := &unstructured.UnstructuredList{}
	list.SetAPIVersion("argoproj.io/v1alpha1")
	list.SetKind("ApplicationList")
	events, err := k8s.Watch(ctx, list, client.InNamespace(argocd.Namespace))
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() {
		cancel()
		d.mutex.Lock()
		defer d.mutex.Unlock()
		reportf("the Application, from its creation on:\n%s", strings.Join(d.lines, "\n"))
	})
	go func() {
		for event := range events.ResultChan() {
			if app, is := event.Object.(*unstructured.Unstructured); is && app.GetName() == applicationName {
				d.see(stateOf(app))
			}
		}
	}()
	return d
}

func (d *diary) see(now state) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	if now == d.last {
		return
	}
	if now.Sync != d.last.Sync {
		d.syncs = append(d.syncs, now.Sync)
	}
	d.last = now
	d.lines = append(d.lines, fmt.Sprintf("%7.1f s  %s", time.Since(d.begun).Seconds(), now))
}

// notef writes what happened between the states.
func (d *diary) notef(format string, args ...any) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	d.lines = append(d.lines, fmt.Sprintf("%7.1f s  -- ", time.Since(d.begun).Seconds())+fmt.Sprintf(format, args...))
}

// mark is where the diary is now.
func (d *diary) mark() int {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	return len(d.syncs)
}

// since are the sync states that the Application has entered after a mark.
func (d *diary) since(mark int) []string {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	return d.syncs[mark:]
}

// refresh has Argo CD look at Git now, as a webhook of the Git server would.
func refresh(ctx context.Context) {
	GinkgoHelper()
	_, err := installation.Kubectl(ctx, plane, plane.AdminKubeconfig(), "annotate", "applications.argoproj.io", applicationName,
		"-n", argocd.Namespace, "--overwrite", "argocd.argoproj.io/refresh=normal")
	Expect(err).NotTo(HaveOccurred())
}

// becomes waits until a revision is synced and the Application in that health.
func becomes(ctx context.Context, revision, health string) {
	GinkgoHelper()
	refresh(ctx)
	Eventually(ctx, func(g Gomega) {
		app := application(ctx)
		now := stateOf(app)
		g.Expect(now).To(Equal(state{isSynced, revision, health, "Succeeded", revision}), "%s", complaints(app))
	}).Should(Succeed())
}

// complaints are what the Application says about its resources, and why a sync failed.
func complaints(app *unstructured.Unstructured) string {
	told, _, _ := unstructured.NestedString(app.Object, "status", "operationState", "message")
	conditions, _, _ := unstructured.NestedSlice(app.Object, "status", "conditions")
	results, _, _ := unstructured.NestedSlice(app.Object, "status", "operationState", "syncResult", "resources")
	return fmt.Sprintf("%s\n%v\n%v\n%s", told, conditions, results, strings.Join(resources(app), "\n"))
}

// resources are the objects that the Application holds, each with what Argo CD makes of it.
func resources(app *unstructured.Unstructured) []string {
	list, _, _ := unstructured.NestedSlice(app.Object, "status", "resources")
	told := make([]string, 0, len(list))
	for _, item := range list {
		r, _ := item.(map[string]any)
		health, _ := r["health"].(map[string]any)
		told = append(told, fmt.Sprintf("%v %v: %v, %v, %v", r["kind"], r["name"], r["status"], health["status"], health["message"]))
	}
	return told
}

// history is what the Application keeps of its syncs.
func history(app *unstructured.Unstructured) string {
	list, _, _ := unstructured.NestedSlice(app.Object, "status", "history")
	lines := make([]string, 0, len(list))
	for _, item := range list {
		h, _ := item.(map[string]any)
		revision, _ := h["revision"].(string)
		lines = append(lines, fmt.Sprintf("%v: %s, deployed %v", h["id"], short(revision), h["deployedAt"]))
	}
	return strings.Join(lines, "\n")
}
