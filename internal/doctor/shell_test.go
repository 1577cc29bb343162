// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package doctor_test

import (
	"regexp"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/doctor"
)

var _ = Describe("What to run", func() {
	It("is Helm where the operator came by Helm", func() {
		f := healthy()
		f.Deployment.Value = &appsv1.Deployment{
			ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"helm.sh/chart": "rollcall-1.2.3", "app.kubernetes.io/instance": "mine"}},
			Status:     appsv1.DeploymentStatus{ReadyReplicas: 1, UpdatedReplicas: 1},
		}
		f.Policies.Value = nil
		Expect(about(doctor.Examine(f, expected()), "policies").Run).To(
			ConsistOf("helm upgrade mine charts/rollcall -n rollcall-system --reset-then-reuse-values"))
	})

	It("holds nothing that a shell would act on, whatever a cluster says", func() {
		f := healthy()
		const evil = "x$(reboot)`id`"
		f.Deployment.Value.Labels = map[string]string{"helm.sh/chart": "x", "app.kubernetes.io/instance": evil}
		f.Deployment.Value.Spec.Selector = &metav1.LabelSelector{MatchLabels: map[string]string{"app.kubernetes.io/name": evil}}
		f.Deployment.Value.Status.ReadyReplicas = 0
		f.Namespace, f.ServiceAccount = evil, evil
		f.Deployment.Value.Namespace, f.Directories.Value[0].Name = evil, evil
		f.Directories.Value[0].Status.Conditions[0] = condition(v1alpha1.ConditionReady, no, "Odd", "odd")
		f.Policies.Value, f.Login.Err = nil, "no route"
		for right := range f.Allowed.Value {
			f.Allowed.Value[right] = !f.Allowed.Value[right]
		}
		f.Lease.Value = lease("one", time.Hour, time.Hour)
		add(f.People[0].Value, evil, 0, condition(v1alpha1.ConditionReady, no, "Odd", "odd"))
		seen := 0
		for _, c := range doctor.Examine(f, expected()).Checks {
			for _, run := range c.Run {
				seen += strings.Count(run, evil)
				Expect(regexp.MustCompile(`'[^']*'`).ReplaceAllString(run, "")).NotTo(ContainSubstring("reboot"), c.About)
			}
		}
		Expect(seen).To(BeNumerically(">=", 12))
	})
})
