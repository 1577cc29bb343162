// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"golang.org/x/term"

	"github.com/rollcall-iam/rollcall/internal/plain"
)

// maxInput is more than anybody types.
const maxInput = 4 << 10

var errNoTerminal = errors.New("nobody can be asked: there is no terminal")

// terminal is the one that a person types at, if there is any.
func (t *tool) terminal() (*os.File, bool) {
	file, ok := t.streams.In.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return nil, false
	}
	return file, true
}

// notef tells a person how something goes, beside the output, on one line.
func (t *tool) notef(format string, args ...any) { t.warnf(format, args...) }

// askSecret asks for what is not shown while it is typed.
func (t *tool) askSecret(ctx context.Context, prompt string) (string, error) {
	file, ok := t.terminal()
	if !ok {
		return "", errNoTerminal
	}
	state, err := term.GetState(int(file.Fd()))
	if err != nil {
		return "", fmt.Errorf("hide what is typed: %w", err)
	}
	_, _ = fmt.Fprint(t.streams.ErrOut, plain.Line(prompt))
	defer func() { _, _ = fmt.Fprintln(t.streams.ErrOut) }()
	typed, err := answered(ctx, func() (string, error) {
		text, err := term.ReadPassword(int(file.Fd()))
		return string(text), err
	})
	if errors.Is(err, errInterrupted) {
		_ = term.Restore(int(file.Fd()), state)
	}
	return typed, err
}

// ask asks for a line.
func (t *tool) ask(ctx context.Context, prompt string) (string, error) {
	file, ok := t.terminal()
	if !ok {
		return "", errNoTerminal
	}
	_, _ = fmt.Fprint(t.streams.ErrOut, plain.Line(prompt))
	return answered(ctx, func() (string, error) { return readLine(file) })
}

// choose asks which of several.
func (t *tool) choose(ctx context.Context, what string, names []string) (string, error) {
	for i, name := range names {
		t.notef("  %d  %s", i+1, name)
	}
	for {
		typed, err := t.ask(ctx, what+" [1]: ")
		if err != nil {
			return "", err
		}
		typed = strings.TrimSpace(typed)
		if typed == "" {
			return names[0], nil
		}
		for i, name := range names {
			if typed == name || typed == strconv.Itoa(i+1) {
				return name, nil
			}
		}
		t.notef("%q is none of them.", typed)
	}
}

// answered waits for a person, or until they interrupt: what reads a terminal cannot be called back.
func answered(ctx context.Context, read func() (string, error)) (string, error) {
	type answer struct {
		text string
		err  error
	}
	done := make(chan answer, 1)
	go func() {
		text, err := read()
		done <- answer{text, err}
	}()
	select {
	case a := <-done:
		return a.text, a.err
	case <-ctx.Done():
		return "", errInterrupted
	}
}

// readLine is the first line of a reader, without its end.
func readLine(from io.Reader) (string, error) {
	line, err := bufio.NewReader(io.LimitReader(from, maxInput)).ReadString('\n')
	if err != nil && (!errors.Is(err, io.EOF) || line == "") {
		return "", fmt.Errorf("read what was typed: %w", err)
	}
	return strings.TrimRight(line, "\r\n"), nil
}

// waitingf shows on one line of a terminal what is waited for. In a file it would be noise.
func (t *tool) waitingf(format string, args ...any) {
	if t.watched() {
		_, _ = fmt.Fprint(t.streams.ErrOut, "\r\x1b[K"+plain.Line(fmt.Sprintf(format, args...)))
	}
}

// waited ends that line.
func (t *tool) waited() {
	if t.watched() {
		_, _ = fmt.Fprint(t.streams.ErrOut, "\r\x1b[K")
	}
}

// watched says whether somebody sees what is told beside the output.
func (t *tool) watched() bool {
	file, ok := t.streams.ErrOut.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}
