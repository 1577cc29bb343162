// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package coverage

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/internal/usage"
)

const (
	// service is where API servers tell their addresses, and securePort the port there.
	service, securePort = "kubernetes", "https"
)

// target is an API server that can be asked.
type target struct {
	// address by which it is known: host:port.
	address string
	base    *url.URL
}

// targets are the API servers that there are: each by itself where they say so, else whatever answers the operator.
func (w *Watcher) targets(ctx context.Context) ([]target, error) {
	var found discoveryv1.EndpointSliceList
	err := w.Live.List(ctx, &found, client.InNamespace(corev1.NamespaceDefault), client.MatchingLabels{discoveryv1.LabelServiceName: service})
	if err != nil {
		return nil, fmt.Errorf("list EndpointSlices: %w", err)
	}
	addresses := addressesIn(found.Items)
	if len(addresses) > 0 {
		return direct(addresses), nil
	}
	base, _, err := rest.DefaultServerUrlFor(w.API)
	if err != nil {
		return nil, fmt.Errorf("read the API server's address: %w", err)
	}
	return []target{{address: base.Host, base: base}}, nil
}

func direct(addresses []string) []target {
	targets := make([]target, len(addresses))
	for i, address := range addresses {
		targets[i] = target{address: address, base: &url.URL{Scheme: "https", Host: address}}
	}
	return targets
}

// standing are the API servers that were there.
func standing(watches []usage.Watch) []target {
	var addresses []string
	for i := range watches {
		if watches[i].Left.IsZero() {
			addresses = append(addresses, watches[i].Address)
		}
	}
	return direct(addresses)
}

func addressesOf(targets []target) []string {
	addresses := make([]string, len(targets))
	for i := range targets {
		addresses[i] = targets[i].address
	}
	return addresses
}

// addressesIn are the addresses of a Service's endpoints, in order.
func addressesIn(slicesOfIt []discoveryv1.EndpointSlice) []string {
	var addresses []string
	for i := range slicesOfIt {
		slice := &slicesOfIt[i]
		port := portOf(slice.Ports)
		if port == "" || slice.AddressType == discoveryv1.AddressTypeFQDN {
			continue
		}
		for j := range slice.Endpoints {
			for _, address := range slice.Endpoints[j].Addresses {
				addresses = append(addresses, net.JoinHostPort(address, port))
			}
		}
	}
	slices.SortFunc(addresses, strings.Compare)
	return slices.Compact(addresses)
}

// portOf is the port of that name, or the only one.
func portOf(ports []discoveryv1.EndpointPort) string {
	for _, p := range ports {
		named := p.Name != nil && *p.Name == securePort
		if p.Port != nil && (named || len(ports) == 1) {
			return strconv.Itoa(int(*p.Port))
		}
	}
	return ""
}

// listingTrouble says why it is not known which API servers there are.
func listingTrouble(err error) string {
	if apierrors.IsForbidden(err) {
		return "which API servers there are is not known: the operator may not list endpointslices in namespace default, which Role " +
			"rollcall-audit in config/rbac lets it do"
	}
	return "which API servers there are is not known: the EndpointSlices of Service kubernetes cannot be listed"
}
