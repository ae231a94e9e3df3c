package hub

import (
	"net/http"

	"polity/plane/rest"
)

// REST is the plain API at /api/v1. Everyone reads what is public; whoever may read or
// write the city's data, all of it.
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
		Trusted: h.mayUseData,
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

func (h *Hub) restAPI() http.Handler {
	if h.rest == nil {
		return nil
	}
	return h.rest
}

// dataFiles serves the files of open data.
func (h *Hub) dataFiles() http.Handler {
	if h.data == nil {
		return nil
	}
	return h.data.files
}
