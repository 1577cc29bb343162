// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientauthv1 "k8s.io/client-go/pkg/apis/clientauthentication/v1"
	execauth "k8s.io/client-go/tools/auth/exec"

	"github.com/rollcall-iam/rollcall/cmd/kubectl-rollcall/internal/holder"
	"github.com/rollcall-iam/rollcall/cmd/kubectl-rollcall/internal/store"
)

// execInfo is the environment variable in which kubectl says what it wants a credential for.
const execInfo = "KUBERNETES_EXEC_INFO"

func (t *tool) newCredentialCommand() *cobra.Command {
	var flags loginFlags
	command := &cobra.Command{
		Use:   "credential",
		Short: "Print a client certificate for kubectl, which runs this by itself",
		Long: "Print a client certificate for kubectl, as its credential plugins do (client.authentication.k8s.io/v1).\n\n" +
			"The kubeconfig that kubectl rollcall login writes names this command, and kubectl runs it. It prints what the last login\n" +
			"brought, replaces a certificate that is about to expire, and lets you log in where that is over and there is a terminal.",
		Example: `  # Let kubectl use a login
  kubectl rollcall login https://login.example.com

  # See what kubectl gets, and why it gets nothing
  kubectl get --raw /version -v 6`,
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(command *cobra.Command, _ []string) error {
			return t.credential(command.Context(), os.Getenv(execInfo), &flags)
		},
	}
	flags.add(command.Flags())
	return command
}

func (t *tool) credential(ctx context.Context, info string, flags *loginFlags) error {
	asked, at, err := parseExecInfo(info)
	if err != nil {
		return err
	}
	if flags.profile != "" {
		at.Profile = flags.profile
	}
	kept, err := t.openStore(flags)
	if err != nil {
		return err
	}
	got, err := t.holder(kept, at.profile()).Current(ctx)
	if need, ok := errors.AsType[*holder.NeedLogin](err); ok {
		got, err = t.without(ctx, asked, at, kept, need)
	}
	if err != nil {
		return err
	}
	return t.hand(got)
}

// parseExecInfo reads what kubectl says.
func parseExecInfo(info string) (*clientauthv1.ExecCredential, *site, error) {
	if info == "" {
		return nil, nil, fmt.Errorf("%s is not set: kubectl runs this command, by a kubeconfig that kubectl rollcall login writes", execInfo)
	}
	object, _, err := execauth.LoadExecCredential([]byte(info))
	if err != nil {
		return nil, nil, fmt.Errorf("%s cannot be used: %w; the kubeconfig's user must have provideClusterInfo: true", execInfo, err)
	}
	asked, ok := object.(*clientauthv1.ExecCredential)
	if !ok {
		return nil, nil, fmt.Errorf("the kubeconfig's user must have apiVersion %s", clientauthv1.SchemeGroupVersion)
	}
	raw := configOf(asked)
	if len(raw) == 0 {
		return nil, nil, fmt.Errorf("the kubeconfig's cluster has no extension %s, which says where to log in: run kubectl rollcall login URL",
			execExtension)
	}
	parsed, err := parseExtension(raw)
	if err != nil {
		return nil, nil, err
	}
	return asked, &site{extension: parsed, server: asked.Spec.Cluster.Server}, nil
}

func configOf(asked *clientauthv1.ExecCredential) []byte {
	config := asked.Spec.Cluster.Config
	if unknown, ok := config.Object.(*runtime.Unknown); ok && len(config.Raw) == 0 {
		return unknown.Raw
	}
	return config.Raw
}

// without is what to do where a person must log in: let them, if they are there.
func (t *tool) without(
	ctx context.Context, asked *clientauthv1.ExecCredential, at *site, kept *store.Store, need *holder.NeedLogin,
) (*holder.Credential, error) {
	_, terminal := t.terminal()
	if asked.Spec.Interactive && terminal {
		return t.loginOnTheWay(ctx, at, kept, need)
	}
	if need.Meanwhile != nil {
		t.warnf("%s. Your certificate works until %s; until then: %s", need.Why, need.Until.Local().Format(clockFormat), toLogIn(at))
		return need.Meanwhile, nil
	}
	return nil, fmt.Errorf("%s: run %s", need.Why, toLogIn(at))
}

func toLogIn(at *site) string {
	command := "kubectl rollcall login " + at.LoginServer
	if at.Profile != "" {
		command += " --profile " + at.Profile
	}
	return command
}

// loginOnTheWay logs in, unless another kubectl did by now.
func (t *tool) loginOnTheWay(ctx context.Context, at *site, kept *store.Store, need *holder.NeedLogin) (*holder.Credential, error) {
	h := t.holder(kept, at.profile())
	unlock, err := h.Lock(ctx, false)
	if err != nil {
		return nil, err
	}
	defer unlock()
	// What still works meanwhile was refused to be renewed a moment ago: only another login changes that.
	got, err := h.CurrentLocked(ctx)
	if err == nil && (need.Meanwhile == nil || !bytes.Equal(got.Certificate, need.Meanwhile.Certificate)) {
		return got, nil
	}
	t.warnf("%s.", need.Why)
	if _, err := t.loginAt(ctx, at, kept, &loginOptions{method: methodAuto}); err != nil {
		return nil, err
	}
	return h.CurrentLocked(ctx)
}

// hand gives kubectl a credential.
func (t *tool) hand(got *holder.Credential) error {
	text, err := json.Marshal(&clientauthv1.ExecCredential{
		TypeMeta: metav1.TypeMeta{APIVersion: clientauthv1.SchemeGroupVersion.String(), Kind: "ExecCredential"},
		Status: &clientauthv1.ExecCredentialStatus{
			ExpirationTimestamp: new(metav1.NewTime(got.Expire)), ClientCertificateData: string(got.Certificate), ClientKeyData: string(got.Key),
		},
	})
	if err != nil {
		return err
	}
	return t.write(string(text) + "\n")
}
