// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e_test

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/go-ldap/ldap/v3"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/test/internal/tcpproxy"
)

// historian lets a directory live through what chance wants. Names are few, so that they are used again.
type historian struct {
	directoryServer
	product
	random *rand.Rand
	line   *tcpproxy.Proxy
	// here are the people below the base, away those who moved out, and groups the groups.
	here, away, groups map[string]bool
	// refused says that the line is gone, calm that nothing happens to it.
	refused, calm bool
	told          int
}

var (
	someUIDs   = []string{"ann", "ben", "cem", "dan", "eva", "fay", "gus", "hal", "ida", "jan", "kim", "lea"}
	someGroups = []string{"red", "green", "blue", "grey"}
)

// act is one thing that may happen; it returns what it did, or nothing where that was not possible.
type act func(h *historian) (string, error)

// acts, those that are here twice happen twice as often.
func acts() []act {
	return []act{
		(*historian).join, (*historian).join, (*historian).joinGroup, (*historian).joinGroup, (*historian).joinGroup,
		(*historian).leaveGroup, (*historian).rename, (*historian).replace, (*historian).disable, (*historian).enable, (*historian).leave,
		(*historian).moveOut, (*historian).moveBack, (*historian).addGroup, (*historian).deleteGroup,
		(*historian).nest, (*historian).unnest, (*historian).cut,
	}
}

// one of a set; false where it is empty.
func (h *historian) one(of map[string]bool) (string, bool) {
	if len(of) == 0 {
		return "", false
	}
	all := slices.Sorted(maps.Keys(of))
	return all[h.random.IntN(len(all))], true
}

// free is a name that nobody has.
func (h *historian) free() (string, bool) {
	names := map[string]bool{}
	for _, uid := range someUIDs {
		if !h.here[uid] && !h.away[uid] {
			names[uid] = true
		}
	}
	return h.one(names)
}

// unless leaves out what a server says of a change that is none.
func unless(err error) error {
	if ldap.IsErrorAnyOf(err, ldap.LDAPResultAttributeOrValueExists, ldap.LDAPResultNoSuchAttribute, ldap.LDAPResultEntryAlreadyExists,
		ldap.LDAPResultUnwillingToPerform) {
		return nil
	}
	return err
}

func (h *historian) join() (string, error) {
	uid, ok := h.free()
	if !ok {
		return "", nil
	}
	h.here[uid] = true
	return uid + " joins", h.AddPerson(uid)
}

func (h *historian) rename() (string, error) {
	uid, ok := h.one(h.here)
	other, free := h.free()
	if !ok || !free {
		return "", nil
	}
	delete(h.here, uid)
	h.here[other] = true
	return uid + " becomes " + other, h.RenamePerson(uid, other)
}

func (h *historian) replace() (string, error) {
	uid, ok := h.one(h.here)
	if !ok {
		return "", nil
	}
	if err := h.DeletePerson(uid); err != nil {
		return "", err
	}
	return "another " + uid + " comes at once", h.AddPerson(uid)
}

func (h *historian) disable() (string, error) {
	uid, ok := h.one(h.here)
	if !ok {
		return "", nil
	}
	return uid + " is disabled", h.DisablePerson(uid)
}

func (h *historian) enable() (string, error) {
	uid, ok := h.one(h.here)
	if !ok {
		return "", nil
	}
	return uid + " is enabled", unless(h.EnablePerson(uid))
}

func (h *historian) leave() (string, error) {
	uid, ok := h.one(h.here)
	if !ok {
		return "", nil
	}
	delete(h.here, uid)
	return uid + " leaves", h.DeletePerson(uid)
}

func (h *historian) moveOut() (string, error) {
	uid, ok := h.one(h.here)
	if !ok {
		return "", nil
	}
	delete(h.here, uid)
	h.away[uid] = true
	return uid + " moves out", h.MovePerson(uid, h.elsewhere)
}

func (h *historian) moveBack() (string, error) {
	uid, ok := h.one(h.away)
	if !ok {
		return "", nil
	}
	delete(h.away, uid)
	h.here[uid] = true
	return uid + " moves back", h.MovePerson(uid, h.people)
}

func (h *historian) addGroup() (string, error) {
	for _, cn := range someGroups {
		if !h.groups[cn] {
			h.groups[cn] = true
			return "group " + cn + " is made", h.AddGroup(cn)
		}
	}
	return "", nil
}

func (h *historian) deleteGroup() (string, error) {
	cn, ok := h.one(h.groups)
	if !ok || h.random.IntN(2) == 0 {
		return "", nil
	}
	delete(h.groups, cn)
	return "group " + cn + " goes", h.DeleteGroup(cn)
}

func (h *historian) joinGroup() (string, error) {
	cn, ok := h.one(h.groups)
	uid, some := h.one(h.here)
	if !ok || !some {
		return "", nil
	}
	return uid + " enters " + cn, unless(h.AddMember(cn, h.personDN(uid)))
}

func (h *historian) leaveGroup() (string, error) {
	cn, ok := h.one(h.groups)
	uid, some := h.one(h.here)
	if !ok || !some {
		return "", nil
	}
	return uid + " quits " + cn, unless(h.RemoveMember(cn, h.personDN(uid)))
}

func (h *historian) nest() (string, error) {
	cn, ok := h.one(h.groups)
	inner, _ := h.one(h.groups)
	if !ok || cn == inner {
		return "", nil
	}
	return inner + " enters " + cn, unless(h.AddMember(cn, h.groupDN(inner)))
}

func (h *historian) unnest() (string, error) {
	cn, ok := h.one(h.groups)
	inner, _ := h.one(h.groups)
	if !ok || cn == inner {
		return "", nil
	}
	return inner + " quits " + cn, unless(h.RemoveMember(cn, h.groupDN(inner)))
}

// cut does something to the line, or undoes it.
func (h *historian) cut() (string, error) {
	switch {
	case h.calm:
		return "", nil
	case h.refused:
		h.refused = false
		h.line.Pass()
		return "the line is there again", nil
	case h.random.IntN(2) == 0:
		h.line.Cut()
		return "the line is cut", nil
	default:
		h.refused = true
		h.line.Refuse()
		return "the line is gone", nil
	}
}

// lives through so many acts.
func (h *historian) lives(n int) {
	GinkgoHelper()
	all := acts()
	for done := 0; done < n; {
		what, err := all[h.random.IntN(len(all))](h)
		Expect(err).NotTo(HaveOccurred(), what)
		if what != "" {
			done++
			GinkgoWriter.Println(time.Now().Format("15:04:05.000"), what)
		}
	}
}

// isHeard waits until the cluster knows of everything that was told before.
func (h *historian) isHeard(ctx context.Context, directory string) {
	GinkgoHelper()
	h.line.Pass()
	h.refused = false
	h.told++
	uid := fmt.Sprintf("probe%d", h.told)
	Expect(h.AddPerson(uid)).To(Succeed())
	Eventually(ctx, func() company { return mirrored(ctx, directory) }).Should(HaveKey(uid))
	GinkgoWriter.Println(time.Now().Format("15:04:05.000"), "all is heard")
}

var _ = Describe("Whatever happens in a real directory", func() {
	for i, p := range products() {
		often := []int{60, 30, 30}[i]
		It("is mirrored as by a fresh mirror in the end, on "+p.name, func(ctx SpecContext) {
			seed := uint64(GinkgoRandomSeed())
			AddReportEntry("seed", seed)
			server := p.runs(ctx)
			line, url := proxied(server)
			h := &historian{
				directoryServer: server, product: p, random: rand.New(rand.NewPCG(seed, uint64(i))), line: line,
				here: map[string]bool{}, away: map[string]bool{}, groups: map[string]bool{},
			}
			h.lives(often)
			operatorRuns(ctx)
			name := unique("history")
			d := p.directory(name, url)
			d.Spec.Leavers.Policy, d.Spec.Leavers.MaxLossPercent = v1alpha1.LeaversDelete, new(int32(100))
			line.Pass()
			p.connects(ctx, d, server)
			for range 2 {
				h.lives(often)
				h.isHeard(ctx, name)
			}
			h.lives(often / 4)
			Expect(server.Restart(ctx)).To(Succeed())
			h.lives(often / 2)
			h.isHeard(ctx, name)
			operatorStops()
			h.lives(often / 2)
			operatorRuns(ctx)
			h.lives(often / 4)
			h.isHeard(ctx, name)
			eventuallyWatched(ctx, name, "True "+p.way)

			h.calm = true // What the server tells as it happens has to do.
			h.lives(often)
			h.isHeard(ctx, name)
			p.likeAFreshMirror(ctx, name, server)
			Expect(slices.DeleteFunc(slices.Collect(maps.Keys(mirrored(ctx, name))), func(uid string) bool {
				return h.here[uid] || strings.HasPrefix(uid, "probe")
			})).To(BeEmpty())
		})
	}
})
