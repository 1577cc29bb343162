// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package csr_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gleak"
	gomegatypes "github.com/onsi/gomega/types"
	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/outcome"
	"github.com/rollcall-iam/rollcall/internal/pki"
	"github.com/rollcall-iam/rollcall/internal/signer"
	"github.com/rollcall-iam/rollcall/internal/signer/csr"
)

var _ = Describe("Waiting for certificates", func() {
	const many = 40
	var (
		server *api
		by     *csr.Signer
	)
	BeforeEach(func() {
		before := gleak.Goroutines()
		DeferCleanup(func() {
			Eventually(server.open).Should(BeZero())
			Eventually(gleak.Goroutines).ShouldNot(gleak.HaveLeaked(before))
		})
		server = newAPI()
		by = &csr.Signer{Requests: server, Requester: requester}
	})
	// begin asks for certificates of so many, and comes back when all their requests are approved.
	begin := func(ctx context.Context, n int) []*waiter {
		GinkgoHelper()
		before := len(server.approved())
		waiters := make([]*waiter, n)
		for i := range waiters {
			waiters[i] = ask(ctx, by, fmt.Sprintf("person-%d-%d", before, i))
		}
		Eventually(server.approved).Should(HaveLen(before + n))
		for _, w := range waiters {
			w.name = server.nameOf(w.request)
		}
		return waiters
	}
	signed := func(w *waiter) {
		GinkgoHelper()
		server.sign(w.name)
		Eventually(w.result).Should(Receive(Equal(result{Chain: certificate(w.request)})))
	}

	It("takes one watch of our requests alone for all who wait, and each gets their own", func(ctx SpecContext) {
		waiters := begin(ctx, many)
		for _, w := range waiters {
			server.sign(w.name)
		}
		for _, w := range waiters {
			Eventually(w.result).Should(Receive(Equal(result{Chain: certificate(w.request)})))
		}
		Expect(server.watched()).To(ConsistOf(SatisfyAll(
			HaveField("LabelSelector", v1alpha1.LabelManagedBy+"="+v1alpha1.ManagedBy), HaveField("FieldSelector", BeEmpty()),
			HaveField("ResourceVersion", Not(BeEmpty())), HaveField("AllowWatchBookmarks", BeTrue()))))
	})

	DescribeTable("tells one alone that their request is",
		func(ctx SpecContext, event watch.EventType, change func(*certificatesv1.CertificateSigningRequest), told gomegatypes.GomegaMatcher) {
			waiters := begin(ctx, 3)
			server.become(event, waiters[1].name, change)
			Eventually(waiters[1].result).Should(Receive(HaveField("Problem", told)))
			Consistently(waiters[0].result, "100ms").ShouldNot(Receive())
			signed(waiters[0])
			signed(waiters[2])
		},
		Entry("denied", watch.Modified, condition(certificatesv1.CertificateDenied),
			refused("the certificate signing request is denied: No not today")),
		Entry("failed", watch.Modified, condition(certificatesv1.CertificateFailed),
			refused("the certificate signing request is failed: No not today")),
		Entry("deleted", watch.Deleted, func(*certificatesv1.CertificateSigningRequest) {}, unsigned("it was deleted")),
	)

	It("goes on where it was when the watch breaks", func(ctx SpecContext) {
		waiters := begin(ctx, 3)
		seen := server.sign(waiters[0].name)
		Eventually(waiters[0].result).Should(Receive())
		server.refuse(errors.New("connection refused"))
		server.fail(nil)
		server.sign(waiters[1].name)
		Eventually(server.watched).Should(HaveLen(2))
		server.refuse(nil)
		Eventually(waiters[1].result).Should(Receive(Equal(result{Chain: certificate(waiters[1].request)})))
		signed(waiters[2])
		again := server.watched()
		Expect(again[len(again)-1]).To(HaveField("ResourceVersion", seen))
	})

	gone := &apierrors.StatusError{ErrStatus: metav1.Status{Code: http.StatusGone, Reason: metav1.StatusReasonGone}}
	DescribeTable("gives up for all who wait, and begins anew with the next, when the server says that",
		func(ctx SpecContext, err *apierrors.StatusError, instead bool) {
			waiters := begin(ctx, 3)
			if instead {
				server.refuse(err)
				server.fail(nil)
			} else {
				server.fail(err)
			}
			for _, w := range waiters {
				Eventually(w.result).Should(Receive(HaveField("Problem", unsigned("its watch ended: "+string(err.ErrStatus.Reason)))))
			}
			server.refuse(nil)
			next := begin(ctx, 1)[0]
			signed(next)
			watched := server.watched()
			Expect(watched[len(watched)-1]).To(HaveField("ResourceVersion", server.createdAt(next.name)))
		},
		Entry("a version is too old, in the watch", apierrors.NewResourceExpired("too old resource version: 1 (2)"), false),
		Entry("a version is gone, in the watch", gone, false),
		Entry("a version is too old, instead of a watch", apierrors.NewResourceExpired("too old resource version: 1 (2)"), true),
		Entry("a version is gone, instead of a watch", gone, true),
		Entry("it is forbidden", apierrors.NewForbidden(certificatesv1.Resource("certificatesigningrequests"), "", nil), true),
	)

	It("ends the watch when nobody waits any more, not between one and the next, and begins another later", func(ctx SpecContext) {
		signed(begin(ctx, 1)[0])
		signed(begin(ctx, 1)[0])
		Expect(server.watched()).To(HaveLen(1))
		Eventually(server.open).Should(BeZero())
		last := begin(ctx, 1)[0]
		signed(last)
		Expect(server.watched()).To(HaveLen(2))
		Expect(server.watched()[1]).To(HaveField("ResourceVersion", server.createdAt(last.name)))
	})

	It("stays for the others when somebody waits no more", func(ctx SpecContext) {
		patient := begin(ctx, 1)[0]
		leaving, leave := context.WithCancel(ctx)
		left := begin(leaving, many)
		leave()
		for _, w := range left {
			Eventually(w.result).Should(Receive(HaveField("Problem", unsigned("timed out waiting for the condition"))))
		}
		server.sign(left[0].name) // Nobody takes it, and nobody is held up.
		Consistently(server.open, "1500ms").Should(Equal(1))
		signed(patient)
		Expect(server.watched()).To(HaveLen(1))
	})

	It("holds nobody up who is told what came of a request before it was approved", func(ctx SpecContext) {
		other := begin(ctx, 1)[0]
		server.meddle = func(name string) {
			server.become(watch.Modified, name, condition(certificatesv1.CertificateDenied))
			server.become(watch.Deleted, name, func(*certificatesv1.CertificateSigningRequest) {})
			signed(other)
		}
		early := ask(ctx, by, "alice")
		Eventually(early.result).Should(Receive(HaveField("Problem.Message", ContainSubstring("approve certificate signing request"))))
	})

	It("does not approve what it would never see again", func(ctx SpecContext) {
		server.label = "another"
		Eventually(ask(ctx, by, "alice").result).Should(Receive(HaveField("Problem", SatisfyAll(
			HaveField("Kind", outcome.Terminal), HaveField("Reason", v1alpha1.ReasonSigningDenied),
			HaveField("Message", ContainSubstring("its label "+v1alpha1.LabelManagedBy+" was changed"))))))
		Expect(server.approved()).To(BeEmpty())
	})
})

// waiter is somebody who asked for a certificate.
type waiter struct {
	request []byte
	name    string
	result  chan result
}

type result struct {
	Chain   []byte
	Problem *outcome.Problem
}

func ask(ctx context.Context, by *csr.Signer, username string) *waiter {
	GinkgoHelper()
	subject := pki.Subject{Username: username}
	key, err := pki.NewKey()
	Expect(err).NotTo(HaveOccurred())
	w := &waiter{result: make(chan result, 1)}
	w.request, err = pki.NewRequest(key, subject)
	Expect(err).NotTo(HaveOccurred())
	go func() {
		chain, err := by.Sign(ctx, signer.Request{Subject: subject, CSR: w.request, Duration: time.Hour})
		w.result <- result{chain, outcome.Of(err, "other")}
	}()
	return w
}

func condition(of certificatesv1.RequestConditionType) func(*certificatesv1.CertificateSigningRequest) {
	return func(r *certificatesv1.CertificateSigningRequest) {
		r.Status.Conditions = append(r.Status.Conditions, certificatesv1.CertificateSigningRequestCondition{
			Type: of, Status: corev1.ConditionTrue, Reason: "No", Message: "not today", LastUpdateTime: metav1.Now(),
		})
	}
}

// unsigned is a problem that goes away by itself, with this in brackets.
func unsigned(why string) gomegatypes.GomegaMatcher {
	return SatisfyAll(HaveField("Kind", outcome.Transient), HaveField("Reason", v1alpha1.ReasonSigningFailed),
		HaveField("Message", ContainSubstring("does this cluster sign for kubernetes.io/kube-apiserver-client? ("+why+") If it never does")))
}

// refused is a problem for a person.
func refused(message string) gomegatypes.GomegaMatcher {
	return Equal(outcome.Terminalf(v1alpha1.ReasonSigningDenied, "%s", message))
}
