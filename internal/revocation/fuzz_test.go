// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package revocation

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	authorizationv1 "k8s.io/api/authorization/v1"
	toolscache "k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/events"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/index"
	"github.com/rollcall-iam/rollcall/internal/seen"
	"github.com/rollcall-iam/rollcall/internal/session"
	"github.com/rollcall-iam/rollcall/internal/webhook"
)

// FuzzReview sees that whatever asks is answered or refused, that nobody is ever allowed anything, and nobody denied who is not
// ours.
func FuzzReview(f *testing.F) {
	store := &stored{indexers: map[string]toolscache.Indexer{}}
	if err := index.Register(f.Context(), store); err != nil {
		f.Fatal(err)
	}
	store.fill(now, 3, 2, 1)
	clock := clocktesting.NewFakePassiveClock(now)
	access := &webhook.Access{}
	access.Use("token")
	m := NewMetrics(prometheus.NewRegistry())
	handler := newHandler(access, &reviewer{
		cache: store, live: nothing{}, clock: clock, deleted: newDeletions(clock), seen: newSights(seen.NewWriter(store)),
		unknown: newUnknown(clock),
		looks:   newLooks(), detector: NewDetector(store, &events.FakeRecorder{}, prometheus.NewRegistry(), clock),
	}, m)
	for _, seed := range reviews() {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		request := httptest.NewRequest(http.MethodPost, Path, bytes.NewReader(body))
		request.Header.Set("Authorization", "Bearer token")
		request.Header.Set("Content-Type", "application/json")
		response := httptest.NewRecorder()
		handler.ServeHTTP(response, request)
		if response.Code != http.StatusOK {
			if response.Code != http.StatusBadRequest && response.Code != http.StatusRequestEntityTooLarge {
				t.Fatalf("%d: %s", response.Code, response.Body)
			}
			return
		}
		var asked, told authorizationv1.SubjectAccessReview
		if json.Unmarshal(body, &asked) != nil || json.Unmarshal(response.Body.Bytes(), &told) != nil {
			t.Fatalf("%q answered with %s", body, response.Body)
		}
		if told.Status.Allowed || told.Status.Denied && !slices.Contains(asked.Spec.Groups, v1alpha1.ManagedGroup) {
			t.Fatalf("%q answered with %s", body, response.Body)
		}
	})
}

// nothing is an API server that has no Sessions.
type nothing struct{ client.Reader }

func (nothing) List(context.Context, client.ObjectList, ...client.ListOption) error { return nil }

// reviews are bodies as an API server sends them, and others.
func reviews() [][]byte {
	ids := []string{session.CredentialID(digest(0)), session.CredentialID(digest(9)), session.CredentialID("x"), "JTI=1", ""}
	others := []string{"", "{}", "null", `{"kind":"SubjectAccessReview","spec":{"extra":{"a":null}}}`, "\xff"}
	found := make([][]byte, 0, 3*len(ids)+len(others))
	for _, other := range others {
		found = append(found, []byte(other))
	}
	for _, id := range ids {
		review := authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
			User: "user-0", Groups: []string{v1alpha1.ManagedGroup}, Extra: map[string]authorizationv1.ExtraValue{session.CredentialKey: {id}},
			NonResourceAttributes: &authorizationv1.NonResourceAttributes{Path: "/apis", Verb: "get"},
		}}
		review.Kind, review.APIVersion = kind, "authorization.k8s.io/v1"
		body, _ := json.Marshal(&review)
		found = append(found, body)
		review.Spec.NonResourceAttributes = nil
		review.Spec.ResourceAttributes = &authorizationv1.ResourceAttributes{Verb: "list", Resource: "pods"}
		for _, groups := range [][]string{{v1alpha1.ManagedGroup}, {"system:nodes"}} {
			review.Spec.Groups = groups
			body, _ = json.Marshal(&review)
			found = append(found, body)
		}
	}
	return found
}
