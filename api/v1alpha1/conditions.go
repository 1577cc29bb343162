// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// Condition types that every kind has. Reconciling and Stalled are present only while they are true.
const (
	// ConditionReady says whether the cluster is as the object and the directory say.
	ConditionReady = "Ready"
	// ConditionReconciling says that the operator is still at work, or will try again by itself.
	ConditionReconciling = "Reconciling"
	// ConditionStalled says that nothing more happens until a person acts.
	ConditionStalled = "Stalled"
)

// Condition types of single kinds.
const (
	// ConditionActive says whether a User can act in the cluster now.
	ConditionActive = "Active"
	// ConditionKubeconfig says whether the kubeconfig Secret that a User asks for is there and fresh.
	// Present only on Users with spec.kubeconfig.
	ConditionKubeconfig = "Kubeconfig"
	// ConditionInsecure warns, while true, that a Directory is read over a connection without TLS.
	ConditionInsecure = "Insecure"
	// ConditionChangesWatched says whether a directory tells its changes as they happen, and if not, why. Present once it was tried.
	ConditionChangesWatched = "ChangesWatched"
)

// Reasons of Active.
const (
	ReasonActive            = "Active"
	ReasonSuspended         = "Suspended"
	ReasonExpired           = "Expired"
	ReasonDirectoryDisabled = "DirectoryDisabled"
	ReasonDirectoryMissing  = "DirectoryMissing"
	ReasonDirectoryPending  = "DirectoryPending"
	ReasonDirectoryUnknown  = "DirectoryUnknown"
	ReasonIdentityReplaced  = "IdentityReplaced"
	ReasonUsernameTaken     = "UsernameTaken"
)

// Reasons of Ready, Reconciling and Stalled that several kinds share.
const (
	// ReasonReconciled means that everything is as declared.
	ReasonReconciled = "Reconciled"
	// ReasonFailed means an error that is expected to go away by itself; the message tells it.
	ReasonFailed = "Failed"
	// ReasonInvalidConfig means that the spec cannot work as it is, for instance a filter that does not parse.
	ReasonInvalidConfig = "InvalidConfig"
	// ReasonNamespaceNotFound names a namespace that does not exist (yet).
	ReasonNamespaceNotFound = "NamespaceNotFound"
)

// Reasons of a Directory's Ready and Insecure.
const (
	ReasonSynced         = "Synced"
	ReasonPaused         = "Paused"
	ReasonUnreachable    = "Unreachable"
	ReasonTLSFailed      = "TLSFailed"
	ReasonBindFailed     = "BindFailed"
	ReasonIncompleteRead = "IncompleteRead"
	ReasonSecretNotFound = "SecretNotFound"
	ReasonTLSDisabled    = "TLSDisabled"
	// ReasonMirroring goes with the progress of a large change.
	ReasonMirroring = "Mirroring"
	// ReasonLossGuard means that more people would lose access than may without asking.
	ReasonLossGuard = "LossGuard"
)

// Reasons of a Directory's ChangesWatched.
const (
	// ReasonSyncrepl and ReasonDirSync name the way by which changes become known.
	ReasonSyncrepl = "Syncrepl"
	ReasonDirSync  = "DirSync"
	// ReasonPollRequested means that spec.ldap.changes is Poll.
	ReasonPollRequested = "PollRequested"
	// ReasonNotSupported means that the server offers no way.
	ReasonNotSupported = "NotSupported"
	// ReasonNotPermitted means that the server refuses it to the bind DN, or cuts its answer short.
	ReasonNotPermitted = "NotPermitted"
	// ReasonConnecting and ReasonDisconnected mean that it is being tried, for the first time or again.
	ReasonConnecting   = "Connecting"
	ReasonDisconnected = "Disconnected"
)

// Reasons of a Group's Ready, besides DirectoryMissing, DirectoryPending, DirectoryUnknown and IdentityReplaced.
const (
	ReasonMemberNotFound = "MemberNotFound"
)

// Reasons of a Grant's Ready and Stalled.
const (
	ReasonApplied         = "Applied"
	ReasonNotStarted      = "NotStarted"
	ReasonSubjectNotFound = "SubjectNotFound"
	ReasonRoleNotFound    = "RoleNotFound"
	ReasonRoleNotBindable = "RoleNotBindable"
	ReasonBindingConflict = "BindingConflict"
)

// Reasons of a User's Kubeconfig, and of Ready where the kubeconfig is what keeps a User from it.
const (
	ReasonIssued             = "Issued"
	ReasonIssuing            = "Issuing"
	ReasonUserInactive       = "UserInactive"
	ReasonSecretConflict     = "SecretConflict"
	ReasonSecretForbidden    = "SecretForbidden"
	ReasonSigningFailed      = "SigningFailed"
	ReasonSigningDenied      = "SigningDenied"
	ReasonCertificateInvalid = "CertificateInvalid"
)
