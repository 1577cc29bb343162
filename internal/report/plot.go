// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"fmt"
	"math"
	"time"
)

// Sizes of the plots, in the units of their view box.
const (
	plotLeft, plotRight = 64, 16
	plotWidth           = 1100
	barsHeight, barsTop = 200, 12
	axisHeight          = 40
	mostBuckets         = 120 // more bars than that nobody tells apart
	roomForDate         = 64
	stripHeight         = 18
	stripNames          = 210
	stripTotals         = 90
	levels              = 5 // of a cell, besides nothing
)

// plot is where everything goes in the picture of days.
type plot struct {
	Width, Height, Left, Right, Base, Top int
	// Span is from the top to the base, and Axis where the numbers beside the lines end.
	Span, Axis int
	Bars       []bar
	Ticks      []tick
	Dates      []label
	// Peak says what the highest bar is, for those who do not see it.
	Peak string
}

// bar is a day, or several.
type bar struct {
	X, W               float64
	AllowedY, AllowedH float64
	RefusedY, RefusedH float64
	Gap                bool
	Title              string
}

type tick struct {
	Y     float64
	Label string
}

type label struct {
	X    float64
	Text string
}

// bucket is some days as one.
type bucket struct {
	first, last        string
	allowed, forbidden int64
	gap                bool
}

// perBucket is how many days make a bar: one, or weeks where there are too many.
func perBucket(days int) int {
	size := 1
	if days > mostBuckets {
		const week = 7
		size = week * ((days + week*mostBuckets - 1) / (week * mostBuckets))
	}
	return size
}

func buckets(days []Day) []bucket {
	var all []bucket
	size := perBucket(len(days))
	for i, day := range days {
		if i%size == 0 {
			all = append(all, bucket{first: day.Day})
		}
		b := &all[len(all)-1]
		b.last, b.allowed, b.forbidden, b.gap = day.Day, b.allowed+day.Allowed, b.forbidden+day.Forbidden, b.gap || day.Gap
	}
	return all
}

func (b *bucket) title() string {
	return span(b.first, b.last) + fmt.Sprintf(": %s allowed, %s refused", count(int(b.allowed)), count(int(b.forbidden))) + gapWords(b.gap)
}

func gapWords(gap bool) string {
	if gap {
		return "; not all is known"
	}
	return ""
}

// span names a day with its weekday, or the first and the last of several.
func span(first, last string) string {
	if first != last {
		return first + " to " + last
	}
	if day, err := time.Parse(dayFormat, first); err == nil {
		return day.Format("Mon ") + first
	}
	return first
}

// plotDays is nil where there is nothing to draw.
func plotDays(days []Day) *plot {
	all := buckets(days)
	most, peak := int64(0), ""
	for i := range all {
		if total := all[i].allowed + all[i].forbidden; total > most {
			most, peak = total, all[i].title()
		}
	}
	if most == 0 {
		return nil
	}
	step := niceStep(most)
	top := (most + step - 1) / step * step
	p := &plot{
		Width: plotWidth, Height: barsTop + barsHeight + axisHeight, Left: plotLeft, Right: plotWidth - plotRight,
		Top: barsTop, Base: barsTop + barsHeight, Span: barsHeight, Axis: plotLeft - 8, Peak: peak,
	}
	height := func(n int64) float64 { return round(float64(n) / float64(top) * barsHeight) }
	for value := int64(0); value <= top; value += step {
		p.Ticks = append(p.Ticks, tick{round(float64(p.Base) - height(value)), count(int(value))})
	}
	width := float64(p.Right-p.Left) / float64(len(all))
	every := int(math.Ceil(roomForDate / width))
	for i := range all {
		x := float64(p.Left) + float64(i)*width
		allowed, refused := height(all[i].allowed), height(all[i].forbidden)
		p.Bars = append(p.Bars, bar{
			X: round(x + width*0.1), W: round(width * 0.8), Gap: all[i].gap, Title: all[i].title(),
			AllowedY: round(float64(p.Base) - allowed), AllowedH: allowed,
			RefusedY: round(float64(p.Base) - allowed - refused), RefusedH: refused,
		})
		if i%every == 0 {
			p.Dates = append(p.Dates, label{round(x + width/2), shortDate(all[i].first)})
		}
	}
	return p
}

func shortDate(day string) string {
	if t, err := time.Parse(dayFormat, day); err == nil {
		return t.Format("2 Jan")
	}
	return day
}

// niceStep is between lines at one, two or five times a power of ten, such that there are five lines or fewer above the lowest.
func niceStep(most int64) int64 {
	const lines = 5
	for power := int64(1); ; power *= 10 {
		for _, factor := range []int64{1, 2, 5} {
			if step := factor * power; step*lines >= most {
				return step
			}
		}
	}
}

func round(x float64) float64 { return math.Round(x*10) / 10 }

// strips are the plot of who did how much when.
type strips struct {
	Width, Height, Names, Totals int
	Rows                         []stripRow
	Dates                        []label
}

type stripRow struct {
	Y, Text  int
	Middle   float64
	Name     string
	Username string
	Total    string
	Cells    []cell
}

// cell is a day of somebody's, or several; Refused marks those with refused requests by more than a colour.
type cell struct {
	X, W    float64
	Level   int
	Refused bool
	Title   string
	DotX    float64
}

// plotPeople is nil where there is nobody.
func plotPeople(activity *Activity) *strips {
	if len(activity.People) == 0 {
		return nil
	}
	size := perBucket(len(activity.Days))
	most, bars := int64(0), (len(activity.Days)+size-1)/size
	for _, strip := range activity.People {
		for i := range bars {
			most = max(most, part(strip.Requests, i, size))
		}
	}
	width := float64(plotWidth-stripNames-stripTotals) / float64(bars)
	s := &strips{Width: plotWidth, Names: stripNames, Totals: plotWidth, Height: len(activity.People)*stripHeight + axisHeight}
	for n := range activity.People {
		strip := &activity.People[n]
		row := stripRow{
			Y: n * stripHeight, Text: n*stripHeight + stripHeight - 5, Name: strip.Name, Username: strip.Username,
			Middle: float64(n*stripHeight) + 7.5, Total: count(int(sum(strip.Requests))),
		}
		for i := range bars {
			if c, some := strip.cell(activity.Days, i, size, most); some {
				c.X, c.W = round(stripNames+float64(i)*width+1), round(width-2)
				c.DotX = round(c.X + c.W/2)
				row.Cells = append(row.Cells, c)
			}
		}
		s.Rows = append(s.Rows, row)
	}
	every := int(math.Ceil(roomForDate / width))
	for i := 0; i < bars; i += every {
		s.Dates = append(s.Dates, label{round(stripNames + (float64(i)+0.5)*width), shortDate(activity.Days[i*size].Day)})
	}
	return s
}

// cell of a bucket; there is none where nothing was done.
func (s *Strip) cell(days []Day, i, size int, most int64) (cell, bool) {
	requests, forbidden := part(s.Requests, i, size), part(s.Forbidden, i, size)
	first, last := days[i*size].Day, days[min(len(days), (i+1)*size)-1].Day
	return cell{
		Level: level(requests, most), Refused: forbidden > 0,
		Title: fmt.Sprintf("%s, %s: %s allowed, %s refused", s.Username, span(first, last), count(int(requests-forbidden)),
			count(int(forbidden))),
	}, requests > 0
}

// level grows with the root: a few requests a day are seen beside many.
func level(requests, most int64) int {
	return max(1, int(math.Ceil(math.Sqrt(float64(requests)/float64(most))*levels)))
}

// part is the sum of one bucket.
func part(numbers []int64, i, size int) int64 {
	return sum(numbers[i*size : min(len(numbers), (i+1)*size)])
}
