// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e_test

import (
	"context"
	"encoding/base64"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
)

// company is what a Directory mirrors: for each login name the reason of Active and the groups, without prefix.
type company map[string][]string

// mirrored is the company as the cluster has it.
func mirrored(ctx context.Context, directory string) company {
	GinkgoHelper()
	found := company{}
	for name, u := range usersOf(ctx, directory) {
		facts := []string{state(u.Status.Conditions, v1alpha1.ConditionActive)}
		if u.Status.Identity != nil {
			facts = append(facts, u.Status.Identity.Groups...)
		}
		found[name] = facts
	}
	return found
}

const (
	isActive   = "True Active"
	isDisabled = "False DirectoryDisabled"
	isMissing  = "False DirectoryMissing"
	isReplaced = "False IdentityReplaced"
)

// scene is where it happens.
type scene struct {
	directoryServer
	product
	directory string
}

// spoilCookies makes the operator go on, at its next start, from where no server ever was.
func spoilCookies(ctx context.Context, directory string) {
	GinkgoHelper()
	d := &v1alpha1.Directory{}
	Expect(k8s.Get(ctx, named(directory), d)).To(Succeed())
	for i, cookie := range d.Status.Progress.Cookies {
		if _, err := base64.StdEncoding.DecodeString(cookie); err == nil {
			d.Status.Progress.Cookies[i] = base64.StdEncoding.EncodeToString([]byte("rid=000,csn=nonsense"))
		}
	}
	Expect(k8s.Status().Update(ctx, d)).To(Succeed())
}

// story is what happens in a directory, and what the cluster looks like a moment later.
var story = []struct {
	what  string
	act   func(ctx context.Context, s scene) error
	after company
	// reads says that a full read is part of it.
	reads bool
}{
	{
		what: "a person joins",
		act:  func(_ context.Context, s scene) error { return s.AddPerson("dora") },
		after: company{
			"alice": {isActive, "eng", "pay"}, "bob": {isActive, "eng", "pay"}, "carol": {isActive, "eng"}, "dora": {isActive},
		},
	},
	{
		what: "a person enters a group within a group",
		act:  func(_ context.Context, s scene) error { return s.AddMember("pay", s.personDN("dora")) },
		after: company{
			"alice": {isActive, "eng", "pay"}, "bob": {isActive, "eng", "pay"}, "carol": {isActive, "eng"}, "dora": {isActive, "eng", "pay"},
		},
	},
	{
		what: "a person is renamed",
		act:  func(_ context.Context, s scene) error { return s.RenamePerson("dora", "doris") },
		after: company{
			"alice": {isActive, "eng", "pay"}, "bob": {isActive, "eng", "pay"}, "carol": {isActive, "eng"}, "doris": {isActive, "eng", "pay"},
		},
	},
	{
		what: "a person is disabled",
		act:  func(_ context.Context, s scene) error { return s.DisablePerson("bob") },
		after: company{
			"alice": {isActive, "eng", "pay"}, "bob": {isDisabled, "eng", "pay"}, "carol": {isActive, "eng"}, "doris": {isActive, "eng", "pay"},
		},
	},
	{
		what: "a person is enabled again",
		act:  func(_ context.Context, s scene) error { return s.EnablePerson("bob") },
		after: company{
			"alice": {isActive, "eng", "pay"}, "bob": {isActive, "eng", "pay"}, "carol": {isActive, "eng"}, "doris": {isActive, "eng", "pay"},
		},
	},
	{
		what: "a person leaves a group",
		act:  func(_ context.Context, s scene) error { return s.RemoveMember("pay", s.personDN("bob")) },
		after: company{
			"alice": {isActive, "eng", "pay"}, "bob": {isActive}, "carol": {isActive, "eng"}, "doris": {isActive, "eng", "pay"},
		},
	},
	{
		what: "a group leaves the group that it was in",
		act:  func(_ context.Context, s scene) error { return s.RemoveMember("eng", s.groupDN("pay")) },
		after: company{
			"alice": {isActive, "pay"}, "bob": {isActive}, "carol": {isActive, "eng"}, "doris": {isActive, "pay"},
		},
	},
	{
		what: "a group enters it again",
		act:  func(_ context.Context, s scene) error { return s.AddMember("eng", s.groupDN("pay")) },
		after: company{
			"alice": {isActive, "eng", "pay"}, "bob": {isActive}, "carol": {isActive, "eng"}, "doris": {isActive, "eng", "pay"},
		},
	},
	{
		what: "a person is deleted",
		act:  func(_ context.Context, s scene) error { return s.DeletePerson("doris") },
		after: company{
			"alice": {isActive, "eng", "pay"}, "bob": {isActive}, "carol": {isActive, "eng"}, "doris": {isMissing},
		},
	},
	{
		what: "a person moves out of the base",
		act:  func(_ context.Context, s scene) error { return s.MovePerson("carol", s.elsewhere) },
		after: company{
			"alice": {isActive, "eng", "pay"}, "bob": {isActive}, "carol": {isMissing}, "doris": {isMissing},
		},
	},
	{
		what: "the server restarts, and a person is disabled then",
		act: func(ctx context.Context, s scene) error {
			if err := s.Restart(ctx); err != nil {
				return err
			}
			return s.DisablePerson("alice")
		},
		after: company{
			"alice": {isDisabled, "eng", "pay"}, "bob": {isActive}, "carol": {isMissing}, "doris": {isMissing},
		},
		reads: true,
	},
	{
		what: "the operator restarts with a cookie that the server does not know, and a person was enabled meanwhile",
		act: func(ctx context.Context, s scene) error {
			operatorStops()
			spoilCookies(ctx, s.directory)
			if err := s.EnablePerson("alice"); err != nil {
				return err
			}
			operatorRuns(ctx)
			return nil
		},
		after: company{
			"alice": {isActive, "eng", "pay"}, "bob": {isActive}, "carol": {isMissing}, "doris": {isMissing},
		},
		reads: true,
	},
	{
		what: "a person is disabled after that",
		act:  func(_ context.Context, s scene) error { return s.DisablePerson("bob") },
		after: company{
			"alice": {isActive, "eng", "pay"}, "bob": {isDisabled}, "carol": {isMissing}, "doris": {isMissing},
		},
	},
}

// knowsByID says that a Directory's people who are there are known by the ids that they have on the server.
func knowsByID(ctx context.Context, directory string, server directoryServer) {
	GinkgoHelper()
	for uid, u := range usersOf(ctx, directory) {
		if u.Status.Identity.State == v1alpha1.IdentityMissing {
			continue
		}
		id, err := server.PersonID(uid)
		Expect(err).NotTo(HaveOccurred())
		Expect(u.Status.Identity.ID).To(Equal(id), uid)
	}
}

// groupIDs are the ids of a Directory's groups that are there, by name.
func groupIDs(ctx context.Context, directory string) map[string]string {
	GinkgoHelper()
	found := map[string]string{}
	for name, g := range groupsOf(ctx, directory) {
		if g.Status.State == v1alpha1.IdentityPresent {
			found[name] = g.Status.ID
		}
	}
	return found
}

var _ = Describe("Changes as they happen", func() {
	for _, p := range products() {
		Describe("on "+p.name, Ordered, func() {
			var (
				server directoryServer
				name   string
				groups map[string]string
			)
			BeforeAll(func(ctx SpecContext) {
				server = p.runs(ctx)
				for _, uid := range []string{"alice", "bob", "carol"} {
					Expect(server.AddPerson(uid)).To(Succeed())
				}
				Expect(server.AddGroup("pay", p.personDN("alice"), p.personDN("bob"))).To(Succeed())
				Expect(server.AddGroup("eng", p.personDN("carol"), p.groupDN("pay"))).To(Succeed())
				operatorRuns(ctx)
				name = unique("changes")
				p.connects(ctx, p.directory(name, server.LDAPSURL()), server)
				groups = groupIDs(ctx, name)
				Expect(groups).To(And(HaveLen(2), HaveKey("eng"), HaveKey("pay")))
			})
			for _, step := range story {
				It(step.what, func(ctx SpecContext) {
					read := lastSync(ctx, name)
					Expect(step.act(ctx, scene{server, p, name})).To(Succeed())
					acknowledged := time.Now()
					Eventually(ctx, func() company { return mirrored(ctx, name) }).Should(Equal(step.after))
					reportf("%s, %s: %v", p.name, step.what, time.Since(acknowledged).Round(time.Millisecond))
					knowsByID(ctx, name, server)
					Expect(groupIDs(ctx, name)).To(Equal(groups))
					if step.reads {
						eventuallyWatched(ctx, name, "True "+p.way)
					} else {
						Expect(lastSync(ctx, name)).To(Equal(read), "no full read was needed")
					}
				})
			}
		})
	}
})
