// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package operator

import (
	"unsafe"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	toolscache "k8s.io/client-go/tools/cache"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
)

var _ = Describe("What the cache keeps", func() {
	slimmed := cacheOptions("rollcall").DefaultTransform
	managed := func() metav1.ObjectMeta {
		return metav1.ObjectMeta{Name: "alice", ManagedFields: []metav1.ManagedFieldsEntry{{Manager: "m"}}}
	}
	user := func() *v1alpha1.User {
		state := v1alpha1.UserState([]byte("Active")) // Another copy each time, as from a decoder.
		return &v1alpha1.User{ObjectMeta: managed(), Spec: v1alpha1.UserSpec{UserName: "alice", State: state}}
	}

	It("is no object's managed fields, of whatever kind", func() {
		Expect(slimmed(user())).To(Equal(&v1alpha1.User{
			ObjectMeta: metav1.ObjectMeta{Name: "alice"}, Spec: v1alpha1.UserSpec{UserName: "alice", State: v1alpha1.UserActive},
		}))
		Expect(slimmed(&corev1.Secret{ObjectMeta: managed()})).To(Equal(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "alice"}}))
	})

	It("is one copy of what is equal in many Users", func() {
		first, second := user(), user()
		for _, u := range []*v1alpha1.User{first, second} {
			Expect(slimmed(u)).To(BeIdenticalTo(u))
		}
		Expect(unsafe.StringData(string(second.Spec.State))).To(BeIdenticalTo(unsafe.StringData(string(first.Spec.State))))
	})

	It("is what an informer has of an object whose end it missed, as it is", func() {
		gone := toolscache.DeletedFinalStateUnknown{Key: "alice", Obj: user()}
		Expect(slimmed(gone)).To(Equal(toolscache.DeletedFinalStateUnknown{Key: "alice", Obj: user()}))
	})
})
