// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package ldap

import (
	"testing"

	"github.com/go-ldap/ldap/v3"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

var _ = Describe("The attributes that a filter looks at", func() {
	DescribeTable("are", func(filter string, names ...string) {
		Expect(filterAttributes(filter)).To(HaveExactElements(names))
	},
		Entry("one", "(a=b)", "a"),
		Entry("those of and", "(&(a=1)(b=2))", "a", "b"),
		Entry("those of or", "(|(a=1)(b=2))", "a", "b"),
		Entry("that of not", "(!(a=1))", "a"),
		Entry("those of all of these", "(&(a=1)(|(b=2)(!(&(c=3)(d=4)))))", "a", "b", "c", "d"),
		Entry("that of presence", "(a=*)", "a"),
		Entry("that of substrings", "(|(a=*x)(b=x*)(c=*x*)(d=x*y*z))", "a", "b", "c", "d"),
		Entry("those of an order", "(|(a>=1)(b<=2)(c~=3))", "a", "b", "c"),
		Entry("that of a matching rule", "(a:1.2.840.113556.1.4.803:=2)", "a"),
		Entry("that of a matching rule and the DN", "(a:dn:caseExactMatch:=x)", "a"),
		Entry("that of a match without a rule", "(a:=x)", "a"),
		Entry("none of a matching rule alone", "(:1.2.3:=x)"),
		Entry("none of and alone", "(&)"),
		Entry("none of a filter that does not parse", "(a=1"),
		Entry("of Active Directory's people", "(&(objectCategory=person)(objectClass=user))", "objectCategory", "objectClass"),
	)
})

var _ = Describe("Ids in a filter", func() {
	It("are written as they are stored", func() {
		Expect(idFilter([]string{someUUID, "no id"})).To(Equal(
			`(|(objectGUID=\33\22\11\00\55\44\77\66\88\99\aa\bb\cc\dd\ee\ff))`))
		_, err := ldap.CompileFilter(idFilter([]string{someUUID, someUUID}))
		Expect(err).NotTo(HaveOccurred())
	})
})

func FuzzFilterAttributes(f *testing.F) {
	for _, filter := range []string{
		"", "(a=b)", "(&(a=1)(|(b=2)(!(c=3))))", "(a=*)", "(a=*x*)", "(a:1.2:=b)", "(:dn:=b)", "(a:=b)", "(&)", "(|)", "(!(&))", "(=*)", "(=)",
		"((a=b))", "(!)", "(a=**)", "(a\\28=b)", "(a>=1)", "(&(&(&(a=b))))", "(a=(b))", "(!((a=b)))",
	} {
		f.Add(filter)
	}
	f.Fuzz(func(t *testing.T, filter string) {
		names := filterAttributes(filter)
		if _, err := ldap.CompileFilter(filter); err != nil && len(names) > 0 {
			t.Errorf("%q does not parse, and looks at %q", filter, names)
		}
		// What is looked at together is what is looked at apart.
		if twice := filterAttributes("(&" + filter + "(!" + filter + "))"); len(names) > 0 && len(twice) != 2*len(names) {
			t.Errorf("%q looks at %q, and twice at %q", filter, names, twice)
		}
	})
}
