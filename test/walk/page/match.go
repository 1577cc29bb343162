// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package page

import (
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// anything stands for any text in a line, and on a line of its own for any number of lines.
const anything = "..."

// forms are values that are another one each time, and of which a page shows one: any of the same form will do.
var forms = []struct{ shown, accepted *regexp.Regexp }{
	{regexp.MustCompile(`^\.{3}`), regexp.MustCompile(`.*?`)},
	{regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z`), regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z`)},
	{regexp.MustCompile(`^\d{4}-\d\d-\d\d \d\d:\d\d\b`), regexp.MustCompile(`\d{4}-\d\d-\d\d \d\d:\d\d`)},
	{
		regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b`),
		regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`),
	},
	{regexp.MustCompile(`^[0-9a-f]{64}\b`), regexp.MustCompile(`[0-9a-f]{64}`)},
	// Columns are as wide as what is in them.
	{regexp.MustCompile(`^ {2,}`), regexp.MustCompile(` {2,}`)},
}

// span is how long something is: an age, or how long it will go on. 3s, 2m10s, 4.5s, 30d. What came must be about as long.
var span = regexp.MustCompile(`^(\d+(\.\d+)?(ms|s|m|h|d|y))+\b`)

// anySpan is what a pattern accepts for a span, until it is weighed.
const anySpan = `((?:\d+(?:\.\d+)?(?:ms|s|m|h|d|y))+)`

// Compare holds what came against what a page shows. It returns nothing where they agree, else a diff: "-" for what the page shows and
// did not come, "+" for what came and is not on the page.
func Compare(shown, came string) string {
	a := alignment{wanted: lines(shown), got: lines(came)}
	for _, line := range a.wanted {
		a.accepts = append(a.accepts, pattern(line))
	}
	a.weigh()
	if a.costs[0][0] == 0 {
		return ""
	}
	return a.diff()
}

func lines(text string) []string {
	text = strings.TrimRight(text, " \n")
	if text == "" {
		return nil
	}
	split := strings.Split(text, "\n")
	for i := range split {
		split[i] = strings.TrimRight(split[i], " \r")
	}
	return split
}

// lineShown is what a line that a page shows accepts, and how long the spans in it are, in order.
type lineShown struct {
	form  *regexp.Regexp
	spans []time.Duration
}

// accepts says whether a line that came is of the form, and each of its spans about as long.
func (l *lineShown) accepts(came string) bool {
	found := l.form.FindStringSubmatch(came)
	if found == nil {
		return false
	}
	for i, shown := range l.spans {
		if !alike(shown, length(found[i+1])) {
			return false
		}
	}
	return true
}

// alike: within a factor of two, and where a page shows seconds, up to two minutes. "in 12h" is a promise; a fresh object's age is not.
func alike(shown, came time.Duration) bool {
	const factor, fresh = 2, time.Minute
	if shown < fresh {
		return came <= factor*fresh
	}
	return came <= factor*shown && shown <= factor*came
}

var (
	part  = regexp.MustCompile(`(\d+(?:\.\d+)?)(ms|s|m|h|d|y)`)
	units = map[string]time.Duration{
		"ms": time.Millisecond, "s": time.Second, "m": time.Minute, "h": time.Hour, "d": 24 * time.Hour, "y": 365 * 24 * time.Hour,
	}
)

// length is how long a span is.
func length(span string) (sum time.Duration) {
	for _, match := range part.FindAllStringSubmatch(span, -1) {
		number, _ := strconv.ParseFloat(match[1], 64) // It is one by its form.
		sum += time.Duration(number * float64(units[match[2]]))
	}
	return sum
}

// pattern accepts what a line of a page stands for; nil stands for any number of lines.
func pattern(line string) *lineShown {
	if strings.TrimSpace(line) == anything {
		return nil
	}
	var accepted strings.Builder
	var spans []time.Duration
	word := false // In a word nothing begins: no age in "pod5s".
	for rest := line; rest != ""; {
		taken, accepts := next(rest, word)
		if accepts == anySpan {
			spans = append(spans, length(rest[:taken]))
		}
		accepted.WriteString(accepts)
		last := rest[taken-1]
		word = last == '_' || '0' <= last && last <= '9' || 'a' <= last && last <= 'z' || 'A' <= last && last <= 'Z'
		rest = rest[taken:]
	}
	return &lineShown{regexp.MustCompile(`^(?s:` + accepted.String() + `)$`), spans}
}

// next is the next piece of a line, and what it accepts.
func next(rest string, word bool) (taken int, accepts string) {
	for i, form := range forms {
		if found := form.shown.FindString(rest); found != "" && (i == 0 || !word || found[0] == ' ') {
			return len(found), "(?:" + form.accepted.String() + ")"
		}
	}
	if found := span.FindString(rest); found != "" && !word {
		return len(found), anySpan
	}
	r, size := utf8.DecodeRuneInString(rest)
	return size, regexp.QuoteMeta(string(r))
}

// alignment is which line that came belongs to which line that a page shows.
type alignment struct {
	wanted, got []string
	accepts     []*lineShown
	// costs are, for each pair of places, how many lines must be missing or too many from there on.
	costs [][]int
}

func (a *alignment) weigh() {
	a.costs = make([][]int, len(a.wanted)+1)
	for i := len(a.wanted); i >= 0; i-- {
		a.costs[i] = make([]int, len(a.got)+1)
		for j := len(a.got); j >= 0; j-- {
			a.costs[i][j] = a.cost(i, j)
		}
	}
}

func (a *alignment) cost(i, j int) int {
	switch {
	case i == len(a.wanted):
		return len(a.got) - j
	case a.accepts[i] == nil && j == len(a.got):
		return a.costs[i+1][j]
	case a.accepts[i] == nil:
		return min(a.costs[i+1][j], a.costs[i][j+1])
	case j == len(a.got):
		return 1 + a.costs[i+1][j]
	case a.accepts[i].accepts(a.got[j]):
		return a.costs[i+1][j+1]
	default:
		return 1 + min(a.costs[i+1][j], a.costs[i][j+1])
	}
}

// diff walks the way of the least cost.
func (a *alignment) diff() string {
	var out strings.Builder
	for i, j := 0, 0; i < len(a.wanted) || j < len(a.got); {
		mark, shown, came := a.step(i, j)
		switch {
		case mark == "-":
			out.WriteString(strings.TrimRight("- "+a.wanted[i], " ") + "\n")
		case came > 0:
			out.WriteString(strings.TrimRight(mark+" "+a.got[j], " ") + "\n")
		}
		i, j = i+shown, j+came
	}
	return out.String()
}

// step is what becomes of the next lines, and how many of the page's and of those that came that uses up.
func (a *alignment) step(i, j int) (mark string, shown, came int) {
	switch {
	case i == len(a.wanted):
		return "+", 0, 1
	case a.accepts[i] == nil && (j == len(a.got) || a.costs[i+1][j] == a.costs[i][j]):
		return " ", 1, 0
	case a.accepts[i] == nil:
		return " ", 0, 1
	case j == len(a.got):
		return "-", 1, 0
	case a.accepts[i].accepts(a.got[j]):
		return " ", 1, 1
	case a.costs[i+1][j] <= a.costs[i][j+1]:
		return "-", 1, 0
	default:
		return "+", 0, 1
	}
}
