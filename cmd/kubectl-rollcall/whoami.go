// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-iam/rollcall/cmd/kubectl-rollcall/internal/store"
	"github.com/rollcall-iam/rollcall/internal/pki"
)

// credentialID is what the API server calls the credential that it saw.
const credentialID = "authentication.kubernetes.io/credential-id"

// identity is who somebody is: to the API server, and by what is known here.
type identity struct {
	// Server is what the API server says; nil where it said nothing.
	Server *authenticationv1.UserInfo `json:"server,omitempty"`
	// Error is why it said nothing.
	Error string `json:"error,omitempty"`
	// Login is what the last login brought; nil where there was none, or another cluster's.
	Login *localLogin `json:"login,omitempty"`
}

// localLogin is what is known here of a login. There is no secret in it.
type localLogin struct {
	Profile     string      `json:"profile"`
	LoginServer string      `json:"loginServer"`
	APIServer   string      `json:"apiServer"`
	Session     string      `json:"session"`
	User        string      `json:"user"`
	Username    string      `json:"username"`
	Groups      []string    `json:"groups,omitempty"`
	Directory   string      `json:"directory,omitempty"`
	Device      string      `json:"device,omitempty"`
	Method      string      `json:"method"`
	Fingerprint string      `json:"certificateFingerprint"`
	NotAfter    metav1.Time `json:"certificateNotAfter"`
	RenewTime   metav1.Time `json:"renewTime"`
	EndTime     metav1.Time `json:"sessionEndTime,omitzero"`
	Ended       string      `json:"ended,omitempty"`
	Key         string      `json:"keyIn"`
}

func (t *tool) newWhoAmICommand() *cobra.Command {
	var flags loginFlags
	command := &cobra.Command{
		Use:   "whoami",
		Short: "Show who you are to the cluster, and by which session",
		Long: "Show who you are to the cluster, and by which session.\n\n" +
			"The API server says who you are. What is known of your login on this machine goes below.",
		Example: `  kubectl rollcall whoami
  kubectl rollcall whoami -o json`,
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE:              func(command *cobra.Command, _ []string) error { return t.whoAmI(command.Context(), &flags) },
	}
	flags.add(command.Flags())
	return command
}

func (t *tool) whoAmI(ctx context.Context, flags *loginFlags) error {
	found := &identity{}
	info, failure := t.userInfo(ctx)
	if failure != nil {
		found.Error = explain(failure)
	} else {
		found.Server = info
	}
	// After the API server was asked: that may have been what logged somebody in.
	login, err := t.localLogin(flags)
	if err != nil && !errors.Is(err, store.ErrNone) && !errors.Is(err, errElsewhere) {
		t.warnf("%v", err)
	}
	found.Login = login
	if t.structured() {
		return errors.Join(t.print(found, nil), failure)
	}
	found.each(time.Now(), func(label, value string) { t.sayf("%-22s %s", label, value) })
	return failure
}

func (t *tool) userInfo(ctx context.Context) (*authenticationv1.UserInfo, error) {
	c, err := t.client()
	if err != nil {
		return nil, err
	}
	review := &authenticationv1.SelfSubjectReview{}
	if err := c.Create(ctx, review); err != nil {
		return nil, fmt.Errorf("ask the API server who you are: %w", err)
	}
	return &review.Status.UserInfo, nil
}

// localLogin is what is kept for the kubeconfig's context, or for the profile that is named.
func (t *tool) localLogin(flags *loginFlags) (*localLogin, error) {
	profile := flags.profile
	if profile == "" {
		at, err := t.here()
		if err != nil {
			return nil, err
		}
		profile = at.profile()
	}
	kept, err := t.openStore(flags)
	if err != nil {
		return nil, err
	}
	state, err := kept.Load(profile)
	if err != nil {
		return nil, err
	}
	leaf, err := pki.ParseCertificate(state.Certificate)
	if err != nil {
		return nil, err
	}
	return &localLogin{
		Profile: profile, LoginServer: state.LoginServer, APIServer: state.Server, Session: state.Session, User: state.User,
		Username: state.Username(), Groups: pki.Groups(leaf), Directory: state.Directory, Device: state.Device, Method: state.Method,
		Fingerprint: pki.Fingerprint(leaf), NotAfter: metav1.NewTime(leaf.NotAfter), RenewTime: metav1.NewTime(state.RenewTime),
		EndTime: metav1.NewTime(state.EndTime), Ended: state.Ended, Key: state.Key.In,
	}, nil
}

// each goes through what there is to say to a person.
func (i *identity) each(now time.Time, say func(label, value string)) {
	if info := i.Server; info != nil {
		say("to the cluster you are", info.Username)
		say("groups", strings.Join(info.Groups, ", "))
	} else {
		say("to the cluster you are", "not known: it could not be asked")
	}
	l := i.Login
	if l == nil {
		say("login", "none on this machine for this cluster")
		return
	}
	say("session", l.Session+" of user "+l.User)
	say("logged in", "as "+l.Username+" by "+l.Method+with(" in directory ", l.Directory)+with(" on ", l.Device))
	say("certificate", l.Fingerprint+i.seen())
	say("certificate expires", endsOrEnded(l.NotAfter.Time, now))
	switch {
	case l.Ended != "":
		say("session ended", l.Ended)
	case l.EndTime.IsZero():
		say("session ends", "when somebody ends it")
	default:
		say("session ends", endsOrEnded(l.EndTime.Time, now)+", at the latest")
	}
	say("login service", l.LoginServer)
	say("key", "in a "+l.Key)
}

// seen says whether the certificate is the one that the API server saw.
func (i *identity) seen() string {
	if i.Server == nil || len(i.Server.Extra[credentialID]) == 0 {
		return ""
	}
	if slices.Contains(i.Server.Extra[credentialID], "X509SHA256="+i.Login.Fingerprint) {
		return " (the API server saw it)"
	}
	return " (the API server saw another credential: kubectl does not use this login)"
}

func with(before, text string) string {
	if text == "" {
		return ""
	}
	return before + text
}

func endsOrEnded(at, now time.Time) string {
	if !now.Before(at) {
		return at.In(now.Location()).Format(clockFormat) + " (over)"
	}
	return until(at, now)
}
