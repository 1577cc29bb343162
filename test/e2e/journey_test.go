// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e_test

import (
	"context"
	"fmt"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/rollcall-iam/rollcall/test/controlplane"
	"github.com/rollcall-iam/rollcall/test/installation"
	"github.com/rollcall-iam/rollcall/test/sampledir"
)

const (
	corpManifest = `
apiVersion: iam.rollcall.dev/v1alpha1
kind: Directory
metadata: {name: corp}
spec:
  ldap:
    url: %s
    caSecretRef: {name: corp-ca}
    bindSecretRef: {name: corp-bind}
    users: {baseDN: "ou=people,dc=corp,dc=example"}
    groups: {baseDN: "ou=groups,dc=corp,dc=example"}
  syncIntervalSeconds: 10
`
	paymentsManifest = `
apiVersion: iam.rollcall.dev/v1alpha1
kind: Grant
metadata: {name: payments-edit}
spec:
  subjects:
  - {kind: Group, name: payments}
  roleRef: {kind: ClusterRole, name: edit}
  scope: Namespaces
  namespaces:
    selector: {matchLabels: {team: payments}}
  reason: "CHG-1234: payments on-call"
`
	aliceManifest = `
apiVersion: iam.rollcall.dev/v1alpha1
kind: User
metadata: {name: alice}
spec:
  userName: alice
  directoryRef: {name: corp}
  kubeconfig:
    secretRef: {namespace: rollcall-system, name: alice-kubeconfig}
    durationSeconds: 3600
`
	activeOf = `jsonpath={.status.conditions[?(@.type=="Active")].status} {.status.conditions[?(@.type=="Active")].reason}`
)

// The journey is what the demo shows, with kubectl for everything that a person does.
var _ = Describe("The journey from the directory to a person working in the cluster", Ordered, func() {
	var (
		directory    *sampledir.Server
		alice        *worker
		fingerprints []string
	)
	fingerprint := func(ctx context.Context) string {
		GinkgoHelper()
		return kubectl(ctx, "get", "user", "alice", "-o", "jsonpath={.status.certificate.fingerprint}")
	}

	BeforeAll(func(ctx SpecContext) {
		operatorRuns(ctx)
		var err error
		directory, err = sampledir.Start(ctx, sampledir.Options{})
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(func() error { return directory.Stop() })
		alice = newWorker("alice-kubeconfig")
		kubectl(ctx, "create", "namespace", "pay")
		kubectl(ctx, "label", "namespace", "pay", "team=payments")
		kubectl(ctx, "create", "secret", "generic", "corp-ca", "-n", installation.Namespace, "--from-literal=ca.crt="+string(directory.CAPEM()))
		kubectl(ctx, "create", "secret", "generic", "corp-bind", "-n", installation.Namespace,
			"--from-literal=username="+directory.BindDN(), "--from-literal=password="+directory.Password())
		DeferCleanup(func(ctx SpecContext) {
			kubectl(ctx, "delete", "--ignore-not-found", "grant/payments-edit", "directory/corp", "namespace/pay")
			kubectl(ctx, "delete", "--ignore-not-found", "secret", "corp-ca", "corp-bind", "-n", installation.Namespace)
		})
	})

	It("begins with people and groups that appear", func(ctx SpecContext) {
		kubectlApply(ctx, fmt.Sprintf(corpManifest, directory.URL()))
		kubectl(ctx, "wait", "--for=condition=Ready", "--timeout=40s", "directory/corp")
		kubectl(ctx, "wait", "--for=condition=Ready", "--timeout=40s", "users", "--all")
		Expect(strings.Fields(kubectl(ctx, "get", "users", "-o", "name"))).To(HaveLen(14))
		Expect(kubectl(ctx, "get", "directory", "corp", "-o", "jsonpath={.status.users}")).To(Equal("14"))
		Expect(kubectl(ctx, "get", "directory", "corp", "-o", `jsonpath={.status.conditions[?(@.type=="Ready")].message}`)).
			To(ContainSubstring("people skipped: 1 without name"), "the printer")
		Expect(kubectl(ctx, "get", "user", "mallory", "-o", activeOf)).To(Equal("False DirectoryDisabled"))
		Expect(kubectl(ctx, "get", "user", "alice", "-o", activeOf)).To(Equal("True Active"))
		Eventually(ctx, func() string { return kubectl(ctx, "get", "group", "payments", "-o", "jsonpath={.status.members}") }).
			Should(Equal("2"))
		Expect(kubectl(ctx, "get", "iam")).To(And(ContainSubstring("directory.iam.rollcall.dev/corp"),
			ContainSubstring("user.iam.rollcall.dev/alice"), ContainSubstring("group.iam.rollcall.dev/payments")))
	})

	It("goes on with a Grant that becomes bindings", func(ctx SpecContext) {
		kubectlApply(ctx, paymentsManifest)
		kubectl(ctx, "wait", "--for=condition=Ready", "--timeout=40s", "grant/payments-edit")
		Expect(kubectl(ctx, "get", "rolebinding", "rollcall:payments-edit", "-n", "pay", "-o", "jsonpath={.roleRef.name} {.subjects[*].name}")).
			To(Equal("edit corp:alice corp:bob"))
		Expect(strings.Fields(kubectl(ctx, "get", "rolebindings", "-A", "-l", "iam.rollcall.dev/grant=payments-edit", "-o", "name"))).
			To(HaveLen(1))
		Eventually(ctx, func() string { return kubectl(ctx, "get", "user", "alice", "-o", "jsonpath={.status.grants}") }).
			Should(Equal(`["payments-edit"]`))
	})

	It("gives alice a kubeconfig that verifies the server", func(ctx SpecContext) {
		kubectlApply(ctx, aliceManifest)
		var kubeconfig string
		Eventually(ctx, func() (err error) { kubeconfig, err = alice.fetch(ctx); return err }).Should(Succeed())
		kubectl(ctx, "wait", "--for=condition=Ready", "--timeout=40s", "user/alice")
		Expect(kubeconfig).To(And(ContainSubstring("certificate-authority-data: "), Not(ContainSubstring("insecure"))))
		Expect(kubectl(ctx, "get", "crds", "-o", "yaml")).
			NotTo(MatchRegexp(`(?i)insecure-?skip|skip-?(tls|verif)`), "the API cannot turn it off")
		fingerprints = append(fingerprints, fingerprint(ctx))
	})

	DescribeTable("lets her do exactly what was granted", func(ctx SpecContext, args string, allowed bool) {
		output, err := alice.kubectl(ctx, strings.Fields(args)...)
		if allowed {
			Expect(err).NotTo(HaveOccurred(), output)
			return
		}
		Expect(err).To(MatchError(And(ContainSubstring("orbidden"), ContainSubstring(`User "corp:alice"`))), output)
	},
		Entry("write in the namespace", "create configmap invoices -n pay --from-literal=owner=alice", true),
		Entry("read in the namespace", "get configmaps -n pay", true),
		Entry("not elsewhere", "get configmaps -n default", false),
		Entry("not where Secrets of the operator are", "get secrets -n rollcall-system", false),
		Entry("not give herself more", "create rolebinding mine -n pay --clusterrole=admin --user=corp:alice", false),
		Entry("not cluster-wide, her own kind", "get users.iam.rollcall.dev", false),
		Entry("not cluster-wide, nodes", "get nodes", false),
	)

	It("rotates her certificate while she works", func(ctx SpecContext) {
		work, looks := alice.work(ctx), lookAt(ctx, "alice-kubeconfig")
		for _, seconds := range []string{"1800", "600"} { // Each is shorter than what is left until renewal.
			kubectl(ctx, "patch", "user", "alice", "--type=merge", "-p", `{"spec":{"kubeconfig":{"durationSeconds":`+seconds+`}}}`)
			Eventually(ctx, func() string { return fingerprint(ctx) }).ShouldNot(BeElementOf(fingerprints))
			fingerprints = append(fingerprints, fingerprint(ctx))
			served, seen := work.served(), looks.certificates()
			Eventually(ctx, work.served).Should(BeNumerically(">=", served+3), "she goes on working")
			Eventually(ctx, looks.certificates).Should(BeNumerically(">=", max(seen, len(fingerprints))))
		}
		Expect(work.stop()).To(Succeed(), "no request of hers fails")
		found := looks.stop()
		Expect(found.torn).To(BeEmpty(), "certificate, key and kubeconfig always belong together")
		Expect(found.certificates).To(HaveLen(3))
		Expect(found.keys).To(HaveLen(3), "each certificate has a key of its own")
		reportf("rotation: %d requests of hers served, %d looks at the Secret", work.served(), found.looks)
	})

	It("has her certificate's fingerprint in the audit log", func(ctx SpecContext) {
		_, err := alice.fetch(ctx)
		Expect(err).NotTo(HaveOccurred())
		mark, err := plane.AuditMark()
		Expect(err).NotTo(HaveOccurred())
		_, err = alice.kubectl(ctx, "get", "configmaps", "-n", "pay")
		Expect(err).NotTo(HaveOccurred())
		events, _, err := plane.AuditSince(mark)
		Expect(err).NotTo(HaveOccurred())
		var hers []string
		for i := range events {
			if events[i].User.Username == "corp:alice" {
				hers = append(hers, controlplane.Fingerprint(events[i]))
			}
		}
		Expect(hers).To(And(Not(BeEmpty()), HaveEach(fingerprint(ctx))))
		Expect(fingerprints).To(HaveLen(3))
		Expect(fingerprint(ctx)).To(Equal(fingerprints[2]))
	})

	It("denies her next request when the directory disables her", func(ctx SpecContext) {
		notAfter := kubectl(ctx, "get", "user", "alice", "-o", "jsonpath={.status.certificate.lastNotAfter}")
		disabled := time.Now()
		Expect(directory.Disable("alice")).To(Succeed())
		kubectl(ctx, "annotate", "secret", "corp-bind", "-n", installation.Namespace, "read=now")
		Eventually(ctx, func() error {
			_, err := alice.kubectl(ctx, "get", "configmaps", "-n", "pay")
			return err
		}).Should(MatchError(And(ContainSubstring("Forbidden"), ContainSubstring(`User "corp:alice"`))))
		reportf("from the directory's change to the first denied request: %s (read at once)", time.Since(disabled).Round(time.Millisecond))
		Eventually(ctx, func() error {
			_, err := alice.fetch(ctx)
			return err
		}).Should(MatchError(ContainSubstring("NotFound")), "the Secret is removed")
		Expect(kubectl(ctx, "get", "user", "alice", "-o", activeOf)).To(Equal("False DirectoryDisabled"))
		since := kubectl(ctx, "get", "user", "alice", "-o", `jsonpath={.status.conditions[?(@.type=="Active")].lastTransitionTime}`)
		Expect(time.Parse(time.RFC3339, since)).To(BeTemporally("~", disabled, 15*time.Second))
		Expect(kubectl(ctx, "get", "user", "alice", "-o", `jsonpath={.status.conditions[?(@.type=="Active")].message}`)).To(And(
			ContainSubstring("no access since "+since), ContainSubstring("valid until "+notAfter)))
		Expect(kubectl(ctx, "get", "user", "alice", "-o", "jsonpath={.status.groups}")).
			To(Equal(`["corp:engineering","corp:payments"]`), "disabled people keep them")
		_, err := tryKubectl(ctx, "auth", "can-i", "create", "configmaps", "-n", "pay", "--as=corp:bob")
		Expect(err).NotTo(HaveOccurred(), "bob, in the same group, keeps his access")
	})

	It("lets her in again when the directory does", func(ctx SpecContext) {
		Expect(directory.Enable("alice")).To(Succeed())
		kubectl(ctx, "annotate", "secret", "corp-bind", "-n", installation.Namespace, "read=again", "--overwrite")
		Eventually(ctx, func() error {
			_, err := alice.fetch(ctx)
			return err
		}).Should(Succeed(), "a new Secret is there")
		Eventually(ctx, func() error {
			_, err := alice.kubectl(ctx, "get", "configmaps", "-n", "pay")
			return err
		}).Should(Succeed())
		Expect(kubectl(ctx, "get", "user", "alice", "-o", activeOf)).To(Equal("True Active"))
		Expect(fingerprint(ctx)).NotTo(BeElementOf(fingerprints), "with another certificate")
	})
})
