// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package slapd_test

import (
	"crypto/tls"
	"strings"
	"testing"

	"github.com/go-ldap/ldap/v3"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/rollcall-iam/rollcall/test/internal/installed"
	"github.com/rollcall-iam/rollcall/test/internal/ldapserver"
	"github.com/rollcall-iam/rollcall/test/slapd"
)

const people = 2000

func TestSlapd(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "slapd")
}

var _ = Describe("slapd", Ordered, ContinueOnFailure, func() {
	var server *slapd.Server

	BeforeAll(func(ctx SpecContext) {
		installed.OrSkip(slapd.Available())
		var err error
		server, err = slapd.Start(ctx, slapd.Options{LDIF: slapd.People(people)})
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(func() error { return server.Stop() })
	})

	connect := func(dn string) *ldap.Conn {
		GinkgoHelper()
		conn, err := server.Connect(dn, server.Password())
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(conn.Close)
		return conn
	}
	read := func(dn string) *ldap.Entry {
		GinkgoHelper()
		found, err := connect(slapd.ReaderDN).Search(all(dn))
		Expect(err).NotTo(HaveOccurred())
		Expect(found.Entries).To(HaveLen(1))
		return found.Entries[0]
	}

	running := func() ldapserver.Running { return server }
	ldapserver.ProvesItself(running, slapd.ReaderDN)

	It("refuses wrong passwords, and shows strangers nothing", func() {
		_, err := server.Connect(slapd.ReaderDN, "wrong")
		Expect(ldap.IsErrorWithCode(err, ldap.LDAPResultInvalidCredentials)).To(BeTrue(), "%v", err)
		stranger, err := ldap.DialURL(server.LDAPSURL(), ldap.DialWithTLSConfig(&tls.Config{RootCAs: server.CA().Pool()}))
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(stranger.Close)
		_, err = stranger.Search(all(slapd.PeopleDN))
		Expect(ldap.IsErrorWithCode(err, ldap.LDAPResultInsufficientAccessRights)).To(BeTrue(), "%v", err)
	})

	It("ends a large search in result 4, and answers the reader in pages", func() {
		reader := connect(slapd.ReaderDN)
		found, err := reader.Search(all(slapd.PeopleDN))
		Expect(ldap.IsErrorWithCode(err, ldap.LDAPResultSizeLimitExceeded)).To(BeTrue(), "%v", err)
		Expect(found.Entries).To(HaveLen(slapd.SizeLimit))

		found, err = reader.SearchWithPaging(all(slapd.PeopleDN), 50)
		Expect(err).NotTo(HaveOccurred())
		Expect(found.Entries).To(HaveLen(people + 1))
	})

	It("ends the limited account's paged search in result 4 too", func() {
		found, err := connect(slapd.LimitedDN).SearchWithPaging(all(slapd.PeopleDN), 50)
		Expect(ldap.IsErrorWithCode(err, ldap.LDAPResultSizeLimitExceeded)).To(BeTrue(), "%v", err)
		Expect(found.Entries).NotTo(BeEmpty())
	})

	It("answers the sync account at once", func() {
		found, err := connect(slapd.SyncDN).Search(all(slapd.PeopleDN))
		Expect(err).NotTo(HaveOccurred())
		Expect(found.Entries).To(HaveLen(people + 1))
	})

	It("lets the reader read, not write", func() {
		request := ldap.NewModifyRequest(slapd.PersonDN(slapd.UID(1)), nil)
		request.Replace("sn", []string{"changed"})
		err := connect(slapd.ReaderDN).Modify(request)
		Expect(ldap.IsErrorWithCode(err, ldap.LDAPResultInsufficientAccessRights)).To(BeTrue(), "%v", err)
	})

	It("has groups of both schemas, nested", func() {
		Expect(read(slapd.GroupDN(slapd.UnixTeam(0))).GetAttributeValues("memberUid")).To(HaveLen(20))
		Expect(read(slapd.GroupDN(slapd.Team(99))).GetAttributeValues("member")).To(ContainElement(slapd.PersonDN(slapd.UID(1999))))
		Expect(read(slapd.GroupDN(slapd.Division(9))).GetAttributeValues("member")).To(ContainElement(slapd.GroupDN(slapd.Team(99))))
		Expect(read(slapd.GroupDN(slapd.Company)).GetAttributeValues("member")).To(ContainElement(slapd.GroupDN(slapd.Division(9))))
		Expect(read(slapd.PersonDN(slapd.UID(7))).GetAttributeValue("entryUUID")).NotTo(BeEmpty())
	})

	It("locks and unlocks an account", func() {
		dn := slapd.PersonDN(slapd.UID(3))
		root := connect(slapd.RootDN)
		request := ldap.NewModifyRequest(dn, nil)
		request.Replace("userPassword", []string{"three"})
		Expect(root.Modify(request)).To(Succeed())

		Expect(server.Lock(dn)).To(Succeed())
		Expect(read(dn).GetAttributeValue("pwdAccountLockedTime")).To(Equal("000001010000Z"))
		_, err := server.Connect(dn, "three")
		Expect(ldap.IsErrorWithCode(err, ldap.LDAPResultInvalidCredentials)).To(BeTrue(), "%v", err)

		Expect(server.Unlock(dn)).To(Succeed())
		Expect(server.Unlock(dn)).To(Succeed(), "unlocking again does nothing")
		Expect(read(dn).GetAttributeValue("pwdAccountLockedTime")).To(BeEmpty())
		conn, err := server.Connect(dn, "three")
		Expect(err).NotTo(HaveOccurred())
		Expect(conn.Close()).To(Succeed())
	})

	It("loads entries and changes while it runs, and keeps memberOf", func() {
		const uuid = "11111111-2222-3333-4444-555555555555"
		Expect(server.Load(strings.Join([]string{
			"dn: " + slapd.PersonDN("zoe"), "objectClass: inetOrgPerson", "uid: zoe", "cn: Zoe", "sn: Zoe", "entryUUID: " + uuid, "",
			"dn: " + slapd.GroupDN("late"), "objectClass: groupOfNames", "cn: late", "member: " + slapd.PersonDN("zoe"), "",
		}, "\n"))).To(Succeed())
		zoe := read(slapd.PersonDN("zoe"))
		Expect(zoe.GetAttributeValue("entryUUID")).To(Equal(uuid))
		Expect(zoe.GetAttributeValues("memberOf")).To(ConsistOf(slapd.GroupDN("late")))
		Expect(server.Load("dn: " + slapd.GroupDN("late") + "\nchangetype: delete\n")).To(Succeed())
		Expect(read(slapd.PersonDN("zoe")).GetAttributeValues("memberOf")).To(BeEmpty())
	})

	It("adds, renames, moves, locks and deletes people, and keeps member and memberOf right", func() {
		Expect(server.AddPerson("ann")).To(Succeed())
		Expect(server.AddGroup("team", slapd.PersonDN("ann"))).To(Succeed())
		Expect(read(slapd.PersonDN("ann")).GetAttributeValues("memberOf")).To(ConsistOf(slapd.GroupDN("team")))
		id, err := server.PersonID("ann")
		Expect(err).NotTo(HaveOccurred())
		members := func() []string { return read(slapd.GroupDN("team")).GetAttributeValues("member") }

		Expect(server.RenamePerson("ann", "anna")).To(Succeed())
		Expect(read(slapd.PersonDN("anna")).GetAttributeValues("uid")).To(ConsistOf("anna"))
		Eventually(members).Should(ContainElement(slapd.PersonDN("anna")), "refint follows")
		Expect(server.MovePerson("anna", slapd.ElsewhereDN)).To(Succeed())
		Eventually(members).Should(ContainElement("uid=anna," + slapd.ElsewhereDN))
		Expect(server.DisablePerson("anna")).To(Succeed())
		Expect(read("uid=anna," + slapd.ElsewhereDN).GetAttributeValue("pwdAccountLockedTime")).NotTo(BeEmpty())
		Expect(server.EnablePerson("anna")).To(Succeed())
		Expect(read("uid=anna," + slapd.ElsewhereDN).GetAttributeValue("pwdAccountLockedTime")).To(BeEmpty())
		Expect(server.PersonID("anna")).To(Equal(id))

		Expect(server.AddMember("team", slapd.PersonDN(slapd.UID(1)))).To(Succeed())
		Expect(server.DeletePerson("anna")).To(Succeed())
		Eventually(members).Should(HaveLen(2), "somebody who does not exist is there from the beginning")
		Expect(server.RemoveMember("team", slapd.PersonDN(slapd.UID(1)))).To(Succeed(), "the last one may leave")
		Expect(server.DeleteGroup("team")).To(Succeed())
		Expect(server.DeletePerson("anna")).To(MatchError(ContainSubstring("0 entries have the uid anna")))
	})

	It("goes back to the last backup", func(ctx SpecContext) {
		Expect(server.Backup(ctx)).To(Succeed())
		Expect(server.AddPerson("lost")).To(Succeed())
		Expect(server.Restore(ctx)).To(Succeed())
		_, err := server.PersonID("lost")
		Expect(err).To(MatchError(ContainSubstring("0 entries have the uid lost")))
		Expect(server.PersonID(slapd.UID(0))).NotTo(BeEmpty())
	})

	It("keeps its data and addresses over a restart", func(ctx SpecContext) {
		url := server.LDAPSURL()
		Expect(server.Halt()).To(Succeed())
		_, err := server.Root()
		Expect(err).To(HaveOccurred())
		Expect(server.Restart(ctx)).To(Succeed())
		Expect(server.Restart(ctx)).To(Succeed())
		Expect(server.LDAPSURL()).To(Equal(url))
		Expect(read(slapd.PersonDN(slapd.UID(0))).GetAttributeValue("uid")).To(Equal(slapd.UID(0)))
	})

	ldapserver.Ends(running)

	It("says what is wrong with an LDIF", func(ctx SpecContext) {
		_, err := slapd.Start(ctx, slapd.Options{LDIF: "dn: cn=x,ou=nowhere," + slapd.BaseDN + "\nobjectClass: device\ncn: x\n"})
		Expect(err).To(MatchError(SatisfyAll(ContainSubstring("slapadd refuses"), ContainSubstring("ou=nowhere"))))
	})
})

// all asks for every entry from dn down, operational attributes too.
func all(dn string) *ldap.SearchRequest {
	scope := ldap.ScopeWholeSubtree
	if !strings.HasPrefix(dn, "ou=") {
		scope = ldap.ScopeBaseObject
	}
	return ldap.NewSearchRequest(dn, scope, ldap.NeverDerefAliases, 0, 0, false, "(objectClass=*)", []string{"*", "+"}, nil)
}
