package epanet

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
)

// The protocol: frames of length (4 bytes, big-endian, kind and body), kind (1) and
// body. To the worker:
//
//	'O' open     path of the network file
//	'S' set      JSON list of SettingValue
//	'B' begin    JSON list of Column
//	'A' advance  until (8), every (8), drives
//
// and back:
//
//	'o' opened   JSON Layout
//	'k' done what was asked
//	'p' period   seconds (8), warning (1), values (8 each, IEEE 754)
//	'd' advanced seconds (8), over (1)
//	'e' failed   JSON failure
//
// A drive is object (1), property (4), start (8), step (8), indices n (4), n times
// index (4), rows m (4), m·n values (8 each).
const (
	kindOpen, kindSet, kindBegin, kindAdvance                    = 'O', 'S', 'B', 'A'
	kindOpened, kindOK, kindPeriod, kindAdvanced, kindFailed     = 'o', 'k', 'p', 'd', 'e'
	mostFrame                                                    = 256 << 20
	mostObjects                                                  = 1 << 22
	driveHead, periodHead, advanceHead, advancedSize, valueBytes = 21 + 4, 9, 16, 9, 8
)

// ErrProtocol is the root of errors about bytes that are not of the protocol.
var ErrProtocol = errors.New("not the protocol of the EPANET worker")

// failure is an error as it travels.
type failure struct {
	Code  int    `json:"code"` // EPANET's, or 0
	Words string `json:"words"`
}

func writeFrame(w io.Writer, kind byte, body []byte) error {
	head := make([]byte, 5, 5+min(len(body), 4096))
	binary.BigEndian.PutUint32(head, uint32(len(body)+1))
	head[4] = kind
	if len(body) <= 4096 {
		_, err := w.Write(append(head, body...))
		return err
	}
	if _, err := w.Write(head); err != nil {
		return err
	}
	_, err := w.Write(body)
	return err
}

func writeJSON(w io.Writer, kind byte, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return writeFrame(w, kind, body)
}

// readFrame reads into buf, which it grows when needed. It returns io.EOF only
// between frames.
func readFrame(r io.Reader, buf []byte) (kind byte, body []byte, err error) {
	var head [5]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return 0, buf, err
	}
	n := int(binary.BigEndian.Uint32(head[:])) - 1
	if n < 0 || n >= mostFrame {
		return 0, buf, fmt.Errorf("%w: a frame of %d bytes", ErrProtocol, n)
	}
	// The sender's word alone reserves no more than a MiB at a time.
	buf = buf[:0]
	for len(buf) < n {
		part := min(n-len(buf), max(1<<20, cap(buf)-len(buf)))
		at := len(buf)
		if cap(buf) < at+part {
			buf = append(buf, make([]byte, part)...)
		} else {
			buf = buf[:at+part]
		}
		if _, err := io.ReadFull(r, buf[at:]); err != nil {
			return 0, buf, fmt.Errorf("%w: a frame breaks off", errors.Join(ErrProtocol, err))
		}
	}
	return head[4], buf, nil
}

func appendAdvance(b []byte, until, every int64, drives []Drive) []byte {
	b = binary.BigEndian.AppendUint64(b, uint64(until))
	b = binary.BigEndian.AppendUint64(b, uint64(every))
	for _, d := range drives {
		b = append(b, byte(d.Object))
		b = binary.BigEndian.AppendUint32(b, uint32(d.Property))
		b = binary.BigEndian.AppendUint64(b, uint64(d.Start))
		b = binary.BigEndian.AppendUint64(b, uint64(d.Step))
		b = binary.BigEndian.AppendUint32(b, uint32(len(d.Indices)))
		for _, i := range d.Indices {
			b = binary.BigEndian.AppendUint32(b, uint32(i))
		}
		b = binary.BigEndian.AppendUint32(b, uint32(len(d.Rows)))
		for _, row := range d.Rows {
			for i := range d.Indices {
				b = binary.BigEndian.AppendUint64(b, math.Float64bits(row[i]))
			}
		}
	}
	return b
}

func readAdvance(b []byte) (until, every int64, drives []Drive, err error) {
	broken := func() (int64, int64, []Drive, error) {
		return 0, 0, nil, fmt.Errorf("%w: an advance breaks off", ErrProtocol)
	}
	if len(b) < advanceHead {
		return broken()
	}
	until, every = int64(binary.BigEndian.Uint64(b)), int64(binary.BigEndian.Uint64(b[8:]))
	for b = b[advanceHead:]; len(b) > 0; {
		if len(b) < driveHead {
			return broken()
		}
		d := Drive{
			Object: Object(b[0]), Property: int(int32(binary.BigEndian.Uint32(b[1:]))),
			Start: int64(binary.BigEndian.Uint64(b[5:])), Step: int64(binary.BigEndian.Uint64(b[13:])),
		}
		n := int(binary.BigEndian.Uint32(b[21:]))
		b = b[driveHead:]
		if n == 0 || n > mostObjects || len(b) < 4*n+4 || d.Step <= 0 || d.Object > Link {
			return broken()
		}
		for i := range n {
			d.Indices = append(d.Indices, int(binary.BigEndian.Uint32(b[4*i:])))
		}
		rows := int(binary.BigEndian.Uint32(b[4*n:]))
		b = b[4*n+4:]
		if rows > len(b)/(valueBytes*n) {
			return broken()
		}
		for range rows {
			d.Rows = append(d.Rows, floats(b[:valueBytes*n]))
			b = b[valueBytes*n:]
		}
		drives = append(drives, d)
	}
	return until, every, drives, nil
}

func floats(b []byte) []float64 {
	out := make([]float64, len(b)/valueBytes)
	for i := range out {
		out[i] = math.Float64frombits(binary.BigEndian.Uint64(b[valueBytes*i:]))
	}
	return out
}

func appendPeriod(b []byte, p Period) []byte {
	b = binary.BigEndian.AppendUint64(b, uint64(p.Seconds))
	b = append(b, byte(p.Warning))
	for _, column := range p.Values {
		for _, v := range column {
			b = binary.BigEndian.AppendUint64(b, math.Float64bits(v))
		}
	}
	return b
}

// readPeriod reads a period whose columns have the given numbers of values.
func readPeriod(b []byte, counts []int) (Period, error) {
	total := 0
	for _, n := range counts {
		total += n
	}
	if len(b) != periodHead+valueBytes*total {
		return Period{}, fmt.Errorf("%w: a period of %d bytes, %d values were asked for", ErrProtocol, len(b), total)
	}
	p := Period{Seconds: int64(binary.BigEndian.Uint64(b)), Warning: int(b[8])}
	all := floats(b[periodHead:])
	for _, n := range counts {
		p.Values, all = append(p.Values, all[:n:n]), all[n:]
	}
	return p, nil
}
