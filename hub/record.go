package hub

import (
	"cmp"
	"context"
	"path/filepath"
	"sync"
	"time"

	"polity/city"
	"polity/console"
	"polity/ledger/proof"
	"polity/ledger/roster"
	"polity/ledger/summary"
)

const recordEach = time.Second

// publicRecord is the public log as the pages show it: what stands under its newest public
// checkpoint, and nothing else.
type publicRecord struct {
	ledger *ledger
	source proof.Source
	reader *summary.Reader

	mu     sync.Mutex
	newest *summary.Summary
	looked bool  // at the log, since the start
	wrong  error // why it cannot be summed up; nil: it can
}

var _ console.Record = (*publicRecord)(nil)

// openRecord reads the log for pages, where there is one.
func (h *Hub) openRecord(pages *console.Config) error {
	if h.ledger == nil {
		return nil
	}
	source, err := proof.Folder(cmp.Or(h.cfg.Ledger.Folder, filepath.Join(h.cfg.Data, "log")))
	if err != nil {
		return err
	}
	h.record = &publicRecord{ledger: h.ledger, source: source, reader: summary.NewReader(source)}
	pages.Record = h.record
	return nil
}

// keepRecord sums the log up whenever it has a newer checkpoint.
func (h *Hub) keepRecord(ctx context.Context) {
	if h.record == nil {
		return
	}
	tick := time.NewTicker(recordEach)
	defer tick.Stop()
	for {
		h.record.renew(ctx)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (r *publicRecord) renew(ctx context.Context) {
	c, err := r.ledger.log.Checkpoint()
	r.mu.Lock()
	if city.KindOf(err) == city.NotFound {
		r.looked = true // and a page says so
		r.mu.Unlock()
		return
	}
	current := r.newest != nil && c != nil && r.newest.Checkpoint.Size == c.Size && r.newest.Checkpoint.Time.Time().Equal(c.Time)
	r.mu.Unlock()
	if err == nil && current {
		return
	}
	var s *summary.Summary
	if err == nil {
		s, err = r.reader.Read(ctx, c)
	}
	if ctx.Err() != nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.looked = true
	if r.wrong = err; err == nil {
		r.newest = s
		return
	}
	r.ledger.complain("the public log, for its pages", err)
}

// Summary implements console.Record.
func (r *publicRecord) Summary(context.Context) (*summary.Summary, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.wrong != nil:
		return nil, r.wrong
	case !r.looked:
		return nil, city.Errorf(city.Unavailable, "the hub has just started and reads the public log; look again in a moment")
	case r.newest == nil:
		return nil, city.Errorf(city.NotFound, "the public log has no checkpoint that a quorum of its witnesses cosigned yet; nothing in it is public before")
	}
	return r.newest, nil
}

// Entries implements console.Record.
func (r *publicRecord) Entries(ctx context.Context, from, to int64) ([][]byte, error) {
	c, err := r.ledger.log.Checkpoint()
	if err != nil {
		return nil, err
	}
	if from < 0 || from >= c.Size {
		return nil, city.Errorf(city.NotFound, "the public log has no entry %d; its newest public one is %d", from, c.Size-1)
	}
	var list [][]byte
	err = proof.Entries(ctx, r.source, from, min(to, c.Size), func(_ int64, data []byte) error {
		list = append(list, data)
		return nil
	})
	return list, err
}

// Prove implements console.Record.
func (r *publicRecord) Prove(ctx context.Context, index int64) (*proof.Inclusion, error) {
	return proof.Prove(ctx, r.source, index, &r.ledger.roster.Roster)
}

// Watch implements console.Record.
func (r *publicRecord) Watch(ctx context.Context) (console.RecordWatch, error) {
	s, err := r.ledger.log.State(ctx)
	if err != nil {
		return console.RecordWatch{}, err
	}
	w := console.RecordWatch{Size: s.Size, Public: s.Public, Waiting: s.Waiting}
	for _, x := range s.Witnesses {
		w.Witnesses = append(w.Witnesses, console.RecordWitness{Name: x.Name, Answered: x.Answered, Problem: x.Problem})
	}
	return w, nil
}

// Rosters implements console.Record.
func (r *publicRecord) Rosters() []*roster.Signed { return r.ledger.rosters }
