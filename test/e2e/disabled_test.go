// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e_test

import (
	"fmt"
	"time"

	"github.com/go-ldap/ldap/v3"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/test/slapd"
)

var _ = Describe("Whom OpenLDAP keeps out", Ordered, func() {
	var (
		server *slapd.Server
		name   string
	)
	BeforeAll(func(ctx SpecContext) {
		server = slapdRuns(ctx, slapd.People(3))
		operatorRuns(ctx)
		p := products()[0]
		name = unique("disabled")
		d := p.directory(name, server.LDAPSURL())
		d.Spec.LDAP.Users.Disabled = &v1alpha1.LDAPDisabled{Attribute: "employeeType", Values: []string{"terminated", "On Leave"}}
		p.connects(ctx, d, server)
	})
	day := func(offset int) string { return fmt.Sprint(int(time.Now().Unix()/86400) + offset) }
	set := func(attribute string, values ...string) {
		GinkgoHelper()
		Expect(server.AsRoot(func(conn *ldap.Conn) error {
			request := ldap.NewModifyRequest(slapd.PersonDN(slapd.UID(0)), nil)
			if attribute == "shadowExpire" && len(values) > 0 {
				request.Replace("objectClass", []string{"inetOrgPerson", "posixAccount", "shadowAccount"})
			}
			request.Replace(attribute, values)
			return conn.Modify(request)
		})).To(Succeed())
	}

	DescribeTable("is told by", func(ctx SpecContext, attribute, out, in string) {
		user := usersOf(ctx, name)[slapd.UID(0)].Name
		set(attribute, out)
		eventuallyActive(ctx, user, isDisabled)
		set(attribute, in)
		eventuallyActive(ctx, user, isActive)
		set(attribute, out)
		eventuallyActive(ctx, user, isDisabled)
		set(attribute)
		eventuallyActive(ctx, user, isActive)
	},
		Entry("a lock for good, not by one after wrong passwords", "pwdAccountLockedTime", "000001010000Z", "20260101000000Z"),
		Entry("shadowExpire in the past, not in the future", "shadowExpire", day(-1), day(+2)),
		Entry("shadowExpire, unless it says never", "shadowExpire", day(0), "-1"),
		Entry("an attribute of the Directory's own choice", "employeeType", "on leave", "on site"),
	)
})
