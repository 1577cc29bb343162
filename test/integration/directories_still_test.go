// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package integration_test

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/test/installation"
	"github.com/rollcall-iam/rollcall/test/sampledir"
)

// meanwhile is a manager whose clients let something happen right before a status is written, which may keep it from being written.
type meanwhile struct {
	ctrl.Manager
	happens *func() error
}

func (m meanwhile) GetClient() client.Client { return pausing{m.Manager.GetClient(), m.happens} }

type pausing struct {
	client.Client
	happens *func() error
}

func (i pausing) Status() client.SubResourceWriter {
	return pausingStatus{i.Client.Status(), i.happens}
}

type pausingStatus struct {
	client.SubResourceWriter
	happens *func() error
}

func (i pausingStatus) Apply(ctx context.Context, applied runtime.ApplyConfiguration, o ...client.SubResourceApplyOption) error {
	if err := (*i.happens)(); err != nil {
		return err
	}
	return i.SubResourceWriter.Apply(ctx, applied, o...)
}

func (i pausingStatus) Patch(ctx context.Context, object client.Object, patch client.Patch, o ...client.SubResourcePatchOption) error {
	if err := (*i.happens)(); err != nil {
		return err
	}
	return i.SubResourceWriter.Patch(ctx, object, patch, o...)
}

// corp makes a Directory of the sample company, of which only declared people are mirrored.
func (s *stage) corp(ctx SpecContext) *v1alpha1.Directory {
	GinkgoHelper()
	server, err := sampledir.Start(ctx, sampledir.Options{})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(server.Stop)
	name := s.name("corp")
	meta := metav1.ObjectMeta{Namespace: installation.Namespace, Name: name}
	s.create(ctx, &corev1.Secret{ObjectMeta: meta, Data: map[string][]byte{
		"ca.crt": server.CAPEM(), "username": []byte(server.BindDN()), "password": []byte(server.Password()),
	}})
	d := &v1alpha1.Directory{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: v1alpha1.DirectorySpec{
		Import: v1alpha1.ImportDeclared,
		LDAP: &v1alpha1.LDAPSource{
			URL: server.URL(), CASecretRef: &v1alpha1.NameReference{Name: name}, BindSecretRef: &v1alpha1.NameReference{Name: name},
			Users: v1alpha1.LDAPUsers{BaseDN: sampledir.PeopleDN},
		},
	}}
	s.create(ctx, d)
	return d
}

// tillNextRead is more than the default interval.
const tillNextRead = 6 * time.Minute

// directoriesStill are specs of Directories, one Reconcile at a time.
func directoriesStill(s *stage) {
	nothing := func() error { return nil }
	happens := new(nothing)
	BeforeAll(func(ctx SpecContext) {
		s.stand(ctx, func(mgr ctrl.Manager) ctrl.Manager { return meanwhile{mgr, happens} })
	})
	AfterEach(func() { *happens = nothing })
	once := func(how func()) {
		*happens = func() error {
			*happens = nothing
			how()
			return nil
		}
	}

	declared := func(d *v1alpha1.Directory, name, userName string) *v1alpha1.User {
		return &v1alpha1.User{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: v1alpha1.UserSpec{
			UserName: userName, DirectoryRef: &v1alpha1.NameReference{Name: d.Name},
		}}
	}

	It("give nobody the identity of someone who had their object's name a moment ago", func(ctx SpecContext) {
		d := s.corp(ctx)
		s.reconcile(ctx, directoryController, d)
		alice := declared(d, s.name("user"), "alice")
		s.create(ctx, alice)
		bob := declared(d, alice.Name, "bob")
		once(func() {
			Expect(s.admin.Delete(ctx, alice)).To(Succeed())
			s.create(ctx, bob)
		})
		s.passes(tillNextRead)
		s.reconcile(ctx, directoryController, d)
		Expect(get(ctx, s.world, bob).Status.Identity).To(BeNil(), "the read knew nothing of bob")

		s.passes(tillNextRead)
		s.reconcile(ctx, directoryController, d)
		Expect(get(ctx, s.world, bob).Status.Identity).To(HaveValue(HaveField("Email", "bob@corp.example")))
	})

	It("write an identity although others write the same status at the same time", func(ctx SpecContext) {
		d := s.corp(ctx)
		s.reconcile(ctx, directoryController, d)
		alice := declared(d, s.name("user"), "alice")
		s.create(ctx, alice)
		once(func() {
			change(ctx, s.world, alice, func(u *v1alpha1.User) { u.Spec.ExpireTime = &metav1.Time{Time: time.Now().Add(time.Hour)} })
		})
		s.passes(tillNextRead)
		s.reconcile(ctx, directoryController, d)
		Expect(get(ctx, s.world, alice).Status.Identity).To(HaveValue(HaveField("State", v1alpha1.IdentityPresent)))
	})

	It("look again exactly when the grace of somebody who is missing ends", func(ctx SpecContext) {
		const grace = 90 * time.Second
		staff, pay := s.staff(2), s.name("pay")
		c := s.company(ctx, staff, map[string][]string{pay: staff}, func(spec *v1alpha1.DirectorySpec) {
			spec.Leavers.GraceSeconds = new(int32(grace.Seconds()))
		})
		identity := func() *v1alpha1.Identity { return get(ctx, s.world, localUser(staff[0])).Status.Identity }
		s.reconcile(ctx, directoryController, c.Directory)
		c.people, c.groups = staff[1:], nil
		c.publish()
		s.clock.SetTime(s.clock.Now().Add(tillNextRead).Truncate(time.Second))
		began := s.clock.Now()
		Expect(s.reconcile(ctx, directoryController, c.Directory)).To(Equal(time.Second), "once more when the cache shows what was written")
		s.passes(time.Second)
		Expect(s.reconcile(ctx, directoryController, c.Directory)).To(Equal(grace - time.Second))
		Expect(identity()).To(HaveValue(SatisfyAll(HaveField("State", v1alpha1.IdentityPresent), HaveField("Groups", []string{pay}))))
		Expect(identity().MissingTime.Time).To(BeTemporally("==", began))
		Expect(get(ctx, s.world, localGroup(pay)).Status.MissingTime.Time).To(BeTemporally("==", began))

		mark := s.mark()
		s.clock.SetTime(began.Add(grace - time.Second))
		Expect(s.reconcile(ctx, directoryController, c.Directory)).To(Equal(time.Second))
		Expect(s.writes(mark)).To(BeEmpty())
		s.clock.SetTime(began.Add(grace))
		s.reconcile(ctx, directoryController, c.Directory)
		Expect(identity()).To(HaveValue(SatisfyAll(
			HaveField("State", v1alpha1.IdentityMissing), HaveField("Groups", BeEmpty()), HaveField("MissingTime", BeNil()))))
		Expect(get(ctx, s.world, localGroup(pay)).Status).To(SatisfyAll(
			HaveField("State", v1alpha1.IdentityMissing), HaveField("MissingTime", BeNil())))
		Expect(get(ctx, s.world, localUser(staff[1])).Status.Identity.Groups).To(BeEmpty())
	})

	It("write nothing but the time of a read that finds nothing new, and nothing at all in between", func(ctx SpecContext) {
		staff, pay := s.staff(3), s.name("pay")
		c := s.company(ctx, staff, map[string][]string{pay: staff})
		s.reconcile(ctx, directoryController, c.Directory)
		before := get(ctx, s.world, c.Directory).Status
		mark := s.mark()
		s.passes(time.Minute)
		s.reconcile(ctx, directoryController, c.Directory)
		Expect(s.writes(mark)).To(BeEmpty())
		s.passes(tillNextRead)
		s.reconcile(ctx, directoryController, c.Directory)
		Expect(s.writes(mark)).To(Equal([]string{"patch directories/status " + c.Name}))
		Expect(get(ctx, s.world, c.Directory).Status.LastSyncTime.Time).To(BeTemporally("==", s.clock.Now().Truncate(time.Second)))
		before.LastSyncTime = c.Status.LastSyncTime
		Expect(c.Status).To(Equal(before))
	})

	It("hold a plan without writing it, and write the same of it once", func(ctx SpecContext) {
		staff := s.staff(12)
		c := s.company(ctx, staff, nil)
		s.reconcile(ctx, directoryController, c.Directory)
		c.people = nil
		c.publish()
		s.passes(tillNextRead)
		mark := s.mark()
		s.reconcile(ctx, directoryController, c.Directory)
		Expect(s.writes(mark)).To(Equal([]string{"patch directories/status " + c.Name}))
		held := c.pending(ctx)
		Expect(held).To(HaveValue(HaveField("Withdraw", HaveValue(BeEquivalentTo(12)))))
		Expect(kstatus(c.Directory)).To(Equal(failed))

		mark = s.mark()
		s.passes(time.Minute)
		s.reconcile(ctx, directoryController, c.Directory)
		Expect(s.writes(mark)).To(BeEmpty())
		s.passes(tillNextRead)
		s.reconcile(ctx, directoryController, c.Directory)
		Expect(c.pending(ctx)).To(Equal(held))
	})

	It("pass the rest of a plan that was accepted after some of its writes failed", func(ctx SpecContext) {
		staff := s.staff(12)
		c := s.company(ctx, staff, nil)
		s.reconcile(ctx, directoryController, c.Directory)
		c.people = nil
		c.publish()
		s.passes(tillNextRead)
		s.reconcile(ctx, directoryController, c.Directory)
		c.annotate(ctx, c.pending(ctx).Token)
		missing := func() int {
			count := 0
			for _, name := range staff {
				if get(ctx, s.world, localUser(name)).Status.Identity.State == v1alpha1.IdentityMissing {
					count++
				}
			}
			return count
		}
		var writes atomic.Int32
		*happens = func() error {
			if n := writes.Add(1); n > 4 && n <= 12 {
				return errors.New("the API server is overloaded")
			}
			return nil
		}
		s.reconcile(ctx, directoryController, c.Directory)
		Expect(missing()).To(Equal(4))
		Expect(s.condition(ctx, c.Directory, ready)).To(says(isFalse, v1alpha1.ReasonFailed, "8 writes failed", "overloaded"))
		s.passes(tillNextRead)
		s.reconcile(ctx, directoryController, c.Directory)
		Expect(missing()).To(Equal(12))
		Expect(c.pending(ctx)).To(BeNil())
		Expect(kstatus(c.Directory)).To(Equal(current))
	})

	It("say what is wrong with a server that does not answer, however often they are looked at", func(ctx SpecContext) {
		d := pausedDirectory(s.name("corp"))
		d.Spec.Sync, d.Spec.LDAP.URL = v1alpha1.SyncActive, "ldaps://127.0.0.1:1"
		s.create(ctx, d)
		s.reconcile(ctx, directoryController, d)
		first := s.condition(ctx, d, ready)
		Expect(first).To(says(isFalse, v1alpha1.ReasonUnreachable))
		mark := s.mark()
		s.reconcile(ctx, directoryController, d)
		Expect(s.writes(mark)).To(BeEmpty())
		Expect(s.condition(ctx, d, ready)).To(Equal(first))
	})
}
