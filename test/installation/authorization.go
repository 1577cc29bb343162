// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package installation

import (
	"context"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/rollcall-iam/rollcall/test/controlplane"
	"github.com/rollcall-iam/rollcall/test/internal/checkout"
)

// webhookKubeconfig is where the samples of config/authorization have the webhook's kubeconfig.
const webhookKubeconfig = "/etc/kubernetes/rollcall/webhook.kubeconfig"

// WriteAuthorization writes a sample of config/authorization (strict or best-effort), with the path of a kubeconfig for the webhook, to
// where an API server reads it: --authorization-config. An API server that runs takes notice.
func WriteAuthorization(path, sample, kubeconfig string) error {
	root, err := checkout.Root()
	if err != nil {
		return err
	}
	content, err := os.ReadFile(filepath.Join(root, "config", "authorization", "authorization-config-"+sample+".yaml"))
	if err != nil {
		return err
	}
	if !strings.Contains(string(content), webhookKubeconfig) {
		return fmt.Errorf("the sample %s does not name %s", sample, webhookKubeconfig)
	}
	return os.WriteFile(path, []byte(strings.ReplaceAll(string(content), webhookKubeconfig, kubeconfig)), 0o600)
}

// AskWebhook has the API server of a control plane, whose --authorization-config is a file, ask the operator's webhook: by a sample, and
// with the kubeconfig that the operator has made, which goes beside the file. It waits for that one.
func AskWebhook(ctx context.Context, cp *controlplane.ControlPlane, path, sample string) error {
	kubeconfig := filepath.Join(filepath.Dir(path), "webhook.kubeconfig")
	if err := fetchKubeconfig(ctx, cp, "rollcall-authorization-webhook", kubeconfig); err != nil {
		return fmt.Errorf("wait for the webhook's kubeconfig: %w", err)
	}
	return WriteAuthorization(path, sample, kubeconfig)
}

// fetchKubeconfig writes the kubeconfig that the operator keeps in a Secret of its own to a file, once it is there.
func fetchKubeconfig(ctx context.Context, cp *controlplane.ControlPlane, secret, path string) error {
	return wait.PollUntilContextTimeout(ctx, lookAgain, readyTimeout, true, func(ctx context.Context) (bool, error) {
		encoded, err := Kubectl(ctx, cp, cp.AdminKubeconfig(), "get", "secret", secret, "-n", Namespace, "-o", "jsonpath={.data.kubeconfig}")
		if err != nil || encoded == "" {
			return false, nil //nolint:nilerr // It is not there yet.
		}
		content, err := base64.StdEncoding.DecodeString(encoded)
		if err != nil {
			return false, err
		}
		return true, os.WriteFile(path, content, 0o600)
	})
}

// lookAgain is how soon to look again for what is about to be there.
const lookAgain = 100 * time.Millisecond

// WriteWebhookKubeconfig writes the sample of the webhook's kubeconfig, whose token is none yet: for an API server that starts before the
// operator has made the real one.
func WriteWebhookKubeconfig(path string) error {
	root, err := checkout.Root()
	if err != nil {
		return err
	}
	content, err := os.ReadFile(filepath.Join(root, "config", "authorization", "webhook.kubeconfig"))
	if err != nil {
		return err
	}
	return os.WriteFile(path, []byte(strings.ReplaceAll(string(content), "    certificate-authority-data: PEM-IN-BASE64\n", "")), 0o600)
}
