// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/test/internal/process"
	"github.com/rollcall-iam/rollcall/test/slapd"
)

const (
	rowLeaver  = "leaver"
	rowMover   = "mover"
	rowRestart = "restart"

	// moves is how often somebody enters a group of each sort.
	moves = 5
	// stride is from one person who leaves to the next: another team each time.
	stride = 41
	// firstMover comes before those who move: they are in the division of the teams that they enter, and none of them leaves.
	firstMover = 44
	// namespaceOfAll is where the Grants give something.
	namespaceOfAll = "company"
	// askEvery is how long somebody who is to be denied waits between two requests.
	askEvery = 2 * time.Millisecond
)

// leave has people disabled, one after the other, who have access through the group of all, and asks until the API server denies them.
func (m *mirrored) leave(ctx context.Context) ([]line, error) {
	if err := m.grant(ctx); err != nil {
		return nil, err
	}
	m.say("disabling %d people, one after the other", m.leavers)
	var took series
	for range m.leavers {
		d, err := m.untilDenied(ctx, m.nextPerson(), m.server.DisablePerson)
		if err != nil {
			return nil, err
		}
		took = append(took, d)
	}
	return []line{{
		Row: rowLeaver, What: "from the directory's answer until the API server denies", Value: milliseconds(took.percentile(50)),
		P99: milliseconds(took.percentile(99)), Unit: unitMilliseconds, Goal: m.goal("under 1 s"),
	}}, nil
}

func (m *mirrored) nextPerson() string {
	m.next = (m.next + stride) % min(m.people, granted)
	return slapd.UID(m.next)
}

// grant lets the divisions of the first people, and one team besides, do something in the namespace.
func (m *mirrored) grant(ctx context.Context) error {
	divisions := (min(m.people, granted) + divided - 1) / divided
	grants := append(make([]client.Object, 0, 1+divisions), m.grantTo(slapd.Team(0)))
	for i := range divisions {
		grants = append(grants, m.grantTo(slapd.Division(i)))
	}
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespaceOfAll}}
	if err := m.admin.Create(ctx, namespace); err != nil {
		return err
	}
	if err := m.create(ctx, "Grants", grants); err != nil {
		return err
	}
	if err := m.until(ctx, "all Grants are Ready", func(ctx context.Context) (string, bool, error) {
		var list v1alpha1.GrantList
		err := m.admin.List(ctx, &list)
		waiting := slices.IndexFunc(list.Items, func(g v1alpha1.Grant) bool {
			return !meta.IsStatusConditionTrue(g.Status.Conditions, v1alpha1.ConditionReady)
		})
		return fmt.Sprintf("one of %d is not", len(list.Items)), waiting < 0, err
	}); err != nil {
		return err
	}
	return m.quiet(ctx)
}

// divided is how many people a division has, and granted how many people have a Grant at most.
const divided, granted = 200, 10_000

func (m *mirrored) grantTo(group string) client.Object {
	return &v1alpha1.Grant{ObjectMeta: metav1.ObjectMeta{Name: group}, Spec: v1alpha1.GrantSpec{
		Subjects:   []v1alpha1.Subject{{Kind: v1alpha1.SubjectGroup, Name: group}},
		RoleRef:    v1alpha1.RoleReference{Kind: v1alpha1.RoleKindClusterRole, Name: "view"},
		Scope:      v1alpha1.ScopeNamespaces,
		Namespaces: &v1alpha1.NamespaceSet{Names: []string{namespaceOfAll}},
		Reason:     "benchmark",
	}}
}

// untilDenied is how long the API server goes on answering somebody after something happened to them.
func (m *mirrored) untilDenied(ctx context.Context, uid string, happens func(uid string) error) (time.Duration, error) {
	as, err := m.as(uid)
	if err != nil {
		return 0, err
	}
	if err := m.until(ctx, uid+" has access", func(ctx context.Context) (string, bool, error) {
		err := asks(ctx, as, namespaceOfAll)
		return fmt.Sprint(err), err == nil, client.IgnoreNotFound(ignoreForbidden(err))
	}); err != nil {
		return 0, err
	}
	if err := happens(uid); err != nil {
		return 0, err
	}
	began := time.Now()
	err = m.denied(ctx, as, uid)
	return time.Since(began), err
}

// as is a client of somebody in the directory.
func (m *mirrored) as(uid string) (*kubernetes.Clientset, error) {
	config, err := m.plane.User(corp + ":" + uid)
	if err != nil {
		return nil, err
	}
	return kubernetes.NewForConfig(config)
}

func asks(ctx context.Context, as kubernetes.Interface, namespace string) error {
	_, err := as.CoreV1().ConfigMaps(namespace).List(ctx, metav1.ListOptions{Limit: 1})
	return err
}

func ignoreForbidden(err error) error {
	if apierrors.IsForbidden(err) {
		return nil
	}
	return err
}

// denied returns once somebody is.
func (m *mirrored) denied(ctx context.Context, as kubernetes.Interface, uid string) error {
	for limit := time.Now().Add(patience); time.Now().Before(limit); time.Sleep(askEvery) {
		err := asks(ctx, as, namespaceOfAll)
		if apierrors.IsForbidden(err) {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return fmt.Errorf("%s still has access after %s", uid, patience)
}

// move has people enter a group, one after the other: one that no Grant names, and one that a Grant does.
func (m *mirrored) move(ctx context.Context) ([]line, error) {
	m.say("letting people enter groups, one after the other")
	var lines []line
	mover := firstMover
	for _, sort := range []struct{ what, team, goal string }{
		{"writes for one membership, of a group without a Grant", slapd.Team(1), "at most 3"},
		{"writes for one membership, of a group with a Grant", slapd.Team(0), ""},
	} {
		most := 0
		for range moves {
			mover++
			did, err := m.enter(ctx, slapd.UID(mover), sort.team)
			if err != nil {
				return nil, err
			}
			most = max(most, did.written(anything)-did.writes[directoryStatus])
		}
		lines = append(lines, line{Row: rowMover, What: sort.what, Value: float64(most), Goal: sort.goal})
	}
	return lines, nil
}

// enter is what the operator asks for when somebody becomes member of a team.
func (m *mirrored) enter(ctx context.Context, uid, team string) (requests, error) {
	mark, err := m.plane.AuditMark()
	if err != nil {
		return requests{}, err
	}
	if err := m.server.AddMember(team, slapd.PersonDN(uid)); err != nil {
		return requests{}, err
	}
	if err := m.until(ctx, uid+" is in "+team, func(ctx context.Context) (string, bool, error) {
		user := &v1alpha1.User{}
		err := m.admin.Get(ctx, client.ObjectKey{Name: uid}, user)
		return fmt.Sprint(user.Status.Groups), slices.Contains(user.Status.Groups, corp+":"+team), err
	}); err != nil {
		return requests{}, err
	}
	if err := m.quiet(ctx); err != nil {
		return requests{}, err
	}
	return m.requests(mark)
}

// restart kills the manager, has somebody disabled meanwhile, and starts it again.
func (m *mirrored) restart(ctx context.Context) ([]line, error) {
	m.say("killing the manager, and starting it again")
	if err := m.manager.Kill(); err != nil {
		return nil, err
	}
	uid := m.nextPerson()
	as, err := m.as(uid)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(asks(ctx, as, namespaceOfAll), m.server.DisablePerson(uid)); err != nil {
		return nil, err
	}
	mark, err := m.plane.AuditMark()
	if err != nil {
		return nil, err
	}
	began := time.Now()
	if err := m.startManager(ctx); err != nil {
		return nil, err
	}
	ready := time.Since(began)
	if err := m.denied(ctx, as, uid); err != nil {
		return nil, err
	}
	decided := time.Since(began)
	if err := m.quiet(ctx); err != nil {
		return nil, err
	}
	did, err := m.requests(mark)
	if err != nil {
		return nil, err
	}
	return append([]line{
		{Row: rowRestart, What: "until the manager says that it is ready", Value: ready.Seconds(), Unit: unitSeconds},
		{Row: rowRestart, What: "until who was disabled meanwhile is denied", Value: decided.Seconds(), Unit: unitSeconds},
		{Row: rowRestart, What: "processor time until all is done", Value: process.CPU(m.manager.PID()).Seconds(), Unit: unitSeconds},
		{Row: rowRestart, What: "requests that read", Value: float64(total(did.reads))},
		{Row: rowRestart, What: "writes, for that person", Value: float64(did.written(anything))},
	}, m.memory("RSS of the manager, started again")...), nil
}
