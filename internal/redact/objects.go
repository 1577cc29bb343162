// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"strings"
	"unicode/utf8"
)

// ours begins the names of the annotations that are kept: those of others may hold anything.
const ours = "iam.rollcall.dev/"

// emptied are fields whose values are taken out, whatever is in them: keys, certificates, opaque state, and the environment of containers.
func emptied(key string) bool {
	switch key {
	case "publicKey", "caBundle", "cookies", "data", "stringData", "binaryData",
		"certificate-authority-data", "client-certificate-data", "client-key-data":
		return true
	default:
		return false
	}
}

// Object is what of an object may be handed on. The object itself is left as it is.
func (r *Redactor) Object(object map[string]any) map[string]any {
	redacted, _ := r.value("", object).(map[string]any)
	return redacted
}

// annotations are without those of others, which may hold anything, and without all of the spec once more.
func (r *Redactor) annotations(value any) any {
	annotations, ok := value.(map[string]any)
	if !ok {
		return LeftOut
	}
	left := make(map[string]any, len(annotations))
	for key, v := range annotations {
		switch {
		case strings.HasSuffix(key, "last-applied-configuration"):
		case strings.HasPrefix(key, ours):
			left[r.Text(key)] = r.value(key, v)
		default:
			left[r.Text(key)] = LeftOut
		}
	}
	return left
}

func (r *Redactor) value(key string, value any) any {
	if emptied(key) {
		return LeftOut
	}
	switch value := value.(type) {
	case map[string]any:
		return r.fields(key, value)
	case []any:
		redacted := make([]any, len(value))
		for i := range value {
			redacted[i] = r.value(key, value[i])
		}
		return redacted
	case string:
		return r.text(key, value)
	default:
		return value
	}
}

// text redacts one of a field. Where people and groups are in a directory is no person's name, though it looks like an entry's.
func (r *Redactor) text(key, value string) string {
	switch {
	case key == "apiVersion" || key == "kind": // Words of an API, and never somebody's name.
		return value
	case !utf8.ValidString(value):
		return LeftOut
	case (key == "baseDN" || key == "filter") && !r.keep:
		return r.names(r.withoutSecrets(value))
	default:
		return r.Text(value)
	}
}

func (r *Redactor) fields(key string, object map[string]any) map[string]any {
	if condition(object) {
		return r.condition(object)
	}
	redacted := make(map[string]any, len(object))
	for inner, v := range object {
		switch {
		case key == "metadata" && inner == "managedFields": // Who wrote what when, in thousands of lines.
		case key == "metadata" && inner == "annotations":
			redacted[inner] = r.annotations(v)
		default:
			redacted[r.Text(inner)] = r.value(inner, v)
		}
	}
	if key == "env" && object["value"] != nil {
		redacted["value"] = LeftOut
	}
	return redacted
}

// condition says whether something is a condition, whose type, status and reason are words of an API.
func condition(value map[string]any) bool {
	return value["type"] != nil && value["status"] != nil && value["lastTransitionTime"] != nil
}

func (r *Redactor) condition(value map[string]any) map[string]any {
	redacted := make(map[string]any, len(value))
	for key, v := range value {
		switch key {
		case "type", "status", "reason":
			redacted[key] = v
		default:
			redacted[key] = r.value(key, v)
		}
	}
	return redacted
}
