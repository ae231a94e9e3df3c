package live_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"polity/services/power/example"
	"polity/services/power/iec104"
	"polity/services/power/storm"
)

// wire stands between the service and an outstation, and notes each command that passes:
// whatever the service believes that it does, this is what the substation hears.
type wire struct {
	listener net.Listener

	mu    sync.Mutex
	heard []command
}

type command struct {
	line    int
	close   bool
	selects bool // otherwise it is executed
}

func (c command) String() string {
	word := map[bool]string{true: "select", false: "execute"}[c.selects]
	return fmt.Sprintf("%s %d %v", word, c.line, c.close)
}

func listen(t *testing.T, outstation string) *wire {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{listener: l}
	var work sync.WaitGroup
	t.Cleanup(func() { l.Close(); work.Wait() })
	work.Go(func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", outstation)
			if err != nil {
				near.Close()
				return
			}
			work.Go(func() { _, _ = io.Copy(near, far); near.Close(); far.Close() })
			work.Go(func() { _, _ = io.Copy(far, io.TeeReader(near, w)); near.Close(); far.Close() })
		}
	})
	return w
}

// Write takes what passes; a read of TCP has whole frames here, as the client writes them.
func (w *wire) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for b := p; len(b) >= 2 && b[0] == 0x68 && len(b) >= int(b[1])+2; b = b[b[1]+2:] {
		frame := b[:b[1]+2]
		if len(frame) < 16 || frame[2]&1 != 0 || iec104.Type(frame[6]) != iec104.DoubleCommand || frame[8]&0x3f != byte(iec104.Activation) {
			continue
		}
		address := binary.LittleEndian.Uint32(append(bytes.Clone(frame[12:15]), 0))
		w.heard = append(w.heard, command{line: int(address) - storm.Commands, close: frame[15]&3 == iec104.On, selects: frame[15]&0x80 != 0})
	}
	return len(p), nil
}

func (w *wire) commands() []command {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]command(nil), w.heard...)
}

// substation is a network out in a storm, behind a wire, and a service that has it for its field.
func substation(t *testing.T, tell func([]storm.Message), mended func(int), faults ...storm.Fault) (config string, w *wire) {
	t.Helper()
	town, err := example.Town()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	s, err := storm.Start(ctx, storm.Config{Network: town, Faults: faults, Seed: 33, Repair: time.Second, Tell: tell, Mended: mended})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cancel(); s.Close() })
	w = listen(t, s.Address())
	var b strings.Builder
	fmt.Fprintf(&b, "field:\n  address: %s\n  station: %d\n  switches:\n", w.listener.Addr(), storm.Station)
	for i := range town.Lines {
		fmt.Fprintf(&b, "    %s: {position: %d, command: %d}\n", town.Lines[i].Name, storm.Positions+i, storm.Commands+i)
	}
	b.WriteString("meters:\n")
	for i := range town.Loads {
		if storm.Metered(i) {
			fmt.Fprintf(&b, "  - %s\n", town.Loads[i].Name)
		}
	}
	return b.String(), w
}
