// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

// Package postgres runs PostgreSQL as a child process on a free loopback port, with a password, and as durable as its
// defaults make it.
package postgres

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/rollcall-iam/rollcall/test/internal/process"
)

// startTimeout is how long the server may take to start, recovery after a crash included.
const startTimeout = time.Minute

// Options say what differs from the fixture's server. The zero value is ready to use.
type Options struct {
	// Settings are of postgresql.conf, as name=value.
	Settings []string
}

// Server is a running PostgreSQL.
type Server struct {
	dir      string
	runsAs   string
	password string
	address  string
	args     []string
	process  *process.Process
}

// Start returns once the server answers.
func Start(ctx context.Context, options Options) (*Server, error) {
	if err := Available(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	dir, err := os.MkdirTemp("", "rollcall-postgres-")
	if err != nil {
		return nil, err
	}
	s := &Server{dir: dir, password: rand.Text()}
	for _, step := range []func(context.Context) error{
		func(context.Context) error { return s.chooseUser() },
		s.initialize,
		func(ctx context.Context) error { return s.listen(ctx, options.Settings) },
		func(ctx context.Context) error { return s.createDatabase(ctx, Database) },
	} {
		if err := step(ctx); err != nil {
			return nil, errors.Join(err, s.Stop())
		}
	}
	return s, nil
}

// chooseUser gives the folder to somebody else if the tests run as root, whom PostgreSQL refuses.
func (s *Server) chooseUser() error {
	if os.Geteuid() != 0 {
		return nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		if _, err := user.Lookup(name); err == nil {
			s.runsAs = name
			return s.giveAway(s.dir)
		}
	}
	return errors.New("PostgreSQL refuses root, and there is no user postgres or nobody")
}

// giveAway makes a file the server's own.
func (s *Server) giveAway(path string) error {
	if s.runsAs == "" {
		return nil
	}
	u, err := user.Lookup(s.runsAs)
	if err != nil {
		return err
	}
	uid, err := strconv.Atoi(u.Uid)
	if err != nil {
		return err
	}
	gid, err := strconv.Atoi(u.Gid)
	if err != nil {
		return err
	}
	return os.Chown(path, uid, gid)
}

// initialize makes the data, whose texts are UTF-8 whatever the machine's language is.
func (s *Server) initialize(ctx context.Context) error {
	passwordFile := s.file("password")
	if err := errors.Join(os.WriteFile(passwordFile, []byte(s.password), 0o600), s.giveAway(passwordFile)); err != nil {
		return err
	}
	return process.Run(ctx, process.Command{
		Path: program("initdb"),
		Args: []string{
			"--pgdata", s.file("data"), "--encoding", "UTF8", "--locale", "C",
			"--username", User, "--pwfile", passwordFile, "--auth", "scram-sha-256",
		},
		Log:  s.file("initdb.log"),
		User: s.runsAs,
	})
}

// listen starts the server for the first time. Its parallel workers share files, for what is in /dev/shm outlives a kill.
func (s *Server) listen(ctx context.Context, settings []string) (err error) {
	s.process, err = process.StartOnFreePorts(1, func(ports []int) (*process.Process, error) {
		s.address = fmt.Sprintf("127.0.0.1:%d", ports[0])
		s.args = []string{"-D", s.file("data")}
		for _, setting := range append([]string{
			"listen_addresses=127.0.0.1",
			fmt.Sprintf("port=%d", ports[0]),
			"unix_socket_directories=",
			"shared_buffers=32MB",
			"max_connections=50",
			"dynamic_shared_memory_type=mmap",
		}, settings...) {
			s.args = append(s.args, "-c", setting)
		}
		return s.run(ctx)
	})
	return err
}

func (s *Server) run(ctx context.Context) (*process.Process, error) {
	return process.Start(ctx, process.Command{
		Path:  program("postgres"),
		Args:  s.args,
		Log:   s.file("postgres.log"),
		Ready: s.answers,
		User:  s.runsAs,
		End:   syscall.SIGINT, // At SIGTERM it waits for its clients to leave.
	})
}

// Halt ends the server in order and keeps its data, for Restart.
func (s *Server) Halt() error { return errors.Join(s.process.Stop(), s.freeMemory()) }

// Restart ends the server if it runs and starts it with the same address and data.
func (s *Server) Restart(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if err := s.Halt(); err != nil {
		return err
	}
	p, err := s.run(ctx)
	if err == nil {
		s.process = p
	}
	return err
}

// Stop ends the server and removes its data, which need not be in order for that. It may be called again.
func (s *Server) Stop() error { return errors.Join(s.Kill(), os.RemoveAll(s.dir)) }

// String says whether the server runs, and what it logged last.
func (s *Server) String() string { return s.process.String() }

// PID is the id of the server's first process, the parent of the others.
func (s *Server) PID() int { return s.process.PID() }

// Dir is the server's folder.
func (s *Server) Dir() string { return s.dir }

func (s *Server) file(name ...string) string {
	return filepath.Join(append([]string{s.dir}, name...)...)
}
