//go:build cgo

package main

import (
	"context"
	"errors"
	"io"

	"github.com/paulmach/orb"
	"github.com/paulmach/osm"
)

// With cgo the reader of extracts would want zlib's C headers, which a machine that
// runs Polity's tests need not have.
func read(context.Context, io.Reader) (*osm.OSM, orb.Bound, error) {
	return nil, orb.Bound{}, errors.New("this was built with cgo: run it as 'CGO_ENABLED=0 go run ./demo/helsinki/trim'")
}
