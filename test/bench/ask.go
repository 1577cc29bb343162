// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

const (
	// warmUp is how many questions of each kind are asked before any is measured.
	warmUp = 300
	// everybodysConfigMap is in each namespace, and in view, edit and admin.
	everybodysConfigMap = "kube-root-ca.crt"
)

// What is asked.
const (
	// anywhere are reviews of an unrelated user's request, in each namespace in turn: the authorizer looks at every binding that could
	// matter, and denies.
	anywhere = iota
	// busiest is the same in the namespace with most to look at.
	busiest
	// floor is a review of a request that is allowed before RBAC is asked: all of a review but its work.
	floor
	// denied and allowed are real requests over client certificates.
	denied
	allowed
	questions // How many there are.
)

// latencies of each question.
type latencies [questions]series

// askers ask each question and fail where the answer is another than expected.
type askers [questions]func(context.Context) error

// askers of a control plane have one connection for each identity: administrator, outsider, insider.
func (b *bench) askers(ctx context.Context, w world) (a askers, err error) {
	namespace := namespaceName(b.company.busiest())
	insider := b.company.insider(b.company.busiest())
	if insider < 0 {
		return a, fmt.Errorf("nobody of this company has access to %s: use more --grants", namespace)
	}
	if err := b.until(ctx, namespace+" has its ConfigMap", func(ctx context.Context) (string, bool, error) {
		_, err := w.set.CoreV1().ConfigMaps(namespace).Get(ctx, everybodysConfigMap, metav1.GetOptions{})
		return "it is not there yet", !apierrors.IsNotFound(err), nil
	}); err != nil {
		return a, err
	}
	outsider := b.company.outsider()
	a[anywhere] = w.reviewer(b.company.namespaceNames(), false, outsider, "system:authenticated")
	a[busiest] = w.reviewer([]string{namespace}, false, outsider, "system:authenticated")
	a[floor] = w.reviewer([]string{namespace}, true, outsider, "system:authenticated", "system:masters")
	if a[denied], err = w.getter(namespace, outsider, false); err != nil {
		return a, err
	}
	a[allowed], err = w.getter(namespace, personName(insider), true)
	return a, err
}

// reviewer asks about the same in each of the namespaces in turn.
func (w world) reviewer(namespaces []string, allowed bool, user string, groups ...string) func(context.Context) error {
	review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
		User: user, Groups: groups,
		ResourceAttributes: &authorizationv1.ResourceAttributes{
			Verb: "get", Version: "v1", Resource: "configmaps", Name: everybodysConfigMap,
		},
	}}
	asked := 0
	return func(ctx context.Context) error {
		review.Spec.ResourceAttributes.Namespace = namespaces[asked%len(namespaces)]
		asked++
		answer, err := w.set.AuthorizationV1().SubjectAccessReviews().Create(ctx, review, metav1.CreateOptions{})
		if err == nil && answer.Status.Allowed != allowed {
			return fmt.Errorf("review of %s in groups %v: allowed is %t: %s", user, groups, answer.Status.Allowed, answer.Status.Reason)
		}
		return err
	}
}

func (w world) getter(namespace, user string, allowed bool) (func(context.Context) error, error) {
	config, err := w.plane.User(user)
	if err != nil {
		return nil, err
	}
	set, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) error {
		_, err := set.CoreV1().ConfigMaps(namespace).Get(ctx, everybodysConfigMap, metav1.GetOptions{})
		switch {
		case !allowed && err == nil:
			return fmt.Errorf("%s may get what nobody allowed", user)
		case !allowed && apierrors.IsForbidden(err):
			return nil
		}
		return err
	}, nil
}

// askAll asks all questions in turn, one after the other, each of every control plane, so that whatever else the machine does meets all
// alike. Who is asked first takes turns, too.
func (b *bench) askAll(ctx context.Context, sides []askers) ([]latencies, error) {
	found := make([]latencies, len(sides))
	for i := range warmUp + b.reviews {
		for q := range questions {
			for turn := range sides {
				side := (turn + i) % len(sides)
				began := time.Now()
				if err := sides[side][q](ctx); err != nil {
					return nil, err
				}
				if took := time.Since(began); i >= warmUp {
					found[side][q] = append(found[side][q], took)
				}
			}
		}
	}
	return found, nil
}
