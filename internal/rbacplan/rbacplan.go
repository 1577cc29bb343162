// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

// Package rbacplan decides which bindings a Grant or an AccessRequest needs. It is pure: whom to name, where, and the existing
// bindings go in; sorted changes come out.
package rbacplan

import (
	"cmp"
	"maps"
	"slices"
)

// ShardSize is the most people that one binding names: small enough that a change of one person rewrites little.
const ShardSize = 1000

// Binding is a RoleBinding, or a ClusterRoleBinding where Namespace is empty.
type Binding struct {
	// Namespace is empty for a ClusterRoleBinding.
	Namespace string
	Name      string
	Template
	// Usernames are the users that it names, sorted.
	Usernames []string
	// Groups are the groups that it names, sorted.
	Groups []string
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
	// Dropped are the users whom the place does not name any more in that shard, sorted.
	Dropped []string
}

// Input is all that a plan depends on.
type Input struct {
	// Template of the bindings.
	Template Template
	// Usernames of the people whom they name, sorted and unique.
	Usernames []string
	// Groups that they name, sorted and unique.
	Groups []string
	// Places are the namespaces in which there are to be bindings; metav1.NamespaceAll stands for the whole cluster.
	Places []string
	// NobodyNew leaves out people whom the existing bindings of a place do not name.
	NobodyNew bool
	// Existing bindings of this holder.
	Existing []Binding
}

// Plan returns the changes that make the existing bindings the wanted ones: deletions first, then by namespace and name.
func Plan(in Input) []Change {
	existing := map[string][]Binding{}
	for _, b := range in.Existing {
		if ours(in.Template.Holder, b) {
			existing[b.Namespace] = append(existing[b.Namespace], b)
		}
	}
	changes := make([]Change, 0, len(in.Places))
	for _, place := range in.Places {
		changes = append(changes, planPlace(in, place, existing[place])...)
		delete(existing, place)
	}
	for place, bindings := range existing {
		changes = append(changes, planPlace(Input{Template: in.Template}, place, bindings)...)
	}
	sortChanges(changes)
	return changes
}

// Withdraw returns the deletion of every binding of a holder that is gone, whose uid is not known any more.
func Withdraw(holder Holder, existing []Binding) []Change {
	var changes []Change
	for _, b := range existing {
		if _, shard := shardIndex(holder, b.Name); shard {
			changes = append(changes, Change{Verb: Delete, Binding: b, Dropped: b.Usernames})
		}
	}
	sortChanges(changes)
	return changes
}

// ours tells this holder's bindings from those that merely carry its label, which are none of our business.
func ours(holder Holder, b Binding) bool {
	_, shard := shardIndex(holder, b.Name)
	return shard || b.Holder.UID == holder.UID
}

// planPlace plans the bindings of one namespace, or of the cluster.
func planPlace(in Input, namespace string, existing []Binding) []Change {
	wanted := desired(in, namespace, current(in.Template.Holder, existing))
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

// desired are the bindings of a place by name. Groups are few, and all in the first.
func desired(in Input, namespace string, now map[int][]string) map[string]Binding {
	usernames := in.Usernames
	if in.NobodyNew {
		usernames = remaining(usernames, now)
	}
	shards := distribute(usernames, now)
	if _, found := shards[0]; !found && len(in.Groups) > 0 {
		shards[0] = nil
	}
	wanted := make(map[string]Binding, len(shards))
	for index, members := range shards {
		b := Binding{Namespace: namespace, Name: in.Template.Holder.BindingName(index), Template: in.Template, Usernames: members}
		if index == 0 {
			b.Groups = in.Groups
		}
		wanted[b.Name] = b
	}
	return wanted
}

// replace makes one existing binding the wanted one. A role cannot be exchanged in place, and a binding of an earlier holder of
// that name is about to be collected.
func replace(existing, want Binding, found bool) []Change {
	owner := existing.Holder.UID
	switch {
	case !found:
		return []Change{{Verb: Delete, Binding: existing, Dropped: existing.Usernames}}
	case existing.RoleRef != want.RoleRef, owner != "" && owner != want.Holder.UID:
		return []Change{{Verb: Delete, Binding: existing, Dropped: dropped(existing, want)}, {Verb: Create, Binding: want}}
	case !same(existing, want):
		return []Change{{Verb: Update, Binding: want, Dropped: dropped(existing, want)}}
	}
	return nil
}

// dropped are the users whom a binding names before and not after.
func dropped(before, after Binding) []string {
	var gone []string
	for _, username := range before.Usernames {
		if _, stays := slices.BinarySearch(after.Usernames, username); !stays {
			gone = append(gone, username)
		}
	}
	return gone
}

func same(a, b Binding) bool {
	return a.Holder == b.Holder && a.Foreign == b.Foreign &&
		maps.Equal(a.Labels, b.Labels) && maps.Equal(a.Annotations, b.Annotations) &&
		slices.Equal(a.Usernames, b.Usernames) && slices.Equal(a.Groups, b.Groups)
}

// After are a holder's bindings once changes were made to the existing ones, sorted by namespace and name.
func After(holder Holder, existing []Binding, done []Change) []Binding {
	after := map[string]Binding{}
	for _, b := range existing {
		if ours(holder, b) {
			after[place(b)] = b
		}
	}
	for _, change := range done {
		if change.Verb == Delete {
			delete(after, place(change.Binding))
		} else {
			after[place(change.Binding)] = change.Binding
		}
	}
	return slices.SortedFunc(maps.Values(after), byPlace)
}

func place(b Binding) string { return b.Namespace + "/" + b.Name }

func byPlace(a, b Binding) int {
	return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
}

// sortChanges puts withdrawals first: whole bindings, then the rest by place; a deletion stays before the creation of its name.
func sortChanges(changes []Change) {
	rank := map[Verb]int{Delete: 0, Update: 1, Create: 2}
	slices.SortStableFunc(changes, func(a, b Change) int {
		return cmp.Or(cmp.Compare(rank[a.Verb], rank[b.Verb]), byPlace(a.Binding, b.Binding))
	})
}
