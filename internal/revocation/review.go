// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package revocation

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/rollcall-iam/rollcall/internal/webhook"
)

const (
	// maxBody is more than any review: the groups and extras of one person.
	maxBody = 1 << 20
	kind    = "SubjectAccessReview"
)

// handler speaks HTTP; who decides is the reviewer.
type handler struct {
	access   *webhook.Access
	reviewer *reviewer
	metrics  *Metrics
}

func newHandler(a *webhook.Access, r *reviewer, m *Metrics) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("POST "+Path, &handler{access: a, reviewer: r, metrics: m})
	return mux
}

// ServeHTTP implements http.Handler. Whoever has no token learns nothing and causes nothing: neither what became of a certificate, nor an
// alarm.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !h.access.Admits(r) {
		w.Header().Set("WWW-Authenticate", "Bearer")
		h.refuse(w, http.StatusUnauthorized, "the token is missing or wrong")
		return
	}
	began := time.Now()
	review, status, err := read(w, r)
	if err != nil {
		h.refuse(w, status, err.Error())
		return
	}
	answer, err := h.reviewer.review(r.Context(), &review.Spec)
	if err != nil {
		log.FromContext(r.Context()).WithName("authorization").Error(err, "a review could not be answered")
		h.refuse(w, http.StatusServiceUnavailable, "this could not be found out now")
		return
	}
	h.metrics.answered(answer.decision, time.Since(began))
	write(w, answer)
}

// refuse answers without a review: it is for the API server's failurePolicy then.
func (h *handler) refuse(w http.ResponseWriter, status int, why string) {
	h.metrics.refused(status)
	http.Error(w, why, status)
}

func read(w http.ResponseWriter, r *http.Request) (review authorizationv1.SubjectAccessReview, status int, err error) {
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != "application/json" {
		return review, http.StatusUnsupportedMediaType, errors.New("the body must be application/json")
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		return review, http.StatusRequestEntityTooLarge, fmt.Errorf("the body is larger than %d bytes", maxBody)
	}
	if err != nil {
		return review, http.StatusBadRequest, errors.New("the body could not be read")
	}
	// What the decoder complains about may be part of the body: it is not repeated.
	if err := json.Unmarshal(body, &review); err != nil {
		return review, http.StatusBadRequest, errors.New("the body is no " + kind)
	}
	err = check(&review)
	return review, http.StatusBadRequest, err
}

func check(review *authorizationv1.SubjectAccessReview) error {
	if review.APIVersion != authorizationv1.SchemeGroupVersion.String() || review.Kind != kind {
		return fmt.Errorf("the body must be a %s of %s", kind, authorizationv1.SchemeGroupVersion)
	}
	if review.Spec.User == "" && len(review.Spec.Groups) == 0 {
		return errors.New("spec names neither a user nor a group")
	}
	if (review.Spec.ResourceAttributes == nil) == (review.Spec.NonResourceAttributes == nil) {
		return errors.New("spec needs either resourceAttributes or nonResourceAttributes")
	}
	return nil
}

func write(w http.ResponseWriter, a answer) {
	w.Header().Set("Content-Type", "application/json")
	// A connection that is gone is the API server's to notice.
	_ = json.NewEncoder(w).Encode(&authorizationv1.SubjectAccessReview{
		TypeMeta: metav1.TypeMeta{APIVersion: authorizationv1.SchemeGroupVersion.String(), Kind: kind},
		Status:   authorizationv1.SubjectAccessReviewStatus{Denied: a.reason != "", Reason: a.reason},
	})
}
