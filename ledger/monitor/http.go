package monitor

import (
	"bytes"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"polity/ledger/witness"
)

//go:embed page.html
var pageText string

var pageTemplate = template.Must(template.New("page").Parse(pageText))

// view is what is served: a poll's outcome, never changed.
type view struct {
	origin, hash string
	checkpoint   []byte
	size         int64
	root         string
	time         time.Time // of the checkpoint
	seen         time.Time // when the log answered last
	version      int       // of the roster
	quorum       int
	alerts       []Alert
	forks        []forked
	peers        []peerView
}

type peerView struct {
	Address, Said string
	Size          int64
}

func (m *Monitor) publish() {
	v := &view{
		origin: m.state.Origin, hash: witness.Hash(m.state.Origin), size: m.state.Size, seen: m.state.Seen,
		version: m.roster.Version, quorum: m.roster.Quorum, forks: slices.Clone(m.state.Forks),
	}
	if m.newest != nil {
		v.checkpoint, v.root, v.time = m.newest.File(), m.newest.Root.String(), m.newest.Time
	}
	for _, a := range m.state.Alerts {
		v.alerts = append(v.alerts, Alert{ID: a.ID, Kind: a.Kind, Severity: a.Severity, Text: a.Text, Begins: a.Begins, Ended: a.Ended})
	}
	for _, p := range m.peers {
		v.peers = append(v.peers, peerView{p.base, p.said, p.size})
	}
	m.view.Store(v)
}

// Alerts are what is or was wrong, as of the last poll.
func (m *Monitor) Alerts() []Alert { return slices.Clone(m.view.Load().alerts) }

// Handler serves other monitors, and a page in words.
func (m *Monitor) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{hash}/checkpoint", func(w http.ResponseWriter, r *http.Request) {
		v := m.view.Load()
		if r.PathValue("hash") != v.hash || v.checkpoint == nil {
			http.Error(w, "this monitor has no checkpoint of such a log", http.StatusNotFound)
			return
		}
		plain(w, v.checkpoint)
	})
	mux.HandleFunc("GET /{hash}/consistency/{size}", func(w http.ResponseWriter, r *http.Request) {
		v := m.view.Load()
		size, err := strconv.ParseInt(r.PathValue("size"), 10, 64)
		if err != nil || r.PathValue("hash") != v.hash || size < 1 || size > v.size {
			http.Error(w, fmt.Sprintf("this monitor has read %d entries of %s", v.size, v.origin), http.StatusNotFound)
			return
		}
		data, err := v.consistency(settled{m.tree.f, v.size}, size)
		if err != nil {
			http.Error(w, "this monitor failed; its operator sees why", http.StatusInternalServerError)
			return
		}
		plain(w, data)
	})
	mux.HandleFunc("GET /{hash}/fork", func(w http.ResponseWriter, r *http.Request) {
		v := m.view.Load()
		if r.PathValue("hash") != v.hash || len(v.forks) == 0 {
			http.Error(w, "this monitor found no fork", http.StatusNotFound)
			return
		}
		data, err := os.ReadFile(filepath.Join(m.folder, v.forks[0].File))
		if err != nil {
			http.Error(w, "this monitor failed; its operator sees why", http.StatusInternalServerError)
			return
		}
		plain(w, data)
	})
	mux.HandleFunc("GET /{$}", m.page)
	return mux
}

func plain(w http.ResponseWriter, data []byte) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(data)
}

// consistency writes how the tree continues from a size on (formats/ledger.md, "Proof
// files").
func (v *view) consistency(tree tlog.HashReader, from int64) ([]byte, error) {
	root, err := tlog.TreeHash(from, tree)
	if err != nil {
		return nil, err
	}
	proof, err := tlog.ProveTree(v.size, from, tree)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "polity-consistency/1\nfrom %d %s\n", from, base64.StdEncoding.EncodeToString(root[:]))
	for _, h := range proof {
		fmt.Fprintf(&b, "%s\n", h)
	}
	fmt.Fprintf(&b, "\n%s", v.checkpoint)
	return b.Bytes(), nil
}

// page says in words how the log stands.
func (m *Monitor) page(w http.ResponseWriter, _ *http.Request) {
	v := m.view.Load()
	const form = "2 January 2006, 15:04 UTC"
	type row struct {
		Kind, Severity, Text, Begins, Ended string
	}
	var open, over []row
	for _, a := range slices.Backward(v.alerts) {
		r := row{a.Kind, a.Severity, a.Text, a.Begins.UTC().Format(form), ""}
		if a.Ended.IsZero() {
			open = append(open, r)
			continue
		}
		r.Ended = a.Ended.UTC().Format(form)
		over = append(over, r)
	}
	slices.SortStableFunc(open, func(a, b row) int {
		if a.Severity == b.Severity {
			return 0
		}
		if a.Severity == critical {
			return -1
		}
		return 1
	})
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'")
	w.Header().Set("Cache-Control", "no-store")
	_ = pageTemplate.Execute(w, map[string]any{
		"Origin": v.origin, "Hash": v.hash, "Size": v.size, "Root": v.root, "Time": v.time.UTC().Format(form), "Read": v.checkpoint != nil,
		"Version": v.version, "Quorum": v.quorum, "Open": open, "Over": over, "Forks": v.forks, "Peers": v.peers,
	})
}
