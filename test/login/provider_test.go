// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package login_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
)

// waiting is a login that waits for a person in a browser.
type waiting struct {
	command *exec.Cmd
	told    *bytes.Buffer
	lines   *bufio.Reader
}

// waits begins a login that tells where to go.
func (p *someone) waits(ctx context.Context, args ...string) *waiting {
	GinkgoHelper()
	w := &waiting{told: &bytes.Buffer{}, command: p.Kubectl(ctx, append([]string{
		"rollcall", "login", loginURL, "--login-ca-file", filepath.Join(files, "login-ca.crt"), "--directory", corp,
	}, args...)...)}
	pipe, err := w.command.StderrPipe()
	Expect(err).NotTo(HaveOccurred())
	w.lines = bufio.NewReader(pipe)
	Expect(w.command.Start()).To(Succeed())
	return w
}

// tells reads on until something is told.
func (w *waiting) tells(pattern string) string {
	GinkgoHelper()
	for {
		line, err := w.lines.ReadString('\n')
		w.told.WriteString(line)
		if found := regexp.MustCompile(pattern).FindString(line); found != "" {
			return found
		}
		Expect(err).NotTo(HaveOccurred(), w.told.String())
	}
}

// deviceCode reads where to go, and what to type there.
func (w *waiting) deviceCode() (address, code string) {
	GinkgoHelper()
	address = w.tells(`https://\S+`)
	return address, strings.TrimPrefix(w.tells(`The code is: \S+`), "The code is: ")
}

// ends waits for the end, and returns all that was told.
func (w *waiting) ends() (string, error) {
	_, _ = w.told.ReadFrom(w.lines)
	err := w.command.Wait()
	GinkgoWriter.Print(w.told.String())
	return w.told.String(), err
}

// walks does what a browser would: it logs in at the provider, and follows where that leads.
func walks(ctx context.Context, address, name string) string {
	GinkgoHelper()
	back, err := provider.AuthorizeByForm(ctx, address, name, password)
	Expect(err).NotTo(HaveOccurred())
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, back.String(), http.NoBody)
	Expect(err).NotTo(HaveOccurred())
	response, err := http.DefaultClient.Do(request)
	Expect(err).NotTo(HaveOccurred())
	defer func() { _ = response.Body.Close() }()
	var page bytes.Buffer
	_, err = page.ReadFrom(response.Body)
	Expect(err).NotTo(HaveOccurred())
	return page.String()
}

const authorizePattern = `https://127\.0\.0\.1:\d+/\S+`

// due makes somebody's plugin renew at its next use, whatever time it is.
func (p *someone) due() {
	GinkgoHelper()
	changed := 0
	Expect(filepath.WalkDir(filepath.Join(p.Home, "state"), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(path) != ".json" {
			return err
		}
		state := map[string]any{}
		Expect(json.Unmarshal(read(path), &state)).To(Succeed())
		state["renewTime"] = time.Now().Add(-time.Minute).UTC().Format(time.RFC3339)
		delete(state, "retryTime")
		content, err := json.Marshal(state)
		Expect(err).NotTo(HaveOccurred())
		changed++
		return os.WriteFile(path, content, 0o600)
	})).To(Succeed())
	Expect(changed).To(Equal(1))
}

var _ = Describe("Somebody whom an identity provider knows", Ordered, func() {
	var dora *someone
	BeforeAll(func() { dora = newSomeone("dora") })

	It("logs in through the browser: the provider's word is for their key", func(ctx SpecContext) {
		w := dora.waits(ctx, "--method", "oidc", "--no-browser")
		page := walks(ctx, w.tells(authorizePattern), "dora")
		told, err := w.ends()
		Expect(err).NotTo(HaveOccurred(), told)
		Expect(page).To(SatisfyAll(ContainSubstring("You are logged in"), ContainSubstring("corp:dora")))
		dora.Does(ctx, "auth", "whoami")
		Expect(dora.session(ctx).Spec.Authentication).To(SatisfyAll(HaveField("Method", v1alpha1.MethodOIDC),
			HaveField("Issuer", provider.URL()), HaveField("AMR", []string{"pwd", "otp"})))
	})

	It("is vouched for again at renewals, without a browser", func(ctx SpecContext) {
		before := dora.session(ctx)
		Expect(before.Status.LastProofTime).To(HaveValue(Equal(before.CreationTimestamp)))
		Eventually(ctx, func() *v1alpha1.Session {
			dora.due()
			dora.Does(ctx, "auth", "whoami")
			return dora.session(ctx)
		}).Should(SatisfyAll(HaveField("Name", before.Name),
			HaveField("Status.LastProofTime.Time", BeTemporally(">", before.Status.LastProofTime.Time))))
		Expect(dora.session(ctx).Status.Issued).To(HaveValue(BeNumerically(">", *before.Status.Issued)))
	})

	It("goes on while the provider and the directory are away, for as long as the policy says", func(ctx SpecContext) {
		before := dora.session(ctx)
		Expect(provider.Stop()).To(Succeed())
		DeferCleanup(func() { _ = provider.Resume() })
		Expect(server.Halt()).To(Succeed())
		DeferCleanup(func(ctx SpecContext) { _ = server.Restart(ctx) })
		dora.due()
		dora.Does(ctx, "auth", "whoami")
		Expect(dora.session(ctx).Status.Issued).To(HaveValue(Equal(*before.Status.Issued + 1)))

		By("saying that nothing is renewed without them")
		policy := &v1alpha1.Directory{}
		grace := func(seconds int32) {
			Eventually(ctx, func() error {
				if err := admin.Get(ctx, client.ObjectKey{Name: corp}, policy); err != nil {
					return err
				}
				policy.Spec.Login.GraceSeconds = &seconds
				return admin.Update(ctx, policy)
			}).Should(Succeed())
		}
		grace(0)
		DeferCleanup(func(ctx SpecContext) {
			Expect(admin.Get(ctx, client.ObjectKey{Name: corp}, policy)).To(Succeed())
			policy.Spec.Login.GraceSeconds = new(int32(3600))
			Expect(admin.Update(ctx, policy)).To(Succeed())
		})
		Eventually(ctx, func() string {
			dora.due()
			told, _ := dora.Runs(ctx, "auth", "whoami")
			return told
		}).Should(SatisfyAll(ContainSubstring("works until"), ContainSubstring("corp:dora")), "the certificate is still good")
		Expect(dora.session(ctx).Status.Issued).To(HaveValue(BeNumerically("<=", *before.Status.Issued+3)))

		Expect(server.Restart(ctx)).To(Succeed())
		Expect(provider.Resume()).To(Succeed())
		issued := *dora.session(ctx).Status.Issued
		Eventually(ctx, func() int32 {
			dora.due()
			dora.Does(ctx, "auth", "whoami")
			return *dora.session(ctx).Status.Issued
		}).Should(BeNumerically(">", issued), "they are back")
	}, SpecTimeout(2*time.Minute))

	It("logs in where there is no browser, with a code to type elsewhere", func(ctx SpecContext) {
		erin := newSomeone("erin")
		w := erin.waits(ctx, "--method", "device")
		address, code := w.deviceCode()
		Expect(provider.ApproveDevice(ctx, address, code, "erin", password)).To(Succeed())
		told, err := w.ends()
		Expect(err).NotTo(HaveOccurred(), told)
		Expect(erin.Does(ctx, "auth", "whoami")).To(ContainSubstring("corp:erin"))
	})

	It("is not let in whom the directory does not know, and is told so", func(ctx SpecContext) {
		w := newSomeone("stranger").waits(ctx, "--method", "oidc", "--no-browser")
		page := walks(ctx, w.tells(authorizePattern), "stranger")
		told, err := w.ends()
		Expect(err).To(HaveOccurred())
		Expect(told).To(ContainSubstring("does not know"))
		Expect(page).To(ContainSubstring("not logged in"))
	})
})

var _ = Describe("Whoever has an enrolled device", Ordered, func() {
	It("logs in with its key, and is out when Git enrols it no more", func(ctx SpecContext) {
		robot := newSomeone("robot")
		key := filepath.Join(robot.Home, "id_ed25519")
		out, err := exec.CommandContext(ctx, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "robot@rack", "-f", key).CombinedOutput()
		Expect(err).NotTo(HaveOccurred(), string(out))
		user := &v1alpha1.User{}
		user.Name, user.Spec.UserName = "robot", "robot"
		user.Spec.Devices = []v1alpha1.Device{{Name: "rack-7", PublicKey: strings.TrimSpace(string(read(key + ".pub")))}}
		Expect(admin.Create(ctx, user)).To(Succeed())
		args := []string{
			"rollcall", "login", loginURL, "--login-ca-file", filepath.Join(files, "login-ca.crt"), "--method", "key", "--key", key,
		}
		Eventually(ctx, func() error {
			_, err := robot.Runs(ctx, args...)
			return err
		}).Should(Succeed())
		Expect(robot.Does(ctx, "auth", "whoami")).To(ContainSubstring("robot"))
		Expect(robot.session(ctx).Spec.Device).To(Equal("rack-7"))
		Expect(admin.Get(ctx, client.ObjectKeyFromObject(user), user)).To(Succeed())
		user.Spec.Devices = nil
		Expect(admin.Update(ctx, user)).To(Succeed())
		Eventually(ctx, func() string {
			told, _ := robot.Runs(ctx, "get", "namespaces")
			return told
		}).Should(ContainSubstring("no longer enrols"))
	})
})
