// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package helm_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/rollcall-iam/rollcall/test/controlplane"
	"github.com/rollcall-iam/rollcall/test/installation"
	"github.com/rollcall-iam/rollcall/test/internal/process"
)

// world is a control plane, and the operator that runs on it; nil while none does.
type world struct {
	plane    *controlplane.ControlPlane
	operator *installation.Manager
}

var _ = Describe("A release", Ordered, func() {
	w := &world{}
	var before []string

	BeforeAll(func(ctx SpecContext) {
		var err error
		w.plane, err = controlplane.Start(ctx, controlplane.Options{})
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(func() error { return w.plane.Stop() })
		DeferCleanup(w.operatorStops)
		w.kubectl(ctx, "create", "namespace", "playground")
		w.kubectl(ctx, "create", "clusterrole", "deployer", "--verb=get", "--resource=deployments.apps")
		Eventually(ctx, w.everything).Should(ContainElements(
			"ServiceAccount playground/default", "ConfigMap playground/kube-root-ca.crt", "ConfigMap kube-system/kube-root-ca.crt"))
		Eventually(ctx, func() bool { // What comes by itself takes a while.
			last := before
			before = w.everything(ctx)
			return slices.Equal(last, before)
		}).WithPolling(3 * time.Second).Should(BeTrue())
	})

	It("brings the kinds of an older chart, which people use", func(ctx SpecContext) {
		w.helm(ctx, "install", release, olderChart(), "-n", installation.Namespace, "--create-namespace")
		w.kubectl(ctx, "wait", "--for=condition=Established", "--timeout=30s", "customresourcedefinitions", "--all")
		w.apply(ctx, olderObjects)
		Expect(w.kubectl(ctx, "api-resources", "--api-group=iam.rollcall.dev", "-o", "name")).NotTo(ContainSubstring("locks"))
	})

	It("is upgraded, the kinds with it, and finds what was there as it was", func(ctx SpecContext) {
		old := w.written(ctx)
		Expect(old).To(HaveLen(4))
		w.helm(ctx, "upgrade", release, chart(), "-n", installation.Namespace)
		w.kubectl(ctx, "wait", "--for=condition=Established", "--timeout=30s", "customresourcedefinitions", "--all")
		holds(w.written(ctx), old)
		Eventually(ctx, func() error { return w.tryApply(ctx, newerObjects) }).Should(Succeed())
		Expect(w.kubectl(ctx, "get", "grant", "newer", "-o", "jsonpath={.spec.activation}")).To(Equal("OnRequest"))
	})

	It("goes back, where newer kinds stay, and forward again, with what people wrote", func(ctx SpecContext) {
		w.helm(ctx, "rollback", release, "1", "-n", installation.Namespace)
		Eventually(ctx, func() string {
			return w.kubectl(ctx, "get", "grant", "newer", "-o", "jsonpath={.spec.activation}")
		}).Should(BeEmpty(), "the older kind does not know it")
		Expect(w.kubectl(ctx, "get", "locks", "-o", "name")).To(ContainSubstring("lost-laptop"))
		w.helm(ctx, "upgrade", release, chart(), "-n", installation.Namespace)
		Eventually(ctx, func() string {
			return w.kubectl(ctx, "get", "grant", "newer", "-o", "jsonpath={.spec.activation}")
		}).Should(Equal("OnRequest"), "nobody has written it since")
	})

	It("has made all that it says, and the API server obeys the policies", func(ctx SpecContext) {
		manifest := w.helm(ctx, "get", "manifest", release, "-n", installation.Namespace)
		found, err := w.kubectlInput(ctx, manifest, "get", "-f", "-", "-o", "name")
		Expect(err).NotTo(HaveOccurred())
		Expect(strings.Fields(found)).To(HaveLen(len(objects(manifest))))
		Eventually(ctx, func() error { // What got in before the policy was in force would not be a request any more.
			_, err := w.kubectlInput(ctx, requestOfAnother, "create", "--dry-run=server", "-f", "-")
			return err
		}).Should(MatchError(ContainSubstring("rollcall-requests")))
	})

	It("can do all that it can, but for kinds that others bring, and goes back", func(ctx SpecContext) {
		everything := set(slices.Concat(loginValues, auditValues, []string{
			"metrics.enabled=true", "podDisruptionBudget.enabled=true", "networkPolicy.enabled=true", "signer=ca", "serving.secret=serving",
			"networkPolicy.from[0].ipBlock.cidr=10.0.0.0/8", "networkPolicy.egress[0].ports[0].port=636", "service.type=LoadBalancer",
			"service.externalTrafficPolicy=Local", "audit.service.clusterIP=10.0.0.51", "audit.passwordSecret.name=db",
			"audit.volume.storageClass=fast", "imagePullSecrets[0].name=pull", "tolerations[0].operator=Exists", "priorityClassName=high",
			"extraVolumes[0].name=db", "extraVolumes[0].secret.secretName=db", "extraVolumeMounts[0].name=db",
			"extraVolumeMounts[0].mountPath=/etc/db", "extraEnv[0].name=TZ", "extraEnv[0].value=UTC",
		}))
		w.helm(ctx, append([]string{"upgrade", release, chart(), "-n", installation.Namespace}, everything...)...)
		Expect(w.strategy(ctx)).To(Equal("Recreate"))
		w.helm(ctx, "upgrade", release, chart(), "-n", installation.Namespace, "--reset-values")
		Expect(w.strategy(ctx)).To(Equal("RollingUpdate"))
		claims := w.kubectl(ctx, "get", "persistentvolumeclaims", "-n", installation.Namespace, "-o", "name")
		Expect(strings.Fields(claims)).To(HaveLen(2), "evidence stays")
	})

	It("gives the operator the rights that it needs, and its flags", func(ctx SpecContext) {
		w.operatorStarts(ctx)
		w.kubectl(ctx, "wait", "--for=condition=Ready", "--timeout=40s", "user/robin", "grant/robin-view")
		Expect(w.asRobin(ctx, "auth", "can-i", "list", "pods", "-n", "playground")).To(Equal("yes\n"))
		Expect(w.kubectl(ctx, "get", "lease", "-n", installation.Namespace, "-o", "name")).NotTo(BeEmpty(), "it elects a leader")
		Expect(w.kubectl(ctx, "get", "directory", "corp", "-o", "jsonpath={.metadata.finalizers}")).To(ContainSubstring("iam.rollcall.dev"))
	})

	It("lets the operator bind what a value names, and nothing else", func(ctx SpecContext) {
		w.apply(ctx, deployers)
		w.kubectl(ctx, "wait", `--for=jsonpath={.status.conditions[?(@.type=="Ready")].reason}=RoleNotBindable`, "--timeout=40s",
			"grant/deployers")
		w.helm(ctx, "upgrade", release, chart(), "-n", installation.Namespace, "--set", "bindableRoles.clusterRoles={view,edit,admin,deployer}")
		w.kubectl(ctx, "wait", "--for=condition=Ready", "--timeout=60s", "grant/deployers")
	})

	It("lets people log in once it is told to", func(ctx SpecContext) {
		w.operatorStops()
		w.helm(ctx, slices.Concat([]string{"upgrade", release, chart(), "-n", installation.Namespace, "--reuse-values"},
			set(loginValues), set([]string{"cluster.server=" + w.plane.URL()}))...)
		Expect(w.kubectl(ctx, "get", "service", "rollcall", "-n", installation.Namespace, "-o", "jsonpath={.spec.ports[*].name}")).
			To(Equal("login authorization"))
		address := w.operatorStarts(ctx)
		Eventually(ctx, func(g Gomega) {
			ca := w.kubectl(ctx, "get", "configmap", "rollcall-serving-ca", "-n", installation.Namespace, "-o", `jsonpath={.data.ca\.crt}`)
			roots := x509.NewCertPool()
			g.Expect(roots.AppendCertsFromPEM([]byte(ca))).To(BeTrue())
			connection, err := tls.DialWithDialer(&net.Dialer{Timeout: time.Second}, "tcp", address,
				&tls.Config{RootCAs: roots, ServerName: "login.example.com"})
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(connection.Close()).To(Succeed())
		}).Should(Succeed())
		w.kubectl(ctx, "wait", "--for=condition=Ready", "--timeout=40s", "grant/deployers") // --reuse-values kept the bind list.
	})

	It("takes the operator's rights when it goes, and nothing of what people wrote; another one goes on with that", func(ctx SpecContext) {
		written := w.written(ctx)
		w.operatorStops()
		w.helm(ctx, "uninstall", release, "-n", installation.Namespace)
		Expect(w.kubectl(ctx, "auth", "can-i", "--list", "--as", w.account())).NotTo(ContainSubstring("iam.rollcall.dev"))
		Expect(w.kubectl(ctx, "get", "validatingadmissionpolicies", "-o", "name")).NotTo(ContainSubstring("rollcall"))
		Expect(w.written(ctx)).To(Equal(written))
		Expect(w.asRobin(ctx, "auth", "can-i", "list", "pods", "-n", "playground")).To(Equal("yes\n"), "access stays as it was")
		// Nobody is there to withdraw what it imported: it waits for the next operator.
		w.kubectl(ctx, "delete", "directory", "corp", "--wait=false")
		Expect(w.kubectl(ctx, "get", "directory", "corp", "-o", "name")).NotTo(BeEmpty())

		w.helm(ctx, "install", release, chart(), "-n", installation.Namespace)
		w.operatorStarts(ctx)
		w.kubectl(ctx, "wait", "--for=delete", "--timeout=40s", "directory/corp")
		w.kubectl(ctx, "wait", "--for=condition=Ready", "--timeout=40s", "user/robin", "grant/robin-view")
	})

	It("leaves nothing behind, removed in the order that docs/install.md has", SpecTimeout(2*patience), func(ctx SpecContext) {
		w.apply(ctx, olderObjects)
		Eventually(ctx, func() string {
			return w.kubectl(ctx, "get", "directory", "corp", "-o", "jsonpath={.metadata.finalizers}")
		}).ShouldNot(BeEmpty())
		Expect(w.kubectl(ctx, "get", "rolebindings", "-n", "playground", "-o", "name")).To(ContainSubstring("rollcall:robin-view"))
		w.runs(ctx, documented("## Uninstalling"))
		Eventually(ctx, w.everything).Should(Equal(before))
	})

	It("takes over what Kustomize has installed", SpecTimeout(3*patience), func(ctx SpecContext) {
		w.operatorStops()
		w.kubectl(ctx, "apply", "--server-side", "-k", filepath.Join(root(), "config", "default"))
		w.helm(ctx, "install", release, chart(), "-n", installation.Namespace, "--take-ownership", "--force-conflicts")
		Eventually(ctx, func() []string {
			return strings.Fields(w.kubectl(ctx, "get", "pods", "-n", installation.Namespace, "-o", "name"))
		}).Should(HaveLen(2), "the namespace takes restricted Pods alone")
		w.operatorStarts(ctx)
		w.runs(ctx, documented("## Uninstalling"))
		Eventually(ctx, w.everything).Should(Equal(before))
	})
})

// helm must succeed.
func (w *world) helm(ctx context.Context, args ...string) string {
	GinkgoHelper()
	output, err := helm(ctx, w.plane.AdminKubeconfig(), args...)
	Expect(err).NotTo(HaveOccurred())
	return output
}

// kubectl is the administrator's; it must succeed.
func (w *world) kubectl(ctx context.Context, args ...string) string {
	GinkgoHelper()
	output, err := w.kubectlInput(ctx, "", args...)
	Expect(err).NotTo(HaveOccurred())
	return output
}

func (w *world) kubectlInput(ctx context.Context, input string, args ...string) (string, error) {
	return installation.KubectlInput(ctx, w.plane, w.plane.AdminKubeconfig(), input, args...)
}

func (w *world) tryApply(ctx context.Context, manifest string) error {
	_, err := w.kubectlInput(ctx, manifest, "apply", "-f", "-")
	return err
}

func (w *world) apply(ctx context.Context, manifest string) {
	GinkgoHelper()
	Expect(w.tryApply(ctx, manifest)).To(Succeed())
}

// written is what people wrote, by kind, name and uid.
func (w *world) written(ctx context.Context) map[string]any {
	GinkgoHelper()
	var list unstructured.UnstructuredList
	listed := w.kubectl(ctx, "get", "directories,users,groups,grants", "-o", "json")
	Expect(json.Unmarshal([]byte(listed), &list)).To(Succeed())
	specs := map[string]any{}
	for _, object := range list.Items {
		specs[fmt.Sprintf("%s %s %s", object.GetKind(), object.GetName(), object.GetUID())] = object.Object["spec"]
	}
	return specs
}

// holds sees that all is there that was, as it was. Defaults of newer kinds may have come.
func holds(now, then any) {
	GinkgoHelper()
	was, isMap := then.(map[string]any)
	if !isMap {
		Expect(now).To(Equal(then))
		return
	}
	for key, value := range was {
		Expect(now).To(HaveKey(key))
		holds(now.(map[string]any)[key], value)
	}
}

func (w *world) strategy(ctx context.Context) string {
	GinkgoHelper()
	return w.kubectl(ctx, "get", "deployment", installation.ServiceAccount, "-n", installation.Namespace,
		"-o", "jsonpath={.spec.strategy.type}")
}

func (w *world) account() string {
	return "system:serviceaccount:" + installation.Namespace + ":" + installation.ServiceAccount
}

func (w *world) asRobin(ctx context.Context, args ...string) string {
	GinkgoHelper()
	path := filepath.Join(w.plane.Dir(), "robin.kubeconfig")
	content := w.kubectl(ctx, "get", "secret", "robin-kubeconfig", "-n", installation.Namespace, "-o",
		"go-template={{.data.kubeconfig | base64decode}}")
	Expect(os.WriteFile(path, []byte(content), 0o600)).To(Succeed())
	output, err := installation.Kubectl(ctx, w.plane, path, args...)
	Expect(err).NotTo(HaveOccurred())
	return output
}

// operatorStarts runs the operator as the Deployment says, but for the addresses that it listens at: no Pods run here. It returns that of
// the login service.
func (w *world) operatorStarts(ctx context.Context) string {
	GinkgoHelper()
	ports, err := process.FreePorts(2)
	Expect(err).NotTo(HaveOccurred())
	login := fmt.Sprintf("127.0.0.1:%d", ports[0])
	addresses := map[string]string{
		"login-bind-address": login, "authorization-bind-address": fmt.Sprintf("127.0.0.1:%d", ports[1]),
	}
	var args []string
	for arg := range strings.FieldsSeq(w.kubectl(ctx, "get", "deployment", installation.ServiceAccount, "-n", installation.Namespace, "-o",
		`jsonpath={range .spec.template.spec.containers[0].args[*]}{@}{"\n"}{end}`)) {
		name, _, _ := strings.Cut(strings.TrimPrefix(arg, "--"), "=")
		if address, is := addresses[name]; is {
			arg = "--" + name + "=" + address
		}
		if name != "health-probe-bind-address" { // The fixture has its own.
			args = append(args, arg)
		}
	}
	Expect(args).To(ContainElement("--leader-elect"))
	w.operator, err = installation.StartManager(ctx, w.plane, installation.Options{Args: args})
	Expect(err).NotTo(HaveOccurred())
	return login
}

func (w *world) operatorStops() {
	GinkgoHelper()
	if w.operator != nil {
		Expect(w.operator.Stop()).To(Succeed())
	}
	w.operator = nil
}

// everything that there is in the cluster, but for what comes and goes by itself.
func (w *world) everything(ctx context.Context) []string {
	GinkgoHelper()
	var kinds []string
	for kind := range strings.FieldsSeq(w.kubectl(ctx, "api-resources", "--verbs=list", "-o", "name")) {
		switch kind {
		case "componentstatuses", "events", "events.events.k8s.io", "leases.coordination.k8s.io":
		case "certificatesigningrequests.certificates.k8s.io": // The cluster removes them after an hour.
		default:
			kinds = append(kinds, kind)
		}
	}
	listed := w.kubectl(ctx, "get", strings.Join(kinds, ","), "-A", "-o",
		`jsonpath={range .items[*]}{.kind} {.metadata.namespace}/{.metadata.name}{"\n"}{end}`)
	all := strings.Split(strings.TrimSpace(listed), "\n")
	slices.Sort(all)
	return all
}

// runs what the documentation says, in a shell that finds helm and kubectl.
func (w *world) runs(ctx context.Context, script string) {
	GinkgoHelper()
	tools := filepath.Join(root(), "bin", "tools") + string(os.PathListSeparator) + filepath.Dir(w.plane.Kubectl())
	command := exec.CommandContext(ctx, "bash", "-euxc", script)
	home := GinkgoT().TempDir()
	command.Env = append(os.Environ(), "PATH="+tools+string(os.PathListSeparator)+os.Getenv("PATH"),
		"KUBECONFIG="+w.plane.AdminKubeconfig(), "HELM_CONFIG_HOME="+home, "HELM_CACHE_HOME="+home, "HELM_DATA_HOME="+home)
	output, err := command.CombinedOutput()
	Expect(err).NotTo(HaveOccurred(), string(output))
}

// documented is the first block of commands under a heading of docs/install.md.
func documented(heading string) string {
	GinkgoHelper()
	page, err := os.ReadFile(filepath.Join(root(), "docs", "install.md"))
	Expect(err).NotTo(HaveOccurred())
	_, section, found := strings.Cut(string(page), "\n"+heading+"\n")
	Expect(found).To(BeTrue(), heading)
	block := regexp.MustCompile("(?s)```sh\n(.*?)```").FindStringSubmatch(section)
	Expect(block).NotTo(BeEmpty())
	return block[1]
}

// olderChart is the chart with the kinds of the first commit, before there were policies.
func olderChart() string {
	GinkgoHelper()
	older := filepath.Join(GinkgoT().TempDir(), "rollcall")
	Expect(os.CopyFS(older, os.DirFS(chart()))).To(Succeed())
	Expect(os.RemoveAll(filepath.Join(older, "files", "crds"))).To(Succeed())
	Expect(os.RemoveAll(filepath.Join(older, "files", "policies"))).To(Succeed())
	Expect(os.CopyFS(filepath.Join(older, "files", "crds"), os.DirFS(filepath.Join("testdata", "crds")))).To(Succeed())
	return older
}
