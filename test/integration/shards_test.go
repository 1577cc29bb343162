// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package integration_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"golang.org/x/sync/errgroup"
	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/test/controlplane"
)

// settling is how long the operator may take for thousands of people on a busy machine.
const settling = time.Minute

// crowd makes local Users with one label, many at a time, and waits until they are all active.
func (w *world) crowd(ctx context.Context, size int) []string {
	GinkgoHelper()
	label := map[string]string{"crowd": w.name("crowd")}
	names := make([]string, size)
	var creating errgroup.Group
	creating.SetLimit(16)
	for i := range names {
		user := localUser(fmt.Sprintf("%s-%05d", label["crowd"], i))
		user.Labels, names[i] = label, user.Name
		creating.Go(func() error { return w.admin.Create(ctx, user) })
	}
	DeferCleanup(func(ctx SpecContext) {
		Expect(w.admin.DeleteAllOf(ctx, &v1alpha1.User{}, client.MatchingLabels(label))).To(Succeed())
	})
	Expect(creating.Wait()).To(Succeed())
	Eventually(ctx, func(g Gomega) {
		var list v1alpha1.UserList
		g.Expect(w.admin.List(ctx, &list, client.MatchingLabels(label))).To(Succeed())
		g.Expect(slices.DeleteFunc(list.Items, func(u v1alpha1.User) bool { return len(u.Status.Conditions) > 0 })).To(BeEmpty())
	}).WithTimeout(settling).WithPolling(500 * time.Millisecond).Should(Succeed())
	return names
}

// shards are the bindings of a Grant in a namespace, as name and number of subjects.
func (w *world) shards(ctx context.Context, grant, namespace string) map[string]int {
	GinkgoHelper()
	var list rbacv1.RoleBindingList
	Expect(w.admin.List(ctx, &list, client.InNamespace(namespace), client.MatchingLabels{v1alpha1.LabelGrant: grant})).To(Succeed())
	sizes := map[string]int{}
	for i := range list.Items {
		sizes[list.Items[i].Name] = len(list.Items[i].Subjects)
	}
	return sizes
}

// bindingWrites are those of the operator's writes that change bindings of a Grant, each once: where the operator's cache lags
// behind its own write, it sends the same again, which changes nothing.
func (w *world) bindingWrites(mark controlplane.AuditMark, grant string) []string {
	GinkgoHelper()
	writes := slices.DeleteFunc(w.writes(mark), func(write string) bool { return !strings.Contains(write, "/rollcall:"+grant) })
	slices.Sort(writes)
	return slices.Compact(writes)
}

// many are specs of a Grant to more people than one binding takes.
func many(w *world) {
	BeforeAll(w.live)

	It("has shards, of which one person's change rewrites one in each namespace", func(ctx SpecContext) {
		names := w.crowd(ctx, 2500)
		one, two := w.namespace(ctx, nil).Name, w.namespace(ctx, nil).Name
		var subjects []v1alpha1.Subject
		var last *v1alpha1.Group
		for members := range slices.Chunk(names, 1000) {
			last = localGroup(w.name("group"), members...)
			w.create(ctx, last)
			subjects = append(subjects, v1alpha1.Subject{Kind: v1alpha1.SubjectGroup, Name: last.Name})
		}
		grant := within(grantOf(w.name("grant"), subjects...), nil, one, two)
		w.create(ctx, grant)
		name := "rollcall:" + grant.Name
		full := map[string]int{name: 1000, name + ":1": 1000, name + ":2": 500}
		for _, namespace := range []string{one, two} {
			Eventually(ctx, func() map[string]int { return w.shards(ctx, grant.Name, namespace) }).WithTimeout(settling).Should(Equal(full))
		}
		w.becomes(ctx, grant, ready, says(isTrue, v1alpha1.ReasonApplied, "2500 people in 6 bindings"))

		rewritesOneInEach := func(mark controlplane.AuditMark) {
			GinkgoHelper()
			written := func() []string { return w.bindingWrites(mark, grant.Name) }
			wanted := ConsistOf("patch rolebindings "+one+"/"+name+":1", "patch rolebindings "+two+"/"+name+":1")
			Eventually(ctx, written).Should(wanted, "a write is there before it is in the audit log")
			Consistently(written).Should(wanted)
		}
		By("suspending one person in the middle")
		mark, out := w.mark(), localUser(names[1234])
		change(ctx, w, out, func(u *v1alpha1.User) { u.Spec.State = v1alpha1.UserSuspended })
		for _, namespace := range []string{one, two} {
			Eventually(ctx, func() map[string]int { return w.shards(ctx, grant.Name, namespace) }).
				Should(Equal(map[string]int{name: 1000, name + ":1": 999, name + ":2": 500}))
		}
		rewritesOneInEach(mark)

		By("adding another person, who fills the gap")
		mark, added := w.mark(), localUser(w.name("added"))
		w.create(ctx, added)
		change(ctx, w, last, func(g *v1alpha1.Group) { g.Spec.Members = append(g.Spec.Members, added.Name) })
		for _, namespace := range []string{one, two} {
			Eventually(ctx, func() map[string]int { return w.shards(ctx, grant.Name, namespace) }).Should(Equal(full))
		}
		rewritesOneInEach(mark)
	}, SpecTimeout(2*settling))
}
