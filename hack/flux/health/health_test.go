// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

// Package health_test says what kstatus and Flux make of every state of every kind, on objects as the operator writes them.
package health_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fluxcd/pkg/apis/kustomize"
	"github.com/fluxcd/pkg/runtime/cel"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	kstatus "sigs.k8s.io/cli-utils/pkg/kstatus/status"
	"sigs.k8s.io/yaml"
)

const (
	// testdata are the files that config/argocd's health checks are tried on; test/e2e compares them with what the operator writes.
	testdata    = "../../../config/argocd/resource_customizations/iam.rollcall.dev/*/testdata/*.yaml"
	definitions = "../../../config/crd/bases/*.yaml"
	expressions = "../../../config/flux/health-checks.yaml"
)

// wanted is what a file's name says: what works, and what waits as its spec says, is current.
func wanted(path string) string {
	health, _, _ := strings.Cut(filepath.Base(path), "_")
	return map[string]string{"healthy": "Current", "suspended": "Current", "progressing": "InProgress", "degraded": "Failed"}[health]
}

// waitsForPeople says that a request is one: kstatus takes what is not Ready for being in progress.
func waitsForPeople(path string) bool {
	name := filepath.Base(path)
	return name == "suspended_pending.yaml" || name == "suspended_reviewPending.yaml"
}

func TestKstatus(t *testing.T) {
	forEach(t, func(t *testing.T, path string, object *unstructured.Unstructured) {
		want := wanted(path)
		if waitsForPeople(path) {
			want = "InProgress"
		}
		kstatusIs(t, object, want)
		object.SetGeneration(object.GetGeneration() + 1)
		kstatusIs(t, object, "InProgress")
	})
}

func kstatusIs(t *testing.T, object *unstructured.Unstructured, want string) {
	t.Helper()
	result, err := kstatus.Compute(object)
	if err != nil {
		t.Fatal(err)
	}
	if result.Status.String() != want {
		t.Errorf("is %s (%s), want %s", result.Status, result.Message, want)
	}
}

// TestConditions sees what every kind promises of its conditions, by which the rules above work.
func TestConditions(t *testing.T) {
	kinds := map[string]bool{}
	forEach(t, func(t *testing.T, path string, object *unstructured.Unstructured) {
		kinds[object.GetKind()] = true
		observed, found, err := unstructured.NestedInt64(object.Object, "status", "observedGeneration")
		if err != nil || !found {
			t.Fatal("no status.observedGeneration", err)
		}
		list, _, err := unstructured.NestedSlice(object.Object, "status", "conditions")
		if err != nil || len(list) == 0 && observed != -1 {
			t.Fatal("no conditions", err)
		}
		for _, item := range list {
			condition := item.(map[string]any)
			if condition["observedGeneration"] != observed || condition["message"] == "" || condition["reason"] == "" {
				t.Errorf("%v is of another generation than the status, or does not say why", condition)
			}
			present := condition["type"] == "Reconciling" || condition["type"] == "Stalled"
			if present && condition["status"] != "True" {
				t.Errorf("%v is there only while it is true", condition["type"])
			}
		}
	})
	crds, err := filepath.Glob(definitions)
	if err != nil || len(crds) != len(kinds) {
		t.Errorf("%d kinds have files, of %d that there are (%v)", len(kinds), len(crds), err)
	}
}

func TestFlux(t *testing.T) {
	checks := evaluators(t)
	seen := map[string]bool{}
	forEach(t, func(t *testing.T, path string, object *unstructured.Unstructured) {
		check := checks[object.GetAPIVersion()+"/"+object.GetKind()]
		if check == nil {
			t.Fatal("no healthCheckExprs for", object.GetKind())
		}
		seen[object.GetAPIVersion()+"/"+object.GetKind()] = true
		fluxSays(t, check, object, wanted(path))
		object.SetGeneration(object.GetGeneration() + 1)
		fluxSays(t, check, object, "InProgress")
	})
	if len(seen) != len(checks) {
		t.Errorf("%d kinds have expressions, %d have files", len(checks), len(seen))
	}
}

func fluxSays(t *testing.T, check *cel.StatusEvaluator, object *unstructured.Unstructured, want string) {
	t.Helper()
	result, err := check.Evaluate(context.Background(), object)
	if err != nil {
		t.Fatal(err)
	}
	if result.Status.String() != want {
		t.Errorf("is %s, want %s", result.Status, want)
	}
}

// evaluators are Flux's own, by kind.
func evaluators(t *testing.T) map[string]*cel.StatusEvaluator {
	t.Helper()
	var patch struct {
		Spec struct {
			HealthCheckExprs []kustomize.CustomHealthCheck `json:"healthCheckExprs"`
		} `json:"spec"`
	}
	content, err := os.ReadFile(expressions)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.UnmarshalStrict(content, &patch); err != nil {
		t.Fatal(err)
	}
	found := map[string]*cel.StatusEvaluator{}
	for _, check := range patch.Spec.HealthCheckExprs {
		found[check.APIVersion+"/"+check.Kind], err = cel.NewStatusEvaluator(&check.HealthCheckExpressions)
		if err != nil {
			t.Fatal(check.Kind, err)
		}
	}
	return found
}

func forEach(t *testing.T, do func(*testing.T, string, *unstructured.Unstructured)) {
	t.Helper()
	paths, err := filepath.Glob(testdata)
	if err != nil || len(paths) == 0 {
		t.Fatal("no files", err)
	}
	for _, path := range paths {
		t.Run(filepath.Join(filepath.Base(filepath.Dir(filepath.Dir(path))), filepath.Base(path)), func(t *testing.T) {
			content, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if content, err = yaml.YAMLToJSON(content); err != nil {
				t.Fatal(err)
			}
			object := &unstructured.Unstructured{}
			if err := object.UnmarshalJSON(content); err != nil {
				t.Fatal(err)
			}
			do(t, path, object)
		})
	}
}
