// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gexec"
	clientauthv1 "k8s.io/client-go/pkg/apis/clientauthentication/v1"

	"github.com/rollcall-iam/rollcall/cmd/kubectl-rollcall/internal/store"
)

// binary is the plugin, built once.
var binary string

var _ = BeforeSuite(func() {
	var err error
	binary, err = gexec.Build("github.com/rollcall-iam/rollcall/cmd/kubectl-rollcall", "-buildvcs=false")
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(gexec.CleanupBuildArtifacts)
})

// machine is a person's: a home, and nothing else of the one that the tests run on.
type machine struct {
	home        string
	environment []string
	stdin       string
}

func newMachine() *machine {
	GinkgoHelper()
	home := GinkgoT().TempDir()
	return &machine{home: home, environment: []string{
		"HOME=" + home, "PATH=" + os.Getenv("PATH"), "XDG_STATE_HOME=" + filepath.Join(home, "state"), "ROLLCALL_KEYRING=off",
		"KUBECONFIG=" + filepath.Join(home, "kubeconfig"), "TZ=UTC",
	}}
}

// said is what a run left behind.
type said struct {
	Out, Err string
	Code     int
}

func (m *machine) starts(args ...string) *gexec.Session {
	GinkgoHelper()
	command := exec.CommandContext(GinkgoT().Context(), binary, args...)
	command.Env, command.Dir, command.Stdin = m.environment, m.home, strings.NewReader(m.stdin)
	session, err := gexec.Start(command, nil, nil)
	Expect(err).NotTo(HaveOccurred())
	return session
}

func finished(session *gexec.Session) said {
	GinkgoHelper()
	Eventually(session).WithTimeout(40 * time.Second).Should(gexec.Exit())
	return said{string(session.Out.Contents()), string(session.Err.Contents()), session.ExitCode()}
}

func (m *machine) runs(args ...string) said {
	GinkgoHelper()
	return finished(m.starts(args...))
}

func (m *machine) path(parts ...string) string {
	return filepath.Join(append([]string{m.home}, parts...)...)
}

// trusts writes the authority of a peer into a file.
func (m *machine) trusts(p *peer) string {
	GinkgoHelper()
	file := m.path("ca.pem")
	Expect(os.WriteFile(file, p.ca.pem, 0o600)).To(Succeed())
	return file
}

// logsIn logs alice in with her password.
func (m *machine) logsIn(p *peer, args ...string) said {
	GinkgoHelper()
	m.stdin = "secret\n"
	defer func() { m.stdin = "" }()
	result := m.runs(append([]string{
		"login", p.server.URL, "--login-ca-file", m.trusts(p), "--username", "alice", "--password-stdin",
	}, args...)...)
	Expect(result).To(HaveField("Code", 0), result.Err)
	return result
}

// kubectl makes the machine's environment that of a credential plugin.
func (m *machine) kubectl(p *peer) *machine {
	GinkgoHelper()
	config, err := json.Marshal(extension{LoginServer: p.server.URL, LoginCAData: p.ca.pem})
	Expect(err).NotTo(HaveOccurred())
	return m.with("KUBERNETES_EXEC_INFO=" + `{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","spec":{` +
		`"interactive":true,"cluster":{"server":"https://api.example.com:6443","config":` + string(config) + `}}}`)
}

func (m *machine) with(variables ...string) *machine {
	return &machine{m.home, append(append([]string{}, m.environment...), variables...), m.stdin}
}

// kept is the state of the only login.
func (m *machine) kept() *store.State {
	GinkgoHelper()
	state := &store.State{}
	text, err := os.ReadFile(m.file(".json"))
	Expect(err).NotTo(HaveOccurred())
	Expect(json.Unmarshal(text, state)).To(Succeed())
	return state
}

// change writes another state.
func (m *machine) change(how func(*store.State)) {
	GinkgoHelper()
	state := m.kept()
	how(state)
	text, err := json.Marshal(state)
	Expect(err).NotTo(HaveOccurred())
	Expect(os.WriteFile(m.file(".json"), text, 0o600)).To(Succeed())
}

// file is the only file in the folder for logins with a suffix.
func (m *machine) file(suffix string) string {
	GinkgoHelper()
	files := m.files(suffix)
	Expect(files).To(HaveLen(1))
	return files[0]
}

func (m *machine) files(suffix string) []string {
	GinkgoHelper()
	files, err := filepath.Glob(m.path("state", "rollcall", "*"+suffix))
	Expect(err).NotTo(HaveOccurred())
	return files
}

// credential is what kubectl would get.
func credential(result said) *clientauthv1.ExecCredentialStatus {
	GinkgoHelper()
	Expect(result).To(HaveField("Code", 0), result.Err)
	var got clientauthv1.ExecCredential
	decoder := json.NewDecoder(strings.NewReader(result.Out))
	decoder.DisallowUnknownFields()
	Expect(decoder.Decode(&got)).To(Succeed())
	Expect(decoder.More()).To(BeFalse())
	Expect(got.APIVersion + " " + got.Kind).To(Equal("client.authentication.k8s.io/v1 ExecCredential"))
	return got.Status
}
