package source

import (
	"context"
	"fmt"
	"net/url"
	"time"

	"polity/camera/source/onvif"
)

// finder tells where a camera's streams are now: cameras change that when their
// configuration is changed.
type finder interface {
	// find asks the camera. Its errors hold no password.
	find(ctx context.Context) (streams, error)
}

// streams is what a finder finds.
type streams struct {
	analyse, record string        // RTSP addresses, without user and password
	skew            time.Duration // camera's clock minus ours
	skewKnown       bool
}

type onvifFinder struct {
	cfg   onvif.Config
	lines int
}

func (f *onvifFinder) find(ctx context.Context) (streams, error) {
	var out streams
	d, err := onvif.Open(ctx, f.cfg)
	if err != nil {
		return out, err
	}
	out.skew, out.skewKnown = d.Skew()
	profiles, err := d.Profiles(ctx)
	if err != nil {
		return out, err
	}
	analyse, record, err := onvif.Choose(profiles, f.lines)
	if err != nil {
		return out, err
	}
	if out.analyse, err = d.StreamURL(ctx, analyse.Token); err != nil {
		return out, err
	}
	out.record, err = d.StreamURL(ctx, record.Token)
	return out, err
}

// find returns where the stream to analyse is.
func (s *Source) find(ctx context.Context) (*url.URL, error) {
	if s.finder == nil {
		return s.url, nil
	}
	found, err := s.finder.find(ctx)
	if err != nil {
		return nil, err
	}
	at, err := url.Parse(found.analyse)
	if err != nil {
		return nil, fmt.Errorf("the address that the camera gives over ONVIF is none: %q", printable(found.analyse))
	}
	s.update(func(st *Status) { st.Record = found.record })
	if found.skewKnown {
		s.skewed(found.skew)
	}
	return at, nil
}

// maxSkew is as much as is told: a camera that was never set shows 1970.
const maxSkew = 365 * 24 * time.Hour

// skewed takes note of how far the camera's clock is ahead.
func (s *Source) skewed(by time.Duration) {
	by = max(-maxSkew, min(by, maxSkew)).Round(time.Millisecond)
	s.update(func(st *Status) { st.ClockSkew, st.SkewKnown = by, true })
}
