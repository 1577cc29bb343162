// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// ImportPolicy says whom a Directory brings into the cluster.
// +kubebuilder:validation:Enum=All;Granted;Declared
type ImportPolicy string

const (
	// ImportAll mirrors every entry that the filters find.
	ImportAll ImportPolicy = "All"
	// ImportGranted mirrors only people and groups that some Grant reaches: those whose object it names, the groups within such
	// a group, and the people in any of these. They come and go as Grants do.
	ImportGranted ImportPolicy = "Granted"
	// ImportDeclared mirrors only entries for which a User or Group with a directoryRef to this Directory exists.
	ImportDeclared ImportPolicy = "Declared"
)

// SyncState says whether a Directory is read.
// +kubebuilder:validation:Enum=Active;Paused
type SyncState string

const (
	// SyncActive reads the directory at its interval.
	SyncActive SyncState = "Active"
	// SyncPaused leaves Users and Groups as they are.
	SyncPaused SyncState = "Paused"
)

// LeaversPolicy says what becomes of the imported User or Group of an entry that is gone.
// +kubebuilder:validation:Enum=Suspend;Delete
type LeaversPolicy string

const (
	// LeaversSuspend keeps the object: a User inactive, a Group without members.
	LeaversSuspend LeaversPolicy = "Suspend"
	// LeaversDelete deletes the object. Users and Groups that the Directory did not import are never deleted.
	LeaversDelete LeaversPolicy = "Delete"
)

// DirectorySpec says where people come from, and how they appear in the cluster.
// +kubebuilder:validation:ExactlyOneOf=ldap
type DirectorySpec struct {
	// ldap is an LDAP server (RFC 4511).
	// +optional
	LDAP *LDAPSource `json:"ldap,omitempty"`

	// import says whom to bring into the cluster: All (the default); only those whom some Grant reaches (Granted), directly or
	// through nested groups; or only Declared people and groups, for whom a User or Group with a directoryRef to this Directory
	// exists.
	// +optional
	// +kubebuilder:default=All
	Import ImportPolicy `json:"import,omitempty"`

	// usernamePrefix goes before every login name to make the Kubernetes username. Default: the Directory's name and
	// a colon. An empty prefix is allowed; one that could make a name begin with "system:" is not. Changing it renames everybody,
	// which the loss guard holds until it is accepted: status.usernamePrefix is the one in force.
	// +optional
	// +kubebuilder:validation:MinLength=0
	// +kubebuilder:validation:MaxLength=128
	// +kubebuilder:validation:XValidation:rule="!self.startsWith('system:') && (self == '' || !'system:'.startsWith(self))",message="usernamePrefix must not begin the reserved prefix \"system:\"; use a prefix such as \"corp:\""
	UsernamePrefix *string `json:"usernamePrefix,omitempty"`

	// groupPrefix goes before every group name to make the Kubernetes group. Default: the Directory's name and a colon.
	// The same rules as for usernamePrefix.
	// +optional
	// +kubebuilder:validation:MinLength=0
	// +kubebuilder:validation:MaxLength=128
	// +kubebuilder:validation:XValidation:rule="!self.startsWith('system:') && (self == '' || !'system:'.startsWith(self))",message="groupPrefix must not begin the reserved prefix \"system:\"; use a prefix such as \"corp:\""
	GroupPrefix *string `json:"groupPrefix,omitempty"`

	// syncIntervalSeconds is the time between two full reads, in seconds. Default 300, at least 10, at most a day.
	// +optional
	// +kubebuilder:default=300
	// +kubebuilder:validation:Minimum=10
	// +kubebuilder:validation:Maximum=86400
	SyncIntervalSeconds int32 `json:"syncIntervalSeconds,omitempty"`

	// sync is Active (the default) or Paused; a paused Directory is not read, and its Users and Groups stay as they are.
	// +optional
	// +kubebuilder:default=Active
	Sync SyncState `json:"sync,omitempty"`

	// leavers says what becomes of people whose entry is gone, and how many may go unasked. Default: the fields' own.
	// +optional
	Leavers LeaversSpec `json:"leavers,omitzero"`

	// login says how these people prove who they are to the login service, and what they get for it. Default: they cannot log in.
	// +optional
	Login *LoginPolicy `json:"login,omitempty"`
}

// LeaversSpec says what becomes of people and groups whose entry is gone. Access ends in any case.
// +kubebuilder:validation:MinProperties=1
type LeaversSpec struct {
	// policy is Suspend (the default: the object stays, inactive) or Delete (imported objects only).
	// +optional
	// +kubebuilder:default=Suspend
	Policy LeaversPolicy `json:"policy,omitempty"`

	// maxLossPercent is how many of a hundred people may lose access, by one read or bit by bit between two full reads, before
	// the operator stops and asks (condition Stalled, reason LossGuard). Five may always lose it, unless that is more than half of
	// all who are gone at once. Whom the directory disables is weighed apart, and one by one always loses access at once.
	// Default 10; 100 never asks. A server that is behind what was read of it before is not believed whatever the limit.
	// +optional
	// +kubebuilder:default=10
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=100
	MaxLossPercent *int32 `json:"maxLossPercent,omitempty"`

	// graceSeconds is how long an entry may be missing before it counts as gone, in seconds; until then its person or group stays
	// as it was. Never applies to people who are disabled. Default 0, at most 30 days.
	// +optional
	// +kubebuilder:default=0
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=2592000
	GraceSeconds *int32 `json:"graceSeconds,omitempty"`
}

// DirectoryStatus is what came of reading the directory.
type DirectoryStatus struct {
	// conditions are Ready (reasons Synced, Paused, Unreachable, TLSFailed, BindFailed, IncompleteRead, InvalidConfig,
	// SecretNotFound, LossGuard, Failed), ChangesWatched (reasons Syncrepl, DirSync, PollRequested, NotSupported, NotPermitted,
	// Connecting, Disconnected), Reconciling, Stalled, Insecure.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=8
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// observedGeneration is the generation that this status speaks of; -1 before the first.
	// +optional
	// +kubebuilder:validation:Minimum=-1
	ObservedGeneration *int64 `json:"observedGeneration,omitempty"`

	// users counts the people of the last complete read that are mirrored.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Users *int32 `json:"users,omitempty"`

	// groups counts the groups of the last complete read that are mirrored.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Groups *int32 `json:"groups,omitempty"`

	// lastSyncTime is when the last complete read began.
	// +optional
	LastSyncTime *metav1.Time `json:"lastSyncTime,omitempty"`

	// usernamePrefix is the prefix in force: another in spec takes effect when the loss guard lets it.
	// +optional
	// +kubebuilder:validation:MinLength=0
	// +kubebuilder:validation:MaxLength=128
	UsernamePrefix *string `json:"usernamePrefix,omitempty"`

	// pending is the plan that the loss guard holds. Present while it does.
	// +optional
	Pending *PendingPlan `json:"pending,omitempty"`

	// progress is how far the directory's own account of its changes has been followed, for the next start of the operator.
	// +optional
	Progress *ChangesProgress `json:"progress,omitempty"`
}

// PendingPlan is what waits for somebody to look at it. The annotation iam.rollcall.dev/accept-loss with the token as its value lets
// exactly this plan pass.
type PendingPlan struct {
	// create counts the Users and Groups that would be created in place of renamed ones; joiners do not wait.
	// +required
	// +kubebuilder:validation:Minimum=0
	Create *int32 `json:"create,omitempty"`

	// update counts the Users and Groups that would change or go.
	// +required
	// +kubebuilder:validation:Minimum=0
	Update *int32 `json:"update,omitempty"`

	// withdraw counts the people who would lose access.
	// +required
	// +kubebuilder:validation:Minimum=0
	Withdraw *int32 `json:"withdraw,omitempty"`

	// token is a digest of the plan and of startTime: another plan has another one.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	Token string `json:"token,omitempty"`

	// startTime is when the guard began to hold.
	// +required
	StartTime metav1.Time `json:"startTime,omitzero"`
}

// ChangesProgress is how far a directory's changes have been followed.
type ChangesProgress struct {
	// source is a digest of the server and the searches that this belongs to: for others it means nothing.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	Source string `json:"source,omitempty"`

	// cookies are what the server gave to go on from: one for people and one for groups (RFC 4533, section 2.1.2), in base64, or
	// that of DirSync (MS-ADTS, section 3.1.1.3.4.1.3) with the domain controller whose it is and its last change.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=3
	// +kubebuilder:validation:items:MinLength=0
	// +kubebuilder:validation:items:MaxLength=65536
	Cookies []string `json:"cookies,omitempty"`

	// position is the newest change of each of the directory's providers that was seen, as "provider at": a server that is behind
	// it is a replica that lags, or was restored from a backup.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=1024
	Position []string `json:"position,omitempty"`
}

// Directory is an external directory whose people and groups are mirrored into the cluster as Users and Groups.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Cluster,categories=iam,shortName=dir
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Users",type=integer,JSONPath=`.status.users`
// +kubebuilder:printcolumn:name="Groups",type=integer,JSONPath=`.status.groups`
// +kubebuilder:printcolumn:name="Last-Sync",type=date,JSONPath=`.status.lastSyncTime`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Changes",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="ChangesWatched")].reason`
// +kubebuilder:printcolumn:name="Pending",type=string,priority=1,JSONPath=`.status.pending.token`
// +kubebuilder:printcolumn:name="URL",type=string,priority=1,JSONPath=`.spec.ldap.url`
// +kubebuilder:printcolumn:name="Message",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Ready")].message`
// +kubebuilder:validation:XValidation:rule="size(self.metadata.name) <= 63",message="a Directory's name is a label value on what it imports: use at most 63 characters"
// +kubebuilder:validation:XValidation:rule="self.metadata.name != 'system' || (has(self.spec.usernamePrefix) && has(self.spec.groupPrefix))",message="the default prefix of a Directory called \"system\" would be \"system:\", which is reserved: set usernamePrefix and groupPrefix"
type Directory struct {
	metav1.TypeMeta `json:",inline"`

	// metadata is standard object metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitzero"`

	// spec says where people come from.
	// +required
	Spec DirectorySpec `json:"spec,omitzero"`

	// status says what came of reading it.
	// +optional
	// +kubebuilder:default={observedGeneration:-1}
	Status DirectoryStatus `json:"status,omitzero"`
}

// DirectoryList is a list of Directories.
// +kubebuilder:object:root=true
type DirectoryList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitzero"`
	Items           []Directory `json:"items"`
}

// DeclaredUsernamePrefix is what the spec wants before a login name of this Directory.
func (d *Directory) DeclaredUsernamePrefix() string {
	return orDefault(d.Spec.UsernamePrefix, d.Name+":")
}

// UsernamePrefix is what goes before a login name of this Directory now.
func (d *Directory) UsernamePrefix() string {
	return orDefault(d.Status.UsernamePrefix, d.DeclaredUsernamePrefix())
}

// GroupPrefix is what goes before a group name of this Directory.
func (d *Directory) GroupPrefix() string { return orDefault(d.Spec.GroupPrefix, d.Name+":") }

func orDefault(value *string, fallback string) string {
	if value == nil {
		return fallback
	}
	return *value
}
