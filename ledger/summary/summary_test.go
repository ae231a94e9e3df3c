package summary_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"polity/city"
	"polity/ledger/canonical"
	"polity/ledger/entry"
	"polity/ledger/proof"
	"polity/ledger/proof/prooftest"
	"polity/ledger/summary"
	"polity/ledger/summary/summarytest"
)

var update = flag.Bool("update", false, "write the golden file anew")

// read sums a log up as of a time.
func read(t *testing.T, w summarytest.Writer, at time.Time) *summary.Summary {
	t.Helper()
	s, err := summary.NewReader(w.Log).Read(t.Context(), w.Publish(at))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func states(s *summary.Summary) map[canonical.Hash]entry.Word {
	m := map[canonical.Hash]entry.Word{}
	for _, r := range s.Releases {
		m[r.Token] = r.State
	}
	return m
}

func TestAYear(t *testing.T) {
	s := read(t, summarytest.Year(), summarytest.End)
	want := map[canonical.Hash]entry.Word{
		summarytest.Told.Token(): "opened", summarytest.Refused.Token(): "refused", summarytest.Closed.Token(): "opened", summarytest.Waiting.Token(): "waiting",
		summarytest.Expired.Token(): "expired", summarytest.Overdue.Token(): "opened", summarytest.Ready.Token(): "approved",
	}
	if got := states(s); !reflect.DeepEqual(got, want) {
		t.Errorf("states %v", got)
	}
	for _, r := range s.Releases {
		if r.Overdue != (r.Token == summarytest.Overdue.Token()) || (r.Details != nil) != (r.Token == summarytest.Told.Token()) {
			t.Errorf("release %+v", r)
		}
	}
	if s.StrangeNumber != 0 {
		t.Errorf("strange %+v", s.Strange)
	}
	data, err := s.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	golden := filepath.Join("testdata", "year.json")
	if *update {
		if err := os.WriteFile(golden, append(data, '\n'), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if kept, err := os.ReadFile(golden); err != nil || !bytes.Equal(bytes.TrimSuffix(kept, []byte("\n")), data) {
		t.Errorf("the summary is not that of %s (%v): go test ./ledger/summary -update\n%s", golden, err, data)
	}
}

// TestTheSameLogGivesTheSameNumbers however it is read: at once, checkpoint by checkpoint,
// or as 'polity verify log' does.
func TestTheSameLogGivesTheSameNumbers(t *testing.T) {
	w := summarytest.Year()
	once, err := read(t, w, summarytest.End).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	grown := summarytest.Writer{Log: &prooftest.Log{City: w.City}}
	r := summary.NewReader(grown.Log)
	var s *summary.Summary
	for i, data := range w.Entries {
		e, err := entry.Decode(data)
		if err != nil {
			t.Fatal(err)
		}
		grown.Append(e)
		if i%7 != 0 && i != len(w.Entries)-1 {
			continue
		}
		if s, err = r.Read(t.Context(), grown.Publish(summarytest.End)); err != nil {
			t.Fatal(err)
		}
	}
	steps, err := s.Marshal()
	if err != nil || !bytes.Equal(steps, once) {
		t.Errorf("read in steps it is %s (%v)", steps, err)
	}
	var facts summary.Facts
	report, err := proof.Verify(t.Context(), w.Log, w.City.Roster, proof.Options{Each: facts.Add})
	if err != nil || len(report.Problems) > 0 {
		t.Fatal(err, report.Problems)
	}
	if verified, err := facts.At(report.Checkpoint).Marshal(); err != nil || !bytes.Equal(verified, once) {
		t.Errorf("verified it is %s (%v)", verified, err)
	}
}

func TestWhatContradictsIsStrange(t *testing.T) {
	c := summarytest.Told
	other := c.Details()
	other.Cameras = []city.Slug{"quay"} // not what was committed to
	for name, one := range map[string]struct {
		do   func(w summarytest.Writer)
		what entry.Word
	}{
		"asked twice": {func(w summarytest.Writer) {
			w.Ask(c)
			again := c
			again.Expires = "2026-09-21T14:00:00Z"
			w.Ask(again)
		}, "twice"},
		"answered twice": {func(w summarytest.Writer) {
			w.Ask(c)
			w.Approve(c, "2026-09-14T10:02:00Z", "ombudsman")
			w.Refuse(c, "2026-09-14T10:03:00Z", "no-order")
		}, "twice"},
		"approved unasked":   {func(w summarytest.Writer) { w.Approve(c, "2026-09-14T10:02:00Z", "court") }, "unasked"},
		"refused unasked":    {func(w summarytest.Writer) { w.Refuse(c, "2026-09-14T10:02:00Z", "no-order") }, "unasked"},
		"opened unasked":     {func(w summarytest.Writer) { w.Open(c, "2026-09-14T10:02:00Z") }, "unasked"},
		"details of nothing": {func(w summarytest.Writer) { w.Sign(c.Details()) }, "unasked"},
		"opened unapproved": {func(w summarytest.Writer) {
			w.Ask(c)
			w.Approve(c, "2026-09-14T10:02:00Z", "court")
			w.Open(c, "2026-09-14T11:00:00Z")
		}, "unapproved"},
		"approved late": {func(w summarytest.Writer) {
			w.Ask(c)
			w.Approve(c, "2026-09-21T10:02:00Z", "court")
		}, "late"},
		"other details": {func(w summarytest.Writer) {
			w.Ask(c)
			w.Sign(other)
		}, "commitment"},
		"two keys": {func(w summarytest.Writer) {
			for _, k := range []string{"one", "two"} {
				w.Sign(&entry.EpochKey{Body: "court", Class: "usual", Day: "2026-11-01", Device: "court-1", Kem: "MLKEM768-X25519", Key: summarytest.Bytes(k)})
			}
		}, "key-twice"},
		"two days": {func(w summarytest.Writer) {
			for _, n := range []int64{1, 2} {
				w.Append(&entry.Looks{Day: &entry.LooksDay{Day: "2026-11-01", From: "2026-11-01T00:00:00Z", Until: "2026-11-02T00:00:00Z", Looks: n}, Line: canonical.Hash{byte(n)}})
			}
		}, "day-twice"},
	} {
		w := summarytest.New("strange")
		one.do(w)
		s := read(t, w, summarytest.End)
		if s.StrangeNumber != 1 || s.Strange[0].What != one.what || s.Strange[0].Index != int64(len(w.Entries)-1) {
			t.Errorf("%s: %d, %+v", name, s.StrangeNumber, s.Strange)
		}
		if len(s.Releases) > 0 && s.Releases[0].Details != nil {
			t.Errorf("%s: details count that were not committed to", name)
		}
	}
}

// TestAnOpeningCannotBeDatedBack: the officer's device says when; the bodies' approvals say
// what it cannot have been before.
func TestAnOpeningCannotBeDatedBack(t *testing.T) {
	w := summarytest.New("back")
	w.Ask(summarytest.Told)
	w.Approve(summarytest.Told, "2026-09-14T10:02:00Z")
	w.Open(summarytest.Told, "2020-01-01T00:00:00Z")
	s := read(t, w, summarytest.End)
	if len(s.Months) != 1 || s.Months[0].Month != "2026-09" || s.Releases[0].Opened.At != "2026-09-14T10:02:00Z" {
		t.Errorf("months %+v", s.Months)
	}
}

// TestExtendingShowsAndOverdueFollows: a later day counts, an earlier one does not.
func TestExtendingShowsAndOverdueFollows(t *testing.T) {
	w := summarytest.New("extended")
	w.Ask(summarytest.Overdue)
	w.Approve(summarytest.Overdue, "2026-08-03T09:00:00Z", "court")
	extend := func(to canonical.Day) {
		w.Sign(&entry.ReleaseDetails{At: "2026-11-01T00:00:00Z", Body: "police", Device: "police-1", PublicOn: to, Token: summarytest.Overdue.Token(), What: "extended"})
	}
	extend("2026-12-24")
	extend("2026-11-11")
	for at, overdue := range map[string]bool{"2026-12-24T23:59:59Z": false, "2026-12-25T00:00:00Z": true} {
		s := read(t, w, canonical.Time(at).Time())
		if r := s.Releases[0]; r.Overdue != overdue || r.DetailsPublicOn != "2026-12-24" || r.Extensions != 1 {
			t.Errorf("at %s: %+v", at, r)
		}
	}
	w.Sign(summarytest.Overdue.Details())
	if s := read(t, w, canonical.Time("2026-12-25T00:00:00Z").Time()); s.Releases[0].Overdue || s.Releases[0].Details == nil {
		t.Errorf("published, and %+v", s.Releases[0])
	}
}

func TestKeysAhead(t *testing.T) {
	s := read(t, summarytest.Year(), summarytest.End)
	want := []summary.EpochKeys{
		{Ahead: 38, Body: "court", Class: "usual", Destroyed: 15, First: "2026-11-16", Kept: 8, Last: "2026-12-31", Published: 61},
		{Ahead: 17, Body: "ombudsman", Class: "usual", Destroyed: 15, First: "2026-11-16", Kept: 8, Last: "2026-12-10", Published: 40},
	}
	if !reflect.DeepEqual(s.EpochKeys, want) {
		t.Errorf("%+v", s.EpochKeys)
	}
	w := summarytest.New("lost")
	e := &entry.EpochKey{Body: "court", Class: "usual", Day: "2026-11-24", Device: "court-1", Kem: "MLKEM768-X25519", Key: summarytest.Bytes("a")}
	w.Sign(e)
	for _, device := range []city.Slug{"court-1", "court-2"} {
		w.Sign(&entry.EpochKeyDestroyed{At: "2026-11-24T00:00:00Z", Body: "court", Class: "usual", Day: "2026-11-24", Device: device, KeyID: e.ID(), Why: "lost"})
	}
	if s := read(t, w, summarytest.End); s.EpochKeys[0].Ahead != 0 || s.EpochKeys[0].Destroyed != 1 || s.EpochKeys[0].Kept != 0 {
		t.Errorf("%+v", s.EpochKeys)
	}
}

// TestOnlyWhatTheCheckpointCovers: what was appended since does not count, and entries
// that are not those of the checkpoint give an error, not numbers.
func TestOnlyWhatTheCheckpointCovers(t *testing.T) {
	w := summarytest.Year()
	c := w.Publish(summarytest.End)
	w.Open(summarytest.Ready, "2026-11-24T10:00:00Z")
	r := summary.NewReader(w.Log)
	s, err := r.Read(t.Context(), c)
	if err != nil || states(s)[summarytest.Ready.Token()] != "approved" {
		t.Fatalf("%v, %v", s, err)
	}
	if s, err = r.Read(t.Context(), w.Publish(summarytest.End)); err != nil || states(s)[summarytest.Ready.Token()] != "opened" {
		t.Errorf("%v, %v", s, err)
	}
	for name, damage := range map[string]func(w summarytest.Writer){
		"changed": func(w summarytest.Writer) {
			w.Entries[1] = bytes.Replace(w.Entries[1], []byte(`"quay"`), []byte(`"kuay"`), 1)
		},
		"no entry": func(w summarytest.Writer) { w.Entries[2] = []byte("{}") },
	} {
		damaged := summarytest.Year()
		c := damaged.Publish(summarytest.End)
		kept := bytes.Clone(damaged.Entries[1])
		kept2 := bytes.Clone(damaged.Entries[2])
		damage(damaged)
		r := summary.NewReader(damaged.Log)
		if s, err := r.Read(t.Context(), c); city.KindOf(err) != city.Invalid || s != nil {
			t.Errorf("%s: %v, %v", name, s, err)
		}
		damaged.Entries[1], damaged.Entries[2] = kept, kept2
		if _, err := r.Read(t.Context(), c); err != nil {
			t.Errorf("%s and put right: %v", name, err)
		}
	}
	smaller := summarytest.New("year")
	if _, err := r.Read(t.Context(), smaller.Publish(summarytest.End)); err == nil {
		t.Error("a log that shrank is summed up")
	}
}

// TestBounds: however long a log, what is listed stays bounded and counts go on.
func TestBounds(t *testing.T) {
	var f summary.Facts
	for i := range int64(2000) {
		d := time.Date(2021, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, int(i))
		f.Add(i, &entry.Alarm{At: canonical.At(d), What: "clock"})
		f.Add(i, &entry.Looks{Day: &entry.LooksDay{Day: canonical.Day(d.Format(time.DateOnly)), Looks: 1}})
		f.Add(i, &entry.EpochKey{Body: "court", Class: "usual", Day: canonical.Day(d.Format(time.DateOnly)), Key: canonical.Bytes{byte(i)}})
		f.Add(i, &entry.ReleaseOpened{Token: canonical.Hash{1}})
	}
	w := summarytest.New("bounds")
	s := f.At(w.Publish(summarytest.End))
	if s.Alarms.Counts["clock"] != 2000 || len(s.Alarms.Newest) != 100 || s.Alarms.Newest[99].Index != 1999 || len(s.Looks.Days) != 400 || s.StrangeNumber != 2000 || len(s.Strange) != 100 || s.EpochKeys[0].Published != 2000 || s.EpochKeys[0].Kept > 1000 {
		t.Errorf("%d alarms, %d days, %d strange, %+v", len(s.Alarms.Newest), len(s.Looks.Days), len(s.Strange), s.EpochKeys)
	}
	looks := int64(0)
	for _, m := range s.Looks.Months {
		looks += m.Looks
	}
	if looks != 2000 {
		t.Errorf("%d looks", looks)
	}
}

// TestOldReleasesLeave past the bound, counted; what comes for them then is told as strange.
func TestOldReleasesLeave(t *testing.T) {
	var f summary.Facts
	token := func(i int64) canonical.Hash { return canonical.Sum("token", fmt.Append(nil, i)) }
	for i := range int64(20_010) {
		f.Add(i, &entry.ReleaseRequested{ID: token(i), Body: "police", Expires: "2026-12-01T14:00:00Z"})
	}
	f.Add(20_010, &entry.ReleaseApproved{At: "2026-11-01T00:00:00Z", Body: "court", Token: token(3)})
	f.Add(20_011, &entry.ReleaseApproved{At: "2026-11-01T00:00:00Z", Body: "court", Token: token(10)})
	s := f.At(summarytest.New("bounds").Publish(summarytest.End))
	if len(s.Releases) != 20_000 || s.ReleasesBefore != 10 || s.Releases[0].Index != 10 || len(s.Releases[0].Answers) != 1 || s.StrangeNumber != 1 || s.Strange[0].What != "unasked" {
		t.Errorf("%d releases, %d before, %+v, %+v", len(s.Releases), s.ReleasesBefore, s.Releases[0], s.Strange)
	}
}

func TestMembersRise(t *testing.T) {
	if err := canonical.Ordered(reflect.TypeFor[summary.Summary]()); err != nil {
		t.Error(err)
	}
}
