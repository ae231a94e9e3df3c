package opendata

import (
	"context"
	"encoding/csv"
	"errors"
	"io"
	"os"
	"time"

	"polity/city"
)

var errEnough = errors.New("enough")

// Preview returns the first rows of the newest day, as they stand in its table without
// the head: of the newest that is published, else of today so far.
func (a *Archive) Preview(ctx context.Context, id city.Slug, rows int) (day string, table [][]string, err error) {
	x, err := a.Index(id)
	if err != nil {
		return "", nil, err
	}
	if n := len(x.Days); n > 0 {
		p := &x.Days[n-1]
		table, err = head(p.file(a.dir(id), "csv"), rows)
		return p.Name, table, err
	}
	s, err := a.source(id)
	if err != nil {
		return "", nil, err
	}
	today := a.today()
	err = s.Rows(ctx, today, midnight(today, 1), false, func(r Row) error {
		if len(table) == rows {
			return errEnough
		}
		line := make([]string, len(r.Cells))
		for i, v := range r.Cells {
			text, err := cellText(v)
			if err != nil {
				return err
			}
			line[i] = text
		}
		table = append(table, line)
		return nil
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return today.Format(time.DateOnly), table, err
}

func head(name string, rows int) (table [][]string, err error) {
	f, err := os.Open(name) //nolint:gosec // of the archive
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	in := csv.NewReader(f)
	if _, err := in.Read(); err != nil {
		return nil, err
	}
	for len(table) < rows {
		line, err := in.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		table = append(table, line)
	}
	return table, nil
}
