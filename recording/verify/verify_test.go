package verify_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"polity/city"
	"polity/recording/disk"
	"polity/recording/recorder"
	"polity/recording/recordtest"
	"polity/recording/root"
	"polity/recording/segment"
	"polity/recording/store"
	"polity/recording/verify"
)

var (
	start = time.Date(2026, 12, 1, 13, 59, 0, 0, time.UTC)
	key   = recordtest.Recorder(1)
	trust = segment.Recorders(key.Public())
)

// record fills a folder with three sparse hours of a camera, and returns the hours that the
// store hands on.
func record(t *testing.T, dir string) (hours []root.Hour) {
	t.Helper()
	folder, err := disk.OpenFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer folder.Close()
	now := start
	s, err := store.Open(store.Config{
		Disk: folder, Domain: "city.example", Signer: key, Trust: trust, Now: func() time.Time { return now },
		Hour: func(h root.Hour) error { hours = append(hours, h); return nil },
	})
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
	for _, from := range []time.Duration{0, 20 * time.Minute, 61 * time.Minute, 100 * time.Minute} {
		for part := range time.Duration(4) {
			for _, u := range recordtest.Film("h264.mp4", start.Add(from+part*4*time.Second)) {
				u.PTS += from + part*4*time.Second
				r.Add(t.Context(), u)
			}
		}
	}
	now = start.Add(4 * time.Hour)
	r.Stop(segment.Refused, now)
	if err := s.Tend(); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return hours
}

func TestAFolderIsCheckedWithoutAnyKey(t *testing.T) {
	dir := t.TempDir()
	hours := record(t, dir)
	told := 0
	cameras, err := verify.Files([]string{dir}, trust, func(done, all int) { told = done * 100 / all })
	if err != nil || len(cameras) != 1 || told != 100 {
		t.Fatalf("%d cameras, %v", len(cameras), err)
	}
	c := cameras[0]
	if c.Camera != "square" || c.Segments != 12 || len(c.Gaps) != 3 || !c.From.Equal(start) {
		t.Errorf("found %+v", c)
	}
	if len(c.Hours) != 1 || !slices.Contains(hours, c.Hours[0]) {
		t.Errorf("hours %+v, handed on were %+v", c.Hours, hours)
	}
}

func TestWhatIsWrongIsNamed(t *testing.T) {
	dir := t.TempDir()
	record(t, dir)
	files, err := filepath.Glob(filepath.Join(dir, "square", "*", "*.seg"))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		harm func() error
		want string
	}{
		"taken away": {func() error { return os.Remove(files[4]) }, "segment 5 is missing"},
		"changed": {func() error {
			b, err := os.ReadFile(files[4])
			if err == nil {
				b[len(b)/2] ^= 1
				err = os.WriteFile(files[4], b, 0o600)
			}
			return err
		}, "is damaged"},
		"there twice": {func() error {
			b, err := os.ReadFile(files[3])
			if err == nil {
				err = os.WriteFile(files[4], b, 0o600)
			}
			return err
		}, "there twice"},
	} {
		before, err := os.ReadFile(files[4])
		if err != nil {
			t.Fatal(err)
		}
		if err := c.harm(); err != nil {
			t.Fatal(err)
		}
		if _, err := verify.Files([]string{dir}, trust, nil); err == nil || !strings.Contains(err.Error(), c.want) || city.KindOf(err) != city.Invalid {
			t.Errorf("%s: %v", name, err)
		}
		if err := os.WriteFile(files[4], before, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := verify.Files([]string{t.TempDir()}, trust, nil); city.KindOf(err) != city.NotFound {
		t.Errorf("an empty folder: %v", err)
	}
	if _, err := verify.Files([]string{filepath.Join(dir, "none")}, trust, nil); city.KindOf(err) != city.NotFound {
		t.Errorf("no folder: %v", err)
	}
}
