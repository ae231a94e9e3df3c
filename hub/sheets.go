package hub

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"polity/city"
	"polity/console"
	"polity/console/power"
	"polity/internal/durable"
	"polity/register"
)

// sheetsFile is where the hub keeps the key by which it signs switching orders on paper,
// with the public half on its second line. It signs nothing else.
const sheetsFile = "sheets.key"

// openSheets reads that key, and makes it at the first start.
func (h *Hub) openSheets(pages *console.Config) error {
	path := filepath.Join(h.cfg.Data, sheetsFile)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		private, public, made := register.NewKey(sheetsName(h.cfg.City))
		if made != nil {
			return made
		}
		text = []byte(private + "\n" + public + "\n")
		err = durable.WriteFile(path, text, 0o600)
	}
	if err != nil {
		return fmt.Errorf("the key of switching sheets: %w", err)
	}
	private, public, _ := strings.Cut(strings.TrimSpace(string(text)), "\n")
	signer, err := note.NewSigner(private)
	verifier, wrong := note.NewVerifier(public)
	if err = errors.Join(err, wrong); err != nil || signer.KeyHash() != verifier.KeyHash() {
		return city.Errorf(city.Invalid, "%s is damaged: restore it from a backup, or move it away; a new key is made then, and sheets of before are checked with the old one's public half", path)
	}
	pages.Sheets = &power.Sheets{Signer: signer, Public: public}
	return nil
}

// sheetsName is the key's name, of letters, digits and hyphens.
func sheetsName(of string) string {
	name := strings.Trim(strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		}
		return '-'
	}, of), "-")
	if name == "" {
		name = "city"
	}
	return name + "/switching-sheets"
}
