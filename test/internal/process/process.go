// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

// Package process runs servers that test fixtures need, and ends them: each by its own id, and all of them when the
// process that started them dies.
package process

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

const (
	// grace is how long a process may take to end by itself.
	grace = 5 * time.Second
	// pollInterval is how often readiness is asked for.
	pollInterval = 50 * time.Millisecond
	// attempts is how often a server is started anew when another took its port.
	attempts = 5
	// tailBytes is how much of a log an error quotes.
	tailBytes = 2000
)

// errPortTaken says that another process was quicker: choosing another port helps.
var errPortTaken = errors.New("port already in use")

// Command says what to run.
type Command struct {
	Path string
	Args []string
	// Log is the file that receives both outputs; it is replaced.
	Log string
	// Ready returns nil once the process does its work; errors are asked again until the context ends.
	Ready func(ctx context.Context) error
	// Env are variables, as NAME=value, besides PATH, HOME and TMPDIR, or in their place.
	Env []string
	// User is the name of who runs it, for servers that refuse root; only root can name somebody else. Default: who runs the tests.
	User string
	// End is the signal that asks it to end. Default: SIGTERM.
	End syscall.Signal
	// OneCore has it run on one processor, of those that there are. Only Linux can.
	OneCore bool
}

// Process is a running server.
type Process struct {
	name string
	log  string
	end  syscall.Signal
	cmd  *exec.Cmd
	done chan struct{}
}

// Start runs the command and waits until it is ready. A process that does not become so is ended, and the error
// contains the end of its log.
func Start(ctx context.Context, command Command) (*Process, error) {
	p, err := launch(command)
	if err != nil {
		return nil, err
	}
	if err := p.waitReady(ctx, command.Ready); err != nil {
		tail := p.tail()
		return nil, errors.Join(fmt.Errorf("%s did not start: %w; the end of its log %s:\n%s", p.name, err, p.log, tail), p.Stop())
	}
	return p, nil
}

// Run runs a command that ends by itself. The error of one that fails contains the end of its log.
func Run(ctx context.Context, command Command) error {
	p, err := launch(command)
	if err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return errors.Join(fmt.Errorf("%s: %w", p.name, ctx.Err()), p.Kill())
	case <-p.done:
	}
	if !p.cmd.ProcessState.Success() {
		return fmt.Errorf("%s failed (%s); the end of its log %s:\n%s", p.name, p.cmd.ProcessState, p.log, p.tail())
	}
	return nil
}

// StartOnFreePorts calls start with n free loopback ports, and again with others if one was taken meanwhile.
func StartOnFreePorts(n int, start func(ports []int) (*Process, error)) (*Process, error) {
	var last error
	for range attempts {
		ports, err := FreePorts(n)
		if err != nil {
			return nil, err
		}
		p, err := start(ports)
		if !errors.Is(err, errPortTaken) {
			return p, err
		}
		last = err
	}
	return nil, fmt.Errorf("%d attempts found no free ports: %w", attempts, last)
}

// FreePorts finds distinct loopback ports that nothing listens on now.
func FreePorts(n int) ([]int, error) {
	if n == 0 {
		return nil, nil
	}
	listener, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return nil, fmt.Errorf("find a free port: %w", err)
	}
	defer func() { _ = listener.Close() }() // Held until the others are found, so that they differ.
	address, err := netip.ParseAddrPort(listener.Addr().String())
	if err != nil {
		return nil, fmt.Errorf("find a free port: %w", err)
	}
	others, err := FreePorts(n - 1)
	return append(others, int(address.Port())), err
}

// PID is the process id.
func (p *Process) PID() int {
	return p.cmd.Process.Pid
}

// Signal sends the process a signal; os.ErrProcessDone says that it has ended, and that its id may be another's.
func (p *Process) Signal(signal syscall.Signal) error { return p.cmd.Process.Signal(signal) }

// Stop asks the process to end, makes it end when it does not, and returns once it is gone. It may be called again.
func (p *Process) Stop() error {
	if p == nil || p.exited() {
		return nil
	}
	if err := p.Signal(p.end); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("end %s (process %d): %w", p.name, p.PID(), err)
	}
	select {
	case <-p.done:
		return nil
	case <-time.After(grace):
		return p.Kill()
	}
}

// Kill ends the process without a chance to clean up.
func (p *Process) Kill() error {
	if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("kill %s (process %d): %w", p.name, p.PID(), err)
	}
	<-p.done
	return nil
}

func launch(command Command) (*Process, error) {
	name := filepath.Base(command.Path)
	attributes, err := attributes(command.User)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	log, err := os.OpenFile(command.Log, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the log of %s: %w", name, err)
	}
	defer func() { _ = log.Close() }() // The child has its own copy.
	cmd := exec.Command(command.Path, command.Args...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Dir = filepath.Dir(command.Log)
	cmd.Env = append(environment(cmd.Dir), command.Env...)
	cmd.SysProcAttr = attributes
	p := &Process{name: name, log: command.Log, end: cmp.Or(command.End, syscall.SIGTERM), cmd: cmd, done: make(chan struct{})}
	if err := p.run(command.OneCore); err != nil {
		return nil, err
	}
	return p, nil
}

// run starts the process and waits for its end in one goroutine that keeps its thread: on Linux the parent-death
// signal is sent when the thread that started the child ends, not the process.
func (p *Process) run(oneCore bool) error {
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer close(p.done)
		err := p.start(oneCore)
		started <- err
		if err == nil {
			_ = p.cmd.Wait() // How it ended is in its log.
		}
	}()
	if err := <-started; err != nil {
		return fmt.Errorf("start %s in %s: %w", p.name, p.cmd.Dir, err) // A folder that its user may not enter is one reason.
	}
	return nil
}

func (p *Process) waitReady(ctx context.Context, ready func(context.Context) error) error {
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	for {
		err := ready(ctx)
		if p.exited() {
			return p.exitError()
		}
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		case <-p.done:
		case <-ticker.C:
		}
	}
}

func (p *Process) exited() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// exitError tells a taken port, which is worth another attempt, from everything else.
func (p *Process) exitError() error {
	tail := strings.ToLower(p.tail())
	for _, words := range []string{"address already in use", "errno=98", "local network address is in use"} {
		if strings.Contains(tail, words) {
			return fmt.Errorf("it ended: %w", errPortTaken)
		}
	}
	return fmt.Errorf("it ended (%s)", p.cmd.ProcessState)
}

// String says whether the process runs, and what it logged last: for a person who asks why a test failed.
func (p *Process) String() string {
	state := "runs"
	if p.exited() {
		state = "ended: " + p.cmd.ProcessState.String()
	}
	return fmt.Sprintf("%s (process %d) %s; the end of its log:\n%s", p.name, p.PID(), state, p.tail())
}

func (p *Process) tail() string {
	content, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(content[max(0, len(content)-tailBytes):])
}

// environment is small on purpose: servers read settings from variables (ETCD_*, KUBECONFIG).
func environment(home string) []string {
	return []string{"PATH=" + os.Getenv("PATH"), "HOME=" + home, "TMPDIR=" + os.TempDir()}
}
