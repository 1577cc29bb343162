// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package dirsrv_test

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/go-ldap/ldap/v3"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/rollcall-iam/rollcall/test/dirsrv"
	"github.com/rollcall-iam/rollcall/test/internal/installed"
)

const (
	// people is more than the server's usual limit of entries per search.
	people = 2100

	refreshOnly = ldap.SyncRequestModeRefreshOnly
	persist     = ldap.SyncRequestModeRefreshAndPersist
	// endOfRefresh is the message after which a search only persists.
	endOfRefresh = "refreshDelete"
	// patience is how long the server may keep a search waiting.
	patience = 30 * time.Second
)

// What the server does is written down here because it is not all as RFC 4533 says.
var _ = Describe("content synchronization", Ordered, func() {
	var (
		server *dirsrv.Server
		cookie []byte
	)

	BeforeAll(func(ctx SpecContext) {
		installed.OrSkip(dirsrv.Available())
		var err error
		server, err = dirsrv.Start(ctx, dirsrv.Options{LDIF: crowd()})
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(func() error { return server.Stop() })
	})

	// whole returns the messages of a search that ends by itself.
	whole := func(cookie []byte) ([]message, error) {
		GinkgoHelper()
		s := begin(server, refreshOnly, cookie)
		var got []message
		for s.response.Next() {
			got = append(got, newMessage(s.response))
		}
		return got, s.response.Err()
	}

	It("answers the reader at once, whatever the number", func() {
		request := base(dirsrv.PeopleDN)
		request.Scope = ldap.ScopeSingleLevel
		found, err := connect(server).Search(request)
		Expect(err).NotTo(HaveOccurred())
		Expect(found.Entries).To(HaveLen(people))
	})

	It("delivers everything, and the end of it", func() {
		s := begin(server, persist, nil)
		for range people {
			Expect(s.next().what).To(HavePrefix("add uid=crowd"))
		}
		end := s.next()
		Expect(end.what).To(Equal(endOfRefresh))
		Expect(end.cookie).NotTo(BeEmpty())
		cookie = end.cookie
	})

	It("delivers each change while the search persists", func() {
		s := begin(server, persist, cookie)
		Expect(s.next().what).To(Equal(endOfRefresh))
		for _, step := range []struct {
			act  func() error
			want string
		}{
			{func() error { return server.AddPerson("ann") }, "add uid=ann,ou=people"},
			{func() error { return server.DisablePerson("ann") }, "modify uid=ann,ou=people locked"},
			{func() error { return server.EnablePerson("ann") }, "modify uid=ann,ou=people"},
			{func() error { return server.RenamePerson("ann", "anna") }, "modify uid=anna,ou=people"},
			{func() error { return server.MovePerson("anna", dirsrv.ElsewhereDN) }, "delete uid=anna,ou=elsewhere"},
			{func() error { return server.MovePerson("anna", dirsrv.PeopleDN) }, "add uid=anna,ou=people"},
			{func() error { return server.DeletePerson("anna") }, "delete uid=anna,ou=people"},
		} {
			Expect(step.act()).To(Succeed())
			got := s.next()
			Expect(got.what).To(Equal(step.want))
			Expect(changeOf(got.cookie)).To(Equal(changeNumber(server)), "of this very change")
			cookie = got.cookie
		}
	})

	It("resumes after a restart with what changed, deletions first and without operational attributes", func(ctx SpecContext) {
		Expect(server.AddPerson("bob")).To(Succeed())
		Expect(server.AddPerson("eve")).To(Succeed())
		before, err := whole(cookie)
		Expect(err).NotTo(HaveOccurred())
		Expect(words(before)).To(Equal([]string{"add uid=bob,ou=people", "add uid=eve,ou=people", "done"}))
		cookie = before[2].cookie

		Expect(server.RenamePerson("bob", "rob")).To(Succeed())
		Expect(server.DisablePerson("rob")).To(Succeed())
		Expect(server.DeletePerson("eve")).To(Succeed())
		Expect(server.Restart(ctx)).To(Succeed())
		got, err := whole(cookie)
		Expect(err).NotTo(HaveOccurred())
		Expect(words(got)).To(Equal([]string{"gone " + before[1].id, "add uid=rob,ou=people", "done"}), "rob is locked, but not here")
		Expect(got[1].id).To(Equal(before[0].id))

		s := begin(server, persist, got[2].cookie)
		Expect(s.next().what).To(Equal(endOfRefresh))
		Expect(server.EnablePerson("rob")).To(Succeed())
		cookie = s.next().cookie
	})

	It("names people by nsUniqueId, not by entryUUID", func() {
		Expect(server.DisablePerson("rob")).To(Succeed())
		got, err := whole(cookie)
		Expect(err).NotTo(HaveOccurred())
		found, err := connect(server).Search(base(dirsrv.PersonDN("rob")))
		Expect(err).NotTo(HaveOccurred())
		bare := strings.NewReplacer("-", "")
		Expect(bare.Replace(got[0].id)).To(Equal(bare.Replace(found.Entries[0].GetAttributeValue("nsUniqueId"))))
	})

	It("loses every 51st deletion of a resumed search", func() {
		for i := range 60 {
			Expect(server.AddPerson(fmt.Sprintf("brief%d", i))).To(Succeed())
		}
		added, err := whole(cookie)
		Expect(err).NotTo(HaveOccurred())
		for i := range 60 {
			Expect(server.DeletePerson(fmt.Sprintf("brief%d", i))).To(Succeed())
		}
		got, err := whole(added[len(added)-1].cookie)
		Expect(err).NotTo(HaveOccurred())
		Expect(words(got)).To(HaveLen(3))
		Expect(strings.Fields(got[0].what)).To(HaveLen(1 + 50))
		Expect(strings.Fields(got[1].what)).To(HaveLen(1 + 9))
	})

	DescribeTable("demands a full refresh when the cookie is not its own", func(change func(string) string) {
		for _, mode := range []ldap.ControlSyncRequestMode{refreshOnly, persist} {
			s := begin(server, mode, []byte(change(string(cookie))))
			Expect(s.response.Next()).To(BeFalse())
			Expect(ldap.IsErrorWithCode(s.response.Err(), ldap.LDAPResultSyncRefreshRequired)).To(BeTrue(), "%v", s.response.Err())
		}
	},
		Entry("no cookie at all", func(string) string { return "garbage" }),
		Entry("of another server", func(cookie string) string { return "x" + cookie }),
		Entry("of another search", func(cookie string) string { return strings.Replace(cookie, "ou=people", "ou=groups", 1) }),
		Entry("from the future", func(cookie string) string { return cookie + "000" }),
	)

	It("demands a full refresh of who knows more than a restored database, until that has caught up", func(ctx SpecContext) {
		Expect(server.Backup(ctx)).To(Succeed())
		Expect(server.AddPerson("lost")).To(Succeed())
		Expect(server.DeletePerson("rob")).To(Succeed())
		got, err := whole(cookie)
		Expect(err).NotTo(HaveOccurred())
		newer := got[len(got)-1].cookie
		Expect(server.Restore(ctx)).To(Succeed())
		_, err = whole(newer)
		Expect(ldap.IsErrorWithCode(err, ldap.LDAPResultSyncRefreshRequired)).To(BeTrue(), "%v", err)

		for _, uid := range []string{"new1", "new2", "new3"} {
			Expect(server.AddPerson(uid)).To(Succeed())
		}
		got, err = whole(newer)
		Expect(err).NotTo(HaveOccurred())
		Expect(words(got)).To(Equal([]string{"add uid=new3,ou=people", "done"}), "lost is gone, and rob is back")
	})

	It("ends searches that persist when it ends", func() {
		s := begin(server, persist, nil)
		for range people {
			s.next()
		}
		Expect(server.Halt()).To(Succeed())
		for s.response.Next() {
		}
		Expect(s.response.Err()).To(MatchError(ContainSubstring("EOF")))
	})
})

// crowd is an LDIF of people without groups, which load fast.
func crowd() string {
	var out strings.Builder
	for i := range people {
		uid := fmt.Sprintf("crowd%04d", i)
		out.WriteString(changes("dn: "+dirsrv.PersonDN(uid), "objectClass: inetOrgPerson", "uid: "+uid, "cn: "+uid, "sn: "+uid) + "\n")
	}
	return out.String()
}

// session is a search with the sync control.
type session struct {
	response ldap.Response
}

func begin(server *dirsrv.Server, mode ldap.ControlSyncRequestMode, cookie []byte) *session {
	GinkgoHelper()
	conn := connect(server)
	// After connect's cleanup, so before it: closing the connection waits for messages that nobody reads.
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	DeferCleanup(cancel)
	request := ldap.NewSearchRequest(dirsrv.PeopleDN, ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, 0, 0, false,
		"(objectClass=inetOrgPerson)", []string{"uid", "nsAccountLock"}, nil)
	return &session{response: conn.Syncrepl(ctx, request, 0, mode, cookie, false)}
}

func (s *session) next() message {
	GinkgoHelper()
	Expect(s.response.Next()).To(BeTrue(), "%v", s.response.Err())
	return newMessage(s.response)
}

// message is one that the server sent: in words, with the person's id and the cookie if it has them.
type message struct {
	what, id string
	cookie   []byte
}

func newMessage(response ldap.Response) message {
	GinkgoHelper()
	Expect(response.Controls()).To(HaveLen(1))
	switch control := response.Controls()[0].(type) {
	case *ldap.ControlSyncState:
		state := map[ldap.ControlSyncStateState]string{
			ldap.SyncStateAdd: "add ", ldap.SyncStateModify: "modify ", ldap.SyncStateDelete: "delete ",
		}[control.State]
		return message{what: state + describe(response.Entry()), id: control.EntryUUID.String(), cookie: control.Cookie}
	case *ldap.ControlSyncDone:
		return message{what: "done", cookie: control.Cookie}
	case *ldap.ControlSyncInfo:
		return newInfo(control)
	default:
		Fail(fmt.Sprintf("unexpected control %v", control))
		return message{}
	}
}

func newInfo(info *ldap.ControlSyncInfo) message {
	GinkgoHelper()
	if info.RefreshDelete != nil {
		Expect(info.RefreshDelete.RefreshDone).To(BeTrue())
		return message{what: endOfRefresh, cookie: info.RefreshDelete.Cookie}
	}
	Expect(info.SyncIdSet).NotTo(BeNil())
	Expect(info.SyncIdSet.RefreshDeletes).To(BeTrue())
	what := "gone"
	for _, id := range info.SyncIdSet.SyncUUIDs {
		what += " " + id.String()
	}
	return message{what: what, cookie: info.SyncIdSet.Cookie}
}

func describe(entry *ldap.Entry) string {
	what := strings.TrimSuffix(entry.DN, ","+dirsrv.BaseDN)
	if entry.GetAttributeValue("nsAccountLock") == "true" {
		what += " locked"
	}
	return what
}

func words(messages []message) []string {
	all := make([]string, 0, len(messages))
	for _, m := range messages {
		all = append(all, m.what)
	}
	return all
}

// changeOf is the number of the change that a cookie stands for.
func changeOf(cookie []byte) int {
	GinkgoHelper()
	return number(string(cookie[strings.LastIndex(string(cookie), "#")+1:]))
}

func number(text string) int {
	GinkgoHelper()
	n, err := strconv.Atoi(text)
	Expect(err).NotTo(HaveOccurred())
	return n
}
