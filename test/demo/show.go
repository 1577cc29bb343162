// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/rollcall-iam/rollcall/test/installation"
	"github.com/rollcall-iam/rollcall/test/internal/checkout"
)

// show tells a person what happens: steps, the reason for each, commands and what they print.
type show struct {
	world   *world
	started time.Time
	step    int
	colours bool
}

const (
	bold  = "1"
	faint = "2"
	green = "32"
)

func newShow() *show {
	info, err := os.Stdout.Stat()
	terminal := err == nil && info.Mode()&os.ModeCharDevice != 0
	return &show{started: time.Now(), colours: terminal && os.Getenv("NO_COLOR") == ""}
}

func (s *show) paint(colour, text string) string {
	if !s.colours {
		return text
	}
	return "\x1b[" + colour + "m" + text + "\x1b[0m"
}

// title begins a step.
func (s *show) title(title, why string) {
	s.step++
	elapsed := time.Since(s.started).Round(100 * time.Millisecond)
	fmt.Printf("\n%s %s\n", s.paint(bold, fmt.Sprintf("%d. %s", s.step, title)), s.paint(faint, fmt.Sprintf("[%.1f s]", elapsed.Seconds())))
	for line := range strings.SplitSeq(why, "\n") {
		fmt.Printf("   %s\n", s.paint(faint, line))
	}
}

func (s *show) sayf(format string, args ...any) { fmt.Printf("   "+format+"\n", args...) }

// yesf says that something came true.
func (s *show) yesf(format string, args ...any) {
	fmt.Printf("   %s %s\n", s.paint(green, "yes:"), fmt.Sprintf(format, args...))
}

// file shows a manifest.
func (s *show) file(name string) error {
	text, err := os.ReadFile(s.world.file(name))
	if err != nil {
		return err
	}
	fmt.Printf("   %s\n", s.paint(bold, "$ cat "+name))
	s.indent(string(text))
	return nil
}

func (s *show) indent(text string) {
	for line := range strings.SplitSeq(strings.TrimRight(text, "\n"), "\n") {
		fmt.Println("     " + line)
	}
}

// kubectl shows a command of the administrator and what it prints. A command that fails ends the walk.
func (s *show) kubectl(ctx context.Context, args ...string) (string, error) {
	fmt.Printf("   %s\n", s.paint(bold, "$ kubectl "+quoted(args)))
	output, err := s.world.kubectl(ctx, s.world.cp.AdminKubeconfig(), args...)
	s.indent(output)
	if err != nil {
		return output, fmt.Errorf("kubectl %s failed: %w", quoted(args), err)
	}
	return output, nil
}

var plain = regexp.MustCompile(`^[\w@%+=:,./{}\[\]*-]+$`)

func quoted(args []string) string {
	words := make([]string, len(args))
	for i, arg := range args {
		words[i] = arg
		if !plain.MatchString(arg) {
			words[i] = "'" + arg + "'"
		}
	}
	return strings.Join(words, " ")
}

// kubectl runs the real one in the world's folder, and returns both its outputs together, as a terminal would.
func (w *world) kubectl(ctx context.Context, kubeconfig string, args ...string) (string, error) {
	command := installation.KubectlCommand(ctx, w.cp, kubeconfig, args...)
	command.Dir = w.dir
	root, err := checkout.Root()
	if err != nil {
		return "", err
	}
	// The plugin, and where it keeps what it has of a login.
	command.Env = append(command.Env, "PATH="+filepath.Join(root, "bin")+string(os.PathListSeparator)+os.Getenv("PATH"),
		"XDG_STATE_HOME="+w.file("state"), "ROLLCALL_KEYRING=off")
	output, err := command.CombinedOutput()
	return string(output), err
}

// until waits for something to come true; when it does not, the error says what was last seen.
func (s *show) until(ctx context.Context, what string, seen func() (string, bool)) error {
	deadline, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	began := time.Now()
	for {
		last, ok := seen()
		if ok {
			s.yesf("%s %s", what, s.paint(faint, fmt.Sprintf("(after %.1f s)", time.Since(began).Seconds())))
			return nil
		}
		select {
		case <-deadline.Done():
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return fmt.Errorf("within %s it did not come true that %s; last seen: %s", patience, what, strings.TrimSpace(last))
		case <-ticker.C:
		}
	}
}
