// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

// Package installation puts Rollcall on a control plane as an administrator would: with kubectl, from config/, and the manager under
// exactly the ServiceAccount that config/rbac makes.
package installation

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/rollcall-iam/rollcall/test/controlplane"
	"github.com/rollcall-iam/rollcall/test/internal/checkout"
	"github.com/rollcall-iam/rollcall/test/internal/process"
)

const (
	// Namespace is the operator's own.
	Namespace = "rollcall-system"
	// ServiceAccount is whom the manager runs as.
	ServiceAccount = "rollcall-controller-manager"

	// tokenLife is longer than any test or playground.
	tokenLife    = 24 * time.Hour
	readyTimeout = time.Minute
)

// Install applies config/crd, config/rbac and config/policies, and waits until the API server serves the kinds and obeys the policies.
func Install(ctx context.Context, cp *controlplane.ControlPlane) error {
	root, err := checkout.Root()
	if err != nil {
		return err
	}
	for _, args := range [][]string{
		{"apply", "-k", filepath.Join(root, "config", "crd")},
		{"apply", "-k", filepath.Join(root, "config", "rbac")},
		{"wait", "--for=condition=Established", "--timeout=30s", "customresourcedefinitions", "--all"},
		{"apply", "-k", filepath.Join(root, "config", "policies")}, // Once the kinds are there, their expressions can be checked.
	} {
		if _, err := Kubectl(ctx, cp, cp.AdminKubeconfig(), args...); err != nil {
			return err
		}
	}
	return policiesInForce(ctx, cp)
}

// Kubectl runs the real kubectl with a kubeconfig and returns what it printed; an error holds what it complained about.
func Kubectl(ctx context.Context, cp *controlplane.ControlPlane, kubeconfig string, args ...string) (string, error) {
	return KubectlInput(ctx, cp, kubeconfig, "", args...)
}

// KubectlCommand is the real kubectl with a kubeconfig, ready to run.
func KubectlCommand(ctx context.Context, cp *controlplane.ControlPlane, kubeconfig string, args ...string) *exec.Cmd {
	command := exec.CommandContext(ctx, cp.Kubectl(), args...)
	command.Env = append(os.Environ(), "KUBECONFIG="+kubeconfig, "KUBECACHEDIR="+filepath.Join(cp.Dir(), "kubectl-cache"))
	return command
}

// KubectlInput is Kubectl with something on standard input.
func KubectlInput(ctx context.Context, cp *controlplane.ControlPlane, kubeconfig, input string, args ...string) (string, error) {
	command := KubectlCommand(ctx, cp, kubeconfig, args...)
	command.Stdin = strings.NewReader(input)
	var complaints strings.Builder
	command.Stderr = &complaints
	output, err := command.Output()
	if err != nil {
		return string(output), fmt.Errorf("kubectl %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(complaints.String()))
	}
	return string(output), nil
}

// Options say how to run a manager. The zero value is ready to use.
type Options struct {
	// Binary of the manager. Default: bin/manager in the checkout.
	Binary string
	// Server is the API server's URL for the manager. Default: the control plane's own.
	Server string
	// CA is the authority, PEM encoded, that signed the certificate of Server. Default: the control plane's own. What goes into
	// kubeconfigs is the control plane's in any case.
	CA []byte
	// Args are added to the manager's arguments.
	Args []string
	// Log is the file that receives what the manager prints. Default: manager.log in the control plane's folder.
	Log string
	// OneCore has it run on one processor.
	OneCore bool
}

// Manager is a running manager.
type Manager struct {
	process *process.Process
	log     string
	metrics string
}

// StartManager starts the manager under its ServiceAccount and returns once it says that it is ready.
func StartManager(ctx context.Context, cp *controlplane.ControlPlane, o Options) (*Manager, error) {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	if err := o.fill(cp); err != nil {
		return nil, err
	}
	kubeconfig, err := serviceAccountKubeconfig(ctx, cp, o.Server, o.CA)
	if err != nil {
		return nil, err
	}
	clusterCA := filepath.Join(cp.Dir(), "cluster-ca.crt")
	if err := os.WriteFile(clusterCA, cp.CACert(), 0o600); err != nil {
		return nil, err
	}
	m := &Manager{log: o.Log}
	m.process, err = process.StartOnFreePorts(2, func(ports []int) (*process.Process, error) {
		health, metrics := fmt.Sprintf("127.0.0.1:%d", ports[0]), fmt.Sprintf("127.0.0.1:%d", ports[1])
		m.metrics = "http://" + metrics + "/metrics"
		return process.Start(ctx, process.Command{
			Path: o.Binary,
			Args: append([]string{
				"--kubeconfig=" + kubeconfig, "--health-probe-bind-address=" + health,
				"--metrics-bind-address=" + metrics,
				"--cluster-server=" + cp.URL(), "--cluster-ca-file=" + clusterCA,
			}, o.Args...),
			Log:     o.Log,
			OneCore: o.OneCore,
			Ready:   func(ctx context.Context) error { return ready(ctx, "http://"+health+"/readyz") },
		})
	})
	if err != nil {
		return nil, err
	}
	return m, nil
}

func (o *Options) fill(cp *controlplane.ControlPlane) error {
	if o.Binary == "" {
		root, err := checkout.Root()
		if err != nil {
			return err
		}
		o.Binary = filepath.Join(root, "bin", "manager")
	}
	if o.Server == "" {
		o.Server = cp.URL()
	}
	if len(o.CA) == 0 {
		o.CA = cp.CACert()
	}
	if o.Log == "" {
		o.Log = filepath.Join(cp.Dir(), "manager.log")
	}
	if _, err := os.Stat(o.Binary); err != nil {
		return fmt.Errorf("no manager to start: %w: run 'make build'", err)
	}
	return nil
}

// Stop asks the manager to end and waits until it has.
func (m *Manager) Stop() error { return m.process.Stop() }

// Kill ends the manager without a chance to clean up.
func (m *Manager) Kill() error { return m.process.Kill() }

// PID is the manager's process id.
func (m *Manager) PID() int { return m.process.PID() }

// Metrics is the address of the manager's metrics.
func (m *Manager) Metrics() string { return m.metrics }

// Log is the path of the manager's log.
func (m *Manager) Log() string { return m.log }

// ServiceAccountKubeconfig writes a kubeconfig with a token of the operator's ServiceAccount and returns its path.
func ServiceAccountKubeconfig(ctx context.Context, cp *controlplane.ControlPlane, server string) (string, error) {
	return serviceAccountKubeconfig(ctx, cp, server, cp.CACert())
}

func serviceAccountKubeconfig(ctx context.Context, cp *controlplane.ControlPlane, server string, ca []byte) (string, error) {
	path := filepath.Join(cp.Dir(), "manager.kubeconfig")
	return path, writeKubeconfig(ctx, cp, Namespace, ServiceAccount, server, ca, path)
}

// WriteKubeconfig writes a kubeconfig with a token of any ServiceAccount.
func WriteKubeconfig(ctx context.Context, cp *controlplane.ControlPlane, namespace, serviceAccount, path string) error {
	return writeKubeconfig(ctx, cp, namespace, serviceAccount, cp.URL(), cp.CACert(), path)
}

func writeKubeconfig(ctx context.Context, cp *controlplane.ControlPlane, namespace, account, server string, ca []byte, path string) error {
	token, err := Token(ctx, cp, namespace, account)
	if err != nil {
		return err
	}
	config := clientcmdapi.NewConfig()
	config.Clusters["c"] = &clientcmdapi.Cluster{Server: server, CertificateAuthorityData: ca, TLSServerName: "127.0.0.1"}
	config.AuthInfos["c"] = &clientcmdapi.AuthInfo{Token: token}
	config.Contexts["c"] = &clientcmdapi.Context{Cluster: "c", AuthInfo: "c"}
	config.CurrentContext = "c"
	return clientcmd.WriteToFile(*config, path)
}

// Token is a token of a ServiceAccount that lasts for any test or playground.
func Token(ctx context.Context, cp *controlplane.ControlPlane, namespace, serviceAccount string) (string, error) {
	clientset, err := kubernetes.NewForConfig(cp.RESTConfig())
	if err != nil {
		return "", err
	}
	seconds := int64(tokenLife.Seconds())
	token, err := clientset.CoreV1().ServiceAccounts(namespace).CreateToken(ctx, serviceAccount,
		&authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: &seconds}}, metav1.CreateOptions{})
	if err != nil {
		return "", fmt.Errorf("request a token of %s/%s: %w", namespace, serviceAccount, err)
	}
	return token.Status.Token, nil
}

func ready(ctx context.Context, url string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, response.Body)
	if response.StatusCode != http.StatusOK {
		err = errors.Join(err, fmt.Errorf("%s answers %s", url, response.Status))
	}
	return errors.Join(err, response.Body.Close())
}
