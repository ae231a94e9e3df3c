package root

import (
	"encoding/binary"
	"time"

	"polity/city"
)

// List has the hashes of all segments of one hour of a camera, in order: what the hour's
// root is made of.
type List struct {
	Hour     time.Time // its beginning, UTC
	Segments []Hash
}

// MaxList is how many segments an hour has at most.
const MaxList = 100_000

// ListFile ends the name of a file of lists, which begins with the camera's.
const ListFile = ".hours"

// Is says whether a list is all that a root was made of.
func (l *List) Is(count int64, root Hash) bool {
	return int64(len(l.Segments)) == count && Of(l.Segments) == root
}

// Holds says whether some segments stand in the list, in their order.
func (l *List) Holds(some []Hash) bool {
	n := 0
	for _, s := range l.Segments {
		if n < len(some) && s == some[n] {
			n++
		}
	}
	return n == len(some)
}

// AppendLists appends lists, whose hours rise, in the form of docs/formats/bundle.md: time
// of the hour (8 bytes), count (4), that many hashes.
func AppendLists(b []byte, lists ...List) []byte {
	for _, l := range lists {
		b = binary.BigEndian.AppendUint64(b, uint64(l.Hour.UnixMilli())) //nolint:gosec // after 1970
		b = binary.BigEndian.AppendUint32(b, uint32(len(l.Segments)))    //nolint:gosec // at most MaxList
		for _, s := range l.Segments {
			b = append(b, s[:]...)
		}
	}
	return b
}

// ParseLists reads them. The error is of kind Invalid.
func ParseLists(b []byte) (lists []List, err error) {
	bad := city.Errorf(city.Invalid, "the list of hours is cut off, out of order or damaged")
	for len(b) > 0 {
		if len(b) < 12 {
			return nil, bad
		}
		at, n := int64(binary.BigEndian.Uint64(b)), int(binary.BigEndian.Uint32(b[8:])) //nolint:gosec // checked below
		b = b[12:]
		l := List{Hour: time.UnixMilli(at).UTC()}
		if at < 0 || at%time.Hour.Milliseconds() != 0 || n < 1 || n > MaxList || len(b) < n*32 || (len(lists) > 0 && !l.Hour.After(lists[len(lists)-1].Hour)) {
			return nil, bad
		}
		l.Segments = make([]Hash, n)
		for i := range l.Segments {
			l.Segments[i] = Hash(b[:32])
			b = b[32:]
		}
		lists = append(lists, l)
	}
	return lists, nil
}
