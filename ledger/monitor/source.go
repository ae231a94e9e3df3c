package monitor

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"polity/city"
	"polity/ledger/entry"
	"polity/ledger/witness"
)

// Bounds on answers of machines that nobody has to trust.
const (
	askTime    = 20 * time.Second
	maxBundle  = 256 * (2 + entry.MaxRoster)
	maxTile    = 256 * tlog.HashSize
	bundleSize = 256
	tileHeight = 8
)

// source asks a log, a witness or another monitor. Redirects are not followed.
type source struct {
	base   string
	client *http.Client
}

func newSource(address string) *source {
	return &source{strings.TrimSuffix(address, "/"), &http.Client{
		Timeout:       askTime,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport:     &http.Transport{MaxResponseHeaderBytes: 64 << 10, ResponseHeaderTimeout: askTime, IdleConnTimeout: time.Minute, MaxIdleConnsPerHost: 2, DisableCompression: true},
	}}
}

// get reads an answer of at most most bytes. The error is of kind NotFound for 404, else
// Unavailable or TooLarge.
func (s *source) get(ctx context.Context, path string, most int64) ([]byte, error) {
	address := s.base + "/" + path
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, city.Errorf(city.Unavailable, "%w", err)
	}
	resp, err := s.client.Do(req)
	if err != nil {
		if inner, ok := errors.AsType[*url.Error](err); ok {
			err = inner.Err
		}
		return nil, city.Errorf(city.Unavailable, "%s cannot be reached: %w", s.base, err)
	}
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusOK:
	case http.StatusNotFound:
		return nil, city.Errorf(city.NotFound, "%s is not there", address)
	default:
		return nil, city.Errorf(city.Unavailable, "%s answers %d", address, resp.StatusCode)
	}
	data, err := io.ReadAll(io.LimitReader(resp.Body, most+1))
	if err != nil {
		return nil, city.Errorf(city.Unavailable, "%s: %w", address, err)
	}
	if int64(len(data)) > most {
		return nil, city.Errorf(city.TooLarge, "%s has more than %d bytes", address, most)
	}
	return data, nil
}

func (s *source) checkpoint(ctx context.Context) ([]byte, error) {
	return s.get(ctx, "checkpoint", witness.MaxCheckpoint)
}

// bundle returns the entries of bundle n of a tree of a size (C2SP tlog-tiles). The full
// bundle is asked for where a partial one is gone.
func (s *source) bundle(ctx context.Context, n, size int64) ([][]byte, error) {
	want := min(bundleSize, size-n*bundleSize)
	path := "tile/entries/" + number(n)
	data, err := []byte(nil), error(nil)
	if want < bundleSize {
		data, err = s.get(ctx, fmt.Sprintf("%s.p/%d", path, want), maxBundle)
	}
	if want == bundleSize || city.KindOf(err) == city.NotFound && err != nil {
		data, err = s.get(ctx, path, maxBundle)
	}
	if err != nil {
		return nil, err
	}
	entries, err := split(data)
	if err != nil {
		return nil, err
	}
	if int64(len(entries)) < want {
		return nil, city.Errorf(city.Invalid, "bundle %d has %d entries; the checkpoint promises %d", n, len(entries), want)
	}
	return entries[:want], nil
}

// split takes a bundle of entries apart, each behind its length in 2 bytes.
func split(data []byte) (entries [][]byte, err error) {
	for len(data) > 0 {
		if len(data) < 2 {
			return nil, city.Errorf(city.Invalid, "a bundle of entries is cut off")
		}
		n := int(binary.BigEndian.Uint16(data))
		if len(data) < 2+n {
			return nil, city.Errorf(city.Invalid, "a bundle of entries is cut off")
		}
		if len(entries) == bundleSize {
			return nil, city.Errorf(city.Invalid, "a bundle has more than %d entries", bundleSize)
		}
		entries = append(entries, data[2:2+n])
		data = data[2+n:]
	}
	return entries, nil
}

// tile returns a tile of hashes.
func (s *source) tile(ctx context.Context, t tlog.Tile) ([]byte, error) {
	path := fmt.Sprintf("tile/%d/%s", t.L, number(t.N))
	data, err := []byte(nil), error(nil)
	if t.W < 1<<tileHeight {
		data, err = s.get(ctx, fmt.Sprintf("%s.p/%d", path, t.W), maxTile)
	}
	if t.W == 1<<tileHeight || city.KindOf(err) == city.NotFound && err != nil {
		data, err = s.get(ctx, path, maxTile)
	}
	if err != nil {
		return nil, err
	}
	if len(data) < t.W*tlog.HashSize {
		return nil, city.Errorf(city.Invalid, "tile %s is cut off", path)
	}
	return data[:t.W*tlog.HashSize], nil
}

// number writes the number of a tile: x001/x234/067 for 1234067.
func number(n int64) string {
	s := fmt.Sprintf("%03d", n%1000)
	for n >= 1000 {
		n /= 1000
		s = fmt.Sprintf("x%03d/%s", n%1000, s)
	}
	return s
}

// tiles reads a log's own tree of hashes, against its root: tlog.TileHashReader checks
// each against the checkpoint.
type tiles struct {
	ctx context.Context
	*source
}

func (tiles) Height() int                     { return tileHeight }
func (tiles) SaveTiles([]tlog.Tile, [][]byte) {}
func (t tiles) ReadTiles(list []tlog.Tile) (out [][]byte, err error) {
	for _, x := range list {
		data, err := t.tile(t.ctx, x)
		if err != nil {
			return nil, err
		}
		out = append(out, data)
	}
	return out, nil
}
