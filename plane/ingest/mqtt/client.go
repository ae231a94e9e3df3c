package mqtt

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"polity/city"
	"polity/plane/ingest/mapping"
)

// ClientConfig is a broker that is there already.
type ClientConfig struct {
	Server   string // mqtt://host:1883 or mqtts://host:8883
	ID       string // of the session, which the broker keeps while we are away
	User     string
	Password string
	TLS      *tls.Config
	Filters  []string // what to subscribe to
	Taker    Taker
	Log      *slog.Logger
}

// CheckServer reports an address that is none.
func CheckServer(server string) error {
	u, err := url.Parse(server)
	if err != nil || (u.Scheme != "mqtt" && u.Scheme != "mqtts") || u.Port() == "" || u.Hostname() == "" || u.User != nil {
		return city.Errorf(city.Invalid, "%q is no broker's address such as mqtts://broker.city.example:8883", server)
	}
	return nil
}

// Client is connected to a broker, or tries to be, ever more seldom up to twice a
// minute.
type Client struct {
	cfg   ClientConfig
	paho  paho.Client
	ctx   context.Context
	stop  context.CancelFunc
	turns chan struct{}
	work  sync.WaitGroup

	mu      sync.Mutex
	closing bool

	connected atomic.Bool
	dropped   atomic.Uint64
}

const maxRetry = 30 * time.Second

// Connect begins. It does not wait for the broker.
func Connect(cfg ClientConfig) (*Client, error) {
	if err := CheckServer(cfg.Server); err != nil {
		return nil, err
	}
	if len(cfg.Filters) == 0 {
		return nil, city.Errorf(city.Invalid, "no mapping has a topic; there is nothing to subscribe to at %s", cfg.Server)
	}
	u, err := url.Parse(cfg.Server)
	if err != nil {
		return nil, err
	}
	scheme := map[string]string{"mqtt": "tcp://", "mqtts": "ssl://"}[u.Scheme]
	c := &Client{cfg: cfg, turns: make(chan struct{}, maxTaking)}
	c.ctx, c.stop = context.WithCancel(context.Background())
	o := paho.NewClientOptions().AddBroker(scheme + u.Host).SetClientID(cfg.ID).SetUsername(cfg.User).SetPassword(cfg.Password).
		SetCleanSession(false).SetAutoAckDisabled(true).SetOrderMatters(false).SetResumeSubs(false).
		SetConnectRetry(true).SetConnectRetryInterval(time.Second).SetAutoReconnect(true).SetMaxReconnectInterval(maxRetry).
		SetConnectTimeout(connectTime).SetWriteTimeout(connectTime).SetKeepAlive(30 * time.Second).
		SetDefaultPublishHandler(c.message).SetOnConnectHandler(c.subscribe).SetConnectionLostHandler(c.lost)
	if cfg.TLS != nil {
		o.SetTLSConfig(cfg.TLS)
	}
	c.paho = paho.NewClient(o)
	c.paho.Connect()
	return c, nil
}

// Connected says whether the broker is there, and what we asked for is subscribed.
func (c *Client) Connected() bool { return c.connected.Load() }

// Dropped counts messages of quality of service 0 that came faster than they could be
// stored.
func (c *Client) Dropped() uint64 { return c.dropped.Load() }

// Close ends the connection. What is not acknowledged the broker keeps for next time.
func (c *Client) Close() {
	c.mu.Lock()
	c.closing = true
	c.mu.Unlock()
	c.stop()
	c.paho.Disconnect(250)
	c.work.Wait()
}

func (c *Client) lost(_ paho.Client, err error) {
	c.connected.Store(false)
	c.cfg.Log.Warn("the connection to the broker is lost; it is tried again", slog.String("server", c.cfg.Server), slog.Any("error", err))
}

// subscribe asks for the topics until the broker grants them all. It does not keep the
// library waiting, which would otherwise read nothing meanwhile.
func (c *Client) subscribe(p paho.Client) {
	go func() {
		for wait := time.Second; p.IsConnectionOpen(); wait = min(2*wait, maxRetry) {
			err := c.granted(p)
			if err == nil {
				c.connected.Store(true)
				c.cfg.Log.Info("connected to the broker", slog.String("server", c.cfg.Server))
				return
			}
			c.cfg.Log.Error("the broker does not let us subscribe; look at its rights for our user; it is tried again", slog.String("server", c.cfg.Server), slog.Any("error", err))
			select {
			case <-time.After(wait):
			case <-c.ctx.Done():
				return
			}
		}
	}()
}

func (c *Client) granted(p paho.Client) error {
	filters := map[string]byte{}
	for _, f := range c.cfg.Filters {
		filters[f] = 1
	}
	token := p.SubscribeMultiple(filters, nil)
	if !token.WaitTimeout(connectTime) {
		return city.Errorf(city.Unavailable, "it does not answer")
	}
	if token.Error() != nil {
		return token.Error()
	}
	if t, ok := token.(*paho.SubscribeToken); ok {
		for filter, code := range t.Result() {
			if code >= 0x80 {
				return city.Errorf(city.Forbidden, "it refuses the topic %s", filter)
			}
		}
	}
	return nil
}

// message commits one and acknowledges it then. While the store is away it is tried
// again and again: the broker sends no others than fit its window meanwhile.
func (c *Client) message(_ paho.Client, m paho.Message) {
	c.mu.Lock()
	if c.closing {
		c.mu.Unlock()
		return
	}
	c.work.Add(1)
	c.mu.Unlock()
	defer c.work.Done()
	if m.Qos() == 0 {
		select {
		case c.turns <- struct{}{}:
		default:
			c.dropped.Add(1)
			return
		}
	} else {
		select {
		case c.turns <- struct{}{}:
		case <-c.ctx.Done():
			return
		}
	}
	defer func() { <-c.turns }()
	for wait := time.Second; ; wait = min(2*wait, maxRetry) {
		err := c.take(m)
		if err == nil || city.KindOf(err) == city.Invalid {
			m.Ack()
			return
		}
		if m.Qos() == 0 {
			c.dropped.Add(1)
			return
		}
		c.cfg.Log.Warn("a message could not be stored; it is tried again", slog.Any("error", err), slog.Duration("in", wait))
		select {
		case <-time.After(wait):
		case <-c.ctx.Done():
			return
		}
	}
}

func (c *Client) take(m paho.Message) error {
	ctx, stop := context.WithTimeout(c.ctx, storeTime)
	defer stop()
	return c.cfg.Taker.Take(ctx, mapping.Message{Topic: m.Topic(), Payload: m.Payload()}, m.Duplicate() || m.Retained())
}
