package mirror_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"polity/city"
	"polity/recording/disk/disktest"
	"polity/recording/mirror"
	"polity/recording/recorder"
	"polity/recording/recordtest"
	"polity/recording/segment"
	"polity/recording/store"
)

var (
	start = time.Date(2026, 12, 1, 14, 30, 0, 0, time.UTC)
	key   = recordtest.Recorder(1)
	trust = segment.Recorders(key.Public())
)

// recorded returns a store with the segments of a minute.
func recorded(t *testing.T) (*store.Store, *disktest.Disk) {
	t.Helper()
	d := disktest.New()
	s, err := store.Open(store.Config{Disk: d, Domain: "city.example", Signer: key, Trust: trust, Now: func() time.Time { return start.Add(time.Minute) }})
	if err != nil {
		t.Fatal(err)
	}
	c, err := s.Camera("square")
	if err != nil {
		t.Fatal(err)
	}
	r, err := recorder.New(recorder.Config{Domain: "city.example", Camera: "square", Class: "street", Keys: &recordtest.Bodies{}, Signer: key, Place: recorder.Local(c)})
	if err != nil {
		t.Fatal(err)
	}
	for part := range 15 {
		at := time.Duration(part) * 4 * time.Second
		for _, u := range recordtest.Film("h264.mp4", start.Add(at)) {
			u.PTS += at
			r.Add(t.Context(), u)
		}
	}
	r.Stop(segment.Refused, start.Add(time.Minute))
	return s, d
}

// place is one to be tried: it can fail, and what is in it can be seen and cut short.
type place struct {
	mirror.Place

	failAfter func(puts int)
	content   func() map[string][]byte
	cut       func(name string)
}

func places(t *testing.T) map[string]place {
	t.Helper()
	d := disktest.New()
	srv, address := newServer(t)
	s3, err := mirror.NewS3(mirror.S3Config{Address: address, Bucket: "recordings", Prefix: "city/", User: "polity", Secret: "correct horse"})
	if err != nil {
		t.Fatal(err)
	}
	return map[string]place{
		"folder": {
			Place: mirror.Folder{Disk: d},
			failAfter: func(n int) {
				d.Fail = func(op, _ string) error {
					if op == "write" {
						if n--; n < 0 {
							return errors.New("no more")
						}
					}
					return nil
				}
			},
			content: func() map[string][]byte {
				d.Fail = nil
				all := map[string][]byte{}
				for _, name := range d.Names() {
					f, err := d.Open(name)
					if err != nil {
						t.Fatal(err)
					}
					if all[name], err = io.ReadAll(io.NewSectionReader(f, 0, f.Size())); err != nil {
						t.Fatal(err)
					}
				}
				return all
			},
			cut: func(name string) { d.Change(name, func(b []byte) []byte { return b[:100] }) },
		},
		"s3": {
			Place:     s3,
			failAfter: func(n int) { srv.refuse = func(int) bool { n--; return n < 0 } },
			content: func() map[string][]byte {
				srv.refuse = nil
				all := map[string][]byte{}
				for name, b := range srv.objects {
					all[strings.TrimPrefix(name, "city/")] = b
				}
				return all
			},
			cut: func(name string) { srv.objects["city/"+name] = srv.objects["city/"+name][:100] },
		},
	}
}

func TestEverythingIsCopiedThroughInterruptions(t *testing.T) {
	for name, p := range places(t) {
		s, d := recorded(t)
		now := start.Add(time.Minute)
		m := &mirror.Mirror{Store: s, Place: p, Keep: func(city.Slug) time.Duration { return 72 * time.Hour }, Now: func() time.Time { return now }}
		p.failAfter(3)
		r, err := m.Run(t.Context())
		if err == nil || r.Copied == 0 || r.Copied == 10 {
			t.Fatalf("%s: interrupted after %d: %v", name, r.Copied, err)
		}
		before := r.Copied
		p.content()
		if r, err = m.Run(t.Context()); err != nil || r.Copied != 10-before {
			t.Fatalf("%s: went on with %d of %d, %v", name, r.Copied, 10-before, err)
		}
		c, err := s.Camera("square")
		if err != nil {
			t.Fatal(err)
		}
		entries := c.Entries(start, now)
		content := p.content()
		if len(content) != len(entries) {
			t.Errorf("%s: %d files of %d", name, len(content), len(entries))
		}
		for _, e := range entries {
			b := content["square/"+e.Name()]
			if got, err := segment.Scan(bytes.NewReader(b), int64(len(b)), trust); err != nil || got.Hash != e.Hash {
				t.Errorf("%s: segment %d: %v", name, e.Sequence, err)
			}
		}
		p.cut("square/" + entries[2].Name())
		if r, err := m.Run(t.Context()); err != nil || r.Copied != 1 {
			t.Errorf("%s: a copy that was cut short was copied %d times, %v", name, r.Copied, err)
		}
		if err := d.Remove("square/" + entries[0].Name()); err != nil { // for want of space here, say
			t.Fatal(err)
		}
		now = start.Add(72*time.Hour + 33*time.Second)
		if r, err := m.Run(t.Context()); err != nil || r.Removed != 3 || r.Copied != 0 || len(p.content()) != 7 {
			t.Errorf("%s: %+v, %d are left, %v", name, r, len(p.content()), err)
		}
	}
}

func TestS3RefusalsAreToldWithoutTheSecret(t *testing.T) {
	_, address := newServer(t)
	s, _ := recorded(t)
	for name, cfg := range map[string]mirror.S3Config{
		"another user": {Address: address, Bucket: "recordings", User: "stranger", Secret: "correct horse"},
		"no bucket":    {Address: address, Bucket: "nothing", User: "polity", Secret: "correct horse"},
		"nobody there": {Address: "http://127.0.0.1:1", Bucket: "recordings", User: "polity", Secret: "correct horse"},
	} {
		place, err := mirror.NewS3(cfg)
		if err != nil {
			t.Fatal(err)
		}
		m := &mirror.Mirror{Store: s, Place: place, Keep: func(city.Slug) time.Duration { return time.Hour }, Now: func() time.Time { return start }}
		_, err = m.Run(t.Context())
		if err == nil || !strings.Contains(err.Error(), "camera square") || strings.Contains(err.Error(), "correct horse") {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, cfg := range map[string]mirror.S3Config{
		"no scheme":          {Address: "store.example", Bucket: "b", User: "u", Secret: "s"},
		"password in it":     {Address: "https://u:correct@store.example", Bucket: "b", User: "u", Secret: "s"},
		"folder in it":       {Address: "https://store.example/b", Bucket: "b", User: "u", Secret: "s"},
		"no bucket":          {Address: "https://store.example", User: "u", Secret: "s"},
		"bucket of no shape": {Address: "https://store.example:x", Bucket: "b", User: "u", Secret: "s"},
	} {
		if _, err := mirror.NewS3(cfg); city.KindOf(err) != city.Invalid || strings.Contains(err.Error(), "correct") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
