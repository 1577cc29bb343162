// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package integration_test

import (
	"context"
	"reflect"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/test/installation"
)

// What kstatus (github.com/fluxcd/cli-utils/pkg/kstatus) makes of an object.
const (
	inProgress  = "InProgress"
	current     = "Current"
	failed      = "Failed"
	terminating = "Terminating"
)

// kstatus follows the library's generic rules, in its order. The library itself would raise two dozen versions in go.mod; hack/flux, a
// module of its own, runs it on every state of every kind.
func kstatus(object client.Object) string {
	GinkgoHelper()
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
	Expect(err).NotTo(HaveOccurred())
	if object.GetDeletionTimestamp() != nil {
		return terminating
	}
	observed, found, err := unstructured.NestedInt64(content, "status", "observedGeneration")
	Expect(err).NotTo(HaveOccurred())
	if found && observed != object.GetGeneration() {
		return inProgress
	}
	is := func(kind string, status metav1.ConditionStatus) bool {
		for _, c := range conditions(object) {
			if c.Type == kind && c.Status == status {
				return true
			}
		}
		return false
	}
	switch {
	case is(v1alpha1.ConditionReconciling, isTrue):
		return inProgress
	case is(v1alpha1.ConditionStalled, isTrue):
		return failed
	case is(v1alpha1.ConditionReady, isFalse), is(v1alpha1.ConditionReady, metav1.ConditionUnknown):
		return inProgress
	}
	return current
}

// observed is an object's observedGeneration.
func observed(object client.Object) *int64 {
	switch o := object.(type) {
	case *v1alpha1.Directory:
		return o.Status.ObservedGeneration
	case *v1alpha1.User:
		return o.Status.ObservedGeneration
	case *v1alpha1.Group:
		return o.Status.ObservedGeneration
	case *v1alpha1.Grant:
		return o.Status.ObservedGeneration
	case *v1alpha1.Lock:
		return o.Status.ObservedGeneration
	case *v1alpha1.AccessRequest:
		return o.Status.ObservedGeneration
	case *v1alpha1.Approval:
		return o.Status.ObservedGeneration
	case *v1alpha1.Session:
		return o.Status.ObservedGeneration
	case *v1alpha1.Installation:
		return o.Status.ObservedGeneration
	}
	return nil
}

// subject is an object of each kind, and how to change its spec.
type subject struct {
	controller string
	make       func(name string) client.Object
	// touch changes nothing that matters; wait makes the object wait for something; stall leaves it to a person.
	touch, wait, stall func(client.Object)
}

func subjects() map[string]subject {
	return map[string]subject{
		"Directory": {
			controller: directoryController,
			make:       func(name string) client.Object { return pausedDirectory(name) },
			touch:      on(func(d *v1alpha1.Directory) { d.Spec.SyncIntervalSeconds = 600 }),
			wait:       on(func(d *v1alpha1.Directory) { d.Spec.Sync, d.Spec.LDAP.URL = v1alpha1.SyncActive, "ldaps://127.0.0.1:1" }),
			stall: on(func(d *v1alpha1.Directory) {
				d.Spec.Sync, d.Spec.LDAP.Users.Filter = v1alpha1.SyncActive, "(does not parse"
			}),
		},
		"User": {
			controller: userController,
			make:       func(name string) client.Object { return localUser(name) },
			touch:      on(func(u *v1alpha1.User) { u.Spec.State = v1alpha1.UserSuspended }),
			wait: on(func(u *v1alpha1.User) {
				u.Spec.Kubeconfig = &v1alpha1.KubeconfigSpec{SecretRef: v1alpha1.SecretReference{Namespace: "absent", Name: "a"}}
			}),
			stall: on(func(u *v1alpha1.User) {
				u.Spec.Kubeconfig = &v1alpha1.KubeconfigSpec{
					SecretRef: v1alpha1.SecretReference{Namespace: installation.Namespace, Name: foreignSecret},
				}
			}),
		},
		"Group": {
			controller: groupController,
			make:       func(name string) client.Object { return localGroup(name) },
			touch:      on(func(g *v1alpha1.Group) { g.Spec.Members = []string{presentUser} }),
			wait:       on(func(g *v1alpha1.Group) { g.Spec.Members = []string{"absent"} }),
		},
		"Grant": {
			controller: grantController,
			make:       func(name string) client.Object { return within(grantOf(name, users(presentUser)...), nil, "default") },
			touch:      on(func(g *v1alpha1.Grant) { g.Spec.Reason = "another" }),
			wait:       on(func(g *v1alpha1.Grant) { g.Spec.Subjects = users("absent") }),
			stall:      on(func(g *v1alpha1.Grant) { within(g, map[string]string{"team": "no label!"}) }),
		},
		"Lock": {
			controller: lockController,
			make:       func(name string) client.Object { return lockOn(name, v1alpha1.SubjectUser, presentUser) },
			touch:      on(func(l *v1alpha1.Lock) { l.Spec.Reason = "another" }),
		},
		"Session": {
			controller: sessionController,
			make:       func(name string) client.Object { return strayed(name) },
			touch: on(func(c *v1alpha1.Session) {
				c.Spec.Termination = &v1alpha1.SessionTermination{By: "rollcall-test-admin"}
			}),
		},
	}
}

// strayed is a Session whose User is gone.
func strayed(name string) *v1alpha1.Session {
	return &v1alpha1.Session{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: v1alpha1.SessionSpec{
		UserRef: v1alpha1.UserReference{Name: "gone", UID: "gone"}, Username: "gone", Custody: v1alpha1.CustodyServer,
		Authentication: v1alpha1.SessionAuthentication{Method: v1alpha1.MethodManaged, Time: metav1.Now()},
	}}
}

// What the subjects find.
const (
	foreignSecret = "conforming-foreign"
	presentUser   = "conforming-user"
)

func on[T client.Object](how func(T)) func(client.Object) {
	return func(object client.Object) {
		if typed, ok := object.(T); ok {
			how(typed)
		}
	}
}

// conformance are what all kinds obey.
func conformance(s *stage) {
	BeforeAll(s.still)
	DescribeTable("is obeyed through the life of", func(ctx SpecContext, kind string) { obeys(ctx, s, subjects()[kind]) },
		Entry("a Directory", "Directory"), Entry("a User", "User"), Entry("a Group", "Group"), Entry("a Grant", "Grant"),
		Entry("a Lock", "Lock"), Entry("a Session", "Session"),
	)

	DescribeTable("puts conditions first in the status of", func(status any) {
		field := reflect.TypeOf(status).Field(0)
		Expect(field.Tag.Get("json")).To(HavePrefix("conditions,"))
		Expect(field.Type).To(Equal(reflect.TypeFor[[]metav1.Condition]()))
	},
		Entry("a Directory", v1alpha1.DirectoryStatus{}), Entry("a User", v1alpha1.UserStatus{}),
		Entry("a Group", v1alpha1.GroupStatus{}), Entry("a Grant", v1alpha1.GrantStatus{}),
		Entry("a Lock", v1alpha1.LockStatus{}), Entry("an AccessRequest", v1alpha1.AccessRequestStatus{}),
		Entry("an Approval", v1alpha1.ApprovalStatus{}), Entry("a Session", v1alpha1.SessionStatus{}),
		Entry("an Installation", v1alpha1.InstallationStatus{}),
	)
	columns(s)
}

func obeys(ctx context.Context, s *stage, kind subject) {
	GinkgoHelper()
	s.create(ctx, localUser(presentUser),
		&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: installation.Namespace, Name: foreignSecret}})
	if kind.controller == grantController { // It would wait for them.
		s.reconcile(ctx, userController, localUser(presentUser))
	}
	for state, how := range map[string]func(client.Object){current: kind.touch, inProgress: kind.wait, failed: kind.stall} {
		if how == nil {
			continue
		}
		By("becoming " + state)
		object := kind.make(s.name("conforming"))
		s.create(ctx, object)
		Expect(observed(get(ctx, s.world, object))).To(HaveValue(BeEquivalentTo(-1)), "nobody has seen it")
		Expect(kstatus(object)).To(Equal(inProgress))
		s.conforms(ctx, kind, object, current)
		change(ctx, s.world, object, how)
		Expect(kstatus(object)).To(Equal(inProgress), "nobody has seen the change")
		s.conforms(ctx, kind, object, state)
	}
}

// conforms brings the status up to date and looks at it, and again, when nothing may be written.
func (s *stage) conforms(ctx context.Context, kind subject, object client.Object, state string) {
	GinkgoHelper()
	work := func() {
		if user, ok := object.(*v1alpha1.User); ok {
			s.reconcile(ctx, kind.controller, object)
			if user.Spec.Kubeconfig != nil {
				s.reconcile(ctx, credentialController, object)
			}
		}
		s.reconcile(ctx, kind.controller, object)
	}
	work()
	Expect(observed(get(ctx, s.world, object))).To(HaveValue(Equal(object.GetGeneration())))
	Expect(kstatus(object)).To(Equal(state), "%v", conditions(object))
	Expect(conditions(object)).NotTo(BeEmpty())
	for _, c := range conditions(object) {
		Expect(c.ObservedGeneration).To(Equal(object.GetGeneration()), c.Type)
		Expect(c.Message).NotTo(BeEmpty(), c.Type)
		if c.Type == v1alpha1.ConditionReconciling || c.Type == v1alpha1.ConditionStalled {
			Expect(c.Status).To(Equal(isTrue), c.Type+" is there only while it is true")
		}
	}
	mark := s.mark()
	work()
	Expect(s.writes(mark)).To(BeEmpty(), "what does not change is not written")
}

// columns are what kubectl shows.
func columns(s *stage) {
	header := func(ctx SpecContext, args ...string) string {
		GinkgoHelper()
		out, err := s.kubectl(ctx, append([]string{"get"}, args...)...)
		Expect(err).NotTo(HaveOccurred(), out)
		first, _, _ := strings.Cut(out, "\n")
		return strings.Join(strings.Fields(first), " ")
	}
	BeforeEach(func(ctx SpecContext) {
		name := s.name("shown")
		grant := grantOf(name, users(name)...)
		request := requestFor(name, grant, "shown")
		s.create(ctx, pausedDirectory(name), localUser(name), localGroup(name), grant, lockOn(name, v1alpha1.SubjectUser, "nobody"))
		Expect(s.almighty("shown").Create(ctx, request)).To(Succeed())
		DeferCleanup(func(ctx SpecContext) { s.delete(ctx, request) })
		approval := &v1alpha1.Approval{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: v1alpha1.ApprovalSpec{
			RequestRef: v1alpha1.RequestReference{Name: name, UID: string(request.UID)}, Decision: v1alpha1.DecisionDeny, Approver: "shown",
		}}
		Expect(s.almighty("shown").Create(ctx, approval)).To(Succeed())
		DeferCleanup(func(ctx SpecContext) { s.delete(ctx, approval) })
		s.reconcile(ctx, userController, localUser(name))
		current := strayed(name)
		Expect(s.operator().Create(ctx, current)).To(Succeed())
		DeferCleanup(func(ctx SpecContext) { s.delete(ctx, current) })
		s.reconcile(ctx, installationController, theInstallation())
	})

	DescribeTable("shows with kubectl get", func(ctx SpecContext, args []string, wanted string) {
		Expect(header(ctx, args...)).To(Equal(wanted))
	},
		Entry("users", []string{"users"}, "NAME USERNAME ACTIVE REASON CERT-EXPIRES LAST-SEEN AGE"),
		Entry("users -o wide", []string{"users", "-o", "wide"},
			"NAME USERNAME ACTIVE REASON CERT-EXPIRES LAST-SEEN AGE EMAIL GROUPS READY DIRECTORY MESSAGE"),
		Entry("dir", []string{"dir"}, "NAME READY REASON USERS GROUPS LAST-SYNC AGE"),
		Entry("dir -o wide", []string{"dir", "-o", "wide"}, "NAME READY REASON USERS GROUPS LAST-SYNC AGE CHANGES PENDING URL MESSAGE"),
		Entry("groups", []string{"groups"}, "NAME GROUP MEMBERS READY REASON AGE"),
		Entry("grants", []string{"grants"}, "NAME ROLE SCOPE SUBJECTS BINDINGS READY REASON EXPIRES LAST-USED AGE"),
		Entry("locks", []string{"locks"}, "NAME KIND TARGET USERS READY REASON EXPIRES AGE"),
		Entry("areq", []string{"areq"}, "NAME GRANT USERNAME ACTIVE REASON REVIEWED EXPIRES AGE"),
		Entry("approvals", []string{"approvals"}, "NAME REQUEST DECISION APPROVER READY REASON AGE"),
		Entry("sess", []string{"sess"}, "NAME USER DEVICE METHOD ACTIVE REASON CERT-EXPIRES LAST-SEEN AGE"),
		Entry("installations", []string{"installations"}, "NAME READY SIGNER SIGNER-READY CREDENTIALS-CHECKED LOGIN AGE"),
	)

	It("shows everything with kubectl get iam, with values in it", func(ctx SpecContext) {
		out, err := s.kubectl(ctx, "get", "iam", "--namespace="+installation.Namespace)
		Expect(err).NotTo(HaveOccurred())
		for _, kind := range []string{"directory", "user", "group", "grant", "lock", "accessrequest", "approval", "session"} {
			Expect(out).To(ContainSubstring(kind + ".iam.rollcall.dev/shown-"))
		}
		Expect(out).To(ContainSubstring("installation.iam.rollcall.dev/rollcall "))
		Expect(out).To(MatchRegexp(`user.iam.rollcall.dev/(shown-\d+) +shown-\d+ +True +Active +\d+s`))
	})
}
