// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"embed"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/template"

	"golang.org/x/crypto/ssh"

	"github.com/rollcall-iam/rollcall/test/controlplane"
	"github.com/rollcall-iam/rollcall/test/installation"
	"github.com/rollcall-iam/rollcall/test/internal/process"
	"github.com/rollcall-iam/rollcall/test/sampledir"
)

//go:embed manifests
var manifests embed.FS

// world is all that runs: a control plane, a company's directory, and the operator.
type world struct {
	dir       string
	cp        *controlplane.ControlPlane
	directory *sampledir.Server
	manager   *installation.Manager
	// loginURL is where people log in, and ports are those of login service, webhook and audit service.
	loginURL string
	ports    []int
}

// start brings the world up in a folder, one part after the other, and says so.
func start(ctx context.Context, dir string, say func(part string)) (*world, error) {
	w := &world{dir: dir}
	for _, part := range []struct {
		name  string
		start func(context.Context) error
	}{
		{"etcd, kube-apiserver and kube-controller-manager", w.startControlPlane},
		{"the directory of corp.example (LDAP over TLS)", w.startDirectory},
		{"the kinds, the rights and the policies (kubectl apply -k config/crd, config/rbac, config/policies)", w.install},
		{"the operator, under exactly those rights, with a login service and the webhook that API servers ask", w.startManager},
		{"the API server once more, which sends the operator its audit log", w.sendAudit},
	} {
		say(part.name)
		if err := part.start(ctx); err != nil {
			return nil, errors.Join(fmt.Errorf("start %s: %w", part.name, err), w.stop())
		}
	}
	return w, nil
}

// startControlPlane has the API server ask a webhook that is not there yet: until it is, RBAC alone decides.
func (w *world) startControlPlane(ctx context.Context) (err error) {
	nobody := w.file("nobody.kubeconfig")
	if err := errors.Join(installation.WriteWebhookKubeconfig(nobody),
		installation.WriteAuthorization(w.file("authorization.yaml"), "best-effort", nobody)); err != nil {
		return err
	}
	w.cp, err = controlplane.Start(ctx, controlplane.Options{
		Dir: filepath.Join(w.dir, "control-plane"), APIServerArgs: []string{w.authorizationArg()},
	})
	return err
}

func (w *world) authorizationArg() string {
	return "--authorization-config=" + w.file("authorization.yaml")
}

func (w *world) startDirectory(ctx context.Context) (err error) {
	w.directory, err = sampledir.Start(ctx, sampledir.Options{
		File:    w.file("corp.ldif"),
		OnError: func(err error) { fmt.Fprintln(os.Stderr, "directory:", err) },
	})
	return err
}

func (w *world) install(ctx context.Context) error { return installation.Install(ctx, w.cp) }

func (w *world) startManager(ctx context.Context) (err error) {
	if w.ports, err = process.FreePorts(3); err != nil {
		return err
	}
	w.loginURL = fmt.Sprintf("https://127.0.0.1:%d", w.ports[0])
	if err := w.runManager(ctx); err != nil {
		return err
	}
	return installation.AskWebhook(ctx, w.cp, w.file("authorization.yaml"), "best-effort")
}

func (w *world) runManager(ctx context.Context) (err error) {
	w.manager, err = installation.StartManager(ctx, w.cp, installation.Options{Args: []string{
		"--serving-names=127.0.0.1", fmt.Sprintf("--login-bind-address=127.0.0.1:%d", w.ports[0]),
		fmt.Sprintf("--authorization-bind-address=127.0.0.1:%d", w.ports[1]), fmt.Sprintf("--audit-bind-address=127.0.0.1:%d", w.ports[2]),
		"--audit-store=sqlite:" + w.file("audit.db"), "--ledger-dir=" + w.file("ledger"),
	}})
	return err
}

// sendAudit comes last: the operator makes the kubeconfig by which the API server sends. That one is started anew, and then the operator,
// whose watches would come back half a minute later.
func (w *world) sendAudit(ctx context.Context) error {
	if err := installation.SendAudit(ctx, w.cp, w.file("audit-webhook.kubeconfig"), w.authorizationArg()); err != nil {
		return err
	}
	if err := w.manager.Stop(); err != nil {
		return err
	}
	return w.runManager(ctx)
}

// stop ends everything that was started.
func (w *world) stop() error {
	var errs []error
	if w.manager != nil {
		errs = append(errs, w.manager.Stop())
	}
	if w.directory != nil {
		errs = append(errs, w.directory.Stop())
	}
	if w.cp != nil {
		errs = append(errs, w.cp.Stop())
	}
	return errors.Join(errs...)
}

func (w *world) file(name string) string { return filepath.Join(w.dir, name) }

// writeManifests puts the manifests where a person can read them, and the directory's secrets where kubectl finds them.
func (w *world) writeManifests() error {
	entries, err := manifests.ReadDir("manifests")
	if err != nil {
		return err
	}
	key, err := w.writeKey()
	if err != nil {
		return err
	}
	for _, entry := range entries {
		parsed, err := template.ParseFS(manifests, "manifests/"+entry.Name())
		if err != nil {
			return err
		}
		var text strings.Builder
		if err := parsed.Execute(&text, map[string]string{"URL": w.directory.URL(), "Key": key}); err != nil {
			return err
		}
		if err := os.WriteFile(w.file(entry.Name()), []byte(text.String()), 0o600); err != nil {
			return err
		}
	}
	return errors.Join(
		os.WriteFile(w.file("ca.pem"), w.directory.CAPEM(), 0o600),
		os.WriteFile(w.file("password"), []byte(w.directory.Password()), 0o600),
	)
}

// writeKey makes a key as ssh-keygen makes one, and returns its public half.
func (w *world) writeKey() (string, error) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return "", err
	}
	block, err := ssh.MarshalPrivateKey(private, "bob@laptop")
	if err != nil {
		return "", err
	}
	key, err := ssh.NewPublicKey(public)
	if err != nil {
		return "", err
	}
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key))), os.WriteFile(w.file("bob.key"), pem.EncodeToMemory(block), 0o600)
}

// loginArgs are how bob logs in.
func (w *world) loginArgs() []string {
	return []string{
		"rollcall", "login", w.loginURL, "--login-ca-file", w.file("login-ca.crt"), "--key", w.file("bob.key"),
		"--kubeconfig-out", w.file("bob.kubeconfig"),
	}
}

// fetchLoginCA writes the authority of the login service's certificate to where people read it.
func (w *world) fetchLoginCA(ctx context.Context) error {
	text, err := w.kubectl(ctx, w.cp.AdminKubeconfig(), "get", "configmap", "rollcall-serving-ca", "-n", installation.Namespace,
		"-o", `jsonpath={.data.ca\.crt}`)
	if err != nil {
		return fmt.Errorf("%w: %s", err, text)
	}
	return os.WriteFile(w.file("login-ca.crt"), []byte(text), 0o600)
}

// secretCommands make the Secrets that the Directory names.
func (w *world) secretCommands() [][]string {
	return [][]string{
		{"create", "secret", "generic", "corp-ca", "-n", installation.Namespace, "--from-file=ca.crt=ca.pem"},
		{
			"create", "secret", "generic", "corp-bind", "-n", installation.Namespace,
			"--from-literal=username=" + w.directory.BindDN(), "--from-file=password=password",
		},
	}
}
