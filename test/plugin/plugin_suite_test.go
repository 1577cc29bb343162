// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

// Package plugin_test runs the kubectl plugin as people do: through the real kubectl, on a real control plane, with their own client
// certificates and rights. The operator stands still here: specs write what it would.
package plugin_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gexec"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/operator"
	"github.com/rollcall-iam/rollcall/test/controlplane"
	"github.com/rollcall-iam/rollcall/test/installation"
	"github.com/rollcall-iam/rollcall/test/internal/checkout"
)

var (
	plane *controlplane.ControlPlane
	admin client.Client
	// path is the folder that kubectl and the plugin are in.
	path string
)

func TestPlugin(t *testing.T) {
	RegisterFailHandler(Fail)
	EnforceDefaultTimeoutsWhenUsingContexts()
	SetDefaultEventuallyTimeout(30 * time.Second)
	SetDefaultEventuallyPollingInterval(20 * time.Millisecond)
	RunSpecs(t, "The kubectl plugin")
}

var _ = BeforeSuite(func(ctx SpecContext) {
	var err error
	plane, err = controlplane.Start(ctx, controlplane.Options{})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(plane.Stop)
	Expect(installation.Install(ctx, plane)).To(Succeed())
	scheme, err := operator.Scheme()
	Expect(err).NotTo(HaveOccurred())
	admin, err = client.New(plane.RESTConfig(), client.Options{Scheme: scheme})
	Expect(err).NotTo(HaveOccurred())
	path = filepath.Join(plane.Dir(), "path")
	install(ctx)
	allow(ctx)
})

// install puts the plugin beside kubectl, as completion explains it.
func install(ctx context.Context) {
	GinkgoHelper()
	root, err := checkout.Root()
	Expect(err).NotTo(HaveOccurred())
	Expect(os.Mkdir(path, 0o700)).To(Succeed())
	plugin := filepath.Join(path, "kubectl-rollcall")
	build := exec.CommandContext(ctx, "go", "build", "-buildvcs=false",
		"-ldflags", "-X main.version=v0.0.0-test", "-o", plugin, "./cmd/kubectl-rollcall")
	build.Dir = root
	output, err := build.CombinedOutput()
	Expect(err).NotTo(HaveOccurred(), string(output))
	kubectl, err := filepath.Abs(plane.Kubectl())
	Expect(err).NotTo(HaveOccurred())
	Expect(os.Symlink(kubectl, filepath.Join(path, "kubectl"))).To(Succeed())
	Expect(os.Symlink(plugin, filepath.Join(path, "kubectl_complete-rollcall"))).To(Succeed())
}

// allow gives the groups that specs put people into their rights.
func allow(ctx context.Context) {
	GinkgoHelper()
	rule := func(resources []string, verbs ...string) rbacv1.PolicyRule {
		return rbacv1.PolicyRule{APIGroups: []string{v1alpha1.GroupVersion.Group}, Resources: resources, Verbs: verbs}
	}
	kinds := []string{"users", "groups", "grants", "locks", "accessrequests", "approvals", "sessions"}
	bindings := rbacv1.PolicyRule{
		APIGroups: []string{rbacv1.GroupName}, Resources: []string{"rolebindings", "clusterrolebindings"}, Verbs: []string{"list"},
	}
	for group, rules := range map[string][]rbacv1.PolicyRule{
		readers: {rule(kinds, "get", "list", "watch")},
		askers:  {rule([]string{"accessrequests"}, "create")},
		getters: {rule([]string{"accessrequests"}, "get")},
		judges:  {rule([]string{"approvals"}, "create")},
		enders:  {rule([]string{"sessions"}, "patch")},
		guards:  {rule([]string{"locks"}, "create", "delete"), bindings},
	} {
		role := &rbacv1.ClusterRole{Rules: rules}
		role.Name = group
		Expect(admin.Create(ctx, role)).To(Succeed())
		binding := &rbacv1.ClusterRoleBinding{
			RoleRef:  rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: group},
			Subjects: []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.GroupKind, Name: group}},
		}
		binding.Name = group
		Expect(admin.Create(ctx, binding)).To(Succeed())
	}
}

// The groups that have rights.
const (
	readers = "readers" // read everything of the API group
	askers  = "askers"  // create requests
	getters = "getters" // get requests, and no more than that
	judges  = "judges"  // create approvals
	enders  = "enders"  // patch sessions
	guards  = "guards"  // create and delete locks, and list bindings
)

// person is a kubeconfig with a client certificate.
type person struct{ name, kubeconfig string }

func as(name string, groups ...string) person {
	GinkgoHelper()
	config, err := plane.User(name, groups...)
	Expect(err).NotTo(HaveOccurred())
	kubeconfig := clientcmdapi.NewConfig()
	kubeconfig.Clusters["c"] = &clientcmdapi.Cluster{Server: config.Host, CertificateAuthorityData: config.CAData}
	kubeconfig.AuthInfos["c"] = &clientcmdapi.AuthInfo{ClientCertificateData: config.CertData, ClientKeyData: config.KeyData}
	kubeconfig.Contexts["c"] = &clientcmdapi.Context{Cluster: "c", AuthInfo: "c"}
	kubeconfig.CurrentContext = "c"
	file := filepath.Join(GinkgoT().TempDir(), "kubeconfig")
	Expect(clientcmd.WriteToFile(*kubeconfig, file)).To(Succeed())
	return person{name, file}
}

func administrator() person { return person{"rollcall-test-admin", plane.AdminKubeconfig()} }

// kubectl runs without waiting for it.
func (p person) kubectl(args ...string) *gexec.Session {
	GinkgoHelper()
	command := exec.CommandContext(context.Background(), filepath.Join(path, "kubectl"), args...)
	command.Env = []string{
		"PATH=" + path, "HOME=" + plane.Dir(), "KUBECONFIG=" + p.kubeconfig, "TZ=UTC",
		"KUBECACHEDIR=" + filepath.Join(plane.Dir(), "kubectl-cache"),
	}
	session, err := gexec.Start(command, nil, nil)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() { session.Kill().Wait() })
	return session
}

func (p person) starts(args ...string) *gexec.Session {
	GinkgoHelper()
	return p.kubectl(append([]string{"rollcall"}, args...)...)
}

// said is what a run of the plugin left behind.
type said struct {
	Out, Err string
	Code     int
}

func ended(session *gexec.Session) said {
	GinkgoHelper()
	Eventually(session).Should(gexec.Exit())
	return said{string(session.Out.Contents()), string(session.Err.Contents()), session.ExitCode()}
}

func (p person) runs(args ...string) said {
	GinkgoHelper()
	return ended(p.starts(args...))
}

// gets is runs, where that must succeed; it is what was printed.
func (p person) gets(args ...string) string {
	GinkgoHelper()
	result := p.runs(args...)
	Expect(result).To(HaveField("Code", 0))
	return result.Out
}

// fails is runs, where that must not; it is the complaint.
func (p person) fails(args ...string) string {
	GinkgoHelper()
	result := p.runs(args...)
	Expect(result).To(HaveField("Code", 1))
	return result.Err
}
