package standin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/bluenviron/gortsplib/v5"
	"github.com/bluenviron/gortsplib/v5/pkg/description"
	"github.com/bluenviron/gortsplib/v5/pkg/format"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h265"
	"github.com/pion/rtp"

	"polity/camera/stream"
	"polity/city"
)

// player sends one film in an endless loop, each picture at its time.
type player struct {
	camera *Camera
	name   string
	out    *gortsplib.ServerStream
	media  *description.Media
	encode func(nals [][]byte) ([]*rtp.Packet, error)
	rtp    uint32 // timestamp of the loop's start

	mu     sync.Mutex
	reel   *reel
	change chan struct{} // a new reel is in
	ended  sync.WaitGroup
}

// reel is a film in memory, as units in order of decoding.
type reel struct {
	units  []*stream.Unit
	length time.Duration // of one showing
}

// maxReel bounds a film in memory, bytes.
const maxReel = 512 << 20

func loadReel(ctx context.Context, path string) (*reel, error) {
	film, err := stream.OpenFilm(ctx, path)
	if err != nil {
		return nil, err
	}
	defer film.Close()
	r := &reel{}
	size := 0
	var latest time.Duration
	for {
		u, err := film.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		if size += u.Size(); size > maxReel {
			return nil, city.Errorf(city.TooLarge, "film %s: more than %d MiB; a stand-in camera keeps its film in memory", path, maxReel>>20)
		}
		r.units = append(r.units, u)
		latest = max(latest, u.PTS)
	}
	if len(r.units) < 2 || latest <= 0 {
		return nil, city.Errorf(city.Invalid, "film %s: fewer than two pictures with times of their own", path)
	}
	// The last picture is shown as long as the others are on average.
	r.length = latest * time.Duration(len(r.units)) / time.Duration(len(r.units)-1)
	return r, nil
}

func newPlayer(ctx context.Context, c *Camera, name, film string) (*player, error) {
	r, err := loadReel(ctx, film)
	if err != nil {
		return nil, err
	}
	return &player{camera: c, name: name, reel: r, rtp: rand.Uint32(), change: make(chan struct{}, 1)}, nil
}

// publish makes the stream known to the server and starts playing.
func (p *player) publish(ctx context.Context, server *gortsplib.Server) error {
	forma, encode, err := formatOf(p.reel.units[0])
	if err != nil {
		return err
	}
	p.encode = encode
	p.media = &description.Media{Type: description.MediaTypeVideo, Formats: []format.Format{forma}}
	p.out = &gortsplib.ServerStream{Server: server, Desc: &description.Session{Title: "stand-in camera", Medias: []*description.Media{p.media}}}
	if err := p.out.Initialize(); err != nil {
		return fmt.Errorf("stand-in camera: %w", err)
	}
	p.ended.Go(func() { p.play(ctx) })
	return nil
}

// formatOf describes a stream as RTSP does, and says how units become packets.
func formatOf(first *stream.Unit) (format.Format, func([][]byte) ([]*rtp.Packet, error), error) {
	switch first.Codec {
	case stream.H264:
		f := &format.H264{PayloadTyp: 96, PacketizationMode: 1}
		for _, nal := range first.NALs {
			switch h264.NALUType(nal[0] & 0x1f) {
			case h264.NALUTypeSPS:
				f.SPS = nal
			case h264.NALUTypePPS:
				f.PPS = nal
			}
		}
		e, err := f.CreateEncoder()
		if err != nil {
			return nil, nil, err
		}
		return f, e.Encode, nil
	case stream.H265:
		f := &format.H265{PayloadTyp: 96}
		for _, nal := range first.NALs {
			switch h265.NALUType(nal[0] >> 1 & 0x3f) {
			case h265.NALUType_VPS_NUT:
				f.VPS = nal
			case h265.NALUType_SPS_NUT:
				f.SPS = nal
			case h265.NALUType_PPS_NUT:
				f.PPS = nal
			}
		}
		e, err := f.CreateEncoder()
		if err != nil {
			return nil, nil, err
		}
		return f, e.Encode, nil
	case stream.MJPEG:
		f := &format.MJPEG{}
		e, err := f.CreateEncoder()
		if err != nil {
			return nil, nil, err
		}
		return f, func(nals [][]byte) ([]*rtp.Packet, error) { return e.Encode(nals[0]) }, nil
	}
	return nil, nil, errors.New("no such codec")
}

// Show puts another film in, of the same codec: from its first picture on it is
// sent in place of the old one, as when a camera's resolution is changed.
func (c *Camera) Show(ctx context.Context, film string) error {
	p := c.streams["main"]
	r, err := loadReel(ctx, film)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if r.units[0].Codec != p.reel.units[0].Codec {
		return city.Errorf(city.Invalid, "film %s is %s; the camera sends %s", film, r.units[0].Codec, p.reel.units[0].Codec)
	}
	p.reel = r
	select {
	case p.change <- struct{}{}:
	default:
	}
	return nil
}

func (p *player) play(ctx context.Context) {
	began := time.Now()
	base := time.Duration(0) // time of the showing's start since began
	for ctx.Err() == nil {
		p.mu.Lock()
		r := p.reel
		p.mu.Unlock()
		base += p.showing(ctx, r, began, base)
	}
}

// showing sends a film once and returns how long that took: its length, or less
// when another film was put in.
func (p *player) showing(ctx context.Context, r *reel, began time.Time, base time.Duration) time.Duration {
	latest := time.Duration(0)
	for i, u := range r.units {
		// Units leave in order of decoding, each when the latest picture so far is due.
		latest = max(latest, u.PTS, time.Duration(i)*r.length/time.Duration(len(r.units)))
		due := time.NewTimer(time.Until(began.Add(base + latest)))
		select {
		case <-due.C:
		case <-p.change:
			due.Stop()
			return latest + r.length/time.Duration(len(r.units))
		case <-ctx.Done():
			due.Stop()
			return 0
		}
		if err := p.send(u, base+u.PTS, began); err != nil {
			p.camera.cfg.Log.Debug("stand-in camera cannot send", slog.String("reason", err.Error()))
		}
	}
	return r.length
}

// send writes a unit with its timestamp, as the camera misbehaves at the moment.
func (p *player) send(u *stream.Unit, pts time.Duration, began time.Time) error {
	f := p.camera.behaviour()
	if f.Stall || f.NoKeys && u.Key {
		return nil
	}
	shown := pts + f.Jump
	if f.Frozen {
		shown = 0
	}
	stamp := p.rtp + uint32(int64(shown.Seconds()*90000))
	groups := [][][]byte{f.spoil(u)}
	if f.PerSlice {
		groups = nil
		for _, nal := range f.spoil(u) {
			groups = append(groups, [][]byte{nal})
		}
	}
	for _, nals := range groups {
		packets, err := p.encode(nals)
		if err != nil {
			return err
		}
		for _, packet := range packets {
			packet.Timestamp = stamp
			if f.Lose > 0 && rand.Float64() < f.Lose {
				continue
			}
			if err := p.out.WritePacketRTPWithNTP(p.media, packet, began.Add(pts+p.camera.cfg.Clock)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (p *player) close() {
	if p.out != nil {
		p.out.Close()
	}
	p.ended.Wait()
}
