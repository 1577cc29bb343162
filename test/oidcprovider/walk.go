// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package oidcprovider

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// AuthorizeByForm walks the code flow as a person with a browser does: it opens the address of the authorization request, fills in the
// login page, and answers where the browser is sent then, which is the client's redirect URI with a code or an error.
func (p *Provider) AuthorizeByForm(ctx context.Context, authURL, name, password string) (*url.URL, error) {
	browser := p.browser()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, authURL, http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("open the authorization request: %w", err)
	}
	answer, err := visit(browser, request)
	if err != nil {
		return nil, err
	}
	if answer.code == http.StatusOK {
		fields := url.Values{nameField: {name}, passwordField: {password}}
		if answer, err = post(ctx, browser, answer.address.String(), fields); err != nil {
			return nil, err
		}
	}
	if answer.code != http.StatusFound {
		return nil, fmt.Errorf("the provider answers the login with status %d", answer.code)
	}
	return answer.next, nil
}

// ApproveDevice fills in the page of the device flow, and allows it.
func (p *Provider) ApproveDevice(ctx context.Context, verificationURI, userCode, name, password string) error {
	return p.answerDevice(ctx, verificationURI, userCode, name, password, allow)
}

// DenyDevice fills in the page of the device flow, and denies it.
func (p *Provider) DenyDevice(ctx context.Context, verificationURI, userCode, name, password string) error {
	return p.answerDevice(ctx, verificationURI, userCode, name, password, deny)
}

func (p *Provider) answerDevice(ctx context.Context, verificationURI, userCode, name, password, action string) error {
	fields := url.Values{
		userCodeField: {userCode}, nameField: {name}, passwordField: {password}, actionField: {action},
	}
	answer, err := post(ctx, p.browser(), verificationURI, fields)
	if err != nil {
		return err
	}
	if answer.code != http.StatusOK {
		return fmt.Errorf("the provider answers with status %d", answer.code)
	}
	return nil
}

// browser follows redirects until they lead away from the provider.
func (p *Provider) browser() *http.Client {
	browser := p.HTTPClient()
	browser.CheckRedirect = func(next *http.Request, _ []*http.Request) error {
		if next.URL.Host != p.address {
			return http.ErrUseLastResponse
		}
		return nil
	}
	return browser
}

// answer is where the browser ended up, and where it is sent from there, if anywhere.
type answer struct {
	code          int
	address, next *url.URL
}

func post(ctx context.Context, browser *http.Client, address string, fields url.Values) (answer, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, address, strings.NewReader(fields.Encode()))
	if err != nil {
		return answer{}, fmt.Errorf("fill in %s: %w", address, err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return visit(browser, request)
}

func visit(browser *http.Client, request *http.Request) (answer, error) {
	response, err := browser.Do(request)
	if err != nil {
		return answer{}, fmt.Errorf("visit the provider: %w", err)
	}
	next, err := response.Location()
	if errors.Is(err, http.ErrNoLocation) {
		err = nil
	}
	return answer{code: response.StatusCode, address: response.Request.URL, next: next}, errors.Join(err, response.Body.Close())
}
