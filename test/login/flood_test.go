// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package login_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/rollcall-iam/rollcall/internal/pki"
	"github.com/rollcall-iam/rollcall/internal/wire"
)

// stand is an address from which somebody tries passwords, with all that a login needs but the password.
type stand struct {
	client    *http.Client
	challenge string
	public    []byte
}

// newStand comes from one of the addresses of the loopback interface.
func newStand(ctx context.Context, address string) *stand {
	GinkgoHelper()
	roots := x509.NewCertPool()
	Expect(roots.AppendCertsFromPEM(read(filepath.Join(files, "login-ca.crt")))).To(BeTrue())
	dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}}
	key, err := pki.NewKey()
	Expect(err).NotTo(HaveOccurred())
	s := &stand{client: &http.Client{Transport: &http.Transport{
		DialContext: dialer.DialContext, TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS13},
		MaxIdleConnsPerHost: 64, MaxConnsPerHost: 512,
	}}}
	DeferCleanup(s.client.CloseIdleConnections)
	s.public, err = x509.MarshalPKIXPublicKey(key.Public())
	Expect(err).NotTo(HaveOccurred())
	var begun wire.Challenge
	told := s.posts(ctx, wire.PathChallenge, struct{}{})
	Expect(json.Unmarshal(told.body, &begun)).To(Succeed())
	s.challenge = begun.Challenge
	return s
}

// told is what the login service says to somebody.
type told struct {
	status int
	header http.Header
	body   []byte
	took   time.Duration
}

func (s *stand) posts(ctx context.Context, path string, body any) told {
	GinkgoHelper()
	text, err := json.Marshal(body)
	Expect(err).NotTo(HaveOccurred())
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, loginURL+path, bytes.NewReader(text))
	Expect(err).NotTo(HaveOccurred())
	request.Header.Set("Content-Type", "application/json")
	begun := time.Now()
	response, err := s.client.Do(request)
	Expect(err).NotTo(HaveOccurred())
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(response.Body)
	Expect(err).NotTo(HaveOccurred())
	return told{status: response.StatusCode, header: response.Header, body: answer, took: time.Since(begun)}
}

// tries a password.
func (s *stand) tries(ctx context.Context, name, with string) told {
	GinkgoHelper()
	return s.posts(ctx, wire.PathLogin, wire.LoginRequest{
		Challenge: s.challenge, PublicKey: s.public, Device: "flood", Password: &wire.Password{Directory: corp, UserName: name, Password: with},
	})
}

// flood tries wrong passwords for some seconds, so many in each, whatever the answers take.
func flood(ctx context.Context, seconds, each int, try func(ctx context.Context, i int) told) []told {
	GinkgoHelper()
	answers := make([]told, seconds*each)
	var group sync.WaitGroup
	ticks := time.NewTicker(time.Second / time.Duration(each))
	defer ticks.Stop()
	for i := range answers {
		select {
		case <-ticks.C:
		case <-ctx.Done():
			Expect(ctx.Err()).NotTo(HaveOccurred())
		}
		group.Go(func() {
			defer GinkgoRecover()
			answers[i] = try(ctx, i)
		})
	}
	group.Wait()
	return answers
}

func statuses(answers []told) map[int]int {
	found := map[int]int{}
	for i := range answers {
		found[answers[i].status]++
	}
	return found
}

// times are those that answers took, sorted.
func times(answers []told) []time.Duration {
	took := make([]time.Duration, len(answers))
	for i := range answers {
		took[i] = answers[i].took
	}
	slices.Sort(took)
	return took
}

func percentile(sorted []time.Duration, percent int) time.Duration {
	return sorted[min(len(sorted)-1, len(sorted)*percent/100)]
}

// spread tells of times that are sorted.
func spread(took []time.Duration) string {
	const exact = 10 * time.Microsecond
	return fmt.Sprintf("p50 %v, p99 %v", percentile(took, 50).Round(exact), percentile(took, 99).Round(exact))
}

// resident is how much memory the manager has.
func resident() int {
	GinkgoHelper()
	for line := range strings.Lines(string(read(fmt.Sprintf("/proc/%d/status", manager.PID())))) {
		if rest, found := strings.CutPrefix(line, "VmRSS:"); found {
			kilobytes, err := strconv.Atoi(strings.Fields(rest)[0])
			Expect(err).NotTo(HaveOccurred())
			return kilobytes << 10
		}
	}
	Fail("the manager's memory is not known")
	return 0
}

func binds() int {
	GinkgoHelper()
	count, err := server.Binds()
	Expect(err).NotTo(HaveOccurred())
	return count
}

// heldBack counts what the manager's log tells of tries that came too often.
func heldBack() int {
	GinkgoHelper()
	return strings.Count(string(read(manager.Log())), "too many tries")
}

var _ = Describe("A thousand wrong passwords a second", Serial, func() {
	const (
		seconds, each = 5, 1000
		// quick is when the slowest of the answers comes, on a machine that does the flooding too.
		quick = 5 * time.Second
		// growth is how much memory all of it may take.
		growth = 128 << 20
	)

	It("from one address reach the directory a few times, and keep nobody else out", func(ctx SpecContext) {
		attacker, person := newStand(ctx, "127.0.3.1"), newStand(ctx, "127.0.3.2")
		memory, before, told429 := resident(), binds(), heldBack()
		var during told
		answers := flood(ctx, seconds, each, func(ctx context.Context, i int) told {
			if i == seconds*each/2 {
				during = person.tries(ctx, "frank", password)
				return during
			}
			return attacker.tries(ctx, []string{"frank", "nobody"}[i%2], fmt.Sprintf("guess-%d", i))
		})
		asked := binds() - before
		Expect(during.status).To(Equal(http.StatusOK), string(during.body))
		Expect(statuses(answers)).To(SatisfyAll(HaveLen(3), HaveKey(http.StatusUnauthorized), HaveKey(http.StatusTooManyRequests)))
		// Each try that gets so far is two binds, one to look the person up; the operator and this spec bind too.
		const tries, others = 2 * (5 + seconds/12 + 1), 12
		Expect(asked).To(BeNumerically("<=", 2*(tries+1)+others))
		Expect(heldBack()-told429).To(BeNumerically("<", 10+5*seconds), "the log tells of some that were held back")
		took := times(answers)
		Expect(percentile(took, 99)).To(BeNumerically("<", quick))
		Expect(resident() - memory).To(BeNumerically("<", growth))
		reportf("%d wrong passwords in %d s from one address: %d binds at the directory, answers %s, the right person in after %v, %d MiB more",
			len(answers), seconds, asked, spread(took), during.took.Round(time.Millisecond), (resident()-memory)>>20)
	}, SpecTimeout(time.Minute))

	It("from everywhere reach the directory a few times, and not whoever logged in from where they are", func(ctx SpecContext) {
		home := newStand(ctx, "127.0.4.1")
		Expect(home.tries(ctx, "gina", password).status).To(Equal(http.StatusOK))
		back := newStand(ctx, "127.0.4.1")
		attackers := make([]*stand, 100)
		for i := range attackers {
			attackers[i] = newStand(ctx, fmt.Sprintf("127.0.5.%d", i+1))
		}
		before := binds()
		begun := time.Now()
		var during told
		answers := flood(ctx, seconds, each, func(ctx context.Context, i int) told {
			if i == seconds*each/2 {
				during = back.tries(ctx, "gina", password)
				return during
			}
			return attackers[i%len(attackers)].tries(ctx, "gina", fmt.Sprintf("guess-%d", i))
		})
		asked := binds() - before
		const burst, others = 30, 12
		Expect(asked).To(BeNumerically("<=", 2*(burst+int(time.Since(begun).Seconds()/2)+2)+others))
		Expect(during.status).To(Equal(http.StatusOK), string(during.body))
		took := times(answers)
		Expect(percentile(took, 99)).To(BeNumerically("<", quick))
		reportf("%d wrong passwords in %d s from %d addresses: %d binds at the directory, answers %s",
			len(answers), seconds, len(attackers), asked, spread(took))
	}, SpecTimeout(time.Minute))

	It("tell nobody who there is: neither by what is said nor by how long it takes", func(ctx SpecContext) {
		const samples = 12
		found := map[string][]told{}
		for i := range samples {
			guesser := newStand(ctx, fmt.Sprintf("127.0.6.%d", i+1))
			for _, name := range []string{"frank", "nobody-of-that-name", "dora"} {
				answer := guesser.tries(ctx, name, "guessed")
				answer.header.Del("Date")
				found[name] = append(found[name], answer)
			}
		}
		typical := map[string]time.Duration{}
		for name, answers := range found {
			for i := range answers {
				Expect(answers[i].status).To(Equal(http.StatusUnauthorized), name)
				Expect(answers[i].body).To(Equal(found["frank"][0].body), name)
				Expect(answers[i].header).To(Equal(found["frank"][0].header), name)
			}
			typical[name] = percentile(times(answers), 50)
			Expect(times(answers)[0]).To(BeNumerically(">=", 300*time.Millisecond), name)
		}
		for name, took := range typical {
			Expect((took - typical["frank"]).Abs()).To(BeNumerically("<", 100*time.Millisecond), name)
		}
		reportf("a wrong password for somebody and for nobody: p50 %v and %v", typical["frank"].Round(10*time.Microsecond),
			typical["nobody-of-that-name"].Round(10*time.Microsecond))
	}, SpecTimeout(time.Minute))

	It("are told in the log without the passwords", func(ctx SpecContext) {
		secret := rand.Text()
		Expect(newStand(ctx, "127.0.7.1").tries(ctx, "frank", secret).status).To(Equal(http.StatusUnauthorized))
		log, err := os.ReadFile(manager.Log())
		Expect(err).NotTo(HaveOccurred())
		Expect(string(log)).To(SatisfyAll(ContainSubstring("127.0.7.1"), Not(ContainSubstring(secret))))
	})
})
