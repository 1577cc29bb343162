// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package tcpproxy_test

import (
	"io"
	"net"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/rollcall-iam/rollcall/test/internal/tcpproxy"
)

func TestTCPProxy(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "TCP proxy")
}

// says is a server that says something to everybody, and then what it is told.
func says(something string) (address string) {
	GinkgoHelper()
	listener, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(listener.Close)
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = conn.Close() }()
				_, _ = io.WriteString(conn, something)
				_, _ = io.Copy(conn, conn)
			}()
		}
	}()
	return listener.Addr().String()
}

var _ = Describe("A proxy", func() {
	const greeting = "how do you do"
	var p *tcpproxy.Proxy
	BeforeEach(func() {
		var err error
		p, err = tcpproxy.Start(says(greeting))
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(p.Close)
	})
	connect := func() net.Conn {
		GinkgoHelper()
		conn, err := net.Dial("tcp", p.Address())
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(func() { _ = conn.Close() })
		Expect(conn.SetDeadline(time.Now().Add(time.Minute))).To(Succeed())
		return conn
	}
	hears := func(conn net.Conn, n int) string {
		GinkgoHelper()
		buffer := make([]byte, n)
		read, err := io.ReadFull(conn, buffer)
		Expect(err).To(Or(Not(HaveOccurred()), MatchError(io.ErrUnexpectedEOF), MatchError(io.EOF), MatchError(ContainSubstring("reset"))))
		return string(buffer[:read])
	}
	isCut := func(conn net.Conn) {
		GinkgoHelper()
		Expect(hears(conn, 1)).To(BeEmpty())
	}

	It("passes on both ways, and counts the answers", func() {
		conn := connect()
		Expect(hears(conn, len(greeting))).To(Equal(greeting))
		_, err := io.WriteString(conn, "well")
		Expect(err).NotTo(HaveOccurred())
		Expect(hears(conn, 4)).To(Equal("well"))
		Expect(p.Answered()).To(BeEquivalentTo(len(greeting) + 4))
	})

	It("cuts all connections, and takes new ones", func() {
		conn := connect()
		hears(conn, len(greeting))
		p.Cut()
		isCut(conn)
		Expect(hears(connect(), len(greeting))).To(Equal(greeting))
	})

	It("cuts new ones after so many bytes, and leaves the others", func() {
		before := connect()
		hears(before, len(greeting))
		p.CutAfter(3)
		Expect(hears(connect(), len(greeting))).To(Equal("how"))
		Expect(p.Cuts()).To(Equal(1))
		_, err := io.WriteString(before, "well")
		Expect(err).NotTo(HaveOccurred())
		Expect(hears(before, 4)).To(Equal("well"))
		p.Pass()
		Expect(hears(connect(), len(greeting))).To(Equal(greeting))
	})

	It("refuses until it passes again", func() {
		conn := connect()
		hears(conn, len(greeting))
		p.Refuse()
		isCut(conn)
		isCut(connect())
		p.Pass()
		Expect(hears(connect(), len(greeting))).To(Equal(greeting))
	})

	It("keeps what it holds until it passes again", func() {
		p.Stall()
		conn := connect()
		Consistently(p.Answered).WithTimeout(100 * time.Millisecond).Should(BeZero())
		p.Pass()
		Expect(hears(conn, len(greeting))).To(Equal(greeting))
	})

	It("leads elsewhere from one moment to the next", func() {
		conn := connect()
		hears(conn, len(greeting))
		other := strings.ToUpper(greeting)
		p.To(says(other))
		isCut(conn)
		Expect(hears(connect(), len(other))).To(Equal(other))
	})
})
