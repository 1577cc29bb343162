// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

// Package signer says what a signer of client certificates is to the rest of the operator.
package signer

import (
	"context"
	"time"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/pki"
)

// Request is what a signer needs to know.
type Request struct {
	// User whom the certificate is for; nil where it is for no person, but to try the signer.
	User *v1alpha1.User
	// Subject that it shall have.
	Subject pki.Subject
	// CSR is the certificate request (PKCS #10) as PEM, which pki.CheckRequest found to ask for this subject and nothing else.
	CSR []byte
	// Duration that is asked for; a signer may give more or less.
	Duration time.Duration
}

// Signer signs client certificates that the API server accepts.
type Signer interface {
	// Name is what an Installation's status calls it.
	Name() string

	// Sign returns the certificate as PEM, followed by intermediates where there are any. It blocks until the certificate
	// is there or ctx ends. Errors are an *outcome.Problem where their reason is known.
	Sign(ctx context.Context, request Request) ([]byte, error)

	// Shortest is the shortest lifetime that can be had: a request for less gets this.
	Shortest() time.Duration
}
