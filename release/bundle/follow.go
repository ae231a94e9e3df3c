package bundle

import (
	"context"
	"fmt"

	"polity/ledger/canonical"
	"polity/ledger/entry"
	"polity/ledger/proof"
	"polity/ledger/roster"
)

// Followed is what a whole log says of releases.
type Followed struct {
	Log     *proof.Report
	Stories []*Story // in the order of their requests
}

// Follow reads and checks a whole copy of a log, from a roster that somebody trusts, and
// tells the stories of the releases that are wanted. What is wrong with the log stands in
// the report; an error says that it could not be read.
func Follow(ctx context.Context, s proof.Source, first *roster.Signed, want func(id canonical.Hash) bool, progress func(done, all int64)) (*Followed, error) {
	f, known := &Followed{}, map[canonical.Hash]*Story{}
	var err error
	f.Log, err = proof.Verify(ctx, s, first, proof.Options{Progress: progress, Each: func(index int64, e entry.Entry) {
		if q, ok := e.(*entry.ReleaseRequested); ok && want(q.ID) && known[q.ID] == nil {
			known[q.ID] = newStory(q.ID)
			f.Stories = append(f.Stories, known[q.ID])
		}
		for _, s := range f.Stories {
			s.add(index, e)
		}
	}})
	return f, err
}

// Status is where a release stands.
type Status string

// Where it may stand.
const (
	Waiting   Status = "waiting"   // for an answer of a body
	Expired   Status = "expired"   // a body has not answered in time
	Refused   Status = "refused"   // by a body
	Approved  Status = "approved"  // by both
	Opened    Status = "opened"    // details are not public yet, and need not be
	Disclosed Status = "disclosed" // details are public
	Overdue   Status = "overdue"   // details should be public, and are not
)

// Status says where the release stands at the time of a log's checkpoint.
func (s *Story) Status(log *proof.Report) Status {
	at := log.Checkpoint.Time
	switch {
	case s.Published != nil:
		return Disclosed
	case s.Overdue(at):
		return Overdue
	case len(s.Opened) > 0:
		return Opened
	case len(s.Refused) > 0:
		return Refused
	case len(s.Approved) == len(bodies):
		return Approved
	case s.Requested != nil && at.After(s.Requested.Entry.Expires.Time()):
		return Expired
	}
	return Waiting
}

// Wrong says what is not as it has to be with the release in a log.
func (s *Story) Wrong(log *proof.Report) []string {
	list := s.wrong(&log.Roster.Roster)
	if s.Overdue(log.Checkpoint.Time) {
		list = append(list, fmt.Sprintf("the details should be public since %s, and are not: ask the office, the court or the ombudsman", s.PublicOn()))
	}
	return list
}

// Lines tell the story: what happened, and by whom.
func (s *Story) Lines(log *proof.Report) [][2]string {
	q := s.Requested
	lines := [][2]string{
		{"asked", fmt.Sprintf("by %s (device %s) for %s: %s, %s; entry %d", q.Entry.Body, q.Entry.Device, q.Entry.Purpose, count(q.Entry.CamerasCount, "camera"), count(q.Entry.HoursCount, "hour"), q.Index)},
		{"cosigned", fmt.Sprintf("with the whole log by %d of its witnesses, a quorum", len(log.Checkpoint.Witnesses))},
	}
	for _, body := range bodies {
		told := "has not answered; the request is valid until " + when(q.Entry.Expires.Time())
		if log.Checkpoint.Time.After(q.Entry.Expires.Time()) {
			told = "did not answer; the request expired " + when(q.Entry.Expires.Time())
		}
		if a := s.Approved[body]; a != nil {
			told = fmt.Sprintf("approved %s (device %s), %s of keys; entry %d", when(a.Entry.At.Time()), a.Entry.Device, count(a.Entry.Count, "half"), a.Index)
		}
		if r := s.Refused[body]; r != nil {
			told = fmt.Sprintf("refused %s (device %s): %s; entry %d", when(r.Entry.At.Time()), r.Entry.Device, r.Entry.Reason, r.Index)
		}
		lines = append(lines, [2]string{string(body), told})
	}
	if len(s.Opened) == 0 {
		lines = append(lines, [2]string{"opened", "not opened, as far as the log says"})
	}
	for _, o := range s.Opened {
		lines = append(lines, [2]string{"opened", fmt.Sprintf("%s by %s (device %s), %s; entry %d", when(o.Entry.At.Time()), o.Entry.Body, o.Entry.Device, count(o.Entry.Segments, "segment"), o.Index)})
	}
	for _, e := range s.Extended {
		lines = append(lines, [2]string{"extended", fmt.Sprintf("%s by %s: details become public on %s; entry %d", when(e.Entry.At.Time()), e.Entry.Body, e.Entry.PublicOn, e.Index)})
	}
	details := fmt.Sprintf("become public on %s", s.PublicOn())
	if p := s.Published; p != nil {
		names := make([]string, len(p.Entry.Cameras))
		for i, n := range p.Entry.Cameras {
			names[i] = string(n)
		}
		details = fmt.Sprintf("public since %s (by %s; entry %d): order %s, case %s, %s, %s to %s", when(p.Entry.At.Time()), p.Entry.Body, p.Index,
			p.Entry.Order, p.Entry.Case, join(names, ", "), when(p.Entry.From.Time()), when(p.Entry.To.Time()))
	} else if s.Overdue(log.Checkpoint.Time) {
		details = fmt.Sprintf("overdue: they should be public since %s", s.PublicOn())
	}
	return append(lines, [2]string{"details", details})
}
