// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package login

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"time"

	"github.com/go-logr/logr/funcr"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/prometheus/client_golang/prometheus"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/rollcall-iam/rollcall/internal/proof"
	"github.com/rollcall-iam/rollcall/internal/wire"
)

// What is refused before anybody is asked needs nobody to ask.
var _ = Describe("The login service", func() {
	var (
		s       *Service
		handler http.Handler
		clock   *clocktesting.FakePassiveClock
		log     strings.Builder
	)
	BeforeEach(func() {
		log.Reset()
		clock = clocktesting.NewFakePassiveClock(dawn)
		s = &Service{
			Key: bytes.Repeat([]byte{7}, keySize), Clock: clock, Metrics: NewMetrics(prometheus.NewRegistry()),
			Log: funcr.New(func(_, args string) { log.WriteString(args + "\n") }, funcr.Options{}),
		}
		handler = s.Handler()
	})
	posts := func(path string, body any, edits ...func(*http.Request)) (int, wire.Error) {
		GinkgoHelper()
		text, err := json.Marshal(body)
		Expect(err).NotTo(HaveOccurred())
		request := httptest.NewRequest(http.MethodPost, path, bytes.NewReader(text))
		request.Header.Set("Content-Type", "application/json")
		for _, edit := range edits {
			edit(request)
		}
		response := httptest.NewRecorder()
		handler.ServeHTTP(response, request)
		var told wire.Error
		if response.Code != http.StatusOK {
			Expect(json.Unmarshal(response.Body.Bytes(), &told)).To(Succeed())
		}
		return response.Code, told
	}
	challenge := func(n byte) string { return proof.NewChallenge(s.Key, [16]byte{n}, clock.Now().Add(challengeLife)) }

	It("believes no header about where a request comes from", func() {
		let := floods(200, func(i int) bool {
			status, _ := posts(wire.PathChallenge, struct{}{}, func(r *http.Request) {
				for _, header := range []string{"X-Forwarded-For", "X-Real-Ip", "Forwarded", "True-Client-Ip"} {
					r.Header.Set(header, "198.51.100."+strconv.Itoa(i))
				}
			})
			return status == http.StatusOK
		})
		Expect(let).To(Equal(perAddressBurst))
		Expect(log.String()).To(SatisfyAll(ContainSubstring("192.0.2.1"), Not(ContainSubstring("198.51.100"))))
	})

	It("goes on with a device flow for nobody but who began it, and not for ever", func() {
		mine, theirs := goodKey(), goodKey()
		sealed := func(n byte, expire time.Time) string {
			GinkgoHelper()
			text, err := s.seal(transaction{Directory: "corp", DeviceCode: "c", Binding: proof.Binding(challenge(n), mine), Expire: expire})
			Expect(err).NotTo(HaveOccurred())
			return text
		}
		begun := sealed(1, dawn.Add(time.Minute))
		other := &Service{Key: bytes.Repeat([]byte{8}, keySize)}
		elsewhere, err := other.seal(transaction{Directory: "corp", Binding: proof.Binding(challenge(1), mine), Expire: dawn.Add(time.Minute)})
		Expect(err).NotTo(HaveOccurred())
		for name, request := range map[string]wire.DevicePollRequest{
			"with another key":                 {Challenge: challenge(1), PublicKey: theirs, Transaction: begun},
			"with another challenge":           {Challenge: challenge(2), PublicKey: mine, Transaction: begun},
			"that was begun elsewhere":         {Challenge: challenge(1), PublicKey: mine, Transaction: elsewhere},
			"that is over":                     {Challenge: challenge(1), PublicKey: mine, Transaction: sealed(1, dawn)},
			"that was made up":                 {Challenge: challenge(1), PublicKey: mine, Transaction: "AAAA"},
			"with a challenge that is unknown": {Challenge: "AAAA", PublicKey: mine, Transaction: begun},
		} {
			status, told := posts(wire.PathDevicePoll, request)
			Expect(status).To(Equal(http.StatusBadRequest), name)
			Expect(told.Code).To(Equal(wire.CodeChallenge), name)
		}
	})

	It("takes no challenge that is too old, by its own clock", func() {
		request := wire.LoginRequest{Challenge: challenge(1), PublicKey: goodKey(), DeviceKey: &wire.DeviceKey{}}
		clock.SetTime(dawn.Add(challengeLife))
		_, told := posts(wire.PathLogin, request)
		Expect(told.Code).To(Equal(wire.CodeChallenge))
	})

	It("writes a line for a request, however much is in that, and not what somebody made of it", func() {
		long := strings.Repeat("x", wire.MaxBody/4)
		posts(wire.PathLogin, wire.LoginRequest{
			Challenge: "AAAA", Device: "\x1b[2J\n" + long,
			Password: &wire.Password{Directory: long, UserName: "u", Password: "secret-" + long[:9]},
		})
		Expect(log.String()).To(SatisfyAll(Not(ContainSubstring("\x1b")), Not(ContainSubstring("secret-"))))
		Expect(len(log.String())).To(BeNumerically("<", 2048))
		Expect(strings.Count(log.String(), "\n")).To(Equal(1))
	})
})
