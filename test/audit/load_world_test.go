// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package audit_test

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	auditv1 "k8s.io/apiserver/pkg/apis/audit/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/audit"
	"github.com/rollcall-iam/rollcall/test/auditload"
	"github.com/rollcall-iam/rollcall/test/controlplane"
	"github.com/rollcall-iam/rollcall/test/installation"
	"github.com/rollcall-iam/rollcall/test/internal/process"
)

// post is a manager that takes events, and a control plane whose log they are made of.
type post struct {
	plane   *controlplane.ControlPlane
	manager *installation.Manager
	store   database
	port    int
	// kubeconfig is what an API server is given.
	kubeconfig []byte
	events     *auditload.Events
	random     *rand.Rand
}

func newPost(ctx context.Context, store database) *post {
	GinkgoHelper()
	seed := uint64(GinkgoRandomSeed())
	p := &post{store: store, random: rand.New(rand.NewPCG(seed, seed))}
	var err error
	p.plane, err = controlplane.Start(ctx, controlplane.Options{})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() error { return p.plane.Stop() })
	Expect(installation.Install(ctx, p.plane)).To(Succeed())
	ports, err := process.FreePorts(1)
	Expect(err).NotTo(HaveOccurred())
	p.port = ports[0]
	p.startsManager(ctx)
	DeferCleanup(func() error { return p.manager.Stop() })
	Eventually(ctx, func(g Gomega) {
		encoded, err := installation.Kubectl(ctx, p.plane, p.plane.AdminKubeconfig(), "get", "secret", "rollcall-audit-webhook",
			"-n", installation.Namespace, "-o", "jsonpath={.data.kubeconfig}")
		g.Expect(err).NotTo(HaveOccurred())
		p.kubeconfig, err = base64.StdEncoding.DecodeString(encoded)
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(p.kubeconfig).NotTo(BeEmpty())
	}).WithTimeout(patience).Should(Succeed())
	log, err := os.ReadFile(p.plane.AuditLog())
	Expect(err).NotTo(HaveOccurred())
	p.events, err = auditload.NewEvents(log[:bytes.LastIndexByte(log, '\n')+1], time.Now().Add(-time.Hour), seed)
	Expect(err).NotTo(HaveOccurred())
	return p
}

func (p *post) startsManager(ctx context.Context) {
	GinkgoHelper()
	var err error
	p.manager, err = installation.StartManager(ctx, p.plane, installation.Options{Args: []string{
		fmt.Sprintf("--audit-bind-address=127.0.0.1:%d", p.port), "--serving-names=127.0.0.1", "--audit-store=" + p.store.location,
	}})
	Expect(err).NotTo(HaveOccurred())
}

// load is so many events, by two API servers.
func (p *post) load(o auditload.Options) *auditload.Load {
	GinkgoHelper()
	o.Events, o.Kubeconfig = p.events, p.kubeconfig
	load, err := auditload.New(o)
	Expect(err).NotTo(HaveOccurred())
	return load
}

// sends has a load sent, while something happens each time that one of so many random parts of it is acknowledged.
func (p *post) sends(ctx context.Context, load *auditload.Load, total, times int, happens func(ctx context.Context, i int)) {
	GinkgoHelper()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	moments := make([]int, times)
	for i := range moments {
		moments[i] = p.random.IntN(total - total/20) // Not when nothing is left to do.
	}
	slices.Sort(moments)
	done := make(chan error, 1)
	go func() { done <- load.Run(ctx) }()
	for i, moment := range moments {
		for load.Done() < moment {
			select {
			case err := <-done:
				Expect(err).NotTo(HaveOccurred(), load.String())
				Fail("all is acknowledged before it was sent")
			case <-time.After(time.Millisecond):
			}
		}
		time.Sleep(time.Duration(p.random.Int64N(int64(50 * time.Millisecond)))) // Anywhere in a transaction.
		happens(ctx, i)
	}
	select {
	case err := <-done:
		Expect(err).NotTo(HaveOccurred())
	case <-ctx.Done():
		Fail("in time it was not done: " + load.String())
	}
}

// kept is where an event is.
type kept struct {
	batch int64
	line  int
}

// told are the answers, of which each must be one after which an API server, and kubectl rollcall feed, send again.
func told(load *auditload.Load) map[string]int {
	GinkgoHelper()
	GinkgoWriter.Println(load)
	answers := load.Answers()
	for answer := range answers {
		Expect(answer).To(BeElementOf("200", "429", "503", auditload.Unreachable), load.String())
	}
	return answers
}

// holds compares what is in the database, read past the store, with what was acknowledged: nothing is missing, nothing is there twice,
// nothing differs from what was sent. What was sent and not acknowledged may be there.
func (p *post) holds(ctx context.Context, load *auditload.Load, total int) {
	GinkgoHelper()
	db := p.store.past()
	numbers := make(map[audit.Key]int, total)
	for n := range total {
		line, err := audit.ReadLine(p.events.Event(n))
		Expect(err).NotTo(HaveOccurred())
		numbers[line.Key] = n
	}
	Expect(numbers).To(HaveLen(total))
	places, known := map[kept]int{}, make([]bool, total)
	each(ctx, db, "SELECT id, batch, line FROM events", func(rows *sql.Rows) {
		var (
			id []byte
			at kept
		)
		Expect(rows.Scan(&id, &at.batch, &at.line)).To(Succeed())
		n, sent := numbers[audit.Key(id)]
		Expect(sent).To(BeTrue(), "an event that nobody sent is in the database")
		places[at], known[n] = n, true
	})
	missing := 0
	for n := range total {
		if load.Acknowledged(n) && !known[n] {
			missing++
		}
	}
	Expect(missing).To(BeZero(), "acknowledged events are missing; %s", load)
	p.holdsBatches(ctx, db, load, places)
}

func (p *post) holdsBatches(ctx context.Context, db *sql.DB, load *auditload.Load, places map[kept]int) {
	GinkgoHelper()
	decoder, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1))
	Expect(err).NotTo(HaveOccurred())
	defer decoder.Close()
	lines, servers := 0, map[string]int64{}
	each(ctx, db, "SELECT id, server, events, digest, lines FROM batches", func(rows *sql.Rows) {
		var (
			id                 int64
			server             string
			count              int
			digest, compressed []byte
		)
		Expect(rows.Scan(&id, &server, &count, &digest, &compressed)).To(Succeed())
		plain, err := decoder.DecodeAll(compressed, nil)
		Expect(err).NotTo(HaveOccurred())
		if root := audit.Root(plain); !bytes.Equal(root[:], digest) {
			Fail(fmt.Sprintf("batch %d has not its digest", id))
		}
		at := 0
		for line := range bytes.Lines(plain) {
			n, known := places[kept{id, at}]
			if !known || !bytes.Equal(bytes.TrimSuffix(line, []byte{'\n'}), p.events.Event(n)) || server != load.Server(n) {
				Fail(fmt.Sprintf("line %d of batch %d, of %s, is not what was sent: %s", at, id, server, line))
			}
			at++
		}
		Expect(at).To(Equal(count))
		lines += at
		servers[server] += int64(at)
	})
	Expect(lines).To(Equal(len(places)), "lines, and the events that know where they are")
	counted := map[string]int64{}
	each(ctx, db, "SELECT name, events FROM servers", func(rows *sql.Rows) {
		var (
			name   string
			events int64
		)
		Expect(rows.Scan(&name, &events)).To(Succeed())
		counted[name] = events
	})
	Expect(counted).To(Equal(servers))
}

// weighs waits until all that people did is weighed, and compares how much that was with what was sent, all of which is acknowledged:
// nothing counts twice, and nothing is missing.
func (p *post) weighs(ctx context.Context, total int) {
	GinkgoHelper()
	want := map[string]int64{}
	for n := range total {
		line, err := audit.ReadLine(p.events.Event(n))
		Expect(err).NotTo(HaveOccurred())
		who, ended := line.Event.User.Username, line.Event.Stage == auditv1.StageResponseComplete || line.Event.Stage == auditv1.StagePanic
		if ended && who != "" && !strings.HasPrefix(who, "system:") {
			want[who]++
		}
	}
	Expect(want).NotTo(BeEmpty())
	db := p.store.past()
	Eventually(ctx, func(g Gomega) {
		var waiting int
		g.Expect(db.QueryRowContext(ctx, "SELECT COUNT(*) FROM deeds").Scan(&waiting)).To(Succeed())
		g.Expect(waiting).To(BeZero(), "batches that were not weighed yet")
	}).WithTimeout(patience).WithPolling(100 * time.Millisecond).Should(Succeed())
	counted := map[string]int64{}
	each(ctx, db, "SELECT username, SUM(requests) FROM days GROUP BY username", func(rows *sql.Rows) {
		var (
			who      string
			requests int64
		)
		Expect(rows.Scan(&who, &requests)).To(Succeed())
		counted[who] = requests
	})
	Expect(counted).To(Equal(want))
}

// takes compares what the store says of its size, by which old events go, with what it takes.
func (p *post) takes(ctx context.Context, taken string) {
	GinkgoHelper()
	const off = 0.2
	db := p.store.past()
	var said, is float64
	Expect(db.QueryRowContext(ctx, "SELECT SUM(size) FROM batches").Scan(&said)).To(Succeed())
	Expect(db.QueryRowContext(ctx, taken).Scan(&is)).To(Succeed())
	Expect(said).To(BeNumerically("~", is, off*is))
}

// duplicates is how many events came more than once.
func (p *post) duplicates(ctx context.Context) (n int64) {
	GinkgoHelper()
	Expect(p.store.past().QueryRowContext(ctx, "SELECT SUM(duplicates) FROM servers").Scan(&n)).To(Succeed())
	return n
}

func each(ctx context.Context, db *sql.DB, query string, row func(*sql.Rows)) {
	GinkgoHelper()
	rows, err := db.QueryContext(ctx, query)
	Expect(err).NotTo(HaveOccurred())
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		row(rows)
	}
	Expect(rows.Err()).NotTo(HaveOccurred())
}

// passFile has the password of PostgreSQL, for a manager whose environment is small; the location of the store that names it is returned.
func passFile(location string) string {
	GinkgoHelper()
	file := filepath.Join(GinkgoT().TempDir(), "pgpass")
	Expect(os.WriteFile(file, []byte("*:*:*:*:"+postgresServer.Password()+"\n"), 0o600)).To(Succeed())
	return location + "&passfile=" + file
}

// fits is how many events make a request of about such a size.
func (p *post) fits(size int) (events int) {
	for size > 0 {
		size -= len(p.events.Event(events)) + 1
		events++
	}
	return events - 1
}

// worksOtherwise has the operator do what it does without a store.
func (p *post) worksOtherwise(ctx context.Context, name string) {
	GinkgoHelper()
	admin := p.admin()
	user := &v1alpha1.User{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: v1alpha1.UserSpec{UserName: name}}
	Expect(admin.Create(ctx, user)).To(Succeed())
	Eventually(ctx, func(g Gomega) {
		g.Expect(admin.Get(ctx, client.ObjectKeyFromObject(user), user)).To(Succeed())
		g.Expect(user.Status.Username).To(Equal(name))
	}).WithTimeout(patience).Should(Succeed())
}

// remembers waits until the history has a User.
func (p *post) remembers(ctx context.Context, name string) {
	GinkgoHelper()
	db := p.store.past()
	Eventually(ctx, func(g Gomega) {
		var n int
		g.Expect(db.QueryRowContext(ctx, "SELECT COUNT(*) FROM versions WHERE kind = 'User' AND name = $1", name).Scan(&n)).To(Succeed())
		g.Expect(n).To(BeNumerically(">", 0))
	}).WithTimeout(patience).Should(Succeed())
}

func (p *post) admin() client.Client {
	GinkgoHelper()
	scheme := runtime.NewScheme()
	Expect(v1alpha1.AddToScheme(scheme)).To(Succeed())
	admin, err := client.New(p.plane.RESTConfig(), client.Options{Scheme: scheme})
	Expect(err).NotTo(HaveOccurred())
	return admin
}
