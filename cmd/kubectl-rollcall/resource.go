// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/rollcall-iam/rollcall/internal/answers"
)

// question is what the arguments of a command ask about.
type question struct {
	verb, target string
	// subresource as its flag has it; then what follows the resource is a name.
	subresource      string
	subresourceGiven bool
}

// action finds out which resource is meant, as kubectl does: by short name, kind, singular or plural, with or without its group.
func (t *tool) action(q question) (answers.Action, error) {
	target, err := answers.ParseTarget(q.target)
	if err != nil {
		return answers.Action{}, err
	}
	if target.Path != "" {
		return answers.Action{Verb: q.verb, Path: target.Path}, nil
	}
	found, err := t.find(q.verb, target.Resource)
	if err != nil {
		return answers.Action{}, err
	}
	action := answers.Action{Verb: q.verb, APIGroup: found.Group, Resource: found.Resource}
	if err := q.complete(&action, target, found.subresources); err != nil {
		return answers.Action{}, err
	}
	switch {
	case found.namespaced:
		action.Namespace, _, err = t.flags.ToRawKubeConfigLoader().Namespace()
	case found.GroupResource == schema.GroupResource{Resource: "namespaces"}:
		action.Namespace = action.Name // The authorizer takes a namespace to be in itself.
	}
	return action, err
}

// complete sets name and subresource.
func (q question) complete(action *answers.Action, target answers.Target, subresources []string) error {
	known := subresources
	if q.subresourceGiven {
		known = nil
	}
	action.Name, action.Subresource = target.Resolve(known)
	if q.subresourceGiven {
		action.Subresource = q.subresource
	}
	if action.Subresource == "" || action.Subresource == "*" || slices.Contains(subresources, action.Subresource) {
		return nil
	}
	if len(subresources) == 0 {
		return fmt.Errorf("%s has no subresources", action.Resource)
	}
	return fmt.Errorf("%s has no subresource %q, but %s", action.Resource, action.Subresource, strings.Join(subresources, ", "))
}

// served is a resource that the authorizer may be asked about.
type served struct {
	schema.GroupResource
	namespaced   bool
	subresources []string
}

func (t *tool) find(verb, resource string) (served, error) {
	if found, ok := unserved(verb, resource); ok {
		return found, nil
	}
	mapper, err := t.flags.ToRESTMapper()
	if err != nil {
		return served{}, err
	}
	mapping, err := mappingOf(mapper, resource)
	if err != nil {
		return served{}, err
	}
	found := served{GroupResource: mapping.Resource.GroupResource(), namespaced: mapping.Scope.Name() == meta.RESTScopeNameNamespace}
	found.subresources, err = t.subresources(mapping.Resource)
	return found, err
}

// unserved are resources that RBAC knows and the API does not serve, and the star, which only rules for everything match.
func unserved(verb, resource string) (served, bool) {
	name, group, _ := strings.Cut(strings.ToLower(resource), ".")
	of := func(group string, namespaced bool) (served, bool) {
		return served{GroupResource: schema.GroupResource{Group: group, Resource: name}, namespaced: namespaced}, true
	}
	switch {
	case name == "*":
		return of(group, true)
	case verb == "impersonate" && group == "" && slices.Contains([]string{"users", "groups"}, name):
		return of("", false)
	case verb == "impersonate" && name == "uids":
		return of("authentication.k8s.io", false)
	case name == "signers" && (group == "" || group == "certificates.k8s.io"):
		return of("certificates.k8s.io", false)
	default:
		return served{}, false
	}
}

func mappingOf(mapper meta.RESTMapper, resource string) (*meta.RESTMapping, error) {
	versioned, groupResource := schema.ParseResourceArg(strings.ToLower(resource))
	found, err := mapper.ResourceFor(groupResource.WithVersion(""))
	if err != nil && versioned != nil {
		found, err = mapper.ResourceFor(*versioned)
	}
	var ambiguous *meta.AmbiguousResourceError
	switch {
	case meta.IsNoMatchError(err):
		return nil, fmt.Errorf("the cluster has no resource %q: kubectl api-resources lists those that it has", resource)
	case errors.As(err, &ambiguous):
		return nil, fmt.Errorf("%q may be several resources: write RESOURCE.GROUP", resource)
	case err != nil:
		return nil, fmt.Errorf("look up the resource %q: %w", resource, err)
	}
	kind, err := mapper.KindFor(found)
	if err != nil {
		return nil, fmt.Errorf("look up the kind of %q: %w", resource, err)
	}
	mapping, err := mapper.RESTMapping(kind.GroupKind(), kind.Version)
	if err != nil {
		return nil, err
	}
	mapping.Resource = found
	return mapping, nil
}

// subresources of a resource, sorted. Those of nodes that the kubelet asks for are not served by the API.
func (t *tool) subresources(resource schema.GroupVersionResource) ([]string, error) {
	discovery, err := t.flags.ToDiscoveryClient()
	if err != nil {
		return nil, err
	}
	list, err := discovery.ServerResourcesForGroupVersion(resource.GroupVersion().String())
	if err != nil {
		return nil, fmt.Errorf("list the resources of %s: %w", resource.GroupVersion(), err)
	}
	var found []string
	if resource.GroupResource() == (schema.GroupResource{Resource: "nodes"}) {
		found = []string{"checkpoint", "configz", "healthz", "log", "metrics", "pods", "spec", "stats"}
	}
	for i := range list.APIResources {
		if name, ok := strings.CutPrefix(list.APIResources[i].Name, resource.Resource+"/"); ok {
			found = append(found, name)
		}
	}
	slices.Sort(found)
	return slices.Compact(found), nil
}
