// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

// Command walk does what pages of the documentation say, word for word, as a newcomer would: on a clean clone, with an empty home. It fails
// where a command fails, prints something else than the page shows, or leaves something behind.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/rollcall-iam/rollcall/test/internal/checkout"
	"github.com/rollcall-iam/rollcall/test/walk/page"
)

const usage = `Usage: walk [PAGE...]

Walks pages of the documentation as they are in the last commit: by default README.md, docs/tutorial.md and the guides.

  walk docs/tutorial.md
  walk --show docs/tutorial.md     for whoever writes it: shows what each block prints, and goes on where that is something else
`

// atOnce is how many pages are walked at the same time, each on a machine of its own: most of a walk is waiting.
const atOnce = 3

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	flag.Usage = func() { fmt.Fprint(os.Stderr, usage) }
	show := flag.Bool("show", false, "")
	flag.Parse()
	err := run(ctx, flag.Args(), *show)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, err.Error())
		os.Exit(1)
	}
}

func run(ctx context.Context, names []string, show bool) error {
	root, err := checkout.Root()
	if err != nil {
		return err
	}
	if len(names) == 0 {
		if names, err = walkable(root); err != nil {
			return err
		}
	}
	if warning, err := notWalked(ctx, root); err != nil {
		return err
	} else if warning != "" {
		fmt.Fprint(os.Stderr, warning)
	}
	dir, err := os.MkdirTemp("", "rollcall-walk-")
	if err != nil {
		return err
	}
	errs := make([]error, len(names))
	limit := make(chan struct{}, atOnce)
	var pages sync.WaitGroup
	for i, name := range names {
		limit <- struct{}{}
		pages.Go(func() {
			defer func() { <-limit }()
			if errs[i] = ctx.Err(); errs[i] == nil {
				errs[i] = walk(ctx, root, filepath.Join(dir, fmt.Sprint(i+1)), name, show)
			}
		})
	}
	pages.Wait()
	return errors.Join(errors.Join(errs...), os.RemoveAll(dir))
}

// notWalked warns of what is in the work tree and in no commit: a walk clones.
func notWalked(ctx context.Context, root string) (string, error) {
	changes, err := git(ctx, root, "status", "--porcelain")
	if err != nil || changes == "" {
		return "", err
	}
	return "Warning: the last commit is walked, without these changes:\n" + changes, nil
}

// walkable are the pages that are walked.
func walkable(root string) ([]string, error) {
	guides, err := filepath.Glob(filepath.Join(root, "docs", "guides", "*.md"))
	if err != nil {
		return nil, err
	}
	names := []string{"README.md", "docs/tutorial.md"}
	for _, guide := range guides {
		name, err := filepath.Rel(root, guide)
		if err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	return names, nil
}

// walk walks one page, and says how it went.
func walk(ctx context.Context, root, dir, name string, show bool) error {
	began := time.Now()
	m, err := newMachine(ctx, root, dir)
	if err != nil {
		return err
	}
	text, err := os.ReadFile(filepath.Join(m.clone(), filepath.FromSlash(name)))
	if err != nil {
		return err
	}
	p, err := page.Parse(name, string(text))
	if err != nil {
		return err
	}
	err = walkPage(ctx, m, p, show)
	fmt.Print(summary(p, err == nil, time.Since(began)))
	return err
}

// walkPage walks a page on a machine, and ends all that it started.
func walkPage(ctx context.Context, m *machine, p *page.Page, show bool) error {
	w := &walker{page: p, machine: m, show: show}
	err := w.walk(ctx)
	if stopped := m.stop(); err == nil {
		err = stopped
	}
	// What is left is ended in any case, and is an error of its own only of a page that was walked to its end.
	if left := m.leftovers(context.WithoutCancel(ctx)); err == nil && left != nil {
		err = fmt.Errorf("%s: %w", p.Name, left)
	}
	return err
}

func summary(p *page.Page, walked bool, took time.Duration) string {
	var out strings.Builder
	word := "walked"
	if !walked {
		word = "FAILED"
	}
	fmt.Fprintf(&out, "%s: %s in %.1f s. Blocks: %d run, %d outputs compared, %d files written, %d not run\n", p.Name, word, took.Seconds(),
		p.Count(page.Commands), p.Compared(), p.Count(page.File), p.Count(page.NotRun))
	for i := range p.Blocks {
		if b := &p.Blocks[i]; b.Kind == page.NotRun {
			fmt.Fprintf(&out, "  line %d is not run: %s\n", b.Line, b.Reason)
		}
	}
	return out.String()
}
