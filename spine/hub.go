package spine

import (
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"polity/city"
)

// HubConfig is what StartHub needs.
type HubConfig struct {
	Data   string      // folder of the hub's own store
	Listen string      // address for edges, host:port
	TLS    *tls.Config // needed unless Listen is loopback
	Edges  []EdgeKey
	Check  Check
	Log    *slog.Logger
	// External connects to a NATS cluster in place of the embedded server; Listen
	// and TLS are then the cluster's affair. See docs/operations.md.
	External *External
	// Programs lets programs read a stream; nil: none connect. With a cluster that is the
	// cluster's affair.
	Programs *Programs
}

// EdgeKey is an edge that the hub knows.
type EdgeKey struct {
	Name   city.Slug
	Public string
}

// External is a NATS cluster of the city's own.
type External struct {
	Servers []string // nats:// or tls:// addresses
	Seed    string   // the hub's nkey in the cluster
	TLS     *tls.Config
}

// Hub is the hub's end. It is safe for concurrent use.
type Hub struct {
	cfg      HubConfig
	server   *server.Server // nil with an external cluster
	listen   string
	password string

	mu    sync.Mutex
	lines map[city.Slug]*Line
}

const (
	startTime = 20 * time.Second
	hubUser   = "hub"
)

// StartHub starts the embedded server, or connects to the external cluster.
func StartHub(cfg HubConfig) (*Hub, error) {
	if cfg.Check == nil {
		return nil, errors.New("spine: a hub needs the check of its channels")
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	for _, e := range cfg.Edges {
		if err := errors.Join(e.Name.Check(), CheckPublicKey(e.Public)); err != nil {
			return nil, err
		}
	}
	h := &Hub{cfg: cfg, lines: map[city.Slug]*Line{}, password: rand.Text()}
	if cfg.External != nil {
		return h, h.connect()
	}
	opts, err := h.options()
	if err != nil {
		return nil, err
	}
	if h.server, err = start(opts, cfg.Log); err != nil {
		return nil, fmt.Errorf("start the message spine, which listens for edges on %s: %w", cfg.Listen, err)
	}
	h.listen = net.JoinHostPort(opts.LeafNode.Host, strconv.Itoa(opts.LeafNode.Port))
	return h, h.connect()
}

func (h *Hub) options() (*server.Options, error) {
	host, port, err := splitListen(h.cfg.Listen)
	if err != nil {
		return nil, err
	}
	if h.cfg.TLS == nil && !isLoopback(host) {
		return nil, city.Errorf(city.Invalid, "edges would reach %s without encryption: give tls, or a loopback address", h.cfg.Listen)
	}
	o := baseOptions("hub", "hub", h.cfg.Data)
	o.LeafNode = server.LeafNodeOpts{Host: host, Port: port, TLSConfig: h.cfg.TLS, TLSTimeout: 5, AuthTimeout: 5, NoAdvertise: true, IsolateLeafnodeInterest: true}
	o.Users = []*server.User{{Username: hubUser, Password: h.password}}
	for _, e := range h.cfg.Edges {
		o.Nkeys = append(o.Nkeys, &server.NkeyUser{
			Nkey: e.Public, Permissions: Permissions(e.Name), AllowedConnectionTypes: map[string]struct{}{"LEAFNODE": {}},
		})
	}
	if h.cfg.Programs != nil {
		return o, h.cfg.Programs.admit(o)
	}
	return o, nil
}

// Permissions is what an edge may say and hear at the hub or in a cluster.
func Permissions(edge city.Slug) *server.Permissions {
	e := string(edge)
	return &server.Permissions{
		Publish: &server.SubjectPermission{Allow: []string{"polity." + e + ".up.>", inbox(edge) + ".>"}},
		Subscribe: &server.SubjectPermission{Allow: []string{
			"polity." + e + ".down.>", "$JS." + domain(edge) + ".API.>",
			"$JS.ACK." + streamName(edge, taken) + "." + consumer + ".>", "$JS.ACK." + streamName(edge, archive) + "." + consumer + ".>",
		}},
	}
}

// baseOptions are those of every embedded server: no listener for clients, and a
// store that is synced with every write (streams that need not be say so).
func baseOptions(name, domain, data string) *server.Options {
	return &server.Options{
		ServerName: name, DontListen: true, NoSigs: true, NoSystemAccount: false, MaxPayload: maxBody,
		JetStream: true, JetStreamDomain: domain, StoreDir: filepath.Clean(data), SyncAlways: true,
		DisableShortFirstPing: true, PingInterval: 5 * time.Second, MaxPingsOut: 2,
	}
}

// start runs a server and returns the reason if it does not come up.
func start(o *server.Options, log *slog.Logger) (*server.Server, error) {
	s, err := server.NewServer(o)
	if err != nil {
		return nil, err
	}
	fatal := make(chan string, 1)
	s.SetLoggerV2(&startLog{newServerLog(log), fatal}, false, false, false)
	s.Start() // logs what is wrong as fatal, and goes on
	select {
	case why := <-fatal:
		s.Shutdown()
		return nil, city.Errorf(city.Unavailable, "%s", why)
	default:
	}
	if !s.ReadyForConnections(startTime) {
		s.Shutdown()
		return nil, city.Errorf(city.Unavailable, "the message server was not ready within %v", startTime)
	}
	return s, nil
}

// startLog catches the reason for which a server does not start, which it only
// logs.
type startLog struct {
	*serverLog
	fatal chan<- string
}

func (l *startLog) Fatalf(format string, args ...any) {
	l.serverLog.Fatalf(format, args...)
	select {
	case l.fatal <- fmt.Sprintf(format, args...):
	default:
	}
}

// connect opens a connection for each edge, with an inbox that only that edge may
// write to: what arrives there came from it.
func (h *Hub) connect() error {
	for _, e := range h.cfg.Edges {
		nc, err := h.dial(e.Name)
		if err != nil {
			h.Close()
			return fmt.Errorf("connect to the message spine: %w", err)
		}
		h.lines[e.Name] = &Line{edge: e.Name, conn: nc, check: h.cfg.Check, log: h.cfg.Log.With(slog.String("edge", string(e.Name)))}
	}
	return nil
}

func (h *Hub) dial(edge city.Slug) (*nats.Conn, error) {
	return h.open(nats.Name("hub for "+string(edge)), nats.CustomInboxPrefix(inbox(edge)), nats.MaxReconnects(-1), nats.ReconnectWait(time.Second))
}

func (h *Hub) open(options ...nats.Option) (*nats.Conn, error) {
	if h.server != nil {
		return nats.Connect("", append(options, nats.InProcessServer(h.server), nats.UserInfo(hubUser, h.password))...)
	}
	x := h.cfg.External
	sign, err := nkeyOption(x.Seed)
	if err != nil {
		return nil, err
	}
	options = append(options, sign, nats.RetryOnFailedConnect(true))
	if x.TLS != nil {
		options = append(options, nats.Secure(x.TLS))
	}
	return nats.Connect(joinComma(x.Servers), options...)
}

// Line returns the hub's end of an edge, or NotFound.
func (h *Hub) Line(edge city.Slug) (*Line, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	l, ok := h.lines[edge]
	if !ok {
		return nil, city.Errorf(city.NotFound, "the hub knows no edge %s: it is not in its configuration", edge)
	}
	return l, nil
}

// Listen is the address that edges connect to, with the port that the system
// chose if the configuration said 0. Empty with an external cluster.
func (h *Hub) Listen() string { return h.listen }

// Close ends all lines and the server.
func (h *Hub) Close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, l := range h.lines {
		l.conn.Close()
	}
	if h.server != nil {
		h.server.Shutdown()
		h.server.WaitForShutdown()
	}
}

func splitListen(listen string) (host string, port int, err error) {
	h, p, err := net.SplitHostPort(listen)
	if err == nil {
		port, err = strconv.Atoi(p)
	}
	if err != nil || h == "" || port < 0 || port > 65535 {
		return "", 0, city.Errorf(city.Invalid, "address %q: it is host:port, such as 127.0.0.1:7422", listen)
	}
	if port == 0 {
		port = server.RANDOM_PORT
	}
	return h, port, nil
}

func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.IsLoopback()
}
