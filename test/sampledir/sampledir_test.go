// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package sampledir_test

import (
	"crypto/tls"
	"crypto/x509"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/go-ldap/ldap/v3"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/rollcall-iam/rollcall/test/sampledir"
)

func TestSampleDirectory(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Sample directory")
}

var _ = Describe("The sample directory", func() {
	var (
		server *sampledir.Server
		client *ldap.Conn
		told   atomic.Value
	)

	BeforeEach(func(ctx SpecContext) {
		told = atomic.Value{}
		var err error
		server, err = sampledir.Start(ctx, sampledir.Options{
			Password: "correct horse",
			OnError:  func(err error) { told.Store(err.Error()) },
		})
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(func() error { return server.Stop() })
		client = dial(server)
		Expect(client.Bind(server.BindDN(), server.Password())).To(Succeed())
	})

	search := func(base string, scope int, filter string, attributes ...string) ([]*ldap.Entry, error) {
		found, err := client.Search(ldap.NewSearchRequest(base, scope, ldap.NeverDerefAliases, 0, 0, false, filter, attributes, nil))
		if found == nil {
			return nil, err
		}
		return found.Entries, err
	}
	find := func(filter string) []string {
		GinkgoHelper()
		entries, err := search(sampledir.BaseDN, ldap.ScopeWholeSubtree, filter)
		Expect(err).NotTo(HaveOccurred())
		return names(entries)
	}
	everybody := func() []string {
		GinkgoHelper()
		return find("(objectClass=inetOrgPerson)")
	}

	It("is not trusted without its authority", func() {
		_, err := ldap.DialURL(server.URL())
		Expect(err).To(MatchError(ContainSubstring("x509")))
	})

	It("refuses anonymous searches, and wrong passwords", func() {
		stranger := dial(server)
		request := ldap.NewSearchRequest(sampledir.BaseDN, ldap.ScopeWholeSubtree, 0, 0, 0, false, "(uid=*)", nil, nil)
		_, err := stranger.Search(request)
		Expect(ldap.IsErrorWithCode(err, ldap.LDAPResultInsufficientAccessRights)).To(BeTrue(), "%v", err)

		Expect(ldap.IsErrorWithCode(stranger.Bind(server.BindDN(), "wrong"), ldap.LDAPResultInvalidCredentials)).To(BeTrue())
		err = stranger.Bind("uid=alice,"+sampledir.PeopleDN, "correct horse")
		Expect(ldap.IsErrorWithCode(err, ldap.LDAPResultInvalidCredentials)).To(BeTrue(), "%v", err)
	})

	It("forgets who is bound when a later bind fails", func() {
		Expect(client.Bind(server.BindDN(), "wrong")).NotTo(Succeed())
		_, err := search(sampledir.BaseDN, ldap.ScopeWholeSubtree, "(uid=*)")
		Expect(ldap.IsErrorWithCode(err, ldap.LDAPResultInsufficientAccessRights)).To(BeTrue(), "%v", err)
	})

	DescribeTable("evaluates filters",
		func(filter string, expected ...string) {
			Expect(find(filter)).To(ConsistOf(expected))
		},
		Entry("equality, case apart", "(UID=ALICE)", "alice"),
		Entry("and", "(&(objectClass=inetOrgPerson)(mail=bob@corp.example))", "bob"),
		Entry("or", "(|(uid=alice)(uid=bob))", "alice", "bob"),
		Entry("not", "(&(objectClass=inetOrgPerson)(!(uid=*)))", "Lobby Printer"),
		Entry("presence", "(pwdAccountLockedTime=*)", "mallory"),
		Entry("substring, at the start", "(uid=al*)", "alice"),
		Entry("substring, everywhere", "(mail=a*ce@*.example)", "alice"),
		Entry("substring, at the end", "(cn=*Printer)", "Lobby Printer"),
		Entry("a member by DN, differently spaced", "(&(cn=p*)(member=uid=alice, ou=people, dc=corp, dc=example))", "payments"),
		Entry("an order", "(&(objectClass=person)(uid<=bob))", "alice", "bob"),
		Entry("nothing", "(uid=nobody)"),
	)

	It("says when it does not know a kind of filter", func() {
		_, err := search(sampledir.BaseDN, ldap.ScopeWholeSubtree, "(memberOf:1.2.840.113556.1.4.1941:=cn=x)")
		Expect(ldap.IsErrorWithCode(err, ldap.LDAPResultUnwillingToPerform)).To(BeTrue(), "%v", err)
	})

	It("keeps to the scope and the base", func() {
		base, err := search(sampledir.PeopleDN, ldap.ScopeBaseObject, "(objectClass=*)")
		Expect(err).NotTo(HaveOccurred())
		Expect(base).To(HaveLen(1))
		units, err := search(sampledir.BaseDN, ldap.ScopeSingleLevel, "(objectClass=*)")
		Expect(err).NotTo(HaveOccurred())
		Expect(names(units)).To(ConsistOf("people", "groups", "services"))
		people, err := search("OU=People, DC=corp,DC=example", ldap.ScopeWholeSubtree, "(objectClass=person)")
		Expect(err).NotTo(HaveOccurred())
		Expect(people).To(HaveLen(15))

		_, err = search("ou=nowhere,"+sampledir.BaseDN, ldap.ScopeWholeSubtree, "(objectClass=*)")
		Expect(ldap.IsErrorWithCode(err, ldap.LDAPResultNoSuchObject)).To(BeTrue(), "%v", err)
	})

	It("returns the attributes asked for, operational ones only by name", func() {
		ask := func(attributes ...string) *ldap.Entry {
			GinkgoHelper()
			entries, err := search(sampledir.PeopleDN, ldap.ScopeWholeSubtree, "(uid=alice)", attributes...)
			Expect(err).NotTo(HaveOccurred())
			Expect(entries).To(HaveLen(1))
			return entries[0]
		}
		Expect(ask().GetAttributeValue("entryUUID")).To(BeEmpty())
		Expect(ask().GetAttributeValue("mail")).To(Equal("alice@corp.example"))
		Expect(ask("entryUUID").GetAttributeValue("entryUUID")).NotTo(BeEmpty())
		Expect(ask("entryUUID").GetAttributeValue("mail")).To(BeEmpty())
		Expect(ask("+").GetAttributeValue("entryUUID")).NotTo(BeEmpty())
		Expect(ask("*", "entryuuid").Attributes).To(HaveLen(len(ask().Attributes) + 1))
		Expect(ask("1.1").Attributes).To(BeEmpty())
	})

	It("answers in pages, which agree with each other while the file changes", func() {
		request := ldap.NewSearchRequest(sampledir.PeopleDN, ldap.ScopeWholeSubtree, 0, 0, 0, false, "(objectClass=person)", nil, nil)
		found, err := client.SearchWithPaging(request, 4)
		Expect(err).NotTo(HaveOccurred())
		Expect(names(found.Entries)).To(ConsistOf(everybody()))

		paging := ldap.NewControlPaging(10)
		request.Controls = []ldap.Control{paging}
		first, err := client.Search(request)
		Expect(err).NotTo(HaveOccurred())
		Expect(server.Edit(func(string) (string, error) { return "dn: o=other\nobjectClass: top\n", nil })).To(Succeed())
		paging.SetCookie(ldap.FindControl(first.Controls, ldap.ControlTypePaging).(*ldap.ControlPaging).Cookie)
		second, err := client.Search(request)
		Expect(err).NotTo(HaveOccurred())
		Expect(append(first.Entries, second.Entries...)).To(HaveLen(15))
	})

	It("refuses a cookie that it did not give", func() {
		paging := ldap.NewControlPaging(10)
		paging.SetCookie([]byte("stale"))
		request := ldap.NewSearchRequest(sampledir.PeopleDN, ldap.ScopeWholeSubtree, 0, 0, 0, false, "(uid=*)", nil, []ldap.Control{paging})
		_, err := client.Search(request)
		Expect(ldap.IsErrorWithCode(err, ldap.LDAPResultUnwillingToPerform)).To(BeTrue(), "%v", err)
	})

	It("keeps to the client's size limit", func() {
		found, err := client.Search(ldap.NewSearchRequest(sampledir.PeopleDN, ldap.ScopeWholeSubtree, 0, 3, 0, false, "(uid=*)", nil, nil))
		Expect(ldap.IsErrorWithCode(err, ldap.LDAPResultSizeLimitExceeded)).To(BeTrue(), "%v", err)
		Expect(found.Entries).To(HaveLen(3))
	})

	It("locks and unlocks a person, by editing the file", func() {
		before, err := os.ReadFile(server.File())
		Expect(err).NotTo(HaveOccurred())
		Expect(server.Disable("alice")).To(Succeed())
		Expect(server.Disable("alice")).To(Succeed())
		Expect(find("(pwdAccountLockedTime=*)")).To(ConsistOf("alice", "mallory"))
		Expect(server.Enable("alice")).To(Succeed())
		Expect(find("(pwdAccountLockedTime=*)")).To(ConsistOf("mallory"))
		Expect(os.ReadFile(server.File())).To(Equal(before))

		Expect(server.Disable("nobody")).To(MatchError(ContainSubstring(`no person with uid "nobody"`)))
	})

	DescribeTable("keeps the last good content when the file turns bad, and says so",
		func(bad, message string) {
			before := everybody()
			good, err := os.ReadFile(server.File())
			Expect(err).NotTo(HaveOccurred())
			Expect(os.WriteFile(server.File(), []byte(bad), 0o600)).To(Succeed())
			Expect(everybody()).To(Equal(before))
			Expect(told.Load()).To(ContainSubstring(message))

			fixed := strings.Replace(string(good), "uid: alice\n", "uid: alicia\n", 1)
			Expect(os.WriteFile(server.File(), []byte(fixed), 0o600)).To(Succeed())
			Expect(find("(uid=alicia)")).To(HaveLen(1))
		},
		Entry("no LDIF", "hello\n\n", "missing 'dn:'"),
		Entry("changes", "dn: o=x\nchangetype: delete\n", "remove the changetype lines"),
		Entry("a double name", "dn: o=x\no: x\n\ndn: O=X\no: x\n", "two entries are called O=X"),
		Entry("a bad name", "dn: x\no: x\n", `entry "x"`),
		Entry("nothing at all", "", "the file is empty"),
	)

	It("says once that the file is gone, and goes on when it is back", func() {
		away := server.File() + ".away"
		Expect(os.Rename(server.File(), away)).To(Succeed())
		Expect(everybody()).To(HaveLen(15))
		Expect(told.Load()).To(ContainSubstring("no such file"))
		told.Store("")
		Expect(everybody()).To(HaveLen(15))
		Expect(told.Load()).To(BeEmpty())
		Expect(os.Rename(away, server.File())).To(Succeed())
		Expect(server.Disable("alice")).To(Succeed())
		Expect(find("(pwdAccountLockedTime=*)")).To(HaveLen(2))
	})

	It("serves a given file, and writes the sample where there is none", func(ctx SpecContext) {
		path := filepath.Join(GinkgoT().TempDir(), "company.ldif")
		first, err := sampledir.Start(ctx, sampledir.Options{File: path})
		Expect(err).NotTo(HaveOccurred())
		Expect(first.Password()).NotTo(BeEmpty())
		Expect(first.Disable("bob")).To(Succeed())
		Expect(first.Stop()).To(Succeed())
		Expect(path).To(BeARegularFile())

		second, err := sampledir.Start(ctx, sampledir.Options{File: path})
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(second.Stop)
		Expect(os.ReadFile(path)).To(ContainSubstring("pwdAccountLockedTime: 000001010000Z\n\ndn: uid=carol"))
	})

	It("stops although a client stays connected", func() {
		Expect(server.Stop()).To(Succeed())
		Expect(server.Stop()).To(Succeed())
		Expect(server.File()).NotTo(BeAnExistingFile())
		_, err := search(sampledir.BaseDN, ldap.ScopeWholeSubtree, "(uid=*)")
		Expect(err).To(HaveOccurred())
	})

	It("describes itself to whoever is bound", func() {
		root, err := search("", ldap.ScopeBaseObject, "(objectClass=*)", "namingContexts", "supportedControl")
		Expect(err).NotTo(HaveOccurred())
		Expect(root).To(HaveExactElements(HaveField("Attributes", HaveLen(2))))
	})
})

func dial(server *sampledir.Server) *ldap.Conn {
	GinkgoHelper()
	pool := x509.NewCertPool()
	Expect(pool.AppendCertsFromPEM(server.CAPEM())).To(BeTrue())
	client, err := ldap.DialURL(server.URL(), ldap.DialWithTLSConfig(&tls.Config{RootCAs: pool}))
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() { _ = client.Close() }) // The server may have closed it first.
	return client
}

// names are what people call the entries: uid, cn or ou.
func names(entries []*ldap.Entry) []string {
	list := make([]string, 0, len(entries))
	for _, entry := range entries {
		for _, attribute := range []string{"uid", "cn", "ou"} {
			if name := entry.GetAttributeValue(attribute); name != "" {
				list = append(list, name)
				break
			}
		}
	}
	return list
}
