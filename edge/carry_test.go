package edge

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"polity/camera/uplink"
	"polity/city"
	"polity/ledger/canonical"
	"polity/ledger/entry"
)

// carried is a carry whose store and hub a test plays.
type carried struct {
	*carry

	t     *testing.T
	sent  []string // ids
	up    bool
	empty bool // the hub has all that was sent
	full  bool // the store takes nothing
}

func newCarried(t *testing.T, dir string) *carried {
	t.Helper()
	c := &carried{carry: newCarry(dir), t: t}
	c.carry.send = func(_ context.Context, _ city.Slug, body []byte) error {
		if c.full {
			return errors.New("full")
		}
		c.sent = append(c.sent, entry.ID(body).String())
		return nil
	}
	c.carry.quiet = func(context.Context) bool { return c.up && c.empty }
	c.carry.up = func() bool { return c.up }
	return c
}

func (c *carried) round() {
	c.t.Helper()
	if err := c.scan(); err != nil {
		c.t.Fatal(err)
	}
	if err := c.sendDue(c.t.Context()); err != nil && !c.full {
		c.t.Fatal(err)
	}
}

func (c *carried) left() []string {
	c.t.Helper()
	files, err := filepath.Glob(filepath.Join(c.dir, "*"))
	if err != nil {
		c.t.Fatal(err)
	}
	return files
}

func stopAt(hour int) *entry.Alarm {
	return &entry.Alarm{At: canonical.At(time.Date(2026, 12, 1, hour, 0, 0, 0, time.UTC)), Camera: "square", Edge: "edge-1", What: "recording-stopped"}
}

func logged(t *testing.T, e entry.Entry, index int64, reason uplink.Unlogged) []byte {
	t.Helper()
	body, err := entry.Encode(e)
	if err != nil {
		t.Fatal(err)
	}
	return uplink.Encode(uplink.Logged{Entry: [32]byte(entry.ID(body)), Index: index, Reason: reason})
}

// TestAStatementStaysUntilTheLogHasIt: days without a line, restarts in between, answers
// that are lost; each goes once as long as nothing was lost, and none goes from the disk
// before the hub has said that it is in the log.
func TestAStatementStaysUntilTheLogHasIt(t *testing.T) {
	dir := t.TempDir()
	c := newCarried(t, dir)
	for hour := range 3 {
		if err := c.put("hour-"+string(rune('0'+hour))+statementSuffix, stopAt(hour)); err != nil {
			t.Fatal(err)
		}
		c.round()
		c.round()
	}
	if len(c.sent) != 3 || len(c.left()) != 3 {
		t.Fatalf("sent %d, left %d", len(c.sent), len(c.left()))
	}

	c = newCarried(t, dir) // a restart without a line, then a line over which they come
	c.round()
	c.up = true
	c.round()
	if len(c.sent) != 0 {
		t.Fatal("what may be under way was sent again")
	}
	c.hear("square", logged(t, stopAt(1), 7, 0))
	c.hear("square", logged(t, stopAt(0), 0, uplink.OtherRecorder))
	c.hear("square", logged(t, stopAt(9), 8, 0)) // of nobody
	if n, refused := c.waiting(); n != 2 || refused[uplink.OtherRecorder] != 1 || len(c.left()) != 2 {
		t.Fatalf("%d wait, %v", n, refused)
	}
	c.empty = true // the answer about the third was lost
	c.round()
	if want := []string{idOf(t, stopAt(2))}; !slices.Equal(c.sent, want) {
		t.Fatalf("sent %v, want %v", c.sent, want)
	}
	c.round()
	c.hear("square", logged(t, stopAt(2), 9, 0))
	c.again = 0
	time.Sleep(time.Millisecond)
	c.round() // the refused one is tried again
	if want := []string{idOf(t, stopAt(2)), idOf(t, stopAt(0))}; !slices.Equal(c.sent, want) {
		t.Fatalf("sent %v, want %v", c.sent, want)
	}
	c.hear("square", logged(t, stopAt(0), 10, 0))
	if n, refused := c.waiting(); n != 0 || len(refused) != 0 || len(c.left()) != 0 {
		t.Fatalf("%d are left", n)
	}
}

func idOf(t *testing.T, e entry.Entry) string {
	t.Helper()
	body, err := entry.Encode(e)
	if err != nil {
		t.Fatal(err)
	}
	return entry.ID(body).String()
}

// TestADiskThatTakesNothingLosesNoStatement: it is told from memory, and written when the
// disk takes it again.
func TestADiskThatTakesNothingLosesNoStatement(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "gone")
	c := newCarried(t, dir)
	c.full = true
	if err := c.put("full.entry", stopAt(1)); err == nil {
		t.Fatal("nobody was told that it is not on disk")
	}
	if n, _ := c.waiting(); n != 1 {
		t.Fatal("it is lost")
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	c.round()
	c.full = false
	c.round()
	if len(c.sent) != 1 || len(c.left()) != 1 {
		t.Fatalf("sent %v, left %v", c.sent, c.left())
	}
}

func TestWhatIsNoStatementStays(t *testing.T) {
	c := newCarried(t, t.TempDir())
	for name, text := range map[string]string{"cut.entry": `{"at":"2026-`, "empty.entry": "", "retention.entry": `{"type":"retention"}`, "note.txt": "x"} {
		if err := os.WriteFile(filepath.Join(c.dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c.up, c.empty = true, true
	c.round()
	c.round()
	if len(c.sent) != 0 || len(c.left()) != 4 {
		t.Fatalf("sent %v, left %v", c.sent, c.left())
	}
}
