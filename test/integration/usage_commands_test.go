// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package integration_test

import (
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/answers"
	"github.com/rollcall-iam/rollcall/internal/usage"
	"github.com/rollcall-iam/rollcall/internal/wire"
	"github.com/rollcall-iam/rollcall/test/golden"
	"github.com/rollcall-iam/rollcall/test/installation"
)

// auditing answers about what is used as the audit service does, with what a spec says.
type auditing struct {
	*plugin

	coverage usage.Coverage
	uses     []usage.Use
	// asked is what it was asked.
	asked []*url.URL
}

// ServeHTTP implements http.Handler.
func (a *auditing) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") == "" {
		http.Error(w, "no token", http.StatusUnauthorized)
		return
	}
	a.asked = append(a.asked, r.URL)
	var answer any
	switch r.URL.Path {
	case wire.PathCoverage:
		answer = a.coverage
	case wire.PathUses:
		found := wire.Uses{Coverage: a.coverage}
		for _, username := range r.URL.Query()["username"] {
			for _, use := range a.uses {
				if use.Username == username {
					found.Items = append(found.Items, use)
				}
			}
		}
		answer = found
	default:
		http.NotFound(w, r)
		return
	}
	_ = json.NewEncoder(w).Encode(answer)
}

// serve serves, and says in the Installation where.
func (a *auditing) serve(ctx SpecContext) {
	GinkgoHelper()
	server := httptest.NewTLSServer(a)
	DeferCleanup(server.Close)
	a.account(ctx)
	at := &v1alpha1.Installation{ObjectMeta: metav1.ObjectMeta{Name: v1alpha1.InstallationName}}
	Expect(client.IgnoreAlreadyExists(a.admin.Create(ctx, at))).To(Succeed())
	Expect(a.admin.Get(ctx, client.ObjectKeyFromObject(at), at)).To(Succeed())
	at.Status.Audit = &v1alpha1.InstallationAudit{
		URL: server.URL, Namespace: installation.Namespace,
		CABundle: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}),
	}
	Expect(a.admin.Status().Update(ctx, at)).To(Succeed())
}

// account is whom auditors ask as.
func (a *auditing) account(ctx SpecContext) {
	GinkgoHelper()
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: installation.Namespace, Name: wire.Auditor}}
	Expect(client.IgnoreAlreadyExists(a.admin.Create(ctx, account))).To(Succeed())
}

// month is a time that specs speak of.
func month(share float64, gaps ...usage.Gap) usage.Coverage {
	until := time.Date(2026, 11, 27, 0, 0, 0, 0, time.UTC)
	return usage.Coverage{Since: metav1.NewTime(until.AddDate(0, 0, -30)), Until: metav1.NewTime(until), Share: share, Gaps: gaps}
}

func gap(hour, hours int, server string) usage.Gap {
	begin := time.Date(2026, 11, 20, hour, 0, 0, 0, time.UTC)
	return usage.Gap{
		Since: metav1.NewTime(begin), Until: metav1.NewTime(begin.Add(time.Duration(hours) * time.Hour)), Server: server,
		Reason: "Silent", Message: "it told nothing",
	}
}

// usageCommands are specs of the commands that tell who is not there, and what they would need.
func usageCommands(s *stage) {
	a := &auditing{plugin: &plugin{world: s.world}}
	var noa, rex *v1alpha1.User
	var grant *v1alpha1.Grant
	var pair *v1alpha1.Group
	BeforeAll(func(ctx SpecContext) {
		a.build(ctx)
		s.still(ctx)
		a.serve(ctx)
		noa, rex = localUser("noa"), localUser("rex")
		grant = grantOf("noa-and-rex", users("noa", "rex")...)
		unused := grantOf("noa-unused", users("noa")...)
		pair = localGroup("pair", "noa", "rex")
		s.create(ctx, noa, rex, grant, unused, pair)
		for _, g := range []*v1alpha1.Grant{grant, unused} {
			s.reconcile(ctx, userController, noa)
			s.reconcile(ctx, userController, rex)
			s.reconcile(ctx, grantController, g)
		}
		for _, u := range []*v1alpha1.User{noa, rex} {
			s.reconcile(ctx, userController, u)
		}
	})
	BeforeEach(func() { a.coverage, a.uses, a.asked = month(1), nil, nil })

	noaDid := func() []usage.Use {
		uid := string(grant.UID)
		use := func(grant string, requests int64, action answers.Action, names ...string) usage.Use {
			return usage.Use{
				Grant: grant, Username: "noa", Action: action, Requests: requests, Names: names, Unnamed: len(names) == 0,
				First: a.coverage.Since, Last: a.coverage.Until,
			}
		}
		return []usage.Use{
			use(uid, 120, answers.Action{Verb: "get", Resource: "pods", Namespace: "pay"}, "web-0", "web-1"),
			use(uid, 40, answers.Action{Verb: "list", Resource: "pods", Namespace: "pay"}),
			use(uid, 9, answers.Action{Verb: "list", Resource: "services", Namespace: "pay"}),
			use(uid, 9, answers.Action{Verb: "get", Resource: "services", Namespace: "pay"}, "web"),
			use("gone", 2, answers.Action{
				Verb: "patch", APIGroup: "apps", Resource: "deployments", Subresource: "scale", Namespace: "shop",
			}, "web"),
			use("", 1, answers.Action{Verb: "list", Resource: "nodes"}),
			use("", 1, answers.Action{Verb: "get", Resource: "*", Namespace: "pay"}, "x\nkind: Secret"),
			use("", 300, answers.Action{Verb: "get", Path: "/api/v1"}),
			use("", 3, answers.Action{Verb: "create", APIGroup: "authentication.k8s.io", Resource: "selfsubjectreviews"}),
		}
	}

	It("list who was not seen", func(ctx SpecContext) {
		s.sees(ctx, rex, now().AddDate(0, 0, -200))
		printed, complaint := a.run(ctx, "dormant")
		Expect(printed).To(Equal("USER   USERNAME   LAST-SEEN   GRANTS   DIRECTORY   STATE\n" +
			"rex    rex        200d ago    1        <none>      Dormant\n")) //nolint:dupword // A username.
		Expect(complaint).To(BeEmpty())
		Expect(a.asked).To(HaveExactElements(HaveField("RawQuery", "days=90")))
		found := answer[map[string]any](ctx, a.plugin, "dormant", "--days", "10")
		Expect(found["items"]).To(HaveExactElements(And(HaveKeyWithValue("user", "rex"), HaveKeyWithValue("state", "Dormant"),
			HaveKeyWithValue("grants", HaveExactElements("noa-and-rex")))))
		Expect(found["coverage"]).To(HaveKeyWithValue("share", 1.0))
		_, complaint = a.run(ctx, "dormant", "--days", "201")
		Expect(complaint).To(ContainSubstring("Everybody who may act was seen in the last 201 days"))
		_, complaint = a.run(ctx, "dormant", "--days", "0")
		Expect(complaint).To(ContainSubstring("--days must be 1 to 3650"))
	})

	It("call nobody dormant where it is not known what happened", func(ctx SpecContext) {
		a.coverage = month(0.98, gap(1, 1, ""), gap(3, 5, "10.0.0.1:6443"), gap(9, 2, ""), gap(12, 7, ""))
		printed, complaint := a.run(ctx, "dormant")
		Expect(printed).To(HaveSuffix("<none>      Unknown\n"))
		golden.Expect("dormant-complaint.golden", complaint)

		By("not being told")
		a.coverage = month(1)
		Expect(a.admin.Delete(ctx, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{
			Namespace: installation.Namespace, Name: wire.Auditor,
		}})).To(Succeed())
		DeferCleanup(a.account)
		printed, complaint = a.run(ctx, "dormant")
		Expect(printed).To(HaveSuffix("<none>      Unknown\n"))
		Expect(complaint).To(And(ContainSubstring("could not be found out"), ContainSubstring("Nobody is called dormant without coverage")))
	})

	It("propose roles that the API server takes", func(ctx SpecContext) {
		a.uses = noaDid()
		printed, complaint := a.run(ctx, "recommend", "noa")
		Expect(complaint).To(BeEmpty())
		golden.Expect("recommend-noa.golden", printed)
		Expect(a.asked).To(HaveExactElements(HaveField("RawQuery", "days=30&username=noa")))
		named, _ := a.run(ctx, "recommend", "user/noa", "--resource-names", "--days", "7")
		golden.Expect("recommend-noa-names.golden", named)

		By("having the API server look at them")
		for _, name := range []string{"pay", "shop"} {
			s.create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}})
		}
		for _, text := range []string{printed, named} {
			file := GinkgoT().TempDir() + "/roles.yaml"
			Expect(os.WriteFile(file, []byte(text), 0o600)).To(Succeed())
			out, err := s.kubectl(ctx, "apply", "--dry-run=server", "-f", file)
			Expect(err).NotTo(HaveOccurred(), out)
			Expect(out).To(And(ContainSubstring("clusterrole.rbac.authorization.k8s.io/recommended-noa created (server dry run)"),
				ContainSubstring("role.rbac.authorization.k8s.io/recommended-noa created (server dry run)")))
		}
	})

	It("propose them as JSON, and say the rest beside it", func(ctx SpecContext) {
		a.uses = noaDid()
		printed, complaint := a.run(ctx, "recommend", "noa", "-o", "json")
		var list struct{ Items []rbacv1.Role }
		Expect(yaml.Unmarshal([]byte(printed), &list)).To(Succeed())
		Expect(list.Items).To(HaveExactElements(
			HaveField("Kind", "ClusterRole"), HaveField("Namespace", "pay"), HaveField("Namespace", "shop")))
		Expect(complaint).To(ContainSubstring("Nothing was applied"))
	})

	It("propose one for all who are in a group", func(ctx SpecContext) {
		a.uses = []usage.Use{noaDid()[1], {
			Grant: string(grant.UID), Username: "rex", Requests: 1, Unnamed: true,
			Action: answers.Action{Verb: "watch", Resource: "pods", Namespace: "pay"},
		}}
		a.coverage = month(0.5, gap(3, 5, ""))
		printed, complaint := a.run(ctx, "recommend", "group/pair")
		golden.Expect("recommend-pair.golden", printed)
		Expect(complaint).To(And(ContainSubstring("only 50 % is known"), ContainSubstring("used seldom may be missing"),
			ContainSubstring("it told nothing")))
		both := HaveField("RawQuery", "days=30&username=noa&username=rex")
		Expect(a.asked).To(HaveExactElements(both))

		By("knowing from Users alone who is in it, as of a directory's group")
		s.reconcile(ctx, groupController, pair)
		change(ctx, s.world, pair, func(g *v1alpha1.Group) { g.Spec.Members = nil })
		a.run(ctx, "recommend", "group/pair")
		Expect(a.asked).To(HaveExactElements(both, both))
	})

	It("propose nothing where nothing was done", func(ctx SpecContext) {
		a.uses = noaDid()[7:]
		printed, complaint := a.run(ctx, "recommend", "noa")
		Expect(printed).To(BeEmpty())
		Expect(complaint).To(ContainSubstring("noa did nothing in the last 30 days that needs a role"))
		printed, complaint = a.run(ctx, "recommend", "system:serviceaccount:x:y")
		Expect(printed).To(BeEmpty())
		Expect(complaint).To(ContainSubstring("system:serviceaccount:x:y did nothing"))

		By("looking at somebody who is no User, but has something, and at who is none of both")
		a.uses = []usage.Use{{Username: "robot", Requests: 1, Unnamed: true, Action: answers.Action{Verb: "list", Resource: "nodes"}}}
		printed, _ = a.run(ctx, "recommend", "robot")
		Expect(printed).To(And(ContainSubstring("# There is no such User, so no Grant can give them this"), Not(ContainSubstring("subjects:"))))
		_, complaint = a.run(ctx, "recommend", "grant/noa-unused")
		Expect(complaint).To(ContainSubstring("for a user or a group, not for a grant"))
		_, complaint = a.run(ctx, "recommend", "group/nobodys")
		Expect(complaint).To(ContainSubstring(`"nobodys" not found`))
	})
}
