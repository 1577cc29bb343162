// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/test/installation"
	"github.com/rollcall-iam/rollcall/test/internal/process"
	"github.com/rollcall-iam/rollcall/test/slapd"
)

const (
	rowMirror = "mirror"
	rowResync = "resync"
	rowMemory = "memory"

	// corp is the Directory, and bindSecret what the operator shows its server.
	corp, bindSecret = "corp", "corp-bind"
	// resyncs is how often it is read again.
	resyncs = 5
	// directoryStatus is how the operator says how far it is with a Directory, now and then.
	directoryStatus = "patch directories/status"
)

// mirrored is a directory and the cluster that mirrors it.
type mirrored struct {
	*bench

	server *slapd.Server
	people int
	// next is who leaves next.
	next int
	// did is what mirroring took, and made are the objects that came of it, by kind.
	did  requests
	made map[string][]*unstructured.Unstructured
}

// directory measures what a directory costs: its people mirrored, read again, one who leaves, one who moves, and a restart.
func (b *bench) directory(ctx context.Context) ([]line, error) {
	m := &mirrored{bench: b, people: b.people}
	lines, err := m.measure(ctx,
		(*mirrored).mirror, (*mirrored).keep, (*mirrored).resync, (*mirrored).leave, (*mirrored).move, (*mirrored).restart)
	if err != nil {
		return nil, err
	}
	return m.compare(ctx, lines)
}

// large measures what very many people cost.
func (b *bench) large(ctx context.Context) ([]line, error) {
	if b.many == 0 {
		return nil, nil
	}
	m := &mirrored{bench: b, people: b.many}
	return m.measure(ctx, (*mirrored).mirror, (*mirrored).resync, (*mirrored).leave, (*mirrored).restart)
}

// step is something to measure on a directory.
type step func(*mirrored, context.Context) ([]line, error)

// measure measures steps, one after the other.
func (m *mirrored) measure(ctx context.Context, steps ...step) (lines []line, err error) {
	m.say("starting slapd with %s people", count(m.people))
	if m.server, err = slapd.Start(ctx, slapd.Options{LDIF: slapd.People(m.people)}); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, m.server.Stop()) }()
	if err := m.startManager(ctx); err != nil {
		return nil, err
	}
	for _, step := range steps {
		found, err := step(m, ctx)
		if err != nil {
			return nil, err
		}
		for i := range found {
			found[i].State = count(m.people) + " people"
		}
		lines = append(lines, found...)
	}
	return lines, nil
}

// mirror lets the manager make Users and Groups of the directory.
func (m *mirrored) mirror(ctx context.Context) ([]line, error) {
	mark, err := m.plane.AuditMark()
	if err != nil {
		return nil, err
	}
	m.say("mirroring %s people", count(m.people))
	began, before := time.Now(), m.cpu()
	if err := m.create(ctx, "objects of the Directory", m.directoryObjects()); err != nil {
		return nil, err
	}
	if err := m.until(ctx, "the Directory is mirrored", m.isMirrored); err != nil {
		return nil, err
	}
	if err := m.quiet(ctx); err != nil {
		return nil, err
	}
	cpu := m.cpu().since(before)
	if err := m.everybodyIsThere(ctx); err != nil {
		return nil, err
	}
	if m.did, err = m.requests(mark); err != nil {
		return nil, err
	}
	took := m.did.last(mirrors).Sub(began)
	return append([]line{
		{Row: rowMirror, What: "all Users and Groups with their status", Value: took.Seconds(), Unit: unitSeconds},
		{Row: rowMirror, What: "writes of the operator", Value: float64(m.did.written(anything))},
		{Row: rowMirror, What: "processor time of the operator", Value: cpu.operator.Seconds(), Unit: unitSeconds},
		{Row: rowMirror, What: "processor time of the control plane", Value: cpu.plane.Seconds(), Unit: unitSeconds},
	}, m.memory("RSS of the manager, everybody mirrored")...), nil
}

// compare has a bare client do what mirroring did, on a control plane of its own, with nothing else that runs.
func (m *mirrored) compare(ctx context.Context, lines []line) ([]line, error) {
	if err := m.stop(); err != nil {
		return nil, err
	}
	took, writes, err := m.bare(ctx)
	if err != nil {
		return nil, err
	}
	lines[0].Ratio, lines[0].Goal = lines[0].Value/took.Seconds(), m.goal("at most 1.50 x")
	state := lines[0].State
	return append([]line{
		{Row: rowMirror, What: "the same by a bare client", State: state, Value: took.Seconds(), Unit: unitSeconds},
		{Row: rowMirror, What: "writes of the bare client", State: state, Value: float64(writes)},
	}, lines...), nil
}

func (m *mirrored) memory(what string) []line {
	now, peak := process.Memory(m.manager.PID())
	if now == 0 {
		return nil // Not Linux.
	}
	return []line{
		{Row: rowMemory, What: what, Value: mebibytes(now), Unit: unitMebibytes, Goal: memoryGoal(m.people)},
		{Row: rowMemory, What: "its peak until then", Value: mebibytes(peak), Unit: unitMebibytes},
	}
}

func (m *mirrored) directoryObjects() []client.Object {
	inOurs := func(name string) metav1.ObjectMeta {
		return metav1.ObjectMeta{Namespace: installation.Namespace, Name: name}
	}
	return []client.Object{
		&corev1.Secret{ObjectMeta: inOurs("corp-ca"), StringData: map[string]string{"ca.crt": string(m.server.CAPEM())}},
		&corev1.Secret{ObjectMeta: inOurs(bindSecret), StringData: map[string]string{
			"username": slapd.SyncDN, "password": m.server.Password(),
		}},
		&v1alpha1.Directory{ObjectMeta: metav1.ObjectMeta{Name: corp}, Spec: v1alpha1.DirectorySpec{
			SyncIntervalSeconds: 24 * 60 * 60, // No full read but those that are measured.
			LDAP: &v1alpha1.LDAPSource{
				URL:           m.server.LDAPSURL(),
				CASecretRef:   &v1alpha1.NameReference{Name: "corp-ca"},
				BindSecretRef: &v1alpha1.NameReference{Name: bindSecret},
				Users:         v1alpha1.LDAPUsers{BaseDN: slapd.PeopleDN},
				Groups:        &v1alpha1.LDAPGroups{BaseDN: slapd.GroupsDN},
			},
		}},
	}
}

func (m *mirrored) isMirrored(ctx context.Context) (string, bool, error) {
	d, err := m.theDirectory(ctx)
	if err != nil {
		return "", false, err
	}
	ready := meta.FindStatusCondition(d.Status.Conditions, v1alpha1.ConditionReady)
	if ready == nil {
		return "it has no condition yet", false, nil
	}
	done := ready.Status == metav1.ConditionTrue && d.Status.Users != nil && int(*d.Status.Users) == m.people
	return fmt.Sprintf("%s: %s", ready.Reason, ready.Message), done, nil
}

func (m *mirrored) theDirectory(ctx context.Context) (*v1alpha1.Directory, error) {
	d := &v1alpha1.Directory{}
	return d, m.admin.Get(ctx, client.ObjectKey{Name: corp}, d)
}

// everybodyIsThere looks at everybody, page by page.
func (m *mirrored) everybodyIsThere(ctx context.Context) error {
	seen := 0
	err := m.users(ctx, func(user *v1alpha1.User) error {
		seen++
		if !meta.IsStatusConditionTrue(user.Status.Conditions, v1alpha1.ConditionReady) || len(user.Status.Groups) != 3 {
			return fmt.Errorf("somebody, %s, is not Ready in three groups: %v, %v", user.Name, user.Status.Groups, user.Status.Conditions)
		}
		return nil
	})
	if err == nil && seen != m.people {
		err = fmt.Errorf("there are %d Users, not %d", seen, m.people)
	}
	return err
}

// users are looked at one after the other.
func (m *mirrored) users(ctx context.Context, look func(*v1alpha1.User) error) error {
	for next := ""; ; {
		var list v1alpha1.UserList
		if err := m.admin.List(ctx, &list, client.Limit(1000), client.Continue(next)); err != nil {
			return err
		}
		for i := range list.Items {
			if err := look(&list.Items[i]); err != nil {
				return err
			}
		}
		if next = list.Continue; next == "" {
			return nil
		}
	}
}

// resync has the directory read again, which has not changed.
func (m *mirrored) resync(ctx context.Context) ([]line, error) {
	m.say("reading the directory again, %d times", resyncs)
	mark, err := m.plane.AuditMark()
	if err != nil {
		return nil, err
	}
	before := process.CPU(m.manager.PID())
	var took time.Duration
	for range resyncs {
		began := time.Now()
		if err := m.readAgain(ctx); err != nil {
			return nil, err
		}
		took += time.Since(began)
	}
	cpu := process.CPU(m.manager.PID()) - before
	if err := m.quiet(ctx); err != nil {
		return nil, err
	}
	did, err := m.requests(mark)
	if err != nil {
		return nil, err
	}
	own := did.writes[directoryStatus]
	return []line{
		{
			Row: rowResync, What: "processor time of a full read, unchanged", Value: cpu.Seconds() / resyncs, Unit: unitSeconds,
			Goal: m.goal("under 1 s"),
		},
		{Row: rowResync, What: "time of it", Value: took.Seconds() / resyncs, Unit: unitSeconds},
		{Row: rowResync, What: fmt.Sprintf("writes of %d reads", resyncs), Value: float64(did.written(anything) - own), Goal: "0"},
		{Row: rowResync, What: "besides: when the Directory was read, in its status", Value: float64(own)},
	}, nil
}

// goal is what has to be reached with the default number of people.
func (m *mirrored) goal(reach string) string {
	if m.people == 10_000 {
		return reach
	}
	return ""
}

// readAgain has the directory read now: its Secret changes, though not what it says.
func (m *mirrored) readAgain(ctx context.Context) error {
	d, err := m.theDirectory(ctx)
	if err != nil {
		return err
	}
	before := d.Status.LastSyncTime.Time
	time.Sleep(time.Until(before.Add(time.Second))) // It is told in whole seconds.
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: installation.Namespace, Name: bindSecret}}
	patch := fmt.Appendf(nil, `{"metadata":{"annotations":{"nudged":%q}}}`, time.Now().Format(time.RFC3339Nano))
	if err := m.admin.Patch(ctx, secret, client.RawPatch("application/merge-patch+json", patch)); err != nil {
		return err
	}
	return m.until(ctx, "the Directory is read again", func(ctx context.Context) (string, bool, error) {
		d, err := m.theDirectory(ctx)
		return "it is not", err == nil && d.Status.LastSyncTime.After(before), err
	})
}
