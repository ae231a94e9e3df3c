package simulation

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"sync"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	"golang.org/x/crypto/bcrypt"

	"polity/plane/ingest/mqtt"
)

// Simulation is the devices with their passwords, which are new with every start.
type Simulation struct {
	City City
	Log  *slog.Logger
	// Past lets devices send the values of the day before, as if they had waited. It is
	// for a hub that has none: sent beside others, the same rain would count twice.
	Past    bool
	devices []device
	secrets map[string]string
}

// New makes the devices.
func New(c City, log *slog.Logger) *Simulation {
	s := &Simulation{City: c, Log: log, devices: devices(), secrets: map[string]string{}}
	for _, d := range s.devices {
		s.secrets[d.name] = rand.Text()
	}
	return s
}

// Credentials are what the hub's broker needs to know of them. The passwords are random
// texts of 26 characters: the lowest cost of bcrypt protects those as well as any.
func (s *Simulation) Credentials() ([]mqtt.Device, error) {
	var out []mqtt.Device
	for _, d := range s.devices {
		hash, err := bcrypt.GenerateFromPassword([]byte(s.secrets[d.name]), bcrypt.MinCost)
		if err != nil {
			return nil, fmt.Errorf("hash a device's password: %w", err)
		}
		out = append(out, mqtt.Device{Name: d.name, Password: string(hash), Prefix: d.prefix})
	}
	return out, nil
}

// Run connects all devices to the broker at host:port and lets them speak until ctx
// ends.
func (s *Simulation) Run(ctx context.Context, broker string) {
	var work sync.WaitGroup
	for i := range s.devices {
		work.Go(func() { s.live(ctx, &s.devices[i], broker) })
	}
	work.Wait()
}

const (
	sendTime   = 10 * time.Second
	dayBefore  = 23 * time.Hour
	oldEvery   = 15 * time.Minute
	oldAtATime = 8
)

// live is the life of one device.
func (s *Simulation) live(ctx context.Context, d *device, broker string) {
	o := paho.NewClientOptions().AddBroker("tcp://" + broker).SetClientID(d.name).SetUsername(d.name).SetPassword(s.secrets[d.name]).
		SetCleanSession(true).SetConnectRetry(true).SetConnectRetryInterval(time.Second).SetAutoReconnect(true).SetMaxReconnectInterval(10 * time.Second).
		SetConnectTimeout(sendTime).SetWriteTimeout(sendTime).SetKeepAlive(time.Minute)
	client := paho.NewClient(o)
	defer client.Disconnect(100)
	select {
	case <-client.Connect().Done(): // it is tried until it succeeds
	case <-ctx.Done():
		return
	}
	now := time.Now()
	s.send(ctx, client, d.say(&s.City, now, d.every))
	if d.old && s.Past {
		s.sendOld(ctx, client, d, now)
	}
	tick := time.NewTicker(d.every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now = <-tick.C:
			s.send(ctx, client, d.say(&s.City, now, d.every))
		}
	}
}

// sendOld sends what waited, newest first, so that charts are not empty: what a device
// would have said in the last minutes, and every quarter of an hour before.
func (s *Simulation) sendOld(ctx context.Context, client paho.Client, d *device, now time.Time) {
	border := now.Add(-d.lately).Truncate(oldEvery)
	n := 0
	send := func(t time.Time, length time.Duration) {
		s.send(ctx, client, d.say(&s.City, t, length))
		if n++; n%oldAtATime == 0 {
			select { // others want to be heard
			case <-ctx.Done():
			case <-time.After(100 * time.Millisecond):
			}
		}
	}
	for t := now.Add(-d.every); t.Add(-d.every).After(border) && ctx.Err() == nil; t = t.Add(-d.every) {
		send(t, d.every)
	}
	for t := border; now.Sub(t) < dayBefore && ctx.Err() == nil; t = t.Add(-oldEvery) {
		send(t, oldEvery)
	}
}

func (s *Simulation) send(ctx context.Context, client paho.Client, list []message) {
	for _, m := range list {
		token := client.Publish(m.topic, 1, false, m.payload)
		if !settled(ctx, token) || token.Error() != nil {
			if ctx.Err() == nil && s.Log != nil {
				s.Log.Warn("a simulated device could not send", slog.String("topic", m.topic), slog.Any("error", token.Error()))
			}
			return
		}
	}
}

// settled waits until a message is acknowledged. False if ctx ended or it took too long.
func settled(ctx context.Context, token paho.Token) bool {
	wait, stop := context.WithTimeout(ctx, sendTime)
	defer stop()
	select {
	case <-token.Done():
		return true
	case <-wait.Done():
		return false
	}
}
