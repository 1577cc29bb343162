// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/usage"
	"github.com/rollcall-iam/rollcall/internal/wire"
)

const (
	// askingTime is how long a token for questions is good, and answerTime how long an answer may take.
	askingTime = 10 * time.Minute
	answerTime = time.Minute
	maxAnswer  = 64 << 20
)

// auditor asks the operator's audit service.
type auditor struct {
	url, token string
	// namespace of the operator.
	namespace string
	client    *http.Client
}

// auditor finds out where the audit service is, and gets a token for it, which is good for nothing else: the credentials of whoever runs
// this stay between them and the API server.
func (t *tool) auditor(ctx context.Context) (*auditor, error) {
	c, err := t.client()
	if err != nil {
		return nil, err
	}
	installation := &v1alpha1.Installation{}
	err = c.Get(ctx, client.ObjectKey{Name: v1alpha1.InstallationName}, installation)
	if apierrors.IsForbidden(err) {
		return nil, fmt.Errorf("you may not see where the audit service is: have somebody bind you to the ClusterRole rollcall-viewer: %w", err)
	}
	if err != nil {
		return nil, fmt.Errorf("find out where the audit service is: %w", err)
	}
	at := installation.Status.Audit
	if at == nil {
		return nil, errors.New("there is no audit service in this cluster: the operator runs without --audit-bind-address")
	}
	if !strings.HasPrefix(at.URL, "https://") {
		return nil, fmt.Errorf("status.audit.url of the Installation is %q: a token is shown to nobody but by https", at.URL)
	}
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: at.Namespace, Name: wire.Auditor}}
	seconds := int64(askingTime.Seconds())
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{
		Audiences: []string{wire.Audience}, ExpirationSeconds: &seconds,
	}}
	err = c.SubResource("token").Create(ctx, account, request)
	if apierrors.IsForbidden(err) {
		return nil, fmt.Errorf("you may not ask: have somebody bind you to the Role rollcall-auditor in namespace %s: %w", at.Namespace, err)
	}
	if err != nil {
		return nil, fmt.Errorf("request a token for the audit service: %w", err)
	}
	trust := &tls.Config{MinVersion: tls.VersionTLS12}
	if len(at.CABundle) > 0 {
		trust.RootCAs = x509.NewCertPool()
		if !trust.RootCAs.AppendCertsFromPEM(at.CABundle) {
			return nil, errors.New("status.audit.caBundle of the Installation has no certificate in it")
		}
	}
	return &auditor{url: strings.TrimSuffix(at.URL, "/"), token: request.Status.Token, namespace: at.Namespace, client: &http.Client{
		Timeout: answerTime, Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, TLSClientConfig: trust},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// errNotThere is the answer about what the service does not have.
var errNotThere = errors.New("not found")

func (a *auditor) explain(ctx context.Context, auditID string) (*wire.Explained, error) {
	return a.ask(ctx, http.MethodGet, wire.PathExplain+"?"+url.Values{"auditID": {auditID}}.Encode(), nil)
}

func (a *auditor) explainEvent(ctx context.Context, event []byte) (*wire.Explained, error) {
	return a.ask(ctx, http.MethodPost, wire.PathExplain, event)
}

func (a *auditor) activity(ctx context.Context, of url.Values) (*wire.Explained, error) {
	return a.ask(ctx, http.MethodGet, wire.PathActivity+"?"+of.Encode(), nil)
}

// evidence is what proves one event: the one of that index where several have the audit id, the only one for 0.
func (a *auditor) evidence(ctx context.Context, auditID string, index int) (*wire.Evidence, error) {
	query := url.Values{"auditID": {auditID}}
	if index != 0 {
		query.Set("index", strconv.Itoa(index))
	}
	found := &wire.Evidence{}
	if err := a.read(ctx, wire.PathEvidence+"?"+query.Encode(), found); err != nil {
		return nil, err
	}
	return found, nil
}

// usage is which Grants are used, or the one of that name.
func (a *auditor) usage(ctx context.Context, days int, grant string) (*wire.Usage, error) {
	query := url.Values{"days": {strconv.Itoa(days)}}
	if grant != "" {
		query.Set("grant", grant)
	}
	found := &wire.Usage{}
	return found, a.read(ctx, wire.PathUsage+"?"+query.Encode(), found)
}

// days say what everybody did on each of the last days.
func (a *auditor) days(ctx context.Context, days int) (*wire.Days, error) {
	found := &wire.Days{}
	return found, a.read(ctx, wire.PathDays+"?"+url.Values{"days": {strconv.Itoa(days)}}.Encode(), found)
}

// coverage says how much of the last days is known.
func (a *auditor) coverage(ctx context.Context, days int) (*usage.Coverage, error) {
	found := &usage.Coverage{}
	return found, a.read(ctx, wire.PathCoverage+"?"+url.Values{"days": {strconv.Itoa(days)}}.Encode(), found)
}

// uses are what people did in the last days. Of several answers, what is known is as little as is known of any of them.
func (a *auditor) uses(ctx context.Context, usernames []string, days int) (*wire.Uses, error) {
	all := &wire.Uses{}
	for some := range slices.Chunk(usernames, wire.MaxUsernames) {
		found := &wire.Uses{}
		query := url.Values{"username": some, "days": {strconv.Itoa(days)}}
		if err := a.read(ctx, wire.PathUses+"?"+query.Encode(), found); err != nil {
			return nil, err
		}
		if all.Coverage.Until.IsZero() || found.Coverage.Share < all.Coverage.Share {
			all.Coverage = found.Coverage
		}
		all.Items = append(all.Items, found.Items...)
	}
	return all, nil
}

// read gets what is in JSON.
func (a *auditor) read(ctx context.Context, path string, into any) error {
	answer, err := a.get(ctx, path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(answer, into); err != nil {
		return fmt.Errorf("read the audit service's answer: %w", err)
	}
	return nil
}

func (a *auditor) ask(ctx context.Context, method, path string, body []byte) (*wire.Explained, error) {
	answer, err := a.call(ctx, method, path, body)
	if err != nil {
		return nil, err
	}
	found := &wire.Explained{}
	if err := json.Unmarshal(answer, found); err != nil {
		return nil, fmt.Errorf("read the audit service's answer: %w", err)
	}
	return found, nil
}

func (a *auditor) get(ctx context.Context, path string) ([]byte, error) {
	return a.call(ctx, http.MethodGet, path, nil)
}

func (a *auditor) call(ctx context.Context, method, path string, body []byte) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, method, a.url+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+a.token)
	request.Header.Set("Content-Type", "application/json")
	response, err := a.client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("ask the audit service: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return nil, fmt.Errorf("read the audit service's answer: %w", err)
	}
	if response.StatusCode == http.StatusNotFound {
		return nil, fmt.Errorf("the audit service answers: %s: %w", strings.TrimSpace(string(answer)), errNotThere)
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the audit service answers: %s (%s)", strings.TrimSpace(string(answer)), response.Status)
	}
	return answer, nil
}
