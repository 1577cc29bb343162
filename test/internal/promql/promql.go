// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

// Package promql reads what expressions ask for, by Prometheus's own parser.
package promql

import (
	"slices"
	"strings"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/promql/parser"
)

// Ask is a metric, and the labels by which it is chosen or summed up.
type Ask struct {
	Metric string
	Labels []string
}

// Asks parses an expression, in which dashboards have variables, and says what it asks for. Labels that Prometheus
// itself gives are left out.
func Asks(expr string) ([]Ask, error) {
	parsed, err := parser.ParseExpr(plain(expr))
	if err != nil {
		return nil, err
	}
	var asks []Ask
	parser.Inspect(parsed, func(node parser.Node, path []parser.Node) error {
		if selector, ok := node.(*parser.VectorSelector); ok {
			asks = append(asks, Ask{Metric: selector.Name, Labels: asked(selector, path)})
		}
		return nil
	})
	return asks, nil
}

// plain puts something in the place of Grafana's variables.
func plain(expr string) string {
	return strings.NewReplacer("$__rate_interval", "5m", "$__range", "1h", "$__interval", "1m").Replace(expr)
}

// asked are the labels of a selector, and those by which what it is part of is summed up.
func asked(selector *parser.VectorSelector, path []parser.Node) []string {
	var names []string
	for _, matcher := range selector.LabelMatchers {
		names = append(names, matcher.Name)
	}
	for _, node := range path {
		if sum, ok := node.(*parser.AggregateExpr); ok && !sum.Without {
			names = append(names, sum.Grouping...)
		}
	}
	slices.Sort(names)
	return slices.DeleteFunc(slices.Compact(names), func(name string) bool {
		return slices.Contains([]string{model.MetricNameLabel, "job", "namespace", "pod", "instance", "container"}, name)
	})
}

// Base is the name by which a metric is described, and whether it is a series of a histogram.
func (a Ask) Base() (name string, histogram bool) {
	for _, suffix := range []string{"_bucket", "_sum", "_count"} {
		if base, found := strings.CutSuffix(a.Metric, suffix); found {
			return base, true
		}
	}
	return a.Metric, false
}
