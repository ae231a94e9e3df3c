// Package logtest has what logs are tried with: a witness whose clock, honesty and
// health a test sets.
package logtest

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"polity/ledger/checkpoint"
)

// Witness answers add-checkpoint (C2SP tlog-witness) from memory.
type Witness struct {
	Log    note.Verifier
	Signer note.Signer // of cosignatures

	mu   sync.Mutex
	down bool
	seen tlog.Tree
	// signed are all roots that it cosigned, by size.
	signed map[int64]tlog.Hash
	asked  int
}

// SetDown makes the witness answer nothing but errors, or heals it.
func (w *Witness) SetDown(down bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.down = down
}

// Signed are all roots that it cosigned, by size.
func (w *Witness) Signed() map[int64]tlog.Hash {
	w.mu.Lock()
	defer w.mu.Unlock()
	return maps.Clone(w.signed)
}

// Asked is how often the log asked.
func (w *Witness) Asked() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.asked
}

// ServeHTTP implements http.Handler.
func (w *Witness) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked++
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil || w.down {
		http.Error(rw, "down", http.StatusServiceUnavailable)
		return
	}
	head, file, _ := bytes.Cut(body, []byte("\n\n"))
	status, text := w.add(strings.Split(string(head), "\n"), file)
	if status == http.StatusConflict {
		rw.Header().Set("Content-Type", "text/x.tlog.size")
	}
	rw.WriteHeader(status)
	_, _ = io.WriteString(rw, text) //nolint:errcheck // the log sees it
}

func (w *Witness) add(head []string, file []byte) (int, string) {
	n, err := note.Open(file, note.VerifierList(w.Log))
	if err != nil {
		return http.StatusForbidden, ""
	}
	c, err := checkpoint.Parse(n.Text)
	if err != nil {
		return http.StatusBadRequest, ""
	}
	old, err := strconv.ParseInt(strings.TrimPrefix(head[0], "old "), 10, 64)
	if err != nil || old > c.Size {
		return http.StatusBadRequest, ""
	}
	if old != w.seen.N {
		return http.StatusConflict, fmt.Sprintf("%d\n", w.seen.N)
	}
	var proof tlog.TreeProof
	for _, line := range head[1:] {
		raw, err := base64.StdEncoding.DecodeString(line)
		if err != nil || len(raw) != tlog.HashSize {
			return http.StatusBadRequest, ""
		}
		proof = append(proof, tlog.Hash(raw))
	}
	switch {
	case old == c.Size && old > 0 && w.seen.Hash != c.Root:
		return http.StatusConflict, ""
	case old > 0 && old < c.Size && tlog.CheckTree(proof, c.Size, c.Root, old, w.seen.Hash) != nil:
		return http.StatusUnprocessableEntity, ""
	}
	signed, err := note.Sign(&note.Note{Text: n.Text}, w.Signer)
	if err != nil {
		return http.StatusInternalServerError, ""
	}
	w.seen = c.Tree()
	if w.signed == nil {
		w.signed = map[int64]tlog.Hash{}
	}
	w.signed[c.Size] = c.Root
	return http.StatusOK, string(signed[len(n.Text)+1:])
}
