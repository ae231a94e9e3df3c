package consoletest

import (
	"context"
	"sync"
	"time"

	"polity/city"
	"polity/console"
	"polity/ledger/checkpoint"
	"polity/ledger/proof"
	"polity/ledger/roster"
	"polity/ledger/summary"
	"polity/ledger/summary/summarytest"
)

// Record is a public log in memory as pages see it.
type Record struct {
	mu     sync.Mutex
	log    summarytest.Writer
	newest *checkpoint.Checkpoint
	watch  console.RecordWatch
	broken error
}

var _ console.Record = (*Record)(nil)

// NewRecord is the record of a log as of a time: of summarytest.Year, or of whatever a
// test writes.
func NewRecord(w summarytest.Writer, at time.Time) *Record {
	r := &Record{log: w, newest: w.Publish(at)}
	r.watch = console.RecordWatch{Size: r.newest.Size, Public: r.newest.Size, Witnesses: []console.RecordWitness{
		{Name: "witness-1", Answered: at}, {Name: "witness-2", Answered: at.Add(-time.Hour), Problem: "does not answer"}, {Name: "witness-3", Answered: at},
	}}
	return r
}

// SetWatch says how the log is doing; a change to it counts from then on.
func (r *Record) SetWatch(change func(*console.RecordWatch)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change(&r.watch)
}

// Break makes every answer an error; nil heals it.
func (r *Record) Break(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.broken = err
}

// Summary implements console.Record.
func (r *Record) Summary(ctx context.Context) (*summary.Summary, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.broken != nil {
		return nil, r.broken
	}
	return summary.NewReader(r.log.Log).Read(ctx, r.newest)
}

// Entries implements console.Record.
func (r *Record) Entries(ctx context.Context, from, to int64) (list [][]byte, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if from < 0 || from >= r.newest.Size {
		return nil, city.Errorf(city.NotFound, "there is no entry %d", from)
	}
	err = proof.Entries(ctx, r.log.Log, from, min(to, r.newest.Size), func(_ int64, data []byte) error {
		list = append(list, data)
		return nil
	})
	return list, err
}

// Prove implements console.Record.
func (r *Record) Prove(ctx context.Context, index int64) (*proof.Inclusion, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return proof.Prove(ctx, r.log.Log, index, &r.log.City.Roster.Roster)
}

// Watch implements console.Record.
func (r *Record) Watch(context.Context) (console.RecordWatch, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.watch, r.broken
}

// Rosters implements console.Record.
func (r *Record) Rosters() []*roster.Signed { return []*roster.Signed{r.log.City.Roster} }
