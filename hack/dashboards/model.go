// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import "strings"

// board is a dashboard.
type board struct {
	uid, title, description string
	other                   string
	rows                    []row
}

// row is a line of panels with a title, as high as they are.
type row struct {
	title  string
	height int
	panels []panel
}

// kind is how a panel shows its series.
type kind string

const (
	stat  kind = "stat"
	graph kind = "timeseries"
	table kind = "table"
)

// panel shows what queries answer.
type panel struct {
	kind               kind
	title, description string
	unit               string
	width              int
	queries            []query
	// marks are from where on a value is worse; a graph draws the first as a line.
	marks []mark
	// good is the value below which all is not well, for what should be there. Zero: more is never better.
	good float64
	// stacked adds the series up.
	stacked bool
	// none is what a stat says where there is no series.
	none string
	// names are words for values.
	names map[string]string
}

type mark struct {
	at    float64
	color string
}

// query is a PromQL expression, in which $of stands for which replicas are looked at, and what its series are called.
type query struct{ expr, legend string }

// Units of Grafana's.
const (
	short, seconds, days, size, perSecond, flag = "short", "s", "d", "bytes", "ops", "none"
)

const of = `namespace=~"$namespace",job=~"$job",instance=~"$instance"`

type object = map[string]any

func (b *board) json() object {
	panels, id, y := []object{}, 0, 0
	for _, r := range b.rows {
		id++
		panels = append(panels, object{
			"id": id, "type": "row", "title": r.title, "collapsed": false, "panels": []object{}, "gridPos": grid(0, y, columns, 1),
		})
		y++
		x := 0
		for _, p := range r.panels {
			if x+p.width > columns {
				x, y = 0, y+r.height
			}
			id++
			panels = append(panels, p.json(id, grid(x, y, p.width, r.height)))
			x += p.width
		}
		y += r.height
	}
	return object{
		"uid": b.uid, "title": b.title, "description": b.description, "tags": []string{"rollcall"},
		"schemaVersion": 40, "version": 1, "editable": true, "graphTooltip": 1, "refresh": "1m", "timezone": "",
		"time": object{"from": "now-6h", "to": "now"}, "annotations": object{"list": []object{}}, "panels": panels,
		"templating": object{"list": variables()},
		"links": []object{{
			"type": "link", "title": b.other, "url": "/d/" + b.other, "keepTime": true, "includeVars": true, "icon": "dashboard",
			"targetBlank": false, "asDropdown": false, "tags": []string{}, "tooltip": "",
		}},
	}
}

const columns = 24

func grid(x, y, w, h int) object { return object{"x": x, "y": y, "w": w, "h": h} }

func source() object { return object{"type": "prometheus", "uid": "${datasource}"} }

func variables() []object {
	choice := func(name, label, ask string) object {
		return object{
			"name": name, "label": label, "type": "query", "datasource": source(), "query": object{"query": ask, "refId": name},
			"definition": ask, "refresh": 2, "sort": 1, "multi": true, "includeAll": true, "allValue": ".*", "hide": 0,
			"current": object{"selected": true, "text": []string{"All"}, "value": []string{"$__all"}},
		}
	}
	return []object{
		{
			"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus", "regex": "", "hide": 0,
			"refresh": 1, "multi": false, "includeAll": false, "current": object{},
		},
		choice("namespace", "Namespace", `label_values(rollcall_build_info, namespace)`),
		choice("job", "Job", `label_values(rollcall_build_info{namespace=~"$namespace"}, job)`),
		choice("instance", "Replica", `label_values(rollcall_build_info{namespace=~"$namespace",job=~"$job"}, instance)`),
	}
}

func (p *panel) json(id int, at object) object {
	targets := make([]object, 0, len(p.queries))
	for i, q := range p.queries {
		target := object{
			"refId": string(rune('A' + i)), "datasource": source(), "expr": strings.ReplaceAll(q.expr, "$of", of), "legendFormat": q.legend,
			"editorMode": "code", "range": p.kind == graph, "instant": p.kind != graph,
		}
		if p.kind == table {
			target["format"] = "table"
		}
		targets = append(targets, target)
	}
	shown := object{
		"id": id, "type": string(p.kind), "title": p.title, "description": p.description, "datasource": source(), "gridPos": at,
		"targets": targets, "options": p.options(), "fieldConfig": object{"defaults": p.defaults(), "overrides": []object{}},
	}
	if p.kind == table {
		shown["transformations"] = []object{{
			"id": "organize", "options": object{"excludeByName": object{"Time": true}, "renameByName": object{"Value": "number"}},
		}}
	}
	return shown
}

func (p *panel) options() object {
	switch p.kind {
	case stat:
		return object{
			"reduceOptions": object{"calcs": []string{"lastNotNull"}, "fields": "", "values": false}, "colorMode": "value",
			"graphMode": "none", "justifyMode": "auto", "orientation": "auto", "textMode": "auto",
		}
	case table:
		return object{"showHeader": true, "cellHeight": "sm"}
	default:
		return object{
			"legend":  object{"displayMode": "list", "placement": "bottom", "showLegend": true, "calcs": []string{}},
			"tooltip": object{"mode": "multi", "sort": "desc"},
		}
	}
}

func (p *panel) defaults() object {
	d := object{"unit": p.unit, "thresholds": object{"mode": "absolute", "steps": p.steps()}, "mappings": p.mappings()}
	if p.unit != days {
		d["min"] = 0
	}
	d["color"] = object{"mode": "thresholds"}
	if p.none != "" {
		d["noValue"] = p.none
	}
	if p.kind != graph {
		return d
	}
	d["color"] = object{"mode": "palette-classic"}
	custom := object{"drawStyle": "line", "lineWidth": 1, "fillOpacity": 10, "showPoints": "never", "spanNulls": false, "axisSoftMin": 0}
	if p.stacked {
		custom["fillOpacity"], custom["stacking"] = 40, object{"mode": "normal", "group": "A"}
	}
	if len(p.marks) > 0 {
		custom["thresholdsStyle"] = object{"mode": "dashed"}
	}
	d["custom"] = custom
	return d
}

func (p *panel) steps() []object {
	first := "green"
	if p.good > 0 {
		return []object{{"color": "red", "value": nil}, {"color": first, "value": p.good}}
	}
	if p.kind != graph && len(p.marks) == 0 {
		first = "text"
	}
	steps := []object{{"color": first, "value": nil}}
	for _, m := range p.marks {
		steps = append(steps, object{"color": m.color, "value": m.at})
	}
	return steps
}

func (p *panel) mappings() []object {
	if len(p.names) == 0 {
		return []object{}
	}
	options := object{}
	for value, text := range p.names {
		options[value] = object{"text": text}
	}
	return []object{{"type": "value", "options": options}}
}

func warn(at float64) []mark { return []mark{{at, "orange"}} }
func bad(at float64) []mark  { return []mark{{at, "red"}} }

// tenth is what the slowest tenth takes at least.
func tenth(metric, by string) string { return quantile("0.9", metric, by) }

func quantile(q, metric, by string) string {
	labels := "le"
	if by != "" {
		labels += ", " + by
	}
	return "histogram_quantile(" + q + ", sum by (" + labels + ") (rate(" + metric + "_bucket{$of}[$__rate_interval])))"
}

// over is a quantile of what happened in a long time, of which there is too little for a rate.
func over(q, metric, matchers, window string) string {
	return "histogram_quantile(" + q + ", sum by (le) (increase(" + metric + "_bucket{$of" + matchers + "}[" + window + "])))"
}

func rate(metric, matchers, by string) string {
	if matchers != "" {
		matchers = "," + matchers
	}
	total := "sum"
	if by != "" {
		total += " by (" + by + ")"
	}
	return total + " (rate(" + metric + "{$of" + matchers + "}[$__rate_interval]))"
}
