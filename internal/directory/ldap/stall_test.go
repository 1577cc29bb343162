// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package ldap

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/outcome"
)

// startTLSGranted is an ExtendedResponse with result success to the first message of a connection (RFC 4511, section 4.12).
var startTLSGranted = []byte{0x30, 0x0c, 0x02, 0x01, 0x01, 0x78, 0x07, 0x0a, 0x01, 0x00, 0x04, 0x00, 0x04, 0x00}

// serveStartTLS grants StartTLS to everyone and hands the connection on.
func serveStartTLS(then func(net.Conn)) string {
	GinkgoHelper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(listener.Close)
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_, err = conn.Read(make([]byte, 256))
			if _, writeErr := conn.Write(startTLSGranted); errors.Join(err, writeErr) != nil {
				continue
			}
			go then(conn)
		}
	}()
	return "ldap://" + listener.Addr().String()
}

func readOver(ctx context.Context, url string) error {
	GinkgoHelper()
	source, err := New(&v1alpha1.LDAPSource{
		URL: url, TLS: v1alpha1.TLSStartTLS, Users: v1alpha1.LDAPUsers{BaseDN: "dc=corp"},
	}, Credentials{})
	Expect(err).NotTo(HaveOccurred())
	_, err = source.Read(ctx)
	return err
}

var _ = Describe("StartTLS", func() {
	It("does not outlast the read, whatever the server does", func(ctx SpecContext) {
		url := serveStartTLS(func(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) })
		short, cancel := context.WithTimeout(ctx, 200*time.Millisecond)
		defer cancel()
		ended := make(chan error, 1)
		go func() { ended <- readOver(short, url) }()
		var err error
		Eventually(ended).WithTimeout(5 * time.Second).Should(Receive(&err))
		Expect(outcome.Of(err, "").Because(v1alpha1.ReasonUnreachable)).To(BeTrue(), "%v", err)
	})

	It("tells a certificate that is not trusted from a server that is not there", func(ctx SpecContext) {
		pair := selfSigned("ldap.corp.example")
		url := serveStartTLS(func(conn net.Conn) {
			_ = tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}).Handshake()
		})
		problem := outcome.Of(readOver(ctx, url), "")
		Expect(problem).To(HaveField("Reason", v1alpha1.ReasonTLSFailed))
		Expect(problem).To(HaveField("Kind", outcome.Terminal))
		Expect(problem.Message).To(ContainSubstring("caSecretRef"))
	})
})
