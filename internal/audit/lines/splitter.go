// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package lines

import "bytes"

// chunk is how much is read at once.
const chunk = 256 << 10

// splitter makes lines of what is read. It holds no more than a line of the limit and what was read with its end.
type splitter struct {
	limit int
	// buffer holds what was read from begin on; there is no line's end before scanned.
	buffer         []byte
	begin, scanned int
	// dropped is how much of the line that begin is in is gone, as it is too long.
	dropped int64
	// finished says that what is held is a line, though nothing ends it.
	finished bool
}

// piece is a line of the splitter; size is what it took, with its end.
type piece struct {
	text    []byte
	size    int64
	tooLong bool
}

// held is how much was read that no piece was made of.
func (s *splitter) held() int64 { return s.dropped + int64(len(s.buffer)-s.begin) }

// room is where to read to. What was handed over before is not valid any more.
func (s *splitter) room() []byte {
	if s.begin > 0 {
		s.buffer = s.buffer[:copy(s.buffer, s.buffer[s.begin:])]
		s.scanned -= s.begin
		s.begin = 0
	}
	if cap(s.buffer)-len(s.buffer) < chunk {
		s.buffer = append(make([]byte, 0, 2*cap(s.buffer)+chunk), s.buffer...)
	}
	return s.buffer[len(s.buffer) : len(s.buffer)+chunk]
}

// took says how much of the room was used.
func (s *splitter) took(n int) { s.buffer = s.buffer[:len(s.buffer)+n] }

// finish says that nothing comes any more: what is held is a line, if anything is.
func (s *splitter) finish() bool {
	s.finished = s.held() > 0
	return s.finished
}

// reset forgets what is held.
func (s *splitter) reset() { *s = splitter{limit: s.limit, buffer: s.buffer[:0]} }

// next is the next line, if it is there whole.
func (s *splitter) next() (piece, bool) {
	end := bytes.IndexByte(s.buffer[s.scanned:], '\n')
	if end >= 0 {
		return s.cut(s.scanned+end, 1), true
	}
	s.scanned = len(s.buffer)
	if s.finished {
		s.finished = false
		return s.cut(len(s.buffer), 0), true
	}
	if s.scanned-s.begin > s.limit {
		s.dropped += int64(s.scanned - s.begin)
		s.buffer, s.begin, s.scanned = s.buffer[:0], 0, 0
	}
	return piece{}, false
}

// cut takes a line that ends there; its end is that many bytes.
func (s *splitter) cut(end, ending int) piece {
	cut := piece{text: s.buffer[s.begin:end], size: s.dropped + int64(end+ending-s.begin)}
	if s.dropped > 0 || len(cut.text) > s.limit {
		cut.text, cut.tooLong = nil, true
	}
	s.begin, s.scanned, s.dropped = end+ending, end+ending, 0
	return cut
}
