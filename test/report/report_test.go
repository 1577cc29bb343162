// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

// Package report_test looks at the page for reviewers in a browser, and measures it.
package report_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/rollcall-iam/rollcall/internal/report"
	"github.com/rollcall-iam/rollcall/test/chromium"
	"github.com/rollcall-iam/rollcall/test/company"
	"github.com/rollcall-iam/rollcall/test/internal/installed"
)

// screenshots names the folder for pictures of the page: make screenshots sets it.
const screenshots = "ROLLCALL_SCREENSHOTS"

func TestReport(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "The page for reviewers")
}

// file is where a page of what was read is, and how large it is.
func file(in report.Input) (string, int) {
	GinkgoHelper()
	var page bytes.Buffer
	Expect(report.Render(&page, report.Build(in, company.Now()))).To(Succeed())
	path := filepath.Join(GinkgoT().TempDir(), "report.html")
	Expect(os.WriteFile(path, page.Bytes(), 0o600)).To(Succeed())
	return path, page.Len()
}

func opened(ctx SpecContext, path string) *chromium.Page {
	GinkgoHelper()
	installed.OrSkip(chromium.Available())
	browser, err := chromium.Start(ctx, GinkgoT().TempDir())
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(browser.Close)
	page, err := browser.Open(ctx, "file://"+path)
	Expect(err).NotTo(HaveOccurred())
	return page
}

// kept puts a picture where somebody asked for it.
func kept(name string, picture []byte) {
	GinkgoHelper()
	if folder := os.Getenv(screenshots); folder != "" {
		Expect(os.WriteFile(filepath.Join(folder, name), picture, 0o600)).To(Succeed())
	}
}

var _ = Describe("The page in a browser without a network", func() {
	It("shows tables and pictures, loads nothing, and has nothing to complain about", func(ctx SpecContext) {
		path, _ := file(company.Small())
		page := opened(ctx, path)
		Expect(page.Read(ctx, "h1")).To(Equal("Who has access in prod-eu, and who uses it"))
		for selector, count := range map[string]int{
			`section[aria-labelledby=people] tbody tr`: 33, `section[aria-labelledby=grants] tbody tr`: 12,
			`section[aria-labelledby=requests] tbody tr`: 7, `section[aria-labelledby=sessions] tbody tr`: 7,
			`svg.rollcall-picture`: 1, `svg.plot`: 2, `svg.plot rect.allowed`: 31,
		} {
			all := fmt.Sprintf("String(document.querySelectorAll(%q).length)", selector)
			Expect(page.Evaluate(ctx, all)).To(Equal(strconv.Itoa(count)), selector)
		}
		Expect(page.Evaluate(ctx, `String(performance.getEntriesByType("resource").length)`)).To(Equal("0"))
		Expect(page.Evaluate(ctx, `getComputedStyle(document.querySelector("section")).borderRadius`)).To(Equal("12px"), "has its style")
		Expect(page.Evaluate(ctx, `getComputedStyle(document.querySelector(".plot text")).fontSize`)).To(Equal("12px"))
		fits := `String(document.documentElement.scrollWidth <= innerWidth)`
		Expect(page.Evaluate(ctx, fits)).To(Equal("true"), "is no wider than a narrow window")
		Expect(page.Complaints()).To(BeEmpty())
	})

	It("leads from findings to rows", func(ctx SpecContext) {
		path, _ := file(company.Small())
		page := opened(ctx, path)
		Expect(page.Click(ctx, `a[href="#user-quentin"]`)).To(Succeed())
		Expect(page.Evaluate(ctx, `document.querySelector(":target th").firstChild.textContent`)).To(Equal("quentin"))
	})

	It("sorts and filters tables", func(ctx SpecContext) {
		path, _ := file(company.Small())
		page := opened(ctx, path)
		const first = `document.querySelector("section[aria-labelledby=grants] tbody tr:not([hidden]) th").firstChild.textContent`
		Expect(page.Evaluate(ctx, first)).To(Equal("audit-2025"))
		people := "section[aria-labelledby=grants] thead th:nth-child(4) button"
		Expect(page.Click(ctx, people)).To(Succeed())
		Expect(page.Evaluate(ctx, first)).To(Equal("deploy"), "reaches one person")
		Expect(page.Click(ctx, people)).To(Succeed())
		Expect(page.Evaluate(ctx, first)).To(Equal("shop-view"), "reaches fourteen, which are more than eight")
		Expect(page.Type(ctx, "section[aria-labelledby=grants] input", "log-reader")).To(Succeed())
		Expect(page.Evaluate(ctx, first)).To(Equal("logs"))
		Expect(page.Complaints()).To(BeEmpty())
	})

	It("is light, dark, wide and on paper", func(ctx SpecContext) {
		path, _ := file(company.Small())
		page := opened(ctx, path)
		const width, height = 1280, 1060
		Expect(page.Resize(ctx, width, height)).To(Succeed())
		for scheme, back := range map[string]string{"light": "rgb(243, 244, 246)", "dark": "rgb(15, 18, 22)"} {
			picture, err := page.Picture(ctx, scheme)
			Expect(err).NotTo(HaveOccurred())
			Expect(page.Evaluate(ctx, `getComputedStyle(document.body).backgroundColor`)).To(Equal(back))
			if scheme == "light" {
				kept("report.png", picture)
			}
		}
		paper, err := page.Paper(ctx)
		Expect(err).NotTo(HaveOccurred())
		Expect(bytes.HasPrefix(paper, []byte("%PDF-"))).To(BeTrue())
	})
})

var _ = Describe("The page of a large company", func() {
	It("is made within seconds, is not too large, and opens", func(ctx SpecContext) {
		in := company.Large(10_000, 300, 100)
		began := time.Now()
		path, size := file(in)
		took := time.Since(began)
		AddReportEntry("10,000 people, 300 groups, 100 grants", fmt.Sprintf("%d bytes in %s", size, took))
		Expect(size).To(BeNumerically("<", 15_000_000))
		Expect(took).To(BeNumerically("<", 20*time.Second), "a few seconds on a machine that is not busy")
		page := opened(ctx, path)
		Expect(page.Evaluate(ctx, `String(document.querySelectorAll("section[aria-labelledby=people] tbody tr").length)`)).To(Equal("5000"))
		Expect(page.Read(ctx, "section[aria-labelledby=people] caption")).To(ContainSubstring("5\u202f000 more are not shown"))
		Expect(page.Read(ctx, "section[aria-labelledby=picture] figcaption")).To(ContainSubstring("There is no room for"))
		Expect(page.Complaints()).To(BeEmpty())
	})
})
