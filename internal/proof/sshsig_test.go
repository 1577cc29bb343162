// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package proof_test

import (
	"crypto"
	"crypto/dsa" //nolint:staticcheck // To see that it is refused.
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/pem"
	"io"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"golang.org/x/crypto/ssh"

	"github.com/rollcall-iam/rollcall/internal/proof"
)

// binding is one that a login could have.
func binding() string { return proof.Binding("challenge", []byte("public key")) }

func signerOf(key crypto.Signer) ssh.Signer {
	GinkgoHelper()
	signer, err := ssh.NewSignerFromSigner(key)
	Expect(err).NotTo(HaveOccurred())
	return signer
}

func rsaKey(bits int) crypto.Signer {
	GinkgoHelper()
	key, err := rsa.GenerateKey(rand.Reader, bits)
	Expect(err).NotTo(HaveOccurred())
	return key
}

func ecdsaKey(curve elliptic.Curve) crypto.Signer {
	GinkgoHelper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	Expect(err).NotTo(HaveOccurred())
	return key
}

func ed25519Key() crypto.Signer {
	GinkgoHelper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	Expect(err).NotTo(HaveOccurred())
	return key
}

// line is a public key as spec.devices of a User has it, without a comment.
func line(key ssh.PublicKey) string { return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key))) }

// content is the SSHSIG of OpenSSH's PROTOCOL.sshsig, for signatures that nobody should make.
type content struct {
	Version   uint32
	PublicKey []byte
	Namespace string
	Reserved  string
	Hash      string
	Signature []byte
}

func armor(c content) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "SSH SIGNATURE", Bytes: append([]byte("SSHSIG"), ssh.Marshal(c)...)}))
}

func open(armored string) content {
	GinkgoHelper()
	block, _ := pem.Decode([]byte(armored))
	var c content
	Expect(ssh.Unmarshal(block.Bytes[len("SSHSIG"):], &c)).To(Succeed())
	return c
}

var _ = Describe("A signature by a device key", func() {
	DescribeTable("is taken from keys of each kind", func(key func() crypto.Signer) {
		signer := signerOf(key())
		armored, err := proof.SignSSH(signer, binding())
		Expect(err).NotTo(HaveOccurred())
		Expect(proof.VerifySSH(line(signer.PublicKey()), armored, binding())).To(Succeed())

		other := proof.Binding("another challenge", []byte("public key"))
		Expect(proof.VerifySSH(line(signer.PublicKey()), armored, other)).To(MatchError(proof.ErrSignature))
		stranger := signerOf(key())
		Expect(proof.VerifySSH(line(stranger.PublicKey()), armored, binding())).To(MatchError(proof.ErrSignature))
	},
		Entry("Ed25519", ed25519Key),
		Entry("P-256", func() crypto.Signer { return ecdsaKey(elliptic.P256()) }),
		Entry("P-384", func() crypto.Signer { return ecdsaKey(elliptic.P384()) }),
		Entry("P-521", func() crypto.Signer { return ecdsaKey(elliptic.P521()) }),
		Entry("RSA", func() crypto.Signer { return rsaKey(3072) }),
	)

	DescribeTable("is neither made nor taken with keys that are not suitable", func(signer func() ssh.Signer, why string) {
		s := signer()
		_, err := proof.SignSSH(s, binding())
		Expect(err).To(MatchError(ContainSubstring(why)))
		Expect(proof.VerifySSH(line(s.PublicKey()), "", binding())).To(MatchError(ContainSubstring(why)))
	},
		Entry("short RSA", func() ssh.Signer { return signerOf(rsaKey(2048)) }, "less than 3072 bits"),
		Entry("DSA", func() ssh.Signer {
			key := &dsa.PrivateKey{}
			Expect(dsa.GenerateParameters(&key.Parameters, rand.Reader, dsa.L1024N160)).To(Succeed())
			Expect(dsa.GenerateKey(key, rand.Reader)).To(Succeed())
			signer, err := ssh.NewSignerFromKey(key)
			Expect(err).NotTo(HaveOccurred())
			return signer
		}, `"ssh-dss" are not taken`),
		Entry("Ed25519 for which anybody signs", func() ssh.Signer {
			small := append([]byte{1}, make([]byte, ed25519.PublicKeySize-1)...)
			return signerOf(ed25519.PrivateKey(append(make([]byte, ed25519.SeedSize), small...)))
		}, "small order, for which anybody can sign"),
		Entry("a certificate", func() ssh.Signer {
			key := signerOf(ed25519Key())
			certificate := &ssh.Certificate{Key: key.PublicKey(), CertType: ssh.UserCert, ValidBefore: ssh.CertTimeInfinity}
			Expect(certificate.SignCert(rand.Reader, signerOf(ed25519Key()))).To(Succeed())
			signer, err := ssh.NewCertSigner(certificate, key)
			Expect(err).NotTo(HaveOccurred())
			return signer
		}, `"ssh-ed25519-cert-v01@openssh.com" are not taken`),
	)

	DescribeTable("is not taken if anything in it is other than it should be", func(change func(*content)) {
		signer := signerOf(ed25519Key())
		armored, err := proof.SignSSH(signer, binding())
		Expect(err).NotTo(HaveOccurred())
		c := open(armored)
		Expect(proof.VerifySSH(line(signer.PublicKey()), armor(c), binding())).To(Succeed(), "as it is")
		change(&c)
		Expect(proof.VerifySSH(line(signer.PublicKey()), armor(c), binding())).To(MatchError(proof.ErrSignature))
	},
		Entry("version", func(c *content) { c.Version = 2 }),
		Entry("namespace", func(c *content) { c.Namespace = "git" }),
		Entry("hash", func(c *content) { c.Hash = "sha256" }),
		Entry("public key", func(c *content) { c.PublicKey[len(c.PublicKey)-1] ^= 1 }),
		Entry("signature", func(c *content) { c.Signature[len(c.Signature)-1] ^= 1 }),
		Entry("something behind the signature", func(c *content) { c.Signature = append(c.Signature, 1, 0, 0, 0, 1) }),
		Entry("no signature", func(c *content) { c.Signature = nil }),
		Entry("another algorithm", func(c *content) {
			c.Signature = ssh.Marshal(ssh.Signature{Format: ssh.KeyAlgoRSA, Blob: make([]byte, 64)})
		}),
	)

	DescribeTable("is not taken in another armor", func(change func(string) string) {
		signer := signerOf(ed25519Key())
		armored, err := proof.SignSSH(signer, binding())
		Expect(err).NotTo(HaveOccurred())
		Expect(proof.VerifySSH(line(signer.PublicKey()), change(armored), binding())).To(MatchError(proof.ErrSignature))
	},
		Entry("none", func(string) string { return "" }),
		Entry("text before it", func(a string) string { return "hello\n" + a }),
		Entry("text behind it", func(a string) string { return a + "hello\n" }),
		Entry("two", func(a string) string { return a + a }),
		Entry("headers", func(a string) string {
			return strings.Replace(a, "SIGNATURE-----\n", "SIGNATURE-----\nA: b\n\n", 1)
		}),
		Entry("another name", func(a string) string { return strings.ReplaceAll(a, "SSH SIGNATURE", "SIGNATURE") }),
		Entry("cut short", func(a string) string { return a[:len(a)/2] }),
		Entry("too long", func(a string) string { return a + strings.Repeat("\n", 8<<10) }),
	)

	It("is not taken from an RSA key that is looked at for long", func() {
		long := ssh.Marshal(struct {
			Name string
			E, N *big.Int
		}{ssh.KeyAlgoRSA, big.NewInt(65537), new(big.Int).SetBit(big.NewInt(1), 8192, 1)})
		Expect(proof.VerifySSH("ssh-rsa "+base64.StdEncoding.EncodeToString(long), "", binding())).
			To(MatchError(ContainSubstring("more than 8192 bits")))
	})

	DescribeTable("is made by an agent, whose keys know their bytes alone", func(key func() crypto.Signer) {
		signer := held{signerOf(key()).(ssh.AlgorithmSigner)}
		armored, err := proof.SignSSH(signer, binding())
		Expect(err).NotTo(HaveOccurred())
		Expect(proof.VerifySSH(line(signer.PublicKey()), armored, binding())).To(Succeed())
	},
		Entry("Ed25519", ed25519Key),
		Entry("RSA", func() crypto.Signer { return rsaKey(3072) }),
	)

	It("over SHA-1 is not taken from an RSA key", func() {
		key := rsaKey(3072)
		signer := signerOf(key)
		weak := sha1Signer{signer}
		_, err := proof.SignSSH(weak, binding())
		Expect(err).To(MatchError(ContainSubstring("SHA-1 only")))

		armored, err := proof.SignSSH(signer, binding())
		Expect(err).NotTo(HaveOccurred())
		c := open(armored)
		var signature ssh.Signature
		Expect(ssh.Unmarshal(c.Signature, &signature)).To(Succeed())
		Expect(signature.Format).To(Equal(ssh.KeyAlgoRSASHA512))
		signature.Rest = []byte{1}
		c.Signature = ssh.Marshal(signature)
		Expect(proof.VerifySSH(line(signer.PublicKey()), armor(c), binding())).To(MatchError(proof.ErrSignature), "something behind it")
		signature.Rest = nil
		c.Signature = ssh.Marshal(signature)
		Expect(proof.VerifySSH(line(signer.PublicKey()), armor(c), binding())).To(Succeed())
		signature.Format = ssh.KeyAlgoRSA
		c.Signature = ssh.Marshal(signature)
		Expect(proof.VerifySSH(line(signer.PublicKey()), armor(c), binding())).To(MatchError(proof.ErrSignature))
	})

	DescribeTable("of a security key must say that somebody was there", func(flags byte, taken bool) {
		key := securityKey(ed25519Key(), flags)
		armored, err := proof.SignSSH(key, binding())
		Expect(err).NotTo(HaveOccurred())
		err = proof.VerifySSH(line(key.PublicKey()), armored, binding())
		if taken {
			Expect(err).NotTo(HaveOccurred())
		} else {
			Expect(err).To(MatchError(proof.ErrSignature))
		}
	},
		Entry("touched", byte(0x01), true),
		Entry("touched, and with a PIN", byte(0x05), true),
		Entry("not touched", byte(0x00), false),
		Entry("with a PIN, and not touched", byte(0x04), false),
	)

	DescribeTable("is checked by a public key as OpenSSH writes it", func(key func(string) string, why string) {
		Expect(proof.VerifySSH(key(line(signerOf(ed25519Key()).PublicKey())), "", binding())).To(MatchError(ContainSubstring(why)))
	},
		Entry("nothing", func(string) string { return "" }, "its type and base64"),
		Entry("a comment", func(k string) string { return k + " alice@laptop" }, "not base64"),
		Entry("options", func(k string) string { return "restrict " + k }, "not base64"),
		Entry("another type", func(k string) string { return "ssh-rsa" + strings.TrimPrefix(k, "ssh-ed25519") }, "says that it is"),
		Entry("half a key", func(k string) string { return k[:len(k)-20] }, "cannot be read"),
	)
})

// held is a key that an agent holds.
type held struct{ ssh.AlgorithmSigner }

func (h held) PublicKey() ssh.PublicKey {
	return struct{ ssh.PublicKey }{h.AlgorithmSigner.PublicKey()}
}

// sha1Signer cannot choose an algorithm, as old agents cannot.
type sha1Signer struct{ signer ssh.Signer }

func (s sha1Signer) PublicKey() ssh.PublicKey { return s.signer.PublicKey() }

func (s sha1Signer) Sign(r io.Reader, data []byte) (*ssh.Signature, error) {
	return s.signer.Sign(r, data)
}

// touched signs as a security key does (OpenSSH's PROTOCOL.u2f).
type touched struct {
	public ssh.PublicKey
	key    crypto.Signer
	flags  byte
}

func securityKey(key crypto.Signer, flags byte) ssh.Signer {
	GinkgoHelper()
	raw := key.Public().(ed25519.PublicKey)
	public, err := ssh.ParsePublicKey(ssh.Marshal(struct {
		Type        string
		Key         []byte
		Application string
	}{ssh.KeyAlgoSKED25519, raw, "ssh:"}))
	Expect(err).NotTo(HaveOccurred())
	return touched{public, key, flags}
}

func (t touched) PublicKey() ssh.PublicKey { return t.public }

func (t touched) Sign(_ io.Reader, data []byte) (*ssh.Signature, error) {
	application, message := sha256.Sum256([]byte("ssh:")), sha256.Sum256(data)
	rest := binary.BigEndian.AppendUint32([]byte{t.flags}, 7)
	signature, err := t.key.Sign(rand.Reader, append(append(application[:], rest...), message[:]...), crypto.Hash(0))
	return &ssh.Signature{Format: t.public.Type(), Blob: signature, Rest: rest}, err
}

var _ = Describe("OpenSSH", func() {
	BeforeEach(func() {
		if _, err := exec.LookPath("ssh-keygen"); err != nil {
			if os.Getenv("CI") == "true" {
				Fail("ssh-keygen is missing")
			}
			Skip("ssh-keygen is missing")
		}
	})

	keygen := func(stdin string, args ...string) string {
		GinkgoHelper()
		command := exec.CommandContext(GinkgoT().Context(), "ssh-keygen", args...)
		command.Stdin = strings.NewReader(stdin)
		output, err := command.CombinedOutput()
		Expect(err).NotTo(HaveOccurred(), string(output))
		return string(output)
	}

	DescribeTable("signs what is taken here, and takes what is signed here", func(kind ...string) {
		folder := GinkgoT().TempDir()
		file := filepath.Join(folder, "id")
		keygen("", append([]string{"-q", "-N", "", "-C", "", "-f", file, "-t"}, kind...)...)
		private, err := os.ReadFile(file)
		Expect(err).NotTo(HaveOccurred())
		signer, err := ssh.ParsePrivateKey(private)
		Expect(err).NotTo(HaveOccurred())
		public := line(signer.PublicKey())

		message := filepath.Join(folder, "message")
		Expect(os.WriteFile(message, []byte(binding()), 0o600)).To(Succeed())
		keygen("", "-q", "-Y", "sign", "-f", file, "-n", proof.Namespace, message)
		theirs, err := os.ReadFile(message + ".sig")
		Expect(err).NotTo(HaveOccurred())
		Expect(proof.VerifySSH(public, string(theirs), binding())).To(Succeed())

		ours, err := proof.SignSSH(signer, binding())
		Expect(err).NotTo(HaveOccurred())
		signature := filepath.Join(folder, "ours.sig")
		Expect(os.WriteFile(signature, []byte(ours), 0o600)).To(Succeed())
		allowed := filepath.Join(folder, "allowed")
		Expect(os.WriteFile(allowed, []byte("alice "+public+"\n"), 0o600)).To(Succeed())
		Expect(keygen(binding(), "-Y", "verify", "-f", allowed, "-I", "alice", "-n", proof.Namespace, "-s", signature)).
			To(ContainSubstring("Good"))
	},
		Entry("Ed25519", "ed25519"),
		Entry("P-256", "ecdsa", "-b", "256"),
		Entry("P-521", "ecdsa", "-b", "521"),
		Entry("RSA", "rsa", "-b", "3072"),
	)

	It("signs for other purposes what is not taken here", func() {
		folder := GinkgoT().TempDir()
		file, message := filepath.Join(folder, "id"), filepath.Join(folder, "message")
		keygen("", "-q", "-N", "", "-t", "ed25519", "-f", file)
		private, err := os.ReadFile(file)
		Expect(err).NotTo(HaveOccurred())
		signer, err := ssh.ParsePrivateKey(private)
		Expect(err).NotTo(HaveOccurred())
		Expect(os.WriteFile(message, []byte(binding()), 0o600)).To(Succeed())
		keygen("", "-q", "-Y", "sign", "-f", file, "-n", "git", message)
		theirs, err := os.ReadFile(message + ".sig")
		Expect(err).NotTo(HaveOccurred())
		Expect(proof.VerifySSH(line(signer.PublicKey()), string(theirs), binding())).To(MatchError(proof.ErrSignature))
	})
})

// FuzzVerifySSH sees that nothing that anybody sends breaks the check, and that nothing passes but what the key signed.
func FuzzVerifySSH(f *testing.F) {
	key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	signer, err := ssh.NewSignerFromSigner(key)
	if err != nil {
		f.Fatal(err)
	}
	public := line(signer.PublicKey())
	armored, err := proof.SignSSH(signer, binding())
	if err != nil {
		f.Fatal(err)
	}
	block, _ := pem.Decode([]byte(armored))
	f.Add(public, block.Bytes, binding())
	f.Add(public, block.Bytes[:len(block.Bytes)-1], binding())
	f.Add("ssh-rsa AAAA", []byte("SSHSIG"), "")
	f.Fuzz(func(t *testing.T, publicKey string, blob []byte, message string) {
		armored := string(pem.EncodeToMemory(&pem.Block{Type: "SSH SIGNATURE", Bytes: blob}))
		// With another key the fuzzer may be its owner; with this one, only what was signed passes.
		if err := proof.VerifySSH(publicKey, armored, message); err == nil && publicKey == public && message != binding() {
			t.Fatalf("%q passed, and nobody signed it", message)
		}
		_ = proof.VerifySSH(publicKey, string(blob), message)
	})
}
