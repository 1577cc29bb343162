// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package history

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	auditv1 "k8s.io/apiserver/pkg/apis/audit/v1"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/attribution"
	"github.com/rollcall-iam/rollcall/internal/audit"
	"github.com/rollcall-iam/rollcall/internal/audit/store"
	"github.com/rollcall-iam/rollcall/internal/person"
)

// Facts are what is known of the time of an event.
func Facts(ctx context.Context, s *store.Store, e *auditv1.Event) (attribution.Facts, error) {
	f, at := attribution.Facts{}, e.RequestReceivedTimestamp.Time
	if fingerprint := audit.Fingerprint(e); fingerprint != "" {
		var err error
		if f.Issued, f.Session, err = SessionOf(ctx, s, fingerprint); err != nil {
			return f, err
		}
	}
	if err := people(ctx, s, e, &f); err != nil {
		return f, err
	}
	allow := audit.DecisionOf(e).Allow
	if allow == nil {
		return f, nil
	}
	versions, err := s.Named(ctx, allow.Kind, allow.Namespace, allow.Name, at.Add(-attribution.Slack), at.Add(attribution.Slack))
	if err != nil {
		return f, err
	}
	bindings, err := bindings(versions)
	if err != nil {
		return f, err
	}
	f.Binding = attribution.Pick(bindings, allow, at)
	if f.Binding == nil {
		return f, nil
	}
	err = behind(ctx, s, at, &f)
	return f, err
}

// SessionOf is the certificate of a fingerprint, and the Session that it was issued in, as last known; nil where they are not.
func SessionOf(ctx context.Context, s *store.Store, fingerprint string) (*v1alpha1.SessionCertificate, *v1alpha1.Session, error) {
	issued, known, err := s.Certificate(ctx, fingerprint)
	if err != nil || !known {
		return nil, nil, err
	}
	certificate := &v1alpha1.SessionCertificate{}
	if err := decode(issued.Document, certificate); err != nil {
		return nil, nil, err
	}
	sessions, err := s.Of(ctx, kindSession, issued.Session)
	if err != nil || len(sessions) == 0 {
		return certificate, nil, err
	}
	session := &v1alpha1.Session{}
	return certificate, session, decode(sessions[0].Document, session)
}

// people looks for who acted, by the Session or else by name, and as whom.
func people(ctx context.Context, s *store.Store, e *auditv1.Event, f *attribution.Facts) (err error) {
	at := e.RequestReceivedTimestamp.Time
	if f.Session != nil && f.Session.Spec.Username == e.User.Username {
		var versions []store.Version
		if versions, err = s.Of(ctx, kindUser, f.Session.Spec.UserRef.UID); err == nil {
			f.User, err = user(versions, at)
		}
	}
	if err == nil && f.User == nil {
		f.User, err = called(ctx, s, e.User.Username, at)
	}
	if name := audit.Impersonated(e); err == nil && name != "" {
		f.Impersonated, err = called(ctx, s, name, at)
	}
	return err
}

func called(ctx context.Context, s *store.Store, username string, at time.Time) (*v1alpha1.User, error) {
	versions, err := s.Called(ctx, kindUser, username, at.Add(-attribution.Slack), at.Add(attribution.Slack))
	if err != nil {
		return nil, err
	}
	return user(versions, at)
}

// user is the version that held at that time, or else the one nearest. Of several Users at once it is the holder's.
func user(versions []store.Version, at time.Time) (*v1alpha1.User, error) {
	var nearest []v1alpha1.User
	closest := time.Duration(math.MaxInt64)
	for i := range versions { // The newest first.
		d := distance(&versions[i], at)
		if d > closest {
			continue
		}
		var found v1alpha1.User
		if err := decode(versions[i].Document, &found); err != nil {
			return nil, err
		}
		if d < closest {
			closest, nearest = d, nil
		}
		nearest = append(nearest, found)
	}
	return person.Holder(nearest), nil
}

// distance is how far from a time a version held: nothing where it did then.
func distance(v *store.Version, at time.Time) time.Duration {
	switch {
	case at.Before(v.Since):
		return v.Since.Sub(at)
	case !v.Until.IsZero() && !at.Before(v.Until):
		return max(at.Sub(v.Until), time.Nanosecond) // At its very end it holds no more.
	default:
		return 0
	}
}

func bindings(versions []store.Version) ([]attribution.BindingVersion, error) {
	all := make([]attribution.BindingVersion, len(versions))
	for i, v := range versions {
		// Both kinds have the same fields.
		var document rbacv1.RoleBinding
		if err := decode(v.Document, &document); err != nil {
			return nil, err
		}
		all[i] = attribution.BindingVersion{
			Kind: v.Kind, Meta: document.ObjectMeta, RoleRef: document.RoleRef, Subjects: document.Subjects, Since: v.Since, Until: v.Until,
		}
	}
	return all, nil
}

// behind looks for what the binding was made for: the Grant as of that generation, and the request.
func behind(ctx context.Context, s *store.Store, at time.Time, f *attribution.Facts) error {
	made := f.Binding.MadeFor()
	if made.GrantUID != "" {
		grants, err := s.Of(ctx, kindGrant, made.GrantUID)
		if err != nil {
			return err
		}
		for _, v := range grants {
			if v.Generation == made.Generation && v.Name == made.Grant {
				f.Grant = &v1alpha1.Grant{}
				if err := decode(v.Document, f.Grant); err != nil {
					return err
				}
				break
			}
		}
	}
	if made.RequestUID == "" {
		return nil
	}
	requests, err := s.Of(ctx, kindRequest, made.RequestUID)
	if err != nil {
		return err
	}
	for _, v := range requests {
		if v.Name != made.Request || v.Since.After(at.Add(attribution.Slack)) {
			continue
		}
		f.Request = &v1alpha1.AccessRequest{}
		return decode(v.Document, f.Request)
	}
	return nil
}

func decode(document []byte, into any) error {
	if err := json.Unmarshal(document, into); err != nil {
		return fmt.Errorf("%w: a version of an object: %w", store.ErrChanged, err)
	}
	return nil
}
