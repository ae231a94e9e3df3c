package fmp4

import (
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h265"
)

// TimeScale is the number of ticks a second of all times in a file.
const TimeScale = 90000

// ticks turns a duration into ticks, without the overflow of nanoseconds times 90000.
func ticks(d time.Duration) int64 {
	seconds, rest := d/time.Second, d%time.Second
	return int64(seconds)*TimeScale + int64(rest)*TimeScale/int64(time.Second)
}

// Order finds the times of decoding, which RTSP does not carry: with B-frames they
// differ from those of presentation (ITU-T H.264 annex C, H.265 annex C). Where a
// stream does not tell, the time of presentation is taken. Times never go back.
type Order struct {
	h264 *h264.DTSExtractor
	h265 *h265.DTSExtractor
	last int64
	any  bool
}

// Decode returns the unit's time of decoding and of presentation in ticks.
func (o *Order) Decode(u *Unit) (dts, pts int64) {
	pts = ticks(u.PTS)
	if u.Key && o.h264 == nil && o.h265 == nil {
		if u.Codec == H264 {
			o.h264 = &h264.DTSExtractor{}
			o.h264.Initialize()
		} else {
			o.h265 = &h265.DTSExtractor{}
			o.h265.Initialize()
		}
	}
	var err error
	dts = pts
	switch {
	case o.h264 != nil:
		dts, err = o.h264.Extract(u.NALs, pts)
	case o.h265 != nil:
		dts, err = o.h265.Extract(u.NALs, pts)
	}
	if err != nil {
		dts = pts
		o.h264, o.h265 = nil, nil // it starts again at the next key
	}
	if o.any && dts <= o.last {
		dts = o.last + 1
	}
	o.last, o.any = dts, true
	return dts, pts
}
