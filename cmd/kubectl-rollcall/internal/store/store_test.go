// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/zalando/go-keyring"
)

func TestStore(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "What a login leaves on a machine")
}

var _ = Describe("A store", func() {
	var (
		folder string
		kept   *Store
		warned []string
	)
	warn := func(format string, _ ...any) { warned = append(warned, format) }
	open := func(useKeyring bool) {
		GinkgoHelper()
		var err error
		kept, err = Open(folder, useKeyring, warn)
		Expect(err).NotTo(HaveOccurred())
	}
	names := func() []string {
		GinkgoHelper()
		entries, err := os.ReadDir(folder)
		Expect(err).NotTo(HaveOccurred())
		names := make([]string, 0, len(entries))
		for _, entry := range entries {
			names = append(names, entry.Name())
		}
		return names
	}
	BeforeEach(func() {
		warned = nil
		folder = filepath.Join(GinkgoT().TempDir(), "a", "rollcall")
		open(false)
	})

	save := func(profile string) *State {
		GinkgoHelper()
		key, err := kept.Put(profile, KindKey, []byte("key of "+profile))
		Expect(err).NotTo(HaveOccurred())
		state := &State{Session: "s", User: "alice", Key: key, NotAfter: time.Unix(100, 0).UTC()}
		Expect(kept.Save(profile, state)).To(Succeed())
		return state
	}

	It("gives back what was put in, and nothing once that is deleted", func() {
		state := save("p")
		Expect(kept.Load("p")).To(Equal(state))
		Expect(kept.Get(state.Key)).To(Equal([]byte("key of p")))
		Expect(kept.Profiles()).To(Equal([]string{"p"}))
		Expect(kept.Delete("p", state)).To(Succeed())
		Expect(names()).To(BeEmpty())
		_, err := kept.Load("p")
		Expect(err).To(MatchError(ErrNone))
		_, err = kept.Get(state.Key)
		Expect(err).To(MatchError(fs.ErrNotExist))
		Expect(kept.Delete("p", state)).To(Succeed(), "twice")
	})

	It("makes files that only their owner can read", func() {
		save("p")
		for _, name := range names() {
			info, err := os.Stat(filepath.Join(folder, name))
			Expect(err).NotTo(HaveOccurred())
			Expect(info.Mode().Perm()).To(Equal(fs.FileMode(0o600)), name)
		}
		info, err := os.Stat(folder)
		Expect(err).NotTo(HaveOccurred())
		Expect(info.Mode().Perm()).To(Equal(fs.FileMode(0o700)))
	})

	It("sweeps up what a process left that ended halfway, and nothing else", func() {
		state := save("p")
		other := save("p.q")
		_, err := kept.Put("p", KindKey, []byte("left behind"))
		Expect(err).NotTo(HaveOccurred())
		_, err = kept.Put("p", KindRefreshToken, []byte("left behind"))
		Expect(err).NotTo(HaveOccurred())
		Expect(names()).To(HaveLen(6))
		Expect(kept.Save("p", state)).To(Succeed())
		Expect(names()).To(HaveLen(4))
		Expect(kept.Get(state.Key)).To(Equal([]byte("key of p")))
		Expect(kept.Get(other.Key)).To(Equal([]byte("key of p.q")))
	})

	It("sweeps up what was never written to the end, and not what somebody may be writing", func() {
		state := save("p")
		for name, age := range map[string]time.Duration{".new-1": time.Hour, ".new-2": time.Minute} {
			path := filepath.Join(folder, name)
			Expect(os.WriteFile(path, []byte("a key"), 0o600)).To(Succeed())
			Expect(os.Chtimes(path, time.Time{}, time.Now().Add(-age))).To(Succeed())
		}
		Expect(kept.Save("p", state)).To(Succeed())
		Expect(names()).To(SatisfyAll(Not(ContainElement(".new-1")), ContainElement(".new-2")))
	})

	It("leaves no key of a login that is deleted, whoever ended halfway before", func() {
		state := save("p")
		Expect(kept.Put("p", KindKey, []byte("left behind"))).Error().NotTo(HaveOccurred())
		Expect(kept.Delete("p", state)).To(Succeed())
		Expect(names()).To(BeEmpty())
	})

	It("leaves the old state where the new one cannot be written", func() {
		state := save("p")
		Expect(os.Mkdir(filepath.Join(folder, "other.json"), 0o700)).To(Succeed())
		Expect(os.WriteFile(filepath.Join(folder, "other.json", "x"), nil, 0o600)).To(Succeed())
		Expect(kept.Save("other", state)).To(MatchError(ContainSubstring("write ")))
		Expect(names()).To(HaveLen(3), "no file in the making stays")
		Expect(kept.Load("p")).To(Equal(state))
	})

	It("locks a profile for one, and tells who comes meanwhile", func(ctx SpecContext) {
		unlock, err := kept.Lock(ctx, "p")
		Expect(err).NotTo(HaveOccurred())
		bounded, cancel := context.WithTimeout(ctx, 60*time.Millisecond)
		defer cancel()
		_, err = kept.Lock(bounded, "p")
		Expect(err).To(MatchError(ErrBusy))
		others, err := kept.Lock(ctx, "q")
		Expect(err).NotTo(HaveOccurred())
		others()
		unlock()
		again, err := kept.Lock(ctx, "p")
		Expect(err).NotTo(HaveOccurred())
		again()
	})

	DescribeTable("has no profile that would be a file elsewhere", func(name string) {
		Expect(CheckName(name)).NotTo(Succeed())
		_, err := kept.Load(name)
		Expect(err).To(MatchError(ContainSubstring("cannot be a profile")))
		Expect(kept.Save(name, &State{})).NotTo(Succeed())
		_, err = kept.Put(name, KindKey, nil)
		Expect(err).To(HaveOccurred())
		_, err = kept.Lock(context.Background(), name)
		Expect(err).To(HaveOccurred())
	},
		Entry(nil, ""), Entry(nil, "."), Entry(nil, ".."), Entry(nil, "../x"), Entry(nil, "a/b"), Entry(nil, `a\b`), Entry(nil, "-x"),
		Entry(nil, string(make([]byte, 64))),
	)

	It("names profiles by where they are for", func() {
		name := ProfileName("https://login", "https://api")
		Expect(CheckName(name)).To(Succeed())
		Expect(ProfileName("https://login", "https://api/")).To(Equal(name))
		Expect(ProfileName("https://login2", "https://api")).NotTo(Equal(name))
		Expect(ProfileName("https://login", "https://api2")).NotTo(Equal(name))
	})

	Describe("with a keyring", func() {
		BeforeEach(func() {
			GinkgoT().Setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent")
			keyring.MockInit()
			open(true)
		})

		It("keeps keys there, and no file", func() {
			state := save("p")
			Expect(state.Key.In).To(Equal("keyring"))
			Expect(names()).To(Equal([]string{"p.json"}))
			Expect(kept.Get(state.Key)).To(Equal([]byte("key of p")))
			open(false)
			Expect(kept.Get(state.Key)).To(Equal([]byte("key of p")), "though it is off by now")
			Expect(kept.Delete("p", state)).To(Succeed())
			_, err := kept.Get(state.Key)
			Expect(err).To(MatchError(fs.ErrNotExist))
			Expect(kept.Delete("p", state)).To(Succeed(), "twice")
		})

		It("keeps them in files where it does not work, and says so", func() {
			keyring.MockInitWithError(errors.New("no such service"))
			state := save("p")
			Expect(state.Key.In).To(Equal("file"))
			Expect(warned).To(HaveLen(1))
		})

		It("says how to go on where it cannot be read", func() {
			state := save("p")
			keyring.MockInitWithError(errors.New("it is locked"))
			_, err := kept.Get(state.Key)
			Expect(err).To(MatchError(ContainSubstring("ROLLCALL_KEYRING=off")))
			Expect(kept.Delete("p", state)).To(MatchError(ContainSubstring("it is locked")))
			Expect(names()).To(Equal([]string{"p.json"}), "what could not be deleted is still known")
		})

		It("does not try where there is no session bus", func() {
			if runtime.GOOS != "linux" {
				Skip("only Linux has session buses")
			}
			GinkgoT().Setenv("DBUS_SESSION_BUS_ADDRESS", "")
			GinkgoT().Setenv("XDG_RUNTIME_DIR", GinkgoT().TempDir())
			Expect(save("p").Key.In).To(Equal("file"))
			Expect(warned).To(BeEmpty())
		})
	})
})

var _ = Describe("The folder for logins", func() {
	It("is where the XDG base directories say", func() {
		GinkgoT().Setenv("XDG_STATE_HOME", "/state")
		Expect(Folder()).To(Equal("/state/rollcall"))
		if runtime.GOOS == "linux" {
			GinkgoT().Setenv("HOME", "/home/alice")
			GinkgoT().Setenv("XDG_STATE_HOME", "relative") // which the specification says to ignore
			Expect(Folder()).To(Equal("/home/alice/.local/state/rollcall"))
		}
	})

	It("is a folder of its owner's", func() {
		folder := filepath.Join(GinkgoT().TempDir(), "f")
		Expect(os.Mkdir(folder, 0o750)).To(Succeed())
		_, err := Open(folder, false, nil)
		Expect(err).To(MatchError(ContainSubstring("chmod 700 " + folder)))
		file := filepath.Join(GinkgoT().TempDir(), "f")
		Expect(os.WriteFile(file, nil, 0o600)).To(Succeed())
		_, err = Open(file, false, nil)
		Expect(err).To(HaveOccurred())
	})

	It("is nobody else's, who could open it at any time", func() {
		folder := "/" // It is root's.
		if os.Geteuid() == 0 {
			const nobody = 65534
			folder = filepath.Join(GinkgoT().TempDir(), "theirs")
			Expect(os.Mkdir(folder, 0o700)).To(Succeed())
			Expect(os.Chown(folder, nobody, nobody)).To(Succeed())
		}
		_, err := Open(folder, false, nil)
		Expect(err).To(MatchError(ContainSubstring(folder + " belongs to somebody else")))
		link := filepath.Join(GinkgoT().TempDir(), "link")
		Expect(os.Symlink(folder, link)).To(Succeed())
		_, err = Open(link, false, nil)
		Expect(err).To(MatchError(ContainSubstring("belongs to somebody else")), "nor by a link")
	})
})
