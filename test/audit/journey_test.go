// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package audit_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	auditv1 "k8s.io/apiserver/pkg/apis/audit/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/answers"
	"github.com/rollcall-iam/rollcall/internal/attribution"
	"github.com/rollcall-iam/rollcall/internal/evidence"
	"github.com/rollcall-iam/rollcall/internal/ledger"
	"github.com/rollcall-iam/rollcall/internal/wire"
	"github.com/rollcall-iam/rollcall/test/controlplane"
	"github.com/rollcall-iam/rollcall/test/internal/checkout"
	"github.com/rollcall-iam/rollcall/test/internal/scrape"
	"github.com/rollcall-iam/rollcall/test/person"
)

var _ = Describe("The line from an action back to the person", Ordered, func() {
	var (
		w                 *world
		root              *person.Person
		alice, bob, carol *person.Person
		deeds             = map[string]deed{}
		began             controlplane.AuditMark
		events            []auditv1.Event
		request           string
		// patched is the audit id of what carol did by that.
		patched string
	)
	BeforeAll(func(ctx SpecContext) {
		w = newWorld(ctx, "")
		root = w.root()
		var err error
		began, err = w.plane.AuditMark()
		Expect(err).NotTo(HaveOccurred())
	}, NodeTimeout(3*time.Minute))

	explain := func(ctx context.Context, args ...string) wire.Explained {
		GinkgoHelper()
		out, err := root.Kubectl(ctx, append([]string{"rollcall", "explain", "-o", "json"}, args...)...).Output()
		Expect(err).NotTo(HaveOccurred())
		var found wire.Explained
		Expect(json.Unmarshal(out, &found)).To(Succeed())
		return found
	}

	It("begins with three people at work, each with a real kubectl", func(ctx SpecContext) {
		alice, bob, carol = w.comes(ctx, "alice"), w.comes(ctx, "bob"), w.comes(ctx, "carol")
		edits := deed{grant: "alice-edits", resource: "configmaps", namespace: pay}
		reads := deed{grant: "bob-reads", resource: "configmaps", namespace: pay}
		works(ctx, alice, deeds, edits, "create", "configmap", "note", "-n", pay, "--from-literal=a=b")
		works(ctx, bob, deeds, reads, "get", "configmap", "note", "-n", pay)
		works(ctx, alice, deeds, deed{resource: "configmaps", namespace: shop}, "get", "configmaps", "-n", shop)
		works(ctx, bob, deeds, deed{grant: "bob-reads", resource: "configmaps", namespace: shop}, "get", "configmaps", "-n", shop)
		works(ctx, bob, deeds, deed{resource: "configmaps", namespace: pay}, "delete", "configmap", "note", "-n", pay)
		works(ctx, carol, deeds, deed{resource: "configmaps", namespace: pay}, "get", "configmaps", "-n", pay)

		By("asking, and being let in by somebody else")
		out := carol.Does(ctx, "rollcall", "request", "carol-helps", "--for", "10m", "--reason", "INC-7: payments are stuck", "-o", "json")
		var made v1alpha1.AccessRequest
		_, object, _ := strings.Cut(out, "{") // What is said to people goes before.
		Expect(json.Unmarshal([]byte("{"+object), &made)).To(Succeed(), out)
		request = made.Name
		alice.Does(ctx, "rollcall", "approve", request)
		Eventually(ctx, func() error {
			_, err := carol.Runs(ctx, "get", "configmaps", "-n", pay)
			return err
		}).WithTimeout(patience).Should(Succeed())
		helps := deed{grant: "carol-helps", request: request, resource: "configmaps", namespace: pay}
		works(ctx, carol, deeds, helps, "annotate", "configmap", "note", "-n", pay, "seen=yes")
		works(ctx, alice, deeds, edits, "delete", "configmap", "note", "-n", pay)
		Expect(len(deeds)).To(BeNumerically(">=", 12))
	})

	It("is found for every single event of theirs, as they did it", func(ctx SpecContext) {
		all, _, err := w.plane.AuditSince(began)
		Expect(err).NotTo(HaveOccurred())
		people := map[string]string{}
		for _, name := range []string{"alice", "bob", "carol"} {
			people[corp+":"+name] = name
		}
		var lines []byte
		for i := range all {
			if people[all[i].User.Username] != "" {
				events = append(events, all[i])
				line, err := json.Marshal(&all[i])
				Expect(err).NotTo(HaveOccurred())
				lines = append(append(lines, line...), '\n')
			}
		}
		Expect(len(events)).To(BeNumerically(">=", len(deeds)))
		file := filepath.Join(w.files, "theirs.log")
		Expect(os.WriteFile(file, lines, 0o600)).To(Succeed())
		var found wire.Explained
		Eventually(ctx, func(g Gomega) {
			found = explain(ctx, "-f", file)
			g.Expect(found.Items).To(HaveLen(len(events)))
			for i := range found.Items {
				g.Expect(found.Items[i].Record).NotTo(BeNil(), "it is on the way")
			}
		}).WithTimeout(patience).Should(Succeed())
		known := 0
		for i := range found.Items {
			x := &found.Items[i]
			who := people[events[i].User.Username]
			expectPerson(ctx, w, x, who)
			d, noted := deeds[x.Event.AuditID]
			if !noted {
				continue // Of the plugin, which does not tell its audit ids, or of waiting.
			}
			known++
			Expect(d.who).To(Equal(who))
			expectWay(x, d)
		}
		Expect(known).To(BeNumerically(">=", len(deeds)))
	}, SpecTimeout(2*time.Minute))

	It("leads through the request to the approver, and to the Grant as it was", func(ctx SpecContext) {
		for key, d := range deeds {
			if d.request != "" {
				for i := range events {
					if string(events[i].AuditID) == key && events[i].Verb == "patch" {
						patched = key
					}
				}
			}
		}
		Expect(patched).NotTo(BeEmpty())
		By("changing the Grant since then")
		var grant v1alpha1.Grant
		Expect(w.admin.Get(ctx, client.ObjectKey{Name: "carol-helps"}, &grant)).To(Succeed())
		before := grant.Generation
		grant.Spec.Reason = "another one now"
		Expect(w.admin.Update(ctx, &grant)).To(Succeed())
		time.Sleep(2 * time.Second)

		found := explain(ctx, patched)
		Expect(found.Items).To(HaveLen(1))
		a := found.Items[0].Authorization
		Expect(a.Via).To(Equal(answers.ViaRequest))
		Expect(a.Grant).To(HaveValue(And(HaveField("Generation", before), HaveField("Reason", ""), HaveField("UID", string(grant.UID)))))
		Expect(a.Request).To(HaveValue(And(HaveField("Name", request), HaveField("Reason", "INC-7: payments are stuck"),
			HaveField("Approvals", HaveExactElements(HaveField("Approver", "corp:alice"))))))
		told := root.Does(ctx, "rollcall", "explain", patched)
		Expect(told).To(And(ContainSubstring("corp:carol: User carol"), ContainSubstring("approved by corp:alice"),
			ContainSubstring("AccessRequest "+request), ContainSubstring("carols-laptop, and never left it"), ContainSubstring("proven by LDAP")))
	})

	It("leads to both where somebody acts as another", func(ctx SpecContext) {
		out, err := root.Kubectl(ctx, "get", "configmaps", "-n", pay, "--as", "corp:alice", "-v=8").CombinedOutput()
		Expect(err).NotTo(HaveOccurred(), string(out))
		id := auditIDs.FindStringSubmatch(string(out))[1]
		var found wire.Explained
		Eventually(ctx, func() error {
			told, err := root.Kubectl(ctx, "rollcall", "explain", id, "-o", "json").Output()
			if err == nil {
				err = json.Unmarshal(told, &found)
			}
			return err
		}).WithTimeout(patience).Should(Succeed())
		x := found.Items[0]
		Expect(x.Actor.Username).To(Equal("rollcall-test-admin"))
		Expect(x.Actor.Kind).To(Equal(attribution.Unknown))
		Expect(x.ActedAs).To(HaveValue(And(HaveField("User", "alice"), HaveField("Kind", attribution.Person))))
		Expect(x.Session).To(BeNil())
		Expect(x.Remarks).To(ContainElement(HaveField("Reason", attribution.RemarkImpersonation)))
	})

	It("is told the other way round: what somebody did", func(ctx SpecContext) {
		told := root.Does(ctx, "rollcall", "activity", "alice", "-o", "wide")
		Expect(told).To(And(ContainSubstring(`create configmaps "note" in namespace "pay"`), ContainSubstring("grant alice-edits"),
			ContainSubstring(w.session(ctx, "alice").Name), ContainSubstring("rollcall-test-admin as corp:alice")))
		Expect(told).NotTo(ContainSubstring("corp:bob"))
	})

	It("shows who was last seen when", func(ctx SpecContext) {
		Eventually(ctx, func(g Gomega) {
			for _, name := range []string{"alice", "bob", "carol"} {
				var user v1alpha1.User
				g.Expect(w.admin.Get(ctx, client.ObjectKey{Name: name}, &user)).To(Succeed())
				g.Expect(user.Status.LastSeenTime).NotTo(BeNil())
				g.Expect(time.Since(user.Status.LastSeenTime.Time)).To(BeNumerically("<", 2*time.Minute))
				g.Expect(w.session(ctx, name).Status.LastSeenTime).NotTo(BeNil())
			}
			var never v1alpha1.User
			g.Expect(w.admin.Get(ctx, client.ObjectKey{Name: "dora"}, &never)).To(Succeed())
			g.Expect(never.Status.LastSeenTime).To(BeNil())
		}).WithTimeout(patience).Should(Succeed())
		Expect(root.Does(ctx, "get", "users")).To(MatchRegexp(`alice +corp:alice +True +Active +\d+[sm]`))
	})

	It("is written down where nobody changes it unnoticed", func(ctx SpecContext) {
		dir := filepath.Join(root.Home, "ledger")
		key := []string{"--key-file", dir + ".key"}
		var entries []struct {
			ledger.Entry
			Number uint64
		}
		kinds := map[ledger.Kind]int{}
		sealed := func(g Gomega) {
			root.Does(ctx, "rollcall", "ledger", "copy", dir)
			tail := append([]string{"rollcall", "ledger", "tail", dir, "--last", "100000", "-o", "json"}, key...)
			out, err := root.Kubectl(ctx, tail...).Output()
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(json.Unmarshal(out, &entries)).To(Succeed())
			clear(kinds)
			for i := range entries {
				kinds[entries[i].Kind]++
			}
			found := explain(ctx, string(events[0].AuditID))
			g.Expect(found.Items[0].Record.Entry).NotTo(BeNil())
			number := *found.Items[0].Record.Entry
			g.Expect(len(entries)).To(BeNumerically(">", number))
			g.Expect(entries[number].Kind).To(Equal(ledger.AuditBatch))
		}
		Eventually(ctx, sealed).WithTimeout(patience).WithPolling(time.Second).Should(Succeed())
		Expect(kinds).To(And(HaveKeyWithValue(ledger.CertificateIssued, 3), HaveKeyWithValue(ledger.SessionBegun, 3),
			HaveKey(ledger.AccessGiven), HaveKey(ledger.GrantChanged), HaveKey(ledger.UserChanged), HaveKey(ledger.RequestChanged),
			HaveKey(ledger.DirectoryChanged)))
		for _, name := range []string{"alice", "bob", "carol"} {
			fingerprint := w.session(ctx, name).Status.Certificates[0].Fingerprint
			Expect(entries).To(ContainElement(And(HaveField("Kind", ledger.CertificateIssued), HaveField("Whom", corp+":"+name),
				HaveField("After", ContainSubstring(fingerprint)))))
		}
		Expect(root.Does(ctx, append([]string{"rollcall", "ledger", "verify", dir}, key...)...)).To(ContainSubstring("each as it was written"))
		Expect(root.Does(ctx, append([]string{"rollcall", "ledger", "prove", dir, "0"}, key...)...)).To(HavePrefix("c2sp.org/tlog-proof@v1"))

		By("finding no secret in it")
		raw, err := json.Marshal(entries)
		Expect(err).NotTo(HaveOccurred())
		Expect(string(raw)).NotTo(Or(ContainSubstring(password), ContainSubstring(w.directory.Password()), ContainSubstring("PRIVATE KEY")))

		By("changing one letter")
		bundles, err := filepath.Glob(filepath.Join(dir, "tile", "entries", "*.p", "*"))
		Expect(err).NotTo(HaveOccurred())
		for _, bundle := range bundles {
			content, err := os.ReadFile(bundle)
			Expect(err).NotTo(HaveOccurred())
			Expect(os.WriteFile(bundle, []byte(strings.Replace(string(content), corp+":carol", corp+":aline", 1)), 0o600)).To(Succeed())
		}
		told, err := root.Runs(ctx, append([]string{"rollcall", "ledger", "verify", dir}, key...)...)
		Expect(err).To(HaveOccurred())
		Expect(told).To(MatchRegexp(`entry \d+ +is not the entry that was written`))
	}, SpecTimeout(time.Minute))

	It("is told to a SIEM", func(ctx SpecContext) {
		type event struct {
			Class    int `json:"class_uid"`
			Activity int `json:"activity_id"`
			User     struct {
				Name string
			}
			Session struct {
				UID        string
				Credential string `json:"credential_uid"`
			}
			Privileges []string
			Resource   struct {
				Name string
			}
		}
		content, err := os.ReadFile(w.forSIEM())
		Expect(err).NotTo(HaveOccurred())
		var told []event
		for line := range strings.Lines(string(content)) {
			var e event
			Expect(json.Unmarshal([]byte(line), &e)).To(Succeed(), line)
			told = append(told, e)
		}
		for _, name := range []string{"alice", "bob", "carol"} {
			session := w.session(ctx, name)
			theirs := And(HaveField("User.Name", corp+":"+name), HaveField("Session.UID", string(session.UID)))
			Expect(told).To(ContainElement(And(theirs, HaveField("Class", 3002), HaveField("Activity", 1))))
			Expect(told).To(ContainElement(And(theirs, HaveField("Class", 3003),
				HaveField("Session.Credential", session.Status.Certificates[0].Fingerprint))))
		}
		Expect(told).To(ContainElement(And(HaveField("Class", 3005), HaveField("Activity", 1), HaveField("User.Name", corp+":alice"),
			HaveField("Privileges", []string{"ClusterRole edit"}), HaveField("Resource.Name", pay))))
		Expect(string(content)).NotTo(Or(ContainSubstring(password), ContainSubstring(w.directory.Password()), ContainSubstring("PRIVATE KEY")))
		stat, err := os.Stat(w.forSIEM())
		Expect(err).NotTo(HaveOccurred())
		Expect(stat.Mode().Perm()).To(BeEquivalentTo(0o600))
	})

	It("is proved to somebody who has the ledger's key and nothing else", func(ctx SpecContext) {
		bundle, key := filepath.Join(root.Home, "carols.tar"), filepath.Join(root.Home, "ledger.key")
		told := ""
		Eventually(ctx, func() (err error) {
			told, err = root.Runs(ctx, "rollcall", "evidence", patched, "--bundle", bundle)
			return err
		}).WithTimeout(patience).WithPolling(time.Second).Should(Succeed(), func() string { return told })

		By("verifying it without a cluster")
		stranger := person.New(w.plane, w.files, "stranger")
		verify := func(file string) (string, error) {
			return stranger.Runs(ctx, "rollcall", "evidence", "verify", file, "--key-file", key, "--kubeconfig", "/nonexistent")
		}
		fingerprint := w.session(ctx, "carol").Status.Certificates[0].Fingerprint
		Expect(verify(bundle)).To(And(ContainSubstring(`patch configmaps "note" in namespace "pay" -> 200, by corp:carol`),
			ContainSubstring(patched), MatchRegexp(`entry \d+ of the ledger, .* has the root [0-9a-f]{64}`),
			ContainSubstring(fingerprint+" of corp:carol"), ContainSubstring("issued in Session "+w.session(ctx, "carol").Name),
			MatchRegexp("not proved +binding.json, explanation.json, grant.json, request.json, session.json, user.json")))

		By("finding nobody in it who does not belong there")
		read := bundled(bundle)
		for name, content := range read {
			Expect(string(content)).NotTo(ContainSubstring("corp:bob"), name)
			switch name {
			case evidence.Explanation, evidence.Request, evidence.Binding: // She approved it.
				Expect(string(content)).To(ContainSubstring("corp:alice"), name)
			default:
				Expect(string(content)).NotTo(ContainSubstring("corp:alice"), name)
			}
		}

		By("changing one byte of the event")
		changed := filepath.Join(root.Home, "changed.tar")
		read[evidence.Event][len(read[evidence.Event])/2] ^= 1
		content, err := read.Tar()
		Expect(err).NotTo(HaveOccurred())
		Expect(os.WriteFile(changed, content, 0o600)).To(Succeed())
		told, err = verify(changed)
		Expect(err).To(HaveOccurred())
		Expect(told).To(ContainSubstring("event.json: "))

		By("asking as nobody")
		Expect(w.get(ctx, fmt.Sprintf("https://127.0.0.1:%d%s?auditID=%s", w.ports[1], wire.PathEvidence, patched))).To(Equal(401))
	}, SpecTimeout(time.Minute))

	It("tells the metrics that the alert rules ask for", func(ctx SpecContext) {
		root, err := checkout.Root()
		Expect(err).NotTo(HaveOccurred())
		rules := read(filepath.Join(root, "config", "prometheus", "rules.yaml"))
		text := scrape.Text(ctx, w.manager.Metrics())
		asked := regexp.MustCompile(`rollcall_(audit|ledger|ocsf)_[a-z_]+`).FindAllString(rules, -1)
		Expect(len(asked)).To(BeNumerically(">=", 4))
		for _, name := range asked {
			Expect(text).To(MatchRegexp(`(?m)^%s[{ ]`, name))
		}
		scrape.ExpectDescribed(text)
	})

	It("gives its entries to auditors alone, whatever they are called", func(ctx SpecContext) {
		base := fmt.Sprintf("https://127.0.0.1:%d/ledger/", w.ports[1])
		Expect(w.get(ctx, base+"checkpoint")).To(Equal(200))
		for _, path := range []string{
			"tile/entries/000.p/1", "tile/%65ntries/000.p/1", "tile/./entries/000.p/1", "tile/%2e/entries/000.p/1", "tile//entries/000.p/1",
			"tile/0/../entries/000.p/1", "tile%2Fentries%2F000.p%2F1", ".state/treeState", "tile/%2e%2e/.state/treeState", "tile/", "tile", "",
		} {
			Expect(w.get(ctx, base+path)).To(Or(Equal(401), Equal(404)), path)
		}
	})

	It("is for auditors, and for nobody else", func(ctx SpecContext) {
		_, err := bob.Runs(ctx, "rollcall", "activity", "alice")
		Expect(err).To(HaveOccurred())
		root.Does(ctx, "create", "clusterrolebinding", "viewers", "--clusterrole=rollcall-viewer", "--user=corp:bob")
		Eventually(ctx, func() string {
			told, _ := bob.Runs(ctx, "rollcall", "activity", "alice")
			return told
		}).WithTimeout(patience).WithPolling(time.Second).Should(ContainSubstring("bind you to the Role rollcall-auditor"))
		root.Does(ctx, "create", "rolebinding", "auditors", "-n", "rollcall-system", "--role=rollcall-auditor", "--user=corp:bob")
		Eventually(ctx, func() (string, error) { return bob.Runs(ctx, "rollcall", "activity", "alice") }).WithTimeout(patience).
			WithPolling(time.Second).Should(ContainSubstring("grant alice-edits"))
		told, err := bob.Runs(ctx, "rollcall", "explain", "00000000-0000-0000-0000-000000000000")
		Expect(err).To(HaveOccurred())
		Expect(told).To(ContainSubstring("no event with this audit id is kept"))
	})
})
