// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"cmp"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/rollcall-iam/rollcall/internal/outcome"
)

// kinds says whether every kind is served as this plugin, and the operator of its version, know it.
func kinds(f *Facts, want *Expected) Check {
	const about = "kinds"
	if f.Kinds.Err != nil {
		return unread(about, "customresourcedefinitions.apiextensions.k8s.io", f.Kinds.Err)
	}
	var absent, bad, other []string
	for i := range want.Kinds {
		name := want.Kinds[i].GetName()
		live, found := f.Kinds.Value[name]
		if !found {
			absent = append(absent, name)
			continue
		}
		why, differs := compareKind(live, &want.Kinds[i])
		switch {
		case why != "":
			bad = append(bad, name+" "+why)
		case differs:
			other = append(other, name)
		}
	}
	c := Check{State: OK, About: about, Found: fmt.Sprintf("all %d are served, with every field that this plugin knows", len(want.Kinds))}
	switch {
	case len(absent) == len(want.Kinds):
		c.State, c.Found = Failed, "none is there: Rollcall is not installed"
		c.Do = "Install it: the kinds first. Is this the right --context?"
	case len(absent)+len(bad) > 0:
		var sentences []string
		if len(absent) > 0 {
			sentences = append(sentences, "missing: "+outcome.Bounded(absent))
		}
		c.State, c.Found = Failed, strings.Join(append(sentences, bad...), "; ")
		c.Do = "Install those of this version. What an older schema does not know is dropped without a word when it is written."
	case len(other) > 0:
		c.State = Warning
		c.Found = "other rules, limits, fields, storage or conversion than this plugin's: " + outcome.Bounded(other)
		c.Do = "Use a plugin and kinds of one version. If this plugin is the newer one, install its kinds."
	}
	if c.State != OK {
		c.Run, c.See = f.installed("crd"), "docs/upgrade.md"
	}
	return c
}

// compareKind is why a kind does not do, and whether it differs otherwise.
func compareKind(live, want *unstructured.Unstructured) (why string, differs bool) {
	if live.GetDeletionTimestamp() != nil {
		return "is being deleted, and everything of it", false
	}
	if status := conditionOf(live, "Established"); status != "True" {
		return "is not established: kubectl describe crd " + live.GetName() + " says why", false
	}
	if scope := scopeOf(live); scope != scopeOf(want) {
		return fmt.Sprintf("is %s, and should be %s", scope, scopeOf(want)), false
	}
	differs = storageOf(live) != storageOf(want) || conversionOf(live) != conversionOf(want)
	wanted, got := versionsOf(want), versionsOf(live)
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		if got[name] == nil {
			return fmt.Sprintf("does not serve version %s", name), false
		}
		if wanted[name].status && !got[name].status {
			return "has no subresource status, so that the operator can say nothing", false
		}
		missing := missingFields(got[name].schema, wanted[name].schema)
		if len(missing) > 0 {
			return "has no " + outcome.Bounded(missing), false
		}
		differs = differs || !reflect.DeepEqual(bare(got[name].schema), bare(wanted[name].schema))
	}
	return "", differs
}

func conditionOf(object *unstructured.Unstructured, kind string) string {
	conditions, _, _ := unstructured.NestedSlice(object.Object, "status", "conditions")
	for _, c := range conditions {
		if c, ok := c.(map[string]any); ok && c["type"] == kind {
			status, _ := c["status"].(string)
			return status
		}
	}
	return ""
}

func scopeOf(kind *unstructured.Unstructured) string {
	scope, _, _ := unstructured.NestedString(kind.Object, "spec", "scope")
	return scope
}

// conversionOf is how versions of a kind become each other.
func conversionOf(kind *unstructured.Unstructured) string {
	strategy, _, _ := unstructured.NestedString(kind.Object, "spec", "conversion", "strategy")
	return cmp.Or(strategy, "None")
}

// storageOf is the version in which objects of a kind are kept.
func storageOf(kind *unstructured.Unstructured) string {
	versions, _, _ := unstructured.NestedSlice(kind.Object, "spec", "versions")
	for _, v := range versions {
		version, _ := v.(map[string]any)
		if stored, _ := version["storage"].(bool); stored {
			name, _ := version["name"].(string)
			return name
		}
	}
	return ""
}

// served is how a version of a kind is.
type served struct {
	schema map[string]any
	// status says that it has that subresource.
	status bool
}

// versionsOf are the versions that are served.
func versionsOf(kind *unstructured.Unstructured) map[string]*served {
	found := map[string]*served{}
	versions, _, _ := unstructured.NestedSlice(kind.Object, "spec", "versions")
	for _, v := range versions {
		version, ok := v.(map[string]any)
		if isServed, _ := version["served"].(bool); !ok || !isServed {
			continue
		}
		name, _ := version["name"].(string)
		schema, _, _ := unstructured.NestedMap(version, "schema", "openAPIV3Schema")
		if schema == nil {
			schema = map[string]any{}
		}
		_, status, _ := unstructured.NestedMap(version, "subresources", "status")
		found[name] = &served{schema, status}
	}
	return found
}

// missingFields are those of a schema that another has not, in order, by their paths.
func missingFields(got, want map[string]any) []string {
	known := fields(got)
	var missing []string
	for _, path := range slices.Sorted(maps.Keys(fields(want))) {
		if !known[path] && !under(missing, path) {
			missing = append(missing, path)
		}
	}
	return missing
}

// under says whether what a field is in is missing itself.
func under(missing []string, path string) bool {
	return slices.ContainsFunc(missing, func(m string) bool { return strings.HasPrefix(path, m+".") || strings.HasPrefix(path, m+"[].") })
}

// fields are the paths of all fields of a schema.
func fields(schema map[string]any) map[string]bool {
	found := map[string]bool{}
	walk(schema, "", func(path string) { found[path] = true })
	return found
}

func walk(schema map[string]any, at string, visit func(path string)) {
	if properties, ok := schema["properties"].(map[string]any); ok {
		for name, property := range properties {
			path := strings.TrimPrefix(at+"."+name, ".")
			visit(path)
			if property, ok := property.(map[string]any); ok {
				walk(property, path, visit)
			}
		}
	}
	for _, inner := range []string{"items", "additionalProperties"} {
		if schema, ok := schema[inner].(map[string]any); ok {
			walk(schema, at+"[]", visit)
		}
	}
}

// bare is a schema without what is for readers alone.
func bare(value any) any {
	switch value := value.(type) {
	case map[string]any:
		left := make(map[string]any, len(value))
		for key, inner := range value {
			if _, text := inner.(string); key != "description" || !text {
				left[key] = bare(inner)
			}
		}
		return left
	case []any:
		left := make([]any, len(value))
		for i := range value {
			left[i] = bare(value[i])
		}
		return left
	case string:
		return flat(value)
	case int64: // Files and the API server's JSON differ in which numbers are whole.
		return float64(value)
	default:
		return value
	}
}
