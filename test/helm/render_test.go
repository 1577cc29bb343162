// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package helm_test

import (
	"context"
	"errors"
	"io"
	"maps"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"

	"github.com/rollcall-iam/rollcall/internal/operator"
	"github.com/rollcall-iam/rollcall/test/installation"
)

// Values that make of the chart what the overlays of config are.
var (
	loginValues = []string{
		"login.enabled=true", "login.url=https://login.example.com", "cluster.server=https://api.example.com:6443",
		"authorization.enabled=true",
	}
	auditValues = []string{"audit.enabled=true", "audit.url=https://audit.example.com:9445", "audit.ledger.enabled=true"}
)

var _ = Describe("The chart", func() {
	DescribeTable("makes the same objects as config, but for the namespace, which is Helm's to make",
		func(ctx SpecContext, values []string, folders ...string) {
			charts, configs := rendered(ctx, values...), map[string]string{}
			for _, folder := range folders {
				maps.Copy(configs, kustomized(ctx, folder))
			}
			delete(configs, "v1 Namespace /"+installation.Namespace)

			Expect(slices.Sorted(maps.Keys(charts))).To(Equal(slices.Sorted(maps.Keys(configs))))
			for name, object := range configs {
				Expect(charts[name]).To(Equal(object), name)
			}
		},
		Entry("by default", nil, "default"),
		Entry("with logins", loginValues, "login"),
		Entry("with audit", auditValues, "audit"),
		Entry("with alerts", []string{"prometheusRule.enabled=true"}, "default", "prometheus"),
		Entry("with dashboards", []string{"dashboards.enabled=true"}, "default", "dashboards"),
	)

	It("names no namespace but its release's", func(ctx SpecContext) {
		output, err := helm(ctx, "", slices.Concat([]string{"template", release, chart(), "-n", "people"},
			set(loginValues), set(auditValues))...)
		Expect(err).NotTo(HaveOccurred())
		Expect(output).NotTo(MatchRegexp("namespace: " + installation.Namespace))
		Expect(output).To(ContainSubstring("rollcall-audit.people.svc"))
		Expect(output).To(ContainSubstring("--namespace=people"))
	})

	It("gives the manager flags that it takes", func(ctx SpecContext) {
		args := managerArgs(rendered(ctx, slices.Concat(loginValues, auditValues, []string{
			"metrics.enabled=true", "signer=ca", "serving.names={login.example.org,10.0.0.1}", "audit.retention=48h", "audit.size=1Gi",
			"audit.unusedAfter=24h", "audit.ocsf=-", "audit.ledger.checkpoints=/checkpoints/all", "extraArgs={--zap-log-level=debug}",
		})...))
		options, err := operator.Parse(args)
		Expect(err).NotTo(HaveOccurred())
		Expect(options.ServingNames).To(Equal("login.example.com,rollcall.rollcall-system.svc,audit.example.com,login.example.org,10.0.0.1," +
			"rollcall-audit.rollcall-system.svc"))
		Expect(options.LeaderElect).To(BeTrue())
		Expect(options.Signer).To(Equal(operator.SignerCA))
	})

	It("tells API servers an address where there is one, which is in the certificate", func(ctx SpecContext) {
		args := managerArgs(rendered(ctx, "authorization.enabled=true", "service.clusterIP=10.0.0.50",
			"audit.enabled=true", "audit.service.clusterIP=fd00::51"))
		Expect(args).To(ContainElements("--authorization-url=https://10.0.0.50:9444", "--audit-url=https://[fd00::51]:9445",
			"--serving-names=10.0.0.50,fd00::51,rollcall.rollcall-system.svc,rollcall-audit.rollcall-system.svc"))
	})

	It("lets nothing be bound where no role is named: a rule without names would be for all of them", func(ctx SpecContext) {
		const role = "rbac.authorization.k8s.io/v1 ClusterRole /rollcall-bindable-roles"
		Expect(rendered(ctx, "bindableRoles.clusterRoles=null", "bindableRoles.roles=null")).
			To(HaveKeyWithValue(role, ContainSubstring("rules: []")))
		Expect(rendered(ctx, "bindableRoles.roles={deployer}")[role]).To(And(
			MatchRegexp(`resourceNames:\s+- view\s+- edit\s+- admin\s+resources:\s+- clusterroles\s`),
			MatchRegexp(`resourceNames:\s+- deployer\s+resources:\s+- roles\s`)))
	})

	It("has no right to approve certificate requests where the operator signs itself", func(ctx SpecContext) {
		objects := rendered(ctx, "signer=ca")
		Expect(objects).NotTo(HaveKey(ContainSubstring("rollcall-signer-csr")))
		Expect(slices.Collect(maps.Values(objects))).NotTo(ContainElement(ContainSubstring("certificates.k8s.io")))
	})

	It("has dashboards where Grafana's sidecar looks, by the labels that it looks for", func(ctx SpecContext) {
		objects := rendered(ctx, "dashboards.enabled=true", "dashboards.namespace=monitoring", "dashboards.labels.board=yes",
			"dashboards.annotations.grafana_folder=People")
		for _, name := range []string{"rollcall-operations", "rollcall-access"} {
			Expect(objects).To(HaveKeyWithValue("v1 ConfigMap monitoring/"+name+"-dashboard", SatisfyAll(
				ContainSubstring(`board: "yes"`), ContainSubstring(`grafana_dashboard: "1"`), ContainSubstring("grafana_folder: People"),
				ContainSubstring(name+".json: |"), ContainSubstring(`"legendFormat": "{{`))))
		}
	})

	It("takes an image by its digest, whatever the tag", func(ctx SpecContext) {
		digest := "sha256:" + strings.Repeat("0a", 32)
		Expect(deployment(rendered(ctx, "image.repository=images.example/rollcall", "image.tag=v1", "image.digest="+digest))).
			To(ContainSubstring("image: images.example/rollcall@" + digest + "\n"))
	})

	It("runs one replica of what writes to a disk, stopped before the next, and two of all else", func(ctx SpecContext) {
		Expect(deployment(rendered(ctx))).To(ContainSubstring("replicas: 2"))
		postgres := append(slices.Clone(auditValues), "audit.store=postgres://rollcall@db/audit", "audit.passwordSecret.name=db")
		Expect(deployment(rendered(ctx, append(postgres, "audit.ledger.enabled=false")...))).
			To(And(ContainSubstring("replicas: 2"), ContainSubstring("name: PGPASSWORD"), Not(ContainSubstring("Recreate")),
				Not(ContainSubstring("persistentVolumeClaim"))))
		for _, values := range [][]string{postgres, {"audit.enabled=true", "audit.url=https://audit.example.com"}} {
			Expect(deployment(rendered(ctx, values...))).To(And(ContainSubstring("replicas: 1"), ContainSubstring("type: Recreate")))
		}
	})

	It("guards, measures and limits where it is asked to", func(ctx SpecContext) {
		objects := rendered(ctx, "metrics.enabled=true", "metrics.serviceMonitor.enabled=true", "podDisruptionBudget.enabled=true",
			"networkPolicy.enabled=true", "networkPolicy.egress[0].ports[0].port=636")
		Expect(slices.Collect(maps.Keys(objects))).To(ContainElements(
			"monitoring.coreos.com/v1 ServiceMonitor rollcall-system/rollcall", "v1 Service rollcall-system/rollcall-metrics",
			"policy/v1 PodDisruptionBudget rollcall-system/rollcall-controller-manager",
			"networking.k8s.io/v1 NetworkPolicy rollcall-system/rollcall-controller-manager",
		))
		Expect(objects["networking.k8s.io/v1 NetworkPolicy rollcall-system/rollcall-controller-manager"]).
			To(And(ContainSubstring("port: metrics"), ContainSubstring("port: 636"), ContainSubstring("- Egress")))
	})

	DescribeTable("refuses what would not work, and says what would", func(ctx SpecContext, message string, values ...string) {
		_, err := render(ctx, values...)
		Expect(err).To(MatchError(ContainSubstring(message)))
	},
		Entry("two that write one file", "audit.store is sqlite, a file that one replica alone writes: leave replicas out",
			"audit.enabled=true", "audit.url=https://a.example", "replicas=2"),
		Entry("two that write one ledger", "audit.ledger is enabled, which one replica alone writes: leave replicas out",
			"audit.enabled=true", "audit.url=https://a.example", "replicas=3", "audit.store=postgres://r@db/audit", "audit.ledger.enabled=true"),
		Entry("logins nowhere", "login.enabled needs cluster.server", "login.enabled=true", "login.url=https://login.example.com"),
		Entry("logins at no address", "login.enabled needs login.url", "login.enabled=true", "cluster.server=https://api.example.com"),
		Entry("audit at no address", "audit.enabled needs audit.url or audit.service.clusterIP", "audit.enabled=true"),
		Entry("a ledger of nothing", "audit.ledger.enabled needs audit.enabled", "audit.ledger.enabled=true"),
		Entry("a password for all to see", "set audit.passwordSecret",
			"audit.enabled=true", "audit.url=https://a.example", "audit.store=postgres://r:secret@db/audit"),
		Entry("a monitor of nothing", "needs metrics.enabled", "metrics.serviceMonitor.enabled=true"),
		Entry("a flag that a value sets", "extraArgs has --audit-store, which is the chart's to set: set audit.store",
			"extraArgs={--audit-store=sqlite:/tmp/a.db}"),
		Entry("a flag that nobody may set", "extraArgs has --namespace", "extraArgs={-namespace=default}"),
		Entry("a value that is not there", "additional properties 'replica' not allowed", "replica=3"),
		Entry("a value that is not there, deeper", "additional properties 'role' not allowed", "bindableRoles.role={view}"),
		Entry("every role at once", "/bindableRoles/clusterRoles/0", "bindableRoles.clusterRoles={*}"),
		Entry("no digest", "/image/digest", "image.digest=latest"),
		Entry("a signer that there is not", "/signer", "signer=vault"),
		Entry("logins in the clear", "/login/url", "login.url=http://login.example.com"),
	)
})

func set(values []string) (args []string) {
	for _, value := range values {
		args = append(args, "--set", value)
	}
	return args
}

func render(ctx context.Context, values ...string) (string, error) {
	GinkgoHelper()
	return helm(ctx, "", append([]string{"template", release, chart(), "-n", installation.Namespace}, set(values)...)...)
}

// rendered is what the chart makes, by kind and name, each as YAML that can be compared.
func rendered(ctx context.Context, values ...string) map[string]string {
	GinkgoHelper()
	output, err := render(ctx, values...)
	Expect(err).NotTo(HaveOccurred())
	return objects(output)
}

func kustomized(ctx context.Context, folder string) map[string]string {
	GinkgoHelper()
	kubectl := filepath.Join(root(), "bin", "k8s", "kubectl")
	output, err := exec.CommandContext(ctx, kubectl, "kustomize", filepath.Join(root(), "config", folder)).Output()
	Expect(err).NotTo(HaveOccurred())
	return objects(string(output))
}

// blankLines are left out: Kustomize writes one where a folded text begins to be indented.
var blankLines = regexp.MustCompile(`\n *\n`)

func objects(manifest string) map[string]string {
	GinkgoHelper()
	found := map[string]string{}
	decoder := utilyaml.NewYAMLOrJSONDecoder(strings.NewReader(manifest), 1<<16)
	for {
		var object unstructured.Unstructured
		err := decoder.Decode(&object)
		if errors.Is(err, io.EOF) {
			return found
		}
		Expect(err).NotTo(HaveOccurred())
		if len(object.Object) == 0 {
			continue
		}
		name := object.GetAPIVersion() + " " + object.GetKind() + " " + object.GetNamespace() + "/" + object.GetName()
		Expect(found).NotTo(HaveKey(name), "twice")
		normalize(&object)
		text, err := yaml.Marshal(object.Object)
		Expect(err).NotTo(HaveOccurred())
		found[name] = blankLines.ReplaceAllString(string(text), "\n")
	}
}

// normalize takes away what Helm's conventions add, and the order of flags, which has no meaning.
func normalize(object *unstructured.Unstructured) {
	GinkgoHelper()
	labels, annotations := object.GetLabels(), object.GetAnnotations()
	for _, key := range []string{
		"helm.sh/chart", "app.kubernetes.io/name", "app.kubernetes.io/instance", "app.kubernetes.io/version", "app.kubernetes.io/managed-by",
	} {
		delete(labels, key)
	}
	delete(annotations, "helm.sh/resource-policy")
	object.SetLabels(labels)
	object.SetAnnotations(annotations)
	if len(labels) == 0 {
		unstructured.RemoveNestedField(object.Object, "metadata", "labels")
	}
	if len(annotations) == 0 {
		unstructured.RemoveNestedField(object.Object, "metadata", "annotations")
	}
	if object.GetKind() != "Deployment" {
		return
	}
	containers, _, err := unstructured.NestedSlice(object.Object, "spec", "template", "spec", "containers")
	Expect(err).NotTo(HaveOccurred())
	for _, container := range containers {
		if fields, is := container.(map[string]any); is {
			args, _, err := unstructured.NestedStringSlice(fields, "args")
			Expect(err).NotTo(HaveOccurred())
			slices.Sort(args)
			Expect(unstructured.SetNestedStringSlice(fields, args, "args")).To(Succeed())
		}
	}
	Expect(unstructured.SetNestedSlice(object.Object, containers, "spec", "template", "spec", "containers")).To(Succeed())
}

func deployment(objects map[string]string) string {
	GinkgoHelper()
	const name = "apps/v1 Deployment rollcall-system/rollcall-controller-manager"
	Expect(objects).To(HaveKey(name))
	return objects[name]
}

func managerArgs(objects map[string]string) []string {
	GinkgoHelper()
	var parsed struct {
		Spec struct {
			Template struct {
				Spec struct{ Containers []struct{ Args []string } }
			}
		}
	}
	Expect(yaml.Unmarshal([]byte(deployment(objects)), &parsed)).To(Succeed())
	Expect(parsed.Spec.Template.Spec.Containers).To(HaveLen(1))
	return parsed.Spec.Template.Spec.Containers[0].Args
}
