// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package index

import (
	"context"
	"errors"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
)

// cached are Users in the indexer that a cache is made of, with our indexes.
type cached struct {
	client.Reader

	indexer cache.Indexer
}

func with(ctx context.Context, users ...*v1alpha1.User) client.Reader {
	GinkgoHelper()
	c := cached{indexer: cache.NewIndexer(cache.MetaNamespaceKeyFunc, cache.Indexers{})}
	Expect(Register(ctx, c)).To(Succeed())
	for _, u := range users {
		Expect(c.indexer.Add(u)).To(Succeed())
	}
	return c
}

// IndexField implements client.FieldIndexer.
func (c cached) IndexField(_ context.Context, object client.Object, field string, values client.IndexerFunc) error {
	if _, ok := object.(*v1alpha1.User); !ok {
		return nil
	}
	return c.indexer.AddIndexers(cache.Indexers{field: func(o any) ([]string, error) { return values(o.(*v1alpha1.User)), nil }})
}

func (c cached) List(_ context.Context, list client.ObjectList, options ...client.ListOption) error {
	o := client.ListOptions{}
	o.ApplyOptions(options)
	by := o.FieldSelector.Requirements()[0]
	found, err := c.indexer.ByIndex(by.Field, by.Value)
	for _, object := range found {
		list.(*v1alpha1.UserList).Items = append(list.(*v1alpha1.UserList).Items, *object.(*v1alpha1.User))
	}
	return err
}

// failing lists nothing.
type failing struct{ client.Reader }

var errNo = errors.New("no")

func (failing) List(context.Context, client.ObjectList, ...client.ListOption) error { return errNo }

// user is called, and recorded with a Kubernetes username, if any.
func user(name, called, recorded string) *v1alpha1.User {
	return &v1alpha1.User{
		ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: v1alpha1.UserSpec{UserName: called}, Status: v1alpha1.UserStatus{Username: recorded},
	}
}

var _ = Describe("Users by name", func() {
	var c client.Reader
	BeforeEach(func(ctx SpecContext) {
		c = with(ctx,
			user("a", "alice", "corp:alice"), user("b", "alice", "lab:alice"), user("c", "alice", "alice"), user("d", "alice", ""),
			user("e", "bob", "corp:bob"), user("f", "bob", "corp-bob"), user("g", "x:alice", "corp:x:alice"), user("h", "carol", "corp:alice"),
			user("i", "corp:alice", ""), user("j", "colon:", "corp:colon:"),
		)
	})

	names := func(users []v1alpha1.User, err error) []string {
		GinkgoHelper()
		Expect(err).NotTo(HaveOccurred())
		found := make([]string, len(users))
		for i := range users {
			found[i] = users[i].Name
		}
		return found
	}

	DescribeTable("are those who are called so, whatever Kubernetes calls them", func(ctx SpecContext, name string, found ...string) {
		Expect(names(UsersCalled(ctx, c, name))).To(ConsistOf(found))
	},
		Entry(nil, "alice", "a", "b", "c", "d"),
		Entry(nil, "bob", "e", "f"),
		Entry(nil, "carol", "h"),
		Entry("with a colon", "x:alice", "g"),
		Entry("as Kubernetes calls somebody else", "corp:alice", "i"),
		Entry("with a colon at the end", "colon:", "j"),
		Entry("nobody", "dave"),
		Entry("nobody by a part of a name", "x"),
		Entry("nobody by no name", ""),
	)

	DescribeTable("are those whom Kubernetes calls so, whatever they are called", func(ctx SpecContext, name string, found ...string) {
		Expect(names(UsersWithUsername(ctx, c, name))).To(ConsistOf(found))
	},
		Entry(nil, "corp:alice", "a", "h"),
		Entry("of another directory", "lab:alice", "b"),
		Entry("without a prefix", "alice", "c"),
		Entry("with a prefix that ends in no colon", "corp-bob", "f"),
		Entry("with a colon in the name", "corp:x:alice", "g"),
		Entry("with a colon at the end", "corp:colon:", "j"),
		Entry("nobody by a login name", "bob"),
		Entry("nobody", "corp:dave"),
	)

	It("are nobody where they cannot be listed", func(ctx SpecContext) {
		found, err := UsersCalled(ctx, failing{}, "alice")
		Expect(found).To(BeEmpty())
		Expect(err).To(MatchError(errNo))
	})

	DescribeTable("need one place in the index, where the prefix ends in a colon", func(called, recorded string, keys ...string) {
		Expect(userNames(user("u", called, recorded))).To(Equal(keys))
	},
		Entry(nil, "alice", "corp:alice", "alice"),
		Entry(nil, "alice", "alice", "alice"),
		Entry(nil, "alice", "", "alice"),
		Entry(nil, "x:alice", "corp:x:alice", "alice"),
		Entry("else two", "alice", "corp-alice", "alice", "corp-alice"),
		Entry("and two after another name", "carol", "corp:alice", "carol", "alice"),
	)
})
