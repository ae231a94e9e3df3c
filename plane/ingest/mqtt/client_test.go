package mqtt_test

import (
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"

	server "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/listeners"
	"github.com/mochi-mqtt/server/v2/packets"

	"polity/plane/ingest/mqtt"
)

// everyone may do everything.
type everyone struct{ server.HookBase }

func (*everyone) Provides(b byte) bool {
	return b == server.OnConnectAuthenticate || b == server.OnACLCheck
}
func (*everyone) OnConnectAuthenticate(*server.Client, packets.Packet) bool { return true }
func (*everyone) OnACLCheck(*server.Client, string, bool) bool              { return true }

// foreign is a broker that others run.
func foreign(t *testing.T) (s *server.Server, address string) {
	t.Helper()
	s = server.New(&server.Options{Logger: slog.New(slog.DiscardHandler)})
	l := listeners.NewTCP(listeners.Config{ID: "t", Address: "127.0.0.1:0"})
	if err := s.AddHook(&everyone{}, nil); err != nil {
		t.Fatal(err)
	}
	if err := s.AddListener(l); err != nil {
		t.Fatal(err)
	}
	if err := s.Serve(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s, l.Address()
}

func (w *town) client(address string) *mqtt.Client {
	w.t.Helper()
	c, err := mqtt.Connect(mqtt.ClientConfig{Server: "mqtt://" + address, ID: "hub", Filters: w.intake.Mappings().Filters(), Taker: w.intake, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(c.Close)
	eventually(w.t, "we are connected", c.Connected)
	return c
}

func TestClientOfAnotherBroker(t *testing.T) {
	w := newTown(t, t.TempDir())
	other, address := foreign(t)
	c := w.client(address)
	d := dial(t, address, "sensor", "x")
	send := func(id uint16, value string) {
		t.Helper()
		d.publish(id, "level/w", value, false)
		d.must(id) // by the other broker: it has it
	}
	history := func() string { return fmt.Sprint(w.history("urn:ngsi-ld:WaterLevel:w")) }
	send(1, "1.5")
	eventually(t, "it arrives", func() bool { return history() == "[1.5]" })
	send(2, "garbage")
	send(3, "2.5")
	eventually(t, "garbage does not stop the next", func() bool { return history() == "[1.5 2.5]" })

	w.store.fail(errAway, nil)
	send(4, "3.5")
	eventually(t, "the store refuses it", func() bool { return w.intake.Counts()["level"].Unstored > 0 })
	w.store.fail(nil, nil)
	eventually(t, "it is tried again", func() bool { return history() == "[1.5 2.5 3.5]" })

	w.store.fail(errAway, nil)
	unstored := w.intake.Counts()["level"].Unstored
	send(5, "4.5")
	eventually(t, "the store refuses it", func() bool { return w.intake.Counts()["level"].Unstored > unstored })
	c.Close() // never acknowledged
	send(6, "5.5")
	eventually(t, "the broker keeps both", func() bool { return atomic.LoadInt64(&other.Info.Inflight) == 2 })
	w.store.fail(nil, nil)
	w.client(address)
	eventually(t, "the broker had kept both", func() bool {
		h := history()
		return strings.Contains(h, "4.5") && strings.Contains(h, "5.5")
	}, history)
	if n := len(w.history("urn:ngsi-ld:WaterLevel:w")); n != 5 {
		t.Errorf("%d observations: %s", n, history())
	}
}

func TestAddressesOfBrokers(t *testing.T) {
	for _, bad := range []string{"", "broker:1883", "mqtt://broker", "http://broker:1883", "mqtt://user:secret@broker:1883", "mqtt://:1883"} {
		if mqtt.CheckServer(bad) == nil {
			t.Errorf("%q passes", bad)
		}
	}
	if err := mqtt.CheckServer("mqtts://broker.city.example:8883"); err != nil {
		t.Error(err)
	}
}
