// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package login

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/directory"
	"github.com/rollcall-iam/rollcall/internal/index"
	"github.com/rollcall-iam/rollcall/internal/oidc"
	"github.com/rollcall-iam/rollcall/internal/proof"
	"github.com/rollcall-iam/rollcall/internal/reach"
	"github.com/rollcall-iam/rollcall/internal/session"
	"github.com/rollcall-iam/rollcall/internal/wire"
)

// directory gets a Directory whose people can log in, and what it says about that.
func (s *Service) directory(ctx context.Context, name string) (*v1alpha1.Directory, session.Policy, error) {
	found := &v1alpha1.Directory{}
	err := s.Client.Get(ctx, client.ObjectKey{Name: name}, found)
	if apierrors.IsNotFound(err) || err == nil && (!found.DeletionTimestamp.IsZero() || found.Spec.Login == nil) {
		return nil, session.Policy{}, badRequest("nobody can log in by Directory %q", name)
	}
	if err != nil {
		return nil, session.Policy{}, unavailable("the API server", err)
	}
	policy, _ := session.PolicyOf(found)
	return found, policy, nil
}

// userOf finds the User of a person in a Directory by login name; nil where there is none.
func (s *Service) userOf(ctx context.Context, d *v1alpha1.Directory, userName string) (*v1alpha1.User, error) {
	users, err := index.UsersCalled(ctx, s.Client, userName)
	if err != nil {
		return nil, unavailable("the API server", err)
	}
	users = slices.DeleteFunc(slices.Clone(users), func(u v1alpha1.User) bool {
		return u.Spec.DirectoryRef == nil || u.Spec.DirectoryRef.Name != d.Name
	})
	// A namesake may not act, and so has no username by right.
	if i := slices.IndexFunc(users, func(u v1alpha1.User) bool { return reach.Active(&u) }); i >= 0 {
		return &users[i], nil
	}
	if len(users) > 0 {
		return &users[0], nil
	}
	return nil, nil
}

// byIDToken takes an identity provider's word. Its signature covers the nonce, and that the key: a token that was stolen is no use with
// another.
func (s *Service) byIDToken(ctx context.Context, a *attempt, token *wire.IDToken, binding string) (proven, error) {
	d, policy, provider, err := s.provider(ctx, token.Directory)
	if err != nil {
		return proven{}, err
	}
	claims, err := provider.Verify(ctx, token.IDToken, binding)
	if err != nil {
		return proven{}, s.notVouched(d, err)
	}
	return s.vouched(ctx, a, d, policy, claims)
}

//nolint:revive // Three facts of one Directory.
func (s *Service) provider(ctx context.Context, name string) (*v1alpha1.Directory, session.Policy, *oidc.Provider, error) {
	d, policy, err := s.directory(ctx, name)
	if err != nil {
		return nil, policy, nil, err
	}
	if d.Spec.Login.OIDC == nil {
		return nil, policy, nil, badRequest("Directory %q has no identity provider", name)
	}
	provider, err := s.Providers.Of(ctx, d)
	if err != nil {
		return nil, policy, nil, unavailable(fmt.Sprintf("the identity provider of Directory %q", name), err)
	}
	return d, policy, provider, nil
}

// notVouched tells an identity provider's no from its silence.
func (s *Service) notVouched(d *v1alpha1.Directory, err error) error {
	if errors.Is(err, oidc.ErrRefused) {
		return nobody("the identity provider of Directory %q does not vouch: %v", d.Name, err)
	}
	return unavailable(fmt.Sprintf("the identity provider of Directory %q", d.Name), err)
}

func (s *Service) vouched(
	ctx context.Context, a *attempt, d *v1alpha1.Directory, policy session.Policy, claims oidc.Claims,
) (proven, error) {
	user, err := s.userOf(ctx, d, claims.UserName)
	if err != nil {
		return proven{}, err
	}
	if user == nil {
		return proven{}, kept("the identity provider vouches for %q, whom Directory %q does not know", claims.UserName, d.Name)
	}
	a.user = user.Name
	at := claims.AuthTime
	if at.IsZero() {
		at = claims.IssuedAt
	}
	return proven{user: user, directory: d, policy: policy, authentication: v1alpha1.SessionAuthentication{
		Method: v1alpha1.MethodOIDC, Time: metav1.NewTime(at), Issuer: claims.Issuer, Subject: claims.Subject, ACR: claims.ACR, AMR: claims.AMR,
	}}, nil
}

// byPassword has the directory check a password. For a name that nobody has it is asked all the same.
func (s *Service) byPassword(ctx context.Context, a *attempt, p *wire.Password) (proven, error) {
	d, policy, err := s.directory(ctx, p.Directory)
	if err != nil {
		return proven{}, err
	}
	if !policy.Password {
		return proven{}, badRequest("Directory %q lets nobody log in with a password", d.Name)
	}
	account := d.Name + " " + strings.ToLower(p.UserName)
	if wait, ok := s.limits.password(account, a.remote, s.Clock.Now()); !ok {
		return proven{}, tooMany(wait)
	}
	user, err := s.userOf(ctx, d, p.UserName)
	if err != nil {
		return proven{}, err
	}
	id := ""
	if user != nil && user.Status.Identity != nil {
		id, a.user = user.Status.Identity.ID, user.Name
	}
	source, err := s.Sources.Open(ctx, d.Spec.LDAP)
	if err != nil {
		return proven{}, unavailable(fmt.Sprintf("Directory %q", d.Name), err)
	}
	err = source.Authenticate(ctx, p.UserName, id, p.Password)
	if errors.Is(err, directory.ErrPassword) {
		return proven{}, nobody("Directory %q refuses the password", d.Name)
	}
	if err != nil {
		return proven{}, unavailable(fmt.Sprintf("Directory %q", d.Name), err)
	}
	s.limits.proved(account, a.remote)
	return proven{user: user, directory: d, policy: policy, authentication: v1alpha1.SessionAuthentication{
		Method: v1alpha1.MethodLDAP, Time: metav1.NewTime(s.Clock.Now()),
	}}, nil
}

// byDeviceKey takes a signature by a key that one User enrols. Nobody names themselves: the key says who it is.
func (s *Service) byDeviceKey(ctx context.Context, a *attempt, k *wire.DeviceKey, binding string) (proven, error) {
	if err := proof.VerifySSH(k.PublicKey, k.Signature, binding); err != nil {
		return proven{}, nobody("the device key's signature: %v", err)
	}
	users, err := index.UsersOfDeviceKey(ctx, s.Client, k.PublicKey)
	if err != nil {
		return proven{}, unavailable("the API server", err)
	}
	if len(users) != 1 {
		return proven{}, nobody("the device key is enrolled by %d Users", len(users))
	}
	user := &users[0]
	a.user = user.Name
	d, err := reach.Directory(ctx, s.Client, user.Spec.DirectoryRef)
	if err != nil {
		return proven{}, unavailable("the API server", err)
	}
	if d == nil && user.Spec.DirectoryRef != nil {
		return proven{}, kept("Directory %q is gone", user.Spec.DirectoryRef.Name)
	}
	policy, allowed := session.PolicyOf(d)
	if !allowed || !policy.DeviceKeys {
		return proven{}, kept("Directory %q lets nobody log in with a device key", d.Name)
	}
	authentication := v1alpha1.SessionAuthentication{
		Method: v1alpha1.MethodDeviceKey, Time: metav1.NewTime(s.Clock.Now()), Subject: proof.DeviceFingerprint(k.PublicKey),
	}
	return proven{user: user, directory: d, policy: policy, device: enrolled(user, k.PublicKey), authentication: authentication}, nil
}

func enrolled(user *v1alpha1.User, key string) string {
	for i := range user.Spec.Devices {
		if user.Spec.Devices[i].Key() == key {
			return user.Spec.Devices[i].Name
		}
	}
	return unnamed
}
