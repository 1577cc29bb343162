// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
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
		found, err := b.robotsServed(ctx, signer.name, i*(warmRobots+robotRounds*b.robots))
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

// served is one round: what it took that as many Users as are asked for had their Secrets.
type served struct {
	// took until the API server answered the write of the last Secret, and applied until kubectl had ended.
	took, applied time.Duration
	cpu           cpu
	writes        int
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
	var all []served
	for first += warmRobots; len(all) < robotRounds; first += b.robots {
		round, err := b.serve(ctx, first)
		if err != nil {
			return nil, err
		}
		all = append(all, round)
	}
	slices.SortFunc(all, func(x, y served) int { return cmp.Compare(x.took, y.took) })
	return servedLines(all, float64(b.robots)), nil
}

// servedLines tell of the round in the middle, of those that are sorted by how long they took.
func servedLines(all []served, n float64) []line {
	usual := all[len(all)/2]
	rate := func(s served) float64 { return n / s.took.Seconds() }
	lines := []line{
		{What: "from kubectl apply to the last Secret", Value: rate(usual), Unit: unitRate, Goal: "at least 50/s"},
		{What: "in the quickest round", Value: rate(all[0]), Unit: unitRate},
		{What: "in the slowest round", Value: rate(all[len(all)-1]), Unit: unitRate},
		{What: "time until the last Secret", Value: usual.took.Seconds(), Unit: unitSeconds},
		{What: "time that kubectl apply took", Value: usual.applied.Seconds(), Unit: unitSeconds},
		{What: "writes of the operator for each", Value: float64(usual.writes) / n, Unit: unitEach},
		{What: "processor time of the operator", Value: usual.cpu.operator.Seconds(), Unit: unitSeconds},
		{What: "processor time of the control plane", Value: usual.cpu.plane.Seconds(), Unit: unitSeconds},
	}
	for i := range lines {
		lines[i].Row = rowKubeconfigs
	}
	return lines
}

const (
	// warmRobots come first.
	warmRobots = 10
	// robotRounds is how often Users are applied, so that a moment in which the machine is busy elsewhere is not taken for the result.
	robotRounds = 5
)

// serve is one round.
func (b *bench) serve(ctx context.Context, first int) (round served, err error) {
	if err := b.quiet(ctx); err != nil {
		return round, err
	}
	mark, err := b.plane.AuditMark()
	if err != nil {
		return round, err
	}
	b.say("applying %d Users that want a kubeconfig", b.robots)
	began, before := time.Now(), b.cpu()
	if round.applied, err = b.applyRobots(ctx, first, b.robots); err != nil {
		return round, err
	}
	round.cpu = b.cpu().since(before)
	if err := b.quiet(ctx); err != nil {
		return round, err
	}
	did, err := b.requests(mark)
	round.took = did.last(func(resource string) bool { return resource == "secrets" }).Sub(began)
	round.writes = did.written(anything)
	return round, err
}

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

// haveSecrets counts the first n Secrets, once the last of them is there: counting is work for the API server, too.
func (b *bench) haveSecrets(n int) func(context.Context) (string, bool, error) {
	return func(ctx context.Context) (string, bool, error) {
		var last metav1.PartialObjectMetadata
		var list metav1.PartialObjectMetadataList
		last.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Secret"))
		list.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("SecretList"))
		err := b.admin.Get(ctx, client.ObjectKey{Namespace: installation.Namespace, Name: fmt.Sprintf("robot-%d", n-1)}, &last)
		if err != nil {
			return "the last has none", false, client.IgnoreNotFound(err)
		}
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
