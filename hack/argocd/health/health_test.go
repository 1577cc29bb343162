// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

// Package health_test runs the health checks of config/argocd in Argo CD's own Lua VM, on objects as the operator writes them.
package health_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/argoproj/argo-cd/v3/pkg/apis/application/v1alpha1"
	"github.com/argoproj/argo-cd/v3/util/lua"
	"github.com/argoproj/gitops-engine/pkg/health"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

const (
	customizations = "../../../config/argocd/resource_customizations/iam.rollcall.dev"
	configMap      = "../../../config/argocd/argocd-cm.yaml"
	prefix         = "resource.customizations.health."
)

// tests are of Argo CD's own format, so that its own test runs them too.
type tests struct {
	Tests []struct {
		InputPath    string              `json:"inputPath"`
		HealthStatus health.HealthStatus `json:"healthStatus"`
	} `json:"tests"`
}

// overrides are the checks as Argo CD has them of argocd-cm: by group and kind, without Lua's standard libraries.
func overrides(t *testing.T) lua.ResourceHealthOverrides {
	t.Helper()
	var cm struct {
		Data map[string]string `json:"data"`
	}
	read(t, configMap, &cm)
	found := lua.ResourceHealthOverrides{}
	for key, script := range cm.Data {
		if name, is := strings.CutPrefix(key, prefix); is {
			found[strings.Replace(name, "_", "/", 1)] = v1alpha1.ResourceOverride{HealthLua: script}
		}
	}
	return found
}

func TestEveryKind(t *testing.T) {
	checks := overrides(t)
	kinds, err := os.ReadDir(customizations)
	if err != nil {
		t.Fatal(err)
	}
	if len(kinds) == 0 || len(kinds) != len(checks) {
		t.Fatalf("%d kinds have a folder and %d a check in argocd-cm", len(kinds), len(checks))
	}
	for _, kind := range kinds {
		t.Run(kind.Name(), func(t *testing.T) { everyState(t, checks, filepath.Join(customizations, kind.Name())) })
	}
}

// everyState tries a kind's check on each of its files, and each file must be named.
func everyState(t *testing.T, checks lua.ResourceHealthOverrides, dir string) {
	t.Helper()
	var wanted tests
	read(t, filepath.Join(dir, "health_test.yaml"), &wanted)
	files, err := filepath.Glob(filepath.Join(dir, "testdata", "*.yaml"))
	if err != nil || len(files) == 0 || len(files) != len(wanted.Tests) {
		t.Fatalf("%d files are tried of %d that there are (%v)", len(wanted.Tests), len(files), err)
	}
	script, err := os.ReadFile(filepath.Join(dir, "health.lua"))
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range wanted.Tests {
		t.Run(filepath.Base(test.InputPath), func(t *testing.T) {
			object := load(t, filepath.Join(dir, test.InputPath))
			installed, libraries, err := lua.VM{ResourceOverrides: checks}.GetHealthScript(object)
			if err != nil || libraries || installed != string(script) {
				t.Fatalf("argocd-cm has another check than health.lua, or asks for Lua's libraries: %v", err)
			}
			is(t, checks, object, test.HealthStatus)
			object.SetGeneration(object.GetGeneration() + 1)
			is(t, checks, object, health.HealthStatus{Status: "Progressing", Message: "the operator has not seen it as it is now"})
		})
	}
}

// is also sees that a name says what its health is: progressing_new.yaml.
func is(t *testing.T, checks lua.ResourceHealthOverrides, object *unstructured.Unstructured, want health.HealthStatus) {
	t.Helper()
	got, err := checks.GetResourceHealth(object)
	if err != nil {
		t.Fatal(err)
	}
	if *got != want {
		t.Errorf("is %q, %q\nwant %q, %q", got.Status, got.Message, want.Status, want.Message)
	}
}

func TestNamesSayTheHealth(t *testing.T) {
	named, err := filepath.Glob(filepath.Join(customizations, "*", "health_test.yaml"))
	if err != nil || len(named) == 0 {
		t.Fatal("no tests", err)
	}
	for _, path := range named {
		var found tests
		read(t, path, &found)
		for _, test := range found.Tests {
			name, _, _ := strings.Cut(filepath.Base(test.InputPath), "_")
			if name != strings.ToLower(string(test.HealthStatus.Status)) {
				t.Errorf("%s: %s is said to be %s", path, test.InputPath, test.HealthStatus.Status)
			}
		}
	}
}

func load(t *testing.T, path string) *unstructured.Unstructured {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	content, err = yaml.YAMLToJSON(content)
	if err != nil {
		t.Fatal(err)
	}
	object := &unstructured.Unstructured{}
	if err := object.UnmarshalJSON(content); err != nil {
		t.Fatal(err)
	}
	return object
}

func read(t *testing.T, path string, into any) {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(content, into); err != nil {
		t.Fatal(path, err)
	}
}
