// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gexec"

	"github.com/rollcall-iam/rollcall/cmd/kubectl-rollcall/internal/store"
	"github.com/rollcall-iam/rollcall/internal/pki"
	"github.com/rollcall-iam/rollcall/internal/wire"
)

var _ = Describe("kubectl rollcall credential", func() {
	var (
		p       *peer
		m, exec *machine
	)
	BeforeEach(func() {
		p, m = startPeer(), newMachine()
		exec = m.kubectl(p)
	})

	// dueLogin logs in so that every credential is due for renewal at once.
	dueLogin := func() {
		GinkgoHelper()
		p.set(func() { p.renewAfter = -time.Second })
		m.logsIn(p)
	}

	It("hands over what the login brought, without asking anybody", func() {
		m.logsIn(p)
		before := len(p.asked)
		result := exec.runs("credential")
		got := credential(result)
		Expect(result.Err).To(BeEmpty())
		Expect(p.asked).To(HaveLen(before))
		pair, err := tls.X509KeyPair([]byte(got.ClientCertificateData), []byte(got.ClientKeyData))
		Expect(err).NotTo(HaveOccurred())
		leaf, err := x509.ParseCertificate(pair.Certificate[0])
		Expect(err).NotTo(HaveOccurred())
		Expect(leaf.Subject.CommonName).To(Equal("corp:alice"))
		Expect(got.ExpirationTimestamp.Time).To(BeTemporally("==", leaf.NotAfter.Add(-time.Minute)))
	})

	It("renews what is due, for the same key", func() {
		dueLogin()
		before := m.kept()
		p.set(func() { p.renewAfter = 10 * time.Minute })
		got := credential(exec.runs("credential"))
		after := m.kept()
		Expect(after.Certificate).NotTo(Equal(before.Certificate))
		Expect(string(after.Certificate)).To(Equal(got.ClientCertificateData))
		Expect(after.Key).To(Equal(before.Key))
		Expect(credential(exec.runs("credential"))).To(Equal(got))
		Expect(p.count(wire.PathCertificate)).To(Equal(2))
	})

	It("renews once for ten at once", func() {
		dueLogin()
		p.set(func() {
			p.renewAfter = 10 * time.Minute
			p.fault = func(string, http.ResponseWriter) bool { time.Sleep(200 * time.Millisecond); return false }
		})
		sessions := make([]*gexec.Session, 10)
		for i := range sessions {
			sessions[i] = exec.starts("credential")
		}
		first := credential(finished(sessions[0]))
		for _, session := range sessions[1:] {
			Expect(credential(finished(session))).To(Equal(first))
		}
		Expect(p.count(wire.PathCertificate)).To(Equal(2), "one with the login, and one renewal")
	})

	It("does not mind the lock of a process that is gone", func() {
		dueLogin()
		p.set(func() { p.fault = func(string, http.ResponseWriter) bool { time.Sleep(time.Second); return false } })
		session := exec.starts("credential")
		Eventually(func() int { return p.count(wire.PathCertificate) }).Should(Equal(2))
		session.Signal(syscall.SIGKILL)
		Eventually(session).Should(gexec.Exit())
		p.set(func() { p.fault, p.renewAfter = nil, 10*time.Minute })
		Expect(os.WriteFile(m.file(".lock"), []byte("12345"), 0o600)).To(Succeed())
		started := time.Now()
		result := exec.runs("credential")
		credential(result)
		Expect(result.Err).To(BeEmpty())
		Expect(time.Since(started)).To(BeNumerically("<", 2*time.Second))
	})

	It("asks for the subject that it is told", func() {
		dueLogin()
		p.set(func() {
			p.subject.Organizations = []string{"admins", "rollcall:managed"}
			p.renewAfter = 10 * time.Minute
		})
		got := credential(exec.runs("credential"))
		leaf, err := pki.ParseCertificate([]byte(got.ClientCertificateData))
		Expect(err).NotTo(HaveOccurred())
		Expect(pki.Groups(leaf)).To(Equal([]string{"admins"}))
		Expect(m.kept().Subject).To(Equal(p.subject))
		Expect(p.count(wire.PathCertificate)).To(Equal(3))
	})

	It("goes on with a good certificate while the service is away, and does not let everybody wait for it", func() {
		dueLogin()
		before := m.kept()
		p.server.CloseClientConnections()
		p.server.Close()
		started := time.Now()
		result := exec.runs("credential")
		Expect(credential(result).ClientCertificateData).To(Equal(string(before.Certificate)))
		Expect(result.Err).To(MatchRegexp(
			`could not be renewed, and works until \S+ \S+: the login service at \S+ cannot be reached: .*refused`))
		Expect(time.Since(started)).To(BeNumerically("<", 10*time.Second))

		started = time.Now()
		result = exec.runs("credential")
		credential(result)
		Expect(result.Err).To(BeEmpty())
		Expect(time.Since(started)).To(BeNumerically("<", 300*time.Millisecond))
	})

	DescribeTable("tries again what passes", func(code wire.Code, status int) {
		dueLogin()
		failures := 2
		p.set(func() {
			p.renewAfter = 10 * time.Minute
			p.fault = func(_ string, w http.ResponseWriter) bool {
				failures--
				return failures >= 0 && refuse(w, status, code, "not now")
			}
		})
		before := m.kept()
		result := exec.runs("credential")
		Expect(credential(result).ClientCertificateData).NotTo(Equal(string(before.Certificate)))
		Expect(result.Err).To(BeEmpty())
	},
		Entry(nil, wire.CodeUnavailable, http.StatusServiceUnavailable),
		Entry(nil, wire.CodeTooMany, http.StatusTooManyRequests),
	)

	It("does not wait for as long as it would not be let in", func() {
		dueLogin()
		p.set(func() {
			p.fault = func(_ string, w http.ResponseWriter) bool {
				w.Header().Set("Retry-After", "600")
				return refuse(w, http.StatusTooManyRequests, wire.CodeTooMany, "")
			}
		})
		result := exec.runs("credential")
		credential(result)
		Expect(result.Err).To(ContainSubstring("too many tries: wait 10m0s"))
		Expect(p.count(wire.PathCertificate)).To(Equal(2))
	})

	DescribeTable("says of a service that is none", func(answer func(http.ResponseWriter), complaint string) {
		dueLogin()
		p.set(func() { p.fault = func(_ string, w http.ResponseWriter) bool { answer(w); return true } })
		result := exec.runs("credential")
		credential(result)
		Expect(result.Err).To(ContainSubstring(complaint))
	},
		Entry("a proxy's page", func(w http.ResponseWriter) { http.Error(w, "<html>", http.StatusBadGateway) }, "502 Bad Gateway"),
		Entry("no JSON", func(w http.ResponseWriter) { _, _ = w.Write([]byte("hello")) }, "not JSON of its protocol"),
		Entry("too much", func(w http.ResponseWriter) { _, _ = w.Write(make([]byte, 2<<20)) }, "more than it ever has to say"),
		Entry("elsewhere", func(w http.ResponseWriter) {
			w.Header().Set("Location", "https://elsewhere.example.com/")
			w.WriteHeader(http.StatusTemporaryRedirect)
		}, "307 Temporary Redirect"),
		Entry("another key's certificate", func(w http.ResponseWriter) {
			say(w, wire.Credential{Certificate: p.ca.pem})
		}, "a certificate that was not asked for: the certificate is for another key"),
	)

	It("tells to log in once the session has ended, and does not ask again", func() {
		dueLogin()
		p.set(func() { p.ended = true })
		want := said{Code: 1, Err: "Error: your session has ended (the session ended: terminated by bob): run kubectl rollcall login " +
			p.server.URL + "\n"}
		Expect(exec.runs("credential")).To(Equal(want))
		Expect(exec.runs("credential")).To(Equal(want))
		Expect(p.count(wire.PathCertificate)).To(Equal(2))
	})

	It("warns while the certificate lasts where the provider must vouch again", func() {
		dueLogin()
		p.set(func() {
			p.fault = func(_ string, w http.ResponseWriter) bool {
				return refuse(w, http.StatusForbidden, wire.CodeVouch, "the identity provider must vouch for you again")
			}
		})
		result := exec.runs("credential")
		credential(result)
		Expect(result.Err).To(MatchRegexp(`must vouch for you again\. Your certificate works until .*: kubectl rollcall login https://`))
	})

	It("renews one that has expired: for how long nothing need be renewed is a matter of the session", func() {
		p.set(func() { p.lifetime = time.Second })
		m.logsIn(p)
		p.set(func() { p.lifetime = time.Hour })
		expired := time.Now().Add(time.Second)
		Eventually(time.Now).WithTimeout(2 * time.Second).Should(BeTemporally(">", expired))
		before := p.count(wire.PathCertificate)
		credential(exec.runs("credential"))
		Expect(p.count(wire.PathCertificate)).To(Equal(before + 1))
	})

	It("says that the clock is behind, for as long as it is, where a certificate is not valid yet", func() {
		dueLogin()
		p.set(func() { p.begin, p.lifetime, p.renewAfter = -3*time.Hour, 4*time.Hour, time.Hour })
		for range 2 {
			result := exec.runs("credential")
			credential(result)
			Expect(result.Err).To(MatchRegexp(
				`This machine's clock is behind: it says that it is .*, and your certificate is valid from .*Set it right`))
		}
		Expect(p.count(wire.PathCertificate)).To(Equal(2), "one with the login, and one renewal")
	})

	It("says that the clock is ahead where a new certificate has expired already", func() {
		dueLogin()
		p.set(func() { p.behind = 5 * time.Hour })
		result := exec.runs("credential")
		credential(result)
		Expect(result.Err).To(ContainSubstring("This machine's clock is ahead: it says that it is"))
	})

	DescribeTable("tells to log in", func(change func(), why string) {
		m.logsIn(p)
		change()
		Expect(exec.runs("credential")).To(SatisfyAll(HaveField("Code", 1), HaveField("Out", ""),
			HaveField("Err", SatisfyAll(ContainSubstring(why), ContainSubstring("run kubectl rollcall login "+p.server.URL)))))
	},
		Entry("who has not", func() { Expect(os.Remove(m.file(".json"))).To(Succeed()) }, "you have not logged in"),
		Entry("whose key is gone", func() { Expect(os.Remove(m.file(".key"))).To(Succeed()) }, "private key of your login is gone"),
		Entry("whose session is over", func() {
			m.change(func(s *store.State) { s.EndTime = time.Now().Add(-time.Minute) })
		}, "your session ended at"),
	)

	DescribeTable("uses nothing that others may have seen or changed", func(change func() string) {
		m.logsIn(p)
		complaint := change()
		Expect(exec.runs("credential")).To(SatisfyAll(HaveField("Code", 1), HaveField("Out", ""), HaveField("Err",
			ContainSubstring(complaint))))
	},
		Entry("a key", func() string {
			Expect(os.Chmod(m.file(".key"), 0o640)).To(Succeed())
			return "chmod 600 " + m.file(".key")
		}),
		Entry("a state", func() string {
			Expect(os.Chmod(m.file(".json"), 0o604)).To(Succeed())
			return "chmod 600 " + m.file(".json")
		}),
		Entry("a folder", func() string {
			folder := filepath.Dir(m.file(".json"))
			Expect(os.Chmod(folder, 0o755)).To(Succeed())
			return "chmod 700 " + folder
		}),
	)

	DescribeTable("says what it cannot use", func(change func(), complaint string) {
		m.logsIn(p)
		change()
		Expect(exec.runs("credential")).To(SatisfyAll(HaveField("Code", 1), HaveField("Out", ""), HaveField("Err",
			ContainSubstring(complaint))))
	},
		Entry("no JSON", func() { Expect(os.WriteFile(m.file(".json"), []byte("{"), 0o600)).To(Succeed()) }, "delete it and log in again"),
		Entry("a later version", func() {
			text, err := os.ReadFile(m.file(".json"))
			Expect(err).NotTo(HaveOccurred())
			Expect(os.WriteFile(m.file(".json"), []byte(strings.Replace(string(text), `"version": 1`, `"version": 2`, 1)), 0o600)).To(Succeed())
		}, "delete it and log in again"),
		Entry("a folder in place of a file", func() {
			file := m.file(".key")
			Expect(os.Remove(file)).To(Succeed())
			Expect(os.Mkdir(file, 0o700)).To(Succeed())
		}, "is not a file"),
		Entry("a key elsewhere", func() { m.change(func(s *store.State) { s.Key.Name = "../../id" }) }, "is no file of a login"),
	)

	It("keeps logins of profiles apart", func() {
		m.logsIn(p)
		m.logsIn(p, "--profile", "second")
		Expect(m.files(".json")).To(HaveLen(2))
		Expect(credential(exec.runs("credential"))).NotTo(Equal(credential(exec.runs("credential", "--profile", "second"))))
		Expect(exec.runs("credential", "--profile", "../x").Err).To(ContainSubstring("cannot be a profile"))
	})
})

var _ = DescribeTable("What kubectl says to a credential plugin", func(info, complaint string) {
	asked, at, err := parseExecInfo(info)
	if complaint != "" {
		Expect(err).To(MatchError(ContainSubstring(complaint)))
		return
	}
	Expect(err).NotTo(HaveOccurred())
	Expect(asked.Spec.Interactive).To(BeTrue())
	Expect(at).To(Equal(&site{extension{LoginServer: "https://login.example.com", LoginCAData: []byte("ca")}, "https://api"}))
},
	Entry("all that is needed", execInfoOf("v1",
		`"server":"https://api","config":{"loginServer":"https://LOGIN.example.com/","loginCAData":"Y2E="}`), ""),
	Entry("nothing", "", "is not set"),
	Entry("no JSON", "hello", "cannot be used"),
	Entry("another kind", `{"apiVersion":"v1","kind":"Pod"}`, "cannot be used"),
	Entry("another version", execInfoOf("v1beta1", `"server":"https://api","config":{"loginServer":"https://login"}`),
		"must have apiVersion"),
	Entry("no cluster", `{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","spec":{}}`, "provideClusterInfo: true"),
	Entry("no extension", execInfoOf("v1", `"server":"https://api"`), "has no extension"),
	Entry("an extension of another shape", execInfoOf("v1", `"server":"https://api","config":[]`), "cannot be read"),
	Entry("no login service", execInfoOf("v1", `"server":"https://api","config":{}`), "names no loginServer"),
	Entry("one without TLS", execInfoOf("v1", `"server":"https://api","config":{"loginServer":"http://login"}`), "must begin with https://"),
	Entry("a profile elsewhere", execInfoOf("v1", `"server":"https://api","config":{"loginServer":"https://l","profile":"../x"}`),
		"cannot be a profile"),
)

func execInfoOf(version, cluster string) string {
	return `{"apiVersion":"client.authentication.k8s.io/` + version + `","kind":"ExecCredential","spec":{` +
		`"interactive":true,"cluster":{` + cluster + `}}}`
}

// FuzzParseExecInfo sees that nothing in an environment variable breaks the plugin.
func FuzzParseExecInfo(f *testing.F) {
	f.Add(execInfoOf("v1", `"server":"https://api","config":{"loginServer":"https://login","loginCAData":"Y2E=","profile":"p"}`))
	f.Add(execInfoOf("v1", `"config":null`))
	f.Add("{}")
	f.Fuzz(func(t *testing.T, info string) {
		_, at, err := parseExecInfo(info)
		if err == nil && (!strings.HasPrefix(at.LoginServer, "https://") || store.CheckName(at.profile()) != nil) {
			t.Fatalf("%q gave %+v", info, at)
		}
	})
}
