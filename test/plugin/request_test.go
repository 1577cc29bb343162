// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package plugin_test

import (
	"encoding/json"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gbytes"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
)

var _ = Describe("kubectl rollcall request", func() {
	var (
		grant *v1alpha1.Grant
		alice person
	)
	BeforeEach(func(ctx SpecContext) {
		grant = onRequest(name("payments"), "payments")
		create(ctx, grant)
		alice = as("alice", askers, readers)
	})

	It("asks in the name of whoever the API server knows the caller as", func(ctx SpecContext) {
		out := alice.gets("request", grant.Name, "--for", "90m", "--reason", "INC-7: stuck", "--ticket", "INC-7")
		request := requestFor(ctx, grant.Name)
		Expect(out).To(Equal("request " + request.Name + " created\n"))
		Expect(request.Name).To(HavePrefix(grant.Name + "-"))
		Expect(request.Spec).To(Equal(v1alpha1.AccessRequestSpec{
			GrantRef: v1alpha1.NameReference{Name: grant.Name}, UserName: "alice", DurationSeconds: 5400, Reason: "INC-7: stuck", Ticket: "INC-7",
		}))
	})

	It("asks as somebody else with --as", func(ctx SpecContext) {
		administrator().gets("request", grant.Name, "--for", "1h", "--reason", "x", "--as", "corp:bob", "--as-group", askers)
		Expect(requestFor(ctx, grant.Name).Spec.UserName).To(Equal("corp:bob"))
	})

	It("asks for later", func(ctx SpecContext) {
		start := time.Now().Add(time.Hour).UTC().Truncate(time.Second)
		alice.gets("request", grant.Name, "--for", "1h", "--reason", "x", "--start", start.Format(time.RFC3339))
		Expect(requestFor(ctx, grant.Name).Spec.StartTime.Time).To(BeTemporally("==", start))
	})

	It("makes names that fit, however long the grant's is", func(ctx SpecContext) {
		long := onRequest(strings.Repeat("a", 43)+name(""), "payments")
		Expect(long.Name).To(HaveLen(63))
		create(ctx, long)
		alice.gets("request", long.Name, "--for", "1h", "--reason", "x")
		Expect(len(requestFor(ctx, long.Name).Name)).To(BeNumerically("<=", 63))
	})

	It("shows how the request fares until it is active", func(ctx SpecContext) {
		session := alice.starts("request", grant.Name, "--for", "1h", "--reason", "x", "--watch")
		request := requestFor(ctx, grant.Name)
		state(ctx, request, pending)
		Eventually(session).Should(gbytes.Say(`pending: 0 of 2 approvals; may be approved by group/leads\n`))
		state(ctx, request, approvedBy("bob"))
		Eventually(session).Should(gbytes.Say(`pending: 1 of 2 approvals, last by bob\n`))
		state(ctx, request, approvedBy("carol"))
		Eventually(session).Should(gbytes.Say(`pending: 2 of 2 approvals, last by carol\n`))
		state(ctx, request, activeFor(time.Hour))
		Expect(ended(session)).To(SatisfyAll(HaveField("Code", 0), HaveField("Err", ""),
			HaveField("Out", MatchRegexp(`\nactive until \d{4}-\d\d-\d\d \d\d:\d\d \(in (59|60)m\)\n$`))))
	})

	It("fails once the request has ended, and says why", func(ctx SpecContext) {
		session := alice.starts("request", grant.Name, "--for", "1h", "--reason", "x", "-w")
		request := requestFor(ctx, grant.Name)
		state(ctx, request, pending)
		state(ctx, request, over(v1alpha1.ReasonDenied, "bob denied it: use staging"))
		Expect(ended(session)).To(SatisfyAll(HaveField("Code", 1),
			HaveField("Out", HaveSuffix("ended: Denied: bob denied it: use staging\n")),
			HaveField("Err", Equal("Error: request "+request.Name+" has ended: Denied: bob denied it: use staging\n"))))
	})

	It("leaves the request when it is interrupted", func(ctx SpecContext) {
		session := alice.starts("request", grant.Name, "--for", "1h", "--reason", "x", "-w")
		request := requestFor(ctx, grant.Name)
		state(ctx, request, pending)
		Eventually(session).Should(gbytes.Say("pending"))
		session.Interrupt()
		Expect(ended(session)).To(SatisfyAll(HaveField("Code", 130), HaveField("Err", ContainSubstring("request "+request.Name+" stays"))))
		Expect(admin.Get(ctx, client.ObjectKeyFromObject(request), request)).To(Succeed())
	})

	It("says that the request was deleted", func(ctx SpecContext) {
		session := alice.starts("request", grant.Name, "--for", "1h", "--reason", "x", "-w")
		request := requestFor(ctx, grant.Name)
		state(ctx, request, pending)
		Eventually(session).Should(gbytes.Say("pending"))
		Expect(admin.Delete(ctx, request)).To(Succeed())
		Expect(ended(session)).To(SatisfyAll(HaveField("Code", 1), HaveField("Err", ContainSubstring("was deleted"))))
	})

	It("polls for whoever may get requests but not watch them, and does not mind that the grant cannot be read", func(ctx SpecContext) {
		session := as("gina", askers, getters).starts("request", grant.Name, "--for", "1h", "--reason", "x", "-w")
		request := requestFor(ctx, grant.Name)
		state(ctx, request, pending)
		Eventually(session).Should(gbytes.Say(`pending: 0 of \? approvals; may be approved by whoever the grant names`))
		state(ctx, request, activeFor(time.Hour))
		Expect(ended(session)).To(HaveField("Code", 0))
	})

	It("has nothing to show to whoever may only ask", func(ctx SpecContext) {
		Expect(as("olga", askers).runs("request", grant.Name, "--for", "1h", "--reason", "x", "-w")).To(SatisfyAll(
			HaveField("Code", 0), HaveField("Err", ContainSubstring("you may not read request"))))
		Expect(requestFor(ctx, grant.Name).Spec.UserName).To(Equal("olga"))
	})

	It("prints the request for programs, and nothing else", func(ctx SpecContext) {
		var printed v1alpha1.AccessRequest
		out := alice.gets("request", grant.Name, "--for", "1h", "--reason", "x", "-o", "json")
		Expect(json.Unmarshal([]byte(out), &printed)).To(Succeed())
		Expect(printed.Kind).To(Equal("AccessRequest"))
		Expect(printed.UID).To(Equal(requestFor(ctx, grant.Name).UID))
	})

	DescribeTable("refuses kindly what cannot succeed", func(
		ctx SpecContext, complaint string, change func(*v1alpha1.Grant), args ...string,
	) {
		other := onRequest(name("other"), "payments")
		if change != nil {
			change(other)
		}
		create(ctx, other)
		for i := range args {
			args[i] = strings.ReplaceAll(args[i], "GRANT", other.Name)
		}
		Expect(alice.fails(append([]string{"request"}, args...)...)).To(SatisfyAll(HavePrefix("Error: "), ContainSubstring(complaint)))
		var list v1alpha1.AccessRequestList
		Expect(admin.List(ctx, &list)).To(Succeed())
		Expect(list.Items).NotTo(ContainElement(HaveField("Spec.GrantRef.Name", other.Name)))
	},
		Entry("no grant", "missing GRANT", nil, "--for", "1h", "--reason", "x"),
		Entry("words without quotes", `"stuck" is another`, nil, "GRANT", "stuck", "--for", "1h", "--reason", "x"),
		Entry("a grant that there is not", `there is no grant "nothing"`, nil, "nothing", "--for", "1h", "--reason", "x"),
		Entry("no reason", "say why, with --reason", nil, "GRANT", "--for", "1h"),
		Entry("no duration", "say for how long", nil, "GRANT", "--reason", "x"),
		Entry("no duration either", `"soon" is not a duration`, nil, "GRANT", "--reason", "x", "--for", "soon"),
		Entry("too long", "at most 2h at a time", nil, "GRANT", "--reason", "x", "--for", "3h"),
		Entry("longer than anything", "a week is the most", nil, "GRANT", "--reason", "x", "--for", "8d"),
		Entry("over already", "over already", nil, "GRANT", "--reason", "x", "--for", "1h", "--start", "2020-01-01 12:00"),
		Entry("a grant that is given always", "there is nothing to ask for", func(g *v1alpha1.Grant) {
			g.Spec.Activation, g.Spec.Request = v1alpha1.ActivationAlways, nil
		}, "GRANT", "--reason", "x", "--for", "1h"),
		Entry("a grant that is over", "ended 2020-01-02 03:04", func(g *v1alpha1.Grant) {
			g.Spec.ExpireTime = new(metav1.Date(2020, 1, 2, 3, 4, 0, 0, time.UTC))
		}, "GRANT", "--reason", "x", "--for", "1h"),
		Entry("no ticket", "wants a ticket like CHG-[0-9]+", func(g *v1alpha1.Grant) {
			g.Spec.Request.RequireTicket = "CHG-[0-9]+"
		}, "GRANT", "--reason", "x", "--for", "1h"),
	)

	It("passes on what the API server says against it", func() {
		Expect(as("nadia", readers).fails("request", grant.Name, "--for", "1h", "--reason", "x")).To(SatisfyAll(
			ContainSubstring(`ask for grant "`+grant.Name), ContainSubstring(`User "nadia" cannot create resource "accessrequests"`)))
		Expect(alice.fails("request", grant.Name, "--for", "1h", "--reason", strings.Repeat("x", 1025))).To(
			ContainSubstring("spec.reason: Too long"))
	})
})

var _ = Describe("kubectl rollcall requests", func() {
	var (
		grant               *v1alpha1.Grant
		waits, active, done *v1alpha1.AccessRequest
		alice               person
	)
	BeforeEach(func(ctx SpecContext) {
		grant = onRequest(name("payments"), "payments")
		create(ctx, grant)
		alice = as("alice", readers)
		waits = asked(ctx, grant.Name, "alice", "first\x1b[31m\nsecond")
		state(ctx, waits, approvedBy("bob"))
		active = asked(ctx, grant.Name, "bob", "it burns")
		state(ctx, active, activeFor(time.Hour))
		done = asked(ctx, grant.Name, "alice", "")
		state(ctx, done, over(v1alpha1.ReasonExpired, "its time is over"))
	})

	It("lists them", func() {
		out := alice.gets("requests")
		Expect(out).To(MatchRegexp(`^NAME +GRANT +WHO +STATE +APPROVALS +FOR/UNTIL +AGE +REASON\n`))
		Expect(out).To(MatchRegexp(waits.Name + ` +` + grant.Name + ` +alice +Pending +1 of 2 +1h +\d+s +first\\x1b\[31m second\n`))
		Expect(out).To(MatchRegexp(active.Name + ` +\S+ +bob +Active +0 of 2 +until \S+ \S+ \(in (59|60)m\) +\d+s +it burns\n`))
		Expect(out).To(MatchRegexp(done.Name + ` +\S+ +alice +Expired +0 of 2 +ended \S+ \S+ +\d+s\n`))
		Expect(out).NotTo(ContainSubstring("\x1b"))
	})

	It("lists one's own, and those that wait", func(ctx SpecContext) {
		Expect(alice.gets("requests", "--mine")).To(SatisfyAll(
			ContainSubstring(waits.Name), ContainSubstring(done.Name), Not(ContainSubstring(active.Name))))
		Expect(alice.gets("requests", "--pending")).To(SatisfyAll(
			ContainSubstring(waits.Name), Not(ContainSubstring(done.Name)), Not(ContainSubstring(active.Name))))
		state(ctx, active, func(r *v1alpha1.AccessRequest) {
			r.Status.Conditions = append(r.Status.Conditions,
				condition(r, v1alpha1.ConditionReviewed, metav1.ConditionFalse, v1alpha1.ReasonReviewPending, "nobody has looked"))
		})
		Expect(alice.gets("requests", "--pending")).To(MatchRegexp(active.Name + `.* Active, to review `))
		Expect(as("zoe", readers).runs("requests", "--mine")).To(Equal(said{Err: "No requests found.\n"}))
	})

	It("has more to say with -o wide", func() {
		Expect(alice.gets("requests", "-o", "wide")).To(SatisfyAll(ContainSubstring("MESSAGE"), ContainSubstring("its time is over")))
	})

	It("prints them for programs, without anything that a terminal acts on", func() {
		out := alice.gets("requests", "--mine", "-o", "json")
		var list v1alpha1.AccessRequestList
		Expect(json.Unmarshal([]byte(out), &list)).To(Succeed())
		Expect(list.Items).To(ContainElement(HaveField("Spec.Reason", "first\x1b[31m\nsecond")))
		Expect(list.Items[0].Kind).To(Equal("AccessRequest"))
		Expect(alice.gets("requests", "-o", "yaml")).NotTo(ContainSubstring("\x1b"))
	})

	It("goes on with each that changes", func(ctx SpecContext) {
		session := alice.starts("requests", "--mine", "-w")
		Eventually(session).Should(gbytes.Say(done.Name))
		state(ctx, active, over(v1alpha1.ReasonExpired, "not alice's"))
		state(ctx, waits, activeFor(time.Hour))
		Eventually(session).Should(gbytes.Say(waits.Name + ` +` + grant.Name + ` +alice +Active`))
		session.Interrupt()
		result := ended(session)
		Expect(result.Code).To(BeZero())
		Expect(result.Out).NotTo(ContainSubstring(active.Name))
	})
})
