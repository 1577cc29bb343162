// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/answers"
	"github.com/rollcall-iam/rollcall/internal/person"
)

// The kinds of findings, in the order in which they are told where they weigh the same.
const (
	NotReviewed       = "RequestNotReviewed"
	HoldsOn           = "InactivePersonHoldsAccess"
	UnmanagedPowerful = "UnmanagedBindingOfPowerfulRole"
	PowerWithoutEnd   = "PowerfulGrantWithoutEnd"
	PowerInNamespaces = "PowerfulGrantInNamespacesWithoutEnd"
	DirectoryNotRead  = "DirectoryNotRead"
	DirectoryInsecure = "DirectoryInsecure"
	ForbiddenSpike    = "ManyRefusedRequests"
	OwnApproval       = "OwnRequestApproved"
	KeyInSecret       = "KeyInSecret"
	Dormant           = "DormantPerson"
	UnusedGrant       = "UnusedGrant"
	Unmanaged         = "UnmanagedBinding"
	RedundantGrant    = "RedundantGrant"
)

const (
	// dormantAfter is how long somebody is not seen to be called dormant, where no condition says so.
	dormantAfter = 90 * 24 * time.Hour
	// A day has a spike of refused requests with so many of them, and so many times what the person's other days have in the mean.
	spikeLeast, spikeTimes = 20, 5
)

// findings are those that there are, the urgent ones first.
func (b *builder) findings(page *Page) []Finding {
	found := slices.DeleteFunc(slices.Concat(b.urgent(page), b.later(page)), func(f Finding) bool { return len(f.Items) == 0 })
	for i := range found {
		slices.SortFunc(found[i].Items, func(a, b Item) int {
			return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name),
				cmp.Compare(a.Message, b.Message))
		})
	}
	return found
}

func (b *builder) urgent(page *Page) []Finding {
	return []Finding{
		{
			NotReviewed, WeightUrgent, "Access was taken without approval, and nobody has reviewed it",
			"The Grant lets people in first and asks afterwards. Until somebody has looked, nobody knows whether it was right.",
			"Read what was done (kubectl rollcall activity), then approve or deny: kubectl rollcall requests --pending.", b.notReviewed(),
		},
		{
			HoldsOn, WeightUrgent, "People who may not act any more, whom bindings still name",
			"Rollcall takes people out of its own bindings only. These hold for whoever still has a credential: a token, or a certificate.",
			"Take the person out of the binding, or give that access by a Grant instead.", b.holdsOn(),
		},
		{
			UnmanagedPowerful, WeightUrgent, "Powerful roles given past Rollcall, by bindings that no Grant made",
			"Nobody approved them here, they have no end, and leaving the directory does not end them.",
			"Replace each by a Grant, best one on request, and delete it.", b.unmanaged(true),
		},
		{
			PowerWithoutEnd, WeightUrgent, "Grants of powerful roles without an end, in the whole cluster",
			"Whoever has such a role can read all secrets or get more for themselves, at any time, whether they need it or not.",
			"Give it on request (spec.activation: OnRequest), or with an end (spec.expireTime).",
			powerWithoutEnd(page.Grants, v1alpha1.ScopeCluster),
		},
		{
			DirectoryNotRead, WeightUrgent, "Directories that are not read",
			"What people have here is what the directory said last. Whoever has left since then may still have it.",
			"See kubectl describe directory, and repair what its message says.", b.directoriesNotReady(),
		},
		{
			DirectoryInsecure, WeightUrgent, "Directories that are read without TLS",
			"Whoever is on the way may change who is in which group.", "Use ldaps:// or StartTLS.", b.directoriesInsecure(),
		},
	}
}

func (b *builder) later(page *Page) []Finding {
	return []Finding{
		{
			PowerInNamespaces, WeightReview, "Grants of powerful roles without an end, in namespaces",
			"Whoever has such a role has what is secret there, and what runs there, at any time, whether they need it or not.",
			"Give it on request (spec.activation: OnRequest), or with an end (spec.expireTime).",
			powerWithoutEnd(page.Grants, v1alpha1.ScopeNamespaces),
		},
		{
			ForbiddenSpike, WeightReview, "Days on which somebody was refused unusually often",
			"It may be a program with the wrong rights, or somebody who tries what they can do.",
			"Look at what was refused: kubectl rollcall activity, and ask the person.", b.spikes(),
		},
		{
			OwnApproval, WeightReview, "People who decided about a request of their own",
			"It did not count. But somebody tried.", "Ask the person.", b.ownApprovals(),
		},
		{
			KeyInSecret, WeightReview, "Sessions whose key is in a Secret",
			"Whoever can read that Secret is this person: what they do proves less.",
			"See that this is a robot or for emergencies, and who may read the Secret. People log in: kubectl rollcall login.", b.keysInSecrets(),
		},
		{
			Dormant, WeightReview, "People who may act, and were not seen for long",
			"Nobody notices when the credential of somebody who is never there is used by another.",
			"Ask whether they still need it: take them out of the groups, or suspend them.", b.dormant(),
		},
		{
			UnusedGrant, WeightReview, "Grants that nobody used", "Access that nobody needs is there for whoever steals it.",
			"Ask its owner; delete it, or give it on request.", ofUsage(page.Grants, v1alpha1.GrantUnused),
		},
		{
			Unmanaged, WeightReview, "Bindings that no Grant made, of people or groups of a directory",
			"They have no end, no reason, and nobody who approved them.", "Replace each by a Grant, and delete it.", b.unmanaged(false),
		},
		{
			RedundantGrant, WeightTidy, "Grants that gave nothing that something else did not give, too",
			"Two ways to the same thing: taking away one changes nothing, which surprises whoever does.",
			"Keep the one that is meant, and delete the other.", ofUsage(page.Grants, v1alpha1.GrantRedundant),
		},
	}
}

func (b *builder) notReviewed() []Item {
	var items []Item
	for i := range b.in.AccessRequests {
		r := &b.in.AccessRequests[i]
		reviewed := meta.FindStatusCondition(r.Status.Conditions, v1alpha1.ConditionReviewed)
		if reviewed == nil || reviewed.Status != metav1.ConditionFalse {
			continue
		}
		message := fmt.Sprintf("%s had Grant %s", r.Spec.UserName, r.Spec.GrantRef.Name)
		if r.Status.StartTime != nil {
			message += " from " + at(*r.Status.StartTime)
		}
		if reviewed.Reason == v1alpha1.ReasonNobodyCanReview {
			message += "; nobody can review it any more, since the Grant or the person is gone"
		}
		items = append(items, Item{Kind: "AccessRequest", Name: r.Name, Message: message})
	}
	return items
}

func (b *builder) holdsOn() []Item {
	var items []Item
	for i := range b.in.Users {
		name := b.in.Users[i].Name
		access := b.access[name]
		for _, remark := range access.Remarks {
			if remark.Reason == answers.RemarkHolds {
				message := fmt.Sprintf("%s, and named by %s", cmp.Or(access.Person.Reason, "inactive"), listed(holding(access.Ways)))
				items = append(items, Item{Kind: "User", Name: name, Message: message})
			}
		}
	}
	return items
}

// holding are the bindings that Rollcall takes nobody out of: those of others, and those of groups.
func holding(ways []answers.Way) []string {
	var names []string
	for _, way := range ways {
		if !everybody(way.Subject) && (way.Via == answers.ViaUnmanaged || way.Subject.Kind == rbacv1.GroupKind) {
			names = append(names, bindingName(way.Binding))
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// unmanaged are bindings that no Grant made and that name people or groups of ours: those of powerful roles, or the others.
func (b *builder) unmanaged(powerful bool) []Item {
	var items []Item
	add := func(kind string, m *metav1.ObjectMeta, ref rbacv1.RoleRef, subjects []rbacv1.Subject) {
		names := b.ours(subjects)
		if grant, _ := answers.MadeFor(m); grant != "" || len(names) == 0 {
			return
		}
		powers := b.powers(ref.Kind, ref.Name, func(namespace string) bool { return namespace == m.Namespace })
		if (len(powers) > 0) != powerful {
			return
		}
		message := fmt.Sprintf("gives %s %s to %s", ref.Kind, ref.Name, listed(names))
		if powerful {
			message += ": " + strings.Join(powers, ", ")
		}
		items = append(items, Item{Kind: kind, Namespace: m.Namespace, Name: m.Name, Message: message})
	}
	for i := range b.in.ClusterRoleBindings {
		x := &b.in.ClusterRoleBindings[i]
		add("ClusterRoleBinding", &x.ObjectMeta, x.RoleRef, x.Subjects)
	}
	for i := range b.in.RoleBindings {
		x := &b.in.RoleBindings[i]
		add("RoleBinding", &x.ObjectMeta, x.RoleRef, x.Subjects)
	}
	return items
}

// ours are the people and groups among the subjects of a binding whom Rollcall knows.
func (b *builder) ours(subjects []rbacv1.Subject) []string {
	var names []string
	for _, s := range subjects {
		if s.Kind == rbacv1.UserKind && b.holders[s.Name] != nil || s.Kind == rbacv1.GroupKind && b.groups[s.Name] != nil {
			names = append(names, s.Kind+" "+s.Name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func powerWithoutEnd(grants []Grant, scope v1alpha1.GrantScope) []Item {
	var items []Item
	for i := range grants {
		if g := &grants[i]; g.Scope == scope && len(g.Powers) > 0 && g.Expires == nil && !g.OnRequest && g.Reaches > 0 {
			items = append(items, Item{Kind: "Grant", Name: g.Name, Message: fmt.Sprintf(
				"gives %s %s to %s: %s", g.Role, g.Where, people(g.Reaches), strings.Join(g.Powers, ", "))})
		}
	}
	return items
}

// ofUsage are the Grants of which that is said. Those that are over, or not begun, give nothing that anybody could use.
func ofUsage(grants []Grant, said v1alpha1.GrantUsage) []Item {
	var items []Item
	for i := range grants {
		if g := &grants[i]; g.Usage == said && g.Window == v1alpha1.WindowOpen {
			items = append(items, Item{Kind: "Grant", Name: g.Name, Message: cmp.Or(g.Message, "as the Grant itself says (status.usage)")})
		}
	}
	return items
}

func (b *builder) directoriesNotReady() []Item {
	var items []Item
	for i := range b.in.Directories {
		d := &b.in.Directories[i]
		ready := meta.FindStatusCondition(d.Status.Conditions, v1alpha1.ConditionReady)
		if ready != nil && ready.Status == metav1.ConditionTrue {
			continue
		}
		message := "not read yet"
		if ready != nil {
			message = ready.Reason + ": " + ready.Message
		}
		items = append(items, Item{Kind: "Directory", Name: d.Name, Message: message})
	}
	return items
}

func (b *builder) directoriesInsecure() []Item {
	var items []Item
	for i := range b.in.Directories {
		d := &b.in.Directories[i]
		if c := meta.FindStatusCondition(d.Status.Conditions, v1alpha1.ConditionInsecure); c != nil && c.Status == metav1.ConditionTrue {
			items = append(items, Item{Kind: "Directory", Name: d.Name, Message: c.Message})
		}
	}
	return items
}

func (b *builder) ownApprovals() []Item {
	var items []Item
	for i := range b.in.Approvals {
		a := &b.in.Approvals[i]
		ready := meta.FindStatusCondition(a.Status.Conditions, v1alpha1.ConditionReady)
		if ready != nil && ready.Status != metav1.ConditionTrue && ready.Reason == v1alpha1.ReasonOwnRequest {
			items = append(items, Item{Kind: "Approval", Name: a.Name, Message: fmt.Sprintf(
				"%s decided %s about AccessRequest %s at %s", a.Spec.Approver, a.Spec.Decision, a.Spec.RequestRef.Name, at(a.CreationTimestamp))})
		}
	}
	return items
}

func (b *builder) keysInSecrets() []Item {
	var items []Item
	for i := range b.sessions {
		if s := &b.sessions[i]; s.Spec.Custody == v1alpha1.CustodyServer {
			items = append(items, Item{Kind: "Session", Name: s.Name, Message: fmt.Sprintf(
				"of User %s, since %s", s.Spec.UserRef.Name, at(s.CreationTimestamp))})
		}
	}
	return items
}

func (b *builder) dormant() []Item {
	var items []Item
	for i := range b.in.Users {
		user := &b.in.Users[i]
		message := b.unseen(user)
		if message == "" {
			continue
		}
		if grants := user.Status.Grants; len(grants) > 0 {
			message += ", and has " + listed(grants)
		}
		items = append(items, Item{Kind: "User", Name: user.Name, Message: message})
	}
	return items
}

// unseen says since when somebody was not seen who may act; empty where that is not long.
func (b *builder) unseen(user *v1alpha1.User) string {
	said := meta.FindStatusCondition(user.Status.Conditions, v1alpha1.ConditionDormant)
	seen := user.Status.LastSeenTime
	switch {
	case !person.MayAct(user):
		return ""
	case said != nil && said.Status == metav1.ConditionTrue:
		return cmp.Or(said.Message, "the operator says so")
	case seen != nil && b.now.Sub(seen.Time) > dormantAfter && b.covered():
		return "last seen " + at(*seen)
	default:
		return ""
	}
}
