// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

// Package webhook lets API servers in that call the operator: by a token, in a kubeconfig that is kept for them in a Secret.
package webhook

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
)

const (
	// TokenKey is the Secret's key of the token.
	TokenKey = "token"
	// KubeconfigKey is the Secret's key of the kubeconfig, which has the same token in it.
	KubeconfigKey = "kubeconfig"

	// tokenLook is how often the Secret is looked at, give or take lookSpread of it: replicas do not move in step.
	tokenLook  = time.Minute
	lookSpread = 0.2
)

// Access keeps the Secret, and knows its token by its digest. Every replica does: API servers call any of them.
type Access struct {
	// Client reads the Secret, past the cache, and writes it.
	Client client.Client
	// Namespace is the operator's own, and SecretName the Secret in it.
	Namespace, SecretName string
	// Server is the URL that API servers call: for the kubeconfig.
	Server string
	// CA tells the PEM certificates that they verify it with: for the kubeconfig too.
	CA func(context.Context) ([]byte, error)

	digest atomic.Pointer[[sha256.Size]byte]
}

// Admits says whether a request bears the token. Digests are compared, in constant time; before the Secret was read, no token is right.
func (a *Access) Admits(r *http.Request) bool {
	token, found := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	right, given := a.digest.Load(), sha256.Sum256([]byte(token))
	return found && right != nil && subtle.ConstantTimeCompare(given[:], right[:]) == 1
}

// Knows says whether the Secret was read, or the token is known otherwise: before, none is wrong.
func (a *Access) Knows() bool { return a.digest.Load() != nil }

// NeedLeaderElection implements manager.LeaderElectionRunnable.
func (*Access) NeedLeaderElection() bool { return false }

// Start implements manager.Runnable. A token that somebody changes, or removes, counts within little more than a minute.
func (a *Access) Start(ctx context.Context) error {
	wait.JitterUntilWithContext(ctx, func(ctx context.Context) {
		if err := a.keep(ctx); err != nil && ctx.Err() == nil {
			log.FromContext(ctx).WithName("webhook").Error(err, "keep Secret "+a.SecretName)
		}
	}, tokenLook, lookSpread, true)
	return nil
}

func (a *Access) keep(ctx context.Context) error {
	ca, err := a.CA(ctx)
	if err != nil {
		return fmt.Errorf("read the authority of the webhook's certificate: %w", err)
	}
	secret := &corev1.Secret{}
	err = a.Client.Get(ctx, client.ObjectKey{Namespace: a.Namespace, Name: a.SecretName}, secret)
	if apierrors.IsNotFound(err) {
		return a.create(ctx, ca)
	}
	if err != nil {
		return fmt.Errorf("get Secret %s: %w", a.SecretName, err)
	}
	return a.update(ctx, secret, ca)
}

// create makes the Secret. Where another replica was faster, the next look finds it.
func (a *Access) create(ctx context.Context, ca []byte) error {
	token := rand.Text()
	kubeconfig, err := a.kubeconfig(token, ca)
	if err != nil {
		return err
	}
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: a.Namespace, Name: a.SecretName},
		Type:       corev1.SecretTypeOpaque,
		Data:       map[string][]byte{TokenKey: []byte(token), KubeconfigKey: kubeconfig},
	}
	err = a.Client.Create(ctx, secret)
	if apierrors.IsAlreadyExists(err) {
		if err := a.Client.Get(ctx, client.ObjectKeyFromObject(secret), secret); err != nil {
			return fmt.Errorf("get Secret %s: %w", a.SecretName, err)
		}
		return a.update(ctx, secret, ca)
	}
	if err != nil {
		return fmt.Errorf("create Secret %s: %w", a.SecretName, err)
	}
	a.Use(token)
	return nil
}

// update makes the kubeconfig fit the token that is there.
func (a *Access) update(ctx context.Context, secret *corev1.Secret, ca []byte) error {
	token := strings.TrimSpace(string(secret.Data[TokenKey]))
	if token == "" {
		token = rand.Text()
	}
	kubeconfig, err := a.kubeconfig(token, ca)
	if err != nil {
		return err
	}
	if string(secret.Data[TokenKey]) == token && bytes.Equal(secret.Data[KubeconfigKey], kubeconfig) {
		a.Use(token)
		return nil
	}
	if secret.Data == nil {
		secret.Data = map[string][]byte{}
	}
	secret.Data[TokenKey], secret.Data[KubeconfigKey] = []byte(token), kubeconfig
	if err := a.Client.Update(ctx, secret); err != nil {
		return fmt.Errorf("update Secret %s: %w", a.SecretName, err)
	}
	a.Use(token)
	return nil
}

// Use sets the token that is right, until the Secret is read.
func (a *Access) Use(token string) {
	digest := sha256.Sum256([]byte(token))
	a.digest.Store(&digest)
}

// kubeconfig is what an API server is given: kubeConfigFile of an AuthorizationConfiguration, --audit-webhook-config-file.
func (a *Access) kubeconfig(token string, ca []byte) ([]byte, error) {
	const name = "rollcall"
	config := clientcmdapi.NewConfig()
	config.Clusters[name] = &clientcmdapi.Cluster{Server: a.Server, CertificateAuthorityData: ca}
	config.AuthInfos[name] = &clientcmdapi.AuthInfo{Token: token}
	config.Contexts[name] = &clientcmdapi.Context{Cluster: name, AuthInfo: name}
	config.CurrentContext = name
	content, err := clientcmd.Write(*config)
	if err != nil {
		return nil, fmt.Errorf("write the kubeconfig: %w", err)
	}
	return content, nil
}
