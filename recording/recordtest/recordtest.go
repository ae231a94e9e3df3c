// Package recordtest is what tests of recording share: two bodies with their epoch keys,
// and short films as a camera would send them.
package recordtest

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/hpke"
	"crypto/sha256"
	"embed"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h265"
	mc "github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/mp4/codecs"

	"polity/city"
	"polity/recording/fmp4"
	"polity/recording/segment"
	"polity/recording/share"
)

//go:embed testdata/*.mp4
var films embed.FS

// Recorder returns a recorder's key, the same for the same number.
func Recorder(n byte) segment.Key {
	return segment.Key(ed25519.NewKeyFromSeed(bytes.Repeat([]byte{n}, ed25519.SeedSize)))
}

// Bodies are court and ombudsman with an epoch key for any day and class, made when
// first asked for, the same for the same Seed. It may be used by many goroutines.
type Bodies struct {
	Seed string
	// Last is the last day that has keys, as share.DayForm; empty: all have.
	Last string

	mu   sync.Mutex
	keys map[string]hpke.PrivateKey
}

// Private returns a body's private epoch key.
func (b *Bodies) Private(body share.Body, class city.Slug, day string) hpke.PrivateKey {
	b.mu.Lock()
	defer b.mu.Unlock()
	id := fmt.Sprintf("%s/%s/%s/%s", b.Seed, body, class, day)
	if k := b.keys[id]; k != nil {
		return k
	}
	seed := sha256.Sum256([]byte(id))
	k, err := share.Kem().DeriveKeyPair(seed[:])
	if err != nil {
		panic(err) // a seed of the right length always does
	}
	if b.keys == nil {
		b.keys = map[string]hpke.PrivateKey{}
	}
	b.keys[id] = k
	return k
}

// Key implements share.KeySource.
func (b *Bodies) Key(_ context.Context, body share.Body, class city.Slug, day string) (share.EpochKey, error) {
	if b.Last != "" && day > b.Last {
		return share.EpochKey{}, city.Errorf(city.NotFound, "%s has published no key for %s", body, day)
	}
	return share.NewEpochKey(body, class, day, b.Private(body, class, day).PublicKey().Bytes())
}

// KeyOf puts a segment's key together, as a case does from both bodies' shares.
func (b *Bodies) KeyOf(s *segment.Sealed) (share.Key, error) {
	var shares [2]share.Key
	for i, body := range share.Bodies {
		var err error
		if shares[i], err = share.Open(b.Private(body, s.Header.Class, s.Header.Day()), s.Header.Context(i), s.Shares[i], s.Header.Commitments[i]); err != nil {
			return share.Key{}, err
		}
	}
	return share.Join(&shares[0], &shares[1]), nil
}

// Open returns what is in a segment.
func (b *Bodies) Open(f io.ReaderAt, size int64, trust segment.Trust) ([]byte, error) {
	s, err := segment.Scan(f, size, trust)
	if err != nil {
		return nil, err
	}
	key, err := b.KeyOf(s)
	if err != nil {
		return nil, err
	}
	defer key.Wipe()
	r, err := segment.Open(f, size, &key, trust)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}

// File returns the bytes of a film: h264.mp4 or h265.mp4, 100 pictures of 96 x 64 at 25 a
// second, a key each second, with B-frames (made by ffmpeg's testsrc2, libx264 and libx265).
func File(name string) []byte {
	b, err := films.ReadFile("testdata/" + name)
	if err != nil {
		panic(err) // it is in the program
	}
	return b
}

// Film returns a film's units as a camera sends them, with parameter sets at each key. The
// first was taken at start.
func Film(name string, start time.Time) []*fmp4.Unit { return Units(File(name), start) }

// Units returns the units of a fragmented MP4 file as Film does.
func Units(b []byte, start time.Time) []*fmp4.Unit {
	var init mc.Init
	if err := init.Unmarshal(bytes.NewReader(b)); err != nil {
		panic(err)
	}
	codec := fmp4.H264
	var sets [][]byte
	switch c := init.Tracks[0].Codec.(type) {
	case *codecs.H264:
		sets = [][]byte{c.SPS, c.PPS}
	case *codecs.H265:
		codec, sets = fmp4.H265, [][]byte{c.VPS, c.SPS, c.PPS}
	}
	samples := Samples(b)
	units := make([]*fmp4.Unit, 0, len(samples))
	for _, s := range samples {
		nals, err := s.NALs()
		if err != nil {
			panic(err)
		}
		key := h264.IsRandomAccess(nals)
		if codec == fmp4.H265 {
			key = h265.IsRandomAccess(nals)
		}
		if key {
			nals = slices.Concat(sets, nals)
		}
		pts := time.Duration(s.PTS-samples[0].PTS) * time.Second / time.Duration(init.Tracks[0].TimeScale)
		units = append(units, &fmp4.Unit{Codec: codec, NALs: nals, Key: key, PTS: pts, Taken: start.Add(pts), Stream: 1})
	}
	return units
}

// Sample is a picture in a file, with its times in the file's ticks.
type Sample struct {
	*mc.Sample

	DTS, PTS int64
}

// NALs returns the picture's NAL units; H.264 and H.265 have the same form.
func (s *Sample) NALs() ([][]byte, error) {
	var nals h264.AVCC
	err := nals.Unmarshal(s.Payload)
	return nals, err
}

// Samples returns the pictures of a fragmented MP4 file.
func Samples(file []byte) (all []Sample) {
	var parts mc.Parts
	if err := parts.Unmarshal(file); err != nil {
		panic(err)
	}
	for _, p := range parts {
		dts := int64(p.Tracks[0].BaseTime)
		for _, s := range p.Tracks[0].Samples {
			all = append(all, Sample{s, dts, dts + int64(s.PTSOffset)})
			dts += int64(s.Duration)
		}
	}
	return all
}
