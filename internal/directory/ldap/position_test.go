// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package ldap

import (
	"bytes"
	"context"
	"reflect"
	"slices"
	"strings"
	"testing"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/directory"
	"github.com/rollcall-iam/rollcall/internal/outcome"
)

// Changes of two providers of OpenLDAP, each in the order of their names.
const (
	one1 = "20261123120000.000001Z#000000#001#000000"
	one2 = "20261123120005.000000Z#000000#001#000000"
	one3 = "20261123120005.000000Z#000001#001#000000"
	two1 = "20261123115959.000000Z#000000#002#000000"
	two2 = "20261123120002.000000Z#000000#002#000000"
)

var _ = Describe("Where a server has got to", func() {
	read := func(ctx context.Context, result int64) (*directory.Snapshot, error) {
		w := &wireServer{
			root: func() values { return values{"namingContexts": {"dc=corp,dc=example"}} },
			finds: func(asked search) []*ber.Packet {
				if slices.Contains(asked.attributes, "contextCSN") {
					return []*ber.Packet{found(asked.base, values{"contextCSN": {one1}}), done(result)}
				}
				return []*ber.Packet{done(0)}
			},
		}
		url := w.start()
		s, err := New(source(func(s *v1alpha1.LDAPSource) { s.URL, s.TLS = url, v1alpha1.TLSDisabled }), Credentials{})
		Expect(err).NotTo(HaveOccurred())
		return s.Read(ctx)
	}

	It("comes with a read", func(ctx SpecContext) {
		snapshot, err := read(ctx, 0)
		Expect(err).NotTo(HaveOccurred())
		Expect(snapshot.Position).To(Equal(directory.Position{"provider-001": one1}))
	})

	It("is unknown where the bind DN may not know it", func(ctx SpecContext) {
		snapshot, err := read(ctx, ldap.LDAPResultInsufficientAccessRights)
		Expect(err).NotTo(HaveOccurred())
		Expect(snapshot.Position).To(BeEmpty())
	})

	It("is no reason to believe a server that just does not say", func(ctx SpecContext) {
		_, err := read(ctx, ldap.LDAPResultBusy)
		Expect(outcome.Of(err, "")).To(HaveField("Reason", v1alpha1.ReasonUnreachable))
	})
})

var _ = Describe("The naming context of a DN", func() {
	DescribeTable("is", func(baseDN string, contexts []string, want string) {
		root := ldap.NewEntry("", values{"NAMINGCONTEXTS": contexts})
		Expect(namingContext(root, baseDN)).To(Equal(want))
	},
		Entry("the one around it", "ou=people,dc=corp,dc=example", []string{"dc=other", "dc=corp,dc=example"}, "dc=corp,dc=example"),
		Entry("itself", "dc=corp", []string{"dc=corp"}, "dc=corp"),
		Entry("the innermost", "ou=a,ou=b,dc=corp", []string{"dc=corp", "ou=b,dc=corp"}, "ou=b,dc=corp"),
		Entry("the innermost, in any order", "ou=a,ou=b,dc=corp", []string{"ou=b,dc=corp", "dc=corp"}, "ou=b,dc=corp"),
		Entry("as the server writes it", "OU=People,DC=CORP", []string{"dc=Corp"}, "dc=Corp"),
		Entry("none beside it", "ou=people,dc=corp", []string{"dc=other", "ou=x,dc=corp"}, ""),
		Entry("none below it", "dc=corp", []string{"ou=people,dc=corp"}, ""),
		Entry("none that is everything", "dc=corp", []string{""}, ""),
		Entry("none without any", "dc=corp", nil, ""),
		Entry("none of what is no DN", "what", []string{"dc=corp"}, ""),
		Entry("none that is no DN", "dc=corp", []string{"what"}, ""),
	)
})

var _ = Describe("How new a server's data is", func() {
	DescribeTable("is told by a number of changes", func(value, number string, ok bool) {
		read, is := changeNumber(value)
		Expect(is).To(Equal(ok))
		if ok {
			Expect(read).To(Equal(number))
		}
	},
		Entry("some", "42", "00000000000000000042", true),
		Entry("as many as there can be", "18446744073709551615", "18446744073709551615", true),
		Entry("none", "", "", false),
		Entry("zero", "0", "", false),
		Entry("negative", "-1", "", false),
		Entry("too large", "18446744073709551616", "", false),
		Entry("no number", "x", "", false),
	)

	It("is compared as numbers are", func() {
		nine, _ := changeNumber("9")
		ten, _ := changeNumber("10")
		Expect(nine < ten).To(BeTrue())
	})

	DescribeTable("is told by change sequence numbers", func(csns []string, want directory.Position) {
		Expect(csnPosition(csns)).To(Equal(want))
	},
		Entry("none", nil, directory.Position{}),
		Entry("one provider", []string{one1}, directory.Position{"provider-001": one1}),
		Entry("two providers", []string{one1, two1}, directory.Position{"provider-001": one1, "provider-002": two1}),
		Entry("the newest of one", []string{one2, one3, one1}, directory.Position{"provider-001": one3}),
		Entry("what is none", []string{"x", "", "a#b"}, directory.Position{}),
	)

	DescribeTable("is told by a cookie", func(cookie string, want directory.Position) {
		Expect(cookiePosition([]byte(cookie))).To(BeEquivalentTo(want))
	},
		Entry("of OpenLDAP", "rid=000,csn="+one1+";"+two1, directory.Position{"provider-001": one1, "provider-002": two1}),
		Entry("of OpenLDAP, with the server's id", "rid=000,sid=001,csn="+one1, directory.Position{"provider-001": one1}),
		Entry("of OpenLDAP, without a change", "rid=000", nil),
		Entry("of 389 Directory Server", "host:389#cn=sync,dc=corp:ou=people,dc=corp:(uid=*)#42",
			directory.Position{"changelog": "00000000000000000042"}),
		Entry("of 389 Directory Server, without a change", "host:389#cn=sync:dc=corp:(uid=*)#0", nil),
		Entry("of another", "whatever", nil),
		Entry("none", "", nil),
	)
})

var _ = Describe("A cookie", func() {
	DescribeTable("has changes of OpenLDAP in it", func(cookie string, others, csns []string) {
		left, found := cookieCSNs([]byte(cookie))
		Expect(left).To(Equal(others))
		Expect(found).To(Equal(csns))
	},
		Entry("one", "rid=000,csn="+one1, []string{"rid=000"}, []string{one1}),
		Entry("two", "rid=000,sid=002,csn="+one1+";"+two1, []string{"rid=000", "sid=002"}, []string{one1, two1}),
		Entry("none", "rid=000", []string{"rid=000"}, nil),
		Entry("of deletions, which are others", "rid=000,delcsn="+one1, []string{"rid=000", "delcsn=" + one1}, nil),
	)

	DescribeTable("and the next are one", func(before, after, want string) {
		Expect(string(mergeCookies([]byte(before), []byte(after)))).To(Equal(want))
	},
		Entry("no cookie yet", "", "rid=000,csn="+one1, "rid=000,csn="+one1),
		Entry("no new one", "rid=000,csn="+one1, "", "rid=000,csn="+one1),
		Entry("of one provider", "rid=000,csn="+one1, "rid=000,csn="+one2, "rid=000,csn="+one2),
		Entry("of two providers, of which one made a change", "rid=000,csn="+one1+";"+two1, "rid=000,csn="+one2, "rid=000,csn="+one2+";"+two1),
		Entry("of two providers, of which the other made one", "rid=000,csn="+one1+";"+two1, "rid=000,sid=002,csn="+two2,
			"rid=000,sid=002,csn="+one1+";"+two2),
		Entry("of a provider that is new", "rid=000,csn="+two1, "rid=000,csn="+one1, "rid=000,csn="+one1+";"+two1),
		Entry("of a provider whose older change comes late", "rid=000,csn="+one3, "rid=000,csn="+one1, "rid=000,csn="+one3),
		Entry("without changes", "rid=000,csn="+one1, "rid=000", "rid=000"),
		Entry("of 389 Directory Server", "C#41", "C#42", "C#42"),
		Entry("of another server before", "C#41", "rid=000,csn="+one1, "rid=000,csn="+one1),
		Entry("of another server now", "rid=000,csn="+one1, "C#42", "C#42"),
	)
})

func FuzzMergeCookies(f *testing.F) {
	all := []string{
		"", "rid=000", "rid=000,csn=" + one1, "rid=000,csn=" + one2 + ";" + two1, "csn=" + two2 + ";" + one3 + ",rid=000,sid=001", "C#42",
		"csn=", "csn=###", "csn=;", "csn=a#b#c#d;a#b#c#e", ",,", "csn=#", "rid=1,csn=x,csn=" + one1,
	}
	for _, before := range all {
		for _, after := range all {
			f.Add([]byte(before), []byte(after))
		}
	}
	f.Fuzz(func(t *testing.T, before, after []byte) {
		_, older := cookieCSNs(before)
		_, newer := cookieCSNs(after)
		was := bytes.Clone(before)
		merged := mergeCookies(before, after)
		_, both := cookieCSNs(merged)
		want := csnPosition(older).And(csnPosition(newer))
		switch {
		case len(after) == 0:
			want = csnPosition(older)
		case len(newer) == 0:
			want = csnPosition(nil)
		}
		if got := csnPosition(both); !reflect.DeepEqual(got, want) {
			t.Errorf("%q and %q are %q: %v, not %v", before, after, merged, got, want)
		}
		if !bytes.Equal(before, was) {
			t.Errorf("%q became %q", was, before)
		}
		if len(after) > 0 && len(merged) == 0 {
			t.Errorf("%q and %q are none", before, after)
		}
		// To hear the same again changes nothing.
		again := mergeCookies(merged, after)
		if last := mergeCookies(again, after); !bytes.Equal(again, last) {
			t.Errorf("%q and %q are %q, then %q", before, after, again, last)
		}
		if number, ok := changeNumber(strings.TrimPrefix(string(after), "C#")); ok && bytes.HasPrefix(after, []byte("C#")) &&
			!reflect.DeepEqual(cookiePosition(merged), directory.Position{changelog: number}) {
			t.Errorf("%q is not %s", merged, number)
		}
	})
}
