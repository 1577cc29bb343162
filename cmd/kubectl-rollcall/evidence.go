// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-iam/rollcall/internal/evidence"
)

func (t *tool) newEvidenceCommand() *cobra.Command {
	file, index := "evidence.tar", 0
	command := &cobra.Command{
		Use:   "evidence AUDIT-ID",
		Short: "Prove an event of the audit log to whoever has the ledger's key alone",
		Long: `Put everything that proves one event of the audit log into a file, for somebody who has the ledger's key and nothing else: the
event as the API server wrote it, the ledger's entries of what it was stored with and of the certificate by which the request came, with
their proofs; and what the operator makes of it. Of what others did there are hashes alone.

The operator must run with --audit-bind-address and --ledger-dir. What the file proves is verified by its key before it is written.`,
		Example: `  kubectl rollcall evidence 5a2f0b8e-2f0c-4f0e-9d5b-0d4a3b1c2d3e --bundle inc-7.tar
  kubectl rollcall evidence verify inc-7.tar --key-file ledger.key`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(command *cobra.Command, args []string) error {
			if command.Flags().Changed("index") && index < 1 {
				return errors.New("--index counts from 1")
			}
			return t.collectEvidence(command.Context(), args[0], index, file)
		},
	}
	command.Flags().StringVar(&file, "bundle", file, "file to write; it must not be there yet")
	command.Flags().IntVar(&index, "index", 0, "which of several events with that audit id, from 1, as explain lists them")
	command.AddCommand(t.newEvidenceVerifyCommand())
	return command
}

func (t *tool) collectEvidence(ctx context.Context, auditID string, index int, file string) error {
	if _, err := os.Lstat(file); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s is there already: name another file by --bundle", file)
	}
	a, err := t.auditor(ctx)
	if err != nil {
		return err
	}
	found, err := a.evidence(ctx, auditID, index)
	if err != nil {
		return err
	}
	key, err := t.ledgerKey(ctx, a.namespace)
	if err != nil {
		return err
	}
	bundle, err := evidence.Make(found)
	if err != nil {
		return err
	}
	proved, err := evidence.Verify(bundle, key)
	if err != nil {
		return fmt.Errorf("what the audit service gave proves nothing: %w", err)
	}
	content, err := bundle.Tar()
	if err != nil {
		return err
	}
	if len(content) > evidence.MaxSize {
		return fmt.Errorf("the bundle would be larger than %d bytes", evidence.MaxSize)
	}
	if err := putFile(file, content); err != nil {
		return err
	}
	return t.print(proved, func(w *tableWriter) {
		provedRows(w, proved)
		w.Row(fmt.Sprintf("All of it is in %s. Who gets that needs the ledger's key from elsewhere: see README.txt in it.", file))
	})
}

func (t *tool) newEvidenceVerifyCommand() *cobra.Command {
	var flags ledgerFlags
	command := &cobra.Command{
		Use:   "verify FILE",
		Short: "Find out what a bundle proves, offline",
		Long: `Find out what a bundle of kubectl rollcall evidence proves, by the ledger's key alone: nobody is asked, and no cluster is needed.
It says which file is wrong, and fails, if anything is.`,
		Example: `  kubectl rollcall evidence verify inc-7.tar --key-file ledger.key`,
		Args:    cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			key, err := flags.read()
			if err != nil {
				return err
			}
			return t.verifyEvidence(args[0], key)
		},
	}
	flags.add(command.Flags())
	return command
}

func (t *tool) verifyEvidence(file, key string) error {
	opened, err := os.Open(file) //nolint:gosec // Whoever runs this says which file.
	if err != nil {
		return err
	}
	defer func() { _ = opened.Close() }()
	bundle, err := evidence.Read(opened)
	if err != nil {
		return fmt.Errorf("%s proves nothing: %w", file, err)
	}
	proved, err := evidence.Verify(bundle, key)
	if err != nil {
		return fmt.Errorf("%s proves nothing: %w", file, err)
	}
	return t.print(proved, func(w *tableWriter) { provedRows(w, proved) })
}

// provedRows tell what is proved, and what is not.
func provedRows(w *tableWriter, p *evidence.Proved) {
	answered := ""
	if p.Event.Code != 0 {
		answered = fmt.Sprintf(" -> %d", p.Event.Code)
	}
	w.Row(fmt.Sprintf("%s  %s%s, by %s", p.Event.Time.UTC().Format(time.RFC3339), p.Event.Action, answered, p.Username))
	s, b := section{w: w}, &p.Batch
	s.rowf("event", "audit id %s, stage %s, %s", p.Event.AuditID, p.Event.Stage, p.Event.RequestURI)
	s.rowf("batch", "line %d of %d that %s told at %s", b.Line, b.Lines, b.Server, b.Received.UTC().Format(metav1.RFC3339Micro))
	s.rowf("", "entry %d of the ledger, of %s, has the root %s", b.Entry, stamp(b.Written), b.Root)
	if c := p.Certificate; c != nil {
		s.rowf("certificate", "%s of %s, %s to %s", c.Fingerprint, c.Whom, stamp(c.NotBefore.Time), stamp(c.NotAfter.Time))
		s.rowf("", "entry %d of the ledger, of %s: issued in Session %s", c.Entry, stamp(c.Written), c.Session)
	} else {
		s.rowf("certificate", "none is proved: %s", p.Absent)
	}
	s.rowf("ledger", "%s, by its signed checkpoint of %d entries", p.Ledger, p.Size)
	s.rowf("not proved", "%s: what the operator says", strings.Join(p.Said, ", "))
}
