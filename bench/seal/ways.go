package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"path"
	"path/filepath"
	"syscall"
	"time"

	"polity/bench/harness"
	"polity/recording/disk"
	"polity/recording/fmp4"
	"polity/recording/recorder"
	"polity/recording/recordtest"
	"polity/recording/segment"
	"polity/recording/share"
	"polity/recording/store"
)

const (
	perSecond = 25
	group     = 2 * perSecond // pictures from key to key
	keyShare  = 8             // a key frame is so many times as large as another picture
	minute    = 60 * perSecond
)

var begin = time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)

// sums are CPU times and sizes of one rate.
type sums struct {
	seconds                float64 // of pictures
	sealed, plain, sealing time.Duration
	segments               int
	keyBytes               int64
	content, stored        int64
}

func (s *sums) ratio() float64 { return s.sealed.Seconds() / s.plain.Seconds() }

// keyBytes are the bytes of a segment that are there for its key: two sealed shares, their
// hashes, three commitments, two key ids.
const keyBytes = 2*share.SealedSize + 2*32 + 3*32 + 2*32

// bench is one rate being measured.
type bench struct {
	units  []*fmp4.Unit // a minute
	sets   fmp4.Sets
	folder *disk.Folder
	store  *store.Store
	record *recorder.Recorder
	bodies *recordtest.Bodies
	clear  disk.Disk
	failed error
	sums
}

func measure(ctx context.Context, r *harness.Run, dir string, mbits float64, rounds int) (*sums, error) {
	b := &bench{bodies: &recordtest.Bodies{Seed: "bench"}}
	film := recordtest.Film("h264.mp4", begin)
	b.sets, _ = fmp4.SetsOf(film[0])
	b.units = pictures(b.sets, mbits)
	var err error
	if b.folder, err = disk.OpenFolder(filepath.Join(dir, "sealed")); err != nil {
		return nil, err
	}
	defer b.folder.Close()
	clear, err := disk.OpenFolder(filepath.Join(dir, "plain"))
	if err != nil {
		return nil, err
	}
	defer clear.Close()
	b.clear = clear
	key := recordtest.Recorder(1)
	b.store, err = store.Open(store.Config{Disk: b.folder, Domain: "city.example", Signer: key, Trust: segment.Recorders(key.Public())})
	if err != nil {
		return nil, err
	}
	camera, err := b.store.Camera("square")
	if err != nil {
		return nil, err
	}
	if b.record, err = recorder.New(recorder.Config{
		Domain: "city.example", Camera: "square", Class: "street", Keys: b.bodies, Signer: key, Place: recorder.Local(camera),
		Event: func(e recorder.Event) {
			b.failed = errors.Join(b.failed, fmt.Errorf("%s: %s: %w", e.Kind, e.Reason, e.Err))
		},
	}); err != nil {
		return nil, err
	}
	for round := range rounds {
		if err := b.round(ctx, round); err != nil {
			return nil, err
		}
		if round%5 == 4 {
			r.Say("%g Mbit/s: %d of %d minutes", mbits, round+1, rounds)
		}
	}
	entries := camera.Entries(begin, begin.AddDate(0, 0, 2))
	b.segments = len(entries)
	for _, e := range entries {
		b.stored += e.Size
	}
	b.keyBytes = int64(b.segments) * keyBytes
	b.content = b.content * int64(b.segments) / int64(max(1, rounds*10)) // the last segment is still open
	b.seconds = float64(rounds) * 60
	return &b.sums, nil
}

// pictures is a minute of units that no cipher finds easier than others.
func pictures(sets fmp4.Sets, mbits float64) (units []*fmp4.Unit) {
	chance := rand.NewChaCha8([32]byte{1})
	each := int(mbits * 1e6 / 8 * group / perSecond / (group - 1 + keyShare))
	for i := range minute {
		u := &fmp4.Unit{Codec: fmp4.H264, Key: i%group == 0, Stream: 1}
		nal := make([]byte, each)
		if u.Key {
			nal = make([]byte, keyShare*each)
		}
		_, _ = chance.Read(nal)
		nal[0] = 0x41
		if u.NALs = [][]byte{nal}; u.Key {
			nal[0] = 0x65
			u.NALs = [][]byte{sets.SPS, sets.PPS, nal}
		}
		units = append(units, u)
	}
	return units
}

// at gives the pictures of a round their times. They are other units each time, since the
// recorder still holds the last ones, with the same bytes.
func (b *bench) at(round int) {
	for i := range b.units {
		u := *b.units[i]
		b.units[i] = &u
		u.PTS = time.Duration(round)*time.Minute + time.Duration(i)*time.Second/perSecond
		u.Taken = begin.Add(u.PTS)
	}
}

// round takes a minute through each way, in an order that turns.
func (b *bench) round(ctx context.Context, round int) error {
	b.at(round)
	files, err := b.files(round)
	if err != nil {
		return err
	}
	ways := []func() error{
		func() error { return took(&b.sealed, func() error { return b.seal(ctx) }) },
		func() error { return took(&b.plain, func() error { return b.write(round) }) },
		func() error { return took(&b.sealing, func() error { return b.sealAlone(ctx, round, files) }) },
	}
	for i := range ways {
		if err := ways[(round+i)%len(ways)](); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// took adds the CPU time of f, all threads together.
func took(sum *time.Duration, f func() error) error {
	before, err := cpu()
	if err != nil {
		return err
	}
	if err := f(); err != nil {
		return err
	}
	after, err := cpu()
	*sum += after - before
	return err
}

func cpu() (time.Duration, error) {
	var u syscall.Rusage
	err := syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), err
}

// seal is the recorder as it runs.
func (b *bench) seal(ctx context.Context) error {
	for _, u := range b.units {
		b.record.Add(ctx, u)
	}
	return b.failed
}

// write writes the same fMP4 files in the clear, with the fsyncs of the store.
func (b *bench) write(round int) error {
	for i := range 10 {
		dir := begin.Format("2006-01-02")
		if err := b.clear.MkdirAll(dir); err != nil {
			return err
		}
		name := path.Join(dir, fmt.Sprintf("%04d-%02d.mp4", round, i))
		f, err := b.clear.Create(name + ".part")
		if err != nil {
			return err
		}
		err = b.mux(&chunked{w: f}, i)
		err = errors.Join(err, f.Sync(), f.Close(), b.clear.Rename(name+".part", name), b.clear.SyncDir(dir))
		if err != nil {
			return err
		}
	}
	return nil
}

// mux writes the i-th six seconds of the minute.
func (b *bench) mux(w interface {
	io.Writer
	flush() error
}, i int,
) error {
	m, err := fmp4.NewMuxer(w, fmp4.H264, b.sets)
	if err != nil {
		return err
	}
	var order fmp4.Order
	for _, u := range b.units[i*minute/10 : (i+1)*minute/10] {
		dts, pts := order.Decode(u)
		if err := m.Add(u, dts, pts, fmp4.TimeScale/perSecond); err != nil {
			return err
		}
	}
	return errors.Join(m.Close(), w.flush())
}

// chunked gathers what is written into pieces of 64 KiB, as a sealed segment does.
type chunked struct {
	w   io.Writer
	buf []byte
}

func (c *chunked) Write(p []byte) (int, error) {
	c.buf = append(c.buf, p...)
	for len(c.buf) >= 64<<10 {
		if _, err := c.w.Write(c.buf[:64<<10]); err != nil {
			return 0, err
		}
		c.buf = append(c.buf[:0], c.buf[64<<10:]...)
	}
	return len(p), nil
}

func (c *chunked) flush() error {
	_, err := c.w.Write(c.buf)
	return err
}

type memory struct{ bytes.Buffer }

func (*memory) flush() error { return nil }

// files are the minute's ten files in memory.
func (b *bench) files(int) (files [][]byte, err error) {
	for i := range 10 {
		var m memory
		if err := b.mux(&m, i); err != nil {
			return nil, err
		}
		files = append(files, m.Bytes())
		b.content += int64(m.Len())
	}
	return files, nil
}

// sealAlone seals the minute's files to nowhere.
func (b *bench) sealAlone(ctx context.Context, round int, files [][]byte) error {
	var keys [2]share.EpochKey
	for i, body := range share.Bodies {
		var err error
		if keys[i], err = b.bodies.Key(ctx, body, "street", share.Day(begin)); err != nil {
			return err
		}
	}
	for i, file := range files {
		start := begin.Add(time.Duration(round*60+i*6) * time.Second)
		w, err := segment.Seal(io.Discard, segment.Header{
			Media: segment.H264, Domain: "city.example", Camera: "square", Class: "street", Sequence: uint64(round*10 + i + 1), Start: start, GapStart: start,
		}, keys, recordtest.Recorder(1))
		if err != nil {
			return err
		}
		if _, err := w.Write(file); err != nil {
			return err
		}
		if _, err := w.Close(start.Add(6*time.Second), minute/10); err != nil {
			return err
		}
	}
	return nil
}
