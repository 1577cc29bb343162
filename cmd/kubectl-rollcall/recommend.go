// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/person"
	"github.com/rollcall-iam/rollcall/internal/picture"
	"github.com/rollcall-iam/rollcall/internal/recommend"
	"github.com/rollcall-iam/rollcall/internal/usage"
	"github.com/rollcall-iam/rollcall/internal/wire"
)

func (t *tool) newRecommendCommand() *cobra.Command {
	days, resourceNames := wire.DefaultDays, false
	command := &cobra.Command{
		Use:   "recommend USER|group/GROUP",
		Short: "Propose roles that are as wide as what somebody used",
		Long: `Propose the smallest roles that allow what somebody did, as YAML: a Role for each namespace, and a ClusterRole for what is in
none.
Of a group: what any of its members did. Nothing is applied: read it first, since it knows only what was done in that time.

A user is named by the User or by username. What everybody may do anyway is left out. With --resource-names, rules are narrowed to the
names of objects where all requests were for a few of them.`,
		Example: `  kubectl rollcall recommend alice
  kubectl rollcall recommend corp:alice --days 90 --resource-names > alice.yaml
  kubectl rollcall recommend group/payments-dev`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: t.complete(peopleAndGroups),
		RunE: func(command *cobra.Command, args []string) error {
			return t.recommend(command.Context(), args[0], days, resourceNames)
		},
	}
	daysFlag(command, &days, "how many days to look back")
	command.Flags().BoolVar(&resourceNames, "resource-names", false, "narrow rules to names of objects, where they are few")
	return command
}

// advised are those whom roles are proposed for.
type advised struct {
	// kind and name are those of the subject of a Grant. Empty kind: nobody whom Rollcall knows.
	kind v1alpha1.SubjectKind
	name string
	// usernames of whom it is about.
	usernames []string
	// grants give them something now, by name.
	grants []string
}

func (t *tool) recommend(ctx context.Context, who string, days int, resourceNames bool) error {
	if err := checkDays(days); err != nil {
		return err
	}
	c, err := t.client()
	if err != nil {
		return err
	}
	whom, err := advise(ctx, c, who)
	if err != nil {
		return err
	}
	a, err := t.auditor(ctx)
	if err != nil {
		return err
	}
	uses, err := a.uses(ctx, whom.usernames, days)
	if err != nil {
		return err
	}
	everybody, err := t.everybody(ctx, c)
	if err != nil {
		return err
	}
	var grants v1alpha1.GrantList
	if _, err := t.list(ctx, c, "grants", &grants); err != nil {
		return err
	}
	advice := &advice{
		advised: whom, coverage: uses.Coverage, leftOut: everybody.names, grants: byGrant(uses.Items, grants.Items, whom.grants),
		Proposal: recommend.Propose(uses.Items, recommend.Options{
			Name: roleName(whom.name), ResourceNames: resourceNames, Everybody: everybody.rules,
		}),
	}
	return t.propose(advice, days)
}

// advise finds out who is meant.
func advise(ctx context.Context, c client.Client, who string) (*advised, error) {
	kind, name, found := strings.Cut(who, "/")
	if found {
		switch wanted, err := parseTarget(who); {
		case err != nil: // A username may have a slash in it.
		case wanted.kind == picture.KindGroup:
			return adviseGroup(ctx, c, name)
		case wanted.kind == picture.KindUser:
			who = name
		default:
			return nil, fmt.Errorf("roles are proposed for a user or a group, not for a %s", strings.ToLower(kind))
		}
	}
	list := &v1alpha1.UserList{}
	if err := users(ctx, c, who, list); err != nil {
		return nil, err
	}
	list.Items = slices.DeleteFunc(list.Items, func(u v1alpha1.User) bool { return u.Name != who && u.Status.Username != who })
	user := person.Holder(list.Items)
	switch {
	case user == nil:
		return &advised{name: who, usernames: []string{who}}, nil
	case user.Status.Username == "":
		return nil, fmt.Errorf("user %q has no username yet: it is not known who that is", user.Name)
	}
	return &advised{
		kind: v1alpha1.SubjectUser, name: user.Name, usernames: []string{user.Status.Username}, grants: user.Status.Grants,
	}, nil
}

// adviseGroup finds the members of a group, those whom a local one names among them.
func adviseGroup(ctx context.Context, c client.Client, name string) (*advised, error) {
	group := &v1alpha1.Group{}
	if err := c.Get(ctx, client.ObjectKey{Name: name}, group); err != nil {
		return nil, err
	}
	list := &v1alpha1.UserList{}
	if err := c.List(ctx, list); err != nil {
		return nil, err
	}
	whom := &advised{kind: v1alpha1.SubjectGroup, name: name}
	for i := range list.Items {
		user := &list.Items[i]
		member := group.Status.GroupName != "" && slices.Contains(user.Status.Groups, group.Status.GroupName) ||
			slices.Contains(group.Spec.Members, user.Name)
		if member && user.Status.Username != "" {
			whom.usernames = append(whom.usernames, user.Status.Username)
			whom.grants = append(whom.grants, user.Status.Grants...)
		}
	}
	if len(whom.usernames) == 0 {
		return nil, fmt.Errorf("group %q has no members", name)
	}
	for _, names := range []*[]string{&whom.usernames, &whom.grants} {
		slices.Sort(*names)
		*names = slices.Compact(*names)
	}
	return whom, nil
}

// shared are the rules that hold for everybody, by the names of their roles.
type shared struct {
	names []string
	rules []rbacv1.PolicyRule
}

// everybody reads the roles that every cluster binds to everybody, as they are in this one.
func (t *tool) everybody(ctx context.Context, c client.Client) (*shared, error) {
	all := &shared{}
	for _, name := range []string{"system:basic-user", "system:discovery", "system:public-info-viewer"} {
		role := &rbacv1.ClusterRole{}
		err := c.Get(ctx, client.ObjectKey{Name: name}, role)
		switch {
		case apierrors.IsNotFound(err):
			continue
		case apierrors.IsForbidden(err):
			t.warnf("You may not read ClusterRole %s: what it allows to everybody is not left out.", name)
			continue
		case err != nil:
			return nil, fmt.Errorf("read ClusterRole %s: %w", name, err)
		}
		all.names, all.rules = append(all.names, name), append(all.rules, role.Rules...)
	}
	return all, nil
}

// roleName is one that a role may have: anything without a slash or a percent sign.
func roleName(of string) string {
	return "recommended-" + strings.NewReplacer("/", "-", "%", "-").Replace(of)
}

// propose prints the roles.
func (t *tool) propose(a *advice, days int) error {
	if a.coverage.Share < usage.Covered {
		t.warnf("Of that time only %s is known: rights that are used seldom may be missing.", usage.Percent(a.coverage.Share))
		t.warnOfGaps(a.coverage.Gaps)
	}
	if a.Empty() {
		t.warnf("%s did nothing in the last %d days that needs a role, as far as is known: there is nothing to propose.", a.called(), days)
	}
	if t.output == outputJSON {
		for _, line := range a.remarks() {
			t.warnf("%s", line)
		}
		return t.printJSON(map[string]any{"apiVersion": "v1", "kind": "List", "items": a.roles()})
	}
	if a.Empty() {
		return nil
	}
	var text strings.Builder
	for _, line := range a.remarks() {
		text.WriteString(comment(line))
	}
	if err := t.write(text.String()); err != nil {
		return err
	}
	for i, role := range a.roles() {
		if i > 0 {
			if err := t.write("---\n"); err != nil {
				return err
			}
		}
		if err := t.printYAML(role); err != nil {
			return err
		}
	}
	return nil
}

// roles are what is proposed, what holds everywhere first.
func (a *advice) roles() []any {
	roles := make([]any, 0, 1+len(a.Roles))
	if a.ClusterRole != nil {
		roles = append(roles, a.ClusterRole)
	}
	for i := range a.Roles {
		roles = append(roles, &a.Roles[i])
	}
	return roles
}
