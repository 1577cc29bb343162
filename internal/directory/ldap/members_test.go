// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package ldap

import (
	"context"
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

func groupsOfSchema(schema v1alpha1.LDAPSchema) *query {
	return groupQuery(&v1alpha1.LDAPSource{Schema: schema, Groups: &v1alpha1.LDAPGroups{}})
}

var _ = Describe("Members", func() {
	DescribeTable("come whole or in parts", func(attributes []*ldap.EntryAttribute, members []string, next int) {
		q := groupsOfSchema(v1alpha1.SchemaActiveDirectory)
		entry := &ldap.Entry{DN: "CN=x,DC=corp", Attributes: attributes}
		found := memberPart(entry, q)
		Expect(found.values).To(HaveExactElements(members))
		Expect(found.next).To(Equal(next))
		Expect(group(entry, q).Members).To(HaveLen(len(members)))
	},
		Entry("none", nil, nil, 0),
		Entry("whole", []*ldap.EntryAttribute{{Name: "member", Values: []string{"a", "b"}}}, []string{"a", "b"}, 0),
		Entry("whole, in another case", []*ldap.EntryAttribute{{Name: "MEMBER", Values: []string{"a"}}}, []string{"a"}, 0),
		Entry("the first part", []*ldap.EntryAttribute{
			{Name: "member"}, {Name: "member;range=0-1499", Values: []string{"a", "b"}},
		}, []string{"a", "b"}, 1500),
		Entry("the last part", []*ldap.EntryAttribute{{Name: "member;range=1500-*", Values: []string{"c"}}}, []string{"c"}, 0),
		Entry("a part in another case", []*ldap.EntryAttribute{{Name: "Member;Range=0-9", Values: []string{"a"}}}, []string{"a"}, 10),
		Entry("a part without members", []*ldap.EntryAttribute{{Name: "member;range=1500-2999"}}, nil, 0),
		Entry("of another attribute", []*ldap.EntryAttribute{{Name: "memberOf;range=0-1499", Values: []string{"a"}}}, nil, 0),
	)

	DescribeTable("are a part up to", func(name string, last int, ok bool) {
		at, is := rangeEnd(name, "member")
		Expect(is).To(Equal(ok))
		if ok {
			Expect(at).To(Equal(last))
		}
	},
		Entry("a number", "member;range=0-1499", 1499, true),
		Entry("the end", "member;range=1500-*", -1, true),
		Entry("a number, in another case", "MEMBER;RANGE=0-5", 5, true),
		Entry("the first", "member;range=0-0", 0, true),
		Entry("no range", "member", 0, false),
		Entry("no option", "member;", 0, false),
		Entry("another option", "member;binary", 0, false),
		Entry("another attribute", "memberOf;range=0-5", 0, false),
		Entry("no number", "member;range=0-x", 0, false),
		Entry("nothing", "member;range=", 0, false),
		Entry("one number alone", "member;range=5", 0, false),
		Entry("a negative number", "member;range=0--5", 0, false),
		Entry("a number that is too large", "member;range=0-99999999999999999999", 0, false),
	)

	DescribeTable("are asked for as", func(schema v1alpha1.LDAPSchema, first, second string) {
		q := groupsOfSchema(schema)
		Expect(q.memberRange(0)).To(Equal(first))
		Expect(q.memberRange(1500)).To(Equal(second))
		Expect(q.attributes()).To(ContainElement(first))
	},
		Entry("RFC2307", v1alpha1.SchemaRFC2307, "memberUid", "memberUid"),
		Entry("RFC2307bis", v1alpha1.SchemaRFC2307bis, "member", "member"),
		Entry("ActiveDirectory", v1alpha1.SchemaActiveDirectory, "member;range=0-1499", "member;range=1500-2999"),
	)

	It("are not asked for of people", func() {
		q := userQuery(&v1alpha1.LDAPSource{Schema: v1alpha1.SchemaActiveDirectory})
		Expect(q.people()).To(BeTrue())
		Expect(q.memberRange(0)).To(BeEmpty())
		Expect(groupsOfSchema(v1alpha1.SchemaActiveDirectory).people()).To(BeFalse())
	})
})

var _ = Describe("The attributes that are asked for", func() {
	DescribeTable("are those of the schema, each once and in order", func(schema v1alpha1.LDAPSchema, users, groups []string) {
		spec := source(func(s *v1alpha1.LDAPSource) { s.Schema = schema })
		q := userQuery(spec)
		Expect(q.attributes()).To(Equal(users))
		Expect(groupQuery(spec).attributes()).To(Equal(groups))
	},
		Entry("RFC2307", v1alpha1.SchemaRFC2307,
			[]string{"cn", "entryUUID", "mail", "nsAccountLock", "nsUniqueId", "pwdAccountLockedTime", "shadowExpire", "uid"},
			[]string{"cn", "entryUUID", "memberUid", "nsUniqueId"}),
		Entry("RFC2307bis", v1alpha1.SchemaRFC2307bis,
			[]string{"cn", "entryUUID", "mail", "nsAccountLock", "nsUniqueId", "pwdAccountLockedTime", "shadowExpire", "uid"},
			[]string{"cn", "entryUUID", "member", "nsUniqueId"}),
		Entry("ActiveDirectory", v1alpha1.SchemaActiveDirectory,
			[]string{
				"accountExpires", "displayName", "mail", "objectGUID", "objectSid", "primaryGroupID", "sAMAccountName", "shadowExpire",
				"userAccountControl",
			},
			[]string{"member;range=0-1499", "objectGUID", "objectSid", "sAMAccountName"}),
	)

	It("include the sign of those who are kept out", func() {
		q := userQuery(source(func(s *v1alpha1.LDAPSource) { s.Users.Disabled = &v1alpha1.LDAPDisabled{Attribute: "employeeStatus"} }))
		Expect(q.attributes()).To(ContainElement("employeeStatus"))
	})

	It("are the same each time they are asked for", func() {
		q := groupsOfSchema(v1alpha1.SchemaActiveDirectory)
		before := q.String()
		first := slices.Clone(q.attributes())
		Expect(q.attributes()).To(Equal(first))
		Expect(q.String()).To(Equal(before))
	})
})

var _ = Describe("A group that comes in parts", func() {
	const dn = "CN=Everyone,OU=Groups,DC=corp"
	part := func(name string, members ...string) *ber.Packet { return found(dn, values{name: members}) }

	// read reads a group of which each request brings the next of some answers.
	read := func(ctx context.Context, answers ...[]*ber.Packet) (*directory.Snapshot, []string, error) {
		var asked []string
		w := &wireServer{finds: func(s search) []*ber.Packet {
			if !strings.Contains(s.base, "Groups") {
				return []*ber.Packet{done(0)}
			}
			asked = append(asked, slices.DeleteFunc(s.attributes, func(name string) bool { return !strings.HasPrefix(name, "member") })...)
			return answers[len(asked)-1]
		}}
		snapshot, err := readActiveDirectory(ctx, w, "OU=People,DC=corp", "OU=Groups,DC=corp")
		return snapshot, asked, err
	}

	It("is read whole", func(ctx SpecContext) {
		snapshot, asked, err := read(ctx,
			[]*ber.Packet{part("member;range=0-1499", "cn=a", "cn=b"), done(0)},
			[]*ber.Packet{part("member;range=1500-2999", "cn=c"), done(0)},
			[]*ber.Packet{part("member;range=3000-*", "cn=d"), done(0)})
		Expect(err).NotTo(HaveOccurred())
		Expect(snapshot.Groups).To(HaveExactElements(HaveField("Members", HaveExactElements("cn=a", "cn=b", "cn=c", "cn=d"))))
		Expect(asked).To(Equal([]string{"member;range=0-1499", "member;range=1500-2999", "member;range=3000-4499"}))
	})

	It("is whole where there is no more", func(ctx SpecContext) {
		snapshot, asked, err := read(ctx,
			[]*ber.Packet{part("member;range=0-1499", "cn=a"), done(0)}, []*ber.Packet{part("member;range=1500-*"), done(0)})
		Expect(err).NotTo(HaveOccurred())
		Expect(snapshot.Groups[0].Members).To(Equal([]string{"cn=a"}))
		Expect(asked).To(HaveLen(2))
	})

	It("is no group at all where its first part ends too far to count on", func(ctx SpecContext) {
		_, _, err := read(ctx,
			[]*ber.Packet{part("member;range=0-9223372036854775807", "cn=a"), done(0)}, []*ber.Packet{part("member;range=1-*", "cn=b"), done(0)})
		Expect(outcome.Of(err, "").Reason).To(Equal(v1alpha1.ReasonIncompleteRead))
	})

	DescribeTable("is no group at all where not all of it comes", func(ctx SpecContext, reason string, answers ...[]*ber.Packet) {
		snapshot, _, err := read(ctx, append([][]*ber.Packet{{part("member;range=0-1499", "cn=a"), done(0)}}, answers...)...)
		Expect(snapshot).To(BeNil())
		Expect(outcome.Of(err, "").Reason).To(Equal(reason))
	},
		Entry("it went", v1alpha1.ReasonIncompleteRead, []*ber.Packet{done(ldap.LDAPResultNoSuchObject)}),
		Entry("it is not shown any more", v1alpha1.ReasonIncompleteRead, []*ber.Packet{done(0)}),
		Entry("the same comes again", v1alpha1.ReasonIncompleteRead, []*ber.Packet{part("member;range=0-1499", "cn=a"), done(0)}),
		Entry("a place that is too far to count on", v1alpha1.ReasonIncompleteRead,
			[]*ber.Packet{part("member;range=1500-9223372036854775807", "cn=b"), done(0)},
			[]*ber.Packet{part("member;range=3-*", "cn=c"), done(0)}),
		Entry("a limit", v1alpha1.ReasonIncompleteRead, []*ber.Packet{done(ldap.LDAPResultSizeLimitExceeded)}),
		Entry("the server stops", v1alpha1.ReasonUnreachable, []*ber.Packet{done(ldap.LDAPResultUnavailable)}),
	)
})

func FuzzMemberRange(f *testing.F) {
	for _, name := range []string{
		"member", "member;range=0-1499", "member;range=1500-*", "MEMBER;Range=0-5", "member;range=", "member;range=-", "member;range=0-",
		"member;range=0--1", "member;range=0-99999999999999999999", "member;binary;range=0-1", ";range=0-1", "memberOf;range=0-*",
		"İ;range=0-1",
	} {
		f.Add(name, 3)
		f.Add(name, 0)
	}
	f.Fuzz(func(t *testing.T, name string, count int) {
		q := groupsOfSchema(v1alpha1.SchemaActiveDirectory)
		members := make([]string, max(0, count%100))
		found := memberPart(&ldap.Entry{Attributes: []*ldap.EntryAttribute{{Name: name, Values: members}}}, q)
		if last, ok := rangeEnd(name, q.member); ok && last < -1 {
			t.Errorf("%q ends at %d", name, last)
		}
		if len(found.values) != 0 && len(found.values) != len(members) {
			t.Errorf("%q has %d of %d members", name, len(found.values), len(members))
		}
		if found.next != 0 && len(found.values) == 0 {
			t.Errorf("%q goes on at %d after none", name, found.next)
		}
	})
}
