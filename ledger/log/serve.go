package log

import (
	"errors"
	"io"
	"io/fs"
	"net/http"
	"os"
	"strconv"
	"strings"
)

// Handler serves the log as C2SP tlog-tiles: checkpoint and tile/ below its address. It
// serves nothing else of the folder, and writes nothing down about who asks.
func (l *Log) Handler() http.Handler { return handler{l} }

type handler struct{ log *Log }

// ServeHTTP implements http.Handler.
func (h handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := strings.TrimPrefix(r.URL.Path, "/")
	switch {
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "the log is only read here", http.StatusMethodNotAllowed)
		return
	case path == "checkpoint":
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("Cache-Control", "no-cache")
	case h.public(path):
		w.Header().Set("Content-Type", "application/octet-stream")
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	case h.log.unwell() != nil && pathOfTile(path):
		gone(w)
		return
	default:
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Access-Control-Allow-Origin", "*") // anyone's page may check the log
	file, err := os.OpenInRoot(h.log.cfg.Dir, path)
	if err != nil {
		w.Header().Del("Cache-Control")
		if errors.Is(err, fs.ErrNotExist) && h.log.unwell() == nil {
			http.Error(w, "the log has no such file", http.StatusNotFound)
		} else {
			gone(w)
		}
		return
	}
	defer file.Close() //nolint:errcheck // it is only read
	if r.Method == http.MethodHead {
		return
	}
	// What fails from here on fails on the reader's side, or is found by its hash.
	_, _ = io.Copy(w, file) //nolint:errcheck // said above
}

// gone answers while the log's disk does not.
func gone(w http.ResponseWriter) {
	w.Header().Set("Retry-After", "60")
	http.Error(w, "the log's disk does not answer; ask again later", http.StatusServiceUnavailable)
}

func pathOfTile(path string) bool {
	_, ok := tileEnd(path)
	return ok
}

// public says whether path is a tile whose entries are all under the newest public
// checkpoint. What lies behind it is not for anyone yet, and may be of an append that
// failed.
func (h handler) public(path string) bool {
	end, ok := tileEnd(path)
	if !ok {
		return false
	}
	if end <= h.log.shown.Load() {
		return true // a log only grows
	}
	c, err := own(h.log.cfg.Dir, h.log.cfg.Roster)
	if err != nil {
		return false
	}
	h.log.shown.Store(c.Size)
	return end <= c.Size
}

// tileEnd is how many entries a log must have for a tile to be in it. Its path is
// tile/LEVEL/N or tile/entries/N, with or without .p/W (C2SP tlog-tiles).
func tileEnd(path string) (int64, bool) {
	rest, ok := strings.CutPrefix(path, "tile/")
	level, rest, _ := strings.Cut(rest, "/")
	if level == "entries" {
		level = "0"
	}
	if !ok || len(level) != 1 || !digits(level) || level > "5" {
		return 0, false
	}
	number, width, partial := strings.Cut(rest, ".p/")
	w := int64(256)
	if partial {
		n, err := strconv.ParseInt(width, 10, 16)
		if w = n; err != nil || n < 1 || n > 255 || strconv.FormatInt(n, 10) != width {
			return 0, false
		}
	}
	groups := strings.Split(number, "/")
	n := int64(0)
	for i, g := range groups {
		if i < len(groups)-1 {
			if g, ok = strings.CutPrefix(g, "x"); !ok {
				return 0, false
			}
		}
		if len(g) != 3 || !digits(g) || len(groups) > 5 {
			return 0, false
		}
		n = n*1000 + int64(g[0]-'0')*100 + int64(g[1]-'0')*10 + int64(g[2]-'0')
	}
	return (n*256 + w) << (8 * (level[0] - '0')), n < 1<<13 || level == "0"
}

func digits(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }
