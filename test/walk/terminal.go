// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	// blockLimit is how long a block may take: builds are among them.
	blockLimit = 5 * time.Minute
	lookAgain  = 20 * time.Millisecond
	// farewell is how long what was interrupted may take to end.
	farewell = 15 * time.Second
)

// terminal is a shell that a reader types into: what is exported, and where one is, holds for what comes next.
type terminal struct {
	command *exec.Cmd
	input   io.WriteCloser
	files   string
	count   int
	ended   chan struct{}
}

// result is how a block went. Failed is the line of the block that failed, 0 if none did.
type result struct {
	output string
	status int
	failed int
}

// openTerminal starts a shell in a group of its own, as a terminal does, so that Ctrl-C reaches all that runs in it.
func openTerminal(dir, files string, environment []string) (*terminal, error) {
	t := &terminal{command: exec.Command("bash", "--noprofile", "--norc"), files: files, ended: make(chan struct{})}
	t.command.Dir, t.command.Env = dir, environment
	t.command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	input, err := t.command.StdinPipe()
	if err != nil {
		return nil, err
	}
	t.input = input
	if err := errors.Join(os.MkdirAll(files, 0o700), t.command.Start()); err != nil {
		return nil, err
	}
	go func() {
		defer close(t.ended)
		_ = t.command.Wait() // How its commands went is in their files.
	}()
	return t, nil
}

// script is what the shell is told: to run the block as it stands, and to say how that went. Any command that fails ends the block, and
// the shell with it unless it may fail.
func (t *terminal) script(block, output, status string, mayFail bool) string {
	if mayFail {
		return fmt.Sprintf("set +e +E -o pipefail; trap 'return $?' ERR; source '%s' >'%s' 2>&1 </dev/null; echo \"0 $?\" >'%s'; trap - ERR\n",
			block, output, status)
	}
	return fmt.Sprintf("set -eE -o pipefail; trap 'echo \"$LINENO $?\" >'\\''%s'\\''' ERR\nsource '%s' >'%s' 2>&1 </dev/null\n"+
		"trap - ERR; echo '0 0' >'%s'\n", status, block, output, status)
}

// types has the shell run a block, and returns the file of what that prints, and that of how it went, once it has.
func (t *terminal) types(text string, mayFail bool) (output, status string, err error) {
	t.count++
	file := func(kind string) string { return filepath.Join(t.files, fmt.Sprintf("%03d.%s", t.count, kind)) }
	block, output, status := file("sh"), file("out"), file("status")
	if err := os.WriteFile(block, []byte(text), 0o600); err != nil {
		return "", "", err
	}
	_, err = io.WriteString(t.input, t.script(block, output, status, mayFail))
	return output, status, err
}

// runs is types, and waits for the end.
func (t *terminal) runs(ctx context.Context, text string, mayFail bool) (result, error) {
	output, status, err := t.types(text, mayFail)
	if err != nil {
		return result{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, blockLimit)
	defer cancel()
	ticker := time.NewTicker(lookAgain)
	defer ticker.Stop()
	for {
		said, _ := os.ReadFile(status)
		if strings.HasSuffix(string(said), "\n") {
			return readResult(output, string(said))
		}
		select {
		case <-ctx.Done():
			printed, _ := os.ReadFile(output)
			return result{output: string(printed)}, fmt.Errorf("it did not end: %w", ctx.Err())
		case <-t.ended:
			if said, _ := os.ReadFile(status); !strings.HasSuffix(string(said), "\n") {
				printed, _ := os.ReadFile(output)
				return result{output: string(printed)}, errors.New("it ended the shell")
			}
		case <-ticker.C:
		}
	}
}

func readResult(output, said string) (result, error) {
	printed, err := os.ReadFile(output)
	if err != nil {
		return result{}, err
	}
	line, status, _ := strings.Cut(strings.TrimSpace(said), " ")
	failed, err := strconv.Atoi(line)
	if err != nil {
		return result{}, err
	}
	code, err := strconv.Atoi(status)
	return result{output: string(printed), status: code, failed: failed}, err
}

// folder is where the shell is.
func (t *terminal) folder() (string, error) {
	return os.Readlink(fmt.Sprintf("/proc/%d/cwd", t.command.Process.Pid))
}

// close presses Ctrl-C, and leaves the shell. What does not end then is made to.
func (t *terminal) close() error {
	_ = t.input.Close() // A shell that has ended has closed it.
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGKILL} {
		select {
		case <-t.ended:
			return nil
		default:
		}
		if err := syscall.Kill(-t.command.Process.Pid, signal); err != nil && !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("end the shell (process group %d): %w", t.command.Process.Pid, err)
		}
		select {
		case <-t.ended:
			return nil
		case <-time.After(farewell):
		}
	}
	return errors.New("a shell could not be ended")
}
