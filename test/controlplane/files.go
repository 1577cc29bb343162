// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"context"
	"crypto/x509/pkix"
	"os"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/rollcall-iam/rollcall/test/internal/certs"
)

// auditPolicy logs who did what to which object, once per request, when it is done.
const auditPolicy = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: Metadata
`

// adminName is the administrator as the audit log names them.
const adminName = "rollcall-test-admin"

// keyring holds the authorities; each is trusted for one thing.
type keyring struct {
	server, client, etcd *certs.CA
}

func newKeyring() (k keyring, err error) {
	for name, ca := range map[string]**certs.CA{"server": &k.server, "client": &k.client, "etcd": &k.etcd} {
		if *ca, err = certs.NewCA("rollcall-test-" + name + "-ca"); err != nil {
			return k, err
		}
	}
	return k, nil
}

// User makes a client certificate that the API server accepts, as if it had been signed on request.
func (c *ControlPlane) User(name string, groups ...string) (*rest.Config, error) {
	pair, err := c.keys.client.Issue(pkix.Name{CommonName: name, Organization: groups})
	if err != nil {
		return nil, err
	}
	return &rest.Config{
		Host:            c.url,
		TLSClientConfig: rest.TLSClientConfig{CAData: c.CACert(), CertData: pair.Cert, KeyData: pair.Key},
		QPS:             -1,
	}, nil
}

func (c *ControlPlane) writeFiles(context.Context) (err error) {
	if c.keys, err = newKeyring(); err != nil {
		return err
	}
	serviceAccountKey, err := certs.NewKey()
	if err != nil {
		return err
	}
	files := map[string][]byte{
		"server-ca.crt":       c.keys.server.Cert,
		"client-ca.crt":       c.keys.client.Cert,
		trustedClients:        c.keys.client.Cert,
		"client-ca.key":       c.keys.client.Key,
		"etcd-ca.crt":         c.keys.etcd.Cert,
		"service-account.key": serviceAccountKey,
		"audit-policy.yaml":   []byte(auditPolicy),
	}
	if err := addPair(files, "apiserver", c.keys.server, "127.0.0.1", "localhost", "kubernetes.default.svc"); err != nil {
		return err
	}
	if err := addPair(files, "etcd", c.keys.etcd, "127.0.0.1"); err != nil {
		return err
	}
	return c.write(files)
}

func addPair(files map[string][]byte, name string, ca *certs.CA, hosts ...string) error {
	pair, err := ca.Issue(pkix.Name{CommonName: name}, hosts...)
	files[name+".crt"], files[name+".key"] = pair.Cert, pair.Key
	return err
}

func (c *ControlPlane) write(files map[string][]byte) error {
	for name, content := range files {
		if err := os.WriteFile(c.file(name), content, 0o600); err != nil {
			return err
		}
	}
	return nil
}

func (c *ControlPlane) writeKubeconfigs(context.Context) (err error) {
	if c.admin, err = c.writeKubeconfig(c.AdminKubeconfig(), adminName, "system:masters"); err != nil {
		return err
	}
	_, err = c.writeKubeconfig(c.file("controller-manager.kubeconfig"), "system:kube-controller-manager")
	return err
}

func (c *ControlPlane) writeKubeconfig(path, name string, groups ...string) (*rest.Config, error) {
	user, err := c.User(name, groups...)
	if err != nil {
		return nil, err
	}
	config := clientcmdapi.NewConfig()
	config.Clusters["rollcall"] = &clientcmdapi.Cluster{Server: user.Host, CertificateAuthorityData: user.CAData}
	config.AuthInfos[name] = &clientcmdapi.AuthInfo{ClientCertificateData: user.CertData, ClientKeyData: user.KeyData}
	config.Contexts["rollcall"] = &clientcmdapi.Context{Cluster: "rollcall", AuthInfo: name}
	config.CurrentContext = "rollcall"
	return user, clientcmd.WriteToFile(*config, path)
}
