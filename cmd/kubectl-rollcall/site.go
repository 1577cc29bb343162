// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/runtime"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/rollcall-iam/rollcall/cmd/kubectl-rollcall/internal/holder"
	"github.com/rollcall-iam/rollcall/cmd/kubectl-rollcall/internal/loginclient"
	"github.com/rollcall-iam/rollcall/cmd/kubectl-rollcall/internal/store"
)

const (
	// execExtension is the name of the extension of a cluster that kubectl hands to credential plugins.
	execExtension = "client.authentication.k8s.io/exec"
	// keyringVariable forces files where it is off.
	keyringVariable = "ROLLCALL_KEYRING"
	keyringAuto     = "auto"
	keyringOff      = "off"
)

// extension is what a kubeconfig says of how to log in, and kubectl hands to the credential plugin.
type extension struct {
	LoginServer string `json:"loginServer"`
	LoginCAData []byte `json:"loginCAData,omitempty"`
	Profile     string `json:"profile,omitempty"`
}

// site is a cluster, and where people log in to it.
type site struct {
	extension
	// server is the API server's URL.
	server string
}

// profile is the name of its login.
func (p *site) profile() string {
	if p.Profile != "" {
		return p.Profile
	}
	return store.ProfileName(p.LoginServer, p.server)
}

func parseExtension(raw []byte) (extension, error) {
	var parsed extension
	if err := json.Unmarshal(raw, &parsed); err != nil {
		return extension{}, fmt.Errorf("the cluster's extension %s in the kubeconfig cannot be read: %w", execExtension, err)
	}
	if parsed.LoginServer == "" {
		return extension{}, fmt.Errorf("the cluster's extension %s in the kubeconfig names no loginServer", execExtension)
	}
	address, err := loginclient.CheckURL(parsed.LoginServer)
	if err != nil {
		return extension{}, err
	}
	parsed.LoginServer = address
	if parsed.Profile != "" {
		return parsed, store.CheckName(parsed.Profile)
	}
	return parsed, nil
}

// errElsewhere says that the kubeconfig's context has nothing to do with a login.
var errElsewhere = errors.New("the kubeconfig's context does not say where to log in")

// here is the place that the kubeconfig's context is about.
func (t *tool) here() (*site, error) {
	_, cluster, err := t.cluster()
	if err != nil {
		return nil, err
	}
	return placeOf(cluster)
}

// cluster is the one that flags and kubeconfig name, and what the kubeconfig has of it; nil where it has nothing.
func (t *tool) cluster() (string, *clientcmdapi.Cluster, error) {
	config, err := t.flags.ToRawKubeConfigLoader().RawConfig()
	if err != nil {
		return "", nil, err
	}
	name := config.CurrentContext
	if *t.flags.Context != "" {
		name = *t.flags.Context
	}
	cluster := ""
	if context, found := config.Contexts[name]; found {
		cluster = context.Cluster
	}
	if *t.flags.ClusterName != "" {
		cluster = *t.flags.ClusterName
	}
	return cluster, config.Clusters[cluster], nil
}

func placeOf(cluster *clientcmdapi.Cluster) (*site, error) {
	if cluster == nil {
		return nil, errElsewhere
	}
	raw, ok := cluster.Extensions[execExtension].(*runtime.Unknown)
	if !ok {
		return nil, errElsewhere
	}
	parsed, err := parseExtension(raw.Raw)
	if err != nil {
		return nil, err
	}
	return &site{extension: parsed, server: cluster.Server}, nil
}

// loginFlags are those of all commands that use a login.
type loginFlags struct{ profile, keyring string }

func (f *loginFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.profile, "profile", "", "name of the login, for several at one cluster; default: by login service and cluster")
	flags.StringVar(&f.keyring, "keyring", keyringAuto,
		"where keys are kept: auto (the operating system's keyring where there is one, else files) or off (files); also "+keyringVariable)
}

func (t *tool) openStore(flags *loginFlags) (*store.Store, error) {
	switch flags.keyring {
	case keyringAuto, keyringOff:
	default:
		return nil, fmt.Errorf("there is no --keyring %q: write auto or off", flags.keyring)
	}
	folder, err := store.Folder()
	if err != nil {
		return nil, err
	}
	return store.Open(folder, flags.keyring != keyringOff && os.Getenv(keyringVariable) != keyringOff, t.warnf)
}

func (t *tool) holder(kept *store.Store, profile string) *holder.Holder {
	return &holder.Holder{Store: kept, Profile: profile, UserAgent: userAgent(), Now: time.Now, Warn: t.warnf}
}

func userAgent() string { return "kubectl-rollcall/" + version }

// mine is the profile that a command is about: the one that is named, the one of the kubeconfig's context, else the only one.
func (t *tool) mine(kept *store.Store, flags *loginFlags) (string, error) {
	if flags.profile != "" {
		return flags.profile, store.CheckName(flags.profile)
	}
	at, err := t.here()
	if err == nil {
		return at.profile(), nil
	}
	names, fail := kept.Profiles()
	switch {
	case fail != nil:
		return "", fail
	case len(names) == 0:
		return "", store.ErrNone
	case len(names) > 1:
		return "", fmt.Errorf("%w, and there are %d logins: choose one with --context or --profile", err, len(names))
	}
	return names[0], nil
}

// locked does something to a profile while nobody else does.
func (t *tool) withLock(ctx context.Context, kept *store.Store, profile string, do func() error) error {
	unlock, err := t.holder(kept, profile).Lock(ctx, false)
	if err != nil {
		return err
	}
	defer unlock()
	return do()
}
