// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
)

const (
	rowAuthorizer = "authorizer"
	// singlesMost is what one binding per person may take; after that those of fewer people have to do.
	singlesMost = 5 * time.Minute
	// handmade is the binding by which the insider gets in while there is no other.
	handmade = "handmade"
)

// state is one in which the control plane was asked, in turns with an empty one.
type state struct {
	name         string
	asked, empty latencies
}

// authorization measures the authorizer in each state, and what the Grants come to on the way.
func (b *bench) authorization(ctx context.Context) (lines []line, err error) {
	b.say("starting another control plane, which stays empty")
	empty, err := b.newWorld(ctx)
	if empty.plane != nil {
		defer func() { err = errors.Join(err, empty.plane.Stop()) }()
	}
	if err != nil {
		return nil, err
	}
	var sides []askers
	for _, w := range []world{b.world, empty} {
		if err := b.createIn(ctx, w, "namespaces", b.company.namespaceObjects()); err != nil {
			return nil, err
		}
		side, err := b.askers(ctx, w)
		if err != nil {
			return nil, err
		}
		sides = append(sides, side)
	}
	insider := personName(max(0, b.company.insider(b.company.busiest())))
	if err := empty.admin.Create(ctx, b.own(insider)); err != nil {
		return nil, err
	}
	var states []state
	ask := func(name string) error {
		if err := b.quiet(ctx); err != nil {
			return err
		}
		b.say("measuring the authorizer: %s", name)
		found, err := b.askAll(ctx, sides)
		if err == nil {
			states = append(states, state{name: name, asked: found[0], empty: found[1]})
		}
		return err
	}
	m, err := b.throughStates(ctx, insider, ask)
	return slices.Concat(m.lines(b.sizes), authorizerLines(states)), err
}

// throughStates brings the control plane from one state into the next, and asks in each.
func (b *bench) throughStates(ctx context.Context, insider string, ask func(name string) error) (m made, err error) {
	if err := b.byHand(ctx, insider, func() error { return ask("empty as well") }); err != nil {
		return m, err
	}
	if m, err = b.scale(ctx); err != nil {
		return m, err
	}
	if err := ask(fmt.Sprintf("Rollcall: %s bindings", count(m.roleBindings+m.clusterRoleBindings))); err != nil {
		return m, err
	}
	if err := b.withdraw(ctx); err != nil {
		return m, err
	}
	if err := b.byHand(ctx, insider, func() error { return ask("Users and Groups stay, Grants are gone") }); err != nil {
		return m, err
	}
	singles, err := b.bindSingly(ctx)
	if err == nil {
		err = ask(singles)
	}
	return m, err
}

// own is the binding by which the insider gets in.
func (b *bench) own(insider string) client.Object {
	return binding(handmade, b.company.busiest(), "view", insider)
}

// byHand lets the insider in while there is no other binding, so that the same request is allowed in every state.
func (b *bench) byHand(ctx context.Context, insider string, do func() error) error {
	own := b.own(insider)
	if err := b.admin.Create(ctx, own); err != nil {
		return err
	}
	return errors.Join(do(), b.admin.Delete(ctx, own))
}

// withdraw deletes the Grants, waits until their bindings are gone, and stops the manager.
func (b *bench) withdraw(ctx context.Context) error {
	b.say("deleting the Grants")
	if err := b.admin.DeleteAllOf(ctx, &v1alpha1.Grant{}); err != nil {
		return err
	}
	if err := b.until(ctx, "the bindings are gone", b.noBindings); err != nil {
		return err
	}
	b.say("stopping the manager")
	return b.stopManager()
}

func (b *bench) noBindings(ctx context.Context) (string, bool, error) {
	for _, list := range []client.ObjectList{&rbacv1.RoleBindingList{}, &rbacv1.ClusterRoleBindingList{}} {
		if err := b.admin.List(ctx, list, client.MatchingLabels{v1alpha1.LabelManagedBy: v1alpha1.ManagedBy}); err != nil {
			return "", false, err
		}
		switch left := list.(type) {
		case *rbacv1.RoleBindingList:
			if n := len(left.Items); n > 0 {
				return fmt.Sprintf("%d RoleBindings are left", n), false, nil
			}
		case *rbacv1.ClusterRoleBindingList:
			if n := len(left.Items); n > 0 {
				return fmt.Sprintf("%d ClusterRoleBindings are left", n), false, nil
			}
		}
	}
	return "", true, nil
}

// bindSingly gives the same access by one binding per person, Grant and place, person by person, and says what that came to.
func (b *bench) bindSingly(ctx context.Context) (string, error) {
	byPerson := b.company.singles(b.company.insider(b.company.busiest()))
	total := 0
	for _, singles := range byPerson {
		total += len(singles)
	}
	b.say("creating %s bindings: the same access as one per person, Grant and place", count(total))
	creating, inner := errgroup.WithContext(ctx)
	creating.SetLimit(writers)
	began, said, people, made := time.Now(), time.Now(), 0, 0
	for _, singles := range byPerson {
		if inner.Err() != nil || time.Since(began) > singlesMost {
			break
		}
		for _, s := range singles {
			creating.Go(func() error { return b.admin.Create(inner, b.company.singleObject(s)) })
		}
		people, made = people+1, made+len(singles)
		if time.Since(said) > sayEvery {
			said = time.Now()
			b.say("  %s of %s bindings", count(made), count(total))
		}
	}
	name := fmt.Sprintf("one binding per person, Grant and place: %s bindings", count(made))
	if people < len(byPerson) {
		name += fmt.Sprintf(" (of %s people: all %s would have taken more than %s)", count(people), count(total), singlesMost)
	}
	return name, creating.Wait()
}

// authorizerLines are a line per question and state, each against what the empty control plane took meanwhile.
func authorizerLines(states []state) []line {
	asked := [questions]struct{ what, goal string }{
		anywhere: {"review, denied, in each namespace in turn", "at most 1.10 x"},
		busiest:  {what: "review, denied, in the busiest namespace"},
		floor:    {what: "review that RBAC does not see"},
		denied:   {what: "GET, denied, in the busiest namespace"},
		allowed:  {what: "GET, allowed, in the busiest namespace"},
	}
	lines := make([]line, 0, questions*len(states))
	for question, q := range asked {
		for i, s := range states {
			here, there := s.asked[question], s.empty[question]
			l := line{
				Row: rowAuthorizer, What: q.what, State: s.name, Unit: unitMilliseconds,
				Value: milliseconds(here.percentile(50)), P99: milliseconds(here.percentile(99)),
				Against: milliseconds(there.percentile(50)),
			}
			l.Ratio = l.Value / l.Against
			if i == 1 {
				l.Goal = q.goal
			}
			lines = append(lines, l)
		}
	}
	return lines
}
