// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
)

// browserThere says whether a browser on this machine would be seen by whoever runs this.
func browserThere() bool {
	if os.Getenv("BROWSER") != "" {
		return true
	}
	if os.Getenv("SSH_CONNECTION") != "" || os.Getenv("SSH_TTY") != "" {
		return false
	}
	switch runtime.GOOS {
	case "darwin", "windows":
		return true
	}
	_, err := exec.LookPath("xdg-open")
	return err == nil && (os.Getenv("DISPLAY") != "" || os.Getenv("WAYLAND_DISPLAY") != "")
}

// openBrowser opens an address that was checked to be https. It says nothing of what the browser makes of it.
func openBrowser(address string) error {
	name, args := browserCommand(address)
	//nolint:gosec,noctx // The person says which browser; it outlives this program.
	command := exec.Command(name, args...)
	if err := command.Start(); err != nil {
		return fmt.Errorf("open a browser: %w", err)
	}
	go func() { _ = command.Wait() }()
	return nil
}

func browserCommand(address string) (name string, args []string) {
	// BROWSER is a list, in which %s stands for the address; the first is what the person wants.
	first, _, _ := strings.Cut(os.Getenv("BROWSER"), string(os.PathListSeparator))
	if words := strings.Fields(first); len(words) > 0 {
		if !strings.Contains(first, "%s") {
			return words[0], append(words[1:], address)
		}
		for i := range words {
			words[i] = strings.ReplaceAll(words[i], "%s", address)
		}
		return words[0], words[1:]
	}
	switch runtime.GOOS {
	case "darwin":
		return "open", []string{address}
	case "windows":
		return "rundll32", []string{"url.dll,FileProtocolHandler", address}
	default:
		return "xdg-open", []string{address}
	}
}
