// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package audit_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	auditv1 "k8s.io/apiserver/pkg/apis/audit/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/wire"
	"github.com/rollcall-iam/rollcall/test/controlplane"
	"github.com/rollcall-iam/rollcall/test/person"
)

var _ = Describe("What Grants are used for", Ordered, func() {
	var (
		w                 *world
		root              *person.Person
		alice, bob, carol *person.Person
		began             controlplane.AuditMark
	)
	BeforeAll(func(ctx SpecContext) {
		w = newWorld(ctx, "")
		root = w.root()
		for name, g := range map[string]struct{ who, namespace string }{"alice-looks": {"alice", pay}, "idle": {"dora", shop}} {
			Expect(w.admin.Create(ctx, &v1alpha1.Grant{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: v1alpha1.GrantSpec{
				Subjects: []v1alpha1.Subject{{Kind: v1alpha1.SubjectUser, Name: g.who}}, Scope: v1alpha1.ScopeNamespaces,
				RoleRef:    v1alpha1.RoleReference{Kind: v1alpha1.RoleKindClusterRole, Name: "view"},
				Namespaces: &v1alpha1.NamespaceSet{Names: []string{g.namespace}},
			}})).To(Succeed())
		}
		Expect(w.admin.Create(ctx, &rbacv1.RoleBinding{
			ObjectMeta: metav1.ObjectMeta{Name: "bob-anyway", Namespace: shop},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "view"},
			Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: corp + ":bob"}},
		})).To(Succeed())
		alice, bob, carol = w.comes(ctx, "alice"), w.comes(ctx, "bob"), w.comes(ctx, "carol")
		var err error
		began, err = w.plane.AuditMark()
		Expect(err).NotTo(HaveOccurred())
	}, NodeTimeout(3*time.Minute))

	// usage is what auditors are told of one Grant, or of all.
	usage := func(ctx context.Context, args ...string) map[string]wire.GrantUsage {
		GinkgoHelper()
		out, err := root.Kubectl(ctx, append(append([]string{"rollcall"}, args...), "-o", "json")...).Output()
		Expect(err).NotTo(HaveOccurred())
		var found wire.Usage
		Expect(json.Unmarshal(out, &found)).To(Succeed())
		all := map[string]wire.GrantUsage{}
		for _, item := range found.Items {
			all[item.Name] = item
		}
		return all
	}
	// done counts what the API server's own log says that somebody did to configmaps.
	done := func(who string, namespaces []string, verbs ...string) int64 {
		GinkgoHelper()
		all, _, err := w.plane.AuditSince(began)
		Expect(err).NotTo(HaveOccurred())
		count := int64(0)
		for i := range all {
			e := &all[i]
			if e.User.Username == corp+":"+who && e.Stage == auditv1.StageResponseComplete && e.ObjectRef != nil &&
				e.ObjectRef.Resource == "configmaps" && slices.Contains(namespaces, e.ObjectRef.Namespace) && slices.Contains(verbs, e.Verb) &&
				e.Annotations["authorization.k8s.io/decision"] == "allow" {
				count++
			}
		}
		return count
	}

	It("is counted once each, through a manager that is killed", func(ctx SpecContext) {
		alice.Does(ctx, "create", "configmap", "note", "-n", pay, "--from-literal=a=b")
		for range 3 {
			alice.Does(ctx, "get", "configmaps", "-n", pay)
			bob.Does(ctx, "get", "configmaps", "-n", shop)
		}
		out := carol.Does(ctx, "rollcall", "request", "carol-helps", "--for", "10m", "--reason", "INC-7: payments are stuck", "-o", "json")
		_, object, _ := strings.Cut(out, "{")
		var made v1alpha1.AccessRequest
		Expect(json.Unmarshal([]byte("{"+object), &made)).To(Succeed())
		alice.Does(ctx, "rollcall", "approve", made.Name)
		Eventually(ctx, func() error {
			_, err := carol.Runs(ctx, "annotate", "configmap", "note", "-n", pay, "seen=yes")
			return err
		}).WithTimeout(patience).Should(Succeed())
		root.Does(ctx, "get", "configmaps", "-n", pay, "--as", "corp:alice")
		Expect(w.manager.Kill()).To(Succeed())
		w.startsManager(ctx)
		bob.Does(ctx, "get", "configmap", "note", "-n", pay)
		alice.Does(ctx, "delete", "configmap", "note", "-n", pay)

		all := []string{"get", "list", "create", "delete", "patch"}
		both := []string{pay, shop}
		wanted := map[string]int64{
			"alice-edits": done("alice", both, all...), "alice-looks": done("alice", both, "get", "list"),
			"bob-reads": done("bob", both, "get", "list"), "carol-helps": done("carol", []string{pay}, all...), "idle": 0,
		}
		Expect(wanted).To(And(HaveKeyWithValue("alice-edits", BeNumerically(">=", 5)), HaveKeyWithValue("alice-looks", BeNumerically(">=", 3)),
			HaveKeyWithValue("carol-helps", BeNumerically(">=", 2))))
		Eventually(ctx, func() map[string]int64 {
			counts := map[string]int64{}
			for name, g := range usage(ctx, "unused", "--all") {
				counts[name] = g.Requests
			}
			return counts
		}).WithTimeout(patience).WithPolling(time.Second).Should(Equal(wanted))
	}, SpecTimeout(3*time.Minute))

	It("says which are needed, and which are not", func(ctx SpecContext) {
		classes := map[string]v1alpha1.GrantUsage{}
		for name, g := range usage(ctx, "unused", "--all") {
			classes[name] = g.Usage
		}
		Expect(classes).To(Equal(map[string]v1alpha1.GrantUsage{
			"alice-edits": v1alpha1.GrantUsed, "alice-looks": v1alpha1.GrantRedundant, "bob-reads": v1alpha1.GrantUsed,
			"carol-helps": v1alpha1.GrantUsed, "idle": v1alpha1.GrantUnknown,
		}))
		Expect(root.Does(ctx, "rollcall", "unused")).To(And(MatchRegexp(`alice-looks +Redundant`), MatchRegexp(`idle +Unknown +never +0 +0`),
			Not(ContainSubstring("alice-edits"))))
	})

	It("says by whom, and for what", func(ctx SpecContext) {
		reads := usage(ctx, "usage", "bob-reads")["bob-reads"]
		Expect(reads.Uses).To(ContainElements(
			And(HaveField("Username", corp+":bob"), HaveField("Action.Namespace", shop), HaveField("Action.Verb", "list"),
				HaveField("Needed", BeNil())),
			And(HaveField("Username", corp+":bob"), HaveField("Action.Namespace", pay), HaveField("Names", []string{"note"}),
				HaveField("Needed", Not(BeNil()))),
		))
		told := root.Does(ctx, "rollcall", "usage", "alice-edits")
		Expect(told).To(And(ContainSubstring("Grant alice-edits: Used"), MatchRegexp(`corp:alice +create configmaps in namespace "pay"`),
			Not(ContainSubstring("rollcall-test-admin"))))
		Expect(root.Does(ctx, "rollcall", "usage", "idle")).To(ContainSubstring("1 of 1 whom it reaches did not use it: corp:dora"))
		_, err := root.Runs(ctx, "rollcall", "usage", "nothing")
		Expect(err).To(HaveOccurred())
	})

	It("knows a binding that somebody labels as if the operator had made it", func(ctx SpecContext) {
		root.Does(ctx, "label", "rolebinding", "bob-anyway", "-n", shop, "app.kubernetes.io/managed-by=rollcall")
		time.Sleep(2 * time.Second) // Until that is recorded.
		bob.Does(ctx, "get", "services", "-n", shop)
		Eventually(ctx, func() []wire.GrantUsage { return []wire.GrantUsage{usage(ctx, "usage", "bob-reads")["bob-reads"]} }).
			WithTimeout(patience).WithPolling(time.Second).Should(HaveExactElements(HaveField("Uses", ContainElement(And(
			HaveField("Action.Resource", "services"), HaveField("Action.Namespace", shop), HaveField("Needed", BeNil()))))))
	})

	It("is as wide as the role that is proposed", func(ctx SpecContext) {
		out, err := root.Kubectl(ctx, "rollcall", "recommend", "alice").Output() // Without what is said beside it.
		Expect(err).NotTo(HaveOccurred())
		proposed := string(out)
		Expect(proposed).To(And(ContainSubstring("kind: Role\n"), ContainSubstring("namespace: pay"), ContainSubstring("- create\n"),
			ContainSubstring("- delete\n"), ContainSubstring("- list\n")))
		Expect(proposed).NotTo(Or(ContainSubstring("- patch\n"), ContainSubstring("deployments"), ContainSubstring("namespace: shop")))
		file := filepath.Join(root.Home, "proposed.yaml")
		Expect(os.WriteFile(file, []byte(proposed), 0o600)).To(Succeed())
		root.Does(ctx, "apply", "-f", file, "--dry-run=server")
	})

	It("is on the page of a reviewer", func(ctx SpecContext) {
		page := filepath.Join(root.Home, "access.html")
		root.Does(ctx, "rollcall", "report", "--to", page)
		Expect(read(page)).To(And(ContainSubstring("alice-looks"), ContainSubstring("Redundant"), ContainSubstring("<svg"),
			ContainSubstring("corp:alice")))
		told, err := root.Runs(ctx, "rollcall", "dormant", "--days", "1")
		Expect(err).NotTo(HaveOccurred(), told)
		Expect(told).To(ContainSubstring("Everybody who may act was seen in the last 1 days, or is new."))
	})

	It("shows in their status", func(ctx SpecContext) {
		Eventually(ctx, func(g Gomega) {
			var grants v1alpha1.GrantList
			g.Expect(w.admin.List(ctx, &grants)).To(Succeed())
			for i := range grants.Items {
				status, name := &grants.Items[i].Status, grants.Items[i].Name
				g.Expect(status.Usage).NotTo(BeEmpty(), name)
				g.Expect(status.LastUsedTime != nil).To(Equal(name != "idle"), name)
			}
			var looks v1alpha1.Grant
			g.Expect(w.admin.Get(ctx, client.ObjectKey{Name: "alice-looks"}, &looks)).To(Succeed())
			g.Expect(looks.Status.Usage).To(Equal(v1alpha1.GrantRedundant))
		}).WithTimeout(2 * time.Minute).WithPolling(time.Second).Should(Succeed())
		Expect(root.Does(ctx, "get", "grants")).To(And(ContainSubstring("LAST-USED"), MatchRegexp(`alice-edits .* \d+[sm]`)))
	}, SpecTimeout(3*time.Minute))
})
