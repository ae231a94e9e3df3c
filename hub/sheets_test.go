package hub

import (
	"os"
	"path/filepath"
	"testing"

	"polity/city"
	"polity/console"
)

// TestTheKeyOfSheetsStays over restarts, is for the hub alone, and damage is told.
func TestTheKeyOfSheetsStays(t *testing.T) {
	h := &Hub{cfg: Config{City: "Åbo by the sea", Data: t.TempDir()}}
	var first, again console.Config
	if err := h.openSheets(&first); err != nil {
		t.Fatal(err)
	}
	if err := h.openSheets(&again); err != nil || again.Sheets.Public != first.Sheets.Public || first.Sheets.Signer.Name() != "bo-by-the-sea/switching-sheets" {
		t.Errorf("%+v, %+v, %v", first.Sheets, again.Sheets, err)
	}
	path := filepath.Join(h.cfg.Data, sheetsFile)
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	if err := os.WriteFile(path, []byte("PRIVATE+KEY+x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := h.openSheets(&again); city.KindOf(err) != city.Invalid {
		t.Errorf("a damaged key: %v", err)
	}
}
