// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

// Command manager is Rollcall: an operator that gives a cluster its people.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"

	"github.com/rollcall-iam/rollcall/controllers"
	"github.com/rollcall-iam/rollcall/internal/operator"
)

// version is set by the build.
var version = "dev"

func main() {
	if err := run(); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "manager:", err)
		os.Exit(1)
	}
}

func run() error {
	options, err := operator.Parse(os.Args[1:])
	if err != nil {
		return err
	}
	options.Version = version
	logger := zap.New(zap.UseFlagOptions(&options.Zap))
	logger.Info("starting", "version", version)
	return operator.Run(ctrl.SetupSignalHandler(), options, logger, controllers.Register)
}
