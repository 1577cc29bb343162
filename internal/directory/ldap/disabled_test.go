// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package ldap

import (
	"time"

	"github.com/go-ldap/ldap/v3"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
)

const (
	// year2020 is the first second of 2020 as a FILETIME.
	year2020 = "132223104000000000"
	// enabled is the userAccountControl of a normal account.
	enabled = "512"
)

var never time.Time

// outIn says whether an entry of a schema is kept out, and from when on.
func outIn(schema v1alpha1.LDAPSchema, sign *v1alpha1.LDAPDisabled, attributes values) (disabled bool, from time.Time) {
	q := userQuery(&v1alpha1.LDAPSource{Schema: schema, Users: v1alpha1.LDAPUsers{Disabled: sign}})
	p := person(ldap.NewEntry(aliceDN, attributes), &q)
	return p.Disabled, p.ExpireTime
}

var _ = Describe("A person whom the directory keeps out", func() {
	day := func(year int, month time.Month, day int) time.Time {
		return time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
	}
	posix := []v1alpha1.LDAPSchema{v1alpha1.SchemaRFC2307, v1alpha1.SchemaRFC2307bis}

	DescribeTable("is known by the signs of the POSIX schemas", func(attributes values, disabled bool, from time.Time) {
		for _, schema := range posix {
			is, at := outIn(schema, nil, attributes)
			Expect(is).To(Equal(disabled), string(schema))
			Expect(at).To(Equal(from), string(schema))
		}
	},
		Entry("no sign", nil, false, never),
		Entry("locked by an administrator", values{"pwdAccountLockedTime": {"000001010000Z"}}, true, never),
		Entry("not locked by too many wrong passwords", values{"pwdAccountLockedTime": {"20261123120000Z"}}, false, never),
		Entry("locked by both", values{"pwdAccountLockedTime": {"20261123120000Z", "000001010000Z"}}, true, never),
		Entry("in another case", values{"PWDACCOUNTLOCKEDTIME": {"000001010000Z"}}, true, never),
		Entry("nsAccountLock TRUE", values{"nsAccountLock": {"TRUE"}}, true, never),
		Entry("nsaccountlock true", values{"nsaccountlock": {"true"}}, true, never),
		Entry("nsAccountLock false", values{"nsAccountLock": {"false"}}, false, never),
		Entry("nsAccountLock empty", values{"nsAccountLock": {""}}, false, never),
		Entry("shadowExpire of today, as it were", values{"shadowExpire": {"20781"}}, false, day(2026, time.November, 24)),
		Entry("shadowExpire long ago", values{"shadowExpire": {"1"}}, false, day(1970, time.January, 2)),
		Entry("shadowExpire 0", values{"shadowExpire": {"0"}}, false, day(1970, time.January, 1)),
		Entry("shadowExpire -1, which is never", values{"shadowExpire": {"-1"}}, false, never),
		Entry("shadowExpire with spaces", values{"shadowExpire": {" 1 "}}, false, day(1970, time.January, 2)),
		Entry("shadowExpire that is the last day there is", values{"shadowExpire": {"4000000"}}, false, time.Unix(4_000_000*86_400, 0).UTC()),
		Entry("shadowExpire beyond what is a time", values{"shadowExpire": {"4000001"}}, false, never),
		Entry("shadowExpire that is no number", values{"shadowExpire": {"soon"}}, true, never),
		Entry("shadowExpire that fits no number", values{"shadowExpire": {"99999999999999999999"}}, true, never),
		Entry("not by Active Directory's signs", values{"userAccountControl": {"514"}, "accountExpires": {year2020}}, false, never),
	)

	DescribeTable("is known by the signs of Active Directory", func(attributes values, disabled bool, from time.Time) {
		is, at := outIn(v1alpha1.SchemaActiveDirectory, nil, attributes)
		Expect(is).To(Equal(disabled))
		Expect(at).To(Equal(from))
	},
		Entry("enabled", values{"userAccountControl": {enabled}}, false, never),
		Entry("enabled, whose password never expires", values{"userAccountControl": {"66048"}}, false, never),
		Entry("disabled", values{"userAccountControl": {"514"}}, true, never),
		Entry("disabled, in another case", values{"USERACCOUNTCONTROL": {"66050"}}, true, never),
		Entry("enabled, with the highest flag, which makes a negative number", values{"userAccountControl": {"-2147483136"}}, false, never),
		Entry("flags that are hidden from us", nil, true, never),
		Entry("flags that are no number", values{"userAccountControl": {"0x200"}}, true, never),
		Entry("expires at a time", values{"userAccountControl": {enabled}, "accountExpires": {year2020}}, false, day(2020, time.January, 1)),
		Entry("expired in 1601", values{"userAccountControl": {enabled}, "accountExpires": {"1"}}, false, day(1601, time.January, 1)),
		Entry("expires never: 0", values{"userAccountControl": {enabled}, "accountExpires": {"0"}}, false, never),
		Entry("expires never: the highest number",
			values{"userAccountControl": {enabled}, "accountExpires": {"9223372036854775807"}}, false, never),
		Entry("expires at a negative time", values{"userAccountControl": {enabled}, "accountExpires": {"-1"}}, true, never),
		Entry("expires at no time", values{"userAccountControl": {enabled}, "accountExpires": {"never"}}, true, never),
		Entry("expires twice, accountExpires first",
			values{"userAccountControl": {enabled}, "accountExpires": {year2020}, "shadowExpire": {"20781"}}, false, day(2020, time.January, 1)),
		Entry("expires twice, shadowExpire first",
			values{"userAccountControl": {enabled}, "accountExpires": {year2020}, "shadowExpire": {"1"}}, false, day(1970, time.January, 2)),
		Entry("expires by shadowExpire alone",
			values{"userAccountControl": {enabled}, "accountExpires": {"0"}, "shadowExpire": {"1"}}, false, day(1970, time.January, 2)),
		Entry("disabled, and expires", values{"userAccountControl": {"514"}, "accountExpires": {year2020}}, true, day(2020, time.January, 1)),
	)

	DescribeTable("is known by the sign that is configured", func(wanted, has []string, disabled bool) {
		for _, schema := range schemas {
			sign := &v1alpha1.LDAPDisabled{Attribute: "employeeStatus", Values: wanted}
			is, _ := outIn(schema, sign, values{"userAccountControl": {enabled}, "EMPLOYEESTATUS": has})
			Expect(is).To(Equal(disabled), string(schema))
		}
	},
		Entry("any value", nil, []string{"x"}, true),
		Entry("any value, of none", nil, nil, false),
		Entry("one value", []string{"left"}, []string{"left"}, true),
		Entry("one value in another case", []string{"Left"}, []string{"LEFT"}, true),
		Entry("one of several, of several", []string{"left", "retired"}, []string{"x", "retired"}, true),
		Entry("another value", []string{"left"}, []string{"leftover"}, false),
		Entry("another value, of none", []string{"left"}, nil, false),
	)

	It("is so by the usual signs too where one is configured", func() {
		sign := &v1alpha1.LDAPDisabled{Attribute: "employeeStatus", Values: []string{"left"}}
		is, _ := outIn(v1alpha1.SchemaRFC2307bis, sign, values{"nsAccountLock": {"TRUE"}, "employeeStatus": {"active"}})
		Expect(is).To(BeTrue())
	})
})
