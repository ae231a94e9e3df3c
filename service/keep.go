package service

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"polity/city"
	"polity/internal/durable"
)

// KeptPath is the file in the service's folder that Save writes.
func (d Deps) KeptPath() string { return filepath.Join(d.Dir, "state.json") }

// Load reads into v what Save kept; with nothing there v stays as it is.
func (d Deps) Load(v any) error {
	text, err := os.ReadFile(d.KeptPath())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return json.Unmarshal(text, v)
}

// Save keeps as JSON what a restart must not forget: after a crash it is the old or the new,
// whole.
func (d Deps) Save(v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(d.Dir, 0o700); err != nil {
		return err
	}
	return durable.WriteFile(d.KeptPath(), text, 0o600)
}

// Moot withdraws a decision, unless somebody has answered it; an empty id is none.
func (d Deps) Moot(ctx context.Context, id, reason string) error {
	if id == "" {
		return nil
	}
	err := d.Decisions.Withdraw(ctx, id, reason)
	if kind := city.KindOf(err); kind == city.Conflict || kind == city.NotFound {
		return nil
	}
	return err
}
