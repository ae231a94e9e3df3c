package log

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/mod/sumdb/tlog"

	"polity/city"
	"polity/ledger/checkpoint"
	"polity/ledger/roster"
)

// published reads the newest public checkpoint.
func published(dir string, r *roster.Signed) (*checkpoint.Checkpoint, error) {
	file, err := read(dir)
	if err != nil {
		return nil, err
	}
	c, err := checkpoint.Open(file, &r.Roster)
	if err != nil {
		return nil, city.Errorf(city.NotFound, "the log has no public checkpoint under roster %d yet: %w", r.Version, err)
	}
	return c, nil
}

// own reads the newest checkpoint that this log signed, whoever cosigned it: witnesses
// change from roster to roster.
func own(dir string, r *roster.Signed) (*checkpoint.Checkpoint, error) {
	file, err := read(dir)
	if err != nil {
		return nil, err
	}
	c, err := checkpoint.OpenUncosigned(file, &r.Roster)
	if err != nil {
		return nil, city.Errorf(city.Invalid, "the log's own checkpoint: %w", err)
	}
	return c, nil
}

func read(dir string) ([]byte, error) {
	file, err := os.ReadFile(filepath.Join(dir, "checkpoint")) //nolint:gosec // the operator's folder
	if errors.Is(err, fs.ErrNotExist) {
		return nil, city.Errorf(city.NotFound, "the log has no public checkpoint yet: a quorum of its witnesses did not answer so far")
	}
	if err != nil {
		return nil, fmt.Errorf("read the log's checkpoint: %w", err)
	}
	return file, nil
}

// treeState is the tree's size and root, on disk before any checkpoint is signed. A state
// of tessera's is read, too.
type treeState struct {
	Size int64     `json:"size"`
	Root tlog.Hash `json:"-"`
	Raw  []byte    `json:"root"`
}

func readState(dir string) (*treeState, error) {
	data, err := os.ReadFile(filepath.Join(dir, ".state", "treeState")) //nolint:gosec // the operator's folder
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Stat(filepath.Join(dir, "tile")); err == nil {
			return nil, city.Errorf(city.Invalid, "the log in %s has entries and no %s: its folder is not whole. Copy the whole folder, with the hidden .state", dir, stateFile)
		}
		return &treeState{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the log's state: %w", err)
	}
	s := &treeState{}
	if err := json.Unmarshal(data, s); err != nil || len(s.Raw) != tlog.HashSize || s.Size < 0 {
		return nil, city.Errorf(city.Invalid, "the log's state is damaged: %s", filepath.Join(dir, ".state", "treeState"))
	}
	copy(s.Root[:], s.Raw)
	return s, nil
}

// recall reads the hashes of all entries, so that the same entry enters once, and holds
// the folder against its own root and checkpoint, and against the tree that was written
// last, if there is one: what would be signed next must continue what was.
func recall(dir string, r *roster.Signed, last *tree) (*tree, map[short]int64, error) {
	state, err := readState(dir)
	if err != nil {
		return nil, nil, err
	}
	if last != nil && last.size() > state.Size {
		return nil, nil, city.Errorf(city.Unavailable, "the log's folder %s has %d entries where %d were written: another disk or an older backup is in its place. Bring back the right one; the log goes on by itself", dir, state.Size, last.size())
	}
	known := make(map[short]int64, state.Size)
	public, err := own(dir, r)
	if err != nil && city.KindOf(err) != city.NotFound {
		return nil, nil, err
	}
	if public != nil && public.Size > state.Size {
		return nil, nil, city.Errorf(city.Invalid, "the log has %d entries on disk and published %d: its folder is from an older backup or damaged. Do not go on with it; fetch the missing entries from a monitor's copy", state.Size, public.Size)
	}
	t := &tree{}
	for t.size() < state.Size {
		hashes, err := leaves(dir, tlog.Tile{H: 8, N: t.size() / tileWidth, W: int(min(state.Size-t.size(), tileWidth))})
		if err != nil {
			return nil, nil, err
		}
		for _, h := range hashes {
			known[shorten(h)] = t.size()
			t.add(h, func(tile) {})
			if public != nil && t.size() == public.Size && t.root() != public.Root {
				return nil, nil, city.Errorf(city.Invalid, "the log's first %d entries do not add up to its public checkpoint: the folder was changed. 'polity verify log' says where", public.Size)
			}
			if last != nil && t.size() == last.size() && t.root() != last.root() {
				return nil, nil, city.Errorf(city.Unavailable, "the log's folder %s holds other entries than were written: another disk is in its place. Bring back the right one; the log goes on by itself", dir)
			}
		}
	}
	if state.Size > 0 && t.root() != state.Root {
		return nil, nil, city.Errorf(city.Invalid, "the log's %d entries do not add up to its state: the folder was changed. 'polity verify log' says where", state.Size)
	}
	return t, known, nil
}

// leaves reads the hashes of up to 256 entries.
func leaves(dir string, t tlog.Tile) ([]tlog.Hash, error) {
	full := t
	full.W = 256
	name := func(t tlog.Tile) string { return filepath.Join(dir, "tile", t.Path()[len("tile/8/"):]) }
	data, err := os.ReadFile(name(t))
	if errors.Is(err, fs.ErrNotExist) && t.W < 256 {
		data, err = os.ReadFile(name(full))
	}
	if err != nil {
		return nil, fmt.Errorf("read the log's hashes: %w", err)
	}
	if len(data) < t.W*tlog.HashSize {
		return nil, city.Errorf(city.Invalid, "the log's file %s is cut off", name(t))
	}
	list := make([]tlog.Hash, t.W)
	for i := range list {
		copy(list[i][:], data[i*tlog.HashSize:])
	}
	return list, nil
}
