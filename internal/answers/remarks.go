// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package answers

import (
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Remark is something to know about an answer.
type Remark struct {
	// Reason is one of the constants below.
	Reason string `json:"reason"`
	// Message explains it to a person.
	Message string `json:"message"`
}

// Reasons of remarks on a person.
const (
	// RemarkInactive means that the person may not act now.
	RemarkInactive = "Inactive"
	// RemarkLocked means that a Lock keeps the person out.
	RemarkLocked = "Locked"
	// RemarkHolds means that bindings out of which Rollcall does not take a person hold on, although the person may not act.
	RemarkHolds = "HoldsOn"
	// RemarkNoGrant means that no Grant would allow what was asked.
	RemarkNoGrant = "NoGrant"
	// RemarkElsewhere means that the person may do in other namespaces what was asked.
	RemarkElsewhere = "AllowedElsewhere"
)

// Reasons of remarks on one way to access.
const (
	// RemarkRoleNotFound means that the role does not exist: the binding gives nothing.
	RemarkRoleNotFound = "RoleNotFound"
	// RemarkGrantNotFound means that there is no such Grant (any more).
	RemarkGrantNotFound = "GrantNotFound"
	// RemarkNotNamed means that the binding names somebody whom its Grant does not, or who may not act: that is about to be withdrawn.
	RemarkNotNamed = "NotNamed"
	// RemarkDepends means that it holds only if the person's credential speaks for a group.
	RemarkDepends = "DependsOnCredential"
	// RemarkLeft means that the person has left the group, and that a certificate still speaks for it.
	RemarkLeft = "CertificateOutlivesMembership"
)

// Reasons of the steps by which a Grant would come to allow something.
const (
	// StepActivate means that the person has to be let in again.
	StepActivate = "Activate"
	// StepJoin means that the person has to be in a Group, or to be named.
	StepJoin = "Join"
	// StepWait means that the Grant begins later.
	StepWait = "Wait"
	// StepExtend means that the Grant has expired.
	StepExtend = "Extend"
	// StepRequest means that the person has to ask.
	StepRequest = "Request"
	// StepApprove means that the person has asked, and waits.
	StepApprove = "Approve"
	// StepRenew means that the person then needs a new credential, which speaks for the group.
	StepRenew = "RenewCredential"
	// StepRepair means that the Grant should give it, and something keeps it from that.
	StepRepair = "Repair"
)

func remark(reason, format string, args ...any) Remark {
	return Remark{Reason: reason, Message: fmt.Sprintf(format, args...)}
}

func stamp(t metav1.Time) string { return t.UTC().Format(time.RFC3339) }
