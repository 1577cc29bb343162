// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package gitops_test

import (
	"context"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/test/argocd"
	"github.com/rollcall-iam/rollcall/test/controlplane"
	"github.com/rollcall-iam/rollcall/test/installation"
)

const (
	// quiet is for how long nobody may write, once everything has settled.
	quiet = time.Minute
	// settling is how long everything may take to settle.
	settling = 15 * time.Second
)

const isReady = `jsonpath={.status.conditions[?(@.type=="Ready")].reason}`

// waves are two Grants, of which the first waits for its time.
const waves = `apiVersion: iam.rollcall.dev/v1alpha1
kind: Grant
metadata: {name: first-wave, annotations: {argocd.argoproj.io/sync-wave: "1"}}
spec:
  subjects: [{kind: User, name: carol}]
  roleRef: {kind: ClusterRole, name: view}
  scope: Namespaces
  namespaces: {names: [pay]}
  startTime: "2099-01-01T00:00:00Z"
---
apiVersion: iam.rollcall.dev/v1alpha1
kind: Grant
metadata: {name: second-wave, annotations: {argocd.argoproj.io/sync-wave: "2"}}
spec:
  subjects: [{kind: User, name: carol}]
  roleRef: {kind: ClusterRole, name: view}
  scope: Namespaces
  namespaces: {names: [pay]}
`

const waving = `apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: waves, namespace: argocd}
spec:
  project: access
  source: {repoURL: "REPOSITORY", targetRevision: main, path: ., directory: {include: waves.yaml}}
  destination: {name: staging}
  syncPolicy: {automated: {}}
`

var _ = Describe("A company's repository that Argo CD syncs", Ordered, func() {
	var (
		git      *repository
		book     *diary
		revision string
	)
	// keeps does what must not concern Argo CD, waits until it has come true, and sees that the Application stays Synced, without a sync.
	keeps := func(ctx context.Context, what string, act func(), come func(g Gomega)) {
		GinkgoHelper()
		before, mark := history(application(ctx)), book.mark()
		book.notef("%s", what)
		act()
		Eventually(ctx, come).Should(Succeed())
		refresh(ctx)
		Consistently(ctx, func() []string { return book.since(mark) }).Should(BeEmpty(), "it stays Synced")
		Expect(history(application(ctx))).To(Equal(before), "nothing was synced")
		Expect(stateOf(application(ctx)).Sync).To(Equal(isSynced))
	}
	commits := func(ctx context.Context, message, health string) {
		GinkgoHelper()
		book.notef("commit: %s", message)
		revision = git.commit(ctx, message)
		becomes(ctx, revision, health)
	}

	BeforeAll(func(ctx SpecContext) {
		git = newRepository(ctx)
		book = keepDiary(ctx)
		DeferCleanup(func(ctx SpecContext) {
			app := application(ctx)
			reportf("its history:\n%s\nits resources:\n%s", history(app), strings.Join(resources(app), "\n"))
		})
		documented(ctx, git)
		revision = git.git(ctx, "rev-parse", "HEAD")
	})

	It("becomes Synced and Healthy, and gives what it says", func(ctx SpecContext) {
		becomes(ctx, revision, isHealthy)
		Expect(bound(ctx, "payments-edit")).To(ConsistOf("corp:alice", "corp:bob", "corp:carol"))
		Expect(bound(ctx, "robots-edit")).To(ConsistOf("deploy-bot"))
		Expect(resources(application(ctx))).To(HaveLen(8))
	}, SpecTimeout(2*patience))

	It("neither shows nor tracks what the operator imports", func(ctx SpecContext) {
		Eventually(ctx, people).Should(ContainElements("alice", "bob", "carol", "dora", "erin"))
		for _, name := range people(ctx) {
			tracked := kubectl(ctx, "", "get", "user", name, "-o", `jsonpath={.metadata.annotations.argocd\.argoproj\.io/tracking-id}`)
			if name == "carol" || name == "deploy-bot" {
				Expect(tracked).NotTo(BeEmpty(), name)
			} else {
				Expect(tracked).To(BeEmpty(), name)
			}
		}
		Expect(strings.Join(resources(application(ctx)), "\n")).NotTo(ContainSubstring("User alice"))
	})

	It("stays Synced while people come, are renamed, and go", func(ctx SpecContext) {
		keeps(ctx, "the directory: fay joins payments",
			func() {
				Expect(server.AddPerson("fay")).To(Succeed())
				Expect(server.AddMember("payments", personDN("fay"))).To(Succeed())
			}, func(g Gomega) { g.Expect(bound(ctx, "payments-edit")).To(ContainElement("corp:fay")) })
		keeps(ctx, "the directory: bob is called robert now",
			func() { Expect(server.RenamePerson("bob", "robert")).To(Succeed()) },
			func(g Gomega) {
				g.Expect(bound(ctx, "payments-edit")).To(And(ContainElement("corp:robert"), Not(ContainElement("corp:bob"))))
			})
		keeps(ctx, "the directory: alice is removed",
			func() { Expect(server.DeletePerson("alice")).To(Succeed()) },
			func(g Gomega) { g.Expect(bound(ctx, "payments-edit")).NotTo(ContainElement("corp:alice")) })
	}, SpecTimeout(4*patience))

	It("stays Synced while certificates rotate", func(ctx SpecContext) {
		for range 2 {
			before := fingerprint(ctx)
			Expect(before).NotTo(BeEmpty())
			keeps(ctx, "the robot's Session is ended, and a new certificate issued",
				func() { kubectl(ctx, "", "delete", "sessions", "--all") },
				func(g Gomega) { g.Expect(fingerprint(ctx)).NotTo(Or(BeEmpty(), Equal(before))) })
		}
	}, SpecTimeout(4*patience))

	It("suspends somebody by a commit, and lets them in again", func(ctx SpecContext) {
		git.write("base/people.yaml", git.read("base/people.yaml")+"  state: Suspended\n")
		commits(ctx, "suspend carol", isSuspended)
		Eventually(ctx, func() []string { return bound(ctx, "payments-edit") }).ShouldNot(ContainElement("corp:carol"))
		git.replace("base/people.yaml", "  state: Suspended\n", "")
		commits(ctx, "carol is back", isHealthy)
		Eventually(ctx, func() []string { return bound(ctx, "payments-edit") }).Should(ContainElement("corp:carol"))
	}, SpecTimeout(4*patience))

	It("stays Synced and Healthy when a Grant's expireTime passes", func(ctx SpecContext) {
		expire := time.Now().Add(75 * time.Second).UTC().Format(time.RFC3339)
		git.replace("clusters/staging/payments-edit.yaml", "  reason:", "  expireTime: \""+expire+"\"\n  reason:")
		commits(ctx, "payments-edit ends at "+expire, isHealthy)
		Expect(bound(ctx, "payments-edit")).NotTo(BeEmpty())
		keeps(ctx, "the time passes", func() {}, func(g Gomega) { g.Expect(bound(ctx, "payments-edit")).To(BeEmpty()) })
		Expect(stateOf(application(ctx)).Health).To(Equal(isHealthy))
		git.replace("clusters/staging/payments-edit.yaml", "  expireTime: \""+expire+"\"\n", "")
		commits(ctx, "payments-edit goes on", isHealthy)
		Eventually(ctx, func() []string { return bound(ctx, "payments-edit") }).Should(ContainElement("corp:carol"))
	}, SpecTimeout(4*patience))

	It("overrules who edits a Grant by hand, as the operator does who edits a binding", func(ctx SpecContext) {
		book.notef("by hand: the reason of payments-edit")
		kubectl(ctx, "", "patch", "grant", "payments-edit", "--type=merge", "-p", `{"spec":{"reason":"by hand"}}`)
		Eventually(ctx, func() string {
			return kubectl(ctx, "", "get", "grant", "payments-edit", "-o", "jsonpath={.spec.reason}")
		}).Should(Equal("they try things here"))
		Eventually(ctx, func() state { return stateOf(application(ctx)) }).Should(And(
			HaveField("Sync", isSynced), HaveField("Health", isHealthy)))
		keeps(ctx, "by hand: the binding of payments-edit is deleted",
			func() { kubectl(ctx, "", "delete", "rolebinding", "-n", "pay", "rollcall:payments-edit") },
			func(g Gomega) { g.Expect(bound(ctx, "payments-edit")).To(ContainElement("corp:carol")) })
	}, SpecTimeout(4*patience))

	It("prunes a Grant with all that it generated", func(ctx SpecContext) {
		git.replace("clusters/staging/kustomization.yaml", "- payments-edit.yaml\n", "")
		commits(ctx, "take payments-edit away", isHealthy)
		Expect(kubectl(ctx, "", "get", "grants", "-o", "name")).NotTo(ContainSubstring("payments-edit"))
		Eventually(ctx, func() []string { return bound(ctx, "payments-edit") }).Should(BeEmpty())
		Expect(kubectl(ctx, "", "get", "rolebindings", "-n", "pay", "-o", "name")).To(And(
			Not(ContainSubstring("rollcall:payments-edit")), ContainSubstring("rollcall:payments-view")))
	}, SpecTimeout(2*patience))

	It("cannot give what its ServiceAccount may not bind, and says so", func(ctx SpecContext) {
		git.replace("clusters/staging/payments-edit.yaml", "name: edit", "name: admin")
		git.replace("clusters/staging/kustomization.yaml", "patches:", "- payments-edit.yaml\npatches:")
		book.notef("commit: admin for payments")
		git.commit(ctx, "admin for payments")
		refresh(ctx)
		Eventually(ctx, func() string { return complaints(application(ctx)) }).Should(ContainSubstring(
			`system:serviceaccount:argocd:rollcall-sync may not bind ClusterRole "admin" in namespace "pay"`))
		Expect(bound(ctx, "payments-edit")).To(BeEmpty())
		git.replace("clusters/staging/payments-edit.yaml", "name: admin", "name: edit")
		commits(ctx, "edit for payments, which the next attempt takes", isHealthy)
		Eventually(ctx, func() []string { return bound(ctx, "payments-edit") }).Should(ContainElement("corp:carol"))
	}, SpecTimeout(4*patience))

	It("is held up for good by what is Suspended, where sync waves are used", func(ctx SpecContext) {
		git.write("waves.yaml", waves)
		git.commit(ctx, "waves")
		kubectl(ctx, strings.ReplaceAll(waving, "REPOSITORY", git.url()), "apply", "-f", "-")
		phase := func() string {
			return kubectl(ctx, "", "get", "applications.argoproj.io", "waves", "-n", argocd.Namespace,
				"-o", "jsonpath={.status.operationState.phase}")
		}
		Eventually(ctx, func() string {
			return kubectl(ctx, "", "get", "grant", "first-wave", "--ignore-not-found", "-o", isReady)
		}).
			Should(Equal("NotStarted"))
		Consistently(ctx, func(g Gomega) {
			g.Expect(phase()).To(Equal("Running"))
			g.Expect(kubectl(ctx, "", "get", "grants", "-o", "name")).NotTo(ContainSubstring("second-wave"))
		}).Should(Succeed())
		kubectl(ctx, "", "delete", "applications.argoproj.io", "waves", "-n", argocd.Namespace)
		kubectl(ctx, "", "delete", "grant", "first-wave")
	}, SpecTimeout(2*patience))

	It("is followed by a quiet minute: neither Argo CD nor the operator writes", func(ctx SpecContext) {
		kubectl(ctx, "", "delete", "sessions", "--all") // So that no certificate is due in this minute.
		Eventually(ctx, func(g Gomega) {
			mark, err := plane.AuditMark()
			g.Expect(err).NotTo(HaveOccurred())
			g.Consistently(ctx, func() []string { return writesSince(mark) }).WithTimeout(settling).Should(BeEmpty())
		}).WithTimeout(3 * settling).Should(Succeed())
		mark, err := plane.AuditMark()
		Expect(err).NotTo(HaveOccurred())
		book.notef("a quiet minute begins")
		Consistently(ctx, func() []string { return writesSince(mark) }).WithTimeout(quiet).WithPolling(time.Second).Should(BeEmpty())
		asked, _, err := plane.AuditSince(mark)
		Expect(err).NotTo(HaveOccurred())
		reportf("in %s: %d requests of all kinds in the audit log, no write by Argo CD or the operator", quiet, len(asked))
	}, SpecTimeout(4*patience))

	It("asks before it prunes a Directory, which takes what it imported with it", func(ctx SpecContext) {
		git.replace("base/kustomization.yaml", "- directory.yaml\n", "")
		git.replace("clusters/staging/kustomization.yaml", "patches:\n- path: directory.yaml\n", "")
		book.notef("commit: no Directory any more")
		git.commit(ctx, "no Directory any more")
		refresh(ctx)
		Eventually(ctx, func() string { return complaints(application(ctx)) }).Should(ContainSubstring("confirmation"))
		Consistently(ctx, func() string { return kubectl(ctx, "", "get", "directories", "-o", "name") }).Should(HaveSuffix("/corp"))
		Expect(bound(ctx, "payments-view")).To(ContainElement("corp:carol"))
		book.notef("somebody confirms")
		kubectl(ctx, "", "annotate", "applications.argoproj.io", applicationName, "-n", argocd.Namespace,
			"argocd.argoproj.io/deletion-approved="+time.Now().UTC().Format(time.RFC3339))
		Eventually(ctx, func(g Gomega) {
			g.Expect(kubectl(ctx, "", "get", "directories", "-o", "name")).To(BeEmpty())
			g.Expect(people(ctx)).To(ConsistOf("carol", "deploy-bot"), "what Git declares stays")
			g.Expect(bound(ctx, "payments-view")).To(BeEmpty())
		}).Should(Succeed())
	}, SpecTimeout(4*patience))
})

// writesSince are the writes by Argo CD and by the operator to what Git holds and what Grants generate, from the API server's audit log.
func writesSince(mark controlplane.AuditMark) []string {
	GinkgoHelper()
	events, _, err := plane.AuditSince(mark)
	Expect(err).NotTo(HaveOccurred())
	var found []string
	for i := range events {
		e := &events[i]
		ours := strings.HasPrefix(e.User.Username, "system:serviceaccount:argocd:") ||
			e.User.Username == "system:serviceaccount:"+installation.Namespace+":"+installation.ServiceAccount
		reads := e.Verb == "get" || e.Verb == "list" || e.Verb == "watch"
		if !ours || reads || e.ObjectRef == nil {
			continue
		}
		switch e.ObjectRef.APIGroup {
		case v1alpha1.GroupVersion.Group, "rbac.authorization.k8s.io":
			found = append(found, e.User.Username+" "+e.Verb+" "+e.RequestURI)
		}
	}
	return found
}
