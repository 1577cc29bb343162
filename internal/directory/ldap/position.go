// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package ldap

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/go-ldap/ldap/v3"

	"github.com/rollcall-iam/rollcall/internal/directory"
)

// Attributes of the root DSE (RFC 4512, section 5.1) and of the entry at the top of a naming context.
const (
	attrSupportedControl = "supportedControl"
	attrNamingContexts   = "namingContexts"
	attrHighestUSN       = "highestCommittedUSN" // MS-ADTS, section 3.1.1.3.2.20: the last change of this domain controller.
	attrDSServiceName    = "dsServiceName"       // Which domain controller this is.
	attrLastChange       = "lastChangeNumber"    // draft-good-ldap-changelog, as 389 Directory Server keeps it.
	attrContextCSN       = "contextCSN"          // OpenLDAP: the last change of each provider.

	changelog = "changelog"
)

// rootDSE asks the server what it is.
func rootDSE(connection *ldap.Conn) (*ldap.Entry, error) {
	return base(connection, "", attrSupportedControl, attrNamingContexts, attrHighestUSN, attrDSServiceName, attrLastChange)
}

// base reads one entry, or an empty one where the server answers, and does not show it.
func base(connection *ldap.Conn, dn string, attributes ...string) (*ldap.Entry, error) {
	result, err := connection.Search(ldap.NewSearchRequest(dn, ldap.ScopeBaseObject, ldap.NeverDerefAliases, 1, 0, false,
		"(objectClass=*)", attributes, nil))
	switch {
	case err != nil && unavailable(err):
		return nil, err
	case err != nil || len(result.Entries) != 1:
		return &ldap.Entry{}, nil //nolint:nilerr // That it is refused is an answer too.
	default:
		return result.Entries[0], nil
	}
}

// position is how new the server's data is, as far as it tells. That it could not be asked is an error: without a position nobody notices
// that the server is behind.
func position(connection *ldap.Conn, baseDN string) (directory.Position, error) {
	root, err := rootDSE(connection)
	if err != nil {
		return nil, err
	}
	found := directory.Position{}
	if number, ok := changeNumber(root.GetEqualFoldAttributeValue(attrHighestUSN)); ok {
		found[root.GetEqualFoldAttributeValue(attrDSServiceName)] = number
		return found, nil
	}
	if number, ok := changeNumber(root.GetEqualFoldAttributeValue(attrLastChange)); ok {
		found[changelog] = number
		return found, nil
	}
	context := namingContext(root, baseDN)
	if context == "" {
		return found, nil
	}
	top, err := base(connection, context, attrContextCSN)
	if err != nil {
		return nil, err
	}
	return csnPosition(top.GetEqualFoldAttributeValues(attrContextCSN)), nil
}

// changeNumber makes a number comparable as text.
func changeNumber(value string) (number string, ok bool) {
	parsed, err := strconv.ParseUint(value, 10, 64)
	return fmt.Sprintf("%020d", parsed), err == nil && parsed > 0
}

// namingContext is the innermost one around a DN.
func namingContext(root *ldap.Entry, baseDN string) string {
	wanted, err := ldap.ParseDN(baseDN)
	if err != nil {
		return ""
	}
	innermost, depth := "", 0
	for _, context := range root.GetEqualFoldAttributeValues(attrNamingContexts) {
		parsed, err := ldap.ParseDN(context)
		if err == nil && len(parsed.RDNs) > depth && (parsed.EqualFold(wanted) || parsed.AncestorOfFold(wanted)) {
			innermost, depth = context, len(parsed.RDNs)
		}
	}
	return innermost
}

// A change sequence number of OpenLDAP is time#count#provider#modification.
const (
	csnParts    = 4
	csnProvider = 2
)

func csnPosition(csns []string) directory.Position {
	found := directory.Position{}
	for _, csn := range csns {
		if parts := strings.Split(csn, "#"); len(parts) == csnParts {
			provider := "provider-" + parts[csnProvider]
			found[provider] = max(found[provider], csn)
		}
	}
	return found
}

// cookieCSNs finds the CSNs in a cookie of OpenLDAP, such as rid=000,csn=a;b; the other fields are returned without them.
func cookieCSNs(cookie []byte) (others, csns []string) {
	for field := range strings.SplitSeq(string(cookie), ",") {
		if value, found := strings.CutPrefix(field, "csn="); found {
			csns = append(csns, strings.Split(value, ";")...)
		} else {
			others = append(others, field)
		}
	}
	return others, csns
}

// cookiePosition is how new the data is that a cookie of content synchronization speaks of: 389 Directory Server's ends with the number
// of the change.
func cookiePosition(cookie []byte) directory.Position {
	if _, csns := cookieCSNs(cookie); len(csns) > 0 {
		return csnPosition(csns)
	}
	if i := bytes.LastIndexByte(cookie, '#'); i >= 0 {
		if number, ok := changeNumber(string(cookie[i+1:])); ok {
			return directory.Position{changelog: number}
		}
	}
	return nil
}

// mergeCookies makes one of a cookie and the next: while OpenLDAP tells changes as they happen its cookies name only the provider whose
// change it was, and going on from that alone would bring everything of the others again.
func mergeCookies(before, after []byte) []byte {
	if len(after) == 0 {
		return before
	}
	others, newer := cookieCSNs(after)
	_, older := cookieCSNs(before)
	if len(newer) == 0 || len(older) == 0 {
		return after
	}
	position := csnPosition(older).And(csnPosition(newer))
	merged := make([]string, 0, len(position))
	for _, csn := range position {
		merged = append(merged, csn)
	}
	slices.SortFunc(merged, func(a, b string) int {
		return strings.Compare(a[strings.IndexByte(a, '#'):], b[strings.IndexByte(b, '#'):])
	})
	return []byte(strings.Join(append(others, "csn="+strings.Join(merged, ";")), ","))
}
