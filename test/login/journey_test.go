// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package login_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	auditv1 "k8s.io/apiserver/pkg/apis/audit/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/test/controlplane"
)

// events are those of somebody since a mark.
func (p *someone) events(mark controlplane.AuditMark) (theirs []auditv1.Event) {
	GinkgoHelper()
	all, _, err := plane.AuditSince(mark)
	Expect(err).NotTo(HaveOccurred())
	for i := range all {
		if all[i].User.Username == corp+":"+p.Name {
			theirs = append(theirs, all[i])
		}
	}
	return theirs
}

func mark() controlplane.AuditMark {
	GinkgoHelper()
	at, err := plane.AuditMark()
	Expect(err).NotTo(HaveOccurred())
	return at
}

var _ = Describe("Somebody of the directory", Ordered, func() {
	var alice *someone
	BeforeAll(func() { alice = newSomeone("alice") })

	It("logs in with the directory's password, and uses kubectl as ever", func(ctx SpecContext) {
		begun := mark()
		told, err := alice.logsIn(ctx, password)
		Expect(err).NotTo(HaveOccurred(), told)
		Expect(told).To(ContainSubstring("corp:alice"))
		Expect(scraped(ctx)).To(MatchRegexp(`rollcall_certificates_total{result="issued",signer="CSR"} [1-9]`))
		Eventually(ctx, scraped).Should(MatchRegexp(`rollcall_active_sessions{method="LDAP"} [1-9]`))
		alice.Does(ctx, "create", "configmap", "note", "--namespace", namespace, "--from-literal=a=b")
		Expect(alice.Does(ctx, "get", "configmaps", "--namespace", namespace)).To(ContainSubstring("note"))

		By("finding the line from what was done to the person, in the API server's audit log")
		current := alice.session(ctx)
		var created []auditv1.Event
		for _, event := range alice.events(begun) {
			if event.Verb == "create" && event.ObjectRef != nil && event.ObjectRef.Resource == "configmaps" {
				created = append(created, event)
			}
		}
		Expect(created).To(HaveLen(1))
		Expect(current.Status.Certificates).To(ContainElement(HaveField("Fingerprint", controlplane.Fingerprint(created[0]))))
		Expect(current.Spec).To(SatisfyAll(HaveField("UserRef.Name", "alice"), HaveField("Authentication.Method", v1alpha1.MethodLDAP),
			HaveField("Custody", v1alpha1.CustodyClient)))
		id, err := server.PersonID("alice")
		Expect(err).NotTo(HaveOccurred())
		Expect(current.Spec.IdentityID).To(Equal(id))
	})

	It("is told who they are", func(ctx SpecContext) {
		Expect(alice.Does(ctx, "rollcall", "whoami")).To(SatisfyAll(ContainSubstring("corp:alice"), ContainSubstring(alice.session(ctx).Name)))
		var told map[string]any
		Expect(json.Unmarshal([]byte(alice.Does(ctx, "rollcall", "whoami", "-o", "json")), &told)).To(Succeed())
	})

	It("keeps the key to themselves: nothing in the cluster, in the log or the kubeconfig has it", func() {
		var keys []string
		Expect(filepath.WalkDir(alice.Home, func(path string, _ os.DirEntry, err error) error {
			if err == nil && strings.Contains(path, "state") {
				if content, readErr := os.ReadFile(path); readErr == nil && strings.Contains(string(content), "PRIVATE KEY") {
					keys = append(keys, string(content))
					info, statErr := os.Stat(path)
					Expect(statErr).NotTo(HaveOccurred())
					Expect(info.Mode().Perm()).To(Equal(os.FileMode(0o600)), path)
				}
			}
			return err
		})).To(Succeed())
		Expect(keys).To(HaveLen(1))
		log, err := os.ReadFile(manager.Log())
		Expect(err).NotTo(HaveOccurred())
		kubeconfig, err := os.ReadFile(filepath.Join(alice.Home, "kubeconfig"))
		Expect(err).NotTo(HaveOccurred())
		for _, place := range []string{string(log), string(kubeconfig)} {
			Expect(place).NotTo(ContainSubstring("PRIVATE KEY"))
			Expect(place).NotTo(ContainSubstring(password))
		}
	})

	It("logs out, and is out at once, where the API server asks", func(ctx SpecContext) {
		stolen := filepath.Join(files, "stolen.kubeconfig")
		Expect(os.WriteFile(stolen, []byte(alice.stolen(ctx)), 0o600)).To(Succeed())
		Expect(alice.with(ctx, stolen, "get", "configmaps", "--namespace", namespace)).To(ContainSubstring("note"))
		ended := alice.session(ctx)
		alice.Does(ctx, "rollcall", "logout")
		Expect(alice.with(ctx, stolen, "get", "configmaps", "--namespace", namespace, "--v=6")).To(ContainSubstring("logged out"))
		Eventually(ctx, func(g Gomega) {
			g.Expect(admin.Get(ctx, client.ObjectKeyFromObject(ended), ended)).To(Succeed())
			g.Expect(ended.Status.EndedBy).To(Equal("corp:alice"))
		}).Should(Succeed())
		_, err := alice.Runs(ctx, "get", "configmaps", "--namespace", namespace)
		Expect(err).To(HaveOccurred(), "nothing is left to use")
	})

	It("is refused with another password, and nobody learns whether there is such a person", func(ctx SpecContext) {
		wrong, err := newSomeone("bob").logsIn(ctx, "guessed")
		Expect(err).To(HaveOccurred())
		nobody, err := newSomeone("nobody").logsIn(ctx, "guessed")
		Expect(err).To(HaveOccurred())
		Expect(nobody).To(Equal(wrong))
		Expect(wrong).NotTo(ContainSubstring("guessed"))
	})

	It("is out at the next renewal when the directory disables them, and cannot log in", func(ctx SpecContext) {
		carol := newSomeone("carol")
		told, err := carol.logsIn(ctx, password)
		Expect(err).NotTo(HaveOccurred(), told)
		Expect(server.DisablePerson("carol")).To(Succeed())
		_, err = newSomeone("carol").logsIn(ctx, password)
		Expect(err).To(HaveOccurred())
		Eventually(ctx, func() string {
			out, _ := carol.Runs(ctx, "get", "configmaps", "--namespace", namespace)
			return out
		}).ShouldNot(ContainSubstring("No resources"))
	})
})

// stolen is a kubeconfig with the key and certificate that somebody's plugin holds.
func (p *someone) stolen(ctx context.Context) string {
	GinkgoHelper()
	var view struct {
		Users []struct {
			User struct {
				Exec struct {
					Command string   `json:"command"`
					Args    []string `json:"args"`
				} `json:"exec"`
			} `json:"user"`
		} `json:"users"`
		Clusters []struct {
			Cluster struct {
				Server string `json:"server"`
				CA     string `json:"certificate-authority-data"`
			} `json:"cluster"`
		} `json:"clusters"`
	}
	Expect(json.Unmarshal([]byte(p.Does(ctx, "config", "view", "--raw", "-o", "json")), &view)).To(Succeed())
	credential := p.Kubectl(ctx)
	path, err := exec.LookPath(filepath.Join(filepath.Dir(plane.Kubectl()), "..", "kubectl-rollcall"))
	Expect(err).NotTo(HaveOccurred())
	credential.Path, credential.Args = path, append([]string{path}, view.Users[0].User.Exec.Args...)
	info := fmt.Sprintf(`{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","spec":{"interactive":false,`+
		`"cluster":{"server":%q,"certificate-authority-data":%q,"config":{"loginServer":%q}}}}`,
		view.Clusters[0].Cluster.Server, view.Clusters[0].Cluster.CA, loginURL)
	credential.Env = append(credential.Env, "KUBERNETES_EXEC_INFO="+info)
	output, err := credential.Output()
	Expect(err).NotTo(HaveOccurred(), string(output))
	var got struct {
		Status struct {
			Certificate string `json:"clientCertificateData"`
			Key         string `json:"clientKeyData"`
		} `json:"status"`
	}
	Expect(json.Unmarshal(output, &got)).To(Succeed())
	config := map[string]any{
		"apiVersion": "v1", "kind": "Config", "current-context": "c",
		"clusters": []any{map[string]any{"name": "c", "cluster": map[string]any{
			"server": view.Clusters[0].Cluster.Server, "certificate-authority-data": view.Clusters[0].Cluster.CA,
		}}},
		"contexts": []any{map[string]any{"name": "c", "context": map[string]any{"cluster": "c", "user": "c"}}},
		"users": []any{map[string]any{"name": "c", "user": map[string]any{
			"client-certificate-data": []byte(got.Status.Certificate), "client-key-data": []byte(got.Status.Key),
		}}},
	}
	encoded, err := json.Marshal(config)
	Expect(err).NotTo(HaveOccurred())
	return string(encoded)
}

// with runs kubectl with another kubeconfig, and returns what it says, whether it works or not.
func (p *someone) with(ctx context.Context, kubeconfig string, args ...string) string {
	GinkgoHelper()
	command := p.Kubectl(ctx, args...)
	command.Env = append(command.Env, "KUBECONFIG="+kubeconfig)
	output, _ := command.CombinedOutput()
	return string(output)
}

var _ = Describe("An administrator", Ordered, func() {
	It("ends a session while it is in use, and it is over at once", func(ctx SpecContext) {
		bob := newSomeone("bob")
		told, err := bob.logsIn(ctx, password)
		Expect(err).NotTo(HaveOccurred(), told)
		current := bob.session(ctx)
		watch := bob.Kubectl(ctx, "get", "configmaps", "--namespace", namespace, "--watch")
		Expect(watch.Start()).To(Succeed())
		var once sync.Once
		stop := func() { once.Do(func() { _ = watch.Process.Kill(); _ = watch.Wait() }) }
		DeferCleanup(stop)
		Expect(bob.Does(ctx, "get", "configmaps", "--namespace", namespace)).NotTo(BeEmpty())

		root := newSomeone("root")
		Expect(os.WriteFile(filepath.Join(root.Home, "kubeconfig"), read(plane.AdminKubeconfig()), 0o600)).To(Succeed())
		Expect(root.Does(ctx, "rollcall", "sessions")).To(SatisfyAll(ContainSubstring(current.Name), ContainSubstring("bob")))
		begun := time.Now()
		out := root.Does(ctx, "rollcall", "terminate", current.Name, "--reason", "laptop lost")
		reportf("terminate told after %v: %s", time.Since(begun).Round(time.Millisecond), out)
		output, err := bob.Runs(ctx, "get", "configmaps", "--namespace", namespace)
		Expect(err).To(HaveOccurred(), output)
		Expect(root.Does(ctx, "get", "session", current.Name)).To(SatisfyAll(ContainSubstring("False"), ContainSubstring("Terminated")))
	})
})

func read(path string) []byte {
	GinkgoHelper()
	content, err := os.ReadFile(path)
	Expect(err).NotTo(HaveOccurred())
	return content
}

// reportf prints a measurement where people see it, passed or not.
func reportf(format string, args ...any) { AddReportEntry("measured", fmt.Sprintf(format, args...)) }
