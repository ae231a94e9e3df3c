package hub

import (
	"context"
	"net/http"
	"strings"

	"polity/plane/ngsild"
)

// NGSILD is the API of ETSI GS CIM 009 at /ngsi-ld/v1. Until sign-in exists it is
// for this machine only.
type NGSILD struct {
	Off      bool   `yaml:"off"`
	Contexts Remote `yaml:"contexts"` // where @contexts may be fetched from
	Notify   Remote `yaml:"notify"`   // where notifications may be sent to
	// Instances is how many instances one answer about the past has; 0: 5000.
	Instances int `yaml:"instances"`
}

// Remote is which other machines the API may reach: public addresses, and those of
// this machine or a private network whose hosts are listed.
type Remote struct {
	Fetch bool     `yaml:"fetch"` // @contexts: allowed at all
	Off   bool     `yaml:"off"`   // notifications: none
	Hosts []string `yaml:"hosts"`
}

// openNGSILD makes the API's server, which closes with the hub.
func (h *Hub) openNGSILD(ctx context.Context) error {
	if h.cfg.NGSILD.Off {
		return nil
	}
	n := h.cfg.NGSILD
	var err error
	h.ngsild, err = ngsild.New(ctx, ngsild.Config{
		Store: h.store, Log: h.log, Now: h.now, Instances: n.Instances,
		Contexts: ngsild.Remote{Off: !n.Contexts.Fetch, Hosts: n.Contexts.Hosts},
		Notify:   ngsild.Remote{Off: n.Notify.Off, Hosts: n.Notify.Hosts},
	})
	if err == nil {
		h.closers = append(h.closers, func() error { h.ngsild.Close(); return nil })
	}
	return err
}

// withNGSILD puts the API before the pages. It has no pattern of theirs, because a
// ServeMux redirects paths that hold the address of a name.
func (h *Hub) withNGSILD(pages http.Handler) http.Handler {
	if h.ngsild == nil {
		return pages
	}
	api := onLoopback(h.ngsild)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, ngsild.Root+"/") {
			api.ServeHTTP(w, r)
			return
		}
		pages.ServeHTTP(w, r)
	})
}
