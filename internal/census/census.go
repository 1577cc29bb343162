// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

// Package census counts what there is and how it is with that, by what the cache tells of each change: nothing is listed for it.
package census

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/prometheus/client_golang/prometheus"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/meter"
)

// Metrics are what the leader tells.
type Metrics struct{ objects, users, dormant, kubeconfigs, sessions *prometheus.GaugeVec }

// NewMetrics registers the metrics, or finds those that are registered.
func NewMetrics(to prometheus.Registerer) *Metrics {
	return &Metrics{
		objects: meter.Gauge(to, meter.Metric{
			Name: "rollcall_objects", Teller: meter.Leader,
			Help: "Objects, by kind, by state, and by the reason of their condition Ready. Ready: all is as it should be; Waiting: something " +
				"is awaited, or tried again; Stalled: until a person acts; Unknown: nothing was decided yet.",
			Labels: []meter.Label{
				{Name: "kind", Values: slices.Sorted(maps.Keys(kindsCounted()))},
				{Name: "state", Values: []string{Ready, Waiting, Stalled, Unknown}},
				{Name: "reason", Of: "reason of the condition Ready"},
			},
			Watch: "`Stalled`: `RollcallStalled`. Requests that wait for approval are " +
				"`{kind=\"AccessRequest\",state=\"Waiting\",reason=\"Pending\"}`, Locks in force `{kind=\"Lock\",reason=\"Locked\"}`.",
		}),
		users: meter.Gauge(to, meter.Metric{
			Name: "rollcall_users", Teller: meter.Leader,
			Help:   "Users, by whether they may act: Active, or the reason of their condition Active.",
			Labels: []meter.Label{{Name: "state", Values: userStates()}},
			Watch:  "A step in `Active`; `UsernameTaken` and `IdentityReplaced`, for which somebody has to act.",
		}),
		dormant: meter.Gauge(to, meter.Metric{
			Name: "rollcall_dormant_users", Teller: meter.Leader,
			Help:  "Users who may act and were not seen for long (--dormant-after). 0 where audit logs do not arrive.",
			Watch: "Access that nobody uses: `kubectl rollcall dormant`.",
		}),
		kubeconfigs: meter.Gauge(to, meter.Metric{
			Name: "rollcall_kubeconfigs", Teller: meter.Leader,
			Help:   "Users that ask for a kubeconfig Secret, by how it is with that: the reason of their condition Kubeconfig.",
			Labels: []meter.Label{{Name: "state", Values: kubeconfigStates()}},
			Watch:  "Everything but `Issued`, `Issuing` and `UserInactive`: `RollcallKubeconfigsNotRenewed`.",
		}),
		sessions: meter.Gauge(to, meter.Metric{
			Name: "rollcall_active_sessions", Teller: meter.Leader,
			Help:   "Sessions that go on, by how their people proved who they are. Managed: for a kubeconfig Secret.",
			Labels: []meter.Label{{Name: "method", Values: methods()}},
			Watch:  "A step down: everybody was locked out, or nothing could be renewed.",
		}),
	}
}

// Census counts. It is a Runnable of the leader alone.
type Census struct {
	Cache   cache.Cache
	Metrics *Metrics
}

// row is one way to count the objects of a kind.
type row struct {
	count *count
	of    func(client.Object) []string
}

// watched is a kind and how it is counted.
type watched struct {
	object client.Object
	rows   []row
}

// Start implements manager.Runnable.
func (c *Census) Start(ctx context.Context) error {
	counts, kinds := c.kinds()
	var synced []toolscache.InformerSynced
	for _, kind := range kinds {
		informer, err := c.Cache.GetInformer(ctx, kind.object)
		if err != nil {
			return fmt.Errorf("watch %T: %w", kind.object, err)
		}
		registration, err := informer.AddEventHandler(kind.handler())
		if err != nil {
			return fmt.Errorf("watch %T: %w", kind.object, err)
		}
		defer func() { _ = informer.RemoveEventHandler(registration) }() //nolint:gocritic // All of them, when the manager stops.
		synced = append(synced, registration.HasSynced)
	}
	if toolscache.WaitForCacheSync(ctx.Done(), synced...) {
		for count, zero := range counts {
			count.tell(zero)
		}
	}
	<-ctx.Done()
	return nil
}

// kinds are how everything is counted, and what is told as 0 where there is none of it.
func (c *Census) kinds() (counts map[*count][][]string, kinds []watched) {
	objects, users, dormant := newCount(c.Metrics.objects), newCount(c.Metrics.users), newCount(c.Metrics.dormant)
	kubeconfigs, sessions := newCount(c.Metrics.kubeconfigs), newCount(c.Metrics.sessions)
	for kind, object := range kindsCounted() {
		rows := []row{{objects, func(object client.Object) []string { return append([]string{kind}, ofObject(conditionsOf(object))...) }}}
		switch object.(type) {
		case *v1alpha1.User:
			rows = append(rows, row{users, as(ofUser)}, row{dormant, as(ofDormant)}, row{kubeconfigs, as(ofKubeconfig)})
		case *v1alpha1.Session:
			rows = append(rows, row{sessions, as(ofSession)})
		}
		kinds = append(kinds, watched{object, rows})
	}
	return map[*count][][]string{
		objects: nil, users: each(userStates()), dormant: {{}}, kubeconfigs: each(kubeconfigStates()), sessions: each(methods()),
	}, kinds
}

func kindsCounted() map[string]client.Object {
	return map[string]client.Object{
		"Directory": &v1alpha1.Directory{}, "User": &v1alpha1.User{}, "Group": &v1alpha1.Group{}, "Grant": &v1alpha1.Grant{},
		"AccessRequest": &v1alpha1.AccessRequest{}, "Approval": &v1alpha1.Approval{}, "Lock": &v1alpha1.Lock{},
		"Session": &v1alpha1.Session{}, "Installation": &v1alpha1.Installation{},
	}
}

// as lets what is asked of one kind be asked of any object of it.
func as[T client.Object](of func(T) []string) func(client.Object) []string {
	return func(object client.Object) []string {
		if typed, ok := object.(T); ok {
			return of(typed)
		}
		return nil
	}
}

// each makes a combination of labels of each value.
func each(values []string) [][]string {
	labels := make([][]string, len(values))
	for i, value := range values {
		labels[i] = []string{value}
	}
	return labels
}

// handler counts what an informer tells. It tells of each object what it told last, too, so that nothing has to be remembered of any.
func (w *watched) handler() toolscache.ResourceEventHandler {
	return toolscache.ResourceEventHandlerFuncs{
		AddFunc:    func(object any) { w.move(nil, object) },
		UpdateFunc: w.move,
		DeleteFunc: func(object any) {
			if missed, ok := object.(toolscache.DeletedFinalStateUnknown); ok {
				object = missed.Obj
			}
			w.move(object, nil)
		},
	}
}

func (w *watched) move(before, after any) {
	for _, row := range w.rows {
		row.count.move(said(row, before), said(row, after))
	}
}

func said(row row, object any) []string {
	if seen, ok := object.(client.Object); ok {
		return row.of(seen)
	}
	return nil
}
