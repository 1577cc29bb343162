// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package integration_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"golang.org/x/sync/errgroup"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/answers"
)

const (
	answerRounds     = 8
	actionsPerRound  = 100
	reviewsAtOnce    = 8
	leastReviews     = 5000
	leastShare       = 0.2
	mismatchesToTell = 10
)

func answering(w *world) {
	It("agrees with the API server about who may do what", func(ctx SpecContext) {
		seed := GinkgoRandomSeed()
		AddReportEntry("seed", seed)
		l := &lottery{Rand: rand.New(rand.NewPCG(uint64(seed), 1)), namespaces: []string{"absent"}}
		for range 3 {
			l.namespaces = append(l.namespaces, w.namespace(ctx, nil).Name)
		}
		t := &tally{}
		for round := range answerRounds {
			l.round = round
			drawn := l.draw()
			w.apply(ctx, drawn)
			w.compare(ctx, l, t, now())
			w.remove(ctx, drawn)
		}
		GinkgoWriter.Printf("seed %d: %d reviews, %d allowed\n", seed, t.reviews, t.allowed)
		Expect(t.wrong).To(BeEmpty(), "seed %d, %d of %d reviews are wrong", seed, t.wrongs, t.reviews)
		Expect(t.reviews).To(BeNumerically(">=", leastReviews))
		Expect(float64(t.allowed)/float64(t.reviews)).To(And(BeNumerically(">", leastShare), BeNumerically("<", 1-leastShare)),
			"seed %d: the share of what is allowed", seed)
	}, SpecTimeout(3*time.Minute))
}

func now() time.Time { return time.Now() }

// tally counts reviews and keeps the first that are wrong.
type tally struct {
	sync.Mutex
	reviews, allowed, wrongs int
	wrong                    []string
}

func (t *tally) count(allowed bool, wrong string) {
	t.Lock()
	defer t.Unlock()
	t.reviews++
	if allowed {
		t.allowed++
	}
	if wrong == "" {
		return
	}
	t.wrongs++
	if len(t.wrong) < mismatchesToTell {
		t.wrong = append(t.wrong, wrong)
	}
}

// apply creates the objects, and waits until the authorizer knows all of them: those of a kind become known in the order of creation.
func (w *world) apply(ctx context.Context, objects []client.Object) {
	GinkgoHelper()
	for _, object := range objects {
		Expect(w.admin.Create(ctx, object)).To(Succeed())
	}
	name := w.name("marker")
	rules := []rbacv1.PolicyRule{{Verbs: []string{"see"}, APIGroups: []string{"answers.test"}, Resources: []string{"markers"}}}
	subjects := []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: name}}
	namespaced := metav1.ObjectMeta{Namespace: metav1.NamespaceDefault, Name: name}
	w.create(ctx, &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: name}, Rules: rules},
		&rbacv1.ClusterRoleBinding{ObjectMeta: metav1.ObjectMeta{Name: name}, RoleRef: clusterRoleRef(name), Subjects: subjects})
	w.eventuallySees(ctx, name, "")
	subjects = []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: name + "-in"}}
	w.create(ctx, &rbacv1.Role{ObjectMeta: namespaced, Rules: rules}, &rbacv1.RoleBinding{
		ObjectMeta: namespaced, Subjects: subjects, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: name},
	})
	w.eventuallySees(ctx, name+"-in", metav1.NamespaceDefault)
}

func (w *world) eventuallySees(ctx context.Context, username, namespace string) {
	GinkgoHelper()
	action := answers.Action{Verb: "see", APIGroup: "answers.test", Resource: "markers", Namespace: namespace}
	Eventually(ctx, func() (bool, error) {
		status, err := w.review(ctx, asker{username: username}, action)
		return status.Allowed, err
	}).Should(BeTrue(), "the authorizer knows what was created")
}

func (w *world) remove(ctx context.Context, objects []client.Object) {
	GinkgoHelper()
	for _, object := range objects {
		Expect(w.admin.Delete(ctx, object)).To(Succeed())
	}
}

// asker is whom a review is about, and whom the answers say that it is: a User, or a subject that no User stands behind.
type asker struct {
	username string
	groups   []string
	user     string
	subject  answers.Subject
}

func askers(users []v1alpha1.User, namespaces []string) []asker {
	list := make([]asker, 0, len(users)+len(namespaces)+4)
	for i := range users {
		groups := append([]string{"system:authenticated", v1alpha1.ManagedGroup}, users[i].Status.Groups...)
		if c := users[i].Status.Certificate; c != nil {
			groups = append(groups, c.Groups[0].Name) // The second has expired.
		}
		list = append(list, asker{username: users[i].Status.Username, groups: groups, user: users[i].Name})
	}
	known := []string{"system:authenticated"}
	for _, namespace := range namespaces {
		list = append(list, asker{
			username: "system:serviceaccount:" + namespace + ":robot", groups: known,
			subject: answers.Subject{Kind: "ServiceAccount", Namespace: namespace, Name: "robot"},
		})
	}
	for _, name := range []string{"ext:bob", "corp:g0"} {
		list = append(list, asker{username: name, groups: known, subject: answers.Subject{Kind: "User", Name: name}})
	}
	for _, name := range []string{"ext:team", "corp:gone"} {
		groups := append([]string{name}, known...)
		list = append(list, asker{username: "nobody", groups: groups, subject: answers.Subject{Kind: "Group", Name: name}})
	}
	return list
}

// answerUsers are Users as values: the authorizer knows nothing of them. One has left a group for which a certificate still speaks.
func answerUsers(at time.Time) []v1alpha1.User {
	users := make([]v1alpha1.User, len(people()))
	for i, username := range people() {
		users[i].Name = fmt.Sprintf("u%d", i)
		users[i].Status.Username = username
		for group := range 3 {
			if i>>group&1 == 1 {
				users[i].Status.Groups = append(users[i].Status.Groups, fmt.Sprintf("corp:g%d", group))
			}
		}
	}
	users[0].Status.Certificate = &v1alpha1.Certificate{Groups: []v1alpha1.CertifiedGroup{
		{Name: "corp:left", NotAfter: metav1.NewTime(at.Add(time.Hour))},
		{Name: "corp:gone", NotAfter: metav1.NewTime(at)},
	}}
	return users
}

// snapshot is all RBAC that there is.
func (w *world) snapshot(ctx context.Context, users []v1alpha1.User) answers.Snapshot {
	GinkgoHelper()
	var clusterRoles rbacv1.ClusterRoleList
	var roles rbacv1.RoleList
	var clusterRoleBindings rbacv1.ClusterRoleBindingList
	var roleBindings rbacv1.RoleBindingList
	var namespaces corev1.NamespaceList
	for _, list := range []client.ObjectList{&clusterRoles, &roles, &clusterRoleBindings, &roleBindings, &namespaces} {
		Expect(w.admin.List(ctx, list)).To(Succeed())
	}
	return answers.Snapshot{
		Users: users, ClusterRoles: clusterRoles.Items, Roles: roles.Items,
		ClusterRoleBindings: clusterRoleBindings.Items, RoleBindings: roleBindings.Items, Namespaces: namespaces.Items,
	}
}

// compare asks both about the same.
func (w *world) compare(ctx context.Context, l *lottery, t *tally, at time.Time) {
	GinkgoHelper()
	users := answerUsers(at)
	indexed := answers.Index(w.snapshot(ctx, users), at)
	asking, ctx := errgroup.WithContext(ctx)
	asking.SetLimit(reviewsAtOnce)
	for range actionsPerRound {
		action := l.action()
		who := indexed.WhoCan(action)
		for _, a := range askers(users, l.namespaces[1:]) {
			asking.Go(func() error {
				status, err := w.review(ctx, a, action)
				if err == nil {
					t.count(status.Allowed, judge(indexed, who, a, status))
				}
				return err
			})
		}
	}
	Expect(asking.Wait()).To(Succeed())
}

// judge says what is wrong with the answers where the authorizer decided so; nothing if nothing is.
func judge(indexed *answers.World, who answers.WhoCan, a asker, status authorizationv1.SubjectAccessReviewStatus) string {
	wrong := func(format string, args ...any) string {
		return fmt.Sprintf("%s %v: %s: allowed %t (%s), but ", a.username, a.groups, who.Action, status.Allowed, status.Reason) +
			fmt.Sprintf(format, args...)
	}
	if listed := lists(who, a); listed != status.Allowed {
		return wrong("WhoCan lists them: %t", listed)
	}
	if a.user == "" {
		return ""
	}
	why, err := indexed.Why(a.user, who.Action)
	switch {
	case err != nil:
		return wrong("%v", err)
	case why.Allowed != status.Allowed:
		return wrong("Why says %t", why.Allowed)
	case why.Allowed && !slices.ContainsFunc(why.Ways, func(way answers.Way) bool { return status.Reason == reasonOf(way) }):
		return wrong("no way is that")
	}
	return ""
}

func lists(who answers.WhoCan, a asker) bool {
	if slices.ContainsFunc(who.Everyone, func(way answers.Way) bool { return slices.Contains(a.groups, way.Subject.Name) }) {
		return true
	}
	if a.user != "" {
		return slices.ContainsFunc(who.People, func(p answers.PersonWays) bool { return p.Person.Name == a.user })
	}
	return slices.ContainsFunc(who.Others, func(o answers.OtherWays) bool { return o.Subject == a.subject })
}

// reasonOf is how the authorizer would tell a way.
func reasonOf(way answers.Way) string {
	name := way.Binding.Name
	if way.Binding.Namespace != "" {
		name += "/" + way.Binding.Namespace
	}
	return fmt.Sprintf("RBAC: allowed by %s %q of %s %q to %s %q",
		way.Binding.Kind, name, way.Role.Kind, way.Role.Name, way.Subject.Kind, way.Subject.Name)
}

func (w *world) review(ctx context.Context, a asker, action answers.Action) (authorizationv1.SubjectAccessReviewStatus, error) {
	review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{User: a.username, Groups: a.groups}}
	if action.Path != "" {
		review.Spec.NonResourceAttributes = &authorizationv1.NonResourceAttributes{Verb: action.Verb, Path: action.Path}
	} else {
		review.Spec.ResourceAttributes = &authorizationv1.ResourceAttributes{
			Verb: action.Verb, Group: action.APIGroup, Resource: action.Resource, Subresource: action.Subresource,
			Name: action.Name, Namespace: action.Namespace,
		}
	}
	done, err := w.set.AuthorizationV1().SubjectAccessReviews().Create(ctx, review, metav1.CreateOptions{})
	if err != nil {
		return authorizationv1.SubjectAccessReviewStatus{}, err
	}
	return done.Status, nil
}
