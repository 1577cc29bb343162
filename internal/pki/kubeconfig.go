// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package pki

import (
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// Cluster is how people reach the API server.
type Cluster struct {
	// Server is its URL.
	Server string
	// CA are the PEM certificates that its certificate chains to.
	CA []byte
}

const clusterName = "kubernetes"

// Kubeconfig writes a kubeconfig that holds all it needs: server, CA, certificate and key.
func Kubeconfig(cluster Cluster, username string, certificate, key []byte) ([]byte, error) {
	config := clientcmdapi.NewConfig()
	config.Clusters[clusterName] = &clientcmdapi.Cluster{Server: cluster.Server, CertificateAuthorityData: cluster.CA}
	config.AuthInfos[username] = &clientcmdapi.AuthInfo{ClientCertificateData: certificate, ClientKeyData: key}
	config.Contexts[username] = &clientcmdapi.Context{Cluster: clusterName, AuthInfo: username}
	config.CurrentContext = username
	return clientcmd.Write(*config)
}
