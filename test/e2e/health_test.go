// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e_test

import (
	"context"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/test/golden"
	"github.com/rollcall-iam/rollcall/test/slapd"
)

// The health checks of config/argocd and config/flux are tried on objects as the operator writes them: hack/argocd and hack/flux read the
// files that these specs compare with. After a change, go test ./test/e2e -ginkgo.focus 'What health' -update writes them anew.

// shown is an object in a state that a health check must know.
type shown struct {
	kind string
	// file is its name below testdata: the health, and why.
	file string
	name string
	spec string
	// conditions are what it is waited for, each as type, status and reason.
	conditions []string
}

// testdata is where Argo CD looks for what its health checks are tried on, from golden's folder.
func (s shown) testdata(file string) string {
	return filepath.Join("..", "..", "..", "config", "argocd", "resource_customizations", v1alpha1.GroupVersion.Group, s.kind, "testdata",
		file+".yaml")
}

func (s shown) object() *unstructured.Unstructured {
	GinkgoHelper()
	o := &unstructured.Unstructured{Object: map[string]any{}}
	var spec map[string]any
	Expect(yaml.Unmarshal([]byte(s.spec), &spec)).To(Succeed())
	o.SetAPIVersion(v1alpha1.GroupVersion.String())
	o.SetKind(s.kind)
	o.SetName(s.name)
	o.Object["spec"] = spec
	return o
}

// arrives waits until the object is in its state, and nothing about it is old.
func (s shown) arrives(ctx context.Context) *unstructured.Unstructured {
	GinkgoHelper()
	found := s.object()
	Eventually(ctx, func(g Gomega) {
		g.Expect(k8s.Get(ctx, named(s.name), found)).To(Succeed())
		g.Expect(found.Object["status"]).To(HaveKeyWithValue("observedGeneration", found.GetGeneration()))
		g.Expect(conditionsOf(found)).To(ContainElements(s.conditions))
	}).Should(Succeed())
	return found
}

func conditionsOf(o *unstructured.Unstructured) []string {
	list, _, err := unstructured.NestedSlice(o.Object, "status", "conditions")
	Expect(err).NotTo(HaveOccurred())
	told := make([]string, 0, len(list))
	for _, item := range list {
		if c, ok := item.(map[string]any); ok {
			told = append(told, strings.Join([]string{c["type"].(string), c["status"].(string), c["reason"].(string)}, " "))
		}
	}
	return told
}

// isKept waits until the object is as its file has it.
func (s shown) isKept(ctx context.Context) *unstructured.Unstructured {
	GinkgoHelper()
	found := s.arrives(ctx)
	Eventually(ctx, func(g Gomega) {
		g.Expect(k8s.Get(ctx, named(s.name), found)).To(Succeed())
		got := inYAML(found)
		g.Expect(got).To(Equal(golden.Kept(s.testdata(s.file), got)))
	}).Should(Succeed())
	return found
}

func inYAML(o *unstructured.Unstructured) string {
	GinkgoHelper()
	content, err := yaml.Marshal(timeless(o.Object))
	Expect(err).NotTo(HaveOccurred())
	return string(content)
}

// unseen is the object before the operator saw it, and before it saw its last change: the API server's work alone.
func (s shown) unseen(o *unstructured.Unstructured) {
	GinkgoHelper()
	changed := o.DeepCopy()
	changed.SetGeneration(o.GetGeneration() + 1)
	golden.Expect(s.testdata("progressing_changed"), inYAML(changed))
	fresh := o.DeepCopy()
	fresh.SetFinalizers(nil)
	fresh.Object["status"] = map[string]any{"observedGeneration": int64(-1)}
	golden.Expect(s.testdata("progressing_new"), inYAML(fresh))
}

// What differs from run to run.
var (
	instant    = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ`)
	identifier = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)
	digest     = regexp.MustCompile(`\b[0-9a-f]{8,}\b`)
	session    = regexp.MustCompile(`\brobot-kubeconfig-[a-z0-9]{5}\b`)
	address    = regexp.MustCompile(`127\.0\.0\.1:\d{2,}`)
)

// timeless is what of an object is the same in every run.
func timeless(value any) any {
	switch v := value.(type) {
	case map[string]any:
		left := map[string]any{}
		for key, inner := range v {
			switch key {
			case "uid", "resourceVersion", "creationTimestamp", "managedFields", "progress", "certificates", "caBundle":
			case "version": // The operator's own.
				left[key] = "v1.2.3"
			default:
				left[key] = timeless(inner)
			}
		}
		return left
	case []any:
		left := make([]any, len(v))
		for i := range v {
			left[i] = timeless(v[i])
		}
		slices.SortStableFunc(left, byType) // Conditions have several writers: who was first differs.
		return left
	case string:
		v = instant.ReplaceAllStringFunc(v, around)
		v = identifier.ReplaceAllString(v, "11111111-2222-3333-4444-555555555555")
		v = digest.ReplaceAllString(v, "0123456789abcdef")
		v = session.ReplaceAllString(v, "robot-kubeconfig-7wq2m")
		return address.ReplaceAllString(v, "ldap.corp.example:636")
	default:
		return value
	}
}

func byType(a, b any) int {
	return strings.Compare(typeOf(a), typeOf(b))
}

func typeOf(item any) string {
	condition, _ := item.(map[string]any)
	found, _ := condition["type"].(string)
	return found
}

// around keeps the times that specs give, which are years away.
func around(text string) string {
	at, err := time.Parse(time.RFC3339, text)
	if err != nil || time.Since(at).Abs() > 48*time.Hour {
		return text
	}
	return "2026-12-01T08:00:00Z"
}

// settles makes what the states need: people, Directories in every state, and who asks and approves.
func settles(ctx context.Context) {
	GinkgoHelper()
	operatorRuns(ctx)
	server := slapdRuns(ctx, slapd.People(20))
	for _, uid := range []string{"alice", "dora"} {
		Expect(server.AddPerson(uid)).To(Succeed())
	}
	Expect(server.DisablePerson("dora")).To(Succeed())
	Expect(server.AddGroup("payments", slapd.PersonDN("alice"))).To(Succeed())
	create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "healthy"}})
	acme := slapdDirectory("acme", server)
	acme.Spec.Import = v1alpha1.ImportDeclared
	connect(ctx, acme, server)
	losing := slapdDirectory("losing", server)
	losing.Spec.LDAP.Users.Filter, losing.Spec.LDAP.Groups = "(uid=user*)", nil
	connect(ctx, losing, server)
	change(ctx, losing, func(d *v1alpha1.Directory) { d.Spec.LDAP.Users.BaseDN = slapd.ElsewhereDN })
	for name, how := range map[string]func(*v1alpha1.Directory){
		"paused":      func(d *v1alpha1.Directory) { d.Spec.Sync = v1alpha1.SyncPaused },
		"unreachable": func(d *v1alpha1.Directory) { d.Spec.LDAP.URL = "ldaps://127.0.0.1:1" },
		"misspelt":    func(d *v1alpha1.Directory) { d.Spec.LDAP.Users.Filter = "(does not parse" },
		"early":       func(d *v1alpha1.Directory) { d.Spec.LDAP.BindSecretRef.Name = "not-there-yet" },
	} {
		d := slapdDirectory(name, server)
		d.Spec.LDAP.CASecretRef.Name, d.Spec.LDAP.BindSecretRef.Name = "acme-ca", "acme-bind"
		how(d)
		create(ctx, d)
	}
	for _, name := range []string{"olga", "peter"} {
		create(ctx, shown{kind: "User", name: name, spec: "{userName: " + name + "}"}.object())
	}
	create(ctx, shown{kind: "Grant", name: "payments-glass", spec: grants("User", "robot", "view", "activation: OnRequest, "+
		"request: {maxDurationSeconds: 3600, approval: AfterUse, approvers: [{kind: User, name: olga}]}")}.object())
}

func directoryStates() []shown {
	return []shown{
		{kind: "Directory", file: "healthy_synced", name: "acme", conditions: is("Ready True Synced", "ChangesWatched True Syncrepl")},
		{kind: "Directory", file: "suspended_paused", name: "paused", conditions: is("Ready True Paused")},
		{
			kind: "Directory", file: "progressing_unreachable", name: "unreachable",
			conditions: is("Ready False Unreachable", "Reconciling True Unreachable"),
		},
		{
			kind: "Directory", file: "degraded_invalidFilter", name: "misspelt",
			conditions: is("Ready False InvalidConfig", "Stalled True InvalidConfig"),
		},
		{
			kind: "Directory", file: "degraded_secretNotFound", name: "early",
			conditions: is("Ready False SecretNotFound", "Stalled True SecretNotFound"),
		},
		{kind: "Directory", file: "degraded_lossGuard", name: "losing", conditions: is("Ready False LossGuard", "Stalled True LossGuard")},
	}
}

func decided(request, decision, approver string) string {
	return "{requestRef: {name: " + request + ", uid: UID}, decision: " + decision + ", approver: " + approver + "}"
}

// asked creates a request or an approval, as whoever's name is in it, who may do so.
func (s shown) asked(ctx context.Context) {
	GinkgoHelper()
	o := s.object()
	spec, _, err := unstructured.NestedMap(o.Object, "spec")
	Expect(err).NotTo(HaveOccurred())
	who, role := spec["userName"], "rollcall-requester"
	if s.kind == "Approval" {
		who, role = spec["approver"], "rollcall-approver"
		request, _, err := unstructured.NestedString(o.Object, "spec", "requestRef", "name")
		Expect(err).NotTo(HaveOccurred())
		about := &v1alpha1.AccessRequest{}
		Expect(k8s.Get(ctx, named(request), about)).To(Succeed())
		Expect(unstructured.SetNestedField(o.Object, string(about.UID), "spec", "requestRef", "uid")).To(Succeed())
	}
	create(ctx, &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: unique("asks")},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: who.(string)}},
	})
	config, err := plane.User(who.(string))
	Expect(err).NotTo(HaveOccurred())
	theirs, err := client.New(config, client.Options{Scheme: k8s.Scheme()})
	Expect(err).NotTo(HaveOccurred())
	Eventually(ctx, func() error { return theirs.Create(ctx, o) }).Should(Succeed(), "once the authorizer knows the binding")
	DeferCleanup(remove, o)
}

// sessionsAreShown shows the Session of the robot's kubeconfig, before and after somebody ends it.
func sessionsAreShown(ctx context.Context) {
	GinkgoHelper()
	var list v1alpha1.SessionList
	Expect(k8s.List(ctx, &list)).To(Succeed())
	for i := range list.Items {
		if list.Items[i].Spec.Username != "robot" {
			continue
		}
		s := shown{kind: "Session", file: "healthy_active", name: list.Items[i].Name, conditions: is("Active True Active", "Ready True Active")}
		s.unseen(s.isKept(ctx))
		change(ctx, &list.Items[i], func(o *v1alpha1.Session) {
			o.Spec.Termination = &v1alpha1.SessionTermination{By: "rollcall-test-admin", Reason: "INC-45"}
		})
		s.file, s.conditions = "healthy_ended", is("Active False Terminated", "Ready True Terminated", "RenewalRefused True Ended")
		s.isKept(ctx)
		return
	}
	Fail("the robot has no Session")
}

func installationIsShown(ctx context.Context) {
	GinkgoHelper()
	s := shown{kind: "Installation", file: "healthy_signs", name: "rollcall"}
	s.conditions = is("Ready True Reconciled", "SignerReady True Signs")
	s.unseen(s.isKept(ctx))
}
