// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

// Package config has in it what this folder installs, for whoever compares a cluster with it: kubectl rollcall doctor.
package config

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/yaml"
)

//go:embed crd/bases/*.yaml policies/*.yaml rbac/*.yaml
var files embed.FS

// Objects are those of crd, policies and rbac, in the order of files.
type Objects struct {
	// Kinds are CustomResourceDefinitions.
	Kinds          []unstructured.Unstructured
	Policies       []admissionv1.ValidatingAdmissionPolicy
	PolicyBindings []admissionv1.ValidatingAdmissionPolicyBinding
	// Roles are those of namespaces and of the cluster, which have no namespace.
	Roles []rbacv1.Role
	// RoleBindings are those of namespaces and of the cluster, which have no namespace.
	RoleBindings []rbacv1.RoleBinding
}

// Read reads them.
func Read() (*Objects, error) {
	o := &Objects{}
	for _, folder := range []string{"crd/bases", "policies", "rbac"} {
		entries, err := files.ReadDir(folder)
		if err != nil {
			return nil, err
		}
		for _, entry := range entries {
			path := folder + "/" + entry.Name()
			if err := o.read(path); err != nil {
				return nil, fmt.Errorf("config/%s: %w", path, err)
			}
		}
	}
	return o, nil
}

func (o *Objects) read(path string) error {
	content, err := files.ReadFile(path)
	if err != nil {
		return err
	}
	documents := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(content), len(content))
	for {
		var object unstructured.Unstructured
		err := documents.Decode(&object.Object)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = o.add(object)
		}
		if err != nil {
			return err
		}
	}
}

func (o *Objects) add(object unstructured.Unstructured) error {
	switch object.GetKind() {
	case "CustomResourceDefinition":
		o.Kinds = append(o.Kinds, object)
		return nil
	case "ValidatingAdmissionPolicy":
		return put(object, &o.Policies)
	case "ValidatingAdmissionPolicyBinding":
		return put(object, &o.PolicyBindings)
	case "Role", "ClusterRole":
		return put(object, &o.Roles)
	case "RoleBinding", "ClusterRoleBinding":
		return put(object, &o.RoleBindings)
	default: // Kustomizations, the namespace, ServiceAccounts.
		return nil
	}
}

func put[T any](object unstructured.Unstructured, into *[]T) error {
	var typed T
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, &typed); err != nil {
		return err
	}
	*into = append(*into, typed)
	return nil
}
