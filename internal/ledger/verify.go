// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/tessera/api"
	"github.com/transparency-dev/tessera/api/layout"
)

var (
	// ErrTruncated means that entries were removed from the end.
	ErrTruncated = errors.New("the ledger was cut short")
	// ErrTwoHistories means that two checkpoints with our signature cannot be of one ledger: it was written anew in part.
	ErrTwoHistories = errors.New("there are two histories")
)

// Report is what was found.
type Report struct {
	// Origin is the ledger's name, Size how many entries it has, and Root what these come to.
	Origin string `json:"origin"`
	Size   uint64 `json:"size"`
	Root   []byte `json:"root"`
	// Kept are the sizes of the earlier checkpoints that it was compared with.
	Kept []uint64 `json:"kept,omitempty"`
	// Ignored are files that are none of a ledger's: what a writer that was killed left behind, and what others put there.
	Ignored []string `json:"ignored,omitempty"`
	// Problems are what is wrong: none, and every entry is as it was written. No more than the first hundred.
	Problems []Problem `json:"problems"`
}

// Problem is something that is not as it was written.
type Problem struct {
	// Place is a file, or an entry.
	Place   string `json:"place"`
	Message string `json:"message"`
}

const (
	mostProblems = 100
	nodeSize     = 32
	// tileHeight is how many levels of the tree are in one level of tiles.
	tileHeight = 8
)

// verification reads a ledger from its first entry to its last, and makes the tree anew.
type verification struct {
	*Copy

	report *Report
	at     *Checkpoint
	kept   []*Checkpoint
	tree   *compact.Range
	// rows are the nodes of the tile that is being filled, by its level.
	rows map[uint64]*row
	// strange are entries whose hash is not the one that is kept for them, and bad the tiles that are not as the entries make them.
	strange []uint64
	bad     []Problem
}

type row struct {
	index uint64
	nodes []byte
}

// Verify reads a whole ledger, and compares it with its checkpoint, its own tree, and checkpoints that somebody kept. Errors are what could
// not be read at all.
func (c *Copy) Verify(kept ...[]byte) (*Report, error) {
	v := &verification{
		Copy: c, report: &Report{Origin: c.key.Name(), Problems: []Problem{}}, rows: map[uint64]*row{},
		tree: (&compact.RangeFactory{Hash: rfc6962.DefaultHasher.HashChildren}).NewEmptyRange(0),
	}
	var err error
	if v.at, err = c.Checkpoint(); err != nil {
		return nil, err
	}
	v.report.Size, v.report.Root = v.at.Size, v.at.Hash
	for _, raw := range kept {
		earlier, err := c.Parse(raw)
		if err != nil {
			return nil, err
		}
		v.kept = append(v.kept, earlier)
		v.report.Kept = append(v.report.Kept, earlier.Size)
	}
	slices.SortFunc(v.kept, func(a, b *Checkpoint) int { return int(a.Size) - int(b.Size) }) //nolint:gosec // Sizes of ledgers that exist.
	v.read()
	v.finish()
	if err := v.leftovers(); err != nil {
		return nil, err
	}
	return v.report, nil
}

func (v *verification) problemf(place, format string, args ...any) {
	if len(v.report.Problems) < mostProblems {
		v.report.Problems = append(v.report.Problems, Problem{Place: place, Message: fmt.Sprintf(format, args...)})
	}
}

// read goes through the entries. What cannot be read ends it: what follows hangs in the air.
func (v *verification) read() {
	v.compareKept(0)
	for index := uint64(0); index*layout.EntryBundleWidth < v.at.Size; index++ {
		entries, err := v.bundle(index, v.at.Size)
		if err != nil {
			v.problemf(layout.EntriesPath(index, layout.PartialTileSize(0, index, v.at.Size)), "%v", err)
			return
		}
		written := v.leaves(index)
		for i, entry := range entries {
			number, hash := index*layout.EntryBundleWidth+uint64(i), leafHash(entry)
			if written != nil && !bytes.Equal(written[i*nodeSize:(i+1)*nodeSize], hash) {
				v.strange = append(v.strange, number)
			}
			_ = v.tree.Append(hash, func(id compact.NodeID, hash []byte) { // It calls for the leaf, and cannot fail.
				if id.Level%tileHeight == 0 {
					v.node(uint64(id.Level/tileHeight), id.Index, hash)
				}
			})
			v.compareKept(number + 1)
		}
	}
}

// leaves are the hashes of a file of entries as the tree has them; nil where they cannot be read.
func (v *verification) leaves(index uint64) []byte {
	width := widthOf(0, index, v.at.Size)
	raw, err := v.resource(func(p uint8) string { return layout.TilePath(0, index, p) }, layout.PartialTileSize(0, index, v.at.Size))
	if err != nil || uint64(len(raw)) < width*nodeSize {
		return nil
	}
	return raw
}

// node is one of the tree, as the entries make it. The tile that it completes is compared with the one that is kept.
func (v *verification) node(level, index uint64, hash []byte) {
	r := v.rows[level]
	if r == nil {
		r = &row{}
		v.rows[level] = r
	}
	if tile := index / layout.TileWidth; tile != r.index {
		r.index, r.nodes = tile, r.nodes[:0]
	}
	r.nodes = append(r.nodes, hash...)
	if len(r.nodes) == layout.TileWidth*nodeSize {
		v.compareTile(level, r, 0)
	}
}

func (v *verification) compareTile(level uint64, r *row, partial uint8) {
	path := layout.TilePath(level, r.index, partial)
	raw, err := v.resource(func(p uint8) string { return layout.TilePath(level, r.index, p) }, partial)
	switch {
	case err != nil:
		v.bad = append(v.bad, Problem{Place: path, Message: "this part of the tree cannot be read: " + err.Error()})
	case len(raw) < len(r.nodes) || !bytes.Equal(raw[:len(r.nodes)], r.nodes) || len(raw)%nodeSize != 0:
		v.bad = append(v.bad, Problem{Place: path, Message: "this part of the tree is not what the entries come to"})
	}
}

func (v *verification) compareKept(size uint64) {
	for _, earlier := range v.kept {
		if earlier.Size != size {
			continue
		}
		root, _ := v.tree.GetRootHash(nil)
		if root == nil {
			root = rfc6962.DefaultHasher.EmptyRoot()
		}
		if !bytes.Equal(root, earlier.Hash) {
			v.problemf(fmt.Sprintf("the first %d entries", size), "%v: a checkpoint that was kept is of other ones", ErrTwoHistories)
		}
	}
}

// finish compares what the entries come to with what was signed, and says which of both is wrong: entries, or the tree beside them.
func (v *verification) finish() {
	for _, earlier := range v.kept {
		if earlier.Size > v.at.Size {
			v.problemf(fmt.Sprintf("entries %d to %d", v.at.Size, earlier.Size-1),
				"%v: there was a checkpoint of %d entries, and there are %d", ErrTruncated, earlier.Size, v.at.Size)
		}
	}
	if v.tree.End() < v.at.Size {
		return // What could not be read was said.
	}
	for level, r := range v.rows {
		if partial := len(r.nodes) / nodeSize; partial < layout.TileWidth {
			v.compareTile(level, r, uint8(partial))
		}
	}
	root, _ := v.tree.GetRootHash(nil)
	if v.at.Size == 0 {
		root = rfc6962.DefaultHasher.EmptyRoot()
	}
	if !bytes.Equal(root, v.at.Hash) {
		v.blame()
	}
	for _, problem := range v.bad {
		v.problemf(problem.Place, "%s", problem.Message)
	}
}

// blame says which entries are not those that were signed.
func (v *verification) blame() {
	for _, number := range v.strange {
		v.problemf(fmt.Sprintf("entry %d", number), "is not the entry that was written: its hash is another one than the tree has for it")
	}
	if len(v.strange) == 0 {
		v.problemf(fmt.Sprintf("entries 0 to %d", v.at.Size-1), "do not come to the root that was signed, although each fits its hash: "+
			"entries were changed together with the tree")
	}
}

// leftovers looks at the files that have not been read yet: those of a smaller ledger, which must be parts of what there is now, and
// those that do not belong here.
func (v *verification) leftovers() error {
	return fs.WalkDir(v.files, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if path != "." && strings.HasPrefix(entry.Name(), ".") {
			if entry.IsDir() {
				return fs.SkipDir // What the writer notes for itself; nothing of it is believed.
			}
			return nil
		}
		if entry.IsDir() {
			return nil
		}
		v.leftover(path)
		return nil
	})
}

func (v *verification) leftover(path string) {
	kind, rest, _ := strings.Cut(path, "/")
	var err error
	switch kind {
	case layout.CheckpointPath:
		return
	case "tile":
		level, name, found := strings.Cut(rest, "/")
		if found && level == "entries" {
			err = v.leftoverEntries(path, name)
			break
		}
		err = v.leftoverTile(path, level, name)
	default:
		err = errForeign
	}
	if errors.Is(err, errForeign) {
		v.report.Ignored = append(v.report.Ignored, path)
	} else if err != nil {
		v.problemf(path, "%v", err)
	}
}

// errForeign says that a file is none of a ledger's.
var errForeign = errors.New("is none of a ledger's files")

func (v *verification) leftoverEntries(path, name string) error {
	index, partial, err := layout.ParseTileIndexPartial(name)
	if err != nil || path != layout.EntriesPath(index, partial) {
		return errForeign
	}
	raw, err := fs.ReadFile(v.files, path)
	if err != nil {
		return err
	}
	var bundle api.EntryBundle
	if err := bundle.UnmarshalText(raw); err != nil {
		return fmt.Errorf("entries cannot be told apart: %w", err)
	}
	if width := full(partial); len(bundle.Entries) != width {
		return fmt.Errorf("has %d entries, and should have %d", len(bundle.Entries), width)
	}
	if index*layout.EntryBundleWidth >= v.at.Size {
		return nil // Not signed yet.
	}
	now, err := v.bundle(index, v.at.Size)
	if err != nil {
		return nil //nolint:nilerr // It was said.
	}
	for i := range min(len(now), len(bundle.Entries)) {
		if !bytes.Equal(now[i], bundle.Entries[i]) {
			return fmt.Errorf("entry %d is not the one of the larger ledger", index*layout.EntryBundleWidth+uint64(i))
		}
	}
	return nil
}

func (v *verification) leftoverTile(path, levelName, name string) error {
	level, index, partial, err := layout.ParseTileLevelIndexPartial(levelName, name)
	if err != nil || path != layout.TilePath(level, index, partial) {
		return errForeign
	}
	raw, err := fs.ReadFile(v.files, path)
	if err != nil {
		return err
	}
	if size := full(partial) * nodeSize; len(raw) != size {
		return fmt.Errorf("is %d bytes long, and should be %d", len(raw), size)
	}
	if index*layout.TileWidth >= v.at.Size>>(tileHeight*level) {
		return nil // Not signed yet.
	}
	now, err := v.resource(func(p uint8) string { return layout.TilePath(level, index, p) }, layout.PartialTileSize(level, index, v.at.Size))
	if err != nil {
		return nil //nolint:nilerr // It was said.
	}
	if shared := min(len(now), len(raw)); !bytes.Equal(now[:shared], raw[:shared]) {
		return errors.New("this part of the tree is not that of the larger ledger")
	}
	return nil
}

// full is how many nodes, or entries, a file has that is called so.
func full(partial uint8) int {
	if partial == 0 {
		return layout.TileWidth
	}
	return int(partial)
}
