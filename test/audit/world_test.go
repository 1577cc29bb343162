// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package audit_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/test/controlplane"
	"github.com/rollcall-iam/rollcall/test/installation"
	"github.com/rollcall-iam/rollcall/test/internal/installed"
	"github.com/rollcall-iam/rollcall/test/internal/process"
	"github.com/rollcall-iam/rollcall/test/person"
	"github.com/rollcall-iam/rollcall/test/slapd"
)

const (
	password = "Tr0ub4dor & 3, said she"
	// pay is where alice works, and shop where she does not.
	pay, shop = "pay", "shop"
	corp      = "corp"
	patience  = 40 * time.Second
)

// world is a cluster whose API server sends its audit log to the operator, with a directory that people log in by.
type world struct {
	plane     *controlplane.ControlPlane
	admin     client.Client
	directory *slapd.Server
	manager   *installation.Manager
	site      person.Site
	// files is a folder for what servers and people read, store where the events are, and ledger the ledger's folder.
	files, store, ledger string
	ports                []int
}

// newWorld has its ledger in a folder of its own, or in one that is given.
func newWorld(ctx context.Context, ledger string) *world {
	GinkgoHelper()
	installed.OrSkip(slapd.Available())
	files, err := os.MkdirTemp("", "rollcall-audit-")
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(os.RemoveAll, files)
	w := &world{files: files, store: "sqlite:" + filepath.Join(files, "audit.db"), ledger: ledger}
	if ledger == "" {
		w.ledger = filepath.Join(files, "ledger")
	}
	w.startsPlane(ctx)
	w.startsDirectory(ctx)
	w.ports, err = process.FreePorts(2)
	Expect(err).NotTo(HaveOccurred())
	w.startsManager(ctx)
	DeferCleanup(func() error { return w.manager.Stop() })
	w.tells(ctx)
	w.declares(ctx)
	return w
}

func (w *world) startsPlane(ctx context.Context) {
	GinkgoHelper()
	var err error
	w.plane, err = controlplane.Start(ctx, controlplane.Options{})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() error { return w.plane.Stop() })
	Expect(installation.Install(ctx, w.plane)).To(Succeed())
	scheme := runtime.NewScheme()
	Expect(clientgoscheme.AddToScheme(scheme)).To(Succeed())
	Expect(v1alpha1.AddToScheme(scheme)).To(Succeed())
	w.admin, err = client.New(w.plane.RESTConfig(), client.Options{Scheme: scheme})
	Expect(err).NotTo(HaveOccurred())
}

func (w *world) startsDirectory(ctx context.Context) {
	GinkgoHelper()
	var err error
	w.directory, err = slapd.Start(ctx, slapd.Options{})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() error { return w.directory.Stop() })
	for _, name := range []string{"alice", "bob", "carol", "dora"} {
		Expect(w.directory.AddPerson(name)).To(Succeed())
		Expect(w.directory.SetPassword(name, password)).To(Succeed())
	}
}

func (w *world) startsManager(ctx context.Context) {
	GinkgoHelper()
	var err error
	w.manager, err = installation.StartManager(ctx, w.plane, installation.Options{Args: []string{
		fmt.Sprintf("--login-bind-address=127.0.0.1:%d", w.ports[0]), fmt.Sprintf("--audit-bind-address=127.0.0.1:%d", w.ports[1]),
		"--serving-names=127.0.0.1", "--audit-store=" + w.store,
		"--ledger-dir=" + w.ledger, "--ledger-checkpoints=" + filepath.Join(w.files, "checkpoints"),
		"--ocsf=" + w.forSIEM(),
	}})
	Expect(err).NotTo(HaveOccurred())
	w.site = person.Site{URL: fmt.Sprintf("https://127.0.0.1:%d", w.ports[0]), CAFile: filepath.Join(w.files, "ca.crt"), Directory: corp}
	var published corev1.ConfigMap
	Eventually(ctx, func() error {
		return w.admin.Get(ctx, client.ObjectKey{Namespace: installation.Namespace, Name: "rollcall-serving-ca"}, &published)
	}).WithTimeout(patience).Should(Succeed())
	Expect(os.WriteFile(w.site.CAFile, []byte(published.Data["ca.crt"]), 0o600)).To(Succeed())
}

// forSIEM is the file of events for a SIEM.
func (w *world) forSIEM() string { return filepath.Join(w.files, "ocsf.jsonl") }

// tells has the API server send its audit log.
func (w *world) tells(ctx context.Context) {
	GinkgoHelper()
	Expect(installation.SendAudit(ctx, w.plane, filepath.Join(w.files, "audit-webhook.kubeconfig"))).To(Succeed())
}

// declares says who is there and what they may do, as Git would.
func (w *world) declares(ctx context.Context) {
	GinkgoHelper()
	inPay := &v1alpha1.NamespaceSet{Names: []string{pay}}
	role := func(name string) v1alpha1.RoleReference {
		return v1alpha1.RoleReference{Kind: v1alpha1.RoleKindClusterRole, Name: name}
	}
	toUser := func(name string) []v1alpha1.Subject {
		return []v1alpha1.Subject{{Kind: v1alpha1.SubjectUser, Name: name}}
	}
	objects := []client.Object{
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: pay}}, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: shop}},
		secret("corp-ca", map[string]string{"ca.crt": string(w.directory.CAPEM())}),
		secret("corp-bind", map[string]string{"username": slapd.SyncDN, "password": w.directory.Password()}),
		&v1alpha1.Directory{ObjectMeta: metav1.ObjectMeta{Name: corp}, Spec: v1alpha1.DirectorySpec{
			LDAP: &v1alpha1.LDAPSource{
				URL: w.directory.LDAPSURL(), Schema: v1alpha1.SchemaRFC2307bis, Users: v1alpha1.LDAPUsers{BaseDN: slapd.PeopleDN},
				CASecretRef: &v1alpha1.NameReference{Name: "corp-ca"}, BindSecretRef: &v1alpha1.NameReference{Name: "corp-bind"},
			},
			Login: &v1alpha1.LoginPolicy{Password: v1alpha1.Allowed},
		}},
		&v1alpha1.Grant{ObjectMeta: metav1.ObjectMeta{Name: "alice-edits"}, Spec: v1alpha1.GrantSpec{
			Subjects: toUser("alice"), RoleRef: role("edit"), Scope: v1alpha1.ScopeNamespaces, Namespaces: inPay, Reason: "CHG-1: works on pay",
		}},
		&v1alpha1.Grant{ObjectMeta: metav1.ObjectMeta{Name: "bob-reads"}, Spec: v1alpha1.GrantSpec{
			Subjects: toUser("bob"), RoleRef: role("view"), Scope: v1alpha1.ScopeCluster,
		}},
		&v1alpha1.Grant{ObjectMeta: metav1.ObjectMeta{Name: "carol-helps"}, Spec: v1alpha1.GrantSpec{
			Subjects: toUser("carol"), RoleRef: role("edit"), Scope: v1alpha1.ScopeNamespaces, Namespaces: inPay,
			Activation: v1alpha1.ActivationOnRequest,
			Request:    &v1alpha1.RequestPolicy{Approvers: toUser("alice"), Quorum: 1, MaxDurationSeconds: 3600},
		}},
		bound("requesters", "rollcall-requester"), bound("approvers", "rollcall-approver"),
	}
	for _, object := range objects {
		Expect(w.admin.Create(ctx, object)).To(Succeed())
	}
	Eventually(ctx, func(g Gomega) {
		for name, grants := range map[string][]string{"alice": {"alice-edits"}, "bob": {"bob-reads"}, "carol": nil, "dora": nil} {
			var user v1alpha1.User
			g.Expect(w.admin.Get(ctx, client.ObjectKey{Name: name}, &user)).To(Succeed())
			g.Expect(user.Status.Grants).To(Equal(grants))
		}
	}).WithTimeout(patience).Should(Succeed())
}

func secret(name string, data map[string]string) *corev1.Secret {
	return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: installation.Namespace, Name: name}, StringData: data}
}

// bound gives a role of config/rbac to all managed people.
func bound(name, role string) *rbacv1.ClusterRoleBinding {
	return &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: name}, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role},
		Subjects: []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.GroupKind, Name: v1alpha1.ManagedGroup}},
	}
}

// comes is somebody of the directory who has logged in.
func (w *world) comes(ctx context.Context, name string) *person.Person {
	GinkgoHelper()
	p := person.New(w.plane, w.files, name)
	told, err := p.LogsIn(ctx, w.site, password, "--device", name+"s-laptop")
	Expect(err).NotTo(HaveOccurred(), told)
	return p
}

// session is the one Session of somebody.
func (w *world) session(ctx context.Context, name string) *v1alpha1.Session {
	GinkgoHelper()
	var list v1alpha1.SessionList
	Expect(w.admin.List(ctx, &list, client.MatchingFields{"spec.userRef.name": name})).To(Succeed())
	Expect(list.Items).To(HaveLen(1))
	return &list.Items[0]
}

// root is an administrator with the same tools.
func (w *world) root() *person.Person {
	GinkgoHelper()
	p := person.New(w.plane, w.files, "root")
	content, err := os.ReadFile(w.plane.AdminKubeconfig())
	Expect(err).NotTo(HaveOccurred())
	Expect(os.WriteFile(filepath.Join(p.Home, "kubeconfig"), content, 0o600)).To(Succeed())
	return p
}

// get asks the audit service for something, without a token, and returns the status. It goes where it is sent.
func (w *world) get(ctx context.Context, url string) int {
	GinkgoHelper()
	ca, err := os.ReadFile(w.site.CAFile)
	Expect(err).NotTo(HaveOccurred())
	pool := x509.NewCertPool()
	Expect(pool.AppendCertsFromPEM(ca)).To(BeTrue())
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}
	defer transport.CloseIdleConnections()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	Expect(err).NotTo(HaveOccurred())
	response, err := (&http.Client{Transport: transport}).Do(request)
	Expect(err).NotTo(HaveOccurred())
	Expect(response.Body.Close()).To(Succeed())
	return response.StatusCode
}
