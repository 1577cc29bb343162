// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package grant

import (
	"context"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/outcome"
)

// placesOf lists the namespaces that a Grant names or selects and that are not on their way out, sorted; or the cluster.
func (r *Reconciler) placesOf(ctx context.Context, s *scope) ([]string, error) {
	set := s.grant.Spec.Namespaces
	if s.grant.Spec.Scope == v1alpha1.ScopeCluster || set == nil {
		return []string{metav1.NamespaceAll}, nil
	}
	found, err := r.namedNamespaces(ctx, s, set.Names)
	if err != nil || set.Selector == nil {
		return found, err
	}
	selector, err := metav1.LabelSelectorAsSelector(set.Selector)
	if err != nil {
		s.problem(outcome.Terminalf(v1alpha1.ReasonInvalidConfig, "spec.namespaces.selector: %v", err))
		return found, nil
	}
	selected, err := r.selectedNamespaces(ctx, selector)
	found = append(found, selected...)
	slices.Sort(found)
	return slices.Compact(found), err
}

func (r *Reconciler) namedNamespaces(ctx context.Context, s *scope, names []string) ([]string, error) {
	var found, missing []string
	for _, name := range names {
		var namespace corev1.Namespace
		err := r.Client.Get(ctx, client.ObjectKey{Name: name}, &namespace)
		switch {
		case apierrors.IsNotFound(err) || err == nil && !namespace.DeletionTimestamp.IsZero():
			missing = append(missing, name)
		case err != nil:
			return nil, fmt.Errorf("get namespace %s: %w", name, err)
		default:
			found = append(found, name)
		}
	}
	if len(missing) > 0 {
		slices.Sort(missing)
		s.problem(outcome.Transientf(v1alpha1.ReasonNamespaceNotFound, "%s does not exist", list("namespace", missing)))
	}
	slices.Sort(found)
	return slices.Compact(found), nil
}

func (r *Reconciler) selectedNamespaces(ctx context.Context, selector labels.Selector) ([]string, error) {
	var namespaces corev1.NamespaceList
	err := r.Client.List(ctx, &namespaces, client.MatchingLabelsSelector{Selector: selector}, client.UnsafeDisableDeepCopy)
	if err != nil {
		return nil, fmt.Errorf("list namespaces: %w", err)
	}
	var names []string
	for i := range namespaces.Items {
		if namespaces.Items[i].DeletionTimestamp.IsZero() {
			names = append(names, namespaces.Items[i].Name)
		}
	}
	return names, nil
}

// selects says whether a Grant may hold in a namespace with these labels.
func selects(grant *v1alpha1.Grant, namespace client.Object) bool {
	set := grant.Spec.Namespaces
	if set == nil {
		return false
	}
	if slices.Contains(set.Names, namespace.GetName()) {
		return true
	}
	selector, err := metav1.LabelSelectorAsSelector(set.Selector)
	return err == nil && set.Selector != nil && selector.Matches(labels.Set(namespace.GetLabels()))
}

// bound is how many names a message lists.
const bound = 10

func bounded(names []string) string {
	if len(names) <= bound {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:bound], ", "), len(names)-bound)
}

func list(kind string, names []string) string {
	quoted := make([]string, len(names))
	for i, name := range names {
		quoted[i] = fmt.Sprintf("%s %q", kind, name)
	}
	return bounded(quoted)
}
