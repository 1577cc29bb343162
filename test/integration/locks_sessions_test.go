// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package integration_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/session"
)

// fingerprintOf looks like that of a certificate.
func fingerprintOf(what string) string {
	digest := sha256.Sum256([]byte(what))
	return hex.EncodeToString(digest[:])
}

// ids are what API servers call certificates, sorted.
func ids(fingerprints ...string) []string {
	found := make([]string, len(fingerprints))
	for i, fingerprint := range fingerprints {
		found[i] = session.CredentialID(fingerprint)
	}
	slices.Sort(found)
	return found
}

func lockOf(name string, kind v1alpha1.LockTargetKind, target string) *v1alpha1.Lock {
	lock := lockOn(name, v1alpha1.SubjectUser, target)
	lock.Spec.Target.Kind = kind
	return lock
}

// sessionLocksStill are specs of what Locks say of Sessions and their certificates, one Reconcile at a time.
func sessionLocksStill(s *stage) {
	BeforeAll(s.still)
	// begun is a Session with certificates that are valid for an hour.
	begun := func(ctx SpecContext, user *v1alpha1.User, device string, fingerprints ...string) *v1alpha1.Session {
		GinkgoHelper()
		made := s.begins(ctx, sessionOf(s.name("session"), user, device))
		s.records(ctx, made, s.clock.Now().Add(time.Hour), fingerprints...)
		return made
	}
	kept := func(ctx SpecContext, lock *v1alpha1.Lock) v1alpha1.LockStatus {
		GinkgoHelper()
		s.reconcile(ctx, lockController, lock)
		return get(ctx, s.world, lock).Status
	}

	It("on a Session name its certificates, and keep nobody else out", func(ctx SpecContext) {
		user := s.person(ctx)
		one, two := fingerprintOf(s.name("one")), fingerprintOf(s.name("two"))
		of := begun(ctx, user, "", one, two)
		begun(ctx, user, "", fingerprintOf(s.name("other")))
		grant := grantOf(s.name("grant"), users(user.Name)...)
		lock := lockOf(s.name("lock"), v1alpha1.LockSession, of.Name)
		s.create(ctx, grant, lock)

		status := kept(ctx, lock)
		Expect(status.Credentials).To(Equal(ids(one, two)))
		Expect(status.Sessions).To(HaveValue(BeEquivalentTo(1)))
		Expect(status.Users).To(HaveValue(BeEquivalentTo(0)))
		Expect(s.condition(ctx, lock, ready)).To(says(isFalse, v1alpha1.ReasonLocking))
		s.marksEnded(ctx, of, v1alpha1.ReasonLocked, session.EndedByLock(lock.Name))
		s.reconcile(ctx, lockController, lock)
		Expect(s.condition(ctx, lock, ready)).To(says(isTrue, v1alpha1.ReasonLocked, of.Name))

		s.reconcile(ctx, userController, user)
		Expect(s.condition(ctx, user, active)).To(says(isTrue, v1alpha1.ReasonActive))
		s.reconcile(ctx, grantController, grant)
		Expect(s.bound(ctx, "", "rollcall:"+grant.Name)).To(Equal([]string{"User " + user.Name}))
	})
	It("on a Session or a Device called as a User is do not keep out that User", func(ctx SpecContext) {
		user := s.person(ctx)
		grant := grantOf(s.name("grant"), users(user.Name)...)
		for _, kind := range []v1alpha1.LockTargetKind{v1alpha1.LockSession, v1alpha1.LockDevice} {
			lock := lockOf(s.name("lock"), kind, user.Name)
			lock.Spec.ExpireTime = new(metav1.NewTime(s.clock.Now().Add(time.Minute)))
			s.create(ctx, lock)
		}
		s.create(ctx, grant)
		s.reconcile(ctx, userController, user)
		Expect(s.condition(ctx, user, active)).To(says(isTrue, v1alpha1.ReasonActive))
		Expect(s.reconcile(ctx, grantController, grant)).NotTo(And(BeNumerically(">", 0), BeNumerically("<=", time.Minute)),
			"there is nothing to wait for")
		Expect(s.bound(ctx, "", "rollcall:"+grant.Name)).To(Equal([]string{"User " + user.Name}))
	})
	It("on a Session that is not there wait for it", func(ctx SpecContext) {
		lock := lockOf(s.name("lock"), v1alpha1.LockSession, s.name("session"))
		s.create(ctx, lock)
		Expect(kept(ctx, lock).Sessions).To(HaveValue(BeEquivalentTo(0)))
		Expect(s.condition(ctx, lock, ready)).To(says(isFalse, v1alpha1.ReasonTargetNotFound, "Session", lock.Spec.Target.Name))
	})
	It("on a Device hold before anybody has it, and then for everybody on it", func(ctx SpecContext) {
		device := s.name("laptop")
		lock := lockOf(s.name("lock"), v1alpha1.LockDevice, device)
		s.create(ctx, lock)
		s.reconcile(ctx, lockController, lock)
		Expect(s.condition(ctx, lock, ready)).To(says(isTrue, v1alpha1.ReasonLocked, device, "no Session is on it"))

		mine, theirs := fingerprintOf(s.name("mine")), fingerprintOf(s.name("theirs"))
		user := s.person(ctx)
		begun(ctx, user, device, mine)
		begun(ctx, s.person(ctx), device, theirs)
		begun(ctx, user, s.name("desktop"), fingerprintOf(s.name("another")))
		Expect(kept(ctx, lock).Credentials).To(Equal(ids(mine, theirs)))
		Expect(lock.Status.Sessions).To(HaveValue(BeEquivalentTo(2)))
	})
	It("on people name the certificates of their Sessions, and not those of another who had the name", func(ctx SpecContext) {
		user, colleague := s.person(ctx), s.person(ctx)
		mine, theirs := fingerprintOf(s.name("mine")), fingerprintOf(s.name("theirs"))
		begun(ctx, user, "", mine)
		begun(ctx, colleague, "", theirs)
		before := user.DeepCopy()
		before.UID = "another"
		begun(ctx, before, "", fingerprintOf(s.name("before")))
		group := localGroup(s.name("group"), user.Name, colleague.Name)
		onUser, onGroup := lockOf(s.name("lock"), v1alpha1.LockUser, user.Name), lockOf(s.name("lock"), v1alpha1.LockGroup, group.Name)
		s.create(ctx, group, onUser, onGroup)
		Expect(kept(ctx, onUser).Credentials).To(Equal(ids(mine)))
		Expect(kept(ctx, onGroup).Credentials).To(Equal(ids(mine, theirs)))
	})
	It("go on naming the certificates of whom they have ended, whoever leaves the group", func(ctx SpecContext) {
		user, one := s.person(ctx), fingerprintOf(s.name("one"))
		of := begun(ctx, user, "", one)
		group := localGroup(s.name("group"), user.Name)
		lock := lockOf(s.name("lock"), v1alpha1.LockGroup, group.Name)
		s.create(ctx, group, lock)
		s.marksEnded(ctx, of, v1alpha1.ReasonLocked, session.EndedByLock(lock.Name))
		change(ctx, s.world, group, func(g *v1alpha1.Group) { g.Spec.Members = nil })
		Expect(kept(ctx, lock).Credentials).To(Equal(ids(one)))
	})
	It("name certificates while they are valid, and while the Lock holds", func(ctx SpecContext) {
		user := s.person(ctx)
		soon, later := fingerprintOf(s.name("soon")), fingerprintOf(s.name("later"))
		of := begun(ctx, user, "", later)
		s.records(ctx, of, s.clock.Now().Add(10*time.Minute), soon)
		end := s.clock.Now().Truncate(time.Second).Add(30 * time.Minute)
		lock := lockOf(s.name("lock"), v1alpha1.LockSession, of.Name)
		lock.Spec.ExpireTime = &metav1.Time{Time: end}
		s.create(ctx, lock)
		after := s.reconcile(ctx, lockController, lock)
		Expect(after).To(BeNumerically("~", 10*time.Minute, time.Second), "when the first expires")
		Expect(get(ctx, s.world, lock).Status.Credentials).To(Equal(ids(soon, later)))
		s.passes(10 * time.Minute)
		Expect(s.reconcile(ctx, lockController, lock)).To(Equal(end.Sub(s.clock.Now())), "when the Lock ends")
		Expect(get(ctx, s.world, lock).Status.Credentials).To(Equal(ids(later)))
		s.clock.SetTime(end)
		Expect(kept(ctx, lock).Credentials).To(BeEmpty())
		Expect(lock.Status.Sessions).To(HaveValue(BeEquivalentTo(0)))
	})
	It("name as many as fit, and of more those that end last", func(ctx SpecContext) {
		device, wanted := s.name("shared"), []string{}
		user := s.person(ctx)
		for i := range 33 { // Sessions of 16 certificates: 528, of which 512 fit.
			several := make([]string, 16)
			for j := range several {
				several[j] = fingerprintOf(s.name("certificate"))
			}
			of := s.begins(ctx, sessionOf(s.name("session"), user, device))
			s.records(ctx, of, s.clock.Now().Add(time.Hour+time.Duration(i)*time.Minute), several...)
			if i > 0 {
				wanted = append(wanted, several...)
			}
		}
		lock := lockOf(s.name("lock"), v1alpha1.LockDevice, device)
		s.create(ctx, lock)
		Expect(kept(ctx, lock).Credentials).To(Equal(ids(wanted...)), fmt.Sprint(len(wanted)))
		Expect(lock.Status.Sessions).To(HaveValue(BeEquivalentTo(33)))
	})
	It("are not written again while nothing changes", func(ctx SpecContext) {
		of := begun(ctx, s.person(ctx), "", fingerprintOf(s.name("one")))
		lock := lockOf(s.name("lock"), v1alpha1.LockSession, of.Name)
		s.create(ctx, lock)
		s.reconcile(ctx, lockController, lock)
		mark := s.mark()
		s.reconcile(ctx, lockController, lock)
		Expect(s.writes(mark)).To(BeEmpty())
	})
}
