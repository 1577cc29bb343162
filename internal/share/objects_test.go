// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package share

import (
	"encoding/json"
	"fmt"
	"runtime"
	"testing"
	"time"
	"unsafe"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/cache"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
)

// since is when all of it happened.
var since = metav1.NewTime(time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC).Local())

func conditions(messages ...string) []metav1.Condition {
	list := make([]metav1.Condition, 0, len(messages))
	for i, message := range messages {
		list = append(list, metav1.Condition{
			Type: fmt.Sprintf("Type%d", i), Status: metav1.ConditionTrue, Reason: "Reason", Message: message, ObservedGeneration: 1,
			LastTransitionTime: since,
		})
	}
	return list
}

func meta(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{
		Name: name, UID: "9c0e94e1-7e5b-4c41-b0f7-3ba1b6b9a6a1", ResourceVersion: "17", Generation: 1, CreationTimestamp: since,
		Labels:      map[string]string{v1alpha1.LabelDirectory: "corp"},
		Annotations: map[string]string{"note": name},
		Finalizers:  []string{"iam.rollcall.dev/directory"},
		OwnerReferences: []metav1.OwnerReference{{
			APIVersion: "iam.rollcall.dev/v1alpha1", Kind: "Directory", Name: "corp", UID: "6f9d7a52-0c1f-4d8e-9f3b-2a7c5e8b1d04",
		}},
	}
}

func user(name string) *v1alpha1.User {
	return &v1alpha1.User{
		TypeMeta:   metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: "User"},
		ObjectMeta: meta(name),
		Spec: v1alpha1.UserSpec{
			UserName: name, DirectoryRef: &v1alpha1.NameReference{Name: "corp"}, State: v1alpha1.UserActive,
			Devices: []v1alpha1.Device{{Name: "laptop"}},
		},
		Status: v1alpha1.UserStatus{
			Conditions: conditions("the directory has this person, and nothing keeps them out", "all is well"), ObservedGeneration: new(int64(1)),
			Username: "corp:" + name, Groups: []string{"corp:all", "corp:payments"}, Grants: []string{"view"},
			Identity: &v1alpha1.Identity{
				ID: "id of " + name, DisplayName: "Somebody called " + name, Email: name + "@corp.example", State: v1alpha1.IdentityPresent,
				Groups: []string{"all", "payments"},
			},
		},
	}
}

// renamed is a User with three names that have nothing in common.
func renamed() *v1alpha1.User {
	u := user("alice")
	u.Name, u.Status.Username = "alice-2", "corp:alicia"
	return u
}

func group(name string) *v1alpha1.Group {
	return &v1alpha1.Group{
		TypeMeta: metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: "Group"}, ObjectMeta: meta(name),
		Spec: v1alpha1.GroupSpec{GroupName: name, DirectoryRef: &v1alpha1.NameReference{Name: "corp"}},
		Status: v1alpha1.GroupStatus{
			Conditions: conditions("the directory has this group"), GroupName: "corp:" + name, State: v1alpha1.IdentityPresent,
		},
	}
}

func session(name string) *v1alpha1.Session {
	return &v1alpha1.Session{
		TypeMeta: metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: "Session"}, ObjectMeta: meta(name),
		Spec:   v1alpha1.SessionSpec{Username: "corp:" + name, Custody: v1alpha1.CustodyClient},
		Status: v1alpha1.SessionStatus{Conditions: conditions("it goes on")},
	}
}

// decoded is an object as a client gets it.
func decoded[T any](object *T) *T {
	GinkgoHelper()
	data, err := json.Marshal(object)
	Expect(err).NotTo(HaveOccurred())
	fresh := new(T)
	Expect(json.Unmarshal(data, fresh)).To(Succeed())
	return fresh
}

var _ = Describe("An object", func() {
	var p *Pool
	BeforeEach(func() { p = &Pool{} })

	DescribeTable("has the same content as before, also where it is shown again", func(object, same any) {
		p.Object(object)
		Expect(object).To(Equal(same))
		p.Object(object)
		Expect(object).To(Equal(same))
	},
		Entry("a User", decoded(user("alice")), user("alice")),
		Entry("a User of whom nothing is known", &v1alpha1.User{}, &v1alpha1.User{}),
		Entry("a User whose names are others", renamed(), renamed()),
		Entry("a Group", decoded(group("payments")), group("payments")),
		Entry("a Group without anything", &v1alpha1.Group{}, &v1alpha1.Group{}),
		Entry("a Session", decoded(session("s")), session("s")),
		Entry("a Session without anything", &v1alpha1.Session{}, &v1alpha1.Session{}),
		Entry("another kind", &corev1.Secret{ObjectMeta: meta("s")}, &corev1.Secret{ObjectMeta: meta("s")}),
	)

	It("shares what many Users have", func() {
		alice, bob := decoded(user("alice")), decoded(user("bob"))
		p.Object(alice)
		p.Object(bob)
		for _, of := range []func(*v1alpha1.User) string{
			func(u *v1alpha1.User) string { return u.Kind },
			func(u *v1alpha1.User) string { return u.APIVersion },
			func(u *v1alpha1.User) string { return u.Finalizers[0] },
			func(u *v1alpha1.User) string { return u.OwnerReferences[0].APIVersion },
			func(u *v1alpha1.User) string { return u.OwnerReferences[0].Kind },
			func(u *v1alpha1.User) string { return u.OwnerReferences[0].Name },
			func(u *v1alpha1.User) string { return string(u.OwnerReferences[0].UID) },
			func(u *v1alpha1.User) string { return u.Spec.DirectoryRef.Name },
			func(u *v1alpha1.User) string { return string(u.Spec.State) },
			func(u *v1alpha1.User) string { return u.Status.Conditions[0].Type },
			func(u *v1alpha1.User) string { return string(u.Status.Conditions[0].Status) },
			func(u *v1alpha1.User) string { return u.Status.Conditions[1].Reason },
			func(u *v1alpha1.User) string { return u.Status.Conditions[1].Message },
			func(u *v1alpha1.User) string { return string(u.Status.Identity.State) },
		} {
			Expect(of(bob)).To(beTheSameAs(of(alice)))
		}
		Expect(bob.Labels).To(beTheMap(alice.Labels))
		for _, of := range []func(*v1alpha1.User) []string{
			func(u *v1alpha1.User) []string { return u.Status.Groups },
			func(u *v1alpha1.User) []string { return u.Status.Grants },
			func(u *v1alpha1.User) []string { return u.Status.Identity.Groups },
		} {
			Expect(unsafe.SliceData(of(bob))).To(BeIdenticalTo(unsafe.SliceData(of(alice))))
		}
	})

	It("has one copy of a name that a User has three times", func() {
		alice := decoded(user("alice"))
		p.Object(alice)
		Expect(alice.Spec.UserName).To(beTheSameAs(alice.Status.Username[len("corp:"):]))
		Expect(alice.Name).To(beTheSameAs(alice.Spec.UserName))
	})

	It("has no room for more conditions and owners than there are", func() {
		alice := decoded(user("alice"))
		alice.Status.Conditions = append(make([]metav1.Condition, 0, 4), alice.Status.Conditions...)
		alice.OwnerReferences = append(make([]metav1.OwnerReference, 0, 4), alice.OwnerReferences...)
		p.Object(alice)
		Expect(alice).To(Equal(user("alice")))
		Expect(alice.Status.Conditions).To(HaveCap(2))
		Expect(alice.OwnerReferences).To(HaveCap(1))
	})

	It("shares what many Groups and Sessions have", func() {
		first, second := decoded(group("a")), decoded(group("b"))
		p.Object(first)
		p.Object(second)
		Expect(second.Spec.DirectoryRef.Name).To(beTheSameAs(first.Spec.DirectoryRef.Name))
		Expect(string(second.Status.State)).To(beTheSameAs(string(first.Status.State)))
		Expect(second.Status.Conditions[0].Message).To(beTheSameAs(first.Status.Conditions[0].Message))
		Expect(second.Labels).To(beTheMap(first.Labels))

		one, other := decoded(session("a")), decoded(session("b"))
		p.Object(one)
		p.Object(other)
		Expect(string(other.Spec.Custody)).To(beTheSameAs(string(one.Spec.Custody)))
		Expect(other.Status.Conditions[0].Message).To(beTheSameAs(one.Status.Conditions[0].Message))
		Expect(other.Labels).To(beTheMap(one.Labels))
	})

	It("that an informer saw last is left as it is", func() {
		alice := decoded(user("alice"))
		labels := alice.Labels
		p.Labels(map[string]string{v1alpha1.LabelDirectory: "corp"})
		p.Object(cache.DeletedFinalStateUnknown{Key: "alice", Obj: alice})
		Expect(alice.Labels).To(beTheMap(labels))
		Expect(alice).To(Equal(user("alice")))
	})

	It("can be copied and changed without the others", func() {
		alice, bob := decoded(user("alice")), decoded(user("bob"))
		p.Object(alice)
		p.Object(bob)
		changed := alice.DeepCopy()
		changed.Labels["x"], changed.Status.Groups[0], changed.Status.Conditions[0].Message = "y", "z", "other"
		Expect(bob).To(Equal(user("bob")))
		Expect(alice).To(Equal(user("alice")))
	})
})

// BenchmarkUsers tells how many bytes a User takes that was decoded, by itself and with others like it.
func BenchmarkUsers(b *testing.B) {
	RegisterTestingT(b)
	for name, share := range map[string]func(any){"decoded": func(any) {}, "shared": new(Pool).Object} {
		b.Run(name, func(b *testing.B) {
			users := make([]*v1alpha1.User, 0, b.N)
			data := make([][]byte, 0, 1000)
			for i := range cap(data) {
				text, err := json.Marshal(user(fmt.Sprintf("user-%d", i)))
				Expect(err).NotTo(HaveOccurred())
				data = append(data, text)
			}
			before := inUse()
			for i := range b.N {
				u := &v1alpha1.User{}
				Expect(json.Unmarshal(data[i%len(data)], u)).To(Succeed())
				share(u)
				users = append(users, u)
			}
			b.ReportMetric(float64(inUse()-before)/float64(b.N), "B/user")
			runtime.KeepAlive(users)
		})
	}
}

func inUse() int64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}
