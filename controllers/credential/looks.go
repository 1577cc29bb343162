// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package credential

import (
	"context"
	"sync"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/credential"
)

// looks are what Users' Secrets held when they were last looked at, or written, by the User's name. Those in the operator's own namespace
// are watched, though not what is in them: while one has the same version, it holds the same.
type looks struct {
	mutex sync.Mutex
	known map[string]look
}

type look struct {
	user, secret types.UID
	version      string
	facts        credential.Secret
}

func (l *looks) note(user *v1alpha1.User, object *corev1.Secret, facts credential.Secret) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if l.known == nil {
		l.known = map[string]look{}
	}
	l.known[user.Name] = look{user: user.UID, secret: object.UID, version: object.ResourceVersion, facts: facts}
}

// of is what a Secret is known to hold for a User, if it is.
func (l *looks) of(user *v1alpha1.User, there *metav1.PartialObjectMetadata) (facts credential.Secret, known bool) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	last, found := l.known[user.Name]
	return last.facts, found && last.user == user.UID && last.secret == there.UID && last.version == there.ResourceVersion
}

// has says whether a Secret of a User was looked at, or written, before.
func (l *looks) has(user *v1alpha1.User) bool {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return l.known[user.Name].user == user.UID
}

func (l *looks) forget(user string) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	delete(l.known, user)
}

// glance finds a Secret without asking for it, where the cache can tell that there is none, or that it is as it was.
func (r *Reconciler) glance(ctx context.Context, user *v1alpha1.User, ref v1alpha1.SecretReference) (secret, error) {
	if ref.Namespace != r.Namespace {
		return r.observe(ctx, user, ref)
	}
	there := &metav1.PartialObjectMetadata{}
	there.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Secret"))
	err := r.Cache.Get(ctx, client.ObjectKey{Namespace: ref.Namespace, Name: ref.Name}, there)
	if apierrors.IsNotFound(err) {
		return secret{glanced: true}, nil
	}
	if err != nil {
		return secret{}, err
	}
	if facts, known := r.looks.of(user, there); known {
		return secret{facts: facts, glanced: true}, nil
	}
	return r.observe(ctx, user, ref)
}
