// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package integration_test

import (
	"context"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	gomegatypes "github.com/onsi/gomega/types"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
)

// person is somebody with a client of their own and the rights that a spec gives them.
type person struct {
	client.Client
	world *world
	name  string
}

// as is whoever a configuration makes the API server see.
func (w *world) as(name string, config *rest.Config) *person {
	GinkgoHelper()
	// The administrator's mapper: whoever is denied everything cannot discover what there is.
	own, err := client.New(config, client.Options{Scheme: w.admin.Scheme(), Mapper: w.admin.RESTMapper()})
	Expect(err).NotTo(HaveOccurred())
	return &person{Client: own, world: w, name: name}
}

// person is somebody new with a client certificate and no rights yet.
func (w *world) person(name string) *person {
	GinkgoHelper()
	name = w.name(name)
	config, err := w.plane.User(name)
	Expect(err).NotTo(HaveOccurred())
	return w.as(name, config)
}

// account is a new ServiceAccount that shows its token, and has no rights yet.
func (w *world) account(ctx context.Context, namespace string) *person {
	GinkgoHelper()
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: w.name("robot")}}
	w.create(ctx, account)
	token, err := w.set.CoreV1().ServiceAccounts(namespace).
		CreateToken(ctx, account.Name, &authenticationv1.TokenRequest{}, metav1.CreateOptions{})
	Expect(err).NotTo(HaveOccurred())
	config := rest.AnonymousClientConfig(w.plane.RESTConfig())
	config.BearerToken = token.Status.Token
	return w.as("system:serviceaccount:"+namespace+":"+account.Name, config)
}

// operator is the operator's own ServiceAccount.
func (w *world) operator() *person {
	GinkgoHelper()
	config, err := clientcmd.BuildConfigFromFlags("", w.kubeconfig)
	Expect(err).NotTo(HaveOccurred())
	return w.as(operatorUser, config)
}

// gets gives a person rights, in a namespace or (without one) everywhere, and returns once the API server knows.
func (p *person) gets(ctx context.Context, namespace string, rules ...rbacv1.PolicyRule) {
	GinkgoHelper()
	named := metav1.ObjectMeta{Namespace: namespace, Name: p.world.name("rights")}
	if namespace == "" {
		p.world.create(ctx, &rbacv1.ClusterRole{ObjectMeta: named, Rules: rules})
	} else {
		p.world.create(ctx, &rbacv1.Role{ObjectMeta: named, Rules: rules})
	}
	p.bound(ctx, namespace, named.Name)
	for _, rule := range rules {
		name := strings.Join(rule.ResourceNames, "") // One at most.
		for _, verb := range rule.Verbs {
			asked := ask{verb, rule.APIGroups[0] + "/" + rule.Resources[0], name, namespace}
			Eventually(ctx, p.can).WithArguments(ctx, asked).Should(BeTrue())
		}
	}
}

// bound binds a person to a role: a Role of a namespace, or a ClusterRole everywhere.
func (p *person) bound(ctx context.Context, namespace, role string) {
	GinkgoHelper()
	named := metav1.ObjectMeta{Namespace: namespace, Name: p.world.name("rights")}
	subjects := []rbacv1.Subject{{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: p.name}}
	if namespace == "" {
		ref := rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role}
		p.world.create(ctx, &rbacv1.ClusterRoleBinding{ObjectMeta: named, RoleRef: ref, Subjects: subjects})
		return
	}
	ref := rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: role}
	p.world.create(ctx, &rbacv1.RoleBinding{ObjectMeta: named, RoleRef: ref, Subjects: subjects})
}

// can says whether RBAC lets a person do something.
func (p *person) can(ctx context.Context, a ask) bool {
	GinkgoHelper()
	parts := append(strings.Split(a.resource, "/"), "")
	review, err := p.world.set.AuthorizationV1().SubjectAccessReviews().Create(ctx, &authorizationv1.SubjectAccessReview{
		Spec: authorizationv1.SubjectAccessReviewSpec{User: p.name, ResourceAttributes: &authorizationv1.ResourceAttributes{
			Verb: a.verb, Group: parts[0], Resource: parts[1], Subresource: parts[2], Name: a.name, Namespace: a.namespace,
		}},
	}, metav1.CreateOptions{})
	Expect(err).NotTo(HaveOccurred())
	return review.Status.Allowed
}

// tries asks the API server whether a person could create an object, and leaves nothing behind.
func (p *person) tries(ctx context.Context, object client.Object) error {
	return p.Create(ctx, object, client.DryRunAll)
}

// triesOn asks the API server whether a person could change an object, and leaves it as it is.
func triesOn[T client.Object](ctx context.Context, p *person, object T, how func(T)) error {
	GinkgoHelper()
	object = get(ctx, p.world, object)
	how(object)
	return p.Update(ctx, object, client.DryRunAll)
}

// rule is a right on resources of a group; names narrow it down to one.
func rule(group, resource string, names []string, verbs ...string) rbacv1.PolicyRule {
	return rbacv1.PolicyRule{APIGroups: []string{group}, Resources: []string{resource}, ResourceNames: names, Verbs: verbs}
}

// syncs are the rights of an account that syncs everything of this API group from Git, as people write them: status is in there.
func syncs() rbacv1.PolicyRule {
	return rule(v1alpha1.GroupVersion.Group, "*", nil, "get", "list", "watch", "create", "update", "patch", "delete")
}

// binds are the right to bind a ClusterRole.
func binds(name string) rbacv1.PolicyRule {
	return rule(rbacv1.GroupName, "clusterroles", []string{name}, "bind")
}

// refusedBy matches a refusal by one of config/policies, whose message has all the words.
func refusedBy(policy string, words ...string) gomegatypes.GomegaMatcher {
	inMessage := make([]gomegatypes.GomegaMatcher, len(words))
	for i, word := range words {
		inMessage[i] = MatchError(ContainSubstring(word))
	}
	return SatisfyAll(WithTransform(apierrors.IsForbidden, BeTrue()), SatisfyAll(inMessage...),
		MatchError(ContainSubstring("ValidatingAdmissionPolicy 'rollcall-"+policy+"' with binding 'rollcall-"+policy+"' denied")))
}

// policies are specs of config/policies, and of the roles for people. The operator does not run, but where it is said.
func policies(w *world) {
	BeforeAll(func() { w.halt() })
	Describe("themselves", func() { policiesInForce(w) })
	Describe("of Grants", func() { policyOfGrants(w) })
	Describe("of changes to Grants", func() { policyOfGrantChanges(w) })
	Describe("of Users", func() { policyOfUsers(w) })
	Describe("of Groups", func() { policyOfGroups(w) })
	Describe("of what is imported", func() { policyOfImported(w) })
	Describe("of Sessions", func() { policyOfSessions(w) })
	Describe("of the Installation", func() { policyOfInstallations(w) })
	Describe("of devices", func() { policyOfDevices(w) })
	Describe("of Locks", func() { policyOfLocks(w) })
	Describe("of status", func() { policyOfStatus(w) })
	Describe("of generated bindings", func() { policyOfBindings(w) })
	Describe("of changes to generated bindings", func() { policyOfBindingChanges(w) })
	Describe("of requests and approvals", func() { policyOfRequests(w) })
	Describe("and the roles for people", func() { readyMadeRoles(w) })
	Describe("and deletions", func() { policiesAndDeletion(w) })
}
