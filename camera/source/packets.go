package source

import (
	"errors"
	"fmt"
	"net/url"

	"github.com/bluenviron/gortsplib/v5/pkg/format"
	"github.com/bluenviron/gortsplib/v5/pkg/format/rtph264"
	"github.com/bluenviron/gortsplib/v5/pkg/format/rtph265"
	"github.com/bluenviron/gortsplib/v5/pkg/format/rtpmjpeg"
	"github.com/pion/rtp"

	"polity/camera/stream"
)

// depacketizer puts packets together to access units.
type depacketizer struct {
	codec stream.Codec
	sets  [][]byte // that the description gives
	// decode returns errMore while an access unit is not whole.
	decode func(*rtp.Packet) ([][]byte, error)

	waiting bool  // packets of a unit are in decode
	pts     int64 // theirs

	spent [][]byte // payloads of packets since the last unit, which decode may still read
	size  int      // bytes in spent
}

func newDepacketizer(forma format.Format) (*depacketizer, error) {
	switch f := forma.(type) {
	case *format.H264:
		d, err := f.CreateDecoder()
		if err != nil {
			return nil, err
		}
		return &depacketizer{codec: stream.H264, sets: [][]byte{f.SPS, f.PPS}, decode: d.Decode}, nil
	case *format.H265:
		d, err := f.CreateDecoder()
		if err != nil {
			return nil, err
		}
		return &depacketizer{codec: stream.H265, sets: [][]byte{f.VPS, f.SPS, f.PPS}, decode: d.Decode}, nil
	case *format.MJPEG:
		d, err := f.CreateDecoder()
		if err != nil {
			return nil, err
		}
		return &depacketizer{codec: stream.MJPEG, decode: func(p *rtp.Packet) ([][]byte, error) {
			image, err := d.Decode(p)
			return [][]byte{image}, err
		}}, nil
	}
	return nil, fmt.Errorf("no such format: %s", forma.RTPMap())
}

// add takes a packet with its timestamp and returns the access unit that is whole
// by it, with its own timestamp: some cameras never mark a unit's last packet, so
// that only the next unit's first shows it. lost says that something is missing.
func (d *depacketizer) add(p *rtp.Packet, pts int64) (nals [][]byte, at int64, lost bool) {
	if d.size += len(p.Payload); d.size > 2*stream.MaxUnit { // no unit is as large: let them go
		d.spent, d.size = nil, len(p.Payload)
	}
	d.spent = append(d.spent, p.Payload)
	nals, err := d.decode(p)
	switch {
	case errors.Is(err, rtph264.ErrMorePacketsNeeded), errors.Is(err, rtph265.ErrMorePacketsNeeded), errors.Is(err, rtpmjpeg.ErrMorePacketsNeeded):
		d.waiting, d.pts = true, pts
		return nil, 0, false
	case errors.Is(err, rtph264.ErrNonStartingPacketAndNoPrevious), errors.Is(err, rtph265.ErrNonStartingPacketAndNoPrevious), errors.Is(err, rtpmjpeg.ErrNonStartingPacketAndNoPrevious):
		return nil, 0, false // we came in the middle of a picture
	case err != nil:
		d.waiting = false
		return nil, 0, true
	}
	at = pts
	if d.waiting && d.pts != pts {
		at, d.pts = d.pts, pts
		return d.own(nals, p.Payload), at, false
	}
	d.waiting = false
	return d.own(nals, nil), at, false
}

// own copies a unit out of its packets and overwrites those, so that of a picture nothing
// is in memory but the unit. A packet that begins the next unit stays.
func (d *depacketizer) own(nals [][]byte, next []byte) [][]byte {
	u := (&stream.Unit{NALs: nals}).Clone()
	for _, nal := range nals {
		clear(nal) // a packet's, or what was put together from several
	}
	for _, payload := range d.spent {
		if len(next) == 0 || len(payload) == 0 || &payload[0] != &next[0] {
			clear(payload)
		}
	}
	d.spent, d.size = d.spent[:0], 0
	if next != nil {
		d.spent, d.size = append(d.spent, next), len(next)
	}
	return u.NALs
}

func userinfo(user, password string) *url.Userinfo { return url.UserPassword(user, password) }
