// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package picture

import (
	"fmt"
	"strings"

	"github.com/rollcall-iam/rollcall/internal/plain"
)

// Colours of what gives nobody anything.
const (
	offFill = "#f4f4f4"
	offLine = "#a0a6ad"
	offText = "#6b7280"
)

const (
	// titleColumns and smallColumns are how much text fits into a box, in columns of about 8 and 7 pixels.
	titleColumns, smallColumns = 24, 31
	legendHeight               = 40.0
)

const style = `
text { font-family: system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif; fill: #1f2933; }
.heading { font-size: 12px; font-weight: 600; letter-spacing: .06em; fill: #52606d; }
.title { font-size: 13px; font-weight: 600; }
.small { font-size: 11px; fill: #52606d; }
.ask rect { stroke-dasharray: 5 3; }
.off rect { fill: ` + offFill + `; stroke: ` + offLine + `; stroke-dasharray: 2 3; }
.off .title { fill: ` + offText + `; text-decoration: line-through; }
.off .small { fill: #b42318; }
path { fill: none; stroke: #7b8794; stroke-width: 1.4; }
path.ask { stroke-dasharray: 5 3; }
path.off { stroke: #cbd2d9; stroke-dasharray: 2 3; }
`

// colours of a column's boxes: the area and its border.
func colours(column int) (fill, line string) {
	switch column {
	case columnPeople:
		return "#e3f0ff", "#3b82c4"
	case columnGroups:
		return "#e4f6e8", "#3f9a5a"
	case columnGrants:
		return "#fff3d6", "#c98a1b"
	default:
		return "#efe6fb", "#8457c2"
	}
}

// SVG is the picture as it is: self-contained, without scripts.
func (g *Graph) SVG() string {
	const attributes = ` xmlns="http://www.w3.org/2000/svg"`
	return g.svg(attributes, "<style>"+style+"</style>\n")
}

// Figure is the picture as a part of a page, which has FigureStyle: what a picture says of text would hold for all of the page's.
func (g *Graph) Figure() string { return g.svg(` class="`+figureClass+`"`, "") }

// FigureStyle is the style of Figures, on light pages and on dark ones.
func FigureStyle() string {
	var dark strings.Builder
	for column := range columnCount {
		fill, line := colours(column)
		fmt.Fprintf(&dark, "rect[fill=%q] { fill: color-mix(in srgb, %s 32%%, #14181d); }\n", fill, line)
	}
	dark.WriteString(darkStyle)
	return scoped(style) + "@media screen and (prefers-color-scheme: dark) {\n" + scoped(dark.String()) + "}\n"
}

// scoped has each rule, which is a line of its own, hold in Figures alone.
func scoped(rules string) string {
	var text strings.Builder
	for line := range strings.Lines(rules) {
		if line = strings.TrimSpace(line); line != "" {
			text.WriteString("." + figureClass + " " + line + "\n")
		}
	}
	return text.String()
}

const figureClass = "rollcall-picture"

const darkStyle = `
text { fill: #eceff4; }
.heading { fill: #9aa4b2; }
.small { fill: #b6bfcb; }
.off rect { fill: #20252c; stroke: #5b6472; }
.off .title { fill: #9aa4b2; }
.off .small { fill: #f28b82; }
rect[fill="#ffffff"] { fill: #181c22; }
path { stroke: #8a94a3; }
path.off { stroke: #4a525d; }
`

func (g *Graph) svg(attributes, head string) string {
	l := g.layout()
	width, height := left(columnCount-1)+boxWidth+margin, l.bottom()+legendHeight+margin
	var svg strings.Builder
	fmt.Fprintf(&svg, `<svg%s width="%.0f" height="%.0f" viewBox="0 0 %.0f %.0f" role="img">`+"\n",
		attributes, width, height, width, height)
	svg.WriteString("<title>Who gets what through what</title>\n" + head)
	fmt.Fprintf(&svg, `<rect width="%.0f" height="%.0f" fill="#ffffff"/>`+"\n", width, height)
	for column := range columnCount {
		fmt.Fprintf(&svg, `<text class="heading" x="%.1f" y="40">%s</text>`+"\n", left(column), xmlText(strings.ToUpper(heading(column))))
	}
	for i, route := range l.routes {
		fmt.Fprintf(&svg, `<path class="%s" d="%s"/>`+"\n", g.stateOf(g.arrows[i]), l.path(route))
	}
	for _, s := range l.spots {
		if s.box >= 0 {
			g.boxes[s.box].svg(&svg, left(s.column), s.y)
		}
	}
	legend(&svg, l.bottom()+legendHeight)
	return svg.String() + "</svg>\n"
}

// path is a curve through an arrow's spots, level where it meets them.
func (l *layout) path(route []int) string {
	var path strings.Builder
	from := l.spots[route[0]]
	x, y := left(from.column)+boxWidth, l.centre(route[0])
	fmt.Fprintf(&path, "M%.1f %.1f", x, y)
	for _, next := range route[1:] {
		s := l.spots[next]
		toX, toY := left(s.column), l.centre(next)
		bend := (toX - x) / 2
		fmt.Fprintf(&path, " C%.1f %.1f %.1f %.1f %.1f %.1f", x+bend, y, toX-bend, toY, toX, toY)
		x, y = toX, toY
		if s.box < 0 {
			x += boxWidth
			fmt.Fprintf(&path, " H%.1f", x)
		}
	}
	return path.String()
}

func (b *box) svg(svg *strings.Builder, x, y float64) {
	fill, line := colours(b.column)
	fmt.Fprintf(svg, `<g class="%s"><title>%s</title>`, b.state, xmlText(strings.TrimSpace(b.title+" "+b.small)))
	fmt.Fprintf(svg, `<rect x="%.1f" y="%.1f" width="%.0f" height="%.0f" rx="7" fill="%s" stroke="%s"/>`,
		x, y, boxWidth, boxHeight, fill, line)
	titleY := 19
	if b.small == "" {
		titleY = 27
	}
	// A picture within the picture cuts off what is wider than text usually is.
	fmt.Fprintf(svg, `<svg x="%.1f" y="%.1f" width="%.0f" height="%.0f">`, x, y, boxWidth-4, boxHeight)
	fmt.Fprintf(svg, `<text class="title" x="12" y="%d">%s</text>`, titleY, xmlText(plain.Short(b.title, titleColumns)))
	if b.small != "" {
		fmt.Fprintf(svg, `<text class="small" x="12" y="35">%s</text>`, xmlText(plain.Short(b.small, smallColumns)))
	}
	svg.WriteString("</svg></g>\n")
}

func legend(svg *strings.Builder, y float64) {
	for i, entry := range []struct {
		state state
		text  string
	}{
		{stateOn, "in force"},
		{stateAsk, "when somebody asks for it"},
		{stateOff, "gives nothing now: locked, inactive, closed"},
	} {
		x := margin + float64(i)*columnStep
		fmt.Fprintf(svg, `<g class="%s"><rect x="%.1f" y="%.1f" width="26" height="16" rx="4" fill="#ffffff" stroke="#52606d"/>`,
			entry.state, x, y-12)
		fmt.Fprintf(svg, `<text x="%.1f" y="%.1f" font-size="11">%s</text></g>`+"\n", x+34, y, xmlText(entry.text))
	}
}

// xmlText is text that is markup nowhere. There are no control characters in it any more, which XML could not hold at all.
func xmlText(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "'", "&#39;").Replace(s)
}
