// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package revocation

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
)

const (
	// SecretName is the Secret, in the operator's namespace, that holds what API servers need to ask.
	SecretName = "rollcall-authorization-webhook"
	// TokenKey is its key of the token.
	TokenKey = "token"
	// KubeconfigKey is its key of the kubeconfig, which has the same token in it.
	KubeconfigKey = "kubeconfig"

	tokenLook = time.Minute
)

// tokens keeps the Secret, and knows its token by its digest.
type tokens struct {
	client            client.Client
	namespace, server string
	ca                func(context.Context) ([]byte, error)
	digest            atomic.Pointer[[sha256.Size]byte]
}

// accept compares digests, in constant time. Before the Secret was read, no token is right.
func (t *tokens) accept(token string) bool {
	right, given := t.digest.Load(), sha256.Sum256([]byte(token))
	return right != nil && subtle.ConstantTimeCompare(given[:], right[:]) == 1
}

// run keeps the Secret as it should be. A token that somebody changes, or removes, counts within a minute.
func (t *tokens) run(ctx context.Context) error {
	look := func(ctx context.Context) {
		if err := t.keep(ctx); err != nil && ctx.Err() == nil {
			log.FromContext(ctx).WithName("authorization").Error(err, "keep Secret "+SecretName)
		}
	}
	look(ctx)
	every(ctx, tokenLook, look)
	return nil
}

func (t *tokens) keep(ctx context.Context) error {
	ca, err := t.ca(ctx)
	if err != nil {
		return fmt.Errorf("read the authority of the webhook's certificate: %w", err)
	}
	secret := &corev1.Secret{}
	err = t.client.Get(ctx, client.ObjectKey{Namespace: t.namespace, Name: SecretName}, secret)
	if apierrors.IsNotFound(err) {
		return t.create(ctx, ca)
	}
	if err != nil {
		return fmt.Errorf("get Secret %s: %w", SecretName, err)
	}
	return t.update(ctx, secret, ca)
}

// create makes the Secret. Where another replica was faster, the next look finds it.
func (t *tokens) create(ctx context.Context, ca []byte) error {
	token := rand.Text()
	kubeconfig, err := t.kubeconfig(token, ca)
	if err != nil {
		return err
	}
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: t.namespace, Name: SecretName},
		Type:       corev1.SecretTypeOpaque,
		Data:       map[string][]byte{TokenKey: []byte(token), KubeconfigKey: kubeconfig},
	}
	err = t.client.Create(ctx, secret)
	if apierrors.IsAlreadyExists(err) {
		if err := t.client.Get(ctx, client.ObjectKeyFromObject(secret), secret); err != nil {
			return fmt.Errorf("get Secret %s: %w", SecretName, err)
		}
		return t.update(ctx, secret, ca)
	}
	if err != nil {
		return fmt.Errorf("create Secret %s: %w", SecretName, err)
	}
	t.use(token)
	return nil
}

// update makes the kubeconfig fit the token that is there.
func (t *tokens) update(ctx context.Context, secret *corev1.Secret, ca []byte) error {
	token := strings.TrimSpace(string(secret.Data[TokenKey]))
	if token == "" {
		token = rand.Text()
	}
	kubeconfig, err := t.kubeconfig(token, ca)
	if err != nil {
		return err
	}
	if string(secret.Data[TokenKey]) == token && bytes.Equal(secret.Data[KubeconfigKey], kubeconfig) {
		t.use(token)
		return nil
	}
	if secret.Data == nil {
		secret.Data = map[string][]byte{}
	}
	secret.Data[TokenKey], secret.Data[KubeconfigKey] = []byte(token), kubeconfig
	if err := t.client.Update(ctx, secret); err != nil {
		return fmt.Errorf("update Secret %s: %w", SecretName, err)
	}
	t.use(token)
	return nil
}

func (t *tokens) use(token string) {
	digest := sha256.Sum256([]byte(token))
	t.digest.Store(&digest)
}

// kubeconfig is what kubeConfigFile of an AuthorizationConfiguration names.
func (t *tokens) kubeconfig(token string, ca []byte) ([]byte, error) {
	const name = "rollcall"
	config := clientcmdapi.NewConfig()
	config.Clusters[name] = &clientcmdapi.Cluster{Server: strings.TrimSuffix(t.server, "/") + Path, CertificateAuthorityData: ca}
	config.AuthInfos[name] = &clientcmdapi.AuthInfo{Token: token}
	config.Contexts[name] = &clientcmdapi.Context{Cluster: name, AuthInfo: name}
	config.CurrentContext = name
	content, err := clientcmd.Write(*config)
	if err != nil {
		return nil, fmt.Errorf("write the kubeconfig: %w", err)
	}
	return content, nil
}
