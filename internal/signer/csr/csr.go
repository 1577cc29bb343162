// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

// Package csr signs through the Kubernetes certificates API: it asks, checks what it asked for, approves that, and waits.
package csr

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	certificatesclient "k8s.io/client-go/kubernetes/typed/certificates/v1"
	"k8s.io/utils/ptr"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/outcome"
	"github.com/rollcall-iam/rollcall/internal/pki"
	"github.com/rollcall-iam/rollcall/internal/signer"
)

// patience is how long an approved request may take to be signed. A control plane that signs takes milliseconds; one that does
// not sign never will.
const patience = 30 * time.Second

// Signer is a signer.Signer.
type Signer struct {
	// Requests is the API of certificate signing requests.
	Requests certificatesclient.CertificateSigningRequestInterface
	// Requester is the name that the API server knows this operator by: what it stamps on a request of ours.
	Requester string

	following following
}

var _ signer.Signer = &Signer{}

// Name is what an Installation's status calls this signer.
const Name = "CSR"

// Name implements signer.Signer.
func (s *Signer) Name() string { return Name }

// Sign implements signer.Signer. Every try makes a request of another name, so problems do not name it: the same one reads the same.
func (s *Signer) Sign(ctx context.Context, request signer.Request) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	wanted := newRequest(request)
	created, err := s.Requests.Create(ctx, wanted, metav1.CreateOptions{})
	if err != nil {
		return nil, fmt.Errorf("create certificate signing request: %w", err)
	}
	if err := s.check(created, wanted, request.Subject); err != nil {
		return nil, outcome.Terminalf(v1alpha1.ReasonSigningDenied,
			"the certificate signing request that the API server stored is not what was asked for and was not approved: %v", err)
	}
	answers, err := s.following.join(s.Requests, created) //nolint:contextcheck // A watch outlives whoever came first.
	if err != nil {
		return nil, err
	}
	defer s.following.leave(created.Name)
	if err := s.approve(ctx, created); err != nil {
		return nil, err
	}
	return s.wait(ctx, answers)
}

// shortest is the least that the API lets anybody ask for.
const shortest = 10 * time.Minute

// Shortest implements signer.Signer.
func (s *Signer) Shortest() time.Duration { return shortest }

func newRequest(request signer.Request) *certificatesv1.CertificateSigningRequest {
	return &certificatesv1.CertificateSigningRequest{
		ObjectMeta: metav1.ObjectMeta{
			// A name that could be foreseen could be taken beforehand by a rival.
			GenerateName:    "rollcall-",
			Labels:          map[string]string{v1alpha1.LabelManagedBy: v1alpha1.ManagedBy},
			OwnerReferences: owners(request.User),
		},
		Spec: certificatesv1.CertificateSigningRequestSpec{
			Request:           request.CSR,
			SignerName:        certificatesv1.KubeAPIServerClientSignerName,
			ExpirationSeconds: new(int32(max(request.Duration, shortest).Seconds())),
			Usages:            []certificatesv1.KeyUsage{certificatesv1.UsageDigitalSignature, certificatesv1.UsageClientAuth},
		},
	}
}

// owners let a request go with the User whom it is for, where it is for one.
func owners(user *v1alpha1.User) []metav1.OwnerReference {
	if user == nil {
		return nil
	}
	return []metav1.OwnerReference{{APIVersion: v1alpha1.GroupVersion.String(), Kind: "User", Name: user.Name, UID: user.UID}}
}

// check compares what the API server stored with what was asked for. Whoever approves answers for every byte.
func (s *Signer) check(got, wanted *certificatesv1.CertificateSigningRequest, subject pki.Subject) error {
	switch {
	case got.Spec.Username != s.Requester:
		return fmt.Errorf("its requester is %q instead of %q", got.Spec.Username, s.Requester)
	case !bytes.Equal(got.Spec.Request, wanted.Spec.Request):
		return errors.New("its request was changed")
	case got.Spec.SignerName != wanted.Spec.SignerName:
		return fmt.Errorf("its signer is %q", got.Spec.SignerName)
	case !slices.Equal(got.Spec.Usages, wanted.Spec.Usages):
		return fmt.Errorf("its usages are %q", got.Spec.Usages)
	case !ptr.Equal(got.Spec.ExpirationSeconds, wanted.Spec.ExpirationSeconds):
		return errors.New("its lifetime was changed")
	case got.Labels[v1alpha1.LabelManagedBy] != v1alpha1.ManagedBy: // What is signed would never be seen.
		return fmt.Errorf("its label %s was changed", v1alpha1.LabelManagedBy)
	}
	return pki.CheckRequest(got.Spec.Request, subject)
}

// approve approves exactly the object that was checked: its uid and resource version go along, so that a rival of the same
// name is refused by the API server.
func (s *Signer) approve(ctx context.Context, request *certificatesv1.CertificateSigningRequest) error {
	request.Status.Conditions = append(request.Status.Conditions, certificatesv1.CertificateSigningRequestCondition{
		Type: certificatesv1.CertificateApproved, Status: corev1.ConditionTrue,
		Reason: "RollcallUser", Message: "Asked for and checked by Rollcall, for a Session of a User, or to try whether this cluster signs.",
	})
	if _, err := s.Requests.UpdateApproval(ctx, request.Name, request, metav1.UpdateOptions{}); err != nil {
		return fmt.Errorf("approve certificate signing request: %w", err)
	}
	return nil
}

// wait is for the answer, or the end of patience.
func (s *Signer) wait(ctx context.Context, answers <-chan answer) ([]byte, error) {
	var got answer
	select {
	case got = <-answers:
	case <-ctx.Done():
		got.err = wait.ErrorInterrupted(nil)
	}
	if got.err == nil {
		return got.certificate, nil
	}
	if problem := outcome.Of(got.err, v1alpha1.ReasonSigningFailed); problem.Kind == outcome.Terminal {
		return nil, problem
	}
	return nil, outcome.Transientf(v1alpha1.ReasonSigningFailed,
		"the certificate signing request was approved, and not signed within %s: does this cluster sign for %s? (%v) %s",
		patience, certificatesv1.KubeAPIServerClientSignerName, got.err, wayOut)
}

// wayOut is what to do in a cluster that signs no client certificates, as some that are rented do not.
const wayOut = "If it never does, have the operator sign by its own authority (--signer=ca, with that authority's bundle in the " +
	"API server's --client-ca-file), or do without certificates: people log in by the cluster's own OIDC, and usernamePrefix of " +
	"their Directory is set to match"
