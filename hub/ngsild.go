package hub

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"time"

	"polity/internal/delivery"
	"polity/internal/size"
	"polity/plane/ngsild"
)

// NGSILD is the API of ETSI GS CIM 009 at /ngsi-ld/v1, for whoever may read or write the
// city's data.
type NGSILD struct {
	Off      bool    `yaml:"off"`
	Contexts Remote  `yaml:"contexts"` // where @contexts may be fetched from
	Notify   Remote  `yaml:"notify"`   // where notifications may be sent to
	Sources  Sources `yaml:"sources"`  // which context sources requests are passed on to
	// Instances is how many instances one answer about the past has; 0: 5000.
	Instances int `yaml:"instances"`

	Notifications Notifications `yaml:"notifications"`
}

// Notifications bounds what waits for receivers (docs/formats/notifications.md). What is
// left out is as in delivery.Defaults.
type Notifications struct {
	Retries []time.Duration `yaml:"retries"` // pauses before another attempt; the last one goes on
	Waiting int             `yaml:"waiting"` // notifications of one subscription
	Dead    int             `yaml:"dead"`    // dead letters of one subscription
	Bytes   size.Bytes      `yaml:"bytes"`   // of one subscription, waiting, and again dead
	Keep    time.Duration   `yaml:"keep"`    // of dead letters
	Disk    size.Bytes      `yaml:"disk"`    // of all together
}

func (n *Notifications) limits() delivery.Limits {
	return delivery.Limits{Pauses: n.Retries, Waiting: n.Waiting, Dead: n.Dead, Bytes: int64(n.Bytes), Keep: n.Keep, Disk: int64(n.Disk)}
}

func (n *NGSILD) check() error {
	if err := n.Notifications.limits().Check(); err != nil {
		return fmt.Errorf("notifications: %w", err)
	}
	return nil
}

// Remote is which other machines the API may reach: public addresses, and those of
// this machine or a private network whose hosts are listed.
type Remote struct {
	Fetch bool     `yaml:"fetch"` // @contexts: allowed at all
	Off   bool     `yaml:"off"`   // notifications: none
	Hosts []string `yaml:"hosts"`
}

// Sources is which registered context sources the API passes requests on to: those at
// the hosts named, and no others.
type Sources struct {
	Hosts []string `yaml:"hosts"` // as "host" or "host:port"; none: nothing is passed on
	Alias string   `yaml:"alias"` // the hub's name in the header Via; empty: one made up at the start
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
		Notifications: &ngsild.Notifications{
			Feed: h.changes.shared.Reader(), Path: filepath.Join(h.cfg.Data, "notifications.db"), Limits: n.Notifications.limits(),
		},
		Sources: ngsild.Sources{Hosts: n.Sources.Hosts, Alias: n.Sources.Alias},
	})
	if err == nil {
		h.closers = append(h.closers, h.ngsild.Close)
		h.changes.asks.Store(h.ngsild)
	}
	return err
}

// OperationsPath is where operators ask about notifications.
const OperationsPath = "/hub/notifications"

func (h *Hub) ngsildAPI() http.Handler {
	if h.ngsild == nil {
		return nil
	}
	return h.ngsild
}

func (h *Hub) operations() http.Handler {
	if h.ngsild == nil {
		return nil
	}
	return h.ngsild.Operations(OperationsPath)
}
