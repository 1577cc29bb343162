// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package directory

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
)

// observe writes what the directory says to the status of exactly the object that the plan is about. The API server does not compare
// uids in a write of status, but it does compare resource versions: where others wrote meanwhile, the uid is looked at here. An
// object that is gone, or that took the name of the one that was meant, is left to the next read.
func (r *Reconciler) observe(ctx context.Context, object client.Object, applied func(version string) runtime.ApplyConfiguration) error {
	version := object.GetResourceVersion()
	err := retry.OnError(retry.DefaultRetry, apierrors.IsConflict, func() error {
		err := r.Client.Status().Apply(ctx, applied(version), r.Reporter.FieldOwner, client.ForceOwnership)
		if !apierrors.IsConflict(err) {
			return client.IgnoreNotFound(err)
		}
		now, same, lookErr := r.look(ctx, object)
		if lookErr != nil || !same {
			return lookErr
		}
		version = now
		return err
	})
	if err != nil {
		return fmt.Errorf("write status of %T %s: %w", object, object.GetName(), err)
	}
	return nil
}

// look says which resource version an object has now, and whether it is still the same object.
func (r *Reconciler) look(ctx context.Context, object client.Object) (version string, same bool, err error) {
	kind, err := apiutil.GVKForObject(object, r.Client.Scheme())
	if err != nil {
		return "", false, err
	}
	var found metav1.PartialObjectMetadata
	found.SetGroupVersionKind(kind)
	if err := r.Live.Get(ctx, client.ObjectKeyFromObject(object), &found); err != nil {
		return "", false, client.IgnoreNotFound(err)
	}
	return found.ResourceVersion, found.UID == object.GetUID(), nil
}
