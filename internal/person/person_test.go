// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package person_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/person"
)

var now = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// user is alice of Directory corp, as edits change her.
func user(edits ...func(*v1alpha1.User)) *v1alpha1.User {
	u := &v1alpha1.User{
		ObjectMeta: metav1.ObjectMeta{Name: "alice"},
		Spec: v1alpha1.UserSpec{
			UserName: "alice", DirectoryRef: &v1alpha1.NameReference{Name: "corp"}, State: v1alpha1.UserActive,
		},
		Status: v1alpha1.UserStatus{Identity: &v1alpha1.Identity{ID: "1", State: v1alpha1.IdentityPresent}},
	}
	for _, edit := range edits {
		edit(u)
	}
	return u
}

func local(u *v1alpha1.User)     { u.Spec.DirectoryRef, u.Status.Identity = nil, nil }
func unread(u *v1alpha1.User)    { u.Status.Identity = nil }
func suspended(u *v1alpha1.User) { u.Spec.State = v1alpha1.UserSuspended }

func state(s v1alpha1.IdentityState) func(*v1alpha1.User) {
	return func(u *v1alpha1.User) { u.Status.Identity.State = s }
}

func calledNow(name string) func(*v1alpha1.User) {
	return func(u *v1alpha1.User) { u.Status.Identity.UserName = name }
}

func imported(u *v1alpha1.User) { u.Labels = map[string]string{v1alpha1.LabelDirectory: "corp"} }

func expires(at time.Time) func(*v1alpha1.User) {
	return func(u *v1alpha1.User) { u.Spec.ExpireTime = &metav1.Time{Time: at} }
}

func corp() *v1alpha1.Directory {
	return &v1alpha1.Directory{ObjectMeta: metav1.ObjectMeta{Name: "corp"}}
}

func known(edits ...func(*v1alpha1.User)) person.Facts {
	return person.Facts{User: user(edits...), Directory: corp()}
}

func namesake(f person.Facts) person.Facts {
	f.Namesake = "older"
	return f
}

func deletesLeavers(f person.Facts) person.Facts {
	f.Directory.Spec.Leavers.Policy = v1alpha1.LeaversDelete
	return f
}

func orphan(f person.Facts) person.Facts {
	f.Directory = nil
	return f
}

var _ = Describe("Whether a person may act", func() {
	yes, no, unknown := metav1.ConditionTrue, metav1.ConditionFalse, metav1.ConditionUnknown

	DescribeTable("is decided with a reason and a message",
		func(f person.Facts, status metav1.ConditionStatus, reason, message string, mustAct bool) {
			Expect(person.Decide(f, now)).To(Equal(person.Verdict{
				Status: status, Reason: reason, Message: message, PersonMustAct: mustAct,
			}))
		},
		Entry("present", known(), yes, v1alpha1.ReasonActive, `present in Directory "corp"`, false),
		Entry("local", orphan(known(local)), yes, v1alpha1.ReasonActive, "local user", false),
		Entry("not read yet", known(unread), unknown, v1alpha1.ReasonDirectoryPending,
			`Directory "corp" has not been read since this User was created`, false),
		Entry("no such Directory", orphan(known()), no, v1alpha1.ReasonDirectoryUnknown, `Directory "corp" does not exist`, false),
		Entry("disabled", known(state(v1alpha1.IdentityDisabled)), no, v1alpha1.ReasonDirectoryDisabled,
			`disabled in Directory "corp"`, false),
		Entry("missing", known(state(v1alpha1.IdentityMissing)), no, v1alpha1.ReasonDirectoryMissing,
			`no entry for "alice" in Directory "corp"`, false),
		Entry("a state that nobody knows is no access", known(state("Vacationing")), no, v1alpha1.ReasonDirectoryMissing,
			`no entry for "alice" in Directory "corp"`, false),
		Entry("renamed", known(state(v1alpha1.IdentityReplaced), calledNow("alicia")), no, v1alpha1.ReasonIdentityReplaced,
			`this person is now called "alicia" in Directory "corp"; declare a User with that userName and delete this one`, true),
		Entry("replaced", known(state(v1alpha1.IdentityReplaced)), no, v1alpha1.ReasonIdentityReplaced,
			`the name "alice" in Directory "corp" now belongs to another entry; delete this User to let that person in`, true),
		Entry("renamed, and imported", known(imported, state(v1alpha1.IdentityReplaced), calledNow("alicia")), no,
			v1alpha1.ReasonIdentityReplaced,
			`this person is now called "alicia" in Directory "corp"; this User goes when its last certificate has expired`, false),
		Entry("replaced, and imported to stay", known(imported, state(v1alpha1.IdentityReplaced)), no, v1alpha1.ReasonIdentityReplaced,
			`the name "alice" in Directory "corp" now belongs to another entry; delete this User to let that person in`, true),
		Entry("replaced, and imported to go", deletesLeavers(known(imported, state(v1alpha1.IdentityReplaced))), no,
			v1alpha1.ReasonIdentityReplaced,
			`the name "alice" in Directory "corp" now belongs to another entry; this User goes when its last certificate has expired`, false),
		Entry("suspended", known(suspended), no, v1alpha1.ReasonSuspended, "spec.state is Suspended", false),
		Entry("a local one suspended", orphan(known(local, suspended)), no, v1alpha1.ReasonSuspended, "spec.state is Suspended", false),
		Entry("with a namesake", namesake(known()), no, v1alpha1.ReasonUsernameTaken,
			`User "older" had the same username before; delete one of the two`, true),
		Entry("expired", known(expires(now.Add(-time.Hour))), no, v1alpha1.ReasonExpired,
			"spec.expireTime 2026-11-23T11:00:00Z has passed", false),
	)

	DescribeTable("is decided by the first that says no", func(f person.Facts, reason string) {
		Expect(person.Decide(f, now).Reason).To(Equal(reason))
	},
		Entry("a namesake before suspension", namesake(known(suspended)), v1alpha1.ReasonUsernameTaken),
		Entry("a namesake of a local user", namesake(orphan(known(local))), v1alpha1.ReasonUsernameTaken),
		Entry("suspension before expiry", known(suspended, expires(now)), v1alpha1.ReasonSuspended),
		Entry("suspension before the directory", known(suspended, state(v1alpha1.IdentityMissing)), v1alpha1.ReasonSuspended),
		Entry("suspension before an unknown Directory", orphan(known(suspended)), v1alpha1.ReasonSuspended),
		Entry("expiry before the directory", known(expires(now), state(v1alpha1.IdentityDisabled)), v1alpha1.ReasonExpired),
		Entry("an unknown Directory before what it said", orphan(known(state(v1alpha1.IdentityDisabled))), v1alpha1.ReasonDirectoryUnknown),
		Entry("an unknown Directory before that it was not read", orphan(known(unread)), v1alpha1.ReasonDirectoryUnknown),
	)

	It("says the time of expiry in UTC", func() {
		east := time.FixedZone("east", 9*3600)
		Expect(person.Decide(known(expires(now.In(east))), now).Message).To(ContainSubstring("2026-11-23T12:00:00Z"))
	})

	DescribeTable("changes at expireTime", func(expire time.Time, status metav1.ConditionStatus, recheck time.Time) {
		verdict := person.Decide(known(expires(expire)), now)
		Expect(verdict.Status).To(Equal(status))
		Expect(verdict.Recheck).To(Equal(recheck))
	},
		Entry("a second before it", now.Add(time.Second), yes, now.Add(time.Second)),
		Entry("a nanosecond before it", now.Add(1), yes, now.Add(1)),
		Entry("at it", now, no, time.Time{}),
		Entry("after it", now.Add(-1), no, time.Time{}),
	)

	It("is looked at again at expireTime for the reason's sake too", func() {
		expire := now.Add(time.Hour)
		Expect(person.Decide(known(expires(expire), unread), now).Recheck).To(Equal(expire))
		Expect(person.Decide(known(expires(expire), state(v1alpha1.IdentityMissing)), now).Recheck).To(Equal(expire))
		Expect(person.Decide(orphan(known(local, expires(expire))), now).Recheck).To(Equal(expire))
	})

	It("never is without a reason and a message", func() {
		for _, s := range []v1alpha1.IdentityState{"", "Present", "Disabled", "Missing", "Replaced"} {
			for _, f := range []person.Facts{known(state(s)), orphan(known(state(s))), namesake(known(state(s)))} {
				verdict := person.Decide(f, now)
				Expect(verdict.Reason).To(MatchRegexp("^[A-Z][A-Za-z]+$"))
				Expect(verdict.Message).NotTo(BeEmpty())
			}
		}
	})
})

var _ = Describe("Names in Kubernetes", func() {
	empty, oidc := "", "oidc:"
	prefixed := func(users, groups *string) *v1alpha1.Directory {
		d := corp()
		d.Spec.UsernamePrefix, d.Spec.GroupPrefix = users, groups
		return d
	}

	inForce := func(prefix string, d *v1alpha1.Directory) *v1alpha1.Directory {
		d.Status.UsernamePrefix = &prefix
		return d
	}

	DescribeTable("of a person", func(u *v1alpha1.User, d *v1alpha1.Directory, want string) {
		Expect(person.Username(u, d)).To(Equal(want))
	},
		Entry("have the Directory's name as prefix", user(), corp(), "corp:alice"),
		Entry("have the Directory's prefix", user(), prefixed(&oidc, nil), "oidc:alice"),
		Entry("have no prefix where it is empty", user(), prefixed(&empty, nil), "alice"),
		Entry("have the prefix in force, while the loss guard holds another", user(), inForce("old:", prefixed(&oidc, nil)), "old:alice"),
		Entry("have none while an empty one is in force", user(), inForce("", prefixed(&oidc, nil)), "alice"),
		Entry("are the userName of a local user", user(local), nil, "alice"),
		Entry("are none where the Directory is unknown", user(), nil, ""),
	)

	DescribeTable("of groups", func(d *v1alpha1.Directory, own, localOnes, want []string) {
		u := user()
		u.Status.Identity.Groups = own
		Expect(person.Groups(u, d, localOnes)).To(Equal(want))
	},
		Entry("have the prefix, are sorted and unique", corp(), []string{"a", "z"}, []string{"ops", "corp:a"},
			[]string{"corp:a", "corp:z", "ops"}),
		Entry("have the prefix for groups, not that for users", prefixed(&oidc, &empty), []string{"a"}, nil, []string{"a"}),
		Entry("are the local ones where the Directory is unknown", nil, []string{"a"}, []string{"ops"}, []string{"ops"}),
		Entry("are none", corp(), nil, nil, nil),
	)

	It("of groups leave the local ones as they were given", func() {
		ones := []string{"z", "a"}
		Expect(person.Groups(user(unread), corp(), ones)).To(Equal([]string{"a", "z"}))
		Expect(ones).To(Equal([]string{"z", "a"}))
	})
})

var _ = Describe("The older of two Users", func() {
	at := func(name string, created time.Time) *v1alpha1.User {
		return &v1alpha1.User{ObjectMeta: metav1.ObjectMeta{Name: name, CreationTimestamp: metav1.NewTime(created)}}
	}

	DescribeTable("is one of the two, always the same", func(older, younger *v1alpha1.User) {
		Expect(person.Older(older, younger)).To(BeTrue())
		Expect(person.Older(younger, older)).To(BeFalse())
	},
		Entry("by time", at("z", now), at("a", now.Add(time.Second))),
		Entry("by name where they were made in one second", at("a", now), at("b", now)),
	)

	It("is not a User itself", func() {
		Expect(person.Older(at("a", now), at("a", now))).To(BeFalse())
	})
})
