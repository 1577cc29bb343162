// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package questions

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"slices"
	"strings"

	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-iam/rollcall/internal/wire"
)

// admit lets in whoever has a token of the auditors' ServiceAccount for this service: the API server says whether it is one.
func (s *Service) admit(r *http.Request) error {
	token, found := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !found || token == "" {
		return refuse(http.StatusUnauthorized, "a token of the ServiceAccount %s is missing", wire.Auditor)
	}
	digest := sha256.Sum256([]byte(token))
	if _, known := s.known.Get(digest); known {
		return nil
	}
	if !s.reviews.AllowN(s.Clock.Now(), 1) {
		return refuse(http.StatusTooManyRequests, "too many ask now: try again")
	}
	review, err := s.Reviews.Create(r.Context(), &authenticationv1.TokenReview{
		Spec: authenticationv1.TokenReviewSpec{Token: token, Audiences: []string{wire.Audience}},
	}, metav1.CreateOptions{})
	if err != nil {
		return fmt.Errorf("have a token reviewed: %w", err)
	}
	auditor := "system:serviceaccount:" + s.Namespace + ":" + wire.Auditor
	status := review.Status
	if !status.Authenticated || status.User.Username != auditor || !slices.Contains(status.Audiences, wire.Audience) {
		return refuse(http.StatusUnauthorized, "the token is none of the ServiceAccount %s for the audience %s, or it has expired",
			wire.Auditor, wire.Audience)
	}
	s.known.Add(digest, struct{}{}, knownFor)
	return nil
}
