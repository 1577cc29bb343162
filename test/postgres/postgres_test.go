// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package postgres_test

import (
	"context"
	"database/sql"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/rollcall-iam/rollcall/test/internal/installed"
	"github.com/rollcall-iam/rollcall/test/postgres"
)

func TestPostgres(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "PostgreSQL")
}

var _ = Describe("PostgreSQL", Ordered, ContinueOnFailure, func() {
	var server *postgres.Server

	BeforeAll(func(ctx SpecContext) {
		installed.OrSkip(postgres.Available())
		var err error
		server, err = postgres.Start(ctx, postgres.Options{Settings: []string{"max_connections=20"}})
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(func() error { return server.Stop() })
	})

	open := func(databaseURL string) *sql.DB {
		GinkgoHelper()
		db, err := server.Open(databaseURL)
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(db.Close)
		return db
	}
	ask := func(ctx context.Context, db *sql.DB, query string) (answer string) {
		GinkgoHelper()
		Expect(db.QueryRowContext(ctx, query).Scan(&answer)).To(Succeed())
		return answer
	}
	do := func(ctx context.Context, db *sql.DB, statement string) {
		GinkgoHelper()
		_, err := db.ExecContext(ctx, statement)
		Expect(err).NotTo(HaveOccurred())
	}
	newDatabase := func(ctx context.Context) (databaseURL string) {
		GinkgoHelper()
		databaseURL, err := server.NewDatabase(ctx)
		Expect(err).NotTo(HaveOccurred())
		return databaseURL
	}

	It("answers in UTF-8, and is as durable as PostgreSQL is by itself", func(ctx SpecContext) {
		db := open(server.URL())
		Expect(ask(ctx, db, "SELECT current_user || ' in ' || current_database()")).To(Equal("rollcall in rollcall"))
		Expect(ask(ctx, db, "SELECT length('Zoë')")).To(Equal("3"))
		for _, setting := range []string{"fsync", "full_page_writes", "synchronous_commit"} {
			Expect(ask(ctx, db, "SHOW "+setting)).To(Equal("on"), setting)
		}
		Expect(ask(ctx, db, "SHOW max_connections")).To(Equal("20"))
	})

	It("does not show its password in URLs", func(ctx SpecContext) {
		for _, text := range []string{server.URL(), newDatabase(ctx)} {
			parsed, err := url.Parse(text)
			Expect(err).NotTo(HaveOccurred())
			Expect(parsed.User.String()).To(Equal(postgres.User))
			Expect(parsed.Hostname()).To(Equal("127.0.0.1"))
			Expect(text).NotTo(ContainSubstring(server.Password()))
		}
	})

	DescribeTable("refuses", func(ctx SpecContext, password func() string) {
		parsed, err := url.Parse(server.URL())
		Expect(err).NotTo(HaveOccurred())
		parsed.User = url.UserPassword(postgres.User, password())
		conn, err := pgconn.Connect(ctx, parsed.String())
		if err == nil {
			DeferCleanup(conn.Close)
		}
		refusal, ok := errors.AsType[*pgconn.PgError](err)
		Expect(ok).To(BeTrue(), "%v", err)
		Expect(refusal.Code).To(Equal("28P01"))
	},
		Entry("a wrong password", func() string { return "wrong" }),
		Entry("the right one in lower case", func() string { return strings.ToLower(server.Password()) }),
		Entry("who has none", func() string { return "" }),
	)

	It("has a database for everybody who asks for one", func(ctx SpecContext) {
		one, other := open(newDatabase(ctx)), open(newDatabase(ctx))
		do(ctx, one, "CREATE TABLE people (name text)")
		do(ctx, other, "CREATE TABLE people (name text)")
		Expect(ask(ctx, open(server.URL()), "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")).To(Equal("0"))
	})

	It("keeps its data and address over a restart, and does not wait for its clients", func(ctx SpecContext) {
		databaseURL, before := newDatabase(ctx), server.URL()
		db := open(databaseURL)
		do(ctx, db, "CREATE TABLE people (name text)")
		client, err := db.Conn(ctx)
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(func() { _ = client.Close() })

		Expect(server.Halt()).To(Succeed())
		Expect(server.String()).To(And(ContainSubstring("ended"), ContainSubstring("database system is shut down")))
		Expect(db.PingContext(ctx)).NotTo(Succeed())
		Expect(server.Restart(ctx)).To(Succeed())
		Expect(server.Restart(ctx)).To(Succeed())
		Expect(server.URL()).To(Equal(before))
		Expect(ask(ctx, open(databaseURL), "SELECT count(*) FROM people")).To(Equal("0"))
	})

	It("is gone at once when it is killed, whatever it does, and comes back with what was committed", func(ctx SpecContext) {
		databaseURL := newDatabase(ctx)
		db := open(databaseURL)
		do(ctx, db, "CREATE TABLE people (name text)")
		do(ctx, db, "INSERT INTO people VALUES ('ann')")
		unfinished, err := db.BeginTx(ctx, nil)
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(func() { _ = unfinished.Rollback() })
		_, err = unfinished.ExecContext(ctx, "INSERT INTO people VALUES ('bob')")
		Expect(err).NotTo(HaveOccurred())
		busy := make(chan error, 1)
		go func() {
			_, err := db.ExecContext(ctx, "DO $$ BEGIN LOOP END LOOP; END $$")
			busy <- err
		}()
		const atIt = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'DO %'"
		Eventually(func() string { return ask(ctx, db, atIt) }).Should(Equal("1"))

		pid := server.PID()
		Expect(processes(server.Dir())).NotTo(BeEmpty())
		Expect(sharedMemory(pid)).NotTo(BeEmpty())
		Expect(server.Kill()).To(Succeed())
		Eventually(processes).WithArguments(server.Dir()).Should(BeEmpty(), "a dying one leaves its folder last")
		Expect(sharedMemory(pid)).To(BeEmpty())
		Expect(server.Kill()).To(Succeed(), "killing again does nothing")
		Expect(syscall.Kill(pid, 0)).To(MatchError(syscall.ESRCH))
		Eventually(busy).Should(Receive(HaveOccurred()))

		Expect(server.Restart(ctx)).To(Succeed())
		Expect(server.PID()).NotTo(Equal(pid))
		Expect(ask(ctx, open(databaseURL), "SELECT string_agg(name, ' ') FROM people")).To(Equal("ann"))
	})

	It("says what is wrong with a setting", func(ctx SpecContext) {
		_, err := postgres.Start(ctx, postgres.Options{Settings: []string{"fsync=perhaps"}})
		Expect(err).To(MatchError(ContainSubstring(`parameter "fsync" requires a Boolean value`)))
	})

	It("leaves no process, no folder and no shared memory when stopped", func(ctx SpecContext) {
		do(ctx, open(server.URL()), "SELECT 1")
		dir, pid := server.Dir(), server.PID()
		Expect(processes(dir)).NotTo(BeEmpty())
		Expect(server.Stop()).To(Succeed())
		Eventually(processes).WithArguments(dir).Should(BeEmpty())
		Expect(sharedMemory(pid)).To(BeEmpty())
		Expect(dir).NotTo(BeADirectory())
		Expect(server.Stop()).To(Succeed(), "stopping again does nothing")
	})
})

// processes are those that are at work in a folder.
func processes(dir string) (found []string) {
	GinkgoHelper()
	links, err := filepath.Glob("/proc/[0-9]*/cwd")
	Expect(err).NotTo(HaveOccurred())
	for _, link := range links {
		// Others may end meanwhile.
		if cwd, err := os.Readlink(link); err == nil && strings.HasPrefix(cwd, dir) {
			found = append(found, link)
		}
	}
	return found
}

// sharedMemory is what a process made and nobody has removed.
func sharedMemory(pid int) (found []string) {
	GinkgoHelper()
	segments, err := os.ReadFile("/proc/sysvipc/shm")
	Expect(err).NotTo(HaveOccurred())
	for segment := range strings.Lines(string(segments)) {
		const creator = 4
		if fields := strings.Fields(segment); fields[creator] == strconv.Itoa(pid) {
			found = append(found, segment)
		}
	}
	return found
}
