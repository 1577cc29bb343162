// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/go-logr/logr"
	"golang.org/x/term"
	authenticationv1 "k8s.io/api/authentication/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
)

// tool is what all commands share.
type tool struct {
	flags   *genericclioptions.ConfigFlags
	streams genericiooptions.IOStreams
	output  string
}

// client talks to the API server as whom the flags and the kubeconfig say.
func (t *tool) client() (client.WithWatch, error) {
	ctrl.SetLogger(logr.Discard()) // else it complains after a while that it has none
	config, err := t.flags.ToRESTConfig()
	if err != nil {
		return nil, err
	}
	config.QPS = -1 // the API server limits by itself
	config.UserAgent = "kubectl-rollcall/" + version
	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), v1alpha1.AddToScheme(scheme)); err != nil {
		return nil, fmt.Errorf("build scheme: %w", err)
	}
	return client.NewWithWatch(config, client.Options{Scheme: scheme})
}

// caller is what the API server calls whoever runs this.
func caller(ctx context.Context, c client.Client) (string, error) {
	review := &authenticationv1.SelfSubjectReview{}
	if err := c.Create(ctx, review); err != nil {
		return "", fmt.Errorf("ask the API server who you are: %w", err)
	}
	return review.Status.UserInfo.Username, nil
}

// onTerminal says whether somebody reads along.
func (t *tool) onTerminal() bool {
	file, ok := t.streams.Out.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

// errInterrupted ends a command that was told to stop waiting.
var errInterrupted = errors.New("interrupted")

// explain says what an error means where the API server's own words leave that open.
func explain(err error) string {
	switch {
	case meta.IsNoMatchError(err):
		return "this cluster does not know the kinds of iam.rollcall.dev: is Rollcall installed, and is this the right --context?"
	case apierrors.IsUnauthorized(err):
		return err.Error() + ": your credentials are not (or no longer) valid for this cluster"
	default:
		return err.Error()
	}
}
