// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package revocation

import (
	"k8s.io/apimachinery/pkg/util/cache"
	toolscache "k8s.io/client-go/tools/cache"
	"k8s.io/utils/clock"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
)

// deletionsKept bounds what is remembered of deleted Sessions: some megabytes.
const deletionsKept = 16384

// deletions remembers the certificates of deleted Sessions for as long as they are valid: they are no reason for an alarm. It is lost
// when the operator ends; a Session whose certificates are still valid is better ended than deleted.
type deletions struct {
	clock clock.PassiveClock
	names *cache.LRUExpireCache
}

func newDeletions(c clock.PassiveClock) *deletions {
	return &deletions{clock: c, names: cache.NewLRUExpireCacheWithClock(deletionsKept, c)}
}

func (d *deletions) handler() toolscache.ResourceEventHandler {
	return toolscache.ResourceEventHandlerFuncs{DeleteFunc: func(object any) {
		if last, lost := object.(toolscache.DeletedFinalStateUnknown); lost {
			object = last.Obj
		}
		if s, ok := object.(*v1alpha1.Session); ok {
			d.remember(s)
		}
	}}
}

func (d *deletions) remember(s *v1alpha1.Session) {
	now := d.clock.Now()
	for i := range s.Status.Certificates {
		if certificate := &s.Status.Certificates[i]; now.Before(certificate.NotAfter.Time) {
			d.names.Add(certificate.Fingerprint, s.Name, certificate.NotAfter.Sub(now))
		}
	}
}

// session is the name of the deleted Session that a certificate was issued in.
func (d *deletions) session(fingerprint string) (name string, gone bool) {
	value, found := d.names.Get(fingerprint)
	if !found {
		return "", false
	}
	name, gone = value.(string)
	return name, gone
}
