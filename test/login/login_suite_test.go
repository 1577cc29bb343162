// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

// Package login_test has people log in, each with a home of their own, a real kubectl and the real plugin, to the real manager: on a
// control plane whose API server asks about each credential, against a real directory.
package login_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/test/controlplane"
	"github.com/rollcall-iam/rollcall/test/installation"
	"github.com/rollcall-iam/rollcall/test/internal/installed"
	"github.com/rollcall-iam/rollcall/test/oidcprovider"
	"github.com/rollcall-iam/rollcall/test/person"
	"github.com/rollcall-iam/rollcall/test/slapd"
)

const (
	patience = 40 * time.Second
	// password of everybody in the directory.
	password = "Tr0ub4dor & 3, said she"
	// namespace is where everybody may look.
	namespace = "pay"
	corp      = "corp"
	// watchAtLeast is how long the API server lets a watch go on, which says nothing of that itself; it goes on for up to twice as long.
	watchAtLeast = 15 * time.Second
)

var (
	plane    *controlplane.ControlPlane
	admin    client.Client
	server   *slapd.Server
	provider *oidcprovider.Provider
	manager  *installation.Manager
	loginURL string
	// where the manager serves.
	loginPort, authorizationPort int
	// files is a folder for what the API server and people read.
	files string
)

func TestLogin(t *testing.T) {
	RegisterFailHandler(Fail)
	EnforceDefaultTimeoutsWhenUsingContexts()
	SetDefaultEventuallyTimeout(patience)
	SetDefaultEventuallyPollingInterval(50 * time.Millisecond)
	RunSpecs(t, "Logging in")
}

var _ = BeforeSuite(func(ctx SpecContext) {
	installed.OrSkip(slapd.Available())
	var err error
	files, err = os.MkdirTemp("", "rollcall-login-")
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(os.RemoveAll, files)
	startsPlane(ctx)
	startsDirectory(ctx)
	startsManager(ctx)
	asksWebhook(ctx, "strict")
	declares(ctx)
}, NodeTimeout(3*time.Minute))

func startsPlane(ctx context.Context) {
	GinkgoHelper()
	nobody := filepath.Join(files, "nobody.kubeconfig")
	Expect(installation.WriteWebhookKubeconfig(nobody)).To(Succeed())
	Expect(installation.WriteAuthorization(filepath.Join(files, "authorization.yaml"), "best-effort", nobody)).To(Succeed())
	var err error
	plane, err = controlplane.Start(ctx, controlplane.Options{APIServerArgs: []string{
		"--authorization-config=" + filepath.Join(files, "authorization.yaml"),
		"--min-request-timeout=" + strconv.Itoa(int(watchAtLeast.Seconds())),
	}})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() error { return plane.Stop() })
	Expect(installation.Install(ctx, plane)).To(Succeed())
	scheme := runtime.NewScheme()
	Expect(clientgoscheme.AddToScheme(scheme)).To(Succeed())
	Expect(v1alpha1.AddToScheme(scheme)).To(Succeed())
	admin, err = client.New(plane.RESTConfig(), client.Options{Scheme: scheme})
	Expect(err).NotTo(HaveOccurred())
}

func startsDirectory(ctx context.Context) {
	GinkgoHelper()
	var err error
	server, err = slapd.Start(ctx, slapd.Options{})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() error { return server.Stop() })
	names := []string{"alice", "bob", "carol", "dora", "erin", "frank", "gina", "grace", "henry"}
	people := make([]oidcprovider.Person, 0, 1+len(names))
	people = append(people, oidcprovider.Person{Name: "stranger", Password: password})
	for _, name := range names {
		Expect(server.AddPerson(name)).To(Succeed())
		Expect(server.SetPassword(name, password)).To(Succeed())
		people = append(people, oidcprovider.Person{Name: name, Password: password, AMR: []string{"pwd", "otp"}})
	}
	provider, err = oidcprovider.Start(oidcprovider.Options{People: people})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() error { return provider.Stop() })
}

// startsManager starts the manager with all that it can serve. The ports were free a moment ago.
func startsManager(ctx context.Context) {
	GinkgoHelper()
	loginPort, authorizationPort = freePort(), freePort()
	loginURL = fmt.Sprintf("https://127.0.0.1:%d", loginPort)
	DeferCleanup(func() error { return manager.Stop() })
	serves(ctx)
	var published corev1.ConfigMap
	Eventually(ctx, func() error {
		return admin.Get(ctx, client.ObjectKey{Namespace: installation.Namespace, Name: "rollcall-serving-ca"}, &published)
	}).Should(Succeed())
	Expect(os.WriteFile(filepath.Join(files, "login-ca.crt"), []byte(published.Data["ca.crt"]), 0o600)).To(Succeed())
}

// serves starts the manager at the ports that people and the API server know.
func serves(ctx context.Context, more ...string) {
	GinkgoHelper()
	var err error
	manager, err = installation.StartManager(ctx, plane, installation.Options{Args: append([]string{
		fmt.Sprintf("--login-bind-address=127.0.0.1:%d", loginPort),
		fmt.Sprintf("--authorization-bind-address=127.0.0.1:%d", authorizationPort), "--serving-names=127.0.0.1",
	}, more...)})
	Expect(err).NotTo(HaveOccurred())
}

// asksWebhook has the API server ask the webhook, and returns once it does.
func asksWebhook(ctx context.Context, sample string) {
	GinkgoHelper()
	Expect(installation.AskWebhook(ctx, plane, filepath.Join(files, "authorization.yaml"), sample)).To(Succeed())
}

// declares says who is there and what they may do, as Git would.
func declares(ctx context.Context) {
	GinkgoHelper()
	objects := []client.Object{
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}},
		secret("corp-ca", map[string]string{"ca.crt": string(server.CAPEM())}),
		secret("idp-ca", map[string]string{"ca.crt": string(provider.CACert())}),
		secret("corp-bind", map[string]string{"username": slapd.SyncDN, "password": server.Password()}),
		&v1alpha1.Directory{ObjectMeta: metav1.ObjectMeta{Name: corp}, Spec: v1alpha1.DirectorySpec{
			LDAP: &v1alpha1.LDAPSource{
				URL: server.LDAPSURL(), Schema: v1alpha1.SchemaRFC2307bis, Users: v1alpha1.LDAPUsers{BaseDN: slapd.PeopleDN},
				CASecretRef: &v1alpha1.NameReference{Name: "corp-ca"}, BindSecretRef: &v1alpha1.NameReference{Name: "corp-bind"},
			},
			Login: &v1alpha1.LoginPolicy{Password: v1alpha1.Allowed, OIDC: &v1alpha1.OIDCLogin{
				IssuerURL: provider.URL(), ClientID: oidcprovider.ClientID, CASecretRef: &v1alpha1.NameReference{Name: "idp-ca"},
				Scopes: []string{"profile", "offline_access"}, RecheckSeconds: new(int32(1)),
			}},
		}},
		&v1alpha1.Grant{ObjectMeta: metav1.ObjectMeta{Name: "looks"}, Spec: v1alpha1.GrantSpec{
			Subjects: []v1alpha1.Subject{{Kind: v1alpha1.SubjectUser, Name: "alice"}, {Kind: v1alpha1.SubjectUser, Name: "bob"}},
			RoleRef:  v1alpha1.RoleReference{Kind: v1alpha1.RoleKindClusterRole, Name: "edit"},
			Scope:    v1alpha1.ScopeNamespaces, Namespaces: &v1alpha1.NamespaceSet{Names: []string{namespace}},
		}},
	}
	for _, object := range objects {
		Expect(admin.Create(ctx, object)).To(Succeed())
	}
	Eventually(ctx, func(g Gomega) {
		for _, name := range []string{"alice", "bob"} {
			var user v1alpha1.User
			g.Expect(admin.Get(ctx, client.ObjectKey{Name: name}, &user)).To(Succeed())
			g.Expect(user.Status.Grants).To(Equal([]string{"looks"}))
		}
	}).Should(Succeed())
}

func secret(name string, data map[string]string) *corev1.Secret {
	return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: installation.Namespace, Name: name}, StringData: data}
}

func freePort() int {
	GinkgoHelper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	Expect(err).NotTo(HaveOccurred())
	defer func() { _ = listener.Close() }()
	address, ok := listener.Addr().(*net.TCPAddr)
	Expect(ok).To(BeTrue())
	return address.Port
}

// someone is a person at a machine of their own.
type someone struct{ *person.Person }

func newSomeone(name string) *someone {
	GinkgoHelper()
	return &someone{person.New(plane, files, name)}
}

// logsIn logs in with a password.
func (p *someone) logsIn(ctx context.Context, with string, more ...string) (string, error) {
	GinkgoHelper()
	at := person.Site{URL: loginURL, CAFile: filepath.Join(files, "login-ca.crt"), Directory: corp}
	return p.LogsIn(ctx, at, with, more...)
}

// session is the one active Session of somebody.
func (p *someone) session(ctx context.Context) *v1alpha1.Session {
	GinkgoHelper()
	var list v1alpha1.SessionList
	Expect(admin.List(ctx, &list, client.MatchingFields{"spec.userRef.name": p.Name})).To(Succeed())
	list.Items = slices.DeleteFunc(list.Items, func(s v1alpha1.Session) bool {
		return s.Spec.Termination != nil || meta.IsStatusConditionFalse(s.Status.Conditions, v1alpha1.ConditionActive)
	})
	Expect(list.Items).To(HaveLen(1))
	return &list.Items[0]
}

var _ = JustAfterEach(func() {
	const tail = 6000
	if CurrentSpecReport().Failed() && manager != nil {
		content := read(manager.Log())
		AddReportEntry("the end of the manager's log", string(content[max(0, len(content)-tail):]))
	}
})
