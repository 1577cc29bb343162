// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
)

// shown is how many of those that are not Ready are named.
const shown = 3

// reasonNew is that of objects that no operator has looked at, as they are now.
const reasonNew = "NotLookedAt"

// Tally counts objects of a kind that are not Ready, without keeping them.
type Tally struct {
	// Resource is the kind's plural, and Total how many there are.
	Resource string
	Total    int

	reasons map[string]int
	worst   []ailing
}

// ailing is an object that is not Ready.
type ailing struct {
	name, reason, message string
	stalled               bool
	since                 time.Time
}

// Add counts an object.
func (t *Tally) Add(object metav1.Object, conditions []metav1.Condition, observed *int64) {
	t.Total++
	ready := meta.FindStatusCondition(conditions, v1alpha1.ConditionReady)
	a := ailing{name: object.GetName(), since: object.GetCreationTimestamp().Time}
	switch {
	case ready == nil || observed == nil || *observed != object.GetGeneration():
		a.reason, a.message = reasonNew, "no operator has looked at it as it is now"
	case ready.Status == metav1.ConditionTrue:
		return
	default:
		a.reason, a.message, a.since = ready.Reason, ready.Message, ready.LastTransitionTime.Time
		a.stalled = meta.IsStatusConditionTrue(conditions, v1alpha1.ConditionStalled)
	}
	if t.reasons == nil {
		t.reasons = map[string]int{}
	}
	t.reasons[a.reason]++
	t.worst = append(t.worst, a)
	slices.SortFunc(t.worst, compareAiling)
	t.worst = t.worst[:min(len(t.worst), shown)]
}

// compareAiling puts those first that wait for a person, then those that have been so for longest.
func compareAiling(a, b ailing) int {
	if a.stalled != b.stalled {
		if a.stalled {
			return -1
		}
		return 1
	}
	return cmp.Or(a.since.Compare(b.since), cmp.Compare(a.name, b.name))
}

func people(f *Facts) []Check {
	checks := make([]Check, 0, len(f.People))
	for i := range f.People {
		read := &f.People[i]
		if read.Err != nil {
			checks = append(checks, unread(read.Value.Resource, read.Value.Resource+".iam.rollcall.dev", read.Err))
			continue
		}
		checks = append(checks, f.past(read.Value.check()))
	}
	return checks
}

func (t *Tally) check() Check {
	c := Check{State: OK, About: t.Resource, Found: "all are Ready: " + strconv.Itoa(t.Total)}
	switch {
	case t.Total == 0:
		c.Found = "there is none"
		return c
	case len(t.reasons) == 0:
		return c
	}
	c.State = Warning
	var (
		counts []string
		count  int
	)
	for reason, n := range t.reasons {
		count += n
		counts = append(counts, fmt.Sprintf("%d %s", n, reason))
	}
	slices.SortFunc(counts, func(a, b string) int { // By how many, then by reason.
		reasonA, reasonB := a[strings.Index(a, " ")+1:], b[strings.Index(b, " ")+1:]
		return cmp.Or(cmp.Compare(t.reasons[reasonB], t.reasons[reasonA]), cmp.Compare(reasonA, reasonB))
	})
	found := []string{fmt.Sprintf("%d of %d are not Ready: %s", count, t.Total, strings.Join(counts, ", "))}
	for _, a := range t.worst {
		found = append(found, fmt.Sprintf("%s (%s: %s)", a.name, a.reason, a.message))
	}
	c.Found = strings.Join(found, "; ")
	c.Do = "The messages say what to do."
	if t.reasons[v1alpha1.ReasonRoleNotBindable] > 0 {
		c.Do = "Let the roles be bound (config/rbac/bindable_roles.yaml, or bindableRoles of the chart), or change the Grants."
	}
	c.Run = []string{
		command("kubectl", "get", t.Resource, "-o", "wide") + " | grep False",
		command("kubectl", "describe", strings.TrimSuffix(t.Resource, "s"), t.worst[0].name),
	}
	return c
}
