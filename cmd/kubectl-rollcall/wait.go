// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const (
	// verdictPatience is how long the operator gets to look at something, before a person is told that it still does.
	verdictPatience = 5 * time.Second
	// pollInterval is how often somebody looks who may get an object but not watch it.
	pollInterval = time.Second
)

// errGone says that an object was deleted while somebody waited for it.
var errGone = errors.New("it was deleted")

// follow calls done with an object as it is now, and whenever it changes, until that returns true or ctx ends. The object is filled.
func follow(ctx context.Context, c client.WithWatch, object client.Object, list client.ObjectList, done func() bool) error {
	uid := object.GetUID()
	for {
		err := c.Get(ctx, client.ObjectKeyFromObject(object), object)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case apierrors.IsNotFound(err), err == nil && object.GetUID() != uid:
			return errGone
		case err != nil:
			return err
		case done():
			return nil
		}
		if err := change(ctx, c, object, list); err != nil {
			return err
		}
	}
}

// change returns once an object may be another than the one that is known. A watch that is told no version begins with what there is,
// so nothing is missed in between.
func change(ctx context.Context, c client.WithWatch, object client.Object, list client.ObjectList) error {
	watcher, err := c.Watch(ctx, list, &client.ListOptions{
		FieldSelector: fields.OneTermEqualSelector("metadata.name", object.GetName()),
	})
	if err != nil {
		return pause(ctx, pollInterval)
	}
	defer watcher.Stop()
	for {
		select {
		case event, open := <-watcher.ResultChan():
			if !open || event.Type == watch.Error {
				return pause(ctx, pollInterval)
			}
			seen, ok := event.Object.(client.Object)
			if !ok || event.Type == watch.Deleted || seen.GetResourceVersion() != object.GetResourceVersion() {
				return nil
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// soon is follow for at most verdictPatience; in says whether it was in time. Who may not read the object is not told that it failed:
// what they did, they did.
func soon(ctx context.Context, c client.WithWatch, object client.Object, list client.ObjectList, done func() bool) (in bool, err error) {
	bounded, cancel := context.WithTimeout(ctx, verdictPatience)
	defer cancel()
	err = follow(bounded, c, object, list, done)
	switch {
	case ctx.Err() != nil:
		return false, errInterrupted
	case errors.Is(err, context.DeadlineExceeded), apierrors.IsForbidden(err), bounded.Err() != nil:
		return false, nil
	case err != nil:
		return false, fmt.Errorf("wait for %s: %w", object.GetName(), err)
	}
	return true, nil
}

// since are the options of a watch that goes on where a list ended.
func since(resourceVersion string) *metav1.ListOptions {
	return &metav1.ListOptions{ResourceVersion: resourceVersion}
}
