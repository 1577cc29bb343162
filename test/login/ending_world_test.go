// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package login_test

import (
	"bufio"
	"context"
	"encoding/pem"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/pki"
	"github.com/rollcall-iam/rollcall/test/installation"
)

// worker is somebody at work: a person with an enrolled device, who may edit in the namespace.
type worker struct {
	*someone
	user *v1alpha1.User
	key  string
	// set and config are what a program of theirs has, which holds the certificate itself.
	set    kubernetes.Interface
	config *rest.Config
}

func newWorker(ctx context.Context, name string) *worker {
	GinkgoHelper()
	w := &worker{someone: newSomeone(name), user: &v1alpha1.User{ObjectMeta: metav1.ObjectMeta{Name: name}}}
	w.key = filepath.Join(w.Home, "id_ed25519")
	out, err := exec.CommandContext(ctx, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", w.key).CombinedOutput()
	Expect(err).NotTo(HaveOccurred(), string(out))
	w.user.Spec.UserName = name
	w.user.Spec.Devices = []v1alpha1.Device{{Name: name + "s-laptop", PublicKey: strings.TrimSpace(string(read(w.key + ".pub")))}}
	Expect(admin.Create(ctx, w.user)).To(Succeed())
	Expect(admin.Create(ctx, &v1alpha1.Grant{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: v1alpha1.GrantSpec{
		Subjects: []v1alpha1.Subject{{Kind: v1alpha1.SubjectUser, Name: name}},
		RoleRef:  v1alpha1.RoleReference{Kind: v1alpha1.RoleKindClusterRole, Name: "edit"},
		Scope:    v1alpha1.ScopeNamespaces, Namespaces: &v1alpha1.NamespaceSet{Names: []string{namespace}},
	}})).To(Succeed())
	return w
}

// begins a Session, and returns it once the worker can work.
func (w *worker) begins(ctx context.Context) *v1alpha1.Session {
	GinkgoHelper()
	Eventually(ctx, func() error {
		_, err := w.Runs(ctx, "rollcall", "login", loginURL, "--login-ca-file", filepath.Join(files, "login-ca.crt"), "--method", "key",
			"--key", w.key)
		return err
	}).Should(Succeed())
	var err error
	w.config, err = clientcmd.RESTConfigFromKubeConfig([]byte(w.stolen(ctx)))
	Expect(err).NotTo(HaveOccurred())
	w.config.QPS = -1
	w.set, err = kubernetes.NewForConfig(w.config)
	Expect(err).NotTo(HaveOccurred())
	Eventually(ctx, func() error { return w.reads(ctx) }).Should(Succeed())
	return w.session(ctx)
}

func (w *worker) reads(ctx context.Context) error {
	_, err := w.set.CoreV1().ConfigMaps(namespace).List(ctx, metav1.ListOptions{Limit: 1})
	return err
}

// writes changes nothing: what is admitted is admitted all the same.
func (w *worker) writes(ctx context.Context) error {
	_, err := w.set.CoreV1().ConfigMaps(namespace).Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{GenerateName: "w-"}},
		metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
	return err
}

// validUntil is when the certificate expires.
func (w *worker) validUntil() time.Time {
	GinkgoHelper()
	block, _ := pem.Decode(w.config.CertData)
	Expect(block).NotTo(BeNil())
	leaf, err := pki.ParseCertificate(w.config.CertData)
	Expect(err).NotTo(HaveOccurred())
	return leaf.NotAfter
}

// asking is a loop of requests, every few milliseconds.
type asking struct {
	denied chan denial
	stop   context.CancelFunc
}

// denial is the first request that was refused: when the answer came, and what it said.
type denial struct {
	at  time.Time
	why string
}

// asks goes on until a request is refused, or the loop is stopped.
func asks(ctx context.Context, request func(context.Context) error) *asking {
	GinkgoHelper()
	const pause = 2 * time.Millisecond
	Expect(request(ctx)).To(Succeed(), "it works before")
	running, stop := context.WithCancel(ctx)
	a := &asking{denied: make(chan denial, 1), stop: stop}
	DeferCleanup(stop)
	go func() {
		defer GinkgoRecover()
		ticks := time.NewTicker(pause)
		defer ticks.Stop()
		for running.Err() == nil {
			err := request(running)
			if apierrors.IsForbidden(err) {
				a.denied <- denial{time.Now(), err.Error()}
				return
			}
			if running.Err() == nil {
				Expect(err).NotTo(HaveOccurred())
			}
			<-ticks.C
		}
	}()
	return a
}

// after is how long it went on after a moment, and why it does not any more.
func (a *asking) after(ctx context.Context, acknowledged time.Time) (time.Duration, string) {
	GinkgoHelper()
	var first denial
	Eventually(ctx, a.denied).WithPolling(time.Millisecond).Should(Receive(&first))
	return first.at.Sub(acknowledged), first.why
}

// watching is a kubectl that watches, through the plugin.
type watching struct {
	command *exec.Cmd
	lines   chan string
	begun   time.Time
}

// watches begins, and returns once something was seen.
func (w *worker) watches(ctx context.Context) *watching {
	GinkgoHelper()
	command := w.Kubectl(ctx, "get", "configmaps", "--namespace", namespace, "--watch", "--output", "name")
	pipe, err := command.StdoutPipe()
	Expect(err).NotTo(HaveOccurred())
	seen := &watching{command: command, lines: make(chan string, 1000), begun: time.Now()}
	Expect(command.Start()).To(Succeed())
	go seen.reads(pipe)
	DeferCleanup(seen.kill)
	Eventually(ctx, seen.lines).Should(Receive())
	return seen
}

func (s *watching) reads(from io.Reader) {
	scanner := bufio.NewScanner(from)
	for scanner.Scan() {
		s.lines <- scanner.Text()
	}
	close(s.lines)
}

func (s *watching) kill() { _ = s.command.Process.Kill(); _ = s.command.Wait() }

// sees waits until the watch tells of something that somebody else has just made.
func (s *watching) sees(ctx context.Context) {
	GinkgoHelper()
	made := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, GenerateName: "seen-"}}
	Expect(admin.Create(ctx, made)).To(Succeed())
	Eventually(ctx, s.lines).Should(Receive(HaveSuffix("/" + made.Name)))
	Expect(admin.Delete(ctx, made)).To(Succeed())
}

// ends a Session as an administrator, and returns when the API server had acknowledged that.
func ends(ctx context.Context, current *v1alpha1.Session) time.Time {
	GinkgoHelper()
	before := current.DeepCopy()
	current.Spec.Termination = &v1alpha1.SessionTermination{By: "rollcall-test-admin", Reason: "laptop lost"}
	Expect(admin.Patch(ctx, current, client.MergeFrom(before))).To(Succeed())
	return time.Now()
}

// locks keeps somebody or something out, and returns when the API server had acknowledged that.
func locks(ctx context.Context, kind v1alpha1.LockTargetKind, name string) (lock *v1alpha1.Lock, acknowledged time.Time) {
	GinkgoHelper()
	lock = &v1alpha1.Lock{ObjectMeta: metav1.ObjectMeta{GenerateName: "ending-"}, Spec: v1alpha1.LockSpec{
		Target: v1alpha1.LockTarget{Kind: kind, Name: name}, Reason: "measured",
	}}
	Expect(admin.Create(ctx, lock)).To(Succeed())
	return lock, time.Now()
}

// asksNobody has the API server decide by RBAC alone, as one does that was never told of the webhook, and returns once it does.
func asksNobody(ctx context.Context) {
	GinkgoHelper()
	path := filepath.Join(files, "authorization.yaml")
	before := read(path)
	var configuration map[string]any
	Expect(yaml.Unmarshal(before, &configuration)).To(Succeed())
	authorizers, ok := configuration["authorizers"].([]any)
	Expect(ok).To(BeTrue())
	configuration["authorizers"] = slices.DeleteFunc(authorizers, func(a any) bool {
		authorizer, ok := a.(map[string]any)
		return ok && authorizer["type"] == "Webhook"
	})
	content, err := yaml.Marshal(configuration)
	Expect(err).NotTo(HaveOccurred())
	reloaded := reloads(ctx)
	Expect(os.WriteFile(path, content, 0o600)).To(Succeed())
	Eventually(ctx, func() string { return reloads(ctx) }).WithTimeout(2 * time.Minute).ShouldNot(Equal(reloaded))
	DeferCleanup(func(ctx SpecContext) {
		asked := reloads(ctx)
		Expect(os.WriteFile(path, before, 0o600)).To(Succeed())
		Eventually(ctx, func() string { return reloads(ctx) }).WithTimeout(2 * time.Minute).ShouldNot(Equal(asked))
	}, NodeTimeout(3*time.Minute))
}

// reloads is what the API server tells of the times that it read its authorizers anew.
func reloads(ctx context.Context) string {
	GinkgoHelper()
	told, err := installation.Kubectl(ctx, plane, plane.AdminKubeconfig(), "get", "--raw", "/metrics")
	Expect(err).NotTo(HaveOccurred())
	for line := range strings.Lines(told) {
		if strings.HasPrefix(line, "apiserver_authorization_config_controller_automatic_reloads_total") && strings.Contains(line, "success") {
			return line
		}
	}
	return ""
}
