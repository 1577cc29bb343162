// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/test/installation"
)

// history is every certificate that was ever recorded or published for the Users of one name, with the resource version
// at which it first was. Versions of all kinds come from one counter, so they say what came first.
type history struct {
	mu        sync.Mutex
	recorded  map[string]int
	published map[string]int
	// owners are the Users, by uid, of which a Secret was there, and holders those in whose Sessions a certificate was recorded.
	owners, holders map[types.UID]map[string]bool
}

// follow watches from now on until the spec ends: the Sessions of the User, and the Secret, of that name.
func follow(ctx context.Context, name string) *history {
	GinkgoHelper()
	h := &history{
		recorded: map[string]int{}, published: map[string]int{},
		owners: map[types.UID]map[string]bool{}, holders: map[types.UID]map[string]bool{},
	}
	sessions, err := k8s.Watch(context.WithoutCancel(ctx), &v1alpha1.SessionList{}, client.MatchingFields{"spec.userRef.name": name})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(sessions.Stop)
	secrets, err := k8s.Watch(context.WithoutCancel(ctx), &corev1.SecretList{},
		client.InNamespace(installation.Namespace), client.MatchingFields{"metadata.name": name})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(secrets.Stop)
	go h.listen(sessions)
	go h.listen(secrets)
	return h
}

func (h *history) listen(w watch.Interface) {
	for event := range w.ResultChan() {
		if event.Type != watch.Deleted {
			h.note(event.Object)
		}
	}
}

func (h *history) note(object any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch o := object.(type) {
	case *v1alpha1.Session:
		for i := range o.Status.Certificates {
			first(h.recorded, o.Status.Certificates[i].Fingerprint, o.ResourceVersion)
			add(h.holders, types.UID(o.Spec.UserRef.UID), o.Status.Certificates[i].Fingerprint)
		}
	case *corev1.Secret:
		fingerprint := fingerprintOf(o.Data["tls.crt"])
		first(h.published, fingerprint, o.ResourceVersion)
		for _, owner := range o.OwnerReferences {
			add(h.owners, owner.UID, fingerprint)
		}
	}
}

func first(versions map[string]int, fingerprint, version string) {
	number, err := strconv.Atoi(version)
	if _, known := versions[fingerprint]; !known && err == nil {
		versions[fingerprint] = number
	}
}

func add(sets map[types.UID]map[string]bool, uid types.UID, fingerprint string) {
	if sets[uid] == nil {
		sets[uid] = map[string]bool{}
	}
	sets[uid][fingerprint] = true
}

// knows says whether the history has got as far as a certificate's publication.
func (h *history) knows(fingerprint string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.recorded[fingerprint] > 0 && h.published[fingerprint] > 0
}

// unrecorded are the certificates that were published before they were recorded, or without.
func (h *history) unrecorded() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var found []string
	for fingerprint, at := range h.published {
		if recorded, known := h.recorded[fingerprint]; !known || recorded > at {
			found = append(found, fmt.Sprintf("%s published at %d, recorded: %t at %d", fingerprint, at, known, recorded))
		}
	}
	return found
}

// recordedFor are the certificates that were recorded for one User.
func (h *history) recordedFor(uid types.UID) []string { return h.keys(h.holders, uid) }

// publishedFor are the certificates that were in a Secret of one User.
func (h *history) publishedFor(uid types.UID) []string { return h.keys(h.owners, uid) }

func (h *history) keys(sets map[types.UID]map[string]bool, uid types.UID) []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Collect(maps.Keys(sets[uid]))
}

func fingerprintOf(certificate []byte) string {
	block, _ := pem.Decode(certificate)
	if block == nil {
		return "no certificate"
	}
	sum := sha256.Sum256(block.Bytes)
	return hex.EncodeToString(sum[:])
}
