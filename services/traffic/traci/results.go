package traci

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// Results receives what was subscribed to. Byte slices are valid during the call
// only.
type Results interface {
	// Begin announces one thing; what Value brings next belongs to it.
	Begin(domain Domain, id []byte)
	// Value brings one variable of it.
	Value(v Variable, val Value)
}

// Value is one variable's value: a number, a text or a list of texts, as SUMO sent it.
type Value struct {
	kind byte
	raw  []byte
}

// Number returns a number, 0 for anything else.
func (v Value) Number() float64 {
	switch {
	case v.kind == typeDouble && len(v.raw) == 8:
		return math.Float64frombits(binary.BigEndian.Uint64(v.raw))
	case v.kind == typeInt && len(v.raw) == 4:
		return float64(int32(binary.BigEndian.Uint32(v.raw)))
	}
	return 0
}

// Text returns a text, empty for anything else.
func (v Value) Text() []byte {
	if v.kind != typeString {
		return nil
	}
	return v.raw
}

// Texts returns a list of texts, empty for anything else.
func (v Value) Texts() []string {
	if v.kind != typeStrings {
		return nil
	}
	d := decoder{buf: v.raw}
	n := d.int()
	var list []string
	for range n {
		s := d.string()
		if d.err != nil {
			break
		}
		list = append(list, string(s))
	}
	return list
}

const (
	typeUbyte   = 0x07
	typeByte    = 0x08
	typeInt     = 0x09
	typeDouble  = 0x0b
	typeString  = 0x0c
	typeStrings = 0x0e
)

// Each gives the answers to Get and the results of the last step to r.
func (c *Client) Each(r Results) error {
	d := decoder{buf: c.got}
	for len(d.buf) > 0 && d.err == nil {
		d.length()
		domain := Vehicle
		if d.byte() == getPerson+0x10 {
			domain = Person
		}
		v := Variable(d.byte())
		id := d.string()
		val := d.value()
		if d.err == nil {
			r.Begin(domain, id)
			r.Value(v, val)
		}
	}
	if d.err != nil {
		return c.broken("an answer: %v", d.err)
	}
	d = decoder{buf: c.results}
	for len(d.buf) > 0 && d.err == nil {
		d.length()
		domain := Domain(d.byte() - 0x10) // responses are numbered 0x10 above the subscriptions
		id := d.string()
		vars := int(d.byte())
		if d.err != nil {
			break
		}
		r.Begin(domain, id)
		for range vars {
			v, status := Variable(d.byte()), d.byte()
			val := d.value()
			if d.err != nil {
				break
			}
			if status == 0 {
				r.Value(v, val)
			}
		}
	}
	if d.err != nil {
		return c.broken("subscription results: %v", d.err)
	}
	return nil
}

var errShort = errors.New("it ends too early")

// decoder reads TraCI's big-endian fields; its first error stays.
type decoder struct {
	buf []byte
	err error
}

func (d *decoder) take(n int) []byte {
	if d.err != nil || n < 0 || n > len(d.buf) {
		if d.err == nil {
			d.err = errShort
		}
		return nil
	}
	b := d.buf[:n]
	d.buf = d.buf[n:]
	return b
}

func (d *decoder) byte() byte {
	if b := d.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (d *decoder) int() int32 {
	if b := d.take(4); b != nil {
		return int32(binary.BigEndian.Uint32(b))
	}
	return 0
}

func (d *decoder) string() []byte { return d.take(int(d.int())) }

// length reads a command's length and returns what is left of it.
func (d *decoder) length() int {
	if n := d.byte(); n != 0 {
		return int(n) - 1
	}
	return int(d.int()) - 5
}

func (d *decoder) skipCommand() { d.take(d.length()) }

func (d *decoder) value() Value {
	kind := d.byte()
	switch kind {
	case typeUbyte, typeByte:
		return Value{kind, d.take(1)}
	case typeInt:
		return Value{kind, d.take(4)}
	case typeDouble:
		return Value{kind, d.take(8)}
	case typeString:
		return Value{kind, d.string()}
	case typeStrings:
		start := d.buf
		for range d.int() {
			d.string()
			if d.err != nil {
				return Value{}
			}
		}
		return Value{kind, start[:len(start)-len(d.buf)]}
	}
	if d.err == nil {
		d.err = fmt.Errorf("a value of the unknown type %#x", kind)
	}
	return Value{}
}
