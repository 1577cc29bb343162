// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

// Package dashboards reads config/dashboards as Grafana does.
package dashboards

import (
	"encoding/json"
	"os"
	"path/filepath"

	"github.com/rollcall-iam/rollcall/test/internal/checkout"
)

// Board is a dashboard.
type Board struct {
	UID           string  `json:"uid"`
	Title         string  `json:"title"`
	Description   string  `json:"description"`
	SchemaVersion int     `json:"schemaVersion"`
	Panels        []Panel `json:"panels"`
	Templating    struct {
		List []Variable `json:"list"`
	} `json:"templating"`
	Links []struct {
		URL string `json:"url"`
	} `json:"links"`
}

// Variable is what somebody chooses above the panels.
type Variable struct {
	Name       string `json:"name"`
	Type       string `json:"type"`
	Definition string `json:"definition"`
	Query      any    `json:"query"`
	Datasource Source `json:"datasource"`
}

// Source of data.
type Source struct {
	Type string `json:"type"`
	UID  string `json:"uid"`
}

// Panel shows what queries answer. A row is one, too.
type Panel struct {
	ID          int    `json:"id"`
	Type        string `json:"type"`
	Title       string `json:"title"`
	Description string `json:"description"`
	Datasource  Source `json:"datasource"`
	Grid        Grid   `json:"gridPos"`
	Targets     []struct {
		Datasource Source `json:"datasource"`
		Expr       string `json:"expr"`
		Legend     string `json:"legendFormat"`
		Instant    bool   `json:"instant"`
		Range      bool   `json:"range"`
	} `json:"targets"`
	Fields struct {
		Defaults struct {
			Unit       string `json:"unit"`
			Thresholds struct {
				Steps []struct {
					Color string   `json:"color"`
					Value *float64 `json:"value"`
				} `json:"steps"`
			} `json:"thresholds"`
		} `json:"defaults"`
	} `json:"fieldConfig"`
}

// Grid says where a panel is.
type Grid struct {
	X int `json:"x"`
	Y int `json:"y"`
	W int `json:"w"`
	H int `json:"h"`
}

// Load reads all of them.
func Load() ([]Board, error) {
	root, err := checkout.Root()
	if err != nil {
		return nil, err
	}
	paths, err := filepath.Glob(filepath.Join(root, "config", "dashboards", "*.json"))
	if err != nil {
		return nil, err
	}
	boards := make([]Board, len(paths))
	for i, path := range paths {
		content, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		if err := json.Unmarshal(content, &boards[i]); err != nil {
			return nil, err
		}
	}
	return boards, nil
}
