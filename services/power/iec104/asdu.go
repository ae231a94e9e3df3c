package iec104

import (
	"encoding/binary"
	"errors"
	"math"
	"time"

	"polity/city"
)

// Type is what an ASDU holds (5-101, 7.2.1.1).
type Type uint8

// The types of the subset, by their names in the standard.
const (
	SinglePoint     Type = 1   // M_SP_NA_1
	DoublePoint     Type = 3   // M_DP_NA_1
	Normalised      Type = 9   // M_ME_NA_1
	Scaled          Type = 11  // M_ME_NB_1
	Float           Type = 13  // M_ME_NC_1
	SinglePointTime Type = 30  // M_SP_TB_1
	DoublePointTime Type = 31  // M_DP_TB_1
	NormalisedTime  Type = 34  // M_ME_TD_1
	ScaledTime      Type = 35  // M_ME_TE_1
	FloatTime       Type = 36  // M_ME_TF_1
	SingleCommand   Type = 45  // C_SC_NA_1
	DoubleCommand   Type = 46  // C_DC_NA_1
	SetPointFloat   Type = 50  // C_SE_NC_1
	EndOfInit       Type = 70  // M_EI_NA_1
	Interrogation   Type = 100 // C_IC_NA_1
	ClockSync       Type = 103 // C_CS_NA_1
)

// Cause is why an ASDU is sent (5-101, 7.2.3).
type Cause uint8

// The causes of the subset.
const (
	Periodic          Cause = 1
	Background        Cause = 2
	Spontaneous       Cause = 3
	Initialised       Cause = 4
	Requested         Cause = 5
	Activation        Cause = 6
	ActivationCon     Cause = 7
	Deactivation      Cause = 8
	DeactivationCon   Cause = 9
	ActivationEnd     Cause = 10
	ReturnRemote      Cause = 11
	Interrogated      Cause = 20
	UnknownType       Cause = 44
	UnknownCause      Cause = 45
	UnknownCommonAddr Cause = 46
	UnknownObject     Cause = 47
)

// Quality are the flags that come with a value (5-101, 7.2.6.1 to 7.2.6.3).
type Quality uint8

// The flags.
const (
	Overflow    Quality = 0x01 // measured values only
	Blocked     Quality = 0x10
	Substituted Quality = 0x20
	NotTopical  Quality = 0x40
	Invalid     Quality = 0x80
)

// States of double points and double commands.
const (
	Between = 0 // or faulty: neither end reached
	Off     = 1 // open
	On      = 2 // closed
	Faulty  = 3
)

// ASDU is one message.
type ASDU struct {
	Type       Type
	Sequence   bool // objects have consecutive addresses
	Cause      Cause
	Negative   bool // P/N: refused
	Test       bool
	Originator uint8
	Station    uint16 // common address
	Objects    []Object
}

// Object is one piece of information.
type Object struct {
	Address uint32 // 24 bits
	// Value of a point, command or set point: 0 or 1 of single ones, 0 to 3 of double
	// ones, -1 to 1 of normalised ones.
	Value   float64
	Quality Quality
	Time    time.Time // UTC; zero: none, or marked as invalid
	// Select says that a command selects; otherwise it executes.
	Select bool
	// Qualifier of a command, an interrogation (20: the whole station) or an end of
	// initialisation.
	Qualifier uint8
}

// layout is how an element of information is encoded.
type layout struct {
	size    int // without time
	time    bool
	command bool
}

func (t Type) layout() (layout, bool) {
	switch t {
	case SinglePoint, DoublePoint, EndOfInit, Interrogation:
		return layout{size: 1}, true
	case SinglePointTime, DoublePointTime:
		return layout{size: 1, time: true}, true
	case Normalised, Scaled:
		return layout{size: 3}, true
	case NormalisedTime, ScaledTime:
		return layout{size: 3, time: true}, true
	case Float:
		return layout{size: 5}, true
	case FloatTime:
		return layout{size: 5, time: true}, true
	case SingleCommand, DoubleCommand:
		return layout{size: 1, command: true}, true
	case SetPointFloat:
		return layout{size: 5, command: true}, true
	case ClockSync:
		return layout{time: true}, true
	}
	return layout{}, false
}

const (
	headLen    = 6
	addressLen = 3
	timeLen    = 7
)

// Append encodes a behind b. It panics on a type out of the subset, which is an
// error of the program.
func (a *ASDU) Append(b []byte) []byte {
	l, ok := a.Type.layout()
	if !ok {
		panic("iec104: no such type")
	}
	count := byte(len(a.Objects) & 0x7f)
	if a.Sequence {
		count |= 0x80
	}
	cause := byte(a.Cause & 0x3f)
	if a.Negative {
		cause |= 0x40
	}
	if a.Test {
		cause |= 0x80
	}
	b = append(b, byte(a.Type), count, cause, a.Originator, byte(a.Station), byte(a.Station>>8))
	for i := range a.Objects {
		o := &a.Objects[i]
		if i == 0 || !a.Sequence {
			b = append(b, byte(o.Address), byte(o.Address>>8), byte(o.Address>>16))
		}
		b = o.appendElement(b, a.Type)
		if l.time {
			b = appendTime(b, o.Time)
		}
	}
	return b
}

func (o *Object) appendElement(b []byte, t Type) []byte {
	se := o.Qualifier << 2 & 0x7c
	if t == SetPointFloat {
		se = o.Qualifier & 0x7f
	}
	if o.Select {
		se |= 0x80
	}
	switch t {
	case SinglePoint, SinglePointTime:
		return append(b, byte(o.Quality&0xf0)|byte(o.Value)&1)
	case DoublePoint, DoublePointTime:
		return append(b, byte(o.Quality&0xf0)|byte(o.Value)&3)
	case Normalised, NormalisedTime:
		v := int16(max(-32768, min(32767, math.Round(o.Value*32768))))
		return append(b, byte(v), byte(uint16(v)>>8), byte(o.Quality&0xf1))
	case Scaled, ScaledTime:
		v := int16(max(-32768, min(32767, math.Round(o.Value))))
		return append(b, byte(v), byte(uint16(v)>>8), byte(o.Quality&0xf1))
	case Float, FloatTime:
		return append(binary.LittleEndian.AppendUint32(b, math.Float32bits(float32(o.Value))), byte(o.Quality&0xf1))
	case SingleCommand:
		return append(b, se|byte(o.Value)&1)
	case DoubleCommand:
		return append(b, se|byte(o.Value)&3)
	case SetPointFloat:
		return append(binary.LittleEndian.AppendUint32(b, math.Float32bits(float32(o.Value))), se)
	case EndOfInit, Interrogation:
		return append(b, o.Qualifier)
	}
	return b // a clock has its time alone
}

// ErrUnknownType is wrapped by the error for a message of a type out of the subset.
// Its head is decoded, and the connection can go on.
var ErrUnknownType = errors.New("this type of message is not understood")

// DecodeASDU decodes a message. Any error but ErrUnknownType is about bytes that no
// station may send.
func DecodeASDU(b []byte) (ASDU, error) {
	if len(b) < headLen {
		return ASDU{}, city.Errorf(city.Invalid, "a message has %d bytes; its head alone has 6", len(b))
	}
	a := ASDU{
		Type: Type(b[0]), Sequence: b[1]&0x80 != 0, Cause: Cause(b[2] & 0x3f), Negative: b[2]&0x40 != 0, Test: b[2]&0x80 != 0,
		Originator: b[3], Station: binary.LittleEndian.Uint16(b[4:]),
	}
	count := int(b[1] & 0x7f)
	l, ok := a.Type.layout()
	if !ok {
		return a, city.Errorf(city.Invalid, "type %d: %w", a.Type, ErrUnknownType)
	}
	size := l.size
	if l.time {
		size += timeLen
	}
	want := headLen + count*(addressLen+size)
	if a.Sequence {
		want = headLen + addressLen + count*size
	}
	if count == 0 || len(b) != want {
		return a, city.Errorf(city.Invalid, "a message of type %d with %d objects has %d bytes, not %d", a.Type, count, len(b), want)
	}
	b = b[headLen:]
	for i := range count {
		var o Object
		if i == 0 || !a.Sequence {
			o.Address = uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16
			b = b[addressLen:]
		} else {
			o.Address = (a.Objects[i-1].Address + 1) & 0xffffff
		}
		o.decodeElement(b[:l.size], a.Type)
		if b = b[l.size:]; l.time {
			o.Time = decodeTime(b[:timeLen])
			b = b[timeLen:]
		}
		a.Objects = append(a.Objects, o)
	}
	return a, nil
}

func (o *Object) decodeElement(b []byte, t Type) {
	switch t {
	case SinglePoint, SinglePointTime:
		o.Value, o.Quality = float64(b[0]&1), Quality(b[0]&0xf0)
	case DoublePoint, DoublePointTime:
		o.Value, o.Quality = float64(b[0]&3), Quality(b[0]&0xf0)
	case Normalised, NormalisedTime:
		o.Value, o.Quality = float64(int16(binary.LittleEndian.Uint16(b)))/32768, Quality(b[2]&0xf1)
	case Scaled, ScaledTime:
		o.Value, o.Quality = float64(int16(binary.LittleEndian.Uint16(b))), Quality(b[2]&0xf1)
	case Float, FloatTime:
		o.float(b)
		o.Quality |= Quality(b[4] & 0xf1)
	case SingleCommand:
		o.Value, o.Select, o.Qualifier = float64(b[0]&1), b[0]&0x80 != 0, b[0]>>2&0x1f
	case DoubleCommand:
		o.Value, o.Select, o.Qualifier = float64(b[0]&3), b[0]&0x80 != 0, b[0]>>2&0x1f
	case SetPointFloat:
		o.float(b)
		o.Quality = 0
		o.Select, o.Qualifier = b[4]&0x80 != 0, b[4]&0x7f
	case EndOfInit, Interrogation:
		o.Qualifier = b[0]
	}
}

// float reads a value; what is no number becomes an invalid zero, so that nobody
// computes with it.
func (o *Object) float(b []byte) {
	o.Value = float64(math.Float32frombits(binary.LittleEndian.Uint32(b)))
	if math.IsNaN(o.Value) || math.IsInf(o.Value, 0) {
		o.Value, o.Quality = 0, Invalid
	}
}

// appendTime encodes CP56Time2a (5-101, 7.2.6.18); the zero time is marked as
// invalid.
func appendTime(b []byte, t time.Time) []byte {
	if t.IsZero() {
		return append(b, 0, 0, 0x80, 0, 1, 1, 0)
	}
	t = t.UTC()
	ms := t.Second()*1000 + t.Nanosecond()/1e6
	weekday := int(t.Weekday()+6)%7 + 1 // Monday is 1
	return append(b, byte(ms), byte(ms>>8), byte(t.Minute()), byte(t.Hour()), byte(t.Day()|weekday<<5), byte(t.Month()), byte(t.Year()%100))
}

// decodeTime returns the zero time for one marked invalid or that no calendar has.
func decodeTime(b []byte) time.Time {
	ms := int(binary.LittleEndian.Uint16(b))
	minute, hour, day, month, year := int(b[2]&0x3f), int(b[3]&0x1f), int(b[4]&0x1f), int(b[5]&0x0f), int(b[6]&0x7f)
	if b[2]&0x80 != 0 || ms > 59999 || minute > 59 || hour > 23 || year > 99 {
		return time.Time{}
	}
	t := time.Date(2000+year, time.Month(month), day, hour, minute, ms/1000, ms%1000*1e6, time.UTC)
	if t.Day() != day || int(t.Month()) != month {
		return time.Time{}
	}
	return t
}
