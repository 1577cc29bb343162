// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

const (
	folderMode = 0o700
	fileMode   = 0o600
	// others are the bits that let somebody else in.
	others = 0o077
	// maxFile is more than a login takes.
	maxFile = 1 << 20
	// unfinished begins the names of files that are being written.
	unfinished = ".new-"
)

// Folder is where logins are kept: the state folder of the XDG base directories, or what the operating system has in its place.
func Folder() (string, error) {
	if state := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(state) {
		return filepath.Join(state, "rollcall"), nil
	}
	var base string
	var err error
	switch runtime.GOOS {
	case "darwin", "ios":
		base, err = os.UserConfigDir()
	case "windows":
		base, err = os.UserCacheDir() // %LocalAppData%, which does not roam
	default:
		if base, err = os.UserHomeDir(); err == nil {
			base = filepath.Join(base, ".local", "state")
		}
	}
	if err != nil {
		return "", fmt.Errorf("there is no folder to keep logins in: %w; set XDG_STATE_HOME", err)
	}
	return filepath.Join(base, "rollcall"), nil
}

// modes says whether the operating system has the permissions of POSIX.
func modes() bool { return runtime.GOOS != "windows" }

func checkFolder(folder string) error {
	info, err := os.Stat(folder)
	switch {
	case err != nil:
		return fmt.Errorf("look at the folder for logins: %w", err)
	case !info.IsDir():
		return fmt.Errorf("%s is no folder: logins are kept there", folder)
	case !mine(info):
		return fmt.Errorf("%s belongs to somebody else, who could read the keys that are kept there: "+
			"set XDG_STATE_HOME to a folder of your own", folder)
	case modes() && info.Mode().Perm()&others != 0:
		return fmt.Errorf("others can look into %s, where keys are kept: chmod 700 %s", folder, folder)
	}
	return nil
}

// read reads a file that nobody else can.
func read(path string) ([]byte, error) {
	file, err := os.Open(path) //nolint:gosec // It is in the folder for logins, by a name that was checked.
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	info, err := file.Stat() // of what was opened, and not of what is there by then
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is not a file: delete it and log in again", path)
	case modes() && info.Mode().Perm()&others != 0:
		return nil, fmt.Errorf("others can read %s, so it may be known to them: kubectl rollcall logout and log in again, "+
			"or if you are sure that nobody did: chmod 600 %s", path, path)
	}
	text, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	if err == nil && len(text) > maxFile {
		err = errors.New(path + " is larger than a login: delete it and log in again")
	}
	return text, err
}

// write puts a file in place whole, or not at all.
func write(path string, text []byte) error {
	temporary, err := os.CreateTemp(filepath.Dir(path), unfinished+"*") // 0600
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	_, err = temporary.Write(text)
	err = errors.Join(err, temporary.Sync(), temporary.Close())
	if err == nil {
		err = os.Rename(temporary.Name(), path)
	}
	if err != nil {
		_ = os.Remove(temporary.Name())
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

func remove(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("delete %s: %w", path, err)
	}
	return nil
}
