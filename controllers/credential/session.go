// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package credential

import (
	"context"
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/index"
	"github.com/rollcall-iam/rollcall/internal/reach"
	"github.com/rollcall-iam/rollcall/internal/session"
)

// findSession finds the Session to issue certificates in, and says whether that of the recorded certificate is over.
func (r *Reconciler) findSession(ctx context.Context, s *scope) (over bool, err error) {
	s.session = nil
	recorded := ""
	if s.user.Status.Certificate != nil {
		recorded = s.user.Status.Certificate.Session
	}
	sessions, err := r.managed(ctx, s.user)
	if err != nil {
		return false, err
	}
	for i := range sessions {
		if sessions[i].Name == recorded {
			continue // It is looked at as closely as anything else.
		}
		if over, err := r.over(ctx, &sessions[i], s); err != nil {
			return false, err
		} else if !over {
			s.session = &sessions[i]
		}
	}
	if recorded == "" {
		return true, nil
	}
	return r.findRecorded(ctx, s, recorded)
}

// findRecorded looks at the Session of the recorded certificate, which certificates are issued in while it goes on.
func (r *Reconciler) findRecorded(ctx context.Context, s *scope, name string) (over bool, err error) {
	var reader client.Reader = r.Client
	if s.closely {
		reader = r.Live
	}
	current := &v1alpha1.Session{}
	err = reader.Get(ctx, client.ObjectKey{Name: name}, current)
	if apierrors.IsNotFound(err) {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("get Session %s: %w", name, err)
	}
	if over, err = r.over(ctx, current, s); err == nil && !over {
		s.session = current
	}
	return over, err
}

func (r *Reconciler) over(ctx context.Context, current *v1alpha1.Session, s *scope) (bool, error) {
	facts, err := reach.OfSession(ctx, r.Client, current, s.now)
	return !session.Decide(facts, s.now).Active(), err
}

// managed are the Sessions of a User's kubeconfig Secrets, the oldest first.
func (r *Reconciler) managed(ctx context.Context, user *v1alpha1.User) ([]v1alpha1.Session, error) {
	sessions, err := index.SessionsOfUser(ctx, r.Client, user.Name)
	if err != nil {
		return nil, fmt.Errorf("list Sessions of User %s: %w", user.Name, err)
	}
	sessions = slices.DeleteFunc(slices.Clone(sessions), func(s v1alpha1.Session) bool {
		return s.Spec.Custody != v1alpha1.CustodyServer || s.Spec.UserRef.UID != string(user.UID)
	})
	slices.SortFunc(sessions, func(a, b v1alpha1.Session) int { return a.CreationTimestamp.Compare(b.CreationTimestamp.Time) })
	return sessions, nil
}

// beginSession makes the Session of a kubeconfig Secret where none goes on. It lasts for as long as the Secret is wanted.
func (r *Reconciler) beginSession(ctx context.Context, s *scope) (begun bool, err error) {
	if s.session != nil {
		return false, nil
	}
	made := &v1alpha1.Session{
		ObjectMeta: metav1.ObjectMeta{GenerateName: s.user.Name[:min(len(s.user.Name), longestStem)] + "-kubeconfig-"},
		Spec: v1alpha1.SessionSpec{
			UserRef:  v1alpha1.UserReference{Name: s.user.Name, UID: string(s.user.UID)},
			Username: s.user.Status.Username, Custody: v1alpha1.CustodyServer,
			Authentication: v1alpha1.SessionAuthentication{Method: v1alpha1.MethodManaged, Time: metav1.NewTime(r.Clock.Now())},
		},
	}
	if s.user.Status.Identity != nil {
		made.Spec.IdentityID = s.user.Status.Identity.ID
	}
	if err := r.Issuer.Begin(ctx, made, nil); err != nil {
		return false, err
	}
	s.session = made
	return true, nil
}

// longestStem leaves room in a name for what follows.
const longestStem = 200

// endSessions ends the Sessions of a kubeconfig that is no longer asked for. Those of people who may not act end by themselves.
func (r *Reconciler) endSessions(ctx context.Context, user *v1alpha1.User) error {
	sessions, err := r.managed(ctx, user)
	if err != nil {
		return err
	}
	for i := range sessions {
		if sessions[i].Spec.Termination != nil || sessions[i].Status.EndTime != nil {
			continue
		}
		if err := r.endSession(ctx, &sessions[i], "the User's spec no longer asks for a kubeconfig"); err != nil {
			return err
		}
	}
	return nil
}

func (r *Reconciler) endSession(ctx context.Context, current *v1alpha1.Session, why string) error {
	ended := current.DeepCopy()
	ended.Spec.Termination = &v1alpha1.SessionTermination{By: "system:serviceaccount:" + r.Operator, Reason: why}
	err := r.Client.Patch(ctx, ended, client.MergeFrom(current), r.Reporter.FieldOwner)
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("end Session %s: %w", ended.Name, err)
	}
	return nil
}

// ended lets through that a Session of a kubeconfig has ended, or is gone.
func ended(object client.Object) bool {
	s, ok := object.(*v1alpha1.Session)
	return ok && s.Spec.Custody == v1alpha1.CustodyServer &&
		(s.Spec.Termination != nil || s.Status.EndTime != nil || !s.DeletionTimestamp.IsZero())
}
