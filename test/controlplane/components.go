// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/rollcall-iam/rollcall/test/internal/process"
)

const (
	etcdData = "etcd"
	// trustedClients holds the authorities whose client certificates the API server accepts.
	trustedClients = "trusted-clients.crt"
	// eventTTL keeps etcd small; no test looks for events older than itself.
	eventTTL = "10m"
)

// signingController signs certificates that were approved.
const signingController = "certificatesigningrequest-signing-controller"

// controllers are those whose work shows in a cluster without nodes; the others would only cost CPU.
var controllers = []string{
	"certificatesigningrequest-approving-controller",
	"certificatesigningrequest-cleaner-controller",
	signingController,
	"clusterrole-aggregation-controller",
	"deployment-controller",
	"garbage-collector-controller",
	"namespace-controller",
	"persistentvolumeclaim-protection-controller",
	"replicaset-controller",
	"resourcequota-controller",
	"root-ca-certificate-publisher-controller",
	"serviceaccount-controller",
	"serviceaccount-token-controller",
	"validatingadmissionpolicy-status-controller",
}

func (c *ControlPlane) startEtcd(ctx context.Context) (err error) {
	c.etcd, err = process.StartOnFreePorts(2, func(ports []int) (*process.Process, error) {
		c.etcdURL = loopback(ports[0])
		return process.Start(ctx, process.Command{
			Path:  c.binary("etcd"),
			Args:  c.etcdArgs(c.etcdURL, loopback(ports[1])),
			Log:   c.file("etcd.log"),
			Ready: c.etcdReady(c.etcdURL + "/health"),
		})
	})
	return err
}

func (c *ControlPlane) etcdArgs(client, peer string) []string {
	args := []string{
		"--name=default", "--data-dir=" + c.file(etcdData), "--unsafe-no-fsync", "--log-level=warn",
		"--listen-client-urls=" + client, "--advertise-client-urls=" + client,
		"--listen-peer-urls=" + peer, "--initial-advertise-peer-urls=" + peer, "--initial-cluster=default=" + peer,
	}
	return slices.Concat(args, c.etcdTLSArgs("--"), c.etcdTLSArgs("--peer-"))
}

// etcdTLSArgs make both sides show certificates.
func (c *ControlPlane) etcdTLSArgs(prefix string) []string {
	return []string{
		prefix + "client-cert-auth", prefix + "trusted-ca-file=" + c.file("etcd-ca.crt"),
		prefix + "cert-file=" + c.file("etcd.crt"), prefix + "key-file=" + c.file("etcd.key"),
	}
}

func (c *ControlPlane) etcdReady(url string) func(context.Context) error {
	return func(ctx context.Context) error {
		pair, err := tls.LoadX509KeyPair(c.file("etcd.crt"), c.file("etcd.key"))
		if err != nil {
			return err
		}
		return get(ctx, url, &tls.Config{RootCAs: c.keys.etcd.Pool(), Certificates: []tls.Certificate{pair}})
	}
}

func (c *ControlPlane) startAPIServer(ctx context.Context) (err error) {
	c.apiServer, err = process.StartOnFreePorts(1, func(ports []int) (*process.Process, error) {
		c.port, c.url = ports[0], loopback(ports[0])
		return process.Start(ctx, c.apiServerCommand())
	})
	return err
}

// RestartAPIServer ends kube-apiserver and starts it again, at the same address, with other arguments in the options' place.
func (c *ControlPlane) RestartAPIServer(ctx context.Context, args ...string) (err error) {
	if err := c.apiServer.Stop(); err != nil {
		return err
	}
	c.options.APIServerArgs = args
	c.apiServer, err = process.Start(ctx, c.apiServerCommand())
	return err
}

func (c *ControlPlane) apiServerCommand() process.Command {
	return process.Command{
		Path:  c.binary("kube-apiserver"),
		Args:  slices.Concat(c.apiServerArgs(c.port), c.authorizationArgs(), c.options.APIServerArgs),
		Log:   c.file("kube-apiserver.log"),
		Ready: c.apiServerReady(c.url + "/readyz"),
	}
}

func (c *ControlPlane) apiServerArgs(port int) []string {
	return []string{
		"--etcd-servers=" + c.etcdURL, "--etcd-cafile=" + c.file("etcd-ca.crt"),
		"--etcd-certfile=" + c.file("etcd.crt"), "--etcd-keyfile=" + c.file("etcd.key"),
		"--bind-address=127.0.0.1", "--advertise-address=127.0.0.1", fmt.Sprintf("--secure-port=%d", port),
		"--tls-cert-file=" + c.file("apiserver.crt"), "--tls-private-key-file=" + c.file("apiserver.key"),
		"--client-ca-file=" + c.file(trustedClients),
		"--service-account-issuer=https://kubernetes.default.svc.cluster.local",
		"--service-account-key-file=" + c.file("service-account.key"),
		"--service-account-signing-key-file=" + c.file("service-account.key"),
		"--service-cluster-ip-range=10.0.0.0/24", "--endpoint-reconciler-type=none", "--event-ttl=" + eventTTL,
		"--audit-policy-file=" + c.file("audit-policy.yaml"), "--audit-log-path=" + c.AuditLog(),
		"--audit-log-mode=blocking-strict", "--audit-log-maxsize=0", "--profiling=false",
	}
}

// authorizationArgs ask for RBAC, unless the options bring a configuration file, which goes with no other flag.
func (c *ControlPlane) authorizationArgs() []string {
	if slices.ContainsFunc(c.options.APIServerArgs, func(arg string) bool { return strings.HasPrefix(arg, "--authorization-config=") }) {
		return nil
	}
	return []string{"--authorization-mode=RBAC"}
}

func (c *ControlPlane) apiServerReady(url string) func(context.Context) error {
	return func(ctx context.Context) error {
		return get(ctx, url, &tls.Config{RootCAs: c.keys.server.Pool()})
	}
}

func (c *ControlPlane) startControllerManager(ctx context.Context) (err error) {
	client, err := kubernetes.NewForConfig(c.admin)
	if err != nil {
		return err
	}
	c.controllerManager, err = process.Start(ctx, process.Command{
		Path:  c.binary("kube-controller-manager"),
		Args:  c.controllerManagerArgs(),
		Log:   c.file("kube-controller-manager.log"),
		Ready: controllersReady(client),
	})
	return err
}

func (c *ControlPlane) controllerManagerArgs() []string {
	running := controllers
	signing := []string{
		"--cluster-signing-cert-file=" + c.file("client-ca.crt"), "--cluster-signing-key-file=" + c.file("client-ca.key"),
	}
	if c.options.NoSigning {
		running = slices.DeleteFunc(slices.Clone(controllers), func(name string) bool { return name == signingController })
		signing = nil
	}
	return slices.Concat([]string{
		"--kubeconfig=" + c.file("controller-manager.kubeconfig"), "--controllers=" + strings.Join(running, ","),
		"--use-service-account-credentials", "--leader-elect=false", "--secure-port=0", "--profiling=false",
		"--kube-api-qps=200", "--kube-api-burst=400",
		"--service-account-private-key-file=" + c.file("service-account.key"),
		"--root-ca-file=" + c.file("server-ca.crt"),
	}, signing, c.options.ControllerManagerArgs)
}

// controllersReady sees two controllers' work: the first namespace has what every namespace gets.
func controllersReady(client kubernetes.Interface) func(context.Context) error {
	return func(ctx context.Context) error {
		core := client.CoreV1()
		if _, err := core.ServiceAccounts(metav1.NamespaceDefault).Get(ctx, "default", metav1.GetOptions{}); err != nil {
			return err
		}
		_, err := core.ConfigMaps(metav1.NamespaceDefault).Get(ctx, "kube-root-ca.crt", metav1.GetOptions{})
		return err
	}
}

func loopback(port int) string {
	return fmt.Sprintf("https://127.0.0.1:%d", port)
}

// get asks once, over a connection of its own.
func get(ctx context.Context, url string, config *tls.Config) error {
	client := &http.Client{
		Transport: &http.Transport{TLSClientConfig: config, DisableKeepAlives: true},
		Timeout:   5 * time.Second,
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if body, _ := io.ReadAll(response.Body); response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s: %s", url, response.Status, body)
	}
	return nil
}
