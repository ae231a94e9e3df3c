// Package releasetest is a recorder's disk with sealed segments, for tests of releases.
package releasetest

import (
	"testing"
	"time"

	"polity/city"
	"polity/recording/disk"
	"polity/recording/recordtest"
	"polity/recording/segment"
	"polity/recording/share"
	"polity/recording/store"
)

// Recorder is a recorder's disk with sealed segments, as an edge has it.
type Recorder struct {
	T      testing.TB
	Domain string
	Class  city.Slug
	Keys   share.KeySource
	Store  *store.Store
	Folder *disk.Folder
	Signer segment.Key
	Now    time.Time // by the store's clock: what is older than its class's time goes with Store.Tend
}

// NewRecorder opens a recorder in a folder. Segments are kept for a day.
func NewRecorder(t testing.TB, dir, domain string, keys share.KeySource, now time.Time) *Recorder {
	t.Helper()
	r := &Recorder{T: t, Domain: domain, Class: "short", Keys: keys, Signer: recordtest.Recorder(1), Now: now}
	var err error
	if r.Folder, err = disk.OpenFolder(dir); err != nil {
		t.Fatal(err)
	}
	r.Store, err = store.Open(store.Config{
		Disk: r.Folder, Domain: domain, Keep: map[city.Slug]time.Duration{r.Class: 24 * time.Hour}, Signer: r.Signer,
		Trust: segment.Recorders(r.Signer.Public()), Now: func() time.Time { return r.Now },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Store.Close(); err != nil {
			t.Error(err)
		}
		if err := r.Folder.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// Record seals a camera's segments of six seconds each, one after the other from start
// on; what the i-th holds, film says.
func (r *Recorder) Record(camera city.Slug, start time.Time, n int, film func(i int) []byte) {
	r.T.Helper()
	c, err := r.Store.Camera(camera)
	if err != nil {
		r.T.Fatal(err)
	}
	for i := range n {
		if err := r.seal(c, camera, start.Add(time.Duration(i)*6*time.Second), film(i)); err != nil {
			r.T.Fatal(err)
		}
	}
}

func (r *Recorder) seal(c *store.Camera, camera city.Slug, start time.Time, film []byte) error {
	head, gap := c.Next()
	h := segment.Header{Media: segment.H264, Domain: r.Domain, Camera: camera, Class: r.Class, Sequence: head.Sequence + 1, Previous: head.Hash, Start: start, GapStart: start}
	if gap != nil {
		h.Gap, h.GapStart = gap.Reason, gap.Start
	} else if head.Sequence > 0 && start.Sub(head.End) > segment.Slack {
		h.Gap, h.GapStart = segment.NoPicture, head.End
	}
	var keys [2]share.EpochKey
	for i, body := range share.Bodies {
		var err error
		if keys[i], err = r.Keys.Key(r.T.Context(), body, r.Class, h.Day()); err != nil {
			return err
		}
	}
	p, err := c.Begin()
	if err != nil {
		return err
	}
	w, err := segment.Seal(p, h, keys, r.Signer)
	if err != nil {
		return err
	}
	defer w.Abandon()
	if _, err := w.Write(film); err != nil {
		return err
	}
	if _, err := w.Close(start.Add(6*time.Second), 150); err != nil {
		return err
	}
	_, err = p.Commit()
	return err
}
