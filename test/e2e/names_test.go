// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/test/slapd"
)

// oddPerson is a person with a plain cn and any uid.
func oddPerson(cn string, uids ...string) string {
	text := fmt.Sprintf("dn: cn=%s,%s\nobjectClass: inetOrgPerson\ncn: %[1]s\nsn: %[1]s\n", cn, slapd.PeopleDN)
	for _, uid := range uids {
		text += "uid:: " + encoded(uid) + "\n"
	}
	return text
}

func oddGroup(name string, members ...string) string {
	text := fmt.Sprintf("dn:: %s\nobjectClass: groupOfNames\ncn:: %s\n", encoded(slapd.GroupDN(name)), encoded(name))
	for _, member := range members {
		text += "member: cn=" + member + "," + slapd.PeopleDN + "\n"
	}
	return text
}

func encoded(value string) string { return base64.StdEncoding.EncodeToString([]byte(value)) }

var _ = Describe("Names that are hard", Ordered, ContinueOnFailure, func() {
	const name = "odd"
	var server *slapd.Server
	longest := strings.Repeat("l", 253)
	mirrored := []string{
		"ann lee", "baker, bob", "carol@corp.example", "dörte.müller", "李雷", "O'Neil;<x>=#+\"\\", "UPPER", "-dash-", "...", "a b", "a-b", "a_b",
		longest, "two-values",
	}
	BeforeAll(func(ctx SpecContext) {
		server = slapdRuns(ctx, "")
		var ldif []string
		for i, uid := range mirrored {
			if uid != "two-values" {
				ldif = append(ldif, oddPerson(fmt.Sprintf("ok-%d", i), uid))
			}
		}
		ldif = append(ldif,
			oddPerson("reserved-1", "system:admin"), oddPerson("reserved-2", "system:masters"),
			oddPerson("long", strings.Repeat("x", 300)),
			oddPerson("long-in-bytes", strings.Repeat("é", 127)),
			oddPerson("nameless"),
			oddPerson("twin-1", "twin"), oddPerson("twin-2", "twin"),
			oddPerson("control", "tab\there"),
			"dn: uid=two-values,"+slapd.PeopleDN+"\nobjectClass: inetOrgPerson\ncn: two\nsn: two\nuid: a-first\nuid: two-values\n",
			oddGroup("system:masters", "ok-0"), oddGroup("Domain Users, all", "ok-0", "ok-1"), oddGroup("größe", "ok-0"),
		)
		Expect(server.Load(strings.Join(ldif, "\n"))).To(Succeed())
		operatorRuns(ctx)
		connect(ctx, slapdDirectory(name, server), server)
		settled(ctx, name)
	})

	It("are mirrored under valid object names, each as its own person", func(ctx SpecContext) {
		users := usersOf(ctx, name)
		ids := map[string]bool{}
		for _, userName := range mirrored {
			Expect(users).To(HaveKey(userName))
			u := users[userName]
			Expect(u.Status.Username).To(Equal(name+":"+userName), "exactly")
			Expect(state(u.Status.Conditions, v1alpha1.ConditionActive)).To(Equal("True Active"), userName)
			ids[u.Status.Identity.ID] = true
		}
		Expect(ids).To(HaveLen(len(mirrored)))
		Expect(users).To(HaveLen(len(mirrored)))
		Expect(users["a-b"].Name).To(Equal("a-b"), "a valid name is kept")
		Expect(users[longest].Name).To(Equal(longest))
		for userName, base := range map[string]string{
			"ann lee": "ann-lee", "baker, bob": "baker--bob", "carol@corp.example": "carol-corp.example",
			"UPPER": "upper", "a b": "a-b", "a_b": "a-b",
		} {
			Expect(users[userName].Name).To(MatchRegexp("^"+base+"-[0-9a-f]{8}$"), "changed, so told apart by the id's digest")
		}
		for _, nobody := range []string{"system:admin", "system:masters", "twin", "a-first"} {
			Expect(users).NotTo(HaveKey(nobody))
		}
	})

	It("are counted where they cannot be mirrored", func(ctx SpecContext) {
		d := eventuallyDirectory(ctx, name, synced)
		Expect(d.Status.Users).To(HaveValue(BeEquivalentTo(len(mirrored))))
		Expect(message(d.Status.Conditions, v1alpha1.ConditionReady)).To(And(
			ContainSubstring(`2 with a name that begins with "system:"`),
			ContainSubstring("2 with a name over 253 bytes"),
			ContainSubstring("2 with the name of another new entry"),
			ContainSubstring("1 without name"),
			ContainSubstring("1 with a name that is not printable text"),
			ContainSubstring(`groups skipped: 1 with a name that begins with "system:"`),
		))
	})

	It("are the names of groups, too", func(ctx SpecContext) {
		Expect(usersOf(ctx, name)["ann lee"].Status.Groups).
			To(Equal([]string{name + ":Domain Users, all", name + ":größe"}), "never system:masters")
		groups := groupsOf(ctx, name)
		Expect(groups).To(And(HaveLen(2), HaveKey("größe"), HaveKey("Domain Users, all")))
		all := groups["Domain Users, all"]
		Expect(all.Status.GroupName).To(Equal(name + ":Domain Users, all"))
		Expect(all.Status.Members).To(HaveValue(BeEquivalentTo(2)))
	})

	It("give a name that a second entry takes to nobody else", func(ctx SpecContext) {
		before := usersOf(ctx, name)["UPPER"]
		Expect(server.Load(oddPerson("usurper", "UPPER"))).To(Succeed())
		readAgain(ctx, name)
		Expect(usersOf(ctx, name)["UPPER"].ResourceVersion).To(Equal(before.ResourceVersion), "who is mirrored already keeps the object, by id")
		Expect(message(eventuallyDirectory(ctx, name, synced).Status.Conditions, v1alpha1.ConditionReady)).
			To(ContainSubstring("3 with the name of another new entry"))
		Expect(server.Load("dn: cn=usurper," + slapd.PeopleDN + "\nchangetype: delete\n")).To(Succeed())
	})

	It("work in a Grant, through the User and through the Group", func(ctx SpecContext) {
		namespace, elsewhere := inNamespace(ctx, "odd"), inNamespace(ctx, "odd")
		users, groups := usersOf(ctx, name), groupsOf(ctx, name)
		var subjects []v1alpha1.Subject
		for _, userName := range mirrored {
			if userName != "baker, bob" { // Comes with the group.
				subjects = append(subjects, v1alpha1.Subject{Kind: v1alpha1.SubjectUser, Name: users[userName].Name})
			}
		}
		subjects = append(subjects, v1alpha1.Subject{Kind: v1alpha1.SubjectGroup, Name: groups["Domain Users, all"].Name})
		create(ctx, grant(unique("odd"), namespace, subjects...))
		for _, userName := range mirrored {
			Eventually(ctx, func() bool { return mayList(ctx, name+":"+userName, namespace) }).Should(BeTrue(), userName)
			Expect(mayList(ctx, name+":"+userName, elsewhere)).To(BeFalse(), userName)
		}
		for _, nobody := range []string{"system:admin", "odd:system:admin", "odd:twin", "odd:ann-lee", "ann lee"} {
			Expect(mayList(ctx, nobody, namespace)).To(BeFalse(), nobody)
		}
	})

	It("work in a certificate", func(ctx SpecContext) {
		u := usersOf(ctx, name)["dörte.müller"]
		change(ctx, &u, func(u *v1alpha1.User) {
			u.Spec.Kubeconfig = &v1alpha1.KubeconfigSpec{
				SecretRef: v1alpha1.SecretReference{Namespace: "rollcall-system", Name: u.Name}, DurationSeconds: shorterLifetime,
			}
		})
		accepted(ctx, eventuallyServed(ctx, u.Name, ""))
	})
})

func mayList(ctx context.Context, username, namespace string) bool {
	GinkgoHelper()
	review, err := clientset().AuthorizationV1().SubjectAccessReviews().Create(ctx, &authorizationv1.SubjectAccessReview{
		Spec: authorizationv1.SubjectAccessReviewSpec{
			User:               username,
			ResourceAttributes: &authorizationv1.ResourceAttributes{Namespace: namespace, Verb: "list", Resource: "configmaps"},
		},
	}, metav1.CreateOptions{})
	Expect(err).NotTo(HaveOccurred())
	return review.Status.Allowed
}
