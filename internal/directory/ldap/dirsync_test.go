// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package ldap

import (
	"context"
	"encoding/base64"
	"maps"
	"strconv"
	"strings"
	"sync"
	"time"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"
	"github.com/google/uuid"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/directory"
	"github.com/rollcall-iam/rollcall/internal/outcome"
)

// domain is a domain of Active Directory, which tells of an entry which of its attributes changed.
type domain struct {
	mutex           sync.Mutex
	usn             int
	people, groups  map[uuid.UUID]values
	changed         []*ber.Packet
	refuses, broken int64
}

// act changes the domain.
func (d *domain) act(change func()) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	d.usn++
	change()
}

// says is what DirSync tells of an entry.
func (d *domain) says(id uuid.UUID, changed ...string) {
	attributes := values{attrObjectGUID: {string(id[:])}}
	for _, name := range changed {
		attributes[name] = []string{"x"}
	}
	d.changed = append(d.changed, found("CN=x,DC=corp", attributes))
}

func (d *domain) root() values {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	return values{
		attrNamingContexts: {"DC=corp"}, attrDSServiceName: {"CN=DC1"}, attrHighestUSN: {strconv.Itoa(d.usn)},
	}
}

func (d *domain) finds(s search) []*ber.Packet {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	switch {
	case s.dirSync && d.refuses != 0:
		return []*ber.Packet{done(d.refuses)}
	case s.dirSync:
		var answers []*ber.Packet
		if !strings.Contains(s.filter, attrObjectGUID) {
			answers, d.changed = d.changed, nil
		}
		cookie := sequence(number(ber.TagInteger, 0), number(ber.TagInteger, 0), octets("cookie "+strconv.Itoa(d.usn)))
		return append(answers, with(done(0), ldap.ControlTypeDirSync, cookie))
	case strings.HasPrefix(s.base, "OU=People"):
		return d.found(d.people, s.filter)
	case strings.HasPrefix(s.base, "OU=Groups"):
		return d.found(d.groups, s.filter)
	default:
		return []*ber.Packet{done(0)}
	}
}

// found are those that a filter names by an id, or by a member.
func (d *domain) found(entries map[uuid.UUID]values, filter string) []*ber.Packet {
	var answers []*ber.Packet
	for id, attributes := range entries {
		all := maps.Clone(attributes)
		all[attrObjectGUID] = []string{string(id[:])}
		named := strings.Contains(filter, ldap.EscapeFilter(string(id[:])))
		for _, member := range attributes["member"] {
			named = named || strings.Contains(filter, "(member="+strings.ToLower(member)+")")
		}
		if named {
			answers = append(answers, found(attributes["distinguishedName"][0], all))
		}
	}
	return append(answers, done(d.broken))
}

var _ = Describe("DirSync", func() {
	directoryOf := func(edits ...func(*v1alpha1.LDAPSource)) *Source {
		GinkgoHelper()
		active := func(s *v1alpha1.LDAPSource) {
			s.Schema, s.Users.BaseDN, s.Groups.BaseDN = v1alpha1.SchemaActiveDirectory, "OU=People,DC=corp", "OU=Groups,DC=corp"
		}
		s, err := New(source(append([]func(*v1alpha1.LDAPSource){active}, edits...)...), Credentials{})
		Expect(err).NotTo(HaveOccurred())
		return s
	}

	It("asks for all that matters, each once: what is read, what the filters look at, and the name, which tells of moves", func() {
		s := directoryOf(func(s *v1alpha1.LDAPSource) {
			s.Users.Filter = "(&(objectClass=user)(department=it))"
			s.Users.Disabled = &v1alpha1.LDAPDisabled{Attribute: "employeeStatus"}
		})
		asked := (&dirSync{source: s}).attributes()
		Expect(asked).To(ContainElements("objectGUID", "name", "isDeleted", "sAMAccountName", "displayName", "mail", "userAccountControl",
			"accountExpires", "primaryGroupID", "member", "department", "objectClass", "employeeStatus"))
		Expect(asked).NotTo(ContainElement(ContainSubstring(";")), "DirSync gives members whole")
		seen := map[string]bool{}
		for _, name := range asked {
			Expect(seen).NotTo(HaveKey(name))
			seen[name] = true
		}
	})

	It("asks the domain that both bases are in", func() {
		root := ldap.NewEntry("", values{"namingContexts": {"DC=corp", "CN=Configuration,DC=corp"}})
		Expect(directoryOf().partition(root)).To(Equal("DC=corp"))
	})

	DescribeTable("is not possible where there is no such domain", func(contexts ...string) {
		_, err := directoryOf().partition(ldap.NewEntry("", values{"namingContexts": contexts}))
		Expect(outcome.Of(err, "")).To(And(HaveField("Kind", outcome.Terminal), HaveField("Reason", v1alpha1.ReasonNotSupported)))
	},
		Entry("two domains", "OU=People,DC=corp", "DC=corp"),
		Entry("another domain", "DC=other"),
		Entry("no domain"),
	)

	Describe("in a domain", func() {
		var (
			d     *domain
			s     *Source
			alice = uuid.UUID{15: 1}
			all   = uuid.UUID{15: 2}
		)
		inDomain := values{"distinguishedName": {"CN=Alice,OU=People,DC=corp"}, "sAMAccountName": {"alice"}, "userAccountControl": {enabled}}

		BeforeEach(func() {
			d = &domain{usn: 7, people: map[uuid.UUID]values{alice: inDomain}, groups: map[uuid.UUID]values{
				all: {"distinguishedName": {"CN=All,OU=Groups,DC=corp"}, "member": {"CN=Alice,OU=People,DC=corp"}},
			}}
			w := &wireServer{offers: []string{ldap.ControlTypeDirSync}, root: d.root, finds: d.finds}
			s = directoryOf(func(s *v1alpha1.LDAPSource) { s.URL, s.TLS = w.start(), v1alpha1.TLSDisabled })
		})

		// watch watches until the spec is over.
		watch := func(ctx context.Context, from ...string) (news chan directory.News, ended chan error) {
			GinkgoHelper()
			ctx, cancel := context.WithCancel(ctx)
			news, ended = make(chan directory.News, 100), make(chan error, 1)
			go func() { ended <- s.Watch(ctx, from, func(n directory.News) { news <- n }) }()
			DeferCleanup(cancel)
			return news, ended
		}
		next := func(news chan directory.News) (n directory.News) {
			GinkgoHelper()
			Eventually(news).WithTimeout(5 * time.Second).Should(Receive(&n))
			return n
		}
		guid := func(id uuid.UUID) string { guid, _ := objectGUID(id[:]); return guid }
		cookies := func(usn int) []string {
			at, _ := changeNumber(strconv.Itoa(usn))
			return []string{base64.StdEncoding.EncodeToString([]byte("cookie " + strconv.Itoa(usn))), "CN=DC1", at}
		}

		It("begins with what a full read has to say, and goes on from its cookie without", func(ctx SpecContext) {
			news, _ := watch(ctx)
			first := next(news)
			Expect(first).To(And(HaveField("Gap", true), HaveField("Connected", true), HaveField("Changes", BeEmpty()),
				HaveField("Cookies", cookies(7)), HaveField("Position", directory.Position{"CN=DC1": "00000000000000000007"})))
			Expect(first.Note).To(ContainSubstring("CN=Deleted Objects,DC=corp"))
			again, _ := watch(ctx, first.Cookies...)
			Expect(next(again)).To(And(HaveField("Gap", false), HaveField("Connected", true)))
		})

		DescribeTable("begins anew", func(ctx SpecContext, from ...string) {
			news, _ := watch(ctx, from...)
			Expect(next(news)).To(And(HaveField("Gap", true), HaveField("Cookies", cookies(7))))
		},
			Entry("at another domain controller", cookies(3)[0], "CN=DC2", cookies(3)[2]),
			Entry("at one that was restored from before", cookies(8)[0], cookies(8)[1], cookies(8)[2]),
			Entry("with something else", "x", "CN=DC1", cookies(3)[2]),
			Entry("with nothing", "", "CN=DC1", cookies(3)[2]),
			Entry("with too little", cookies(3)[0], "CN=DC1"),
		)

		It("says nothing while nothing happens", func(ctx SpecContext) {
			news, _ := watch(ctx)
			next(news)
			Consistently(news).WithTimeout(3 * askAgain).ShouldNot(Receive())
		})

		It("looks at those who changed as they are now", func(ctx SpecContext) {
			news, _ := watch(ctx)
			next(news)
			d.act(func() { d.says(alice, "mail") })
			Expect(next(news)).To(And(HaveField("Gap", false), HaveField("Cookies", cookies(8)),
				HaveField("Changes", ContainElement(And(HaveField("Person.Key", guid(alice)), HaveField("Person.UserName", "alice"))))))
			d.act(func() { d.says(all, "member") })
			Expect(next(news).Changes).To(HaveExactElements(And(
				HaveField("Group.Key", guid(all)), HaveField("Group.Members", ConsistOf("cn=alice,ou=people,dc=corp")))))
		})

		It("looks at the groups of those who came or are called otherwise", func(ctx SpecContext) {
			news, _ := watch(ctx)
			next(news)
			d.act(func() { d.says(alice, "name") })
			Expect(next(news).Changes).To(HaveExactElements(HaveField("Person.Key", guid(alice)), HaveField("Group.Key", guid(all))))
		})

		It("tells that those who are not found are gone", func(ctx SpecContext) {
			news, _ := watch(ctx)
			next(news)
			d.act(func() { delete(d.people, alice); d.says(alice, "isDeleted") })
			Expect(next(news).Changes).To(Equal([]directory.Change{{Gone: guid(alice)}}))
		})

		It("takes those who come back into the filter back into their groups", func(ctx SpecContext) {
			news, _ := watch(ctx)
			next(news)
			d.act(func() { delete(d.people, alice); d.says(alice, "department") })
			Expect(next(news).Changes).To(Equal([]directory.Change{{Gone: guid(alice)}}))
			d.act(func() { d.people[alice] = inDomain; d.says(alice, "department") })
			Expect(next(news).Changes).To(HaveExactElements(HaveField("Person.Key", guid(alice)), HaveField("Group.Key", guid(all))))
		})

		It("starts over where the server's data is older than it was", func(ctx SpecContext) {
			news, ended := watch(ctx)
			next(news)
			d.act(func() { d.usn -= 3 })
			Eventually(ended).Should(Receive(MatchError(directory.ErrStartOver)))
		})

		DescribeTable("ends", func(ctx SpecContext, result int64, want OmegaMatcher, from ...string) {
			d.refuses = result
			_, ended := watch(ctx, from...)
			Eventually(ended).Should(Receive(want))
		},
			Entry("where the cookie is refused", int64(12), MatchError(directory.ErrStartOver), cookies(3)[0], "CN=DC1", cookies(3)[2]),
			Entry("where it is refused without one", int64(12), HaveField("Reason", v1alpha1.ReasonNotSupported)),
			Entry("where it is not allowed", int64(50), HaveField("Reason", v1alpha1.ReasonNotPermitted)),
		)

		It("tells nothing, and keeps its cookie, where those who changed cannot be read", func(ctx SpecContext) {
			news, ended := watch(ctx)
			next(news)
			d.act(func() { d.broken = ldap.LDAPResultUnavailable; d.says(alice, "mail") })
			Eventually(ended).Should(Receive(HaveField("Reason", v1alpha1.ReasonUnreachable)))
			Expect(news).NotTo(Receive())
		})
	})
})
