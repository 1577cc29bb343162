// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package report_test

import (
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/report"
	"github.com/rollcall-iam/rollcall/internal/wire"
	"github.com/rollcall-iam/rollcall/test/company"
)

func TestReport(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "The report")
}

const day = 24 * time.Hour

func ago(d time.Duration) metav1.Time { return metav1.NewTime(company.Now().Add(-d)) }

// calm is a company in which nothing is wrong: alice and bob are in payments, and may read there.
func calm() report.Input {
	in := report.Input{Cluster: "calm", Days: 30}
	in.Users = []v1alpha1.User{company.User("bob", "Bob Oduya", "payments"), company.User("alice", "Alice Ng", "payments")}
	for i := range in.Users {
		in.Users[i].Status.LastSeenTime = new(ago(time.Hour))
	}
	in.Groups = []v1alpha1.Group{company.Group("payments")}
	in.Grants = []v1alpha1.Grant{company.Until(company.Grant("payments-view", "view", "pay", company.ToGroup("payments")), 90*day)}
	in.ClusterRoles = company.Roles()
	company.Bind(&in)
	in.Sessions = []v1alpha1.Session{company.Session("alice", "laptop", v1alpha1.MethodOIDC, time.Hour)}
	directory := v1alpha1.Directory{}
	directory.Name = "corp"
	directory.Status.Conditions = []metav1.Condition{
		company.Condition(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonSynced, ""),
	}
	in.Directories = []v1alpha1.Directory{directory}
	in.Usage = &wire.Usage{Coverage: company.Coverage(30, 1), Items: []wire.GrantUsage{
		company.Said(&in.Grants[0], v1alpha1.GrantUsed, "last needed today", 12, 2, time.Hour),
	}}
	in.Activity = &wire.Days{Coverage: company.Coverage(30, 1), Items: company.Days(30, []string{"corp:alice", "corp:bob"})}
	return in
}

func build(in report.Input) report.Page { return report.Build(in, company.Now()) }

// found are the findings by their kinds: Kind Name of each thing.
func found(in report.Input) map[string][]string {
	found := map[string][]string{}
	for _, f := range build(in).Findings {
		for _, item := range f.Items {
			found[f.Kind] = append(found[f.Kind], item.Kind+" "+item.Name)
		}
	}
	return found
}
