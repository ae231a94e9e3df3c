package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestAHubThatFailsHalfwayLeavesNothing has the last step fail: the configuration is not
// in order.
func TestAHubThatFailsHalfwayLeavesNothing(t *testing.T) {
	for _, there := range []bool{false, true} {
		h := newHub{City: "Helsinki", Host: "hub.city.example", Zone: "UTC", Dir: filepath.Join(t.TempDir(), "hub")}
		if there {
			if err := os.Mkdir(h.Dir, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(h.Dir, "notes"), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := h.fill(); err != nil {
			t.Fatal(err)
		}
		h.Zone = "Mars/Olympus"
		if words, err := h.make(time.Now()); err == nil || words != "" {
			t.Fatalf("made %q, %v", words, err)
		}
		left, err := os.ReadDir(h.Dir)
		if there != (err == nil) || (there && (len(left) != 1 || left[0].Name() != "notes")) {
			t.Errorf("left: %v, %v", left, err)
		}
		h.Zone = "UTC"
		if _, err := h.make(time.Now()); err != nil {
			t.Errorf("the next time: %v", err)
		}
	}
}
