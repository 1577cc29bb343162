// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

// Package person is somebody at a machine of their own: a home, a real kubectl, and the real plugin.
package person

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/onsi/ginkgo/v2"
	"github.com/onsi/gomega"

	"github.com/rollcall-iam/rollcall/test/controlplane"
	"github.com/rollcall-iam/rollcall/test/internal/checkout"
)

// Person is somebody.
type Person struct {
	// Name in the directory.
	Name string
	// Home is a folder that nobody else has.
	Home string
	// Browser is what opens addresses for them; empty where nothing does.
	Browser string

	plane *controlplane.ControlPlane
}

// New gives somebody a home in a folder.
func New(plane *controlplane.ControlPlane, folder, name string) *Person {
	ginkgo.GinkgoHelper()
	home, err := os.MkdirTemp(folder, name+"-")
	gomega.Expect(err).NotTo(gomega.HaveOccurred())
	return &Person{Name: name, Home: home, plane: plane}
}

// Kubectl is a command of theirs, ready to run. Nothing of whoever runs the specs is in its environment.
func (p *Person) Kubectl(ctx context.Context, args ...string) *exec.Cmd {
	ginkgo.GinkgoHelper()
	root, err := checkout.Root()
	gomega.Expect(err).NotTo(gomega.HaveOccurred())
	command := exec.CommandContext(ctx, p.plane.Kubectl(), args...)
	command.Env = []string{
		"HOME=" + p.Home, "XDG_STATE_HOME=" + filepath.Join(p.Home, "state"), "KUBECONFIG=" + filepath.Join(p.Home, "kubeconfig"),
		"PATH=" + filepath.Join(root, "bin") + string(os.PathListSeparator) + os.Getenv("PATH"), "ROLLCALL_KEYRING=off",
	}
	if p.Browser != "" {
		command.Env = append(command.Env, "BROWSER="+p.Browser)
	}
	return command
}

// Runs runs kubectl and returns what it printed, on both streams.
func (p *Person) Runs(ctx context.Context, args ...string) (string, error) {
	ginkgo.GinkgoHelper()
	return p.told(p.Kubectl(ctx, args...), args)
}

// Does is Runs of what has to work.
func (p *Person) Does(ctx context.Context, args ...string) string {
	ginkgo.GinkgoHelper()
	output, err := p.Runs(ctx, args...)
	gomega.Expect(err).NotTo(gomega.HaveOccurred(), output)
	return output
}

// Site is where people log in.
type Site struct {
	// URL of the login service, and CAFile with the certificates that its own chains to.
	URL, CAFile string
	// Directory whose people log in.
	Directory string
}

// LogsIn logs in with a password.
func (p *Person) LogsIn(ctx context.Context, at Site, password string, more ...string) (string, error) {
	ginkgo.GinkgoHelper()
	args := append([]string{
		"rollcall", "login", at.URL, "--login-ca-file", at.CAFile,
		"--directory", at.Directory, "--method", "password", "--username", p.Name, "--password-stdin",
	}, more...)
	command := p.Kubectl(ctx, args...)
	command.Stdin = strings.NewReader(password + "\n")
	return p.told(command, args)
}

func (p *Person) told(command *exec.Cmd, args []string) (string, error) {
	output, err := command.CombinedOutput()
	ginkgo.GinkgoWriter.Printf("%s$ kubectl %s\n%s", p.Name, strings.Join(args, " "), output)
	return string(output), err
}
