// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package lines

import (
	"errors"
	"io"
	"strings"
	"testing/iotest"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gleak"
)

var _ = Describe("A stream", func() {
	BeforeEach(func() {
		before := gleak.Goroutines()
		DeferCleanup(func() { Eventually(gleak.Goroutines).ShouldNot(gleak.HaveLeaked(before)) })
	})

	// drain reads until the stream ends.
	drain := func(ctx SpecContext, s *Stream) ([]string, error) {
		var read []string
		for ctx.Err() == nil {
			more, _, err := all(s)
			read = append(read, more...)
			if !errors.Is(err, ErrNone) {
				return read, err
			}
			s.Wait(ctx, time.Second)
		}
		return read, ctx.Err()
	}

	It("is read to its end, with a last line that has none", func(ctx SpecContext) {
		read, err := drain(ctx, NewStream(ctx, iotest.OneByteReader(strings.NewReader("one\n\ntwo\nthree")), "standard input"))
		Expect(err).To(MatchError(io.EOF))
		Expect(read).To(Equal([]string{"one", "", "two", "three"}))
	})

	It("hands over what is there while nothing more comes", func(ctx SpecContext) {
		from, to := io.Pipe()
		s := NewStream(ctx, from, "standard input")
		_, err := s.Next()
		Expect(err).To(MatchError(ErrNone))
		_, _ = to.Write([]byte("one\ntw"))
		s.Wait(ctx, time.Minute)
		line, err := s.Next()
		Expect(err).NotTo(HaveOccurred())
		Expect(string(line.Text)).To(Equal("one"))
		_, err = s.Next()
		Expect(err).To(MatchError(ErrNone))
		Expect(s.Lag()).To(BeEquivalentTo(2))
		s.Wait(ctx, time.Millisecond)
		Expect(to.Close()).To(Succeed())
		read, err := drain(ctx, s)
		Expect(err).To(MatchError(io.EOF))
		Expect(read).To(Equal([]string{"tw"}))
	})

	It("tells that it broke off, and where", func(ctx SpecContext) {
		broken := errors.New("the disk is gone")
		read, err := drain(ctx, NewStream(ctx, io.MultiReader(strings.NewReader("one\n"), iotest.ErrReader(broken)), "standard input"))
		Expect(read).To(Equal([]string{"one"}))
		Expect(err).To(MatchError(broken))
		Expect(err).To(MatchError(ContainSubstring("read standard input after byte 4")))
	})
})
