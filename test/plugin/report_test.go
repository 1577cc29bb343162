// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package plugin_test

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/report"
	"github.com/rollcall-iam/rollcall/internal/usage"
	"github.com/rollcall-iam/rollcall/internal/wire"
)

// answering is an audit service that answers what it is told, to whoever comes with a token; what it is not told about is not there.
func answering(ctx context.Context, answers map[string]any) {
	GinkgoHelper()
	service := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer GinkgoRecover()
		Expect(r.Header.Get("Authorization")).To(HavePrefix("Bearer ey"))
		answer, known := answers[r.URL.RequestURI()]
		if !known {
			http.Error(w, "there is no "+r.URL.Path, http.StatusNotFound)
			return
		}
		Expect(json.NewEncoder(w).Encode(answer)).To(Succeed())
	}))
	DeferCleanup(service.Close)
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: wire.Auditor}}
	installation := &v1alpha1.Installation{ObjectMeta: metav1.ObjectMeta{Name: v1alpha1.InstallationName}}
	create(ctx, account, installation)
	state(ctx, installation, func(i *v1alpha1.Installation) {
		i.Status.Audit = &v1alpha1.InstallationAudit{
			URL: service.URL, Namespace: "default",
			CABundle: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: service.Certificate().Raw}),
		}
	})
}

func pageOf(text string) report.Page {
	GinkgoHelper()
	var page report.Page
	Expect(json.Unmarshal([]byte(text), &page)).To(Succeed())
	return page
}

var _ = Describe("kubectl rollcall report", func() {
	var (
		alice *v1alpha1.User
		grant *v1alpha1.Grant
	)
	BeforeEach(func(ctx SpecContext) {
		alice = localUser(ctx, name("alice"))
		grant = onRequest(name("asked"), localGroup(ctx, name("payments"), alice.Name).Name)
		create(ctx, grant)
	})

	It("makes a page, and says what is not on it without an audit service", func() {
		file := filepath.Join(GinkgoT().TempDir(), "access.html")
		result := administrator().runs("report", "--to", file)
		Expect(result).To(SatisfyAll(HaveField("Code", 0), HaveField("Out", BeEmpty()),
			HaveField("Err", ContainSubstring("What people did: the cluster does not say where the audit service is")),
			HaveField("Err", HaveSuffix("The report is in "+file+".\n"))))
		page, err := os.ReadFile(file)
		Expect(err).NotTo(HaveOccurred())
		Expect(string(page)).To(SatisfyAll(HavePrefix("<!doctype html>"), ContainSubstring(alice.Name), ContainSubstring(grant.Name),
			ContainSubstring("What people did: the cluster does not say where the audit service is")))
		info, err := os.Stat(file)
		Expect(err).NotTo(HaveOccurred())
		Expect(info.Mode().Perm()).To(Equal(os.FileMode(0o600)), "it holds what people did")
		Expect(administrator().gets("report")).To(HavePrefix("<!doctype html>"))
	})

	It("asks the audit service", func(ctx SpecContext) {
		today := time.Now().UTC().Format(time.DateOnly)
		answering(ctx, map[string]any{
			wire.PathUsage + "?days=7": wire.Usage{Items: []wire.GrantUsage{
				{Name: grant.Name, UID: string(grant.UID), Usage: v1alpha1.GrantUnused, Message: "nobody did"},
			}},
			wire.PathDays + "?days=7": wire.Days{
				Coverage: usage.Coverage{Share: 0.5}, Items: []wire.Day{{Day: today, Username: alice.Name, Requests: 5, Forbidden: 2}},
			},
		})
		page := pageOf(administrator().gets("report", "-o", "json", "--days", "7"))
		Expect(page.Missing).To(BeEmpty())
		Expect(page).To(SatisfyAll(
			HaveField("Cluster", Not(BeEmpty())), HaveField("By", "rollcall-test-admin"), HaveField("Coverage.Share", 0.5)))
		Expect(page.Grants).To(ContainElement(SatisfyAll(HaveField("Name", grant.Name), HaveField("Message", "nobody did"))))
		Expect(page.Activity.Days).To(HaveLen(8))
		Expect(page.Activity.Days[7]).To(Equal(report.Day{Day: today, Allowed: 3, Forbidden: 2}))
	})

	It("says that an audit service is too old to know", func(ctx SpecContext) {
		answering(ctx, nil)
		page := pageOf(administrator().gets("report", "-o", "json"))
		Expect(page.Missing).To(HaveEach(HaveField("Why", ContainSubstring("the operator is older than this plugin"))))
		Expect(page.Missing).To(HaveLen(2))
	})

	It("leaves out what somebody may not read, and says so", func(ctx SpecContext) {
		answering(ctx, nil)
		page := pageOf(as("nadia", readers).gets("report", "-o", "json"))
		about := make([]string, len(page.Missing))
		for i, m := range page.Missing {
			about[i] = m.About
		}
		Expect(about).To(ConsistOf(report.AboutActivity, report.AboutUsage, report.AboutBindings, report.AboutBindings, report.AboutRoles,
			report.AboutRoles, report.AboutDirectories))
		Expect(page.Missing).To(ContainElement(SatisfyAll(HaveField("About", report.AboutUsage),
			HaveField("Why", ContainSubstring("you may not see where the audit service is")))))
		Expect(page.Grants).To(ContainElement(HaveField("Name", grant.Name)))
		Expect(as("nobody").fails("report")).To(
			ContainSubstring("which all of the report is about: be bound to the ClusterRole rollcall-viewer"))
	})

	It("makes a page or JSON, of some days", func() {
		Expect(administrator().fails("report", "-o", "yaml")).To(Equal("Error: there is no report in \"yaml\": use html or json\n"))
		Expect(administrator().fails("report", "--days", "0")).To(Equal("Error: --days must be 1 to 3650\n"))
	})
})
