// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package ldap

import (
	"bytes"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/go-ldap/ldap/v3"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/directory"
)

const (
	aliceDN  = "uid=alice,ou=people,dc=corp,dc=example"
	someUUID = "00112233-4455-6677-8899-aabbccddeeff"
	// someGUID is the objectGUID that is written as someUUID.
	someGUID = "\x33\x22\x11\x00\x55\x44\x77\x66\x88\x99\xaa\xbb\xcc\xdd\xee\xff"
)

var bis = &v1alpha1.LDAPSource{Schema: v1alpha1.SchemaRFC2307bis, Groups: &v1alpha1.LDAPGroups{}}

func ofPerson(entry *ldap.Entry) directory.Person {
	q := userQuery(bis)
	return person(entry, &q)
}

func ofGroup(entry *ldap.Entry) directory.Group { return group(entry, groupQuery(bis)) }

type values = map[string][]string

var _ = Describe("A person's entry", func() {
	It("is read whole", func() {
		Expect(ofPerson(ldap.NewEntry("UID=Alice,OU=people,DC=corp,DC=example", values{
			"entryUUID": {"0E8F2C52-0000-4000-8000-000000000001"}, "uid": {"Alice"}, "cn": {"Alice Ng"}, "mail": {"alice@corp.example"},
		}))).To(Equal(directory.Person{
			Key: "0e8f2c52-0000-4000-8000-000000000001", ID: "0e8f2c52-0000-4000-8000-000000000001", UserName: "Alice",
			DisplayName: "Alice Ng", Email: "alice@corp.example", Refs: []string{aliceDN},
		}))
	})

	It("may have attributes in whatever case the server sends", func() {
		p := ofPerson(ldap.NewEntry(aliceDN, values{"ENTRYUUID": {someUUID}, "Uid": {"alice"}, "CN": {"Alice"}, "MAIL": {"a@b"}}))
		Expect(p).To(Equal(directory.Person{
			Key: someUUID, ID: someUUID, UserName: "alice", DisplayName: "Alice", Email: "a@b", Refs: []string{aliceDN},
		}))
	})

	It("may lack everything", func() {
		Expect(ofPerson(ldap.NewEntry(aliceDN, nil))).To(Equal(directory.Person{Key: aliceDN, Refs: []string{aliceDN}}))
	})

	It("is called by its login names in groups of schema RFC2307", func() {
		q := userQuery(&v1alpha1.LDAPSource{Schema: v1alpha1.SchemaRFC2307})
		p := person(ldap.NewEntry(aliceDN, values{"uid": {"alice", "al"}}), &q)
		Expect(p.Refs).To(Equal([]string{"alice", "al"}))
	})

	It("has the alphabetically first of several display names, whatever their order", func() {
		Expect(ofPerson(ldap.NewEntry(aliceDN, values{"cn": {"Ng, Alice", "Alice Ng"}})).DisplayName).To(Equal("Alice Ng"))
		Expect(ofPerson(ldap.NewEntry(aliceDN, values{"cn": {"Alice Ng", "Ng, Alice"}})).DisplayName).To(Equal("Alice Ng"))
	})
})

var _ = Describe("A login name", func() {
	DescribeTable("is the value in the RDN, of several", func(dn string, uids []string, want string) {
		Expect(ofPerson(ldap.NewEntry(dn, values{"uid": uids})).UserName).To(Equal(want))
	},
		Entry("one", aliceDN, []string{"alice"}, "alice"),
		Entry("one that is not in the RDN", "cn=x,dc=corp", []string{"alice"}, "alice"),
		Entry("one, as it is", aliceDN, []string{" Alice "}, " Alice "),
		Entry("first", aliceDN, []string{"alice", "aa"}, "alice"),
		Entry("last", aliceDN, []string{"aa", "alice"}, "alice"),
		Entry("attribute in another case", "UID=alice,dc=corp", []string{"aa", "alice"}, "alice"),
		Entry("value in another case", "uid=ALICE,dc=corp", []string{"aa", "alice"}, "alice"),
		Entry("in an RDN of several parts", "cn=Alice Ng+uid=alice,dc=corp", []string{"aa", "alice"}, "alice"),
		Entry("escaped", `uid=ng\, alice,dc=corp`, []string{"aa", "ng, alice"}, "ng, alice"),
		Entry("not that of a parent", "cn=x,uid=alice,dc=corp", []string{"alice", "aa"}, "aa"),
		Entry("not that of another attribute", "cn=alice,dc=corp", []string{"alice", "aa"}, "aa"),
		Entry("one that the entry does not have", "uid=gone,dc=corp", []string{"bb", "aa"}, "aa"),
		Entry("a DN that does not parse", "what,,", []string{"bb", "aa"}, "aa"),
		Entry("no DN", "", []string{"bb", "aa"}, "aa"),
		Entry("none", aliceDN, nil, ""),
	)
})

var _ = Describe("An id", func() {
	DescribeTable("always reads the same", func(raw, want string) {
		entry := ldap.NewEntry(aliceDN, values{"entryUUID": {raw}})
		Expect(ofPerson(entry).ID).To(Equal(want))
		Expect(ofGroup(entry).ID).To(Equal(want))
	},
		Entry("a UUID", "0e8f2c52-0000-4000-8000-00000000000a", "0e8f2c52-0000-4000-8000-00000000000a"),
		Entry("a UUID in capitals", "0E8F2C52-0000-4000-8000-00000000000A", "0e8f2c52-0000-4000-8000-00000000000a"),
		Entry("a UUID in braces", "{0E8F2C52-0000-4000-8000-00000000000A}", "0e8f2c52-0000-4000-8000-00000000000a"),
		Entry("a UUID without dashes", "0E8F2C520000400080000000000000AA", "0e8f2c52-0000-4000-8000-0000000000aa"),
		Entry("a UUID with a space around", " 0e8f2c52-0000-4000-8000-00000000000a ", "0e8f2c52-0000-4000-8000-00000000000a"),
		Entry("a number", "001001", "001001"),
		Entry("text keeps its case", "E-1001a", "E-1001a"),
		Entry("text around what looks like a UUID", "x0e8f2c52-0000-4000-8000-00000000000ay", "x0e8f2c52-0000-4000-8000-00000000000ay"),
		Entry("bytes that are no text", "\x52\x2c\x8f\x0e\xff\x00\x00\x40\x80\x00\x00\x00\x00\x00\x00\x0a",
			"522c8f0eff000040800000000000000a"),
		Entry("none", "", ""),
	)

	It("is read from the attribute that is configured", func() {
		spec := &v1alpha1.LDAPSource{Users: v1alpha1.LDAPUsers{Attributes: v1alpha1.LDAPUserAttributes{ID: "employeeNumber"}}}
		q := userQuery(spec)
		Expect(person(ldap.NewEntry(aliceDN, values{"employeeNumber": {"7"}, "entryUUID": {"1"}}), &q).ID).To(Equal("7"))
	})
})

var _ = Describe("An objectGUID", func() {
	ofUser := func(attributes values) directory.Person {
		q := userQuery(&v1alpha1.LDAPSource{Schema: v1alpha1.SchemaActiveDirectory})
		return person(ldap.NewEntry("CN=Alice,DC=corp", attributes), &q)
	}

	DescribeTable("always reads the same", func(raw string) {
		Expect(ofUser(values{"objectGUID": {raw}}).ID).To(Equal(someUUID))
	},
		Entry("bytes, the first three numbers little-endian", someGUID),
		Entry("text", someUUID),
		Entry("text in capitals", "00112233-4455-6677-8899-AABBCCDDEEFF"),
		Entry("text in braces", "{00112233-4455-6677-8899-AABBCCDDEEFF}"),
	)

	It("may be asked for and sent in any case", func() {
		q := userQuery(&v1alpha1.LDAPSource{Users: v1alpha1.LDAPUsers{Attributes: v1alpha1.LDAPUserAttributes{ID: "objectguid"}}})
		Expect(person(ldap.NewEntry(aliceDN, values{"OBJECTGUID": {someGUID}}), &q).ID).To(Equal(someUUID))
	})

	It("is what sixteen bytes mean under this name only", func() {
		Expect(ofPerson(ldap.NewEntry(aliceDN, values{"entryUUID": {someGUID}})).ID).To(Equal("33221100554477668899aabbccddeeff"))
	})

	DescribeTable("has sixteen bytes", func(raw string) {
		_, ok := objectGUID([]byte(raw))
		Expect(ok).To(BeFalse())
	},
		Entry("none", ""),
		Entry("fifteen", someGUID[1:]),
		Entry("seventeen", someGUID+"x"),
		Entry("text", someUUID),
	)

	It("can be written as it was read", func() {
		Expect(guidBytes(someUUID)).To(BeEquivalentTo(someGUID))
		_, err := guidBytes(aliceDN)
		Expect(err).To(HaveOccurred())
	})

	It("is left as it is by reading it", func() {
		raw := []byte(someGUID)
		objectGUID(raw)
		Expect(raw).To(BeEquivalentTo(someGUID))
	})
})

var _ = Describe("What the server's changes call an entry", func() {
	DescribeTable("is", func(attributes values, want string) {
		entry := ldap.NewEntry("UID=Alice, OU=people,dc=corp,dc=example", attributes)
		Expect(ofPerson(entry).Key).To(Equal(want))
		Expect(ofGroup(entry).Key).To(Equal(want))
	},
		Entry("the entryUUID", values{"entryUUID": {someUUID}}, someUUID),
		Entry("the entryUUID in capitals", values{"ENTRYUUID": {"00112233-4455-6677-8899-AABBCCDDEEFF"}}, someUUID),
		Entry("the unique id of 389 Directory Server, written as a UUID",
			values{"nsUniqueId": {"00112233-44556677-8899aabb-ccddeeff"}}, someUUID),
		Entry("the unique id of 389 Directory Server rather than the entryUUID",
			values{"nsuniqueid": {"00112233-44556677-8899aabb-ccddeeff"}, "entryUUID": {"ffffffff-0000-4000-8000-000000000001"}}, someUUID),
		Entry("the objectGUID", values{"objectGUID": {someGUID}}, someUUID),
		Entry("the DN without any of these", nil, aliceDN),
		Entry("the DN where none can be read", values{"entryUUID": {"7"}, "nsUniqueId": {"x"}, "objectGUID": {"short"}}, aliceDN),
		Entry("the entryUUID where the others cannot be read",
			values{"entryUUID": {someUUID}, "nsUniqueId": {"x"}, "objectGUID": {"short"}}, someUUID),
	)

	It("is not the id that is configured", func() {
		spec := &v1alpha1.LDAPSource{Users: v1alpha1.LDAPUsers{Attributes: v1alpha1.LDAPUserAttributes{ID: "employeeNumber"}}}
		q := userQuery(spec)
		p := person(ldap.NewEntry(aliceDN, values{"employeeNumber": {"7"}, "entryUUID": {someUUID}}), &q)
		Expect(p).To(And(HaveField("ID", "7"), HaveField("Key", someUUID)))
	})
})

var _ = Describe("A group's entry", func() {
	It("is read whole", func() {
		Expect(ofGroup(ldap.NewEntry("cn=Payments,dc=corp", values{
			"entryUUID": {"1"}, "cn": {"Payments"}, "member": {"UID=Alice, OU=people,dc=corp,dc=example", "no dn"},
		}))).To(Equal(directory.Group{
			Key: "cn=payments,dc=corp", ID: "1", Name: "Payments", Refs: []string{"cn=payments,dc=corp"}, Members: []string{aliceDN, "no dn"},
		}))
	})

	It("lists login names, as they are, in schema RFC2307", func() {
		spec := &v1alpha1.LDAPSource{Schema: v1alpha1.SchemaRFC2307, Groups: &v1alpha1.LDAPGroups{}}
		g := group(ldap.NewEntry("cn=x,dc=corp", values{"memberUid": {"alice", "Bob"}, "member": {aliceDN}}), groupQuery(spec))
		Expect(g.Members).To(Equal([]string{"alice", "Bob"}))
	})

	It("is called by its DN, and by its security identifier where it has one", func() {
		attributes := values{"objectSid": {string(domainUsers)}}
		Expect(ofGroup(ldap.NewEntry("CN=Users,DC=corp", attributes)).Refs).To(Equal([]string{"cn=users,dc=corp", sidRef(domainUsers)}))
		Expect(ofGroup(ldap.NewEntry("CN=Users,DC=corp", values{"objectSid": {"S-1-5-32"}})).Refs).To(Equal([]string{"cn=users,dc=corp"}))
	})

	It("may have no members", func() {
		Expect(ofGroup(ldap.NewEntry("cn=x,dc=corp", nil)).Members).To(BeEmpty())
	})
})

var _ = Describe("The key of a DN", func() {
	DescribeTable("is one for all ways to write it", func(same ...string) {
		for _, dn := range same {
			Expect(dnKey(dn)).To(Equal(dnKey(same[0])), dn)
		}
	},
		Entry("case", aliceDN, "UID=ALICE,OU=People,DC=Corp,DC=Example", "uid=Alice,ou=people,dc=corp,dc=example"),
		Entry("case that is not ASCII", "cn=Jürgen,dc=corp", "cn=JÜRGEN,dc=corp"),
		Entry("spaces", aliceDN, "uid = alice , ou=people,  dc=corp,dc=example", " "+aliceDN+" "),
		Entry("semicolons", aliceDN, "uid=alice;ou=people;dc=corp;dc=example"),
		Entry("escapes", `cn=Ng\, Alice,dc=corp`, `cn=ng\2c alice,dc=corp`, `cn=ng\2C alice,dc=corp`),
		Entry("escaped letters", aliceDN, `uid=\61lice,ou=people,dc=corp,dc=example`),
		Entry("escapes that are not ASCII", "cn=jürgen,dc=corp", `cn=j\c3\bcrgen,dc=corp`),
		Entry("an escaped space at the end", `cn=a\ ,dc=corp`, `cn=a\20,dc=corp`),
		Entry("the order in an RDN of several parts",
			"cn=Alice+uid=alice,dc=corp", "uid=alice+cn=Alice,dc=corp", "UID=Alice + CN=alice,dc=corp"),
		Entry("what is no DN", "Alice", " alice "),
	)

	DescribeTable("is another for another", func(one, other string) {
		Expect(dnKey(one)).NotTo(Equal(dnKey(other)))
	},
		Entry("name", "uid=alice,dc=corp", "uid=alicia,dc=corp"),
		Entry("attribute", "uid=alice,dc=corp", "cn=alice,dc=corp"),
		Entry("parent", "uid=alice,ou=a,dc=corp", "uid=alice,ou=b,dc=corp"),
		Entry("depth", "uid=alice,dc=corp", "uid=alice"),
		Entry("a comma in the value or between RDNs", `cn=a\,dc=corp`, "cn=a,dc=corp"),
		Entry("a plus in the value or between parts", `cn=a\+uid=b,dc=corp`, "cn=a+uid=b,dc=corp"),
		Entry("an escaped space at the end", `cn=a\ ,dc=corp`, "cn=a,dc=corp"),
		Entry("bytes that are no text", `cn=\ff,dc=corp`, `cn=\fe,dc=corp`),
		Entry("case of bytes that are no text", `cn=\ff\c4,dc=corp`, `cn=\ff\e4,dc=corp`),
	)
})

func FuzzDNKey(f *testing.F) {
	for _, dn := range []string{
		aliceDN, "", "x", "=", "a=b+c=d", `cn=\ff`, `cn=\2c\20`, "cn=#0401ff", "a==", "İ=İ", "K=ſ", " a = b ", `a=\ `, `\61=b`,
		"a=b;c=d", "a=,b=",
	} {
		f.Add(dn)
	}
	f.Fuzz(func(t *testing.T, dn string) {
		key := dnKey(dn)
		if again := dnKey(key); again != key {
			t.Errorf("dnKey(%q) = %q, whose key is %q", dn, key, again)
		}
	})
}

// read are the attributes that some query reads.
var read = []string{
	"entryUUID", "uid", "cn", "mail", "member", "memberUid", "pwdAccountLockedTime", "", "nsUniqueId", "objectGUID", "objectSid",
	"primaryGroupID", "userAccountControl", "accountExpires", "shadowExpire", "nsAccountLock", "sAMAccountName", "displayName",
	"member;range=0-1499", "MEMBER;RANGE=0-*",
}

// entryOf is an entry with as much of a value under each attribute as a byte says.
func entryOf(dn string, attributes, raw []byte) *ldap.Entry {
	entry := &ldap.Entry{DN: dn}
	for i, attribute := range read {
		if i < len(attributes) {
			value := raw[:min(int(attributes[i]), len(raw))]
			both := []string{string(value), string(raw)}
			entry.Attributes = append(entry.Attributes, &ldap.EntryAttribute{
				Name: attribute, Values: both[:1+i%2], ByteValues: [][]byte{value, raw}[:1+i%2],
			})
		}
	}
	return entry
}

func seedEntries(f *testing.F) {
	f.Helper()
	all := bytes.Repeat([]byte{255}, len(read))
	f.Add(aliceDN, []byte{9, 9, 9, 9, 9, 9, 9, 9}, []byte("alice"))
	f.Add("", []byte{}, []byte{})
	f.Add("cn=x+uid=\\ff", []byte{16, 1, 0, 255}, []byte("\x52\x2c\x8f\x0e\xff\x00\x00\x40\x80\x00\x00\x00\x00\x00\x00\x0a"))
	for _, raw := range []string{
		"512", "513", "true", "0", "-1", "9223372036854775807", "000001010000Z", someGUID, someUUID, string(domainUsers), aliceDN,
	} {
		f.Add(aliceDN, all, []byte(raw))
	}
}

var schemas = []v1alpha1.LDAPSchema{v1alpha1.SchemaRFC2307, v1alpha1.SchemaRFC2307bis, v1alpha1.SchemaActiveDirectory}

func FuzzPerson(f *testing.F) {
	seedEntries(f)
	f.Fuzz(func(t *testing.T, dn string, attributes, raw []byte) {
		entry := entryOf(dn, attributes, raw)
		for _, schema := range schemas {
			q := userQuery(&v1alpha1.LDAPSource{Schema: schema})
			p := person(entry, &q)
			if !utf8.ValidString(p.ID) {
				t.Errorf("id %q is no text", p.ID)
			}
			if again := person(entry, &q); !reflect.DeepEqual(again, p) {
				t.Errorf("%+v, and then %+v", p, again)
			}
			if !q.byUID() && len(p.Refs) != 1 || len(p.MemberOf) > 1 {
				t.Errorf("refs %q, member of %q", p.Refs, p.MemberOf)
			}
			if p.Key == "" && strings.TrimSpace(dn) != "" {
				t.Errorf("nothing to tell %q by", dn)
			}
			if at := p.ExpireTime; !at.IsZero() && (!p.Out(at) || !p.Disabled && p.Out(at.Add(-time.Second))) {
				t.Errorf("not kept out from %s on", at)
			}
		}
	})
}

func FuzzGroup(f *testing.F) {
	seedEntries(f)
	f.Fuzz(func(t *testing.T, dn string, attributes, raw []byte) {
		entry := entryOf(dn, attributes, raw)
		for _, schema := range schemas {
			q := groupQuery(&v1alpha1.LDAPSource{Schema: schema, Groups: &v1alpha1.LDAPGroups{}})
			g := group(entry, q)
			if !utf8.ValidString(g.ID) || len(g.Members) < len(entry.GetAttributeValues(q.member)) {
				t.Errorf("%+v", g)
			}
			if len(g.Refs) == 0 || len(g.Refs) > 2 {
				t.Errorf("refs %q", g.Refs)
			}
		}
	})
}

func FuzzObjectGUID(f *testing.F) {
	for _, raw := range []string{someGUID, "", "short", someUUID, strings.Repeat("\x00", 16), strings.Repeat("\xff", 16)} {
		f.Add([]byte(raw))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		guid, ok := objectGUID(raw)
		if ok != (len(raw) == 16) {
			t.Fatalf("%d bytes: %v", len(raw), ok)
		}
		if !ok {
			return
		}
		if back, err := guidBytes(guid); err != nil || !bytes.Equal(back, raw) {
			t.Errorf("%x is %s, which is %x (%v)", raw, guid, back, err)
		}
		// Every way to write it is the same id.
		for _, written := range []string{string(raw), guid, strings.ToUpper(guid), "{" + guid + "}"} {
			if read := id(ldap.NewEntry("", values{attrObjectGUID: {written}}), attrObjectGUID); read != guid {
				t.Errorf("%q reads as %q, not %q", written, read, guid)
			}
		}
	})
}
