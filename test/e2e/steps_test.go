// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e_test

import (
	"net/http"
	"slices"
	"strings"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
)

const (
	credentialManager = "rollcall-credential"
	userManager       = "rollcall-user"
	issuerManager     = "rollcall-issuer"
)

// step is one write of issuing a certificate, or of taking one away.
type step struct {
	name string
	is   func(w write, earlier []write, user string) bool
}

// of matches the step for one user.
func (s step) of(user string) func(write, []write) bool {
	return func(w write, earlier []write) bool { return s.is(w, earlier, user) }
}

func statusPath(user string) string {
	return "/apis/iam.rollcall.dev/v1alpha1/users/" + user + "/status"
}

func (w write) credentialStatus(user string) bool {
	return w.path == statusPath(user) && w.manager == credentialManager
}

func (w write) userStatus(user string) bool {
	return w.path == statusPath(user) && w.manager == userManager
}

// sessionStatus is a write of the status of a Session of the user; of none, of anybody's.
func (w write) sessionStatus(user string) bool {
	return strings.Contains(w.path, "/sessions/"+user) && strings.HasSuffix(w.path, "/status")
}

func (w write) publication(user string) bool {
	return strings.Contains(w.path, "/secrets") && w.method != http.MethodDelete && strings.Contains(w.body, user)
}

// preflight are the writes by which the operator tries its signer and tells of it: requests that are for no User.
func (w write) preflight() bool {
	request := strings.Contains(w.path, "/certificatesigningrequests") && !strings.Contains(w.body, "ownerReferences")
	return request || strings.Contains(w.path, "/installations") || strings.HasSuffix(w.path, "/selfsubjectreviews")
}

func published(earlier []write, user string) bool {
	return slices.ContainsFunc(earlier, func(w write) bool { return w.publication(user) })
}

var (
	begins = step{"beginning the Session", func(w write, _ []write, user string) bool {
		return w.method == http.MethodPost && strings.HasSuffix(w.path, "/sessions") && strings.Contains(w.body, user)
	}}
	requests = step{"requesting the certificate", func(w write, _ []write, user string) bool {
		return w.method == http.MethodPost && strings.HasSuffix(w.path, "/certificatesigningrequests") && strings.Contains(w.body, user)
	}}
	approves = step{"approving the request", func(w write, _ []write, user string) bool {
		return w.method == http.MethodPut && strings.HasSuffix(w.path, "/approval") && strings.Contains(w.body, user)
	}}
	registers = step{"recording the certificate in the Session", func(w write, _ []write, user string) bool {
		return w.sessionStatus(user+"-") && w.manager == issuerManager
	}}
	publishes = step{"publishing the Secret", func(w write, _ []write, user string) bool {
		return w.publication(user)
	}}
	concludes = step{"telling the User of the certificate", func(w write, earlier []write, user string) bool {
		return w.credentialStatus(user) && published(earlier, user)
	}}
	withdraws = step{"removing the Secret", func(w write, _ []write, user string) bool {
		return w.method == http.MethodDelete && strings.HasSuffix(w.path, "/secrets/"+user)
	}}
)

// issuing are the writes of issuing a certificate, in their order: the undisturbed run says that there are no others.
func issuing() []step {
	return []step{begins, requests, approves, registers, publishes, concludes}
}

// renewing are the writes of a renewal: the Session goes on. The User controller reports at any time.
func renewing() []step {
	return []step{requests, approves, registers, publishes, concludes}
}

func names(steps []step) []string {
	found := make([]string, len(steps))
	for i, s := range steps {
		found[i] = s.name
	}
	return found
}

// stepsOf names the steps that writes belong to. Reports before and between do not count, nor do those of the Session controller, which
// also ends the Sessions of Users of earlier specs. What is told again, since a cache does not show it yet, counts once, and so does what
// is recorded again, since one of those controllers was faster: what they wrote in between made the first attempt a conflict.
func stepsOf(writes []write, user string) []string {
	var found []string
	for i, w := range writes {
		at := slices.IndexFunc(issuing(), func(s step) bool { return s.is(w, writes[:i], user) })
		told := at >= 0 && slices.Contains([]string{registers.name, concludes.name}, issuing()[at].name)
		switch {
		case told && slices.Contains(found, issuing()[at].name):
		case at >= 0:
			found = append(found, issuing()[at].name)
		case w.preflight():
		case w.sessionStatus(""), w.userStatus(user), w.credentialStatus(user) && strings.Contains(w.body, v1alpha1.ReasonUserInactive):
		default:
			found = append(found, "unexpected: "+w.method+" "+w.path)
		}
	}
	return found
}
