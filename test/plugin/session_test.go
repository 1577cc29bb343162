// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package plugin_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gbytes"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
)

// sessionOf is a Session of a User that goes on, with a certificate for ten minutes.
func sessionOf(ctx context.Context, user *v1alpha1.User, device string) *v1alpha1.Session {
	GinkgoHelper()
	session := &v1alpha1.Session{ObjectMeta: metav1.ObjectMeta{Name: name(user.Name)}, Spec: v1alpha1.SessionSpec{
		UserRef: v1alpha1.UserReference{Name: user.Name, UID: string(user.UID)}, Username: user.Name, Device: device,
		KeyFingerprint: strings.Repeat("ab", 32), Custody: v1alpha1.CustodyClient,
		Authentication: v1alpha1.SessionAuthentication{Method: v1alpha1.MethodOIDC, Time: metav1.Now()},
	}}
	create(ctx, session)
	state(ctx, session, func(s *v1alpha1.Session) {
		s.Status.Certificates = []v1alpha1.SessionCertificate{{
			Fingerprint: strings.Repeat("cd", 32), SerialNumber: "1", NotBefore: metav1.Now(),
			NotAfter: metav1.NewTime(time.Now().Add(10 * time.Minute)),
		}}
		s.Status.Issued = new(int32(1))
		s.Status.LastSeenTime = new(metav1.Now())
		s.Status.Conditions = []metav1.Condition{condition(s, v1alpha1.ConditionActive, metav1.ConditionTrue, v1alpha1.ReasonActive,
			"it goes on")}
	})
	return session
}

// endedWith is what the operator writes of a Session that was told to end.
func endedWith(conditions ...metav1.Condition) func(*v1alpha1.Session) {
	return func(s *v1alpha1.Session) {
		s.Status.EndTime, s.Status.EndReason, s.Status.EndedBy = new(metav1.Now()), v1alpha1.ReasonTerminated, "carol"
		s.Status.Conditions = append([]metav1.Condition{}, conditions...)
		s.Status.Conditions = append(s.Status.Conditions,
			condition(s, v1alpha1.ConditionActive, metav1.ConditionFalse, v1alpha1.ReasonTerminated, "carol ended it"))
	}
}

var _ = Describe("kubectl rollcall sessions", func() {
	var (
		alice, bob         *v1alpha1.User
		going, over, other *v1alpha1.Session
		reader             person
	)
	BeforeEach(func(ctx SpecContext) {
		alice, bob = localUser(ctx, name("alice")), localUser(ctx, name("bob"))
		going, over, other = sessionOf(ctx, alice, "laptop"), sessionOf(ctx, alice, ""), sessionOf(ctx, bob, "laptop")
		state(ctx, over, endedWith())
		reader = as("reader", readers)
	})

	It("lists those that go on", func() {
		out := reader.gets("sessions")
		Expect(out).To(SatisfyAll(
			MatchRegexp(`^NAME +USER +DEVICE +METHOD +STATE +CERT-EXPIRES +LAST-SEEN +AGE\n`),
			MatchRegexp(going.Name+` +`+alice.Name+` +laptop +OIDC +Active +in (10m|9m\d+s) +\d+s ago +\d+s\n`),
			ContainSubstring(other.Name), Not(ContainSubstring(over.Name))))
	})

	It("lists one person's, ended ones too, with all that is known", func() {
		Expect(reader.gets("sessions", alice.Name)).To(SatisfyAll(ContainSubstring(going.Name), Not(ContainSubstring(other.Name))))
		Expect(reader.gets("sessions", alice.Name, "--all", "-o", "wide")).To(SatisfyAll(
			MatchRegexp(`AGE +USERNAME +CUSTODY +ISSUED +ENDED-BY +MESSAGE\n`),
			MatchRegexp(over.Name+` +`+alice.Name+` +<none> +OIDC +Terminated .* Client +1 +carol +carol ended it\n`)))
		Expect(reader.runs("sessions", "nobody")).To(Equal(said{Err: "No sessions found.\n"}))
	})

	It("prints them for programs", func() {
		var list v1alpha1.SessionList
		Expect(json.Unmarshal([]byte(reader.gets("sessions", alice.Name, "-o", "json")), &list)).To(Succeed())
		Expect(list.Items).To(HaveLen(1))
		Expect(list.Items[0]).To(SatisfyAll(HaveField("Name", going.Name), HaveField("Kind", "Session")))
	})

	It("needs the right to list them", func() {
		Expect(as("nobody").fails("sessions")).To(ContainSubstring(`cannot list resource "sessions"`))
	})

	It("completes the names of those that can be ended", func() {
		Expect(reader.gets("__complete", "terminate", alice.Name)).To(SatisfyAll(HavePrefix(going.Name+"\n"), Not(ContainSubstring(over.Name))))
		Expect(reader.gets("__complete", "lock", "session/"+alice.Name)).To(HavePrefix("session/" + going.Name + "\n"))
		Expect(reader.gets("__complete", "lock", "device/")).To(HavePrefix("device/laptop\n"))
	})
})

var _ = Describe("kubectl rollcall terminate", func() {
	var (
		alice   *v1alpha1.User
		session *v1alpha1.Session
		carol   person
	)
	BeforeEach(func(ctx SpecContext) {
		alice = localUser(ctx, name("alice"))
		session = sessionOf(ctx, alice, "laptop")
		carol = as("carol", readers, enders)
	})

	told := func(ctx SpecContext, session *v1alpha1.Session) {
		GinkgoHelper()
		Eventually(ctx, func(g Gomega) {
			g.Expect(admin.Get(ctx, client.ObjectKeyFromObject(session), session)).To(Succeed())
			g.Expect(session.Spec.Termination).To(Equal(&v1alpha1.SessionTermination{By: "carol", Reason: "laptop lost"}))
		}).Should(Succeed())
	}

	It("ends a session in the caller's name, and tells layer by layer what that does", func(ctx SpecContext) {
		run := carol.starts("terminate", session.Name, "--reason", "laptop lost")
		told(ctx, session)
		state(ctx, session, endedWith(
			condition(session, v1alpha1.ConditionRenewalRefused, metav1.ConditionTrue, v1alpha1.ReasonEnded, "no certificate is issued any more"),
			condition(session, v1alpha1.ConditionBindingsWithdrawn, metav1.ConditionFalse, v1alpha1.ReasonUserActive, ""),
			condition(session, v1alpha1.ConditionCredentialDenied, metav1.ConditionFalse, v1alpha1.ReasonWebhookNotAsked, ""),
			condition(session, v1alpha1.ConditionWritesDenied, metav1.ConditionFalse, v1alpha1.ReasonNotLocked, ""),
		))
		Expect(ended(run)).To(SatisfyAll(HaveField("Code", 0), HaveField("Err", ""), HaveField("Out", MatchRegexp(
			`^session `+session.Name+` is told to end, by carol\n`+
				`  ✓  no certificate is issued any more\n`+
				`  ✗  bindings name the user, who stays active\n`+
				`  ✗  API servers do not ask about certificates\n`+
				`  ✗  no lock denies its writes\n`+
				`  \?  not known yet: its certificates have expired\n`+
				`its last certificate works until \S+ \S+ \(in (10m|9m\d+s|9m)\), for what bindings give `+alice.Name+`\n`+
				`to deny its writes until then: kubectl rollcall lock session/`+session.Name+` --reason ...\n`+
				`to keep the person out: kubectl rollcall lock user/`+alice.Name+` --reason ...\n$`))))
	})

	It("says so where API servers deny the certificate", func(ctx SpecContext) {
		run := carol.starts("terminate", session.Name, "--reason", "laptop lost")
		told(ctx, session)
		state(ctx, session, endedWith(condition(session, v1alpha1.ConditionCredentialDenied, metav1.ConditionTrue,
			v1alpha1.ReasonWebhookAsked, "")))
		Expect(ended(run)).To(SatisfyAll(HaveField("Code", 0), HaveField("Out", SatisfyAll(
			ContainSubstring("✓  API servers ask, and every request is denied\n"), ContainSubstring("denied wherever API servers ask"),
			Not(ContainSubstring("kubectl rollcall lock"))))))
	})

	It("ends all of a person's, and prints them for programs", func(ctx SpecContext) {
		second := sessionOf(ctx, alice, "tower")
		run := carol.starts("terminate", "--user", alice.Name, "--reason", "laptop lost", "-o", "json")
		for _, s := range []*v1alpha1.Session{session, second} {
			told(ctx, s)
			state(ctx, s, endedWith())
		}
		result := ended(run)
		Expect(result.Code).To(BeZero())
		var list v1alpha1.SessionList
		Expect(json.Unmarshal([]byte(result.Out), &list)).To(Succeed())
		Expect(list.Items).To(HaveLen(2))
		Expect(carol.fails("terminate", "--user", alice.Name, "--reason", "x")).To(ContainSubstring("has no session that goes on"))
	})

	It("leaves those of kubeconfig Secrets, in whose place the operator would begin others", func(ctx SpecContext) {
		state(ctx, session, endedWith())
		managed := &v1alpha1.Session{ObjectMeta: metav1.ObjectMeta{Name: name(alice.Name)}, Spec: v1alpha1.SessionSpec{
			UserRef: session.Spec.UserRef, Username: alice.Name, Custody: v1alpha1.CustodyServer,
			Authentication: v1alpha1.SessionAuthentication{Method: v1alpha1.MethodManaged, Time: metav1.Now()},
		}}
		create(ctx, managed)
		Expect(carol.fails("terminate", "--user", alice.Name, "--reason", "x")).To(SatisfyAll(
			ContainSubstring(managed.Name), ContainSubstring("kubectl rollcall lock user/"+alice.Name)))
		Expect(admin.Get(ctx, client.ObjectKeyFromObject(managed), managed)).To(Succeed())
		Expect(managed.Spec.Termination).To(BeNil())
	})

	It("does not end twice, and tells how it is", func(ctx SpecContext) {
		state(ctx, session, endedWith())
		Expect(carol.runs("terminate", session.Name, "--reason", "x")).To(SatisfyAll(HaveField("Code", 0),
			HaveField("Out", HavePrefix("session "+session.Name+" had ended (Terminated, by carol)\n"))))
		Expect(admin.Get(ctx, client.ObjectKeyFromObject(session), session)).To(Succeed())
		Expect(session.Spec.Termination).To(BeNil())
	})

	It("goes through while the operator writes the status all the time", func(ctx SpecContext) {
		busy, stop := context.WithCancel(ctx)
		defer stop()
		go func() {
			for busy.Err() == nil {
				seen := &v1alpha1.Session{}
				if admin.Get(busy, client.ObjectKeyFromObject(session), seen) == nil {
					seen.Status.LastSeenTime = new(metav1.Now())
					seen.Status.Issued = new(*seen.Status.Issued + 1)
					_ = admin.Status().Update(busy, seen)
				}
			}
		}()
		run := carol.starts("terminate", session.Name, "--reason", "laptop lost")
		Eventually(run).Should(gbytes.Say("told to end, by carol"))
		stop()
		told(ctx, session)
		run.Kill()
	})

	It("ends no other session that has its name, and says who was faster", func(ctx SpecContext) {
		uid := session.UID
		patch := func(uid types.UID, by string) error {
			text := fmt.Sprintf(`{"metadata":{"uid":%q},"spec":{"termination":{"by":%q}}}`, uid, by)
			return admin.Patch(ctx, session, client.RawPatch(types.MergePatchType, []byte(text)))
		}
		Expect(apierrors.IsInvalid(patch("another", "carol"))).To(BeTrue())
		Expect(patch(uid, "dave")).To(Succeed())
		Expect(apierrors.IsInvalid(patch(uid, "carol"))).To(BeTrue())
		Expect(carol.starts("terminate", session.Name, "--reason",
			"x").Wait("10s").Out).To(gbytes.Say("session " + session.Name + " had ended"))
	})

	DescribeTable("says what is wrong", func(complaint string, args ...string) {
		Expect(as("carol", readers, enders).fails(args...)).To(ContainSubstring(complaint))
	},
		Entry("nothing", "which session to end", "terminate", "--reason", "x"),
		Entry("two things", "which session to end", "terminate", "a", "--user", "b", "--reason", "x"),
		Entry("no reason", "say why, with --reason", "terminate", "a"),
		Entry("no such session", `there is no session "nothing"`, "terminate", "nothing", "--reason", "x"),
	)

	It("needs the right to", func() {
		Expect(as("reader", readers).fails("terminate", session.Name, "--reason", "x")).To(ContainSubstring(`cannot patch resource "sessions"`))
	})
})

var _ = Describe("kubectl rollcall lock, of sessions and devices", func() {
	DescribeTable("keeps one out", func(ctx SpecContext, kind v1alpha1.LockTargetKind) {
		alice := localUser(ctx, name("alice"))
		session := sessionOf(ctx, alice, "LT-"+fmt.Sprint(time.Now().UnixNano()))
		target := v1alpha1.LockTarget{Kind: kind, Name: session.Name}
		if kind == v1alpha1.LockDevice {
			target.Name = session.Spec.Device
		}
		argument := strings.ToLower(string(kind)) + "/" + target.Name
		guard := as("guard", guards, readers)
		run := guard.starts("lock", argument, "--reason", "x")
		lock := &v1alpha1.Lock{}
		Eventually(ctx, func(g Gomega) {
			var list v1alpha1.LockList
			g.Expect(admin.List(ctx, &list)).To(Succeed())
			for i := range list.Items {
				if list.Items[i].Spec.Target == target {
					lock = &list.Items[i]
				}
			}
			g.Expect(lock.Name).NotTo(BeEmpty())
		}).Should(Succeed())
		state(ctx, lock, func(l *v1alpha1.Lock) {
			l.Status.Sessions = new(int32(1))
			l.Status.Conditions = []metav1.Condition{condition(l, v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonLocked, "")}
		})
		Expect(ended(run)).To(SatisfyAll(HaveField("Code", 0), HaveField("Err", ""), HaveField("Out",
			HaveSuffix("it keeps "+argument+" out; sessions that it ended and whose certificates are still valid, without writes: 1\n"))))
		Expect(guard.gets("unlock", argument)).To(ContainSubstring("lock " + lock.Name + " on " + argument + " ended"))
	},
		Entry("a session", v1alpha1.LockSession),
		Entry("a device", v1alpha1.LockDevice),
	)

	It("does not keep out what is not there", func() {
		guard := as("guard", guards, readers)
		Expect(guard.fails("lock", "session/nothing", "--reason", "x")).To(ContainSubstring("there is no session/nothing"))
		Expect(guard.fails("lock", "device/nothing", "--reason", "x")).To(ContainSubstring("there is no device/nothing"))
		Expect(guard.fails("lock", "device/", "--reason", "x")).To(ContainSubstring("names nothing"))
	})
})

var _ = Describe("A login, as kubectl uses it", func() {
	const loginServer = "https://login.example.com"

	// loggedIn is a person whose certificate is where a login leaves it, and whose kubeconfig names the plugin.
	loggedIn := func(username string) person {
		GinkgoHelper()
		config, err := plane.User(username)
		Expect(err).NotTo(HaveOccurred())
		logins := filepath.Join(plane.Dir(), ".local", "state", "rollcall")
		Expect(os.MkdirAll(logins, 0o700)).To(Succeed())
		write := func(name string, text []byte) {
			Expect(os.WriteFile(filepath.Join(logins, name), text, 0o600)).To(Succeed())
		}
		write(username+".k.key", config.KeyData)
		login, err := json.Marshal(map[string]any{
			"version": 1, "loginServer": loginServer, "server": config.Host, "method": "oidc", "directory": "corp", "session": username + "-abc",
			"user": "alice", "subject": map[string]any{"commonName": username}, "certificate": config.CertData, "device": "laptop",
			"notAfter": time.Now().Add(15 * time.Minute), "renewTime": time.Now().Add(10 * time.Minute), "key": map[string]string{
				"in": "file", "name": username + ".k.key",
			},
		})
		Expect(err).NotTo(HaveOccurred())
		write(username+".json", login)
		extension, err := json.Marshal(map[string]any{"loginServer": loginServer, "profile": username})
		Expect(err).NotTo(HaveOccurred())
		kubeconfig := clientcmdapi.NewConfig()
		kubeconfig.Clusters["c"] = &clientcmdapi.Cluster{
			Server: config.Host, CertificateAuthorityData: config.CAData, Extensions: map[string]runtime.Object{
				"client.authentication.k8s.io/exec": &runtime.Unknown{Raw: extension, ContentType: runtime.ContentTypeJSON},
			},
		}
		kubeconfig.AuthInfos["c"] = &clientcmdapi.AuthInfo{Exec: &clientcmdapi.ExecConfig{
			APIVersion: "client.authentication.k8s.io/v1", Command: "kubectl-rollcall", Args: []string{"credential"},
			InteractiveMode: clientcmdapi.IfAvailableExecInteractiveMode, ProvideClusterInfo: true,
		}}
		kubeconfig.Contexts["c"] = &clientcmdapi.Context{Cluster: "c", AuthInfo: "c"}
		kubeconfig.CurrentContext = "c"
		file := filepath.Join(GinkgoT().TempDir(), "kubeconfig")
		Expect(clientcmd.WriteToFile(*kubeconfig, file)).To(Succeed())
		return person{username, file}
	}

	It("lets kubectl in", func() {
		alice := loggedIn(name("alice"))
		Expect(ended(alice.kubectl("auth", "whoami", "-o", "jsonpath={.status.userInfo.username}"))).To(Equal(said{Out: alice.name}))
	})

	It("is what whoami tells of, besides what the API server says", func() {
		alice := loggedIn(name("alice"))
		Expect(alice.gets("whoami")).To(SatisfyAll(
			MatchRegexp(`^to the cluster you are +`+alice.name+`\n`), MatchRegexp(`\nsession +`+alice.name+`-abc of user alice\n`),
			MatchRegexp(`\nlogged in +as `+alice.name+` by oidc in directory corp on laptop\n`),
			MatchRegexp(`\ncertificate +[0-9a-f]{64} \(the API server saw it\)\n`), MatchRegexp(`\nkey +in a file\n`)))
		var found struct {
			Server struct{ Username string }
			Login  struct{ Session, CertificateFingerprint, KeyIn string }
		}
		Expect(json.Unmarshal([]byte(alice.gets("whoami", "-o", "json")), &found)).To(Succeed())
		Expect(found.Server.Username).To(Equal(alice.name))
		Expect(found.Login.Session).To(Equal(alice.name + "-abc"))
		Expect(found.Login.CertificateFingerprint).To(HaveLen(64))
	})

	It("is not there where somebody uses something else", func() {
		bob := as("bob")
		Expect(bob.gets("whoami")).To(SatisfyAll(MatchRegexp(`^to the cluster you are +bob\n`),
			MatchRegexp(`login +none on this machine for this cluster\n$`)))
	})
})
