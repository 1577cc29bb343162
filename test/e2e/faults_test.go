// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e_test

import (
	"context"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/types"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/test/slapd"
)

const wrongPassword = "not-the-password-that-it-was"

// fault is something wrong with a Directory, what is said of it, and how it goes away.
type fault struct {
	cause, cure func(context.Context)
	reason      string
	// second is Stalled where a person must act, else Reconciling.
	second  string
	message types.GomegaMatcher
}

var _ = Describe("A Directory that cannot be read", Ordered, ContinueOnFailure, func() {
	const name = "faulty"
	var (
		server *slapd.Server
		spec   v1alpha1.DirectorySpec
		before map[string]string
	)
	BeforeAll(func(ctx SpecContext) {
		server = slapdRuns(ctx, slapd.People(120))
		operatorRuns(ctx)
		d := slapdDirectory(name, server)
		connect(ctx, d, server)
		spec = eventuallyDirectory(ctx, name, synced).Spec
		before = settled(ctx, name)
		Expect(before).To(HaveLen(120 + 8)) // Six teams, a division, the company.
	})

	setSpec := func(set func(*v1alpha1.LDAPSource)) func(context.Context) {
		return func(ctx context.Context) {
			change(ctx, slapdDirectory(name, server), func(d *v1alpha1.Directory) { set(d.Spec.LDAP) })
		}
	}
	restoreSpec := func(ctx context.Context) {
		change(ctx, slapdDirectory(name, server), func(d *v1alpha1.Directory) { d.Spec = *spec.DeepCopy() })
	}
	setBind := func(username, password string) func(context.Context) {
		return func(ctx context.Context) {
			setSecret(ctx, name+"-bind", map[string]string{"username": username, "password": password})
		}
	}
	restoreBind := func(ctx context.Context) { setSecret(ctx, name+"-bind", bindData(server)) }
	setCA := func(data map[string]string) func(context.Context) {
		return func(ctx context.Context) { setSecret(ctx, name+"-ca", data) }
	}
	restoreCA := func(ctx context.Context) { setSecret(ctx, name+"-ca", caData(server)) }
	reads := func(ctx context.Context) { nudge(ctx, name) }
	url := func() types.GomegaMatcher { return ContainSubstring(server.LDAPSURL()) }

	DescribeTable("says why, changes nothing, and heals without a restart", func(ctx SpecContext, of func() fault) {
		f := of()
		pid := operator.PID()
		f.cause(ctx)
		failed := eventuallyDirectory(ctx, name, "False "+f.reason)
		Expect(state(failed.Status.Conditions, f.second)).To(Equal("True " + f.reason))
		for _, other := range []string{v1alpha1.ConditionStalled, v1alpha1.ConditionReconciling} {
			if other != f.second {
				Expect(state(failed.Status.Conditions, other)).To(Equal("absent"))
			}
		}
		for _, condition := range failed.Status.Conditions {
			Expect(condition.Message).NotTo(Or(ContainSubstring(server.Password()), ContainSubstring(wrongPassword)))
		}
		Expect(message(failed.Status.Conditions, v1alpha1.ConditionReady)).To(And(f.message,
			ContainSubstring("Users and Groups stay as the last complete read left them")))
		Expect(failed.Status.Users).To(HaveValue(BeEquivalentTo(120)), "the last complete read is what counts")
		Consistently(ctx, func() map[string]string { return versions(ctx, name) }, aWhile).Should(Equal(before), "nothing mirrored changes")

		cured := time.Now()
		f.cure(ctx)
		eventuallyDirectory(ctx, name, synced)
		Expect(time.Since(cured)).To(BeNumerically("<", 15*time.Second), "seconds, by itself")
		Expect(versions(ctx, name)).To(Equal(before), "what is as before is not written")
		Expect(operator.PID()).To(Equal(pid))
	},
		Entry("wrong password, rotated to the right one", func() fault {
			return fault{
				setBind(slapd.ReaderDN, wrongPassword), restoreBind, v1alpha1.ReasonBindFailed, v1alpha1.ConditionStalled,
				And(url(), ContainSubstring(slapd.ReaderDN), ContainSubstring("spec.ldap.bindSecretRef")),
			}
		}),
		Entry("a bind DN that nobody has", func() fault {
			return fault{
				setBind("cn=nobody,"+slapd.BaseDN, wrongPassword), restoreBind, v1alpha1.ReasonBindFailed, v1alpha1.ConditionStalled,
				And(url(), ContainSubstring("cn=nobody,"+slapd.BaseDN)),
			}
		}),
		Entry("wrong CA, rotated to the right one", func() fault {
			return fault{
				setCA(map[string]string{"ca.crt": string(plane.CACert())}), restoreCA, v1alpha1.ReasonTLSFailed, v1alpha1.ConditionStalled,
				And(url(), ContainSubstring("spec.ldap.caSecretRef")),
			}
		}),
		Entry("a CA that is no certificate", func() fault {
			return fault{
				setCA(map[string]string{"ca.crt": "no PEM"}), restoreCA, v1alpha1.ReasonInvalidConfig, v1alpha1.ConditionStalled,
				And(ContainSubstring("spec.ldap.caSecretRef"), ContainSubstring("ca.crt")),
			}
		}),
		Entry("the server is stopped, and started again", func() fault {
			return fault{
				func(ctx context.Context) { Expect(server.Halt()).To(Succeed()); reads(ctx) },
				func(ctx context.Context) { Expect(server.Restart(ctx)).To(Succeed()) },
				v1alpha1.ReasonUnreachable, v1alpha1.ConditionReconciling, url(),
			}
		}),
		Entry("a server that speaks no TLS", func() fault {
			return fault{
				setSpec(func(l *v1alpha1.LDAPSource) { l.URL = "ldaps" + server.LDAPURL()[len("ldap"):] }), restoreSpec,
				v1alpha1.ReasonUnreachable, v1alpha1.ConditionReconciling, ContainSubstring(server.LDAPURL()[len("ldap"):]),
			}
		}),
		Entry("the server's size limit", func() fault {
			return fault{
				setBind(slapd.LimitedDN, server.Password()), restoreBind, v1alpha1.ReasonIncompleteRead, v1alpha1.ConditionStalled,
				And(ContainSubstring(slapd.PeopleDN), ContainSubstring(slapd.LimitedDN)),
			}
		}),
		Entry("a base DN of users that does not exist", func() fault {
			return fault{
				setSpec(func(l *v1alpha1.LDAPSource) { l.Users.BaseDN = "ou=nowhere," + slapd.BaseDN }), restoreSpec,
				v1alpha1.ReasonInvalidConfig, v1alpha1.ConditionStalled, ContainSubstring("ou=nowhere," + slapd.BaseDN),
			}
		}),
		Entry("a base DN of groups that does not exist", func() fault {
			return fault{
				setSpec(func(l *v1alpha1.LDAPSource) { l.Groups.BaseDN = "ou=nothing," + slapd.BaseDN }), restoreSpec,
				v1alpha1.ReasonInvalidConfig, v1alpha1.ConditionStalled, ContainSubstring("ou=nothing," + slapd.BaseDN),
			}
		}),
		Entry("a base DN that is none", func() fault {
			return fault{
				setSpec(func(l *v1alpha1.LDAPSource) { l.Users.BaseDN = "people" }), restoreSpec,
				v1alpha1.ReasonInvalidConfig, v1alpha1.ConditionStalled, ContainSubstring(`spec.ldap.users.baseDN "people"`),
			}
		}),
		Entry("a filter of users that does not parse", func() fault {
			return fault{
				setSpec(func(l *v1alpha1.LDAPSource) { l.Users.Filter = "(uid=" }), restoreSpec,
				v1alpha1.ReasonInvalidConfig, v1alpha1.ConditionStalled, ContainSubstring(`spec.ldap.users.filter "(uid="`),
			}
		}),
		Entry("a filter of groups that does not parse", func() fault {
			return fault{
				setSpec(func(l *v1alpha1.LDAPSource) { l.Groups.Filter = "cn=a)(" }), restoreSpec,
				v1alpha1.ReasonInvalidConfig, v1alpha1.ConditionStalled, ContainSubstring(`spec.ldap.groups.filter "cn=a)("`),
			}
		}),
		Entry("a missing bind Secret", func() fault {
			return fault{
				func(ctx context.Context) { removeSecret(ctx, name+"-bind") }, restoreBind,
				v1alpha1.ReasonSecretNotFound, v1alpha1.ConditionStalled,
				And(ContainSubstring("spec.ldap.bindSecretRef"), ContainSubstring(name+"-bind"), ContainSubstring("rollcall-system")),
			}
		}),
		Entry("a missing CA Secret", func() fault {
			return fault{
				func(ctx context.Context) { removeSecret(ctx, name+"-ca") }, restoreCA,
				v1alpha1.ReasonSecretNotFound, v1alpha1.ConditionStalled,
				And(ContainSubstring("spec.ldap.caSecretRef"), ContainSubstring(name+"-ca")),
			}
		}),
		Entry("a bind Secret without password", func() fault {
			return fault{
				func(ctx context.Context) { setSecret(ctx, name+"-bind", map[string]string{"username": slapd.ReaderDN}) }, restoreBind,
				v1alpha1.ReasonInvalidConfig, v1alpha1.ConditionStalled,
				And(ContainSubstring("spec.ldap.bindSecretRef"), ContainSubstring(`"password"`)),
			}
		}),
		Entry("an empty password, which every server would take for no bind", func() fault {
			return fault{
				setBind(slapd.ReaderDN, ""), restoreBind, v1alpha1.ReasonInvalidConfig, v1alpha1.ConditionStalled,
				And(ContainSubstring("spec.ldap.bindSecretRef"), ContainSubstring(`"password"`)),
			}
		}),
		Entry("a CA Secret without ca.crt", func() fault {
			return fault{
				setCA(map[string]string{"tls.crt": string(server.CAPEM())}), restoreCA, v1alpha1.ReasonInvalidConfig, v1alpha1.ConditionStalled,
				And(ContainSubstring("spec.ldap.caSecretRef"), ContainSubstring(`"ca.crt"`)),
			}
		}),
	)
})
