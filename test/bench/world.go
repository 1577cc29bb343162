// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/internal/operator"
	"github.com/rollcall-iam/rollcall/test/controlplane"
	"github.com/rollcall-iam/rollcall/test/installation"
)

const (
	// writers is how many writes of the bare client are under way at once.
	writers = 16
	// patience is how long one step may take on a busy machine, and patienceEach that for each person.
	patience, patienceEach = 5 * time.Minute, 30 * time.Millisecond
	// sayEvery is how often a long step says how far it is.
	sayEvery = 5 * time.Second
)

// bench is one run: what is measured, and on what.
type bench struct {
	options
	company *company
	began   time.Time
	say     func(format string, args ...any)

	world

	manager *installation.Manager
}

// world is a control plane, and clients of its administrator.
type world struct {
	plane *controlplane.ControlPlane
	admin client.Client
	set   kubernetes.Interface
}

// part is what is measured on one control plane.
type part struct {
	name    string
	measure func(context.Context) ([]line, error)
}

// parts of a run, in the order in which they are measured.
func (b *bench) parts() []part {
	return []part{
		{partAudit, b.audit},
		{partDirectory, b.directory},
		{partAuthorization, b.authorization},
		{partCertificates, b.certify},
		{partKubeconfigs, b.kubeconfigs},
		{partLarge, b.large},
	}
}

// measure runs the parts that were asked for, one after the other.
func (b *bench) measure(ctx context.Context) (lines []line, err error) {
	for _, p := range b.parts() {
		if !b.wants(p.name) {
			continue
		}
		b.say("measuring: %s", p.name)
		found, err := b.on(ctx, p)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.name, err)
		}
		lines = append(lines, found...)
	}
	return lines, nil
}

// on measures a part on a control plane of its own, and stops everything.
func (b *bench) on(ctx context.Context, p part) (lines []line, err error) {
	defer func() { err = errors.Join(b.explain(err), b.stop()) }()
	if err := b.start(ctx); err != nil {
		return nil, err
	}
	return p.measure(ctx)
}

// start brings up a control plane with Rollcall's kinds, rights and policies. The manager does not run yet.
func (b *bench) start(ctx context.Context) (err error) {
	b.say("starting etcd, kube-apiserver and kube-controller-manager, and installing Rollcall's kinds and rights")
	b.world, err = b.newWorld(ctx)
	return err
}

// newWorld is a control plane with Rollcall's kinds, rights and policies. With an error it is there, too, if it has to be stopped.
func (b *bench) newWorld(ctx context.Context) (w world, err error) {
	// What is measured is not to wait for a limit that kube-controller-manager sets itself.
	options := controlplane.Options{ControllerManagerArgs: []string{"--kube-api-qps=-1"}}
	if b.pprof != "" {
		options.APIServerArgs = []string{"--profiling=true"}
	}
	if w.plane, err = controlplane.Start(ctx, options); err != nil {
		return w, err
	}
	if err := installation.Install(ctx, w.plane); err != nil {
		return w, err
	}
	scheme, err := operator.Scheme()
	if err != nil {
		return w, err
	}
	if w.admin, err = client.New(w.plane.RESTConfig(), client.Options{Scheme: scheme}); err != nil {
		return w, err
	}
	w.set, err = kubernetes.NewForConfig(w.plane.RESTConfig())
	return w, err
}

func (b *bench) startManager(ctx context.Context, args ...string) (err error) {
	b.say("starting bin/manager under its ServiceAccount")
	if b.pprof != "" {
		args = append(args, "--pprof-bind-address="+b.pprof)
	}
	b.manager, err = installation.StartManager(ctx, b.plane, installation.Options{Args: args})
	return err
}

func (b *bench) stopManager() error {
	if b.manager == nil {
		return nil
	}
	err := b.manager.Stop()
	b.manager = nil
	return err
}

// stop ends everything that was started.
func (b *bench) stop() error {
	err := b.stopManager()
	if b.plane != nil {
		err = errors.Join(err, b.plane.Stop())
		b.plane = nil
	}
	return err
}

// explain adds the end of the manager's log to what went wrong.
func (b *bench) explain(err error) error {
	if err == nil || b.manager == nil {
		return err
	}
	log, readErr := os.ReadFile(b.manager.Log())
	if readErr != nil {
		return err
	}
	all := strings.Split(strings.TrimSpace(string(log)), "\n")
	return fmt.Errorf("%w\n\nThe end of the operator's log:\n%s", err, strings.Join(all[max(0, len(all)-10):], "\n"))
}

// create makes objects with the bare client, many at a time.
func (b *bench) create(ctx context.Context, what string, objects []client.Object) error {
	return b.createIn(ctx, b.world, what, objects)
}

func (b *bench) createIn(ctx context.Context, w world, what string, objects []client.Object) error {
	b.say("creating %s %s", count(len(objects)), what)
	return b.inParallel(ctx, what, len(objects), func(ctx context.Context, i int) error { return w.admin.Create(ctx, objects[i]) })
}

// inParallel does n things, as many at a time as writers, and says how far it is.
func (b *bench) inParallel(ctx context.Context, what string, n int, do func(ctx context.Context, i int) error) error {
	doing, inner := errgroup.WithContext(ctx)
	doing.SetLimit(writers)
	var done atomic.Int64
	said := time.Now()
	for i := range n {
		if inner.Err() != nil {
			break
		}
		doing.Go(func() error {
			defer done.Add(1)
			return do(inner, i)
		})
		if time.Since(said) > sayEvery {
			said = time.Now()
			b.say("  %s of %s %s", count(int(done.Load())), count(n), what)
		}
	}
	return doing.Wait()
}

// kubectl is the administrator's.
func (b *bench) kubectl(ctx context.Context, args ...string) (string, error) {
	return installation.Kubectl(ctx, b.plane, b.plane.AdminKubeconfig(), args...)
}

// until asks again and again whether something came true. What it says last is the reason if it never does.
func (b *bench) until(ctx context.Context, what string, seen func(context.Context) (said string, ok bool, err error)) error {
	patience := patience + time.Duration(max(b.people, b.many))*patienceEach
	limited, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	last := time.Now()
	for {
		said, ok, err := seen(limited)
		if ok || err != nil {
			return err
		}
		if time.Since(last) > sayEvery {
			last = time.Now()
			b.say("  %s", said)
		}
		select {
		case <-limited.Done():
			return fmt.Errorf("within %s it did not come true that %s: %s", patience, what, said)
		case <-ticker.C:
		}
	}
}

const (
	// usualQuiet is how long almost nothing may be written before something is measured.
	usualQuiet = 3 * time.Second
	// quietWrites are those of a control plane that has nothing to do.
	quietWrites = 10
)

func (b *bench) quiet(ctx context.Context) error { return b.quietFor(ctx, usualQuiet) }

// quietFor waits until nobody writes any more: etcd counts every write.
func (b *bench) quietFor(ctx context.Context, quiet time.Duration) error {
	b.say("waiting until nothing is written any more")
	since, before := time.Now(), uint64(0)
	return b.until(ctx, "the control plane is quiet", func(ctx context.Context) (string, bool, error) {
		now, err := b.revision(ctx)
		if err != nil {
			return "", false, err
		}
		if now > before+quietWrites {
			since, before = time.Now(), now
		}
		return fmt.Sprintf("still writing, at revision %d", now), time.Since(since) >= quiet, nil
	})
}

func (b *bench) revision(ctx context.Context) (uint64, error) {
	var list corev1.NamespaceList
	if err := b.admin.List(ctx, &list, client.Limit(1)); err != nil {
		return 0, err
	}
	return strconv.ParseUint(list.ResourceVersion, 10, 64)
}
