// Package osmfile reads extracts of OpenStreetMap.
package osmfile

import (
	"context"
	"errors"
	"io"

	"github.com/paulmach/osm"
	"github.com/paulmach/osm/osmpbf"
	"github.com/paulmach/osm/osmxml"

	"polity/city"
)

// Scan calls each with every object of an extract, in the PBF format or as XML, in the
// order of the file. The error is of kind Invalid.
func Scan(ctx context.Context, r io.Reader, xml bool, each func(osm.Object)) error {
	var s osm.Scanner
	if xml {
		s = osmxml.New(ctx, r)
	} else {
		s = osmpbf.New(ctx, r, 1)
	}
	for s.Scan() {
		each(s.Object())
	}
	if err := errors.Join(s.Err(), s.Close()); err != nil {
		return city.Errorf(city.Invalid, "not an OpenStreetMap extract that can be read: %v", err)
	}
	return nil
}
