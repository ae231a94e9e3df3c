// Package cim reads networks in the Common Information Model: the equipment, steady
// state and topology profiles of CGMES (IEC 61970-600-1:2021, IEC 61970-452 and -456)
// as RDF/XML (IEC 61970-552), balanced.
package cim

import (
	"archive/zip"
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"polity/city"
	"polity/services/power/grid"
)

// most bounds the text of all profiles together, so that a small archive cannot fill
// the memory.
const most = 1 << 30

// object is what all profiles say about one thing.
type object struct {
	class, id string
	origin    grid.Origin
	values    map[string]string // "ACLineSegment.r" -> text; references without "#"
}

// store is all objects, in the order in which they came.
type store struct {
	byID map[string]*object
	list []*object
	left int64 // bytes that may still be read
}

// load reads an RDF/XML file, or a ZIP archive of such files.
func load(path string) (*store, error) {
	s := &store{byID: map[string]*object{}, left: most}
	if strings.EqualFold(filepath.Ext(path), ".zip") {
		return s, s.archive(path)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if len(text) > most {
		return nil, city.Errorf(city.TooLarge, "%s is larger than %d MiB", path, most>>20)
	}
	return s, s.decode(filepath.Base(path), bytes.NewReader(text))
}

func (s *store) archive(path string) error {
	z, err := zip.OpenReader(path)
	if err != nil {
		return city.Errorf(city.Invalid, "%s: %w", path, err)
	}
	defer z.Close()
	found := false
	for _, f := range z.File {
		if !strings.EqualFold(filepath.Ext(f.Name), ".xml") {
			continue
		}
		found = true
		r, err := f.Open()
		if err != nil {
			return city.Errorf(city.Invalid, "%s: %s: %w", path, f.Name, err)
		}
		limited := &io.LimitedReader{R: r, N: s.left}
		err = s.decode(filepath.Base(f.Name), limited)
		r.Close()
		if s.left = limited.N; s.left <= 0 {
			return city.Errorf(city.TooLarge, "%s holds more than %d MiB", path, most>>20)
		}
		if err != nil {
			return err
		}
	}
	if !found {
		return city.Errorf(city.Invalid, "%s holds no .xml file", path)
	}
	return nil
}

// decode adds the objects of one profile. What several profiles say about a thing
// comes together; where they contradict, the last one counts.
func (s *store) decode(name string, r io.Reader) error {
	d := xml.NewDecoder(r)
	bad := func(format string, args ...any) error {
		line, _ := d.InputPos()
		return city.Errorf(city.Invalid, "%s:%d: %w", name, line, fmt.Errorf(format, args...))
	}
	root := false
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) && root {
			return nil
		}
		if err != nil {
			return bad("not XML: %w", err)
		}
		start, ok := token.(xml.StartElement)
		switch {
		case !ok:
		case !root:
			if root = start.Name.Local == "RDF"; !root {
				return bad("the outermost element is %s; rdf:RDF must come", start.Name.Local)
			}
		default:
			line, _ := d.InputPos()
			if err := s.object(d, start, grid.Origin{File: name, Line: line}); err != nil {
				return bad("%w", err)
			}
		}
	}
}

// reference takes what identifies an object out of the ways in which it is written.
func reference(text string) string {
	if _, after, ok := strings.Cut(text, "#"); ok {
		text = after
	}
	text = strings.TrimPrefix(text, "urn:uuid:")
	return strings.TrimPrefix(text, "_")
}

// object reads one object and its values.
func (s *store) object(d *xml.Decoder, start xml.StartElement, at grid.Origin) error {
	id := ""
	for _, a := range start.Attr {
		if a.Name.Local == "ID" || a.Name.Local == "about" {
			id = reference(a.Value)
		}
	}
	if id == "" || start.Name.Local == "FullModel" {
		return d.Skip()
	}
	o := s.byID[id]
	if o == nil {
		o = &object{class: start.Name.Local, id: id, origin: at, values: map[string]string{}}
		s.byID[id] = o
		s.list = append(s.list, o)
	}
	for {
		token, err := d.Token()
		if err != nil {
			return err
		}
		switch t := token.(type) {
		case xml.EndElement:
			return nil
		case xml.StartElement:
			value, err := read(d, t)
			if err != nil {
				return err
			}
			o.values[t.Name.Local] = value
		}
	}
}

// read reads one value: a reference, or text.
func read(d *xml.Decoder, start xml.StartElement) (string, error) {
	for _, a := range start.Attr {
		if a.Name.Local == "resource" {
			return reference(a.Value), d.Skip()
		}
	}
	var text strings.Builder
	for {
		token, err := d.Token()
		if err != nil {
			return "", err
		}
		switch t := token.(type) {
		case xml.CharData:
			text.Write(t)
		case xml.StartElement:
			if err := d.Skip(); err != nil {
				return "", err
			}
		case xml.EndElement:
			return strings.TrimSpace(text.String()), nil
		}
	}
}

// name is what people call an object.
func (o *object) name() string {
	if n := o.values["IdentifiedObject.name"]; n != "" {
		return n
	}
	return o.id
}

// ref follows the first of the references that is there; nil where none leads
// anywhere.
func (s *store) ref(o *object, keys ...string) *object {
	for _, k := range keys {
		if v, ok := o.values[k]; ok {
			if to := s.byID[v]; to != nil {
				return to
			}
		}
	}
	return nil
}

// number reads the first of the values that is there.
func (o *object) number(otherwise float64, keys ...string) (float64, error) {
	for _, k := range keys {
		text, ok := o.values[k]
		if !ok {
			continue
		}
		f, err := strconv.ParseFloat(text, 64)
		if err != nil || f-f != 0 {
			return 0, city.Errorf(city.Invalid, "%s: %s %q: %s is %q, which is no number", o.origin, o.class, o.name(), k, text)
		}
		return f, nil
	}
	return otherwise, nil
}

// is reads the first of the truth values that is there.
func (o *object) is(otherwise bool, keys ...string) bool {
	for _, k := range keys {
		if text, ok := o.values[k]; ok {
			return strings.EqualFold(text, "true")
		}
	}
	return otherwise
}
