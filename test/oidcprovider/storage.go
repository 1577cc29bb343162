// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package oidcprovider

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/subtle"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/uuid"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

const (
	keyBits           = 2048
	accessLifetime    = 5 * time.Minute
	claimUserName     = "preferred_username"
	defaultMethod     = "pwd"
	subjectPrefix     = "subject-"
	signingAlgorithm  = jose.RS256
	usedForSignatures = "sig"
)

var (
	errNotFound = errors.New("not found")
	errLogin    = errors.New("the name or the password is wrong")
)

// storage is what the provider knows, in memory.
type storage struct {
	mu             sync.Mutex
	people         []*Person
	disabled       map[string]bool
	clients        map[string]*client
	authorizations map[string]*authorization
	codes          map[string]string
	refreshes      map[string]authentication
	access         map[string]authentication
	devices        map[string]*device
	key            signingKey
	public         publicKey
	pollInterval   time.Duration
}

func newStorage(options Options) (*storage, error) {
	s := &storage{
		disabled: map[string]bool{},
		clients: map[string]*client{
			options.ClientID: {id: options.ClientID, secret: options.ClientSecret},
			OtherClientID:    {id: OtherClientID},
		},
		authorizations: map[string]*authorization{},
		codes:          map[string]string{},
		refreshes:      map[string]authentication{},
		access:         map[string]authentication{},
		devices:        map[string]*device{},
		pollInterval:   options.PollInterval,
	}
	for _, person := range options.People {
		s.people = append(s.people, complete(person))
	}
	if err := s.rotate(); err != nil {
		return nil, err
	}
	return s, nil
}

func complete(person Person) *Person {
	if person.Subject == "" {
		person.Subject = subjectPrefix + person.Name
	}
	if len(person.AMR) == 0 {
		person.AMR = []string{defaultMethod}
	}
	person.Claims = maps.Clone(person.Claims)
	return &person
}

func (s *storage) rotate() error {
	key, err := rsa.GenerateKey(rand.Reader, keyBits)
	if err != nil {
		return fmt.Errorf("make a signing key: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	id := uuid.NewString()
	s.key, s.public = signingKey{id: id, key: key}, publicKey{id: id, key: key.Public()}
	return nil
}

func (s *storage) setDisabled(name string, disabled bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.ContainsFunc(s.people, func(p *Person) bool { return p.Name == name }) {
		return fmt.Errorf("person %q: %w", name, errNotFound)
	}
	s.disabled[name] = disabled
	return nil
}

func (s *storage) expireDevices() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, device := range s.devices {
		device.state.Expires = time.Now().Add(-time.Second)
	}
}

// check is the password check of both pages. The lock is held.
func (s *storage) check(name, password string) (*Person, error) {
	for _, person := range s.people {
		if person.Name == name && !s.disabled[name] && subtle.ConstantTimeCompare([]byte(person.Password), []byte(password)) == 1 {
			return person, nil
		}
	}
	return nil, errLogin
}

// logIn ends the login page of a code flow.
func (s *storage) logIn(id, name, password string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	current, ok := s.authorizations[id]
	if !ok {
		return fmt.Errorf("authorization request: %w", errNotFound)
	}
	person, err := s.check(name, password)
	if err != nil {
		return err
	}
	next := *current
	next.person, next.time = person, time.Now()
	s.authorizations[id] = &next
	return nil
}

// decide ends the page of a device flow.
func (s *storage) decide(userCode, name, password string, approve bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	person, err := s.check(name, password)
	if err != nil {
		return err
	}
	for _, device := range s.devices {
		if device.userCode != userCode || time.Now().After(device.state.Expires) || device.state.Done || device.state.Denied {
			continue
		}
		device.state.Done, device.state.Denied = approve, !approve
		device.state.Subject, device.state.AMR, device.state.AuthTime = person.Subject, person.AMR, time.Now()
		return nil
	}
	return fmt.Errorf("user code: %w", errNotFound)
}

// bySubject finds somebody who may still log in. The lock is held.
func (s *storage) bySubject(subject string) (*Person, error) {
	for _, person := range s.people {
		if person.Subject == subject && !s.disabled[person.Name] {
			return person, nil
		}
	}
	return nil, fmt.Errorf("person: %w", errNotFound)
}

// StoreDeviceAuthorization implements op.DeviceAuthorizationStorage.
func (s *storage) StoreDeviceAuthorization(
	_ context.Context, clientID, deviceCode, userCode string, expires time.Time, scopes []string,
) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.devices[deviceCode] = &device{
		state: op.DeviceAuthorizationState{ClientID: clientID, Scopes: scopes, Expires: expires}, userCode: userCode,
	}
	return nil
}

// GetDeviceAuthorizatonState implements op.DeviceAuthorizationStorage. To whoever asks too often the provider says slow_down, which
// it does when its storage does not answer in time.
func (s *storage) GetDeviceAuthorizatonState(_ context.Context, clientID, deviceCode string) (*op.DeviceAuthorizationState, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	device, ok := s.devices[deviceCode]
	if !ok || device.state.ClientID != clientID {
		return nil, fmt.Errorf("device code: %w", errNotFound)
	}
	now := time.Now()
	early := now.Sub(device.asked) < s.pollInterval
	device.asked = now
	if early && !device.state.Done {
		return nil, fmt.Errorf("asked too often: %w", context.DeadlineExceeded)
	}
	state := device.state
	if state.Done {
		delete(s.devices, deviceCode)
	}
	return &state, nil
}

// SigningKey implements op.Storage.
func (s *storage) SigningKey(context.Context) (op.SigningKey, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := s.key
	return &key, nil
}

// SignatureAlgorithms implements op.Storage.
func (s *storage) SignatureAlgorithms(context.Context) ([]jose.SignatureAlgorithm, error) {
	return []jose.SignatureAlgorithm{signingAlgorithm}, nil
}

// KeySet implements op.Storage.
func (s *storage) KeySet(context.Context) ([]op.Key, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := s.public
	return []op.Key{&key}, nil
}

// SignatureAlgorithm implements op.SigningKey.
func (*signingKey) SignatureAlgorithm() jose.SignatureAlgorithm { return signingAlgorithm }

// Key implements op.SigningKey.
func (k *signingKey) Key() any { return k.key }

// ID implements op.SigningKey.
func (k *signingKey) ID() string { return k.id }

// Algorithm implements op.Key.
func (*publicKey) Algorithm() jose.SignatureAlgorithm { return signingAlgorithm }

// Use implements op.Key.
func (*publicKey) Use() string { return usedForSignatures }

// Key implements op.Key.
func (k *publicKey) Key() any { return k.key }

// ID implements op.Key.
func (k *publicKey) ID() string { return k.id }

// SetUserinfoFromRequest implements op.CanSetUserinfoFromRequest: what an ID token says of the person.
func (s *storage) SetUserinfoFromRequest(_ context.Context, info *oidc.UserInfo, request op.IDTokenRequest, scopes []string) error {
	return s.describe(info, request.GetSubject(), scopes)
}

func (s *storage) describe(info *oidc.UserInfo, subject string, scopes []string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	person, err := s.bySubject(subject)
	if err != nil {
		return err
	}
	info.Subject = person.Subject
	if _, replaced := person.Claims[claimUserName]; !replaced && slices.Contains(scopes, oidc.ScopeProfile) {
		info.PreferredUsername = person.Name
	}
	if slices.Contains(scopes, oidc.ScopeEmail) && person.Email != "" {
		info.Email, info.EmailVerified = person.Email, oidc.Bool(person.EmailVerified)
	}
	for claim, value := range person.Claims {
		if value != nil {
			info.AppendClaims(claim, value)
		}
	}
	return nil
}
