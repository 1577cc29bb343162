// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package ocsf

import (
	"encoding/json"
	"strconv"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/rollcall-iam/rollcall/internal/ledger"
)

// access is what an entry says of a binding.
type access struct {
	RoleRef  rbacv1.RoleRef    `json:"roleRef"`
	Made     map[string]string `json:"made"`
	Subjects []string          `json:"subjects"`
}

// accessChanged is an event for each subject: SIEMs look for one person.
func accessChanged(e *ledger.Entry, what activity) []*event {
	said := read[access](e.After)
	if len(said.Subjects) == 0 { // Nobody wrote such an entry.
		return []*event{objectChanged(e)}
	}
	var events []*event
	for _, subject := range said.Subjects {
		kind, subjectName, _ := strings.Cut(subject, " ")
		of := userAccess()
		if kind == rbacv1.GroupKind {
			of = groupManagement()
		}
		told := begin(e, of, what)
		told.Actor = &actor{AppName: name}
		told.Message += " (" + subject + ")"
		switch kind {
		case rbacv1.GroupKind:
			told.Group = &group{Name: subjectName}
		case rbacv1.ServiceAccountKind:
			told.User = &user{Name: "system:serviceaccount:" + strings.Replace(subjectName, "/", ":", 1), TypeID: 4, Type: "Service"}
		default:
			told.User = person(subjectName)
		}
		told.Privileges = []string{said.RoleRef.Kind + " " + said.RoleRef.Name}
		told.Resource = &resource{Type: "cluster", Name: "cluster"}
		if e.Object != nil && e.Object.Namespace != "" {
			told.Resource = &resource{Type: "namespace", Name: e.Object.Namespace}
		}
		told.Unmapped.Made = said.Made
		events = append(events, told)
	}
	return events
}

// objectChanged is about an object of the operator's: a policy of who may do what, or who did ask.
func objectChanged(e *ledger.Entry) *event {
	what := activity{3, "Update"}
	switch {
	case e.Kind == ledger.LossAccepted:
	case e.Kind == ledger.SessionRemoved, e.After == nil:
		what = activity{4, "Delete"}
	case e.Before == nil:
		what = activity{1, "Create"}
	}
	told := begin(e, entityManagement(), what)
	told.Unmapped.Whom, told.Unmapped.Why, told.Comment = e.Whom, "", e.Why
	told.Entity = entityOf(e, e.Before)
	if e.After != nil {
		told.EntityResult = entityOf(e, e.After)
	}
	if e.Kind == ledger.RequestChanged && what.id == 1 && e.Whom != "" {
		told.Actor = &actor{User: person(e.Whom)} // Who asks makes the request, and nobody else can.
	}
	if e.Kind == ledger.LossAccepted {
		told.SeverityID, told.Severity = medium, "Medium"
		told.Comment = "what the loss guard held was let pass"
	}
	return told
}

func entityOf(e *ledger.Entry, data json.RawMessage) *managedEntity {
	entity := &managedEntity{Name: string(e.Kind), TypeID: other, Type: "Unknown", Data: data}
	if o := e.Object; o != nil {
		entity.Name, entity.UID, entity.Type = o.Name, o.UID, o.Kind
		if o.Generation != 0 {
			entity.Version = strconv.FormatInt(o.Generation, 10)
		}
	}
	return entity
}
