// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/test/controlplane"
	"github.com/rollcall-iam/rollcall/test/installation"
	"github.com/rollcall-iam/rollcall/test/slapd"
)

const (
	// people of the scale test, and their groups: a hundred teams, ten divisions, the company.
	people      = 2000
	theirGroups = 100 + 10 + 1
	// scalePatience is for a mirror of that many on a busy machine; it takes a tenth of it.
	scalePatience = 2 * time.Minute
)

var _ = Describe("A directory of 2,000 people", Ordered, func() {
	const name = "large"
	var (
		start    time.Time
		mark     controlplane.AuditMark
		mirrored map[string]string
		server   *slapd.Server
	)
	BeforeAll(func(ctx SpecContext) {
		server = slapdRuns(ctx, slapd.People(people))
		operatorRuns(ctx)
		mark = auditMark()
		start = time.Now()
		d := slapdDirectory(name, server)
		create(ctx, secret(name+"-ca", caData(server)))
		create(ctx, secret(name+"-bind", bindData(server)))
		create(ctx, d)
	})

	It("is mirrored and settles", func(ctx SpecContext) {
		Eventually(ctx, func(g Gomega) {
			d := &v1alpha1.Directory{}
			g.Expect(k8s.Get(ctx, named(name), d)).To(Succeed())
			g.Expect(state(d.Status.Conditions, v1alpha1.ConditionReady)).To(Equal(synced))
			g.Expect(d.Status.Users).To(HaveValue(BeEquivalentTo(people)))
			g.Expect(d.Status.Groups).To(HaveValue(BeEquivalentTo(theirGroups)))
		}, scalePatience).WithPolling(200 * time.Millisecond).Should(Succeed())
		written := time.Since(start)
		Eventually(ctx, func(g Gomega) { everybodyIsThere(ctx, g, name) }, scalePatience).WithPolling(500 * time.Millisecond).Should(Succeed())
		reportf("%d people and %d groups: mirrored after %.1f s, settled after %.1f s", people, theirGroups,
			written.Seconds(), time.Since(start).Seconds())
		mirrored = settled(ctx, name)
		writes := operatorWrites(mark)
		reportf("writes of the import: %d, %.2f per person: %v", total(writes), float64(total(writes))/people, inLines(writes))
		Expect(mirrored).To(HaveLen(people + theirGroups))
	})

	It("is read again without a write but the Directory's own", func(ctx SpecContext) {
		readAgain(ctx, name) // What the import left over is done.
		mark = auditMark()
		readAgain(ctx, name)
		readAgain(ctx, name)
		Consistently(ctx, func() []string { return slices.Collect(maps.Keys(operatorWrites(mark))) }).
			Should(ConsistOf("patch directories/status " + name))
		Expect(versions(ctx, name)).To(Equal(mirrored))
		reportf("writes of at least two more reads: %v", inLines(operatorWrites(mark)))
	})

	It("lets go at once who leaves, where the directory tells it", func(ctx SpecContext) {
		// Without limits for the bind DN, and with no full read while it is measured.
		setSecret(ctx, name+"-bind", map[string]string{"username": slapd.SyncDN, "password": server.Password()})
		change(ctx, slapdDirectory(name, server), func(d *v1alpha1.Directory) { d.Spec.SyncIntervalSeconds = 24 * 60 * 60 })
		eventuallyWatched(ctx, name, "True "+v1alpha1.ReasonSyncrepl)
		measureLeavers(ctx, name, server)
	}, NodeTimeout(scalePatience))
})

// everybodyIsThere says that all controllers have done with what the directory holds.
func everybodyIsThere(ctx context.Context, g Gomega, directory string) {
	users, groups := usersOf(ctx, directory), groupsOf(ctx, directory)
	g.Expect(users).To(HaveLen(people))
	for i := range people {
		u := users[slapd.UID(i)]
		g.Expect(state(u.Status.Conditions, v1alpha1.ConditionActive)).To(Equal("True Active"), u.Name)
		g.Expect(state(u.Status.Conditions, v1alpha1.ConditionReady)).To(Equal("True Reconciled"), u.Name)
		g.Expect(u.Status.Groups).To(HaveLen(3), u.Name)
	}
	g.Expect(groups).To(HaveLen(theirGroups))
	company, team := groups[slapd.Company], groups[slapd.Team(7)]
	g.Expect(company.Status.Members).To(HaveValue(BeEquivalentTo(people)))
	g.Expect(team.Status.Members).To(HaveValue(BeEquivalentTo(20)))
}

func auditMark() controlplane.AuditMark {
	GinkgoHelper()
	mark, err := plane.AuditMark()
	Expect(err).NotTo(HaveOccurred())
	return mark
}

// operatorWrites counts the writes of the operator's ServiceAccount since a mark, by verb and object: all of them, events too. Many of one
// kind count as one sort.
func operatorWrites(mark controlplane.AuditMark) map[string]int {
	GinkgoHelper()
	events, _, err := plane.AuditSince(mark)
	Expect(err).NotTo(HaveOccurred())
	writes := map[string]int{}
	for i := range events {
		e := &events[i]
		isRead := slices.Contains([]string{"get", "list", "watch"}, e.Verb)
		if isRead || e.User.Username != "system:serviceaccount:"+installation.Namespace+":"+installation.ServiceAccount || e.ObjectRef == nil {
			continue
		}
		sort := e.Verb + " " + e.ObjectRef.Resource
		if e.ObjectRef.Subresource != "" {
			sort += "/" + e.ObjectRef.Subresource
		}
		if e.ObjectRef.Resource == "directories" {
			sort += " " + e.ObjectRef.Name
		}
		writes[sort]++
	}
	return writes
}

func total(counts map[string]int) (sum int) {
	for _, count := range counts {
		sum += count
	}
	return sum
}

func inLines(counts map[string]int) []string {
	lines := make([]string, 0, len(counts))
	for sort, count := range counts {
		lines = append(lines, fmt.Sprintf("%d %s", count, sort))
	}
	slices.Sort(lines)
	return lines
}
