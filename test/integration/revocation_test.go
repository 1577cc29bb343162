// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package integration_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	gomegatypes "github.com/onsi/gomega/types"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/revocation"
	"github.com/rollcall-iam/rollcall/internal/seen"
	"github.com/rollcall-iam/rollcall/internal/session"
	"github.com/rollcall-iam/rollcall/internal/webhook"
	"github.com/rollcall-iam/rollcall/test/installation"
)

// reads lists what the specs give everybody to read.
func (p *person) reads(ctx context.Context) error {
	return p.List(ctx, &corev1.ConfigMapList{}, client.InNamespace(metav1.NamespaceDefault))
}

// deniedWith matches a refusal in the webhook's words.
func deniedWith(words ...string) gomegatypes.GomegaMatcher {
	in := make([]gomegatypes.GomegaMatcher, len(words))
	for i, word := range words {
		in[i] = MatchError(ContainSubstring(word))
	}
	return SatisfyAll(WithTransform(apierrors.IsForbidden, BeTrue()), SatisfyAll(in...))
}

var _ = Describe("Revocation on a real control plane that asks about each credential", Ordered, ContinueOnFailure, func() {
	a := &authorization{world: &world{}}
	maps := rule("", "configmaps", nil, "get", "list", "watch", "create")
	// somebodyNew is a User who may read, with a Session and a certificate of it.
	somebodyNew := func(ctx SpecContext) (*v1alpha1.User, *v1alpha1.Session, *certified) {
		GinkgoHelper()
		user := localUser(a.name("user"))
		a.create(ctx, user)
		a.becomes(ctx, user, active, says(isTrue, v1alpha1.ReasonActive))
		who := a.certify(user.Status.Username)
		who.gets(ctx, "", maps)
		of := a.begins(ctx, sessionOf(a.name("session"), user, "laptop"))
		a.records(ctx, of, time.Now().Add(time.Hour), who.fingerprint)
		return user, of, who
	}
	unknown := func(ctx SpecContext, username string) *certified {
		GinkgoHelper()
		who := a.certify(username)
		who.gets(ctx, "", maps)
		return who
	}
	BeforeAll(func(ctx SpecContext) {
		a.start(ctx)
		_, _, who := somebodyNew(ctx)
		Expect(who.reads(ctx)).To(Succeed(), "with best effort, RBAC decides while nothing answers")
		a.configure("strict", "webhook.kubeconfig")
		a.asked(ctx)
	})

	It("lets a Session go on, and denies it from the next request once it has ended", func(ctx SpecContext) {
		_, of, who := somebodyNew(ctx)
		Expect(who.reads(ctx)).To(Succeed())
		boss := a.person("boss")
		boss.bound(ctx, "", "rollcall-identity-admin")
		Eventually(ctx, func() error { return boss.terminates(ctx, get(ctx, a.world, of), "lost laptop") }).Should(Succeed())
		began, requests := time.Now(), 0
		var denial error
		for denial == nil {
			denial = who.reads(ctx)
			requests++
		}
		AddReportEntry("measured", fmt.Sprintf("from the answer to the termination to the first 403: %v, the %d. request",
			time.Since(began).Round(100*time.Microsecond), requests))
		Expect(denial).To(deniedWith("Rollcall: your session "+of.Name+" has ended (Terminated)", `ended by "`+boss.name+`": lost laptop`,
			"kubectl rollcall login"))
		Consistently(ctx, func() error { return who.reads(ctx) }).Should(deniedWith(of.Name))
		Expect(requests).To(BeNumerically("<", 100))
		kubeconfig := filepath.Join(a.files, who.name+".kubeconfig")
		Expect(writeKubeconfig(kubeconfig, who.config)).To(Succeed())
		command := installation.KubectlCommand(ctx, a.plane, kubeconfig, "get", "configmaps")
		command.Env = append(command.Env, "KUBECACHEDIR="+GinkgoT().TempDir()) // It has not discovered anything yet.
		said, err := command.CombinedOutput()
		Expect(err).To(HaveOccurred())
		AddReportEntry("measured", "kubectl says: "+string(said))
	})
	It("denies one certificate, and no other of the same person", func(ctx SpecContext) {
		user, of, who := somebodyNew(ctx)
		another := a.certify(who.name)
		a.records(ctx, a.begins(ctx, sessionOf(a.name("session"), user, "phone")), time.Now().Add(time.Hour), another.fingerprint)
		a.create(ctx, lockOf(a.name("lock"), v1alpha1.LockSession, of.Name))
		Eventually(ctx, func() error { return who.reads(ctx) }).Should(deniedWith("(Locked)", "administers this cluster"))
		Expect(another.reads(ctx)).To(Succeed())
	})
	It("denies every Session on a device that is locked, and everybody who may not act", func(ctx SpecContext) {
		user, of, who := somebodyNew(ctx)
		lock := lockOf(a.name("lock"), v1alpha1.LockDevice, of.Spec.Device)
		a.create(ctx, lock)
		Eventually(ctx, func() error { return who.reads(ctx) }).Should(deniedWith("(Locked)", lock.Name))
		a.delete(ctx, lock)
		change(ctx, a.world, user, func(u *v1alpha1.User) { u.Spec.State = v1alpha1.UserSuspended })
		Eventually(ctx, func() error { return who.reads(ctx) }).Should(deniedWith(of.Name, "has ended"))
	})
	It("lets a watch that runs go on, and no other begin", func(ctx SpecContext) {
		_, of, who := somebodyNew(ctx)
		kubeconfig := filepath.Join(a.files, who.name+".kubeconfig")
		Expect(writeKubeconfig(kubeconfig, who.config)).To(Succeed())
		command := installation.KubectlCommand(ctx, a.plane, kubeconfig, "get", "configmaps", "-n", "default", "-w", "-o", "name")
		watching := newOutput(command)
		Expect(command.Start()).To(Succeed())
		DeferCleanup(func() { _ = command.Process.Kill(); _ = command.Wait() })
		Eventually(ctx, watching.text).Should(ContainSubstring("configmap/kube-root-ca.crt"))
		Expect(a.operator().terminates(ctx, get(ctx, a.world, of), "")).To(Succeed())
		Eventually(ctx, func() error { return who.reads(ctx) }).Should(deniedWith(of.Name))
		after := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: a.name("after")}}
		a.create(ctx, after)
		Eventually(ctx, watching.text).Should(ContainSubstring(after.Name), "the stream is authorized once")
		AddReportEntry("measured", "a watch that runs when a Session ends goes on, until the API server ends it (--min-request-timeout)")
	})

	Describe("A certificate that nobody issued", func() {
		It("is denied, and told of once", func(ctx SpecContext) {
			user, _, _ := somebodyNew(ctx)
			before := a.count("rollcall_unknown_certificates_total")
			who := unknown(ctx, user.Status.Username)
			for range 5 {
				Expect(who.reads(ctx)).To(deniedWith(session.UnknownDenial))
			}
			Eventually(ctx, func() int { return len(a.alarms(ctx, user.Name)) }).Should(Equal(1))
			event := a.alarms(ctx, user.Name)[0]
			Expect(event.Type).To(Equal(corev1.EventTypeWarning))
			Expect(event.Regarding.Kind).To(Equal("User"))
			Expect(event.Note).To(SatisfyAll(ContainSubstring(who.name), ContainSubstring(who.fingerprint), ContainSubstring("rotate the CA")))
			Expect(event.Series).To(BeNil())
			Expect(a.count("rollcall_unknown_certificates_total")).To(Equal(before + 1))
			Expect(a.count("rollcall_authorization_reviews_total", "unknown")).To(BeNumerically(">=", 5))
		})
		It("of nobody we know is told of the Installation", func(ctx SpecContext) {
			stranger := unknown(ctx, a.name("stranger"))
			Expect(stranger.reads(ctx)).To(deniedWith(session.UnknownDenial))
			Eventually(ctx, func() []eventsv1.Event { return a.alarms(ctx, v1alpha1.InstallationName) }).
				Should(ContainElement(HaveField("Note", ContainSubstring(stranger.fingerprint))))
		})
		It("but is recorded for somebody else's Session is denied, and told of", func(ctx SpecContext) {
			user, _, _ := somebodyNew(ctx)
			other, of, _ := somebodyNew(ctx)
			who := unknown(ctx, user.Status.Username)
			a.records(ctx, of, time.Now().Add(time.Hour), who.fingerprint)
			Eventually(ctx, func() error { return who.reads(ctx) }).Should(deniedWith(session.MismatchDenial))
			Eventually(ctx, func() int { return len(a.alarms(ctx, user.Name)) }).Should(Equal(1))
			Expect(a.alarms(ctx, other.Name)).To(BeEmpty())
		})
		It("and that the operator makes to try its signer is denied without an alarm", func(ctx SpecContext) {
			before := a.count("rollcall_unknown_certificates_total")
			Expect(a.certify(session.PreflightUsername).reads(ctx)).To(deniedWith(session.UnknownDenial))
			Expect(a.count("rollcall_unknown_certificates_total")).To(Equal(before))
		})
	})

	It("denies a Session that was deleted, without an alarm", func(ctx SpecContext) {
		user, of, who := somebodyNew(ctx)
		Expect(who.reads(ctx)).To(Succeed())
		before := a.count("rollcall_unknown_certificates_total")
		a.delete(ctx, of)
		Eventually(ctx, func() error { return who.reads(ctx) }).WithPolling(time.Millisecond).
			Should(deniedWith("your session " + of.Name + " was deleted"))
		Expect(a.count("rollcall_unknown_certificates_total")).To(Equal(before))
		Consistently(ctx, func() int { return len(a.alarms(ctx, user.Name)) }).Should(BeZero())
	})
	It("asks the API server before it calls a certificate unknown, since a cache may lag", func(ctx SpecContext) {
		a.lags.Store(true)
		DeferCleanup(func() { a.lags.Store(false) })
		user, of, who := somebodyNew(ctx)
		Expect(who.reads(ctx)).To(Succeed())
		Expect(a.operator().terminates(ctx, get(ctx, a.world, of), "")).To(Succeed())
		Expect(who.reads(ctx)).To(deniedWith(of.Name, "has ended"))
		Expect(a.alarms(ctx, user.Name)).To(BeEmpty())
	})
	It("asks the API server about the same unknown certificate once in a while, and no more", func(ctx SpecContext) {
		who := unknown(ctx, a.name("stranger"))
		mark := a.mark()
		for range 20 {
			Expect(who.reads(ctx)).To(deniedWith(session.UnknownDenial))
		}
		Expect(a.looks(mark)).To(Equal(1))
	})
	It("writes when a Session was last seen, once", func(ctx SpecContext) {
		_, of, who := somebodyNew(ctx)
		began := time.Now().Truncate(time.Second)
		Expect(who.reads(ctx)).To(Succeed())
		Eventually(ctx, func() *metav1.Time { return get(ctx, a.world, of).Status.LastSeenTime }).ShouldNot(BeNil())
		Expect(of.Status.LastSeenTime.Time).To(BeTemporally(">=", began))
		Expect(of.Status.LastSeenTime.Time).To(BeTemporally("<=", time.Now()))
		owners := []string{}
		for _, entry := range of.ManagedFields {
			if strings.Contains(string(entry.FieldsV1.GetRawBytes()), "lastSeenTime") {
				owners = append(owners, entry.Manager)
			}
		}
		Expect(owners).To(ConsistOf(seen.Owner))
		mark, kept := a.mark(), of.Status.LastSeenTime.DeepCopy()
		Consistently(ctx, func(g Gomega) {
			g.Expect(who.reads(ctx)).To(Succeed())
			g.Expect(a.writes(mark)).NotTo(ContainElement("patch sessions/status " + of.Name))
			g.Expect(get(ctx, a.world, of).Status.LastSeenTime.Time).To(BeTemporally("==", kept.Time))
		}).WithTimeout(13 * time.Second).WithPolling(200 * time.Millisecond).Should(Succeed())
	})
	It("says nothing of whoever is impersonated", func(ctx SpecContext) {
		user, of, who := somebodyNew(ctx)
		Expect(a.operator().terminates(ctx, get(ctx, a.world, of), "")).To(Succeed())
		Eventually(ctx, func() error { return who.reads(ctx) }).Should(deniedWith(of.Name))
		config := a.plane.RESTConfig()
		config.Impersonate = rest.ImpersonationConfig{UserName: user.Status.Username, Groups: []string{v1alpha1.ManagedGroup}}
		Expect(a.as(who.name, config).reads(ctx)).To(Succeed())
	})

	Describe("The webhook", func() {
		const review = `{"apiVersion":"authorization.k8s.io/v1","kind":"SubjectAccessReview",` +
			`"spec":{"user":"a","groups":["b"],"nonResourceAttributes":{"path":"/","verb":"get"}}}`
		ask := func(ctx SpecContext, change func(*http.Request), body string) int {
			GinkgoHelper()
			transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: a.ca.Pool()}, DisableKeepAlives: true}
			request, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://"+a.address+revocation.Path, strings.NewReader(body))
			Expect(err).NotTo(HaveOccurred())
			secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: installation.Namespace, Name: revocation.SecretName}}
			request.Header.Set("Authorization", "Bearer "+string(get(ctx, a.world, secret).Data[webhook.TokenKey]))
			request.Header.Set("Content-Type", "application/json")
			change(request)
			response, err := transport.RoundTrip(request)
			Expect(err).NotTo(HaveOccurred())
			Expect(response.Body.Close()).To(Succeed())
			return response.StatusCode
		}
		as := func(*http.Request) {}
		with := func(key, value string) func(*http.Request) { return func(r *http.Request) { r.Header.Set(key, value) } }
		instead := func(old, replacement string) string { return strings.Replace(review, old, replacement, 1) }

		It("looks up some of a flood of certificates that nobody knows, and denies all of it", func(ctx SpecContext) {
			const flood = 200
			mark, began, answers := a.mark(), time.Now(), make(chan int)
			for i := range flood {
				go func() {
					defer GinkgoRecover()
					answers <- ask(ctx, as, fmt.Sprintf(`{"apiVersion":"authorization.k8s.io/v1","kind":"SubjectAccessReview",`+
						`"spec":{"user":"flood","groups":[%q],"extra":{%q:[%q]},"nonResourceAttributes":{"path":"/","verb":"get"}}}`,
						v1alpha1.ManagedGroup, session.CredentialKey, session.CredentialID(fingerprintOf(fmt.Sprint(i)))))
				}()
			}
			for range flood {
				Expect(<-answers).To(Equal(http.StatusOK))
			}
			most := 50 + 20*time.Since(began).Seconds() + 1
			Expect(float64(a.looks(mark))).To(And(BeNumerically(">=", 40), BeNumerically("<=", most)))
			Expect(a.count("rollcall_authorization_reviews_total", "not_looked_up")).To(BeNumerically(">", 0))
		})

		DescribeTable("answers", func(ctx SpecContext, change func(*http.Request), body string, status int) {
			Expect(ask(ctx, change, body)).To(Equal(status))
		},
			Entry("a review", as, review, http.StatusOK),
			Entry("no token", with("Authorization", ""), review, http.StatusUnauthorized),
			Entry("another token", with("Authorization", "Bearer guess"), review, http.StatusUnauthorized),
			Entry("an empty token", with("Authorization", "Bearer "), review, http.StatusUnauthorized),
			Entry("no token before it reads", with("Authorization", ""), "{", http.StatusUnauthorized),
			Entry("nothing", as, "", http.StatusBadRequest),
			Entry("half a review", as, review[:len(review)/2], http.StatusBadRequest),
			Entry("two reviews", as, review+review, http.StatusBadRequest),
			Entry("a list", as, "["+review+"]", http.StatusBadRequest),
			Entry("another type", as, instead(`"a"`, "7"), http.StatusBadRequest),
			Entry("an older version", as, instead("/v1", "/v1beta1"), http.StatusBadRequest),
			Entry("another kind", as, instead(`"SubjectAccessReview"`, `"Pod"`), http.StatusBadRequest),
			Entry("nobody", as, instead(`"user":"a","groups":["b"],`, ""), http.StatusBadRequest),
			Entry("nothing to do", as, instead(`,"nonResourceAttributes":{"path":"/","verb":"get"}`, ""), http.StatusBadRequest),
			Entry("something large", as, instead(`"a"`, `"`+strings.Repeat("a", 1<<20)+`"`), http.StatusRequestEntityTooLarge),
			Entry("a form", with("Content-Type", "application/x-www-form-urlencoded"), review, http.StatusUnsupportedMediaType),
			Entry("GET", func(r *http.Request) { r.Method = http.MethodGet }, review, http.StatusMethodNotAllowed),
			Entry("another path", func(r *http.Request) { r.URL.Path = "/" }, review, http.StatusNotFound),
		)
		It("keeps its token to its Secret, with a kubeconfig that is ready", func(ctx SpecContext) {
			secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: installation.Namespace, Name: revocation.SecretName}}
			content := get(ctx, a.world, secret).Data
			token := string(content[webhook.TokenKey])
			Expect(len(token)).To(BeNumerically(">=", 26), "128 bits")
			config, err := clientcmd.RESTConfigFromKubeConfig(content[webhook.KubeconfigKey])
			Expect(err).NotTo(HaveOccurred())
			Expect(config.Host).To(Equal("https://" + a.address + "/authorize"))
			Expect(config.BearerToken).To(Equal(token))
			Expect(config.CAData).To(Equal(a.ca.Cert))
		})
		It("takes the token that somebody put there, and makes one where there is none", func(ctx SpecContext) {
			secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: installation.Namespace, Name: revocation.SecretName}}
			before := get(ctx, a.world, secret).DeepCopy()
			DeferCleanup(func(ctx SpecContext) {
				change(ctx, a.world, secret, func(s *corev1.Secret) { s.Data = before.Data })
				a.operates(ctx)
				Eventually(ctx, func() int { return ask(ctx, as, review) }).Should(Equal(http.StatusOK))
			})
			change(ctx, a.world, secret, func(s *corev1.Secret) { s.Data[webhook.TokenKey] = []byte("mine\n") })
			a.operates(ctx)
			Eventually(ctx, func() int { return ask(ctx, with("Authorization", "Bearer mine"), review) }).Should(Equal(http.StatusOK))
			old := "Bearer " + string(before.Data[webhook.TokenKey])
			Expect(ask(ctx, with("Authorization", old), review)).To(Equal(http.StatusUnauthorized))
			Expect(string(get(ctx, a.world, secret).Data[webhook.KubeconfigKey])).To(ContainSubstring("token: mine\n"))
			change(ctx, a.world, secret, func(s *corev1.Secret) { s.Data = nil })
			a.operates(ctx)
			Eventually(ctx, func() int { return len(get(ctx, a.world, secret).Data[webhook.TokenKey]) }).Should(BeNumerically(">=", 26))
		})
	})

	Describe("While the webhook is away", Ordered, func() {
		var who *certified
		others := func(ctx SpecContext) {
			GinkgoHelper()
			Expect(a.admin.List(ctx, &corev1.NamespaceList{})).To(Succeed(), "system:masters")
			Expect(a.operator().List(ctx, &v1alpha1.UserList{})).To(Succeed(), "ServiceAccounts")
			unmanaged := a.person("unmanaged")
			unmanaged.gets(ctx, "", maps)
			Expect(unmanaged.reads(ctx)).To(Succeed(), "people whom we do not manage")
		}
		BeforeAll(func(ctx SpecContext) {
			_, _, who = somebodyNew(ctx)
			Expect(who.reads(ctx)).To(Succeed())
			a.down()
			DeferCleanup(a.up)
		})
		It("strict denies managed people, and them alone", func(ctx SpecContext) {
			Eventually(ctx, func() error { return who.reads(ctx) }).Should(WithTransform(apierrors.IsInternalError, BeTrue()),
				"API servers call it an error of their own")
			began := time.Now()
			err := who.reads(ctx)
			AddReportEntry("measured", fmt.Sprintf("while the webhook is away, after %v: %v", time.Since(began).Round(time.Millisecond), err))
			others(ctx)
		})
		It("best effort lets RBAC decide", func(ctx SpecContext) {
			a.configure("best-effort", "webhook.kubeconfig")
			Eventually(ctx, func() error { return who.reads(ctx) }).Should(Succeed())
			others(ctx)
			Expect(who.List(ctx, &corev1.SecretList{})).To(WithTransform(apierrors.IsInternalError, BeTrue()), "which gave no such right")
		})
	})
	It("is asked again when it is back", func(ctx SpecContext) { a.asked(ctx) })
})

// output is what a command that runs has printed so far.
type output struct{ lines chan string }

func newOutput(command *exec.Cmd) *output {
	o := &output{lines: make(chan string, 1)}
	o.lines <- ""
	command.Stdout = o
	return o
}

// Write implements io.Writer.
func (o *output) Write(content []byte) (int, error) {
	o.lines <- <-o.lines + string(content)
	return len(content), nil
}

func (o *output) text() string {
	text := <-o.lines
	o.lines <- text
	return text
}

// writeKubeconfig writes a configuration with a certificate to a file.
func writeKubeconfig(path string, config *rest.Config) error {
	content := clientcmdapi.NewConfig()
	content.Clusters["c"] = &clientcmdapi.Cluster{Server: config.Host, CertificateAuthorityData: config.CAData}
	content.AuthInfos["c"] = &clientcmdapi.AuthInfo{ClientCertificateData: slices.Clone(config.CertData), ClientKeyData: config.KeyData}
	content.Contexts["c"] = &clientcmdapi.Context{Cluster: "c", AuthInfo: "c"}
	content.CurrentContext = "c"
	return clientcmd.WriteToFile(*content, path)
}
