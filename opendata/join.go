package opendata

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
)

// join puts files of one format together, as if their rows had been written into one.
func join(to io.Writer, ending string, parts []string) error {
	out := bufio.NewWriter(to)
	features := 0
	for i, name := range parts {
		if err := joinOne(out, ending, name, i == 0, &features); err != nil {
			return err
		}
	}
	if ending == "geojson" {
		switch {
		case len(parts) == 0:
			_, _ = out.WriteString(geoHead + geoTail) // the flush tells
		case features == 0:
			_, _ = out.WriteString(geoTail[1:]) // behind the end of the head's line
		default:
			_, _ = out.WriteString(geoTail)
		}
	}
	return out.Flush()
}

const (
	geoHead = `{"type":"FeatureCollection","features":[`
	geoTail = "\n]}\n"
)

// joinOne copies a file: all lines but the head of a table that is not the first, and
// the lines with features of a collection.
func joinOne(out *bufio.Writer, ending, name string, first bool, features *int) (err error) {
	f, err := os.Open(name) //nolint:gosec // of the archive
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	in := bufio.NewReaderSize(f, 64<<10)
	head, err := in.ReadBytes('\n')
	if err != nil {
		return err
	}
	if first {
		if _, err := out.Write(head); err != nil {
			return err
		}
	}
	if ending == "csv" {
		_, err := in.WriteTo(out)
		return err
	}
	for {
		line, err := in.ReadBytes('\n')
		if errors.Is(err, io.EOF) || bytes.Equal(line, []byte("]}\n")) {
			return nil
		}
		if err != nil {
			return err
		}
		line = bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte(","))
		if *features > 0 {
			line = append([]byte(",\n"), line...)
		}
		*features++
		if _, err := out.Write(line); err != nil {
			return err
		}
	}
}
