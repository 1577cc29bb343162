// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package access_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/access"
)

// Another part of all histories: go test ./internal/access -seeds 100000 -first-seed 1000.
var (
	seeds     = flag.Uint64("seeds", 200, "how many random histories")
	firstSeed = flag.Uint64("first-seed", 0, "seed of the first of them")
)

// member is somebody in a random history: one of a person's Users.
type member struct {
	user   *v1alpha1.User
	person string
	// mayAct and named change over time.
	mayAct, named bool
}

// history is a story in which things happen by chance.
type history struct {
	*story
	r *rand.Rand
	// cast by the name of the User.
	cast map[string]*member
	// grant as it was last, and as it is there now: nil while it is not.
	grant, there *v1alpha1.Grant
	approvals    []*v1alpha1.Approval
	// made counts the Approvals that there ever were.
	made int
	// latest is the latest time that there was.
	latest time.Time
	log    []string
}

func newHistory(seed uint64) *history {
	h := &history{r: rand.New(rand.NewPCG(seed, 11)), latest: now, cast: map[string]*member{}}
	for _, m := range []member{
		{person: "alice", user: user("alice")},
		{person: "alice", user: user("alice-admin", mail("ALICE@corp.example"))},
		{person: "alice", user: user("alice-twin", entry("id-alice"), mail(""))},
		{person: "bob", user: user("bob")},
		{person: "bob", user: user("bob-admin", mail("Bob@Corp.example"), of("partners"))},
		{person: "carol", user: user("carol", mail(""))},
		{person: "dave", user: user("dave", entry("id-alice"), of("partners"), mail(""))},
		{person: "erin", user: user("erin", local)},
		{person: "mallory", user: user("mallory")},
	} {
		m.mayAct, m.named = true, m.person != "mallory"
		h.cast[m.user.Name] = &m
	}
	edits := []edit{quorum(int32(1 + h.r.IntN(3))), seconds(int32(60 + h.r.IntN(3600)))}
	for _, maybe := range []edit{afterUse, asksFrom(sec(h.r.IntN(1800))), opens(sec(h.r.IntN(900))), closes(sec(1800 + h.r.IntN(3600)))} {
		if h.r.IntN(3) == 0 {
			edits = append(edits, maybe)
		}
	}
	if h.r.IntN(2) == 0 {
		edits = append(edits, grantChanged)
	}
	h.story = newStory(edits...)
	h.grant, h.there = h.facts.Grant, h.facts.Grant
	return h
}

func (h *history) anybody() *member {
	all := make([]string, 0, len(h.cast))
	for name := range h.cast {
		all = append(all, name)
	}
	slices.Sort(all)
	return h.cast[all[h.r.IntN(len(all))]]
}

// happens lets something happen, and says what.
func (h *history) happens() string {
	switch n := h.r.IntN(100); {
	case n < 32:
		return h.decides(v1alpha1.DecisionApprove)
	case n < 34:
		return h.decides(v1alpha1.DecisionDeny)
	case n < 42 && len(h.approvals) > 0:
		i := h.r.IntN(len(h.approvals))
		name := h.approvals[i].Name
		h.approvals = slices.Delete(slices.Clone(h.approvals), i, i+1)
		return "deleted " + name
	case n < 44:
		h.facts.Locked = !h.facts.Locked
		return fmt.Sprintf("locked %t", h.facts.Locked)
	case n < 50:
		m := h.anybody()
		m.mayAct = !m.mayAct
		return fmt.Sprintf("%s may act %t", m.user.Name, m.mayAct)
	case n < 54:
		m := h.anybody()
		m.named = !m.named
		return fmt.Sprintf("%s named %t", m.user.Name, m.named)
	case n < 58:
		return h.changeGrant()
	case n < 60:
		h.facts.Subject = !h.facts.Subject
		return fmt.Sprintf("subject %t", h.facts.Subject)
	case n < 66:
		h.now = h.now.Add(-time.Duration(h.r.IntN(7200)) * time.Second)
		return "back to " + h.now.Format(time.TimeOnly)
	default:
		h.now = h.now.Add(time.Duration(h.r.Int64N(int64(10 * time.Minute))))
		return "on to " + h.now.Format(time.TimeOnly)
	}
}

func (h *history) decides(decision v1alpha1.Decision) string {
	h.made++
	by := h.anybody()
	name := fmt.Sprintf("%02d-%s-%s", h.made, by.user.Name, decision)
	request := types.UID("uid-r")
	if h.r.IntN(12) == 0 {
		request = "uid-of-an-earlier-r"
	}
	h.approvals = append(slices.Clone(h.approvals), &v1alpha1.Approval{
		ObjectMeta: metav1.ObjectMeta{
			Name: name, UID: types.UID(name), CreationTimestamp: metav1.NewTime(h.now.Truncate(time.Second)),
		},
		Spec: v1alpha1.ApprovalSpec{
			RequestRef: v1alpha1.RequestReference{Name: "r", UID: string(request)}, Decision: decision, Approver: by.user.Status.Username,
		},
	})
	return name
}

func (h *history) changeGrant() string {
	switch h.r.IntN(6) {
	case 0:
		h.grant = h.grant.DeepCopy()
		h.grant.Generation++
		h.facts.GrantWritten = h.now
		h.there = h.grant
		return "the Grant changes"
	case 1:
		h.grant = h.grant.DeepCopy()
		h.grant.UID += "'"
		h.there = h.grant
		return "another Grant of that name"
	case 2:
		h.there = nil
		return "no Grant"
	default:
		h.there = h.grant
		return "the Grant is there"
	}
}

// gather makes the facts of the world as it is.
func (h *history) gather() {
	h.facts.Grant = h.there
	h.facts.MayAct = h.cast["alice"].mayAct && !h.facts.Locked
	h.facts.Decisions = nil
	for _, approval := range h.approvals {
		d := access.Decision{Approval: approval}
		if m := h.by(approval.Spec.Approver); m.mayAct {
			d.Approver, d.Named = m.user, m.named
		}
		h.facts.Decisions = append(h.facts.Decisions, d)
	}
	h.r.Shuffle(len(h.facts.Decisions), func(i, j int) {
		h.facts.Decisions[i], h.facts.Decisions[j] = h.facts.Decisions[j], h.facts.Decisions[i]
	})
}

func (h *history) by(username string) *member { return h.cast[username[len("corp:"):]] }

// step decides, checks, and stores the status, as an API server would.
func (h *history) step() {
	GinkgoHelper()
	before := access.RecordOf(h.facts.Request)
	wasOver := h.verdict.State == access.Ended && settled(h.verdict.Review) != access.NotReviewed
	review, given := h.verdict.Review, names(h.verdict)
	h.gather()
	h.at(h.now)
	if h.now.After(h.latest) {
		h.latest = h.now
	}
	h.checkActive()
	h.checkRecord(before)
	h.checkApprovals(wasOver)
	if wasOver {
		Expect(settled(h.verdict.Review)).To(Equal(settled(review)))
		Expect(names(h.verdict)).To(Equal(given))
	}
	h.store()
}

// store writes the status as JSON and reads it.
func (h *history) store() {
	GinkgoHelper()
	stored, err := json.Marshal(h.facts.Request)
	Expect(err).NotTo(HaveOccurred())
	h.facts.Request = &v1alpha1.AccessRequest{}
	Expect(json.Unmarshal(stored, h.facts.Request)).To(Succeed())
}

func (h *history) checkActive() {
	GinkgoHelper()
	v := h.verdict
	if v.State != access.Active {
		return
	}
	second := h.now.Truncate(time.Second)
	Expect(v.Record.Start).NotTo(BeNil())
	Expect(second.Before(v.Record.Expire.Time)).To(BeTrue(), "active at %s, until %s", second, v.Record.Expire)
	if h.now.Equal(h.latest) {
		Expect(v.Record.Start.After(second)).To(BeFalse(), "active at %s, from %s", second, v.Record.Start)
	}
	Expect(v.Recheck.Equal(v.Record.Expire.Time)).To(BeTrue())
	Expect(v.Record.Expire.Sub(v.Record.Start.Time)).To(BeNumerically("<=", time.Duration(h.facts.Request.Spec.DurationSeconds)*time.Second))
	if end := h.facts.Grant.Spec.ExpireTime; end != nil {
		Expect(v.Record.Expire.After(end.Time)).To(BeFalse())
	}
	Expect(h.facts.MayAct).To(BeTrue())
	Expect(h.facts.Subject).To(BeTrue())
	Expect(string(h.facts.Grant.UID)).To(Equal(v.Record.Grant.UID))
	Expect(h.facts.Grant.Generation).To(Equal(v.Record.Grant.Generation))
	people := map[string]bool{}
	for _, username := range v.Approvers() {
		people[h.by(username).person] = true
	}
	Expect(people).To(HaveLen(len(v.Approvers())), "each person once")
	if v.Record.Grant.Approval != v1alpha1.ApprovalAfterUse {
		Expect(len(people)).To(BeNumerically(">=", int(h.grant.Spec.Request.Quorum)))
	}
}

func (h *history) checkRecord(before access.Record) {
	GinkgoHelper()
	after := h.verdict.Record
	if before.Grant != nil {
		Expect(after.Grant).To(Equal(before.Grant))
		Expect(after.User).To(Equal(before.User))
	}
	if before.Start != nil {
		Expect(after.Start.Equal(before.Start)).To(BeTrue(), "start")
		Expect(after.Expire.Equal(before.Expire)).To(BeTrue(), "expire")
	}
	Expect(after.Start == nil).To(Equal(after.Expire == nil))
	Expect(after.End == nil).To(Equal(after.EndReason == ""))
	if ended := h.verdict.State == access.Ended; ended != (after.End != nil) {
		Fail(fmt.Sprintf("%s with the end %s", h.verdict.State, after.End))
	}
	if before.End != nil {
		Expect(after.End.Equal(before.End)).To(BeTrue(), "end")
		Expect(after.EndReason).To(Equal(before.EndReason))
		Expect(h.verdict.Reason).To(Equal(before.EndReason))
		Expect(after.Start == nil).To(Equal(before.Start == nil), "what has ended never begins")
	}
	Expect(h.verdict.Reason).To(MatchRegexp("^[A-Z][A-Za-z]+$"))
	Expect(h.verdict.Message).NotTo(BeEmpty())
}

// checkApprovals checks what counts: all of it, unless it is what was recorded of what is over.
func (h *history) checkApprovals(wasOver bool) {
	GinkgoHelper()
	v := h.verdict
	Expect(v.Answers).To(HaveLen(len(h.approvals)))
	for _, given := range v.Approvals {
		Expect(h.by(given.Approver).person).NotTo(Equal("alice"), "nobody decides on a request of their own")
		if given.Decision == v1alpha1.DecisionApprove {
			Expect(given.Time.Time.Before(v.Record.Grant.Time.Time)).To(BeFalse(), "made too early")
		}
		if wasOver || v.State == access.Ended {
			continue
		}
		Expect(h.by(given.Approver).mayAct && h.by(given.Approver).named).To(BeTrue(), "%s may not approve", given.Approver)
		Expect(h.answer(given.Name)).To(Equal(v1alpha1.ReasonCounted))
	}
	Expect(slices.IsSortedFunc(v.Approvals, func(a, b v1alpha1.GivenApproval) int { return a.Time.Compare(b.Time.Time) })).To(BeTrue())
	counted := 0
	for _, answer := range v.Answers {
		if answer.Reason == v1alpha1.ReasonCounted {
			counted++
			Expect(answer.Approval.Spec.RequestRef.UID).To(Equal("uid-r"))
		}
	}
	Expect(counted).To(BeNumerically("<=", len(v.Approvals)))
}

// play lets so many things happen.
func (h *history) play(steps int) {
	GinkgoHelper()
	for range steps {
		h.log = append(h.log, h.happens())
		h.step()
		h.log = append(h.log, fmt.Sprintf("  %s %s %s: %s", h.verdict.State, h.verdict.Reason, h.verdict.Review, h.verdict.Message))
	}
}

var _ = Describe("Whatever happens to a request", func() {
	It("is active only within its time and with enough other people, and once over stays over", func() {
		var h *history
		DeferCleanup(func() {
			if CurrentSpecReport().Failed() {
				GinkgoWriter.Println(strings.Join(h.log, "\n"))
			}
		})
		seen := map[string]int{}
		for seed := range *seeds {
			h = newHistory(seed + *firstSeed)
			h.log = append(h.log, fmt.Sprintf("seed %d", seed+*firstSeed))
			h.play(60)
			for _, line := range h.log {
				if words := strings.Fields(line); strings.HasPrefix(line, "  ") {
					seen[strings.TrimSuffix(words[1], ":")]++
				}
			}
		}
		if *seeds < 200 {
			return
		}
		for _, reason := range []string{
			v1alpha1.ReasonPending, v1alpha1.ReasonNotStarted, v1alpha1.ReasonActive, v1alpha1.ReasonExpired, v1alpha1.ReasonDenied,
			v1alpha1.ReasonGrantChanged, v1alpha1.ReasonGrantNotFound, v1alpha1.ReasonGrantClosed, v1alpha1.ReasonLocked,
			v1alpha1.ReasonUserInactive, v1alpha1.ReasonNotASubject, v1alpha1.ReasonApprovalWithdrawn,
		} {
			Expect(seen[reason]).To(BeNumerically(">", 0), "%s never came of it", reason)
		}
	})
})

// settled is a review that is done: whether it still can be, may change.
func settled(review access.Review) access.Review {
	if review == access.Unreviewable {
		return access.NotReviewed
	}
	return review
}
