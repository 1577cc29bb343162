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
	"strings"
	"time"

	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/watch"
	certificatesclient "k8s.io/client-go/kubernetes/typed/certificates/v1"
	"k8s.io/client-go/tools/cache"
	watchtools "k8s.io/client-go/tools/watch"
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
	approved, err := s.approve(ctx, created)
	if err != nil {
		return nil, err
	}
	return s.wait(ctx, approved)
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
	}
	return pki.CheckRequest(got.Spec.Request, subject)
}

// approve approves exactly the object that was checked: its uid and resource version go along, so that a rival of the same
// name is refused by the API server.
func (s *Signer) approve(
	ctx context.Context, request *certificatesv1.CertificateSigningRequest,
) (*certificatesv1.CertificateSigningRequest, error) {
	request.Status.Conditions = append(request.Status.Conditions, certificatesv1.CertificateSigningRequestCondition{
		Type: certificatesv1.CertificateApproved, Status: corev1.ConditionTrue,
		Reason: "RollcallUser", Message: "Asked for and checked by Rollcall, for a Session of a User, or to try whether this cluster signs.",
	})
	approved, err := s.Requests.UpdateApproval(ctx, request.Name, request, metav1.UpdateOptions{})
	if err != nil {
		return nil, fmt.Errorf("approve certificate signing request: %w", err)
	}
	return approved, nil
}

// wait follows the request from the moment of its approval, so that nothing is missed and nothing is listed.
func (s *Signer) wait(ctx context.Context, request *certificatesv1.CertificateSigningRequest) ([]byte, error) {
	selector := fields.OneTermEqualSelector(metav1.ObjectNameField, request.Name).String()
	watcher := &cache.ListWatch{
		WatchFuncWithContext: func(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
			options.FieldSelector = selector
			return s.Requests.Watch(ctx, options)
		},
	}
	event, err := watchtools.Until(ctx, request.ResourceVersion, watcher, decided)
	if err != nil {
		if problem := outcome.Of(err, v1alpha1.ReasonSigningFailed); problem.Kind == outcome.Terminal {
			return nil, problem
		}
		return nil, outcome.Transientf(v1alpha1.ReasonSigningFailed,
			"the certificate signing request was approved, and not signed within %s: does this cluster sign for %s? (%v) %s",
			patience, request.Spec.SignerName, err, wayOut)
	}
	signed, ok := event.Object.(*certificatesv1.CertificateSigningRequest)
	if !ok {
		return nil, fmt.Errorf("the watch of %s sent a %T", request.Name, event.Object)
	}
	return signed.Status.Certificate, nil
}

// wayOut is what to do in a cluster that signs no client certificates, as some that are rented do not.
const wayOut = "If it never does, have the operator sign by its own authority (--signer=ca, with that authority's bundle in the " +
	"API server's --client-ca-file), or do without certificates: people log in by the cluster's own OIDC, and usernamePrefix of " +
	"their Directory is set to match"

// decided ends the wait when there is a certificate, or when there will be none.
func decided(event watch.Event) (bool, error) {
	request, ok := event.Object.(*certificatesv1.CertificateSigningRequest)
	if !ok {
		return false, nil
	}
	if event.Type == watch.Deleted {
		return false, errors.New("it was deleted")
	}
	for _, c := range request.Status.Conditions {
		if c.Type == certificatesv1.CertificateDenied || c.Type == certificatesv1.CertificateFailed {
			return false, outcome.Terminalf(v1alpha1.ReasonSigningDenied,
				"the certificate signing request is %s: %s %s", strings.ToLower(string(c.Type)), c.Reason, c.Message)
		}
	}
	return len(request.Status.Certificate) > 0, nil
}
