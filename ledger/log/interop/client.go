// Package interop reads a public log as somebody else's program would: with
// golang.org/x/mod's code, the C2SP specifications, the log's address and its key, and no
// other package of this project (its test holds that).
package interop

import (
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// Client reads one log, served below an address.
type Client struct {
	Address string // without a slash at its end
	Key     note.Verifier
	HTTP    *http.Client
}

func (c *Client) get(path string) ([]byte, error) {
	answer, err := c.HTTP.Get(c.Address + path) //nolint:noctx // the client has a limit of time
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close() //nolint:errcheck // it is only read
	data, err := io.ReadAll(io.LimitReader(answer.Body, 32<<20))
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", path, answer.Status)
	}
	return data, err
}

// Tree is what the log says of itself, its signature checked (C2SP tlog-checkpoint).
func (c *Client) Tree() (tlog.Tree, error) {
	file, err := c.get("/checkpoint")
	if err != nil {
		return tlog.Tree{}, err
	}
	n, err := note.Open(file, note.VerifierList(c.Key))
	if err != nil {
		return tlog.Tree{}, err
	}
	lines := strings.Split(n.Text, "\n")
	if len(lines) < 4 || lines[0] != c.Key.Name() {
		return tlog.Tree{}, fmt.Errorf("checkpoint %q", n.Text)
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil {
		return tlog.Tree{}, err
	}
	root, err := base64.StdEncoding.DecodeString(lines[2])
	if err != nil || len(root) != tlog.HashSize {
		return tlog.Tree{}, fmt.Errorf("root %q: %w", lines[2], err)
	}
	return tlog.Tree{N: size, Hash: tlog.Hash(root)}, nil
}

// path writes a tile's path as C2SP tlog-tiles says.
func path(level string, n int64, width int) string {
	s := fmt.Sprintf("%03d", n%1000)
	for n >= 1000 {
		n /= 1000
		s = fmt.Sprintf("x%03d/%s", n%1000, s)
	}
	if width != 256 {
		s += fmt.Sprintf(".p/%d", width)
	}
	return "/tile/" + level + "/" + s
}

// Height implements tlog.TileReader.
func (*Client) Height() int { return 8 }

// ReadTiles implements tlog.TileReader.
func (c *Client) ReadTiles(tiles []tlog.Tile) (all [][]byte, err error) {
	for _, t := range tiles {
		data, err := c.get(path(strconv.Itoa(t.L), t.N, t.W))
		if err != nil {
			return nil, err
		}
		all = append(all, data)
	}
	return all, nil
}

// SaveTiles implements tlog.TileReader.
func (*Client) SaveTiles([]tlog.Tile, [][]byte) {}

// Records are all entries of a tree, each proven to be in it.
func (c *Client) Records(tree tlog.Tree) (all [][]byte, err error) {
	hashes := tlog.TileHashReader(tree, c)
	for int64(len(all)) < tree.N {
		start := int64(len(all))
		bundle, err := c.get(path("entries", start/256, int(min(256, tree.N-start))))
		if err != nil {
			return nil, err
		}
		for len(bundle) > 0 {
			if len(bundle) < 2 || len(bundle) < 2+(int(bundle[0])<<8|int(bundle[1])) {
				return nil, fmt.Errorf("the bundle of entry %d is cut off", start)
			}
			n := int(bundle[0])<<8 | int(bundle[1])
			record, index := bundle[2:2+n], int64(len(all))
			bundle = bundle[2+n:]
			proof, err := tlog.ProveRecord(tree.N, index, hashes)
			if err == nil {
				err = tlog.CheckRecord(proof, tree.N, tree.Hash, index, tlog.RecordHash(record))
			}
			if err != nil {
				return nil, fmt.Errorf("entry %d: %w", index, err)
			}
			all = append(all, record)
		}
	}
	return all, nil
}

// Continues checks that a tree only grew from an older one.
func (c *Client) Continues(older, tree tlog.Tree) error {
	proof, err := tlog.ProveTree(tree.N, older.N, tlog.TileHashReader(tree, c))
	if err != nil {
		return err
	}
	return tlog.CheckTree(proof, tree.N, tree.Hash, older.N, older.Hash)
}
