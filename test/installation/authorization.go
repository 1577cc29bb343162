// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package installation

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

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
