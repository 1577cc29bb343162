// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package auditload_test

import (
	"bytes"
	"context"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/rollcall-iam/rollcall/internal/audit"
	"github.com/rollcall-iam/rollcall/test/auditload"
	"github.com/rollcall-iam/rollcall/test/controlplane"
)

func TestAuditLoad(t *testing.T) {
	RegisterFailHandler(Fail)
	EnforceDefaultTimeoutsWhenUsingContexts()
	RunSpecs(t, "audit load")
}

const token = "the-token-of-the-webhook"

// sent is a request that somebody sent.
type sent struct {
	method, path string
	header       http.Header
	body         []byte
}

// sink takes what is sent, and answers as it is told.
type sink struct {
	*httptest.Server
	mutex    sync.Mutex
	requests []sent
	answer   func(number int) int
}

func newSink(answer func(number int) int) *sink {
	GinkgoHelper()
	s := &sink{answer: answer}
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		s.mutex.Lock()
		defer s.mutex.Unlock()
		s.requests = append(s.requests, sent{method: r.Method + " " + r.Proto, path: r.URL.Path, header: r.Header, body: body})
		w.WriteHeader(s.answer(len(s.requests)))
	}))
	s.EnableHTTP2 = true
	s.StartTLS()
	DeferCleanup(s.Close)
	return s
}

func (s *sink) all() []sent {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return slices.Clone(s.requests)
}

func (s *sink) kubeconfig() []byte {
	GinkgoHelper()
	config := clientcmdapi.NewConfig()
	config.Clusters["sink"] = &clientcmdapi.Cluster{
		Server:                   s.URL + "/audit/v1/events/one",
		CertificateAuthorityData: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}),
	}
	config.AuthInfos["sink"] = &clientcmdapi.AuthInfo{Token: token}
	config.Contexts["sink"] = &clientcmdapi.Context{Cluster: "sink", AuthInfo: "sink"}
	config.CurrentContext = "sink"
	content, err := clientcmd.Write(*config)
	Expect(err).NotTo(HaveOccurred())
	return content
}

func always(int) int { return http.StatusOK }

var _ = Describe("Audit events", Ordered, func() {
	var (
		log  []byte
		told []sent // by an API server
		noon = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	)
	BeforeAll(func(ctx SpecContext) {
		plane, err := controlplane.Start(ctx, controlplane.Options{})
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(func() error { return plane.Stop() })
		receiver := newSink(always)
		kubeconfig := filepath.Join(GinkgoT().TempDir(), "webhook.kubeconfig")
		Expect(os.WriteFile(kubeconfig, receiver.kubeconfig(), 0o600)).To(Succeed())
		Expect(plane.RestartAPIServer(ctx, "--audit-webhook-config-file="+kubeconfig, "--audit-webhook-batch-max-wait=1s")).To(Succeed())
		works(ctx, plane)
		Eventually(func() bool {
			return slices.ContainsFunc(receiver.all(), func(s sent) bool { return bytes.Contains(s.body, []byte("made-for-the-log")) })
		}).WithTimeout(time.Minute).Should(BeTrue())
		told = receiver.all()
		log, err = os.ReadFile(plane.AuditLog())
		Expect(err).NotTo(HaveOccurred())
		log = log[:bytes.LastIndexByte(log, '\n')+1]
	}, NodeTimeout(3*time.Minute))

	It("are sent as an API server sends them", func(ctx SpecContext) {
		events, err := auditload.NewEvents(log, noon, 1)
		Expect(err).NotTo(HaveOccurred())
		receiver := newSink(always)
		load, err := auditload.New(auditload.Options{Events: events, Count: 10, Kubeconfig: receiver.kubeconfig()})
		Expect(err).NotTo(HaveOccurred())
		Expect(load.Run(ctx)).To(Succeed())
		ours, theirs := receiver.all()[0], told[0]
		Expect(ours.method).To(Equal(theirs.method))
		Expect(ours.path).To(Equal(theirs.path))
		for _, s := range []sent{ours, theirs} {
			s.header.Del("Content-Length")
		}
		Expect(ours.header).To(Equal(theirs.header))
	}, SpecTimeout(time.Minute))

	It("are those of the log, in the form in which they are sent, but for what differs", func() {
		lines := map[audit.Key][]byte{}
		for line := range bytes.Lines(log) {
			read, err := audit.ReadLine(bytes.TrimSuffix(line, []byte{'\n'}))
			Expect(err).NotTo(HaveOccurred())
			lines[read.Key] = line
		}
		compared := 0
		for _, request := range told {
			var of []byte
			theirs, bad, err := audit.ReadList(request.body)
			Expect(err).NotTo(HaveOccurred())
			Expect(bad.First).NotTo(HaveOccurred())
			for _, event := range theirs {
				of = append(of, lines[event.Key]...)
			}
			body, err := auditload.AsSent(of)
			Expect(err).NotTo(HaveOccurred())
			Expect(string(body)).To(Equal(string(request.body)))
			compared += len(theirs)
		}
		Expect(compared).To(BeNumerically(">", 20))
	})

	It("are distinct, and the same each time", func() {
		events, err := auditload.NewEvents(log, noon, 1)
		Expect(err).NotTo(HaveOccurred())
		keys, users, credentials := map[audit.Key]bool{}, map[string]bool{}, map[string]bool{}
		const many = 20000
		for n := range many {
			line, err := audit.ReadLine(events.Event(n))
			Expect(err).NotTo(HaveOccurred())
			keys[line.Key], users[line.Event.User.Username], credentials[audit.Credential(&line.Event)] = true, true, true
			if n == 0 {
				Expect(line.Event.RequestReceivedTimestamp.Time).To(BeTemporally("==", noon))
			}
			Expect(string(line.Event.AuditID)).To(MatchRegexp(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`))
			Expect(line.Event.StageTimestamp.Time).To(BeTemporally(">=", line.Event.RequestReceivedTimestamp.Time))
			if line.Event.ObjectRef != nil && line.Event.ObjectRef.Name != "" && line.Event.Verb == "get" {
				Expect(line.Event.RequestURI).To(ContainSubstring("/" + line.Event.ObjectRef.Name))
			}
		}
		Expect(keys).To(HaveLen(many))
		Expect(len(users)).To(BeNumerically(">=", 100))
		Expect(len(credentials)).To(BeNumerically(">=", 100))
		again, err := auditload.NewEvents(log, noon, 1)
		Expect(err).NotTo(HaveOccurred())
		Expect(again.Event(777)).To(Equal(events.Event(777)))
		other, err := auditload.NewEvents(log, noon, 2)
		Expect(err).NotTo(HaveOccurred())
		Expect(other.Event(777)).NotTo(Equal(events.Event(777)))
	})

	It("are sent until they are acknowledged, each at least once, and it is known which are", func(ctx SpecContext) {
		events, err := auditload.NewEvents(log, noon, 1)
		Expect(err).NotTo(HaveOccurred())
		receiver := newSink(func(number int) int {
			if number%3 == 0 {
				return http.StatusOK
			}
			return http.StatusServiceUnavailable
		})
		load, err := auditload.New(auditload.Options{
			Events: events, Count: 95, Batch: 10, Kubeconfig: receiver.kubeconfig(), Servers: []string{"one", "two"}, AtOnce: 2,
		})
		Expect(err).NotTo(HaveOccurred())
		Expect(load.Acknowledged(94)).To(BeFalse())
		Expect(load.Run(ctx)).To(Succeed())
		Expect(load.Done()).To(Equal(95))
		Expect(load.Answers()).To(HaveKeyWithValue("200", 10))
		Expect(load.Answers()).To(HaveKeyWithValue("503", BeNumerically(">=", 19)))
		came := map[string]string{}
		for _, request := range receiver.all() {
			lines, bad, err := audit.ReadList(request.body)
			Expect(err).NotTo(HaveOccurred())
			Expect(bad.First).NotTo(HaveOccurred())
			for _, line := range lines {
				came[string(line.Raw)] = request.path
			}
		}
		Expect(came).To(HaveLen(95))
		for n := range 95 {
			Expect(load.Acknowledged(n)).To(BeTrue())
			Expect(came[string(events.Event(n))]).To(Equal("/audit/v1/events/" + load.Server(n)))
		}
	}, SpecTimeout(time.Minute))

	It("that nobody takes are known too", func(ctx SpecContext) {
		events, err := auditload.NewEvents(log, noon, 1)
		Expect(err).NotTo(HaveOccurred())
		receiver := newSink(func(number int) int {
			if number == 1 {
				return http.StatusOK
			}
			return http.StatusTooManyRequests
		})
		load, err := auditload.New(auditload.Options{Events: events, Count: 20, Batch: 10, Kubeconfig: receiver.kubeconfig()})
		Expect(err).NotTo(HaveOccurred())
		limited, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		Expect(load.Run(limited)).To(MatchError(ContainSubstring("10 of 20 events are acknowledged")))
		Expect([]bool{load.Acknowledged(9), load.Acknowledged(10)}).To(Equal([]bool{true, false}))
	}, SpecTimeout(time.Minute))

	It("are made of real lines alone", func() {
		_, err := auditload.NewEvents([]byte("{}\n"), noon, 1)
		Expect(err).To(MatchError(ContainSubstring("not where it should be")))
		_, err = auditload.NewEvents(nil, noon, 1)
		Expect(err).To(MatchError(ContainSubstring("empty")))
	})
})

// works does what is to be in the log.
func works(ctx context.Context, plane *controlplane.ControlPlane) {
	GinkgoHelper()
	set, err := kubernetes.NewForConfig(plane.RESTConfig())
	Expect(err).NotTo(HaveOccurred())
	maps := set.CoreV1().ConfigMaps(metav1.NamespaceDefault)
	_, err = maps.Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "made-for-the-log"}}, metav1.CreateOptions{})
	Expect(err).NotTo(HaveOccurred())
	for range 30 {
		_, err = maps.Get(ctx, "made-for-the-log", metav1.GetOptions{})
		Expect(err).NotTo(HaveOccurred())
	}
}
