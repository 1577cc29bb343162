// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package plugin_test

import (
	"encoding/json"
	"regexp"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/picture"
)

var _ = Describe("kubectl rollcall", func() {
	It("is a plugin of kubectl, and says how it is used", func() {
		help := administrator().gets("--help")
		Expect(help).To(SatisfyAll(ContainSubstring("kubectl rollcall [command]"), Not(ContainSubstring("kubectl-rollcall"))))
		listed := regexp.MustCompile(`(?m)^ {2}([a-z-]+) +[A-Z]`).FindAllStringSubmatch(help, -1)
		Expect(len(listed)).To(BeNumerically(">=", 11))
		for _, command := range listed {
			if verb := command[1]; verb != "help" && verb != "completion" {
				Expect(administrator().gets(verb, "--help")).To(SatisfyAll(
					ContainSubstring("  kubectl rollcall "+verb), ContainSubstring("Examples:\n  "), ContainSubstring("--context")), verb)
			}
		}
	})

	It("knows its version", func() {
		Expect(administrator().gets("version")).To(Equal("kubectl rollcall v0.0.0-test\n"))
		Expect(administrator().gets("version", "-o", "json")).To(ContainSubstring(`"version": "v0.0.0-test"`))
	})

	It("is completed by kubectl", func(ctx SpecContext) {
		grant, always := onRequest(name("payments"), "payments"), onRequest(name("payments"), "payments")
		always.Spec.Activation, always.Spec.Request = v1alpha1.ActivationAlways, nil
		create(ctx, grant, always)
		completed := func(args ...string) []string {
			GinkgoHelper()
			result := ended(administrator().kubectl(append([]string{"__complete", "rollcall"}, args...)...))
			Expect(result.Code).To(BeZero())
			return strings.Split(result.Out, "\n")
		}
		Expect(completed("req")).To(ContainElements(HavePrefix("request\t"), HavePrefix("requests\t")))
		Expect(completed("request", grant.Name[:12])).To(SatisfyAll(ContainElement(grant.Name), Not(ContainElement(always.Name))))
		Expect(completed("tree", "grant/")).To(ContainElements("grant/"+grant.Name, "grant/"+always.Name))
		Expect(administrator().gets("completion", "bash")).To(ContainSubstring("__start_kubectl-rollcall"))
		Expect(administrator().gets("completion", "--help")).To(ContainSubstring("kubectl_complete-rollcall"))
	})

	It("complains of what it does not know", func() {
		Expect(administrator().fails("requests", "-o", "xml")).To(Equal("Error: there is no output \"xml\": use table, wide, json or yaml\n"))
		Expect(administrator().fails("aprove")).To(ContainSubstring(`unknown command "aprove" for "kubectl rollcall"`))
		Expect(administrator().fails("requests", "--context", "nowhere")).To(ContainSubstring(`context "nowhere" does not exist`))
	})
})

var _ = Describe("kubectl rollcall tree and graph", func() {
	var (
		alice        *v1alpha1.User
		group        *v1alpha1.Group
		grant, asked *v1alpha1.Grant
		guard        person
	)
	BeforeEach(func(ctx SpecContext) {
		alice = localUser(ctx, name("alice"))
		group = localGroup(ctx, name("payments"), alice.Name)
		grant, asked = onRequest(name("edit"), group.Name), onRequest(name("asked"), group.Name)
		grant.Spec.Activation, grant.Spec.Request = v1alpha1.ActivationAlways, nil
		binding := &rbacv1.RoleBinding{
			ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "rollcall:" + grant.Name, Labels: map[string]string{
				v1alpha1.LabelManagedBy: v1alpha1.ManagedBy, v1alpha1.LabelGrant: grant.Name,
			}},
			RoleRef:  rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "edit"},
			Subjects: []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: alice.Name}},
		}
		create(ctx, grant, asked, binding)
		guard = as("guard", guards, readers)
	})

	It("shows a person with the bindings that name them", func() {
		Expect(guard.runs("tree", alice.Name)).To(Equal(said{Out: "user/" + alice.Name + "\n" +
			"└── group/" + group.Name + "  1 person\n" +
			"    ├── grant/" + asked.Name + "  ClusterRole edit in namespace default, on request\n" +
			"    │   └── nothing before they ask: kubectl rollcall request " + asked.Name + "\n" +
			"    └── grant/" + grant.Name + "  ClusterRole edit in namespace default\n" +
			"        └── RoleBinding rollcall:" + grant.Name + " in namespace default  names 1\n"}))
	})

	It("shows groups and grants, marks and requests", func(ctx SpecContext) {
		lock := &v1alpha1.Lock{ObjectMeta: metav1.ObjectMeta{Name: name("lock")}, Spec: v1alpha1.LockSpec{
			Target: v1alpha1.LockTarget{Kind: v1alpha1.LockUser, Name: alice.Name}, Reason: "stolen\x1b]0;owned\a",
		}}
		request := &v1alpha1.AccessRequest{ObjectMeta: metav1.ObjectMeta{Name: name("now")}, Spec: v1alpha1.AccessRequestSpec{
			GrantRef: v1alpha1.NameReference{Name: asked.Name}, UserName: alice.Name, DurationSeconds: 60, Reason: "it burns",
		}}
		create(ctx, lock, request)
		state(ctx, request, activeFor(time.Minute))
		Expect(guard.gets("tree", "group/"+group.Name)).To(SatisfyAll(
			ContainSubstring("user/"+alice.Name+`  [locked by `+lock.Name+`: stolen\x1b]0;owned\x07]`),
			MatchRegexp(`request/`+request.Name+`  of `+alice.Name+`, until \S+ \S+: it burns`)))
		Expect(guard.gets("tree", "grant/"+asked.Name)).To(ContainSubstring("on request, approved by 2 of\n"))
	})

	It("wants to know which, where a name is several things", func(ctx SpecContext) {
		localGroup(ctx, alice.Name)
		Expect(guard.fails("tree", alice.Name)).To(ContainSubstring("write user/" + alice.Name + " or group/" + alice.Name))
		Expect(guard.gets("tree", "group/"+alice.Name)).To(HavePrefix("group/" + alice.Name + "  0 people"))
		Expect(guard.fails("tree", "nobody")).To(ContainSubstring(`there is no user, group or grant "nobody"`))
		Expect(guard.fails("tree", "user/"+group.Name)).To(ContainSubstring("there is no user/" + group.Name))
	})

	It("leaves out what somebody may not read, and says so", func(ctx SpecContext) {
		state(ctx, grant, func(g *v1alpha1.Grant) {
			g.Status.Applied = []v1alpha1.AppliedBinding{{Namespace: "default", Name: "rollcall:" + grant.Name}}
		})
		Expect(as("nadia", readers).runs("tree", "user/"+alice.Name)).To(SatisfyAll(
			HaveField("Code", 0), HaveField("Err", Equal("you may not list RoleBindings: they are left out\n"+
				"you may not list ClusterRoleBindings: they are left out\n")),
			HaveField("Out", ContainSubstring("RoleBinding rollcall:"+grant.Name))))
		Expect(as("nobody").fails("tree", alice.Name)).To(ContainSubstring(`User "nobody" cannot list resource "users"`))
	})

	It("prints the tree for programs", func() {
		var tree picture.Tree
		Expect(json.Unmarshal([]byte(guard.gets("tree", alice.Name, "-o", "json")), &tree)).To(Succeed())
		Expect(tree).To(SatisfyAll(HaveField("Kind", "User"), HaveField("Branches", HaveLen(1))))
	})

	It("draws pictures", func() {
		Expect(guard.gets("graph")).To(SatisfyAll(HavePrefix("<svg "), ContainSubstring(">"+alice.Name[:12])))
		Expect(guard.gets("graph", "user/"+alice.Name, "-o", "dot")).To(SatisfyAll(
			HavePrefix("digraph rollcall {"), ContainSubstring(grant.Name), ContainSubstring(group.Name)))
		Expect(guard.gets("graph", "grant/"+grant.Name, "-o", "mermaid")).To(SatisfyAll(
			HavePrefix("flowchart LR\n"), Not(ContainSubstring(asked.Name))))
		Expect(guard.fails("graph", "-o", "png")).To(ContainSubstring(`there is no picture "png"`))
		Expect(guard.fails("graph", "user/nobody")).To(ContainSubstring("there is no user/nobody"))
	})
})
