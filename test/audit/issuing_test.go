// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package audit_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/rollcall-iam/rollcall/internal/ledger"
	"github.com/rollcall-iam/rollcall/test/installation"
	"github.com/rollcall-iam/rollcall/test/person"
)

// holds is the fingerprint of the certificate that somebody has.
func holds(ctx context.Context, p *person.Person) string {
	GinkgoHelper()
	out, err := p.Kubectl(ctx, "rollcall", "whoami", "-o", "json").Output()
	Expect(err).NotTo(HaveOccurred())
	var found struct {
		Login struct {
			Fingerprint string `json:"certificateFingerprint"`
		} `json:"login"`
	}
	Expect(json.Unmarshal(out, &found)).To(Succeed())
	Expect(found.Login.Fingerprint).To(HaveLen(64))
	return found.Login.Fingerprint
}

// issued are the certificates that the ledger knows, which is read where it is and found to be as it was written.
func (w *world) issued(ctx context.Context) map[string]int {
	GinkgoHelper()
	key, err := installation.Kubectl(ctx, w.plane, w.plane.AdminKubeconfig(), "get", "configmap", ledger.PublishedName,
		"-n", installation.Namespace, "-o", "jsonpath={.data.key}")
	Expect(err).NotTo(HaveOccurred())
	c, err := ledger.NewCopy(os.DirFS(w.ledger), key)
	Expect(err).NotTo(HaveOccurred())
	report, err := c.Verify()
	Expect(err).NotTo(HaveOccurred())
	Expect(report.Problems).To(BeEmpty())
	at, err := c.Checkpoint()
	Expect(err).NotTo(HaveOccurred())
	known := map[string]int{}
	Expect(c.Entries(0, at, func(_ uint64, raw []byte) error {
		var e struct {
			Kind  ledger.Kind
			After struct{ Fingerprint string }
		}
		if err := json.Unmarshal(raw, &e); err == nil && e.Kind == ledger.CertificateIssued {
			known[e.After.Fingerprint]++
		}
		return nil
	})).To(Succeed())
	return known
}

var _ = Describe("No certificate is handed out that the ledger does not have", Ordered, func() {
	var w *world
	BeforeAll(func(ctx SpecContext) { w = newWorld(ctx, filepath.Join(smallDisk("6m"), "ledger")) }, NodeTimeout(3*time.Minute))

	It("whenever the operator is killed", func(ctx SpecContext) {
		const kills, logins = 4, 3
		var (
			working sync.WaitGroup
			mutex   sync.Mutex
			held    []*person.Person
		)
		killing := make(chan struct{})
		for _, name := range []string{"alice", "bob", "carol"} {
			working.Go(func() {
				defer GinkgoRecover()
				for done := 0; ; {
					p := person.New(w.plane, w.files, name)
					if _, err := p.LogsIn(ctx, w.site, password); err == nil {
						mutex.Lock()
						held = append(held, p)
						mutex.Unlock()
						done++
					}
					select {
					case <-killing:
						if done >= logins {
							return
						}
					case <-ctx.Done():
						return
					case <-time.After(100 * time.Millisecond):
					}
				}
			})
		}
		for i := range kills {
			time.Sleep(time.Duration(700+i*450) * time.Millisecond)
			Expect(w.manager.Kill()).To(Succeed())
			w.startsManager(ctx)
		}
		close(killing)
		working.Wait()
		Expect(len(held)).To(BeNumerically(">=", 3*logins))
		Eventually(ctx, func(g Gomega) { // The checkpoint comes a second after the entry.
			known := w.issued(ctx)
			for _, p := range held {
				g.Expect(known).To(HaveKeyWithValue(holds(ctx, p), 1))
			}
		}).WithTimeout(patience).WithPolling(time.Second).Should(Succeed())
	}, SpecTimeout(3*time.Minute))

	It("and none while its disk is full", func(ctx SpecContext) {
		before := w.comes(ctx, "alice")
		filler := filepath.Join(filepath.Dir(w.ledger), "filler")
		Expect(fills(filler)).To(MatchError(syscall.ENOSPC))

		dora := person.New(w.plane, w.files, "dora")
		told, err := dora.LogsIn(ctx, w.site, password)
		Expect(err).To(HaveOccurred())
		Expect(told).To(ContainSubstring("the ledger, without which no certificate is handed out"))
		Expect(read(w.manager.Log())).To(ContainSubstring("no space left on device"))
		before.Does(ctx, "get", "configmaps", "-n", pay)

		Expect(os.Remove(filler)).To(Succeed())
		Eventually(ctx, func() error {
			told, err = dora.LogsIn(ctx, w.site, password)
			return err
		}).WithTimeout(patience).WithPolling(time.Second).Should(Succeed())
		fingerprint := holds(ctx, dora)
		Eventually(ctx, func() map[string]int { return w.issued(ctx) }).WithTimeout(patience).WithPolling(time.Second).
			Should(HaveKeyWithValue(fingerprint, 1))
	}, SpecTimeout(2*time.Minute))
})

// fills a disk with a file.
func fills(path string) (err error) {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	for block := make([]byte, 4096); ; {
		if _, err := file.Write(block); err != nil {
			return fmt.Errorf("fill the disk: %w", err)
		}
	}
}

func read(path string) string {
	GinkgoHelper()
	content, err := os.ReadFile(path)
	Expect(err).NotTo(HaveOccurred())
	return string(content)
}
