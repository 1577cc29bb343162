// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/rollcall-iam/rollcall/test/controlplane"
	"github.com/rollcall-iam/rollcall/test/installation"
)

// patience is how long any one thing may take on a busy machine.
const patience = 40 * time.Second

// walk goes through the main job and ends. Whatever happens, nothing is left running.
func walk(ctx context.Context) (err error) {
	dir, err := os.MkdirTemp("", "rollcall-demo-")
	if err != nil {
		return err
	}
	s := newShow()
	defer func() {
		err = errors.Join(s.explain(err), s.end(), os.RemoveAll(dir))
	}()
	fmt.Println(s.paint(bold, "Rollcall: from a directory to a person working in the cluster, and out again"))
	s.title("A real control plane, a company directory, and the operator",
		"Nothing here is simulated: the API server is Kubernetes' own, and so is kubectl.")
	if s.world, err = start(ctx, dir, func(part string) { s.sayf("starting %s", part) }); err != nil {
		return err
	}
	if err := s.world.writeManifests(); err != nil {
		return err
	}
	for _, step := range []func(context.Context) error{
		s.people, s.grant, s.credentials, s.limits, s.rotation, s.login, s.ending, s.leaver, s.trail,
	} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	fmt.Printf("\n%s in %.0f s. Try it yourself: make up\n", s.paint(green, "Everything came true"), time.Since(s.started).Seconds())
	return nil
}

func (s *show) end() error {
	if s.world == nil {
		return nil
	}
	return s.world.stop()
}

// explain adds the end of the operator's log to what went wrong.
func (s *show) explain(err error) error {
	if err == nil || s.world == nil || s.world.manager == nil {
		return err
	}
	log, readErr := os.ReadFile(s.world.manager.Log())
	if readErr != nil {
		return err
	}
	lines := strings.Split(strings.TrimSpace(string(log)), "\n")
	return fmt.Errorf("%w\n\nThe end of the operator's log:\n%s", err, strings.Join(lines[max(0, len(lines)-15):], "\n"))
}

func (s *show) people(ctx context.Context) error {
	s.title("People and groups appear",
		"Kubernetes has no object for a human. A Directory brings them: everyone in LDAP becomes a User,\n"+
			"every group a Group. One entry has no login name, so it is skipped, and the Directory says so.")
	for _, command := range s.world.secretCommands() {
		if _, err := s.kubectl(ctx, command...); err != nil {
			return err
		}
	}
	if err := s.file("directory.yaml"); err != nil {
		return err
	}
	if _, err := s.kubectl(ctx, "apply", "-f", "directory.yaml"); err != nil {
		return err
	}
	if _, err := s.kubectl(ctx, "wait", "--for=condition=Ready", "--timeout=40s", "directory/corp"); err != nil {
		return err
	}
	if err := s.until(ctx, "alice is active", s.sees(ctx, "corp:alice True", "get", "user", "alice", "-o",
		`jsonpath={.status.username} {.status.conditions[?(@.type=="Active")].status}`)); err != nil {
		return err
	}
	if err := s.until(ctx, "the groups have counted their members", s.sees(ctx, "2", "get", "group", "payments", "-o",
		"jsonpath={.status.members}")); err != nil {
		return err
	}
	for _, what := range []string{"users", "groups", "directories"} {
		args := []string{"get", what}
		if what == "directories" {
			args = append(args, "-o", `custom-columns=NAME:.metadata.name,MESSAGE:.status.conditions[?(@.type=="Ready")].message`)
		}
		if _, err := s.kubectl(ctx, args...); err != nil {
			return err
		}
	}
	return nil
}

func (s *show) grant(ctx context.Context) error {
	s.title("A Grant becomes bindings",
		"In Git it says: the group payments may edit where team=payments. The operator finds the people\n"+
			"and the namespaces, and follows both as they come and go.")
	for _, command := range [][]string{
		{"create", "namespace", "pay"},
		{"label", "namespace", "pay", "team=payments"},
	} {
		if _, err := s.kubectl(ctx, command...); err != nil {
			return err
		}
	}
	if err := s.file("grant.yaml"); err != nil {
		return err
	}
	if _, err := s.kubectl(ctx, "apply", "-f", "grant.yaml"); err != nil {
		return err
	}
	if _, err := s.kubectl(ctx, "wait", "--for=condition=Ready", "--timeout=40s", "grant/payments-edit"); err != nil {
		return err
	}
	if _, err := s.kubectl(ctx, "get", "grants"); err != nil {
		return err
	}
	_, err := s.kubectl(ctx, "get", "rolebindings", "-n", "pay", "-o", "wide")
	return err
}

func (s *show) credentials(ctx context.Context) error {
	s.title("alice gets a kubeconfig",
		"Her User asks for one. The operator makes a key, has it signed by the cluster for an hour,\n"+
			"records the certificate, and puts both into a Secret in one write.")
	if err := s.file("alice.yaml"); err != nil {
		return err
	}
	if _, err := s.kubectl(ctx, "apply", "--server-side", "-f", "alice.yaml"); err != nil {
		return err
	}
	if err := s.until(ctx, "the Secret is there", func() (string, bool) {
		err := s.fetchKubeconfig(ctx)
		return fmt.Sprint(err), err == nil
	}); err != nil {
		return err
	}
	_, err := s.kubectl(ctx, "get", "user", "alice")
	return err
}

func (s *show) limits(ctx context.Context) error {
	s.title("She can do exactly what was granted, and nothing else",
		"These are her own requests, with the kubeconfig of that Secret.")
	for _, attempt := range []struct {
		allowed bool
		args    []string
	}{
		{true, []string{"create", "configmap", "invoices", "-n", "pay", "--from-literal=owner=alice"}},
		{true, []string{"get", "configmaps", "-n", "pay"}},
		{false, []string{"get", "configmaps", "-n", "default"}},
		{false, []string{"create", "rolebinding", "mine", "-n", "pay", "--clusterrole=admin", "--user=corp:alice"}},
		{false, []string{"get", "users"}},
	} {
		if err := s.as(ctx, "alice", attempt.allowed, attempt.args...); err != nil {
			return err
		}
	}
	return nil
}

// as shows a command of somebody's and whether it was allowed, as expected.
func (s *show) as(ctx context.Context, who string, allowed bool, args ...string) error {
	fmt.Printf("   %s\n", s.paint(bold, who+"$ kubectl "+quoted(args)))
	output, err := s.world.kubectl(ctx, s.world.file(who+".kubeconfig"), args...)
	s.indent(output)
	forbidden := strings.Contains(strings.ToLower(output), "forbidden") && strings.Contains(output, "corp:"+who)
	switch {
	case allowed && err == nil:
		s.yesf("allowed")
		return nil
	case !allowed && err != nil && forbidden:
		s.yesf("denied")
		return nil
	case allowed:
		return fmt.Errorf("%s was to be allowed to %s, and was not", who, quoted(args))
	default:
		return fmt.Errorf("%s was to be denied %s as forbidden, and was not", who, quoted(args))
	}
}

func (s *show) rotation(ctx context.Context) error {
	s.title("Her certificate is rotated while she works",
		"Every certificate is replaced with a new key when 60 to 75 percent of its life have passed. Here an\n"+
			"administrator asks for ten-minute certificates instead, so that it happens now. alice keeps working.")
	before, err := s.fingerprint(ctx)
	if err != nil {
		return err
	}
	s.sayf("certificate now: %s", before)
	work := s.startWork(ctx)
	_, err = s.kubectl(ctx, "patch", "user", "alice", "--type=merge", "-p", `{"spec":{"kubeconfig":{"durationSeconds":600}}}`)
	if err != nil {
		return errors.Join(err, work.stop())
	}
	err = s.until(ctx, "the Secret holds another certificate", func() (string, bool) {
		after, err := s.fingerprint(ctx)
		return after, err == nil && after != before && work.sawChange()
	})
	if err := errors.Join(err, work.stop()); err != nil {
		return err
	}
	after, err := s.fingerprint(ctx)
	if err != nil {
		return err
	}
	s.sayf("certificate now: %s", after)
	s.yesf("%d requests of alice's meanwhile, none failed", work.requests.Load())
	return nil
}

func (s *show) login(ctx context.Context) error {
	s.title("bob logs in with a key of his own",
		"A Secret with a key in it is for robots. bob has an SSH key, and Git enrols its public half. It proves who he is; the\n"+
			"plugin makes another key for his session, which never leaves his machine, and plain kubectl asks the plugin.")
	if err := s.file("bob.yaml"); err != nil {
		return err
	}
	if _, err := s.kubectl(ctx, "apply", "--server-side", "-f", "bob.yaml"); err != nil {
		return err
	}
	if err := s.world.fetchLoginCA(ctx); err != nil {
		return err
	}
	fmt.Printf("   %s\n", s.paint(bold, "bob$ kubectl "+strings.ReplaceAll(quoted(s.world.loginArgs()), s.world.dir+"/", "")))
	if err := s.until(ctx, "bob is logged in", func() (string, bool) {
		output, err := s.world.kubectl(ctx, s.world.file("bob.kubeconfig"), s.world.loginArgs()...)
		return output, err == nil
	}); err != nil {
		return err
	}
	for _, args := range [][]string{{"rollcall", "whoami"}, {"get", "configmaps", "-n", "pay"}} {
		if err := s.as(ctx, "bob", true, args...); err != nil {
			return err
		}
	}
	_, err := s.kubectl(ctx, "get", "sessions")
	return err
}

func (s *show) ending(ctx context.Context) error {
	s.title("An administrator ends his session, and it is over",
		"His certificate is valid for some minutes more, and he may still act: only this session has ended. The API server\n"+
			"asks the operator about every credential, and is told. (Where it does not ask, the certificate's minutes are left.)")
	if _, err := s.kubectl(ctx, "rollcall", "terminate", "--user", "bob", "--reason", "laptop lost"); err != nil {
		return err
	}
	if err := s.until(ctx, "bob is denied", func() (string, bool) {
		output, err := s.world.kubectl(ctx, s.world.file("bob.kubeconfig"), "get", "configmaps", "-n", "pay")
		return output, err != nil && strings.Contains(output, "laptop lost")
	}); err != nil {
		return err
	}
	if err := s.as(ctx, "bob", false, "get", "configmaps", "-n", "pay"); err != nil {
		return err
	}
	_, err := s.kubectl(ctx, "get", "sessions")
	return err
}

func (s *show) leaver(ctx context.Context) error {
	s.title("The directory disables her, and her next request is denied",
		"Her certificate is still valid: Kubernetes cannot revoke it. But no Grant gives her anything any more: the\n"+
			"operator took her out of their bindings, and says so. (This directory is read every 10 seconds.)")
	s.sayf("in the directory: uid=alice gets pwdAccountLockedTime: 000001010000Z")
	if err := s.world.directory.Disable("alice"); err != nil {
		return err
	}
	if err := s.until(ctx, "alice is denied", func() (string, bool) {
		output, err := s.world.kubectl(ctx, s.world.file("alice.kubeconfig"), "get", "configmaps", "-n", "pay")
		return output, err != nil && strings.Contains(output, "Forbidden")
	}); err != nil {
		return err
	}
	if err := s.as(ctx, "alice", false, "get", "configmaps", "-n", "pay"); err != nil {
		return err
	}
	if err := s.until(ctx, "her Secret is gone", func() (string, bool) {
		output, err := s.world.kubectl(ctx, s.world.cp.AdminKubeconfig(), "get", "secret", "alice-kubeconfig", "-n", installation.Namespace)
		return output, err != nil && strings.Contains(output, "NotFound")
	}); err != nil {
		return err
	}
	_, err := s.kubectl(ctx, "get", "user", "alice", "-o",
		`custom-columns=REASON:.status.conditions[?(@.type=="Active")].reason,MESSAGE:.status.conditions[?(@.type=="Active")].message`)
	if err != nil {
		return err
	}
	return s.until(ctx, "bob, in the same group, still has his access", s.sees(ctx, "yes",
		"auth", "can-i", "create", "configmaps", "-n", "pay", "--as=corp:bob"))
}

func (s *show) trail(ctx context.Context) error {
	s.title("Who did that?",
		"The API server's audit log has the fingerprint of the certificate behind every request,\n"+
			"and User alice has the fingerprint of the certificate that was issued for her.")
	fingerprint, err := s.kubectl(ctx, "get", "user", "alice", "-o", "jsonpath={.status.certificate.fingerprint}")
	if err != nil {
		return err
	}
	events, _, err := controlplane.ReadAudit(s.world.cp.AuditLog(), 0)
	if err != nil {
		return err
	}
	for i := len(events) - 1; i >= 0; i-- {
		event := &events[i]
		if controlplane.Fingerprint(*event) == strings.TrimSpace(fingerprint) {
			s.sayf("audit log: %s %s by %s with X509SHA256=%s: %d", event.Verb, event.RequestURI, event.User.Username,
				controlplane.Fingerprint(*event), event.ResponseStatus.Code)
			s.yesf("the last request of that certificate was hers, and it was denied")
			return nil
		}
	}
	return fmt.Errorf("the audit log knows no request with the certificate %s", fingerprint)
}

// sees is a condition for until: the administrator's kubectl prints exactly this.
func (s *show) sees(ctx context.Context, wanted string, args ...string) func() (string, bool) {
	return func() (string, bool) {
		output, _ := s.world.kubectl(ctx, s.world.cp.AdminKubeconfig(), args...)
		return output, strings.TrimSpace(output) == wanted
	}
}

func (s *show) fingerprint(ctx context.Context) (string, error) {
	return s.world.kubectl(ctx, s.world.cp.AdminKubeconfig(), "get", "user", "alice", "-o", "jsonpath={.status.certificate.fingerprint}")
}

// fetchKubeconfig takes alice's kubeconfig out of her Secret, as a Pod that mounts it would have it.
func (s *show) fetchKubeconfig(ctx context.Context) error {
	encoded, err := s.world.kubectl(ctx, s.world.cp.AdminKubeconfig(), "get", "secret", "alice-kubeconfig", "-n", installation.Namespace,
		"-o", "jsonpath={.data.kubeconfig}")
	if err != nil {
		return fmt.Errorf("%w: %s", err, encoded)
	}
	decoded, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return err
	}
	return os.WriteFile(s.world.file("alice.kubeconfig"), decoded, 0o600)
}
