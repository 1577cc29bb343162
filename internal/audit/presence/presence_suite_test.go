// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package presence

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/prometheus/client_golang/prometheus"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/audit"
	"github.com/rollcall-iam/rollcall/internal/audit/store"
	"github.com/rollcall-iam/rollcall/internal/revocation"
	"github.com/rollcall-iam/rollcall/internal/seen"
)

func TestPresence(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Presence")
}

var noon = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

func at(seconds int) time.Time { return noon.Add(time.Duration(seconds) * time.Second) }

func user(name, username string) *v1alpha1.User {
	u := &v1alpha1.User{ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID("uid-" + name), CreationTimestamp: metav1.NewTime(noon)}}
	u.Status.Username = username
	u.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionActive, Status: metav1.ConditionTrue}}
	return u
}

// session of somebody, with a certificate.
func session(name, username, fingerprint string) *v1alpha1.Session {
	s := &v1alpha1.Session{ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID("uid-" + name)}}
	s.Spec.Username = username
	s.Status.Certificates = []v1alpha1.SessionCertificate{{Fingerprint: fingerprint}}
	return s
}

// scene is a leader with a store, and a cluster with Users and Sessions.
type scene struct {
	presence *Presence
	store    *store.Store
	cluster  *cluster
	clock    *clocktesting.FakePassiveClock
	alarms   *events.FakeRecorder
}

func newScene(ctx context.Context, objects ...client.Object) *scene {
	GinkgoHelper()
	s := &scene{cluster: newCluster(ctx, objects...), clock: clocktesting.NewFakePassiveClock(noon), alarms: events.NewFakeRecorder(100)}
	folder, err := os.MkdirTemp("", "rollcall-presence-")
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(os.RemoveAll, folder)
	s.store, err = store.Open(ctx, "sqlite:"+filepath.Join(folder, "audit.db"))
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() { _ = s.store.Close() })
	s.leads()
	return s
}

// leads begins anew, as another replica.
func (s *scene) leads() {
	s.presence = &Presence{
		Cache: s.cluster, Store: func() (*store.Store, error) { return s.store, nil }, Seen: seen.NewWriter(s.cluster), Clock: s.clock,
		Detector: revocation.NewDetector(s.cluster, s.alarms, prometheus.NewRegistry(), s.clock),
	}
}

// tells is a look, so many seconds after noon.
func (s *scene) tells(ctx context.Context, seconds int) {
	GinkgoHelper()
	s.clock.SetTime(at(seconds))
	Expect(s.presence.tell(ctx)).To(Succeed())
}

// learns is a request of somebody at a time, with a certificate if there is one, that was learnt of then or later.
func (s *scene) learns(ctx context.Context, username, fingerprint string, seconds, noted int) {
	GinkgoHelper()
	when := at(seconds).Format("2006-01-02T15:04:05.000000Z07:00")
	line, err := audit.ReadLine(fmt.Appendf(nil, `{"auditID":"%s-%d-%d","stage":"ResponseComplete","verb":"list","stageTimestamp":%q,`+
		`"requestReceivedTimestamp":%q,"user":{"username":%q,"extra":{"authentication.kubernetes.io/credential-id":[%s]}}}`,
		username, seconds, noted, when, when, username, credential(fingerprint)))
	Expect(err).NotTo(HaveOccurred())
	_, err = s.store.Append(ctx, "one", []audit.Line{line}, at(noted))
	Expect(err).NotTo(HaveOccurred())
}

func credential(fingerprint string) string {
	if fingerprint == "" {
		return ""
	}
	return fmt.Sprintf("%q", audit.CertificatePrefix+fingerprint)
}

// records is what is remembered of a Session, and of its certificates.
func (s *scene) records(ctx context.Context, of *v1alpha1.Session) {
	GinkgoHelper()
	document, err := json.Marshal(of)
	Expect(err).NotTo(HaveOccurred())
	certificates := make([]store.Certificate, len(of.Status.Certificates))
	for i := range of.Status.Certificates {
		certificates[i] = store.Certificate{
			Fingerprint: of.Status.Certificates[i].Fingerprint, Session: string(of.UID), NotAfter: at(3600), Document: []byte("{}"),
		}
	}
	version := store.Version{Kind: "Session", UID: string(of.UID), Name: of.Name, Since: noon, Document: document}
	Expect(s.store.Record(ctx, []store.Version{version}, certificates)).To(Succeed())
}

// seen is when somebody, or a Session, was last seen, in seconds after noon; -1 for never.
func (s *scene) seen(name string) int {
	if last, ok := s.cluster.seen[name]; ok {
		return int(last.Sub(noon).Seconds())
	}
	return -1
}
