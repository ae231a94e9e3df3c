package ffmpeg

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
)

// ErrNUT is the root of every error about what ffmpeg wrote.
var ErrNUT = errors.New("decoder's output is not NUT")

// Start codes and frame flags of the NUT open container format, version 3
// (nut.txt, sections "Startcodes" and "Frame header").
const (
	nutFileID    = "nut/multimedia container\x00"
	nutMain      = 0x4E4D7A561F5F04AD
	nutStream    = 0x4E5311405BF2F9DB
	nutSyncpoint = 0x4E4BE4ADEECA4569

	nutCodedPTS   = 1 << 3
	nutStreamID   = 1 << 4
	nutSizeMSB    = 1 << 5
	nutChecksum   = 1 << 6
	nutReserved   = 1 << 7
	nutHeaderIdx  = 1 << 10
	nutMatchTime  = 1 << 11
	nutCoded      = 1 << 12
	nutInvalid    = 1 << 13
	nutHeaderSize = 1 << 16 // greatest header that is accepted, bytes
)

// NUT reads a NUT file of one or two video streams with the same time base, as
// ffmpeg writes it with "-f nut". NUT is used since it is the one container of
// ffmpeg that passes on a packet of any codec at once, with its size and its
// timestamp.
type NUT struct {
	// Of the first stream.
	Width, Height int
	FourCC        string // of the codec, e.g. I420 for planar YUV 4:2:0
	Extra         []byte // the codec's own header, e.g. an avcC box's content

	r       *bufio.Reader
	codes   [256]nutCode
	elision [][]byte
	baseNum int64
	baseDen int64
	streams []nutTrack
	stream  int    // of the packet whose header was read
	elided  []byte // of that packet
	left    int    // bytes of it that are still in r
}

// nutTrack is what is known of one stream.
type nutTrack struct {
	described bool
	shift     uint64 // bits of a timestamp that are written (msb_pts_shift)
	last      int64  // timestamp of the packet before
}

const nutMaxStreams = 2

// MaxPacket bounds a packet: a picture of 8192 x 8192 in YUV 4:2:0.
const MaxPacket = maxSide * maxSide * 3 / 2

const maxSide = 8192

type nutCode struct {
	flags, mul, lsb, reserved uint64
	ptsDelta                  int64
	stream, header            uint64
}

// NewNUT reads the headers. It blocks until the decoder has written them,
// which it does with its first frame.
func NewNUT(r io.Reader) (*NUT, error) {
	n := &NUT{r: bufio.NewReaderSize(r, 64<<10)}
	id := make([]byte, len(nutFileID))
	if _, err := io.ReadFull(n.r, id); err != nil {
		return nil, err // io.EOF: the decoder ended without a frame
	}
	if string(id) != nutFileID {
		return nil, fmt.Errorf("%w: it begins with %q", ErrNUT, id[:8])
	}
	for !n.described() {
		if err := n.header(); err != nil {
			return nil, noEOF(err)
		}
	}
	return n, nil
}

// described says whether the headers of all streams have been read.
func (n *NUT) described() bool {
	return n.baseDen != 0 && !slices.ContainsFunc(n.streams, func(t nutTrack) bool { return !t.described })
}

func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// header reads one packet that begins with a start code.
func (n *NUT) header() error {
	var b [8]byte
	if _, err := io.ReadFull(n.r, b[:]); err != nil {
		return err
	}
	code := binary.BigEndian.Uint64(b[:])
	size, err := readV(n.r)
	if err != nil {
		return noEOF(err)
	}
	if size > 4096 {
		if _, err := n.r.Discard(4); err != nil {
			return noEOF(err)
		}
	}
	if b[0] != 'N' || size < 4 || size > nutHeaderSize {
		return fmt.Errorf("%w: start code %#x of %d bytes", ErrNUT, code, size)
	}
	body := make([]byte, size)
	if _, err := io.ReadFull(n.r, body); err != nil {
		return noEOF(err)
	}
	p := &nutFields{b: body[:size-4]} // a checksum ends it
	switch code {
	case nutMain:
		n.mainHeader(p)
	case nutStream:
		n.streamHeader(p)
	case nutSyncpoint:
		for i, at := 0, p.pts(); i < len(n.streams); i++ {
			n.streams[i].last = at
		}
	}
	return p.err
}

func (n *NUT) mainHeader(p *nutFields) {
	version, streams := p.v(), uint64(0)
	if version > 3 {
		p.v()
	}
	streams = p.v()
	p.v() // max_distance
	bases := p.v()
	num, den := p.v(), p.v()
	if p.err == nil && (version < 2 || version > 4 || streams < 1 || streams > nutMaxStreams || bases != 1 || num == 0 || den == 0 || num > math.MaxInt32 || den > math.MaxInt32) {
		p.err = fmt.Errorf("%w: version %d, %d streams, %d time bases of %d/%d", ErrNUT, version, streams, bases, num, den)
	}
	n.frameCodes(p)
	n.elision = [][]byte{nil}
	for i := p.v(); i > 0 && p.err == nil; i-- {
		n.elision = append(n.elision, p.bytes())
	}
	if p.err == nil {
		n.baseNum, n.baseDen = int64(num), int64(den)
		if n.streams == nil {
			n.streams = make([]nutTrack, streams)
		}
	}
}

// frameCodes reads the table that says what each first byte of a frame stands for.
func (n *NUT) frameCodes(p *nutFields) {
	var pts int64
	var mul, stream, head uint64 = 1, 0, 0
	for i := 0; i < 256 && p.err == nil; {
		flags, fields := p.v(), p.v()
		var size, reserved uint64
		if fields > 0 {
			pts = p.s()
		}
		if fields > 1 {
			mul = p.v()
		}
		if fields > 2 {
			stream = p.v()
		}
		if fields > 3 {
			size = p.v()
		}
		if fields > 4 {
			reserved = p.v()
		}
		count := mul - size
		if fields > 5 {
			count = p.v()
		}
		if fields > 6 {
			p.s() // match_time
		}
		if fields > 7 {
			head = p.v()
		}
		for range max(fields, 8) - 8 {
			if p.v(); p.err != nil {
				return
			}
		}
		if count == 0 || count > 256 || mul > 1<<20 || size > 1<<20 {
			p.fail("frame code %d stands for %d", i, count)
			return
		}
		for j := uint64(0); j < count && i < 256; i++ {
			if i == 'N' {
				n.codes[i].flags = nutInvalid
				continue
			}
			n.codes[i] = nutCode{flags: flags, mul: mul, lsb: size + j, reserved: reserved, ptsDelta: pts, stream: stream, header: head}
			j++
		}
	}
}

func (n *NUT) streamHeader(p *nutFields) {
	stream := p.v()
	class := p.v()
	fourcc := p.bytes()
	p.v() // time base
	shift := p.v()
	p.v() // max_pts_distance
	p.v() // decode_delay
	p.v() // flags
	extra := p.bytes()
	width, height := p.v(), p.v()
	if p.err == nil && (stream >= uint64(len(n.streams)) || class != 0 || shift > 16 || width < 1 || height < 1 || width > maxSide || height > maxSide) {
		p.fail("stream %d of class %d, %d x %d", stream, class, width, height)
	}
	if p.err != nil {
		return
	}
	t := &n.streams[stream]
	again := t.described
	t.described, t.shift = true, shift
	switch {
	case stream > 0:
		return
	case again && (int(width) != n.Width || int(height) != n.Height): // who reads has checked the size
		p.fail("the picture's size changes to %d x %d", width, height)
		return
	}
	n.Width, n.Height, n.FourCC, n.Extra = int(width), int(height), string(fourcc), extra
}

// Next reads the header of the next packet: its timestamp in microseconds and its
// size in bytes. What the caller did not read of the packet before is skipped. It
// returns io.EOF at the end between packets.
func (n *NUT) Next() (micros int64, size int, err error) {
	if _, err := n.r.Discard(n.left); err != nil {
		return 0, 0, noEOF(err)
	}
	n.left = 0
	for {
		first, err := n.r.Peek(1)
		if err != nil {
			return 0, 0, err
		}
		if first[0] != 'N' {
			break
		}
		if err := n.header(); err != nil {
			return 0, 0, noEOF(err)
		}
	}
	code, _ := n.r.ReadByte()
	c := n.codes[code]
	p := nutSource{r: n.r}
	if c.flags&nutCoded != 0 {
		c.flags ^= p.v()
	}
	if c.flags&nutStreamID != 0 {
		c.stream = p.v()
	}
	if c.stream >= uint64(len(n.streams)) {
		return 0, 0, fmt.Errorf("%w: a packet of stream %d of %d", ErrNUT, c.stream, len(n.streams))
	}
	track := &n.streams[c.stream]
	pts := track.last + c.ptsDelta
	if c.flags&nutCodedPTS != 0 {
		pts = track.fullPTS(p.v())
	}
	bytes := c.lsb
	if c.flags&nutSizeMSB != 0 {
		msb := p.v()
		if msb > math.MaxInt32 {
			return 0, 0, fmt.Errorf("%w: frame too large", ErrNUT)
		}
		bytes += c.mul * msb
	}
	if c.flags&nutMatchTime != 0 {
		p.v()
	}
	if c.flags&nutHeaderIdx != 0 {
		c.header = p.v()
	}
	if c.flags&nutReserved != 0 {
		c.reserved = p.v()
	}
	if c.reserved > 16 {
		return 0, 0, fmt.Errorf("%w: %d reserved fields", ErrNUT, c.reserved)
	}
	for range c.reserved {
		p.v()
	}
	if c.flags&nutChecksum != 0 && p.err == nil {
		_, p.err = n.r.Discard(4)
	}
	if p.err != nil {
		return 0, 0, noEOF(p.err)
	}
	if c.flags&nutInvalid != 0 || bytes > MaxPacket || c.header >= uint64(len(n.elision)) {
		return 0, 0, fmt.Errorf("%w: frame code %d, %d bytes", ErrNUT, code, bytes)
	}
	n.elided = nil
	if bytes <= 4096 { // nut.txt, "elision_header": larger packets have none
		n.elided = n.elision[c.header]
	}
	if len(n.elided) > int(bytes) {
		return 0, 0, fmt.Errorf("%w: packet of %d bytes with a header of %d", ErrNUT, bytes, len(n.elided))
	}
	track.last, n.stream, n.left = pts, int(c.stream), int(bytes)-len(n.elided)
	if pts > math.MaxInt64/1_000_000/n.baseNum || pts < math.MinInt64/1_000_000/n.baseNum {
		return 0, 0, fmt.Errorf("%w: timestamp %d", ErrNUT, pts)
	}
	return pts * n.baseNum * 1_000_000 / n.baseDen, int(bytes), nil
}

// Stream returns of which stream the packet is whose header Next has read, from 0.
func (n *NUT) Stream() int { return n.stream }

// Read reads on in the packet whose header Next has read; io.EOF at its end.
func (n *NUT) Read(b []byte) (int, error) {
	if len(n.elided) > 0 {
		m := copy(b, n.elided)
		n.elided = n.elided[m:]
		return m, nil
	}
	if n.left == 0 {
		return 0, io.EOF
	}
	m, err := n.r.Read(b[:min(len(b), n.left)])
	n.left -= m
	return m, noEOF(err)
}

// fullPTS completes a timestamp of which only the low bits were written.
func (t *nutTrack) fullPTS(coded uint64) int64 {
	if coded >= 1<<t.shift {
		return int64(coded - 1<<t.shift)
	}
	mask := int64(1)<<t.shift - 1
	from := t.last - mask/2
	return (int64(coded)-from)&mask + from
}

// nutFields reads the fields of a header that is in memory.
type nutFields struct {
	b   []byte
	err error
}

func (p *nutFields) fail(format string, args ...any) {
	if p.err == nil {
		p.err = fmt.Errorf("%w: %s", ErrNUT, fmt.Sprintf(format, args...))
	}
}

// ReadByte makes the header a source for readV.
func (p *nutFields) ReadByte() (byte, error) {
	if len(p.b) == 0 {
		return 0, io.ErrUnexpectedEOF
	}
	c := p.b[0]
	p.b = p.b[1:]
	return c, nil
}

func (p *nutFields) v() uint64 {
	if p.err != nil {
		return 0
	}
	v, err := readV(p)
	if err != nil {
		p.fail("header: %v", err)
	}
	return v
}

// s reads a signed number: 0, 1, -1, 2, -2 and so on.
func (p *nutFields) s() int64 {
	v := p.v() + 1
	if v&1 == 1 {
		return -int64(v >> 1)
	}
	return int64(v >> 1)
}

func (p *nutFields) pts() int64 { return int64(p.v() & math.MaxInt64) } // the number of time bases is one

func (p *nutFields) bytes() []byte {
	size := p.v()
	if size > uint64(len(p.b)) {
		p.fail("%d bytes in a header that has %d left", size, len(p.b))
		return nil
	}
	b := p.b[:size]
	p.b = p.b[size:]
	return b
}

type nutSource struct {
	r   io.ByteReader
	err error
}

func (p *nutSource) v() uint64 {
	if p.err != nil {
		return 0
	}
	var v uint64
	v, p.err = readV(p.r)
	return v
}

// readV reads a number of 7 bits a byte, the highest first; a set high bit says
// that another byte follows.
func readV(r io.ByteReader) (uint64, error) {
	var v uint64
	for range 10 {
		c, err := r.ReadByte()
		if err != nil {
			return 0, err
		}
		v = v<<7 | uint64(c&0x7f)
		if c < 0x80 {
			return v, nil
		}
	}
	return 0, fmt.Errorf("%w: a number of over 64 bits", ErrNUT)
}
