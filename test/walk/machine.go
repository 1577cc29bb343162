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
	"unicode"
	"unicode/utf8"

	"github.com/rollcall-iam/rollcall/test/controlplane"
)

// linger is how long a process may be there after the page's end: its parent has ended it, and waits for nothing.
const linger = 3 * time.Second

// machine is what a newcomer has: a clean clone, an empty home, and the programs that the page asks for.
type machine struct {
	root, dir string
	cluster   *controlplane.ControlPlane
	terminals map[string]*terminal
}

func newMachine(ctx context.Context, root, dir string) (*machine, error) {
	m := &machine{root: root, dir: dir, terminals: map[string]*terminal{}}
	for _, folder := range []string{m.home(), m.temporary(), m.programs()} {
		if err := os.MkdirAll(folder, 0o700); err != nil {
			return nil, err
		}
	}
	if _, err := git(ctx, root, "clone", "--quiet", "--shared", root, m.clone()); err != nil {
		return nil, err
	}
	return m, errors.Join(m.borrow(), os.Symlink(filepath.Join(root, "bin", "k8s", "kubectl"), filepath.Join(m.programs(), "kubectl")))
}

func (m *machine) clone() string     { return filepath.Join(m.dir, "rollcall") }
func (m *machine) home() string      { return filepath.Join(m.dir, "home") }
func (m *machine) temporary() string { return filepath.Join(m.dir, "tmp") }

// programs holds the kubectl that a reader has.
func (m *machine) programs() string { return filepath.Join(m.dir, "programs") }

// borrow lends the clone the control plane that this checkout has built: that takes minutes, and is the same by its pin.
func (m *machine) borrow() error {
	bin := filepath.Join(m.clone(), "bin")
	return errors.Join(os.Mkdir(bin, 0o755), os.Symlink(filepath.Join(m.root, "bin", "k8s"), filepath.Join(bin, "k8s")))
}

func git(ctx context.Context, dir string, args ...string) (string, error) {
	command := exec.CommandContext(ctx, "git", args...)
	command.Dir = dir
	output, err := command.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("git %s: %w: %s", strings.Join(args, " "), err, output)
	}
	return string(output), nil
}

// environment is small: a home and a folder for temporary files that are empty, and the PATH of a login. Go keeps its caches, and how it
// gets modules: a walk is not about downloads.
func (m *machine) environment(ctx context.Context) ([]string, error) {
	programs := []string{m.programs()}
	for _, name := range []string{"go", "git", "make"} {
		path, err := exec.LookPath(name)
		if err != nil {
			return nil, err
		}
		programs = append(programs, filepath.Dir(path))
	}
	environment := []string{
		"HOME=" + m.home(), "TMPDIR=" + m.temporary(), "LANG=C.UTF-8", "TERM=dumb", "USER=newcomer", "LOGNAME=newcomer",
		"PATH=" + strings.Join(append(programs, "/usr/local/bin", "/usr/bin", "/bin"), ":"),
	}
	settings := []string{"GOENV", "GOCACHE", "GOMODCACHE", "GOPROXY", "GOSUMDB", "GOFLAGS", "GOTOOLCHAIN"}
	values, err := exec.CommandContext(ctx, "go", append([]string{"env"}, settings...)...).Output()
	if err != nil {
		return nil, fmt.Errorf("go env: %w", err)
	}
	for i, value := range strings.Split(strings.TrimSuffix(string(values), "\n"), "\n") {
		environment = append(environment, settings[i]+"="+value)
	}
	return environment, nil
}

// startCluster gives the reader a cluster that kubectl finds where it always looks.
func (m *machine) startCluster(ctx context.Context) (err error) {
	m.cluster, err = controlplane.Start(ctx, controlplane.Options{
		Assets: filepath.Join(m.root, "bin", "k8s"), Dir: filepath.Join(m.dir, "cluster"),
	})
	if err != nil {
		return err
	}
	kubeconfig, err := os.ReadFile(m.cluster.AdminKubeconfig())
	if err != nil {
		return err
	}
	folder := filepath.Join(m.home(), ".kube")
	return errors.Join(os.Mkdir(folder, 0o700), os.WriteFile(filepath.Join(folder, "config"), kubeconfig, 0o600))
}

// terminal is the one of a name, opened where it is new.
func (m *machine) terminal(ctx context.Context, name string) (*terminal, error) {
	if t, ok := m.terminals[name]; ok {
		return t, nil
	}
	environment, err := m.environment(ctx)
	if err != nil {
		return nil, err
	}
	t, err := openTerminal(m.clone(), filepath.Join(m.dir, "terminal-"+name), environment)
	if err == nil {
		m.terminals[name] = t
	}
	return t, err
}

// stop ends the terminals, with Ctrl-C, and the cluster.
func (m *machine) stop() error {
	var errs []error
	for _, t := range m.terminals {
		errs = append(errs, t.close())
	}
	if m.cluster != nil {
		errs = append(errs, m.cluster.Stop())
	}
	return errors.Join(errs...)
}

// leftovers are what the page did not clean up: processes, which are ended, files in the clone that git does not ignore, temporary files.
func (m *machine) leftovers(ctx context.Context) error {
	var errs []error
	for _, left := range m.processes() {
		errs = append(errs, fmt.Errorf("process %d is left: %s", left.pid, left.command), syscall.Kill(left.pid, syscall.SIGKILL))
	}
	status, err := git(ctx, m.clone(), "status", "--porcelain")
	if err != nil || status != "" {
		errs = append(errs, err, fmt.Errorf("the clone is not as it was:\n%s", status))
	}
	entries, err := os.ReadDir(m.temporary())
	errs = append(errs, err)
	for _, entry := range entries {
		errs = append(errs, fmt.Errorf("a temporary file is left: %s", entry.Name()))
	}
	return errors.Join(errs...)
}

// running is a process of the page's.
type running struct {
	pid     int
	command string
}

// processes are those that know the machine's folder, which no others do: by where they are, their arguments or their environment. What is
// about to end gets some seconds.
func (m *machine) processes() []running {
	deadline := time.Now().Add(linger)
	for {
		found := m.lookForProcesses()
		if len(found) == 0 || time.Now().After(deadline) {
			return found
		}
		time.Sleep(lookAgain)
	}
}

func (m *machine) lookForProcesses() (found []running) {
	folders, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	for _, folder := range folders {
		pid, err := strconv.Atoi(folder.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		line := m.seen(pid, "cmdline")
		where, _ := os.Readlink(fmt.Sprintf("/proc/%d/cwd", pid))
		if line != "" && inFolder(line+"\x00"+m.seen(pid, "environ")+"\x00"+where, m.dir) {
			found = append(found, running{pid, strings.TrimSpace(strings.ReplaceAll(line, "\x00", " "))})
		}
	}
	return found
}

// inFolder says whether a text names a folder or something in it, and not just one whose name begins the same.
func inFolder(text, folder string) bool {
	for {
		_, after, found := strings.Cut(text, folder)
		if !found {
			return false
		}
		next, _ := utf8.DecodeRuneInString(after)
		if after == "" || !unicode.IsLetter(next) && !unicode.IsDigit(next) && !strings.ContainsRune("-_.", next) {
			return true
		}
		text = after
	}
}

// seen is a file of a process, or nothing once it is gone.
func (m *machine) seen(pid int, file string) string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, file))
	if err != nil {
		return ""
	}
	return string(text)
}
