// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package ldapserver

import (
	"crypto/tls"
	"crypto/x509"
	"syscall"

	"github.com/go-ldap/ldap/v3"
	"github.com/onsi/ginkgo/v2"
	"github.com/onsi/gomega"
)

// Running is a server as its specs see it.
type Running interface {
	LDAPURL() string
	LDAPSURL() string
	CAPEM() []byte
	Password() string
	PID() int
	Stop() error
}

// ProvesItself adds the specs of a server that shows a certificate of its own authority, whom the reader may trust.
func ProvesItself(server func() Running, readerDN string) {
	trust := func() *tls.Config {
		pool := x509.NewCertPool()
		gomega.Expect(pool.AppendCertsFromPEM(server().CAPEM())).To(gomega.BeTrue())
		return &tls.Config{RootCAs: pool, ServerName: "localhost"}
	}

	ginkgo.It("proves who it is over ldaps and after StartTLS", func() {
		conn, err := ldap.DialURL(server().LDAPSURL(), ldap.DialWithTLSConfig(trust()))
		gomega.Expect(err).NotTo(gomega.HaveOccurred())
		ginkgo.DeferCleanup(conn.Close)
		gomega.Expect(conn.Bind(readerDN, server().Password())).To(gomega.Succeed())

		plain, err := ldap.DialURL(server().LDAPURL())
		gomega.Expect(err).NotTo(gomega.HaveOccurred())
		ginkgo.DeferCleanup(plain.Close)
		gomega.Expect(plain.StartTLS(trust())).To(gomega.Succeed())
		gomega.Expect(plain.Bind(readerDN, server().Password())).To(gomega.Succeed())
	})

	ginkgo.It("is not trusted by whoever lacks its authority", func() {
		_, err := ldap.DialURL(server().LDAPSURL())
		gomega.Expect(err).To(gomega.MatchError(gomega.ContainSubstring("x509")))
		plain, err := ldap.DialURL(server().LDAPURL())
		gomega.Expect(err).NotTo(gomega.HaveOccurred())
		ginkgo.DeferCleanup(func() { _ = plain.Close() })
		gomega.Expect(plain.StartTLS(&tls.Config{ServerName: "localhost"})).To(gomega.MatchError(gomega.ContainSubstring("x509")))
	})
}

// Ends adds the spec of a server's end. It comes last in an ordered container.
func Ends(server func() Running) {
	ginkgo.It("leaves no process when stopped", func() {
		pid := server().PID()
		gomega.Expect(syscall.Kill(pid, 0)).To(gomega.Succeed())
		gomega.Expect(server().Stop()).To(gomega.Succeed())
		gomega.Expect(server().Stop()).To(gomega.Succeed(), "stopping again does nothing")
		gomega.Expect(syscall.Kill(pid, 0)).To(gomega.MatchError(syscall.ESRCH))
	})
}
