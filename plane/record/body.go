package record

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"polity/plane"
)

// A body is the binary form of what an entity has, apart from its key, times and version:
//
//	1 byte      bodyForm
//	types, scopes: their number, then each
//	attributes: their number, then of each
//	  name, 1 byte kind, 1 byte of has... bits, then what the bits say is there
//	  (dataset, unit, time of observation in ns since 1970), value as JSON text,
//	  created in ms since 1970, modified in ms since created, metadata likewise
//
// Numbers are varints, those that may be below 0 in zigzag form (encoding/binary); texts
// have their length before them. It is read some ten times as fast as JSON, which is what
// a query mostly does.
const bodyForm = 1

// A packed entity is all of it: 1 byte packedForm, tenant, id, version, created in ms since
// 1970, modified in ms since created, then its body. No JSON begins with that byte.
const packedForm = 2

const (
	hasDataset = 1 << iota
	hasUnit
	hasObserved
	hasMeta
)

// Body writes an entity's body.
func Body(e *plane.Entity) []byte { return appendBody(make([]byte, 0, 256), e) }

// Pack writes all of an entity.
func Pack(e *plane.Entity) []byte {
	b := append(make([]byte, 0, 384), packedForm)
	b = appendText(appendText(b, e.Tenant), e.ID)
	b = binary.AppendUvarint(b, e.Version)
	created := e.Created.UnixMilli()
	b = binary.AppendVarint(binary.AppendVarint(b, created), e.Modified.UnixMilli()-created)
	return appendBody(b, e)
}

// Unpack reads what Pack or Append wrote. The entity keeps parts of b.
func Unpack(b []byte) (*plane.Entity, error) {
	if len(b) > 0 && b[0] == '{' {
		return Decode(b)
	}
	d := reader{bytes: b, text: string(b)}
	if d.byte() != packedForm {
		d.fail()
	}
	e := &plane.Entity{Key: plane.Key{Tenant: d.string(), ID: d.string()}, Version: d.count()}
	created := d.number()
	e.Created, e.Modified = time.UnixMilli(created).UTC(), time.UnixMilli(created+d.number()).UTC()
	return e, d.body(e)
}

// ReadBody reads what Body wrote into an entity, which keeps parts of b.
func ReadBody(b []byte, e *plane.Entity) error {
	d := reader{bytes: b, text: string(b)}
	return d.body(e)
}

func (d *reader) body(e *plane.Entity) error {
	if d.byte() != bodyForm {
		d.fail()
	}
	e.Types, e.Scopes = d.list(), d.list()
	e.Attributes = d.attributes(0)
	if d.at != len(d.bytes) {
		d.fail()
	}
	if d.err != nil {
		return fmt.Errorf("entity %s as stored: %w", e.ID, d.err)
	}
	return nil
}

func appendBody(b []byte, e *plane.Entity) []byte {
	b = append(b, bodyForm)
	for _, list := range [][]string{e.Types, e.Scopes} {
		b = binary.AppendUvarint(b, uint64(len(list)))
		for _, s := range list {
			b = appendText(b, s)
		}
	}
	return appendAttributes(b, e.Attributes)
}

func appendText[T string | []byte](b []byte, s T) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func appendAttributes(b []byte, list []plane.Attribute) []byte {
	b = binary.AppendUvarint(b, uint64(len(list)))
	for i := range list {
		a := &list[i]
		var has byte
		for _, x := range [...]struct {
			is  bool
			bit byte
		}{{a.Dataset != "", hasDataset}, {a.Unit != "", hasUnit}, {!a.ObservedAt.IsZero(), hasObserved}, {len(a.Meta) > 0, hasMeta}} {
			if x.is {
				has |= x.bit
			}
		}
		b = append(appendText(b, a.Name), byte(a.Kind), has)
		if a.Dataset != "" {
			b = appendText(b, a.Dataset)
		}
		if a.Unit != "" {
			b = appendText(b, a.Unit)
		}
		if has&hasObserved != 0 {
			b = binary.AppendVarint(b, a.ObservedAt.UnixNano())
		}
		b = appendText(b, []byte(a.Value))
		created := a.Created.UnixMilli()
		b = binary.AppendVarint(b, created)
		b = binary.AppendVarint(b, a.Modified.UnixMilli()-created)
		if has&hasMeta != 0 {
			b = appendAttributes(b, a.Meta)
		}
	}
	return b
}

var errBody = errors.New("it is damaged, or a development version of Polity wrote it")

// reader reads a body. After an error it gives nothing more.
type reader struct {
	bytes []byte
	text  string // the same: texts are parts of it
	at    int
	err   error
}

func (d *reader) fail() {
	if d.err == nil {
		d.err = errBody
	}
	d.at = len(d.bytes)
}

func (d *reader) byte() byte {
	if d.at >= len(d.bytes) {
		d.fail()
		return 0
	}
	d.at++
	return d.bytes[d.at-1]
}

// size is a length or a number of things, of which each takes a byte at least.
func (d *reader) size() int {
	v, n := binary.Uvarint(d.bytes[d.at:])
	if n <= 0 || v > uint64(len(d.bytes)-d.at-n) {
		d.fail()
		return 0
	}
	d.at += n
	return int(v) //nolint:gosec // at most the body's length
}

func (d *reader) count() uint64 {
	v, n := binary.Uvarint(d.bytes[d.at:])
	if n <= 0 {
		d.fail()
		return 0
	}
	d.at += n
	return v
}

func (d *reader) number() int64 {
	v, n := binary.Varint(d.bytes[d.at:])
	if n <= 0 {
		d.fail()
		return 0
	}
	d.at += n
	return v
}

// part is where the next text stands.
func (d *reader) part() (from, to int) {
	n := d.size()
	from = d.at
	d.at += n
	return from, d.at
}

func (d *reader) string() string {
	from, to := d.part()
	return d.text[from:to]
}

func (d *reader) list() []string {
	n := d.size()
	if n == 0 {
		return nil
	}
	out := make([]string, n)
	for i := range out {
		out[i] = d.string()
	}
	return out
}

func (d *reader) attributes(depth int) []plane.Attribute {
	n := d.size()
	if n == 0 || d.err != nil {
		return nil
	}
	if depth > plane.MaxDepth+1 || n > plane.MaxAttributes {
		d.fail()
		return nil
	}
	out := make([]plane.Attribute, n)
	for i := range out {
		a := &out[i]
		a.Name, a.Kind = d.string(), plane.Kind(d.byte())
		has := d.byte()
		if has&hasDataset != 0 {
			a.Dataset = d.string()
		}
		if has&hasUnit != 0 {
			a.Unit = d.string()
		}
		if has&hasObserved != 0 {
			a.ObservedAt = time.Unix(0, d.number()).UTC()
		}
		from, to := d.part()
		a.Value = d.bytes[from:to:to]
		created := d.number()
		a.Created, a.Modified = time.UnixMilli(created).UTC(), time.UnixMilli(created+d.number()).UTC()
		if has&hasMeta != 0 {
			a.Meta = d.attributes(depth + 1)
		}
	}
	return out
}
