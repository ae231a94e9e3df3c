package spine_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"polity/city"
	"polity/spine"
)

const password = "a password of programs"

// admitting is a hub whose stream "told" programs may read, on subject "told".
func admitting(t *testing.T, dir string) (*spine.Hub, jetstream.JetStream) {
	t.Helper()
	h, err := spine.StartHub(spine.HubConfig{
		Data: dir, Listen: "127.0.0.1:0", Check: check, Log: testLog(t, "hub"),
		Programs: &spine.Programs{Listen: "127.0.0.1:0", Password: password, Stream: "told"},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.Close)
	nc, err := h.Connect("test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"told", "secret"} {
		if _, err := js.CreateOrUpdateStream(t.Context(), jetstream.StreamConfig{Name: name, Subjects: []string{name}}); err != nil {
			t.Fatal(err)
		}
	}
	return h, js
}

func TestProgramsGoOnWhereTheyWere(t *testing.T) {
	h, js := admitting(t, t.TempDir())
	for n := range 30 {
		if _, err := js.Publish(t.Context(), "told", fmt.Append(nil, n)); err != nil {
			t.Fatal(err)
		}
	}
	stop := errors.New("enough")
	next := 0
	for _, until := range []int{7, 8, 30, 30} { // programs of one name
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		r := &spine.Reading{Address: h.ProgramsAddress(), Password: password, Stream: "told", Name: "reader"}
		err := r.Read(ctx, func(body []byte) error {
			if next == until {
				return stop // not read: it comes again
			}
			if string(body) != fmt.Sprint(next) {
				t.Errorf("%s came in place of %d", body, next)
			}
			if next++; next == 12 || next == 30 {
				cancel() // what it does now counts as read all the same
			}
			return nil
		})
		if !errors.Is(err, stop) && !errors.Is(err, context.Canceled) {
			t.Fatalf("up to %d: %v", until, err)
		}
		cancel()
	}
	if next != 30 {
		t.Errorf("%d of 30 were read", next)
	}
}

// TestProgramsOnlyRead holds that a program can read its stream and nothing else.
func TestProgramsOnlyRead(t *testing.T) {
	h, _ := admitting(t, t.TempDir())
	url := "nats://" + h.ProgramsAddress()
	for name, options := range map[string][]nats.Option{
		"nobody":           nil,
		"a wrong password": {nats.UserInfo(spine.ProgramsUser, "another password")},
		"the hub itself":   {nats.UserInfo("hub", password)},
	} {
		if nc, err := nats.Connect(url, options...); err == nil {
			nc.Close()
			t.Errorf("%s may connect", name)
		}
	}
	nc, err := nats.Connect(url, nats.UserInfo(spine.ProgramsUser, password), nats.CustomInboxPrefix("_INBOX_programs"))
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	denied := make(chan error, 10)
	nc.SetErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { denied <- err })
	publish := func(subject string) func() error { return func() error { return nc.Publish(subject, []byte("{}")) } }
	subscribe := func(subject string) func() error {
		return func() error { _, err := nc.SubscribeSync(subject); return err }
	}
	for what, do := range map[string]func() error{
		"write into its stream":       publish("told"),
		"speak as an edge":            publish("polity.edge-1.up.observation"),
		"speak to an edge":            publish("polity.edge-1.down.watch"),
		"remove the stream":           publish("$JS.API.STREAM.DELETE.told"),
		"purge the stream":            publish("$JS.API.STREAM.PURGE.told"),
		"list streams":                publish("$JS.API.STREAM.LIST"),
		"read another stream":         publish("$JS.API.CONSUMER.CREATE.secret"),
		"read another edge's stream":  publish("$JS.edge_edge-1.API.CONSUMER.CREATE.edge-1_taken"),
		"look into another stream":    publish("$JS.API.STREAM.MSG.GET.secret"),
		"ask the server":              publish("$SYS.REQ.SERVER.PING"),
		"hear edges":                  subscribe("polity.>"),
		"hear everything":             subscribe(">"),
		"hear answers to others":      subscribe("_INBOX.>"),
		"hear answers to the hub":     subscribe("_INBOX_hub_test.>"),
		"hear its stream as it comes": subscribe("told"),
	} {
		if err := do(); err != nil {
			t.Fatal(err)
		}
		if err := nc.Flush(); err != nil {
			t.Fatal(err)
		}
		select {
		case err := <-denied:
			if !strings.Contains(strings.ToLower(err.Error()), "permissions violation") {
				t.Errorf("%s: %v", what, err)
			}
		case <-time.After(time.Minute):
			t.Errorf("a program may %s", what)
		}
	}
}

func TestProgramsConnectOnLoopbackOnly(t *testing.T) {
	for name, p := range map[string]*spine.Programs{
		"an address beyond this machine": {Listen: "0.0.0.0:0", Password: password, Stream: "told"},
		"a short password":               {Listen: "127.0.0.1:0", Password: "short", Stream: "told"},
		"no address":                     {Listen: "x", Password: password, Stream: "told"},
	} {
		h, err := spine.StartHub(spine.HubConfig{Data: t.TempDir(), Listen: "127.0.0.1:0", Check: check, Programs: p})
		if err == nil {
			h.Close()
		}
		if city.KindOf(err) != city.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}
