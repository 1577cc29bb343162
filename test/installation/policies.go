// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package installation

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/dynamic"

	"github.com/rollcall-iam/rollcall/test/controlplane"
)

// lastPolicy is the one that config/policies applies last: the API server learns of policies in the order in which they were written.
// Administrators are bound by it too.
const lastPolicy = "rollcall-requests"

// policiesInForce waits until the API server refuses what the last policy forbids: up to some seconds after it was written.
func policiesInForce(ctx context.Context, cp *controlplane.ControlPlane) error {
	client, err := dynamic.NewForConfig(cp.RESTConfig())
	if err != nil {
		return err
	}
	requests := client.Resource(schema.GroupVersionResource{Group: "iam.rollcall.dev", Version: "v1alpha1", Resource: "accessrequests"})
	answer := errors.New("no answer")
	err = wait.PollUntilContextTimeout(ctx, 50*time.Millisecond, readyTimeout, true, func(ctx context.Context) (bool, error) {
		_, refusal := requests.Create(ctx, requestOfAnother(), metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		if refusal == nil {
			return false, nil
		}
		answer = refusal
		return strings.Contains(refusal.Error(), lastPolicy), nil
	})
	if err != nil {
		return fmt.Errorf("config/policies are not in force: a request in the name of another is answered with: %w (%w)", answer, err)
	}
	return nil
}

// requestOfAnother is an AccessRequest that nobody may create.
func requestOfAnother() *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "iam.rollcall.dev/v1alpha1",
		"kind":       "AccessRequest",
		"metadata":   map[string]any{"name": "of-another"},
		"spec": map[string]any{
			"grantRef": map[string]any{"name": "none"}, "userName": "nobody-of-that-name", "durationSeconds": int64(1),
		},
	}}
}
