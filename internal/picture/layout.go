// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package picture

import (
	"cmp"
	"slices"
)

// Sizes of the picture, in pixels.
const (
	boxWidth, boxHeight = 226.0, 44.0
	columnStep          = 300.0 // from one column's left edge to the next one's
	gap                 = 14.0  // between two boxes of a column
	passHeight          = 12.0  // that an arrow takes where it passes a column
	margin              = 24.0
	top                 = 64.0 // of the first box, below the headings

	orderSweeps, placeSweeps = 8, 6
)

// spot is a box's place in its column, or the place where an arrow passes a column.
type spot struct {
	column int
	box    int // -1 where an arrow passes
	y      float64
	height float64
}

// layout is where everything goes. It depends on the graph alone.
type layout struct {
	spots   []spot
	links   [][2]int // between spots of neighbouring columns, the left one first
	routes  [][]int  // the spots of each arrow, from left to right
	columns [columnCount][]int
}

func (g *Graph) layout() *layout {
	l := &layout{}
	for i, b := range g.boxes {
		l.add(spot{column: b.column, box: i, height: boxHeight})
	}
	for _, a := range g.arrows {
		l.route(g, a)
	}
	for sweep := range orderSweeps {
		l.order(sweep%2 == 0)
	}
	l.stack()
	for sweep := range placeSweeps {
		l.place(sweep%2 == 0)
	}
	l.settle()
	return l
}

func (l *layout) add(s spot) int {
	l.spots = append(l.spots, s)
	l.columns[s.column] = append(l.columns[s.column], len(l.spots)-1)
	return len(l.spots) - 1
}

// route lets an arrow that skips columns pass between their boxes, not behind them.
func (l *layout) route(g *Graph, a arrow) {
	route := []int{a.from}
	for column := g.boxes[a.from].column + 1; column < g.boxes[a.to].column; column++ {
		route = append(route, l.add(spot{column: column, box: -1, height: passHeight}))
	}
	route = append(route, a.to)
	for i := range len(route) - 1 {
		l.links = append(l.links, [2]int{route[i], route[i+1]})
	}
	l.routes = append(l.routes, route)
}

// order sorts each column by where its neighbours are, so that few arrows cross: by those on the left, or on the right.
func (l *layout) order(left bool) {
	rank := l.ranks()
	for column := range columnCount {
		if !left {
			column = columnCount - 1 - column
		}
		middle := make(map[int]float64, len(l.columns[column]))
		for _, s := range l.columns[column] {
			middle[s] = l.mean(s, left, func(n int) float64 { return rank[n] }, rank[s])
		}
		slices.SortStableFunc(l.columns[column], func(a, b int) int { return cmp.Compare(middle[a], middle[b]) })
		rank = l.ranks()
	}
}

// ranks are the spots' positions in their columns, as a share of the column.
func (l *layout) ranks() []float64 {
	ranks := make([]float64, len(l.spots))
	for _, column := range l.columns {
		for i, s := range column {
			ranks[s] = (float64(i) + 0.5) / float64(len(column))
		}
	}
	return ranks
}

// mean of a value over a spot's neighbours on one side; otherwise where it has none.
func (l *layout) mean(s int, left bool, value func(int) float64, otherwise float64) float64 {
	sum, count := 0.0, 0
	for _, link := range l.links {
		here, there := link[0], link[1]
		if left {
			here, there = there, here
		}
		if here == s {
			sum, count = sum+value(there), count+1
		}
	}
	if count == 0 {
		return otherwise
	}
	return sum / float64(count)
}

// stack puts each column's spots below each other.
func (l *layout) stack() {
	for _, column := range l.columns {
		y := 0.0
		for _, s := range column {
			l.spots[s].y = y
			y += l.spots[s].height + gap
		}
	}
}

// place moves each spot as near to the middle of its neighbours as the others in its column allow.
func (l *layout) place(left bool) {
	for column := range columnCount {
		if !left {
			column = columnCount - 1 - column
		}
		spots := l.columns[column]
		wanted := make([]float64, len(spots))
		for i, s := range spots {
			wanted[i] = l.mean(s, left, l.centre, l.centre(s)) - l.spots[s].height/2
		}
		l.spread(spots, wanted)
	}
}

func (l *layout) centre(s int) float64 { return l.spots[s].y + l.spots[s].height/2 }

// spread gives spots their wanted places in order, with the least movement that keeps them apart: those that would overlap share
// their mean (pool adjacent violators).
func (l *layout) spread(spots []int, wanted []float64) {
	type pool struct{ sum, count float64 }
	offset, offsets := 0.0, make([]float64, len(spots))
	var pools []pool
	for i, s := range spots {
		offsets[i] = offset
		offset += l.spots[s].height + gap
		pools = append(pools, pool{wanted[i] - offsets[i], 1})
		for n := len(pools); n > 1 && pools[n-2].sum/pools[n-2].count > pools[n-1].sum/pools[n-1].count; n = len(pools) {
			pools[n-2] = pool{pools[n-2].sum + pools[n-1].sum, pools[n-2].count + pools[n-1].count}
			pools = pools[:n-1]
		}
	}
	i := 0
	for _, p := range pools {
		for range int(p.count) {
			l.spots[spots[i]].y = offsets[i] + p.sum/p.count
			i++
		}
	}
}

// settle moves everything to the top.
func (l *layout) settle() {
	if len(l.spots) == 0 {
		return
	}
	least := slices.MinFunc(l.spots, func(a, b spot) int { return cmp.Compare(a.y, b.y) }).y
	for i := range l.spots {
		l.spots[i].y += top - least
	}
}

func (l *layout) bottom() float64 {
	bottom := top
	for _, s := range l.spots {
		bottom = max(bottom, s.y+s.height)
	}
	return bottom
}

func left(column int) float64 { return margin + float64(column)*columnStep }
