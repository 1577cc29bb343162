// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package rbacplan_test

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/rbacplan"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestRBACPlan(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "RBAC plan")
}

// expectGolden compares with testdata/<name>.golden; go test ./internal/rbacplan -update writes it.
func expectGolden(name, got string) {
	GinkgoHelper()
	path := filepath.Join("testdata", name+".golden")
	if *update {
		Expect(os.WriteFile(path, []byte(got), 0o644)).To(Succeed())
	}
	want, err := os.ReadFile(path)
	Expect(err).NotTo(HaveOccurred())
	Expect(got).To(Equal(string(want)))
}

var now = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// grant is one of ClusterRole edit.
func grant(edits ...func(*v1alpha1.Grant)) *v1alpha1.Grant {
	g := &v1alpha1.Grant{
		ObjectMeta: metav1.ObjectMeta{Name: "g", UID: "uid-g"},
		Spec:       v1alpha1.GrantSpec{RoleRef: v1alpha1.RoleReference{Kind: v1alpha1.RoleKindClusterRole, Name: "edit"}},
	}
	for _, edit := range edits {
		edit(g)
	}
	return g
}

func starts(at time.Time) func(*v1alpha1.Grant) {
	return func(g *v1alpha1.Grant) { g.Spec.StartTime = &metav1.Time{Time: at} }
}

func expires(at time.Time) func(*v1alpha1.Grant) {
	return func(g *v1alpha1.Grant) { g.Spec.ExpireTime = &metav1.Time{Time: at} }
}

// holder of the bindings of grant().
func holder() rbacplan.Holder {
	return rbacplan.Holder{Kind: rbacplan.KindGrant, Name: "g", UID: "uid-g"}
}

// labelled is a binding with the Grant's label and an owner.
func labelled(namespace, name, owner string, usernames ...string) rbacplan.Binding {
	b := rbacplan.Binding{Namespace: namespace, Name: name, Template: rbacplan.OfGrant(grant()), Usernames: usernames}
	b.Holder.UID = types.UID(owner)
	return b
}

// people are usernames from u<from> up to, and without, u<to>.
func people(from, to int) []string {
	list := make([]string, 0, to-from)
	for i := from; i < to; i++ {
		list = append(list, fmt.Sprintf("u%05d", i))
	}
	return list
}

// cluster holds the bindings of one Grant.
type cluster struct {
	grant    *v1alpha1.Grant
	bindings []rbacplan.Binding
	now      time.Time
}

func newCluster(edits ...func(*v1alpha1.Grant)) *cluster {
	return &cluster{grant: grant(edits...), now: now}
}

func (c *cluster) plan(usernames []string, places ...string) []rbacplan.Change {
	if open, _, _ := rbacplan.Window(c.grant, c.now); !open {
		places = nil
	}
	return rbacplan.Plan(rbacplan.Input{
		Template: rbacplan.OfGrant(c.grant), Usernames: usernames, Places: places, Existing: slices.Clone(c.bindings),
	})
}

// sync plans and does as planned, as strictly as the API server would.
func (c *cluster) sync(usernames []string, places ...string) []rbacplan.Change {
	GinkgoHelper()
	changes := c.plan(usernames, places...)
	for _, change := range changes {
		c.execute(change)
	}
	return changes
}

func (c *cluster) execute(change rbacplan.Change) {
	GinkgoHelper()
	i := slices.IndexFunc(c.bindings, func(b rbacplan.Binding) bool {
		return b.Namespace == change.Binding.Namespace && b.Name == change.Binding.Name
	})
	switch change.Verb {
	case rbacplan.Create:
		Expect(i).To(Equal(-1), "%s exists", change.Binding.Name)
		c.bindings = append(c.bindings, change.Binding)
	case rbacplan.Delete:
		Expect(i).NotTo(Equal(-1), "%s does not exist", change.Binding.Name)
		c.bindings = slices.Delete(c.bindings, i, i+1)
	case rbacplan.Update:
		Expect(i).NotTo(Equal(-1), "%s does not exist", change.Binding.Name)
		Expect(change.Binding.RoleRef).To(Equal(c.bindings[i].RoleRef), "roleRef is immutable")
		c.bindings[i] = change.Binding
	}
}

// binding is one that exists, by place and name.
func (c *cluster) binding(namespace, name string) *rbacplan.Binding {
	i := slices.IndexFunc(c.bindings, func(b rbacplan.Binding) bool { return b.Namespace == namespace && b.Name == name })
	if i < 0 {
		return nil
	}
	return &c.bindings[i]
}

// sizes are how many people each binding names.
func (c *cluster) sizes() map[string]int {
	sizes := map[string]int{}
	for i := range c.bindings {
		sizes[c.bindings[i].Namespace+"/"+c.bindings[i].Name] = len(c.bindings[i].Usernames)
	}
	return sizes
}

// named are all whom the bindings of a place name, with doubles.
func (c *cluster) named(namespace string) []string {
	var names []string
	for i := range c.bindings {
		if c.bindings[i].Namespace == namespace {
			names = append(names, c.bindings[i].Usernames...)
		}
	}
	slices.Sort(names)
	return names
}

// text is a plan, a line for each change, in its own order.
func text(changes []rbacplan.Change) string {
	var b strings.Builder
	for _, change := range changes {
		fmt.Fprintf(&b, "%s %s\n", change.Verb, describe(change.Binding))
	}
	return b.String()
}

func describe(b rbacplan.Binding) string {
	return fmt.Sprintf("%s/%s grant=%s owner=%s foreign=%t %s/%s [%s]",
		cmp.Or(b.Namespace, "(cluster)"), b.Name, b.Labels[v1alpha1.LabelGrant], b.Holder.UID, b.Foreign,
		b.RoleRef.Kind, b.RoleRef.Name, summary(b.Usernames))
}

func summary(names []string) string {
	if len(names) <= 4 {
		return strings.Join(names, " ")
	}
	return fmt.Sprintf("%s ... %s: %d", names[0], names[len(names)-1], len(names))
}
