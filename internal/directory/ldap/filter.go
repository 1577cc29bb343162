// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package ldap

import (
	"fmt"
	"strings"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"
)

// idFilter finds the entries of some objectGUIDs.
func idFilter(ids []string) string {
	var filter strings.Builder
	filter.WriteString("(|")
	for _, id := range ids {
		if raw, err := guidBytes(id); err == nil {
			filter.WriteString("(objectGUID=" + escapeBytes(raw) + ")")
		}
	}
	filter.WriteString(")")
	return filter.String()
}

// escapeBytes writes bytes as a filter's value (RFC 4515, section 3).
func escapeBytes(raw []byte) string {
	var escaped strings.Builder
	for _, b := range raw {
		fmt.Fprintf(&escaped, "\\%02x", b)
	}
	return escaped.String()
}

// filterAttributes are the attributes that a filter looks at.
func filterAttributes(filter string) []string {
	packet, err := ldap.CompileFilter(filter)
	if err != nil {
		return nil
	}
	var names []string
	var visit func(*ber.Packet)
	visit = func(p *ber.Packet) {
		switch p.Tag {
		case ldap.FilterAnd, ldap.FilterOr, ldap.FilterNot:
			for _, child := range p.Children {
				visit(child)
			}
		case ldap.FilterPresent:
			names = append(names, p.Data.String())
		case ldap.FilterExtensibleMatch:
			for _, child := range p.Children {
				if child.Tag == ldap.MatchingRuleAssertionType {
					names = append(names, child.Data.String())
				}
			}
		default:
			if len(p.Children) > 0 {
				names = append(names, p.Children[0].Data.String())
			}
		}
	}
	visit(packet)
	return names
}
