package casefile

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"sync"
	"time"

	"polity/city"
	"polity/ledger/canonical"
	"polity/recording/segment"
)

const (
	segmentSuffix = ".seg"
	partSuffix    = ".part"
)

// nameForm is how recorders name segments (docs/formats/segment.md, Names on disk).
var nameForm = regexp.MustCompile(`^\d{8}T\d{6}\.\d{3}Z-\d{10,20}\.seg$`)

// Piece is a segment of the case that is here, as ciphertext.
type Piece struct {
	Header  *segment.Header
	Trailer *segment.Trailer
	Start   time.Time
	End     time.Time // of a cut one Start: not known
	Cut     bool
	Hash    [32]byte // segment hash
	File    string
}

// Camera names the piece's.
func (p *Piece) Camera() city.Slug { return p.Header.Camera }

// Shelf is what is here of a case. It may be used by many goroutines, while pieces are
// added.
type Shelf struct {
	c    *Case
	keys *keys

	listing sync.Mutex // one change of the hours' lists at a time

	mu      sync.Mutex
	cameras map[city.Slug][]*Piece // rising by sequence
	version int                    // grows with each piece
}

// Shelf opens both answers and reads what segments are here: ends and signatures, not
// their bodies, which are checked when they are looked at and by Check. The case is
// unlocked. Files that are no segments are named in the error, and do no harm.
func (c *Case) Shelf() (*Shelf, error) {
	if c.key == nil {
		return nil, city.Errorf(city.Forbidden, "the case is locked")
	}
	k, err := c.keys()
	if err != nil {
		return nil, err
	}
	s := &Shelf{c: c, keys: k, cameras: map[city.Slug][]*Piece{}}
	files, err := c.files()
	if err != nil {
		s.Close()
		return nil, err
	}
	pieces, errs := make([]*Piece, len(files)), make([]error, len(files))
	parallel(len(files), func(i int) { pieces[i], errs[i] = c.piece(files[i]) })
	var wrong error
	for i, p := range pieces {
		if errs[i] != nil {
			wrong = cmp.Or(wrong, fmt.Errorf("%s: %w", files[i], errs[i]))
			continue
		}
		s.add(p)
	}
	return s, wrong
}

// Close closes the answers.
func (s *Shelf) Close() { s.keys.close() }

func parallel(n int, do func(i int)) {
	var wait sync.WaitGroup
	workers := min(n, runtime.GOMAXPROCS(0))
	for w := range workers {
		wait.Go(func() {
			for i := w; i < n; i += workers {
				do(i)
			}
		})
	}
	wait.Wait()
}

// files are the segments in the folder, by name.
func (c *Case) files() ([]string, error) {
	var files []string
	err := filepath.WalkDir(c.path(segmentsDir), func(name string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() && nameForm.MatchString(d.Name()) {
			files = append(files, name)
		}
		return err
	})
	return files, err
}

// anyone trusts each recorder: which are the city's, the log says (see Logged).
func anyone([32]byte) bool { return true }

// piece reads a segment's ends.
func (c *Case) piece(file string) (*Piece, error) {
	f, size, err := openFile(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	sealed, err := segment.Ends(f, size, anyone)
	if err != nil {
		return nil, err
	}
	return pieceOf(file, sealed), nil
}

func pieceOf(file string, s *segment.Sealed) *Piece {
	return &Piece{Header: s.Header, Trailer: s.Trailer, Start: s.Header.Start, End: s.Trailer.End, Cut: s.Trailer.State == segment.Cut, Hash: s.Hash, File: file}
}

func openFile(file string) (*os.File, int64, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, 0, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, 0, errors.Join(err, f.Close())
	}
	return f, info.Size(), nil
}

// add puts a piece in its place. One of a sequence that is there already stays.
func (s *Shelf) add(p *Piece) {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := s.cameras[p.Camera()]
	i, found := slices.BinarySearchFunc(list, p.Header.Sequence, bySequence)
	if !found {
		s.cameras[p.Camera()] = slices.Insert(list, i, p)
		s.version++
	}
}

func bySequence(p *Piece, n uint64) int { return cmp.Compare(p.Header.Sequence, n) }

// Pieces are a camera's, rising by sequence.
func (s *Shelf) Pieces(camera city.Slug) []*Piece {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.cameras[camera])
}

// Version grows whenever a piece was added.
func (s *Shelf) Version() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.version
}

// Piece finds a camera's segment.
func (s *Shelf) Piece(camera city.Slug, sequence uint64) (*Piece, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := s.cameras[camera]
	if i, ok := slices.BinarySearchFunc(list, sequence, bySequence); ok {
		return list[i], nil
	}
	return nil, city.Errorf(city.NotFound, "segment %d of camera %s is not here", sequence, camera)
}

// Cameras of which anything is here, by name.
func (s *Shelf) Cameras() []city.Slug {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.cameras))
}

// Lacks says which body gave no share of a segment, in words; empty: none.
func (s *Shelf) Lacks(p *Piece) string {
	if err := s.keys.lacks(canonical.Hash(p.Header.Hash())); err != nil {
		return err.Error()
	}
	return ""
}

// Open decrypts a segment while it is read: each chunk is handed on only after it was found
// genuine. It is for looking and for export; whoever looks keeps Views. The error is of
// kind Invalid, or says which share is missing.
func (s *Shelf) Open(p *Piece) (io.ReadCloser, error) {
	f, size, err := openFile(p.File)
	if err != nil {
		return nil, err
	}
	split, err := s.keys.join(p.Header)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	defer split.Wipe()
	r, err := segment.Open(f, size, &split.Key, anyone)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	if r.Hash != p.Hash {
		return nil, errors.Join(city.Errorf(city.Invalid, "the file of segment %d of camera %s was exchanged", p.Header.Sequence, p.Camera()), r.Close(), f.Close())
	}
	return &opened{r, f}, nil
}

type opened struct {
	*segment.Reader

	file *os.File
}

// Close wipes the key and closes the file.
func (o *opened) Close() error { return errors.Join(o.Reader.Close(), o.file.Close()) }

// tries opens a segment's key and nothing of its body.
func (s *Shelf) tries(p *Piece) error {
	split, err := s.keys.join(p.Header)
	if err == nil {
		split.Wipe()
	}
	return err
}

// inScope says why a segment does not belong to the case.
func (c *Case) inScope(h *segment.Header) error {
	if h.Domain != c.roster.Domain {
		return city.Errorf(city.Invalid, "a segment of the city %.80s, not of %s", h.Domain, c.roster.Domain)
	}
	return c.Details.Holds(h.Camera, h.Start)
}
