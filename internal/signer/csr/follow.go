// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package csr

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	certificatesv1 "k8s.io/api/certificates/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/watch"
	certificatesclient "k8s.io/client-go/kubernetes/typed/certificates/v1"
	"k8s.io/client-go/tools/cache"
	watchtools "k8s.io/client-go/tools/watch"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/outcome"
)

// linger is how long the watch stays after the last who waited: people log in one after the other, too.
const linger = time.Second

// answer is what came of a request: a certificate, or why there will be none.
type answer struct {
	certificate []byte
	err         error
}

// following is one watch for all requests under way, since beginning one costs the API server about as much as a write. It is there while
// somebody waits, and shortly after. It lists nothing, as the operator may not: it begins at a version that is known. The zero value is
// ready.
type following struct {
	lock sync.Mutex
	// waiting are those who have no answer yet, by their request's name. An answer never blocks: there is room for one, and only one comes.
	waiting map[string]chan<- answer
	// watch is the present one, if there is one.
	watch *watchtools.RetryWatcher
}

// join lets somebody wait for what comes of a request. Who joins before they approve misses nothing: a watch that goes on has told nothing
// of the time to come, and one that begins does so at the request itself.
func (f *following) join(
	requests certificatesclient.CertificateSigningRequestInterface, request *certificatesv1.CertificateSigningRequest,
) (<-chan answer, error) {
	f.lock.Lock()
	defer f.lock.Unlock()
	if f.watch == nil {
		begun, err := watchtools.NewRetryWatcherWithContext(context.Background(), request.ResourceVersion, ours(requests))
		if err != nil {
			return nil, fmt.Errorf("watch certificate signing requests: %w", err)
		}
		f.watch, f.waiting = begun, map[string]chan<- answer{}
		go f.follow(begun)
	}
	room := make(chan answer, 1)
	f.waiting[request.Name] = room
	return room, nil
}

// leave says that somebody waits no more, answered or not.
func (f *following) leave(name string) {
	f.lock.Lock()
	defer f.lock.Unlock()
	delete(f.waiting, name)
	if present := f.watch; present != nil && len(f.waiting) == 0 {
		time.AfterFunc(linger, func() { f.rest(present) })
	}
}

// rest ends a watch for which nobody waits.
func (f *following) rest(present *watchtools.RetryWatcher) {
	f.lock.Lock()
	defer f.lock.Unlock()
	if f.watch == present && len(f.waiting) == 0 {
		f.watch = nil
		present.Stop()
	}
}

// follow hands on what a watch tells, until it ends.
func (f *following) follow(present *watchtools.RetryWatcher) {
	why := errors.New("its watch ended")
	for event := range present.ResultChan() {
		switch object := event.Object.(type) {
		case *certificatesv1.CertificateSigningRequest:
			if got, ok := decided(event.Type, object); ok {
				f.tell(object.Name, got)
			}
		case *metav1.Status: // The reason alone: messages have versions in them, and the same problem is to read the same.
			why = fmt.Errorf("its watch ended: %s", object.Reason)
		}
	}
	f.end(present, why)
}

// tell answers whoever waits for a request, if anybody does.
func (f *following) tell(name string, got answer) {
	f.lock.Lock()
	defer f.lock.Unlock()
	if room, ok := f.waiting[name]; ok {
		room <- got
		delete(f.waiting, name)
	}
}

// end answers all who wait for a watch that tells nothing more, for instance because its version is too old to go on from. Their next try
// is another request, and begins a watch there.
func (f *following) end(present *watchtools.RetryWatcher, why error) {
	f.lock.Lock()
	defer f.lock.Unlock()
	if f.watch != present {
		return
	}
	f.watch = nil
	for _, room := range f.waiting {
		room <- answer{err: why}
	}
	clear(f.waiting)
}

// ours watches the requests that have our label. That a version is too old, an API server says in the watch or instead of it: the second
// is told like the first, which ends the watch, while a RetryWatcher would ask for the same version for ever.
func ours(requests certificatesclient.CertificateSigningRequestInterface) *cache.ListWatch {
	selector := labels.Set{v1alpha1.LabelManagedBy: v1alpha1.ManagedBy}.String()
	return &cache.ListWatch{WatchFuncWithContext: func(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
		options.LabelSelector = selector
		begun, err := requests.Watch(ctx, options)
		status, ok := errors.AsType[*apierrors.StatusError](err)
		if !ok || !apierrors.IsResourceExpired(err) && !apierrors.IsGone(err) {
			return begun, err
		}
		told := make(chan watch.Event, 1)
		told <- watch.Event{Type: watch.Error, Object: &status.ErrStatus}
		return watch.NewProxyWatcher(told), nil
	}}
}

// decided says what came of a request, once something has.
func decided(event watch.EventType, request *certificatesv1.CertificateSigningRequest) (answer, bool) {
	if event == watch.Deleted {
		return answer{err: errors.New("it was deleted")}, true
	}
	for _, c := range request.Status.Conditions {
		if c.Type == certificatesv1.CertificateDenied || c.Type == certificatesv1.CertificateFailed {
			return answer{err: outcome.Terminalf(v1alpha1.ReasonSigningDenied,
				"the certificate signing request is %s: %s %s", strings.ToLower(string(c.Type)), c.Reason, c.Message)}, true
		}
	}
	return answer{certificate: request.Status.Certificate}, len(request.Status.Certificate) > 0
}
