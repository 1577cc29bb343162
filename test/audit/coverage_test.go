// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package audit_test

import (
	"context"
	"encoding/pem"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/audit/coverage"
	"github.com/rollcall-iam/rollcall/internal/audit/receiver"
	"github.com/rollcall-iam/rollcall/internal/audit/store"
	"github.com/rollcall-iam/rollcall/internal/usage"
	"github.com/rollcall-iam/rollcall/test/controlplane"
	"github.com/rollcall-iam/rollcall/test/internal/checkout"
)

// policyArg has an API server log what config/audit says.
func policyArg() string {
	GinkgoHelper()
	root, err := checkout.Root()
	Expect(err).NotTo(HaveOccurred())
	return "--audit-policy-file=" + filepath.Join(root, "config", "audit", "policy.yaml")
}

// lookout is a watcher of a real API server, which sends its audit log to a receiver, or does not.
type lookout struct {
	*reception

	plane   *controlplane.ControlPlane
	admin   client.Client
	watcher *coverage.Watcher
	began   time.Time
}

// newLookout is one in a hurry. The certificate of its API server is for 127.0.0.1 alone.
func newLookout(ctx context.Context) *lookout {
	GinkgoHelper()
	l := &lookout{reception: newReception(ctx, sqliteDatabase(ctx), admitting()), began: time.Now()}
	Expect(l.store.BeginRecording(ctx, l.began)).To(Succeed())
	var err error
	l.plane, err = controlplane.Start(ctx, controlplane.Options{})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() error { return l.plane.Stop() })
	l.admin, err = client.New(l.plane.RESTConfig(), client.Options{})
	Expect(err).NotTo(HaveOccurred())
	l.watcher = l.watches(l.plane.RESTConfig())
	return l
}

func (l *lookout) watches(as *rest.Config) *coverage.Watcher {
	GinkgoHelper()
	live, err := client.New(as, client.Options{})
	Expect(err).NotTo(HaveOccurred())
	return &coverage.Watcher{
		Live: live, API: as, Clock: clock.RealClock{}, Metrics: coverage.NewMetrics(l.registry),
		Store: func() (*store.Store, error) { return l.store, nil },
		Every: time.Second, Look: 200 * time.Millisecond, Late: 4 * time.Second,
	}
}

// sends has the API server send its log to the receiver, and give up soon.
func (l *lookout) sends(ctx context.Context) {
	GinkgoHelper()
	l.restarts(ctx, "--audit-webhook-config-file="+l.kubeconfig(), "--audit-webhook-batch-max-wait=200ms",
		"--audit-webhook-initial-backoff=50ms")
}

func (l *lookout) restarts(ctx context.Context, args ...string) {
	GinkgoHelper()
	Expect(l.plane.RestartAPIServer(ctx, append([]string{policyArg()}, args...)...)).To(Succeed())
}

func (l *lookout) kubeconfig() string {
	GinkgoHelper()
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: l.server.Certificate().Raw})
	config := clientcmdapi.NewConfig()
	config.Clusters["audit"] = &clientcmdapi.Cluster{Server: l.server.URL + receiver.Path + "one", CertificateAuthorityData: ca}
	config.AuthInfos["audit"] = &clientcmdapi.AuthInfo{Token: receiverToken}
	config.Contexts["audit"] = &clientcmdapi.Context{Cluster: "audit", AuthInfo: "audit"}
	config.CurrentContext = "audit"
	file := filepath.Join(GinkgoT().TempDir(), "kubeconfig")
	Expect(clientcmd.WriteToFile(*config, file)).To(Succeed())
	return file
}

// starts watches until the spec ends.
func (l *lookout) starts(watcher *coverage.Watcher) {
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- watcher.Start(ctx) }()
	DeferCleanup(func() {
		stop()
		Eventually(done).WithTimeout(patience).Should(Receive(BeNil()))
	})
}

// covered is of the time since it began.
func (l *lookout) covered(ctx context.Context) usage.Coverage {
	GinkgoHelper()
	waiting, err := l.store.Unweighed(ctx, time.Now(), 1000) // Nobody weighs here.
	Expect(err).NotTo(HaveOccurred())
	if len(waiting) > 0 {
		Expect(weighed(ctx, l.store, waiting)).To(Succeed())
	}
	covered, err := coverage.Of(ctx, l.store, l.began, time.Now())
	Expect(err).NotTo(HaveOccurred())
	return covered
}

// reasons are those of gaps.
func reasons(c usage.Coverage) []string {
	all := make([]string, len(c.Gaps))
	for i := range c.Gaps {
		all[i] = c.Gaps[i].Reason
	}
	return all
}

func saying(status metav1.ConditionStatus, reason string, words ...string) OmegaMatcher {
	matchers := append(make([]OmegaMatcher, 0, 2+len(words)), HaveField("Status", status), HaveField("Reason", reason))
	for _, word := range words {
		matchers = append(matchers, HaveField("Message", ContainSubstring(word)))
	}
	return And(matchers...)
}

// elsewhere is an address for documentation (RFC 5737): an EndpointSlice takes none of the loopback's.
const elsewhere = "192.0.2.7"

// leads has whoever goes to that address come to the loopback, on which everything listens that is tested.
func leads(api *rest.Config) *rest.Config {
	led := rest.CopyConfig(api)
	led.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		host, port, err := net.SplitHostPort(address)
		if err == nil && host == elsewhere {
			address = net.JoinHostPort("127.0.0.1", port)
		}
		return (&net.Dialer{}).DialContext(ctx, network, address)
	}
	return led
}

var _ = Describe("What a real API server logs", func() {
	It("is known to arrive, or not to, whatever happens", func(ctx SpecContext) {
		l := newLookout(ctx)
		l.sends(ctx)
		address := strings.TrimPrefix(l.plane.URL(), "https://")
		Expect(l.watcher.Condition()).To(saying(metav1.ConditionUnknown, v1alpha1.ReasonStarting))
		l.starts(l.watcher)

		By("arriving")
		Eventually(ctx, l.watcher.Condition).WithTimeout(patience).
			Should(saying(metav1.ConditionTrue, v1alpha1.ReasonReceived, address))
		first := l.watcher.Condition()
		time.Sleep(3 * time.Second)
		Expect(l.watcher.Condition()).To(Equal(first), "nothing changed")
		well := l.covered(ctx)
		Expect(reasons(well)).To(HaveExactElements(usage.GapNotWatched, usage.GapPending))
		Expect(well.Share).To(And(BeNumerically(">", 0.1), BeNumerically("<", 1)))

		By("being refused for too long, without being asked to come again")
		l.access.Use("another")
		Eventually(ctx, l.watcher.Condition).WithTimeout(patience).
			Should(saying(metav1.ConditionFalse, v1alpha1.ReasonNotReceived, address, "config/audit/README.md"))
		l.access.Use(receiverToken)
		Eventually(ctx, l.watcher.Condition).WithTimeout(patience).
			Should(saying(metav1.ConditionFalse, v1alpha1.ReasonEventsLost, address, "apiserver_audit_error_total"))
		after := l.covered(ctx)
		Expect(after.Gaps).To(ContainElement(And(HaveField("Reason", usage.GapEventsLost), HaveField("Server", address),
			HaveField("Lost", BeNumerically(">", 3)), HaveField("Message", ContainSubstring("could not deliver")))))
		Expect(l.counted("rollcall_audit_lost_events_total")).To(BeNumerically(">", 3))

		By("a restart")
		l.sends(ctx)
		Eventually(ctx, func() []string { return reasons(l.covered(ctx)) }).WithTimeout(patience).Should(ContainElement(usage.GapRestarted))

		By("not being sent any more")
		l.restarts(ctx)
		Eventually(ctx, l.watcher.Condition).WithTimeout(patience).Should(saying(metav1.ConditionFalse, v1alpha1.ReasonNotReceived))
		watches, err := l.store.Watches(ctx)
		Expect(err).NotTo(HaveOccurred())
		Expect(watches).To(HaveExactElements(HaveField("Until", BeTemporally("<", time.Now().Add(-4*time.Second)))))
	}, SpecTimeout(4*time.Minute))

	It("is asked of each API server that tells its address, although its certificate is for a name", func(ctx SpecContext) {
		l := newLookout(ctx)
		l.sends(ctx)
		_, port, err := net.SplitHostPort(strings.TrimPrefix(l.plane.URL(), "https://"))
		Expect(err).NotTo(HaveOccurred())
		number, err := strconv.Atoi(port)
		Expect(err).NotTo(HaveOccurred())
		told := &discoveryv1.EndpointSlice{
			ObjectMeta: metav1.ObjectMeta{
				Namespace: corev1.NamespaceDefault, Name: "kubernetes", Labels: map[string]string{discoveryv1.LabelServiceName: "kubernetes"},
			},
			AddressType: discoveryv1.AddressTypeIPv4, Endpoints: []discoveryv1.Endpoint{{Addresses: []string{elsewhere}}},
			Ports: []discoveryv1.EndpointPort{{Name: new("https"), Port: new(int32(number))}},
		}
		Expect(l.admin.Create(ctx, told)).To(Succeed())
		address := net.JoinHostPort(elsewhere, port)
		watcher := l.watches(leads(l.plane.RESTConfig()))
		l.starts(watcher)
		Eventually(ctx, watcher.Condition).WithTimeout(patience).
			Should(saying(metav1.ConditionTrue, v1alpha1.ReasonReceived, address))

		By("and is not waited for from one that left, which is known to its end")
		told.Ports[0].Port = new(int32(1))
		Expect(l.admin.Update(ctx, told)).To(Succeed())
		Eventually(ctx, func() ([]usage.Watch, error) { return l.store.Watches(ctx) }).WithTimeout(patience).Should(ContainElement(And(
			HaveField("Address", address), HaveField("Left", Not(BeZero())))))
		Expect(watcher.Condition().Message).NotTo(ContainSubstring(address))
	}, SpecTimeout(2*time.Minute))

	It("is not known where the operator may not ask, and it is said what it lacks", func(ctx SpecContext) {
		l := newLookout(ctx)
		l.sends(ctx)
		nobody, err := l.plane.User("nobody")
		Expect(err).NotTo(HaveOccurred())
		watcher := l.watches(nobody)
		l.starts(watcher)
		Eventually(ctx, watcher.Condition).WithTimeout(patience).
			Should(saying(metav1.ConditionUnknown, v1alpha1.ReasonUnreachable, "endpointslices in namespace default"))
		Expect(reasons(l.covered(ctx))).To(HaveExactElements(usage.GapNotWatched))
		l.lists(ctx, "nobody")
		Eventually(ctx, watcher.Condition).WithTimeout(patience).Should(saying(metav1.ConditionUnknown, v1alpha1.ReasonUnreachable,
			"/metrics (403)", "ClusterRole rollcall-audit"))
	}, SpecTimeout(2*time.Minute))

	It("is said of the Installation", func(ctx SpecContext) {
		p := newPost(ctx, sqliteDatabase(ctx))
		admin, installation := p.admin(), &v1alpha1.Installation{}
		condition := func() (metav1.Condition, error) {
			err := admin.Get(ctx, client.ObjectKey{Name: v1alpha1.InstallationName}, installation)
			for _, c := range installation.Status.Conditions {
				if c.Type == v1alpha1.ConditionAuditReceived {
					return c, err
				}
			}
			return metav1.Condition{}, err
		}
		Eventually(ctx, condition).WithTimeout(patience).Should(saying(metav1.ConditionUnknown, v1alpha1.ReasonStarting))
		kubeconfig := filepath.Join(GinkgoT().TempDir(), "kubeconfig")
		Expect(os.WriteFile(kubeconfig, p.kubeconfig, 0o600)).To(Succeed())
		Expect(p.plane.RestartAPIServer(ctx, policyArg(), "--audit-webhook-config-file="+kubeconfig, "--audit-webhook-batch-max-wait=1s")).
			To(Succeed())
		Expect(p.manager.Stop()).To(Succeed())
		p.startsManager(ctx) // It asks at once.
		Eventually(ctx, condition).WithTimeout(time.Minute).Should(saying(metav1.ConditionTrue, v1alpha1.ReasonReceived),
			"under the rights of config/rbac")
		Expect(installation.Status.Conditions).To(ContainElement(And(HaveField("Type", v1alpha1.ConditionReady),
			HaveField("Status", metav1.ConditionTrue))))
	}, SpecTimeout(5*time.Minute))
})

// lists lets somebody know which API servers there are.
func (l *lookout) lists(ctx context.Context, username string) {
	GinkgoHelper()
	meta := metav1.ObjectMeta{Namespace: corev1.NamespaceDefault, Name: "lists"}
	Expect(l.admin.Create(ctx, &rbacv1.Role{ObjectMeta: meta, Rules: []rbacv1.PolicyRule{
		{APIGroups: []string{discoveryv1.GroupName}, Resources: []string{"endpointslices"}, Verbs: []string{"list"}},
	}})).To(Succeed())
	Expect(l.admin.Create(ctx, &rbacv1.RoleBinding{
		ObjectMeta: meta, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: meta.Name},
		Subjects: []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: username}},
	})).To(Succeed())
}
