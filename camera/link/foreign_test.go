package link

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"polity/camera/wire"
)

// FuzzSpool reads files that a camera process left when the edge was gone: whatever
// is in them, only observations and events come out.
func FuzzSpool(f *testing.F) {
	at := time.Date(2026, 11, 22, 14, 2, 0, 0, time.UTC)
	var b bytes.Buffer
	for _, m := range []wire.Message{
		&wire.Observation{Metric: wire.Occupancy, Start: at, Length: time.Minute}, &wire.Marks{At: at},
		&wire.Event{Kind: wire.Crowding, Start: at},
	} {
		if err := wire.Write(&b, m); err != nil {
			f.Fatal(err)
		}
	}
	f.Add(b.Bytes())
	f.Add(b.Bytes()[:b.Len()-3])
	f.Fuzz(func(t *testing.T, b []byte) {
		path := filepath.Join(t.TempDir(), "spool")
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		stored := 0
		n, _ := readSpool(path, func(m wire.Message) error {
			stored++
			switch m.(type) {
			case *wire.Observation, *wire.Event:
			default:
				t.Errorf("a %T came out of the spool", m)
			}
			return nil
		})
		if n != stored {
			t.Errorf("%d stored, %d counted", stored, n)
		}
	})
}

// FuzzLog hands the edge what a camera process writes as its log.
func FuzzLog(f *testing.F) {
	f.Add([]byte(`{"time":"2026-11-22T14:02:00Z","level":"WARN","msg":"the decoder was started again","error":"x","n":3}` + "\n"))
	f.Add([]byte("panic: runtime error\n\ngoroutine 1 [running]:\n"))
	f.Add([]byte(`{"level":7,"msg":{"a":[1,2]}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var out strings.Builder
		forwardLog(bytes.NewReader(b), slog.New(slog.NewJSONHandler(&out, nil)))
		if lines := strings.Count(out.String(), "\n"); lines > bytes.Count(b, []byte{'\n'})+1 {
			t.Errorf("%d lines of log out of %q", lines, b)
		}
	})
}
