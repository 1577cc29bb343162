// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package login

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/index"
	"github.com/rollcall-iam/rollcall/internal/pki"
	"github.com/rollcall-iam/rollcall/internal/plain"
	"github.com/rollcall-iam/rollcall/internal/proof"
	"github.com/rollcall-iam/rollcall/internal/reach"
	"github.com/rollcall-iam/rollcall/internal/session"
	"github.com/rollcall-iam/rollcall/internal/wire"
)

// challengeLife is how long a person may take: to find the browser, the password, the second factor.
const challengeLife = 15 * time.Minute

func (s *Service) challenge(_ context.Context, a *attempt) (any, error) {
	if err := decode(a, &struct{}{}); err != nil {
		return nil, err
	}
	var random [16]byte
	_, _ = rand.Read(random[:]) // It never fails.
	now := s.Clock.Now()
	expire := now.Add(challengeLife).Truncate(time.Second)
	return wire.Challenge{Challenge: proof.NewChallenge(s.Key, random, expire), ExpireTime: expire, Time: now}, nil
}

// proven is who somebody has proved to be.
type proven struct {
	user           *v1alpha1.User
	directory      *v1alpha1.Directory
	policy         session.Policy
	authentication v1alpha1.SessionAuthentication
	device         string
}

// key is a public key that certificates are asked for.
type key struct {
	public  crypto.PublicKey
	encoded []byte
}

func parseKey(encoded []byte) (key, error) {
	const largest = 1024
	if len(encoded) == 0 || len(encoded) > largest {
		return key{}, badRequest("publicKey must be the DER of a SubjectPublicKeyInfo of at most %d bytes", largest)
	}
	public, err := x509.ParsePKIXPublicKey(encoded)
	if err != nil {
		return key{}, badRequest("publicKey does not parse as a SubjectPublicKeyInfo")
	}
	if err := pki.CheckKey(public); err != nil {
		return key{}, badRequest("publicKey: %v", err)
	}
	// A key is known by the digest of what is written here, and parsers take more than one way to write it.
	if canonical, err := x509.MarshalPKIXPublicKey(public); err != nil || !bytes.Equal(canonical, encoded) {
		return key{}, badRequest("publicKey is not written as DER writes it")
	}
	return key{public: public, encoded: encoded}, nil
}

func (s *Service) login(ctx context.Context, a *attempt) (any, error) {
	var request wire.LoginRequest
	if err := decode(a, &request); err != nil {
		return nil, err
	}
	a.device = request.Device
	prove, err := s.way(a, &request)
	if err != nil {
		return nil, err
	}
	k, err := s.open(request.Challenge, request.PublicKey)
	if err != nil {
		return nil, err
	}
	who, err := prove(ctx, a, proof.Binding(request.Challenge, k.encoded))
	if err != nil {
		return nil, err
	}
	return s.begin(ctx, a, who, request.Challenge, k)
}

// way is how a request proves who somebody is, for a binding.
func (s *Service) way(a *attempt, r *wire.LoginRequest) (func(context.Context, *attempt, string) (proven, error), error) {
	var ways []func(context.Context, *attempt, string) (proven, error)
	if r.OIDC != nil {
		a.method = string(v1alpha1.MethodOIDC)
		ways = append(ways, func(ctx context.Context, a *attempt, b string) (proven, error) { return s.byIDToken(ctx, a, r.OIDC, b) })
	}
	if r.Password != nil {
		a.method = string(v1alpha1.MethodLDAP)
		ways = append(ways, func(ctx context.Context, a *attempt, _ string) (proven, error) {
			return s.byPassword(ctx, a, r.Password)
		})
	}
	if r.DeviceKey != nil {
		a.method = string(v1alpha1.MethodDeviceKey)
		ways = append(ways, func(ctx context.Context, a *attempt, b string) (proven, error) {
			return s.byDeviceKey(ctx, a, r.DeviceKey, b)
		})
	}
	if len(ways) != 1 {
		return nil, badRequest("exactly one of oidc, password and deviceKey must be set")
	}
	return ways[0], nil
}

// open checks what every login begins with.
func (s *Service) open(challenge string, publicKey []byte) (key, error) {
	if err := proof.CheckChallenge(s.Key, challenge, s.Clock.Now()); err != nil {
		return key{}, newRefusal(400, wire.CodeChallenge, "%v: begin anew", err)
	}
	return parseKey(publicKey)
}

// begin makes the Session of somebody who has proved who they are, if they may act: by the objects, and by a look at the directory
// now. Nobody is let in while it cannot be asked.
func (s *Service) begin(ctx context.Context, a *attempt, who proven, challenge string, k key) (any, error) {
	user := &v1alpha1.User{}
	if err := s.Live.Get(ctx, client.ObjectKeyFromObject(who.user), user); err != nil || user.UID != who.user.UID {
		return nil, unavailable("the API server", errors.Join(err, errors.New("the User is not as it was")))
	}
	a.user = user.Name
	if !reach.Active(user) || user.Status.Username == "" {
		return nil, kept("User %q may not act now: %s", user.Name, whyNot(user))
	}
	if err := s.look(ctx, user, who.directory); err != nil {
		return nil, err
	}
	if err := s.fits(ctx, user, who); err != nil {
		return nil, err
	}
	subject, err := s.Issuer.Subject(ctx, user)
	if err != nil {
		return nil, err
	}
	if who.device == "" {
		who.device = deviceName(a.device)
	}
	begun := newSession(user, who, challenge, k)
	facts, err := reach.OfSession(ctx, s.Client, begun, s.Clock.Now())
	if err != nil {
		return nil, unavailable("the API server", err)
	}
	if len(facts.Locks) > 0 {
		return nil, kept("kept out by Lock %q", facts.Locks[0].Name)
	}
	if err := s.Issuer.Begin(ctx, begun, k.public); err != nil {
		return nil, err
	}
	a.session = begun.Name
	s.Recorder.Eventf(user, begun, corev1.EventTypeNormal, "SessionBegun", "Login", "session %s began on %s, proved by %s",
		begun.Name, plain.Line(begun.Spec.Device), begun.Spec.Authentication.Method)
	return wire.Login{
		Session: begun.Name, User: user.Name, Device: begun.Spec.Device, Subject: subjectOf(subject), EndTime: session.EndTime(begun),
	}, nil
}

// most is how many Sessions somebody may have at a time. Each is an object; whoever has machines has fewer.
const most = 64

// fits says whether there is room for one more Session of a person, and whether it lasts for long enough to get a certificate in it.
func (s *Service) fits(ctx context.Context, user *v1alpha1.User, who proven) error {
	// A moment passes until the first certificate is asked for.
	least, lasts := s.Issuer.Signer.Shortest()+time.Minute, time.Duration(who.policy.MaxDurationSeconds)*time.Second
	if lasts < least {
		return kept("sessions of User %q last for %s, and the shortest certificate here takes %s: whoever runs Rollcall has to raise "+
			"login.maxDurationSeconds of the Directory, or let the operator sign by its own authority (--signer=ca)", user.Name, lasts, least)
	}
	sessions, err := index.SessionsOfUser(ctx, s.Client, user.Name)
	if err != nil {
		return unavailable("the API server", err)
	}
	going := slices.DeleteFunc(slices.Clone(sessions), func(o v1alpha1.Session) bool { return o.Status.EndTime != nil })
	if len(going) >= most {
		return kept("User %q has %d sessions, which is the most: end some first (kubectl rollcall logout, kubectl rollcall terminate)",
			user.Name, len(going))
	}
	if wait, ok := s.limits.begins.take(user.Name, s.Clock.Now()); !ok {
		return tooMany(wait)
	}
	return nil
}

func whyNot(user *v1alpha1.User) string {
	for _, c := range user.Status.Conditions {
		if c.Type == v1alpha1.ConditionActive {
			return c.Reason
		}
	}
	return v1alpha1.ReasonDirectoryPending
}

func newSession(user *v1alpha1.User, who proven, challenge string, k key) *v1alpha1.Session {
	begun := &v1alpha1.Session{
		ObjectMeta: metav1.ObjectMeta{Name: proof.SessionName(user.Name, challenge)},
		Spec: v1alpha1.SessionSpec{
			UserRef:  v1alpha1.UserReference{Name: user.Name, UID: string(user.UID)},
			Username: user.Status.Username, Device: who.device, KeyFingerprint: proof.KeyFingerprint(k.encoded),
			Authentication: who.authentication, Custody: v1alpha1.CustodyClient,
			MaxDurationSeconds: who.policy.MaxDurationSeconds, IdleTimeoutSeconds: who.policy.IdleTimeoutSeconds,
			CertificateSeconds: who.policy.CertificateSeconds,
		},
	}
	if user.Status.Identity != nil {
		begun.Spec.IdentityID = user.Status.Identity.ID
	}
	return begun
}

// unnamed stands for a device that has told no name.
const unnamed = "unnamed"

// deviceName makes what a machine calls itself fit to be stored and shown.
func deviceName(told string) string {
	const longest = 63
	fit := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || slices.Contains([]rune("-._"), r) {
			return r
		}
		return '-'
	}, told)
	fit = strings.Trim(fit[:min(len(fit), longest)], "-._")
	if fit == "" {
		return unnamed
	}
	return fit
}

// look asks the directory whether a person is there and may act now. People in no directory have nobody to be asked.
func (s *Service) look(ctx context.Context, user *v1alpha1.User, directory *v1alpha1.Directory) error {
	if directory == nil {
		return nil
	}
	if user.Status.Identity == nil || user.Status.Identity.ID == "" {
		return kept("User %q is not known to Directory %q yet", user.Name, directory.Name)
	}
	source, err := s.Sources.Open(ctx, directory.Spec.LDAP)
	if err != nil {
		return unavailable(fmt.Sprintf("Directory %q", directory.Name), err)
	}
	person, err := source.Look(ctx, user.Spec.UserName, user.Status.Identity.ID)
	switch {
	case err != nil:
		return unavailable(fmt.Sprintf("Directory %q", directory.Name), err)
	case person == nil:
		return kept("Directory %q does not know %q any more", directory.Name, user.Spec.UserName)
	case person.Out(s.Clock.Now()):
		return kept("Directory %q has disabled %q", directory.Name, user.Spec.UserName)
	default:
		return nil
	}
}
