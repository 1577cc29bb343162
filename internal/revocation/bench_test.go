// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package revocation

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	authorizationv1 "k8s.io/api/authorization/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	toolscache "k8s.io/client-go/tools/cache"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/index"
	"github.com/rollcall-iam/rollcall/internal/seen"
	"github.com/rollcall-iam/rollcall/internal/session"
	"github.com/rollcall-iam/rollcall/internal/webhook"
)

// stored reads from the indexers that a cache is made of, as the cache does, without an API server: for benchmarks.
type stored struct {
	client.Client
	indexers map[string]toolscache.Indexer
}

func kindOf(object any) string {
	switch object.(type) {
	case *v1alpha1.Session, *v1alpha1.SessionList:
		return "Session"
	case *v1alpha1.User, *v1alpha1.UserList:
		return "User"
	case *v1alpha1.Lock, *v1alpha1.LockList:
		return "Lock"
	case *v1alpha1.Group, *v1alpha1.GroupList:
		return "Group"
	}
	return ""
}

// IndexField implements client.FieldIndexer.
func (s *stored) IndexField(_ context.Context, object client.Object, field string, values client.IndexerFunc) error {
	kind := kindOf(object)
	if kind == "" {
		return nil
	}
	if s.indexers[kind] == nil {
		s.indexers[kind] = toolscache.NewIndexer(toolscache.MetaNamespaceKeyFunc, toolscache.Indexers{})
	}
	return s.indexers[kind].AddIndexers(toolscache.Indexers{field: func(o any) ([]string, error) { return values(o.(client.Object)), nil }})
}

func (s *stored) Get(_ context.Context, key client.ObjectKey, into client.Object, options ...client.GetOption) error {
	indexer := s.indexers[kindOf(into)]
	if indexer == nil {
		return apierrors.NewNotFound(schema.GroupResource{}, key.Name)
	}
	object, found, err := indexer.GetByKey(key.Name)
	if err != nil || !found {
		return apierrors.NewNotFound(schema.GroupResource{}, key.Name)
	}
	if user, ok := into.(*v1alpha1.User); ok {
		*user = *object.(*v1alpha1.User)
		if len(options) == 0 {
			*user = *user.DeepCopy()
		}
	}
	return nil
}

func (s *stored) List(_ context.Context, list client.ObjectList, options ...client.ListOption) error {
	o := client.ListOptions{}
	o.ApplyOptions(options)
	requirements := fields.Requirements{}
	if o.FieldSelector != nil {
		requirements = o.FieldSelector.Requirements()
	}
	indexer := s.indexers[kindOf(list)]
	var found []any
	if len(requirements) == 0 {
		found = indexer.List()
	} else {
		var err error
		if found, err = indexer.ByIndex(requirements[0].Field, requirements[0].Value); err != nil {
			return err
		}
	}
	for _, object := range found {
		switch l := list.(type) {
		case *v1alpha1.SessionList:
			l.Items = append(l.Items, *object.(*v1alpha1.Session))
		case *v1alpha1.LockList:
			l.Items = append(l.Items, *object.(*v1alpha1.Lock))
		case *v1alpha1.GroupList:
			l.Items = append(l.Items, *object.(*v1alpha1.Group))
		}
	}
	return nil
}

// BenchmarkReview is what a request of one of 10,000 people costs, each with a Session, two certificates and ten groups: with ten Locks.
func BenchmarkReview(b *testing.B) {
	const people, groups, locks = 10000, 10, 10
	now := time.Now()
	store := &stored{indexers: map[string]toolscache.Indexer{}}
	if err := index.Register(context.Background(), store); err != nil {
		b.Fatal(err)
	}
	store.fill(now, people, groups, locks)
	access := &webhook.Access{}
	access.Use("token")
	c := clock.RealClock{}
	m := NewMetrics(prometheus.NewRegistry())
	handler := newHandler(access, &reviewer{
		cache: store, live: store, clock: c, deleted: newDeletions(c), seen: newSights(seen.NewWriter(store)),
		unknown: newUnknown(c), looks: newLooks(),
		detector: NewDetector(store, nil, prometheus.NewRegistry(), c),
	}, m)
	bodies := make([][]byte, people)
	for i := range bodies {
		review := authorizationv1.SubjectAccessReview{
			TypeMeta: metav1.TypeMeta{APIVersion: "authorization.k8s.io/v1", Kind: kind},
			Spec: authorizationv1.SubjectAccessReviewSpec{
				User: fmt.Sprint("user-", i), Groups: []string{v1alpha1.ManagedGroup, "system:authenticated"},
				Extra:              map[string]authorizationv1.ExtraValue{session.CredentialKey: {session.CredentialID(digest(i))}},
				ResourceAttributes: &authorizationv1.ResourceAttributes{Verb: "list", Resource: "pods", Namespace: "default", Version: "v1"},
			},
		}
		bodies[i], _ = json.Marshal(&review)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		request := httptest.NewRequest(http.MethodPost, Path, bytes.NewReader(bodies[i%people]))
		request.Header.Set("Authorization", "Bearer token")
		request.Header.Set("Content-Type", "application/json")
		response := httptest.NewRecorder()
		handler.ServeHTTP(response, request)
		if response.Code != http.StatusOK || bytes.Contains(response.Body.Bytes(), []byte("denied")) {
			b.Fatal(response.Code, response.Body)
		}
	}
}

func digest(i int) string {
	sum := sha256.Sum256(fmt.Append(nil, i))
	return hex.EncodeToString(sum[:])
}

func (s *stored) fill(now time.Time, people, groups, locks int) {
	for i := range people {
		name := fmt.Sprint("user-", i)
		user := &v1alpha1.User{ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID(name)}}
		user.Spec.DirectoryRef = &v1alpha1.NameReference{Name: "corp"}
		user.Status.Username = name
		user.Status.Identity = &v1alpha1.Identity{}
		for g := range groups {
			user.Status.Identity.Groups = append(user.Status.Identity.Groups, fmt.Sprint("group-", (i+g)%200))
		}
		_ = s.indexers["User"].Add(user)
		of := &v1alpha1.Session{ObjectMeta: metav1.ObjectMeta{Name: "session-" + name, CreationTimestamp: metav1.NewTime(now)}}
		of.Spec.UserRef, of.Spec.Username = v1alpha1.UserReference{Name: name, UID: name}, name
		of.Status.Certificates = []v1alpha1.SessionCertificate{
			{Fingerprint: digest(i), NotAfter: metav1.NewTime(now.Add(time.Hour))}, {Fingerprint: digest(-i - 1), NotAfter: metav1.NewTime(now)},
		}
		_ = s.indexers["Session"].Add(of)
	}
	for g := range 200 {
		group := &v1alpha1.Group{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprint("group-", g)}}
		group.Spec.DirectoryRef, group.Spec.GroupName = &v1alpha1.NameReference{Name: "corp"}, group.Name
		group.Status.State = v1alpha1.IdentityPresent
		_ = s.indexers["Group"].Add(group)
	}
	for l := range locks {
		lock := &v1alpha1.Lock{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprint("lock-", l)}}
		lock.Spec.Target = v1alpha1.LockTarget{Kind: v1alpha1.LockDevice, Name: fmt.Sprint("device-", l)}
		_ = s.indexers["Lock"].Add(lock)
	}
}
