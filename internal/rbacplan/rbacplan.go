// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

// Package rbacplan decides which bindings a Grant needs. It is pure: a Grant, the people it reaches, namespaces and existing
// bindings go in; sorted changes come out.
package rbacplan

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
)

// ShardSize is the most subjects that one binding names: small enough that a change of one person rewrites little.
const ShardSize = 1000

// Binding is a RoleBinding, or a ClusterRoleBinding where Namespace is empty.
type Binding struct {
	// Namespace is empty for a ClusterRoleBinding.
	Namespace string
	Name      string
	// Grant is the value of the Grant label.
	Grant string
	// Owner is the uid of the Grant that controls it. Empty where none does.
	Owner   types.UID
	RoleRef rbacv1.RoleRef
	// Usernames are the users that it names, sorted.
	Usernames []string
	// Foreign says that it names something else besides, which no plan of ours would.
	Foreign bool
}

// Verb is what to do with a binding.
type Verb string

// The verbs of a plan.
const (
	// Delete deletes the binding.
	Delete Verb = "delete"
	// Create creates the binding, which must not exist.
	Create Verb = "create"
	// Update makes the binding, which exists, as wanted.
	Update Verb = "update"
)

// Change is one write.
type Change struct {
	Verb    Verb
	Binding Binding
}

// Input is all that a plan depends on.
type Input struct {
	// Grant with its uid.
	Grant *v1alpha1.Grant
	// Usernames of the active people whom it reaches, sorted and unique.
	Usernames []string
	// Places are the namespaces in which it holds; metav1.NamespaceAll stands for the whole cluster.
	Places []string
	// Existing bindings of this Grant.
	Existing []Binding
	// Now decides whether the Grant's window is open.
	Now time.Time
}

// Window says whether a Grant holds at a time, why not, and when that changes (zero: never).
func Window(grant *v1alpha1.Grant, now time.Time) (open bool, reason string, next time.Time) {
	start, expire := grant.Spec.StartTime, grant.Spec.ExpireTime
	switch {
	case expire != nil && !now.Before(expire.Time):
		return false, v1alpha1.ReasonExpired, time.Time{}
	case start != nil && now.Before(start.Time):
		return false, v1alpha1.ReasonNotStarted, start.Time
	case expire != nil:
		return true, v1alpha1.ReasonApplied, expire.Time
	default:
		return true, v1alpha1.ReasonApplied, time.Time{}
	}
}

// Plan returns the changes that make the existing bindings the wanted ones: deletions first, then by namespace and name.
func Plan(in Input) []Change {
	open, _, _ := Window(in.Grant, in.Now)
	existing := map[string][]Binding{}
	for _, b := range in.Existing {
		if ours(in.Grant, b) {
			existing[b.Namespace] = append(existing[b.Namespace], b)
		}
	}
	var changes []Change
	if open {
		for _, place := range in.Places {
			changes = append(changes, planPlace(in.Grant, place, in.Usernames, existing[place])...)
			delete(existing, place)
		}
	}
	for place, bindings := range existing {
		changes = append(changes, planPlace(in.Grant, place, nil, bindings)...)
	}
	sortChanges(changes)
	return changes
}

// Withdraw returns the deletion of every binding of a Grant that is gone.
func Withdraw(grant string, existing []Binding) []Change {
	var changes []Change
	for _, b := range existing {
		if _, shard := shardIndex(grant, b.Name); shard {
			changes = append(changes, Change{Verb: Delete, Binding: b})
		}
	}
	sortChanges(changes)
	return changes
}

// ours tells this Grant's bindings from those that merely carry its label, which are none of our business.
func ours(grant *v1alpha1.Grant, b Binding) bool {
	_, shard := shardIndex(grant.Name, b.Name)
	return shard || b.Owner == grant.UID
}

// planPlace plans the bindings of one namespace, or of the cluster.
func planPlace(grant *v1alpha1.Grant, namespace string, usernames []string, existing []Binding) []Change {
	shards := distribute(usernames, current(grant.Name, existing))
	wanted := make(map[string]Binding, len(shards))
	for index, members := range shards {
		b := desired(grant, namespace, index, members)
		wanted[b.Name] = b
	}
	changes := make([]Change, 0, len(existing))
	for _, b := range existing {
		want, found := wanted[b.Name]
		delete(wanted, b.Name)
		changes = append(changes, replace(b, want, found)...)
	}
	for _, b := range wanted {
		changes = append(changes, Change{Verb: Create, Binding: b})
	}
	return changes
}

// replace makes one existing binding the wanted one. A role cannot be exchanged in place, and a binding of an earlier Grant of
// that name is about to be collected.
func replace(existing, want Binding, found bool) []Change {
	switch {
	case !found:
		return []Change{{Verb: Delete, Binding: existing}}
	case existing.RoleRef != want.RoleRef, existing.Owner != "" && existing.Owner != want.Owner:
		return []Change{{Verb: Delete, Binding: existing}, {Verb: Create, Binding: want}}
	case !same(existing, want):
		return []Change{{Verb: Update, Binding: want}}
	}
	return nil
}

func same(a, b Binding) bool {
	return a.Grant == b.Grant && a.Owner == b.Owner && a.Foreign == b.Foreign &&
		slices.Equal(a.Usernames, b.Usernames)
}

func desired(grant *v1alpha1.Grant, namespace string, index int, usernames []string) Binding {
	return Binding{
		Namespace: namespace,
		Name:      Name(grant.Name, index),
		Grant:     grant.Name,
		Owner:     grant.UID,
		RoleRef: rbacv1.RoleRef{
			APIGroup: rbacv1.GroupName, Kind: string(grant.Spec.RoleRef.Kind), Name: grant.Spec.RoleRef.Name,
		},
		Usernames: usernames,
	}
}

// Name of a Grant's binding number index.
func Name(grant string, index int) string {
	if index == 0 {
		return "rollcall:" + grant
	}
	return fmt.Sprintf("rollcall:%s:%d", grant, index)
}

// Count is how many bindings there are after changes were made to the existing ones.
func Count(grant *v1alpha1.Grant, existing []Binding, done []Change) int {
	count := 0
	for _, b := range existing {
		if ours(grant, b) {
			count++
		}
	}
	for _, change := range done {
		switch change.Verb {
		case Create:
			count++
		case Delete:
			count--
		case Update:
		}
	}
	return count
}

// sortChanges puts withdrawals first: whole bindings, then the rest by place; a deletion stays before the creation of its name.
func sortChanges(changes []Change) {
	rank := map[Verb]int{Delete: 0, Update: 1, Create: 2}
	slices.SortStableFunc(changes, func(a, b Change) int {
		return cmp.Or(
			cmp.Compare(rank[a.Verb], rank[b.Verb]),
			cmp.Compare(a.Binding.Namespace, b.Binding.Namespace),
			cmp.Compare(a.Binding.Name, b.Binding.Name),
		)
	})
}
