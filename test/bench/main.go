// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

// Command bench measures Rollcall on a real control plane. Everything runs on loopback and is gone at the end.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
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
  make bench ARGS="--only directory"      what a directory of 10,000 people costs: mirror, leaver, mover, restart
  bin/bench --only certificates           how fast certificates are had, by each signer
  go run ./test/bench -o json             the same as JSON, after make control-plane build
  go run ./test/bench --people 500 --groups 30 --grants 20 --namespaces 20 --reviews 500 --certificates 400 --events 50000 \
    --kubeconfigs 50 --many 0

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
	// certificates in each way.
	certificates int
	// events of audit logs, to each database.
	events int
	// leavers are people who lose access, one after the other.
	leavers int
	// robots are Users that want a kubeconfig Secret.
	robots int
	// many is how many people the large directory has.
	many int
	// only are the parts that are measured; none for all of them.
	only []string
	// pprof is where the manager serves profiles; empty for nowhere.
	pprof  string
	format string
}

func (o *options) wants(part string) bool { return len(o.only) == 0 || slices.Contains(o.only, part) }

// names of the parts.
const (
	partAudit         = "audit"
	partDirectory     = "directory"
	partAuthorization = "authorization"
	partCertificates  = "certificates"
	partKubeconfigs   = "kubeconfigs"
	partLarge         = "large"
)

func partNames() []string {
	return []string{partAudit, partDirectory, partAuthorization, partCertificates, partKubeconfigs, partLarge}
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
	flags.IntVar(&o.certificates, "certificates", 1000, "certificates in each way")
	flags.IntVar(&o.events, "events", 200000, "events of audit logs, to each database")
	flags.IntVar(&o.leavers, "leavers", 0, "people of each directory who are disabled, one after the other; 0 for one of fifty --people")
	flags.IntVar(&o.robots, "kubeconfigs", 200, "Users that want a kubeconfig Secret")
	flags.IntVar(&o.many, "many", 100000, "people of the large directory, most of a run's time; 0 for none")
	flags.Func("only", "measure these `parts` alone, with commas between: "+strings.Join(partNames(), ", "), o.setOnly)
	flags.StringVar(&o.pprof, "pprof", "",
		"`host:port` at which the manager serves profiles meanwhile; kube-apiserver does, too, to its administrator")
	flags.StringVar(&o.format, "o", formatTable, "`format` of the result: table, json, or markdown (also writes docs/scale.md)")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	o.leavers = cmp.Or(o.leavers, max(1, o.people/50))
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
	if o.format == formatMarkdown && (len(o.only) > 0 || o.many == 0) {
		return errors.New("-o markdown writes all of docs/scale.md: leave --only out, and have --many people")
	}
	if err := o.sizes.check(); err != nil {
		return err
	}
	return o.checkCounts()
}

// checkCounts looks at how much of each is measured.
func (o *options) checkCounts() error {
	for _, flag := range []struct {
		name           string
		n, least, most int
		why            string
	}{
		{"reviews", o.reviews, 100, math.MaxInt, "so that a percentile says something"},
		{"events", o.events, auditload.Batch, math.MaxInt, "which is what an API server sends at once"},
		{"kubeconfigs", o.robots, 1, math.MaxInt, "so that there is something to wait for"},
		{"leavers", o.leavers, 1, o.people / 10, "a tenth of the people"},
		{"certificates", o.certificates, turns, o.people, "one for each of the people"},
	} {
		switch {
		case flag.n >= flag.least && flag.n <= flag.most:
		case flag.most == math.MaxInt:
			return fmt.Errorf("--%s %d: use at least %d, %s", flag.name, flag.n, flag.least, flag.why)
		default:
			return fmt.Errorf("--%s %d: use %d to %d, %s", flag.name, flag.n, flag.least, flag.most, flag.why)
		}
	}
	return nil
}

func (o *options) setOnly(text string) error {
	for name := range strings.SplitSeq(text, ",") {
		if !slices.Contains(partNames(), name) {
			return fmt.Errorf("%q is none of %s", name, strings.Join(partNames(), ", "))
		}
		o.only = append(o.only, name)
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
