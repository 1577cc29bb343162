// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package integration_test

import (
	"context"
	"fmt"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// manifest parses an object of this API group; only its kind, name and spec are given.
func manifest(kind, name, spec string) *unstructured.Unstructured {
	GinkgoHelper()
	content := map[string]any{}
	Expect(yaml.Unmarshal([]byte(spec), &content)).To(Succeed())
	object := &unstructured.Unstructured{Object: map[string]any{"spec": content}}
	object.SetAPIVersion("iam.rollcall.dev/v1alpha1")
	object.SetKind(kind)
	object.SetName(name)
	return object
}

// try asks the API server whether it would accept an object, and leaves nothing behind.
func (w *world) try(ctx context.Context, object client.Object) error {
	return w.admin.Create(ctx, object, client.DryRunAll, client.FieldValidation(metav1.FieldValidationStrict))
}

// source is a Directory's spec with something in place of parts of its ldap, which the API server would accept otherwise.
func source(ldap string) string {
	return "ldap: {" + ldap + ", users: {baseDN: dc=corp}}"
}

// contract is the spec of design/api.md, word for word but for the comments.
const contract = `
ldap:
  url: ldaps://ldap.corp.example:636
  tls: Required
  caSecretRef: {name: corp-ca}
  bindSecretRef: {name: corp-bind}
  schema: RFC2307bis
  users:
    baseDN: ou=people,dc=corp,dc=example
    filter: (objectClass=inetOrgPerson)
    attributes: {id: entryUUID, userName: uid, displayName: cn, email: mail}
  groups:
    baseDN: ou=groups,dc=corp,dc=example
    filter: (objectClass=groupOfNames)
    attributes: {id: entryUUID, name: cn, member: member}
    nesting: Nested
import: All
usernamePrefix: "corp:"
groupPrefix: "corp:"
syncIntervalSeconds: 300
sync: Active
leavers:
  policy: Suspend
  maxLossPercent: 10
  graceSeconds: 0
`

// disabled is a good Directory's spec with a sign of the disabled.
func disabled(sign string) string {
	return "ldap: {url: 'ldaps://ldap.corp.example', users: {baseDN: dc=corp, disabled: {" + sign + "}}}"
}

const (
	goodSource  = "ldap: {url: 'ldaps://ldap.corp.example', users: {baseDN: dc=corp}}"
	goodGrant   = "subjects: [{kind: User, name: a}]\nroleRef: {kind: ClusterRole, name: view}\n"
	reserved    = `"system:"`
	cluster     = "scope: Cluster\n"
	corp        = "directoryRef: {name: corp}"
	elsewhere   = "kubeconfig: {secretRef: {namespace: ci, name: a}, durationSeconds: %d}"
	supported   = "supported values"
	required    = "Required value"
	atLeastOne  = "at least 1"
	tooLong     = "Too long"
	fromZulu    = "startTime: '2030-01-02T00:00:00Z'\n"
	toZulu      = "expireTime: '%s'\n"
	sixtyFour   = 64
	nameTooLong = 254
)

func admission(w *world) {
	refused := func(ctx SpecContext, kind, name, spec, field, advice string) {
		err := w.try(ctx, manifest(kind, name, spec))
		Expect(apierrors.IsInvalid(err)).To(BeTrue(), "refused as invalid: %v", err)
		Expect(err).To(MatchError(SatisfyAll(ContainSubstring(field), ContainSubstring(advice))))
	}
	accepted := func(ctx SpecContext, kind, name, spec string) {
		Expect(w.try(ctx, manifest(kind, name, spec))).To(Succeed())
	}

	DescribeTable("refuses a Directory", func(ctx SpecContext, spec, field, advice string) {
		refused(ctx, "Directory", "corp", spec, field, advice)
	},
		Entry("without a source", "import: All", "spec", "ldap"),
		Entry("without a url", source("tls: Required"), "spec.ldap.url", required),
		Entry("at an https url", source("url: 'https://corp.example'"), "spec.ldap.url", "ldaps://"),
		Entry("at an ldapi url", source("url: 'ldapi://%2Frun%2Fldapi'"), "spec.ldap.url", "ldaps://"),
		Entry("at a url with a path", source("url: 'ldaps://corp.example/dc=corp'"), "spec.ldap.url", "a host and an optional port"),
		Entry("at a url with a query", source("url: 'ldaps://corp.example?sub'"), "spec.ldap.url", "a host and an optional port"),
		Entry("at a url without a host", source("url: 'ldaps://:636'"), "spec.ldap.url", "a host and an optional port"),
		Entry("at a url with a password in it", source("url: 'ldaps://cn:pw@corp.example'"), "spec.ldap.url", "bindSecretRef"),
		Entry("at ldap:// with TLS by default", source("url: 'ldap://corp.example'"), "tls", "StartTLS"),
		Entry("at ldap:// with TLS required", source("url: 'ldap://corp.example', tls: Required"), "tls", "StartTLS"),
		Entry("at ldaps:// with StartTLS", source("url: 'ldaps://corp.example', tls: StartTLS"), "tls", "set tls to Required"),
		Entry("at ldaps:// with TLS disabled", source("url: 'ldaps://corp.example', tls: Disabled"), "tls", "set tls to Required"),
		Entry("of an unknown tls mode", source("url: 'ldaps://c.example', tls: Optional"), "spec.ldap.tls", supported),
		Entry("of an unknown schema", source("url: 'ldaps://c.example', schema: OpenLDAP"), "spec.ldap.schema", supported),
		Entry("of Active Directory in the clear", source("url: 'ldap://c.example', tls: Disabled, schema: ActiveDirectory"),
			"spec.ldap", "set tls to Required"),
		Entry("that watches changes in an unknown way", source("url: 'ldaps://c.example', changes: Watch"), "spec.ldap.changes", supported),
		Entry("without a base DN of people", "ldap: {url: 'ldaps://c.example', users: {}}", "spec.ldap.users.baseDN", required),
		Entry("with an empty base DN", "ldap: {url: 'ldaps://c.example', users: {baseDN: ''}}", "spec.ldap.users.baseDN", atLeastOne),
		Entry("of an unknown nesting", "ldap: {url: 'ldaps://c.example', users: {baseDN: d}, groups: {baseDN: d, nesting: Deep}}",
			"spec.ldap.groups.nesting", supported),
		Entry("with a sign of the disabled without an attribute", disabled("values: ['TRUE']"), "spec.ldap.users.disabled.attribute", required),
		Entry("with a sign of the disabled that has no values", disabled("attribute: a, values: []"),
			"spec.ldap.users.disabled.values", atLeastOne),
		Entry("with a sign of the disabled that has an empty value", disabled("attribute: a, values: ['']"),
			"spec.ldap.users.disabled.values[0]", atLeastOne),
		Entry("with an unknown import", goodSource+"\nimport: Some", "spec.import", supported),
		Entry("with an unknown sync", goodSource+"\nsync: Off", "spec.sync", supported),
		Entry("with an unknown policy of leavers", goodSource+"\nleavers: {policy: Keep}", "spec.leavers.policy", supported),
		Entry("with a loss of less than nothing", goodSource+"\nleavers: {maxLossPercent: -1}", "spec.leavers.maxLossPercent",
			"greater than or equal to 0"),
		Entry("with a loss of more than all", goodSource+"\nleavers: {maxLossPercent: 101}", "spec.leavers.maxLossPercent",
			"less than or equal to 100"),
		Entry("with grace before somebody is gone", goodSource+"\nleavers: {graceSeconds: -1}", "spec.leavers.graceSeconds",
			"greater than or equal to 0"),
		Entry("with grace for more than 30 days", goodSource+"\nleavers: {graceSeconds: 2592001}", "spec.leavers.graceSeconds",
			"less than or equal to 2592000"),
		Entry("read more often than every 10 seconds", goodSource+"\nsyncIntervalSeconds: 9", "spec.syncIntervalSeconds",
			"greater than or equal to 10"),
		Entry("never read", goodSource+"\nsyncIntervalSeconds: 0", "spec.syncIntervalSeconds", "greater than or equal to 10"),
		Entry("read less than once a day", goodSource+"\nsyncIntervalSeconds: 86401", "spec.syncIntervalSeconds",
			"less than or equal to 86400"),
	)

	fields, values := []string{"usernamePrefix", "groupPrefix"}, []string{"system:", "system:x:", "system", "sys", "s"}
	prefixes := make([]TableEntry, 0, len(fields)*len(values))
	for _, field := range fields {
		for _, value := range values {
			prefixes = append(prefixes, Entry(fmt.Sprintf("%s %q", field, value), field, value))
		}
	}
	DescribeTable("refuses a prefix that could make a reserved name", func(ctx SpecContext, field, value string) {
		refused(ctx, "Directory", "corp", goodSource+"\n"+field+": '"+value+"'", "spec."+field, reserved)
	}, prefixes)

	DescribeTable("refuses a Directory called", func(ctx SpecContext, name, spec, field, advice string) {
		refused(ctx, "Directory", name, goodSource+"\n"+spec, field, advice)
	},
		Entry("system, whose default prefix is reserved", "system", "", "usernamePrefix", reserved),
		Entry("system, with one prefix of its own", "system", "usernamePrefix: 'corp:'", "groupPrefix", reserved),
		Entry("by more than a label holds", strings.Repeat("d", sixtyFour), "", "name", "at most 63"),
	)

	DescribeTable("accepts a Directory", func(ctx SpecContext, name, spec string) { accepted(ctx, "Directory", name, spec) },
		Entry("at ldaps://", "corp", goodSource),
		Entry("at ldaps:// with a port and a slash", "corp", source("url: 'ldaps://corp.example:636/'")),
		Entry("at an IPv6 address", "corp", source("url: 'ldaps://[::1]:636'")),
		Entry("at ldap:// with StartTLS", "corp", source("url: 'ldap://corp.example', tls: StartTLS")),
		Entry("at ldap:// with TLS disabled", "corp", source("url: 'ldap://corp.example', tls: Disabled")),
		Entry("with empty prefixes", "corp", goodSource+"\nusernamePrefix: ''\ngroupPrefix: ''"),
		Entry("with prefixes that only resemble the reserved one", "corp", goodSource+"\nusernamePrefix: 'sysadmin:'\ngroupPrefix: 'systems:'"),
		Entry("called system, with both prefixes set", "system", goodSource+"\nusernamePrefix: 'corp:'\ngroupPrefix: ''"),
		Entry("of 63 characters", strings.Repeat("d", sixtyFour-1), goodSource),
		Entry("of Active Directory at ldaps://", "corp", source("url: 'ldaps://corp.example', schema: ActiveDirectory")),
		Entry("of Active Directory with StartTLS", "corp", source("url: 'ldap://corp.example', tls: StartTLS, schema: ActiveDirectory")),
		Entry("that tells its changes", "corp", source("url: 'ldaps://corp.example', changes: Auto")),
		Entry("that is only read", "corp", source("url: 'ldaps://corp.example', changes: Poll")),
		Entry("of which some are imported", "corp", goodSource+"\nimport: Granted"),
		Entry("that loses nobody unasked", "corp", goodSource+"\nleavers: {maxLossPercent: 0}"),
		Entry("that never asks", "corp", goodSource+"\nleavers: {maxLossPercent: 100, graceSeconds: 2592000}"),
		Entry("with any value of an attribute for the disabled", "corp", disabled("attribute: employeeEndDate")),
		Entry("with some values of it", "corp", disabled("attribute: employeeType, values: [retired, Left]")),
	)
	It("accepts a Directory as the contract writes it", func(ctx SpecContext) {
		accepted(ctx, "Directory", "corp", contract)
	})
	It("fills in what a Directory does not say", func(ctx SpecContext) {
		object := manifest("Directory", "corp", goodSource+"\nleavers: {policy: Delete}")
		Expect(w.try(ctx, object)).To(Succeed())
		Expect(object.Object["spec"]).To(SatisfyAll(
			HaveKeyWithValue("import", "All"), HaveKeyWithValue("syncIntervalSeconds", BeEquivalentTo(300)),
			HaveKeyWithValue("ldap", SatisfyAll(HaveKeyWithValue("changes", "Auto"), HaveKeyWithValue("schema", "RFC2307bis"))),
			HaveKeyWithValue("leavers", SatisfyAll(
				HaveKeyWithValue("maxLossPercent", BeEquivalentTo(10)), HaveKeyWithValue("graceSeconds", BeEquivalentTo(0))))))
	})

	DescribeTable("refuses a User", func(ctx SpecContext, spec, field, advice string) {
		refused(ctx, "User", "a", spec, field, advice)
	},
		Entry("without a userName", corp, "spec.userName", required),
		Entry("with an empty userName", "userName: ''", "spec.userName", atLeastOne),
		Entry("with a reserved userName", "userName: 'system:node:n1'\n"+corp, "spec.userName", reserved),
		Entry("with a reserved local userName", "userName: 'system:admin'", "spec.userName", reserved),
		Entry("with a userName that is too long", "userName: "+strings.Repeat("u", nameTooLong), "spec.userName", tooLong),
		Entry("with a local userName that passes for a directory's", "userName: 'corp:alice'", "userName", "colon"),
		Entry("in an unknown state", "userName: a\nstate: Disabled", "spec.state", supported),
		Entry("that expires at no time", "userName: a\nexpireTime: tomorrow", "spec.expireTime", "date-time"),
		Entry("of an unnamed directory", "userName: a\ndirectoryRef: {name: ''}", "spec.directoryRef.name", atLeastOne),
		Entry("with a kubeconfig without a place", "userName: a\nkubeconfig: {durationSeconds: 600}", "spec.kubeconfig.secretRef", required),
		Entry("with a Secret without a namespace", "userName: a\nkubeconfig: {secretRef: {name: a}}",
			"spec.kubeconfig.secretRef.namespace", required),
		Entry("with certificates under 600 s", "userName: a\n"+fmt.Sprintf(elsewhere, 599), "spec.kubeconfig.durationSeconds",
			"greater than or equal to 600"),
		Entry("with certificates over a day", "userName: a\n"+fmt.Sprintf(elsewhere, 86401), "spec.kubeconfig.durationSeconds",
			"less than or equal to 86400"),
	)

	DescribeTable("accepts a User", func(ctx SpecContext, spec string) { accepted(ctx, "User", "a", spec) },
		Entry("with a colon, of a directory", "userName: 'a:b'\n"+corp),
		Entry("with spaces, commas, an @ and other scripts", "userName: 'Ng, Ālice @ 会社'"),
		Entry("called system", "userName: system"),
		Entry("with certificates of 600 s", "userName: a\n"+fmt.Sprintf(elsewhere, 600)),
		Entry("with certificates of a day", "userName: a\n"+fmt.Sprintf(elsewhere, 86400)),
	)

	DescribeTable("refuses a Group", func(ctx SpecContext, spec, field, advice string) {
		refused(ctx, "Group", "g", spec, field, advice)
	},
		Entry("without a groupName", corp, "spec.groupName", required),
		Entry("with an empty groupName", "groupName: ''", "spec.groupName", atLeastOne),
		Entry("with a reserved groupName", "groupName: 'system:masters'\n"+corp, "spec.groupName", reserved),
		Entry("with a reserved local groupName", "groupName: 'system:masters'", "spec.groupName", reserved),
		Entry("with a groupName that is too long", "groupName: "+strings.Repeat("g", nameTooLong), "spec.groupName", tooLong),
		Entry("with a local groupName that passes for a directory's", "groupName: 'rollcall:managed'", "groupName", "colon"),
		Entry("with members of its own and a directory", "groupName: g\nmembers: [a]\n"+corp, "members", "local Groups"),
		Entry("with an unnamed member", "groupName: g\nmembers: ['']", "spec.members[0]", atLeastOne),
		Entry("with over 1,000 members", "groupName: g\nmembers: ["+strings.Repeat("a,", 1001)+"]", "spec.members", "at most 1000"),
	)

	grants(refused, accepted)
	requestPolicies(refused, accepted)
}

func grants(
	refused func(ctx SpecContext, kind, name, spec, field, advice string), accepted func(ctx SpecContext, kind, name, spec string),
) {
	in := func(namespaces string) string { return goodGrant + "scope: Namespaces\nnamespaces: " + namespaces }
	many := func(n int) string {
		names := make([]string, n)
		for i := range names {
			names[i] = fmt.Sprintf("ns-%d", i)
		}
		return "{names: [" + strings.Join(names, ", ") + "]}"
	}
	DescribeTable("refuses a Grant", func(ctx SpecContext, spec, field, advice string) {
		refused(ctx, "Grant", "g", spec, field, advice)
	},
		Entry("without subjects", cluster+"roleRef: {kind: ClusterRole, name: view}", "spec.subjects", required),
		Entry("with no subject", cluster+"subjects: []\nroleRef: {kind: ClusterRole, name: view}", "spec.subjects", atLeastOne),
		Entry("to a ServiceAccount", cluster+"subjects: [{kind: ServiceAccount, name: a}]\nroleRef: {kind: ClusterRole, name: view}",
			"spec.subjects[0].kind", supported),
		Entry("to somebody without a name", cluster+"subjects: [{kind: User, name: ''}]\nroleRef: {kind: ClusterRole, name: view}",
			"spec.subjects[0].name", atLeastOne),
		Entry("without a role", cluster+"subjects: [{kind: User, name: a}]", "spec.roleRef", required),
		Entry("of an unknown kind of role", cluster+"subjects: [{kind: User, name: a}]\nroleRef: {kind: Policy, name: view}",
			"spec.roleRef.kind", supported),
		Entry("without a scope", goodGrant, "spec.scope", required),
		Entry("of an unknown scope", goodGrant+"scope: Everywhere", "spec.scope", supported),
		Entry("of an unknown mode", goodGrant+cluster+"subjectMode: Everybody", "spec.subjectMode", supported),
		Entry("in namespaces, without any", goodGrant+"scope: Namespaces", "namespaces", "give names, a selector, or both"),
		Entry("in an empty set of namespaces", in("{}"), "spec.namespaces", "give names, a selector, or both"),
		Entry("in an empty list of namespaces", in("{names: []}"), "spec.namespaces", "give names, a selector, or both"),
		Entry("in more than 16 named namespaces", in(many(17)), "spec.namespaces.names", "at most 16"),
		Entry("everywhere, with namespaces", goodGrant+cluster+"namespaces: {names: [a]}", "namespaces", "set scope to Namespaces"),
		Entry("of a Role everywhere", cluster+"subjects: [{kind: User, name: a}]\nroleRef: {kind: Role, name: r}", "Role",
			"use a ClusterRole, or scope Namespaces"),
		Entry("that expires before it starts", goodGrant+cluster+fromZulu+fmt.Sprintf(toZulu, "2030-01-01T00:00:00Z"), "expireTime",
			"after startTime"),
		Entry("that expires when it starts", goodGrant+cluster+fromZulu+fmt.Sprintf(toZulu, "2030-01-02T01:00:00+01:00"), "expireTime",
			"after startTime"),
	)
	It("refuses a Grant with a name that is no label value", func(ctx SpecContext) {
		refused(ctx, "Grant", strings.Repeat("g", sixtyFour), goodGrant+cluster, "name", "at most 63")
	})
	DescribeTable("accepts a Grant", func(ctx SpecContext, spec string) { accepted(ctx, "Grant", strings.Repeat("g", sixtyFour-1), spec) },
		Entry("everywhere", goodGrant+cluster),
		Entry("in 16 named namespaces", in(many(16))),
		Entry("in all namespaces, those to come too", in("{selector: {}}")),
		Entry("in named and selected namespaces", in("{names: [a], selector: {matchLabels: {team: a}}}")),
		Entry("for a time", goodGrant+cluster+fromZulu+fmt.Sprintf(toZulu, "2030-01-02T00:00:01Z")),
		Entry("of a Role in namespaces", "scope: Namespaces\nnamespaces: {names: [a]}\nsubjects: [{kind: Group, name: a}]\n"+
			"roleRef: {kind: Role, name: r}"),
	)
}
