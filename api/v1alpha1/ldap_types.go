// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// TLSMode says how a connection to an LDAP server is protected.
// +kubebuilder:validation:Enum=Required;StartTLS;Disabled
type TLSMode string

const (
	// TLSRequired is TLS from the first byte (ldaps).
	TLSRequired TLSMode = "Required"
	// TLSStartTLS begins in the clear and turns TLS on before the bind (RFC 4513, section 3).
	TLSStartTLS TLSMode = "StartTLS"
	// TLSDisabled sends everything in the clear, the bind password too.
	TLSDisabled TLSMode = "Disabled"
)

// ChangesMode says how changes between two full reads become known.
// +kubebuilder:validation:Enum=Auto;Poll
type ChangesMode string

const (
	// ChangesAuto lets the server tell changes as they happen, by the best way that it offers.
	ChangesAuto ChangesMode = "Auto"
	// ChangesPoll waits for the next full read.
	ChangesPoll ChangesMode = "Poll"
)

// LDAPSchema names a set of defaults for filters and attributes.
// +kubebuilder:validation:Enum=RFC2307;RFC2307bis;ActiveDirectory
type LDAPSchema string

const (
	// SchemaRFC2307 is posixAccount and posixGroup, with members by login name (memberUid).
	SchemaRFC2307 LDAPSchema = "RFC2307"
	// SchemaRFC2307bis is inetOrgPerson and groupOfNames, with members by DN (member).
	SchemaRFC2307bis LDAPSchema = "RFC2307bis"
	// SchemaActiveDirectory is user and group as Active Directory has them (MS-ADTS), with members by DN (member) and one group by
	// number (primaryGroupID).
	SchemaActiveDirectory LDAPSchema = "ActiveDirectory"
)

// NestingMode says whether groups in groups count.
// +kubebuilder:validation:Enum=Flat;Nested
type NestingMode string

const (
	// NestingFlat counts only members that a group names itself.
	NestingFlat NestingMode = "Flat"
	// NestingNested counts members of member groups too, however deep; cycles do no harm.
	NestingNested NestingMode = "Nested"
)

// LDAPSource is an LDAP server and where in its tree people and groups are.
// +kubebuilder:validation:XValidation:rule="self.schema != 'ActiveDirectory' || self.tls != 'Disabled'",message="Active Directory takes no passwords in the clear: set tls to Required with an ldaps:// url, or to StartTLS"
// +kubebuilder:validation:XValidation:rule="self.tls != 'Required' || self.url.startsWith('ldaps://')",message="tls Required needs an ldaps:// url; for ldap:// set tls to StartTLS, or to Disabled for a connection in the clear"
// +kubebuilder:validation:XValidation:rule="self.tls == 'Required' || self.url.startsWith('ldap://')",message="tls StartTLS and Disabled need an ldap:// url; for ldaps:// set tls to Required"
type LDAPSource struct {
	// url of the server, ldap:// or ldaps://, with a port where it is not 389 or 636. No path and no query.
	// +required
	// +kubebuilder:validation:MinLength=8
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:XValidation:rule="self.startsWith('ldap://') || self.startsWith('ldaps://')",message="url must begin with ldaps:// or ldap://"
	// +kubebuilder:validation:XValidation:rule="isURL(self) && url(self).getHostname() != '' && url(self).getEscapedPath() in ['', '/'] && size(url(self).getQuery()) == 0",message="url must be a host and an optional port, such as ldaps://ldap.corp.example:636"
	// +kubebuilder:validation:XValidation:rule="!self.contains('@')",message="url must not hold a user or a password: put them into the Secret of bindSecretRef"
	URL string `json:"url,omitempty"`

	// tls is Required (the default), StartTLS or Disabled. Disabled sends the bind password in the clear, and the
	// condition Insecure says so.
	// +optional
	// +kubebuilder:default=Required
	TLS TLSMode `json:"tls,omitempty"`

	// caSecretRef names a Secret in the operator's namespace whose key ca.crt holds the PEM certificates that the
	// server's certificate must chain to. Default: the operator's system roots.
	// +optional
	CASecretRef *NameReference `json:"caSecretRef,omitempty"`

	// bindSecretRef names a Secret in the operator's namespace with the keys username (the bind DN) and password
	// for a simple bind (RFC 4513, section 5.1.3). Default: no bind. Changed values are picked up at once.
	// +optional
	BindSecretRef *NameReference `json:"bindSecretRef,omitempty"`

	// schema sets the defaults of filters, attributes and nesting: RFC2307bis (the default), RFC2307 or ActiveDirectory.
	// +optional
	// +kubebuilder:default=RFC2307bis
	Schema LDAPSchema `json:"schema,omitempty"`

	// changes says how changes between two full reads become known: Auto (the default) lets the server tell them as they happen,
	// by content synchronization (RFC 4533, refreshAndPersist) or, with schema ActiveDirectory, by DirSync (MS-ADTS,
	// section 3.1.1.3.4.1.3), and Poll waits for the next full read. The condition ChangesWatched says what came of it.
	// +optional
	// +kubebuilder:default=Auto
	Changes ChangesMode `json:"changes,omitempty"`

	// users says where people are.
	// +required
	Users LDAPUsers `json:"users,omitzero"`

	// groups says where groups are. Default: no groups.
	// +optional
	Groups *LDAPGroups `json:"groups,omitempty"`
}

// LDAPUsers says which entries are people.
type LDAPUsers struct {
	// baseDN is the entry below which people are searched, at any depth (RFC 4514).
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	BaseDN string `json:"baseDN,omitempty"`

	// filter that people match (RFC 4515). Default by schema: (objectClass=inetOrgPerson), (objectClass=posixAccount) or
	// (&(objectCategory=person)(objectClass=user)).
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=4096
	Filter string `json:"filter,omitempty"`

	// attributes names what is read. Default: the attributes of the schema.
	// +optional
	Attributes LDAPUserAttributes `json:"attributes,omitzero"`

	// disabled names one more sign that the directory keeps a person out. Default: none. Those that directories have of their own count
	// always: an administrator's lock by password policy (pwdAccountLockedTime 000001010000Z), nsAccountLock, shadowExpire, and with schema
	// ActiveDirectory the flag of userAccountControl and accountExpires.
	// +optional
	Disabled *LDAPDisabled `json:"disabled,omitempty"`
}

// LDAPDisabled is an attribute whose presence or values say that a person is kept out.
type LDAPDisabled struct {
	// attribute to look at.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	Attribute string `json:"attribute,omitempty"`

	// values any of which means disabled, whatever their case. Default: any value does.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=256
	Values []string `json:"values,omitempty"`
}

// LDAPUserAttributes names the attributes of a person.
// +kubebuilder:validation:MinProperties=1
type LDAPUserAttributes struct {
	// id is the attribute that never changes and is never given to another entry. Default entryUUID (RFC 4530), or
	// objectGUID with schema ActiveDirectory. Letter case does not tell ids apart.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	ID string `json:"id,omitempty"`

	// userName is the login name. Of several values the one in the entry's RDN counts. Default uid, or
	// sAMAccountName with schema ActiveDirectory.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	UserName string `json:"userName,omitempty"`

	// displayName is the name for people to read. Default cn, or displayName with schema ActiveDirectory.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	DisplayName string `json:"displayName,omitempty"`

	// email is the mail address. Default mail.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	Email string `json:"email,omitempty"`
}

// LDAPGroups says which entries are groups.
type LDAPGroups struct {
	// baseDN is the entry below which groups are searched, at any depth (RFC 4514).
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	BaseDN string `json:"baseDN,omitempty"`

	// filter that groups match (RFC 4515). Default by schema: (objectClass=groupOfNames), (objectClass=posixGroup) or
	// (objectClass=group).
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=4096
	Filter string `json:"filter,omitempty"`

	// attributes names what is read. Default: the attributes of the schema.
	// +optional
	Attributes LDAPGroupAttributes `json:"attributes,omitzero"`

	// nesting says whether members of member groups count. Default by schema: Flat for RFC2307, whose groups name people
	// only, and Nested for the others.
	// +optional
	Nesting NestingMode `json:"nesting,omitempty"`
}

// LDAPGroupAttributes names the attributes of a group.
// +kubebuilder:validation:MinProperties=1
type LDAPGroupAttributes struct {
	// id is the attribute that never changes and is never given to another entry. Default entryUUID (RFC 4530), or
	// objectGUID with schema ActiveDirectory. Letter case does not tell ids apart.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	ID string `json:"id,omitempty"`

	// name is the group's name. Of several values the one in the entry's RDN counts. Default cn, or sAMAccountName
	// with schema ActiveDirectory.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	Name string `json:"name,omitempty"`

	// member lists the members: login names with schema RFC2307 (default memberUid), DNs with the others (default member).
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	Member string `json:"member,omitempty"`
}
