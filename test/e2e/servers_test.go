// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e_test

import (
	"context"
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/test/dirsrv"
	"github.com/rollcall-iam/rollcall/test/internal/installed"
	"github.com/rollcall-iam/rollcall/test/samba"
	"github.com/rollcall-iam/rollcall/test/slapd"
)

// directoryServer is what the real servers have in common: where they are, and what their administrators do.
type directoryServer interface {
	fmt.Stringer
	LDAPSURL() string
	CAPEM() []byte
	Password() string
	Stop() error
	Halt() error
	Restart(ctx context.Context) error
	Backup(ctx context.Context) error
	Restore(ctx context.Context) error

	AddPerson(uid string) error
	SetPassword(uid, password string) error
	RenamePerson(uid, newUID string) error
	DisablePerson(uid string) error
	EnablePerson(uid string) error
	DeletePerson(uid string) error
	MovePerson(uid, toDN string) error
	PersonID(uid string) (string, error)
	AddGroup(cn string, members ...string) error
	DeleteGroup(cn string) error
	AddMember(cn, dn string) error
	RemoveMember(cn, dn string) error
}

// product is a make of directory server.
type product struct {
	name string
	// start starts one, or skips the spec.
	start func(ctx context.Context) (directoryServer, error)
	// schema, and by which way changes become known.
	schema v1alpha1.LDAPSchema
	way    string
	// Where things are, and who reads them.
	people, groups, elsewhere, reader string
	personDN, groupDN                 func(name string) string
}

// products are those that the same specs run on.
func products() []product {
	return []product{
		{
			name: "OpenLDAP", schema: v1alpha1.SchemaRFC2307bis, way: v1alpha1.ReasonSyncrepl,
			people: slapd.PeopleDN, groups: slapd.GroupsDN, elsewhere: slapd.ElsewhereDN, reader: slapd.SyncDN,
			personDN: slapd.PersonDN, groupDN: slapd.GroupDN,
			start: func(ctx context.Context) (directoryServer, error) {
				installed.OrSkip(slapd.Available())
				return slapd.Start(ctx, slapd.Options{})
			},
		},
		{
			name: "389 Directory Server", schema: v1alpha1.SchemaRFC2307bis, way: v1alpha1.ReasonSyncrepl,
			people: dirsrv.PeopleDN, groups: dirsrv.GroupsDN, elsewhere: dirsrv.ElsewhereDN, reader: dirsrv.ReaderDN,
			personDN: dirsrv.PersonDN, groupDN: dirsrv.GroupDN,
			start: func(ctx context.Context) (directoryServer, error) {
				installed.OrSkip(dirsrv.Available())
				return dirsrv.Start(ctx, dirsrv.Options{})
			},
		},
		{
			name: "Active Directory", schema: v1alpha1.SchemaActiveDirectory, way: v1alpha1.ReasonDirSync,
			people: samba.PeopleDN, groups: samba.GroupsDN, elsewhere: samba.ElsewhereDN, reader: samba.SyncDN,
			personDN: samba.PersonDN, groupDN: samba.GroupDN,
			start: func(ctx context.Context) (directoryServer, error) {
				installed.OrSkip(samba.Available())
				return samba.Start(ctx, samba.Options{})
			},
		},
	}
}

// runs starts a server for the container that it is called in.
func (p product) runs(ctx context.Context) directoryServer {
	GinkgoHelper()
	server, err := p.start(ctx)
	Expect(err).NotTo(HaveOccurred())
	stopsAfterwards(server)
	return server
}

// directory is a Directory of a server that is read once and then tells its changes: the next full read would be hours away.
func (p product) directory(name, url string) *v1alpha1.Directory {
	return &v1alpha1.Directory{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: v1alpha1.DirectorySpec{
		SyncIntervalSeconds: 24 * 60 * 60,
		LDAP: &v1alpha1.LDAPSource{
			URL: url, Schema: p.schema,
			CASecretRef:   &v1alpha1.NameReference{Name: name + "-ca"},
			BindSecretRef: &v1alpha1.NameReference{Name: name + "-bind"},
			Users:         v1alpha1.LDAPUsers{BaseDN: p.people},
			Groups:        &v1alpha1.LDAPGroups{BaseDN: p.groups},
		},
	}}
}

// connects creates a Directory with its Secrets, and returns once its changes are watched and everything from before is read.
func (p product) connects(ctx context.Context, d *v1alpha1.Directory, server directoryServer) {
	GinkgoHelper()
	p.creates(ctx, d, server)
	eventuallyDirectory(ctx, d.Name, synced)
	eventuallyWatched(ctx, d.Name, "True "+p.way)
}

// creates makes a Directory with its Secrets. The spec's end withdraws all of it.
func (p product) creates(ctx context.Context, d *v1alpha1.Directory, server directoryServer) {
	GinkgoHelper()
	create(ctx, secret(d.Name+"-ca", map[string]string{"ca.crt": string(server.CAPEM())}))
	create(ctx, secret(d.Name+"-bind", map[string]string{"username": p.reader, "password": server.Password()}))
	create(ctx, d)
}

// eventuallyWatched waits until ChangesWatched says so, and until the full reads that this brings are over.
func eventuallyWatched(ctx context.Context, name, wanted string) {
	GinkgoHelper()
	const quiet = 2 * time.Second
	found := &v1alpha1.Directory{}
	var last string
	var since time.Time
	Eventually(ctx, func(g Gomega) {
		g.Expect(k8s.Get(ctx, named(name), found)).To(Succeed())
		if last != found.ResourceVersion {
			last, since = found.ResourceVersion, time.Now()
		}
		why := message(found.Status.Conditions, v1alpha1.ConditionChangesWatched)
		g.Expect(state(found.Status.Conditions, v1alpha1.ConditionChangesWatched)).To(Equal(wanted), why)
		g.Expect(time.Since(since)).To(BeNumerically(">", quiet), "the Directory is still being read")
	}).Should(Succeed())
}
