// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e_test

import (
	"context"
	"slices"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/test/slapd"
)

// untilDenied is how long the API server goes on answering someone after their directory has acknowledged that they are out.
func untilDenied(ctx context.Context, username, namespace string, leave func() error) time.Duration {
	GinkgoHelper()
	config := rest.CopyConfig(plane.RESTConfig())
	config.Impersonate = rest.ImpersonationConfig{UserName: username}
	config.QPS = -1
	as, err := kubernetes.NewForConfig(config)
	Expect(err).NotTo(HaveOccurred())
	asks := func() error {
		_, err := as.CoreV1().ConfigMaps(namespace).List(ctx, metav1.ListOptions{Limit: 1})
		return err
	}
	// Two thousand people are in several bindings, and the API server's authorizer follows each by itself.
	Eventually(ctx, asks).Should(Succeed(), "%s has access", username)
	Expect(leave()).To(Succeed())
	acknowledged := time.Now()
	for {
		err := asks()
		if apierrors.IsForbidden(err) {
			return time.Since(acknowledged)
		}
		Expect(err).NotTo(HaveOccurred())
		Expect(time.Since(acknowledged)).To(BeNumerically("<", patience), "%s still has access", username)
	}
}

// percentile of durations that are sorted.
func percentile(sorted []time.Duration, percent int) time.Duration {
	return sorted[min(len(sorted)-1, len(sorted)*percent/100)].Round(time.Millisecond)
}

// leavers are ways to lose access, as the directory's administrators bring them about.
func leavers(server *slapd.Server) []struct {
	what  string
	times int
	leave func(uid string, i int) error
} {
	const teamSize = 20
	return []struct {
		what  string
		times int
		leave func(uid string, i int) error
	}{
		{"disabled", 60, func(uid string, _ int) error { return server.DisablePerson(uid) }},
		{"deleted", 20, func(uid string, _ int) error { return server.DeletePerson(uid) }},
		{"taken out of a group", 20, func(uid string, i int) error {
			return server.RemoveMember(slapd.Team(i/teamSize), slapd.PersonDN(uid))
		}},
	}
}

// measureLeavers measures how soon people of a Directory are out who are in the company's groups.
func measureLeavers(ctx context.Context, directory string, server *slapd.Server) {
	GinkgoHelper()
	namespace := inNamespace(ctx, "leavers")
	create(ctx, grant(unique("leavers"), namespace, v1alpha1.Subject{Kind: v1alpha1.SubjectGroup, Name: slapd.Company}))
	last := directory + ":" + slapd.UID(people-1)
	Eventually(ctx, func() bool { return mayList(ctx, last, namespace) }).Should(BeTrue())
	next := 0
	for _, way := range leavers(server) {
		var took []time.Duration
		for range way.times {
			uid := slapd.UID(next)
			took = append(took, untilDenied(ctx, directory+":"+uid, namespace, func() error { return way.leave(uid, next) }))
			next += 7 // Of another team each time.
		}
		GinkgoWriter.Println(took)
		slices.Sort(took)
		reportf("%s, %d of %d people: denied p50 %v, p99 %v after the directory's acknowledgement", way.what, way.times, people,
			percentile(took, 50), percentile(took, 99))
		Expect(percentile(took, 99)).To(BeNumerically("<", 5*time.Second))
	}
	d := &v1alpha1.Directory{}
	Expect(k8s.Get(ctx, named(directory), d)).To(Succeed())
	Expect(d.Status.Pending).To(BeNil(), "nobody was asked")
}
