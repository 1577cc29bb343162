// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	encoding "encoding/pem"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/rollcall-iam/rollcall/cmd/kubectl-rollcall/internal/loginclient"
	"github.com/rollcall-iam/rollcall/internal/wire"
)

var _ = Describe("kubectl rollcall login", func() {
	var (
		p *peer
		m *machine
	)
	BeforeEach(func() { p, m = startPeer(), newMachine() })

	It("logs in with a password, and tells who that is and for how long", func() {
		result := m.logsIn(p, "--device", "laptop")
		Expect(result.Out).To(BeEmpty())
		Expect(result.Err).To(MatchRegexp(`^You are corp:alice \(user alice\)\.\n` +
			`Session alice-[a-z2-7]{16} ends at the latest \S+ \S+ \(in 1\dh\)\.\n` +
			`Context, cluster and user rollcall-api\.example\.com-6443 added to your kubeconfig\.\n$`))
		Expect(p.requests).To(HaveLen(1))
		Expect(p.requests[0]).To(SatisfyAll(HaveField("Device", "laptop"), HaveField("Password.UserName", "alice")))
		Expect(m.kept()).To(SatisfyAll(HaveField("User", "alice"), HaveField("Method", "password"), HaveField("Directory", "corp"),
			HaveField("Session", p.session), HaveField("Device", "laptop"), HaveField("Key.In", "file")))
	})

	It("leaves nothing that others can read, and no secret but the key", func() {
		m.logsIn(p)
		for _, file := range append(m.files(".json"), append(m.files(".key"), m.files(".lock")...)...) {
			info, err := os.Stat(file)
			Expect(err).NotTo(HaveOccurred())
			Expect(info.Mode().Perm()).To(Equal(os.FileMode(0o600)), file)
		}
		Expect(m.files("")).To(HaveLen(3))
		for _, file := range append(m.files(".json"), m.path("kubeconfig")) {
			text, err := os.ReadFile(file)
			Expect(err).NotTo(HaveOccurred())
			Expect(string(text)).NotTo(SatisfyAny(ContainSubstring("PRIVATE KEY"), ContainSubstring("secret\n")))
		}
	})

	It("is refused with a wrong password, and keeps nothing", func() {
		m.stdin = "wrong\n"
		result := m.runs("login", p.server.URL, "--login-ca-file", m.trusts(p), "--username", "alice", "--password-stdin")
		Expect(result).To(SatisfyAll(HaveField("Code", 1), HaveField("Err", ContainSubstring("nobody is let in by that"))))
		Expect(m.files(".json")).To(BeEmpty())
		Expect(m.files(".key")).To(BeEmpty())
		Expect(m.path("kubeconfig")).NotTo(BeAnExistingFile())
	})

	It("logs in again where it did before, with another key, and ends the session from before", func() {
		m.logsIn(p)
		before := m.kept()
		m.stdin = "secret\n"
		result := m.runs("login", "--password-stdin")
		Expect(result).To(HaveField("Code", 0), result.Err)
		Expect(result.Err).To(ContainSubstring("Session " + before.Session + ", from before, is ended."))
		Expect(m.kept().Key).NotTo(Equal(before.Key))
		Expect(m.files(".key")).To(HaveLen(1))
		Expect(p.count(wire.PathLogout)).To(Equal(1))
	})

	It("waits for a certificate that cannot be signed yet", func() {
		failures := 1
		p.set(func() {
			p.fault = func(path string, w http.ResponseWriter) bool {
				if path != wire.PathCertificate {
					return false
				}
				failures--
				return failures >= 0 && refuse(w, http.StatusServiceUnavailable, wire.CodeUnavailable, "the signer is busy")
			}
		})
		Expect(m.logsIn(p).Err).To(ContainSubstring("waiting for the certificate: the signer is busy"))
	})

	Describe("with a device key", func() {
		var (
			key  ed25519.PrivateKey
			file string
		)
		write := func(passphrase string) {
			GinkgoHelper()
			block, err := ssh.MarshalPrivateKey(key, "")
			if passphrase != "" {
				block, err = ssh.MarshalPrivateKeyWithPassphrase(key, "", []byte(passphrase))
			}
			Expect(err).NotTo(HaveOccurred())
			Expect(os.WriteFile(file, encoding.EncodeToMemory(block), 0o600)).To(Succeed())
		}
		login := func(m *machine, file string) said {
			GinkgoHelper()
			return m.runs("login", p.server.URL, "--login-ca-file", m.trusts(p), "--key", file)
		}
		BeforeEach(func() {
			_, key, _ = ed25519.GenerateKey(rand.Reader)
			signer, err := ssh.NewSignerFromSigner(key)
			Expect(err).NotTo(HaveOccurred())
			p.enrolled = keyLine(signer.PublicKey())
			file = m.path("id_ed25519")
			Expect(os.WriteFile(file+".pub", []byte(p.enrolled+" alice@laptop\n"), 0o644)).To(Succeed())
		})

		It("logs in by a file", func() {
			write("")
			Expect(login(m, file)).To(HaveField("Code", 0))
			Expect(m.kept()).To(SatisfyAll(HaveField("Method", "key"), HaveField("KeyFile", file), HaveField("Directory", "")))
			Expect(m.runs("login")).To(HaveField("Code", 0), "with the key of the last time")
		})

		It("logs in by an agent", func() {
			socket := agentWith(key)
			Expect(login(m.with("SSH_AUTH_SOCK="+socket), file+".pub")).To(HaveField("Code", 0))
		})

		It("does not ask for the passphrase of a key that the agent has", func() {
			write("hunter2")
			Expect(login(m.with("SSH_AUTH_SOCK="+agentWith(key)), file)).To(HaveField("Code", 0))
		})

		DescribeTable("says what is wrong with one", func(how func() string, complaint string) {
			file := how()
			Expect(login(m, file)).To(SatisfyAll(HaveField("Code", 1), HaveField("Err", ContainSubstring(complaint))))
		},
			Entry("not there", func() string { return m.path("nothing") }, "no such file"),
			Entry("read by others", func() string {
				write("")
				Expect(os.Chmod(file, 0o644)).To(Succeed())
				return file
			}, "chmod 600"),
			Entry("no key", func() string {
				Expect(os.WriteFile(file, []byte("hello"), 0o600)).To(Succeed())
				return file
			}, "is not a key as OpenSSH writes it"),
			Entry("locked, and nobody there", func() string { write("hunter2"); return file }, "nobody can be asked"),
			Entry("public, without an agent", func() string { return file + ".pub" }, "there is no ssh-agent"),
			Entry("not enrolled", func() string {
				_, key, _ = ed25519.GenerateKey(rand.Reader)
				write("")
				return file
			}, "the login service refused"),
			Entry("too short", func() string {
				short, err := rsa.GenerateKey(rand.Reader, 2048)
				Expect(err).NotTo(HaveOccurred())
				block, err := ssh.MarshalPrivateKey(short, "")
				Expect(err).NotTo(HaveOccurred())
				Expect(os.WriteFile(file, encoding.EncodeToMemory(block), 0o600)).To(Succeed())
				return file
			}, "less than 3072 bits"),
		)

		It("says that an agent does not have it", func() {
			_, other, _ := ed25519.GenerateKey(rand.Reader)
			Expect(login(m.with("SSH_AUTH_SOCK="+agentWith(other)), file+".pub").Err).To(ContainSubstring("does not hold the private key"))
		})
	})

	It("logs in on another machine's browser", func() {
		p.directories = []wire.Directory{{Name: "corp", OIDC: &wire.OIDC{IssuerURL: "https://idp.example.com", ClientID: "rollcall"}}}
		p.pending = 1
		result := m.runs("login", p.server.URL, "--login-ca-file", m.trusts(p))
		Expect(result).To(HaveField("Code", 0), result.Err)
		Expect(result.Err).To(SatisfyAll(ContainSubstring("https://idp.example.com/device\n"), ContainSubstring("The code is: WDJB-MJHT\n"),
			Not(ContainSubstring("\r"))))
		Expect(p.count(wire.PathDevicePoll)).To(Equal(2))
		Expect(m.kept()).To(SatisfyAll(HaveField("Method", "device"), HaveField("Provider", BeNil())))
	})

	Describe("with a clock that is wrong", func() {
		It("warns", func() {
			p.behind = 3 * time.Minute
			Expect(m.logsIn(p).Err).To(ContainSubstring("This machine's clock is 3m0s ahead of the login service's: set it right"))
			p.behind = -2 * time.Minute
			p.begin = 5 * time.Minute
			Expect(m.logsIn(p).Err).To(ContainSubstring("This machine's clock is 2m0s behind the login service's"))
			p.behind = 50 * time.Second
			Expect(m.logsIn(p).Err).NotTo(ContainSubstring("clock"))
		})

		DescribeTable("refuses where certificates would not be valid, and leaves no session behind", func(behind time.Duration, words string) {
			p.behind = behind
			m.stdin = "secret\n"
			result := m.runs("login", p.server.URL, "--login-ca-file", m.trusts(p), "--username", "alice", "--password-stdin")
			Expect(result).To(SatisfyAll(HaveField("Code", 1), HaveField("Err", SatisfyAll(
				ContainSubstring("This machine's clock is "+words), ContainSubstring("Set it right and log in again")))))
			Expect(m.files(".key")).To(BeEmpty())
			Expect(p.count(wire.PathLogout)).To(Equal(1))
		},
			Entry("far ahead", 20*time.Minute, "20m0s ahead of the login service's"),
			Entry("far behind", -20*time.Minute, "20m0s behind the login service's"),
			Entry("hours ahead", 5*time.Hour, "5h0m0s ahead of the login service's"),
			Entry("hours behind", -5*time.Hour, "5h0m0s behind the login service's"),
		)
	})

	DescribeTable("says why it cannot", func(change func() []string, complaint string) {
		args := change()
		Expect(m.runs(append([]string{"login"}, args...)...)).To(SatisfyAll(HaveField("Code", 1), HaveField("Out", ""),
			HaveField("Err", ContainSubstring(complaint))))
	},
		Entry("nowhere", func() []string { return nil }, "where? kubectl rollcall login https://"),
		Entry("no TLS", func() []string { return []string{"http://login.example.com"} }, "must begin with https://"),
		Entry("no address", func() []string { return []string{"login"} }, "is not the address of a login service"),
		Entry("a query", func() []string { return []string{"https://login.example.com?x=y"} }, "without user, query and fragment"),
		Entry("an unknown authority", func() []string { return []string{p.server.URL} }, "give the right one with --login-ca-file"),
		Entry("no authority in the file", func() []string {
			Expect(os.WriteFile(m.path("empty"), nil, 0o600)).To(Succeed())
			return []string{p.server.URL, "--login-ca-file", m.trusts(p), "--method", "telepathy"}
		}, "there is no --method"),
		Entry("nobody there", func() []string {
			p.server.Close()
			return []string{p.server.URL, "--login-ca-file", m.trusts(p)}
		}, "cannot be reached"),
		Entry("several directories", func() []string {
			p.directories = []wire.Directory{{Name: "corp", Password: true}, {Name: "partners", Password: true}}
			return []string{p.server.URL, "--login-ca-file", m.trusts(p)}
		}, "Give --directory: corp, partners"),
		Entry("another directory", func() []string {
			return []string{p.server.URL, "--login-ca-file", m.trusts(p), "--directory", "x"}
		}, `there is no directory "x"`),
		Entry("no password to be had", func() []string {
			return []string{p.server.URL, "--login-ca-file", m.trusts(p), "--username", "alice"}
		}, "give --password-stdin"),
		Entry("keys alone", func() []string {
			p.directories = nil
			return []string{p.server.URL, "--login-ca-file", m.trusts(p)}
		}, "device keys alone here: give --key"),
		Entry("a name for a machine", func() []string {
			return []string{p.server.URL, "--device", "my laptop"}
		}, "cannot be a device"),
		Entry("an issuer without TLS", func() []string {
			p.directories = []wire.Directory{{Name: "corp", OIDC: &wire.OIDC{IssuerURL: "http://idp.example.com", ClientID: "rollcall"}}}
			return []string{p.server.URL, "--login-ca-file", m.trusts(p), "--method", "oidc"}
		}, "is not an https:// URL"),
	)

	Describe("writes a kubeconfig", func() {
		It("that gives kubectl all it needs, and that nobody else can read", func() {
			file := m.path("out")
			Expect(m.logsIn(p, "--kubeconfig-out", file).Err).To(ContainSubstring("Kubeconfig written to " + file))
			Expect(m.path("kubeconfig")).NotTo(BeAnExistingFile())
			info, err := os.Stat(file)
			Expect(err).NotTo(HaveOccurred())
			Expect(info.Mode().Perm()).To(Equal(os.FileMode(0o600)))
			config, err := clientcmd.LoadFromFile(file)
			Expect(err).NotTo(HaveOccurred())
			const name = "rollcall-api.example.com-6443"
			Expect(config.CurrentContext).To(Equal(name))
			Expect(config.Contexts[name]).To(SatisfyAll(HaveField("Cluster", name), HaveField("AuthInfo", name)))
			Expect(config.Clusters[name]).To(SatisfyAll(HaveField("Server", "https://api.example.com:6443"),
				HaveField("CertificateAuthorityData", p.ca.pem)))
			at, err := placeOf(config.Clusters[name])
			Expect(err).NotTo(HaveOccurred())
			Expect(at.extension).To(Equal(extension{LoginServer: p.server.URL, LoginCAData: p.ca.pem}))
			Expect(config.AuthInfos[name].Exec).To(SatisfyAll(HaveField("APIVersion", "client.authentication.k8s.io/v1"),
				HaveField("Command", binary), HaveField("Args", []string{"credential"}), HaveField("ProvideClusterInfo", true),
				HaveField("InteractiveMode", BeEquivalentTo("IfAvailable"))))
			m.logsIn(p, "--kubeconfig-out", file)
		})

		It("in place of nobody else's, unless it is told to", func() {
			file := m.path("out")
			Expect(os.WriteFile(file, []byte("mine"), 0o644)).To(Succeed())
			result := m.runs("login", p.server.URL, "--kubeconfig-out", file)
			Expect(result).To(SatisfyAll(HaveField("Code", 1), HaveField("Err",
				ContainSubstring("not from here: give another file, or --force"))))
			Expect(p.asked).To(BeEmpty())
			m.logsIn(p, "--kubeconfig-out", file, "--force")
			Expect(clientcmd.LoadFromFile(file)).To(HaveField("AuthInfos", HaveLen(1)))
		})

		It("into the one that is there, and leaves what is in it", func() {
			Expect(os.WriteFile(m.path("kubeconfig"), []byte("apiVersion: v1\nkind: Config\ncurrent-context: mine\ncontexts:\n"+
				"- name: mine\n  context: {cluster: mine, user: mine}\nclusters:\n- name: mine\n  cluster: {server: https://mine}\n"),
				0o600)).To(Succeed())
			Expect(m.logsIn(p).Err).To(ContainSubstring("To use it: kubectl config use-context rollcall-api.example.com-6443\n"))
			Expect(clientcmd.LoadFromFile(m.path("kubeconfig"))).To(SatisfyAll(HaveField("CurrentContext", "mine"),
				HaveField("Contexts", HaveLen(2)), HaveField("Clusters", HaveLen(2)), HaveField("AuthInfos", HaveLen(1))))
			Expect(m.logsIn(p).Err).NotTo(ContainSubstring("kubeconfig"), "there is nothing to change the second time")
		})
	})
})

// agentWith is the socket of an agent that holds a key.
func agentWith(key any) string {
	GinkgoHelper()
	keys := agent.NewKeyring()
	Expect(keys.Add(agent.AddedKey{PrivateKey: key})).To(Succeed())
	folder, err := os.MkdirTemp("", "agent") // sockets have short names
	Expect(err).NotTo(HaveOccurred())
	listener, err := net.Listen("unix", folder+"/s")
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() { _ = listener.Close(); _ = os.RemoveAll(folder) })
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			go func() { _ = agent.ServeAgent(keys, connection) }()
		}
	}()
	return folder + "/s"
}

var _ = Describe("kubectl rollcall logout", func() {
	var (
		p *peer
		m *machine
	)
	BeforeEach(func() {
		p, m = startPeer(), newMachine()
		m.logsIn(p)
	})

	It("ends the session and forgets the key", func() {
		session := m.kept().Session
		Expect(m.runs("logout")).To(Equal(said{Err: "Session " + session + " is ended.\n" +
			"The key and the certificate of corp:alice are deleted here.\n"}))
		Expect(p.ended).To(BeTrue())
		Expect(append(m.files(".json"), m.files(".key")...)).To(BeEmpty())
		Expect(m.runs("logout")).To(Equal(said{Err: "You are not logged in here.\n"}))
	})

	It("does not forget what goes on, unless it is told to", func() {
		p.server.CloseClientConnections()
		p.server.Close()
		result := m.runs("logout")
		Expect(result).To(SatisfyAll(HaveField("Code", 1), HaveField("Err", MatchRegexp(`goes on: .*cannot be reached.*logout --local`))))
		Expect(m.files(".key")).To(HaveLen(1))
		result = m.runs("logout", "--local")
		Expect(result).To(SatisfyAll(HaveField("Code", 0), HaveField("Err",
			MatchRegexp(`goes on, without its key: .* valid until \d{4}-\d\d-\d\d \d\d:\d\d;`))))
		Expect(append(m.files(".json"), m.files(".key")...)).To(BeEmpty())
	})

	It("minds no session that had ended", func() {
		p.set(func() { p.ended = true })
		Expect(m.runs("logout")).To(SatisfyAll(HaveField("Code", 0), HaveField("Err", ContainSubstring("had ended"))))
		Expect(m.files(".json")).To(BeEmpty())
	})

	It("logs out everywhere", func() {
		m.logsIn(p, "--profile", "second")
		result := m.runs("logout", "--all", "--local")
		Expect(result).To(HaveField("Code", 0), result.Err)
		Expect(append(m.files(".json"), m.files(".key")...)).To(BeEmpty())
	})
})

var _ = DescribeTable("The method that is chosen", func(directory wire.Directory, o loginOptions, browser bool, want string) {
	directory.Name = "corp"
	if o.method == "" {
		o.method = methodAuto
	}
	method, err := pickMethod(&directory, &o, browser)
	if err != nil {
		Expect(err.Error()).To(ContainSubstring(want))
		return
	}
	Expect(method).To(Equal(want))
},
	Entry("a browser", wire.Directory{OIDC: &wire.OIDC{}, Password: true}, loginOptions{}, true, "oidc"),
	Entry("none", wire.Directory{OIDC: &wire.OIDC{}, Password: true}, loginOptions{}, false, "device"),
	Entry("none wanted", wire.Directory{OIDC: &wire.OIDC{}}, loginOptions{noBrowser: true}, true, "device"),
	Entry("the only way", wire.Directory{Password: true, DeviceKeys: true}, loginOptions{}, true, "password"),
	Entry("a name", wire.Directory{OIDC: &wire.OIDC{}, Password: true}, loginOptions{username: "alice"}, true, "password"),
	Entry("a name, and no passwords", wire.Directory{OIDC: &wire.OIDC{}}, loginOptions{username: "alice"}, true, "oidc"),
	Entry("keys", wire.Directory{DeviceKeys: true}, loginOptions{}, true, "give --key"),
	Entry("as asked for", wire.Directory{OIDC: &wire.OIDC{}}, loginOptions{method: "oidc"}, false, "oidc"),
	Entry("as cannot be", wire.Directory{Password: true}, loginOptions{method: "oidc"}, true, "--method password"),
	Entry("as is not allowed", wire.Directory{OIDC: &wire.OIDC{}, DeviceKeys: true}, loginOptions{method: "password"}, true,
		"oidc, device, key"),
)

var _ = DescribeTable("What a machine is called", func(host, want string) { Expect(fitDevice(host)).To(Equal(want)) },
	Entry(nil, "laptop.example.com", "laptop.example.com"),
	Entry(nil, "Alice's MacBook", "Alice-s-MacBook"),
	Entry(nil, "-x-", "x"),
	Entry(nil, "", ""),
	Entry(nil, "ü", ""),
	Entry(nil, string(make([]byte, 70)), ""),
)

var _ = DescribeTable("Asking again in the device flow", func(err error, again bool, interval time.Duration) {
	pause := 5 * time.Second
	more, _ := pollAgain(err, &pause)
	Expect(more).To(Equal(again))
	Expect(pause).To(Equal(interval))
},
	Entry("done", nil, false, 5*time.Second),
	Entry("pending", &loginclient.Refusal{Code: wire.CodePending}, true, 5*time.Second),
	Entry("too fast", &loginclient.Refusal{Code: wire.CodeSlowDown}, true, 10*time.Second),
	Entry("far too fast", &loginclient.Refusal{Code: wire.CodeTooMany, RetryAfter: 20 * time.Second}, true, 20*time.Second),
	Entry("away", &loginclient.Unreachable{}, true, 5*time.Second),
	Entry("refused", &loginclient.Refusal{Code: wire.CodeRefused}, false, 5*time.Second),
	Entry("anything else", errors.New("x"), false, 5*time.Second),
)

var _ = Describe("Whoever is not at a terminal", func() {
	It("is asked nothing", func() {
		t := &tool{streams: genericiooptions.IOStreams{In: os.NewFile(0, "x"), Out: io.Discard, ErrOut: io.Discard}}
		t.streams.In = http.NoBody
		_, err := t.ask(context.Background(), "who? ")
		Expect(err).To(MatchError(errNoTerminal))
		_, err = t.askSecret(context.Background(), "what? ")
		Expect(err).To(MatchError(errNoTerminal))
	})
})
