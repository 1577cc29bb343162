// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/internal/operator"
	"github.com/rollcall-iam/rollcall/test/installation"
)

const rowKubeconfigs = "users to kubeconfig"

// kubeconfigs has kubectl apply Users that want a kubeconfig, and waits for the last Secret: once with each signer.
func (b *bench) kubeconfigs(ctx context.Context) ([]line, error) {
	signers := []struct{ name, told string }{
		{operator.SignerCSR, "signed by the cluster"}, {operator.SignerCA, "signed by the operator"},
	}
	b.say("waiting until the garbage collector knows the kinds, as that of a cluster does which is older than this one")
	if err := installation.CollectorKnows(ctx, b.admin); err != nil {
		return nil, err
	}
	var lines []line
	for i, signer := range signers {
		found, err := b.robotsServed(ctx, signer.name, i*(warmRobots+b.robots))
		if err != nil {
			return nil, err
		}
		for at := range found {
			found[at].State = signer.told
		}
		lines = append(lines, found...)
		if err := b.stopManager(); err != nil {
			return nil, err
		}
	}
	return lines, nil
}

// robotsServed measures one signer with Users that are not there yet, from the first on. Some come before, so that the control plane has
// done what it does once.
func (b *bench) robotsServed(ctx context.Context, signer string, first int) ([]line, error) {
	if err := b.startManager(ctx, "--signer="+signer); err != nil {
		return nil, err
	}
	if err := b.quiet(ctx); err != nil { // The operator has tried the signer.
		return nil, err
	}
	if _, err := b.applyRobots(ctx, first, warmRobots); err != nil {
		return nil, err
	}
	if err := b.quiet(ctx); err != nil {
		return nil, err
	}
	mark, err := b.plane.AuditMark()
	if err != nil {
		return nil, err
	}
	b.say("applying %d Users that want a kubeconfig", b.robots)
	began, before := time.Now(), b.cpu()
	applied, err := b.applyRobots(ctx, first+warmRobots, b.robots)
	if err != nil {
		return nil, err
	}
	took, cpu := time.Since(began), b.cpu().since(before)
	if err := b.quiet(ctx); err != nil {
		return nil, err
	}
	did, err := b.requests(mark)
	if err != nil {
		return nil, err
	}
	n := float64(b.robots)
	return []line{
		{Row: rowKubeconfigs, What: "from kubectl apply to the last Secret", Value: n / took.Seconds(), Unit: unitRate, Goal: "at least 50/s"},
		{Row: rowKubeconfigs, What: "time until the last Secret", Value: took.Seconds(), Unit: unitSeconds},
		{Row: rowKubeconfigs, What: "time that kubectl apply took", Value: applied.Seconds(), Unit: unitSeconds},
		{Row: rowKubeconfigs, What: "writes of the operator for each", Value: float64(did.written(anything)) / n, Unit: unitEach},
		{Row: rowKubeconfigs, What: "processor time of the operator", Value: cpu.operator.Seconds(), Unit: unitSeconds},
		{Row: rowKubeconfigs, What: "processor time of the control plane", Value: cpu.plane.Seconds(), Unit: unitSeconds},
	}, nil
}

// warmRobots come first.
const warmRobots = 10

// applyRobots has kubectl apply n Users, and says how long that alone took. It returns once they have a kubeconfig.
func (b *bench) applyRobots(ctx context.Context, first, n int) (took time.Duration, err error) {
	manifest := filepath.Join(b.plane.Dir(), "users.yaml")
	if err := os.WriteFile(manifest, []byte(usersWithKubeconfig(first, n)), 0o600); err != nil {
		return 0, err
	}
	began := time.Now()
	if _, err := b.kubectl(ctx, "apply", "-f", manifest); err != nil {
		return 0, err
	}
	took = time.Since(began)
	if err := b.until(ctx, "every User has a Secret", b.haveSecrets(first+n)); err != nil {
		return 0, err
	}
	return took, nil
}

func (b *bench) haveSecrets(n int) func(context.Context) (string, bool, error) {
	return func(ctx context.Context) (string, bool, error) {
		var list metav1.PartialObjectMetadataList
		list.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("SecretList"))
		if err := b.admin.List(ctx, &list, client.InNamespace(installation.Namespace)); err != nil {
			return "", false, err
		}
		there := 0
		for i := range list.Items {
			if strings.HasPrefix(list.Items[i].Name, "robot-") {
				there++
			}
		}
		return fmt.Sprintf("%d have", there), there == n, nil
	}
}

// usersWithKubeconfig is a manifest.
func usersWithKubeconfig(first, n int) string {
	var text strings.Builder
	for i := first; i < first+n; i++ {
		fmt.Fprintf(&text, `---
apiVersion: iam.rollcall.dev/v1alpha1
kind: User
metadata: {name: robot-%[1]d}
spec:
  userName: robot-%[1]d
  kubeconfig:
    secretRef: {namespace: %[2]s, name: robot-%[1]d}
`, i, installation.Namespace)
	}
	return text.String()
}
