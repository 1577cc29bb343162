// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e_test

import (
	"fmt"
	"strings"

	"github.com/go-ldap/ldap/v3"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/test/slapd"
)

// source is a Directory and what comes of reading it.
type source struct {
	set           func(*v1alpha1.Directory, *slapd.Server)
	users, groups int
	// groupsOf are the names of the groups of some people, without prefix.
	groupsOf map[int][]string
	insecure bool
	// username and groupName are what the first person and their groups are called; %s stands for the directory's name.
	username, groupName string
}

// loops are groups that hold each other in a circle, and one that holds itself.
func loops() string {
	member := func(cn string, members ...string) string {
		return fmt.Sprintf("dn: %s\nobjectClass: groupOfNames\ncn: %s\nmember: %s\n",
			slapd.GroupDN(cn), cn, strings.Join(members, "\nmember: "))
	}
	return strings.Join([]string{
		member("loop-a", slapd.PersonDN(slapd.UID(0)), slapd.GroupDN("loop-b")),
		member("loop-b", slapd.PersonDN(slapd.UID(1)), slapd.GroupDN("loop-c")),
		member("loop-c", slapd.PersonDN(slapd.UID(2)), slapd.GroupDN("loop-a")),
		member("itself", slapd.PersonDN(slapd.UID(3)), slapd.GroupDN("itself")),
	}, "\n")
}

var _ = Describe("A Directory on OpenLDAP", Ordered, ContinueOnFailure, func() {
	const everybody = slapd.SizeLimit + 50
	var server *slapd.Server
	BeforeAll(func(ctx SpecContext) {
		server = slapdRuns(ctx, slapd.People(everybody))
		Expect(server.Load(loops())).To(Succeed())
		operatorRuns(ctx)
	})

	It("is a server that makes paging necessary, and keeps memberOf", func() {
		reader, err := server.Connect(slapd.ReaderDN, server.Password())
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(reader.Close)
		search := func(filter string) (*ldap.SearchResult, error) {
			return reader.Search(ldap.NewSearchRequest(slapd.PeopleDN, ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, 0, 0, false,
				filter, []string{"uid"}, nil))
		}
		_, err = search("(objectClass=inetOrgPerson)")
		Expect(ldap.IsErrorWithCode(err, ldap.LDAPResultSizeLimitExceeded)).To(BeTrue(), "%v", err)
		found, err := search("(memberOf=" + slapd.GroupDN("loop-a") + ")")
		Expect(err).NotTo(HaveOccurred())
		Expect(found.Entries).To(HaveLen(1))
	})

	nested := map[int][]string{
		0:             {slapd.Company, slapd.Division(0), "loop-a", "loop-b", "loop-c", slapd.Team(0)},
		2:             {slapd.Company, slapd.Division(0), "loop-a", "loop-b", "loop-c", slapd.Team(0)},
		3:             {slapd.Company, slapd.Division(0), "itself", slapd.Team(0)},
		everybody - 1: {slapd.Company, slapd.Division(0), slapd.Team(7)},
	}
	flat := map[int][]string{0: {"loop-a", slapd.Team(0)}, 3: {"itself", slapd.Team(0)}, everybody - 1: {slapd.Team(7)}}
	unix := map[int][]string{0: {slapd.UnixTeam(0)}, everybody - 1: {slapd.UnixTeam(7)}}
	const bisGroups, unixGroups = 8 + 1 + 1 + 4, 8

	DescribeTable("becomes Users and Groups, and locks people out and in", func(ctx SpecContext, of source) {
		name := unique("source")
		d := slapdDirectory(name, server)
		of.set(d, server)
		connect(ctx, d, server)
		read := eventuallyDirectory(ctx, name, synced)
		Expect(read.Status.Users).To(HaveValue(BeEquivalentTo(of.users)))
		Expect(read.Status.Groups).To(HaveValue(BeEquivalentTo(of.groups)))
		insecure := map[bool]string{true: "True TLSDisabled", false: "absent"}[of.insecure]
		Expect(state(read.Status.Conditions, v1alpha1.ConditionInsecure)).To(Equal(insecure))

		settled(ctx, name)
		users := usersOf(ctx, name)
		Expect(users).To(HaveLen(of.users))
		Expect(groupsOf(ctx, name)).To(HaveLen(of.groups))
		for i, groups := range of.groupsOf {
			wanted := make([]string, len(groups))
			for j, group := range groups {
				wanted[j] = strings.ReplaceAll(of.groupName, "%s", name) + group
			}
			Expect(users[slapd.UID(i)].Status.Groups).To(ConsistOf(wanted), slapd.UID(i))
		}
		for _, u := range users {
			Expect(u.Status.Username).To(Equal(strings.ReplaceAll(of.username, "%s", name) + u.Spec.UserName))
			Expect(u.Labels).To(HaveKeyWithValue(v1alpha1.LabelDirectory, name))
			Expect(u.Status.Identity.Email).To(Equal(u.Spec.UserName + "@corp.example"))
			Expect(state(u.Status.Conditions, v1alpha1.ConditionActive)).To(Equal("True Active"), u.Name)
		}

		Expect(server.Lock(slapd.PersonDN(slapd.UID(0)))).To(Succeed())
		DeferCleanup(func() error { return server.Unlock(slapd.PersonDN(slapd.UID(0))) })
		nudge(ctx, name)
		locked := eventuallyActive(ctx, slapd.UID(0), "False DirectoryDisabled")
		Expect(locked.Status.Groups).To(Equal(users[slapd.UID(0)].Status.Groups), "disabled people keep them")
		Expect(server.Unlock(slapd.PersonDN(slapd.UID(0)))).To(Succeed())
		nudge(ctx, name)
		eventuallyActive(ctx, slapd.UID(0), "True Active")
	},
		Entry("RFC2307bis over ldaps, with nested groups in a circle", source{
			func(*v1alpha1.Directory, *slapd.Server) {}, everybody, bisGroups, nested, false, "%s:", "%s:",
		}),
		Entry("RFC2307bis over ldap and StartTLS, flat", source{
			func(d *v1alpha1.Directory, s *slapd.Server) {
				d.Spec.LDAP.URL, d.Spec.LDAP.TLS = s.LDAPURL(), v1alpha1.TLSStartTLS
				d.Spec.LDAP.Groups.Nesting = v1alpha1.NestingFlat
			}, everybody, bisGroups, flat, false, "%s:", "%s:",
		}),
		Entry("RFC2307bis over plain ldap, with a warning", source{
			func(d *v1alpha1.Directory, s *slapd.Server) {
				d.Spec.LDAP.URL, d.Spec.LDAP.TLS = s.LDAPURL(), v1alpha1.TLSDisabled
			}, everybody, bisGroups, nested, true, "%s:", "%s:",
		}),
		Entry("RFC2307 over ldaps, with prefixes of its own", source{
			func(d *v1alpha1.Directory, _ *slapd.Server) {
				d.Spec.LDAP.Schema = v1alpha1.SchemaRFC2307
				d.Spec.UsernamePrefix, d.Spec.GroupPrefix = new("unix/"), new("")
			}, everybody, unixGroups, unix, false, "unix/", "",
		}),
		Entry("RFC2307 over ldap and StartTLS", source{
			func(d *v1alpha1.Directory, s *slapd.Server) {
				d.Spec.LDAP.Schema = v1alpha1.SchemaRFC2307
				d.Spec.LDAP.URL, d.Spec.LDAP.TLS = s.LDAPURL(), v1alpha1.TLSStartTLS
			}, everybody, unixGroups, unix, false, "%s:", "%s:",
		}),
		Entry("only who is memberOf a group", source{
			func(d *v1alpha1.Directory, _ *slapd.Server) {
				d.Spec.LDAP.Users.Filter = "(memberOf=" + slapd.GroupDN("loop-a") + ")"
			}, 1, bisGroups, map[int][]string{0: nested[0]}, false, "%s:", "%s:",
		}),
		Entry("people without groups", source{
			func(d *v1alpha1.Directory, _ *slapd.Server) { d.Spec.LDAP.Groups = nil },
			everybody, 0,
			map[int][]string{0: nil},
			false, "%s:", "%s:",
		}),
	)
})
