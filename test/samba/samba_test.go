// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package samba_test

import (
	"crypto/tls"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/rollcall-iam/rollcall/test/internal/installed"
	"github.com/rollcall-iam/rollcall/test/internal/ldapserver"
	"github.com/rollcall-iam/rollcall/test/samba"
)

const people = 50

func TestSamba(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "samba")
}

var _ = Describe("samba", Ordered, ContinueOnFailure, func() {
	var server *samba.Server

	BeforeAll(func(ctx SpecContext) {
		installed.OrSkip(samba.Available())
		var err error
		server, err = samba.Start(ctx, samba.Options{People: people})
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(func() error { return server.Stop() })
	})

	connect := func(dn string) *ldap.Conn {
		GinkgoHelper()
		conn, err := server.Connect(dn, server.Password())
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(func() { _ = conn.Close() })
		return conn
	}
	read := func(dn string) *ldap.Entry {
		GinkgoHelper()
		found, err := connect(samba.ReaderDN).Search(one(dn, "*"))
		Expect(err).NotTo(HaveOccurred())
		Expect(found.Entries).To(HaveLen(1))
		return found.Entries[0]
	}
	addPerson := func(uid string) string {
		GinkgoHelper()
		Expect(server.AddPerson(uid)).To(Succeed())
		id, err := server.PersonID(uid)
		Expect(err).NotTo(HaveOccurred())
		return id
	}

	running := func() ldapserver.Running { return server }
	ldapserver.ProvesItself(running, samba.ReaderDN)

	It("refuses passwords in plain text with result 8, and wrong ones with data 52e", func() {
		plain, err := ldap.DialURL(server.LDAPURL())
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(plain.Close)
		err = plain.Bind(samba.ReaderDN, server.Password())
		Expect(ldap.IsErrorWithCode(err, ldap.LDAPResultStrongAuthRequired)).To(BeTrue(), "%v", err)

		_, err = server.Connect(samba.ReaderDN, "wrong")
		Expect(ldap.IsErrorWithCode(err, ldap.LDAPResultInvalidCredentials)).To(BeTrue(), "%v", err)
		Expect(err).To(MatchError(ContainSubstring("data 52e")))
	})

	It("shows strangers nothing, and lets the reader read, not write", func() {
		stranger, err := ldap.DialURL(server.LDAPSURL(), ldap.DialWithTLSConfig(&tls.Config{RootCAs: server.CA().Pool()}))
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(stranger.Close)
		_, err = stranger.Search(one(samba.PeopleDN))
		Expect(ldap.IsErrorWithCode(err, ldap.LDAPResultOperationsError)).To(BeTrue(), "%v", err)

		Expect(read(samba.PersonDN(samba.UID(1))).GetAttributeValue("userAccountControl")).NotTo(BeEmpty())
		request := ldap.NewModifyRequest(samba.PersonDN(samba.UID(1)), nil)
		request.Replace("mail", []string{"changed@corp.example"})
		err = connect(samba.ReaderDN).Modify(request)
		Expect(ldap.IsErrorWithCode(err, ldap.LDAPResultInsufficientAccessRights)).To(BeTrue(), "%v", err)
	})

	It("holds the people of its options in groups of twenty", func() {
		Expect(read(samba.GroupDN(samba.Team(0))).GetAttributeValues("member")).To(HaveLen(20))
		Expect(read(samba.GroupDN(samba.Team(2))).GetAttributeValues("member")).To(
			HaveLen(people%20), "the last has what is left")
		Expect(server.AddPeople(people, 2, nil)).To(Succeed())
		Expect(read(samba.PersonDN(samba.UID(people + 1))).GetAttributeValues("memberOf")).To(BeEmpty())
	})

	It("adds people who can log in", func() {
		id := addPerson("ann")
		ann := read(samba.PersonDN("ann"))
		Expect(ann.GetAttributeValue("sAMAccountName")).To(Equal("ann"))
		Expect(ann.GetAttributeValue("cn")).To(Equal("ann"))
		Expect(ann.GetAttributeValue("displayName")).To(Equal("Person ann"))
		Expect(ann.GetAttributeValue("mail")).To(Equal("ann@corp.example"))
		Expect(ann.GetAttributeValue("userPrincipalName")).To(Equal("ann@ad.example.test"))
		connect(samba.PersonDN("ann"))

		raw := ann.GetRawAttributeValue("objectGUID")
		Expect(id).To(MatchRegexp(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`))
		found, err := connect(samba.ReaderDN).Search(one("<GUID="+id+">", "objectGUID"))
		Expect(err).NotTo(HaveOccurred())
		Expect(found.Entries[0].GetRawAttributeValue("objectGUID")).To(Equal(raw), "the server reads the text as the same identity")
	})

	It("disables, expires, and lets in again", func() {
		addPerson("bob")
		dn := samba.PersonDN("bob")
		refused := func(reason string) {
			GinkgoHelper()
			_, err := server.Connect(dn, server.Password())
			Expect(err).To(MatchError(ContainSubstring(reason)))
		}
		Expect(server.DisablePerson("bob")).To(Succeed())
		refused("data 533")
		Expect(server.EnablePerson("bob")).To(Succeed())
		connect(dn)

		Expect(server.ExpirePerson("bob", time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC))).To(Succeed())
		Expect(read(dn).GetAttributeValue("accountExpires")).To(Equal("132223104000000000"))
		refused("data 701")
		Expect(server.ExpirePerson("bob", time.Now().Add(time.Hour))).To(Succeed())
		connect(dn)
		Expect(server.ExpirePerson("bob", time.Time{})).To(Succeed())
		Expect(read(dn).GetAttributeValue("accountExpires")).To(Equal("0"))
	})

	It("renames, moves and deletes people, whose identity stays", func() {
		id := addPerson("cleo")
		Expect(server.AddGroup("artists", samba.PersonDN("cleo"))).To(Succeed())
		Expect(server.MovePerson("cleo", samba.ElsewhereDN)).To(Succeed())
		Expect(server.RenamePerson("cleo", "chloe")).To(Succeed())
		Expect(server.PersonID("chloe")).To(Equal(id))
		chloe := read("CN=chloe," + samba.ElsewhereDN)
		Expect(chloe.GetAttributeValue("cn")).To(Equal("chloe"))
		Expect(chloe.GetAttributeValue("userPrincipalName")).To(Equal("chloe@ad.example.test"))
		Expect(read(samba.GroupDN("artists")).GetAttributeValues("member")).To(ConsistOf(chloe.DN))
		Expect(server.MovePerson("chloe", samba.PeopleDN)).To(Succeed())
		Expect(read(samba.PersonDN("chloe")).GetAttributeValue("sAMAccountName")).To(Equal("chloe"))

		Expect(server.DeletePerson("chloe")).To(Succeed())
		_, err := server.PersonID("chloe")
		Expect(err).To(MatchError(`0 accounts are named "chloe", not one`))
		Expect(read(samba.GroupDN("artists")).GetAttributeValues("member")).To(BeEmpty())
		Expect(server.DeleteGroup("artists")).To(Succeed())
		_, err = connect(samba.ReaderDN).Search(one(samba.GroupDN("artists")))
		Expect(ldap.IsErrorWithCode(err, ldap.LDAPResultNoSuchObject)).To(BeTrue(), "%v", err)
	})

	It("changes members, and takes primary ones off the list", func() {
		dora := samba.PersonDN("dora")
		addPerson("dora")
		Expect(server.AddGroup("choir")).To(Succeed())
		members := func() []string { return read(samba.GroupDN("choir")).GetAttributeValues("member") }
		Expect(server.AddMember("choir", dora)).To(Succeed())
		Expect(members()).To(ConsistOf(dora))
		Expect(server.RemoveMember("choir", dora)).To(Succeed())
		Expect(members()).To(BeEmpty())

		for range 2 {
			Expect(server.SetPrimaryGroup("dora", "choir")).To(Succeed())
			Expect(members()).To(BeEmpty())
		}
		found, err := connect(samba.ReaderDN).Search(one(samba.GroupDN("choir"), "primaryGroupToken"))
		Expect(err).NotTo(HaveOccurred())
		Expect(read(dora).GetAttributeValue("primaryGroupID")).To(Equal(found.Entries[0].GetAttributeValue("primaryGroupToken")))
	})

	It("tells changes to the reader, deletions only to the sync account", func() {
		reader, sync := &follower{conn: connect(samba.ReaderDN)}, &follower{conn: connect(samba.SyncDN)}
		_, err := reader.conn.DirSync(changes(), 0, 0, nil)
		Expect(ldap.IsErrorWithCode(err, ldap.LDAPResultInsufficientAccessRights)).To(BeTrue(), "no right to replicate: %v", err)
		for _, who := range []*follower{reader, sync} {
			Expect(len(who.next())).To(BeNumerically(">", people))
			Expect(who.next()).To(BeEmpty())
		}

		addPerson("eve")
		for _, who := range []*follower{reader, sync} {
			Expect(who.next()).To(HaveExactElements(HaveField("DN", samba.PersonDN("eve"))))
		}
		Expect(server.DeletePerson("eve")).To(Succeed())
		Expect(reader.next()).To(BeEmpty())
		gone := sync.next()
		Expect(gone).To(HaveLen(1))
		Expect(gone[0].GetAttributeValue("isDeleted")).To(Equal("TRUE"))
	})

	It("keeps its data and addresses over a restart", func(ctx SpecContext) {
		url, plain := server.LDAPSURL(), server.LDAPURL()
		open := connect(samba.ReaderDN)
		Expect(server.Halt()).To(Succeed())
		Eventually(open.IsClosing).Should(BeTrue(), "open connections end with the server")
		_, err := server.Root()
		Expect(err).To(HaveOccurred())
		Expect(server.Restart(ctx)).To(Succeed())
		Expect(server.Restart(ctx)).To(Succeed())
		Expect([]string{server.LDAPSURL(), server.LDAPURL()}).To(Equal([]string{url, plain}))
		Expect(read(samba.PersonDN(samba.UID(0))).GetAttributeValue("sAMAccountName")).To(Equal(samba.UID(0)))
	})

	It("goes back to a backup, with its sequence numbers, as often as asked", func(ctx SpecContext) {
		sequence := func() string {
			found, err := connect(samba.ReaderDN).Search(one("", "highestCommittedUSN"))
			Expect(err).NotTo(HaveOccurred())
			return found.Entries[0].GetAttributeValue("highestCommittedUSN")
		}
		before := sequence()
		Expect(server.Backup(ctx)).To(Succeed())
		for range 2 {
			addPerson("late")
			Expect(sequence()).NotTo(Equal(before))
			Expect(server.Restore(ctx)).To(Succeed())
			Expect(sequence()).To(Equal(before))
			_, err := server.PersonID("late")
			Expect(err).To(HaveOccurred())
		}
	})

	ldapserver.Ends(running)
})

// follower asks for what changed since it last asked.
type follower struct {
	conn   *ldap.Conn
	cookie []byte
}

func (f *follower) next() []*ldap.Entry {
	GinkgoHelper()
	found, err := f.conn.DirSync(changes(), ldap.DirSyncObjectSecurity, 0, f.cookie)
	Expect(err).NotTo(HaveOccurred())
	control, ok := ldap.FindControl(found.Controls, ldap.ControlTypeDirSync).(*ldap.ControlDirSync)
	Expect(ok).To(BeTrue())
	f.cookie = control.Cookie
	return found.Entries
}

func changes() *ldap.SearchRequest {
	return ldap.NewSearchRequest(samba.BaseDN, ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, 0, 0, false,
		"(objectClass=user)", []string{"name", "isDeleted"}, nil)
}

func one(dn string, attributes ...string) *ldap.SearchRequest {
	return ldap.NewSearchRequest(dn, ldap.ScopeBaseObject, ldap.NeverDerefAliases, 0, 0, false, "(objectClass=*)", attributes, nil)
}
