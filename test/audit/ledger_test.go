// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package audit_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing/fstest"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/internal/ledger"
	"github.com/rollcall-iam/rollcall/internal/ledger/keeper"
	"github.com/rollcall-iam/rollcall/internal/stored"
	"github.com/rollcall-iam/rollcall/test/controlplane"
)

// desk is a ledger that is kept, and where its checkpoints are published.
type desk struct {
	dir, namespace string
	cluster        client.Client
	stop           func()
}

func newDesk(ctx context.Context, plane *controlplane.ControlPlane) *desk {
	GinkgoHelper()
	cluster, err := client.New(plane.RESTConfig(), client.Options{})
	Expect(err).NotTo(HaveOccurred())
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "ledger-"}}
	Expect(cluster.Create(ctx, namespace)).To(Succeed())
	return &desk{dir: filepath.Join(folder(), "ledger"), namespace: namespace.Name, cluster: cluster}
}

func folder() string {
	GinkgoHelper()
	dir, err := os.MkdirTemp("", "rollcall-ledger-")
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(os.RemoveAll, dir)
	return dir
}

// starts the keeper; stop ends it as a manager does.
func (d *desk) starts() *keeper.Keeper {
	GinkgoHelper()
	k := &keeper.Keeper{
		Dir: d.dir, Checkpoints: d.dir + ".checkpoints", Metrics: keeper.NewMetrics(prometheus.NewRegistry()),
		Store: stored.Store{Live: d.cluster, Client: d.cluster, Namespace: d.namespace},
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- k.Start(ctx) }()
	d.stop = sync.OnceFunc(func() {
		cancel()
		Eventually(ended).WithTimeout(patience).Should(Receive(BeNil()))
	})
	DeferCleanup(d.stop)
	return k
}

func (d *desk) opens() *keeper.Keeper {
	GinkgoHelper()
	k := d.starts()
	Eventually(func() error { return k.Open() }).WithTimeout(patience).Should(Succeed())
	return k
}

func (d *desk) published() map[string]string {
	GinkgoHelper()
	var config corev1.ConfigMap
	Expect(d.cluster.Get(context.Background(), client.ObjectKey{Namespace: d.namespace, Name: ledger.PublishedName}, &config)).To(Succeed())
	return config.Data
}

func entry(n int) *ledger.Entry {
	return &ledger.Entry{
		Time: time.Date(2026, 11, 26, 12, 0, n, 0, time.UTC), Kind: ledger.CertificateIssued, Whom: fmt.Sprintf("corp:p%d", n),
		Why: strings.Repeat("because ", n%7),
	}
}

// writes so many entries, several at once.
func writes(ctx context.Context, k *keeper.Keeper, from, count int) {
	GinkgoHelper()
	all := make([]*ledger.Entry, count)
	for i := range all {
		all[i] = entry(from + i)
	}
	numbers, err := k.RecordAll(ctx, all)
	Expect(err).NotTo(HaveOccurred())
	for i, number := range numbers {
		Expect(number).To(BeEquivalentTo(from + i))
	}
}

// copied is what somebody takes away: the files, in memory.
func (d *desk) copied() fstest.MapFS {
	GinkgoHelper()
	files := fstest.MapFS{}
	root := os.DirFS(d.dir)
	Expect(fs.WalkDir(root, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || strings.HasPrefix(path, ".") {
			return err
		}
		content, err := fs.ReadFile(root, path)
		files[path] = &fstest.MapFile{Data: content, Mode: 0o600}
		return err
	})).To(Succeed())
	return files
}

func reads(files fs.FS, key string) *ledger.Copy {
	GinkgoHelper()
	c, err := ledger.NewCopy(files, key)
	Expect(err).NotTo(HaveOccurred())
	return c
}

var _ = Describe("A ledger", Ordered, func() {
	var (
		plane *controlplane.ControlPlane
		d     *desk
	)
	BeforeAll(func(ctx SpecContext) {
		var err error
		plane, err = controlplane.Start(ctx, controlplane.Options{})
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(func() error { return plane.Stop() })
	}, NodeTimeout(time.Minute))
	BeforeEach(func(ctx SpecContext) { d = newDesk(ctx, plane) })

	It("has what was written, in order, after it was closed too, and says so to whoever has its key", func(ctx SpecContext) {
		k := d.opens()
		writes(ctx, k, 0, 300)
		d.stop()
		Expect(k.Open()).To(MatchError(keeper.ErrClosed))
		_, err := k.Record(ctx, entry(0))
		Expect(err).To(MatchError(keeper.ErrClosed))
		writes(ctx, d.opens(), 300, 5)
		d.stop()

		told := d.published()
		c := reads(os.DirFS(d.dir), told[ledger.VerifierKey])
		at, err := c.Parse([]byte(told[ledger.CheckpointKey]))
		Expect(err).NotTo(HaveOccurred())
		Expect(at.Size).To(BeEquivalentTo(305))
		n := 0
		Expect(c.Entries(0, at, func(number uint64, raw []byte) error {
			var e ledger.Entry
			Expect(json.Unmarshal(raw, &e)).To(Succeed())
			Expect(e).To(Equal(*entry(n)))
			Expect(number).To(BeEquivalentTo(n))
			n++
			return nil
		})).To(Succeed())
		Expect(n).To(Equal(305))
		report, err := c.Verify([]byte(told[ledger.CheckpointKey]))
		Expect(err).NotTo(HaveOccurred())
		Expect(report.Problems).To(BeEmpty())
		checkpoints, err := os.ReadFile(d.dir + ".checkpoints")
		Expect(err).NotTo(HaveOccurred())
		Expect(string(checkpoints)).To(ContainSubstring(told[ledger.CheckpointKey]))
	}, SpecTimeout(time.Minute))

	It("proves each entry, and proves no other by that", func(ctx SpecContext) {
		writes(ctx, d.opens(), 0, 40)
		d.stop()
		key := d.published()[ledger.VerifierKey]
		c := reads(d.copied(), key)
		stranger := reads(fstest.MapFS{}, key)
		for number := range uint64(40) {
			proof, err := c.Prove(ctx, number)
			Expect(err).NotTo(HaveOccurred())
			Expect(stranger.Check(proof)).To(Succeed(), "who checks it has the key alone")
			Expect(string(proof.Text())).To(HavePrefix("c2sp.org/tlog-proof@v1\nindex "))
			proof.Entry = append([]byte(" "), proof.Entry...)
			Expect(stranger.Check(proof)).NotTo(Succeed())
		}
		_, err := c.Prove(ctx, 40)
		Expect(err).To(MatchError(ContainSubstring("there is no entry 40")))
	}, SpecTimeout(time.Minute))

	It("is found out at each of a thousand bytes that somebody changes", func(ctx SpecContext) {
		writes(ctx, d.opens(), 0, 270)
		d.stop()
		files, key := d.copied(), d.published()[ledger.VerifierKey]
		var bytes []struct {
			path string
			at   int
		}
		for path, file := range files {
			for i := range file.Data {
				bytes = append(bytes, struct {
					path string
					at   int
				}{path, i})
			}
		}
		r := rand.New(rand.NewPCG(uint64(GinkgoRandomSeed()), 6))
		for range 1000 {
			chosen := bytes[r.IntN(len(bytes))]
			data := files[chosen.path].Data
			old := data[chosen.at]
			data[chosen.at] ^= byte(1 + r.IntN(255))
			report, err := reads(files, key).Verify()
			Expect(err != nil || len(report.Problems) > 0).To(BeTrue(), "byte %d of %s", chosen.at, chosen.path)
			data[chosen.at] = old
		}
		report, err := reads(files, key).Verify()
		Expect(err).NotTo(HaveOccurred())
		Expect(report.Problems).To(BeEmpty())
	}, SpecTimeout(2*time.Minute))

	It("says which entry is wrong", func(ctx SpecContext) {
		writes(ctx, d.opens(), 0, 270)
		d.stop()
		files, key := d.copied(), d.published()[ledger.VerifierKey]
		bundle := files["tile/entries/000"]
		bundle.Data = []byte(strings.Replace(string(bundle.Data), "corp:p123", "corp:p321", 1))
		report, err := reads(files, key).Verify()
		Expect(err).NotTo(HaveOccurred())
		Expect(report.Problems).To(ContainElement(HaveField("Place", "entry 123")))
		Expect(report.Problems).NotTo(ContainElement(HaveField("Place", "entry 124")))
	}, SpecTimeout(time.Minute))

	It("that was cut short, or has two histories, does not fit the checkpoint that somebody kept", func(ctx SpecContext) {
		writes(ctx, d.opens(), 0, 10)
		d.stop()
		early, backup := d.copied(), d.backup()
		writes(ctx, d.opens(), 10, 10)
		d.stop()
		late, told := d.copied(), d.published()
		key := told[ledger.VerifierKey]

		By("removing what came last")
		report, err := reads(early, key).Verify(late["checkpoint"].Data)
		Expect(err).NotTo(HaveOccurred())
		Expect(report.Problems).To(ContainElement(And(
			HaveField("Place", "entries 10 to 19"), HaveField("Message", ContainSubstring("cut short")))))

		By("growing it otherwise, with the same key")
		d.restores(backup)
		d.forgets(ctx)
		k := d.opens()
		writes(ctx, k, 10, 3)
		_, err = k.Record(ctx, entry(99))
		Expect(err).NotTo(HaveOccurred())
		writes(ctx, k, 14, 6)
		d.stop()
		other := d.copied()
		report, err = reads(other, key).Verify(late["checkpoint"].Data)
		Expect(err).NotTo(HaveOccurred())
		Expect(report.Problems).To(ContainElement(HaveField("Message", ContainSubstring("two histories"))))
		report, err = reads(other, key).Verify(early["checkpoint"].Data)
		Expect(err).NotTo(HaveOccurred())
		Expect(report.Problems).To(BeEmpty(), "what both have in common is no problem")
	}, SpecTimeout(time.Minute))

	It("is not published where it is another one than was published, and is closed", func(ctx SpecContext) {
		writes(ctx, d.opens(), 0, 10)
		d.stop()
		backup := d.backup()
		k := d.opens()
		writes(ctx, k, 10, 10)
		Eventually(func() error {
			told, err := os.ReadFile(filepath.Join(d.dir, "checkpoint"))
			Expect(err).NotTo(HaveOccurred())
			return within(told, "\n20\n")
		}).WithTimeout(patience).Should(Succeed())
		Eventually(func() string { return d.published()[ledger.CheckpointKey] }).WithTimeout(patience).Should(ContainSubstring("\n20\n"))
		for _, path := range []string{"checkpoint", ".state/treeState"} { // It would go on from there.
			content, err := os.ReadFile(filepath.Join(backup, path))
			Expect(err).NotTo(HaveOccurred())
			Expect(os.WriteFile(filepath.Join(d.dir, path), content, 0o600)).To(Succeed())
		}
		Eventually(k.Open).WithTimeout(patience).Should(MatchError(ContainSubstring("cut short")))
		Expect(d.published()[ledger.CheckpointKey]).To(ContainSubstring("\n20\n"))
	}, SpecTimeout(time.Minute))

	It("says in one file what all checkpoints were", func(ctx SpecContext) {
		writes(ctx, d.opens(), 0, 10)
		d.stop()
		writes(ctx, d.opens(), 10, 10)
		d.stop()
		content, err := os.ReadFile(d.dir + ".checkpoints")
		Expect(err).NotTo(HaveOccurred())
		kept := ledger.Checkpoints(content)
		Expect(len(kept)).To(BeNumerically(">=", 2))
		report, err := reads(d.copied(), d.published()[ledger.VerifierKey]).Verify(kept...)
		Expect(err).NotTo(HaveOccurred())
		Expect(report.Problems).To(BeEmpty())
		Expect(report.Kept).To(ContainElements(uint64(10), uint64(20)))
	}, SpecTimeout(time.Minute))

	type spoiling func(ctx context.Context, d *desk, backup string)
	DescribeTable("is not gone on with, and nothing is written to it", func(ctx SpecContext, spoil spoiling, why string) {
		writes(ctx, d.opens(), 0, 10)
		d.stop()
		backup := d.backup()
		writes(ctx, d.opens(), 10, 10)
		d.stop()
		spoil(ctx, d, backup)
		k := d.starts()
		Eventually(func() error { return k.Open() }).WithTimeout(patience).Should(MatchError(ContainSubstring(why)))
		_, err := k.Record(ctx, entry(20))
		Expect(err).To(MatchError(keeper.ErrClosed))
		d.stop()
	},
		Entry("that is an old copy", func(_ context.Context, d *desk, backup string) { d.restores(backup) }, "cut short"),
		Entry("that is a copy without what the writer notes", func(_ context.Context, d *desk, _ string) {
			Expect(os.RemoveAll(filepath.Join(d.dir, ".state"))).To(Succeed())
		}, ".state/treeState is missing"),
		Entry("whose writer would go on from an earlier entry", func(_ context.Context, d *desk, backup string) {
			const state = ".state/treeState"
			content, err := os.ReadFile(filepath.Join(backup, state))
			Expect(err).NotTo(HaveOccurred())
			Expect(os.WriteFile(filepath.Join(d.dir, state), content, 0o600)).To(Succeed())
		}, "cut short"),
		Entry("that is gone", func(_ context.Context, d *desk, _ string) { Expect(os.RemoveAll(d.dir)).To(Succeed()) }, "has no ledger in it"),
		Entry("of another key", func(ctx context.Context, d *desk, _ string) {
			Expect(d.cluster.Delete(ctx, &corev1.Secret{ObjectMeta: d.named(keeper.SecretName)})).To(Succeed())
		}, "not one that was signed with key"),
		Entry("whose key is broken", func(ctx context.Context, d *desk, _ string) {
			secret := &corev1.Secret{}
			Expect(d.cluster.Get(ctx, client.ObjectKey{Namespace: d.namespace, Name: keeper.SecretName}, secret)).To(Succeed())
			secret.Data["signer"] = []byte("nonsense")
			Expect(d.cluster.Update(ctx, secret)).To(Succeed())
		}, "no key to sign checkpoints with"),
		Entry("that somebody wrote anew", func(ctx context.Context, d *desk, backup string) {
			kept := d.published()
			d.restores(backup)
			d.forgets(ctx)
			_, err := d.opens().Record(ctx, entry(99))
			Expect(err).NotTo(HaveOccurred())
			d.stop()
			d.forgets(ctx)
			writesOthers(ctx, d)
			d.forgets(ctx)
			Expect(d.cluster.Create(ctx, &corev1.ConfigMap{ObjectMeta: d.named(ledger.PublishedName), Data: kept})).To(Succeed())
		}, "two histories"),
	)
})

func within(text []byte, what string) error {
	if !strings.Contains(string(text), what) {
		return fmt.Errorf("%q is not in %q", what, text)
	}
	return nil
}

// writesOthers makes the ledger as long as it was, and longer.
func writesOthers(ctx context.Context, d *desk) {
	GinkgoHelper()
	writes(ctx, d.opens(), 11, 15)
	d.stop()
}

func (d *desk) named(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: d.namespace, Name: name}
}

// backup is a copy of everything, what the writer notes for itself too.
func (d *desk) backup() string {
	GinkgoHelper()
	to := filepath.Join(folder(), "backup")
	Expect(os.CopyFS(to, os.DirFS(d.dir))).To(Succeed())
	return to
}

func (d *desk) restores(backup string) {
	GinkgoHelper()
	Expect(os.RemoveAll(d.dir)).To(Succeed())
	Expect(os.CopyFS(d.dir, os.DirFS(backup))).To(Succeed())
}

// forgets what was published.
func (d *desk) forgets(ctx context.Context) {
	GinkgoHelper()
	Expect(d.cluster.Delete(ctx, &corev1.ConfigMap{ObjectMeta: d.named(ledger.PublishedName)})).To(Succeed())
}
