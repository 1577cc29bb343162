// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package argocd

import (
	"context"
	"encoding/json"
	"maps"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/rollcall-iam/rollcall/test/installation"
)

// clusterConfig is how Argo CD logs in to a cluster that it applies to.
type clusterConfig struct {
	BearerToken string `json:"bearerToken"`
	TLS         struct {
		CAData []byte `json:"caData"`
	} `json:"tlsClientConfig"`
}

// AddCluster lets Argo CD apply to its own control plane, as one of that name, with the rights of a ServiceAccount.
func (a *ArgoCD) AddCluster(ctx context.Context, name, namespace, serviceAccount string, labels map[string]string) error {
	token, err := installation.Token(ctx, a.plane, namespace, serviceAccount)
	if err != nil {
		return err
	}
	config := clusterConfig{BearerToken: token}
	config.TLS.CAData = a.plane.CACert()
	encoded, err := json.Marshal(config)
	if err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(a.plane.RESTConfig())
	if err != nil {
		return err
	}
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Name: "cluster-" + name, Namespace: Namespace, Labels: map[string]string{"argocd.argoproj.io/secret-type": "cluster"},
		},
		StringData: map[string]string{"name": name, "server": a.plane.URL(), "config": string(encoded)},
	}
	maps.Copy(secret.Labels, labels)
	_, err = client.CoreV1().Secrets(Namespace).Create(ctx, secret, metav1.CreateOptions{})
	return err
}
