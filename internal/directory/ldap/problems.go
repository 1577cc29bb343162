// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package ldap

import (
	"errors"
	"regexp"
	"strings"

	"github.com/go-ldap/ldap/v3"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/directory"
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

func searchProblem(err error, baseDN, bindDN string) error {
	switch {
	case cutShort(err):
		return outcome.Terminalf(v1alpha1.ReasonIncompleteRead,
			"the server cut the answer below %q short: %s; raise its limits for %q, paged searches included", baseDN, cause(err), bindDN)
	case ldap.IsErrorWithCode(err, ldap.LDAPResultNoSuchObject):
		return outcome.Terminalf(v1alpha1.ReasonInvalidConfig,
			"the base DN %q does not exist, or %q may not see it", baseDN, bindDN)
	case ldap.IsErrorWithCode(err, ldap.LDAPResultInsufficientAccessRights):
		return outcome.Terminalf(v1alpha1.ReasonBindFailed, "%q may not search below %q", bindDN, baseDN)
	case unavailable(err):
		return outcome.Transientf(v1alpha1.ReasonUnreachable, "the read below %q broke off: %s", baseDN, cause(err))
	default:
		return outcome.Transientf(v1alpha1.ReasonFailed, "the read below %q failed: %s", baseDN, cause(err))
	}
}

// watchProblem says why a watch ended. Results that say that the server cannot go on from a cookie are no problem where there was one:
// unwillingToPerform (a cookie newer than the data), e-syncRefreshRequired (RFC 4533, section 2.4), and what servers make of one that
// they cannot read.
func watchProblem(err error, baseDN, bindDN string, resumed bool) error {
	const refreshRequired = 4096
	lost := ldap.IsErrorAnyOf(err, ldap.LDAPResultUnwillingToPerform, refreshRequired, ldap.LDAPResultUnavailableCriticalExtension,
		ldap.LDAPResultProtocolError)
	switch {
	case lost && resumed:
		return directory.ErrStartOver
	case lost:
		return outcome.Terminalf(v1alpha1.ReasonNotSupported, "the server does not tell changes below %q: %s", baseDN, cause(err))
	case cutShort(err):
		return outcome.Terminalf(v1alpha1.ReasonNotPermitted,
			"the server cut short what it tells of changes below %q: %s; raise its limits for %q, unpaged searches included",
			baseDN, cause(err), bindDN)
	case ldap.IsErrorAnyOf(err, ldap.LDAPResultInsufficientAccessRights, ldap.LDAPResultNoSuchObject):
		return outcome.Terminalf(v1alpha1.ReasonNotPermitted, "%q may not see the changes below %q: %s", bindDN, baseDN, cause(err))
	default:
		return outcome.Transientf(v1alpha1.ReasonDisconnected, "the watch below %q broke off: %s", baseDN, cause(err))
	}
}

func cutShort(err error) bool {
	return ldap.IsErrorAnyOf(err, ldap.LDAPResultSizeLimitExceeded, ldap.LDAPResultTimeLimitExceeded, ldap.LDAPResultAdminLimitExceeded)
}

// unavailable says that the server did not answer: it said so, or go-ldap hands on what the network said.
func unavailable(err error) bool {
	if _, answered := errors.AsType[*ldap.Error](err); !answered {
		return true
	}
	return ldap.IsErrorAnyOf(err, ldap.ErrorNetwork, ldap.LDAPResultBusy, ldap.LDAPResultUnavailable)
}

// localAddress is our own end of a connection in an error of package net: it differs with every try, and so would the message.
var localAddress = regexp.MustCompile(`\S+:\d+->`)

// cause is what lies behind go-ldap's own wording. Servers may give a result without words.
func cause(err error) string {
	var result *ldap.Error
	if errors.As(err, &result) && result.Err != nil {
		if result.Err.Error() == "" {
			return ldap.LDAPResultCodeMap[result.ResultCode]
		}
		err = result.Err
	}
	return localAddress.ReplaceAllString(err.Error(), "")
}
