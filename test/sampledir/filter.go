// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package sampledir

import (
	"errors"
	"slices"
	"strings"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"
)

var errUnsupportedFilter = errors.New("this kind of filter is not supported by the sample directory")

// matches evaluates a compiled filter. Case never matters, as for nearly all attributes of people and groups.
func (e *entry) matches(filter *ber.Packet) (bool, error) {
	switch filter.Tag {
	case ldap.FilterAnd:
		return e.matchesAll(filter.Children)
	case ldap.FilterOr:
		return e.matchesAny(filter.Children)
	case ldap.FilterNot:
		matched, err := e.matches(filter.Children[0])
		return !matched, err
	case ldap.FilterPresent:
		return len(e.values(text(filter))) > 0, nil
	case ldap.FilterSubstrings:
		return e.someValue(filter.Children[0], func(value string) bool { return matchesSubstrings(value, filter.Children[1].Children) }), nil
	case ldap.FilterEqualityMatch, ldap.FilterApproxMatch, ldap.FilterGreaterOrEqual, ldap.FilterLessOrEqual:
		return e.someValue(filter.Children[0], func(value string) bool { return compares(filter.Tag, value, text(filter.Children[1])) }), nil
	default:
		return false, errUnsupportedFilter
	}
}

func (e *entry) matchesAll(filters []*ber.Packet) (bool, error) {
	for _, filter := range filters {
		if matched, err := e.matches(filter); err != nil || !matched {
			return false, err
		}
	}
	return true, nil
}

func (e *entry) matchesAny(filters []*ber.Packet) (bool, error) {
	for _, filter := range filters {
		if matched, err := e.matches(filter); err != nil || matched {
			return matched, err
		}
	}
	return false, nil
}

func (e *entry) someValue(attribute *ber.Packet, test func(string) bool) bool {
	return slices.ContainsFunc(e.values(text(attribute)), test)
}

func compares(tag ber.Tag, value, asserted string) bool {
	order := strings.Compare(strings.ToLower(value), strings.ToLower(asserted))
	switch tag {
	case ldap.FilterGreaterOrEqual:
		return order >= 0
	case ldap.FilterLessOrEqual:
		return order <= 0
	default:
		return order == 0 || sameDN(value, asserted)
	}
}

// sameDN sees through differences in spacing, so that a member is found however the client writes its name.
func sameDN(a, b string) bool {
	if !strings.Contains(a, "=") || !strings.Contains(b, "=") {
		return false
	}
	left, errLeft := ldap.ParseDN(a)
	right, errRight := ldap.ParseDN(b)
	return errLeft == nil && errRight == nil && left.EqualFold(right)
}

// matchesSubstrings looks for the parts one after the other: a*b*c.
func matchesSubstrings(value string, parts []*ber.Packet) bool {
	rest := strings.ToLower(value)
	for _, part := range parts {
		var found bool
		if rest, found = cutPart(rest, strings.ToLower(text(part)), part.Tag); !found {
			return false
		}
	}
	return true
}

func cutPart(rest, part string, tag ber.Tag) (string, bool) {
	switch tag {
	case ldap.FilterSubstringsInitial:
		return strings.CutPrefix(rest, part)
	case ldap.FilterSubstringsFinal:
		return strings.CutSuffix(rest, part)
	default:
		_, after, found := strings.Cut(rest, part)
		return after, found
	}
}

func text(packet *ber.Packet) string {
	return ber.DecodeString(packet.Data.Bytes())
}
