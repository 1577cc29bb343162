// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package report_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"reflect"
	"regexp"
	"strings"
	"unicode"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/report"
	"github.com/rollcall-iam/rollcall/internal/usage"
	"github.com/rollcall-iam/rollcall/internal/wire"
	"github.com/rollcall-iam/rollcall/test/company"
	"github.com/rollcall-iam/rollcall/test/golden"
)

func rendered(page report.Page) string {
	GinkgoHelper()
	var text bytes.Buffer
	Expect(report.Render(&text, page)).To(Succeed())
	return text.String()
}

// hostile is what somebody might write into a directory, or into Git.
const hostile = "<script>alert(1)</script>\"'`><img src=http://evil.example/x onerror=alert(1)>{{.}}</style></title>" +
	"\u202egnp\x1b[31m\r\nnext\u200bline\x00"

// haunt writes it into every text, and into some of them more than anybody reads.
func haunt(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(hostile + strings.Repeat("x", 3000))
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			haunt(v.Elem())
		}
	case reflect.Slice:
		for i := range v.Len() {
			haunt(v.Index(i))
		}
	case reflect.Struct:
		for _, field := range v.Fields() {
			if field.CanSet() {
				haunt(field)
			}
		}
	default:
	}
}

// tags are the elements of a page that it may have, and how many there may be of those that are told.
func tags(page string) map[string]int {
	counts := map[string]int{}
	for _, tag := range regexp.MustCompile(`<([a-zA-Z!/]?[a-zA-Z0-9]*)`).FindAllStringSubmatch(page, -1) {
		counts[strings.ToLower(tag[1])]++
	}
	return counts
}

// references are what a page would load: whatever an attribute or a style points to that is not within the page.
func references(page string) []string {
	var found []string
	attributes := regexp.MustCompile(`(?i)(src|href|srcset|action|data|poster|xlink:href|background)\s*=\s*"([^"]*)"`)
	for _, m := range attributes.FindAllStringSubmatch(page, -1) {
		if !strings.HasPrefix(m[2], "#") {
			found = append(found, m[0])
		}
	}
	for _, m := range regexp.MustCompile(`(?i)url\(([^)]*)\)`).FindAllStringSubmatch(page, -1) {
		if !strings.HasPrefix(html.UnescapeString(m[1]), "#") {
			found = append(found, m[0])
		}
	}
	return append(found, regexp.MustCompile(`(?i)@import|<(link|iframe|object|embed|base)\b`).FindAllString(page, -1)...)
}

func element(page, name string) string {
	GinkgoHelper()
	m := regexp.MustCompile(`(?s)<` + name + `>(.*?)</` + name + `>`).FindStringSubmatch(page)
	Expect(m).NotTo(BeNil())
	return m[1]
}

// unprintable finds what a reader would not see.
func unprintable(text string) []string {
	var found []string
	for _, r := range text {
		if r != '\n' && r != '\u202f' && !unicode.IsPrint(r) {
			found = append(found, fmt.Sprintf("%q", r))
		}
	}
	return found
}

var _ = Describe("The page", func() {
	It("is as somebody has looked at it", func() {
		page := rendered(build(company.Small()))
		for _, ours := range []string{element(page, "style"), element(page, "script")} {
			page = strings.Replace(page, ours, "...", 1)
		}
		golden.Expect("small.html", regexp.MustCompile(`sha256-[^&]*&#39;`).ReplaceAllString(page, "sha256-...'"))
	})

	It("is the same each time, and leaves what was read as it was", func() {
		in, again := company.Small(), company.Small()
		Expect(rendered(build(in))).To(Equal(rendered(build(in))))
		Expect(in).To(Equal(again))
	})

	It("loads nothing", func() {
		page := rendered(build(company.Small()))
		Expect(references(page)).To(BeEmpty())
		Expect(references(`<a href="https://a"><svg fill="url(b)"><link>`)).To(HaveLen(3), "would be found")
	})

	It("allows its own style and script, and nothing else", func() {
		page := rendered(build(company.Small()))
		policy := html.UnescapeString(regexp.MustCompile(`Content-Security-Policy" content="([^"]*)"`).FindStringSubmatch(page)[1])
		digest := func(text string) string {
			hash := sha256.Sum256([]byte(text))
			return "'sha256-" + base64.StdEncoding.EncodeToString(hash[:]) + "'"
		}
		Expect(policy).To(Equal("default-src 'none'; style-src " + digest(element(page, "style")) + "; script-src " +
			digest(element(page, "script")) + "; base-uri 'none'; form-action 'none'"))
		Expect(regexp.MustCompile(` (style|on[a-z]+)=`).FindString(page)).To(BeEmpty(), "the policy would not allow it")
	})

	It("has whatever somebody wrote as text and nothing else", func() {
		tame := build(company.Small())
		page := build(company.Small())
		haunt(reflect.ValueOf(&page).Elem())
		text := rendered(page)
		Expect(references(text)).To(BeEmpty())
		Expect(unprintable(text)).To(BeEmpty())
		Expect(text).NotTo(ContainSubstring(strings.Repeat("x", 401)))
		Expect(text).To(ContainSubstring(`&lt;script&gt;alert(1)&lt;/script&gt;`))
		Expect(text).To(ContainSubstring(`\u202egnp\x1b[31m`))
		for tag := range tags(text) {
			Expect(tags(rendered(tame))).To(HaveKey(tag))
		}
		Expect(tags(text)["script"]).To(Equal(1))
		Expect(tags(text)["style"]).To(Equal(1))
	})

	It("has hostile objects as text, in its pictures too", func() {
		in := calm()
		in.Cluster, in.By = hostile, hostile
		for i := range in.Users {
			in.Users[i].Status.Identity.DisplayName = hostile
		}
		in.Users = append(in.Users, company.User(hostile, hostile, "payments"))
		grant := company.Grant(hostile, "cluster-admin", "", company.ToUser(hostile), company.ToGroup(hostile))
		grant.Spec.Reason = hostile
		in.Grants = append(in.Grants, grant)
		in.Activity.Items = append(in.Activity.Items, wire.Day{Day: "2026-11-20", Username: hostile, Requests: 3})
		in.Missing = append(in.Missing, report.Missing{About: report.AboutSessions, What: hostile, Why: hostile})
		text := rendered(build(in))
		Expect(references(text)).To(BeEmpty())
		Expect(unprintable(text)).To(BeEmpty())
		Expect(tags(text)["script"]).To(Equal(1))
		Expect(tags(text)).NotTo(HaveKey("img"))
	})

	It("leads from findings to rows", func() {
		page := rendered(build(company.Small()))
		for _, m := range regexp.MustCompile(`href="#([^"]*)"`).FindAllStringSubmatch(page, -1) {
			Expect(page).To(ContainSubstring(`id="` + m[1] + `"`))
		}
		Expect(page).To(ContainSubstring(`href="#user-frank"`))
	})

	It("names the columns and rows of its tables, and its pictures, to those who do not see them", func() {
		page := rendered(build(company.Small()))
		count := func(pattern string) int { return len(regexp.MustCompile(pattern).FindAllString(page, -1)) }
		Expect(count(`<table`)).To(Equal(count(`<caption>`)))
		Expect(count(`<th[ >]`)).To(Equal(count(`<th scope="(col|row)"`)))
		Expect(count(`<svg[^>]* role="img"`)).To(Equal(3))
		Expect(count(`<desc`)).To(Equal(2))
		Expect(page).To(ContainSubstring(`<desc id="plot-text">Most were on `))
	})

	It("says what is missing, and is made without", func() {
		in := calm()
		in.Usage, in.Activity, in.Sessions = nil, nil, nil
		for _, about := range []string{report.AboutUsage, report.AboutActivity, report.AboutSessions} {
			in.Missing = append(in.Missing, report.Missing{About: about, What: "No " + about, Why: "nobody tells"})
		}
		page := build(in)
		Expect(page.Coverage).To(BeNil())
		text := rendered(page)
		for _, about := range []string{report.AboutUsage, report.AboutActivity, report.AboutSessions} {
			Expect(strings.Count(text, "No "+about+": nobody tells.")).To(Equal(2), about)
		}
		Expect(text).NotTo(ContainSubstring("of that time</strong>"))
		Expect(text).NotTo(ContainSubstring(`class="plot"`))
		Expect(text).NotTo(ContainSubstring("Nobody is logged in"))
		Expect(text).To(ContainSubstring("<dt>sessions going on</dt><dd>–</dd>"))
	})

	It("draws nothing where nothing was done", func() {
		in := calm()
		in.Activity.Items = nil
		text := rendered(build(in))
		Expect(text).NotTo(ContainSubstring(`class="plot"`))
		Expect(text).To(ContainSubstring("Nothing is known to have been done in this time."))
	})

	It("tells of gaps, and counts Grants of which nothing is known apart", func() {
		in := calm()
		in.Usage.Items[0].Usage = v1alpha1.GrantUnknown
		in.Activity.Coverage = company.Coverage(30, 0.99996,
			usage.Gap{Since: ago(2 * day), Until: ago(2*day - 1), Message: "lost some", Lost: 12345})
		text := rendered(build(in))
		Expect(text).To(ContainSubstring("<strong>99.9 %</strong>"))
		Expect(text).To(ContainSubstring("lost some (12\u202f345 events lost)"))
		Expect(text).To(ContainSubstring("Of 1 Grant nobody can say whether anybody uses it"))
		Expect(strings.Count(text, `fill="url(#unknown)"`)).To(Equal(1))
	})

	It("has a model for programs, with everything in it", func() {
		text, err := json.Marshal(build(company.Small()))
		Expect(err).NotTo(HaveOccurred())
		var page report.Page
		Expect(json.Unmarshal(text, &page)).To(Succeed())
		Expect(page.People).To(HaveLen(33))
		Expect(page.Glance.Usage).To(Equal(map[v1alpha1.GrantUsage]int{"Used": 8, "Redundant": 1, "Unused": 2, "Unknown": 1}))
	})
})

var _ = Describe("What the page has of each", func() {
	person := func(name string) report.Person {
		GinkgoHelper()
		for _, p := range build(company.Small()).People {
			if p.Name == name {
				return p
			}
		}
		Fail("there is no " + name)
		return report.Person{}
	}

	It("is what people have, by Grants, by requests and past them, and what they may ask for", func() {
		Expect(person("alice")).To(SatisfyAll(HaveField("Sessions", 1), HaveField("MayAsk", []string{"break-glass", "payments-admin"}),
			HaveField("Grants", ContainElements(
				report.Held{Grant: "payments-edit", Usage: v1alpha1.GrantUsed},
				report.Held{Grant: "payments-admin", Usage: v1alpha1.GrantUsed, Request: true}))))
		Expect(person("ivan").Unmanaged).To(Equal([]string{"ClusterRoleBinding temp-debug", "RoleBinding shop/old-viewers"}))
		Expect(person("bob").Unmanaged).To(BeEmpty(), "what everybody has who is logged in is nobody's")
		Expect(person("bob").Sessions).To(BeZero(), "it has ended")
		Expect(person("frank")).To(SatisfyAll(
			HaveField("MayAct", false), HaveField("State", "DirectoryDisabled"), HaveField("Remarks", HaveLen(2))))
	})

	It("is open requests first, then the newest", func() {
		requests := build(company.Small()).Requests
		names := make([]string, len(requests))
		for i, r := range requests {
			names[i] = r.Name[strings.LastIndex(r.Name, "-")+1:]
		}
		Expect(names).To(Equal([]string{"q2w8e", "7wq2m", "m4x7c", "h5n9b", "c9d1k", "z6t3r", "a8s2d"}))
	})

	It("is as many people as a Grant reaches who may act, once each", func() {
		for _, g := range build(company.Small()).Grants {
			switch g.Name {
			case "shop-view":
				Expect(g.Reaches).To(Equal(14))
			case "audit-2025":
				Expect(g).To(SatisfyAll(HaveField("Window", v1alpha1.WindowExpired), HaveField("Reaches", 2)))
			}
		}
	})

	It("is usage of that very Grant, and not of one of its name before", func() {
		in := calm()
		in.Grants[0].UID = "another"
		Expect(build(in).Grants[0].Usage).To(BeEmpty())
	})

	It("is everybody's activity, most of all of those who did most", func() {
		in := calm()
		in.Activity.Items = nil
		for i := range 40 {
			in.Activity.Items = append(in.Activity.Items,
				wire.Day{Day: "2026-11-20", Username: fmt.Sprintf("u%02d", i), Requests: int64(i + 1), Forbidden: 1})
		}
		activity := build(in).Activity
		Expect(activity.Days).To(HaveLen(31))
		Expect(activity.Days[23]).To(Equal(report.Day{Day: "2026-11-20", Allowed: 40*41/2 - 40, Forbidden: 40}))
		Expect(activity.People).To(HaveLen(30))
		Expect(activity.People[0]).To(HaveField("Username", "u39"))
		Expect(activity.More).To(Equal(10))
	})

	It("is a picture that is bounded, of what matters most", func() {
		page := build(company.Large(2000, 300, 100))
		Expect(page.Picture.Drawn).NotTo(BeEmpty())
		Expect(len(page.Picture.Drawn)).To(BeNumerically("<=", 40))
		Expect(len(page.Picture.Drawn) + len(page.Picture.Left)).To(Equal(100))
		powerful := map[string]bool{}
		for _, g := range page.Grants {
			powerful[g.Name] = len(g.Powers) > 0
		}
		for _, name := range page.Picture.Drawn[:10] {
			Expect(powerful[name]).To(BeTrue(), name)
		}
	})

	It("is rows of weeks, where there are too many days for one each", func() {
		in := calm()
		in.Days = 365
		text := rendered(build(in))
		Expect(strings.Count(text, `<rect class="hover"`)).To(BeNumerically("~", 53, 1))
		Expect(text).To(MatchRegexp(`2026-11-\d\d to 2026-11-\d\d: `))
	})

	It("leaves out people without access first, where there are too many", func() {
		in := company.Large(6000, 300, 10)
		in.Sessions = nil
		page := build(in)
		with := 0
		for _, p := range page.People {
			if len(p.Grants) > 0 {
				with++
			}
		}
		text := rendered(page)
		Expect(with).To(And(BeNumerically(">", 0), BeNumerically("<", 5000)))
		Expect(text).To(ContainSubstring("1\u202f000 more are not shown"))
		shown := 0
		for _, row := range strings.Split(text, `id="user-`)[1:] {
			if strings.Contains(row, `<span class="held">`) {
				shown++
			}
		}
		Expect(shown).To(Equal(with), "nobody with access is left out")
		Expect(strings.Count(text, `id="user-`)).To(Equal(5000))
	})
})
