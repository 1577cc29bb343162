// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package integration_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/controllers"
	"github.com/rollcall-iam/rollcall/internal/operator"
	"github.com/rollcall-iam/rollcall/internal/serving"
	"github.com/rollcall-iam/rollcall/test/installation"
)

// served are specs of what clients of the operator's services must know.
func served(w *world) {
	It("is published before the first client comes", func(ctx SpecContext) {
		published := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: installation.Namespace, Name: serving.AuthorityName}}
		Expect(client.IgnoreNotFound(w.admin.Delete(ctx, published))).To(Succeed())
		w.run(ctx, func(mgr ctrl.Manager, environment operator.Environment) error {
			environment.Login = operator.Endpoint{Address: "127.0.0.1:0", URL: "https://127.0.0.1"}
			return controllers.Register(mgr, environment)
		})
		DeferCleanup(func() { w.halt() })
		Eventually(ctx, func(g Gomega) {
			g.Expect(w.admin.Get(ctx, client.ObjectKeyFromObject(published), published)).To(Succeed())
			g.Expect(published.Data["ca.crt"]).To(HavePrefix("-----BEGIN CERTIFICATE-----"))
		}).Should(Succeed())
	})
}
