// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package ldap

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
)

// Attributes that have one name in every directory that has them.
const (
	attrUID                = "uid"
	attrMemberOf           = "memberOf"
	attrEntryUUID          = "entryUUID"            // RFC 4530
	attrUniqueID           = "nsUniqueId"           // 389 Directory Server
	attrLockedTime         = "pwdAccountLockedTime" // draft-behera-ldap-password-policy
	attrAccountLock        = "nsAccountLock"        // 389 Directory Server
	attrShadowExpire       = "shadowExpire"         // RFC 2307
	attrObjectGUID         = "objectGUID"           // MS-ADA3, as all that follow
	attrObjectSID          = "objectSid"
	attrPrimaryGroupID     = "primaryGroupID"
	attrUserAccountControl = "userAccountControl"
	attrAccountExpires     = "accountExpires"
)

// defaults are what a schema brings.
type defaults struct {
	userFilter, userName, displayName string
	groupFilter, groupName, member    string
	id                                string
	nested                            bool
	// signs are the attributes that tell of a person whether they are kept out and which groups hold them otherwise.
	signs []string
	// keys are the attributes of which an entry's key is made.
	keys []string
}

func defaultsOf(schema v1alpha1.LDAPSchema) defaults {
	common := []string{attrLockedTime, attrAccountLock, attrShadowExpire}
	switch schema {
	case v1alpha1.SchemaActiveDirectory:
		return defaults{
			userFilter: "(&(objectCategory=person)(objectClass=user))", userName: "sAMAccountName", displayName: "displayName",
			groupFilter: "(objectClass=group)", groupName: "sAMAccountName", member: "member", id: attrObjectGUID, nested: true,
			signs: []string{attrUserAccountControl, attrAccountExpires, attrPrimaryGroupID, attrObjectSID, attrShadowExpire},
			keys:  []string{attrObjectGUID},
		}
	case v1alpha1.SchemaRFC2307:
		return defaults{
			userFilter: "(objectClass=posixAccount)", userName: attrUID, displayName: "cn",
			groupFilter: "(objectClass=posixGroup)", groupName: "cn", member: "memberUid", id: attrEntryUUID,
			signs: append(common, attrUID), keys: []string{attrEntryUUID, attrUniqueID},
		}
	default:
		return defaults{
			userFilter: "(objectClass=inetOrgPerson)", userName: attrUID, displayName: "cn",
			groupFilter: "(objectClass=groupOfNames)", groupName: "cn", member: "member", id: attrEntryUUID, nested: true,
			signs: common, keys: []string{attrEntryUUID, attrUniqueID},
		}
	}
}

// query is one search with nothing left to default.
type query struct {
	schema         v1alpha1.LDAPSchema
	baseDN, filter string
	id, name       string
	// displayName and email are empty for groups, member for people.
	displayName, email, member string
	// disabled is the sign that the spec adds, if any.
	disabled *v1alpha1.LDAPDisabled
	// others are asked for besides.
	others []string
}

// people says whether it is people that are searched.
func (q *query) people() bool { return q.member == "" }

// followsGroups says that what is found, or who is kept out, is a matter of the groups that it is in.
func (q *query) followsGroups() bool {
	looked := filterAttributes(q.filter)
	if q.disabled != nil {
		looked = append(looked, q.disabled.Attribute)
	}
	return slices.ContainsFunc(looked, func(name string) bool { return strings.EqualFold(name, attrMemberOf) })
}

// byUID says that groups list login names instead of DNs.
func (q *query) byUID() bool { return q.schema == v1alpha1.SchemaRFC2307 }

// attributes are the names to ask for. Operational ones are sent only when asked for by name.
func (q *query) attributes() []string {
	names := append([]string{q.id, q.name}, q.others...)
	for _, name := range []string{q.displayName, q.email, q.memberRange(0)} {
		if name != "" {
			names = append(names, name)
		}
	}
	if q.disabled != nil {
		names = append(names, q.disabled.Attribute)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// memberRange asks for the members from a place on. Active Directory gives large groups in parts (MS-ADTS, section 3.1.1.3.1.3.3).
func (q *query) memberRange(from int) string {
	if q.schema != v1alpha1.SchemaActiveDirectory || q.member == "" {
		return q.member
	}
	return fmt.Sprintf("%s;range=%d-%d", q.member, from, from+rangeSize-1)
}

// String tells one query's answers from another's: cookies belong to it.
func (q *query) String() string {
	return strings.Join(append([]string{q.baseDN, q.filter}, q.attributes()...), "\n")
}

func userQuery(spec *v1alpha1.LDAPSource) query {
	attributes, schema := spec.Users.Attributes, defaultsOf(spec.Schema)
	return query{
		schema:      spec.Schema,
		baseDN:      spec.Users.BaseDN,
		filter:      cmp.Or(spec.Users.Filter, schema.userFilter),
		id:          cmp.Or(attributes.ID, schema.id),
		name:        cmp.Or(attributes.UserName, schema.userName),
		displayName: cmp.Or(attributes.DisplayName, schema.displayName),
		email:       cmp.Or(attributes.Email, "mail"),
		disabled:    spec.Users.Disabled,
		others:      slices.Concat(schema.signs, schema.keys),
	}
}

func groupQuery(spec *v1alpha1.LDAPSource) *query {
	if spec.Groups == nil {
		return nil
	}
	attributes, schema := spec.Groups.Attributes, defaultsOf(spec.Schema)
	others := schema.keys
	if spec.Schema == v1alpha1.SchemaActiveDirectory {
		others = append(others, attrObjectSID)
	}
	return &query{
		schema: spec.Schema,
		baseDN: spec.Groups.BaseDN,
		filter: cmp.Or(spec.Groups.Filter, schema.groupFilter),
		id:     cmp.Or(attributes.ID, schema.id),
		name:   cmp.Or(attributes.Name, schema.groupName),
		member: cmp.Or(attributes.Member, schema.member),
		others: others,
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
		return defaultsOf(spec.Schema).nested
	}
}
