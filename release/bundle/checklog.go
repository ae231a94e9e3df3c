package bundle

import (
	"encoding/json"
	"slices"
	"time"

	"polity/city"
	"polity/ledger/checkpoint"
	"polity/ledger/entry"
	"polity/ledger/proof"
	"polity/ledger/roster"
)

// hourOf names an hour of a camera.
type hourOf struct {
	camera city.Slug
	hour   int64 // seconds since 1970
}

// proven is an entry that stands in the log.
type proven struct {
	name  string
	index int64
	entry entry.Entry
}

// theProofs checks each proof, then what the entries say together.
func (c *checker) theProofs() error {
	c.story = newStory(c.Record.Token)
	var list []proven
	checkpoints := map[string]*checkpoint.Checkpoint{}
	for _, name := range c.f.names {
		if m, err := memberOf(name); err != nil || m.folder != proofs {
			continue
		}
		b, err := c.f.read(name, proof.MaxSize)
		if err != nil {
			return c.failed(name, err)
		}
		p, err := proof.ParseInclusion(b)
		if err != nil {
			c.add(Wrong, name, "%v", err)
			continue
		}
		e, at, err := c.inclusion(p)
		if err != nil {
			c.add(Wrong, name, "%v", err)
			continue
		}
		checkpoints[string(at.File())] = at
		if r, ok := e.(*entry.Roster); ok {
			c.from[int(r.Version)] = p.Index
		}
		list = append(list, proven{name, p.Index, e})
	}
	count := 0
	for _, p := range list {
		if c.told(p) {
			count++
		}
	}
	c.theRostersEntries()
	c.theStory()
	if count == len(list) && count > 0 {
		c.add(Right, "", "%d entries stand in the public log, by checkpoints that a quorum of witnesses cosigned: %s", count, seen(checkpoints))
	}
	if len(checkpoints) > 1 {
		c.add(Open, "", "the proofs are under %d checkpoints; that the log only grew between them is checked by its witnesses and monitors", len(checkpoints))
	}
	return nil
}

// inclusion checks a proof under the newest roster that it holds under: keys of the log
// and of witnesses may have changed since.
func (c *checker) inclusion(p *proof.Inclusion) (e entry.Entry, at *checkpoint.Checkpoint, err error) {
	for _, r := range slices.Backward(c.rosters) {
		var failed error
		if e, at, failed = p.Check(&r.Roster); failed == nil {
			return e, at, nil
		}
		if err == nil {
			err = failed
		}
	}
	return nil, nil, err
}

func seen(list map[string]*checkpoint.Checkpoint) string {
	var first, last time.Time
	for _, c := range list {
		if first.IsZero() || c.Time.Before(first) {
			first = c.Time
		}
		if c.Time.After(last) {
			last = c.Time
		}
	}
	if first.Equal(last) {
		return clock(first)
	}
	return clock(first) + " to " + clock(last)
}

func clock(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

// holding are the rosters that may have held for an entry of the log.
func (c *checker) holding(index int64) (list []*roster.Signed) {
	for i, r := range c.rosters {
		from, known := c.from[r.Version]
		if i > 0 && known && from >= index {
			break
		}
		if i > 0 && known {
			list = nil // it ended the ones before
		}
		list = append(list, r)
	}
	return list
}

// told checks an entry's signature and takes it in.
func (c *checker) told(p proven) bool {
	if s, ok := p.entry.(entry.Signed); ok {
		var err error
		for _, r := range c.holding(p.index) {
			if err = entry.Verify(s, &r.Roster); err == nil {
				break
			}
		}
		if err != nil {
			c.add(Wrong, p.name, "%v", err)
			return false
		}
	}
	switch e := p.entry.(type) {
	case *entry.Segments:
		at := hourOf{e.Camera, e.Hour.Time().Unix()}
		if was := c.hours[at]; was != nil && was.Root != e.Root {
			c.add(Wrong, p.name, "the log has two roots of camera %s for the hour from %s: its recordings of that hour were exchanged", e.Camera, e.Hour)
			return false
		}
		c.hours[at] = e
	case *entry.Registration:
		c.cameras[e.Camera] = append(c.cameras[e.Camera], e)
	case *entry.Roster:
		return c.rosterEntry(p.name, e)
	default:
		if !c.story.add(p.index, e) {
			c.add(Wrong, p.name, "an entry of type %s that is not of this release", entry.TypeOf(e))
			return false
		}
	}
	return true
}

// rosterEntry holds a roster in the log to the one in the bundle.
func (c *checker) rosterEntry(name string, e *entry.Roster) bool {
	for _, r := range c.rosters {
		if int64(r.Version) != e.Version {
			continue
		}
		if logged, err := roster.Unsigned(e.Roster); err == nil && sameText(logged, r) {
			return true
		}
		c.add(Wrong, name, "roster %d in the log is not the one in the bundle", e.Version)
		return false
	}
	c.add(Open, name, "roster %d is in the log and not in the bundle", e.Version)
	return true
}

func sameText(a *roster.Roster, b *roster.Signed) bool {
	x, err := json.Marshal(a)
	if err != nil {
		return false
	}
	y, err := json.Marshal(&b.Roster)
	return err == nil && string(x) == string(y)
}

// theRostersEntries says where it is not known from which entry on a roster holds.
func (c *checker) theRostersEntries() {
	for _, r := range c.rosters[1:] {
		if _, ok := c.from[r.Version]; !ok {
			c.add(Open, "", "from which entry of the log on roster %d holds: its proof is not in the bundle", r.Version)
		}
	}
}

// theStory checks that the release went as it has to.
func (c *checker) theStory() {
	s := c.story
	wrong := s.wrong(&c.newest().Roster)
	for _, w := range wrong {
		c.add(Wrong, proofs, "%s", w)
	}
	for _, body := range bodies {
		if s.Approved[body] == nil && len(s.Opened) == 0 {
			c.add(Wrong, proofs, "no proof that the %s approved", body)
			wrong = append(wrong, "")
		}
		if r := s.Refused[body]; r != nil {
			c.add(Open, proofs, "the %s refused at %s (%s)", body, r.Entry.At, r.Entry.Reason)
		}
	}
	if len(s.Opened) == 0 {
		c.add(Wrong, proofs, "no proof that the opening was made public")
		return
	}
	if s.Requested == nil || len(wrong) > 0 {
		return
	}
	q := s.Requested.Entry
	if q.Body != c.Record.Office {
		c.add(Wrong, recordName, "%s made the bundle, %s had asked", c.Record.Office, q.Body)
		return
	}
	c.add(Right, "", "%s asked (entry %d, for %s), court and ombudsman approved (entries %d and %d), and it was opened at %s (entry %d)",
		q.Body, s.Requested.Index, q.Purpose, s.Approved[roster.Court].Index, s.Approved[roster.Ombudsman].Index, s.Opened[0].Entry.At, s.Opened[0].Index)
}
