package register

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"

	"polity/city"
)

// Reason is why an entry was refused.
type Reason uint8

// The reasons; their words are those of docs/formats/register.md.
const (
	Missing Reason = 1 + iota
	Unreadable
	Unsigned
	UnknownKey
	Altered
	OtherCamera
	OtherEdge
	NotYetValid
	Expired
)

var reasonWords = [...]string{"", "missing", "unreadable", "unsigned", "unknown key", "altered", "other camera", "other edge", "not yet valid", "expired"}

func (r Reason) String() string {
	if int(r) < len(reasonWords) {
		return reasonWords[r]
	}
	return fmt.Sprintf("reason %d", uint8(r))
}

// Refusal is the error of an entry that does not let its camera run.
type Refusal struct {
	Reason Reason
	text   string
}

func (r *Refusal) Error() string { return r.text }

func refuse(reason Reason, format string, args ...any) error {
	return &Refusal{reason, fmt.Sprintf(format, args...)}
}

// ReasonOf returns why, or 0 when err is no refusal.
func ReasonOf(err error) Reason {
	if r, ok := errors.AsType[*Refusal](err); ok {
		return r.Reason
	}
	return 0
}

// Signed is an entry whose signature was checked.
type Signed struct {
	Entry
	Key  string // whose signature it was: name, then the key's hash in hexadecimal
	Text []byte // the file as it was read
}

// Open reads a signed entry and checks its signature, not whom and when it is
// for. Its error is a Refusal.
func (k Keys) Open(file []byte) (*Signed, error) {
	if len(file) > MaxSize {
		return nil, refuse(Unreadable, "the entry has %d bytes; at most %d are allowed", len(file), MaxSize)
	}
	text, _, ok := strings.Cut(string(file), "\n\n")
	if !ok || !strings.Contains(string(file), "\n— ") {
		if _, err := decode([]byte(strings.TrimRight(text, "\n") + "\n")); err != nil {
			return nil, refuse(Unreadable, "this is not a register entry: %v", err)
		}
		return nil, refuse(Unsigned, "the entry carries no signature; sign it with 'polity camera register'")
	}
	n, err := note.Open(file, k.list)
	if err != nil {
		return nil, refusal(err)
	}
	e, err := decode([]byte(n.Text))
	if err != nil {
		return nil, refuse(Unreadable, "%v", err)
	}
	return &Signed{Entry: *e, Key: fmt.Sprintf("%s %08x", n.Sigs[0].Name, n.Sigs[0].Hash), Text: file}, nil
}

// refusal puts the note package's error into our reasons.
func refusal(err error) error {
	if wrong, ok := errors.AsType[*note.InvalidSignatureError](err); ok {
		return refuse(Altered, "the signature of %s (%08x) does not fit the text: it was changed after it was signed", wrong.Name, wrong.Hash)
	}
	if unknown, ok := errors.AsType[*note.UnverifiedNoteError](err); ok {
		var names []string
		for _, s := range unknown.Note.UnverifiedSigs {
			names = append(names, fmt.Sprintf("%s (%08x)", s.Name, s.Hash))
		}
		return refuse(UnknownKey, "it is signed by %s, and no key of that name and hash stands in city_keys", strings.Join(names, ", "))
	}
	return refuse(Unreadable, "this is not a signed note: %v", err)
}

// For checks that the entry is for this camera on this edge, now. Its error is a
// Refusal.
func (s *Signed) For(camera, edge city.Slug, now time.Time) error {
	switch {
	case s.Camera != camera:
		return refuse(OtherCamera, "the entry is for the camera %s, not for %s", s.Camera, camera)
	case s.Edge != edge:
		return refuse(OtherEdge, "the entry is for the edge %s, not for %s", s.Edge, edge)
	}
	return s.Valid(now)
}

// Valid checks that the entry is valid at a time. Its error is a Refusal.
func (s *Signed) Valid(now time.Time) error {
	switch {
	case now.Before(s.From):
		return refuse(NotYetValid, "the entry of camera %s is valid from %s on; by this machine's clock it is %s", s.Camera, stamp(s.From), stamp(now))
	case !now.Before(s.Until):
		return refuse(Expired, "the entry of camera %s was valid until %s; a new decision and entry are needed", s.Camera, stamp(s.Until))
	}
	return nil
}

// Folder holds entries as files CAMERA.entry.
type Folder struct {
	Dir  string
	Keys Keys
}

const extension = ".entry"

// Path is where the entry of a camera belongs.
func (f Folder) Path(camera city.Slug) string {
	return filepath.Join(f.Dir, string(camera)+extension)
}

// Load reads the entry of a camera and checks its signature and name. Its error is
// a Refusal or, when the file cannot be read, that of the system.
func (f Folder) Load(camera city.Slug) (*Signed, error) {
	path := f.Path(camera)
	file, err := readSmall(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, refuse(Missing, "the camera %s has no register entry: %s is not there; 'polity camera register' makes one", camera, path)
	}
	if err != nil {
		return nil, fmt.Errorf("read the register entry: %w", err)
	}
	s, err := f.Keys.Open(file)
	if r, ok := errors.AsType[*Refusal](err); ok {
		return nil, refuse(r.Reason, "%s: %s", path, r.text)
	}
	if err != nil {
		return nil, err
	}
	if s.Camera != camera {
		return nil, refuse(OtherCamera, "%s: the entry is for the camera %s, not for %s", path, s.Camera, camera)
	}
	return s, nil
}

func readSmall(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Size() > MaxSize {
		return make([]byte, MaxSize+1), nil // Open says what is wrong with it
	}
	return os.ReadFile(path)
}

// All returns the entries that can be read, sorted by camera, and a problem for
// each file that cannot.
func (f Folder) All() (entries []*Signed, problems []error, err error) {
	files, err := os.ReadDir(f.Dir) // sorted
	if err != nil {
		return nil, nil, fmt.Errorf("read the register: %w", err)
	}
	for _, file := range files {
		name, ok := strings.CutSuffix(file.Name(), extension)
		if !ok || file.IsDir() {
			continue
		}
		if err := city.Slug(name).Check(); err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", filepath.Join(f.Dir, file.Name()), err))
			continue
		}
		s, err := f.Load(city.Slug(name))
		if err != nil {
			problems = append(problems, err)
			continue
		}
		entries = append(entries, s)
	}
	return entries, problems, nil
}
