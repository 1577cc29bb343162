// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package controlplane_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	authenticationv1 "k8s.io/api/authentication/v1"
	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	auditv1 "k8s.io/apiserver/pkg/apis/audit/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/rollcall-iam/rollcall/test/controlplane"
)

func TestControlPlane(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Control plane")
}

var _ = Describe("A control plane", Ordered, func() {
	var (
		plane *controlplane.ControlPlane
		admin kubernetes.Interface
	)

	BeforeAll(func(ctx SpecContext) {
		var err error
		plane, err = controlplane.Start(ctx, controlplane.Options{})
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(plane.Stop)
		admin = kubernetes.NewForConfigOrDie(plane.RESTConfig())
	})

	It("answers its administrator, through kubectl too", func(ctx SpecContext) {
		namespaces, err := admin.CoreV1().Namespaces().List(ctx, metav1.ListOptions{})
		Expect(err).NotTo(HaveOccurred())
		Expect(namespaces.Items).NotTo(BeEmpty())

		out, err := exec.CommandContext(ctx, plane.Kubectl(), "--kubeconfig", plane.AdminKubeconfig(), "get", "namespaces").CombinedOutput()
		Expect(err).NotTo(HaveOccurred(), string(out))
		Expect(string(out)).To(ContainSubstring("kube-system"))
	})

	It("is not trusted without its own authority", func(ctx SpecContext) {
		config := plane.RESTConfig()
		config.CAData = plane.ClientCACert()
		_, err := kubernetes.NewForConfigOrDie(config).CoreV1().Namespaces().List(ctx, metav1.ListOptions{})
		Expect(err).To(MatchError(ContainSubstring("x509")))
	})

	It("refuses what RBAC does not allow", func(ctx SpecContext) {
		config, err := plane.User("nobody-special")
		Expect(err).NotTo(HaveOccurred())
		_, err = kubernetes.NewForConfigOrDie(config).CoreV1().Secrets("default").List(ctx, metav1.ListOptions{})
		Expect(apierrors.IsForbidden(err)).To(BeTrue(), "%v", err)
	})

	It("accepts a ServiceAccount's token", func(ctx SpecContext) {
		robot := corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "robot"}}
		accounts := admin.CoreV1().ServiceAccounts("default")
		Expect(accounts.Create(ctx, &robot, metav1.CreateOptions{})).Error().NotTo(HaveOccurred())
		token, err := accounts.CreateToken(ctx, "robot", &authenticationv1.TokenRequest{}, metav1.CreateOptions{})
		Expect(err).NotTo(HaveOccurred())

		Expect(whoAmI(ctx, &rest.Config{
			Host:            plane.URL(),
			BearerToken:     token.Status.Token,
			TLSClientConfig: rest.TLSClientConfig{CAData: plane.CACert()},
		})).To(Equal("system:serviceaccount:default:robot"))
	})

	It("signs a certificate whose fingerprint the audit log shows", func(ctx SpecContext) {
		key, request := newRequest("carol")
		certificate := signed(ctx, admin, request)
		mark, err := plane.AuditMark()
		Expect(err).NotTo(HaveOccurred())

		Expect(whoAmI(ctx, &rest.Config{
			Host:            plane.URL(),
			TLSClientConfig: rest.TLSClientConfig{CAData: plane.CACert(), CertData: certificate, KeyData: key},
		})).To(Equal("carol"))

		block, _ := pem.Decode(certificate)
		sum := sha256.Sum256(block.Bytes)
		events, _, err := plane.AuditSince(mark)
		Expect(err).NotTo(HaveOccurred())
		Expect(events).To(ContainElement(SatisfyAll(
			HaveField("Verb", "create"),
			HaveField("User.Username", "carol"),
			HaveField("ObjectRef.Resource", "selfsubjectreviews"),
			HaveField("ResponseStatus.Code", BeEquivalentTo(201)),
			HaveField("Stage", auditv1.StageResponseComplete),
			WithTransform(controlplane.Fingerprint, Equal(hex.EncodeToString(sum[:]))),
		)))
	})

	It("leaves nothing behind when stopped", func() {
		pids := plane.PIDs()
		Expect(plane.Stop()).To(Succeed())
		for _, pid := range pids {
			Expect(syscall.Kill(pid, 0)).To(MatchError(syscall.ESRCH))
		}
		Expect(plane.Dir()).NotTo(BeADirectory())
		Expect(plane.Stop()).To(Succeed(), "stopping again does nothing")
	})
})

var _ = Describe("A start that fails", func() {
	It("quotes the log of the component, and stops the others", func(ctx SpecContext) {
		dir := GinkgoT().TempDir()
		_, err := controlplane.Start(ctx, controlplane.Options{Dir: dir, APIServerArgs: []string{"--no-such-flag"}})
		Expect(err).To(MatchError(SatisfyAll(ContainSubstring("kube-apiserver did not start"), ContainSubstring("--no-such-flag"))))

		_, err = controlplane.Start(ctx, controlplane.Options{Dir: dir})
		Expect(err).To(MatchError(ContainSubstring("holds another control plane's data")))
	})

	It("says how to get missing binaries", func(ctx SpecContext) {
		_, err := controlplane.Start(ctx, controlplane.Options{Assets: GinkgoT().TempDir()})
		Expect(err).To(MatchError(ContainSubstring("make control-plane")))
	})
})

var _ = Describe("Reading an audit log", func() {
	It("leaves a half-written last line for later", func() {
		path := filepath.Join(GinkgoT().TempDir(), "audit.log")
		Expect(os.WriteFile(path, []byte("{\"verb\":\"get\"}\n{\"verb\":\"li"), 0o600)).To(Succeed())
		events, mark, err := controlplane.ReadAudit(path, 0)
		Expect(err).NotTo(HaveOccurred())
		Expect(events).To(HaveExactElements(HaveField("Verb", "get")))

		Expect(os.WriteFile(path, []byte("{\"verb\":\"get\"}\n{\"verb\":\"list\"}\n"), 0o600)).To(Succeed())
		events, _, err = controlplane.ReadAudit(path, mark)
		Expect(err).NotTo(HaveOccurred())
		Expect(events).To(HaveExactElements(HaveField("Verb", "list")))
	})
})

func whoAmI(ctx context.Context, config *rest.Config) string {
	GinkgoHelper()
	client, err := kubernetes.NewForConfig(config)
	Expect(err).NotTo(HaveOccurred())
	review, err := client.AuthenticationV1().SelfSubjectReviews().Create(ctx, &authenticationv1.SelfSubjectReview{}, metav1.CreateOptions{})
	Expect(err).NotTo(HaveOccurred())
	return review.Status.UserInfo.Username
}

func newRequest(name string) (key, request []byte) {
	GinkgoHelper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	Expect(err).NotTo(HaveOccurred())
	keyDER, err := x509.MarshalECPrivateKey(private)
	Expect(err).NotTo(HaveOccurred())
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: name}}, private)
	Expect(err).NotTo(HaveOccurred())
	return pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: keyDER}),
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der})
}

// signed has the request approved by the administrator and waits for the controller's signature.
func signed(ctx context.Context, admin kubernetes.Interface, request []byte) []byte {
	GinkgoHelper()
	requests := admin.CertificatesV1().CertificateSigningRequests()
	csr, err := requests.Create(ctx, &certificatesv1.CertificateSigningRequest{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "carol-"},
		Spec: certificatesv1.CertificateSigningRequestSpec{
			Request:    request,
			SignerName: certificatesv1.KubeAPIServerClientSignerName,
			Usages:     []certificatesv1.KeyUsage{certificatesv1.UsageClientAuth},
		},
	}, metav1.CreateOptions{})
	Expect(err).NotTo(HaveOccurred())
	csr.Status.Conditions = append(csr.Status.Conditions, certificatesv1.CertificateSigningRequestCondition{
		Type: certificatesv1.CertificateApproved, Status: corev1.ConditionTrue, Reason: "Test", Message: "approved by the test",
	})
	Expect(requests.UpdateApproval(ctx, csr.Name, csr, metav1.UpdateOptions{})).Error().NotTo(HaveOccurred())
	Eventually(ctx, func(g Gomega) {
		csr, err = requests.Get(ctx, csr.Name, metav1.GetOptions{})
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(csr.Status.Certificate).NotTo(BeEmpty())
	}).WithTimeout(30 * time.Second).WithPolling(100 * time.Millisecond).Should(Succeed())
	return csr.Status.Certificate
}
