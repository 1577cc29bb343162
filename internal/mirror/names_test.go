// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package mirror_test

import (
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/rollcall-iam/rollcall/internal/directory"
	"github.com/rollcall-iam/rollcall/internal/mirror"
)

var _ = Describe("Entries that cannot be mirrored", func() {
	DescribeTable("are skipped, with the reason", func(userName string, want mirror.Skip) {
		w := newWorld()
		plan := w.plan(snapshot(people(person("1", userName), person("2", "bob")), group("g1", userName), group("g2", "team")))
		Expect(plan.PeopleSkipped).To(Equal(mirror.Skipped{want: 1}))
		Expect(plan.GroupsSkipped).To(Equal(mirror.Skipped{want: 1}))
		Expect(plan.UserCount).To(Equal(1))
		Expect(plan.GroupCount).To(Equal(1))
		Expect(plan.Users).To(HaveLen(1))
		Expect(plan.Groups).To(HaveLen(1))
	},
		Entry("no name", "", mirror.SkipNoName),
		Entry("254 bytes", strings.Repeat("a", 254), mirror.SkipLongName),
		Entry("300 characters", strings.Repeat("a", 300), mirror.SkipLongName),
		Entry("127 characters that take 254 bytes", strings.Repeat("é", 127), mirror.SkipLongName),
		Entry("system:", "system:masters", mirror.SkipReservedName),
		Entry("system: alone", "system:", mirror.SkipReservedName),
		Entry("a newline", "alice\n", mirror.SkipUnprintable),
		Entry("a NUL inside", "ali\x00ce", mirror.SkipUnprintable),
		Entry("DEL", "ali\x7fce", mirror.SkipUnprintable),
		Entry("a C1 control", "ali\u0085ce", mirror.SkipUnprintable),
		Entry("bytes that are no text", "ali\xffce", mirror.SkipUnprintable),
		Entry("a leading space", " alice", mirror.SkipUnprintable),
		Entry("a trailing no-break space", "alice\u00a0", mirror.SkipUnprintable),
		Entry("a zero-width space, with which alice looks like alice", "ali\u200bce", mirror.SkipUnprintable),
		Entry("a right-to-left override", "alice\u202egnp", mirror.SkipUnprintable),
	)

	DescribeTable("are skipped where only the prefix makes them system:", func(prefix, name string, want int) {
		w := newWorld()
		w.dir.Spec.UsernamePrefix, w.dir.Spec.GroupPrefix = &prefix, &prefix
		plan := w.plan(snapshot(people(person("1", name)), group("g1", name)))
		Expect(plan.PeopleSkipped).To(HaveLen(want))
		Expect(plan.GroupsSkipped).To(HaveLen(want))
	},
		Entry("with an empty prefix", "", "system:masters", 1),
		Entry("with any prefix", "corp:", "system:masters", 1),
		Entry("put together", "sys", "tem:masters", 1),
		Entry("put together of system and a colon", "system", ":masters", 1),
		Entry("not in the middle", "corp:", "my-system:x", 0),
		Entry("not without the colon", "", "system", 0),
		Entry("not in capitals, which Kubernetes tells apart", "", "SYSTEM:masters", 0),
	)

	It("are those without id", func() {
		w := newWorld()
		Expect(w.sync(snapshot(people(person("", "alice")), group("", "payments")))).To(Equal(
			"people skipped: 1 without id\ngroups skipped: 1 without id\n"))
	})

	It("are those with an id that no status can hold", func() {
		w := newWorld()
		w.sync(snapshot(people(person(strings.Repeat("1", 257), "alice"), person(strings.Repeat("2", 256), "bob"))))
		Expect(w.users).To(HaveLen(1))
		Expect(w.users[0].Name).To(Equal("bob"))
	})

	It("are those that share an id", func() {
		w := newWorld()
		s := snapshot(people(person("1", "alice"), person("1", "bob"), person("3", "carol")))
		w.sync(s)
		Expect(w.state()).To(Equal([]string{"user carol = carol id=3 Present"}))
		Expect(w.plan(s).PeopleSkipped).To(Equal(mirror.Skipped{mirror.SkipSharedID: 2}))
	})

	It("are two new ones with one name", func() {
		w := newWorld()
		s := snapshot(people(person("1", "alice"), person("2", "alice")))
		w.sync(s)
		Expect(w.users).To(BeEmpty())
		Expect(w.plan(s).PeopleSkipped).To(Equal(mirror.Skipped{mirror.SkipAmbiguousName: 2}))
	})

	It("are new ones with the name of one that is mirrored, which stays", func() {
		w := newWorld()
		w.sync(snapshot(people(person("2", "alice"))))
		changed := person("2", "alice")
		changed.Email = "a@corp.example"
		s := snapshot(people(person("1", "alice"), changed, person("3", "alice")))
		Expect(w.sync(s)).To(Equal("user observe alice (changed) alice id=2 Present mail=\"a@corp.example\"\n" +
			"people skipped: 2 with the name of another new entry\n"))
	})

	It("get in as soon as the other goes", func() {
		w := newWorld()
		w.sync(snapshot(people(person("1", "alice"), person("2", "alice"))))
		w.sync(snapshot(people(person("2", "alice"))))
		Expect(w.state()).To(Equal([]string{"user alice = alice id=2 Present"}))
	})

	It("are listed in the order of their reasons", func() {
		w := newWorld()
		plan := w.plan(snapshot(people(
			person("", "a"), person("1", ""), person("2", ""), person("3", "system:x"), person("4", strings.Repeat("a", 300)),
			person("5", "x\n"), person("6", "b"), person("7", "b"), person("8", "c"), person("8", "d"),
		)))
		Expect(plan.PeopleSkipped.String()).To(Equal("1 with a name over 253 bytes, 1 with a name that begins with \"system:\", " +
			"1 with a name that is not printable text, 2 with the id of another entry, 2 with the name of another new entry, " +
			"1 without id, 2 without name"))
	})
})

var _ = Describe("People who are mirrored and whose entry cannot be any more", func() {
	var w *world

	BeforeEach(func() {
		w = newWorld().deletingLeavers()
		w.sync(snapshot(people(person("1", "alice")), group("g1", "payments", "1")))
	})

	DescribeTable("stay as they are", func(entries ...directory.Person) {
		before := w.state()
		w.sync(snapshot(entries, group("g1", "payments", "1")))
		Expect(w.state()).To(Equal(before))
	},
		Entry("no name", person("1", "")),
		Entry("no id, which is what a missing right to read it looks like", person("", "alice")),
		Entry("system:", person("1", "system:masters")),
		Entry("too long", person("1", strings.Repeat("a", 300))),
		Entry("id twice", person("1", "alice"), person("1", "bob")),
	)

	DescribeTable("are kept out where it says that they are disabled", func(entries ...directory.Person) {
		s := snapshot(entries, group("g1", "payments", "1"))
		Expect(w.sync(s)).To(HavePrefix("user observe alice (disabled) alice id=1 Disabled groups=\"payments\"\n"))
		Expect(w.plan(s).Users).To(BeEmpty())
	},
		Entry("no name", disabled(person("1", ""))),
		Entry("system:", disabled(person("1", "system:masters"))),
		Entry("no id", disabled(person("", "alice"))),
		Entry("id twice, the first disabled", disabled(person("1", "alice")), person("1", "bob")),
		Entry("id twice, the second disabled", person("1", "alice"), disabled(person("1", "bob"))),
	)

	It("are not kept out because of another entry that is disabled", func() {
		before := w.state()
		w.sync(snapshot(people(person("1", ""), disabled(person("2", "")), disabled(person("", "bob"))), group("g1", "payments", "1")))
		Expect(w.state()).To(Equal(before))
	})
})

var _ = Describe("Object names", func() {
	DescribeTable("are the login name where that is one", func(userName string) {
		Expect(newWorld().plan(snapshot(people(person("1", userName)))).Users[0].Object.Name).To(Equal(userName))
	},
		Entry("plain", "alice"),
		Entry("with dots and dashes", "alice.ng-2"),
		Entry("digits", "1001"),
		Entry("253 bytes", strings.Repeat("a", 253)),
	)

	DescribeTable("are made valid, with a suffix", func(userName, base string) {
		name := newWorld().plan(snapshot(people(person("1", userName)))).Users[0].Object.Name
		Expect(name).To(MatchRegexp("^" + suffixed(base) + "$"))
		Expect(validation.IsDNS1123Subdomain(name)).To(BeEmpty())
	},
		Entry("capitals", "Alice", "alice"),
		Entry("spaces", "Alice van Ng", "alice-van-ng"),
		Entry("commas", "Ng,Alice", "ng-alice"),
		Entry("a mail address", "alice@corp.example", "alice-corp.example"),
		Entry("non-ASCII", "jürgen", "j-rgen"),
		Entry("a colon", "corp:alice", "corp-alice"),
		Entry("a leading dot", ".alice", "alice"),
		Entry("dots and dashes together", "a.-b-..c", "a.b.c"),
		Entry("a trailing dash", "alice-", "alice"),
	)

	It("are the digest alone where nothing is left of the name", func() {
		name := newWorld().plan(snapshot(people(person("1", "王小明")))).Users[0].Object.Name
		Expect(name).To(MatchRegexp("^[0-9a-f]{8}$"))
	})

	It("have at most 253 bytes", func() {
		name := newWorld().plan(snapshot(people(person("1", strings.Repeat("A", 253))))).Users[0].Object.Name
		Expect(name).To(HaveLen(253))
		Expect(validation.IsDNS1123Subdomain(name)).To(BeEmpty())
	})

	It("differ where login names map to one", func() {
		w := newWorld()
		s := snapshot(people(person("1", "alice ng"), person("2", "alice_ng"), person("3", "Alice-Ng"), person("4", "alice-ng")))
		w.sync(s)
		names := map[string]bool{}
		for i := range w.users {
			names[w.users[i].Name] = true
		}
		Expect(names).To(HaveLen(4))
		Expect(names).To(HaveKey("alice-ng"))
		Expect(text(w.plan(s))).To(BeEmpty())
	})

	It("do not depend on the order of the entries", func() {
		a, b, c := person("1", "Alice"), person("2", "alice"), person("3", "ALICE")
		Expect(text(newWorld().plan(snapshot(people(a, b, c))))).To(Equal(text(newWorld().plan(snapshot(people(c, a, b))))))
	})

	It("avoid those of other directories", func() {
		w := newWorld()
		w.others = []string{"alice", "payments"}
		w.sync(snapshot(people(person("1", "alice")), group("g1", "payments")))
		Expect(w.users[0].Name).To(MatchRegexp(suffixed("alice")))
		Expect(w.users[0].Spec.UserName).To(Equal("alice"))
		Expect(w.groups[0].Name).To(MatchRegexp(suffixed("payments")))
	})

	It("avoid those of others even with the suffix", func() {
		w := newWorld()
		w.others = []string{"alice"}
		short := w.plan(snapshot(people(person("1", "alice")))).Users[0].Object.Name
		w.others = append(w.others, short)
		longer := w.plan(snapshot(people(person("1", "alice")))).Users[0].Object.Name
		Expect(longer).To(HavePrefix(short))
		Expect(longer).To(HaveLen(len(short) + 8))
	})

	It("avoid one that another person's login name takes in the same plan", func() {
		w := newWorld()
		taken := newWorld().plan(snapshot(people(person("1", "Alice")))).Users[0].Object.Name
		w.sync(snapshot(people(person("1", "Alice"), person("2", taken))))
		Expect(w.users).To(HaveLen(2))
	})
})
