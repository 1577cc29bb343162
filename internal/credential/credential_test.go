// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package credential_test

import (
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/credential"
)

var now = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// input is one where all is well, as edits change it: a certificate for an hour, to be renewed in half an hour.
func input(edits ...func(*credential.Input)) credential.Input {
	in := credential.Input{
		Wanted: true, Username: "corp:alice", Duration: time.Hour, Now: now,
		Certificate: &v1alpha1.Certificate{Fingerprint: "f1", RenewTime: metav1.NewTime(now.Add(30 * time.Minute))},
		Secret:      credential.Secret{Owner: credential.Ours, Intact: true, Fingerprint: "f1", Username: "corp:alice"},
	}
	for _, edit := range edits {
		edit(&in)
	}
	return in
}

func unwanted(in *credential.Input)      { in.Wanted = false }
func unrecorded(in *credential.Input)    { in.Certificate = nil }
func noSecret(in *credential.Input)      { in.Secret = credential.Secret{} }
func anothers(in *credential.Input)      { in.Secret = credential.Secret{Owner: credential.Another} }
func emptied(in *credential.Input)       { in.Secret = credential.Secret{Owner: credential.Ours} }
func changed(in *credential.Input)       { in.Secret.Intact = false }
func otherInSecret(in *credential.Input) { in.Secret.Fingerprint = "f0" }
func latest(fingerprint string) func(*credential.Input) {
	return func(in *credential.Input) { in.Latest = &v1alpha1.SessionCertificate{Fingerprint: fingerprint} }
}
func otherUsername(in *credential.Input) { in.Secret.Username = "corp:al" }
func renewIn(d time.Duration) func(*credential.Input) {
	return func(in *credential.Input) { in.Certificate.RenewTime = metav1.NewTime(now.Add(d)) }
}

func asking(d time.Duration) func(*credential.Input) {
	return func(in *credential.Input) { in.Duration = d }
}

var _ = Describe("What to do about a kubeconfig Secret", func() {
	DescribeTable("is decided", func(in credential.Input, want credential.Decision) {
		Expect(credential.Decide(in)).To(Equal(want))
	},
		Entry("nothing where none is wanted and none is there", input(unwanted, noSecret), credential.Decision{Action: credential.Nothing}),
		Entry("nothing about somebody else's where none is wanted", input(unwanted, anothers), credential.Decision{Action: credential.Nothing}),
		Entry("remove ours where none is wanted",
			input(unwanted), credential.Decision{Action: credential.Remove, Why: "no longer wanted"}),
		Entry("remove ours where none is wanted, whatever is in it",
			input(unwanted, emptied, unrecorded), credential.Decision{Action: credential.Remove, Why: "no longer wanted"}),
		Entry("refuse somebody else's", input(anothers), credential.Decision{Action: credential.Refuse}),
		Entry("refuse somebody else's before the first certificate", input(anothers, unrecorded),
			credential.Decision{Action: credential.Refuse}),
		Entry("refuse somebody else's when renewal is due", input(anothers, renewIn(0)), credential.Decision{Action: credential.Refuse}),
		Entry("keep what is well until it is renewed",
			input(), credential.Decision{Action: credential.Keep, At: now.Add(30 * time.Minute)}),
		Entry("issue the first", input(noSecret, unrecorded), issue("first certificate")),
		Entry("issue where the Secret is gone", input(noSecret), issue("the Secret is gone")),
		Entry("issue where a crash left a record without publication",
			input(otherInSecret), issue("the Secret does not hold the certificate that was issued last")),
		Entry("issue where a Secret is ours and nothing was recorded",
			input(unrecorded), issue("the Secret does not hold the certificate that was issued last")),
		Entry("tell of what a crash kept from being told", input(otherInSecret, latest("f0")), credential.Decision{Action: credential.Tell}),
		Entry("tell of the first", input(unrecorded, latest("f1")), credential.Decision{Action: credential.Tell}),
		Entry("tell of it before it is replaced",
			input(otherInSecret, latest("f0"), otherUsername), credential.Decision{Action: credential.Tell}),
		Entry("tell of nothing that is told", input(latest("f1")), credential.Decision{Action: credential.Keep, At: now.Add(30 * time.Minute)}),
		Entry("tell of nothing that was changed since", input(otherInSecret, latest("f0"), changed),
			issue("the Secret does not hold the certificate that was issued last")),
		Entry("tell of nothing that the Session does not know as its last", input(otherInSecret, latest("f2")),
			issue("the Secret does not hold the certificate that was issued last")),
		Entry("tell of nothing where none is wanted", input(otherInSecret, latest("f0"), unwanted),
			credential.Decision{Action: credential.Remove, Why: "no longer wanted"}),
		Entry("issue where someone emptied the Secret",
			input(emptied), issue("the Secret does not hold the certificate that was issued last")),
		Entry("issue where someone changed the Secret", input(changed), issue("the Secret was changed")),
		Entry("issue where the username changed", input(otherUsername), issue("the username changed")),
		Entry("issue when renewal is due", input(renewIn(0)), issue("renewal")),
		Entry("issue when renewal is long due", input(renewIn(-24*time.Hour)), issue("renewal")),
		Entry("keep a moment before renewal", input(renewIn(1)), credential.Decision{Action: credential.Keep, At: now.Add(1)}),
		Entry("issue where a much shorter life is asked for",
			input(renewIn(18*time.Hour)), issue("a shorter lifetime is asked for")),
		Entry("keep what is renewed within the life that is asked for",
			input(asking(30*time.Minute)), credential.Decision{Action: credential.Keep, At: now.Add(30 * time.Minute)}),
		Entry("issue what is renewed a moment later than that",
			input(asking(30*time.Minute-1)), issue("a shorter lifetime is asked for")),
		Entry("keep where a longer life is asked for",
			input(asking(24*time.Hour)), credential.Decision{Action: credential.Keep, At: now.Add(30 * time.Minute)}),
	)

	It("is to keep what was issued just now, for every lifetime", func() {
		for seconds := 600; seconds <= 86400; seconds += 113 {
			life := time.Duration(seconds) * time.Second
			in := input(asking(life))
			in.Certificate.RenewTime = metav1.NewTime(credential.RenewTime(now, now.Add(life), "f1"))
			Expect(credential.Decide(in).Action).To(Equal(credential.Keep), "%s", life)
		}
	})
})

func issue(why string) credential.Decision {
	return credential.Decision{Action: credential.Issue, Why: why}
}

var _ = Describe("The time of renewal", func() {
	fingerprint := func(i int) string { return fmt.Sprintf("%064x", i) }

	It("is after 60 to 75 percent of the life from issue, to the second", func() {
		for i := range 2000 {
			life := time.Duration(600+i*40) * time.Second
			after := credential.RenewTime(now, now.Add(life), fingerprint(i)).Sub(now)
			Expect(after).To(BeNumerically(">=", life*60/100-time.Second))
			Expect(after).To(BeNumerically("<=", life*75/100))
			Expect(after).To(Equal(after.Truncate(time.Second)))
		}
	})

	It("counts from issue, not from the notBefore that signers set back", func() {
		issued := now.Add(5 * time.Minute) // of a certificate from now to an hour from now
		after := credential.RenewTime(issued, now.Add(time.Hour), "f").Sub(issued)
		Expect(after).To(BeNumerically(">=", 55*time.Minute*60/100-time.Second))
		Expect(after).To(BeNumerically("<=", 55*time.Minute*75/100))
	})

	It("is the same for the same certificate", func() {
		Expect(credential.RenewTime(now, now.Add(time.Hour), "f")).To(Equal(credential.RenewTime(now, now.Add(time.Hour), "f")))
	})

	It("is spread evenly", func() {
		const tenths = 10
		counts := make([]int, tenths)
		for i := range 2000 {
			after := credential.RenewTime(now, now.Add(1000*time.Minute), fingerprint(i)).Sub(now)
			counts[min(int((after-600*time.Minute)/(15*time.Minute)), tenths-1)]++
		}
		Expect(counts).To(HaveEach(BeNumerically("~", 200, 60)))
	})

	It("is at once where the certificate has ended already", func() {
		Expect(credential.RenewTime(now, now.Add(-time.Hour), "f")).To(BeTemporally("<=", now))
	})
})
