// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package usage_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	authenticationv1 "k8s.io/api/authentication/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	auditv1 "k8s.io/apiserver/pkg/apis/audit/v1"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/answers"
	"github.com/rollcall-iam/rollcall/internal/audit"
	"github.com/rollcall-iam/rollcall/internal/usage"
)

func TestUsage(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Usage")
}

var noon = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

func at(seconds int) time.Time { return noon.Add(time.Duration(seconds) * time.Second) }

func moment(seconds int) metav1.Time { return metav1.NewTime(at(seconds)) }

// line is an event, read from JSON: alice got the pod p in pay, so many seconds after noon, unless it is edited.
func line(seconds int, edits ...func(*auditv1.Event)) audit.Line {
	GinkgoHelper()
	e := &auditv1.Event{
		Level: auditv1.LevelMetadata, AuditID: types.UID(fmt.Sprintf("a-%d", seconds)), Stage: auditv1.StageResponseComplete, Verb: "get",
		RequestURI: "/api/v1/namespaces/pay/pods/p?pretty=true", User: authenticationv1.UserInfo{Username: "corp:alice"},
		ObjectRef:                &auditv1.ObjectReference{Resource: "pods", Namespace: "pay", Name: "p"},
		RequestReceivedTimestamp: metav1.NewMicroTime(at(seconds)), StageTimestamp: metav1.NewMicroTime(at(seconds)),
	}
	allowed(byGrant)(e)
	for _, edit := range edits {
		edit(e)
	}
	raw, err := json.Marshal(e)
	Expect(err).NotTo(HaveOccurred())
	read, err := audit.ReadLine(raw)
	Expect(err).NotTo(HaveOccurred())
	return read
}

// The reasons of RBAC for bindings of a Grant, of another, and of nobody's.
const (
	byGrant = `RBAC: allowed by RoleBinding "rollcall:looks/pay" of ClusterRole "view" to User "corp:alice"`
	byOther = `RBAC: allowed by RoleBinding "rollcall:reads/pay" of ClusterRole "view" to User "corp:alice"`
	byHand  = `RBAC: allowed by RoleBinding "by-hand/pay" of ClusterRole "view" to User "corp:alice"`
)

func decided(verdict, reason string) func(*auditv1.Event) {
	return func(e *auditv1.Event) {
		e.Annotations = map[string]string{"authorization.k8s.io/decision": verdict, "authorization.k8s.io/reason": reason}
	}
}

func allowed(reason string) func(*auditv1.Event) { return decided("allow", reason) }

func username(name string) func(*auditv1.Event) {
	return func(e *auditv1.Event) { e.User.Username = name }
}

func groups(names ...string) func(*auditv1.Event) {
	return func(e *auditv1.Event) { e.User.Groups = names }
}

func stage(s auditv1.Stage) func(*auditv1.Event) { return func(e *auditv1.Event) { e.Stage = s } }

func verb(v string) func(*auditv1.Event) { return func(e *auditv1.Event) { e.Verb = v } }

func object(resource, subresource, name string) func(*auditv1.Event) {
	return func(e *auditv1.Event) {
		e.ObjectRef.Resource, e.ObjectRef.Subresource, e.ObjectRef.Name = resource, subresource, name
	}
}

func as(name string) func(*auditv1.Event) {
	return func(e *auditv1.Event) { e.ImpersonatedUser = &authenticationv1.UserInfo{Username: name} }
}

func answered(code int32) func(*auditv1.Event) {
	return func(e *auditv1.Event) { e.ResponseStatus = &metav1.Status{Code: code} }
}

func path(uri string) func(*auditv1.Event) {
	return func(e *auditv1.Event) { e.ObjectRef, e.RequestURI = nil, uri }
}

// binding in pay to alice, of a role that lets her get pods; made for a Grant unless that is empty.
func binding(name, grant, uid string) rbacv1.RoleBinding {
	b := rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: "pay", Name: name}, RoleRef: rbacv1.RoleRef{Kind: "ClusterRole", Name: "view"},
		Subjects: []rbacv1.Subject{{Kind: rbacv1.UserKind, Name: "corp:alice"}},
	}
	if grant != "" {
		b.Labels = map[string]string{v1alpha1.LabelManagedBy: v1alpha1.ManagedBy, v1alpha1.LabelGrant: grant}
		b.Annotations = map[string]string{v1alpha1.AnnotationGrantUID: uid}
	}
	return b
}

func world(bindings ...rbacv1.RoleBinding) *answers.World {
	return answers.Index(answers.Snapshot{
		ClusterRoles: []rbacv1.ClusterRole{{ObjectMeta: metav1.ObjectMeta{Name: "view"}, Rules: []rbacv1.PolicyRule{
			{APIGroups: []string{""}, Resources: []string{"pods"}, Verbs: []string{"get", "list"}},
			{APIGroups: []string{""}, Resources: []string{"users"}, Verbs: []string{"impersonate"}},
		}}},
		RoleBindings: bindings,
	}, noon)
}

// deed is the only one of some events.
func deed(lines ...audit.Line) *usage.Deed {
	GinkgoHelper()
	deeds := usage.Collect(lines)
	Expect(deeds).To(HaveLen(1))
	return &deeds[0]
}
