// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e_test

import (
	"context"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/directory"
	"github.com/rollcall-iam/rollcall/internal/directory/ldap"
	"github.com/rollcall-iam/rollcall/internal/outcome"
)

// Passwords that servers must get as they are: what LDAP, shells and forms treat as special is nothing special in them.
const (
	goodPassword  = `Tr0ub4dor&3*)(\=+,;<>#"ä`
	otherPassword = "Another-0ne-entirely"
)

// asks is the source by which the login service asks a server, at a URL.
func (p product) asks(server directoryServer, url string) directory.Source {
	GinkgoHelper()
	spec := p.directory("asked", url).Spec.LDAP
	spec.TLS = v1alpha1.TLSRequired
	source, err := ldap.New(spec, ldap.Credentials{CA: server.CAPEM(), BindDN: p.reader, Password: server.Password()})
	Expect(err).NotTo(HaveOccurred())
	return source
}

func because(err error) string {
	if problem := outcome.Of(err, ""); problem != nil {
		return problem.Reason
	}
	return ""
}

var _ = Describe("Logins ask", func() {
	for _, p := range products() {
		Describe(p.name, Ordered, func() {
			var (
				server directoryServer
				source directory.Source
				id     string
			)
			BeforeAll(func(ctx SpecContext) {
				server = p.runs(ctx)
				source = p.asks(server, server.LDAPSURL())
				for _, uid := range []string{"ann", "bob", "star*"} {
					if uid == "star*" && p.schema == v1alpha1.SchemaActiveDirectory {
						continue // AD has no such names.
					}
					Expect(server.AddPerson(uid)).To(Succeed())
					Expect(server.SetPassword(uid, goodPassword)).To(Succeed())
				}
				var err error
				id, err = server.PersonID("ann")
				Expect(err).NotTo(HaveOccurred())
			})

			It("who somebody is now, by name and id", func(ctx SpecContext) {
				Expect(source.Look(ctx, "ann", id)).To(HaveValue(SatisfyAll(
					HaveField("UserName", "ann"), HaveField("ID", id), HaveField("Disabled", false))))
				for _, other := range [][2]string{{"bob", id}, {"ann", ""}, {"ann", "0"}, {"*", id}, {"ann)(uid=*", id}, {"", id}, {"nobody", id}} {
					Expect(source.Look(ctx, other[0], other[1])).To(BeNil(), "%q", other)
				}
			})

			It("whether a password is theirs", func(ctx SpecContext) {
				Expect(source.Authenticate(ctx, "ann", id, goodPassword)).To(Succeed())
				for _, wrong := range []string{otherPassword, "", goodPassword + " ", server.Password() + "x"} {
					Expect(source.Authenticate(ctx, "ann", id, wrong)).To(MatchError(directory.ErrPassword), "%q", wrong)
				}
				for _, other := range [][2]string{{"bob", id}, {"ann", ""}, {"nobody", ""}, {"*", id}, {"", ""}} {
					Expect(source.Authenticate(ctx, other[0], other[1], goodPassword)).To(MatchError(directory.ErrPassword), "%q", other)
				}
				Expect(server.SetPassword("ann", otherPassword)).To(Succeed())
				Expect(source.Authenticate(ctx, "ann", id, otherPassword)).To(Succeed())
				Expect(server.SetPassword("ann", goodPassword)).To(Succeed())
			})

			It("and hear of it at once when somebody is disabled, renamed or gone", func(ctx SpecContext) {
				Expect(server.DisablePerson("ann")).To(Succeed())
				Expect(source.Look(ctx, "ann", id)).To(HaveValue(HaveField("Disabled", true)))
				Expect(server.EnablePerson("ann")).To(Succeed())
				Expect(source.Look(ctx, "ann", id)).To(HaveValue(HaveField("Disabled", false)))
				Expect(server.RenamePerson("ann", "anna")).To(Succeed())
				Expect(source.Look(ctx, "ann", id)).To(BeNil())
				Expect(source.Look(ctx, "anna", id)).NotTo(BeNil())
				Expect(source.Authenticate(ctx, "anna", id, goodPassword)).To(Succeed())
				Expect(server.DeletePerson("anna")).To(Succeed())
				Expect(source.Look(ctx, "anna", id)).To(BeNil())
				Expect(source.Authenticate(ctx, "anna", id, goodPassword)).To(MatchError(directory.ErrPassword))
			})

			It("and are told the truth when it does not answer: that is no wrong password", func(ctx SpecContext) {
				bob, err := server.PersonID("bob")
				Expect(err).NotTo(HaveOccurred())
				line, url := proxied(server)
				behind := p.asks(server, url)
				Expect(behind.Authenticate(ctx, "bob", bob, goodPassword)).To(Succeed())
				line.Stall()
				short, cancel := context.WithTimeout(ctx, time.Second)
				defer cancel()
				Expect(because(behind.Authenticate(short, "bob", bob, goodPassword))).To(Equal(v1alpha1.ReasonUnreachable))
				line.Refuse()
				_, err = behind.Look(ctx, "bob", bob)
				Expect(because(err)).To(Equal(v1alpha1.ReasonUnreachable))
			})
		})
	}

	It("for no password over a connection without TLS", func(ctx SpecContext) {
		source, err := ldap.New(&v1alpha1.LDAPSource{
			URL: "ldap://127.0.0.1:1", TLS: v1alpha1.TLSDisabled, Users: v1alpha1.LDAPUsers{BaseDN: "dc=corp"},
		}, ldap.Credentials{})
		Expect(err).NotTo(HaveOccurred())
		Expect(because(source.Authenticate(ctx, "ann", "1", goodPassword))).To(Equal(v1alpha1.ReasonInvalidConfig))
	})
})
