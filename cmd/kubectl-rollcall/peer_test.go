// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/rollcall-iam/rollcall/internal/pki"
	"github.com/rollcall-iam/rollcall/internal/proof"
	"github.com/rollcall-iam/rollcall/internal/wire"
)

// authority signs what a peer needs.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	pem         []byte
}

func newAuthority() *authority {
	GinkgoHelper()
	key, err := pki.NewKey()
	Expect(err).NotTo(HaveOccurred())
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test CA"}, NotBefore: time.Now().Add(-24 * time.Hour),
		NotAfter: time.Now().Add(24 * time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	a := &authority{key: key}
	a.certificate, a.pem = a.sign(template, template, key.Public())
	return a
}

func (a *authority) sign(template, parent *x509.Certificate, public any) (certificate *x509.Certificate, text []byte) {
	GinkgoHelper()
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, a.key)
	Expect(err).NotTo(HaveOccurred())
	certificate, err = x509.ParseCertificate(der)
	Expect(err).NotTo(HaveOccurred())
	return certificate, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// server is what a server on this machine shows.
func (a *authority) server() tls.Certificate {
	GinkgoHelper()
	key, err := pki.NewKey()
	Expect(err).NotTo(HaveOccurred())
	_, certificate := a.sign(&x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "login"}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}, a.certificate, key.Public())
	encoded, err := pki.EncodeKey(key)
	Expect(err).NotTo(HaveOccurred())
	pair, err := tls.X509KeyPair(certificate, encoded)
	Expect(err).NotTo(HaveOccurred())
	return pair
}

// peer speaks the protocol of package wire, for shapes and faults. It is no login service: it knows one person, and takes what it is told
// to take.
type peer struct {
	server *httptest.Server
	ca     *authority

	mutex sync.Mutex
	// asked are the paths that somebody asked for.
	asked []string
	// directories and subject are what it tells.
	directories []wire.Directory
	subject     wire.Subject
	enrolled    string
	// lifetime and renewAfter of certificates; begin is how far back they begin; behind is how far its clock is behind.
	lifetime, renewAfter, begin, behind time.Duration
	// fault, if there is one, answers instead.
	fault func(path string, w http.ResponseWriter) bool
	// pending is how often the person is not done in the device flow.
	pending int

	session, challenge string
	public             []byte
	logins, issued     int
	ended              bool
	last               *x509.Certificate
	requests           []wire.LoginRequest
}

func startPeer() *peer {
	GinkgoHelper()
	p := &peer{
		ca: newAuthority(), directories: []wire.Directory{{Name: "corp", Password: true, DeviceKeys: true}},
		subject:  wire.Subject{CommonName: "corp:alice", Organizations: []string{"rollcall:managed"}},
		lifetime: 15 * time.Minute, renewAfter: 10 * time.Minute, begin: time.Minute,
	}
	pair := p.ca.server()
	p.server = httptest.NewUnstartedServer(p)
	p.server.TLS = &tls.Config{
		Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequestClientCert,
		Time: p.now,
	}
	p.server.StartTLS()
	DeferCleanup(func() { p.server.CloseClientConnections(); p.server.Close() })
	return p
}

// set changes what it does.
func (p *peer) set(how func()) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	how()
}

// now is the time by its clock.
func (p *peer) now() time.Time {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return time.Now().Add(-p.behind)
}

// count is how often a path was asked for.
func (p *peer) count(path string) int {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	count := 0
	for _, asked := range p.asked {
		if asked == path {
			count++
		}
	}
	return count
}

func (p *peer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.asked = append(p.asked, r.URL.Path)
	if p.fault != nil && p.fault(r.URL.Path, w) {
		return
	}
	switch r.URL.Path {
	case wire.PathSettings:
		say(w, wire.Settings{Cluster: wire.Cluster{Server: "https://api.example.com:6443", CA: p.ca.pem}, Directories: p.directories})
	case wire.PathChallenge:
		p.challenge = rand.Text()
		say(w, wire.Challenge{Challenge: p.challenge, ExpireTime: time.Now().Add(time.Minute), Time: time.Now().Add(-p.behind)})
	case wire.PathLogin:
		p.login(w, r)
	case wire.PathDeviceStart:
		p.deviceStart(w, r)
	case wire.PathDevicePoll:
		p.devicePoll(w, r)
	case wire.PathCertificate:
		p.certificate(w, r)
	case wire.PathLogout:
		p.logout(w, r)
	default:
		http.NotFound(w, r)
	}
}

func say(w http.ResponseWriter, answer any) { _ = json.NewEncoder(w).Encode(answer) }

func refuse(w http.ResponseWriter, status int, code wire.Code, message string) bool {
	w.WriteHeader(status)
	say(w, wire.Error{Code: code, Message: message})
	return true
}

func (p *peer) login(w http.ResponseWriter, r *http.Request) {
	var request wire.LoginRequest
	if json.NewDecoder(r.Body).Decode(&request) != nil || request.Challenge != p.challenge {
		refuse(w, http.StatusBadRequest, wire.CodeChallenge, "begin anew")
		return
	}
	p.requests = append(p.requests, request)
	binding := proof.Binding(request.Challenge, request.PublicKey)
	switch {
	case request.Password != nil && request.Password.UserName == "alice" && request.Password.Password == "secret":
	case request.DeviceKey != nil && request.DeviceKey.PublicKey == p.enrolled &&
		proof.VerifySSH(p.enrolled, request.DeviceKey.Signature, binding) == nil:
	default:
		refuse(w, http.StatusUnauthorized, wire.CodeRefused, "nobody is let in by that")
		return
	}
	p.begun(w, request.PublicKey)
}

func (p *peer) begun(w http.ResponseWriter, public []byte) {
	p.logins++
	p.public, p.issued, p.ended = public, 0, false
	p.session = proof.SessionName("alice", p.challenge)
	p.challenge = ""
	say(w, wire.Login{Session: p.session, User: "alice", Subject: p.subject, EndTime: time.Now().Add(12 * time.Hour)})
}

func (p *peer) deviceStart(w http.ResponseWriter, r *http.Request) {
	var request wire.DeviceStartRequest
	if json.NewDecoder(r.Body).Decode(&request) != nil || request.Challenge != p.challenge || request.Directory != "corp" {
		refuse(w, http.StatusBadRequest, wire.CodeChallenge, "begin anew")
		return
	}
	p.public = request.PublicKey
	say(w, wire.DeviceStart{
		Transaction: "transaction", UserCode: "WDJB-MJHT", VerificationURI: "https://idp.example.com/device", IntervalSeconds: 1,
		ExpireTime: time.Now().Add(time.Minute - p.behind),
	})
}

func (p *peer) devicePoll(w http.ResponseWriter, r *http.Request) {
	var request wire.DevicePollRequest
	if json.NewDecoder(r.Body).Decode(&request) != nil || request.Transaction != "transaction" || !bytes.Equal(request.PublicKey, p.public) {
		refuse(w, http.StatusBadRequest, wire.CodeBadRequest, "what is that?")
		return
	}
	if p.pending > 0 {
		p.pending--
		refuse(w, http.StatusBadRequest, wire.CodePending, "not yet")
		return
	}
	p.begun(w, request.PublicKey)
}

// shown says whether the client shows a certificate of the session that began last.
func (p *peer) shown(r *http.Request) bool {
	return len(r.TLS.PeerCertificates) > 0 && bytes.Equal(r.TLS.PeerCertificates[0].RawSubjectPublicKeyInfo, p.public)
}

func (p *peer) certificate(w http.ResponseWriter, r *http.Request) {
	var request wire.CertificateRequest
	if json.NewDecoder(r.Body).Decode(&request) != nil || request.Session != p.session {
		refuse(w, http.StatusBadRequest, wire.CodeBadRequest, "what is that?")
		return
	}
	if p.ended || p.issued > 0 && !p.shown(r) {
		refuse(w, http.StatusForbidden, wire.CodeEnded, "the session ended: terminated by bob")
		return
	}
	parsed, err := pki.ParseRequest(request.CSR)
	Expect(err).NotTo(HaveOccurred())
	public, err := x509.MarshalPKIXPublicKey(parsed.PublicKey)
	Expect(err).NotTo(HaveOccurred())
	if !bytes.Equal(public, p.public) {
		refuse(w, http.StatusForbidden, wire.CodeEnded, "another key")
		return
	}
	wanted := pki.Subject{Username: p.subject.CommonName, Groups: p.subject.Organizations}
	if pki.CheckRequest(request.CSR, wanted) != nil {
		w.WriteHeader(http.StatusConflict)
		say(w, wire.Error{Code: wire.CodeSubject, Message: "another subject", Subject: &p.subject})
		return
	}
	p.issued++
	now := time.Now().Add(-p.behind)
	var text []byte
	p.last, text = p.ca.sign(&x509.Certificate{
		SerialNumber: big.NewInt(int64(100*p.logins + p.issued)), Subject: pkix.Name{
			CommonName: p.subject.CommonName, Organization: slices.Clone(p.subject.Organizations),
		}, NotBefore: now.Add(-p.begin), NotAfter: now.Add(p.lifetime), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}, p.ca.certificate, parsed.PublicKey)
	say(w, wire.Credential{Certificate: text, NotAfter: p.last.NotAfter, RenewTime: now.Add(p.renewAfter)})
}

func (p *peer) logout(w http.ResponseWriter, r *http.Request) {
	if len(r.TLS.PeerCertificates) == 0 {
		refuse(w, http.StatusUnauthorized, wire.CodeRefused, "who are you?")
		return
	}
	if !p.shown(r) { // one of a session before
		say(w, struct{}{})
		return
	}
	if p.ended {
		refuse(w, http.StatusForbidden, wire.CodeEnded, "the session had ended")
		return
	}
	p.ended = true
	say(w, struct{}{})
}
