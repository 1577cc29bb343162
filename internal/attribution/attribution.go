// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

// Package attribution leads from a line of the API server's audit log to the person, their session and certificate, and to what allowed
// it: binding, Grant, request and approvers, as they were then.
package attribution

import (
	"cmp"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	auditv1 "k8s.io/apiserver/pkg/apis/audit/v1"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/answers"
	"github.com/rollcall-iam/rollcall/internal/audit"
)

// Explanation is everything about one event.
type Explanation struct {
	Event Event `json:"event"`
	// Actor is who made the request.
	Actor Actor `json:"actor"`
	// ActedAs is as whom it was authorized, where the actor impersonated somebody.
	ActedAs *Actor `json:"actedAs,omitempty"`
	// Certificate by which the actor came. Absent for other credentials.
	Certificate *Certificate `json:"certificate,omitempty"`
	// Session that the certificate was issued in. Absent where it is none of Rollcall's.
	Session       *Session      `json:"session,omitempty"`
	Authorization Authorization `json:"authorization"`
	Remarks       []Remark      `json:"remarks,omitempty"`
}

// Event is what was done.
type Event struct {
	AuditID string `json:"auditID"`
	Stage   string `json:"stage"`
	// Time is when the API server received the request.
	Time   metav1.MicroTime `json:"time"`
	Action answers.Action   `json:"action"`
	// RequestURI as the client sent it.
	RequestURI string `json:"requestURI"`
	// Code is the HTTP status of the answer. Absent while there is none.
	Code      int32    `json:"code,omitempty"`
	SourceIPs []string `json:"sourceIPs,omitempty"`
	UserAgent string   `json:"userAgent,omitempty"`
}

// Kind of whoever acts.
type Kind string

const (
	// Person is somebody whom a User stands for.
	Person Kind = "Person"
	// ServiceAccount is a workload.
	ServiceAccount Kind = "ServiceAccount"
	// Node is a kubelet.
	Node Kind = "Node"
	// Component is a part of Kubernetes, or somebody who is nobody: all names with system: before.
	Component Kind = "Component"
	// Unknown is somebody whom no User stood for then.
	Unknown Kind = "Unknown"
)

// Actor is somebody who acts, or is acted as.
type Actor struct {
	Kind Kind `json:"kind"`
	// Username and Groups as the API server has them.
	Username string   `json:"username"`
	Groups   []string `json:"groups,omitempty"`
	// User is the name of the User object, and UID its uid. Only of people, as is what follows.
	User string `json:"user,omitempty"`
	UID  string `json:"uid,omitempty"`
	// Directory that vouches for them, and IdentityID by which it knows them, whatever they are called.
	Directory   string `json:"directory,omitempty"`
	IdentityID  string `json:"identityID,omitempty"`
	DisplayName string `json:"displayName,omitempty"`
	Email       string `json:"email,omitempty"`
}

// Certificate is a client certificate.
type Certificate struct {
	// Fingerprint is the SHA-256 of its DER, in lowercase hex.
	Fingerprint string `json:"fingerprint"`
	// SerialNumber and what follows are known of certificates that were issued in a Session.
	SerialNumber string       `json:"serialNumber,omitempty"`
	NotBefore    *metav1.Time `json:"notBefore,omitempty"`
	NotAfter     *metav1.Time `json:"notAfter,omitempty"`
	// Predecessor is the fingerprint of the one that it renewed.
	Predecessor string `json:"predecessor,omitempty"`
}

// Session is the time between a proof of who somebody is and its end.
type Session struct {
	Name  string      `json:"name"`
	UID   string      `json:"uid"`
	Began metav1.Time `json:"began"`
	// Custody says where the private key is: Client (on the person's machine, and nowhere else) or Server (in a Secret).
	Custody v1alpha1.Custody `json:"custody"`
	Device  string           `json:"device,omitempty"`
	// KeyFingerprint is the SHA-256 of the public key, in lowercase hex.
	KeyFingerprint string                         `json:"keyFingerprint,omitempty"`
	Authentication v1alpha1.SessionAuthentication `json:"authentication"`
	// Ended is when, EndReason why, and EndedBy by whom, as far as it has.
	Ended     *metav1.Time `json:"ended,omitempty"`
	EndReason string       `json:"endReason,omitempty"`
	EndedBy   string       `json:"endedBy,omitempty"`
}

// Verdict is what became of the question whether this may be done.
type Verdict string

const (
	// Allowed by an authorizer.
	Allowed Verdict = "Allowed"
	// Forbidden by all.
	Forbidden Verdict = "Forbidden"
	// NotAsked means that the event says nothing of it: the request was answered before, or the policy leaves it out.
	NotAsked Verdict = "NotAsked"
)

// Authorization is what allowed it.
type Authorization struct {
	Verdict Verdict `json:"verdict"`
	// Reason in the authorizer's words.
	Reason string `json:"reason,omitempty"`
	// Via says by what the binding is there: a Grant, a request, or nothing that Rollcall manages. Absent where RBAC allowed nothing.
	Via answers.Via `json:"via,omitempty"`
	// Binding that RBAC found first, with its role, and the subject in it.
	Binding *Binding         `json:"binding,omitempty"`
	Role    *answers.Role    `json:"role,omitempty"`
	Subject *answers.Subject `json:"subject,omitempty"`
	Grant   *Grant           `json:"grant,omitempty"`
	Request *Request         `json:"request,omitempty"`
}

// Binding is one version of a binding.
type Binding struct {
	answers.Binding

	// UID of the object, and Since when it was as it was then. Absent where that was not recorded.
	UID   string       `json:"uid,omitempty"`
	Since *metav1.Time `json:"since,omitempty"`
}

// Grant is one version of a Grant.
type Grant struct {
	Name       string `json:"name"`
	UID        string `json:"uid"`
	Generation int64  `json:"generation"`
	// Reason that it gives, and Until when it gives it.
	Reason string       `json:"reason,omitempty"`
	Until  *metav1.Time `json:"until,omitempty"`
	// Subjects that it names.
	Subjects []v1alpha1.Subject `json:"subjects,omitempty"`
}

// Request is an AccessRequest, and who let it pass.
type Request struct {
	Name string `json:"name"`
	UID  string `json:"uid"`
	// Reason and Ticket that it gives.
	Reason string       `json:"reason,omitempty"`
	Ticket string       `json:"ticket,omitempty"`
	Until  *metav1.Time `json:"until,omitempty"`
	// Approvals by time.
	Approvals []v1alpha1.GivenApproval `json:"approvals,omitempty"`
}

// Explain leads from an event to what is known about it.
func Explain(e *auditv1.Event, facts Facts) Explanation {
	x := Explanation{
		Event: eventOf(e), Actor: actorOf(e.User.Username, e.User.Groups, facts.User),
		Certificate: facts.certificate(audit.Fingerprint(e)), Session: facts.session(), Authorization: authorization(e, facts),
	}
	if e.ImpersonatedUser != nil {
		acted := actorOf(e.ImpersonatedUser.Username, e.ImpersonatedUser.Groups, facts.Impersonated)
		x.ActedAs = &acted
	}
	x.Remarks = remarks(e, &x, facts)
	return x
}

func eventOf(e *auditv1.Event) Event {
	told := Event{
		AuditID: string(e.AuditID), Stage: string(e.Stage), Time: e.RequestReceivedTimestamp, Action: ActionOf(e), RequestURI: e.RequestURI,
		SourceIPs: e.SourceIPs, UserAgent: e.UserAgent,
	}
	if e.ResponseStatus != nil {
		told.Code = e.ResponseStatus.Code
	}
	return told
}

// ActionOf is what an event is about, as the authorizer was asked.
func ActionOf(e *auditv1.Event) answers.Action {
	if e.ObjectRef == nil {
		path, _, _ := strings.Cut(e.RequestURI, "?")
		return answers.Action{Verb: e.Verb, Path: path}
	}
	return answers.Action{
		Verb: e.Verb, APIGroup: e.ObjectRef.APIGroup, Resource: e.ObjectRef.Resource, Subresource: e.ObjectRef.Subresource,
		Name: e.ObjectRef.Name, Namespace: e.ObjectRef.Namespace,
	}
}

func actorOf(username string, groups []string, user *v1alpha1.User) Actor {
	a := Actor{Kind: kindOf(username), Username: username, Groups: groups}
	if user == nil {
		return a
	}
	a.Kind, a.User, a.UID = Person, user.Name, string(user.UID)
	if user.Spec.DirectoryRef != nil {
		a.Directory = user.Spec.DirectoryRef.Name
	}
	if id := user.Status.Identity; id != nil {
		a.IdentityID, a.DisplayName, a.Email = id.ID, id.DisplayName, id.Email
	}
	return a
}

func kindOf(username string) Kind {
	switch {
	case strings.HasPrefix(username, "system:serviceaccount:"):
		return ServiceAccount
	case strings.HasPrefix(username, "system:node:"):
		return Node
	case strings.HasPrefix(username, "system:"):
		return Component
	default:
		return Unknown
	}
}

// Managed says whether a name, with its groups, is one that Rollcall issues certificates for.
func Managed(groups []string) bool { return slices.Contains(groups, v1alpha1.ManagedGroup) }

func authorization(e *auditv1.Event, facts Facts) Authorization {
	decision := audit.DecisionOf(e)
	a := Authorization{Verdict: NotAsked, Reason: decision.Reason}
	switch {
	case decision.Allowed:
		a.Verdict = Allowed
	case decision.Forbidden:
		a.Verdict = Forbidden
	}
	allow := decision.Allow
	if allow == nil {
		return a
	}
	a.Via = answers.ViaUnmanaged
	a.Binding = &Binding{Binding: answers.Binding{Kind: allow.Kind, Namespace: allow.Namespace, Name: allow.Name}}
	a.Role = &answers.Role{Kind: allow.Role.Kind, Name: allow.Role.Name}
	a.Subject = &answers.Subject{Kind: allow.Subject.Kind, Namespace: allow.Subject.Namespace, Name: allow.Subject.Name}
	if facts.Binding == nil {
		return a
	}
	a.Binding.UID, a.Binding.Since = string(facts.Binding.Meta.UID), &metav1.Time{Time: facts.Binding.Since}
	made := facts.Binding.MadeFor()
	if made.Grant == "" {
		return a
	}
	a.Via, a.Grant = answers.ViaGrant, grantOf(made, facts.Grant)
	if made.Request != "" {
		a.Via, a.Request = answers.ViaRequest, requestOf(made, facts.Request)
	}
	return a
}

func grantOf(made MadeFor, grant *v1alpha1.Grant) *Grant {
	g := &Grant{Name: made.Grant, UID: made.GrantUID, Generation: made.Generation}
	if grant != nil {
		g.Reason, g.Until, g.Subjects = grant.Spec.Reason, grant.Spec.ExpireTime, grant.Spec.Subjects
	}
	return g
}

func requestOf(made MadeFor, request *v1alpha1.AccessRequest) *Request {
	r := &Request{Name: made.Request, UID: made.RequestUID}
	if request == nil {
		for _, approver := range made.Approvers {
			r.Approvals = append(r.Approvals, v1alpha1.GivenApproval{Approver: approver, Decision: v1alpha1.DecisionApprove})
		}
		return r
	}
	r.Reason, r.Ticket, r.Until = request.Spec.Reason, request.Spec.Ticket, request.Status.ExpireTime
	for _, approval := range request.Status.Approvals {
		if approval.Decision == v1alpha1.DecisionApprove {
			r.Approvals = append(r.Approvals, approval)
		}
	}
	slices.SortStableFunc(r.Approvals, func(a, b v1alpha1.GivenApproval) int {
		return cmp.Or(a.Time.Compare(b.Time.Time), strings.Compare(a.Approver, b.Approver))
	})
	return r
}

// within says whether a time is between two.
func within(at, from, to time.Time) bool { return !at.Before(from) && !at.After(to) }
