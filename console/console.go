package console

import (
	"io/fs"
	"log/slog"
	"net/http"
	"time"

	"polity/city"
)

// Config is what New needs.
type Config struct {
	City City
	// Viewer decides per request what the one who asks may do. Nil: everyone is
	// the public.
	Viewer func(*http.Request) Viewer
	Log    *slog.Logger     // nil: nothing is logged
	Now    func() time.Time // nil: time.Now
	// Bundle holds the bundled scripts and styles; nil is what was built into the
	// program by go generate.
	Bundle fs.FS
}

// Console is the pages as one http.Handler.
type Console struct {
	cfg Config
	mux *http.ServeMux
}

// New makes the pages. It does not ask the City for anything yet.
func New(cfg Config) (*Console, error) {
	if cfg.City == nil {
		return nil, city.Errorf(city.Invalid, "the console needs a City")
	}
	return &Console{cfg: cfg, mux: http.NewServeMux()}, nil
}

// ServeHTTP answers with a page, an asset, or a live feed.
func (c *Console) ServeHTTP(w http.ResponseWriter, r *http.Request) { c.mux.ServeHTTP(w, r) }
