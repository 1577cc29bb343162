// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

// Package chronicle says what a change of an object was: the entries that the ledger gets of it.
package chronicle

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/ledger"
)

// Change is what became of an object.
type Change struct {
	Object ledger.Object
	// Time of the change, as far as known.
	Time time.Time
	// Before and After are the object in JSON; nil where there was none, or is none any more.
	Before, After []byte
}

// Entries are those that the ledger gets: none, where nothing changed that is of its concern.
func Entries(c Change) ([]*ledger.Entry, error) {
	switch c.Object.Kind {
	case "Session":
		return sessionEntries(c)
	case "RoleBinding", "ClusterRoleBinding":
		return bindingEntries(c)
	case "User":
		return described(c, ledger.UserChanged, func(u *v1alpha1.User) person {
			return person{username: u.Status.Username, what: struct {
				Spec     v1alpha1.UserSpec  `json:"spec"`
				Identity *v1alpha1.Identity `json:"identity,omitempty"`
				Groups   []string           `json:"groups,omitempty"`
				Active   *metav1.Condition  `json:"active,omitempty"`
			}{u.Spec, u.Status.Identity, u.Status.Groups, meta.FindStatusCondition(u.Status.Conditions, v1alpha1.ConditionActive)}}
		})
	case "Grant":
		return described(c, ledger.GrantChanged, func(g *v1alpha1.Grant) person { return person{what: g.Spec, why: g.Spec.Reason} })
	case "Lock":
		return described(c, ledger.LockChanged, func(l *v1alpha1.Lock) person { return person{what: l.Spec, why: l.Spec.Reason} })
	case "AccessRequest":
		return described(c, ledger.RequestChanged, func(r *v1alpha1.AccessRequest) person {
			return person{username: r.Spec.UserName, why: r.Spec.Reason, what: struct {
				Spec   v1alpha1.AccessRequestSpec   `json:"spec"`
				Status v1alpha1.AccessRequestStatus `json:"status"`
			}{r.Spec, r.Status}}
		})
	case "Directory":
		return directoryEntries(c)
	case "Role", "ClusterRole": // Others write these: the API server's audit log says who.
		return nil, nil
	default:
		return nil, fmt.Errorf("the ledger knows no %s", c.Object.Kind)
	}
}

// person is what an object says, and about whom.
type person struct {
	username, why string
	what          any
}

// described are entries that show the whole of what an object says, before and after.
func described[T any](c Change, kind ledger.Kind, describe func(*T) person) ([]*ledger.Entry, error) {
	e := c.entry(kind)
	for _, side := range []struct {
		document []byte
		into     *json.RawMessage
	}{{c.Before, &e.Before}, {c.After, &e.After}} {
		object, err := decode[T](side.document)
		if err != nil {
			return nil, err
		}
		if object == nil {
			continue
		}
		said := describe(object)
		if *side.into, err = shown(said.what); err != nil {
			return nil, err
		}
		e.Whom, e.Why = said.username, said.why
	}
	if string(e.Before) == string(e.After) {
		return nil, nil
	}
	return []*ledger.Entry{e}, nil
}

func directoryEntries(c Change) ([]*ledger.Entry, error) {
	entries, err := described(c, ledger.DirectoryChanged, func(d *v1alpha1.Directory) person { return person{what: d.Spec} })
	if err != nil {
		return nil, err
	}
	before, err := decode[v1alpha1.Directory](c.Before)
	if err != nil {
		return nil, err
	}
	after, err := decode[v1alpha1.Directory](c.After)
	if err != nil || after == nil {
		return entries, err
	}
	accepted := after.Annotations[v1alpha1.AnnotationAcceptLoss]
	if accepted == "" || before != nil && before.Annotations[v1alpha1.AnnotationAcceptLoss] == accepted {
		return entries, nil
	}
	e := c.entry(ledger.LossAccepted)
	e.After, err = shown(map[string]string{"token": accepted})
	return append(entries, e), err
}

func sessionEntries(c Change) ([]*ledger.Entry, error) {
	before, err := decode[v1alpha1.Session](c.Before)
	if err != nil {
		return nil, err
	}
	after, err := decode[v1alpha1.Session](c.After)
	if err != nil {
		return nil, err
	}
	if after == nil {
		if before == nil {
			return nil, nil
		}
		return []*ledger.Entry{c.about(ledger.SessionRemoved, before)}, nil
	}
	var entries []*ledger.Entry
	if before == nil {
		begun := c.about(ledger.SessionBegun, after)
		begun.Who, begun.Time = after.Spec.Username, after.CreationTimestamp.Time
		if begun.After, err = shown(after.Spec); err != nil {
			return nil, err
		}
		entries = append(entries, begun)
	}
	if after.Status.EndTime != nil && (before == nil || before.Status.EndTime == nil) {
		entries = append(entries, c.ended(after))
	}
	return entries, nil
}

func (c Change) ended(s *v1alpha1.Session) *ledger.Entry {
	e := c.about(ledger.SessionEnded, s)
	e.Who, e.Why, e.Time = s.Status.EndedBy, s.Status.EndReason, s.Status.EndTime.Time
	if s.Spec.Termination != nil && s.Spec.Termination.Reason != "" {
		e.Why += ": " + s.Spec.Termination.Reason
	}
	return e
}

func (c Change) about(kind ledger.Kind, s *v1alpha1.Session) *ledger.Entry {
	e := c.entry(kind)
	e.Whom = s.Spec.Username
	return e
}

func (c Change) entry(kind ledger.Kind) *ledger.Entry {
	object := c.Object
	return &ledger.Entry{Time: c.Time, Kind: kind, Object: &object}
}

func decode[T any](document []byte) (*T, error) {
	if document == nil {
		return nil, nil
	}
	object := new(T)
	if err := json.Unmarshal(document, object); err != nil {
		return nil, fmt.Errorf("read what is recorded of an object: %w", err)
	}
	return object, nil
}

// mostShown is how long what is shown may be, in bytes: two of them go into one entry. What is longer has its digest there.
const mostShown = 24 << 10

// shown is something as it goes into an entry.
func shown(what any) (json.RawMessage, error) {
	text, err := json.Marshal(what)
	if err != nil {
		return nil, fmt.Errorf("write a ledger's entry: %w", err)
	}
	if len(text) <= mostShown {
		return text, nil
	}
	digest := sha256.Sum256(text)
	return json.Marshal(map[string]any{"sha256": hex.EncodeToString(digest[:]), "bytes": len(text)})
}
