package monitor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"polity/city"
	"polity/internal/durable"
	"polity/ledger/checkpoint"
	"polity/ledger/roster"
	"polity/ledger/witness"
)

// Bounds on what is read in one go.
const (
	maxGrowth = 20_000_000 // entries
	maxAhead  = 65_536     // entries that are read in search of a newer roster
	maxTiles  = 1_000      // tiles of hashes that are compared, the newest
	tries     = 3          // for each bundle of entries
)

// takeUp is how long after a roster is valid the quorum of the one before still counts.
const takeUp = 24 * time.Hour

// stateFormat begins a state.
const stateFormat = "polity-monitor/1"

// state is what a monitor remembers.
type state struct {
	Format     string    `json:"format"`
	Origin     string    `json:"origin"`
	First      []byte    `json:"first"`      // the roster that it began with
	Rosters    [][]byte  `json:"rosters"`    // those after the first, in order
	Checkpoint []byte    `json:"checkpoint"` // newest that was read and checked
	Size       int64     `json:"size"`
	Facts      *facts    `json:"facts"`
	Alerts     []*Alert  `json:"alerts"`
	Forks      []forked  `json:"forks"`
	Tiles      string    `json:"tiles"`    // what is wrong with the log's hash tiles
	TilesOK    int64     `json:"tiles_ok"` // size up to which they were right
	Seen       time.Time `json:"seen"`     // when the log answered last
}

// forked is a fork that was proven, by the file that proves it.
type forked struct {
	File      string   `json:"file"`
	Text      string   `json:"text"`
	Witnesses []string `json:"witnesses"` // who signed both
}

// Monitor follows one log. Poll is called by one goroutine; Handler is safe for
// concurrent use beside it.
type Monitor struct {
	folder string
	log    *source
	peers  []*peer
	sinks  []Sink
	now    func() time.Time
	logger *slog.Logger

	view atomic.Pointer[view] // what is served, as of the last poll

	// Of Poll alone.
	roster *roster.Signed
	before *roster.Signed // the one before roster; nil if it is the first
	state  *state
	tree   *hashes
	newest *checkpoint.Checkpoint // nil before the first

	// What was seen by this process alone.
	trouble  map[string]wrong     // by kind, as of the last poll
	since    map[string]time.Time // when a trouble began that is told after a while
	patience time.Duration        // before an unreachable log or a larger tree elsewhere is told
}

// Deps is what a monitor needs of the program.
type Deps struct {
	Folder  string
	Address string   // of the log
	Peers   []string // other monitors and witnesses
	Sinks   []Sink
	Now     func() time.Time
	Log     *slog.Logger
}

// Open reads what the monitor knows in its folder, or begins with a roster.
func Open(first *roster.Signed, d Deps) (*Monitor, error) {
	m := &Monitor{folder: d.Folder, log: newSource(d.Address), sinks: d.Sinks, now: d.Now, logger: d.Log, roster: first, trouble: map[string]wrong{}, since: map[string]time.Time{}, patience: quietTime}
	for _, p := range d.Peers {
		m.peers = append(m.peers, &peer{source: newSource(p)})
	}
	if err := os.MkdirAll(d.Folder, 0o700); err != nil {
		return nil, fmt.Errorf("folder of the monitor: %w", err)
	}
	if err := m.load(first); err != nil {
		return nil, err
	}
	m.publish()
	return m, nil
}

// Close ends it.
func (m *Monitor) Close() error { return m.tree.f.Close() }

func (m *Monitor) path(kind string) string {
	return filepath.Join(m.folder, witness.Hash(m.state.Origin)+"."+kind)
}

func (m *Monitor) load(first *roster.Signed) error {
	m.state = &state{Format: stateFormat, Origin: first.Log.Origin, First: first.File(), Facts: newFacts()}
	data, err := os.ReadFile(m.path("state"))
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return err
	default:
		if err := m.resume(data, first); err != nil {
			return city.Errorf(city.Invalid, "%s: %w; move the folder away and the log is read again", m.path("state"), err)
		}
	}
	if m.tree, err = openHashes(m.path("hashes"), m.state.Size); err != nil {
		return err
	}
	if m.newest == nil {
		return nil
	}
	root, err := m.tree.root(m.state.Size)
	if err == nil && root != m.newest.Root {
		err = city.Errorf(city.Invalid, "%s is not the tree of the checkpoint beside it: it is damaged; move the folder away and the log is read again", m.path("hashes"))
	}
	if err != nil {
		return errors.Join(err, m.tree.f.Close())
	}
	return nil
}

// resume takes up a state, after it has checked everything in it that is signed.
func (m *Monitor) resume(data []byte, first *roster.Signed) error {
	var s state
	if err := json.Unmarshal(data, &s); err != nil {
		return city.Errorf(city.Invalid, "it is damaged")
	}
	switch {
	case s.Format != stateFormat:
		return city.Errorf(city.Invalid, "it is of a version that this program does not know")
	case string(s.First) != string(first.File()):
		return city.Errorf(city.Invalid, "it began with another roster than the one that was given now")
	case s.Facts == nil || s.Size < 0:
		return city.Errorf(city.Invalid, "it is damaged")
	}
	r, before := first, (*roster.Signed)(nil)
	for _, file := range s.Rosters {
		next, err := r.Next(file)
		if err != nil {
			return err
		}
		r, before = next, r
	}
	if s.Size > 0 {
		c, err := checkpoint.Open(s.Checkpoint, &r.Roster)
		if err != nil && before != nil {
			c, err = checkpoint.Open(s.Checkpoint, &before.Roster)
		}
		if err != nil {
			return err
		}
		if c.Size != s.Size {
			return city.Errorf(city.Invalid, "it is damaged")
		}
		m.newest = c
	}
	m.state, m.roster, m.before = &s, r, before
	return nil
}

// save writes the state, after the hashes that it counts.
func (m *Monitor) save() error {
	if err := m.tree.sync(); err != nil {
		return err
	}
	data, err := json.Marshal(m.state)
	if err != nil {
		return err
	}
	return durable.WriteFile(m.path("state"), data, 0o600)
}

// Poll reads what is new, asks the peers, and tells what is wrong. The error is one of
// this machine; what is wrong with the log becomes alerts.
func (m *Monitor) Poll(ctx context.Context) error {
	clear(m.trouble)
	if err := m.follow(ctx); err != nil {
		return err
	}
	for _, p := range m.peers {
		if err := m.compare(ctx, p); err != nil {
			return err
		}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	now := m.now()
	m.state.Facts.forget(now)
	m.state.Alerts = settle(m.state.Alerts, now, m.wrongs(now))
	if err := m.save(); err != nil {
		return err
	}
	m.publish()
	if tell(ctx, m.state.Alerts, m.sinks, m.state.Origin, now, m.logger) {
		return m.save()
	}
	return nil
}

// wrongs is all that is wrong now.
func (m *Monitor) wrongs(now time.Time) (list []wrong) {
	for _, kind := range []string{"rewritten", "rolled-back", "quorum", "tiles"} {
		if w, ok := m.trouble[kind]; ok {
			list = append(list, w)
		}
	}
	for _, kind := range []string{"unreachable", "behind"} {
		w, ok := m.trouble[kind]
		if !ok {
			delete(m.since, kind)
			continue
		}
		if m.since[kind].IsZero() {
			m.since[kind] = now
		}
		if now.Sub(m.since[kind]) >= m.patience {
			list = append(list, w)
		}
	}
	if m.newest != nil && m.trouble["unreachable"].kind == "" && now.Sub(m.newest.Time) > quietTime {
		list = append(list, wrong{"still", "", "the log's newest checkpoint is of " + m.newest.Time.Format("2 January 2006, 15:04 UTC") + ": nothing since then counts"})
	}
	if m.state.Tiles != "" {
		list = append(list, wrong{"tiles", "", m.state.Tiles})
	}
	for _, f := range m.state.Forks {
		list = append(list, wrong{"fork", f.File, f.Text})
	}
	if m.newest == nil {
		return list // of a log that was not read nothing is known
	}
	return append(list, m.state.Facts.judge(now, &m.roster.Roster)...)
}

func (m *Monitor) say(kind, format string, args ...any) {
	w := wrong{kind, "", fmt.Sprintf(format, args...)}
	m.trouble[kind] = w
	m.logger.Warn("the log is not as it should be", slog.String("kind", kind), slog.String("text", w.text))
}

// follow reads the log's checkpoint, and what is new up to it.
func (m *Monitor) follow(ctx context.Context) error {
	file, err := m.log.checkpoint(ctx)
	if err != nil {
		m.say("unreachable", "the log cannot be read: %v", err)
		return nil
	}
	c, err := checkpoint.Open(file, &m.roster.Roster)
	if err == nil {
		return m.take(ctx, c, m.roster)
	}
	if m.before != nil {
		// Whoever runs the log takes the roster up some time after it is valid.
		c, old := checkpoint.Open(file, &m.before.Roster)
		if old == nil && c.Time.Before(m.roster.ValidFrom.Time().Add(takeUp)) {
			return m.take(ctx, c, m.roster)
		}
	}
	peeked, wrongForm := witness.Peek(file)
	if wrongForm != nil || peeked.Origin != m.state.Origin {
		m.say("unreachable", "the log does not answer with a checkpoint: %v", errors.Join(wrongForm, err))
		return nil
	}
	// A newer roster in the log may have brought new keys. It proves itself.
	next, searchErr := m.newerRoster(ctx, peeked.Size)
	if next != nil {
		if c, err := checkpoint.Open(file, &next.Roster); err == nil {
			return m.take(ctx, c, next)
		}
	}
	if signed, _, bad := witness.Open(file, m.logKeys(m.roster)...); bad == nil {
		m.say("quorum", "the log shows a checkpoint of size %d without the quorum: %v", signed.Size, err)
		return m.contradicts(file, signed, nil)
	}
	m.say("quorum", "the log shows a checkpoint that does not count: %v", errors.Join(err, searchErr))
	return nil
}

func (m *Monitor) logKeys(r *roster.Signed) []note.Verifier {
	v, err := r.LogVerifier()
	if err != nil {
		return nil // the roster was checked
	}
	return []note.Verifier{v}
}

// take adopts a checkpoint that counts by a roster, if what the log holds is what it says.
func (m *Monitor) take(ctx context.Context, c *checkpoint.Checkpoint, by *roster.Signed) error {
	size := m.state.Size
	switch {
	case m.newest != nil && c.Size <= size:
		text := witness.Checkpoint{Origin: c.Origin, Size: c.Size, Root: c.Root}
		contradicted := len(m.state.Forks)
		if err := m.contradicts(c.File(), text, nil); err != nil || len(m.state.Forks) > contradicted {
			return err
		}
		if c.Size < size {
			m.say("rolled-back", "the log shows %d entries; it has shown %d", c.Size, size)
			return nil
		}
		if root, err := m.tree.root(c.Size); err != nil || root != c.Root {
			return err // the fork is known already
		}
		if c.Time.After(m.newest.Time) {
			m.newest, m.state.Checkpoint = c, c.File()
		}
		m.checkTiles(ctx)
		m.state.Seen = m.now().UTC()
		return nil
	case c.Size-size > maxGrowth:
		m.say("unreachable", "the log says that it grew by %d entries; more than %d at once are not read", c.Size-size, maxGrowth)
		return nil
	}
	return m.read(ctx, c, by)
}

// read reads the entries up to a checkpoint. Nothing of them is kept unless they lead to
// its root.
func (m *Monitor) read(ctx context.Context, c *checkpoint.Checkpoint, by *roster.Signed) (err error) {
	size := m.state.Size
	kept := false
	defer func() {
		if !kept {
			err = errors.Join(err, m.tree.cut(size))
		}
	}()
	draft, err := m.state.Facts.clone()
	if err != nil {
		return err
	}
	r := m.roster
	var rosters [][]byte
	err = m.entries(ctx, size, c.Size, func(index int64, data []byte) error {
		if next := draft.apply(index, data, r); next != r {
			r = next
			rosters = append(rosters, next.File())
		}
		return m.tree.add(tlog.RecordHash(data))
	})
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if kind := city.KindOf(err); err != nil && kind != city.Internal {
		m.say("unreachable", "the log's entries cannot be read: %v", err)
		return nil
	}
	if err != nil {
		return err
	}
	root, err := m.tree.root(c.Size)
	if err != nil {
		return err
	}
	if root != c.Root || r.Version < by.Version {
		return m.rewritten(ctx, c)
	}
	kept = true
	m.state.Facts, m.state.Size, m.state.Checkpoint, m.newest = draft, c.Size, c.File(), c
	for _, file := range rosters {
		next, err := m.roster.Next(file)
		if err != nil {
			return err // it was read a moment ago
		}
		m.before, m.roster = m.roster, next
		m.state.Rosters = append(m.state.Rosters, file)
	}
	m.state.Seen = m.now().UTC()
	if err := m.save(); err != nil {
		return err
	}
	m.checkTiles(ctx)
	return nil
}

// clone is a copy that shares nothing.
func (f *facts) clone() (*facts, error) {
	data, err := json.Marshal(f)
	if err != nil {
		return nil, err
	}
	other := newFacts()
	return other, json.Unmarshal(data, other)
}

// entries reads entries from one index up to another, in order. An error of the log's
// is of a kind other than Internal.
func (m *Monitor) entries(ctx context.Context, from, to int64, do func(index int64, data []byte) error) error {
	for from < to {
		n := from / bundleSize
		bundle, err := m.log.bundle(ctx, n, to)
		for try := 1; err != nil && try < tries && ctx.Err() == nil; try++ {
			bundle, err = m.log.bundle(ctx, n, to)
		}
		if err != nil {
			return err
		}
		for _, data := range bundle[from-n*bundleSize:] {
			if err := do(from, data); err != nil {
				return err
			}
			from++
		}
	}
	return nil
}
