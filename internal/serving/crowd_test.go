// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package serving

import (
	"net"
	"os"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

func TestServing(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Serving")
}

var _ = Describe("Connections", func() {
	const most = 3
	var (
		listener net.Listener
		accepted chan net.Conn
		bounded  *crowd
	)
	BeforeEach(func() {
		var err error
		listener, err = net.Listen("tcp", "127.0.0.1:0")
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(listener.Close)
		accepted, bounded = make(chan net.Conn, 100), newCrowd(listener, most)
		go func() {
			for {
				connection, err := bounded.Accept()
				if err != nil {
					return
				}
				accepted <- connection
			}
		}()
	})
	comes := func(from string) net.Conn {
		GinkgoHelper()
		dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
		connection, err := dialer.Dial("tcp", listener.Addr().String())
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(func() { _ = connection.Close() })
		return connection
	}
	isClosed := func(connection net.Conn) error {
		Expect(connection.SetReadDeadline(time.Now().Add(100 * time.Millisecond))).To(Succeed())
		_, err := connection.Read(make([]byte, 1))
		return err
	}

	It("are so many for one address, and that is nothing to another", func() {
		for range most {
			comes("127.0.0.2")
		}
		Eventually(accepted).Should(HaveLen(most))
		Expect(isClosed(comes("127.0.0.2"))).NotTo(MatchError(os.ErrDeadlineExceeded), "one too many")
		Expect(isClosed(comes("127.0.0.3"))).To(MatchError(os.ErrDeadlineExceeded), "it is let in, and nothing is said yet")

		gone := <-accepted
		Expect(gone.Close()).To(Succeed())
		_ = gone.Close() // Once more is no leave of another.
		Expect(isClosed(comes("127.0.0.2"))).To(MatchError(os.ErrDeadlineExceeded), "there is room again")
		Expect(isClosed(comes("127.0.0.2"))).NotTo(MatchError(os.ErrDeadlineExceeded), "for one")
	})

	It("leave nothing behind", func() {
		for range 10 {
			_ = comes("127.0.0.2").Close()
			connection := <-accepted
			Expect(connection.Close()).To(Succeed())
		}
		Eventually(func() int { bounded.mutex.Lock(); defer bounded.mutex.Unlock(); return len(bounded.open) }).Should(BeZero())
	})

	It("of one household of IPv6 are those of one", func() {
		Expect(Household("2001:db8:1:2::1")).To(Equal(Household("2001:db8:1:2:ffff::1")))
		Expect(Household("2001:db8:1:2::1")).NotTo(Equal(Household("2001:db8:1:3::1")))
		Expect(Household("::ffff:192.0.2.1")).NotTo(Equal(Household("::ffff:192.0.2.2")))
		Expect(Household("fe80::1%eth0")).To(Equal(Household("fe80::2%eth1")))
		Expect(Household("@")).To(Equal("@"))
	})
})
