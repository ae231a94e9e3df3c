package iec104

import (
	"fmt"
	"strings"
	"time"
)

// names are those of the standard (5-101, 7.2.1.1).
var names = map[Type]string{
	SinglePoint: "M_SP_NA_1", DoublePoint: "M_DP_NA_1", Normalised: "M_ME_NA_1", Scaled: "M_ME_NB_1", Float: "M_ME_NC_1",
	SinglePointTime: "M_SP_TB_1", DoublePointTime: "M_DP_TB_1", NormalisedTime: "M_ME_TD_1", ScaledTime: "M_ME_TE_1", FloatTime: "M_ME_TF_1",
	SingleCommand: "C_SC_NA_1", DoubleCommand: "C_DC_NA_1", SetPointFloat: "C_SE_NC_1", EndOfInit: "M_EI_NA_1", Interrogation: "C_IC_NA_1", ClockSync: "C_CS_NA_1",
}

// String returns the type's name in the standard, or its number.
func (t Type) String() string {
	if n, ok := names[t]; ok {
		return n
	}
	return fmt.Sprintf("type %d", uint8(t))
}

var causes = map[Cause]string{
	Periodic: "periodic", Background: "background", Spontaneous: "spontaneous", Initialised: "initialised", Requested: "requested",
	Activation: "activation", ActivationCon: "activation confirmed", Deactivation: "deactivation", DeactivationCon: "deactivation confirmed",
	ActivationEnd: "activation ended", ReturnRemote: "return by remote command", Interrogated: "interrogated",
	UnknownType: "type unknown", UnknownCause: "cause unknown", UnknownCommonAddr: "station unknown", UnknownObject: "object unknown",
}

// String returns the cause in words, or its number.
func (c Cause) String() string {
	if n, ok := causes[c]; ok {
		return n
	}
	return fmt.Sprintf("cause %d", uint8(c))
}

// String returns the flags in words; "good" for none.
func (q Quality) String() string {
	var words []string
	for _, f := range []struct {
		flag Quality
		word string
	}{{Invalid, "invalid"}, {NotTopical, "not topical"}, {Substituted, "substituted"}, {Blocked, "blocked"}, {Overflow, "overflow"}} {
		if q&f.flag != 0 {
			words = append(words, f.word)
		}
	}
	if len(words) == 0 {
		return "good"
	}
	return strings.Join(words, ", ")
}

// Describe puts a frame into one line, and the objects of its message into one each.
// It fails on a message that no station may send; one of a type out of the subset is
// described by its head.
func (f *Frame) Describe() ([]string, error) {
	switch f.Kind {
	case Supervisory:
		return []string{fmt.Sprintf("S  acknowledges all before %d", f.Received)}, nil
	case Unnumbered:
		return []string{"U  " + map[byte]string{
			startAct: "start transfer", startCon: "start transfer, confirmed", stopAct: "stop transfer",
			stopCon: "stop transfer, confirmed", testAct: "test", testCon: "test, confirmed",
		}[f.Function]}, nil
	}
	a, err := DecodeASDU(f.Data)
	foreign := outOfSubset(err)
	if err != nil && !foreign {
		return nil, err
	}
	refused := ""
	if a.Negative {
		refused = ", refused"
	}
	if a.Test {
		refused += ", a test"
	}
	out := []string{fmt.Sprintf("I  %d/%d station %d %s, %s%s", f.Sent, f.Received, a.Station, a.Type, a.Cause, refused)}
	if foreign {
		return append(out, "     not in the subset that is read here"), nil
	}
	for i := range a.Objects {
		out = append(out, "     "+a.Objects[i].describe(a.Type))
	}
	return out, nil
}

func (o *Object) describe(t Type) string {
	switch t {
	case SingleCommand, DoubleCommand, SetPointFloat:
		word := "execute"
		if o.Select {
			word = "select"
		}
		return fmt.Sprintf("object %d: %s %s", o.Address, word, value(t, o.Value))
	case Interrogation, EndOfInit:
		return fmt.Sprintf("qualifier %d", o.Qualifier)
	case ClockSync:
		return o.Time.Format(time.RFC3339Nano)
	}
	text := fmt.Sprintf("object %d: %s, %s", o.Address, value(t, o.Value), o.Quality)
	if !o.Time.IsZero() {
		text += ", at " + o.Time.Format(time.RFC3339Nano)
	}
	return text
}

// value puts the state of a point or command into a word.
func value(t Type, v float64) string {
	switch t {
	case SinglePoint, SinglePointTime, SingleCommand:
		return [...]string{"off", "on"}[int(v)&1]
	case DoublePoint, DoublePointTime, DoubleCommand:
		return [...]string{"between", "off (open)", "on (closed)", "faulty"}[int(v)&3]
	}
	return fmt.Sprintf("%g", v)
}
