// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package ldap

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-ldap/ldap/v3"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
)

const (
	// lockedForGood is the locked time of an account that an administrator locked. Any other is the time of too many wrong passwords:
	// everybody can bring that about for everybody, and it stays when the lockout is long over.
	lockedForGood = "000001010000Z"
	// accountDisabled is ACCOUNTDISABLE in userAccountControl (MS-ADTS, section 2.2.16).
	accountDisabled = 0x2
	// neverExpires is, besides 0, the accountExpires of an account without end (MS-ADA1, section 2.1).
	neverExpires = 1<<63 - 1
	// filetimeToUnix is the number of seconds from 1601, where a FILETIME begins (MS-DTYP, section 2.3.3), to 1970.
	filetimeToUnix = 11_644_473_600
	// filetimePerSecond counts the units of 100 ns.
	filetimePerSecond = 10_000_000
	secondsPerDay     = 86_400
	// maxShadowDays keeps the days of shadowExpire within what a time can hold.
	maxShadowDays = 4_000_000
)

// out says whether the directory keeps a person out, or from when on. A sign that cannot be read keeps out: it was put there to.
func out(entry *ldap.Entry, q *query) (disabled bool, from time.Time) {
	disabled = slices.Contains(entry.GetEqualFoldAttributeValues(attrLockedTime), lockedForGood) ||
		strings.EqualFold(entry.GetEqualFoldAttributeValue(attrAccountLock), "true") ||
		declaredOut(entry, q.disabled)
	end, ok := shadowExpire(entry.GetEqualFoldAttributeValue(attrShadowExpire))
	disabled = disabled || !ok
	if q.schema != v1alpha1.SchemaActiveDirectory {
		return disabled, end
	}
	flags, err := strconv.ParseInt(entry.GetEqualFoldAttributeValue(attrUserAccountControl), 10, 64)
	if err != nil || flags&accountDisabled != 0 {
		disabled = true
	}
	expires, ok := accountExpires(entry.GetEqualFoldAttributeValue(attrAccountExpires))
	return disabled || !ok, earlier(end, expires)
}

func declaredOut(entry *ldap.Entry, sign *v1alpha1.LDAPDisabled) bool {
	if sign == nil {
		return false
	}
	values := entry.GetEqualFoldAttributeValues(sign.Attribute)
	if len(sign.Values) == 0 {
		return len(values) > 0
	}
	return slices.ContainsFunc(values, func(value string) bool {
		return slices.ContainsFunc(sign.Values, func(wanted string) bool { return strings.EqualFold(value, wanted) })
	})
}

// shadowExpire reads days since 1970; below zero there is no end.
func shadowExpire(value string) (end time.Time, ok bool) {
	if value == "" {
		return time.Time{}, true
	}
	days, err := strconv.ParseInt(strings.TrimSpace(value), 10, 64)
	switch {
	case err != nil:
		return time.Time{}, false
	case days < 0 || days > maxShadowDays:
		return time.Time{}, true
	default:
		return time.Unix(days*secondsPerDay, 0).UTC(), true
	}
}

// accountExpires reads a FILETIME.
func accountExpires(value string) (end time.Time, ok bool) {
	if value == "" {
		return time.Time{}, true
	}
	filetime, err := strconv.ParseInt(strings.TrimSpace(value), 10, 64)
	switch {
	case err != nil || filetime < 0:
		return time.Time{}, false
	case filetime == 0 || filetime == neverExpires:
		return time.Time{}, true
	default:
		return time.Unix(filetime/filetimePerSecond-filetimeToUnix, 0).UTC(), true
	}
}

func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
