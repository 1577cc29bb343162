// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/rollcall-iam/rollcall/test/internal/checkout"
)

const (
	startLimit = 3 * time.Minute
	stopLimit  = 30 * time.Second
	// stateFile is there once the playground can be used.
	stateFile = "ready"
	pidFile   = "pid"
	logFile   = "playground.log"
	// loginFile says where people log in.
	loginFile = "login-url"
)

func playgroundDir() (string, error) {
	root, err := checkout.Root()
	return filepath.Join(root, "bin", "playground"), err
}

// up starts the playground in the background, or says that there is one.
func up(ctx context.Context) error {
	dir, err := playgroundDir()
	if err != nil {
		return err
	}
	if pid, ok := running(dir); ok {
		fmt.Printf("The playground is up already (process %d).\n", pid)
		return printHints(dir)
	}
	if err := errors.Join(os.RemoveAll(dir), os.MkdirAll(dir, 0o700)); err != nil {
		return err
	}
	fmt.Println("Starting a control plane, a company directory and the operator in the background ...")
	command, err := launch(dir)
	if err != nil {
		return err
	}
	if err := waitUntilReady(ctx, dir, command); err != nil {
		return err
	}
	return printHints(dir)
}

// launch starts this program anew as the playground, in a session of its own, so that it outlives the terminal.
func launch(dir string) (*exec.Cmd, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	log, err := os.Create(filepath.Join(dir, logFile))
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }() // The child has its own copy.
	command := exec.Command(self, "serve")
	command.Stdout, command.Stderr = log, log
	command.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := command.Start(); err != nil {
		return nil, err
	}
	return command, nil
}

func waitUntilReady(ctx context.Context, dir string, command *exec.Cmd) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- command.Wait() }()
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for {
		select {
		case err := <-ended:
			return fmt.Errorf("the playground ended at its start: %w\n%s", err, tail(filepath.Join(dir, logFile)))
		case <-ctx.Done():
			return errors.Join(ctx.Err(), command.Process.Signal(syscall.SIGTERM))
		case <-ticker.C:
			if _, err := os.Stat(filepath.Join(dir, stateFile)); err == nil {
				return nil
			}
		}
	}
}

// serve is the playground itself. It ends when it is told to.
func serve(ctx context.Context) (err error) {
	dir, err := playgroundDir()
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, pidFile), []byte(strconv.Itoa(os.Getpid())), 0o600); err != nil {
		return err
	}
	w, err := start(ctx, dir, func(part string) { fmt.Println("starting", part) })
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.stop(), os.Remove(filepath.Join(dir, pidFile))) }()
	if err := w.furnish(ctx); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, stateFile), []byte(w.cp.AdminKubeconfig()), 0o600); err != nil {
		return err
	}
	fmt.Println("ready")
	<-ctx.Done()
	return nil
}

// furnish applies what the demo applies.
func (w *world) furnish(ctx context.Context) error {
	if err := w.writeManifests(); err != nil {
		return err
	}
	for _, args := range append(w.secretCommands(),
		[]string{"create", "namespace", "pay"},
		[]string{"label", "namespace", "pay", "team=payments"},
		[]string{"apply", "-f", "directory.yaml", "-f", "grant.yaml"},
		[]string{"wait", "--for=condition=Ready", "--timeout=60s", "directory/corp", "grant/payments-edit"},
		[]string{"apply", "--server-side", "-f", "alice.yaml", "-f", "bob.yaml"},
		[]string{"wait", "--for=condition=Kubeconfig", "--timeout=60s", "user/alice"},
	) {
		if output, err := w.kubectl(ctx, w.cp.AdminKubeconfig(), args...); err != nil {
			return fmt.Errorf("kubectl %s: %w: %s", quoted(args), err, output)
		}
	}
	return errors.Join(w.fetchLoginCA(ctx), os.WriteFile(w.file(loginFile), []byte(w.loginURL), 0o600))
}

// down ends the playground and waits until it is gone.
func down(ctx context.Context) error {
	dir, err := playgroundDir()
	if err != nil {
		return err
	}
	pid, ok := running(dir)
	if !ok {
		fmt.Println("There is no playground.")
		return nil
	}
	if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
		return fmt.Errorf("end the playground (process %d): %w", pid, err)
	}
	ctx, cancel := context.WithTimeout(ctx, stopLimit)
	defer cancel()
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for {
		if _, ok := running(dir); !ok {
			fmt.Println("The playground is gone.")
			return os.RemoveAll(dir)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the playground (process %d) does not end: %w", pid, ctx.Err())
		case <-ticker.C:
		}
	}
}

// running says which process the playground is, having looked that it still is one of this program: process ids are used again.
func running(dir string) (int, bool) {
	text, err := os.ReadFile(filepath.Join(dir, pidFile))
	if err != nil {
		return 0, false
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || syscall.Kill(pid, 0) != nil {
		return 0, false
	}
	line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil {
		return pid, true // Not Linux: there is nothing to look at.
	}
	return pid, strings.HasSuffix(string(line), "\x00serve\x00")
}

func tail(path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(lines[max(0, len(lines)-20):], "\n")
}

const hints = `
Ready. In this shell:

  export KUBECONFIG=%[1]s PATH=%[3]s:$PATH

Seven things to try, where docs/tutorial.md goes step by step:

  1. Who is there?               kubectl get users,groups -o wide
  2. Who may do what, and why?   kubectl get grants; kubectl get rolebindings -n pay -o wide
  3. Work as alice:              kubectl get secret alice-kubeconfig -n rollcall-system -o jsonpath='{.data.kubeconfig}' \
                                   | base64 -d > %[2]s/alice.kubeconfig
                                 kubectl --kubeconfig %[2]s/alice.kubeconfig get pods -n pay
  4. Change the directory:       edit %[2]s/corp.ldif (lock, rename, add someone), and within 10 s:
                                 kubectl get users -w
  5. Tamper with access:         kubectl delete rolebindings --all -n pay; kubectl get rolebindings -n pay
  6. Log in as bob, and be out:  kubectl rollcall login %[4]s --login-ca-file %[2]s/login-ca.crt \
                                   --key %[2]s/bob.key --kubeconfig-out %[2]s/bob.kubeconfig
                                 kubectl --kubeconfig %[2]s/bob.kubeconfig get pods -n pay; kubectl get sessions
                                 kubectl rollcall terminate --user bob --reason "trying it out"
  7. Who did what?               kubectl rollcall activity bob

The operator's log: %[2]s/control-plane/manager.log
End it all with: make down
`

func printHints(dir string) error {
	kubeconfig, err := os.ReadFile(filepath.Join(dir, stateFile))
	if err != nil {
		return err
	}
	loginURL, err := os.ReadFile(filepath.Join(dir, loginFile))
	if err != nil {
		return err
	}
	fmt.Printf(hints, kubeconfig, dir, filepath.Dir(dir), loginURL)
	return nil
}
