// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e_test

import (
	"context"
	"fmt"
	"maps"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/test/internal/installed"
	"github.com/rollcall-iam/rollcall/test/slapd"
)

const (
	// syncSeconds is the shortest interval there is.
	syncSeconds = 10
	synced      = "True Synced"
)

// slapdRuns starts a slapd for the container that it is called in, or skips its specs.
func slapdRuns(ctx context.Context, ldif string) *slapd.Server {
	GinkgoHelper()
	installed.OrSkip(slapd.Available())
	server, err := slapd.Start(ctx, slapd.Options{LDIF: ldif})
	Expect(err).NotTo(HaveOccurred())
	stopsAfterwards(server)
	return server
}

// stopsAfterwards ends a directory server with the container that it is called in. Where a spec failed, it says first how the server is.
func stopsAfterwards(server interface {
	fmt.Stringer
	Stop() error
},
) {
	DeferCleanup(func() error {
		if CurrentSpecReport().Failed() {
			AddReportEntry("the directory server", server.String())
		}
		return server.Stop()
	})
}

// slapdDirectory is a Directory for the test's slapd, read in pages by its reader, over ldaps.
func slapdDirectory(name string, server *slapd.Server) *v1alpha1.Directory {
	return &v1alpha1.Directory{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: v1alpha1.DirectorySpec{
		SyncIntervalSeconds: syncSeconds,
		LDAP: &v1alpha1.LDAPSource{
			URL:           server.LDAPSURL(),
			CASecretRef:   &v1alpha1.NameReference{Name: name + "-ca"},
			BindSecretRef: &v1alpha1.NameReference{Name: name + "-bind"},
			Users:         v1alpha1.LDAPUsers{BaseDN: slapd.PeopleDN},
			Groups:        &v1alpha1.LDAPGroups{BaseDN: slapd.GroupsDN},
		},
	}}
}

func caData(server *slapd.Server) map[string]string {
	return map[string]string{"ca.crt": string(server.CAPEM())}
}

func bindData(server *slapd.Server) map[string]string {
	return map[string]string{"username": slapd.ReaderDN, "password": server.Password()}
}

// connect creates a Directory and its Secrets, and returns once it was read. The spec's end withdraws all of it.
func connect(ctx context.Context, d *v1alpha1.Directory, server *slapd.Server) {
	GinkgoHelper()
	create(ctx, secret(d.Name+"-ca", caData(server)))
	create(ctx, secret(d.Name+"-bind", bindData(server)))
	create(ctx, d)
	eventuallyDirectory(ctx, d.Name, synced)
}

// eventuallyDirectory waits until a Directory's Ready says so about its present spec.
func eventuallyDirectory(ctx context.Context, name, wanted string) *v1alpha1.Directory {
	GinkgoHelper()
	found := &v1alpha1.Directory{}
	Eventually(ctx, func(g Gomega) {
		g.Expect(k8s.Get(ctx, client.ObjectKey{Name: name}, found)).To(Succeed())
		ready := message(found.Status.Conditions, v1alpha1.ConditionReady)
		g.Expect(state(found.Status.Conditions, v1alpha1.ConditionReady)).To(Equal(wanted), ready)
		g.Expect(found.Status.ObservedGeneration).To(HaveValue(Equal(found.Generation)))
	}).Should(Succeed())
	return found
}

// setSecret replaces a Secret of connect's, or creates it anew, which makes its Directory be read at once.
func setSecret(ctx context.Context, name string, data map[string]string) {
	GinkgoHelper()
	wanted := secret(name, data)
	found := &corev1.Secret{}
	err := k8s.Get(ctx, client.ObjectKeyFromObject(wanted), found)
	if err != nil {
		Expect(client.IgnoreNotFound(err)).To(Succeed())
		Expect(k8s.Create(ctx, wanted)).To(Succeed())
		return
	}
	found.Data, found.StringData = nil, data
	Expect(k8s.Update(ctx, found)).To(Succeed())
}

// nudge makes a Directory be read now: its Secret changes, though not what it says.
func nudge(ctx context.Context, directory string) {
	GinkgoHelper()
	found := secret(directory+"-bind", nil)
	change(ctx, found, func(s *corev1.Secret) { metav1.SetMetaDataAnnotation(&s.ObjectMeta, "nudged", rfc3339Nano()) })
}

func rfc3339Nano() string { return time.Now().Format(time.RFC3339Nano) }

// readAgain returns after a complete read that began after the call. It nudges once: a read that came of a second nudge would still be
// to come, and with it what may be lost unasked would be counted anew.
func readAgain(ctx context.Context, directory string) {
	GinkgoHelper()
	before := lastSync(ctx, directory)
	Eventually(ctx, time.Now).Should(BeTemporally(">=", before.Add(time.Second)), "its time, in whole seconds, will be another")
	nudge(ctx, directory)
	Eventually(ctx, func() time.Time { return lastSync(ctx, directory) }).Should(BeTemporally(">", before), "the Directory is read again")
}

func lastSync(ctx context.Context, directory string) time.Time {
	GinkgoHelper()
	found := &v1alpha1.Directory{}
	Expect(k8s.Get(ctx, client.ObjectKey{Name: directory}, found)).To(Succeed())
	if found.Status.LastSyncTime == nil {
		return time.Time{}
	}
	return found.Status.LastSyncTime.Time
}

// usersOf are the Users of a Directory by userName.
func usersOf(ctx context.Context, directory string) map[string]v1alpha1.User {
	GinkgoHelper()
	var list v1alpha1.UserList
	Expect(k8s.List(ctx, &list)).To(Succeed())
	found := map[string]v1alpha1.User{}
	for _, u := range list.Items {
		if u.Spec.DirectoryRef != nil && u.Spec.DirectoryRef.Name == directory {
			found[u.Spec.UserName] = u
		}
	}
	return found
}

// groupsOf are the Groups of a Directory by groupName.
func groupsOf(ctx context.Context, directory string) map[string]v1alpha1.Group {
	GinkgoHelper()
	var list v1alpha1.GroupList
	Expect(k8s.List(ctx, &list)).To(Succeed())
	found := map[string]v1alpha1.Group{}
	for _, group := range list.Items {
		if group.Spec.DirectoryRef != nil && group.Spec.DirectoryRef.Name == directory {
			found[group.Spec.GroupName] = group
		}
	}
	return found
}

// versions are the resource versions of all that a Directory mirrors: equal ones mean that nothing was written.
func versions(ctx context.Context, directory string) map[string]string {
	GinkgoHelper()
	found := map[string]string{}
	for name, u := range usersOf(ctx, directory) {
		found["user "+name] = fmt.Sprint(u.UID, " ", u.ResourceVersion)
	}
	for name, group := range groupsOf(ctx, directory) {
		found["group "+name] = fmt.Sprint(group.UID, " ", group.ResourceVersion)
	}
	return found
}

// settled waits until nothing that a Directory mirrors changes any more, and returns the versions.
func settled(ctx context.Context, directory string) map[string]string {
	GinkgoHelper()
	last := versions(ctx, directory)
	Eventually(ctx, func(g Gomega) {
		before := last
		last = versions(ctx, directory)
		g.Expect(maps.Equal(before, last)).To(BeTrue(), "Users and Groups are still being written")
		for _, u := range usersOf(ctx, directory) {
			g.Expect(state(u.Status.Conditions, v1alpha1.ConditionActive)).NotTo(Equal("absent"), u.Name)
		}
	}).WithPolling(500 * time.Millisecond).Should(Succeed())
	return last
}

// removeSecret deletes a Secret of a Directory; setSecret brings it back.
func removeSecret(ctx context.Context, name string) {
	GinkgoHelper()
	Expect(k8s.Delete(ctx, secret(name, nil))).To(Succeed())
}

// inNamespace is a namespace for the spec, whose deletion begins at its end.
func inNamespace(ctx context.Context, prefix string) string {
	GinkgoHelper()
	name := unique(prefix)
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
	Expect(k8s.Create(ctx, namespace)).To(Succeed())
	DeferCleanup(func(ctx context.Context) error { return k8s.Delete(ctx, namespace) })
	return name
}
