// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package presence

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/index"
)

// cluster reads Users and Sessions from the indexers that a cache is made of, with our indexes, and notes when they were seen: for a clock
// that we set. That it is the same with an API server, test/audit shows.
type cluster struct {
	client.Client

	users, sessions toolscache.Indexer
	// seen is what was written, by name; writes counts that; failing is what cannot be.
	seen    map[string]time.Time
	writes  int
	failing string
}

func newCluster(ctx context.Context, objects ...client.Object) *cluster {
	GinkgoHelper()
	c := &cluster{
		users:    toolscache.NewIndexer(toolscache.MetaNamespaceKeyFunc, toolscache.Indexers{}),
		sessions: toolscache.NewIndexer(toolscache.MetaNamespaceKeyFunc, toolscache.Indexers{}),
		seen:     map[string]time.Time{},
	}
	Expect(index.Register(ctx, c)).To(Succeed())
	for _, object := range objects {
		Expect(c.of(object).Add(object)).To(Succeed())
	}
	return c
}

// of is where objects of a kind are; nil for other kinds.
func (c *cluster) of(kind any) toolscache.Indexer {
	switch kind.(type) {
	case *v1alpha1.User, *v1alpha1.UserList:
		return c.users
	case *v1alpha1.Session, *v1alpha1.SessionList:
		return c.sessions
	default:
		return nil
	}
}

// IndexField implements client.FieldIndexer.
func (c *cluster) IndexField(_ context.Context, object client.Object, field string, values client.IndexerFunc) error {
	indexer := c.of(object)
	if indexer == nil {
		return nil
	}
	return indexer.AddIndexers(toolscache.Indexers{field: func(o any) ([]string, error) {
		indexed, ok := o.(client.Object)
		if !ok {
			return nil, fmt.Errorf("%T", o)
		}
		return values(indexed), nil
	}})
}

func (c *cluster) Get(_ context.Context, key client.ObjectKey, into client.Object, _ ...client.GetOption) error {
	indexer := c.of(into)
	if indexer == nil {
		return apierrors.NewNotFound(schema.GroupResource{}, key.Name)
	}
	found, known, err := indexer.GetByKey(key.Name)
	if err != nil || !known {
		return apierrors.NewNotFound(schema.GroupResource{}, key.Name)
	}
	switch o := found.(type) {
	case *v1alpha1.User:
		o.DeepCopyInto(into.(*v1alpha1.User))
	case *v1alpha1.Session:
		o.DeepCopyInto(into.(*v1alpha1.Session))
	}
	return nil
}

func (c *cluster) List(_ context.Context, list client.ObjectList, options ...client.ListOption) error {
	o := client.ListOptions{}
	o.ApplyOptions(options)
	by := o.FieldSelector.Requirements()[0]
	found, err := c.of(list).ByIndex(by.Field, by.Value)
	for _, object := range found {
		switch l := list.(type) {
		case *v1alpha1.UserList:
			l.Items = append(l.Items, *object.(*v1alpha1.User))
		case *v1alpha1.SessionList:
			l.Items = append(l.Items, *object.(*v1alpha1.Session))
		}
	}
	return err
}

// statuses writes the status of objects.
type statuses struct {
	client.SubResourceWriter

	c *cluster
}

// Status implements client.Client.
func (c *cluster) Status() client.SubResourceWriter { return statuses{c: c} }

// Apply implements client.SubResourceWriter.
func (s statuses) Apply(_ context.Context, written runtime.ApplyConfiguration, _ ...client.SubResourceApplyOption) error {
	content, err := json.Marshal(written)
	if err != nil {
		return err
	}
	var applied struct {
		Kind     string            `json:"kind"`
		Metadata metav1.ObjectMeta `json:"metadata"`
		Status   struct {
			LastSeenTime metav1.Time `json:"lastSeenTime"`
		} `json:"status"`
	}
	if err := json.Unmarshal(content, &applied); err != nil {
		return err
	}
	if applied.Metadata.Name == s.c.failing {
		return fmt.Errorf("%s cannot be written", s.c.failing)
	}
	s.c.writes++
	s.c.seen[applied.Metadata.Name] = applied.Status.LastSeenTime.Time
	for _, indexer := range []toolscache.Indexer{s.c.users, s.c.sessions} {
		found, _, err := indexer.GetByKey(applied.Metadata.Name)
		if err != nil {
			return err
		}
		switch o := found.(type) {
		case *v1alpha1.User:
			o.Status.LastSeenTime = &applied.Status.LastSeenTime
		case *v1alpha1.Session:
			o.Status.LastSeenTime = &applied.Status.LastSeenTime
		}
	}
	return nil
}
