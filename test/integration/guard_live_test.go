// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package integration_test

import (
	"context"
	"regexp"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
)

// acceptCommand is the command that a message of the loss guard proposes.
var acceptCommand = regexp.MustCompile(`kubectl (annotate directory \S+ --overwrite iam\.rollcall\.dev/accept-loss=[0-9a-f]+)$`)

// guardLive are specs of the loss guard with the operator at work.
func guardLive(w *world) {
	BeforeAll(w.live)
	var (
		c     *company
		staff []string
		pay   string
		grant *v1alpha1.Grant
	)
	BeforeEach(func(ctx SpecContext) {
		staff, pay = w.staff(12), w.name("pay")
		c = w.company(ctx, staff, map[string][]string{pay: staff})
		grant = grantOf(w.name("grant"), groupSubject(pay))
		w.create(ctx, grant)
		w.becomes(ctx, c.Directory, ready, says(isTrue, v1alpha1.ReasonSynced, "12 users and 1 groups"))
		w.binds(ctx, grant, "", c.usernames(staff)...)
	})
	keeps := func(ctx context.Context, names []string) {
		GinkgoHelper()
		Consistently(ctx, func() []string { return w.bound(ctx, "", "rollcall:"+grant.Name) }).Should(HaveLen(len(names)))
		w.binds(ctx, grant, "", c.usernames(names)...)
	}
	holds := func(ctx context.Context, create, update, withdraw int) {
		GinkgoHelper()
		w.becomes(ctx, c.Directory, stalled, says(isTrue, v1alpha1.ReasonLossGuard, "would lose access"))
		Eventually(ctx, func() *v1alpha1.PendingPlan { return c.pending(ctx) }).Should(HaveValue(SatisfyAll(
			HaveField("Create", HaveValue(BeEquivalentTo(create))), HaveField("Update", HaveValue(BeEquivalentTo(update))),
			HaveField("Withdraw", HaveValue(BeEquivalentTo(withdraw))), HaveField("StartTime", Not(BeZero())))))
	}
	released := func(ctx context.Context) {
		GinkgoHelper()
		w.becomes(ctx, c.Directory, ready, says(isTrue, v1alpha1.ReasonSynced))
		Expect(get(ctx, w, c.Directory).Status.Pending).To(BeNil())
		Expect(w.condition(ctx, c.Directory, stalled)).To(BeZero())
		Expect(kstatus(c.Directory)).To(Equal(current))
	}

	It("holds everybody when the directory is emptied, lets a joiner in, and lets them go when somebody says so", func(ctx SpecContext) {
		c.people, c.groups = nil, nil
		c.reread(ctx)
		holds(ctx, 0, 13, 12)
		token := c.pending(ctx).Token
		message := w.condition(ctx, c.Directory, ready)
		Expect(message).To(says(isFalse, v1alpha1.ReasonLossGuard, "12 of 12 people", token, "spec.leavers.maxLossPercent"))
		Expect(kstatus(c.Directory)).To(Equal(failed))
		keeps(ctx, staff)
		Expect(w.condition(ctx, localUser(staff[0]), active)).To(says(isTrue, v1alpha1.ReasonActive))

		By("showing it")
		out, err := w.kubectl(ctx, "get", "dir", c.Name, "-o", "wide")
		Expect(err).NotTo(HaveOccurred())
		Expect(out).To(MatchRegexp(`%s +False +LossGuard .* %s +ldaps://`, c.Name, token))

		By("joining")
		c.people = w.staff(1)
		c.reread(ctx)
		Eventually(ctx, func() []string { return c.imported(ctx) }).Should(ContainElement(c.people[0]))
		w.becomes(ctx, localUser(c.people[0]), active, says(isTrue, v1alpha1.ReasonActive))
		Expect(c.pending(ctx)).To(HaveValue(HaveField("Token", token)), "which is another plan for nobody")

		By("accepting something else")
		c.annotate(ctx, "0123456789abcdef")
		c.reread(ctx)
		keeps(ctx, staff)
		Expect(c.pending(ctx)).To(HaveValue(HaveField("Token", token)))

		By("accepting it as the message says")
		command := acceptCommand.FindStringSubmatch(message.Message)
		Expect(command).To(HaveLen(2), message.Message)
		_, err = w.kubectl(ctx, strings.Fields(command[1])...)
		Expect(err).NotTo(HaveOccurred())
		w.binds(ctx, grant, "")
		released(ctx)
		w.becomes(ctx, localUser(staff[0]), active, says(isFalse, v1alpha1.ReasonDirectoryMissing))
		Expect(w.condition(ctx, localUser(c.people[0]), active)).To(says(isTrue, v1alpha1.ReasonActive))

		By("coming back, and going again")
		joiner := c.people
		c.people, c.groups = slices.Concat(staff, joiner), map[string][]string{pay: staff}
		c.reread(ctx)
		w.binds(ctx, grant, "", c.usernames(staff)...)
		released(ctx)
		c.people, c.groups = joiner, nil
		c.reread(ctx)
		holds(ctx, 0, 13, 12)
		Expect(c.pending(ctx).Token).NotTo(Equal(token), "what was accepted once is not accepted for ever")
		keeps(ctx, staff)
	})

	It("holds on when the operator is started anew, and lets go when the directory is whole again", func(ctx SpecContext) {
		c.people = nil
		c.reread(ctx)
		holds(ctx, 0, 12, 12)
		before := c.pending(ctx)
		w.live(ctx)
		c.people = staff[2:]
		c.reread(ctx)
		holds(ctx, 0, 2, 2)
		Expect(c.pending(ctx).StartTime).To(Equal(before.StartTime))
		keeps(ctx, staff)
		c.people = staff
		c.reread(ctx)
		released(ctx)
		keeps(ctx, staff)
	})

	It("holds what people lose by a group that a Grant names", func(ctx SpecContext) {
		c.groups[pay] = staff[:1]
		c.reread(ctx)
		holds(ctx, 0, 11, 11)
		keeps(ctx, staff)
		c.annotate(ctx, c.pending(ctx).Token)
		w.binds(ctx, grant, "", c.usernames(staff[:1])...)
		released(ctx)
	})

	It("lets one be disabled while it holds the others", func(ctx SpecContext) {
		c.people = staff[:1]
		c.reread(ctx)
		holds(ctx, 0, 11, 11)
		c.disabled = staff[:1]
		c.reread(ctx)
		w.becomes(ctx, localUser(staff[0]), active, says(isFalse, v1alpha1.ReasonDirectoryDisabled))
		w.binds(ctx, grant, "", c.usernames(staff[1:])...)
		holds(ctx, 0, 11, 11)
	})

	It("lets a few go unasked, and asks no more where the spec says so", func(ctx SpecContext) {
		c.people = staff[5:]
		c.reread(ctx)
		w.binds(ctx, grant, "", c.usernames(staff[5:])...)
		released(ctx)
		c.people = nil
		c.reread(ctx)
		holds(ctx, 0, 7, 7)
		change(ctx, w, c.Directory, func(d *v1alpha1.Directory) { d.Spec.Leavers.MaxLossPercent = new(int32(100)) })
		w.binds(ctx, grant, "")
		released(ctx)
	})

	It("holds another prefix until it is accepted, and then the bindings follow", func(ctx SpecContext) {
		change(ctx, w, c.Directory, func(d *v1alpha1.Directory) { d.Spec.UsernamePrefix = new("new:") })
		holds(ctx, 0, 0, 12)
		keeps(ctx, staff)
		Expect(get(ctx, w, c.Directory).Status.UsernamePrefix).To(HaveValue(Equal(c.Name + ":")))
		Expect(get(ctx, w, localUser(staff[0])).Status.Username).To(Equal(c.username(staff[0])))
		c.annotate(ctx, c.pending(ctx).Token)
		renamed := make([]string, len(staff))
		for i := range staff {
			renamed[i] = "new:" + staff[i]
		}
		w.binds(ctx, grant, "", renamed...)
		released(ctx)
		Expect(c.Status.UsernamePrefix).To(HaveValue(Equal("new:")))
		Eventually(ctx, func() string { return get(ctx, w, localUser(staff[0])).Status.Username }).Should(Equal(renamed[0]))
	})
}

// directoriesLive are specs of Directories with the operator at work.
func directoriesLive(w *world) {
	BeforeAll(w.live)

	It("import people and groups as Grants reach them, and release them with the Grant", func(ctx SpecContext) {
		staff := w.staff(4)
		inner, outer := w.name("inner"), w.name("outer")
		c := w.company(ctx, staff, map[string][]string{inner: staff[:1], outer: {inner, staff[1]}}, importing(v1alpha1.ImportGranted))
		w.becomes(ctx, c.Directory, ready, says(isTrue, v1alpha1.ReasonSynced, "0 users and 0 groups"))
		Expect(c.imported(ctx)).To(BeEmpty())
		read := get(ctx, w, c.Directory).Status.LastSyncTime

		By("granting a group")
		grant := grantOf(w.name("grant"), groupSubject(outer))
		w.create(ctx, grant)
		w.binds(ctx, grant, "", c.usernames(staff[:2])...)
		Expect(c.imported(ctx)).To(Equal([]string{staff[0], staff[1], "group " + inner, "group " + outer}))
		w.becomes(ctx, grant, ready, says(isTrue, v1alpha1.ReasonApplied))
		w.becomes(ctx, c.Directory, ready, says(isTrue, v1alpha1.ReasonSynced, "2 users and 2 groups"))

		By("granting to a person, and to a local group")
		direct, team := grantOf(w.name("grant"), users(staff[2])...), localGroup(w.name("team"))
		local := grantOf(w.name("grant"), groupSubject(team.Name))
		w.create(ctx, direct, team, local)
		w.binds(ctx, direct, "", c.username(staff[2]))
		change(ctx, w, team, func(g *v1alpha1.Group) { g.Spec.Members = []string{staff[3]} })
		w.binds(ctx, local, "", c.username(staff[3]))
		Expect(c.imported(ctx)).To(HaveLen(6))

		By("taking it all back")
		change(ctx, w, team, func(g *v1alpha1.Group) { g.Spec.Members = nil })
		Eventually(ctx, func() []string { return c.imported(ctx) }).ShouldNot(ContainElement(staff[3]))
		Expect(w.admin.Delete(ctx, direct)).To(Succeed())
		change(ctx, w, grant, func(g *v1alpha1.Grant) { g.Spec.Subjects = []v1alpha1.Subject{groupSubject(inner)} })
		Eventually(ctx, func() []string { return c.imported(ctx) }).Should(Equal([]string{staff[0], "group " + inner}))
		Expect(w.admin.Delete(ctx, grant)).To(Succeed())
		Eventually(ctx, func() []string { return c.imported(ctx) }).Should(BeEmpty())
		w.becomes(ctx, c.Directory, ready, says(isTrue, v1alpha1.ReasonSynced, "0 users and 0 groups"))
		Expect(get(ctx, w, c.Directory).Status.LastSyncTime).To(Equal(read), "no full read was needed")
	})

	It("keep what was set on a User whom no Grant reaches any more", func(ctx SpecContext) {
		staff := w.staff(2)
		c := w.company(ctx, staff, nil, importing(v1alpha1.ImportGranted))
		grant := grantOf(w.name("grant"), users(staff...)...)
		w.create(ctx, grant)
		w.binds(ctx, grant, "", c.usernames(staff)...)
		change(ctx, w, localUser(staff[0]), func(u *v1alpha1.User) { u.Spec.State = v1alpha1.UserSuspended })
		w.binds(ctx, grant, "", c.username(staff[1]))
		Expect(w.admin.Delete(ctx, grant)).To(Succeed())
		Eventually(ctx, func() []string { return c.imported(ctx) }).Should(Equal(staff[:1]))
	})

	It("release those whom no Grant reaches when the policy becomes Granted, and ask nobody", func(ctx SpecContext) {
		staff, pay := w.staff(12), w.name("pay")
		c := w.company(ctx, staff, map[string][]string{pay: staff[:3]})
		grant := grantOf(w.name("grant"), groupSubject(pay))
		w.create(ctx, grant)
		w.binds(ctx, grant, "", c.usernames(staff[:3])...)
		w.becomes(ctx, c.Directory, ready, says(isTrue, v1alpha1.ReasonSynced, "12 users"))
		change(ctx, w, c.Directory, func(d *v1alpha1.Directory) { d.Spec.Import = v1alpha1.ImportGranted })
		w.becomes(ctx, c.Directory, ready, says(isTrue, v1alpha1.ReasonSynced, "3 users and 1 groups"))
		Expect(c.imported(ctx)).To(Equal([]string{staff[0], staff[1], staff[2], "group " + pay}))
		w.binds(ctx, grant, "", c.usernames(staff[:3])...)
	})

	It("that have people of the same name have a User for each, whom Grants tell apart", func(ctx SpecContext) {
		staff := w.staff(1)
		one := w.company(ctx, staff, nil)
		w.becomes(ctx, one.Directory, ready, says(isTrue, v1alpha1.ReasonSynced, "1 users"))
		two := w.company(ctx, staff, nil)
		w.becomes(ctx, two.Directory, ready, says(isTrue, v1alpha1.ReasonSynced, "1 users"))
		Expect(one.imported(ctx)).To(Equal(staff))
		names := two.imported(ctx)
		Expect(names).To(HaveExactElements(MatchRegexp(`^%s-[0-9a-f]{8}$`, staff[0])))
		first, second := grantOf(w.name("grant"), users(staff[0])...), grantOf(w.name("grant"), users(names[0])...)
		w.create(ctx, first, second)
		w.binds(ctx, first, "", one.username(staff[0]))
		w.binds(ctx, second, "", two.username(staff[0]))
	})

	It("take what they imported with them, once, and leave the rest without anybody who vouches for it", func(ctx SpecContext) {
		staff, pay := w.staff(3), w.name("pay")
		declared := member(w.name("declared"), staff[0], "")
		c := w.company(ctx, staff, map[string][]string{pay: staff}, func(spec *v1alpha1.DirectorySpec) { spec.Sync = v1alpha1.SyncPaused })
		declared.Spec.DirectoryRef.Name = c.Name
		grant := grantOf(w.name("grant"), groupSubject(pay), users(declared.Name)[0])
		w.create(ctx, declared, grant)
		change(ctx, w, c.Directory, func(d *v1alpha1.Directory) { d.Spec.Sync = v1alpha1.SyncActive })
		w.binds(ctx, grant, "", c.usernames(staff)...)
		w.becomes(ctx, declared, active, says(isTrue, v1alpha1.ReasonActive))
		Expect(c.imported(ctx)).To(Equal([]string{staff[1], staff[2], "group " + pay}))

		mark := w.mark()
		Expect(w.admin.Delete(ctx, c.Directory)).To(Succeed())
		Eventually(ctx, func() bool { return w.gone(ctx, c.Directory) }).Should(BeTrue())
		w.becomes(ctx, declared, active, says(isFalse, v1alpha1.ReasonDirectoryUnknown, c.Name))
		w.binds(ctx, grant, "")
		Expect(c.imported(ctx)).To(BeEmpty())
		deletes := slices.DeleteFunc(w.writes(mark), func(write string) bool { return !strings.HasPrefix(write, "delete ") })
		Expect(slices.DeleteFunc(deletes, func(write string) bool { return strings.Contains(write, "bindings") })).To(
			ConsistOf("delete users "+staff[1], "delete users "+staff[2], "delete groups "+pay))
	})

	It("say how changes become known", func(ctx SpecContext) {
		c := w.company(ctx, w.staff(1), nil)
		w.becomes(ctx, c.Directory, v1alpha1.ConditionChangesWatched, says(isFalse, v1alpha1.ReasonNotSupported, "full reads"))
		Expect(w.condition(ctx, c.Directory, ready)).To(says(isTrue, v1alpha1.ReasonSynced))
		Expect(kstatus(c.Directory)).To(Equal(current), "a server that offers nothing is no failure")
		change(ctx, w, c.Directory, func(d *v1alpha1.Directory) { d.Spec.LDAP.Changes = v1alpha1.ChangesPoll })
		w.becomes(ctx, c.Directory, v1alpha1.ConditionChangesWatched, says(isFalse, v1alpha1.ReasonPollRequested, "Poll"))
		out, err := w.kubectl(ctx, "get", "dir", c.Name, "-o", "wide")
		Expect(err).NotTo(HaveOccurred())
		Expect(out).To(ContainSubstring(v1alpha1.ReasonPollRequested))
		change(ctx, w, c.Directory, func(d *v1alpha1.Directory) { d.Spec.LDAP.Changes = v1alpha1.ChangesAuto })
		w.becomes(ctx, c.Directory, v1alpha1.ConditionChangesWatched, says(isFalse, v1alpha1.ReasonNotSupported))
	})

	It("write nothing but the time of a read that finds nothing new", func(ctx SpecContext) {
		staff, pay := w.staff(12), w.name("pay")
		c := w.company(ctx, staff, map[string][]string{pay: staff})
		w.becomes(ctx, c.Directory, v1alpha1.ConditionChangesWatched, says(isFalse, v1alpha1.ReasonNotSupported))
		w.becomes(ctx, c.Directory, ready, says(isTrue, v1alpha1.ReasonSynced, "12 users"))
		for _, name := range staff {
			Eventually(ctx, func() []string { return get(ctx, w, localUser(name)).Status.Groups }).Should(HaveLen(1))
		}
		Eventually(ctx, func() *int32 { return get(ctx, w, localGroup(pay)).Status.Members }).Should(HaveValue(BeEquivalentTo(12)))
		mark := w.mark()
		before := get(ctx, w, c.Directory).Status
		Eventually(ctx, func(g Gomega) {
			c.reread(ctx)
			get(ctx, w, c.Directory)
			g.Expect(c.reads).To(BeNumerically(">=", 2))
			g.Expect(before.LastSyncTime.Before(c.Status.LastSyncTime)).To(BeTrue())
		}).WithPolling(time.Second).Should(Succeed())
		Expect(w.writes(mark)).To(HaveEach("patch directories/status " + c.Name))
		before.LastSyncTime = c.Status.LastSyncTime
		Expect(c.Status).To(Equal(before))
	})
}
