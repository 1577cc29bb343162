// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package ldap

import (
	"context"
	"slices"
	"strings"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/directory"
	"github.com/rollcall-iam/rollcall/internal/outcome"
)

// page is some entries, and the end of an answer that there is more after.
func page(next string, entries ...*ber.Packet) []*ber.Packet {
	return append(entries, with(done(0), ldap.ControlTypePaging, sequence(number(ber.TagInteger, 0), octets(next))))
}

// readActiveDirectory reads all of a server that is one, or says so.
func readActiveDirectory(ctx context.Context, w *wireServer, people, groups string) (*directory.Snapshot, error) {
	GinkgoHelper()
	s, err := New(source(func(s *v1alpha1.LDAPSource) {
		s.URL, s.TLS, s.Schema = w.start(), v1alpha1.TLSDisabled, v1alpha1.SchemaActiveDirectory
		s.Users.BaseDN, s.Groups.BaseDN = people, groups
	}), Credentials{})
	Expect(err).NotTo(HaveOccurred())
	return s.Read(ctx)
}

var _ = Describe("A read in pages", func() {
	person := func(name string) *ber.Packet {
		return found("cn="+name+",ou=people,dc=corp", values{"sAMAccountName": {name}})
	}
	group := func(name, attribute string, members ...string) *ber.Packet {
		return found("cn="+name+",ou=groups,dc=corp", values{"sAMAccountName": {name}, attribute: members})
	}

	// read reads people and groups, whose answers are by cookie, and returns what was asked for.
	read := func(ctx context.Context, people, groups map[string][]*ber.Packet) (*directory.Snapshot, []string, error) {
		GinkgoHelper()
		var asked []string
		w := &wireServer{finds: func(s search) []*ber.Packet {
			asked = append(asked, strings.TrimSuffix(s.base, ",dc=corp")+" "+s.cookie)
			switch s.base {
			case "ou=people,dc=corp":
				return people[s.cookie]
			case "ou=groups,dc=corp":
				return groups[s.cookie]
			default:
				return []*ber.Packet{group("all", "member;range=2-*", "cn=carol"), done(0)}
			}
		}}
		snapshot, err := readActiveDirectory(ctx, w, "ou=people,dc=corp", "ou=groups,dc=corp")
		return snapshot, asked, err
	}

	It("is everybody, each page once and in order", func(ctx SpecContext) {
		snapshot, asked, err := read(ctx, map[string][]*ber.Packet{
			"":  page("1", person("alice"), person("bob")),
			"1": page("2"),
			"2": page("", person("carol")),
		}, map[string][]*ber.Packet{"": {group("all", "member", "cn=alice"), done(0)}})
		Expect(err).NotTo(HaveOccurred())
		Expect(snapshot.People).To(HaveExactElements(
			HaveField("UserName", "alice"), HaveField("UserName", "bob"), HaveField("UserName", "carol")))
		Expect(snapshot.Groups).To(HaveExactElements(HaveField("Members", HaveExactElements("cn=alice"))))
		Expect(slices.DeleteFunc(asked, func(a string) bool { return !strings.HasPrefix(a, "ou=") })).To(Equal(
			[]string{"ou=people ", "ou=people 1", "ou=people 2", "ou=groups "}))
	})

	It("asks for the rest of a group's members after the last page, since another search might end the pages", func(ctx SpecContext) {
		snapshot, asked, err := read(ctx, map[string][]*ber.Packet{"": {done(0)}}, map[string][]*ber.Packet{
			"":  page("1", group("all", "member;range=0-1", "cn=alice", "cn=bob")),
			"1": page("", group("few", "member", "cn=dave")),
		})
		Expect(err).NotTo(HaveOccurred())
		Expect(snapshot.Groups).To(HaveExactElements(
			And(HaveField("Name", "all"), HaveField("Members", HaveExactElements("cn=alice", "cn=bob", "cn=carol"))),
			And(HaveField("Name", "few"), HaveField("Members", HaveExactElements("cn=dave")))))
		Expect(asked[len(asked)-3:]).To(Equal([]string{"ou=groups ", "ou=groups 1", "cn=all,ou=groups "}))
	})

	It("is nothing where a page does not come", func(ctx SpecContext) {
		snapshot, _, err := read(ctx, map[string][]*ber.Packet{
			"": page("1", person("alice")), "1": {person("bob"), done(ldap.LDAPResultSizeLimitExceeded)},
		}, nil)
		Expect(snapshot).To(BeNil())
		Expect(outcome.Of(err, "").Reason).To(Equal(v1alpha1.ReasonIncompleteRead))
	})
})
