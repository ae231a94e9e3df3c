package hub

import (
	"net/http"

	"polity/access"
	"polity/opendata"
	"polity/plane/rest"
)

// REST is the plain API at /api/v1. Everyone reads what is public; until sign-in exists,
// everything is read and changed from this machine only.
type REST struct {
	Off bool `yaml:"off"`
}

// openREST makes the API's server.
func (h *Hub) openREST() error {
	if h.cfg.REST.Off {
		return nil
	}
	cfg := rest.Config{
		Store: h.store, Zone: h.about.Zone, Title: h.cfg.City, Log: h.log, Now: h.now,
		Trusted: func(r *http.Request) bool { return access.OnLoopback(r) },
	}
	if d := h.data; d != nil {
		cfg.Public, cfg.Licence = publicTypes(d.types), d.about.Licence
		if !h.cfg.OpenData.NoCameras {
			cfg.Sources = []rest.Source{&countsAPI{h, d.book}}
		}
	}
	var err error
	h.rest, err = rest.New(cfg)
	return err
}

// withREST puts the API and the files of open data before the pages: a ServeMux
// redirects paths that hold the address of a name.
func (h *Hub) withREST(pages http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case h.rest != nil && rest.Serves(r.URL.Path):
			h.rest.ServeHTTP(w, r)
		case h.data != nil && opendata.Serves(r.URL.Path):
			h.data.files.ServeHTTP(w, r)
		default:
			pages.ServeHTTP(w, r)
		}
	})
}
