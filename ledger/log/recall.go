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
	"polity/ledger/proof"
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

// treeState is what tessera keeps of the tree's size and root, on disk before any
// checkpoint is signed.
type treeState struct {
	Size int64     `json:"size"`
	Root tlog.Hash `json:"-"`
	Raw  []byte    `json:"root"`
}

func readState(dir string) (*treeState, error) {
	data, err := os.ReadFile(filepath.Join(dir, ".state", "treeState")) //nolint:gosec // the operator's folder
	if errors.Is(err, fs.ErrNotExist) {
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
// the folder against its own root and checkpoint: what would be signed next must
// continue what was.
func recall(dir string, r *roster.Signed) (map[short]int64, error) {
	state, err := readState(dir)
	if err != nil {
		return nil, err
	}
	known := make(map[short]int64, state.Size)
	public, err := own(dir, r)
	if err != nil && city.KindOf(err) != city.NotFound {
		return nil, err
	}
	if public != nil && public.Size > state.Size {
		return nil, city.Errorf(city.Invalid, "the log has %d entries on disk and published %d: its folder is from an older backup or damaged. Do not go on with it; fetch the missing entries from a monitor's copy", state.Size, public.Size)
	}
	var tree proof.Peaks
	for tree.N() < state.Size {
		t := tlog.Tile{H: 8, N: tree.N() / 256, W: int(min(state.Size-tree.N(), 256))}
		hashes, err := leaves(dir, t)
		if err != nil {
			return nil, err
		}
		for _, h := range hashes {
			known[short(h[:16])] = tree.N()
			tree.Add(h)
			if public != nil && tree.N() == public.Size && tree.Root() != public.Root {
				return nil, city.Errorf(city.Invalid, "the log's first %d entries do not add up to its public checkpoint: the folder was changed. 'polity verify log' says where", public.Size)
			}
		}
	}
	if state.Size > 0 && tree.Root() != state.Root {
		return nil, city.Errorf(city.Invalid, "the log's %d entries do not add up to its state: the folder was changed. 'polity verify log' says where", state.Size)
	}
	return known, nil
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
