// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package integration_test

import (
	"context"
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

// meanwhile is a manager whose clients let something happen right before a status is written.
type meanwhile struct {
	ctrl.Manager
	happens *func()
}

func (m meanwhile) GetClient() client.Client { return pausing{m.Manager.GetClient(), m.happens} }

type pausing struct {
	client.Client
	happens *func()
}

func (i pausing) Status() client.SubResourceWriter {
	return pausingStatus{i.Client.Status(), i.happens}
}

type pausingStatus struct {
	client.SubResourceWriter
	happens *func()
}

func (i pausingStatus) Apply(ctx context.Context, applied runtime.ApplyConfiguration, o ...client.SubResourceApplyOption) error {
	happens := *i.happens
	*i.happens = func() {}
	happens()
	return i.SubResourceWriter.Apply(ctx, applied, o...)
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

// directoriesStill are specs of Directories, one Reconcile at a time.
func directoriesStill(s *stage) {
	var happens *func()
	BeforeAll(func(ctx SpecContext) {
		nothing := func() {}
		happens = &nothing
		s.stand(ctx, func(mgr ctrl.Manager) ctrl.Manager { return meanwhile{mgr, happens} })
	})

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
		*happens = func() {
			Expect(s.admin.Delete(ctx, alice)).To(Succeed())
			s.create(ctx, bob)
		}
		s.reconcile(ctx, directoryController, d)
		Expect(get(ctx, s.world, bob).Status.Identity).To(BeNil(), "the read knew nothing of bob")

		s.reconcile(ctx, directoryController, d)
		Expect(get(ctx, s.world, bob).Status.Identity).To(HaveValue(HaveField("Email", "bob@corp.example")))
	})

	It("write an identity although others write the same status at the same time", func(ctx SpecContext) {
		d := s.corp(ctx)
		s.reconcile(ctx, directoryController, d)
		alice := declared(d, s.name("user"), "alice")
		s.create(ctx, alice)
		*happens = func() {
			change(ctx, s.world, alice, func(u *v1alpha1.User) { u.Spec.ExpireTime = &metav1.Time{Time: time.Now().Add(time.Hour)} })
		}
		s.reconcile(ctx, directoryController, d)
		Expect(get(ctx, s.world, alice).Status.Identity).To(HaveValue(HaveField("State", v1alpha1.IdentityPresent)))
	})
}
