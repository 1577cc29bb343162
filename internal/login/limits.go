// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package login

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
	"k8s.io/utils/lru"
)

// How often one may try. A person types a password a few times in a row; a program that guesses is held to one in some seconds, and
// whoever it guesses about can still log in from elsewhere.
const (
	perAddress      = rate.Limit(20) // any request from one address
	perAddressBurst = 60
	perTry          = rate.Limit(1.0 / 12) // passwords for one account from one address
	perTryBurst     = 5
	perAccount      = rate.Limit(1.0 / 2) // passwords for one account from anywhere
	perAccountBurst = 30

	// remembered is how many addresses and accounts are known at a time: those that were seen last.
	remembered = 16384
)

// limits hold one bucket (RFC 2697 calls it a token bucket) for each address and account. Each replica has its own.
type limits struct {
	mutex   sync.Mutex
	buckets *lru.Cache
}

func newLimits() *limits { return &limits{buckets: lru.New(remembered)} }

// address says whether an address may ask now, and if not, after how long.
func (l *limits) address(address string, now time.Time) (wait time.Duration, ok bool) {
	return l.take("address "+address, perAddress, perAddressBurst, now)
}

// password says whether a password for an account may be tried from an address now, and if not, after how long.
func (l *limits) password(account, address string, now time.Time) (wait time.Duration, ok bool) {
	if wait, ok = l.take("try "+address+" "+account, perTry, perTryBurst, now); !ok {
		return wait, false
	}
	return l.take("account "+account, perAccount, perAccountBurst, now)
}

func (l *limits) take(name string, limit rate.Limit, burst int, now time.Time) (wait time.Duration, ok bool) {
	reservation := l.bucket(name, limit, burst).ReserveN(now, 1)
	if wait = reservation.DelayFrom(now); wait > 0 {
		reservation.CancelAt(now)
		return wait, false
	}
	return 0, true
}

func (l *limits) bucket(name string, limit rate.Limit, burst int) *rate.Limiter {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if known, found := l.buckets.Get(name); found {
		if bucket, ok := known.(*rate.Limiter); ok {
			return bucket
		}
	}
	bucket := rate.NewLimiter(limit, burst)
	l.buckets.Add(name, bucket)
	return bucket
}
