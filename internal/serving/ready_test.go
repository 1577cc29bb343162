// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package serving

import (
	"context"
	"crypto/tls"
	"net/http"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

var _ = Describe("A server", func() {
	It("is ready once clients can connect, and not before", func() {
		nobody := func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return &tls.Certificate{}, nil }
		server := &Server{Name: "login", Address: "127.0.0.1:0", Handler: http.NotFoundHandler(), TLS: &tls.Config{
			MinVersion: tls.VersionTLS12, GetCertificate: nobody,
		}}
		Expect(server.Ready(nil)).To(MatchError(ContainSubstring("login service does not listen yet")))
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan error)
		go func() { ended <- server.Start(ctx) }()
		Eventually(func() error { return server.Ready(nil) }).Should(Succeed())
		cancel()
		Eventually(ended).Should(Receive(BeNil()))
	})
})
