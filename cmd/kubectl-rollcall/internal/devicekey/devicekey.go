// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

// Package devicekey finds the key that a machine was enrolled with: in a file of OpenSSH's, or in an agent.
package devicekey

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"strings"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

const (
	maxFile = 1 << 16
	// others are the bits of a file's mode that let somebody else in.
	others = 0o077
	// guesses is how often a person may mistype a passphrase.
	guesses = 3
)

// Ask asks the person for a passphrase.
type Ask func(ctx context.Context, prompt string) (string, error)

// Open finds the key that a file holds, or names: for a public key, an agent has to hold the private one. Close closes the agent.
func Open(ctx context.Context, path string, ask Ask) (signer ssh.Signer, done func(), err error) {
	nothing := func() {}
	text, private, err := readKey(path)
	if err != nil {
		return nil, nothing, err
	}
	if public, _, _, _, err := ssh.ParseAuthorizedKey(text); err == nil {
		return inAgent(ctx, public, path)
	}
	if !private {
		return nil, nothing, fmt.Errorf("others can read the private key %s: chmod 600 %s", path, path)
	}
	signer, err = ssh.ParsePrivateKey(text)
	locked, isLocked := errors.AsType[*ssh.PassphraseMissingError](err)
	switch {
	case err == nil:
		return signer, nothing, nil
	case !isLocked && strings.Contains(err.Error(), "sk-"):
		return nil, nothing, fmt.Errorf("%s belongs to a security key, which is used through ssh-agent: "+
			"ssh-add it, and give --key with the .pub file", path)
	case !isLocked:
		return nil, nothing, fmt.Errorf("%s is not a key as OpenSSH writes it: %w", path, err)
	}
	if locked.PublicKey != nil {
		if signer, done, err := inAgent(ctx, locked.PublicKey, path); err == nil {
			return signer, done, nil
		}
	}
	signer, err = unlock(ctx, text, path, ask)
	return signer, nothing, err
}

// readKey reads a file; private says that nobody else can.
func readKey(path string) (text []byte, private bool, err error) {
	file, err := os.Open(path) //nolint:gosec // The person names it.
	if err != nil {
		return nil, false, fmt.Errorf("read the device key: %w", err)
	}
	defer func() { _ = file.Close() }()
	info, err := file.Stat()
	if err != nil {
		return nil, false, fmt.Errorf("read the device key: %w", err)
	}
	text, err = io.ReadAll(io.LimitReader(file, maxFile))
	if err != nil {
		return nil, false, fmt.Errorf("read the device key: %w", err)
	}
	return text, runtime.GOOS == "windows" || info.Mode().Perm()&others == 0, nil
}

func unlock(ctx context.Context, text []byte, path string, ask Ask) (ssh.Signer, error) {
	for range guesses {
		passphrase, err := ask(ctx, "Passphrase of "+path+": ")
		if err != nil {
			return nil, err
		}
		signer, err := ssh.ParsePrivateKeyWithPassphrase(text, []byte(passphrase))
		if !errors.Is(err, x509.IncorrectPasswordError) {
			return signer, err
		}
	}
	return nil, fmt.Errorf("that is not the passphrase of %s", path)
}

// inAgent finds the private key of a public one in the agent that runs.
func inAgent(ctx context.Context, public ssh.PublicKey, path string) (ssh.Signer, func(), error) {
	nothing := func() {}
	socket := os.Getenv("SSH_AUTH_SOCK")
	if socket == "" {
		return nil, nothing, fmt.Errorf("%s is a public key, and there is no ssh-agent that holds the private one (SSH_AUTH_SOCK): "+
			"give --key with the private key, or start an agent and ssh-add it", path)
	}
	var dialer net.Dialer
	connection, err := dialer.DialContext(ctx, "unix", socket)
	if err != nil {
		return nil, nothing, fmt.Errorf("the ssh-agent cannot be reached: %w", err)
	}
	done := func() { _ = connection.Close() }
	signers, err := agent.NewClient(connection).Signers()
	if err != nil {
		done()
		return nil, nothing, fmt.Errorf("the ssh-agent tells no keys: %w", err)
	}
	for _, signer := range signers {
		if bytes.Equal(signer.PublicKey().Marshal(), public.Marshal()) {
			return signer, done, nil
		}
	}
	done()
	return nil, nothing, fmt.Errorf("the ssh-agent does not hold the private key of %s: ssh-add it", path)
}
