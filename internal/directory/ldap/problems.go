// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package ldap

import (
	"errors"
	"regexp"
	"strings"

	"github.com/go-ldap/ldap/v3"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/outcome"
)

// dialProblem tells a server that is not there from one that shows a certificate that we do not trust. What crypto/x509 says of
// that arrives as text alone: go-ldap does not wrap the error of a handshake after StartTLS.
func dialProblem(err error, url string) error {
	if strings.Contains(err.Error(), "x509: ") {
		return outcome.Terminalf(v1alpha1.ReasonTLSFailed,
			"the certificate of %s is not trusted: %s; check spec.ldap.url and ca.crt in the Secret of spec.ldap.caSecretRef",
			url, cause(err))
	}
	return outcome.Transientf(v1alpha1.ReasonUnreachable, "cannot reach %s: %s", url, cause(err))
}

func bindProblem(err error, url, bindDN string) error {
	switch {
	case ldap.IsErrorWithCode(err, ldap.LDAPResultInvalidCredentials):
		return outcome.Terminalf(v1alpha1.ReasonBindFailed,
			"%s refuses the bind as %q: wrong DN or password; check the Secret of spec.ldap.bindSecretRef", url, bindDN)
	case unavailable(err):
		return outcome.Transientf(v1alpha1.ReasonUnreachable, "%s does not answer the bind: %s", url, cause(err))
	default:
		return outcome.Terminalf(v1alpha1.ReasonBindFailed, "%s refuses the bind as %q: %s", url, bindDN, cause(err))
	}
}

func searchProblem(err error, q *query, bindDN string) error {
	switch {
	case ldap.IsErrorAnyOf(err, ldap.LDAPResultSizeLimitExceeded, ldap.LDAPResultTimeLimitExceeded, ldap.LDAPResultAdminLimitExceeded):
		return outcome.Terminalf(v1alpha1.ReasonIncompleteRead,
			"the server cut the answer below %q short: %s; raise its limits for %q, paged searches included", q.baseDN, cause(err), bindDN)
	case ldap.IsErrorWithCode(err, ldap.LDAPResultNoSuchObject):
		return outcome.Terminalf(v1alpha1.ReasonInvalidConfig,
			"the base DN %q does not exist, or %q may not see it", q.baseDN, bindDN)
	case ldap.IsErrorWithCode(err, ldap.LDAPResultInsufficientAccessRights):
		return outcome.Terminalf(v1alpha1.ReasonBindFailed, "%q may not search below %q", bindDN, q.baseDN)
	case unavailable(err):
		return outcome.Transientf(v1alpha1.ReasonUnreachable, "the read below %q broke off: %s", q.baseDN, cause(err))
	default:
		return outcome.Transientf(v1alpha1.ReasonFailed, "the read below %q failed: %s", q.baseDN, cause(err))
	}
}

func unavailable(err error) bool {
	return ldap.IsErrorAnyOf(err, ldap.ErrorNetwork, ldap.LDAPResultBusy, ldap.LDAPResultUnavailable)
}

// localAddress is our own end of a connection in an error of package net: it differs with every try, and so would the message.
var localAddress = regexp.MustCompile(`\S+:\d+->`)

// cause is what lies behind go-ldap's own wording.
func cause(err error) string {
	var result *ldap.Error
	if errors.As(err, &result) && result.Err != nil {
		err = result.Err
	}
	return localAddress.ReplaceAllString(err.Error(), "")
}
