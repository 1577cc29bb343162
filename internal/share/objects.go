// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package share

import (
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
)

// Object has a User, Group or Session, which nobody else has yet, share what it has in common with those before it: its content stays the
// same. Of other kinds there are few, or little that they have in common.
func (p *Pool) Object(object any) {
	switch o := object.(type) {
	case *v1alpha1.User:
		p.user(o)
	case *v1alpha1.Group:
		p.group(o)
	case *v1alpha1.Session:
		p.session(o)
	}
}

func (p *Pool) user(u *v1alpha1.User) {
	p.all(&u.TypeMeta, &u.ObjectMeta)
	p.reference(u.Spec.DirectoryRef)
	each(p, &u.Spec.State)
	u.Status.Conditions = p.conditions(u.Status.Conditions)
	u.Status.Groups = p.List(u.Status.Groups)
	u.Status.Grants = p.List(u.Status.Grants)
	// An object is called as the person in it, mostly, and the cluster calls that person the same after a prefix.
	u.Spec.UserName = within(u.Status.Username, u.Spec.UserName)
	u.Name = within(u.Spec.UserName, u.Name)
	if identity := u.Status.Identity; identity != nil {
		each(p, &identity.State)
		identity.Groups = p.List(identity.Groups)
	}
}

func (p *Pool) group(g *v1alpha1.Group) {
	p.all(&g.TypeMeta, &g.ObjectMeta)
	p.reference(g.Spec.DirectoryRef)
	each(p, &g.Status.State)
	g.Status.Conditions = p.conditions(g.Status.Conditions)
}

func (p *Pool) session(s *v1alpha1.Session) {
	p.all(&s.TypeMeta, &s.ObjectMeta)
	each(p, &s.Spec.Custody)
	s.Status.Conditions = p.conditions(s.Status.Conditions)
}

func (p *Pool) all(kind *metav1.TypeMeta, meta *metav1.ObjectMeta) {
	each(p, &kind.Kind, &kind.APIVersion)
	meta.Labels, meta.Finalizers = p.Labels(meta.Labels), p.List(meta.Finalizers)
	meta.OwnerReferences = fitting(meta.OwnerReferences)
	for i := range meta.OwnerReferences {
		owner := &meta.OwnerReferences[i]
		each(p, &owner.APIVersion, &owner.Kind, &owner.Name)
		each(p, &owner.UID)
	}
}

func (p *Pool) reference(to *v1alpha1.NameReference) {
	if to != nil {
		each(p, &to.Name)
	}
}

func (p *Pool) conditions(list []metav1.Condition) []metav1.Condition {
	list = fitting(list)
	for i := range list {
		each(p, &list[i].Status)
		each(p, &list[i].Type, &list[i].Reason, &list[i].Message)
	}
	return list
}

// each puts shared strings in the place of some.
func each[T ~string](p *Pool, strings ...*T) {
	for _, s := range strings {
		*s = T(p.String(string(*s)))
	}
}

// within is an equal string that is part of another, if that ends so.
func within(whole, part string) string {
	if strings.HasSuffix(whole, part) {
		return whole[len(whole)-len(part):]
	}
	return part
}

// fitting is a list without room for more: what is decoded has some, and conditions are large.
func fitting[T any](list []T) []T {
	if len(list) == cap(list) {
		return list
	}
	return append(make([]T, 0, len(list)), list...)
}
