// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package directory

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/outcome"
)

func TestDirectory(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Directory controller")
}

var _ = Describe("Writes that fail", func() {
	taken := func(name string) error {
		users := schema.GroupResource{Group: v1alpha1.GroupVersion.Group, Resource: "users"}
		return fmt.Errorf("create User %s: %w", name, apierrors.NewAlreadyExists(users, name))
	}

	DescribeTable("are one problem", func(errs []error, kind outcome.Kind, message string) {
		problem := outcome.Of(problemOf(errs), "other")
		Expect(problem).To(HaveValue(SatisfyAll(HaveField("Kind", kind), HaveField("Reason", v1alpha1.ReasonFailed),
			HaveField("Message", ContainSubstring(message)))))
	},
		Entry("that the first stands for, with their number", []error{errors.New("one"), errors.New("two")},
			outcome.Transient, "2 writes failed, the first with: one"),
		Entry("that waits where a name was taken that the cache does not show yet", []error{taken("alice"), taken("bob")},
			outcome.Waiting, `"alice" already exists`),
		Entry("that a taken name does not hide", []error{taken("alice"), errors.New("no space left"), taken("bob")},
			outcome.Transient, "1 writes failed, the first with: no space left"),
	)

	It("are none where none failed", func() { Expect(problemOf(nil)).To(Succeed()) })
})

var _ = Describe("Objects by age", func() {
	It("are all there, the oldest first, and by name where they are as old", func() {
		random := rand.New(rand.NewPCG(1, uint64(GinkgoRandomSeed())))
		for count := range 50 {
			users := make([]v1alpha1.User, count)
			for i := range users {
				users[i].Name = fmt.Sprintf("user-%02d", i)
				users[i].CreationTimestamp = metav1.Unix(int64(i/3), 0)
			}
			expected := slices.Clone(users)
			random.Shuffle(count, func(i, j int) { users[i], users[j] = users[j], users[i] })
			Expect(oldestFirst(users)).To(Equal(expected))
		}
	})
})
