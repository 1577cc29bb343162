// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package proof_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/api/validation"

	"github.com/rollcall-iam/rollcall/internal/proof"
)

var (
	challengeKey = bytes.Repeat([]byte{7}, 32)
	dawn         = time.Date(2026, 3, 1, 6, 0, 0, 0, time.UTC)
)

var _ = Describe("A challenge", func() {
	challenge := proof.NewChallenge(challengeKey, [16]byte{1, 2, 3}, dawn.Add(time.Minute))

	It("is good until its time, with the key that made it", func() {
		Expect(proof.CheckChallenge(challengeKey, challenge, dawn)).To(Succeed())
		Expect(proof.CheckChallenge(challengeKey, challenge, dawn.Add(59*time.Second))).To(Succeed())
		Expect(proof.CheckChallenge(challengeKey, challenge, dawn.Add(time.Minute))).To(MatchError(proof.ErrChallenge))
		Expect(proof.CheckChallenge(bytes.Repeat([]byte{8}, 32), challenge, dawn)).To(MatchError(proof.ErrChallenge))
	})

	It("is good in no other form: not longer, shorter, or with any character changed", func() {
		for i := range challenge {
			other := "A"
			if challenge[i] == 'A' {
				other = "B"
			}
			changed := challenge[:i] + other + challenge[i+1:]
			Expect(proof.CheckChallenge(challengeKey, changed, dawn)).To(MatchError(proof.ErrChallenge), "character %d", i)
		}
		for _, other := range []string{"", challenge[1:], challenge + "A", challenge + "=", challenge + "\n", " " + challenge} {
			Expect(proof.CheckChallenge(challengeKey, other, dawn)).To(MatchError(proof.ErrChallenge), "%q", other)
		}
	})

	It("gives each Session a name of its own, which an object may have", func() {
		names := map[string]bool{}
		for i := range byte(100) {
			names[proof.SessionName("alice", proof.NewChallenge(challengeKey, [16]byte{i}, dawn))] = true
		}
		Expect(names).To(HaveLen(100))
		for _, user := range []string{"alice", strings.Repeat("a", 253), strings.Repeat("a", 199) + "." + strings.Repeat("b", 53), "a.b-c"} {
			name := proof.SessionName(user, challenge)
			Expect(validation.NameIsDNSSubdomain(name, false)).To(BeEmpty(), name)
			Expect(name).To(HavePrefix(user[:1]))
			Expect(proof.SessionName(user, challenge)).To(Equal(name))
		}
	})
})

var _ = Describe("A binding", func() {
	It("is another for another challenge and for another key", func() {
		first := proof.Binding("challenge", []byte("key"))
		Expect(proof.Binding("challenge", []byte("key"))).To(Equal(first))
		Expect(proof.Binding("challenge", []byte("kez"))).NotTo(Equal(first))
		Expect(proof.Binding("challengf", []byte("key"))).NotTo(Equal(first))
		Expect(first).To(MatchRegexp("^[A-Za-z0-9_-]{43}$"), "fit for a nonce")
	})
})

func FuzzCheckChallenge(f *testing.F) {
	good := proof.NewChallenge(challengeKey, [16]byte{1}, dawn.Add(time.Minute))
	f.Add(good)
	f.Add("")
	f.Fuzz(func(t *testing.T, challenge string) {
		if proof.CheckChallenge(challengeKey, challenge, dawn) == nil && challenge != good {
			t.Fatalf("%q was not made by anybody", challenge)
		}
	})
}
