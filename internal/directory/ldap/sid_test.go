// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package ldap

import (
	"encoding/binary"

	"github.com/go-ldap/ldap/v3"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
)

// sidOf is S-1-5-21-1-2-3 and an account in this domain.
func sidOf(account uint32) []byte {
	sid := []byte{1, 5, 0, 0, 0, 0, 0, 5}
	for _, part := range []uint32{21, 1, 2, 3, account} {
		sid = binary.LittleEndian.AppendUint32(sid, part)
	}
	return sid
}

// domainUsers is S-1-5-21-1-2-3-513.
var domainUsers = sidOf(513)

var _ = Describe("A primary group", func() {
	groupsOf := func(schema v1alpha1.LDAPSchema, sid, number string) []string {
		q := userQuery(&v1alpha1.LDAPSource{Schema: schema})
		return person(ldap.NewEntry("CN=Alice,DC=corp", values{"objectSid": {sid}, "primaryGroupID": {number}}), &q).MemberOf
	}

	It("is referred to as it calls itself", func() {
		users := group(ldap.NewEntry("CN=Domain Users,DC=corp", values{"objectSid": {string(domainUsers)}}), groupQuery(bis))
		Expect(groupsOf(v1alpha1.SchemaActiveDirectory, string(sidOf(1104)), "513")).To(ConsistOf(users.Refs[1]))
		Expect(users.Refs[1]).To(Equal("sid:010500000000000515000000010000000200000003000000" + "01020000"))
	})

	It("leaves the person's own identifier as it is", func() {
		entry := &ldap.Entry{Attributes: []*ldap.EntryAttribute{
			{Name: "objectSid", ByteValues: [][]byte{sidOf(1104)}}, ldap.NewEntryAttribute("primaryGroupID", []string{"513"}),
		}}
		Expect(primaryGroup(entry)).To(ConsistOf(sidRef(domainUsers)))
		Expect(entry.GetRawAttributeValue("objectSid")).To(Equal(sidOf(1104)))
	})

	DescribeTable("is none", func(sid, number string) {
		Expect(groupsOf(v1alpha1.SchemaActiveDirectory, sid, number)).To(BeEmpty())
	},
		Entry("without an identifier", "", "513"),
		Entry("with half an identifier", string(domainUsers[:20]), "513"),
		Entry("with an identifier and more", string(domainUsers)+"x", "513"),
		Entry("with an identifier that ends before the account", "\x01\x00\x00\x00\x00\x00\x00\x05", "513"),
		Entry("with an identifier that is text", "S-1-5-21-1-2-3-1104", "513"),
		Entry("without a number", string(domainUsers), ""),
		Entry("with something else", string(domainUsers), "users"),
		Entry("with a negative number", string(domainUsers), "-1"),
		Entry("with a number that is too large", string(domainUsers), "4294967296"),
	)

	It("is one of Active Directory alone", func() {
		Expect(groupsOf(v1alpha1.SchemaRFC2307bis, string(sidOf(1104)), "513")).To(BeEmpty())
	})
})
