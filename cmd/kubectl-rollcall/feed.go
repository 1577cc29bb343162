// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/rollcall-iam/rollcall/cmd/kubectl-rollcall/internal/auditfeed"
	"github.com/rollcall-iam/rollcall/internal/audit/lines"
)

// standardInput is the FILE that is none.
const standardInput = "-"

// feedOptions are the flags of the command feed.
type feedOptions struct {
	to, name, tokenFile, caFile, position string
	follow                                bool
}

func (t *tool) newFeedCommand() *cobra.Command {
	var options feedOptions
	command := &cobra.Command{
		Use:   "feed FILE|- --to URL --name NAME --token-file FILE",
		Short: "Send an API server's audit log to Rollcall",
		Long: `Send an API server's audit log to Rollcall's audit receiver: audit.k8s.io/v1 events as JSON, one on each line.

FILE is the one that the API server writes (--audit-log-path). Those that were rotated away are read before it, the oldest first, as
long as they are not compressed; you are told of those that are. With - it is what another program prints.

Each event is sent at least once, also where this command is killed; the receiver knows those that it has. Without --position
nothing is remembered, and everything is sent again the next time: that is harmless, and takes its time. With it, the command goes on
where the receiver stored the last event, in whichever file that is by then.

It ends at the end of FILE, or goes on with --follow. A receiver that is not there is tried again for two minutes, with --follow for
ever. Lines that are no JSON objects are skipped; you are told where they are. Objects that are no events the operator leaves out, and
counts (metric rollcall_audit_events_total, result invalid). Needs no kubeconfig.`,
		Example: `  # On a control plane's machine, as a service
  kubectl rollcall feed /var/log/kubernetes/audit.log --follow --position /var/lib/rollcall/audit.position \
    --to https://rollcall.example.com --name control-plane-1 --token-file /etc/rollcall/audit.token

  # What was decompressed, or what a cloud's tool prints
  zcat audit-2026-07-01T12-00-00.000.log.gz | kubectl rollcall feed - \
    --to https://rollcall.example.com --name control-plane-1 --token-file audit.token`,
		Args: exactly("what to send: the FILE that the API server writes its audit log to, or - for standard input"),
		RunE: func(command *cobra.Command, args []string) error {
			return t.feed(command.Context(), args[0], options)
		},
	}
	flags := command.Flags()
	flags.StringVar(&options.to, "to", "", "address of the audit receiver (required)")
	flags.StringVar(&options.name, "name", "", "which API server's log it is, by the name that the receiver knows (required)")
	flags.StringVar(&options.tokenFile, "token-file", "", "file with the token that the receiver expects for that name (required); "+
		"it is read anew for each request")
	flags.StringVar(&options.caFile, "ca-file", "", "PEM file of the authorities of the receiver's certificate; default: the system's")
	flags.StringVar(&options.position, "position", "", "file that remembers how far the log was sent; default: none, "+
		"so that everything is sent again the next time")
	flags.BoolVar(&options.follow, "follow", false, "wait for more at the end, until interrupted")
	return command
}

func (t *tool) feed(ctx context.Context, file string, options feedOptions) error {
	if err := options.check(file); err != nil {
		return err
	}
	feeder, err := t.feeder(ctx, file, options)
	if err != nil {
		return err
	}
	done, err := feeder.Run(ctx)
	if ctx.Err() != nil {
		err = interrupted(err, options.follow)
	}
	if t.structured() {
		return errors.Join(err, t.print(done, nil))
	}
	t.notef("%s", done)
	return err
}

// interrupted is what is left of an error once the command was told to stop, which is the way to end one that follows.
func interrupted(err error, follow bool) error {
	if !errors.Is(err, context.Canceled) {
		return err
	}
	if follow {
		return nil
	}
	return errInterrupted
}

func (o *feedOptions) check(file string) error {
	switch {
	case o.to == "":
		return errors.New("where to? --to https://RECEIVER: whoever runs Rollcall knows the address")
	case o.name == "":
		return errors.New("whose log is it? --name NAME: the name of the API server that the receiver knows")
	case o.tokenFile == "":
		return errors.New("with which token? --token-file FILE: the one that the receiver expects for that name")
	case file == standardInput && o.position != "":
		return errors.New("there is no --position in standard input: what was read is gone")
	}
	return nil
}

func (t *tool) feeder(ctx context.Context, file string, options feedOptions) (*auditfeed.Feeder, error) {
	feed := auditfeed.Options{
		To:    auditfeed.Receiver{URL: options.to, Name: options.name, TokenFile: options.tokenFile, UserAgent: userAgent()},
		Warnf: t.warnf,
	}
	var err error
	if options.caFile != "" {
		if feed.To.CA, err = os.ReadFile(options.caFile); err != nil {
			return nil, fmt.Errorf("read --ca-file: %w", err)
		}
	}
	if !options.follow {
		feed.Patience = auditfeed.DefaultPatience
	}
	if file == standardInput {
		feed.From = lines.NewStream(ctx, t.streams.In, "standard input")
		return auditfeed.New(feed)
	}
	from := lines.Options{Path: file, Follow: options.follow, Complain: t.warnf}
	if options.position != "" {
		if feed.Position, err = auditfeed.NewPosition(options.position, file); err != nil {
			return nil, err
		}
		if from.From, err = feed.Position.Load(); err != nil {
			return nil, err
		}
	}
	feed.From = lines.NewFile(from)
	return auditfeed.New(feed)
}
