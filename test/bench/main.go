// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

// Command bench measures Rollcall on a real control plane. Everything runs on loopback and is gone at the end.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/rollcall-iam/rollcall/test/auditload"
	"github.com/rollcall-iam/rollcall/test/internal/checkout"
)

const usage = `Measure Rollcall on a real control plane: etcd, kube-apiserver, kube-controller-manager and bin/manager on loopback.
Progress goes to stderr, the result to stdout, and nothing is left running, also after Ctrl-C. A run of the default
size takes some minutes.

Usage: bench [flags]

Examples:
  make bench                              one table
  make bench ARGS="-o markdown"           the table, and docs/scale.md written anew
  go run ./test/bench -o json             the same as JSON, after make control-plane build
  go run ./test/bench --people 500 --groups 30 --grants 20 --namespaces 20 --reviews 500 --certificates 400 --events 50000

Flags:
`

// formats of the result.
const (
	formatTable    = "table"
	formatJSON     = "json"
	formatMarkdown = "markdown"
)

type options struct {
	sizes
	// reviews of each kind in each state.
	reviews int
	// certificates by the operator's own authority.
	certificates int
	// events of audit logs, to each database.
	events int
	format string
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	if ctx.Err() != nil {
		err = errors.New("interrupted: everything that ran was stopped")
	}
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench: "+err.Error())
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	o, err := parse(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err != nil {
		return err
	}
	b := &bench{options: o, company: newCompany(o.sizes), began: time.Now()}
	b.say = progress(stderr, b.began)
	result := newResult(o, b.company)
	if result.Lines, err = b.measure(ctx); err != nil {
		return err
	}
	return show(result, o.format, stdout, b.say)
}

func parse(args []string, stderr io.Writer) (options, error) {
	var o options
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() {
		_, _ = io.WriteString(stderr, usage)
		flags.PrintDefaults()
	}
	flags.IntVar(&o.people, "people", 10000, "Users")
	flags.IntVar(&o.groups, "groups", 300, "Groups, everybody in one to three of them")
	flags.IntVar(&o.grants, "grants", 100, "Grants, every tenth with scope Cluster")
	flags.IntVar(&o.namespaces, "namespaces", 200, "namespaces")
	flags.IntVar(&o.reviews, "reviews", 3000, "requests of each kind in each state")
	flags.IntVar(&o.certificates, "certificates", 2000,
		"certificates by the operator's own authority, and a quarter of it by the cluster's signer")
	flags.IntVar(&o.events, "events", 200000, "events of audit logs, to each database")
	flags.StringVar(&o.format, "o", formatTable, "`format` of the result: table, json, or markdown (also writes docs/scale.md)")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	err := o.check(flags.Args())
	return o, err
}

func (o *options) check(rest []string) error {
	if len(rest) > 0 {
		return fmt.Errorf("unknown argument %q; --help lists the flags", rest[0])
	}
	if o.format != formatTable && o.format != formatJSON && o.format != formatMarkdown {
		return fmt.Errorf("-o %s: use table, json or markdown", o.format)
	}
	if o.reviews < 100 {
		return fmt.Errorf("--reviews %d: use at least 100, so that a percentile says something", o.reviews)
	}
	if o.events < auditload.Batch {
		return fmt.Errorf("--events %d: use at least %d, which is what an API server sends at once", o.events, auditload.Batch)
	}
	if err := o.sizes.check(); err != nil {
		return err
	}
	if o.certificates < viaAPI || o.certificates > o.people {
		return fmt.Errorf("--certificates %d: use %d to %d, one for each of the people", o.certificates, viaAPI, o.people)
	}
	return nil
}

// progress says what is going on and since when.
func progress(w io.Writer, started time.Time) func(format string, args ...any) {
	return func(format string, args ...any) {
		_, _ = fmt.Fprintf(w, "[%6.1f s] %s\n", time.Since(started).Seconds(), fmt.Sprintf(format, args...))
	}
}

// page is where the result is kept for readers, from the root of the checkout.
const page = "docs/scale.md"

func show(r result, format string, stdout io.Writer, say func(string, ...any)) error {
	switch format {
	case formatJSON:
		return writeJSON(stdout, r)
	case formatMarkdown:
		root, err := checkout.Root()
		if err != nil {
			return err
		}
		var text strings.Builder
		if err := writePage(&text, r); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(root, page), []byte(text.String()), 0o644); err != nil {
			return err
		}
		say("wrote %s", page)
	}
	return writeTable(stdout, r.Lines)
}
