package monitor

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"polity/city"
	"polity/internal/durable"
	"polity/ledger/checkpoint"
	"polity/ledger/entry"
	"polity/ledger/roster"
	"polity/ledger/witness"
)

// peer is another monitor or a witness, which saw the log from elsewhere.
type peer struct {
	*source
	size int64  // of its newest checkpoint
	said string // why it was of no use the last time, or ""
}

const (
	maxForks       = 16
	maxConsistency = witness.MaxCheckpoint + 8<<10
)

// newerRoster reads on in search of rosters that follow ours. What it reads is not kept:
// rosters prove themselves.
func (m *Monitor) newerRoster(ctx context.Context, size int64) (*roster.Signed, error) {
	r := m.roster
	err := m.entries(ctx, m.state.Size, min(size, m.state.Size+maxAhead), func(_ int64, data []byte) error {
		if !bytes.Contains(data, []byte(`"type":"roster"`)) {
			return nil
		}
		if e, err := entry.Decode(data); err == nil {
			if e, ok := e.(*entry.Roster); ok {
				if next, err := r.Next(e.Roster); err == nil {
					r = next
				}
			}
		}
		return nil
	})
	if r == m.roster {
		return nil, err
	}
	return r, err
}

// contradicts compares a checkpoint that the log signed, and that is not larger than what
// was read, with our tree. A fork is kept as proof.
func (m *Monitor) contradicts(file []byte, c witness.Checkpoint, from *peer) error {
	if m.newest == nil || c.Size == 0 || c.Size > m.state.Size {
		return nil
	}
	root, err := m.tree.root(c.Size)
	if err != nil {
		return err
	}
	if root == c.Root {
		return nil
	}
	proof, err := tlog.ProveTree(m.state.Size, c.Size, m.tree)
	if err != nil {
		return err
	}
	return m.fork(&witness.Fork{First: file, Second: m.state.Checkpoint, Prefix: root, Proof: proof}, from)
}

// fork checks a proof, keeps it in a file, and has it told.
func (m *Monitor) fork(f *witness.Fork, from *peer) error {
	found, err := f.Verify(m.logKeys(m.roster), m.witnesses())
	if err != nil {
		return city.Errorf(city.Internal, "a fork was found and cannot be proven: %w", err)
	}
	if !m.news(found) {
		return nil
	}
	file := fmt.Sprintf("%s-%d.fork", witness.Hash(m.state.Origin), len(m.state.Forks)+1)
	if err := durable.WriteFile(filepath.Join(m.folder, file), f.Encode(), 0o644); err != nil {
		return err
	}
	where := "to us at different times"
	if from != nil {
		where = "to us and to " + from.base
	}
	text := fmt.Sprintf("the log showed two histories, %s: trees of sizes %d and %d of which neither continues the other. Proof: %s. %s", where, found.First.Size, found.Second.Size, file, guilty(found))
	m.state.Forks = append(m.state.Forks, forked{file, text, found.Witnesses})
	m.logger.Error("the log showed two histories", slog.String("proof", file))
	return nil
}

// news says whether a fork tells more than those that are known: the first, or one that
// convicts a witness.
func (m *Monitor) news(found witness.Found) bool {
	known := map[string]bool{}
	for _, f := range m.state.Forks {
		for _, name := range f.Witnesses {
			known[name] = true
		}
	}
	convicts := slices.ContainsFunc(found.Witnesses, func(name string) bool { return !known[name] })
	return len(m.state.Forks) == 0 || convicts && len(m.state.Forks) < maxForks
}

// guilty says who signed both sides.
func guilty(f witness.Found) string {
	if len(f.Witnesses) == 0 {
		return "No witness signed both."
	}
	return "Witnesses that signed both: " + strings.Join(f.Witnesses, ", ") + "."
}

func (m *Monitor) witnesses() []witness.Verifier { return Witnesses(&m.roster.Roster) }

// Witnesses are the keys of a roster's witnesses.
func Witnesses(r *roster.Roster) (list []witness.Verifier) {
	for _, w := range r.Witnesses {
		if v, err := witness.ParseVerifier(w.Key); err == nil {
			list = append(list, v)
		}
	}
	return list
}

// rewritten is called where entries do not lead from what was read to a checkpoint that
// counts. The log's own tree of hashes may prove what it did.
func (m *Monitor) rewritten(ctx context.Context, c *checkpoint.Checkpoint) error {
	m.say("rewritten", "the log's %d entries are not those of its checkpoint, or do not continue the %d that were read before", c.Size, m.state.Size)
	if m.newest == nil {
		return nil
	}
	reader := tlog.TileHashReader(c.Tree(), tiles{ctx, m.log})
	prefix, err := tlog.TreeHash(m.state.Size, reader)
	if err != nil {
		m.logger.Warn("the log's hashes do not fit its checkpoint either", slog.Any("error", err))
		return nil
	}
	if prefix == m.newest.Root {
		return nil // it grew; its entries are wrong
	}
	proof, err := tlog.ProveTree(c.Size, m.state.Size, reader)
	if err != nil {
		m.logger.Warn("the log's hashes do not fit its checkpoint either", slog.Any("error", err))
		return nil
	}
	return m.fork(&witness.Fork{First: m.state.Checkpoint, Second: c.File(), Prefix: prefix, Proof: proof}, nil)
}

// checkTiles compares the log's hash tiles with ours, those since they were right last:
// who reads only them must not be misled.
func (m *Monitor) checkTiles(ctx context.Context) {
	text, done := m.wrongTile(ctx)
	if !done {
		return
	}
	m.state.Tiles = text
	if text == "" {
		m.state.TilesOK = m.state.Size
	}
}

func (m *Monitor) wrongTile(ctx context.Context) (text string, done bool) {
	list := tlog.NewTiles(tileHeight, m.state.TilesOK, m.state.Size)
	if len(list) > maxTiles {
		list = list[len(list)-maxTiles:]
	}
	for _, t := range list {
		ours, err := tlog.ReadTileData(t, m.tree)
		if err != nil {
			m.logger.Error("our own hashes cannot be read", slog.Any("error", err))
			return "", false
		}
		theirs, err := m.log.tile(ctx, t)
		switch {
		case ctx.Err() != nil:
			return "", false
		case err != nil:
			return fmt.Sprintf("tile %d of level %d cannot be read: %v", t.N, t.L, err), true
		case !bytes.Equal(ours, theirs):
			return fmt.Sprintf("tile %d of level %d does not hold the hashes of the log's entries", t.N, t.L), true
		}
	}
	return "", true
}

// compare asks a peer for its checkpoint. A peer that lies, or is gone, proves nothing
// against the log: only what the log signed counts.
func (m *Monitor) compare(ctx context.Context, p *peer) error {
	hash := witness.Hash(m.state.Origin)
	file, err := p.get(ctx, hash+"/checkpoint", witness.MaxCheckpoint)
	if err != nil {
		m.useless(p, err)
		return nil
	}
	c, _, err := witness.Open(file, m.logKeys(m.roster)...)
	if err != nil || c.Origin != m.state.Origin {
		m.useless(p, city.Errorf(city.Invalid, "its checkpoint is not signed by the log: %v", err))
		return nil
	}
	p.size, p.said = c.Size, ""
	if m.newest == nil || c.Size <= m.state.Size {
		return m.contradicts(file, c, p)
	}
	m.say("behind", "%s has seen %d entries; the log shows us %d", p.base, c.Size, m.state.Size)
	answer, err := p.get(ctx, fmt.Sprintf("%s/consistency/%d", hash, m.state.Size), maxConsistency)
	if err != nil {
		if city.KindOf(err) != city.NotFound { // a witness has none
			m.useless(p, err)
		}
		return nil
	}
	f, err := parseConsistency(answer, m.state.Size, m.logKeys(m.roster))
	if err != nil {
		m.useless(p, err)
		return nil
	}
	if f.Prefix == m.newest.Root {
		return nil
	}
	f.First = m.state.Checkpoint
	return m.fork(f, p)
}

func (m *Monitor) useless(p *peer, err error) {
	if p.said != err.Error() {
		m.logger.Warn("a peer is of no use", slog.String("peer", p.base), slog.Any("error", err))
	}
	p.said = err.Error()
}

// parseConsistency reads a peer's proof from a size on: the second half of a fork, or a
// sign of none. That it leads to a checkpoint of the log is checked.
func parseConsistency(data []byte, from int64, log []note.Verifier) (*witness.Fork, error) {
	wrong := func(what string) (*witness.Fork, error) {
		return nil, city.Errorf(city.Invalid, "no proof of consistency: %s", what)
	}
	head, signed, ok := strings.Cut(string(data), "\n\n")
	lines := strings.Split(head, "\n")
	if !ok || len(lines) < 2 || lines[0] != "polity-consistency/1" {
		return wrong("it is in another form")
	}
	text, ok := strings.CutPrefix(lines[1], fmt.Sprintf("from %d ", from))
	f := &witness.Fork{Second: []byte(signed)}
	if !ok || decodeHash(&f.Prefix, text) != nil || len(lines) > 2+63 {
		return wrong("it is of another size, or too long")
	}
	for _, l := range lines[2:] {
		var h tlog.Hash
		if err := decodeHash(&h, l); err != nil {
			return wrong("a line of it is no hash")
		}
		f.Proof = append(f.Proof, h)
	}
	c, _, err := witness.Open(f.Second, log...)
	if err != nil {
		return wrong(err.Error())
	}
	if err := tlog.CheckTree(f.Proof, c.Size, c.Root, from, f.Prefix); err != nil {
		return wrong("its hashes do not lead to its checkpoint")
	}
	return f, nil
}

func decodeHash(h *tlog.Hash, text string) error {
	b, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil || len(b) != len(h) {
		return city.Errorf(city.Invalid, "no SHA-256 in base64")
	}
	copy(h[:], b)
	return nil
}
