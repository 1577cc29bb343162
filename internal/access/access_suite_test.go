// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package access_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/access"
)

func TestAccess(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Access")
}

// now is when a story begins.
var now = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// sec is now and so many seconds.
func sec(n int) time.Time { return now.Add(time.Duration(n) * time.Second) }

// edit changes the facts of a story.
type edit = func(*access.Facts)

// story is one request over time. What is decided is written to its status, as the controller does.
type story struct {
	facts   access.Facts
	now     time.Time
	verdict access.Verdict
}

// newStory is one where nothing is missing but approval: alice asks for an hour of Grant g, which one approver has to approve.
func newStory(edits ...edit) *story {
	s := &story{now: now, facts: access.Facts{
		Request: &v1alpha1.AccessRequest{
			ObjectMeta: metav1.ObjectMeta{Name: "r", UID: "uid-r", Generation: 1, CreationTimestamp: metav1.NewTime(sec(-60))},
			Spec: v1alpha1.AccessRequestSpec{
				GrantRef: v1alpha1.NameReference{Name: "g"}, UserName: "corp:alice", DurationSeconds: 3600,
			},
		},
		Grant: &v1alpha1.Grant{
			ObjectMeta: metav1.ObjectMeta{Name: "g", UID: "uid-g", Generation: 1, CreationTimestamp: metav1.NewTime(sec(-86400))},
			Spec: v1alpha1.GrantSpec{
				Activation: v1alpha1.ActivationOnRequest,
				Request: &v1alpha1.RequestPolicy{
					MaxDurationSeconds: 7200, Quorum: 1, Approval: v1alpha1.ApprovalBeforeUse,
					Approvers: []v1alpha1.Subject{
						{Kind: v1alpha1.SubjectGroup, Name: "leads"}, {Kind: v1alpha1.SubjectUser, Name: "bob"},
					},
				},
			},
		},
		Requester: user("alice"), MayAct: true, Subject: true,
	}}
	s.change(edits)
	return s
}

func (s *story) change(edits []edit) {
	for _, edit := range edits {
		edit(&s.facts)
	}
}

// at tells what comes of it at a time, after some edits. It makes sure that to decide is pure, and that to decide again changes nothing.
func (s *story) at(t time.Time, edits ...edit) access.Verdict {
	GinkgoHelper()
	s.change(edits)
	s.now = t
	request, grant := s.facts.Request.DeepCopy(), s.facts.Grant.DeepCopy()
	s.verdict = access.Decide(s.facts, t)
	Expect(access.Decide(s.facts, t)).To(Equal(s.verdict), "decided twice")
	Expect(s.facts.Request).To(Equal(request))
	Expect(s.facts.Grant).To(Equal(grant))
	s.write()
	Expect(access.Decide(s.facts, t).Record).To(Equal(s.verdict.Record), "decided after it was recorded")
	return s.verdict
}

// write writes the status.
func (s *story) write() {
	v := s.verdict
	s.facts.Request = s.facts.Request.DeepCopy()
	s.facts.Request.Status = v1alpha1.AccessRequestStatus{
		Grant: v.Record.Grant, User: v.Record.User, Approvals: v.Approvals,
		StartTime: v.Record.Start, ExpireTime: v.Record.Expire, EndTime: v.Record.End, EndReason: v.Record.EndReason,
	}
}

// answer says of an Approval whether it counts.
func (s *story) answer(name string) string {
	GinkgoHelper()
	i := slices.IndexFunc(s.verdict.Answers, func(a access.Answer) bool { return a.Approval.Name == name })
	Expect(i).NotTo(Equal(-1), "no answer to %s", name)
	Expect(s.verdict.Answers[i].Message).NotTo(BeEmpty())
	return s.verdict.Answers[i].Reason
}

// user is one of Directory corp, with an id and a mail address of their own.
func user(name string, edits ...func(*v1alpha1.User)) *v1alpha1.User {
	u := &v1alpha1.User{
		ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID("uid-" + name)},
		Spec:       v1alpha1.UserSpec{UserName: name, DirectoryRef: &v1alpha1.NameReference{Name: "corp"}},
		Status: v1alpha1.UserStatus{
			Username: "corp:" + name,
			Identity: &v1alpha1.Identity{ID: "id-" + name, Email: name + "@corp.example", State: v1alpha1.IdentityPresent},
		},
	}
	for _, edit := range edits {
		edit(u)
	}
	return u
}

func mail(address string) func(*v1alpha1.User) {
	return func(u *v1alpha1.User) { u.Status.Identity.Email = address }
}

func entry(id string) func(*v1alpha1.User) {
	return func(u *v1alpha1.User) { u.Status.Identity.ID = id }
}

func of(directory string) func(*v1alpha1.User) {
	return func(u *v1alpha1.User) { u.Spec.DirectoryRef = &v1alpha1.NameReference{Name: directory} }
}

func uid(uid types.UID) func(*v1alpha1.User) {
	return func(u *v1alpha1.User) { u.UID = uid }
}

func local(u *v1alpha1.User)     { u.Spec.DirectoryRef, u.Status.Identity = nil, nil }
func localMail(u *v1alpha1.User) { u.Spec.DirectoryRef = nil }

// decided adds a decision of somebody, made at a time, named after them and it.
func decided(decision v1alpha1.Decision, by *v1alpha1.User, at time.Time) edit {
	return func(f *access.Facts) {
		name := fmt.Sprintf("%s-%s", by.Name, decision)
		f.Decisions = append(slices.Clone(f.Decisions), access.Decision{
			Approval: &v1alpha1.Approval{
				ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID("uid-" + name), CreationTimestamp: metav1.NewTime(at)},
				Spec: v1alpha1.ApprovalSpec{
					RequestRef: v1alpha1.RequestReference{Name: "r", UID: "uid-r"}, Decision: decision, Approver: by.Status.Username,
				},
			},
			Approver: by, Named: true,
		})
	}
}

func approved(by string) edit          { return decided(v1alpha1.DecisionApprove, user(by), now) }
func denied(by string) edit            { return decided(v1alpha1.DecisionDeny, user(by), now) }
func approvedBy(u *v1alpha1.User) edit { return decided(v1alpha1.DecisionApprove, u, now) }

// about changes the decision of that name.
func about(name string, change func(*access.Decision)) edit {
	return func(f *access.Facts) {
		f.Decisions = slices.Clone(f.Decisions)
		for i := range f.Decisions {
			if f.Decisions[i].Approval.Name == name {
				f.Decisions[i].Approval = f.Decisions[i].Approval.DeepCopy()
				change(&f.Decisions[i])
			}
		}
	}
}

// takenBack deletes the Approval of that name.
func takenBack(name string) edit {
	return func(f *access.Facts) {
		f.Decisions = slices.DeleteFunc(slices.Clone(f.Decisions), func(d access.Decision) bool { return d.Approval.Name == name })
	}
}

// ofGrant changes the Grant, and with its spec its generation.
func ofGrant(change func(*v1alpha1.Grant)) edit {
	return func(f *access.Facts) {
		f.Grant = f.Grant.DeepCopy()
		change(f.Grant)
	}
}

func ofPolicy(change func(*v1alpha1.RequestPolicy)) edit {
	return ofGrant(func(g *v1alpha1.Grant) { change(g.Spec.Request) })
}

func ofRequest(change func(*v1alpha1.AccessRequest)) edit {
	return func(f *access.Facts) {
		f.Request = f.Request.DeepCopy()
		change(f.Request)
	}
}

func quorum(n int32) edit { return ofPolicy(func(p *v1alpha1.RequestPolicy) { p.Quorum = n }) }

func afterUse(f *access.Facts) {
	ofPolicy(func(p *v1alpha1.RequestPolicy) { p.Approval = v1alpha1.ApprovalAfterUse })(f)
}

func seconds(n int32) edit {
	return ofRequest(func(r *v1alpha1.AccessRequest) { r.Spec.DurationSeconds = n })
}

func asksFrom(t time.Time) edit {
	return ofRequest(func(r *v1alpha1.AccessRequest) { r.Spec.StartTime = new(metav1.NewTime(t)) })
}

func opens(t time.Time) edit {
	return ofGrant(func(g *v1alpha1.Grant) { g.Spec.StartTime = new(metav1.NewTime(t)) })
}

func closes(t time.Time) edit {
	return ofGrant(func(g *v1alpha1.Grant) { g.Spec.ExpireTime = new(metav1.NewTime(t)) })
}

func ticket(ticket, pattern string) edit {
	return func(f *access.Facts) {
		ofRequest(func(r *v1alpha1.AccessRequest) { r.Spec.Ticket = ticket })(f)
		ofPolicy(func(p *v1alpha1.RequestPolicy) { p.RequireTicket = pattern })(f)
	}
}

func grantGone(f *access.Facts)   { f.Grant = nil }
func userGone(f *access.Facts)    { f.Requester, f.MayAct, f.Subject = nil, false, false }
func locked(f *access.Facts)      { f.Locked, f.MayAct = true, false }
func suspended(f *access.Facts)   { f.MayAct = false }
func notASubject(f *access.Facts) { f.Subject = false }

func grantChanged(f *access.Facts) { ofGrant(func(g *v1alpha1.Grant) { g.Generation++ })(f) }
func grantAnew(f *access.Facts)    { ofGrant(func(g *v1alpha1.Grant) { g.UID = "uid-g2" })(f) }
func always(f *access.Facts) {
	ofGrant(func(g *v1alpha1.Grant) { g.Spec.Activation, g.Spec.Request = v1alpha1.ActivationAlways, nil })(f)
}

// userAnew is somebody else who is now called as whoever asked.
func userAnew(f *access.Facts) {
	f.Requester = user("alice", uid("uid-alice2"), entry("id-alice2"), mail("alice2@corp.example"))
}

// asBefore gives back what the other edits of a story took.
func asBefore(s *story) edit {
	before := s.facts
	return func(f *access.Facts) {
		request := f.Request
		*f = before
		f.Request = request
	}
}
