// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package login_test

import (
	"context"
	"os"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/test/chromium"
	"github.com/rollcall-iam/rollcall/test/nodeprovider"
	"github.com/rollcall-iam/rollcall/test/slapd"
)

// labs is a Directory of its own: of one person, who logs in at the second provider.
const labs = "labs"

// startsSecond starts the second provider, and declares the Directory of its people.
func startsSecond(ctx context.Context) *nodeprovider.Provider {
	GinkgoHelper()
	nodeprovider.SkipUnlessAvailable(ctx)
	folder, err := os.MkdirTemp(files, "nodeprovider-")
	Expect(err).NotTo(HaveOccurred())
	second, err := nodeprovider.Start(ctx, folder, nodeprovider.Person{Name: "ivy", Password: password})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(second.Stop)
	Expect(server.Load("dn: uid=ivy," + slapd.ElsewhereDN + "\nobjectClass: inetOrgPerson\nuid: ivy\ncn: Ivy\nsn: Ivy\n")).
		To(Succeed())
	Expect(admin.Create(ctx, secret("second-idp-ca", map[string]string{"ca.crt": string(second.CACert())}))).To(Succeed())
	Expect(admin.Create(ctx, &v1alpha1.Directory{ObjectMeta: metav1.ObjectMeta{Name: labs}, Spec: v1alpha1.DirectorySpec{
		LDAP: &v1alpha1.LDAPSource{
			URL: server.LDAPSURL(), Schema: v1alpha1.SchemaRFC2307bis, Users: v1alpha1.LDAPUsers{BaseDN: slapd.ElsewhereDN},
			CASecretRef: &v1alpha1.NameReference{Name: "corp-ca"}, BindSecretRef: &v1alpha1.NameReference{Name: "corp-bind"},
		},
		Login: &v1alpha1.LoginPolicy{OIDC: &v1alpha1.OIDCLogin{
			IssuerURL: second.URL(), ClientID: nodeprovider.ClientID, CASecretRef: &v1alpha1.NameReference{Name: "second-idp-ca"},
			RecheckSeconds: new(int32(1)),
		}},
	}})).To(Succeed())
	Eventually(ctx, func(g Gomega) {
		var user v1alpha1.User
		g.Expect(admin.Get(ctx, client.ObjectKey{Name: "ivy"}, &user)).To(Succeed())
		g.Expect(user.Status.Identity).NotTo(BeNil())
		g.Expect(meta.IsStatusConditionTrue(user.Status.Conditions, v1alpha1.ConditionActive)).To(BeTrue())
	}).Should(Succeed())
	return second
}

var _ = Describe("Somebody whom another make of identity provider knows", Ordered, func() {
	var (
		second  *nodeprovider.Provider
		browser *chromium.Browser
		ivy     *someone
	)
	BeforeAll(func(ctx SpecContext) {
		second = startsSecond(ctx)
		browser = startsBrowser(ctx, second.CACert())
		ivy = newSomeone("ivy")
	}, NodeTimeout(patience))

	It("logs in with the browser, and consents to being vouched for while they are away", func(ctx SpecContext) {
		ivy.opens()
		w := ivy.waits(ctx, "--directory", labs, "--method", "oidc")
		page := ivy.page(ctx, browser)
		ivy.fills(ctx, page, "#login")
		Expect(page.Click(ctx, "#consent")).To(Succeed())
		Expect(page.Click(ctx, "#offline")).To(Succeed())
		Expect(shown(ctx, page)).To(SatisfyAll(ContainSubstring("You are logged in"), ContainSubstring("labs:ivy")))
		told, err := w.ends()
		Expect(err).NotTo(HaveOccurred(), told)
		Expect(ivy.Does(ctx, "auth", "whoami")).To(ContainSubstring("labs:ivy"))
		Expect(ivy.session(ctx).Spec.Authentication.Method).To(Equal(v1alpha1.MethodOIDC))
	})

	It("is vouched for again at renewals, without a browser", func(ctx SpecContext) {
		begun := ivy.session(ctx).CreationTimestamp.Time
		Eventually(ctx, func() time.Time {
			ivy.due()
			ivy.Does(ctx, "auth", "whoami")
			return ivy.session(ctx).Status.LastProofTime.Time
		}).Should(BeTemporally(">", begun))
	})

	It("logs in a machine without a browser by its code", func(ctx SpecContext) {
		elsewhere := newSomeone("ivy")
		w := elsewhere.waits(ctx, "--directory", labs, "--method", "device")
		address, code := w.deviceCode()
		page := opened(ctx, startsBrowser(ctx, second.CACert()), address) // One in which nobody is logged in.
		Expect(page.Type(ctx, "input[name=user_code]", code)).To(Succeed())
		Expect(page.Click(ctx, "button[type=submit]")).To(Succeed())
		Expect(page.Click(ctx, "button[autofocus]")).To(Succeed(), "the code is the one that is shown")
		elsewhere.fills(ctx, page, "#login")
		Expect(page.Click(ctx, "#consent")).To(Succeed())
		Eventually(ctx, page.Read).WithArguments("h1").Should(ContainSubstring("Sign-in Success"))
		told, err := w.ends()
		Expect(err).NotTo(HaveOccurred(), told)
		Expect(elsewhere.Does(ctx, "auth", "whoami")).To(ContainSubstring("labs:ivy"))
	})
})
