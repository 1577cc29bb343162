// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package credential

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/credential"
	"github.com/rollcall-iam/rollcall/internal/issue"
	"github.com/rollcall-iam/rollcall/internal/outcome"
	"github.com/rollcall-iam/rollcall/internal/pki"
)

// Keys of a kubeconfig Secret, besides those of a Secret of type kubernetes.io/tls.
const (
	keyKubeconfig = "kubeconfig"
	keyCA         = corev1.ServiceAccountRootCAKey
)

// PublisherRole is the ClusterRole that lets the operator write Secrets in a namespace where it is bound.
const PublisherRole = "rollcall-kubeconfig-publisher"

// secret is a Secret as it was found, or nothing, and what that means.
type secret struct {
	object *corev1.Secret
	facts  credential.Secret
	// noNamespace says that not even the namespace is there.
	noNamespace bool
	// glanced says that it was not asked for, and that there is no object therefore.
	glanced bool
	// seen is where it was looked for.
	seen v1alpha1.SecretReference
}

// observe reads a Secret and what it means for a User.
func (r *Reconciler) observe(ctx context.Context, user *v1alpha1.User, ref v1alpha1.SecretReference) (secret, error) {
	found, err := r.namespaceExists(ctx, ref.Namespace)
	if err != nil || !found {
		return secret{noNamespace: !found}, err
	}
	object := &corev1.Secret{}
	err = r.Live.Get(ctx, client.ObjectKey{Namespace: ref.Namespace, Name: ref.Name}, object)
	switch {
	case apierrors.IsNotFound(err):
		return secret{}, nil
	case apierrors.IsForbidden(err):
		return secret{}, r.forbidden(ref)
	case err != nil:
		return secret{}, fmt.Errorf("get %s: %w", describe(ref), err)
	}
	if !ours(object, user) {
		return secret{object: object, facts: credential.Secret{Owner: credential.Another}}, nil
	}
	facts := r.facts(object.Data)
	r.looks.note(user, object, facts)
	return secret{object: object, facts: facts}, nil
}

// ours says whether the operator made a Secret for a User: not one of that name before it was deleted and created anew.
func ours(object *corev1.Secret, user *v1alpha1.User) bool {
	controller := metav1.GetControllerOf(object)
	return controller != nil && controller.UID == user.UID && object.Labels[v1alpha1.LabelManagedBy] == v1alpha1.ManagedBy
}

// facts says what is in a Secret of ours.
func (r *Reconciler) facts(data map[string][]byte) credential.Secret {
	certificate, key := data[corev1.TLSCertKey], data[corev1.TLSPrivateKeyKey]
	leaf, err := pki.ParseCertificate(certificate)
	if err != nil {
		return credential.Secret{Owner: credential.Ours}
	}
	facts := factsOf(leaf)
	facts.Intact = r.intact(data, leaf, certificate, key)
	return facts
}

// factsOf says what is in a Secret of ours with a certificate, without saying that the rest belongs to it.
func factsOf(leaf *x509.Certificate) credential.Secret {
	return credential.Secret{
		Owner: credential.Ours, Fingerprint: pki.Fingerprint(leaf), Username: leaf.Subject.CommonName, Groups: pki.Groups(leaf),
	}
}

func (r *Reconciler) intact(data map[string][]byte, leaf *x509.Certificate, certificate, key []byte) bool {
	if _, err := tls.X509KeyPair(certificate, key); err != nil {
		return false
	}
	wanted, err := pki.Kubeconfig(r.Cluster, leaf.Subject.CommonName, certificate, key)
	return err == nil && bytes.Equal(data[keyKubeconfig], wanted) && bytes.Equal(data[keyCA], r.Cluster.CA)
}

// publish puts certificate, key and kubeconfig into the Secret in one write. What was read before goes along, so that a Secret that
// someone else made or changed meanwhile is refused by the API server instead of overwritten.
func (r *Reconciler) publish(ctx context.Context, s *scope, issued issue.Issued, key []byte) (*corev1.Secret, error) {
	certificate := issued.Chain
	kubeconfig, err := pki.Kubeconfig(r.Cluster, s.user.Status.Username, certificate, key)
	if err != nil {
		return nil, fmt.Errorf("write kubeconfig: %w", err)
	}
	data := map[string][]byte{
		keyKubeconfig: kubeconfig, corev1.TLSCertKey: certificate, corev1.TLSPrivateKeyKey: key, keyCA: r.Cluster.CA,
	}
	ref := s.user.Spec.Kubeconfig.SecretRef
	published := newSecret(s.user, ref, data)
	if s.secret.object == nil {
		err = r.Client.Create(ctx, published, r.Reporter.FieldOwner)
	} else {
		published = s.secret.object.DeepCopy()
		published.Data = data
		err = r.Client.Update(ctx, published, r.Reporter.FieldOwner)
	}
	if apierrors.IsForbidden(err) {
		return nil, r.forbidden(ref)
	}
	if err != nil {
		return nil, fmt.Errorf("write %s: %w", describe(ref), err)
	}
	// Noted as it was sent: whatever somebody's webhook makes of it would be changed back, and again, for ever.
	facts := factsOf(issued.Certificate)
	facts.Intact = true
	r.looks.note(s.user, published, facts)
	return published, nil
}

func newSecret(user *v1alpha1.User, ref v1alpha1.SecretReference, data map[string][]byte) *corev1.Secret {
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: ref.Namespace, Name: ref.Name,
			Labels: map[string]string{v1alpha1.LabelManagedBy: v1alpha1.ManagedBy},
			OwnerReferences: []metav1.OwnerReference{{
				APIVersion: v1alpha1.GroupVersion.String(), Kind: "User", Name: user.Name, UID: user.UID, Controller: new(true),
			}},
		},
		Type: corev1.SecretTypeOpaque,
		Data: data,
	}
}

// remove deletes exactly the Secret that was looked at.
func (r *Reconciler) remove(ctx context.Context, object *corev1.Secret) error {
	err := r.Client.Delete(ctx, object, client.Preconditions{UID: &object.UID})
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("delete Secret %s/%s: %w", object.Namespace, object.Name, err)
	}
	return nil
}

// namespaceExists asks the cache: in a namespace that is not there the operator has no rights either, and Forbidden would be all
// that the API server says.
func (r *Reconciler) namespaceExists(ctx context.Context, name string) (bool, error) {
	var namespace corev1.Namespace
	err := r.Client.Get(ctx, client.ObjectKey{Name: name}, &namespace)
	return err == nil && namespace.DeletionTimestamp.IsZero(), client.IgnoreNotFound(err)
}

func (r *Reconciler) forbidden(ref v1alpha1.SecretReference) error {
	return outcome.Waitingf(recheckElsewhere/5, v1alpha1.ReasonSecretForbidden,
		"the operator may not write Secrets in namespace %q; to allow it: "+
			"kubectl create rolebinding %s --namespace=%s --clusterrole=%s --serviceaccount=%s",
		ref.Namespace, PublisherRole, ref.Namespace, PublisherRole, r.Operator)
}

func describe(ref v1alpha1.SecretReference) string {
	return fmt.Sprintf("Secret %q in namespace %q", ref.Name, ref.Namespace)
}
