// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package postgres

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// lastBreath is how long killed processes may take to be gone.
	lastBreath   = 10 * time.Second
	pollInterval = 10 * time.Millisecond
	// memoryLine is the line of the server's pid file that has the key and the id of its shared memory.
	memoryLine = 6
)

// Kill ends all of the server at once and keeps its data, for Restart. Were its first process killed alone, others could
// still commit what they are at, and in their presence no server starts on the same data. It may be called again.
func (s *Server) Kill() error {
	if s.process == nil { // It never became ready, and ended then.
		return s.freeMemory()
	}
	return errors.Join(s.killChildren(), s.process.Kill(), s.freeMemory())
}

// killChildren does so while their parent stands still: then it starts no others, and ids of dead ones stay theirs.
func (s *Server) killChildren() error {
	err := s.process.Signal(syscall.SIGSTOP)
	if errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	if err != nil {
		return err
	}
	children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%[1]d/children", s.PID()))
	if err != nil {
		return err
	}
	var failures []error
	for child := range strings.FieldsSeq(string(children)) {
		id, err := strconv.Atoi(child)
		if err == nil {
			err = syscall.Kill(id, syscall.SIGKILL)
		}
		failures = append(failures, err)
	}
	return errors.Join(failures...)
}

// freeMemory waits until no process of a server that ended holds its shared memory, and removes that. A server that ends
// in order does it itself, and then removes its pid file.
func (s *Server) freeMemory() error {
	pidFile := s.file("data", "postmaster.pid")
	id, err := memoryID(pidFile)
	if id < 0 || err != nil {
		return err
	}
	for range lastBreath / pollInterval {
		var memory unix.SysvShmDesc
		_, err := unix.SysvShmCtl(id, unix.IPC_STAT, &memory)
		if err == nil && memory.Nattch == 0 {
			_, err = unix.SysvShmCtl(id, unix.IPC_RMID, nil)
		}
		gone := errors.Is(err, unix.EINVAL) || errors.Is(err, unix.EIDRM)
		switch {
		case gone:
			return os.Remove(pidFile)
		case err != nil:
			return fmt.Errorf("remove shared memory %d: %w", id, err)
		}
		time.Sleep(pollInterval)
	}
	return fmt.Errorf("processes of PostgreSQL still hold its shared memory after %s", lastBreath)
}

// memoryID is the id of a server's shared memory, or negative if it has none.
func memoryID(pidFile string) (int, error) {
	content, err := os.ReadFile(pidFile)
	if errors.Is(err, fs.ErrNotExist) {
		return -1, nil
	}
	lines := strings.Split(string(content), "\n")
	if err != nil || len(lines) <= memoryLine {
		return -1, err
	}
	_, id, _ := strings.Cut(strings.TrimSpace(lines[memoryLine]), " ")
	return strconv.Atoi(strings.TrimSpace(id))
}
