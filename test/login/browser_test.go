// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package login_test

import (
	"context"
	"os"
	"path/filepath"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/test/chromium"
	"github.com/rollcall-iam/rollcall/test/internal/installed"
)

// screenshots names the folder for pictures of the plugin's pages: make screenshots sets it.
const screenshots = "ROLLCALL_SCREENSHOTS"

// startsBrowser starts one that trusts an authority, for the specs of a container.
func startsBrowser(ctx context.Context, authority []byte) *chromium.Browser {
	GinkgoHelper()
	installed.OrSkip(chromium.Available())
	home, err := os.MkdirTemp(files, "chromium-")
	Expect(err).NotTo(HaveOccurred())
	browser, err := chromium.Start(ctx, home, authority)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(browser.Close)
	return browser
}

// opens has somebody's programs open addresses as a desktop would have it: what opens them hands them on, and goes.
func (p *someone) opens() {
	GinkgoHelper()
	p.Browser = filepath.Join(p.Home, "open-address")
	script := "#!/bin/sh\nprintf %s \"$1\" >\"$0.part\" && mv \"$0.part\" \"$0.asked\"\n"
	Expect(os.WriteFile(p.Browser, []byte(script), 0o700)).To(Succeed())
}

// page is where somebody's program had the browser go.
func (p *someone) page(ctx context.Context, browser *chromium.Browser) *chromium.Page {
	GinkgoHelper()
	var address []byte
	Eventually(ctx, func() (err error) {
		address, err = os.ReadFile(p.Browser + ".asked")
		return err
	}).Should(Succeed())
	return opened(ctx, browser, string(address))
}

func opened(ctx context.Context, browser *chromium.Browser, address string) *chromium.Page {
	GinkgoHelper()
	page, err := browser.Open(ctx, address)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(page.Close)
	return page
}

// fills in the provider's form, and sends it with a button.
func (p *someone) fills(ctx context.Context, page *chromium.Page, button string) {
	GinkgoHelper()
	Expect(page.Type(ctx, "#username", p.Name)).To(Succeed())
	Expect(page.Type(ctx, "#password", password)).To(Succeed())
	Expect(page.Click(ctx, button)).To(Succeed())
}

// shown is what the plugin's own page says in the end, and whether it looks as it should: a browser drops a style that the page's
// Content-Security-Policy does not allow.
func shown(ctx context.Context, page *chromium.Page) string {
	GinkgoHelper()
	text, err := page.Read(ctx, "main")
	Expect(err).NotTo(HaveOccurred())
	Expect(page.Evaluate(ctx, `getComputedStyle(document.querySelector("main")).maxWidth`)).To(Equal("440px"))
	Expect(page.Evaluate(ctx, `location.origin + location.pathname`)).To(MatchRegexp(`^http://127\.0\.0\.1:\d+/callback$`))
	return text
}

// pictures are kept where somebody asked for them.
func pictures(ctx context.Context, page *chromium.Page, name string) {
	GinkgoHelper()
	folder := os.Getenv(screenshots)
	for _, scheme := range []string{"light", "dark"} {
		picture, err := page.Picture(ctx, scheme)
		Expect(err).NotTo(HaveOccurred())
		if folder != "" {
			Expect(os.WriteFile(filepath.Join(folder, name+"-"+scheme+".png"), picture, 0o600)).To(Succeed())
		}
	}
}

var _ = Describe("Somebody with a browser", Ordered, func() {
	var browser *chromium.Browser
	BeforeAll(func(ctx SpecContext) {
		browser = startsBrowser(ctx, provider.CACert())
	})

	It("logs in at the identity provider's own page, which opens by itself, and is told that they are logged in", func(ctx SpecContext) {
		grace := newSomeone("grace")
		grace.opens()
		w := grace.waits(ctx, "--method", "oidc")
		page := grace.page(ctx, browser)
		grace.fills(ctx, page, "#login")
		Expect(shown(ctx, page)).To(SatisfyAll(ContainSubstring("You are logged in"), ContainSubstring("corp:grace"),
			ContainSubstring(plane.RESTConfig().Host)))
		told, err := w.ends()
		Expect(err).NotTo(HaveOccurred(), told)
		Expect(grace.Does(ctx, "auth", "whoami")).To(ContainSubstring("corp:grace"))
		Expect(grace.session(ctx).Spec.Authentication.Method).To(Equal(v1alpha1.MethodOIDC))
		pictures(ctx, page, "logged-in")
	})

	It("is told so in the browser when the directory does not know them", func(ctx SpecContext) {
		stranger := newSomeone("stranger")
		stranger.opens()
		w := stranger.waits(ctx, "--method", "oidc")
		page := stranger.page(ctx, browser)
		stranger.fills(ctx, page, "#login")
		Expect(shown(ctx, page)).To(SatisfyAll(ContainSubstring("You are not logged in"), ContainSubstring("The login service refused: "),
			ContainSubstring(`whom Directory "corp" does not know.`), ContainSubstring("run kubectl rollcall login again")))
		told, err := w.ends()
		Expect(err).To(HaveOccurred(), told)
		pictures(ctx, page, "not-logged-in")
	})

	It("types in the code of a machine that has no browser, and that machine is logged in", func(ctx SpecContext) {
		erin := newSomeone("erin")
		w := erin.waits(ctx, "--method", "device")
		address, code := w.deviceCode()
		page := opened(ctx, browser, address)
		Expect(page.Type(ctx, "#user_code", code)).To(Succeed())
		erin.fills(ctx, page, "#allow")
		Eventually(ctx, page.Read).WithArguments("h1").Should(ContainSubstring("go back to your device"))
		told, err := w.ends()
		Expect(err).NotTo(HaveOccurred(), told)
		Expect(erin.Does(ctx, "auth", "whoami")).To(ContainSubstring("corp:erin"))
	})
})
