// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package questions

import (
	"errors"
	"io/fs"
	"net/http"
	"os"
	"strings"

	"github.com/transparency-dev/tessera/api/layout"
	"sigs.k8s.io/controller-runtime/pkg/log"
)

// ledger serves the ledger's files (c2sp.org/tlog-tiles): its checkpoint and its tree to whoever asks, so that witnesses can; its entries,
// which are about people, to auditors.
func (s *Service) ledger(w http.ResponseWriter, r *http.Request) {
	path := r.PathValue("path")
	tile, isTile := strings.CutPrefix(path, "tile/")
	// One spelling of each path alone: by another one entries would not look like entries.
	if !fs.ValidPath(path) || path != layout.CheckpointPath && !isTile {
		http.NotFound(w, r)
		return
	}
	if strings.HasPrefix(tile, "entries/") {
		err := s.admit(r)
		if refused, ok := errors.AsType[*refusal](err); ok {
			http.Error(w, refused.why, refused.status)
			return
		}
		if err != nil {
			log.FromContext(r.Context()).WithName("audit").Error(err, "the ledger was not given out")
			http.Error(w, "this could not be found out now; the operator's log says why", http.StatusServiceUnavailable)
			return
		}
	}
	folder, err := s.Ledger()
	if err != nil { // Why says the log, and not whoever asks.
		http.Error(w, "the ledger is not open here", http.StatusServiceUnavailable)
		return
	}
	root, err := os.OpenRoot(folder)
	if err != nil {
		http.Error(w, "the ledger cannot be read", http.StatusServiceUnavailable)
		return
	}
	defer func() { _ = root.Close() }()
	info, err := root.Stat(path)
	if err != nil || !info.Mode().IsRegular() {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	http.ServeFileFS(w, r, root.FS(), path) //nolint:gosec // The root does not let anything out.
}
