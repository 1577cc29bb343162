// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
)

// kinds are those that a directory is mirrored to, with their resources.
var kinds = []struct{ kind, resource string }{{"User", "users"}, {"Group", "groups"}}

// keep notes what mirroring made, for the bare client.
func (m *mirrored) keep(ctx context.Context) (lines []line, err error) {
	m.made = map[string][]*unstructured.Unstructured{}
	for _, k := range kinds {
		if m.made[k.kind], err = m.copies(ctx, k.kind); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

// bare has a client that decides nothing write what the operator wrote: the same objects, and their status as often, sixteen writes at a
// time, on a control plane that is as empty as the operator's was. Some come before, so that the control plane has done what it does once.
func (m *mirrored) bare(ctx context.Context) (took time.Duration, writes int, err error) {
	m.say("writing the same with a bare client")
	w, err := m.newWorld(ctx)
	if w.plane != nil {
		defer func() { err = errors.Join(err, w.plane.Stop()) }()
	}
	if err != nil {
		return 0, 0, err
	}
	for _, k := range kinds {
		objects, statuses := m.made[k.kind], m.did.writes["patch "+k.resource+"/status"]
		for i := range min(warmObjects, len(objects)) {
			if err := copyTo(ctx, w.admin, objects[i], fmt.Sprintf("warm-%d", i), 2); err != nil {
				return 0, 0, err
			}
		}
		began := time.Now()
		if err := m.inParallel(ctx, k.resource, len(objects), func(ctx context.Context, i int) error {
			return copyTo(ctx, w.admin, objects[i], objects[i].GetName(), share(statuses, len(objects), i))
		}); err != nil {
			return 0, 0, err
		}
		took += time.Since(began)
		writes += len(objects) + statuses
	}
	return took, writes, nil
}

// warmObjects of each kind come before.
const warmObjects = 10

// share is the i-th of n equal shares of whole things, of which the first get what is left over.
func share(things, n, i int) int {
	if i < things%n {
		return things/n + 1
	}
	return things / n
}

// copies are the objects of a kind as they could be created elsewhere, with their status.
func (m *mirrored) copies(ctx context.Context, kind string) ([]*unstructured.Unstructured, error) {
	list := &unstructured.UnstructuredList{}
	list.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(kind + "List"))
	if err := m.admin.List(ctx, list); err != nil {
		return nil, err
	}
	copies := make([]*unstructured.Unstructured, len(list.Items))
	for i := range list.Items {
		from := &list.Items[i]
		to := fresh(from.GroupVersionKind(), from.GetName())
		to.SetLabels(from.GetLabels())
		to.Object["spec"], to.Object["status"] = from.Object["spec"], from.Object["status"]
		copies[i] = to
	}
	return copies, nil
}

func fresh(kind schema.GroupVersionKind, name string) *unstructured.Unstructured {
	object := &unstructured.Unstructured{}
	object.SetGroupVersionKind(kind)
	object.SetName(name)
	return object
}

// copyTo creates an object under a name, and applies its status so many times: first what the directory says of it, then all that the
// operator does.
func copyTo(ctx context.Context, admin client.Client, object *unstructured.Unstructured, name string, times int) error {
	created := fresh(object.GroupVersionKind(), name)
	created.SetLabels(object.GetLabels())
	created.Object["spec"] = object.Object["spec"]
	if err := admin.Create(ctx, created); err != nil {
		return err
	}
	for i := range times {
		applied, owner := fresh(object.GroupVersionKind(), name), "second"
		status := map[string]any{}
		for field, value := range statusFields(object) {
			if (i == 0) == saysDirectory(field) {
				status[field] = value
			}
		}
		if i == 0 {
			owner = "first"
		} else {
			status["observedGeneration"] = int64(i) // Not the same as before, which would not be written.
		}
		applied.Object["status"] = status
		if err := admin.Status().Apply(ctx, client.ApplyConfigurationFromUnstructured(applied), client.FieldOwner(owner)); err != nil {
			return err
		}
	}
	return nil
}

// statusFields of an object.
func statusFields(object *unstructured.Unstructured) map[string]any {
	status, _ := object.Object["status"].(map[string]any)
	return status
}

// saysDirectory says that a field of the status is what the Directory controller writes.
func saysDirectory(field string) bool {
	return field == "identity" || field == "id" || field == "state"
}
