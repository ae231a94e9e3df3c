package proof

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"polity/city"
	"polity/ledger/checkpoint"
)

// Bounds of what a source gives, in bytes.
const (
	tileHeight = 8
	tileWidth  = 1 << tileHeight
	maxTile    = tileWidth * tlog.HashSize
	maxBundle  = tileWidth * (2 + 1<<16)
)

// Source is a copy of a log: files by the paths of C2SP tlog-tiles, such as checkpoint
// and tile/0/000. What it gives is not trusted. An error of kind NotFound says that
// there is no such file; no answer is longer than most bytes.
type Source interface {
	Read(ctx context.Context, path string, most int) ([]byte, error)
}

// Folder is a copy of a log on disk. It is found by its path at each reading, so that a disk
// that comes back is read again.
func Folder(dir string) (Source, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, city.Errorf(city.NotFound, "open the copy of the log: %w", err)
	}
	return folder(dir), root.Close()
}

type folder string

func (f folder) Read(_ context.Context, path string, most int) ([]byte, error) {
	file, err := os.OpenInRoot(string(f), path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, city.Errorf(city.NotFound, "the copy has no file %s", path)
	}
	if err != nil {
		return nil, fmt.Errorf("read the copy of the log: %w", err)
	}
	defer file.Close() //nolint:errcheck // it is only read
	return readAll(file, path, most)
}

func readAll(r io.Reader, path string, most int) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, int64(most)+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	if len(data) > most {
		return nil, city.Errorf(city.TooLarge, "%s has more than %d bytes: it is not what it should be", path, most)
	}
	return data, nil
}

// Web is a log as it is served: address is that of the folder, such as
// https://city.example/log. A nil client is one with a limit of time.
func Web(address string, client *http.Client) (Source, error) {
	u, err := url.Parse(address)
	if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" {
		return nil, city.Errorf(city.Invalid, "the log's address is %q; write one such as https://city.example/log", address)
	}
	if client == nil {
		client = &http.Client{Timeout: 30 * time.Second}
	}
	return web{u, client}, nil
}

type web struct {
	base   *url.URL
	client *http.Client
}

func (w web) Read(ctx context.Context, path string, most int) ([]byte, error) {
	address := w.base.JoinPath(path).String()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, fmt.Errorf("ask for %s: %w", path, err)
	}
	answer, err := w.client.Do(request)
	if err != nil {
		return nil, city.Errorf(city.Unavailable, "the log does not answer: %w", err)
	}
	defer answer.Body.Close() //nolint:errcheck // it is only read
	switch {
	case answer.StatusCode == http.StatusNotFound || answer.StatusCode == http.StatusGone:
		return nil, city.Errorf(city.NotFound, "the log has no %s", path)
	case answer.StatusCode != http.StatusOK:
		return nil, city.Errorf(city.Unavailable, "the log answers %d for %s", answer.StatusCode, path)
	}
	return readAll(answer.Body, path, most)
}

// path is a tile's in C2SP tlog-tiles, from the one that golang.org/x/mod has.
func path(t tlog.Tile) string {
	p := strings.TrimPrefix(t.Path(), fmt.Sprintf("tile/%d/", tileHeight))
	if t.L < 0 {
		return "tile/entries/" + strings.TrimPrefix(p, "data/")
	}
	return "tile/" + p
}

// readTile reads a tile, and where a partial one is gone because the log has grown, the
// beginning of the full one.
func readTile(ctx context.Context, s Source, t tlog.Tile) ([]byte, error) {
	most := maxTile
	if t.L < 0 {
		most = maxBundle
	}
	data, err := s.Read(ctx, path(t), most)
	if err != nil && city.KindOf(err) == city.NotFound && t.W < tileWidth {
		full := t
		full.W = tileWidth
		var other error
		if data, other = s.Read(ctx, path(full), most); other != nil {
			return nil, err
		}
		if t.L >= 0 && len(data) == maxTile {
			return data[:t.W*tlog.HashSize], nil
		}
		return data, nil
	}
	return data, err
}

// tiles lets golang.org/x/mod read hashes; it checks every tile against the tree.
type tiles struct {
	ctx    context.Context //nolint:containedctx // one call of one reader
	source Source
}

func (t tiles) Height() int { return tileHeight }

func (t tiles) ReadTiles(list []tlog.Tile) ([][]byte, error) {
	data := make([][]byte, len(list))
	for i, tile := range list {
		var err error
		if data[i], err = readTile(t.ctx, t.source, tile); err != nil {
			return nil, err
		}
		if len(data[i]) != tile.W*tlog.HashSize {
			return nil, city.Errorf(city.Invalid, "%s has %d bytes; %d hashes have %d", path(tile), len(data[i]), tile.W, tile.W*tlog.HashSize)
		}
	}
	return data, nil
}

func (tiles) SaveTiles([]tlog.Tile, [][]byte) {}

// Hashes reads a tree's hashes from a source, each checked against the tree.
func hashes(ctx context.Context, s Source, tree tlog.Tree) tlog.HashReader {
	return tlog.TileHashReader(tree, tiles{ctx, s})
}

// readCheckpoint reads the newest checkpoint, unchecked.
func readCheckpoint(ctx context.Context, s Source) ([]byte, error) {
	return s.Read(ctx, "checkpoint", checkpoint.MaxSize)
}

// split cuts an entry bundle: each entry has its length in 2 bytes before it.
func split(data []byte, path string) ([][]byte, error) {
	var list [][]byte
	for len(data) > 0 {
		if len(data) < 2 {
			return list, city.Errorf(city.Invalid, "%s is cut off in entry %d", path, len(list))
		}
		n := int(data[0])<<8 | int(data[1])
		if len(data) < 2+n {
			return list, city.Errorf(city.Invalid, "%s is cut off in entry %d", path, len(list))
		}
		list = append(list, data[2:2+n])
		data = data[2+n:]
	}
	return list, nil
}

// readEntry reads the bytes of one entry, unchecked.
func readEntry(ctx context.Context, s Source, index, size int64) ([]byte, error) {
	t := tlog.Tile{H: tileHeight, L: -1, N: index / tileWidth, W: int(min(size-index/tileWidth*tileWidth, tileWidth))}
	data, err := readTile(ctx, s, t)
	if err != nil {
		return nil, err
	}
	list, err := split(data, path(t))
	if i := int(index % tileWidth); i < len(list) {
		return list[i], nil
	}
	if err == nil {
		err = city.Errorf(city.Invalid, "%s has %d entries; entry %d is missing", path(t), len(list), index)
	}
	return nil, err
}
