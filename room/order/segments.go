package order

import (
	"encoding/binary"

	"polity/city"
)

// Markers of JPEG (ITU-T T.81, table B.1).
const (
	soi  = 0xd8
	eoi  = 0xd9
	sof0 = 0xc0 // baseline
	dht  = 0xc4
	dqt  = 0xdb
	dri  = 0xdd
	sos  = 0xda
	app0 = 0xe0
	com  = 0xfe
)

func notPrepared(why string) error {
	return city.Errorf(city.Invalid, "this photo was not prepared by the crew's page: %s. Take it on that page and frame the object", why)
}

// checkSegments walks a JPEG's segments: a baseline picture and nothing beside it, so
// that no other kind of file, no place and no name hides in one.
func checkSegments(b []byte) error {
	if len(b) < 4 || b[0] != 0xff || b[1] != soi {
		return notPrepared("it is no JPEG")
	}
	frames, scans := 0, 0
	for at := 2; ; {
		if at+2 > len(b) || b[at] != 0xff {
			return notPrepared("it is damaged or cut off")
		}
		marker := b[at+1]
		if marker == eoi {
			switch {
			case at+2 != len(b):
				return notPrepared("something stands behind the picture")
			case frames != 1 || scans == 0:
				return notPrepared("there is no picture in it")
			}
			return nil
		}
		if at+4 > len(b) {
			return notPrepared("it is damaged or cut off")
		}
		length := int(binary.BigEndian.Uint16(b[at+2:]))
		if length < 2 || at+2+length > len(b) {
			return notPrepared("it is damaged or cut off")
		}
		switch marker {
		case app0, dqt, dht, dri:
		case sof0:
			frames++
		case sos:
			scans++
		case com:
			return notPrepared("it holds a comment")
		default:
			if marker > app0 && marker <= app0+15 {
				return notPrepared("it holds what a camera writes beside the picture, such as place and time")
			}
			return notPrepared("its form is not baseline JPEG")
		}
		if at += 2 + length; marker == sos {
			at = skipScan(b, at)
		}
		if scans > 4 { // three components, one each
			return notPrepared("it has too many scans")
		}
	}
}

// skipScan returns where the entropy-coded data ends: at a marker that is no restart and
// no stuffed byte.
func skipScan(b []byte, at int) int {
	for ; at+1 < len(b); at++ {
		if b[at] == 0xff && b[at+1] != 0 && (b[at+1] < 0xd0 || b[at+1] > 0xd7) {
			return at
		}
	}
	return at
}
