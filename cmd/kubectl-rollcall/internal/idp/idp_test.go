// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package idp

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/rollcall-iam/rollcall/internal/wire"
)

func TestIDP(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Logging in at an identity provider")
}

// answer is what a browser got.
type answer struct {
	Status int
	Body   string
	Header http.Header
}

func browse(method, address, host string) answer {
	GinkgoHelper()
	request, err := http.NewRequest(method, address, http.NoBody)
	Expect(err).NotTo(HaveOccurred())
	request.Host = host
	response, err := http.DefaultClient.Do(request)
	Expect(err).NotTo(HaveOccurred())
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	Expect(err).NotTo(HaveOccurred())
	return answer{response.StatusCode, string(body), response.Header}
}

var _ = Describe("The address that the browser comes back to", func() {
	var (
		c      *callback
		server *httptest.Server
	)
	BeforeEach(func() {
		c = newCallback("", "the-state")
		server = httptest.NewServer(c)
		c.host = strings.TrimPrefix(server.URL, "http://")
		DeferCleanup(server.Close)
	})

	come := func(query string) answer { return browse(http.MethodGet, server.URL+"/callback?"+query, "") }

	It("takes a code, and shows how the login ended only then", func() {
		shown := make(chan answer, 1)
		go func() {
			defer GinkgoRecover()
			shown <- come("state=the-state&code=abc")
		}()
		Eventually(c.came).Should(Receive(Equal(arrival{code: "abc"})))
		Consistently(shown).WithTimeout(50 * time.Millisecond).ShouldNot(Receive())
		c.end(Outcome{
			Success: true, Title: "You are logged in", Who: "corp:alice", Cluster: "https://api",
			Advice: "You can close this window.",
		})
		var got answer
		Eventually(shown).Should(Receive(&got))
		Expect(got.Status).To(Equal(http.StatusOK))
		Expect(got.Body).To(SatisfyAll(ContainSubstring("<dd>corp:alice</dd>"), ContainSubstring("<dd>https://api</dd>"),
			ContainSubstring("You can close this window."), ContainSubstring("prefers-color-scheme: dark")))
	})

	It("ignores another state, and takes the right one after it", func() {
		Expect(come("state=another&code=evil")).To(SatisfyAll(HaveField("Status", http.StatusBadRequest),
			HaveField("Body", ContainSubstring("not the login that is waiting"))))
		Expect(come("code=evil")).To(HaveField("Status", http.StatusBadRequest))
		Expect(c.came).NotTo(Receive())
		c.end(Outcome{})
		come("state=the-state&code=good")
		Expect(c.came).To(Receive(Equal(arrival{code: "good"})))
	})

	It("takes one answer", func() {
		c.end(Outcome{Success: true, Title: "done"})
		Expect(come("state=the-state&code=first")).To(HaveField("Status", http.StatusOK))
		Expect(come("state=the-state&code=second")).To(SatisfyAll(HaveField("Status", http.StatusConflict),
			HaveField("Body", ContainSubstring("used already"))))
		Expect(c.came).To(Receive(Equal(arrival{code: "first"})))
		Expect(c.came).NotTo(Receive())
	})

	It("tells what the provider says, as plain text", func() {
		c.end(Outcome{Title: "You are not logged in", Detail: "<script>alert(1)</script>\x1b[2J"})
		got := come("state=the-state&error=access_denied&error_description=" + url.QueryEscape("no\x1b]0;owned\a <b>you</b>\n"))
		var came arrival
		Expect(c.came).To(Receive(&came))
		Expect(came.err).To(MatchError(`the identity provider refused: no\x1b]0;owned\x07 <b>you</b>  (access_denied)`))
		Expect(got.Status).To(Equal(http.StatusForbidden))
		Expect(got.Body).To(SatisfyAll(ContainSubstring("&lt;script&gt;"), Not(ContainSubstring("<script")), Not(ContainSubstring("\x1b"))))
	})

	It("takes no answer without a code, and none of another issuer", func() {
		c.end(Outcome{})
		c.issuer = "https://idp"
		Expect(c.read("code", "", "", "").err).To(MatchError(ContainSubstring("not from the identity provider that was asked")))
		Expect(c.read("code", "https://evil", "", "").err).To(HaveOccurred())
		Expect(c.read("code", "https://idp", "", "")).To(Equal(arrival{code: "code"}))
		Expect(c.read("", "https://idp", "", "").err).To(MatchError(ContainSubstring("neither a code nor an error")))
	})

	It("answers nobody else", func() {
		address := server.URL + "/callback?state=the-state&code=x"
		Expect(browse(http.MethodGet, address, "evil.example.com")).To(HaveField("Status", http.StatusMisdirectedRequest))
		Expect(browse(http.MethodPost, address, "")).To(HaveField("Status", http.StatusMethodNotAllowed))
		Expect(browse(http.MethodGet, server.URL+"/favicon.ico", "")).To(HaveField("Status", http.StatusNotFound))
		Expect(c.came).NotTo(Receive())
	})

	It("shows pages that load nothing, and that nothing can frame or keep", func() {
		c.end(Outcome{Success: true, Title: "done"})
		got := come("state=the-state&code=x")
		Expect(got.Header.Get("Content-Security-Policy")).To(MatchRegexp(
			`^default-src 'none'; style-src 'nonce-[A-Z2-7]{26}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'$`))
		Expect(got.Header).To(SatisfyAll(HaveKeyWithValue("Cache-Control", []string{"no-store"}),
			HaveKeyWithValue("Referrer-Policy", []string{"no-referrer"}), HaveKeyWithValue("X-Content-Type-Options", []string{"nosniff"})))
		_, after, _ := strings.Cut(got.Header.Get("Content-Security-Policy"), "nonce-")
		nonce, _, _ := strings.Cut(after, "'")
		Expect(got.Body).To(ContainSubstring(`<style nonce="` + nonce + `">`))
		Expect(got.Body).NotTo(SatisfyAny(ContainSubstring("src="), ContainSubstring("href="), ContainSubstring("url("),
			ContainSubstring("<script")))
	})
})

// fakeProvider is one for faults and shapes: it vouches for whoever comes.
type fakeProvider struct {
	server *httptest.Server
	key    *ecdsa.PrivateKey

	mutex sync.Mutex
	// nonce and audience of its ID tokens; challenge is that of the code that it gave.
	nonce, audience, challenge string
	authorize                  string
	refuse                     string
	noIDToken                  bool
	refreshed                  string
	// prompted are the prompts that were asked for; with consent it is to be had by that alone, unless consent is refused.
	prompted        []string
	consent, denies bool
}

func startProvider() *fakeProvider {
	GinkgoHelper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	Expect(err).NotTo(HaveOccurred())
	p := &fakeProvider{key: key, audience: "rollcall"}
	p.server = httptest.NewTLSServer(p)
	p.authorize = p.server.URL + "/authorize"
	DeferCleanup(p.server.Close)
	return p
}

func (p *fakeProvider) settings() wire.OIDC {
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: p.server.Certificate().Raw})
	return wire.OIDC{IssuerURL: p.server.URL, ClientID: "rollcall", Scopes: []string{"profile"}, CA: ca, Recheck: true}
}

func (p *fakeProvider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	w.Header().Set("Content-Type", "application/json")
	switch r.URL.Path {
	case "/.well-known/openid-configuration":
		say(w, map[string]any{
			"issuer": p.server.URL, "authorization_endpoint": p.authorize, "token_endpoint": p.server.URL + "/token",
			"jwks_uri": p.server.URL + "/keys", "id_token_signing_alg_values_supported": []string{"ES256"},
		})
	case "/keys":
		say(w, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: p.key.Public(), KeyID: "k", Algorithm: "ES256", Use: "sig"}}})
	case "/token":
		p.token(w, r)
	case "/authorize":
		p.letIn(w, r)
	}
}

// letIn sends the browser back at once: whoever comes is known, and consents where they are asked.
func (p *fakeProvider) letIn(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	p.nonce, p.challenge = query.Get("nonce"), query.Get("code_challenge")
	p.prompted = append(p.prompted, query.Get("prompt"))
	back := url.Values{"state": {query.Get("state")}, "code": {"the-code"}}
	if query.Get("prompt") == "consent" && p.denies {
		back = url.Values{"state": {query.Get("state")}, "error": {"access_denied"}}
	}
	http.Redirect(w, r, query.Get("redirect_uri")+"?"+back.Encode(), http.StatusFound)
}

func say(w io.Writer, what any) { _ = json.NewEncoder(w).Encode(what) }

func (p *fakeProvider) token(w http.ResponseWriter, r *http.Request) {
	verifier := sha256.Sum256([]byte(r.FormValue("code_verifier")))
	byCode := r.FormValue("grant_type") == "authorization_code" && r.FormValue("code") == "the-code" &&
		base64.RawURLEncoding.EncodeToString(verifier[:]) == p.challenge
	byRefresh := r.FormValue("grant_type") == "refresh_token" && r.FormValue("refresh_token") == "refresh-1"
	if p.refuse != "" || !byCode && !byRefresh || r.FormValue("client_id") != "rollcall" {
		w.WriteHeader(http.StatusBadRequest)
		say(w, map[string]string{"error": p.refuse, "error_description": "because"})
		return
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: p.key, KeyID: "k"}}, nil)
	Expect(err).NotTo(HaveOccurred())
	claims, _ := json.Marshal(map[string]any{
		"iss": p.server.URL, "sub": "alice", "aud": p.audience, "nonce": p.nonce, "iat": time.Now().Unix(),
		"exp": time.Now().Add(-time.Hour).Unix(),
	})
	signed, err := signer.Sign(claims)
	Expect(err).NotTo(HaveOccurred())
	id, err := signed.CompactSerialize()
	Expect(err).NotTo(HaveOccurred())
	answer := map[string]any{"access_token": "a", "token_type": "Bearer", "refresh_token": p.refreshed, "id_token": id}
	if p.noIDToken {
		delete(answer, "id_token")
	}
	if p.consent && p.prompted[len(p.prompted)-1] != "consent" || p.denies {
		delete(answer, "refresh_token")
	}
	say(w, answer)
}

var _ = Describe("The code flow", func() {
	var p *fakeProvider
	BeforeEach(func() { p = startProvider() })

	// login goes through the flow as a browser would.
	login := func(ctx context.Context, settings wire.OIDC, change func(query url.Values)) (*Tokens, error) {
		GinkgoHelper()
		flow, err := Start(ctx, settings, "the-nonce")
		if err != nil {
			return nil, err
		}
		defer flow.Close(ctx, Outcome{Title: "over"})
		parsed, err := url.Parse(flow.URL())
		Expect(err).NotTo(HaveOccurred())
		query := parsed.Query()
		p.mutex.Lock()
		p.nonce, p.challenge = query.Get("nonce"), query.Get("code_challenge")
		change(query)
		p.mutex.Unlock()
		go func() {
			response, err := http.Get(query.Get("redirect_uri") + "?" + url.Values{"state": {query.Get("state")}, "code": {"the-code"}}.Encode())
			if err == nil {
				_ = response.Body.Close()
			}
		}()
		return flow.Wait(ctx)
	}

	It("asks with PKCE and the nonce, and gets an ID token, whatever time the clock shows", func(ctx SpecContext) {
		p.refreshed = "refresh-1"
		tokens, err := login(ctx, p.settings(), func(query url.Values) {
			Expect(query.Get("redirect_uri")).To(MatchRegexp(`^http://127\.0\.0\.1:\d+/callback$`))
			Expect(query).To(SatisfyAll(HaveKeyWithValue("code_challenge_method", []string{"S256"}), HaveKeyWithValue("nonce",
				[]string{"the-nonce"}),
				HaveKeyWithValue("response_type", []string{"code"}), HaveKeyWithValue("scope", []string{"openid profile offline_access"})))
			Expect(query.Get("state")).To(HaveLen(26))
		})
		Expect(err).NotTo(HaveOccurred())
		Expect(tokens).To(SatisfyAll(HaveField("ID", Not(BeEmpty())), HaveField("Refresh", "refresh-1")))
	})

	// browses goes where the plugin says, and follows.
	browses := func(ctx context.Context, settings wire.OIDC) (*Tokens, string, error) {
		GinkgoHelper()
		flow, err := Start(ctx, settings, "the-nonce")
		Expect(err).NotTo(HaveOccurred())
		shown := make(chan string, 1)
		go func() {
			defer GinkgoRecover()
			response, err := p.server.Client().Get(flow.URL())
			Expect(err).NotTo(HaveOccurred())
			defer func() { _ = response.Body.Close() }()
			body, err := io.ReadAll(response.Body)
			Expect(err).NotTo(HaveOccurred())
			shown <- string(body)
		}()
		tokens, err := flow.Wait(ctx)
		flow.Close(ctx, Outcome{Title: "over"})
		return tokens, <-shown, err
	}

	DescribeTable("asks for consent where a refresh token is needed and takes that", func(ctx SpecContext, change func(*wire.OIDC),
		refresh string, prompted ...string,
	) {
		settings := p.settings()
		p.refreshed = "refresh-1"
		change(&settings)
		tokens, page, err := browses(ctx, settings)
		Expect(err).NotTo(HaveOccurred())
		Expect(tokens).To(SatisfyAll(HaveField("ID", Not(BeEmpty())), HaveField("Refresh", refresh)))
		Expect(page).To(ContainSubstring("<h1>over</h1>"))
		Expect(p.prompted).To(Equal(prompted))
	},
		Entry("not where one is given without", func(*wire.OIDC) {}, "refresh-1", ""),
		Entry("where none is given without", func(*wire.OIDC) { p.consent = true }, "refresh-1", "", "consent"),
		Entry("not where none is needed", func(o *wire.OIDC) { p.consent, o.Recheck = true, false }, "", ""),
		Entry("not twice", func(*wire.OIDC) { p.refreshed = "" }, "", "", "consent"),
		Entry("and takes no for an answer", func(*wire.OIDC) { p.consent, p.denies = true, true }, "", "", "consent"),
	)

	DescribeTable("takes nothing that is not the answer to its question", func(ctx SpecContext, change func(), complaint string) {
		_, err := login(ctx, p.settings(), func(url.Values) { change() })
		Expect(err).To(MatchError(ContainSubstring(complaint)))
	},
		Entry("another nonce", func() { p.nonce = "another" }, "its nonce differs"),
		Entry("another audience", func() { p.audience = "another" }, "is not sound"),
		Entry("another code challenge", func() { p.challenge = "another"; p.refuse = "invalid_grant" }, "refused: because (invalid_grant)"),
		Entry("no ID token", func() { p.noIDToken = true }, "gave no ID token"),
	)

	It("sends nobody to an address without TLS, or of another kind", func(ctx SpecContext) {
		for _, address := range []string{"http://idp.example.com/authorize", "file:///etc/passwd", "javascript:alert(1)"} {
			p.mutex.Lock()
			p.authorize = address
			p.mutex.Unlock()
			_, err := Start(ctx, p.settings(), "n")
			Expect(err).To(MatchError(ContainSubstring("is not an https:// URL")))
		}
	})

	It("trusts the authority that it is told, and no other issuer's document", func(ctx SpecContext) {
		settings := p.settings()
		settings.CA = nil
		_, err := Start(ctx, settings, "n")
		Expect(err).To(MatchError(ContainSubstring("certificate signed by unknown authority")))
		settings = p.settings()
		settings.IssuerURL += "/"
		_, err = Start(ctx, settings, "n")
		Expect(err).To(MatchError(ContainSubstring("did not match")))
	})

	It("gives up when nobody comes", func(ctx SpecContext) {
		flow, err := Start(ctx, p.settings(), "n")
		Expect(err).NotTo(HaveOccurred())
		defer flow.Close(ctx, Outcome{})
		bounded, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
		defer cancel()
		_, err = flow.Wait(bounded)
		Expect(err).To(MatchError(context.DeadlineExceeded))
	})
})

var _ = Describe("A fresh ID token", func() {
	It("is got with the refresh token, which may be another after that", func(ctx SpecContext) {
		p := startProvider()
		p.refreshed = "refresh-2"
		Expect(Refresh(ctx, p.settings(), "refresh-1")).To(SatisfyAll(HaveField("ID", Not(BeEmpty())), HaveField("Refresh", "refresh-2")))
	})

	It("is not to be had where the provider wants the person", func(ctx SpecContext) {
		p := startProvider()
		p.refuse = "invalid_grant"
		_, err := Refresh(ctx, p.settings(), "refresh-1")
		Expect(err).To(MatchError(ErrAgain))
		p.refuse = "server_error"
		_, err = Refresh(ctx, p.settings(), "refresh-1")
		Expect(err).To(MatchError("the identity provider refused: because (server_error)"))
		p.refuse, p.noIDToken = "", true
		_, err = Refresh(ctx, p.settings(), "refresh-1")
		Expect(err).To(MatchError(ErrAgain))
	})
})
