// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package installation

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/rollcall-iam/rollcall/test/controlplane"
	"github.com/rollcall-iam/rollcall/test/internal/checkout"
)

// SendAudit has the API server of a control plane send its audit log to the operator, as config/audit says: with the policy from there, and
// the kubeconfig that the operator has made, which goes to a file. It waits for that one. The API server is started anew, with these
// arguments besides.
func SendAudit(ctx context.Context, cp *controlplane.ControlPlane, kubeconfig string, args ...string) error {
	root, err := checkout.Root()
	if err != nil {
		return err
	}
	if err := fetchKubeconfig(ctx, cp, "rollcall-audit-webhook", kubeconfig); err != nil {
		return fmt.Errorf("wait for the kubeconfig of the audit webhook: %w", err)
	}
	return cp.RestartAPIServer(ctx, slices.Concat(args, []string{
		"--audit-policy-file=" + filepath.Join(root, "config", "audit", "policy.yaml"),
		"--audit-webhook-config-file=" + kubeconfig, "--audit-webhook-batch-max-wait=1s",
	})...)
}
