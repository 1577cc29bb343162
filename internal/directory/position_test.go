// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package directory_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/rollcall-iam/rollcall/internal/directory"
)

var _ = Describe("A position", func() {
	type position = directory.Position

	DescribeTable("is behind another where a provider's last change is older", func(here, known position, want bool) {
		Expect(here.Behind(known)).To(Equal(want))
	},
		Entry("older", position{"a": "1"}, position{"a": "2"}, true),
		Entry("the same", position{"a": "2"}, position{"a": "2"}, false),
		Entry("newer", position{"a": "3"}, position{"a": "2"}, false),
		Entry("one of two older", position{"a": "3", "b": "1"}, position{"a": "2", "b": "2"}, true),
		Entry("a provider that only we know", position{"a": "1"}, position{"b": "2"}, false),
		Entry("nothing is known", position{"a": "1"}, nil, false),
		Entry("the server does not say", nil, position{"a": "1"}, false),
	)

	It("and another are the newer of both for each provider", func() {
		one, other := position{"a": "1", "b": "2"}, position{"b": "1", "c": "3"}
		Expect(one.And(other)).To(Equal(position{"a": "1", "b": "2", "c": "3"}))
		Expect(other.And(one)).To(Equal(one.And(other)))
		Expect(one.And(nil)).To(Equal(one))
		Expect(position(nil).And(one)).To(Equal(one))
		Expect(position(nil).And(nil)).To(BeEmpty())
	})

	It("is left as it is by adding another", func() {
		one := position{"a": "1"}
		one.And(position{"a": "2"})["a"] = "3"
		Expect(one).To(Equal(position{"a": "1"}))
	})

	DescribeTable("can be stored", func(p position, stored ...string) {
		Expect(p.Strings()).To(HaveExactElements(stored))
		Expect(directory.ParsePosition(p.Strings())).To(Equal(p))
	},
		Entry("empty", position{}),
		Entry("of two providers, in order", position{"provider-002": "y", "provider-001": "x"}, "provider-001 x", "provider-002 y"),
		Entry("of one whose name has spaces", position{"CN=NTDS Settings,CN=DC 1": "7"}, "CN=NTDS Settings,CN=DC 1 7"),
		Entry("of nothing yet", position{"a": ""}, "a "),
	)

	It("passes over what it did not store", func() {
		Expect(directory.ParsePosition([]string{"", "a", " b", "c 1"})).To(Equal(position{"c": "1"}))
		Expect(directory.ParsePosition(nil)).To(Equal(position{}))
	})
})

var _ = Describe("A person", func() {
	at := time.Date(2026, time.November, 23, 12, 0, 0, 0, time.UTC)

	DescribeTable("is kept out", func(p directory.Person, want bool) {
		Expect(p.Out(at)).To(Equal(want))
	},
		Entry("not at all", directory.Person{}, false),
		Entry("disabled", directory.Person{Disabled: true}, true),
		Entry("not before the time", directory.Person{ExpireTime: at.Add(time.Second)}, false),
		Entry("at the time", directory.Person{ExpireTime: at}, true),
		Entry("after the time", directory.Person{ExpireTime: at.Add(-time.Second)}, true),
		Entry("disabled, before the time", directory.Person{Disabled: true, ExpireTime: at.Add(time.Second)}, true),
	)
})
