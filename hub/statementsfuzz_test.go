package hub

import (
	"bytes"
	"crypto/ed25519"
	"log/slog"
	"testing"
	"time"

	"polity/city"
	"polity/hub/entries"
	"polity/ledger/canonical"
	"polity/ledger/entry"
	"polity/ledger/log"
	"polity/ledger/log/logtest"
	"polity/recording/recordtest"
	"polity/register"
	"polity/release/token"
)

// FuzzHandIn: whatever a stranger sends, each entry that is in the log afterwards was signed
// by a device of the roster, or by the recorder that its camera's register entry names.
func FuzzHandIn(f *testing.F) {
	town := logtest.New(f, f.TempDir())
	recorder := recordtest.Recorder(1)
	h := &Hub{log: slog.New(slog.DiscardHandler), now: time.Now, cameras: map[city.Slug]*camera{
		"square": {name: "square", entry: &register.Signed{Entry: register.Entry{Camera: "square", Recorder: []byte(recorder.Public())}}},
		"park":   {name: "park", entry: &register.Signed{Entry: register.Entry{Camera: "park"}}},
	}}
	l := &ledger{hub: h, roster: town.Roster, index: entries.NewIndex(), wake: make(chan struct{}, 1), told: map[string]bool{}}
	l.index.Cameras["square"] = &entries.Registration{Registration: entry.Registration{Recorder: []byte(recorder.Public())}}
	h.ledger = l
	town.Config.Names = l.registered
	var err error
	if l.log, err = log.Open(town.Config); err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() {
		if err := l.log.Close(); err != nil {
			f.Error(err)
		}
	})
	var seen int64
	sign := func(e entry.Signed, key ed25519.PrivateKey) []byte {
		if err := entry.Sign(e, key); err != nil {
			f.Fatal(err)
		}
		text, err := entry.Encode(e)
		if err != nil {
			f.Fatal(err)
		}
		return text
	}
	hour := func(camera city.Slug, by byte) []byte {
		key := recordtest.Recorder(by)
		return sign(&entry.Segments{Camera: camera, Domain: "helsinki.example", Hour: "2026-12-01T14:00:00Z", Recorder: []byte(key.Public())}, ed25519.PrivateKey(key))
	}
	refusal := func(device city.Slug, by city.Slug) []byte {
		return sign(&entry.ReleaseRefused{At: "2026-12-01T14:00:00Z", Body: "court", Device: device, Reason: "other", Token: canonical.Sum("test", nil)}, town.Devices[by].Key)
	}
	alarm, err := entry.Encode(&entry.Alarm{At: "2026-12-01T14:00:00Z", What: "clock"})
	if err != nil {
		f.Fatal(err)
	}
	list := [][]byte{hour("square", 1), hour("square", 2), hour("park", 1), refusal("court-1", "court-1"), refusal("court-1", "ombudsman-1"), refusal("police-1", "police-1"), alarm}
	for _, text := range list {
		f.Add(text)
	}
	f.Add(bytes.Join(list, []byte("\n")))
	var file bytes.Buffer
	w := token.Create(&file, token.Statements)
	for _, text := range list {
		if err := w.Add(token.Entry, text); err != nil {
			f.Fatal(err)
		}
	}
	if _, err := w.Close(); err != nil {
		f.Fatal(err)
	}
	f.Add(file.Bytes())
	api := &handIn{h: h}
	f.Fuzz(func(t *testing.T, body []byte) {
		answer, err := api.take(t.Context(), bytes.NewReader(body), func() {})
		logged := 0
		for _, one := range answer.Entries {
			if (one.Index == nil) == (one.Refused == "") {
				t.Fatalf("neither in the log nor refused: %+v, %v", one, err)
			}
			if one.Index != nil {
				logged++
			}
		}
		if logged != answer.Logged || len(answer.Entries)-logged != answer.Refused {
			t.Fatalf("counts do not fit: %+v", answer)
		}
		next, err := l.log.Entries(t.Context(), seen, func(index int64, data []byte) error {
			e, err := entry.Decode(data)
			if err != nil {
				t.Fatalf("entry %d: %v", index, err)
			}
			s, ok := e.(entry.Signed)
			if !ok || entry.Verify(s, &town.Roster.Roster) != nil {
				t.Fatalf("nobody of the roster signed entry %d, %.200s", index, data)
			}
			if x, ok := e.(*entry.Segments); ok && (x.Camera != "square" || !bytes.Equal(x.Recorder, recorder.Public())) {
				t.Fatalf("entry %d is of a recorder that is not registered", index)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		seen = next
	})
}
