package hub

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"polity/access"
	"polity/city"
	"polity/hub/entries"
	"polity/ledger/entry"
	"polity/ledger/log"
	"polity/ledger/proof"
	"polity/ledger/roster"
	"polity/register"
)

// Ledger is the city's public log (docs/formats/ledger.md). Left out, there is none.
type Ledger struct {
	KeyFile   string          `yaml:"key_file"` // the log's private key, from 'polity roster key'
	Rosters   []string        `yaml:"rosters"`  // the first, then those that follow it
	Witnesses []LedgerWitness `yaml:"witnesses"`
	Folder    string          `yaml:"folder"` // of the log; empty: in the data folder
}

// LedgerWitness is where a witness of the roster is reached.
type LedgerWitness struct {
	Name city.Slug `yaml:"name"`
	URL  string    `yaml:"url"`
}

func (l *Ledger) check() error {
	switch {
	case l == nil:
		return nil
	case l.KeyFile == "":
		return errors.New("key_file is missing: the log's private key, which 'polity roster key' makes")
	case len(l.Rosters) == 0:
		return errors.New("rosters is missing: the city's roster, which 'polity roster make' makes")
	case len(l.Witnesses) == 0:
		return errors.New("witnesses is missing: without a quorum of them nothing becomes public")
	}
	for _, w := range l.Witnesses {
		if err := w.Name.Check(); err != nil {
			return fmt.Errorf("witnesses: %w", err)
		}
	}
	return nil
}

func (l *Ledger) paths() []*string {
	if l == nil {
		return nil
	}
	list := []*string{&l.KeyFile, &l.Folder}
	for i := range l.Rosters {
		list = append(list, &l.Rosters[i])
	}
	return list
}

// LedgerPath is where the log is served.
const LedgerPath = "/log/"

// publicServices are the services that looks and decisions are about.
var publicServices = []city.Slug{"power", "safety", "system", "traffic", "waste", "water"}

// ledger is the public log as the hub keeps it.
type ledger struct {
	hub     *Hub
	log     *log.Log
	roster  *roster.Signed
	rosters []*roster.Signed // all of them, the newest last
	folder  string
	handler http.Handler
	proofs  proofs
	// bringing is held while the register is brought into the log.
	bringing sync.Mutex
	wake     chan struct{} // something was appended that is not of the hub's own books

	mu       sync.Mutex
	index    *entries.Index  // of what the log says, up to the last look
	told     map[string]bool // problems that were logged
	policy   int             // entries of the book of policies that are in the log
	looks    int             // entries of the chain of looks that are
	software bool            // which program runs is in the log
	decided  int64           // steps of the book of decisions that are
	late     bool            // nothing becomes public, and that was logged
}

// openLedger opens the log, behind the books whose entries it takes.
func (h *Hub) openLedger(ctx context.Context) error {
	c := h.cfg.Ledger
	if c == nil {
		return nil
	}
	rosters, err := roster.Read(c.Rosters)
	if err != nil {
		return city.Errorf(city.KindOf(err), "hub.ledger.rosters: %w", err)
	}
	key, err := os.ReadFile(c.KeyFile)
	if err != nil {
		return fmt.Errorf("hub.ledger.key_file: %w", err)
	}
	signer, err := register.ReadKey(key, func() (string, error) {
		return "", city.Errorf(city.Invalid, "it is locked by a passphrase; the hub signs without anyone there, so its key cannot be")
	})
	if err != nil {
		return city.Errorf(city.KindOf(err), "hub.ledger.key_file: %w", err)
	}
	folder := c.Folder
	if folder == "" {
		folder = filepath.Join(h.cfg.Data, "log")
	}
	r := rosters[len(rosters)-1]
	l := &ledger{hub: h, roster: r, rosters: rosters, folder: folder, told: map[string]bool{}, wake: make(chan struct{}, 1)}
	config := log.Config{Dir: folder, Signer: signer, Roster: r, Names: l.registered, Log: h.log}
	for _, w := range c.Witnesses {
		config.Witnesses = append(config.Witnesses, log.Witness(w))
	}
	if l.log, err = log.Open(config); err != nil {
		return city.Errorf(city.KindOf(err), "hub.ledger: %w", err)
	}
	h.closers = append(h.closers, l.log.Close)
	l.handler = l.log.Handler()
	if l.proofs.source, err = proof.Folder(folder); err != nil {
		return err
	}
	if err := l.openIndex(ctx); err != nil {
		return err
	}
	h.ledger = l
	return nil
}

// registered says whether a name may stand in the log: only what the city's registers
// and configuration list.
func (l *ledger) registered(n entry.Named) error {
	h := l.hub
	is := func(list []city.Slug) bool { return slices.Contains(list, n.Name) }
	known := false
	switch n.Kind {
	case entry.Camera:
		known = h.knowsCamera(n.Name) || l.wasRegistered(n.Name)
	case entry.Thing:
		known = h.knowsCamera(n.Name) || is(publicServices)
	case entry.Edge:
		known = h.knowsEdge(n.Name)
	case entry.Service:
		known = is(publicServices)
	case entry.Office:
		bodies, _ := h.cfg.Access.names()
		known = is(bodies) || l.roster.IsOffice(n.Name)
	case entry.Purpose:
		list := h.cfg.Access.Purposes
		if list == nil {
			list = access.Purposes()
		}
		known = slices.ContainsFunc(list, func(p access.Purpose) bool { return p.Name == n.Name })
	}
	if !known {
		return city.Errorf(city.NotFound, "there is no such %s", n.Kind)
	}
	return nil
}

func (h *Hub) knowsCamera(name city.Slug) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.cameras[name] != nil
}

func (h *Hub) knowsEdge(name city.Slug) bool {
	if slices.ContainsFunc(h.cfg.Edges.Known, func(k Known) bool { return k.Name == name }) {
		return true
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, c := range h.cameras {
		if c.edge == name {
			return true
		}
	}
	return false
}

const (
	ledgerEach = time.Minute
	ledgerLate = 5 * time.Minute
)

// keepLedger brings into the log what is new in the hub's books.
func (h *Hub) keepLedger(ctx context.Context) {
	if h.ledger == nil {
		return
	}
	tick := time.NewTicker(ledgerEach)
	defer tick.Stop()
	defer h.ledger.saveIndex()
	saved := time.Now()
	for {
		if time.Since(saved) > saveEach {
			saved = time.Now()
			h.ledger.saveIndex()
		}
		h.ledger.bring(ctx)
		h.ledger.watch(ctx)
		h.ledger.complain("alerts of epoch keys", h.endKeyAlarms(ctx))
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-h.ledger.wake:
		}
	}
}

// bring appends what is not in the log yet. What is appended again changes nothing, so
// that a crash needs no memory of how far it came.
func (l *ledger) bring(ctx context.Context) {
	l.bringRegister(ctx)
	l.bringSoftware(ctx)
	if l.hub.policies != nil {
		list, err := entries.Policies(l.hub.policies.Log())
		l.complain("the book of policies", err)
		l.policy = l.rest(ctx, list, l.policy)
	}
	if l.hub.decisions != nil {
		l.bringDecisions(ctx)
	}
	if l.hub.book != nil {
		l.bringLooks(ctx)
	}
}

func (l *ledger) bringLooks(ctx context.Context) {
	chain, err := l.hub.book.Chain()
	if err != nil {
		l.complain("the book of looks", err)
		return
	}
	list, err := entries.Looks(chain)
	l.complain("the book of looks", errors.Join(err, chain.Close()))
	l.looks = l.rest(ctx, list, l.looks)
}

// rest appends what stands behind the first done entries, and returns how many are done
// now: up to the first that must be tried again.
func (l *ledger) rest(ctx context.Context, list []entry.Entry, done int) int {
	for _, e := range list[min(done, len(list)):] {
		if !l.add(ctx, e) {
			break
		}
		done++
	}
	return done
}

// add appends an entry. It returns false if that has to be tried again; an entry that
// may not stand in the log is told of and left out.
func (l *ledger) add(ctx context.Context, e entry.Entry) bool {
	_, err := l.log.Append(ctx, e)
	if err == nil || ctx.Err() != nil {
		return err == nil
	}
	l.complain("the public log, entry "+string(entry.TypeOf(e)), err)
	return city.KindOf(err) == city.Invalid
}

// complain logs a problem when it is new.
func (l *ledger) complain(what string, err error) {
	if err == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if key := what + err.Error(); !l.told[key] {
		l.told[key] = true
		l.hub.log.Error("an entry does not get into the public log", slog.String("of", what), slog.Any("error", err))
	}
}

// watch says when the log stops becoming public, and when it goes on.
func (l *ledger) watch(ctx context.Context) {
	s, err := l.log.State(ctx)
	if err != nil {
		l.complain("the public log's state", err)
		return
	}
	late := !s.Waiting.IsZero() && time.Since(s.Waiting) > ledgerLate
	if late == l.late {
		return
	}
	l.late = late
	if !late {
		l.hub.log.Info("the public log is public again", slog.Int64("entries", s.Public))
		return
	}
	var problems []string
	for _, w := range s.Witnesses {
		if w.Problem != "" {
			problems = append(problems, string(w.Name)+" "+w.Problem)
		}
	}
	l.hub.log.Error("entries of the public log wait for a quorum of witnesses; nothing is lost, and nothing new is public",
		slog.Int64("waiting", s.Size-s.Public), slog.Time("since", s.Waiting), slog.String("witnesses", strings.Join(problems, "; ")))
}

// collectLedger gives the log's numbers to Prometheus.
func (h *Hub) collectLedger(out chan<- prometheus.Metric) {
	if h.ledger == nil {
		return
	}
	s, err := h.ledger.log.State(context.Background())
	if err != nil {
		return // keepLedger logs it
	}
	gauge := func(name, help string, value float64) {
		out <- prometheus.MustNewConstMetric(prometheus.NewDesc(name, help, nil, nil), prometheus.GaugeValue, value)
	}
	gauge("polity_ledger_entries", "entries of the public log on disk", float64(s.Size))
	gauge("polity_ledger_public", "entries under its newest public checkpoint", float64(s.Public))
	unwell := 0.0
	if s.Problem != "" {
		unwell = 1
	}
	gauge("polity_ledger_unwell", "1: its disk takes no entries", unwell)
	waiting := 0.0
	if !s.Waiting.IsZero() {
		waiting = time.Since(s.Waiting).Seconds()
	}
	gauge("polity_ledger_waiting_seconds", "since when entries wait for a quorum of witnesses; 0: none waits", waiting)
}

// ledgerFiles serves the log as C2SP tlog-tiles.
func (h *Hub) ledgerFiles() http.Handler {
	if h.ledger == nil {
		return nil
	}
	return http.StripPrefix(strings.TrimSuffix(LedgerPath, "/"), h.ledger.handler)
}
