// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e_test

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/test/installation"
	"github.com/rollcall-iam/rollcall/test/internal/checkout"
)

// someone is a local User with a certificate, who may do what a ready-made ClusterRole says, and nothing else.
type someone struct {
	name  string
	iam   client.Client
	plain kubernetes.Interface
}

func newSomeone(ctx context.Context, role string) *someone {
	GinkgoHelper()
	name := unique("person")
	create(ctx, &v1alpha1.User{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: v1alpha1.UserSpec{UserName: name}})
	config, err := plane.User(name)
	Expect(err).NotTo(HaveOccurred())
	config.QPS = -1
	iam, err := client.New(config, client.Options{Scheme: k8s.Scheme()})
	Expect(err).NotTo(HaveOccurred())
	p := &someone{name: name, iam: iam, plain: kubernetes.NewForConfigOrDie(config)}
	p.gets(ctx, role)
	return p
}

// gets binds them a ClusterRole.
func (p *someone) gets(ctx context.Context, role string) {
	GinkgoHelper()
	create(ctx, &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: unique("bound")},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: p.name}},
	})
}

// may says whether the API server lets them list what is in a namespace.
func (p *someone) may(ctx context.Context, namespace string) bool {
	GinkgoHelper()
	_, err := p.plain.CoreV1().ConfigMaps(namespace).List(ctx, metav1.ListOptions{Limit: 1})
	if !apierrors.IsForbidden(err) {
		Expect(err).NotTo(HaveOccurred())
	}
	return err == nil
}

// until is how long after a moment the API server answers otherwise.
func (p *someone) until(ctx context.Context, namespace string, allowed bool, since time.Time) time.Duration {
	GinkgoHelper()
	for p.may(ctx, namespace) != allowed {
		Expect(time.Since(since)).To(BeNumerically("<", patience), "%s: allowed must become %t", p.name, allowed)
	}
	return time.Since(since)
}

func (p *someone) asks(ctx context.Context, grant string, seconds int32) *v1alpha1.AccessRequest {
	GinkgoHelper()
	request := &v1alpha1.AccessRequest{ObjectMeta: metav1.ObjectMeta{Name: unique("request")}, Spec: v1alpha1.AccessRequestSpec{
		GrantRef: v1alpha1.NameReference{Name: grant}, UserName: p.name, DurationSeconds: seconds, Reason: "a look at the logs",
	}}
	Expect(p.iam.Create(ctx, request)).To(Succeed())
	return request
}

func (p *someone) approves(ctx context.Context, request *v1alpha1.AccessRequest) {
	GinkgoHelper()
	Expect(p.iam.Create(ctx, &v1alpha1.Approval{
		ObjectMeta: metav1.ObjectMeta{Name: unique("approval")},
		Spec: v1alpha1.ApprovalSpec{
			RequestRef: v1alpha1.RequestReference{Name: request.Name, UID: string(request.UID)},
			Decision:   v1alpha1.DecisionApprove, Approver: p.name,
		},
	})).To(Succeed())
}

func isAccepted(ctx context.Context, request *v1alpha1.AccessRequest) {
	GinkgoHelper()
	Eventually(ctx, func(g Gomega) {
		g.Expect(k8s.Get(ctx, named(request.Name), request)).To(Succeed())
		g.Expect(request.Status.Grant).NotTo(BeNil())
	}).WithPolling(5 * time.Millisecond).Should(Succeed())
}

var _ = Describe("Access on request", Ordered, func() {
	const rounds = 30
	var (
		asker, approver  *someone
		namespace, grant string
	)
	BeforeAll(func(ctx SpecContext) {
		operatorRuns(ctx)
		asker, approver = newSomeone(ctx, "rollcall-requester"), newSomeone(ctx, "rollcall-approver")
		namespace, grant = inNamespace(ctx, "asked"), unique("asked")
		create(ctx, &v1alpha1.Grant{ObjectMeta: metav1.ObjectMeta{Name: grant}, Spec: v1alpha1.GrantSpec{
			Subjects: []v1alpha1.Subject{{Kind: v1alpha1.SubjectUser, Name: asker.name}},
			RoleRef:  v1alpha1.RoleReference{Kind: v1alpha1.RoleKindClusterRole, Name: "view"},
			Scope:    v1alpha1.ScopeNamespaces, Namespaces: &v1alpha1.NamespaceSet{Names: []string{namespace}},
			Activation: v1alpha1.ActivationOnRequest,
			Request: &v1alpha1.RequestPolicy{
				MaxDurationSeconds: 3600, Approvers: []v1alpha1.Subject{{Kind: v1alpha1.SubjectUser, Name: approver.name}},
			},
		}})
	})

	It("is there within a second of the approval, and gone within a second of its end", func(ctx SpecContext) {
		before := scraped(ctx)
		given, taken := make([]time.Duration, 0, rounds), make([]time.Duration, 0, rounds)
		for range rounds {
			request := asker.asks(ctx, grant, 2)
			isAccepted(ctx, request)
			Expect(asker.may(ctx, namespace)).To(BeFalse())
			approver.approves(ctx, request)
			given = append(given, asker.until(ctx, namespace, true, time.Now()))
			Expect(k8s.Get(ctx, named(request.Name), request)).To(Succeed())
			taken = append(taken, asker.until(ctx, namespace, false, request.Status.ExpireTime.Time))
		}
		rises(ctx, before, map[string]float64{
			`rollcall_access_request_wait_duration_seconds_count{outcome="approved"}`:              rounds,
			`rollcall_access_request_wait_duration_seconds_count{outcome="undecided"}`:             0,
			`rollcall_objects{kind="AccessRequest",reason="Expired",state="Ready"}`:                rounds,
			`rollcall_binding_changes_total{change="delete",holder="AccessRequest",result="done"}`: rounds,
		})
		slices.Sort(given)
		slices.Sort(taken)
		reportf("access on request, %d times: from the approval to access p50 %v, p99 %v; from the end to denial p50 %v, p99 %v", rounds,
			percentile(given, 50), percentile(given, 99), percentile(taken, 50), percentile(taken, 99))
		Expect(percentile(given, 50)).To(BeNumerically("<", time.Second))
		Expect(percentile(taken, 50)).To(BeNumerically("<", time.Second))
	}, SpecTimeout(4*time.Minute))

	It("ends on time after a restart, and is not given again by one", func(ctx SpecContext) {
		request := asker.asks(ctx, grant, 3)
		isAccepted(ctx, request)
		approver.approves(ctx, request)
		asker.until(ctx, namespace, true, time.Now())
		Expect(operator.Kill()).To(Succeed())
		operator = nil
		Expect(k8s.Get(ctx, named(request.Name), request)).To(Succeed())
		Eventually(ctx, time.Now).Should(BeTemporally(">=", request.Status.ExpireTime.Time))
		Expect(asker.may(ctx, namespace)).To(BeTrue(), "nobody is there to take it")
		operatorRuns(ctx)
		asker.until(ctx, namespace, false, time.Now())
		Eventually(ctx, func(g Gomega) {
			g.Expect(k8s.Get(ctx, named(request.Name), request)).To(Succeed())
			g.Expect(request.Status.EndReason).To(Equal(v1alpha1.ReasonExpired))
		}).Should(Succeed())
	})

	It("ends at once with a Lock, which keeps out everything, and is survived by the rest", func(ctx SpecContext) {
		always := unique("always")
		create(ctx, &v1alpha1.Grant{ObjectMeta: metav1.ObjectMeta{Name: always}, Spec: v1alpha1.GrantSpec{
			Subjects: []v1alpha1.Subject{{Kind: v1alpha1.SubjectUser, Name: asker.name}},
			RoleRef:  v1alpha1.RoleReference{Kind: v1alpha1.RoleKindClusterRole, Name: "view"},
			Scope:    v1alpha1.ScopeNamespaces, Namespaces: &v1alpha1.NamespaceSet{Names: []string{inNamespace(ctx, "always")}},
		}})
		request := asker.asks(ctx, grant, 600)
		isAccepted(ctx, request)
		approver.approves(ctx, request)
		asker.until(ctx, namespace, true, time.Now())
		lock := &v1alpha1.Lock{ObjectMeta: metav1.ObjectMeta{Name: unique("lock")}, Spec: v1alpha1.LockSpec{
			Target: v1alpha1.LockTarget{Kind: v1alpha1.LockUser, Name: asker.name}, Reason: "lost laptop",
		}}
		create(ctx, lock)
		reportf("locked: denied after %v", asker.until(ctx, namespace, false, time.Now()).Round(time.Millisecond))
		operatorStops()
		operatorRuns(ctx)
		Eventually(ctx, func(g Gomega) {
			g.Expect(k8s.Get(ctx, named(request.Name), request)).To(Succeed())
			g.Expect(request.Status.EndReason).To(Equal(v1alpha1.ReasonLocked))
			u := &v1alpha1.User{}
			g.Expect(k8s.Get(ctx, named(asker.name), u)).To(Succeed())
			g.Expect(u.Status.Grants).To(BeEmpty())
		}).Should(Succeed())
		Expect(k8s.Delete(ctx, lock)).To(Succeed())
		Eventually(ctx, func(g Gomega) {
			u := &v1alpha1.User{}
			g.Expect(k8s.Get(ctx, named(asker.name), u)).To(Succeed())
			g.Expect(u.Status.Grants).To(Equal([]string{always}), "what Git says, and not the request that has ended")
		}).Should(Succeed())
		Expect(asker.may(ctx, namespace)).To(BeFalse())
	})
})

// rollcall runs the kubectl plugin as somebody.
func (p *someone) rollcall(ctx context.Context, args ...string) string {
	GinkgoHelper()
	root, err := checkout.Root()
	Expect(err).NotTo(HaveOccurred())
	config, err := plane.User(p.name)
	Expect(err).NotTo(HaveOccurred())
	kubeconfig := filepath.Join(plane.Dir(), p.name+".kubeconfig")
	Expect(clientcmd.WriteToFile(clientcmdapi.Config{
		CurrentContext: "c",
		Contexts:       map[string]*clientcmdapi.Context{"c": {Cluster: "c", AuthInfo: "c"}},
		Clusters:       map[string]*clientcmdapi.Cluster{"c": {Server: config.Host, CertificateAuthorityData: config.CAData}},
		AuthInfos: map[string]*clientcmdapi.AuthInfo{"c": {
			ClientCertificateData: config.CertData, ClientKeyData: config.KeyData,
		}},
	}, kubeconfig)).To(Succeed())
	command := installation.KubectlCommand(ctx, plane, kubeconfig, append([]string{"rollcall"}, args...)...)
	command.Env = append(command.Env, "PATH="+filepath.Join(root, "bin")+string(os.PathListSeparator)+os.Getenv("PATH"))
	output, err := command.CombinedOutput()
	Expect(err).NotTo(HaveOccurred(), string(output))
	return string(output)
}

var _ = Describe("kubectl rollcall", Ordered, func() {
	It("asks, approves and explains, with the operator at work", func(ctx SpecContext) {
		operatorRuns(ctx)
		asker, approver := newSomeone(ctx, "rollcall-requester"), newSomeone(ctx, "rollcall-approver")
		auditor := newSomeone(ctx, "rollcall-viewer")
		reader := &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: unique("reads-rbac")}, Rules: []rbacv1.PolicyRule{
			{
				APIGroups: []string{rbacv1.GroupName}, Verbs: []string{"get", "list"},
				Resources: []string{"roles", "clusterroles", "rolebindings", "clusterrolebindings"},
			},
			{APIGroups: []string{""}, Resources: []string{"namespaces"}, Verbs: []string{"get", "list"}},
		}}
		create(ctx, reader)
		auditor.gets(ctx, reader.Name)
		auditor.gets(ctx, "rollcall-identity-admin")
		namespace, grant := inNamespace(ctx, "told"), unique("told")
		create(ctx, &v1alpha1.Grant{ObjectMeta: metav1.ObjectMeta{Name: grant}, Spec: v1alpha1.GrantSpec{
			Subjects: []v1alpha1.Subject{{Kind: v1alpha1.SubjectUser, Name: asker.name}},
			RoleRef:  v1alpha1.RoleReference{Kind: v1alpha1.RoleKindClusterRole, Name: "view"},
			Scope:    v1alpha1.ScopeNamespaces, Namespaces: &v1alpha1.NamespaceSet{Names: []string{namespace}},
			Activation: v1alpha1.ActivationOnRequest,
			Request: &v1alpha1.RequestPolicy{
				MaxDurationSeconds: 3600, Approvers: []v1alpha1.Subject{{Kind: v1alpha1.SubjectUser, Name: approver.name}},
			},
		}})
		Expect(auditor.rollcall(ctx, "why", asker.name, "list", "configmaps", "-n", namespace)).To(SatisfyAll(
			ContainSubstring("NO"), ContainSubstring("kubectl rollcall request "+grant)))

		told := asker.rollcall(ctx, "request", grant, "--for", "10m", "--reason", "a look at the logs", "--watch=false")
		name := regexp.MustCompile(grant + `-[a-z0-9]+`).FindString(told)
		Expect(name).NotTo(BeEmpty(), told)
		isAccepted(ctx, &v1alpha1.AccessRequest{ObjectMeta: metav1.ObjectMeta{Name: name}})
		Expect(approver.rollcall(ctx, "approve", name)).To(ContainSubstring("counts"))
		asker.until(ctx, namespace, true, time.Now())
		Expect(auditor.rollcall(ctx, "why", asker.name, "list", "configmaps", "-n", namespace)).To(SatisfyAll(
			ContainSubstring("YES"), ContainSubstring(grant), ContainSubstring(name), ContainSubstring(approver.name)))
		Expect(auditor.rollcall(ctx, "who-can", "list", "configmaps", "-n", namespace)).To(ContainSubstring(asker.name))
		Expect(auditor.rollcall(ctx, "access", asker.name)).To(SatisfyAll(ContainSubstring(name), ContainSubstring("unmanaged")))
		Expect(auditor.rollcall(ctx, "lock", "user/"+asker.name, "--reason", "lost laptop")).To(ContainSubstring(asker.name))
		asker.until(ctx, namespace, false, time.Now())
		Expect(auditor.rollcall(ctx, "unlock", "user/"+asker.name)).NotTo(BeEmpty())
	})
})
