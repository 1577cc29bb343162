// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package integration_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/pem"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
)

const goodSession = "userRef: {name: a, uid: u}\nusername: a\ncustody: Client\n" +
	"authentication: {method: OIDC, time: '2026-11-23T12:00:00Z'}"

// certified is somebody with a certificate, as whoever issues one would know it.
type certified struct {
	*person
	config      *rest.Config
	fingerprint string
}

// certify makes a certificate that names somebody and the marker group.
func (w *world) certify(username string) *certified {
	GinkgoHelper()
	config, err := w.plane.User(username, v1alpha1.ManagedGroup)
	Expect(err).NotTo(HaveOccurred())
	block, _ := pem.Decode(config.CertData)
	Expect(block).NotTo(BeNil())
	digest := sha256.Sum256(block.Bytes)
	return &certified{person: w.as(username, config), config: config, fingerprint: hex.EncodeToString(digest[:])}
}

// sessionOf is a Session of a User, as the operator would make it.
func sessionOf(name string, user *v1alpha1.User, device string) *v1alpha1.Session {
	return &v1alpha1.Session{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: v1alpha1.SessionSpec{
		UserRef: v1alpha1.UserReference{Name: user.Name, UID: string(user.UID)}, Username: user.Status.Username, Device: device,
		Authentication: v1alpha1.SessionAuthentication{Method: v1alpha1.MethodOIDC, Time: metav1.Now()}, Custody: v1alpha1.CustodyClient,
	}}
}

// begins makes a Session as the operator.
func (w *world) begins(ctx context.Context, session *v1alpha1.Session) *v1alpha1.Session {
	GinkgoHelper()
	Expect(w.operator().Create(ctx, session)).To(Succeed())
	DeferCleanup(func(ctx SpecContext) { w.delete(ctx, session) })
	return session
}

// records writes certificates of a Session into its status, as the operator does before it hands them out.
func (w *world) records(ctx context.Context, session *v1alpha1.Session, until time.Time, fingerprints ...string) {
	GinkgoHelper()
	before := get(ctx, w, session).DeepCopy()
	for _, fingerprint := range fingerprints {
		session.Status.Certificates = append(session.Status.Certificates, v1alpha1.SessionCertificate{
			Fingerprint: fingerprint, SerialNumber: "1",
			NotBefore: metav1.NewTime(until.Add(-time.Hour)), NotAfter: metav1.NewTime(until.Truncate(time.Second)),
		})
	}
	Expect(w.operator().Status().Patch(ctx, session, client.MergeFrom(before))).To(Succeed())
}

// marksEnded says in the status that a Session has ended, as the operator does.
func (w *world) marksEnded(ctx context.Context, session *v1alpha1.Session, reason, by string) {
	GinkgoHelper()
	before := get(ctx, w, session).DeepCopy()
	session.Status.EndTime, session.Status.EndReason, session.Status.EndedBy = new(metav1.Now()), reason, by
	Expect(w.operator().Status().Patch(ctx, session, client.MergeFrom(before))).To(Succeed())
}

// terminates ends a Session in somebody's own name.
func (p *person) terminates(ctx context.Context, session *v1alpha1.Session, reason string) error {
	before := session.DeepCopy()
	changed := session.DeepCopy()
	changed.Spec.Termination = &v1alpha1.SessionTermination{By: p.name, Reason: reason}
	return p.Patch(ctx, changed, client.MergeFrom(before))
}
