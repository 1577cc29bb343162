// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e_test

import (
	"context"
	"fmt"
	"strings"

	"github.com/go-ldap/ldap/v3"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/test/slapd"
)

var _ = Describe("An OpenLDAP whose limits do not let its changes be watched", func() {
	It("survives an operator that tries again with every full read", func(ctx SpecContext) {
		const tries, name = 8, "refusing"
		server := slapdRuns(ctx, slapd.People(slapd.SizeLimit+50))
		operatorRuns(ctx)
		create(ctx, secret(name+"-ca", caData(server)))
		create(ctx, secret(name+"-bind", bindData(server)))
		create(ctx, slapdDirectory(name, server))
		eventuallyWatched(ctx, name, "False "+v1alpha1.ReasonNotPermitted)
		for range tries {
			readAgain(ctx, name)
		}
		// slapd 2.5 crashes when a change looks at a search whose memory now holds something else.
		inUse, cancel := context.WithCancel(ctx)
		defer cancel()
		for range 8 {
			go useMemory(inUse, server)
		}
		for i := range slapd.SizeLimit {
			Expect(server.DisablePerson(slapd.UID(i))).To(Succeed())
		}
	})
})

// useMemory searches with filters of many sizes.
func useMemory(ctx context.Context, server *slapd.Server) {
	defer GinkgoRecover()
	conn, err := server.Connect(slapd.SyncDN, server.Password())
	Expect(err).NotTo(HaveOccurred())
	defer func() { _ = conn.Close() }()
	for i := 0; ctx.Err() == nil; i++ {
		filter := fmt.Sprintf("(|%s(uid=nobody))", strings.Repeat(fmt.Sprintf("(uid=u%d)(cn=%d)(member=cn=g%d,dc=corp)", i, i, i), i%17))
		_, err := conn.Search(ldap.NewSearchRequest(slapd.PeopleDN, ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, 0, 0, false,
			filter, []string{"uid"}, nil))
		if ctx.Err() == nil {
			Expect(err).NotTo(HaveOccurred())
		}
	}
}
