package mqtt

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync/atomic"
	"time"

	server "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/listeners"
	"github.com/mochi-mqtt/server/v2/packets"

	"polity/city"
	"polity/plane/ingest/mapping"
)

// Taker takes messages: *ingest.Intake.
type Taker interface {
	// Take commits a message. Errors of kind Invalid refuse it for good.
	Take(ctx context.Context, m mapping.Message, again bool) error
}

// Bounds of the broker.
const (
	MaxClients  = 10_000
	maxTaking   = 64 // messages on their way into the store, of all clients
	maxPacket   = mapping.MaxPayload + 2048
	connectTime = 10 * time.Second // for TLS and the first packet
	storeTime   = 10 * time.Second // for one commit; then the connection is cut
)

// BrokerConfig is what Start needs.
type BrokerConfig struct {
	Listen  string      // host:port
	TLS     *tls.Config // nil: none
	Devices []Device
	Taker   Taker
	Log     *slog.Logger
}

// Broker takes messages of devices and passes them to nobody but the city's data: it
// accepts no subscription, and keeps no retained message.
type Broker struct {
	hook
	server   *server.Server
	listener net.Listener
}

// Start begins to listen.
func Start(cfg BrokerConfig) (*Broker, error) {
	if err := CheckDevices(cfg.Devices); err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", cfg.Listen)
	if err != nil {
		return nil, city.Errorf(city.Unavailable, "listen for devices over MQTT: %w; does another program use the port?", err)
	}
	b := &Broker{listener: l}
	b.credentials, b.taker, b.log, b.turns = newCredentials(cfg.Devices), cfg.Taker, cfg.Log, make(chan struct{}, maxTaking)
	b.ctx, b.stop = context.WithCancel(context.Background())
	// The library logs packets with what is in them; this package says what happens.
	quiet := slog.New(slog.DiscardHandler)
	caps := server.NewDefaultServerCapabilities()
	caps.MaximumClients, caps.MaximumPacketSize, caps.MaximumClientWritesPending = MaxClients, maxPacket, 64
	caps.ReceiveMaximum, caps.MaximumInflight, caps.TopicAliasMaximum, caps.MaximumSessionExpiryInterval = 64, 64, 0, 3600
	caps.SharedSubAvailable, caps.WildcardSubAvailable, caps.SubIDAvailable = 0, 0, 0
	caps.MinimumProtocolVersion = 4
	b.server = server.New(&server.Options{Capabilities: caps, Logger: quiet, SysTopicResendInterval: 3600})
	b.hook.server = b.server
	guarded := net.Listener(&guard{Listener: l})
	if cfg.TLS != nil {
		guarded = tls.NewListener(guarded, cfg.TLS)
	}
	if err := errors.Join(b.server.AddHook(&b.hook, nil), b.server.AddListener(listeners.NewNet("devices", guarded))); err != nil {
		return nil, errors.Join(fmt.Errorf("begin to listen for devices over MQTT: %w", err), l.Close())
	}
	if err := b.server.Serve(); err != nil {
		return nil, errors.Join(fmt.Errorf("listen for devices over MQTT: %w", err), l.Close())
	}
	return b, nil
}

// Address is host:port where devices connect.
func (b *Broker) Address() string { return b.listener.Addr().String() }

// Close cuts all connections. Commits that were begun end first, unacknowledged: the
// devices send those messages again.
func (b *Broker) Close() error {
	b.stop()
	err := b.server.Close()
	for range maxTaking {
		b.turns <- struct{}{}
	}
	return err
}

// Stats is what the broker did since the start.
type Stats struct {
	Clients  int64
	Denied   uint64 // wrong names or passwords
	Foreign  uint64 // messages to topics of others
	Unstored uint64 // connections cut because the store was away
}

// Stats returns it.
func (b *Broker) Stats() Stats {
	return Stats{
		Clients: atomic.LoadInt64(&b.server.Info.ClientsConnected), Denied: b.denied.Load(), Foreign: b.foreign.Load(), Unstored: b.unstored.Load(),
	}
}

// guard gives a connection a time in which it must say who it is, and bounds how many
// there are that have not.
type guard struct {
	net.Listener
	open atomic.Int64
}

const maxConnections = MaxClients + 1000

// Accept implements net.Listener.
func (g *guard) Accept() (net.Conn, error) {
	for {
		c, err := g.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if g.open.Add(1) > maxConnections {
			g.open.Add(-1)
			c.Close()
			continue
		}
		if err := c.SetDeadline(time.Now().Add(connectTime)); err != nil {
			g.open.Add(-1)
			c.Close()
			continue
		}
		return &guarded{Conn: c, open: &g.open}, nil
	}
}

type guarded struct {
	net.Conn
	open   *atomic.Int64
	closed atomic.Bool
}

// Close implements net.Conn.
func (c *guarded) Close() error {
	if c.closed.CompareAndSwap(false, true) {
		c.open.Add(-1)
	}
	return c.Conn.Close()
}

// hook is where the broker's decisions are.
type hook struct {
	server.HookBase
	server      *server.Server
	credentials *credentials
	taker       Taker
	log         *slog.Logger
	turns       chan struct{}
	ctx         context.Context
	stop        context.CancelFunc

	denied, foreign, unstored atomic.Uint64
}

// ID implements server.Hook.
func (h *hook) ID() string { return "polity" }

// Provides implements server.Hook.
func (h *hook) Provides(b byte) bool {
	switch b {
	case server.OnConnect, server.OnConnectAuthenticate, server.OnACLCheck, server.OnPublish, server.OnWill:
		return true
	}
	return false
}

// OnConnect puts the device's name before the name of its session, so that no device
// can take over another's.
func (h *hook) OnConnect(cl *server.Client, _ packets.Packet) error {
	cl.ID = string(cl.Properties.Username) + "/" + cl.ID
	return nil
}

// OnConnectAuthenticate lets in who knows the password.
func (h *hook) OnConnectAuthenticate(cl *server.Client, pk packets.Packet) bool {
	if h.credentials.check(string(cl.Properties.Username), pk.Connect.Password) {
		return true
	}
	if n := h.denied.Add(1); n&(n-1) == 0 { // seldom, however often somebody tries
		h.log.Warn("a device was not let in: wrong name or password", slog.String("device", fmt.Sprintf("%.64q", cl.Properties.Username)), slog.Uint64("times_of_all", n))
	}
	return false
}

// OnACLCheck lets a device publish under its own prefix, and nothing else.
func (h *hook) OnACLCheck(cl *server.Client, topic string, write bool) bool {
	if write && h.credentials.may(string(cl.Properties.Username), topic) {
		return true
	}
	if write {
		if n := h.foreign.Add(1); n&(n-1) == 0 {
			h.log.Warn("a device may not publish there; its prefix says where it may",
				slog.String("device", string(cl.Properties.Username)), slog.String("topic", fmt.Sprintf("%.200q", topic)), slog.Uint64("times_of_all", n))
		}
	}
	return false
}

// OnWill keeps no last words: nobody could read them.
func (h *hook) OnWill(_ *server.Client, will server.Will) (server.Will, error) {
	will.Retain = false
	return will, nil
}

// OnPublish commits a message before it is acknowledged.
func (h *hook) OnPublish(cl *server.Client, pk packets.Packet) (packets.Packet, error) {
	if !h.credentials.may(string(cl.Properties.Username), pk.TopicName) {
		return pk, packets.ErrRejectPacket // an alias of a topic; none are offered
	}
	err := h.take(pk)
	switch {
	case err == nil:
		return pk, packets.CodeSuccessIgnore // taken; there is nobody else to pass it to
	case city.KindOf(err) == city.Invalid:
		if cl.Properties.ProtocolVersion == 5 && pk.FixedHeader.Qos == 1 {
			return pk, packets.ErrPayloadFormatInvalid
		}
		return pk, packets.CodeSuccessIgnore
	case pk.FixedHeader.Qos == 0:
		return pk, packets.CodeSuccessIgnore // nobody will send it again
	}
	if n := h.unstored.Add(1); n&(n-1) == 0 {
		h.log.Warn("a message could not be stored; its device is cut off and will send it again", slog.Any("error", err), slog.Uint64("times_of_all", n))
	}
	if cl.Properties.ProtocolVersion == 5 {
		_ = h.server.DisconnectClient(cl, packets.ErrServerBusy)
	}
	cl.Stop(err)
	return pk, packets.ErrRejectPacket
}

func (h *hook) take(pk packets.Packet) error {
	select {
	case h.turns <- struct{}{}:
	case <-h.ctx.Done():
		return city.Errorf(city.Unavailable, "the broker ends")
	}
	defer func() { <-h.turns }()
	if h.ctx.Err() != nil {
		return city.Errorf(city.Unavailable, "the broker ends")
	}
	ctx, stop := context.WithTimeout(context.WithoutCancel(h.ctx), storeTime)
	defer stop()
	return h.taker.Take(ctx, mapping.Message{Topic: pk.TopicName, Payload: pk.Payload}, pk.FixedHeader.Dup)
}
