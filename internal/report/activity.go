// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-iam/rollcall/internal/wire"
)

// mostStrips is how many people have a strip of their own.
const mostStrips = 30

const dayFormat = "2006-01-02"

// days are those of the time that is looked at, in order, today among them.
func (b *builder) days() []string {
	var days []string
	until := b.now.UTC()
	for day := until.AddDate(0, 0, -b.in.Days); !day.After(until); day = day.AddDate(0, 0, 1) {
		days = append(days, day.Format(dayFormat))
	}
	return days
}

// activity is nil where nothing is known of it.
func (b *builder) activity() *Activity {
	if b.in.Activity == nil {
		return nil
	}
	days := b.days()
	index := make(map[string]int, len(days))
	found := &Activity{Days: make([]Day, len(days)), People: []Strip{}}
	for i, day := range days {
		index[day] = i
		found.Days[i] = Day{Day: day, Gap: b.gap(day)}
	}
	strips := map[string]*Strip{}
	for _, item := range b.in.Activity.Items {
		i, within := index[item.Day]
		if !within {
			continue
		}
		found.Days[i].Allowed += item.Requests - item.Forbidden
		found.Days[i].Forbidden += item.Forbidden
		strip := strips[item.Username]
		if strip == nil {
			strip = b.strip(item.Username, len(days))
			strips[item.Username] = strip
		}
		strip.Requests[i] += item.Requests
		strip.Forbidden[i] += item.Forbidden
	}
	order := slices.SortedFunc(maps.Values(strips), func(a, b *Strip) int {
		return cmp.Or(cmp.Compare(sum(b.Requests), sum(a.Requests)), cmp.Compare(a.Username, b.Username))
	})
	for _, strip := range order[:min(mostStrips, len(order))] {
		found.People = append(found.People, *strip)
	}
	found.More = len(order) - len(found.People)
	return found
}

func (b *builder) strip(username string, days int) *Strip {
	strip := &Strip{Username: username, Requests: make([]int64, days), Forbidden: make([]int64, days)}
	if user := b.holders[username]; user != nil {
		strip.Name = user.Name
	}
	return strip
}

// gap says whether not all is known of a day: of today as much as can be known by now.
func (b *builder) gap(day string) bool {
	begin, err := time.Parse(dayFormat, day)
	if err != nil {
		return true
	}
	end := begin.AddDate(0, 0, 1)
	for _, gap := range b.in.Activity.Coverage.Gaps {
		if gap.Since.Before(new(metav1.NewTime(end))) && gap.Until.After(begin) {
			return true
		}
	}
	return false
}

func sum(numbers []int64) int64 {
	total := int64(0)
	for _, n := range numbers {
		total += n
	}
	return total
}

// spikes are the days on which somebody was refused much more often than on others: of each person the worst one.
func (b *builder) spikes() []Item {
	if b.in.Activity == nil {
		return nil
	}
	refused := map[string][]wire.Day{}
	within := b.days()
	for _, day := range b.in.Activity.Items {
		if day.Forbidden > 0 && day.Day >= within[0] && day.Day <= within[len(within)-1] {
			refused[day.Username] = append(refused[day.Username], day)
		}
	}
	var items []Item
	for _, username := range slices.Sorted(maps.Keys(refused)) {
		worst := slices.MaxFunc(refused[username], func(a, b wire.Day) int {
			return cmp.Or(cmp.Compare(a.Forbidden, b.Forbidden), cmp.Compare(b.Day, a.Day))
		})
		total := int64(0)
		for _, day := range refused[username] {
			total += day.Forbidden
		}
		mean := float64(total-worst.Forbidden) / float64(max(1, len(within)-1))
		if worst.Forbidden < spikeLeast || float64(worst.Forbidden) < spikeTimes*mean {
			continue
		}
		items = append(items, b.spike(username, worst, mean))
	}
	return items
}

func (b *builder) spike(username string, worst wire.Day, mean float64) Item {
	item := Item{Kind: "Username", Name: username, Message: fmt.Sprintf("%s of %s requests were refused on %s; %s on other days in the mean",
		count(int(worst.Forbidden)), count(int(worst.Requests)), worst.Day, strconv.FormatFloat(mean, 'f', 1, 64))}
	if user := b.holders[username]; user != nil {
		item.Kind, item.Name = "User", user.Name
	}
	return item
}

// count is a number as people write it, in groups of three digits.
func count(n int) string {
	text := strconv.Itoa(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "\u202f" + text[i:]
	}
	return text
}

func people(n int) string {
	if n == 1 {
		return "1 person"
	}
	return count(n) + " people"
}
