// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package integration_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"k8s.io/client-go/util/cert"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/session"
	"github.com/rollcall-iam/rollcall/test/controlplane"
)

// denying is the kubeconfig of an authorization webhook that denies everything to the bearer of the preflight's certificate, with such
// words as the operator's own has, and leaves everybody else to the other authorizers.
func denying() string {
	GinkgoHelper()
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var review authorizationv1.SubjectAccessReview
		if err := json.NewDecoder(r.Body).Decode(&review); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		if review.Spec.User == session.PreflightUsername {
			review.Status.Denied, review.Status.Reason = true, session.DenialPrefix+"no Session has this certificate"
		}
		_ = json.NewEncoder(w).Encode(review)
	}))
	DeferCleanup(server.Close)
	ca, err := cert.EncodeCertificates(server.Certificate())
	Expect(err).NotTo(HaveOccurred())
	config := clientcmdapi.NewConfig()
	config.Clusters["webhook"] = &clientcmdapi.Cluster{Server: server.URL, CertificateAuthorityData: ca}
	config.Contexts["webhook"] = &clientcmdapi.Context{Cluster: "webhook"}
	config.CurrentContext = "webhook"
	path := filepath.Join(GinkgoT().TempDir(), "webhook.kubeconfig")
	Expect(clientcmd.WriteToFile(*config, path)).To(Succeed())
	return path
}

// asked are specs of a control plane whose API server asks an authorization webhook.
func asked(w *world) {
	It("says that the API server asks the webhook, and knows the signer by the denial", func(ctx SpecContext) {
		w.halt()
		asking := &world{options: controlplane.Options{APIServerArgs: []string{
			// RBAC comes first here: it allows everybody to ask who they are, unless that is taken from them.
			"--authorization-mode=Webhook", "--authorization-webhook-version=v1", "--authorization-webhook-config-file=" + denying(),
		}}}
		asking.start(ctx)
		everybody := &rbacv1.ClusterRoleBinding{ObjectMeta: metav1.ObjectMeta{Name: "system:basic-user"}}
		change(ctx, asking, everybody, func(b *rbacv1.ClusterRoleBinding) {
			b.Subjects = []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: "User", Name: operatorUser}}
		})
		asking.live(ctx)
		object := theInstallation()
		Eventually(ctx, func(g Gomega) {
			g.Expect(asking.admin.Get(ctx, clientKey(object), object)).To(Succeed())
			g.Expect(conditions(object)).To(ContainElement(SatisfyAll(HaveField("Type", checked), says(isTrue, v1alpha1.ReasonWebhookAsked))))
		}).Should(Succeed())
		Expect(asking.condition(ctx, object, signerReady)).To(says(isTrue, v1alpha1.ReasonSigns))
		Expect(asking.condition(ctx, object, ready)).To(says(isTrue, v1alpha1.ReasonReconciled))
		asking.halt()
	}, SpecTimeout(3*time.Minute))
}
