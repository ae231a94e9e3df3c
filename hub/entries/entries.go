// Package entries makes entries of the public log from what the hub keeps: the camera
// register, changes of policies, counts of looks. The same source gives the same entry,
// byte for byte, so that appending it again changes nothing.
package entries

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"

	"polity/access/look"
	"polity/access/policy"
	"polity/city"
	"polity/ledger/canonical"
	"polity/ledger/entry"
	"polity/register"
)

// Registered is a camera's register entry, in the public log as of its first day.
func Registered(e *register.Signed) *entry.Registration {
	return &entry.Registration{
		At: canonical.At(e.From), Camera: e.Camera, Class: e.Class, Edge: e.Edge, Entry: sha256.Sum256(e.Text),
		FootageHours: int64(e.Retention.FootageHours), From: canonical.At(e.From), Recorder: e.Recorder, State: "registered", Until: canonical.At(e.Until),
	}
}

// Policies are the lines of the book of changes to policies (docs/formats/policy.md).
// Head is the hash of its last line.
func Policies(book []policy.Entry, head string) ([]entry.Entry, error) {
	list := make([]entry.Entry, 0, len(book))
	for i, e := range book {
		line := head
		if i+1 < len(book) {
			line = book[i+1].Previous
		}
		p := &entry.Policy{At: canonical.At(e.At), N: int64(e.N), What: entry.Word(e.What)}
		for _, h := range []struct {
			to   *canonical.Hash
			text string
		}{{&p.Line, line}, {&p.Old, e.Old}, {&p.New, e.New}} {
			if err := fromHex(h.to, h.text); err != nil {
				return nil, city.Errorf(city.Invalid, "line %d of the book of policies: %w", i+1, err)
			}
		}
		list = append(list, p)
	}
	return list, nil
}

func fromHex(to *canonical.Hash, text string) error {
	raw, err := hex.DecodeString(text)
	if err != nil || len(raw) != len(to) {
		return fmt.Errorf("%.70q is no SHA-256 in hexadecimal", text)
	}
	copy(to[:], raw)
	return nil
}

// maxLine bounds a line of the chain of looks, in bytes.
const maxLine = 64 << 10

// Looks are the public lines of the book of looks (docs/formats/looks.md), without the
// first, which only names the form.
func Looks(chain io.Reader) ([]entry.Entry, error) {
	var list []entry.Entry
	lines := bufio.NewScanner(chain)
	lines.Buffer(nil, maxLine)
	for n := 1; lines.Scan(); n++ {
		e, err := looksLine(lines.Bytes())
		if err != nil {
			return nil, city.Errorf(city.Invalid, "line %d of the chain of looks: %w", n, err)
		}
		if e != nil {
			list = append(list, e)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read the chain of looks: %w", err)
	}
	return list, nil
}

func looksLine(line []byte) (entry.Entry, error) {
	var l struct {
		Prev  look.Hash       `json:"prev"`
		Book  json.RawMessage `json:"book"`
		Count *look.Count     `json:"count"`
		Day   *look.Day       `json:"day"`
	}
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	if err := d.Decode(&l); err != nil {
		return nil, err
	}
	e := &entry.Looks{Line: sha256.Sum256(line)}
	switch {
	case l.Count != nil:
		c := l.Count
		e.Count = &entry.LooksCount{
			Body: c.Body, Day: canonical.Day(c.Day), Do: entry.Word(c.Do), Looks: int64(c.Looks), Minutes: int64(c.Minutes),
			Name: c.Name, On: entry.Word(c.On), Purpose: c.Purpose,
		}
	case l.Day != nil:
		d := l.Day
		e.Day = &entry.LooksDay{
			Counts: int64(d.Counts), Day: canonical.Day(d.Day), From: canonical.At(d.From.Time), Head: canonical.Hash(d.Head),
			Looks: int64(d.Looks), Root: canonical.Hash(d.Root), Until: canonical.At(d.Until.Time),
		}
	default:
		return nil, nil //nolint:nilnil // the line that names the form is no entry
	}
	return e, nil
}
