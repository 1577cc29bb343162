// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package ldap

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/directory"
	"github.com/rollcall-iam/rollcall/internal/outcome"
)

// source is a spec that works, as edits change it.
func source(edits ...func(*v1alpha1.LDAPSource)) *v1alpha1.LDAPSource {
	spec := &v1alpha1.LDAPSource{
		URL: "ldaps://ldap.corp.example:636", TLS: v1alpha1.TLSRequired, Schema: v1alpha1.SchemaRFC2307bis,
		Users:  v1alpha1.LDAPUsers{BaseDN: "ou=people,dc=corp,dc=example"},
		Groups: &v1alpha1.LDAPGroups{BaseDN: "ou=groups,dc=corp,dc=example"},
	}
	for _, edit := range edits {
		edit(spec)
	}
	return spec
}

func authority() []byte {
	GinkgoHelper()
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: selfSigned().Certificate[0]})
}

func selfSigned(names ...string) tls.Certificate {
	GinkgoHelper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	Expect(err).NotTo(HaveOccurred())
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), IsCA: true, NotAfter: time.Unix(1<<33, 0), BasicConstraintsValid: true, DNSNames: names,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	Expect(err).NotTo(HaveOccurred())
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func beInvalid(parts ...string) OmegaMatcher {
	matchers := make([]OmegaMatcher, 0, 2+len(parts))
	matchers = append(matchers, HaveField("Kind", outcome.Terminal), HaveField("Reason", v1alpha1.ReasonInvalidConfig))
	for _, part := range parts {
		matchers = append(matchers, HaveField("Message", ContainSubstring(part)))
	}
	return And(matchers...)
}

var _ = Describe("A source", func() {
	DescribeTable("is refused where it cannot work, with the field's name", func(parts []string, edit func(*v1alpha1.LDAPSource)) {
		made, err := New(source(edit), Credentials{})
		Expect(made).To(BeNil())
		Expect(err).To(beInvalid(parts...))
	},
		Entry("the people's filter", []string{"spec.ldap.users.filter", `"(uid=*"`},
			func(s *v1alpha1.LDAPSource) { s.Users.Filter = "(uid=*" }),
		Entry("the groups' filter", []string{"spec.ldap.groups.filter", `"cn=x"`}, func(s *v1alpha1.LDAPSource) { s.Groups.Filter = "cn=x" }),
		Entry("a filter with something after it", []string{"spec.ldap.users.filter"},
			func(s *v1alpha1.LDAPSource) { s.Users.Filter = "(uid=a)(uid=b)" }),
		Entry("a filter with a bad escape", []string{"spec.ldap.users.filter"}, func(s *v1alpha1.LDAPSource) { s.Users.Filter = `(uid=\zz)` }),
		Entry("the people's base", []string{"spec.ldap.users.baseDN", `"people"`}, func(s *v1alpha1.LDAPSource) { s.Users.BaseDN = "people" }),
		Entry("the groups' base", []string{"spec.ldap.groups.baseDN", `"dc=x,,"`}, func(s *v1alpha1.LDAPSource) { s.Groups.BaseDN = "dc=x,," }),
		Entry("the url", []string{"spec.ldap.url"}, func(s *v1alpha1.LDAPSource) { s.URL = "ldaps://[::1" }),
	)

	DescribeTable("is made of filters that parse", func(filter string) {
		_, err := New(source(func(s *v1alpha1.LDAPSource) { s.Users.Filter = filter }), Credentials{})
		Expect(err).NotTo(HaveOccurred())
	},
		Entry("none, for the default", ""),
		Entry("nested", "(&(objectClass=person)(!(uid=root))(|(ou=a)(ou=b)))"),
		Entry("non-ASCII", "(cn=Jürgen*)"),
		Entry("escaped", `(cn=\28x\29)`),
		Entry("a matching rule", "(memberOf:1.2.840.113556.1.4.1941:=cn=x,dc=corp)"),
	)

	It("is refused where the CA is no PEM", func() {
		_, err := New(source(), Credentials{CA: []byte("not PEM")})
		Expect(err).To(beInvalid("caSecretRef", "ca.crt"))
	})

	It("trusts the CA that it is given, and no other", func() {
		s, err := New(source(), Credentials{CA: authority()})
		Expect(err).NotTo(HaveOccurred())
		Expect(s.tlsConfig.RootCAs).NotTo(BeNil())
		Expect(s.tlsConfig.InsecureSkipVerify).To(BeFalse())
		Expect(s.tlsConfig.ServerName).To(Equal("ldap.corp.example"))
		Expect(s.tlsConfig.MinVersion).To(BeNumerically(">=", tls.VersionTLS12))
	})

	It("trusts the system's roots where it is given none", func() {
		s, err := New(source(), Credentials{})
		Expect(err).NotTo(HaveOccurred())
		Expect(s.tlsConfig.RootCAs).To(BeNil())
	})

	It("reads no groups where none are configured", func() {
		s, err := New(source(func(s *v1alpha1.LDAPSource) { s.Groups = nil }), Credentials{})
		Expect(err).NotTo(HaveOccurred())
		Expect(s.groups).To(BeNil())
	})
})

var _ = Describe("What is asked for by default", func() {
	const people, groups = "ou=people,dc=corp,dc=example", "ou=groups,dc=corp,dc=example"

	DescribeTable("is that of the schema", func(schema v1alpha1.LDAPSchema, users, of query, nested bool) {
		spec := source(func(s *v1alpha1.LDAPSource) { s.Schema = schema })
		asked := func(q query) query { q.schema, q.others = "", nil; return q }
		Expect(asked(userQuery(spec))).To(Equal(users))
		Expect(asked(*groupQuery(spec))).To(Equal(of))
		Expect(Nested(spec)).To(Equal(nested))
	},
		Entry("RFC2307bis", v1alpha1.SchemaRFC2307bis, query{
			baseDN: people, filter: "(objectClass=inetOrgPerson)", id: "entryUUID", name: "uid", displayName: "cn", email: "mail",
		}, query{baseDN: groups, filter: "(objectClass=groupOfNames)", id: "entryUUID", name: "cn", member: "member"}, true),
		Entry("RFC2307", v1alpha1.SchemaRFC2307, query{
			baseDN: people, filter: "(objectClass=posixAccount)", id: "entryUUID", name: "uid", displayName: "cn", email: "mail",
		}, query{baseDN: groups, filter: "(objectClass=posixGroup)", id: "entryUUID", name: "cn", member: "memberUid"}, false),
		Entry("ActiveDirectory", v1alpha1.SchemaActiveDirectory, query{
			baseDN: people, filter: "(&(objectCategory=person)(objectClass=user))",
			id: "objectGUID", name: "sAMAccountName", displayName: "displayName", email: "mail",
		}, query{baseDN: groups, filter: "(objectClass=group)", id: "objectGUID", name: "sAMAccountName", member: "member"}, true),
	)

	It("yields to what is configured", func() {
		spec := source(func(s *v1alpha1.LDAPSource) {
			s.Users.Filter, s.Groups.Filter = "(uid=*)", "(cn=*)"
			s.Users.Attributes = v1alpha1.LDAPUserAttributes{ID: "i", UserName: "u", DisplayName: "d", Email: "e"}
			s.Groups.Attributes = v1alpha1.LDAPGroupAttributes{ID: "i", Name: "n", Member: "m"}
		})
		users, groups := userQuery(spec), groupQuery(spec)
		users.schema, users.others, groups.schema, groups.others = "", nil, "", nil
		Expect(users).To(Equal(query{
			baseDN: "ou=people,dc=corp,dc=example", filter: "(uid=*)", id: "i", name: "u", displayName: "d", email: "e",
		}))
		Expect(*groups).To(Equal(query{
			baseDN: "ou=groups,dc=corp,dc=example", filter: "(cn=*)", id: "i", name: "n", member: "m",
		}))
	})

	It("includes operational attributes by name", func() {
		s, err := New(source(), Credentials{})
		Expect(err).NotTo(HaveOccurred())
		Expect(s.users.attributes()).To(ConsistOf(
			"entryUUID", "nsUniqueId", "uid", "cn", "mail", "pwdAccountLockedTime", "nsAccountLock", "shadowExpire"))
		Expect(s.groups.attributes()).To(ConsistOf("entryUUID", "nsUniqueId", "cn", "member"))
		s, err = New(source(func(s *v1alpha1.LDAPSource) {
			s.Schema, s.Users.Attributes.UserName = v1alpha1.SchemaRFC2307, "mail"
		}), Credentials{})
		Expect(err).NotTo(HaveOccurred())
		Expect(s.users.attributes()).To(ContainElement("uid"))
	})

	DescribeTable("nests as configured", func(schema v1alpha1.LDAPSchema, nesting v1alpha1.NestingMode, want bool) {
		Expect(Nested(source(func(s *v1alpha1.LDAPSource) { s.Schema, s.Groups.Nesting = schema, nesting }))).To(Equal(want))
	},
		Entry("Flat", v1alpha1.SchemaRFC2307bis, v1alpha1.NestingFlat, false),
		Entry("Nested", v1alpha1.SchemaRFC2307, v1alpha1.NestingNested, true),
	)

	DescribeTable("depends on who is in which group", func(filter string, disabled *v1alpha1.LDAPDisabled, want bool) {
		q := userQuery(source(func(s *v1alpha1.LDAPSource) { s.Users.Filter, s.Users.Disabled = filter, disabled }))
		Expect(q.followsGroups()).To(Equal(want))
	},
		Entry("by default", "", nil, false),
		Entry("with a filter on something else", "(&(objectClass=person)(mail=*))", nil, false),
		Entry("with a filter on memberOf", "(&(objectClass=person)(|(memberof=cn=k8s,dc=corp)(uid=root)))", nil, true),
		Entry("with a sign of disabled people that is one", "", &v1alpha1.LDAPDisabled{Attribute: "memberOf"}, true),
	)

	It("does not nest without groups", func() {
		Expect(Nested(source(func(s *v1alpha1.LDAPSource) { s.Groups = nil }))).To(BeFalse())
	})
})

var _ = Describe("What goes wrong", func() {
	failed := func(code uint16, text string) error { return ldap.NewError(code, errors.New(text)) }
	transient, terminal := outcome.Transient, outcome.Terminal

	expect := func(err error, kind outcome.Kind, reason string, parts ...string) {
		GinkgoHelper()
		problem := outcome.Of(err, "None")
		Expect(problem.Kind).To(Equal(kind), problem.Message)
		Expect(problem.Reason).To(Equal(reason))
		for _, part := range parts {
			Expect(problem.Message).To(ContainSubstring(part))
		}
	}

	DescribeTable("while dialling", func(err error, kind outcome.Kind, reason string) {
		expect(dialProblem(err, "ldaps://x"), kind, reason, "ldaps://x")
	},
		Entry("no route", failed(ldap.ErrorNetwork, "no route"), transient, v1alpha1.ReasonUnreachable),
		Entry("anything", errors.New("odd"), transient, v1alpha1.ReasonUnreachable),
		Entry("an unknown authority", ldap.NewError(ldap.ErrorNetwork,
			&tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}), terminal, v1alpha1.ReasonTLSFailed),
		Entry("an unknown authority, bare", fmt.Errorf("x: %w", x509.UnknownAuthorityError{}), terminal, v1alpha1.ReasonTLSFailed),
		Entry("another host", ldap.NewError(ldap.ErrorNetwork,
			x509.HostnameError{Certificate: &x509.Certificate{}, Host: "x"}), terminal, v1alpha1.ReasonTLSFailed),
	)

	DescribeTable("while binding", func(err error, kind outcome.Kind, reason string) {
		expect(bindProblem(err, "ldaps://x", "cn=sync"), kind, reason, "ldaps://x")
	},
		Entry("a wrong password", failed(ldap.LDAPResultInvalidCredentials, "49"), terminal, v1alpha1.ReasonBindFailed),
		Entry("a server that wants TLS", failed(ldap.LDAPResultConfidentialityRequired, "13"), terminal, v1alpha1.ReasonBindFailed),
		Entry("a password that is empty", failed(ldap.ErrorEmptyPassword, "empty"), terminal, v1alpha1.ReasonBindFailed),
		Entry("a broken connection", failed(ldap.ErrorNetwork, "reset"), transient, v1alpha1.ReasonUnreachable),
		Entry("a busy server", failed(ldap.LDAPResultBusy, "busy"), transient, v1alpha1.ReasonUnreachable),
		Entry("a server that shuts down", failed(ldap.LDAPResultUnavailable, "down"), transient, v1alpha1.ReasonUnreachable),
	)

	DescribeTable("while searching", func(code uint16, kind outcome.Kind, reason string) {
		expect(searchProblem(failed(code, "why"), "dc=corp", "cn=sync"), kind, reason, `"dc=corp"`)
	},
		Entry("the size limit", uint16(ldap.LDAPResultSizeLimitExceeded), terminal, v1alpha1.ReasonIncompleteRead),
		Entry("the time limit", uint16(ldap.LDAPResultTimeLimitExceeded), terminal, v1alpha1.ReasonIncompleteRead),
		Entry("the administrator's limit", uint16(ldap.LDAPResultAdminLimitExceeded), terminal, v1alpha1.ReasonIncompleteRead),
		Entry("no such base", uint16(ldap.LDAPResultNoSuchObject), terminal, v1alpha1.ReasonInvalidConfig),
		Entry("no right", uint16(ldap.LDAPResultInsufficientAccessRights), terminal, v1alpha1.ReasonBindFailed),
		Entry("a broken connection", uint16(ldap.ErrorNetwork), transient, v1alpha1.ReasonUnreachable),
		Entry("a busy server", uint16(ldap.LDAPResultBusy), transient, v1alpha1.ReasonUnreachable),
		Entry("anything", uint16(ldap.LDAPResultOther), transient, v1alpha1.ReasonFailed),
	)

	DescribeTable("while watching", func(code uint16, resumed bool, kind outcome.Kind, reason string) {
		err := watchProblem(failed(code, "why"), "dc=corp", "cn=sync", resumed)
		Expect(errors.Is(err, directory.ErrStartOver)).To(BeFalse())
		expect(err, kind, reason, `"dc=corp"`, "why")
	},
		Entry("unwilling, without a cookie", uint16(ldap.LDAPResultUnwillingToPerform), false, terminal, v1alpha1.ReasonNotSupported),
		Entry("a refresh is required, without a cookie", uint16(4096), false, terminal, v1alpha1.ReasonNotSupported),
		Entry("the control is not known, without a cookie",
			uint16(ldap.LDAPResultUnavailableCriticalExtension), false, terminal, v1alpha1.ReasonNotSupported),
		Entry("the protocol is not kept, without a cookie", uint16(ldap.LDAPResultProtocolError), false, terminal, v1alpha1.ReasonNotSupported),
		Entry("the size limit", uint16(ldap.LDAPResultSizeLimitExceeded), true, terminal, v1alpha1.ReasonNotPermitted),
		Entry("the time limit", uint16(ldap.LDAPResultTimeLimitExceeded), false, terminal, v1alpha1.ReasonNotPermitted),
		Entry("the administrator's limit", uint16(ldap.LDAPResultAdminLimitExceeded), true, terminal, v1alpha1.ReasonNotPermitted),
		Entry("no right", uint16(ldap.LDAPResultInsufficientAccessRights), true, terminal, v1alpha1.ReasonNotPermitted),
		Entry("no such base", uint16(ldap.LDAPResultNoSuchObject), false, terminal, v1alpha1.ReasonNotPermitted),
		Entry("a broken connection", uint16(ldap.ErrorNetwork), true, transient, v1alpha1.ReasonDisconnected),
		Entry("a server that shuts down", uint16(ldap.LDAPResultUnavailable), false, transient, v1alpha1.ReasonDisconnected),
		Entry("anything", uint16(ldap.LDAPResultOther), true, transient, v1alpha1.ReasonDisconnected),
	)

	DescribeTable("with a cookie, which makes it start over", func(code uint16) {
		Expect(watchProblem(failed(code, "why"), "dc=corp", "cn=sync", true)).To(MatchError(directory.ErrStartOver))
	},
		Entry("one that is newer than the data", uint16(ldap.LDAPResultUnwillingToPerform)),
		Entry("one that is too old", uint16(4096)),
		Entry("one that Active Directory cannot read", uint16(ldap.LDAPResultUnavailableCriticalExtension)),
		Entry("one that another cannot read", uint16(ldap.LDAPResultProtocolError)),
	)

	It("is told in the standard's words where the server has none", func() {
		err := watchProblem(failed(ldap.LDAPResultSizeLimitExceeded, ""), "dc=corp", "cn=sync", false)
		Expect(err).To(MatchError(ContainSubstring(`below "dc=corp": Size Limit Exceeded; raise its limits`)))
	})

	It("is told in the server's words, never with the password", func() {
		err := bindProblem(failed(ldap.LDAPResultUnwillingToPerform, "try later"), "ldaps://x", "cn=sync")
		Expect(err).To(MatchError(`ldaps://x refuses the bind as "cn=sync": try later`))
	})
})

// Whatever the spec says, New answers or refuses, with a reason.
func FuzzNewFilter(f *testing.F) {
	for _, filter := range []string{
		"", "(uid=*)", "(&(a=b)(!(c=d)))", "(", ")", "(a=\\", "(a:dn:1.2:=b)", "(&)", "((a=b))", "(a=\xff)", "(=)",
	} {
		f.Add(filter, "dc=corp", "ldap://x")
	}
	f.Add("(uid=*)", "dc=corp,,", "ldap://[")
	f.Fuzz(func(t *testing.T, filter, base, url string) {
		made, err := New(source(func(s *v1alpha1.LDAPSource) {
			s.URL, s.Users.Filter, s.Users.BaseDN, s.Groups.Filter = url, filter, base, filter
		}), Credentials{})
		if (made == nil) == (err == nil) {
			t.Fatalf("source %v, error %v", made, err)
		}
		if problem := outcome.Of(err, ""); err != nil && (problem.Kind != outcome.Terminal || problem.Reason != v1alpha1.ReasonInvalidConfig) {
			t.Fatalf("%#v", problem)
		}
	})
}
