// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package csr_test

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync"

	certificatesv1 "k8s.io/api/certificates/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	certificatesclient "k8s.io/client-go/kubernetes/typed/certificates/v1"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
)

const requester = "operator"

// api is the API of requests as far as the operator may use it, in memory: what happened has versions, and a watch begins at one. It signs
// nothing by itself.
type api struct {
	certificatesclient.CertificateSigningRequestInterface

	lock     sync.Mutex
	stored   map[string]*certificatesv1.CertificateSigningRequest
	history  []watch.Event
	watches  []*feed
	begun    []metav1.ListOptions
	refusing error
	// meddle does something before an approval.
	meddle func(name string)
	// label of what is stored, instead of the one that was asked for.
	label string
}

// feed is a watch.
type feed struct {
	*watch.ProxyWatcher
	events chan watch.Event
	ended  bool
}

// roomy is more than any spec has events.
const roomy = 1000

func newAPI() *api { return &api{stored: map[string]*certificatesv1.CertificateSigningRequest{}} }

func (a *api) Create(
	_ context.Context, request *certificatesv1.CertificateSigningRequest, _ metav1.CreateOptions,
) (*certificatesv1.CertificateSigningRequest, error) {
	a.lock.Lock()
	defer a.lock.Unlock()
	created := request.DeepCopy()
	created.Name = fmt.Sprintf("%s%d", created.GenerateName, len(a.stored))
	created.Spec.Username = requester
	if a.label != "" {
		created.Labels[v1alpha1.LabelManagedBy] = a.label
	}
	return a.store(watch.Added, created), nil
}

func (a *api) UpdateApproval(
	_ context.Context, name string, request *certificatesv1.CertificateSigningRequest, _ metav1.UpdateOptions,
) (*certificatesv1.CertificateSigningRequest, error) {
	if a.meddle != nil {
		a.meddle(name)
	}
	a.lock.Lock()
	defer a.lock.Unlock()
	if a.stored[name].ResourceVersion != request.ResourceVersion {
		return nil, apierrors.NewConflict(certificatesv1.Resource("certificatesigningrequests"), name, nil)
	}
	return a.store(watch.Modified, request), nil
}

// store stores a request, and tells those who watch.
func (a *api) store(event watch.EventType, request *certificatesv1.CertificateSigningRequest) *certificatesv1.CertificateSigningRequest {
	request = request.DeepCopy()
	request.ResourceVersion = strconv.Itoa(len(a.history) + 1)
	a.stored[request.Name] = request
	told := watch.Event{Type: event, Object: request}
	a.history = append(a.history, told)
	for _, w := range a.watches {
		if !w.ended {
			w.events <- told
		}
	}
	return request.DeepCopy()
}

func (a *api) Watch(_ context.Context, options metav1.ListOptions) (watch.Interface, error) {
	a.lock.Lock()
	defer a.lock.Unlock()
	a.begun = append(a.begun, options)
	if a.refusing != nil {
		return nil, a.refusing
	}
	from, err := strconv.Atoi(options.ResourceVersion)
	if err != nil {
		return nil, err
	}
	events := make(chan watch.Event, roomy)
	for _, event := range a.history[from:] {
		events <- event
	}
	w := &feed{ProxyWatcher: watch.NewProxyWatcher(events), events: events}
	a.watches = append(a.watches, w)
	return w, nil
}

// become changes a request as others do, and says at which version.
func (a *api) become(event watch.EventType, name string, change func(*certificatesv1.CertificateSigningRequest)) string {
	a.lock.Lock()
	defer a.lock.Unlock()
	request := a.stored[name].DeepCopy()
	change(request)
	return a.store(event, request).ResourceVersion
}

// sign signs: every request has a certificate of its own.
func (a *api) sign(name string) string {
	return a.become(watch.Modified, name, func(r *certificatesv1.CertificateSigningRequest) {
		r.Status.Certificate = certificate(r.Spec.Request)
	})
}

func certificate(request []byte) []byte { return slices.Concat([]byte("signed: "), request) }

// fail ends the watches, after an error where there is one.
func (a *api) fail(last *apierrors.StatusError) {
	a.lock.Lock()
	defer a.lock.Unlock()
	for _, w := range a.watches {
		if w.ended {
			continue
		}
		w.ended = true
		if last != nil {
			w.events <- watch.Event{Type: watch.Error, Object: &last.ErrStatus}
		}
		close(w.events)
	}
}

// refuse has watches refused from now on, or not any more.
func (a *api) refuse(err error) {
	a.lock.Lock()
	defer a.lock.Unlock()
	a.refusing = err
}

// approved are the names of the requests that are approved and not signed.
func (a *api) approved() []string {
	a.lock.Lock()
	defer a.lock.Unlock()
	var names []string
	for name, request := range a.stored {
		if len(request.Status.Conditions) > 0 && len(request.Status.Certificate) == 0 {
			names = append(names, name)
		}
	}
	return slices.Sorted(slices.Values(names))
}

// nameOf is the name of the request for somebody.
func (a *api) nameOf(request []byte) string {
	a.lock.Lock()
	defer a.lock.Unlock()
	for name, stored := range a.stored {
		if bytes.Equal(stored.Spec.Request, request) {
			return name
		}
	}
	return ""
}

// createdAt is the version at which a request was created.
func (a *api) createdAt(name string) string {
	a.lock.Lock()
	defer a.lock.Unlock()
	for _, event := range a.history {
		if request, ok := event.Object.(*certificatesv1.CertificateSigningRequest); ok && request.Name == name {
			return request.ResourceVersion
		}
	}
	return ""
}

// watched are the options of the watches that were begun.
func (a *api) watched() []metav1.ListOptions {
	a.lock.Lock()
	defer a.lock.Unlock()
	return slices.Clone(a.begun)
}

// open is how many watches are.
func (a *api) open() (n int) {
	a.lock.Lock()
	defer a.lock.Unlock()
	for _, w := range a.watches {
		if !w.ended && !w.Stopping() {
			n++
		}
	}
	return n
}
