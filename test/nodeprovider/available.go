// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package nodeprovider

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/onsi/ginkgo/v2"

	"github.com/rollcall-iam/rollcall/test/internal/checkout"
	"github.com/rollcall-iam/rollcall/test/internal/installed"
)

// oldest is the oldest node that runs the provider; its package.json says so too.
const oldest = 20

// nodePath finds a node that runs the provider, with its npm.
func nodePath(ctx context.Context) (string, error) {
	_, npmErr := exec.LookPath("npm")
	path, err := exec.LookPath("node")
	if err := errors.Join(err, npmErr); err != nil {
		return "", fmt.Errorf("the second OpenID provider needs node and npm: %w", err)
	}
	output, err := exec.CommandContext(ctx, path, "--version").Output()
	if err != nil {
		return "", fmt.Errorf("ask node for its version: %w", err)
	}
	var major int
	if _, err := fmt.Sscanf(string(output), "v%d.", &major); err != nil || major < oldest {
		return "", fmt.Errorf("the second OpenID provider needs node %d, not %s", oldest, output)
	}
	return path, nil
}

// modulesPath is the folder with node_modules, which hack/install-node-provider.sh fills.
func modulesPath() (string, error) {
	root, err := checkout.Root()
	if err != nil {
		return "", err
	}
	path := filepath.Join(root, "bin", "nodeprovider")
	if _, err := os.Stat(filepath.Join(path, "node_modules", "oidc-provider")); err != nil {
		return "", fmt.Errorf("oidc-provider is not installed: %w: run hack/install-node-provider.sh", err)
	}
	return path, nil
}

// SkipUnlessAvailable skips the spec where the provider cannot run. In CI that is a failure where a fitting node is there.
func SkipUnlessAvailable(ctx context.Context) {
	ginkgo.GinkgoHelper()
	if _, err := nodePath(ctx); err != nil {
		ginkgo.Skip(err.Error())
	}
	_, err := modulesPath()
	installed.OrSkip(err)
}
