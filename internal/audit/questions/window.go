// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package questions

import (
	"net/http"
	"strconv"

	"github.com/rollcall-iam/rollcall/internal/usage"
	"github.com/rollcall-iam/rollcall/internal/wire"
)

// days is the time that is asked about: so many days up to now.
func (s *Service) days(r *http.Request) (usage.Window, error) {
	count := wire.DefaultDays
	if text := r.URL.Query().Get("days"); text != "" {
		var err error
		if count, err = strconv.Atoi(text); err != nil || count < 1 || count > wire.MaxDays {
			return usage.Window{}, refuse(http.StatusBadRequest, "days must be 1 to %d", wire.MaxDays)
		}
	}
	now := s.Clock.Now()
	return usage.Window{Since: now.AddDate(0, 0, -count), Until: now}, nil
}
