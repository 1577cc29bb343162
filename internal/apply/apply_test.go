// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package apply_test

import (
	"context"
	"errors"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/prometheus/client_golang/prometheus"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/apply"
	"github.com/rollcall-iam/rollcall/internal/departure"
	"github.com/rollcall-iam/rollcall/internal/rbacplan"
)

func TestApply(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Writing bindings")
}

// nobody answers but for what is intercepted.
type nobody struct{ client.WithWatch }

var _ = Describe("What is counted of a write", func() {
	noon := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	var (
		registry *prometheus.Registry
		refuses  error
		keeps    error
		applier  *apply.Applier
	)
	BeforeEach(func() {
		registry, refuses, keeps = prometheus.NewRegistry(), nil, nil
		clock := clocktesting.NewFakePassiveClock(noon.Add(2 * time.Second))
		applier = &apply.Applier{
			Client: interceptor.NewClient(nobody{}, interceptor.Funcs{
				Apply: func(context.Context, client.WithWatch, runtime.ApplyConfiguration, ...client.ApplyOption) error {
					return refuses
				},
				Delete: func(context.Context, client.WithWatch, client.Object, ...client.DeleteOption) error { return keeps },
			}),
			Metrics: apply.NewMetrics(registry), Departures: departure.NewWatch(registry, clock),
		}
		for _, gone := range []string{"corp:alice", "corp:bob"} {
			applier.Departures.Left(gone, noon)
		}
	})
	// write takes alice out of a binding in which bob, who is gone too, stays for now.
	write := func(ctx context.Context, verb rbacplan.Verb) apply.Result {
		holder := rbacplan.Holder{Kind: rbacplan.KindGrant, Name: "g", UID: "1"}
		return applier.Execute(ctx, []rbacplan.Change{{
			Verb: verb, Dropped: []string{"corp:alice"},
			Binding: rbacplan.Binding{
				Namespace: "pay", Name: holder.BindingName(0), Usernames: []string{"corp:bob"},
				Template: rbacplan.Template{Holder: holder, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "edit"}},
			},
		}})
	}
	update := func(ctx context.Context) apply.Result { return write(ctx, rbacplan.Update) }
	// counted are the changes that were counted, and withdrawn how many people's were measured.
	counted := func() (changes map[string]int, withdrawn int) {
		GinkgoHelper()
		families, err := registry.Gather()
		Expect(err).NotTo(HaveOccurred())
		changes = map[string]int{}
		for _, family := range families {
			for _, m := range family.GetMetric() {
				labels := map[string]string{}
				for _, label := range m.GetLabel() {
					labels[label.GetName()] = label.GetValue()
				}
				if value := int(m.GetCounter().GetValue()); value > 0 {
					changes[labels["change"]+" "+labels["result"]] += value
				}
				withdrawn += int(m.GetHistogram().GetSampleCount())
			}
		}
		return changes, withdrawn
	}

	It("is one that was done, and who is not named any more", func(ctx context.Context) {
		Expect(update(ctx).Problem).NotTo(HaveOccurred())
		changes, withdrawn := counted()
		Expect(changes).To(Equal(map[string]int{"update done": 1}))
		Expect(withdrawn).To(Equal(1))
	})
	It("is one that was refused, and nobody", func(ctx context.Context) {
		refuses = errors.New("a webhook says no")
		Expect(update(ctx).Problem).To(HaveOccurred())
		changes, withdrawn := counted()
		Expect(changes).To(Equal(map[string]int{"update refused": 1}))
		Expect(withdrawn).To(BeZero())
	})

	It("is a deletion, if anything was there to delete", func(ctx context.Context) {
		Expect(write(ctx, rbacplan.Delete).Problem).NotTo(HaveOccurred())
		changes, _ := counted()
		Expect(changes).To(Equal(map[string]int{"delete done": 1}))
		keeps = apierrors.NewNotFound(rbacv1.Resource("rolebindings"), "g")
		again := write(ctx, rbacplan.Delete)
		Expect(again.Problem).NotTo(HaveOccurred())
		Expect(again.Done).To(HaveLen(1), "it is gone, whoever did it")
		changes, withdrawn := counted()
		Expect(changes).To(Equal(map[string]int{"delete done": 1}))
		Expect(withdrawn).To(Equal(1))
	})

	Context("of a role that may not be bound any more", func() {
		BeforeEach(func() {
			refuses = apierrors.NewForbidden(rbacv1.Resource("rolebindings"), "g", errors.New("attempting to grant RBAC permissions not held"))
		})
		It("is one that was refused, a deletion that was done instead, and all whom the binding named", func(ctx context.Context) {
			result := update(ctx)
			Expect(result.Problem.Reason).To(Equal(v1alpha1.ReasonRoleNotBindable))
			Expect(result.Done).To(HaveLen(1))
			Expect(result.Done[0].Verb).To(Equal(rbacplan.Delete))
			changes, withdrawn := counted()
			Expect(changes).To(Equal(map[string]int{"update refused": 1, "delete done": 1}))
			Expect(withdrawn).To(Equal(2))
		})
		It("is one that was refused, and nobody, where the deletion is refused too", func(ctx context.Context) {
			keeps = errors.New("a webhook says no")
			Expect(update(ctx).Done).To(BeEmpty())
			changes, withdrawn := counted()
			Expect(changes).To(Equal(map[string]int{"update refused": 1}))
			Expect(withdrawn).To(BeZero())
		})
	})
})
