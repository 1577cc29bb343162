// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/rollcall-iam/rollcall/test/internal/checkout"
)

// findAssets returns the folder of the binaries, having seen that they are there.
func findAssets(given string) (string, error) {
	dir, err := chooseAssets(given)
	if err != nil {
		return "", err
	}
	for _, name := range []string{"etcd", "kube-apiserver", "kube-controller-manager", "kubectl"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			return "", fmt.Errorf("no control plane to start: %w: run 'make control-plane', or set KUBEBUILDER_ASSETS", err)
		}
	}
	return dir, nil
}

func chooseAssets(given string) (string, error) {
	if given == "" {
		given = os.Getenv("KUBEBUILDER_ASSETS")
	}
	if given != "" {
		return filepath.Abs(given)
	}
	root, err := checkout.Root()
	return filepath.Join(root, "bin", "k8s"), err
}
