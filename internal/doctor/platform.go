// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/util/version"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
)

// oldest is the first version of Kubernetes that has all that is needed.
const oldest = "1.30"

func kubernetes(f *Facts) Check {
	c := Check{State: OK, About: "kubernetes", Found: fmt.Sprintf("%s at %s", f.Server.Version, f.Server.URL)}
	if f.Caller != "" {
		c.Found += fmt.Sprintf(", which knows you as %s", f.Caller)
	}
	running, err := version.ParseGeneric(f.Server.Version)
	switch {
	case err != nil:
		c.State, c.Do = Warning, fmt.Sprintf("Find out whether that is Kubernetes %s or later.", oldest)
	case running.LessThan(version.MustParseGeneric(oldest)):
		c.State = Failed
		c.Do = fmt.Sprintf("Upgrade the cluster to %s or later: before, it has no ValidatingAdmissionPolicies, by which nobody gets further "+
			"through Rollcall than by their own rights.", oldest)
	}
	if c.State != OK {
		c.See = "docs/install.md"
	}
	return c
}

// How far clocks may be apart.
const (
	skewWarns = 5 * time.Second
	skewFails = time.Minute
)

// why clocks matter.
const why = "certificates begin and end by the operator's, sessions by that and the API server's, and audit logs are put in order by both"

// between is by how much a clock of ours was ahead of the API server's for sure: what the answer took, and the rest of its second, is not.
func between(s *Server) time.Duration {
	earliest, latest := s.Date, s.Date.Add(time.Second)
	switch {
	case s.Sent.After(latest):
		return s.Sent.Sub(latest)
	case s.Received.Before(earliest):
		return -earliest.Sub(s.Received)
	default:
		return 0
	}
}

func thisClock(f *Facts) Check {
	c := judgeClock("your clock", "this machine's clock", between(&f.Server))
	if c.State == OK || c.State == Skipped {
		return c
	}
	c.Do = "Have this machine synchronize its clock: certificates that you get look as if they began in the future, or had ended."
	c.Run = []string{"timedatectl status"}
	return c
}

// operatorClock compares what the operator wrote of its clock with what the API server wrote beside it.
func operatorClock(f *Facts) Check {
	const about, whose = "operator's clock", "the operator's clock"
	if l := f.Lease.Value; l != nil && l.Spec.RenewTime != nil {
		if written, ok := renewedAt(l); ok {
			return remedied(judgeClock(about, whose, beyond(l.Spec.RenewTime.Sub(written))))
		}
	}
	if i := f.Installation.Value; i != nil {
		if ahead, ok := aheadOf(i); ok {
			return remedied(judgeClock(about, whose, ahead))
		}
	}
	return Check{State: Skipped, About: about, Found: "nothing tells of it: there is no Lease that could be read, and no Installation"}
}

// beyond is what is left of a difference to a time that is known to the second.
func beyond(d time.Duration) time.Duration {
	switch {
	case d > time.Second:
		return d - time.Second
	case d < 0:
		return d
	default:
		return 0
	}
}

// aheadOf is by how much the newest condition of the Installation is later than when the API server wrote it: a clock that is behind does
// not show there.
func aheadOf(i *v1alpha1.Installation) (ahead time.Duration, known bool) {
	var written, said time.Time
	for _, entry := range i.ManagedFields {
		if entry.Subresource == "status" && entry.Time != nil && entry.Time.After(written) {
			written = entry.Time.Time
		}
	}
	for _, condition := range i.Status.Conditions {
		if condition.LastTransitionTime.After(said) {
			said = condition.LastTransitionTime.Time
		}
	}
	if written.IsZero() || said.IsZero() {
		return 0, false
	}
	return max(0, beyond(said.Sub(written))), true
}

func remedied(c Check) Check {
	if c.State != OK {
		c.Do = "Have the operator's node and the control plane's synchronize their clocks (NTP): " + why + "."
	}
	return c
}

func judgeClock(about, whose string, ahead time.Duration) Check {
	c := Check{State: OK, About: about, Found: whose + " and the API server's agree"}
	apart, way := ahead, "ahead of"
	if apart < 0 {
		apart, way = -apart, "behind"
	}
	if apart < time.Second {
		return c
	}
	c.Found = fmt.Sprintf("%s is %s %s the API server's", whose, spoken(apart), way)
	switch {
	case apart > skewFails:
		c.State = Failed
	case apart > skewWarns:
		c.State = Warning
	}
	return c
}

// spoken is a time in few words.
func spoken(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d < 0:
		return "-" + spoken(-d)
	case d < time.Second:
		return "less than a second"
	case d < 2*time.Minute:
		return plural(int(d/time.Second), "second")
	case d < 2*time.Hour:
		return plural(int(d/time.Minute), "minute")
	case d < 2*day:
		return plural(int(d/time.Hour), "hour")
	default:
		return plural(int(d/day), "day")
	}
}

func plural(count int, what string) string {
	if count == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", count, what)
}
