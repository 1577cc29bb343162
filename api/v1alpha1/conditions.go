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
	// ConditionActive says whether a User can act in the cluster now, and whether an AccessRequest gives its access now.
	ConditionActive = "Active"
	// ConditionKubeconfig says whether the kubeconfig Secret that a User asks for is there and fresh.
	// Present only on Users with spec.kubeconfig.
	ConditionKubeconfig = "Kubeconfig"
	// ConditionDormant says, while true, that a User may act and was not seen for long. Present only where it is known that audit logs
	// would have told (--dormant-after).
	ConditionDormant = "Dormant"
	// ConditionInsecure warns, while true, that a Directory is read over a connection without TLS.
	ConditionInsecure = "Insecure"
	// ConditionReviewed says whether somebody has looked at an AccessRequest whose Grant asks for approval after use.
	ConditionReviewed = "Reviewed"
	// ConditionChangesWatched says whether a directory tells its changes as they happen, and if not, why. Present once it was tried.
	ConditionChangesWatched = "ChangesWatched"
	// ConditionSignerReady says whether the API server accepts certificates that the signer signs. On the Installation.
	ConditionSignerReady = "SignerReady"
	// ConditionCredentialsChecked says whether API servers ask the authorization webhook. On the Installation.
	ConditionCredentialsChecked = "CredentialsChecked"
	// ConditionAuditReceived says whether the audit logs of API servers arrive. On the Installation, with an audit service alone.
	ConditionAuditReceived = "AuditReceived"
	// ConditionAuthorityCurrent says, of the operator's own authority, that no rotation is due or under way. On the Installation, with
	// signer CA alone.
	ConditionAuthorityCurrent = "AuthorityCurrent"
)

// Condition types of a Session that has ended: the layers that keep its credential out, each True from when it took hold.
const (
	// ConditionRenewalRefused says that no certificate is renewed any more.
	ConditionRenewalRefused = "RenewalRefused"
	// ConditionBindingsWithdrawn says that no generated binding names its User any more.
	ConditionBindingsWithdrawn = "BindingsWithdrawn"
	// ConditionCredentialDenied says that API servers ask the authorization webhook, which denies every request.
	ConditionCredentialDenied = "CredentialDenied" //nolint:gosec // A name, not a credential.
	// ConditionWritesDenied says that a Lock names its certificates, by which the policy rollcall-locks denies writes.
	ConditionWritesDenied = "WritesDenied"
	// ConditionCertificatesExpired says that its last certificate has expired.
	ConditionCertificatesExpired = "CertificatesExpired"
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
	// ReasonLocked means that a Lock keeps the User out.
	ReasonLocked = "Locked"
)

// Reasons of Dormant.
const (
	// ReasonNotSeen means that the User was seen, but not for long.
	ReasonNotSeen = "NotSeen"
	// ReasonNeverSeen means that the User has been there for long and was never seen.
	ReasonNeverSeen = "NeverSeen"
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
	// ReasonSubjectPending means that a subject exists, and that it is not known yet whom it stands for: nobody has looked at it yet, or
	// its Directory has not been read.
	ReasonSubjectPending  = "SubjectPending"
	ReasonRoleNotFound    = "RoleNotFound"
	ReasonRoleNotBindable = "RoleNotBindable"
	ReasonBindingConflict = "BindingConflict"
	// ReasonTooManySubjects means that the bindings would name more people than they may.
	ReasonTooManySubjects = "TooManySubjects"
	// ReasonOnRequest means that nobody has the role until they ask for it.
	ReasonOnRequest = "OnRequest"
)

// Reasons of a Lock's Ready, besides Locked and Expired.
const (
	ReasonTargetNotFound = "TargetNotFound"
	// ReasonLocking means that not everybody is known to be out yet.
	ReasonLocking = "Locking"
)

// Reasons of an AccessRequest's Active, Ready and endReason, besides Active, NotStarted, Expired, UserInactive and Locked.
const (
	// ReasonPending means that approvals are missing.
	ReasonPending = "Pending"
	// ReasonUserNotFound means that no User has the username of whoever asks.
	ReasonUserNotFound = "UserNotFound"
	// ReasonNotASubject means that the Grant does not reach whoever asks.
	ReasonNotASubject = "NotASubject"
	// ReasonGrantNotFound means that there is no such Grant (any more).
	ReasonGrantNotFound = "GrantNotFound"
	// ReasonGrantChanged means that the Grant is not the one any more that was asked for.
	ReasonGrantChanged = "GrantChanged"
	// ReasonGrantClosed means that the Grant's own expireTime has passed.
	ReasonGrantClosed = "GrantClosed"
	// ReasonNotOnRequest means that the Grant is not one to ask for.
	ReasonNotOnRequest = "NotOnRequest"
	// ReasonDurationTooLong means that more was asked for than the Grant's request.maxDurationSeconds.
	ReasonDurationTooLong = "DurationTooLong"
	// ReasonTicketRefused means that the ticket is not what the Grant's request.requireTicket wants.
	ReasonTicketRefused = "TicketRefused"
	// ReasonDenied means that an approver decided against it.
	ReasonDenied = "Denied"
	// ReasonApprovalWithdrawn means that there are fewer approvals than the Grant's quorum where there had been enough.
	ReasonApprovalWithdrawn = "ApprovalWithdrawn"
	// ReasonReviewPending means that access was given before anybody approved it, and that nobody has looked at it yet.
	ReasonReviewPending = "ReviewPending"
	// ReasonNobodyCanReview means that such access was given, and that its Grant, which says who may review, or whoever asked, is gone.
	ReasonNobodyCanReview = "NobodyCanReview"
	// ReasonApproved means that as many people have approved as the Grant's quorum asks for.
	ReasonApproved = "Approved"
)

// Reasons of a Session's Active and endReason, besides Active, Expired, UserInactive and Locked; and of the layers.
const (
	// ReasonIdle means that nothing was renewed for longer than it may.
	ReasonIdle = "Idle"
	// ReasonTerminated means that somebody ended it, or the person logged out.
	ReasonTerminated = "Terminated"
	// ReasonEnded means that the Session has ended.
	ReasonEnded = "Ended"
	// ReasonWithdrawn, ReasonWithdrawing and ReasonUserActive say whether bindings name the User.
	ReasonWithdrawn   = "Withdrawn"
	ReasonWithdrawing = "Withdrawing"
	ReasonUserActive  = "UserActive"
	// ReasonWebhookAsked and ReasonWebhookNotAsked say whether API servers ask the authorization webhook.
	ReasonWebhookAsked    = "WebhookAsked"
	ReasonWebhookNotAsked = "WebhookNotAsked"
	// ReasonNotLocked means that no Lock names its certificates.
	ReasonNotLocked = "NotLocked"
	// ReasonStillValid means that a certificate has not expired yet.
	ReasonStillValid = "StillValid"
)

// Reasons of an Installation's SignerReady, besides SigningFailed, SigningDenied and CertificateInvalid, and Failed where it is not known.
const (
	// ReasonSigns means that the API server accepted a certificate that the signer signed.
	ReasonSigns = "Signs"
	// ReasonSignerNotTrusted means that the API server does not accept what the signer signs.
	ReasonSignerNotTrusted = "SignerNotTrusted"
	// ReasonAuthorityUnusable means that the Secret of the authority is missing, or that what is in it cannot sign.
	ReasonAuthorityUnusable = "AuthorityUnusable"
)

// Reasons of an Installation's AuthorityCurrent.
const (
	// ReasonCurrent means that the authority has more than a third of its life before it.
	ReasonCurrent = "Current"
	// ReasonNextMissing means that the authority needs a successor, which somebody else than the operator must provide.
	ReasonNextMissing = "NextMissing"
	// ReasonNextUnusable means that what the Secret holds besides the authority that signs is wrong.
	ReasonNextUnusable = "NextUnusable"
	// ReasonNextNotTrusted means that API servers do not know the next authority yet.
	ReasonNextNotTrusted = "NextNotTrusted"
	// ReasonNextTrusted means that they do, so that it may sign.
	ReasonNextTrusted = "NextTrusted"
)

// Reasons of an Installation's AuditReceived, besides Unreachable, where an API server cannot be asked, and Failed, where the store cannot.
const (
	// ReasonReceived means that what API servers log arrives.
	ReasonReceived = "Received"
	// ReasonNotReceived means that what an API server was asked to log did not arrive.
	ReasonNotReceived = "NotReceived"
	// ReasonEventsLost means that an API server counted events that it could not deliver.
	ReasonEventsLost = "EventsLost"
	// ReasonStarting means that nothing has arrived yet, and may be on its way.
	ReasonStarting = "Starting"
)

// Reasons of an Approval's Ready.
const (
	// ReasonCounted means that the decision counts.
	ReasonCounted = "Counted"
	// ReasonRequestNotFound means that there is no request of that name and uid.
	ReasonRequestNotFound = "RequestNotFound"
	// ReasonRequestEnded means that the request had come to its end before.
	ReasonRequestEnded = "RequestEnded"
	// ReasonNotAnApprover means that the Grant does not name whoever decides, or that they may not act now.
	ReasonNotAnApprover = "NotAnApprover"
	// ReasonOwnRequest means that whoever decides is the person who asked.
	ReasonOwnRequest = "OwnRequest"
	// ReasonDecidedAlready means that the same person has decided before.
	ReasonDecidedAlready = "DecidedAlready"
	// ReasonMadeTooEarly means that the decision may have been about an earlier generation of the Grant.
	ReasonMadeTooEarly = "MadeTooEarly"
)

// Reasons of a User's Kubeconfig, and of Ready where the kubeconfig is what keeps a User from it.
const (
	ReasonIssued             = "Issued"
	ReasonIssuing            = "Issuing"
	ReasonUserInactive       = "UserInactive"
	ReasonSecretConflict     = "SecretConflict"
	ReasonSecretForbidden    = "SecretForbidden"
	ReasonSigningFailed      = "SigningFailed"
	ReasonLedgerUnavailable  = "LedgerUnavailable"
	ReasonSigningDenied      = "SigningDenied"
	ReasonCertificateInvalid = "CertificateInvalid"
)
