// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package ldap

import (
	"slices"
	"strings"
	"testing"

	"github.com/go-ldap/ldap/v3"
	"github.com/google/uuid"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/directory"
)

var (
	aliceUUID = uuid.MustParse("0e8f2c52-0000-4000-8000-000000000001")
	bobUUID   = uuid.MustParse("0e8f2c52-0000-4000-8000-000000000002")
)

func state(s ldap.ControlSyncStateState, id uuid.UUID, cookie string) ldap.Control {
	return &ldap.ControlSyncState{State: s, EntryUUID: id, Cookie: []byte(cookie)}
}

func idSet(deletes bool, cookie string, ids ...uuid.UUID) ldap.Control {
	return &ldap.ControlSyncInfo{
		Value:     ldap.SyncInfoSyncIdSet,
		SyncIdSet: &ldap.ControlSyncInfoSyncIdSet{RefreshDeletes: deletes, Cookie: []byte(cookie), SyncUUIDs: ids},
	}
}

func refreshDelete(over bool, cookie string) ldap.Control {
	return &ldap.ControlSyncInfo{
		Value:         ldap.SyncInfoRefreshDelete,
		RefreshDelete: &ldap.ControlSyncInfoRefreshDelete{RefreshDone: over, Cookie: []byte(cookie)},
	}
}

func refreshPresent(over bool, cookie string) ldap.Control {
	return &ldap.ControlSyncInfo{
		Value:          ldap.SyncInfoRefreshPresent,
		RefreshPresent: &ldap.ControlSyncInfoRefreshPresent{RefreshDone: over, Cookie: []byte(cookie)},
	}
}

// newCookie is what go-ldap makes of one.
func newCookie() ldap.Control {
	return &ldap.ControlSyncInfo{Value: ldap.SyncInfoNewcookie, NewCookie: &ldap.ControlSyncInfoNewCookie{}}
}

// following is a search for people, or for groups, that goes on from a cookie if there is one.
func following(q query, cookie string) *follower {
	return &follower{query: &q, cookie: []byte(cookie), resumed: cookie != ""}
}

func (f *follower) hear(entry *ldap.Entry, controls ...ldap.Control) heard {
	return f.interpret(entry, controls)
}

var _ = Describe("A persistent search", func() {
	alice := func() *ldap.Entry { return ldap.NewEntry(aliceDN, values{"uid": {"alice"}, "entryUUID": {"wrong"}}) }
	people, groups := userQuery(bis), *groupQuery(bis)

	// refreshed is one whose refresh is over.
	refreshed := func(q query) *follower {
		f := following(q, "C#1")
		f.hear(nil, refreshDelete(true, "C#1"))
		return f
	}

	Describe("while it refreshes", func() {
		It("tells nothing but that a full read has to say, where it has no cookie", func() {
			f := following(people, "")
			Expect(f.hear(alice(), state(ldap.SyncStateAdd, aliceUUID, "C#1"))).To(Equal(heard{}))
			Expect(f.hear(nil, refreshDelete(true, "C#2"))).To(Equal(heard{refreshed: true, gap: true, cookie: []byte("C#2")}))
		})

		It("tells so even where nobody is there", func() {
			Expect(following(people, "").hear(nil, refreshDelete(true, ""))).To(Equal(heard{refreshed: true, gap: true}))
		})

		It("tells that nothing happened, where its cookie is new enough", func() {
			f := following(people, "C#1")
			Expect(f.hear(nil, refreshDelete(true, "C#1"))).To(Equal(heard{refreshed: true, cookie: []byte("C#1")}))
		})

		It("needs no cookie to say so", func() {
			Expect(following(people, "C#1").hear(nil, refreshDelete(true, ""))).To(Equal(heard{refreshed: true}))
		})

		DescribeTable("believes nothing that it brings", func(entry *ldap.Entry, brings ldap.Control) {
			f := following(people, "C#1")
			Expect(f.hear(entry, brings)).To(Equal(heard{}), "nor a cookie, from which the rest would be passed over")
			Expect(f.hear(nil, refreshDelete(true, "C#9"))).To(Equal(heard{refreshed: true, gap: true, cookie: []byte("C#9")}))
		},
			Entry("someone who came", alice(), state(ldap.SyncStateAdd, aliceUUID, "")),
			Entry("someone who changed", alice(), state(ldap.SyncStateModify, aliceUUID, "C#8")),
			Entry("someone who went", ldap.NewEntry(aliceDN, nil), state(ldap.SyncStateDelete, aliceUUID, "")),
			Entry("someone who is there", ldap.NewEntry(aliceDN, nil), state(ldap.SyncStatePresent, aliceUUID, "")),
			Entry("some who went", nil, idSet(true, "C#9", aliceUUID, bobUUID)),
			Entry("some who are there", nil, idSet(false, "", aliceUUID)),
			Entry("that there were some who are there", nil, refreshPresent(false, "C#9")),
		)

		It("ends with a present phase where nobody is left", func() {
			f := following(people, "C#1")
			Expect(f.hear(nil, refreshPresent(true, "C#9"))).To(Equal(heard{refreshed: true, gap: true, cookie: []byte("C#9")}))
		})

		It("is over once", func() {
			f := following(people, "C#1")
			Expect(f.hear(nil, refreshDelete(false, "")).refreshed).To(BeFalse())
			Expect(f.hear(nil, refreshDelete(true, "")).refreshed).To(BeTrue())
			Expect(f.hear(nil, refreshDelete(true, ""))).To(Equal(heard{}))
		})
	})

	Describe("afterwards", func() {
		It("tells who came, by the server's own name for them, and whom to look for in groups", func() {
			h := refreshed(people).hear(alice(), state(ldap.SyncStateAdd, aliceUUID, "C#2"))
			Expect(h.changes).To(HaveLen(1))
			Expect(*h.changes[0].Person).To(And(HaveField("Key", aliceUUID.String()), HaveField("UserName", "alice")))
			Expect(h.came).To(Equal([]string{aliceDN}))
			Expect(string(h.cookie)).To(Equal("C#2"))
			Expect(h.gap).To(BeFalse())
		})

		It("looks for those who came by their login name where groups list these", func() {
			f := refreshed(userQuery(&v1alpha1.LDAPSource{Schema: v1alpha1.SchemaRFC2307}))
			Expect(f.hear(alice(), state(ldap.SyncStateAdd, aliceUUID, "")).came).To(Equal([]string{"alice"}))
		})

		It("looks for groups that came in other groups, but not where groups list login names", func() {
			entry := ldap.NewEntry("cn=payments,dc=corp", nil)
			Expect(refreshed(groups).hear(entry, state(ldap.SyncStateAdd, aliceUUID, "")).came).To(Equal([]string{"cn=payments,dc=corp"}))
			f := refreshed(*groupsOfSchema(v1alpha1.SchemaRFC2307))
			Expect(f.hear(entry, state(ldap.SyncStateAdd, aliceUUID, "")).came).To(BeEmpty())
		})

		It("tells who changed", func() {
			h := refreshed(people).hear(alice(), state(ldap.SyncStateModify, aliceUUID, "C#2"))
			Expect(h.changes).To(HaveExactElements(HaveField("Person.Key", aliceUUID.String())))
			Expect(h.came).To(BeEmpty())
		})

		It("tells which group came or changed", func() {
			entry := ldap.NewEntry("cn=payments,dc=corp", values{"cn": {"payments"}, "member": {aliceDN}})
			for _, how := range []ldap.ControlSyncStateState{ldap.SyncStateAdd, ldap.SyncStateModify} {
				h := refreshed(groups).hear(entry, state(how, bobUUID, ""))
				Expect(h.changes).To(HaveLen(1))
				Expect(*h.changes[0].Group).To(And(HaveField("Key", bobUUID.String()), HaveField("Members", ConsistOf(aliceDN))))
			}
		})

		DescribeTable("tells who went", func(control ldap.Control, gone ...string) {
			for _, q := range []query{people, groups} {
				h := refreshed(q).hear(ldap.NewEntry(aliceDN, nil), control)
				var told []string
				for _, c := range h.changes {
					told = append(told, c.Gone)
				}
				Expect(told).To(HaveExactElements(gone))
				Expect(h.gap).To(BeFalse())
				Expect(string(h.cookie)).To(Equal("C#2"))
			}
		},
			Entry("one", state(ldap.SyncStateDelete, aliceUUID, "C#2"), aliceUUID.String()),
			Entry("some", idSet(true, "C#2", aliceUUID, bobUUID), aliceUUID.String(), bobUUID.String()),
			Entry("none", idSet(true, "C#2")),
		)

		DescribeTable("leaves to a full read what is out of place", func(entry *ldap.Entry, control ldap.Control) {
			h := refreshed(people).hear(entry, control)
			Expect(h.gap).To(BeTrue())
			Expect(h.changes).To(BeEmpty())
		},
			Entry("someone who is there", alice(), state(ldap.SyncStatePresent, aliceUUID, "C#2")),
			Entry("someone who changed, without an entry", nil, state(ldap.SyncStateModify, aliceUUID, "C#2")),
			Entry("some who are there", nil, idSet(false, "C#2", aliceUUID)),
		)

		It("tells nothing of what says nothing", func() {
			f := refreshed(people)
			Expect(f.hear(nil)).To(Equal(heard{}))
			Expect(f.hear(nil, newCookie())).To(Equal(heard{}))
			Expect(f.hear(alice())).To(Equal(heard{}), "an entry without its state")
			Expect(f.hear(nil, &ldap.ControlSyncInfo{})).To(Equal(heard{}))
		})
	})

	It("keeps its cookie where a new one is none", func() {
		f := refreshed(people)
		for _, control := range []ldap.Control{
			newCookie(), state(ldap.SyncStateModify, aliceUUID, ""), idSet(true, ""), refreshDelete(true, ""), &ldap.ControlSyncDone{},
		} {
			Expect(f.hear(alice(), control).cookie).To(BeEmpty())
			Expect(string(f.cookie)).To(Equal("C#1"))
		}
	})

	It("keeps its cookie where the new one is that of a broken changelog", func() {
		f := refreshed(people)
		Expect(f.hear(alice(), state(ldap.SyncStateModify, aliceUUID, "C#4294967295")).cookie).To(BeEmpty())
		Expect(f.hear(alice(), state(ldap.SyncStateModify, aliceUUID, "C#2")).cookie).To(BeEquivalentTo("C#2"))
	})

	It("adds up the cookies of several providers", func() {
		f := following(people, "rid=000,csn="+one1+";"+two1)
		f.hear(nil, refreshDelete(true, ""))
		h := f.hear(alice(), state(ldap.SyncStateModify, aliceUUID, "rid=000,csn="+two2))
		Expect(string(h.cookie)).To(Equal("rid=000,csn=" + one1 + ";" + two2))
		h = f.hear(alice(), state(ldap.SyncStateModify, aliceUUID, "rid=000,csn="+one2))
		Expect(string(h.cookie)).To(Equal("rid=000,csn=" + one2 + ";" + two2))
	})

	It("tells the cookie that a refresh brought when it is over", func() {
		f := following(people, "C#1")
		Expect(f.hear(nil, idSet(true, "C#9", aliceUUID)).cookie).To(BeEmpty())
		Expect(f.hear(nil, refreshDelete(true, "")).cookie).To(BeEquivalentTo("C#9"))
	})
})

var _ = Describe("Two searches", func() {
	var told []directory.News
	telling2 := func() *telling {
		told = nil
		return &telling{tell: func(n directory.News) { told = append(told, n) }, cookies: make([]string, 2), refreshed: make([]bool, 2)}
	}
	gone := []directory.Change{{Gone: "x"}}

	It("are connected when both have refreshed", func() {
		t := telling2()
		t.hear(1, heard{refreshed: true})
		t.hear(1, heard{changes: gone})
		Expect(told).To(HaveEach(HaveField("Connected", false)))
		t.hear(0, heard{refreshed: true})
		t.hear(1, heard{changes: gone})
		Expect(told[2:]).To(And(HaveLen(2), HaveEach(HaveField("Connected", true))))
	})

	It("give the cookies of both", func() {
		t := telling2()
		t.hear(0, heard{refreshed: true, cookie: []byte("C#1")})
		t.hear(1, heard{refreshed: true, cookie: []byte("C#2")})
		t.hear(0, heard{cookie: []byte("C#3")})
		t.hear(0, heard{changes: gone})
		cookies := make([][]string, 0, len(told))
		for _, n := range told {
			cookies = append(cookies, n.Cookies)
		}
		Expect(cookies).To(Equal([][]string{{"QyMx", ""}, {"QyMx", "QyMy"}, {"QyMz", "QyMy"}, nil}))
		Expect(told[2].Position).To(Equal(directory.Position{"changelog": "00000000000000000003"}))
	})

	It("tell changes and gaps of either", func() {
		t := telling2()
		t.hear(0, heard{changes: gone})
		t.hear(1, heard{gap: true})
		Expect(told).To(HaveExactElements(
			And(HaveField("Changes", gone), HaveField("Gap", false)), And(HaveField("Changes", BeEmpty()), HaveField("Gap", true))))
	})

	It("tell nothing when nothing was said", func() {
		t := telling2()
		t.hear(0, heard{})
		t.hear(1, heard{came: []string{"x"}})
		Expect(told).To(BeEmpty())
	})
})

// FuzzInterpret hears messages, each of which is three bytes: what it is, of whom, and with which cookie.
func FuzzInterpret(f *testing.F) {
	f.Add([]byte{1, 1, 1, 6, 0, 2, 2, 1, 3}, true, true)
	f.Add([]byte{5, 3, 0, 6, 0, 1, 1, 2, 2, 3, 2, 3, 8, 0, 4}, false, true)
	f.Add([]byte{7, 0, 1, 9, 0, 0, 10, 0, 5, 0, 1, 6, 4, 2, 7}, true, false)
	f.Add([]byte{}, false, false)
	cookies := []string{"", "C#1", "C#2", "rid=000,csn=" + one1, "rid=000,csn=" + two1, "rid=000", "C#4294967295", "#"}
	f.Fuzz(func(t *testing.T, script []byte, ofPeople, resumed bool) {
		q := userQuery(bis)
		if !ofPeople {
			q = *groupQuery(bis)
		}
		search := following(q, map[bool]string{true: "C#1"}[resumed])
		over := false
		for message := range slices.Chunk(script, 3) {
			if len(message) < 3 {
				break
			}
			entry, control := scripted(message[0], uuid.UUID{15: message[1]}, cookies[int(message[2])%len(cookies)])
			h := search.hear(entry, control)
			switch cookie := string(h.cookie); {
			case h.refreshed && (over || !resumed && !h.gap):
				t.Fatalf("the refresh is over: again %v, gap %v", over, h.gap)
			case !over && !h.refreshed && (len(h.changes) > 0 || len(h.came) > 0 || h.gap || cookie != ""):
				t.Fatalf("told while it refreshes: %+v", h)
			case strings.HasSuffix(cookie, brokenChangelog):
				t.Fatalf("cookie %q", cookie)
			case h.cookie != nil && cookie == "":
				t.Fatal("no cookie")
			}
			over = over || h.refreshed
			for _, c := range h.changes {
				if c.Person != nil && !ofPeople || c.Group != nil && ofPeople || (c.Gone == "") == (c.Person == nil && c.Group == nil) {
					t.Fatalf("%+v", c)
				}
			}
		}
	})
}

// scripted is a message.
func scripted(kind byte, id uuid.UUID, cookie string) (*ldap.Entry, ldap.Control) {
	entry := ldap.NewEntry("uid=x"+id.String()+",dc=corp", values{"uid": {"x"}})
	switch kind %= 12; kind {
	case 0, 1, 2, 3:
		return entry, state(ldap.ControlSyncStateState(kind), id, cookie)
	case 4:
		return nil, state(ldap.SyncStateModify, id, cookie)
	case 5, 6:
		return nil, idSet(kind == 5, cookie, id, uuid.UUID{})
	case 7, 8:
		return nil, refreshDelete(kind == 7, cookie)
	case 9:
		return nil, refreshPresent(true, cookie)
	case 10:
		return nil, newCookie()
	default:
		return entry, &ldap.ControlSyncDone{Cookie: []byte(cookie)}
	}
}
