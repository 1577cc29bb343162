// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/rollcall-iam/rollcall/test/walk/page"
)

// patience is for how long a reader looks again until something is so.
const patience = 60 * time.Second

// walker walks one page on one machine.
type walker struct {
	page    *page.Page
	machine *machine
	// show what each block prints, and go on where it is something else.
	show bool
	// staying are blocks that go on.
	staying []staying
}

// staying is a block that goes on: where, and the files of what it prints and of how it went once it has ended.
type staying struct {
	line           int
	output, status string
}

func (w *walker) walk(ctx context.Context) error {
	if w.page.Cluster {
		if err := w.machine.startCluster(ctx); err != nil {
			return err
		}
	}
	for i := range w.page.Blocks {
		b := &w.page.Blocks[i]
		err := w.block(ctx, b, w.shown(i+1))
		if ended := w.goOn(); ended != nil && !w.show {
			return errors.Join(ended, err)
		}
		if err != nil {
			return errors.Join(err, w.others())
		}
	}
	return nil
}

// shown is the output that the page shows after a block, if it does.
func (w *walker) shown(i int) *page.Block {
	if i < len(w.page.Blocks) && w.page.Blocks[i].Kind == page.Output {
		return &w.page.Blocks[i]
	}
	return nil
}

func (w *walker) block(ctx context.Context, b, shown *page.Block) error {
	switch b.Kind {
	case page.Commands:
		return w.commands(ctx, b, shown)
	case page.File:
		return w.write(ctx, b)
	case page.NotRun:
		return w.targets(ctx, b)
	default: // An output was compared where its commands ran.
		return nil
	}
}

func (w *walker) commands(ctx context.Context, b, shown *page.Block) error {
	t, err := w.machine.terminal(ctx, b.Terminal)
	if err != nil {
		return err
	}
	if b.Stays {
		return w.stays(ctx, t, b, shown)
	}
	deadline := time.Now().Add(patience)
	if w.show {
		deadline = time.Now().Add(patience / 10)
	}
	for {
		err := w.once(ctx, t, b, shown)
		if err == nil || !b.Soon || time.Now().After(deadline) {
			return w.goesOn(err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Second):
		}
	}
}

// once runs a block, and weighs what came of it.
func (w *walker) once(ctx context.Context, t *terminal, b, shown *page.Block) error {
	got, err := t.runs(ctx, b.Text, b.Fails || b.Soon || w.show)
	if err != nil {
		return fmt.Errorf("%s:%d: %w; it printed:\n%s", w.page.Name, b.Line, err, got.output)
	}
	err = w.weigh(b, shown, got)
	if w.show {
		fmt.Printf("--- %s:%d\n%s--- prints (%d)\n%s", w.page.Name, b.Line, b.Text, got.status, got.output)
	}
	return err
}

// goesOn only tells of an error where somebody wants to see all of the page.
func (w *walker) goesOn(err error) error {
	if !w.show || err == nil {
		return err
	}
	fmt.Println(err)
	return nil
}

// weigh says whether a block did what the page shows.
func (w *walker) weigh(b, shown *page.Block, got result) error {
	switch {
	case b.Fails && got.status == 0:
		return fmt.Errorf("%s:%d: this should fail, and did not; it printed:\n%s", w.page.Name, b.Line, got.output)
	case !b.Fails && got.status != 0:
		return fmt.Errorf("%s:%d: this failed (%d): %s\nThe block printed:\n%s",
			w.page.Name, b.Line+max(0, got.failed-1), got.status, line(b.Text, got.failed), got.output)
	case shown == nil:
		return nil
	}
	if diff := page.Compare(shown.Text, got.output); diff != "" {
		return fmt.Errorf("%s:%d: the commands of line %d print something else (- on the page, + now):\n%s",
			w.page.Name, shown.Line, b.Line, diff)
	}
	return nil
}

func line(text string, number int) string {
	lines := strings.Split(text, "\n")
	if number < 1 || number > len(lines) || lines[number-1] == "" { // Of a list the shell only says that the block failed.
		return strings.TrimSpace(text)
	}
	return lines[number-1]
}

// stays starts what goes on, and waits for what the page shows of it.
func (w *walker) stays(ctx context.Context, t *terminal, b, shown *page.Block) error {
	output, status, err := t.types(b.Text, false)
	if err != nil {
		return err
	}
	w.staying = append(w.staying, staying{b.Line, output, status})
	deadline := time.Now().Add(patience)
	for {
		if err := w.goOn(); err != nil {
			return err
		}
		printed, _ := os.ReadFile(output)
		if shown == nil {
			return nil
		}
		diff := page.Compare(shown.Text, string(printed))
		if diff == "" {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(lookAgain):
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%s:%d: what goes on in line %d prints something else:\n%s", w.page.Name, shown.Line, b.Line, diff)
		}
	}
}

// goOn says whether all that should go on does.
func (w *walker) goOn() error {
	for _, s := range w.staying {
		if said, err := os.ReadFile(s.status); err == nil && len(said) > 0 {
			printed, _ := os.ReadFile(s.output)
			return fmt.Errorf("%s:%d: this should go on, and has ended; it printed:\n%s", w.page.Name, s.line, printed)
		}
	}
	return nil
}

// others is what goes on beside a block that failed.
func (w *walker) others() error {
	const most = 3000
	errs := make([]error, 0, len(w.staying))
	for _, s := range w.staying {
		printed, _ := os.ReadFile(s.output)
		errs = append(errs, fmt.Errorf("what goes on printed at last:\n%s", printed[max(0, len(printed)-most):]))
	}
	return errors.Join(errs...)
}

// write saves a file where the reader is.
func (w *walker) write(ctx context.Context, b *page.Block) error {
	t, err := w.machine.terminal(ctx, "1")
	if err != nil {
		return err
	}
	folder, err := t.folder()
	if err != nil {
		return err
	}
	if !filepath.IsLocal(b.Path) {
		return fmt.Errorf("%s:%d: %s leads out of the reader's folder", w.page.Name, b.Line, b.Path)
	}
	path := filepath.Join(folder, b.Path)
	return errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(b.Text), 0o644))
}

// targets looks whether what is not run here is there at all: the targets of make.
func (w *walker) targets(ctx context.Context, b *page.Block) error {
	if b.Language != "sh" {
		return nil
	}
	t, err := w.machine.terminal(ctx, "make")
	if err != nil {
		return err
	}
	for text := range strings.Lines(b.Text) {
		words := strings.Fields(text)
		if len(words) < 2 || words[0] != "make" {
			continue
		}
		got, err := t.runs(ctx, "make -C "+w.machine.clone()+" --dry-run "+words[1], true)
		if err != nil {
			return err
		}
		if got.status != 0 {
			return fmt.Errorf("%s:%d: there is no such target: %s: %s", w.page.Name, b.Line, strings.TrimSpace(text), got.output)
		}
	}
	return nil
}
