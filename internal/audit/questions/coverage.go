// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package questions

import (
	"context"
	"net/http"

	"github.com/rollcall-iam/rollcall/internal/audit/coverage"
	"github.com/rollcall-iam/rollcall/internal/audit/store"
	"github.com/rollcall-iam/rollcall/internal/usage"
)

// coverage says of how much of a time it is known that what API servers logged arrived.
func (s *Service) coverage(ctx context.Context, kept *store.Store, r *http.Request) (*usage.Coverage, error) {
	window, err := s.days(r)
	if err != nil {
		return nil, err
	}
	covered, err := coverage.Of(ctx, kept, window.Since, window.Until)
	return &covered, err
}
