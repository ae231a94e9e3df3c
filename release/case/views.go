package casefile

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"polity/city"
	"polity/internal/durable"
	"polity/ledger/canonical"
)

// View is a line of the log of what was looked at.
type View struct {
	At       canonical.Time `json:"at"`
	Camera   city.Slug      `json:"camera,omitempty"`
	N        int64          `json:"n"`
	Prev     canonical.Hash `json:"prev"`
	Sequence uint64         `json:"sequence,omitempty"`
	Start    int64          `json:"start,omitempty"` // milliseconds since 1970
	What     string         `json:"what"`            // begun, ended, segment, noted, exported
}

// What a view may be.
const (
	Begun    = "begun"
	Ended    = "ended"
	Looked   = "segment"
	Noted    = "noted"
	Exported = "exported"
)

const maxViews = 64 << 20

// Views is the log of a case. It may be used by many goroutines.
type Views struct {
	// Torn says that the last line was cut off by a crash, and taken away.
	Torn bool

	mu   sync.Mutex
	file *os.File
	n    int64
	prev canonical.Hash
	size int64
	now  func() time.Time
}

// ReadViews checks a log's chain for a token and calls each with its lines. What stands
// after the last line feed is torn; whole is the length before it. The error is of kind
// Invalid and names the line.
func ReadViews(r io.Reader, id canonical.Hash, each func(View) error) (whole int64, last canonical.Hash, err error) {
	last = canonical.Sum("view", id[:])
	lines := bufio.NewReader(io.LimitReader(r, maxViews+1))
	for n := int64(1); ; n++ {
		line, err := lines.ReadSlice('\n')
		if errors.Is(err, io.EOF) {
			return whole, last, nil
		}
		if err != nil {
			return whole, last, city.Errorf(city.Invalid, "views, line %d: it is longer than a line may be", n)
		}
		text := bytes.TrimSuffix(line, []byte("\n"))
		var v View
		switch err := canonical.Decode(text, &v); {
		case err != nil:
			return whole, last, city.Errorf(city.Invalid, "views, line %d: %w", n, err)
		case v.N != n || v.Prev != last:
			return whole, last, city.Errorf(city.Invalid, "views, line %d does not continue the one before: a line was changed, taken out or put in", n)
		}
		if each != nil {
			if err := each(v); err != nil {
				return whole, last, err
			}
		}
		last = canonical.Sum("view", text)
		if whole += int64(len(line)); whole > maxViews {
			return whole, last, city.Errorf(city.TooLarge, "the views have more than %d bytes", maxViews)
		}
	}
}

// Views opens the log of what was looked at. A torn last line is cut off.
func (c *Case) Views() (*Views, error) {
	f, err := os.OpenFile(c.path(viewsFile), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the log of views: %w", err)
	}
	v := &Views{file: f, now: time.Now}
	if v.size, v.prev, err = ReadViews(f, c.Token.ID, func(l View) error { v.n = l.N; return nil }); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	end, err := f.Seek(0, io.SeekEnd)
	if err == nil && end > v.size {
		v.Torn = true
		err = f.Truncate(v.size)
	}
	if err == nil {
		_, err = f.Seek(v.size, io.SeekStart)
	}
	if err == nil {
		err = durable.SyncDir(c.dir)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open the log of views: %w", err), f.Close())
	}
	return v, nil
}

// Add writes a line; it is on the disk when Add returns. Without it nothing may be shown.
func (v *Views) Add(line View) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.file == nil {
		return city.Errorf(city.Conflict, "the log of views is closed, or could not be written: begin again")
	}
	line.At, line.N, line.Prev = canonical.At(v.now()), v.n+1, v.prev
	text, err := canonical.Encode(&line)
	if err != nil {
		return err
	}
	if v.size+int64(len(text))+1 > maxViews {
		return city.Errorf(city.TooLarge, "the log of views is full (%d MiB): make a new token for what else is to be looked at", maxViews>>20)
	}
	if _, err = v.file.Write(append(text, '\n')); err == nil {
		err = v.file.Sync()
	}
	if err != nil { // how much of the line is there, the next start finds out
		_ = v.file.Close()
		v.file = nil
		return fmt.Errorf("write the log of views: %w", err)
	}
	v.n, v.prev, v.size = line.N, canonical.Sum("view", text), v.size+int64(len(text))+1
	return nil
}

// Head is how many lines there are and the hash that the next has to name.
func (v *Views) Head() (n int64, prev canonical.Hash) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.n, v.prev
}

// Close closes the log.
func (v *Views) Close() error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.file == nil {
		return nil
	}
	err := v.file.Close()
	v.file = nil
	return err
}
