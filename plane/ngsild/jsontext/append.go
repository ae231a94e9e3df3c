// Package jsontext reads and writes JSON for the NGSI-LD API without reflection on
// the way out: what it writes is appended to a buffer.
package jsontext

import (
	"strconv"
	"time"
	"unicode/utf8"
)

const hex = "0123456789abcdef"

// AppendString appends s as a JSON string (RFC 8259, 7). Bytes that are no UTF-8
// become U+FFFD.
func AppendString(b []byte, s string) []byte {
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}
		if c < utf8.RuneSelf {
			b = append(b, s[start:i]...)
			switch c {
			case '"', '\\':
				b = append(b, '\\', c)
			case '\n':
				b = append(b, '\\', 'n')
			case '\r':
				b = append(b, '\\', 'r')
			case '\t':
				b = append(b, '\\', 't')
			default:
				b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
			}
			i++
			start = i
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && n == 1 {
			b = append(append(b, s[start:i]...), "\ufffd"...)
			i++
			start = i
			continue
		}
		i += n
	}
	return append(append(b, s[start:]...), '"')
}

// AppendTime appends t as NGSI-LD's DateTime (clause 4.6.3): RFC 3339 in UTC, with
// as many decimals as t has, in thousands.
func AppendTime(b []byte, t time.Time) []byte {
	t = t.UTC()
	layout := `"2006-01-02T15:04:05Z"`
	switch ns := t.Nanosecond(); {
	case ns == 0:
	case ns%1_000_000 == 0:
		layout = `"2006-01-02T15:04:05.000Z"`
	default:
		layout = `"2006-01-02T15:04:05.000000Z"`
	}
	return t.AppendFormat(b, layout)
}

// AppendStrings appends a list of strings.
func AppendStrings(b []byte, list []string) []byte {
	b = append(b, '[')
	for i, s := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = AppendString(b, s)
	}
	return append(b, ']')
}

// AppendInt appends a whole number.
func AppendInt(b []byte, n int64) []byte { return strconv.AppendInt(b, n, 10) }
