package casefile

import (
	"bytes"
	"cmp"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"strings"
	"unicode/utf8"

	"polity/city"
	"polity/internal/durable"
	"polity/ledger/canonical"
)

// NotesFormat is the version of notes that this package reads and writes.
const NotesFormat = "polity-notes/1"

// Bounds of notes and marks.
const (
	maxNotes   = 1000
	maxMarks   = 500
	maxKeys    = 500
	maxText    = 2000 // characters
	maxLabel   = 80
	maxPlain   = 1 << 20
	Whole      = 10_000 // of a picture's width or height: positions are in these
	notesMark  = "POLNOT\r\n"
	notesHead  = 8 + 2 + 8
	notesNonce = 12
	notesLabel = "polity/case-notes/v1\n"
	notesMax   = maxPlain + notesHead + notesNonce + 16
)

// Notes are what an officer wrote and drew.
type Notes struct {
	Format string         `json:"format"`
	Marks  []Mark         `json:"marks"` // by id
	Notes  []Note         `json:"notes"` // by id
	Token  canonical.Hash `json:"token"`
}

// Note is a text at a moment.
type Note struct {
	At     int64     `json:"at"`               // milliseconds since 1970
	Camera city.Slug `json:"camera,omitempty"` // empty: of all
	ID     int64     `json:"id"`
	Text   string    `json:"text"`
}

// Mark is a rectangle on one camera's picture for a time: what an export leaves unmasked.
type Mark struct {
	Camera city.Slug `json:"camera"`
	From   int64     `json:"from"` // milliseconds since 1970, included
	ID     int64     `json:"id"`
	Keys   []Key     `json:"keys"` // rising by At
	Label  string    `json:"label"`
	To     int64     `json:"to"` // excluded
}

// Key is a mark's position at a moment, in ten-thousandths of the picture.
type Key struct {
	At     int64 `json:"at"`
	Height int64 `json:"height"`
	Left   int64 `json:"left"`
	Top    int64 `json:"top"`
	Width  int64 `json:"width"`
}

// At is where the mark is at a moment, and whether it is there at all.
func (m *Mark) At(t int64) (Key, bool) {
	if t < m.From || t >= m.To || len(m.Keys) == 0 {
		return Key{}, false
	}
	i, exact := slices.BinarySearchFunc(m.Keys, t, func(k Key, t int64) int { return cmp.Compare(k.At, t) })
	switch {
	case exact:
		return m.Keys[i], true
	case i == 0:
		return m.Keys[0], true
	case i == len(m.Keys):
		return m.Keys[i-1], true
	}
	a, b := m.Keys[i-1], m.Keys[i]
	between := func(x, y int64) int64 { return x + (y-x)*(t-a.At)/(b.At-a.At) }
	return Key{At: t, Height: between(a.Height, b.Height), Left: between(a.Left, b.Left), Top: between(a.Top, b.Top), Width: between(a.Width, b.Width)}, true
}

// check reports the first thing that is wrong, without repeating what somebody wrote.
func (n *Notes) check(c *Case) error {
	switch {
	case n.Format != NotesFormat:
		return city.Errorf(city.Invalid, "notes: format is %.40q; this version reads %s", n.Format, NotesFormat)
	case n.Token != c.Token.ID:
		return city.Errorf(city.Invalid, "the notes are of another case")
	case len(n.Notes) > maxNotes || len(n.Marks) > maxMarks:
		return city.Errorf(city.TooLarge, "%d notes and %d marks; at most %d and %d", len(n.Notes), len(n.Marks), maxNotes, maxMarks)
	}
	last := int64(0)
	for _, o := range n.Notes {
		if o.ID <= last {
			return city.Errorf(city.Invalid, "note %d: ids rise", o.ID)
		}
		last = o.ID
		if o.Camera != "" && !slices.Contains(c.Details.Cameras, o.Camera) {
			return city.Errorf(city.Invalid, "note %d is of a camera that the case does not have", o.ID)
		}
		if !plain(o.Text, maxText, true) || strings.TrimSpace(o.Text) == "" {
			return city.Errorf(city.Invalid, "note %d has 1 to %d characters", o.ID, maxText)
		}
		if err := c.inTime(o.At, o.At); err != nil {
			return city.Errorf(city.Invalid, "note %d: %w", o.ID, err)
		}
	}
	last = 0
	for i := range n.Marks {
		m := &n.Marks[i]
		if m.ID <= last {
			return city.Errorf(city.Invalid, "mark %d: ids rise", m.ID)
		}
		last = m.ID
		if err := m.check(c); err != nil {
			return city.Errorf(city.Invalid, "mark %d: %w", m.ID, err)
		}
	}
	return nil
}

func (m *Mark) check(c *Case) error {
	switch {
	case !slices.Contains(c.Details.Cameras, m.Camera):
		return city.Errorf(city.Invalid, "it is on a camera that the case does not have")
	case m.To <= m.From:
		return city.Errorf(city.Invalid, "it ends before it begins")
	case !plain(m.Label, maxLabel, false):
		return city.Errorf(city.Invalid, "its label has up to %d characters on one line", maxLabel)
	case len(m.Keys) < 1 || len(m.Keys) > maxKeys:
		return city.Errorf(city.Invalid, "it has %d positions; 1 to %d", len(m.Keys), maxKeys)
	}
	for i, k := range m.Keys {
		switch {
		case i > 0 && k.At <= m.Keys[i-1].At:
			return city.Errorf(city.Invalid, "its positions must rise by time")
		case k.At < m.From || k.At > m.To:
			return city.Errorf(city.Invalid, "it has a position outside of its time")
		case k.Left < 0 || k.Top < 0 || k.Width < 1 || k.Height < 1 || k.Left > Whole || k.Top > Whole || k.Width > Whole || k.Height > Whole || k.Left+k.Width > Whole || k.Top+k.Height > Whole:
			return city.Errorf(city.Invalid, "it lies outside of the picture")
		}
	}
	return c.inTime(m.From, m.To)
}

// inTime says that a time is not of the case. A segment that began in time may end later.
func (c *Case) inTime(from, to int64) error {
	const after = 120_000
	if from < c.Details.From.Time().UnixMilli() || to > c.Details.To.Time().UnixMilli()+after {
		return city.Errorf(city.Invalid, "its time is not within the case's")
	}
	return nil
}

// plain says whether text has at most so many characters and no control characters.
func plain(s string, most int, lines bool) bool {
	return utf8.ValidString(s) && utf8.RuneCountInString(s) <= most && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < ' ' || r == 0x7f || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069) && !(lines && r == '\n')
	})
}

func (c *Case) notesCipher() (cipher.AEAD, error) {
	if c.key == nil {
		return nil, city.Errorf(city.Forbidden, "the case is locked")
	}
	key, err := hkdf.Key(sha256.New, c.seed[:], c.Token.ID[:], notesLabel, 32)
	if err != nil {
		return nil, err
	}
	defer clear(key)
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// Notes reads notes and marks, and the number of the change that wrote them; 0: none
// were written yet.
func (c *Case) Notes() (*Notes, uint64, error) {
	a, err := c.notesCipher()
	if err != nil {
		return nil, 0, err
	}
	b, err := readFile(c.path(notesFile), notesMax)
	if err != nil && city.KindOf(err) == city.NotFound {
		return &Notes{Format: NotesFormat, Token: c.Token.ID, Marks: []Mark{}, Notes: []Note{}}, 0, nil
	}
	if err != nil {
		return nil, 0, err
	}
	switch {
	case len(b) < notesHead+notesNonce+a.Overhead() || string(b[:8]) != notesMark:
		return nil, 0, city.Errorf(city.Invalid, "the file of notes is cut off or damaged")
	case binary.BigEndian.Uint16(b[8:]) != 1:
		return nil, 0, city.Errorf(city.Invalid, "notes of version %d; this release reads version 1: use a newer release", binary.BigEndian.Uint16(b[8:]))
	}
	text, err := a.Open(nil, b[notesHead:notesHead+notesNonce], b[notesHead+notesNonce:], b[:notesHead])
	if err != nil {
		return nil, 0, city.Errorf(city.Invalid, "the file of notes was changed, or is another case's")
	}
	n := new(Notes)
	if err := canonical.Decode(text, n); err != nil {
		return nil, 0, city.Errorf(city.Invalid, "notes: %w", err)
	}
	return n, binary.BigEndian.Uint64(b[10:]), n.check(c)
}

// SaveNotes writes notes and marks whole, in the place of those of a change. The error is
// of kind Conflict where somebody wrote others meanwhile; nothing is lost then.
func (c *Case) SaveNotes(n *Notes, before uint64) (revision uint64, err error) {
	if err := n.check(c); err != nil {
		return 0, err
	}
	_, revision, err = c.Notes()
	if err != nil {
		return 0, err
	}
	if revision != before {
		return revision, city.Errorf(city.Conflict, "the notes were changed elsewhere meanwhile; load them and write yours again")
	}
	a, err := c.notesCipher()
	if err != nil {
		return revision, err
	}
	text, err := canonical.Encode(n)
	if err != nil {
		return revision, err
	}
	if len(text) > maxPlain {
		return revision, city.Errorf(city.TooLarge, "notes and marks have %d bytes; at most %d", len(text), maxPlain)
	}
	var b bytes.Buffer
	b.WriteString(notesMark)
	b.Write(binary.BigEndian.AppendUint64([]byte{0, 1}, before+1))
	nonce := make([]byte, notesNonce)
	_, _ = rand.Read(nonce) // never fails: the program ends first
	head := bytes.Clone(b.Bytes())
	b.Write(nonce)
	b.Write(a.Seal(nil, nonce, text, head))
	if err := durable.WriteFile(c.path(notesFile), b.Bytes(), 0o600); err != nil {
		return revision, err
	}
	return before + 1, nil
}
