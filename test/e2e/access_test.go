// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/test/internal/tcpproxy"
)

// vigil sees everybody who loses access, however briefly: the condition Active, or the binding of a Grant.
type vigil struct {
	directory, namespace string

	mutex  sync.Mutex
	active map[string]string
	bound  map[string][]string
	losers map[string]bool
}

// keepVigil begins with who has access now, and ends with the spec, or the container, that it is called in.
func keepVigil(ctx context.Context, directory, namespace string) *vigil {
	GinkgoHelper()
	v := &vigil{
		directory: directory, namespace: namespace,
		active: map[string]string{}, bound: map[string][]string{}, losers: map[string]bool{},
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	DeferCleanup(cancel)
	v.follow(ctx, &v1alpha1.UserList{}, client.MatchingLabels{v1alpha1.LabelDirectory: directory})
	v.follow(ctx, &rbacv1.RoleBindingList{}, client.InNamespace(namespace))
	return v
}

func (v *vigil) follow(ctx context.Context, list client.ObjectList, option client.ListOption) {
	GinkgoHelper()
	Expect(k8s.List(ctx, list, option)).To(Succeed())
	switch found := list.(type) {
	case *v1alpha1.UserList:
		for i := range found.Items {
			v.see(watch.Event{Type: watch.Added, Object: &found.Items[i]})
		}
	case *rbacv1.RoleBindingList:
		for i := range found.Items {
			v.see(watch.Event{Type: watch.Added, Object: &found.Items[i]})
		}
	}
	from := &client.ListOptions{Raw: &metav1.ListOptions{ResourceVersion: list.GetResourceVersion()}}
	events, err := k8s.Watch(ctx, list, option, from)
	Expect(err).NotTo(HaveOccurred())
	go func() {
		defer events.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case event, more := <-events.ResultChan():
				if !more {
					v.ends(ctx)
					return
				}
				v.see(event)
			}
		}
	}()
}

// ends makes it show when nobody watches any more.
func (v *vigil) ends(ctx context.Context) {
	v.mutex.Lock()
	defer v.mutex.Unlock()
	if ctx.Err() == nil {
		v.losers["the watch ended"] = true
	}
}

func (v *vigil) see(event watch.Event) {
	v.mutex.Lock()
	defer v.mutex.Unlock()
	switch o := event.Object.(type) {
	case *v1alpha1.User:
		if name, was := v.active[o.Name]; was && (event.Type == watch.Deleted || !active(o)) {
			v.losers[name] = true
			delete(v.active, o.Name)
		}
		if event.Type != watch.Deleted && active(o) {
			v.active[o.Name] = o.Spec.UserName
		}
	case *rbacv1.RoleBinding:
		before := v.allBound()
		delete(v.bound, o.Name)
		if event.Type != watch.Deleted {
			v.bound[o.Name] = v.theirs(o.Subjects)
		}
		after := v.allBound()
		for name := range before {
			if !after[name] {
				v.losers[name] = true
			}
		}
	}
}

func active(u *v1alpha1.User) bool {
	return state(u.Status.Conditions, v1alpha1.ConditionActive) == isActive
}

// theirs are the login names of the Directory's people among some subjects.
func (v *vigil) theirs(subjects []rbacv1.Subject) []string {
	var found []string
	for _, s := range subjects {
		if name, ok := strings.CutPrefix(s.Name, v.directory+":"); ok && s.Kind == rbacv1.UserKind {
			found = append(found, name)
		}
	}
	return found
}

func (v *vigil) allBound() map[string]bool {
	all := map[string]bool{}
	for _, some := range v.bound {
		for _, name := range some {
			all[name] = true
		}
	}
	return all
}

// lost are the login names of those who lost access.
func (v *vigil) lost() []string {
	v.mutex.Lock()
	defer v.mutex.Unlock()
	found := make([]string, 0, len(v.losers))
	for name := range v.losers {
		found = append(found, name)
	}
	slices.Sort(found)
	return found
}

// has says whether somebody is bound by a Grant.
func (v *vigil) has(name string) bool {
	v.mutex.Lock()
	defer v.mutex.Unlock()
	return v.allBound()[name]
}

// grantTo grants something in a new namespace to a group of a Directory, and keeps vigil once everybody in it has that.
func grantTo(ctx context.Context, directory, group string, members int) *vigil {
	GinkgoHelper()
	namespace := inNamespace(ctx, "vigil")
	create(ctx, grant(unique("vigil"), namespace, v1alpha1.Subject{
		Kind: v1alpha1.SubjectGroup, Name: groupsOf(ctx, directory)[group].Name,
	}))
	v := &vigil{directory: directory}
	Eventually(ctx, func(g Gomega) {
		var list rbacv1.RoleBindingList
		g.Expect(k8s.List(ctx, &list, client.InNamespace(namespace))).To(Succeed())
		count := 0
		for _, b := range list.Items {
			count += len(v.theirs(b.Subjects))
		}
		g.Expect(count).To(Equal(members))
	}).Should(Succeed())
	return keepVigil(ctx, directory, namespace)
}

// differences of two companies, a line each, those apart who are not there any more.
func differences(remembered, fresh company) []string {
	found := []string{}
	for name, facts := range remembered {
		isGone := slices.Contains([]string{isMissing, isReplaced}, facts[0])
		if other, both := fresh[name]; (both || !isGone) && !slices.Equal(facts, other) {
			found = append(found, fmt.Sprintf("%s is %v, and %v when read afresh", name, facts, other))
		}
	}
	for name, facts := range fresh {
		if _, both := remembered[name]; !both {
			found = append(found, fmt.Sprintf("%s is not there, and %v when read afresh", name, facts))
		}
	}
	slices.Sort(found)
	return found
}

// mirroredGroups are the Group objects of a Directory with the number of their members, those apart that are gone.
func mirroredGroups(ctx context.Context, directory string) map[string]int32 {
	GinkgoHelper()
	found := map[string]int32{}
	for name, g := range groupsOf(ctx, directory) {
		if g.Status.State == v1alpha1.IdentityPresent && g.Status.Members != nil {
			found[name] = *g.Status.Members
		}
	}
	return found
}

// likeAFreshMirror says that a Directory mirrors what another one does that has just read the same server, and remembers nothing.
func (p product) likeAFreshMirror(ctx context.Context, name string, server directoryServer) {
	GinkgoHelper()
	fresh := p.directory(unique("fresh"), server.LDAPSURL())
	fresh.Spec.LDAP.Changes = v1alpha1.ChangesPoll
	start := time.Now()
	p.creates(ctx, fresh, server)
	eventuallyDirectory(ctx, fresh.Name, synced)
	Eventually(ctx, func(g Gomega) {
		g.Expect(differences(mirrored(ctx, name), mirrored(ctx, fresh.Name))).To(BeEmpty())
		g.Expect(mirroredGroups(ctx, name)).To(Equal(mirroredGroups(ctx, fresh.Name)))
	}).WithPolling(200 * time.Millisecond).Should(Succeed())
	reportf("%s is like a fresh mirror of %d people, which took %v", name, len(mirrored(ctx, fresh.Name)),
		time.Since(start).Round(time.Millisecond))
}

// proxied is a proxy in front of a server, and the URL by which it is reached through it.
func proxied(server directoryServer) (line *tcpproxy.Proxy, url string) {
	GinkgoHelper()
	line, err := tcpproxy.Start(strings.TrimPrefix(server.LDAPSURL(), "ldaps://"))
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(line.Close)
	return line, "ldaps://" + line.Address()
}

// accepts lets pass what the loss guard holds, as often as that is another plan.
func accepts(ctx context.Context, name string) {
	GinkgoHelper()
	Eventually(ctx, func(g Gomega) {
		d := &v1alpha1.Directory{}
		g.Expect(k8s.Get(ctx, named(name), d)).To(Succeed())
		if d.Status.Pending == nil {
			return
		}
		if d.Annotations[v1alpha1.AnnotationAcceptLoss] != d.Status.Pending.Token {
			change(ctx, d, func(d *v1alpha1.Directory) {
				metav1.SetMetaDataAnnotation(&d.ObjectMeta, v1alpha1.AnnotationAcceptLoss, d.Status.Pending.Token)
			})
		}
		g.Expect(d.Status.Pending).To(BeNil())
	}).Should(Succeed())
	eventuallyDirectory(ctx, name, synced)
}

// eventuallyHeld waits until the loss guard holds something, and returns what is said of it.
func eventuallyHeld(ctx context.Context, name string) string {
	GinkgoHelper()
	held := eventuallyDirectory(ctx, name, "False "+v1alpha1.ReasonLossGuard)
	Expect(state(held.Status.Conditions, v1alpha1.ConditionStalled)).To(Equal("True " + v1alpha1.ReasonLossGuard))
	Expect(held.Status.Pending).NotTo(BeNil())
	return message(held.Status.Conditions, v1alpha1.ConditionReady)
}

// eventuallyDisconnected waits until a Directory says that nobody tells it changes.
func eventuallyDisconnected(ctx context.Context, name string) {
	GinkgoHelper()
	Eventually(ctx, func(g Gomega) {
		d := &v1alpha1.Directory{}
		g.Expect(k8s.Get(ctx, named(name), d)).To(Succeed())
		g.Expect(state(d.Status.Conditions, v1alpha1.ConditionChangesWatched)).To(Equal("False " + v1alpha1.ReasonDisconnected))
	}).Should(Succeed())
}
