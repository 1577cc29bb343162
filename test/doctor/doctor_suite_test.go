// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

// Package doctor_test runs kubectl rollcall doctor and support-bundle against an installation as people have it: the manager under its
// own rights, with a directory. Then things break, one by one.
package doctor_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/doctor"
	"github.com/rollcall-iam/rollcall/internal/operator"
	"github.com/rollcall-iam/rollcall/test/controlplane"
	"github.com/rollcall-iam/rollcall/test/installation"
	"github.com/rollcall-iam/rollcall/test/internal/checkout"
	"github.com/rollcall-iam/rollcall/test/internal/process"
	"github.com/rollcall-iam/rollcall/test/sampledir"
)

func TestDoctor(t *testing.T) {
	RegisterFailHandler(Fail)
	EnforceDefaultTimeoutsWhenUsingContexts()
	SetDefaultEventuallyTimeout(30 * time.Second)
	SetDefaultEventuallyPollingInterval(50 * time.Millisecond)
	RunSpecs(t, "The doctor, in a cluster")
}

var (
	plane     *controlplane.ControlPlane
	admin     client.Client
	directory *sampledir.Server
	manager   *installation.Manager
)

var _ = BeforeSuite(func(ctx SpecContext) {
	var err error
	plane, err = controlplane.Start(ctx, controlplane.Options{})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(plane.Stop)
	scheme, err := operator.Scheme()
	Expect(err).NotTo(HaveOccurred())
	admin, err = client.New(plane.RESTConfig(), client.Options{Scheme: scheme})
	Expect(err).NotTo(HaveOccurred())
})

// said is what a run of the plugin left behind.
type said struct {
	Out, Err string
	Code     int
}

// runs has the plugin run that make build has built: it has the manager's version.
func runs(ctx context.Context, kubeconfig string, args ...string) said {
	GinkgoHelper()
	root, err := checkout.Root()
	Expect(err).NotTo(HaveOccurred())
	command := exec.CommandContext(ctx, filepath.Join(root, "bin", "kubectl-rollcall"), args...)
	command.Env = append(os.Environ(), "KUBECONFIG="+kubeconfig, "HOME="+plane.Dir())
	var out, errors writer
	command.Stdout, command.Stderr = &out, &errors
	err = command.Run()
	if command.ProcessState == nil {
		Expect(err).NotTo(HaveOccurred(), "run make build first")
	}
	return said{string(out), string(errors), command.ProcessState.ExitCode()}
}

type writer []byte

func (w *writer) Write(text []byte) (int, error) {
	*w = append(*w, text...)
	return len(text), nil
}

// examined is what the doctor finds as an administrator.
func examined(ctx context.Context) (*doctor.Report, said) {
	GinkgoHelper()
	ran := runs(ctx, plane.AdminKubeconfig(), "doctor", "-o", "json")
	report := &doctor.Report{}
	Expect(json.Unmarshal([]byte(ran.Out), report)).To(Succeed(), ran.Err)
	return report, ran
}

// is matches a check in a report.
func is(about string, state doctor.State, found, do string) OmegaMatcher {
	return WithTransform(func(r *doctor.Report) []doctor.Check { return r.Checks }, ContainElement(SatisfyAll(
		HaveField("About", about), HaveField("State", state), HaveField("Found", ContainSubstring(found)),
		WithTransform(func(c doctor.Check) string { return fmt.Sprint(c.Do, c.Run) }, ContainSubstring(do)),
	)))
}

// install is what README.md says, and a directory.
func install(ctx context.Context) {
	GinkgoHelper()
	Expect(installation.Install(ctx, plane)).To(Succeed())
	var err error
	directory, err = sampledir.Start(ctx, sampledir.Options{})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() error { return directory.Stop() })
	secret := func(name string, data map[string]string) client.Object {
		return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: installation.Namespace, Name: name}, StringData: data}
	}
	for _, object := range []client.Object{
		secret("corp-ca", map[string]string{"ca.crt": string(directory.CAPEM())}),
		secret("corp-bind", map[string]string{"username": directory.BindDN(), "password": directory.Password()}),
		&v1alpha1.Directory{ObjectMeta: metav1.ObjectMeta{Name: "corp"}, Spec: v1alpha1.DirectorySpec{
			SyncIntervalSeconds: 10,
			LDAP: &v1alpha1.LDAPSource{
				URL: directory.URL(), CASecretRef: &v1alpha1.NameReference{Name: "corp-ca"},
				BindSecretRef: &v1alpha1.NameReference{Name: "corp-bind"}, Schema: v1alpha1.SchemaRFC2307bis,
				Users:  v1alpha1.LDAPUsers{BaseDN: sampledir.PeopleDN},
				Groups: &v1alpha1.LDAPGroups{BaseDN: sampledir.GroupsDN},
			},
		}},
		&v1alpha1.Grant{ObjectMeta: metav1.ObjectMeta{Name: "payments-edit"}, Spec: v1alpha1.GrantSpec{
			Subjects: []v1alpha1.Subject{{Kind: v1alpha1.SubjectGroup, Name: "payments"}},
			RoleRef:  v1alpha1.RoleReference{Kind: v1alpha1.RoleKindClusterRole, Name: "edit"}, Scope: v1alpha1.ScopeNamespaces,
			Namespaces: &v1alpha1.NamespaceSet{Names: []string{"default"}}, Reason: "payments on-call, says alice.archer@corp.example",
		}},
	} {
		Expect(admin.Create(ctx, object)).To(Succeed())
	}
	start(ctx)
	for _, object := range []interface {
		client.Object
	}{&v1alpha1.Directory{}, &v1alpha1.Grant{}} {
		name := "corp"
		if _, is := object.(*v1alpha1.Grant); is {
			name = "payments-edit"
		}
		becomesReady(ctx, object, name)
	}
}

// start starts the manager, with logins and leader election, as config/login does.
func start(ctx context.Context) {
	GinkgoHelper()
	ports, err := process.FreePorts(1)
	Expect(err).NotTo(HaveOccurred())
	manager, err = installation.StartManager(ctx, plane, installation.Options{Args: []string{
		"--leader-elect", "--serving-names=127.0.0.1", fmt.Sprintf("--login-bind-address=127.0.0.1:%d", ports[0]),
	}})
	Expect(err).NotTo(HaveOccurred())
	started := manager
	DeferCleanup(started.Stop)
}

func becomesReady(ctx context.Context, object client.Object, name string) {
	GinkgoHelper()
	Eventually(ctx, func(g Gomega) {
		g.Expect(admin.Get(ctx, client.ObjectKey{Name: name}, object)).To(Succeed())
		var conditions []metav1.Condition
		switch o := object.(type) {
		case *v1alpha1.Directory:
			conditions = o.Status.Conditions
		case *v1alpha1.Grant:
			conditions = o.Status.Conditions
		}
		g.Expect(meta.IsStatusConditionTrue(conditions, v1alpha1.ConditionReady)).To(BeTrue())
	}).Should(Succeed())
}
