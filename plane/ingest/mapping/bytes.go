package mapping

import (
	"encoding/base64"
	"encoding/hex"
	"math"
	"slices"
	"strings"

	"polity/city"
)

const maxBytes = 4096 // of a binary payload; LoRaWAN carries 242

// text turns what stands in a payload into bytes.
func (b *Bytes) text(v any) ([]byte, error) {
	s, ok := v.(string)
	if !ok {
		return nil, city.Errorf(city.Invalid, "no text of bytes stands at %s", b.Path)
	}
	if len(s) > 2*maxBytes {
		return nil, city.Errorf(city.Invalid, "the bytes at %s are more than %d", b.Path, maxBytes)
	}
	var out []byte
	var err error
	if b.Encoding == "hex" {
		out, err = hex.DecodeString(s)
	} else {
		out, err = base64.RawStdEncoding.DecodeString(strings.TrimRight(s, "="))
	}
	if err != nil {
		return nil, city.Errorf(city.Invalid, "what stands at %s is no %s", b.Path, b.Encoding)
	}
	return out, nil
}

// decode reads the fields. Those that say there is no value are left out.
func (b *Bytes) decode(data []byte) (map[string]float64, error) {
	out := map[string]float64{}
	if len(b.Tags) > 0 {
		return out, b.decodeTags(data, out)
	}
	if b.Length > 0 && len(data) != b.Length {
		return nil, city.Errorf(city.Invalid, "the payload has %d bytes; %d are expected", len(data), b.Length)
	}
	return out, decodeFields(b.Fields, data, out)
}

func (b *Bytes) decodeTags(data []byte, out map[string]float64) error {
	width := len(b.Tags[0].Tag) / 2
	for at := 0; at < len(data); {
		if at+width > len(data) {
			return city.Errorf(city.Invalid, "the payload ends within a tag at byte %d", at)
		}
		name := hex.EncodeToString(data[at : at+width])
		i := slices.IndexFunc(b.Tags, func(t Tag) bool { return strings.EqualFold(t.Tag, name) })
		if i < 0 {
			return city.Errorf(city.Invalid, "the tag %s at byte %d is not in the mapping; add it with its size", name, at)
		}
		at += width
		t := &b.Tags[i]
		if at+t.Size > len(data) {
			return city.Errorf(city.Invalid, "behind the tag %s stand %d bytes; %d are expected", name, len(data)-at, t.Size)
		}
		if err := decodeFields(t.Fields, data[at:at+t.Size], out); err != nil {
			return err
		}
		at += t.Size
	}
	return nil
}

func decodeFields(fields []Field, data []byte, out map[string]float64) error {
	for i := range fields {
		f := &fields[i]
		if f.At+f.Size > len(data) {
			return city.Errorf(city.Invalid, "the payload has %d bytes; the field %s ends at byte %d", len(data), f.Name, f.At+f.Size)
		}
		v, ok := f.value(data[f.At : f.At+f.Size])
		if !ok {
			delete(out, f.Name)
			continue
		}
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return city.Errorf(city.Invalid, "the field %s is no number", f.Name)
		}
		out[f.Name] = v
	}
	return nil
}

// value is a field's number, and false if its bytes say that there is none.
func (f *Field) value(b []byte) (float64, bool) {
	var u uint64
	for i := range b {
		if f.Endian == "little" {
			u |= uint64(b[i]) << (8 * i)
		} else {
			u = u<<8 | uint64(b[i])
		}
	}
	if slices.Contains(f.Missing, u) {
		return 0, false
	}
	var v float64
	switch bits := uint(8 * len(b)); {
	case f.Float && len(b) == 4:
		v = float64(math.Float32frombits(uint32(u)))
	case f.Float:
		v = math.Float64frombits(u)
	case f.Mask != 0 || f.Shift != 0:
		u >>= f.Shift
		if f.Mask != 0 {
			u &= f.Mask
		}
		v = float64(u)
	case f.Signed:
		v = float64(int64(u<<(64-bits)) >> (64 - bits))
	default:
		v = float64(u)
	}
	if f.Scale != nil {
		v = round(v * *f.Scale)
	}
	return v, true
}

// round takes away what binary fractions add to decimal ones: 12 digits stay.
func round(v float64) float64 {
	if v == 0 || math.IsNaN(v) || math.IsInf(v, 0) {
		return v
	}
	digits := 11 - int(math.Floor(math.Log10(math.Abs(v))))
	if digits < -290 || digits > 290 {
		return v
	}
	if digits < 0 {
		p := math.Pow10(-digits)
		return math.Round(v/p) * p
	}
	p := math.Pow10(digits)
	if r := math.Round(v*p) / p; !math.IsInf(r, 0) {
		return r
	}
	return v
}
