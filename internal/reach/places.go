// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package reach

import (
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/outcome"
)

// Places is where a Grant can hold.
type Places struct {
	// Namespaces that it names or selects, that are not on their way out, and where its role exists, sorted; metav1.NamespaceAll
	// stands for the cluster.
	Namespaces []string
	// Problems are what is missing, in the order in which a person should see it.
	Problems []*outcome.Problem
}

func (p *Places) problem(problem *outcome.Problem) { p.Problems = append(p.Problems, problem) }

// PlacesOf says where a Grant can hold.
func PlacesOf(ctx context.Context, c client.Reader, grant *v1alpha1.Grant) (Places, error) {
	var p Places
	namespaces, err := p.namespaces(ctx, c, grant)
	if err != nil {
		return Places{}, err
	}
	role := grant.Spec.RoleRef
	if role.Kind == v1alpha1.RoleKindRole {
		err := p.keepWithRole(ctx, c, role.Name, namespaces)
		return p, err
	}
	found, err := exists(ctx, c, "ClusterRole", client.ObjectKey{Name: role.Name})
	if err != nil {
		return Places{}, err
	}
	if !found {
		p.problem(outcome.Transientf(v1alpha1.ReasonRoleNotFound, "ClusterRole %q does not exist", role.Name))
		return p, nil
	}
	p.Namespaces = namespaces
	return p, nil
}

func (p *Places) keepWithRole(ctx context.Context, c client.Reader, role string, namespaces []string) error {
	var without []string
	for _, namespace := range namespaces {
		found, err := exists(ctx, c, "Role", client.ObjectKey{Namespace: namespace, Name: role})
		if err != nil {
			return err
		}
		if found {
			p.Namespaces = append(p.Namespaces, namespace)
		} else {
			without = append(without, namespace)
		}
	}
	if len(without) > 0 {
		p.problem(outcome.Transientf(v1alpha1.ReasonRoleNotFound, "Role %q does not exist in %s", role, outcome.Names("namespace", without)))
	}
	return nil
}

func exists(ctx context.Context, c client.Reader, kind string, key client.ObjectKey) (bool, error) {
	role := &metav1.PartialObjectMetadata{}
	role.SetGroupVersionKind(rbacv1.SchemeGroupVersion.WithKind(kind))
	if err := c.Get(ctx, key, role); err != nil {
		return false, client.IgnoreNotFound(err)
	}
	return true, nil
}

func (p *Places) namespaces(ctx context.Context, c client.Reader, grant *v1alpha1.Grant) ([]string, error) {
	set := grant.Spec.Namespaces
	if grant.Spec.Scope == v1alpha1.ScopeCluster || set == nil {
		return []string{metav1.NamespaceAll}, nil
	}
	found, err := p.named(ctx, c, set.Names)
	if err != nil || set.Selector == nil {
		return found, err
	}
	selector, err := metav1.LabelSelectorAsSelector(set.Selector)
	if err != nil {
		p.problem(outcome.Terminalf(v1alpha1.ReasonInvalidConfig, "spec.namespaces.selector: %v", err))
		return found, nil
	}
	selected, err := selected(ctx, c, selector)
	return unique(append(found, selected...)), err
}

func (p *Places) named(ctx context.Context, c client.Reader, names []string) ([]string, error) {
	var found, missing []string
	for _, name := range names {
		var namespace corev1.Namespace
		err := c.Get(ctx, client.ObjectKey{Name: name}, &namespace)
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
		p.problem(outcome.Transientf(v1alpha1.ReasonNamespaceNotFound, "%s does not exist", outcome.Names("namespace", missing)))
	}
	return unique(found), nil
}

func selected(ctx context.Context, c client.Reader, selector labels.Selector) ([]string, error) {
	var namespaces corev1.NamespaceList
	if err := c.List(ctx, &namespaces, client.MatchingLabelsSelector{Selector: selector}, client.UnsafeDisableDeepCopy); err != nil {
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

// Selects says whether a Grant may hold in a namespace with these labels.
func Selects(grant *v1alpha1.Grant, namespace client.Object) bool {
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
