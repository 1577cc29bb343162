// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
)

// completionPatience bounds what somebody waits for who pressed a key.
const completionPatience = 3 * time.Second

// source lists what an argument may be. What cannot be read is left out: a completion tells no errors.
type source func(ctx context.Context, c client.Client) []string

// complete is for commands whose arguments a source lists.
func (t *tool) complete(from source) cobra.CompletionFunc {
	return func(command *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
		if command.Args != nil && len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		ctx, cancel := context.WithTimeout(command.Context(), completionPatience)
		defer cancel()
		c, err := t.client()
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		names := slices.DeleteFunc(from(ctx, c), func(name string) bool {
			return !strings.HasPrefix(name, begun) || slices.Contains(args, name)
		})
		slices.Sort(names)
		return slices.Compact(names), cobra.ShellCompDirectiveNoFileComp
	}
}

func grantsOnRequest(ctx context.Context, c client.Client) []string {
	var list v1alpha1.GrantList
	_ = c.List(ctx, &list)
	var names []string
	for i := range list.Items {
		if list.Items[i].Spec.Activation == v1alpha1.ActivationOnRequest {
			names = append(names, list.Items[i].Name)
		}
	}
	return names
}

func grants(ctx context.Context, c client.Client) []string {
	var list v1alpha1.GrantList
	_ = c.List(ctx, &list)
	names := make([]string, len(list.Items))
	for i := range list.Items {
		names[i] = list.Items[i].Name
	}
	return names
}

func openRequests(ctx context.Context, c client.Client) []string {
	var list v1alpha1.AccessRequestList
	_ = c.List(ctx, &list)
	var names []string
	for i := range list.Items {
		if !ended(&list.Items[i]) || unreviewed(&list.Items[i]) {
			names = append(names, list.Items[i].Name)
		}
	}
	return names
}

func peopleAndGroups(ctx context.Context, c client.Client) []string {
	var users v1alpha1.UserList
	var groups v1alpha1.GroupList
	_ = c.List(ctx, &users)
	_ = c.List(ctx, &groups)
	names := make([]string, 0, len(users.Items)+len(groups.Items))
	for i := range users.Items {
		names = append(names, "user/"+users.Items[i].Name)
	}
	for i := range groups.Items {
		names = append(names, "group/"+groups.Items[i].Name)
	}
	return names
}

// lockable is what a Lock can be on and is there.
func lockable(ctx context.Context, c client.Client) []string {
	names := peopleAndGroups(ctx, c)
	var sessions v1alpha1.SessionList
	_ = c.List(ctx, &sessions)
	for i := range sessions.Items {
		session := &sessions.Items[i]
		if !over(session) {
			names = append(names, "session/"+session.Name)
		}
		if session.Spec.Device != "" {
			names = append(names, "device/"+session.Spec.Device)
		}
	}
	return names
}

func peopleGroupsAndGrants(ctx context.Context, c client.Client) []string {
	names := peopleAndGroups(ctx, c)
	for _, name := range grants(ctx, c) {
		names = append(names, "grant/"+name)
	}
	return names
}

func locksAndLocked(ctx context.Context, c client.Client) []string {
	var list v1alpha1.LockList
	_ = c.List(ctx, &list)
	names := make([]string, 0, 2*len(list.Items))
	for i := range list.Items {
		names = append(names, list.Items[i].Name, targetOf(&list.Items[i]).String())
	}
	return names
}
