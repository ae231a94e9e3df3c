package traci_test

import (
	"encoding/binary"
	"errors"
	"io"
	"math"
	"net"
	"reflect"
	"strings"
	"testing"

	"polity/city"
	"polity/services/traffic/traci"
)

// simulator answers as SUMO does: it gets each message without its length and
// returns the answer.
func simulator(t *testing.T, answers ...[]byte) (*traci.Client, <-chan []byte) {
	t.Helper()
	here, there := net.Pipe()
	got := make(chan []byte, len(answers)+1)
	go func() {
		defer there.Close()
		for _, a := range answers {
			var head [4]byte
			if _, err := io.ReadFull(there, head[:]); err != nil {
				return
			}
			body := make([]byte, binary.BigEndian.Uint32(head[:])-4)
			if _, err := io.ReadFull(there, body); err != nil {
				return
			}
			got <- body
			if _, err := there.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(a)+4)), a...)); err != nil {
				return
			}
		}
	}()
	c := traci.NewClient(here)
	t.Cleanup(c.Abort)
	return c, got
}

func text(s string) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(s))), s...)
}

func status(cmd, result byte, words string) []byte {
	return append([]byte{byte(7 + len(words)), cmd, result}, text(words)...)
}

func command(id byte, content ...[]byte) []byte {
	var all []byte
	for _, c := range content {
		all = append(all, c...)
	}
	if len(all)+2 > 255 {
		return append(append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(all)+6)), id), all...)
	}
	return append([]byte{byte(len(all) + 2), id}, all...)
}

func join(parts ...[]byte) []byte {
	var all []byte
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}

func double(v float64) []byte {
	return binary.BigEndian.AppendUint64([]byte{0x0b}, math.Float64bits(v))
}

type event struct {
	domain traci.Domain
	id     string
	v      traci.Variable
	number float64
	text   string
	texts  []string
}

type recorder struct {
	domain traci.Domain
	id     string
	events []event
}

func (r *recorder) Begin(d traci.Domain, id []byte) { r.domain, r.id = d, string(id) }
func (r *recorder) Value(v traci.Variable, val traci.Value) {
	r.events = append(r.events, event{r.domain, r.id, v, val.Number(), string(val.Text()), val.Texts()})
}

func TestVersion(t *testing.T) {
	c, got := simulator(t, join(status(0, 0, ""), command(0, binary.BigEndian.AppendUint32(nil, 22), text("SUMO 1.28.0"))))
	api, name, err := c.Version()
	if err != nil || api != 22 || name != "SUMO 1.28.0" {
		t.Fatalf("%d %q %v", api, name, err)
	}
	if sent := <-got; !reflect.DeepEqual(sent, []byte{2, 0}) {
		t.Errorf("sent % x", sent)
	}
}

// TestStep gathers a subscription, a question and new signals, and sends them with
// one step.
func TestStep(t *testing.T) {
	now := command(0xe4, text("v1"), []byte{2}, []byte{0x51, 0}, []byte{0x0c}, text("a_0"), []byte{0x40, 0}, double(13.5))
	answer := join(
		status(0xd4, 0, ""), now,
		status(0xa4, 0, ""), command(0xb4, []byte{0x54}, text("v1"), []byte{0x0e}, binary.BigEndian.AppendUint32(nil, 2), text("a"), text("b")),
		status(0xc2, 0, ""),
		status(0x02, 0, ""), binary.BigEndian.AppendUint32(nil, 1), now,
	)
	c, got := simulator(t, answer)
	c.Subscribe(traci.Vehicle, "v1", traci.Lane, traci.Speed)
	c.Get(traci.Vehicle, "v1", traci.Edges)
	c.SetSignals("J", strings.Repeat("Gr", 200))
	if err := c.Step(); err != nil {
		t.Fatal(err)
	}
	var r recorder
	if err := c.Each(&r); err != nil {
		t.Fatal(err)
	}
	want := []event{
		{traci.Vehicle, "v1", traci.Edges, 0, "", []string{"a", "b"}},
		{traci.Vehicle, "v1", traci.Lane, 0, "a_0", nil},
		{traci.Vehicle, "v1", traci.Speed, 13.5, "", nil},
	}
	if !reflect.DeepEqual(r.events, want) {
		t.Errorf("got  %+v\nwant %+v", r.events, want)
	}
	sent := <-got
	long := command(0xc2, []byte{0x20}, text("J"), []byte{0x0c}, text(strings.Repeat("Gr", 200)))
	if !strings.Contains(string(sent), string(long)) {
		t.Errorf("the long command was not sent as it should: % x", sent)
	}
}

func TestWhatSUMORefusesIsSaid(t *testing.T) {
	c, _ := simulator(t, join(status(0xc2, 0xff, "Traffic light 'J' is not known."), status(2, 0, "")))
	c.SetSignals("J", "G")
	err := c.Step()
	if err == nil || !strings.Contains(err.Error(), "Traffic light 'J' is not known") || city.KindOf(err) != city.Invalid {
		t.Fatalf("got %v", err)
	}
	if again := c.Step(); again == nil {
		t.Error("after an error it goes on as if nothing had happened")
	}
}

func TestSUMOGone(t *testing.T) {
	c, _ := simulator(t) // closes at once
	if err := c.Step(); !errors.Is(err, traci.ErrGone) {
		t.Fatalf("got %v", err)
	}
}

func TestNonsense(t *testing.T) {
	for name, answer := range map[string][]byte{
		"empty":             {},
		"another command":   status(0x55, 0, ""),
		"short status":      {9, 2, 0, 0, 0, 0, 50},
		"too many results":  join(status(2, 0, ""), binary.BigEndian.AppendUint32(nil, 3), []byte{9, 0xe4}),
		"unknown type":      join(status(2, 0, ""), binary.BigEndian.AppendUint32(nil, 1), command(0xe4, text("v"), []byte{1, 0x40, 0, 0x77, 1})),
		"negative length":   join(status(2, 0, ""), binary.BigEndian.AppendUint32(nil, 1), command(0xe4, []byte{0xff, 0xff, 0xff, 0xff})),
		"endless list":      join(status(2, 0, ""), binary.BigEndian.AppendUint32(nil, 1), command(0xe4, text("v"), []byte{1, 0x54, 0, 0x0e, 0x7f, 0xff, 0xff, 0xff})),
		"negative long one": join(status(2, 0, ""), binary.BigEndian.AppendUint32(nil, 1), []byte{0, 0xff, 0xff, 0xff, 0xff, 0xe4}),
	} {
		t.Run(name, func(t *testing.T) {
			c, _ := simulator(t, answer)
			err := c.Step()
			if err == nil {
				err = c.Each(&recorder{})
			}
			if err == nil || !strings.Contains(err.Error(), "not TraCI") {
				t.Fatalf("got %v", err)
			}
		})
	}
}

func FuzzAnswer(f *testing.F) {
	f.Add(join(status(2, 0, ""), binary.BigEndian.AppendUint32(nil, 1), command(0xe4, text("v1"), []byte{2}, []byte{0x51, 0, 0x0c}, text("a_0"), []byte{0x40, 0}, double(1))))
	f.Add(status(2, 0xff, "no"))
	f.Fuzz(func(t *testing.T, answer []byte) {
		if len(answer) > 1<<16 {
			return
		}
		c, _ := simulator(t, answer)
		if err := c.Step(); err == nil {
			_ = c.Each(&recorder{}) // an error is an answer; a crash is not
		}
	})
}
