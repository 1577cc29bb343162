// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package ocsf

import "encoding/json"

// schemaVersion is that of the Open Cybersecurity Schema Framework.
const schemaVersion = "1.4.0"

// The category, and what is the same for all that is told: it happened.
const (
	categoryUID  = 3
	categoryName = "Identity & Access Management"

	informational, medium = 1, 3
	success               = 1
	// other is the id of what the schema has no id for: its name beside it says what it is.
	other = 99
)

// class of events.
type class struct {
	uid  int
	name string
}

func accountChange() class    { return class{3001, "Account Change"} }
func authentication() class   { return class{3002, "Authentication"} }
func authorizeSession() class { return class{3003, "Authorize Session"} }
func entityManagement() class { return class{3004, "Entity Management"} }
func userAccess() class       { return class{3005, "User Access Management"} }
func groupManagement() class  { return class{3006, "Group Management"} }

// activity is what happened, in the words of its class.
type activity struct {
	id   int
	name string
}

// event is what all classes have, and what some do.
type event struct {
	ActivityID   int      `json:"activity_id"`
	ActivityName string   `json:"activity_name"`
	CategoryUID  int      `json:"category_uid"`
	CategoryName string   `json:"category_name"`
	ClassUID     int      `json:"class_uid"`
	ClassName    string   `json:"class_name"`
	TypeUID      int      `json:"type_uid"`
	TypeName     string   `json:"type_name"`
	Time         int64    `json:"time"`
	SeverityID   int      `json:"severity_id"`
	Severity     string   `json:"severity"`
	StatusID     int      `json:"status_id"`
	Status       string   `json:"status"`
	StatusDetail string   `json:"status_detail,omitempty"`
	Message      string   `json:"message"`
	Metadata     metadata `json:"metadata"`
	Actor        *actor   `json:"actor,omitempty"`

	User           *user          `json:"user,omitempty"`
	UserResult     *user          `json:"user_result,omitempty"`
	Group          *group         `json:"group,omitempty"`
	Privileges     []string       `json:"privileges,omitempty"`
	Resource       *resource      `json:"resource,omitempty"`
	Session        *session       `json:"session,omitempty"`
	Service        *service       `json:"service,omitempty"`
	AuthProtocolID int            `json:"auth_protocol_id,omitempty"`
	AuthProtocol   string         `json:"auth_protocol,omitempty"`
	LogonTypeID    int            `json:"logon_type_id,omitempty"`
	LogonType      string         `json:"logon_type,omitempty"`
	IsMFA          *bool          `json:"is_mfa,omitempty"`
	Entity         *managedEntity `json:"entity,omitempty"`
	EntityResult   *managedEntity `json:"entity_result,omitempty"`
	Comment        string         `json:"comment,omitempty"`

	Unmapped unmapped `json:"unmapped"`
}

type metadata struct {
	Version string  `json:"version"`
	Product product `json:"product"`
	UID     string  `json:"uid"`
	// CorrelationUID is the same for all events of one entry.
	CorrelationUID string `json:"correlation_uid"`
	EventCode      string `json:"event_code"`
	LogName        string `json:"log_name"`
}

type product struct {
	Name       string `json:"name"`
	VendorName string `json:"vendor_name"`
	Version    string `json:"version,omitempty"`
}

type actor struct {
	User    *user  `json:"user,omitempty"`
	AppName string `json:"app_name,omitempty"`
}

type user struct {
	Name          string  `json:"name,omitempty"`
	UID           string  `json:"uid,omitempty"`
	UIDAlt        string  `json:"uid_alt,omitempty"`
	FullName      string  `json:"full_name,omitempty"`
	Email         string  `json:"email_addr,omitempty"`
	Domain        string  `json:"domain,omitempty"`
	Groups        []group `json:"groups,omitempty"`
	CredentialUID string  `json:"credential_uid,omitempty"`
	TypeID        int     `json:"type_id"`
	Type          string  `json:"type"`
}

type group struct {
	Name string `json:"name"`
}

type resource struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

type session struct {
	UID              string `json:"uid,omitempty"`
	UIDAlt           string `json:"uid_alt,omitempty"`
	CreatedTime      int64  `json:"created_time,omitempty"`
	Issuer           string `json:"issuer,omitempty"`
	CredentialUID    string `json:"credential_uid,omitempty"`
	ExpirationTime   int64  `json:"expiration_time,omitempty"`
	ExpirationReason string `json:"expiration_reason,omitempty"`
}

type service struct {
	Name string `json:"name"`
}

type managedEntity struct {
	Name    string          `json:"name"`
	UID     string          `json:"uid,omitempty"`
	TypeID  int             `json:"type_id"`
	Type    string          `json:"type"`
	Version string          `json:"version,omitempty"`
	Data    json.RawMessage `json:"data,omitempty"`
}

// unmapped is what the class has no place for, in the ledger's own words.
type unmapped struct {
	Object *object           `json:"object,omitempty"`
	Who    string            `json:"who,omitempty"`
	Whom   string            `json:"whom,omitempty"`
	Why    string            `json:"why,omitempty"`
	Role   string            `json:"role,omitempty"`
	Made   map[string]string `json:"made,omitempty"`
	Before json.RawMessage   `json:"before,omitempty"`
	After  json.RawMessage   `json:"after,omitempty"`
}

type object struct {
	Kind       string `json:"kind"`
	Namespace  string `json:"namespace,omitempty"`
	Name       string `json:"name"`
	UID        string `json:"uid,omitempty"`
	Generation int64  `json:"generation,omitempty"`
}
