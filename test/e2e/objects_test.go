// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e_test

import (
	"context"
	"fmt"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/test/installation"
)

// create makes an object that the spec's end removes.
func create(ctx context.Context, object client.Object) {
	GinkgoHelper()
	Expect(k8s.Create(ctx, object)).To(Succeed())
	DeferCleanup(remove, object)
}

// remove deletes an object, if it is there, and waits until it is gone.
func remove(ctx context.Context, object client.Object) {
	GinkgoHelper()
	Expect(client.IgnoreNotFound(k8s.Delete(ctx, object))).To(Succeed())
	Eventually(ctx, func() error { return k8s.Get(ctx, client.ObjectKeyFromObject(object), object) }).
		Should(Satisfy(apierrors.IsNotFound), "a deleted object goes")
}

// change updates what change sets, however often others write meanwhile.
func change[T client.Object](ctx context.Context, object T, change func(T)) {
	GinkgoHelper()
	Expect(k8s.Get(ctx, client.ObjectKeyFromObject(object), object)).To(Succeed())
	patch := client.MergeFrom(object.DeepCopyObject().(T))
	change(object)
	Expect(k8s.Patch(ctx, object, patch)).To(Succeed())
}

func secret(name string, data map[string]string) *corev1.Secret {
	return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: installation.Namespace, Name: name}, StringData: data}
}

// localUser is a User that is in no directory, with a kubeconfig in the Secret of its own name.
func localUser(name string, seconds int32) *v1alpha1.User {
	return &v1alpha1.User{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: v1alpha1.UserSpec{
		UserName: name,
		Kubeconfig: &v1alpha1.KubeconfigSpec{
			SecretRef:       v1alpha1.SecretReference{Namespace: installation.Namespace, Name: name},
			DurationSeconds: seconds,
		},
	}}
}

// declaredUser is a User that Git owns and a Directory knows.
func declaredUser(name, userName, directory string) *v1alpha1.User {
	return &v1alpha1.User{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: v1alpha1.UserSpec{
		UserName: userName, DirectoryRef: &v1alpha1.NameReference{Name: directory},
	}}
}

// grant gives the ClusterRole view in a namespace.
func grant(name, namespace string, subjects ...v1alpha1.Subject) *v1alpha1.Grant {
	return &v1alpha1.Grant{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: v1alpha1.GrantSpec{
		Subjects:   subjects,
		RoleRef:    v1alpha1.RoleReference{Kind: v1alpha1.RoleKindClusterRole, Name: "view"},
		Scope:      v1alpha1.ScopeNamespaces,
		Namespaces: &v1alpha1.NamespaceSet{Names: []string{namespace}},
	}}
}

// user reads a User that must be there.
func user(ctx context.Context, g Gomega, name string) *v1alpha1.User {
	found := &v1alpha1.User{}
	g.Expect(k8s.Get(ctx, client.ObjectKey{Name: name}, found)).To(Succeed())
	return found
}

// state is a condition in two words, or "absent".
func state(conditions []metav1.Condition, kind string) string {
	condition := meta.FindStatusCondition(conditions, kind)
	if condition == nil {
		return "absent"
	}
	return fmt.Sprintf("%s %s", condition.Status, condition.Reason)
}

func message(conditions []metav1.Condition, kind string) string {
	if condition := meta.FindStatusCondition(conditions, kind); condition != nil {
		return condition.Message
	}
	return ""
}

// eventuallyActive waits until the condition Active of a User says so.
func eventuallyActive(ctx context.Context, name, wanted string) *v1alpha1.User {
	GinkgoHelper()
	var found *v1alpha1.User
	Eventually(ctx, func(g Gomega) {
		found = user(ctx, g, name)
		g.Expect(state(found.Status.Conditions, v1alpha1.ConditionActive)).To(Equal(wanted))
	}).Should(Succeed())
	return found
}

func absent(object client.Object) func(context.Context) bool {
	return func(ctx context.Context) bool {
		return apierrors.IsNotFound(k8s.Get(ctx, client.ObjectKeyFromObject(object), object))
	}
}

func clientset() kubernetes.Interface { return kubernetes.NewForConfigOrDie(plane.RESTConfig()) }

// unique is a name that no other spec has.
var unique = func() func(string) string {
	count := 0
	return func(prefix string) string {
		count++
		return fmt.Sprintf("%s-%d", prefix, count)
	}
}()

func named(name string) client.ObjectKey { return client.ObjectKey{Name: name} }
