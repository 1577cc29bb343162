// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package integration_test

import (
	"context"
	"encoding/json"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/answers"
	"github.com/rollcall-iam/rollcall/test/internal/checkout"
)

// plugin is kubectl rollcall, built from this checkout.
type plugin struct {
	*world
	path string
}

func (p *plugin) build(ctx SpecContext) {
	root, err := checkout.Root()
	Expect(err).NotTo(HaveOccurred())
	p.path = filepath.Join(p.plane.Dir(), "kubectl-rollcall")
	command := exec.CommandContext(ctx, "go", "build", "-buildvcs=false", "-o", p.path, "./cmd/kubectl-rollcall")
	command.Dir = root
	output, err := command.CombinedOutput()
	Expect(err).NotTo(HaveOccurred(), string(output))
}

// run returns what the plugin prints to an administrator, and what it complains about.
func (p *plugin) run(ctx context.Context, args ...string) (printed, complaint string) {
	GinkgoHelper()
	cache := filepath.Join(p.plane.Dir(), "plugin-cache")
	command := exec.CommandContext(ctx, p.path, append(args, "--kubeconfig="+p.plane.AdminKubeconfig(), "--cache-dir="+cache)...)
	var out, complaints strings.Builder
	command.Stdout, command.Stderr = &out, &complaints
	_ = command.Run()
	GinkgoWriter.Printf("$ kubectl rollcall %s\n%s%s\n", strings.Join(args, " "), out.String(), complaints.String())
	return out.String(), complaints.String()
}

// answer reads what the plugin prints as JSON.
func answer[T any](ctx context.Context, p *plugin, args ...string) T {
	GinkgoHelper()
	var read T
	printed, complaint := p.run(ctx, append(args, "-o", "json")...)
	Expect(json.Unmarshal([]byte(printed), &read)).To(Succeed(), complaint)
	return read
}

func answeringCommands(w *world) {
	p := &plugin{world: w}
	var alice, bob, carol *v1alpha1.User
	var team *v1alpha1.Group
	var grant, asked *v1alpha1.Grant
	var ns string

	BeforeAll(func(ctx SpecContext) {
		p.build(ctx)
		w.live(ctx)
		alice, bob, carol = localUser(w.name("alice")), localUser(w.name("bob")), localUser(w.name("carol"))
		team = localGroup(w.name("team"), alice.Name)
		ns = w.namespace(ctx, nil).Name
		grant = within(grantOf(w.name("edit"), v1alpha1.Subject{Kind: v1alpha1.SubjectGroup, Name: team.Name}), nil, ns)
		grant.Spec.RoleRef.Name, grant.Spec.Reason = "edit", "CHG-1234: on call"
		grant.Spec.ExpireTime = &metav1.Time{Time: now().Add(time.Hour)}
		asked = within(grantOf(w.name("admin"), users(carol.Name)...), nil, ns)
		asked.Spec.RoleRef.Name, asked.Spec.Activation = "admin", v1alpha1.ActivationOnRequest
		asked.Spec.Request = &v1alpha1.RequestPolicy{Approvers: users(alice.Name)}
		asked.Spec.StartTime = &metav1.Time{Time: now().Add(time.Hour)}
		byHand := &rbacv1.RoleBinding{
			ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "by-hand"}, RoleRef: clusterRoleRef("view"),
			Subjects: []rbacv1.Subject{
				{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: bob.Name},
				{Kind: rbacv1.ServiceAccountKind, Namespace: ns, Name: "robot"},
			},
		}
		w.create(ctx, alice, bob, carol, team, grant, asked, byHand)
		w.binds(ctx, grant, ns, alice.Name)
	})

	It("show what a person has, and where it comes from", func(ctx SpecContext) {
		access := answer[answers.Access](ctx, p, "access", alice.Name)
		Expect(access.Person).To(And(HaveField("Active", true), HaveField("Groups", []string{team.Name})))
		Expect(access.Ways[0]).To(And(
			HaveField("Via", answers.ViaGrant), HaveField("Grant", grant.Name), HaveField("Role.Name", "edit"),
			HaveField("Binding", answers.Binding{Kind: "RoleBinding", Namespace: ns, Name: "rollcall:" + grant.Name}),
			HaveField("Through", []answers.Subject{{Kind: "Group", Name: team.Name}}),
			HaveField("Until.Time", BeTemporally("~", grant.Spec.ExpireTime.Time, time.Second)), HaveField("Reason", "CHG-1234: on call"),
		))
		printed, _ := p.run(ctx, "access", bob.Name)
		Expect(printed).To(ContainSubstring("unmanaged"))
		_, complaint := p.run(ctx, "access", "nobody-at-all")
		Expect(complaint).To(ContainSubstring(`no User has the name or the username "nobody-at-all"`))
	})

	It("show who can do something", func(ctx SpecContext) {
		who := answer[answers.WhoCan](ctx, p, "who-can", "get", "po/log", "-n", ns)
		Expect(who.Action).To(Equal(answers.Action{Verb: "get", Resource: "pods", Subresource: "log", Namespace: ns}))
		Expect(who.People).To(HaveExactElements(HaveField("Person.Name", alice.Name), HaveField("Person.Name", bob.Name)))
		Expect(who.Others).To(ContainElement(HaveField("Subject", answers.Subject{Kind: "ServiceAccount", Namespace: ns, Name: "robot"})))
		anywhere := answer[answers.WhoCan](ctx, p, "who-can", "patch", "deploy/web/scale", "-A")
		Expect(anywhere.People).To(ContainElement(HaveField("Ways", ContainElement(HaveField("Binding.Namespace", ns)))))
		p.run(ctx, "who-can", "get", "po/log", "-n", ns)
		p.run(ctx, "who-can", "get", "/healthz")
	})

	It("explain why, and why not", func(ctx SpecContext) {
		Expect(answer[answers.Why](ctx, p, "why", alice.Name, "delete", "deployments.apps/web", "-n", ns).Allowed).To(BeTrue())
		p.run(ctx, "why", alice.Name, "delete", "deployments.apps/web", "-n", ns)
		not := answer[answers.Why](ctx, p, "why", carol.Name, "delete", "deploy", "-n", ns)
		Expect(not.Allowed).To(BeFalse())
		Expect(not.Offers).To(HaveExactElements(
			And(HaveField("Grant", asked.Name), HaveField("Reaches", true), HaveField("Steps", HaveExactElements(
				HaveField("Reason", answers.StepWait), HaveField("Message", ContainSubstring("kubectl rollcall request "+asked.Name)),
			))),
			And(HaveField("Grant", grant.Name), HaveField("Reaches", false), HaveField("Steps", HaveExactElements(
				HaveField("Reason", answers.StepJoin),
			))),
		))
		p.run(ctx, "why", carol.Name, "delete", "deploy", "-n", ns)
	})

	DescribeTable("know the resources of the cluster", func(ctx SpecContext, argument, want string) {
		printed, complaint := p.run(ctx, "who-can", "get", argument, "-n", "pay", "-o", "yaml")
		Expect(strings.Split(printed, "people:")[0] + complaint).To(ContainSubstring(want))
	},
		Entry(nil, "deploy", "action:\n  apiGroup: apps\n  namespace: pay\n  resource: deployments\n  verb: get\n"),
		Entry(nil, "nodes/metrics", "action:\n  resource: nodes\n  subresource: metrics\n  verb: get\n"),
		Entry(nil, "namespaces/shop", "action:\n  name: shop\n  namespace: shop\n  resource: namespaces\n  verb: get\n"),
		Entry(nil, "pods/log/", "action:\n  name: log\n  namespace: pay\n  resource: pods\n  verb: get\n"),
		Entry(nil, "signers", "action:\n  apiGroup: certificates.k8s.io\n  resource: signers\n  verb: get\n"),
		Entry(nil, "users", "apiGroup: iam.rollcall.dev\n  resource: users\n"),
		Entry(nil, "/healthz", "action:\n  path: /healthz\n  verb: get\n"),
		Entry(nil, "unicorns", `the cluster has no resource "unicorns": kubectl api-resources lists those that it has`),
		Entry(nil, "deployments.shop", `the cluster has no resource "deployments.shop"`),
		Entry(nil, "deploy/web/scal", `deployments has no subresource "scal", but scale, status`),
	)

	It("say which right is missing", func(ctx SpecContext) {
		_, complaint := p.run(ctx, "access", alice.Name, "--as="+alice.Name)
		Expect(complaint).To(And(ContainSubstring("you may not read"), ContainSubstring("rollcall-viewer"),
			ContainSubstring("clusterrolebindings.rbac.authorization.k8s.io")))
		Expect(strings.Count(complaint, "\n")).To(Equal(1))
	})
}
