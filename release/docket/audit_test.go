package docket_test

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"time"

	"polity/city"
	"polity/ledger/canonical"
	"polity/ledger/entry"
	"polity/recording/root"
	"polity/recording/share"
	"polity/release/token"
)

// yesterday records a camera at noon of the day before, and logs the hour as the recorder does.
func (w *world) yesterday(camera city.Slug, n int) canonical.Day {
	w.t.Helper()
	noon := time.Now().UTC().Truncate(24 * time.Hour).Add(-12 * time.Hour)
	w.recorder.Record(camera, noon, n, func(i int) []byte { return []byte{byte(i)} })
	w.logHour(camera, noon)
	return canonical.Day(noon.Format(time.DateOnly))
}

func (w *world) logHour(camera city.Slug, start time.Time) {
	w.t.Helper()
	c, err := w.recorder.Store.Camera(camera)
	w.must(err)
	h := root.Hour{Domain: w.Roster.Domain, Camera: camera, Hour: start}
	var leaves []root.Hash
	for _, e := range c.Entries(start, start.Add(time.Hour)) {
		leaves = append(leaves, e.Hash)
	}
	h.Count, h.Root = uint64(len(leaves)), root.Of(leaves)
	signature, err := h.Sign(w.recorder.Signer)
	w.must(err)
	_, err = w.log.Append(w.t.Context(), &entry.Segments{
		Camera: camera, Count: int64(h.Count), Domain: h.Domain, Hour: canonical.At(start), Recorder: []byte(w.recorder.Signer.Public()), Root: h.Root, Signature: signature,
	})
	w.must(err)
	size, err := w.log.State(w.t.Context())
	w.must(err)
	for end := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		if s, err := w.log.State(w.t.Context()); err != nil || s.Public >= size.Size || time.Now().After(end) {
			w.must(err)
			return
		}
	}
}

// audited are the segments in an audit file, by sequence.
func audited(t *testing.T, file []byte, body share.Body) map[uint64]city.Slug {
	t.Helper()
	f, err := token.Open(bytes.NewReader(file), token.Audit)
	if err != nil {
		t.Fatal(err)
	}
	found := map[uint64]city.Slug{}
	for {
		tag, b, err := f.Next()
		if errors.Is(err, io.EOF) {
			return found
		}
		if err != nil {
			t.Fatal(err)
		}
		if tag == token.Record {
			h, _, err := token.Unpack(b, body)
			if err != nil {
				t.Fatal(err)
			}
			found[h.Sequence] = h.Camera
		}
	}
}

func TestAnAuditPicksWhatNobodyChose(t *testing.T) {
	w := newWorld(t)
	day := w.yesterday("tower", 40)
	file := func(body share.Body, day canonical.Day, n int) ([]byte, error) {
		var b bytes.Buffer
		_, err := w.docket.AuditFile(t.Context(), body, day, n, &b)
		return b.Bytes(), err
	}
	first, err := file(share.Court, day, 10)
	w.must(err)
	picked := audited(t, first, share.Court)
	if len(picked) != 10 {
		t.Fatalf("%d segments", len(picked))
	}
	// More entries, and more segments, change nothing any more.
	w.submitted()
	w.yesterdayGrows()
	second, err := file(share.Court, day, 10)
	w.must(err)
	for sequence := range audited(t, second, share.Court) {
		if _, ok := picked[sequence]; !ok {
			t.Errorf("segment %d is picked the second time only", sequence)
		}
	}
	others, err := file(share.Ombudsman, day, 10)
	w.must(err)
	same := 0
	for sequence := range audited(t, others, share.Ombudsman) {
		if _, ok := picked[sequence]; ok {
			same++
		}
	}
	if same == 10 {
		t.Error("both bodies audit the same segments")
	}
	// A body's device takes it, and its answer goes to the log once.
	var answer bytes.Buffer
	_, found, err := w.devices[share.Court].Audit(bytes.NewReader(second), &answer)
	if err != nil || len(found) != 0 {
		t.Fatalf("%v, %v", found, err)
	}
	for range 2 {
		e, err := w.docket.Audited(t.Context(), bytes.NewReader(answer.Bytes()))
		if err != nil || e.Checked != 10 || e.Wrong != 0 {
			t.Errorf("%+v, %v", e, err)
		}
	}
	_, err = file(share.Court, canonical.Day(time.Now().UTC().Format(time.DateOnly)), 10)
	fails(t, err, city.Conflict, "is not over")
	_, err = file(share.Court, canonical.Day(time.Now().UTC().AddDate(0, 0, -20).Format(time.DateOnly)), 10)
	fails(t, err, city.NotFound, "was kept")
	_, err = file(share.Court, day, 0)
	fails(t, err, city.Invalid, "1 to 1000")
	_, err = w.docket.Audited(t.Context(), bytes.NewReader(w.approve(share.Court, w.request(w.submitted(), share.Court))))
	fails(t, err, city.Invalid, "no answer to an audit")
	w.recorder.Now = time.Now().Add(48 * time.Hour)
	w.must(w.recorder.Store.Tend())
	_, err = file(share.Court, day, 10)
	fails(t, err, city.NotFound, "audit sooner")
}

// yesterdayGrows records more of the day, of which the log tells too late.
func (w *world) yesterdayGrows() {
	w.t.Helper()
	late := time.Now().UTC().Truncate(24 * time.Hour).Add(-2 * time.Hour)
	w.recorder.Record("late", late, 40, func(i int) []byte { return []byte{byte(i)} })
	w.logHour("late", late)
}

// TestAnAuditFindsSharesThatNobodyCouldOpen: of a recorder that seals to another key.
func TestAnAuditFindsSharesThatNobodyCouldOpen(t *testing.T) {
	w := newWorld(t)
	honest := w.recorder.Keys
	noon := time.Now().UTC().Truncate(24 * time.Hour).Add(-12 * time.Hour)
	other, err := share.Kem().GenerateKey()
	w.must(err)
	swapped := keySource{}
	for _, body := range share.Bodies {
		key, err := honest.Key(t.Context(), body, "short", share.Day(noon))
		w.must(err)
		if body == share.Court {
			key, err = share.NewEpochKey(body, "short", share.Day(noon), other.PublicKey().Bytes())
			w.must(err)
		}
		swapped[string(body)+"short"+share.Day(noon)] = key
	}
	w.recorder.Keys = swapped
	day := w.yesterday("tower", 20)
	var b, answer bytes.Buffer
	_, err = w.docket.AuditFile(t.Context(), share.Court, day, 5, &b)
	w.must(err)
	_, found, err := w.devices[share.Court].Audit(bytes.NewReader(b.Bytes()), &answer)
	if err != nil || len(found) != 5 || found[0].Camera != "tower" || found[0].State != token.NoKey {
		t.Fatalf("%+v, %v", found, err)
	}
	if e, err := w.docket.Audited(t.Context(), &answer); err != nil || e.Wrong != 5 {
		t.Errorf("%+v, %v", e, err)
	}
}
