// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package login

import (
	"crypto/sha256"
	"sync"
	"time"

	"golang.org/x/time/rate"
	"k8s.io/utils/lru"

	"github.com/rollcall-iam/rollcall/internal/serving"
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
	perPerson       = rate.Limit(1.0 / 5) // sessions of one person, who has proved it: each is kept on record for a month
	perPersonBurst  = 60

	toldOf      = rate.Limit(1) // lines of the log about what was held back
	toldOfBurst = 10

	// remembered is how many addresses, accounts and pairs of both are known at a time: those that were seen last.
	remembered = 16384
)

// limits hold one bucket (RFC 2697 calls it a token bucket) for each address and account. Each replica has its own. Whoever comes from
// ever other addresses pushes out addresses, and no account.
type limits struct {
	addresses, tries, accounts, begins *buckets
	// homes are addresses from which an account's password was right: these go on while all others guess at it.
	homes *lru.Cache
	// told are the lines of the log about what was held back.
	told *rate.Limiter
}

func newLimits() *limits {
	return &limits{
		addresses: newBuckets(perAddress, perAddressBurst), tries: newBuckets(perTry, perTryBurst),
		accounts: newBuckets(perAccount, perAccountBurst), begins: newBuckets(perPerson, perPersonBurst), homes: lru.New(remembered),
		told: rate.NewLimiter(toldOf, toldOfBurst),
	}
}

// address says whether an address may ask now, and if not, after how long.
func (l *limits) address(address string, now time.Time) (wait time.Duration, ok bool) {
	return l.addresses.take(serving.Household(address), now)
}

// password says whether a password for an account may be tried from an address now, and if not, after how long.
func (l *limits) password(account, address string, now time.Time) (wait time.Duration, ok bool) {
	pair := serving.Household(address) + " " + account
	if wait, ok = l.tries.take(pair, now); !ok {
		return wait, false
	}
	if _, home := l.homes.Get(sha256.Sum256([]byte(pair))); home {
		return 0, true
	}
	return l.accounts.take(account, now)
}

// proved remembers that a password was right.
func (l *limits) proved(account, address string) {
	l.homes.Add(sha256.Sum256([]byte(serving.Household(address)+" "+account)), struct{}{})
}

// buckets are those of one kind.
type buckets struct {
	limit rate.Limit
	burst int
	mutex sync.Mutex
	known *lru.Cache
}

func newBuckets(limit rate.Limit, burst int) *buckets {
	return &buckets{limit: limit, burst: burst, known: lru.New(remembered)}
}

func (b *buckets) take(name string, now time.Time) (wait time.Duration, ok bool) {
	reservation := b.of(name).ReserveN(now, 1)
	if wait = reservation.DelayFrom(now); wait > 0 {
		reservation.CancelAt(now)
		return wait, false
	}
	return 0, true
}

// of is the bucket of a name, which is kept as its digest: whoever makes names up makes them as long as they may.
func (b *buckets) of(name string) *rate.Limiter {
	digest := sha256.Sum256([]byte(name))
	b.mutex.Lock()
	defer b.mutex.Unlock()
	if known, found := b.known.Get(digest); found {
		if bucket, ok := known.(*rate.Limiter); ok {
			return bucket
		}
	}
	bucket := rate.NewLimiter(b.limit, b.burst)
	b.known.Add(digest, bucket)
	return bucket
}
