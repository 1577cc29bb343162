// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package issue

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/ledger"
	"github.com/rollcall-iam/rollcall/internal/outcome"
	"github.com/rollcall-iam/rollcall/internal/pki"
)

// issued is what the ledger says of a certificate: whose it is, and by what proof and key.
type issued struct {
	Fingerprint    string                         `json:"fingerprint"`
	SerialNumber   string                         `json:"serialNumber"`
	NotBefore      metav1.Time                    `json:"notBefore"`
	NotAfter       metav1.Time                    `json:"notAfter"`
	Groups         []string                       `json:"groups,omitempty"`
	Predecessor    string                         `json:"predecessor,omitempty"`
	KeyFingerprint string                         `json:"keyFingerprint,omitempty"`
	User           v1alpha1.UserReference         `json:"user"`
	IdentityID     string                         `json:"identityID,omitempty"`
	Custody        v1alpha1.Custody               `json:"custody"`
	Authentication v1alpha1.SessionAuthentication `json:"authentication"`
}

// enter writes a certificate into the ledger. One that is not in there is not handed out: it stays on record in its Session, and nobody has
// it.
func (i *Issuer) enter(ctx context.Context, s *v1alpha1.Session, request Request, leaf *x509.Certificate) error {
	if i.Ledger == nil {
		return nil
	}
	after, err := json.Marshal(issued{
		Fingerprint: pki.Fingerprint(leaf), SerialNumber: pki.SerialNumber(leaf), Groups: pki.Groups(leaf), Predecessor: request.Predecessor,
		NotBefore: metav1.NewTime(leaf.NotBefore), NotAfter: metav1.NewTime(leaf.NotAfter), KeyFingerprint: s.Spec.KeyFingerprint,
		User: s.Spec.UserRef, IdentityID: s.Spec.IdentityID, Custody: s.Spec.Custody, Authentication: s.Spec.Authentication,
	})
	if err != nil {
		return fmt.Errorf("write a ledger's entry: %w", err)
	}
	_, err = i.Ledger.Record(ctx, &ledger.Entry{
		Time: i.Clock.Now().UTC(), Kind: ledger.CertificateIssued, Whom: s.Spec.Username, After: after,
		Object: &ledger.Object{Kind: "Session", Name: s.Name, UID: string(s.UID)},
	})
	if err != nil {
		return notWritten(err)
	}
	return nil
}

func (i *Issuer) ledgerOpen() error {
	if i.Ledger == nil {
		return nil
	}
	if err := i.Ledger.Open(); err != nil {
		return notWritten(err)
	}
	return nil
}

func notWritten(err error) error {
	return outcome.Transientf(v1alpha1.ReasonLedgerUnavailable, "no certificate is handed out that is not in the ledger: %v", err)
}
