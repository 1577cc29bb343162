// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

// Package argocd runs the real Argo CD against a control plane: its application controller and its repo server, as bin/argocd has them, and
// Redis, as child processes on free loopback ports.
package argocd

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/rollcall-iam/rollcall/test/controlplane"
	"github.com/rollcall-iam/rollcall/test/installation"
	"github.com/rollcall-iam/rollcall/test/internal/checkout"
	"github.com/rollcall-iam/rollcall/test/internal/installed"
	"github.com/rollcall-iam/rollcall/test/internal/process"
)

const (
	// Namespace is Argo CD's own.
	Namespace = "argocd"
	// controllerAccount is whom the application controller runs as. It may do nothing outside of Namespace.
	controllerAccount = "argocd-application-controller"

	redisServer = "/usr/bin/redis-server"
	// startTimeout is for a busy machine.
	startTimeout = 2 * time.Minute
)

// ArgoCD is a running Argo CD.
type ArgoCD struct {
	plane *controlplane.ControlPlane
	root  string
	dir   string

	redisAddress, repoAddress     string
	redis, repoServer, controller *process.Process
}

// Available says whether Argo CD can run here, and what to do if not.
func Available() error {
	root, err := checkout.Root()
	if err != nil {
		return err
	}
	binary := filepath.Join(root, "bin", "argocd", "argocd")
	if _, err := os.Stat(binary); err != nil {
		return fmt.Errorf("no Argo CD to start: %w: run 'make test-gitops'", err)
	}
	return installed.Check("redis", "redis-server", redisServer)
}

// Start installs Argo CD on a control plane, as its own manifests have it, with the health checks of config/argocd, and runs it.
func Start(ctx context.Context, cp *controlplane.ControlPlane) (*ArgoCD, error) {
	if err := Available(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	root, err := checkout.Root()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "rollcall-argocd-")
	if err != nil {
		return nil, err
	}
	a := &ArgoCD{plane: cp, root: root, dir: dir}
	for _, step := range []func(context.Context) error{
		a.makeFolders, a.install, a.startRedis, a.startRepoServer, a.startController,
	} {
		if err := step(ctx); err != nil {
			return nil, errors.Join(err, a.Stop())
		}
	}
	return a, nil
}

// Stop ends the processes and removes what they wrote.
func (a *ArgoCD) Stop() error {
	return errors.Join(a.controller.Stop(), a.repoServer.Stop(), a.redis.Stop(), os.RemoveAll(a.dir))
}

// Logs are the paths of what its processes print.
func (a *ArgoCD) Logs() []string {
	return []string{a.file("controller.log"), a.file("repo-server.log")}
}

func (a *ArgoCD) file(name string) string { return filepath.Join(a.dir, name) }

func (a *ArgoCD) binary(name string) string { return filepath.Join(a.root, "bin", "argocd", name) }

func (a *ArgoCD) makeFolders(context.Context) error {
	for _, name := range []string{"tmp", "tls", "ssh", "plugins"} {
		if err := os.Mkdir(a.file(name), 0o700); err != nil {
			return err
		}
	}
	return nil
}

// install applies what Argo CD's own installation begins with, and then the health checks, as docs/gitops.md says.
func (a *ArgoCD) install(ctx context.Context) error {
	manifests := a.binary("manifests")
	for _, args := range [][]string{
		{"create", "namespace", Namespace},
		{"apply", "--server-side", "-k", filepath.Join(manifests, "crds")},
		{"apply", "-n", Namespace, "-k", filepath.Join(manifests, "config")},
		{"apply", "-n", Namespace, "-k", filepath.Join(manifests, "application-controller-roles")},
		{"wait", "--for=condition=Established", "--timeout=30s", "customresourcedefinitions", "--all"},
		// What Argo CD's API server, which does not run here, would make at its first start.
		{"patch", "secret", "argocd-secret", "-n", Namespace, "-p", `{"stringData":{"server.secretkey":"` + rand.Text() + `"}}`},
		{"patch", "configmap", "argocd-cm", "-n", Namespace, "--patch-file", filepath.Join(a.root, "config", "argocd", "argocd-cm.yaml")},
	} {
		if _, err := installation.Kubectl(ctx, a.plane, a.plane.AdminKubeconfig(), args...); err != nil {
			return err
		}
	}
	return nil
}

func (a *ArgoCD) startRedis(ctx context.Context) (err error) {
	a.redis, err = process.StartOnFreePorts(1, func(ports []int) (*process.Process, error) {
		a.redisAddress = loopback(ports[0])
		return process.Start(ctx, process.Command{
			Path:  redisServer,
			Args:  []string{"--bind", "127.0.0.1", "--port", strconv.Itoa(ports[0]), "--save", "", "--appendonly", "no", "--dir", a.dir},
			Log:   a.file("redis.log"),
			Ready: func(ctx context.Context) error { return accepts(ctx, a.redisAddress) },
		})
	})
	return err
}

func (a *ArgoCD) startRepoServer(ctx context.Context) (err error) {
	a.repoServer, err = process.StartOnFreePorts(2, func(ports []int) (*process.Process, error) {
		a.repoAddress = loopback(ports[0])
		return process.Start(ctx, process.Command{
			Path: a.binary("argocd-repo-server"),
			Args: []string{
				"--address=127.0.0.1", "--port=" + strconv.Itoa(ports[0]), "--disable-tls", "--redis=" + a.redisAddress,
				"--metrics-address=127.0.0.1", "--metrics-port=" + strconv.Itoa(ports[1]),
			},
			Log: a.file("repo-server.log"),
			Env: []string{
				"PATH=" + filepath.Join(a.root, "bin", "tools") + string(os.PathListSeparator) + os.Getenv("PATH"), // For kustomize.
				"TMPDIR=" + a.file("tmp"), "ARGOCD_GPG_ENABLED=false", "ARGOCD_TLS_DATA_PATH=" + a.file("tls"),
				"ARGOCD_SSH_DATA_PATH=" + a.file("ssh"), "ARGOCD_PLUGINSOCKFILEPATH=" + a.file("plugins"),
				"ARGOCD_ASK_PASS_SOCK=" + a.file("ask-pass.sock"),
			},
			Ready: func(ctx context.Context) error { return healthy(ctx, ports[1]) },
		})
	})
	return err
}

func (a *ArgoCD) startController(ctx context.Context) error {
	kubeconfig := a.file("controller.kubeconfig")
	if err := installation.WriteKubeconfig(ctx, a.plane, Namespace, controllerAccount, kubeconfig); err != nil {
		return err
	}
	var err error
	a.controller, err = process.StartOnFreePorts(1, func(ports []int) (*process.Process, error) {
		return process.Start(ctx, process.Command{
			Path: a.binary("argocd-application-controller"),
			Args: []string{
				"--kubeconfig=" + kubeconfig, "--namespace=" + Namespace, "--redis=" + a.redisAddress,
				"--repo-server=" + a.repoAddress, "--repo-server-plaintext", "--metrics-port=" + strconv.Itoa(ports[0]),
				"--persist-resource-health",
			},
			Log: a.file("controller.log"),
			Env: []string{
				"TMPDIR=" + a.file("tmp"), "ARGOCD_TLS_DATA_PATH=" + a.file("tls"), "ARGOCD_SSH_DATA_PATH=" + a.file("ssh"),
			},
			Ready: func(ctx context.Context) error { return healthy(ctx, ports[0]) },
		})
	})
	return err
}

func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

func accepts(ctx context.Context, address string) error {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	return conn.Close()
}

func healthy(ctx context.Context, port int) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+loopback(port)+"/healthz", http.NoBody)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if body, _ := io.ReadAll(response.Body); response.StatusCode != http.StatusOK {
		return fmt.Errorf("healthz answers %s: %s", response.Status, body)
	}
	return nil
}
