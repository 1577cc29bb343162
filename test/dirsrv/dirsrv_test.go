// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package dirsrv_test

import (
	"crypto/tls"
	"os"
	"strings"
	"testing"

	"github.com/go-ldap/ldap/v3"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/rollcall-iam/rollcall/test/dirsrv"
	"github.com/rollcall-iam/rollcall/test/internal/installed"
	"github.com/rollcall-iam/rollcall/test/internal/ldapserver"
)

func TestDirsrv(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "dirsrv")
}

var _ = Describe("389 Directory Server", Ordered, ContinueOnFailure, func() {
	var server *dirsrv.Server

	BeforeAll(func(ctx SpecContext) {
		installed.OrSkip(dirsrv.Available())
		var err error
		server, err = dirsrv.Start(ctx, dirsrv.Options{})
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(func() error { return server.Stop() })
		Expect(server.AddPerson("ann")).To(Succeed())
	})

	read := func(dn string) *ldap.Entry {
		GinkgoHelper()
		found, err := connect(server).Search(base(dn))
		Expect(err).NotTo(HaveOccurred())
		Expect(found.Entries).To(HaveLen(1))
		return found.Entries[0]
	}

	running := func() ldapserver.Running { return server }
	ldapserver.ProvesItself(running, dirsrv.ReaderDN)

	It("refuses wrong passwords, and shows strangers nothing", func() {
		_, err := server.Connect(dirsrv.ReaderDN, "wrong")
		Expect(ldap.IsErrorWithCode(err, ldap.LDAPResultInvalidCredentials)).To(BeTrue(), "%v", err)
		stranger, err := ldap.DialURL(server.LDAPSURL(), ldap.DialWithTLSConfig(&tls.Config{RootCAs: server.CA().Pool()}))
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(stranger.Close)
		_, err = stranger.Search(base(dirsrv.PeopleDN))
		Expect(ldap.IsErrorWithCode(err, ldap.LDAPResultInappropriateAuthentication)).To(BeTrue(), "%v", err)
	})

	It("shows the reader what the server itself keeps, but no password", func() {
		Expect(server.DisablePerson("ann")).To(Succeed())
		ann := read(dirsrv.PersonDN("ann"))
		Expect(server.PersonID("ann")).To(Equal(ann.GetAttributeValue("entryUUID")))
		Expect(ann.GetAttributeValue("nsUniqueId")).NotTo(BeEmpty())
		Expect(ann.GetAttributeValue("nsAccountLock")).To(Equal("true"))
		Expect(read(dirsrv.ReaderDN).GetAttributeValues("userPassword")).To(BeEmpty())
		Expect(changeNumber(server)).To(BeNumerically(">", 0))

		Expect(server.EnablePerson("ann")).To(Succeed())
		Expect(server.EnablePerson("ann")).To(Succeed(), "enabling again does nothing")
		Expect(read(dirsrv.PersonDN("ann")).GetAttributeValues("nsAccountLock")).To(BeEmpty())
	})

	It("refuses a disabled person", func() {
		Expect(server.Load(changes("dn: "+dirsrv.PersonDN("ann"), "changetype: modify",
			"replace: userPassword", "userPassword: secret", "-"))).To(Succeed())
		Expect(server.DisablePerson("ann")).To(Succeed())
		_, err := server.Connect(dirsrv.PersonDN("ann"), "secret")
		Expect(ldap.IsErrorWithCode(err, ldap.LDAPResultUnwillingToPerform)).To(BeTrue(), "%v", err)
		Expect(server.EnablePerson("ann")).To(Succeed())
		conn, err := server.Connect(dirsrv.PersonDN("ann"), "secret")
		Expect(err).NotTo(HaveOccurred())
		Expect(conn.Close()).To(Succeed())
	})

	It("keeps member and memberOf right when people are renamed, moved and deleted", func() {
		Expect(server.AddPerson("bob")).To(Succeed())
		Expect(server.AddGroup("late", dirsrv.PersonDN("bob"))).To(Succeed())
		Expect(read(dirsrv.PersonDN("bob")).GetAttributeValues("memberOf")).To(ConsistOf(dirsrv.GroupDN("late")))

		id, err := server.PersonID("bob")
		Expect(err).NotTo(HaveOccurred())
		Expect(server.RenamePerson("bob", "rob")).To(Succeed())
		Expect(read(dirsrv.PersonDN("rob")).GetAttributeValues("uid")).To(ConsistOf("rob"))
		Expect(read(dirsrv.GroupDN("late")).GetAttributeValues("member")).To(ConsistOf(dirsrv.PersonDN("rob")))
		Expect(server.MovePerson("rob", dirsrv.ElsewhereDN)).To(Succeed())
		Expect(read(dirsrv.GroupDN("late")).GetAttributeValues("member")).To(ConsistOf("uid=rob," + dirsrv.ElsewhereDN))
		Expect(server.PersonID("rob")).To(Equal(id))

		Expect(server.AddMember("late", dirsrv.PersonDN("ann"))).To(Succeed())
		Expect(server.Load(changes("dn: "+dirsrv.GroupDN("late"), "changetype: modify",
			"add: owner", "owner: uid=rob,"+dirsrv.ElsewhereDN, "-"))).To(Succeed())
		Expect(server.DeletePerson("rob")).To(Succeed())
		Expect(read(dirsrv.GroupDN("late")).GetAttributeValues("member")).To(ConsistOf(dirsrv.PersonDN("ann")))
		Expect(read(dirsrv.GroupDN("late")).GetAttributeValues("owner")).To(BeEmpty(), "referential integrity is not for members only")
		Expect(server.RemoveMember("late", dirsrv.PersonDN("ann"))).To(Succeed(), "the last one may leave")
		Expect(server.DeleteGroup("late")).To(Succeed())
		Expect(server.DeletePerson("rob")).To(MatchError(ContainSubstring("0 entries have the uid rob")))
	})

	It("keeps its data and addresses over a restart", func(ctx SpecContext) {
		url, number := server.LDAPSURL(), changeNumber(server)
		Expect(server.Halt()).To(Succeed())
		_, err := server.Root()
		Expect(err).To(HaveOccurred())
		Expect(server.Restart(ctx)).To(Succeed())
		Expect(server.LDAPSURL()).To(Equal(url))
		Expect(read(dirsrv.PersonDN("ann")).GetAttributeValue("uid")).To(Equal("ann"))
		Expect(changeNumber(server)).To(Equal(number))
	})

	It("goes back to the last backup", func(ctx SpecContext) {
		Expect(server.Backup(ctx)).To(Succeed())
		number := changeNumber(server)
		Expect(server.AddPerson("lost")).To(Succeed())
		Expect(changeNumber(server)).To(BeNumerically(">", number))
		Expect(server.Restore(ctx)).To(Succeed())
		_, err := server.PersonID("lost")
		Expect(err).To(MatchError(ContainSubstring("0 entries")))
		Expect(changeNumber(server)).To(Equal(number))
		Expect(read(dirsrv.PersonDN("ann")).GetAttributeValue("uid")).To(Equal("ann"))
	})

	It("runs beside another, which has no backup to go back to", func(ctx SpecContext) {
		other, err := dirsrv.Start(ctx, dirsrv.Options{})
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(other.Stop)
		Expect(other.AddPerson("only")).To(Succeed())
		_, err = server.PersonID("only")
		Expect(err).To(HaveOccurred())
		Expect(other.Restore(ctx)).To(MatchError(ContainSubstring("db.backup")))
		Expect(other.PersonID("only")).NotTo(BeEmpty(), "the database is as it was")
	})

	It("leaves the null device to everybody", func() {
		null, err := os.Stat(os.DevNull)
		Expect(err).NotTo(HaveOccurred())
		Expect(null.Mode().Perm()).To(BeEquivalentTo(0o666))
	})

	ldapserver.Ends(running)

	It("says what is wrong with an LDIF", func(ctx SpecContext) {
		_, err := dirsrv.Start(ctx, dirsrv.Options{LDIF: changes("dn: cn=x,ou=nowhere,"+dirsrv.BaseDN, "objectClass: device", "cn: x")})
		Expect(err).To(MatchError(ContainSubstring("add cn=x,ou=nowhere")))
	})
})

func changes(lines ...string) string {
	return strings.Join(lines, "\n") + "\n"
}

func connect(server *dirsrv.Server) *ldap.Conn {
	GinkgoHelper()
	conn, err := server.Connect(dirsrv.ReaderDN, server.Password())
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(conn.Close)
	return conn
}

// changeNumber is the number of the last change, as the reader sees it.
func changeNumber(server *dirsrv.Server) int {
	GinkgoHelper()
	request := base("")
	request.Attributes = []string{"lastchangenumber"}
	found, err := connect(server).Search(request)
	Expect(err).NotTo(HaveOccurred())
	Expect(found.Entries).To(HaveLen(1))
	return number(found.Entries[0].GetAttributeValue("lastchangenumber"))
}

// base asks for one entry; those that the server keeps are returned only by name.
func base(dn string) *ldap.SearchRequest {
	return ldap.NewSearchRequest(dn, ldap.ScopeBaseObject, ldap.NeverDerefAliases, 0, 0, false, "(objectClass=*)",
		[]string{"*", "entryUUID", "nsUniqueId", "nsAccountLock"}, nil)
}
