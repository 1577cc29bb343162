// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package share

import (
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unsafe"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/types"
)

// copied is an equal string elsewhere, as a decoder makes it.
func copied(s string) string { return string([]byte(s)) }

// beTheSameAs is for strings of which there is one copy in memory.
func beTheSameAs(s string) types.GomegaMatcher {
	place := func(s string) *byte { return unsafe.StringData(s) } //nolint:gocritic // A built-in function is no value.
	return And(Equal(s), WithTransform(place, BeIdenticalTo(place(s))))
}

// beTheMap is for maps of which there is one in memory.
func beTheMap(m map[string]string) types.GomegaMatcher {
	return And(Equal(m), WithTransform(func(m map[string]string) uintptr { return reflect.ValueOf(m).Pointer() },
		Equal(reflect.ValueOf(m).Pointer())))
}

var _ = Describe("A pool", func() {
	var p *Pool
	BeforeEach(func() { p = &Pool{} })

	It("gives one string for all that are equal", func() {
		first := p.String("corp")
		Expect(p.String(copied("corp"))).To(beTheSameAs(first))
		Expect(p.String("core")).To(Equal("core"))
		Expect(p.String("")).To(BeEmpty())
	})

	It("holds on to nothing larger that a string is part of", func() {
		whole := strings.Repeat("x", 1<<20)
		Expect(p.String(whole[:4])).NotTo(beTheSameAs(whole[:4]))
	})

	It("keeps of long lists what is in them alone", func() {
		long := strings.Repeat("g", longest)
		first, second := p.List([]string{"a", long}), p.List([]string{copied("a"), copied(long)})
		Expect(second).To(Equal([]string{"a", long}))
		Expect(unsafe.SliceData(second)).NotTo(BeIdenticalTo(unsafe.SliceData(first)))
		Expect(second).To(HaveExactElements(beTheSameAs(first[0]), beTheSameAs(first[1])))
		Expect(p.lists.young).To(BeEmpty())
	})

	It("gives one list for all that are equal, without room for more", func() {
		first := p.List(append(make([]string, 0, 4), "a", "b", "c"))
		second := p.List([]string{copied("a"), copied("b"), copied("c")})
		Expect(second).To(Equal([]string{"a", "b", "c"}))
		Expect(unsafe.SliceData(second)).To(BeIdenticalTo(unsafe.SliceData(first)))
		Expect(second).To(HaveCap(3))
		Expect(append(second, "d")).To(HaveLen(4))
		Expect(p.List([]string{"a", "b", "c"})).To(Equal([]string{"a", "b", "c"}))
	})

	It("has lists share their strings, with whatever else has them", func() {
		one := p.String("a")
		Expect(p.List([]string{copied("a"), "b"})[0]).To(beTheSameAs(one))
		Expect(p.List([]string{copied("a"), "c"})[0]).To(beTheSameAs(one))
	})

	It("leaves alone what it is given", func() {
		given := []string{copied("a")}
		before := unsafe.StringData(given[0])
		p.String("a")
		p.List(given)
		Expect(unsafe.StringData(given[0])).To(BeIdenticalTo(before))
	})

	It("does not take lists for one another that are the same when they are joined", func() {
		p.List([]string{"a", "b"})
		Expect(p.List([]string{"a\x00b"})).To(Equal([]string{"a\x00b"}))
		p.Labels(map[string]string{"a": "b\x00c\x00d"})
		Expect(p.Labels(map[string]string{"a": "b", "c": "d"})).To(Equal(map[string]string{"a": "b", "c": "d"}))
	})

	It("tells what is empty from what is not there", func() {
		Expect(p.List(nil)).To(BeNil())
		Expect(p.List([]string{})).To(And(BeEmpty(), Not(BeNil())))
		Expect(p.Labels(nil)).To(BeNil())
		Expect(p.Labels(map[string]string{})).To(And(BeEmpty(), Not(BeNil())))
	})

	It("gives one map for all labels that are equal", func() {
		first := p.Labels(map[string]string{"a": "1", "b": "2"})
		again := p.Labels(map[string]string{"b": copied("2"), "a": copied("1")})
		Expect(again).To(Equal(map[string]string{"a": "1", "b": "2"}))
		Expect(again).To(beTheMap(first))
		Expect(p.Labels(map[string]string{"a": "1"})).To(Equal(map[string]string{"a": "1"}))
	})

	It("keeps what is in use, and a bounded number of what was", func() {
		kept := p.String("corp")
		for i := range 5 * generation {
			p.String(strconv.Itoa(i))
			if i%(generation/2) == 0 {
				Expect(p.String(copied("corp"))).To(beTheSameAs(kept))
			}
		}
		Expect(len(p.strings.young) + len(p.strings.old)).To(BeNumerically("<=", 2*generation))
		Expect(p.strings.young).NotTo(HaveKey("0"))
		Expect(p.strings.old).NotTo(HaveKey("0"))
	})

	It("is for many at a time", func() {
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				for i := range 1000 {
					p.String(strconv.Itoa(i % 10))
					p.List([]string{strconv.Itoa(i % 10)})
					p.Labels(map[string]string{"n": strconv.Itoa(i % 10)})
				}
			})
		}
		all.Wait()
		Expect(slices.Collect(maps.Keys(p.strings.young))).To(HaveLen(10))
	})
})
