// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package directory

import (
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
)

// withdraw deletes what a Directory imported, then lets the Directory go. What others declared stays; the User controller sees
// that nobody vouches for it any more.
func (r *Reconciler) withdraw(ctx context.Context, d *v1alpha1.Directory) error {
	if !controllerutil.ContainsFinalizer(d, v1alpha1.FinalizerDirectory) {
		return nil
	}
	imported, err := r.imported(ctx, d)
	if err != nil {
		return err
	}
	if len(imported) > 0 {
		log.FromContext(ctx).Info("deleting what the Directory imported", "objects", len(imported))
	}
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(writers)
	for _, object := range imported {
		group.Go(func() error { return r.remove(groupCtx, object) })
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return client.IgnoreNotFound(r.patchFinalizers(ctx, d, controllerutil.RemoveFinalizer))
}

// imported lists past the cache, which may not show yet what was created last: this is the last look.
func (r *Reconciler) imported(ctx context.Context, d *v1alpha1.Directory) ([]client.Object, error) {
	var objects []client.Object
	for _, kind := range []string{"User", "Group"} {
		var list metav1.PartialObjectMetadataList
		list.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(kind + "List"))
		err := r.Live.List(ctx, &list, client.MatchingLabels{v1alpha1.LabelDirectory: d.Name})
		if apierrors.IsNotFound(err) || meta.IsNoMatchError(err) {
			continue // The kind itself is gone: everything is being uninstalled.
		}
		if err != nil {
			return nil, fmt.Errorf("list imported %ss: %w", kind, err)
		}
		for i := range list.Items {
			list.Items[i].SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(kind))
			objects = append(objects, &list.Items[i])
		}
	}
	return objects, nil
}

// remove deletes exactly the object that was decided about.
func (r *Reconciler) remove(ctx context.Context, object client.Object) error {
	uid := object.GetUID()
	err := r.Client.Delete(ctx, object, client.Preconditions{UID: &uid})
	if apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("delete %T %s: %w", object, object.GetName(), err)
	}
	return nil
}
