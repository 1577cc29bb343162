// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

// Package controlplane runs a real control plane: etcd, kube-apiserver and kube-controller-manager as child processes
// on free loopback ports, with RBAC, certificate signing and the audit log on, and TLS verified by every client.
package controlplane

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"k8s.io/client-go/rest"

	"github.com/rollcall-iam/rollcall/test/internal/process"
)

// startTimeout bounds a start on a busy machine; an idle one needs a few seconds.
const startTimeout = 2 * time.Minute

// Options say where things are. The zero value is ready to use.
type Options struct {
	// Assets is the folder of etcd, kube-apiserver, kube-controller-manager and kubectl.
	// Default: KUBEBUILDER_ASSETS, else bin/k8s in the module's root.
	Assets string
	// Dir receives keys, data, kubeconfig, audit log and logs. It stays after Stop.
	// Default: a temporary folder, which Stop removes.
	Dir string
	// APIServerArgs are added to the arguments of kube-apiserver; of two equal flags the later wins.
	APIServerArgs []string
	// ControllerManagerArgs are added to the arguments of kube-controller-manager; of two equal flags the later wins.
	ControllerManagerArgs []string
	// NoSigning leaves out the controller that signs certificates, as some clusters that are rented do: requests are approved, and no more.
	NoSigning bool
}

// ControlPlane is a running control plane.
type ControlPlane struct {
	options   Options
	assets    string
	dir       string
	temporary bool
	keys      keyring
	etcdURL   string
	url       string
	port      int
	admin     *rest.Config

	etcd, apiServer, controllerManager *process.Process
}

// Start returns once the API answers and the default namespace has its ServiceAccount, or ends what it began.
func Start(ctx context.Context, options Options) (*ControlPlane, error) {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	assets, err := findAssets(options.Assets)
	if err != nil {
		return nil, err
	}
	c := &ControlPlane{options: options, assets: assets, dir: options.Dir}
	for _, step := range []func(context.Context) error{
		c.makeDir, c.writeFiles, c.startEtcd, c.startAPIServer, c.writeKubeconfigs, c.startControllerManager,
	} {
		if err := step(ctx); err != nil {
			return nil, errors.Join(err, c.Stop())
		}
	}
	return c, nil
}

// Stop ends the processes and removes the temporary folder. It may be called again.
func (c *ControlPlane) Stop() error {
	err := errors.Join(c.controllerManager.Stop(), c.apiServer.Stop(), c.etcd.Stop())
	if c.temporary {
		err = errors.Join(err, os.RemoveAll(c.dir))
	}
	return err
}

// URL is the API server's address.
func (c *ControlPlane) URL() string { return c.url }

// Dir holds everything that belongs to this control plane, the components' logs among it.
func (c *ControlPlane) Dir() string { return c.dir }

// CACert is the authority, PEM encoded, that signed the API server's certificate.
func (c *ControlPlane) CACert() []byte { return c.keys.server.Cert }

// ClientCACert is the authority, PEM encoded, that signs client certificates, requested ones too.
func (c *ControlPlane) ClientCACert() []byte { return c.keys.client.Cert }

// TrustClients has the API server accept client certificates by other authorities too, PEM encoded: --client-ca-file, which an API server
// that runs reads again.
func (c *ControlPlane) TrustClients(more []byte) error {
	fresh := c.file(trustedClients + ".new")
	if err := os.WriteFile(fresh, slices.Concat(c.keys.client.Cert, more), 0o600); err != nil {
		return err
	}
	return os.Rename(fresh, c.file(trustedClients))
}

// Kubectl is the path of a kubectl of the same version.
func (c *ControlPlane) Kubectl() string { return filepath.Join(c.assets, "kubectl") }

// AuditLog is the path of the audit log, one JSON event a line.
func (c *ControlPlane) AuditLog() string { return c.file("audit.log") }

// AdminKubeconfig is the path of a kubeconfig of system:masters.
func (c *ControlPlane) AdminKubeconfig() string { return c.file("admin.kubeconfig") }

// RESTConfig is a copy of the administrator's client configuration, without client-side rate limits.
func (c *ControlPlane) RESTConfig() *rest.Config { return rest.CopyConfig(c.admin) }

// PIDs are the process ids of etcd, kube-apiserver and kube-controller-manager.
func (c *ControlPlane) PIDs() []int {
	return []int{c.etcd.PID(), c.apiServer.PID(), c.controllerManager.PID()}
}

func (c *ControlPlane) file(name string) string { return filepath.Join(c.dir, name) }

func (c *ControlPlane) binary(name string) string { return filepath.Join(c.assets, name) }

// makeDir refuses a folder in use: new keys do not open old data.
func (c *ControlPlane) makeDir(context.Context) (err error) {
	if c.dir == "" {
		c.temporary = true
		c.dir, err = os.MkdirTemp("", "rollcall-control-plane-")
		return err
	}
	if c.dir, err = filepath.Abs(c.dir); err != nil {
		return err
	}
	if _, err := os.Stat(c.file(etcdData)); err == nil {
		return fmt.Errorf("%s holds another control plane's data: stop that one and remove the folder, or name another", c.dir)
	}
	return os.MkdirAll(c.dir, 0o700)
}
