// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package integration_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/test/installation"
	"github.com/rollcall-iam/rollcall/test/sampledir"
)

// company is a directory server, what it has, and the Directory that reads it.
type company struct {
	*world
	server *sampledir.Server
	*v1alpha1.Directory
	secret *corev1.Secret
	// people are login names, groups have the names of people and groups in them.
	people []string
	// disabled are those of them who are locked out.
	disabled []string
	groups   map[string][]string
	reads    int
}

// company starts a directory server that has these people, and makes a Directory that reads it, with some fields set.
func (w *world) company(ctx SpecContext, people []string, groups map[string][]string, edits ...func(*v1alpha1.DirectorySpec)) *company {
	GinkgoHelper()
	server, err := sampledir.Start(ctx, sampledir.Options{})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(server.Stop)
	meta := metav1.ObjectMeta{Namespace: installation.Namespace, Name: w.name("corp")}
	secret := &corev1.Secret{ObjectMeta: meta, Data: map[string][]byte{
		"ca.crt": server.CAPEM(), "username": []byte(server.BindDN()), "password": []byte(server.Password()),
	}}
	w.create(ctx, secret)
	ref := &v1alpha1.NameReference{Name: meta.Name}
	directory := &v1alpha1.Directory{ObjectMeta: metav1.ObjectMeta{Name: meta.Name}, Spec: v1alpha1.DirectorySpec{LDAP: &v1alpha1.LDAPSource{
		URL: server.URL(), CASecretRef: ref, BindSecretRef: ref,
		Users: v1alpha1.LDAPUsers{BaseDN: sampledir.PeopleDN}, Groups: &v1alpha1.LDAPGroups{BaseDN: sampledir.GroupsDN},
	}}}
	for _, edit := range edits {
		edit(&directory.Spec)
	}
	c := &company{world: w, server: server, Directory: directory, secret: secret, people: people, groups: groups}
	c.publish()
	DeferCleanup(c.clear)
	w.create(ctx, directory)
	return c
}

// staff are login names that nothing else in this suite has.
func (w *world) staff(n int) []string {
	prefix, names := w.name("p"), make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("%s-%02d", prefix, i)
	}
	return names
}

// clear removes what the Directory imported, should it have had no time for that itself.
func (c *company) clear(ctx SpecContext) {
	for _, kind := range []client.Object{&v1alpha1.User{}, &v1alpha1.Group{}} {
		Expect(c.admin.DeleteAllOf(ctx, kind, client.MatchingLabels{v1alpha1.LabelDirectory: c.Name})).To(Succeed())
	}
}

// publish makes the directory what the company is now.
func (c *company) publish() {
	GinkgoHelper()
	var text strings.Builder
	text.WriteString("version: 1\n")
	entry := func(dn, classes string, lines ...string) {
		fmt.Fprintf(&text, "\ndn: %s\n", dn)
		for class := range strings.FieldsSeq(classes) {
			fmt.Fprintf(&text, "objectClass: %s\n", class)
		}
		fmt.Fprintf(&text, "entryUUID: id of %s\n%s\n", dn, strings.Join(lines, "\n"))
	}
	entry(sampledir.BaseDN, "top dcObject organization", "dc: corp", "o: Corp Example")
	entry(sampledir.PeopleDN, "top organizationalUnit", "ou: people")
	entry(sampledir.GroupsDN, "top organizationalUnit", "ou: groups")
	for _, uid := range c.people {
		lines := []string{"uid: " + uid, "cn: " + uid, "sn: " + uid}
		if slices.Contains(c.disabled, uid) {
			lines = append(lines, "pwdAccountLockedTime: 000001010000Z")
		}
		entry("uid="+uid+","+sampledir.PeopleDN, "top person organizationalPerson inetOrgPerson", lines...)
	}
	for _, cn := range slices.Sorted(maps.Keys(c.groups)) {
		lines := append(make([]string, 0, len(c.groups[cn])+1), "cn: "+cn)
		for _, name := range c.groups[cn] {
			dn := "uid=" + name + "," + sampledir.PeopleDN
			if _, group := c.groups[name]; group {
				dn = "cn=" + name + "," + sampledir.GroupsDN
			}
			lines = append(lines, "member: "+dn)
		}
		entry("cn="+cn+","+sampledir.GroupsDN, "top groupOfNames", lines...)
	}
	Expect(c.server.Edit(func(string) (string, error) { return text.String(), nil })).To(Succeed())
}

// reread publishes the company and makes the operator read it at once, as it does when a Secret changes.
func (c *company) reread(ctx context.Context) {
	GinkgoHelper()
	c.publish()
	c.reads++
	change(ctx, c.world, c.secret, func(s *corev1.Secret) { s.Annotations = map[string]string{"read": fmt.Sprint(c.reads)} })
}

// username is what Kubernetes calls someone of this company.
func (c *company) username(uid string) string { return c.Name + ":" + uid }

func (c *company) usernames(uids []string) []string {
	names := make([]string, len(uids))
	for i, uid := range uids {
		names[i] = c.username(uid)
	}
	slices.Sort(names)
	return names
}

// imported are the names of the Users and Groups of the Directory, sorted, Users first.
func (c *company) imported(ctx context.Context) []string {
	GinkgoHelper()
	var users v1alpha1.UserList
	var groups v1alpha1.GroupList
	label := client.MatchingLabels{v1alpha1.LabelDirectory: c.Name}
	Expect(c.admin.List(ctx, &users, label)).To(Succeed())
	Expect(c.admin.List(ctx, &groups, label)).To(Succeed())
	names := make([]string, 0, len(users.Items)+len(groups.Items))
	for i := range users.Items {
		names = append(names, users.Items[i].Name)
	}
	for i := range groups.Items {
		names = append(names, "group "+groups.Items[i].Name)
	}
	return names
}

// pending is the plan that the loss guard holds; nil where it holds none.
func (c *company) pending(ctx context.Context) *v1alpha1.PendingPlan {
	GinkgoHelper()
	return get(ctx, c.world, c.Directory).Status.Pending
}

// annotate puts a token onto the Directory that lets a plan pass.
func (c *company) annotate(ctx context.Context, token string) {
	GinkgoHelper()
	change(ctx, c.world, c.Directory, func(d *v1alpha1.Directory) {
		d.Annotations = map[string]string{v1alpha1.AnnotationAcceptLoss: token}
	})
}

func importing(policy v1alpha1.ImportPolicy) func(*v1alpha1.DirectorySpec) {
	return func(spec *v1alpha1.DirectorySpec) { spec.Import = policy }
}

func groupSubject(name string) v1alpha1.Subject {
	return v1alpha1.Subject{Kind: v1alpha1.SubjectGroup, Name: name}
}
