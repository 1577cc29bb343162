// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package ldap

import (
	"cmp"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
)

const (
	// lockedAttribute is set by the password policy of OpenLDAP (draft-behera-ldap-password-policy) on a locked account.
	lockedAttribute = "pwdAccountLockedTime"
	// lockedForGood is its value on an account that an administrator locked. Any other is the time of too many wrong passwords:
	// everybody can bring that about for everybody, and it stays when the lockout is long over.
	lockedForGood = "000001010000Z"
)

// query is one search with nothing left to default.
type query struct {
	baseDN, filter string
	id, name       string
	// displayName and email are empty for groups, member for people.
	displayName, email, member string
}

// attributes are the names to ask for. Operational ones are sent only when asked for by name.
func (q *query) attributes(more ...string) []string {
	names := append([]string{q.id, q.name}, more...)
	for _, name := range []string{q.displayName, q.email, q.member} {
		if name != "" {
			names = append(names, name)
		}
	}
	return names
}

// memberUID says that groups list login names instead of DNs.
func memberUID(spec *v1alpha1.LDAPSource) bool { return spec.Schema == v1alpha1.SchemaRFC2307 }

func userQuery(spec *v1alpha1.LDAPSource) query {
	class := "inetOrgPerson"
	if memberUID(spec) {
		class = "posixAccount"
	}
	attributes := spec.Users.Attributes
	return query{
		baseDN:      spec.Users.BaseDN,
		filter:      cmp.Or(spec.Users.Filter, "(objectClass="+class+")"),
		id:          cmp.Or(attributes.ID, "entryUUID"),
		name:        cmp.Or(attributes.UserName, "uid"),
		displayName: cmp.Or(attributes.DisplayName, "cn"),
		email:       cmp.Or(attributes.Email, "mail"),
	}
}

func groupQuery(spec *v1alpha1.LDAPSource) *query {
	if spec.Groups == nil {
		return nil
	}
	class, member := "groupOfNames", "member"
	if memberUID(spec) {
		class, member = "posixGroup", "memberUid"
	}
	attributes := spec.Groups.Attributes
	return &query{
		baseDN: spec.Groups.BaseDN,
		filter: cmp.Or(spec.Groups.Filter, "(objectClass="+class+")"),
		id:     cmp.Or(attributes.ID, "entryUUID"),
		name:   cmp.Or(attributes.Name, "cn"),
		member: cmp.Or(attributes.Member, member),
	}
}

// Nested says whether the members of member groups count.
func Nested(spec *v1alpha1.LDAPSource) bool {
	switch {
	case spec.Groups == nil:
		return false
	case spec.Groups.Nesting != "":
		return spec.Groups.Nesting == v1alpha1.NestingNested
	default:
		return !memberUID(spec)
	}
}
