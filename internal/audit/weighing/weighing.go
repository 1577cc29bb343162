// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

// Package weighing finds out, of everything that people did, what would have allowed it, and keeps account of what Grants are used for. It
// tells it in their status, too.
package weighing

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/rollcall-iam/rollcall/internal/audit/history"
	"github.com/rollcall-iam/rollcall/internal/audit/store"
	"github.com/rollcall-iam/rollcall/internal/seen"
	"github.com/rollcall-iam/rollcall/internal/usage"
)

const (
	// look is how often it is looked for what people did.
	look = 5 * time.Second
	// settle is how long that waits: what changed a moment before is recorded by then.
	settle = 10 * time.Second
	// together is how many batches are weighed at once.
	together = 64
)

// Weigher is what the leader does.
type Weigher struct {
	// Store is the open store, or an error.
	Store func() (*store.Store, error)
	// Recorded is until when it is recorded what RBAC was like; zero while it is not.
	Recorded func() time.Time
	// Cache has Grants.
	Cache client.Reader
	Seen  *seen.Writer
	// After is how long a Grant may be without use until it is called unused.
	After time.Duration
	Clock clock.PassiveClock

	worlds worlds
	// told is when it was last told what is used.
	told time.Time
	// complained is when it was last said that something stays in the way.
	complained time.Time
}

// Start implements manager.Runnable.
func (w *Weigher) Start(ctx context.Context) error {
	wait.UntilWithContext(ctx, func(ctx context.Context) {
		for more := true; more && ctx.Err() == nil; {
			var err error
			if more, err = w.Weigh(ctx); err != nil && ctx.Err() == nil {
				w.complain(ctx, err)
			}
		}
		if err := w.tell(ctx); err != nil && ctx.Err() == nil {
			log.FromContext(ctx).WithName("audit").V(1).Info("what is used was not told yet", "why", err.Error())
		}
	}, look)
	return nil
}

// complain says why something was not weighed. That the store is away others say, too; what was changed in it stays in the way, and is
// said once an hour.
func (w *Weigher) complain(ctx context.Context, err error) {
	logger := log.FromContext(ctx).WithName("audit")
	if now := w.Clock.Now(); errors.Is(err, store.ErrChanged) && now.Sub(w.complained) >= time.Hour {
		w.complained = now
		logger.Error(err, "what people did cannot be weighed, nor what they did since, so that it is not known which Grants are used")
		return
	}
	logger.V(1).Info("what people did was not weighed yet", "why", err.Error())
}

// Weigh takes the oldest of what was not weighed yet, and says whether there is more.
func (w *Weigher) Weigh(ctx context.Context) (more bool, err error) {
	recorded := w.Recorded()
	if recorded.IsZero() {
		return false, nil
	}
	kept, err := w.Store()
	if err != nil {
		return false, err
	}
	recorded = recorded.Add(-settle)
	batches, err := kept.Unweighed(ctx, recorded, together)
	if err != nil || len(batches) == 0 {
		return false, err
	}
	if err := w.worlds.refresh(ctx, kept, recorded); err != nil {
		return false, err
	}
	ids, account := make([]int64, len(batches)), newAccount()
	for i := range batches {
		ids[i] = batches[i].Batch
		for j := range batches[i].Deeds {
			if err := w.weigh(ctx, kept, &batches[i].Deeds[j], account); err != nil {
				return false, err
			}
		}
	}
	if err := kept.Weighed(ctx, ids, usage.Tally(account.uses), account.daily()); err != nil {
		return false, err
	}
	return true, nil
}

// account is what there is to write.
type account struct {
	uses []usage.Use
	days map[day]*store.Day
}

type day struct {
	at       int64
	username string
}

func newAccount() *account { return &account{days: map[day]*store.Day{}} }

func (a *account) count(d *usage.Deed) {
	const hours = 24 * time.Hour
	begin := d.First.UTC().Truncate(hours)
	of := day{begin.Unix(), d.Username}
	if a.days[of] == nil {
		a.days[of] = &store.Day{Day: begin, Username: d.Username}
	}
	a.days[of].Requests += d.Requests
	if d.Outcome == usage.Forbidden {
		a.days[of].Forbidden += d.Requests
	}
}

func (a *account) daily() []store.Day {
	order := slices.SortedFunc(maps.Keys(a.days), func(x, y day) int {
		if x.at != y.at {
			return int(x.at - y.at)
		}
		return strings.Compare(x.username, y.username)
	})
	days := make([]store.Day, len(order))
	for i, of := range order {
		days[i] = *a.days[of]
	}
	return days
}

// weigh finds what would have allowed a deed, in the world of that time; where what RBAC named is not in that, in those of a little later
// and before. Whether it was allowed by a binding that is nowhere, is at least known by name.
func (w *Weigher) weigh(ctx context.Context, kept *store.Store, d *usage.Deed, into *account) error {
	if !d.Besides {
		into.count(d)
	}
	if d.Outcome != usage.Allowed {
		return nil
	}
	weighed, err := w.worlds.weigh(ctx, kept, d)
	if err != nil {
		return err
	}
	var known *usage.Grant
	if !weighed.Fits && d.Allow != nil {
		if known, err = history.GrantBehind(ctx, kept, d.Allow, d.Last); err != nil {
			return err
		}
	}
	into.uses = append(into.uses, usage.Uses(d, weighed, known)...)
	return nil
}

// tell writes into the status of Grants whether they are used, once a minute.
func (w *Weigher) tell(ctx context.Context) error {
	now := w.Clock.Now()
	if now.Sub(w.told) < time.Minute || w.Recorded().IsZero() {
		return nil
	}
	kept, err := w.Store()
	if err != nil {
		return err
	}
	judged, err := Judge(ctx, kept, w.Cache, usage.Window{Since: now.Add(-w.After), Until: now})
	if err != nil {
		return err
	}
	var failed []error
	for i := range judged.Grants { // What cannot be written of one keeps nobody from knowing of the others.
		g := &judged.Grants[i]
		if err := w.Seen.Grant(ctx, g.Name, g.UID, g.Total.Last, g.Verdict.Usage); err != nil {
			failed = append(failed, fmt.Errorf("write the status of Grant %s: %w", g.Name, err))
		}
	}
	w.told = now
	return errors.Join(failed...)
}
