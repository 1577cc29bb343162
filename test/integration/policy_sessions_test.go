// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package integration_test

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/session"
)

// policyOfSessions is about people who may write Sessions as far as RBAC goes, and what that comes to.
func policyOfSessions(w *world) {
	var (
		admin, gitops *person
		one           *v1alpha1.Session
	)
	BeforeAll(func(ctx SpecContext) {
		admin, gitops = w.person("identity-admin"), w.account(ctx, "default")
		admin.bound(ctx, "", "rollcall-identity-admin")
		Eventually(ctx, admin.can).WithArguments(ctx, ask{"patch", iamGroup + "/sessions", "", ""}).Should(BeTrue())
		gitops.gets(ctx, "", syncs())
	})
	BeforeEach(func(ctx SpecContext) {
		user := localUser(w.name("user"))
		w.create(ctx, user)
		user.Status.Username = user.Name
		one = w.begins(ctx, sessionOf(w.name("session"), user, "laptop"))
	})
	ended := func(by string) func(*v1alpha1.Session) {
		return func(s *v1alpha1.Session) { s.Spec.Termination = &v1alpha1.SessionTermination{By: by} }
	}

	It("let nobody but the operator create one", func(ctx SpecContext) {
		another := sessionOf(w.name("session"), &v1alpha1.User{ObjectMeta: metav1.ObjectMeta{Name: "a", UID: "u"}}, "")
		another.Spec.Username = "a"
		Expect(gitops.tries(ctx, another)).To(refusedBy("sessions", gitops.name, "may not create a Session"))
		Expect(w.operator().tries(ctx, another)).To(Succeed())
	})
	It("let admins of identities end one in their own name, and in no other's", func(ctx SpecContext) {
		Expect(admin.terminates(ctx, one, "lost laptop")).To(Succeed())
		Expect(get(ctx, w, one).Spec.Termination).To(HaveValue(Equal(v1alpha1.SessionTermination{By: admin.name, Reason: "lost laptop"})))
	})
	It("refuse to end one in the name of others", func(ctx SpecContext) {
		other := &person{Client: admin.Client, world: w, name: "bob"}
		Expect(other.terminates(ctx, one, "")).To(refusedBy("sessions", `write "`+admin.name+`" instead of "bob"`))
		Expect(triesOn(ctx, gitops, one, ended(one.Spec.Username))).To(refusedBy("sessions", "must be the one who ends"))
		Expect(get(ctx, w, one).Spec.Termination).To(BeNil())
	})
	It("let the operator end one by whoever logs out", func(ctx SpecContext) {
		out := &person{Client: w.operator().Client, world: w, name: one.Spec.Username}
		Expect(out.terminates(ctx, one, "")).To(Succeed())
		Expect(get(ctx, w, one).Spec.Termination.By).To(Equal(one.Spec.Username))
	})
	It("refuse to change anything else", func(ctx SpecContext) {
		Expect(triesOn(ctx, gitops, one, func(s *v1alpha1.Session) {
			s.Spec.Username = "somebody-else"
			ended(gitops.name)(s)
		})).To(MatchError(ContainSubstring("whose a Session is, and what it rests on, is immutable")))
	})
	It("leave metadata free, and deletion in the foreground", func(ctx SpecContext) {
		Expect(triesOn(ctx, gitops, one, func(s *v1alpha1.Session) { s.Labels = map[string]string{"team": "a"} })).To(Succeed())
		Expect(admin.Delete(ctx, one, client.PropagationPolicy(metav1.DeletePropagationForeground))).To(Succeed())
		Eventually(ctx, func() bool { return w.gone(ctx, one) }).Should(BeTrue())
	})
}

func policyOfInstallations(w *world) {
	It("let nobody but the operator write it", func(ctx SpecContext) {
		gitops := w.account(ctx, "default")
		gitops.gets(ctx, "", syncs())
		installation := &v1alpha1.Installation{ObjectMeta: metav1.ObjectMeta{Name: v1alpha1.InstallationName}}
		Expect(gitops.tries(ctx, installation.DeepCopy())).To(refusedBy("installations", gitops.name, "may not write the Installation"))
		Expect(w.operator().Create(ctx, installation)).To(Succeed())
		DeferCleanup(func(ctx SpecContext) { w.delete(ctx, installation) })
		Expect(triesOn(ctx, gitops, installation, func(i *v1alpha1.Installation) { i.Labels = map[string]string{"a": "b"} })).
			To(refusedBy("installations"))
		Expect(gitops.Delete(ctx, installation, client.PropagationPolicy(metav1.DeletePropagationForeground))).To(Succeed())
		Eventually(ctx, func() bool { return w.gone(ctx, installation) }).Should(BeTrue())
	})
}

// policyOfDevices is about the keys by which people log in: who enrols one can be that person.
func policyOfDevices(w *world) {
	const (
		key   = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g"
		other = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj9A"
	)
	var (
		writer, minter *person
		one            *v1alpha1.User
	)
	enrol := func(name, key string) func(*v1alpha1.User) {
		return func(u *v1alpha1.User) {
			u.Spec.Devices = append(u.Spec.Devices, v1alpha1.Device{Name: name, PublicKey: key})
		}
	}
	BeforeAll(func(ctx SpecContext) {
		one = localUser(w.name("user"))
		enrol("laptop", key)(one)
		w.create(ctx, one)
		writer, minter = w.person("writer"), w.person("minter")
		writer.gets(ctx, "", syncs())
		minter.gets(ctx, "", syncs(), rule(iamGroup, "users", []string{one.Name}, "mint"))
	})
	It("refuse to enrol one without verb mint", func(ctx SpecContext) {
		Expect(triesOn(ctx, writer, one, enrol("phone", other))).
			To(refusedBy("users", writer.name, "may not enrol a key in spec.devices", `verb mint on users "`+one.Name+`"`))
		user := localUser(w.name("user"))
		enrol("laptop", key)(user)
		Expect(writer.tries(ctx, user)).To(refusedBy("users", "spec.devices", user.Name))
	})
	It("refuse to put another key under a name that is enrolled", func(ctx SpecContext) {
		Expect(triesOn(ctx, writer, one, func(u *v1alpha1.User) { u.Spec.Devices[0].PublicKey = other })).To(refusedBy("users", "spec.devices"))
	})
	It("keep who may mint for one User to that one", func(ctx SpecContext) {
		Expect(triesOn(ctx, minter, one, enrol("phone", other))).To(Succeed())
		user := localUser(w.name("user"))
		user.Spec.UserName = one.Name + "-not"
		enrol("laptop", key)(user)
		Expect(minter.tries(ctx, user)).To(refusedBy("users", "spec.devices"))
	})
	It("compare as many as there may be, with keys as long as they may be", func(ctx SpecContext) {
		user := localUser(w.name("user"))
		for i := range 16 {
			enrol(fmt.Sprint("device-", i), "ssh-rsa AAAA"+strings.Repeat("A", 4080)+strconv.FormatInt(int64(i), 16))(user)
		}
		w.create(ctx, user)
		Expect(triesOn(ctx, writer, user, func(u *v1alpha1.User) { u.Spec.State = v1alpha1.UserSuspended })).To(Succeed())
		Expect(triesOn(ctx, writer, user, func(u *v1alpha1.User) { u.Spec.Devices[15].PublicKey = other })).
			To(refusedBy("users", "spec.devices"))
	})
	It("let anybody who may write Users take one away, and leave them as they are", func(ctx SpecContext) {
		Expect(triesOn(ctx, writer, one, func(u *v1alpha1.User) { u.Spec.Devices = nil })).To(Succeed())
		Expect(triesOn(ctx, writer, one, func(u *v1alpha1.User) { u.Spec.State = v1alpha1.UserSuspended })).To(Succeed())
	})
}

// policyOfLocks is about certificates that Locks name: admission is asked about writes, and about streams into containers.
func policyOfLocks(w *world) {
	var (
		managed, colleague *certified
		outsider           *person
		lock               *v1alpha1.Lock
		namespace          string
		pod                *corev1.Pod
	)
	configMap := func() *corev1.ConfigMap {
		return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: w.name("map")}}
	}
	// executes asks for a stream into the Pod, which runs nowhere: who gets past admission is told so.
	executes := func(ctx SpecContext, config *rest.Config) error {
		GinkgoHelper()
		set, err := kubernetes.NewForConfig(config)
		Expect(err).NotTo(HaveOccurred())
		return set.CoreV1().RESTClient().Post().Namespace(namespace).Resource("pods").Name(pod.Name).SubResource("exec").
			VersionedParams(&corev1.PodExecOptions{Command: []string{"true"}, Stdout: true}, scheme.ParameterCodec).Do(ctx).Error()
	}
	// forbids names certificates in the Lock's status, as the operator does, and waits until that is known.
	forbids := func(ctx SpecContext, fingerprints ...string) {
		GinkgoHelper()
		before := get(ctx, w, lock).DeepCopy()
		lock.Status.Credentials = nil
		for _, fingerprint := range fingerprints {
			lock.Status.Credentials = append(lock.Status.Credentials, session.CredentialID(fingerprint))
		}
		Expect(w.operator().Status().Patch(ctx, lock, client.MergeFrom(before))).To(Succeed())
	}
	BeforeAll(func(ctx SpecContext) {
		namespace = w.namespace(ctx, nil).Name
		managed, colleague, outsider = w.certify(w.name("managed")), w.certify(w.name("colleague")), w.person("outsider")
		for _, p := range []*person{managed.person, colleague.person, outsider} {
			p.gets(ctx, namespace, rule("", "configmaps", nil, "get", "list", "create", "update", "delete"), rule("", "pods/exec", nil, "create"))
		}
		pod = &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "pod"},
			Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "c", Image: "none"}}},
		}
		Eventually(ctx, func() error { return w.admin.Create(ctx, pod) }).Should(Succeed(), "the namespace has its ServiceAccount")
		w.create(ctx, lockOn(w.name("lock"), v1alpha1.SubjectUser, "another"), lockOn(w.name("lock"), v1alpha1.SubjectUser, "third"))
	})
	BeforeEach(func(ctx SpecContext) {
		lock = lockOn(w.name("lock"), v1alpha1.SubjectUser, managed.name)
		w.create(ctx, lock)
	})

	It("refuse that certificate's writes and streams, let it read, and refuse nobody else's", func(ctx SpecContext) {
		kept := configMap()
		w.create(ctx, kept)
		Expect(managed.tries(ctx, configMap())).To(Succeed())
		Expect(executes(ctx, managed.config)).To(MatchError(ContainSubstring("does not have a host assigned")))

		forbids(ctx, managed.fingerprint)
		began := time.Now()
		Eventually(ctx, func() error { return managed.tries(ctx, configMap()) }).WithPolling(time.Millisecond).
			Should(refusedBy("locks", managed.name, `Lock "`+lock.Name+`"`, "lost laptop"))
		AddReportEntry("measured", "from the Lock's status to the first refused write: "+time.Since(began).Round(time.Millisecond).String())
		Expect(executes(ctx, managed.config)).To(refusedBy("locks", lock.Name))
		Expect(managed.Update(ctx, kept.DeepCopy(), client.DryRunAll)).To(refusedBy("locks"))
		Expect(managed.Delete(ctx, kept.DeepCopy(), client.DryRunAll)).To(refusedBy("locks"))
		Expect(managed.Get(ctx, clientKey(kept), kept)).To(Succeed(), "reads are not admission's")

		again := w.certify(managed.name)
		Expect(again.tries(ctx, configMap())).To(Succeed(), "another certificate of the same person is another credential")
		Expect(colleague.tries(ctx, configMap())).To(Succeed())
		Expect(outsider.tries(ctx, configMap())).To(Succeed())
		Expect(executes(ctx, colleague.config)).NotTo(WithTransform(apierrors.IsForbidden, BeTrue()))
	})
	It("give back what the Lock took, once it is lifted", func(ctx SpecContext) {
		forbids(ctx, managed.fingerprint)
		Eventually(ctx, func() error { return managed.tries(ctx, configMap()) }).Should(refusedBy("locks"))
		w.delete(ctx, lock)
		Eventually(ctx, func() error { return managed.tries(ctx, configMap()) }).Should(Succeed())
	})
	It("look through as many credentials as a Lock can name", func(ctx SpecContext) {
		many := make([]string, 0, 512)
		for len(many) < 511 {
			many = append(many, fingerprintOf(w.name("certificate")))
		}
		forbids(ctx, append(many, managed.fingerprint)...)
		Eventually(ctx, func() error { return managed.tries(ctx, configMap()) }).Should(refusedBy("locks"))
		Expect(colleague.tries(ctx, configMap())).To(Succeed())
	})
	It("ignore failures, which would concern everybody: an API server finds them before it looks at who asks", func(ctx SpecContext) {
		ours := &admissionregistrationv1.ValidatingAdmissionPolicy{ObjectMeta: metav1.ObjectMeta{Name: "rollcall-locks"}}
		policy := &admissionregistrationv1.ValidatingAdmissionPolicy{
			ObjectMeta: metav1.ObjectMeta{Name: w.name("policy")}, Spec: *get(ctx, w, ours).Spec.DeepCopy(),
		}
		policy.Spec.ParamKind.Kind = "NotThere"
		policy.Spec.FailurePolicy = new(admissionregistrationv1.Fail)
		policy.Spec.MatchConstraints.ResourceRules[0].Rule = admissionregistrationv1.Rule{
			APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"configmaps"},
		}
		policy.Spec.MatchConstraints.NamespaceSelector = &metav1.LabelSelector{
			MatchLabels: map[string]string{corev1.LabelMetadataName: namespace},
		}
		w.create(ctx, policy, &admissionregistrationv1.ValidatingAdmissionPolicyBinding{
			ObjectMeta: metav1.ObjectMeta{Name: policy.Name},
			Spec: admissionregistrationv1.ValidatingAdmissionPolicyBindingSpec{
				PolicyName: policy.Name, ValidationActions: []admissionregistrationv1.ValidationAction{admissionregistrationv1.Deny},
				ParamRef: &admissionregistrationv1.ParamRef{
					Selector: &metav1.LabelSelector{}, ParameterNotFoundAction: new(admissionregistrationv1.AllowAction),
				},
			},
		})
		writes := func() error { return w.admin.Create(ctx, configMap(), client.DryRunAll) }
		Eventually(ctx, writes).Should(MatchError(ContainSubstring("failed to find resource referenced by paramKind")), "system:masters")
		change(ctx, w, policy, func(p *admissionregistrationv1.ValidatingAdmissionPolicy) {
			p.Spec.FailurePolicy = get(ctx, w, ours).Spec.FailurePolicy
		})
		Eventually(ctx, writes).Should(Succeed())
		Consistently(ctx, writes).Should(Succeed())
	})
	It("concern managed people only, whatever a Lock names", func(ctx SpecContext) {
		config, err := w.plane.User(outsider.name)
		Expect(err).NotTo(HaveOccurred())
		unmanaged := w.as(outsider.name, config)
		set, err := kubernetes.NewForConfig(config)
		Expect(err).NotTo(HaveOccurred())
		me, err := set.AuthenticationV1().SelfSubjectReviews().Create(ctx, &authenticationv1.SelfSubjectReview{}, metav1.CreateOptions{})
		Expect(err).NotTo(HaveOccurred())
		own, certificate := session.Fingerprint(me.Status.UserInfo.Extra[session.CredentialKey][0])
		Expect(certificate).To(BeTrue())
		forbids(ctx, own, managed.fingerprint)
		Eventually(ctx, func() error { return managed.tries(ctx, configMap()) }).Should(refusedBy("locks"))
		Expect(unmanaged.tries(ctx, configMap())).To(Succeed())
	})
}
