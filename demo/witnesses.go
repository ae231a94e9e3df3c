package demo

import (
	"context"
	"errors"
	"net/url"
	"regexp"
	"sync"
	"time"

	"polity/city"
	"polity/hub"
)

// startTime is how long a process of the demo may take to say where it is.
const startTime = 30 * time.Second

// place is where a process is, once it has said so.
type place struct {
	mu    sync.Mutex
	at    string
	known chan struct{}
}

func newPlace() *place { return &place{known: make(chan struct{})} }

func (p *place) set(at string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.at == "" {
		close(p.known)
	}
	p.at = at
}

// or is where it is, or else where it is to be.
func (p *place) or(at string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.at != "" {
		return p.at
	}
	return at
}

// wait waits until the process said where it is.
func (p *place) wait(ctx context.Context, who, log string) error {
	select {
	case <-p.known:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(startTime):
		return city.Errorf(city.Unavailable, "%s did not start within %v; its words are in %s", who, startTime, log)
	}
}

const anyPort = "127.0.0.1:0"

// hostOf is the host and port of an address.
func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return anyPort
	}
	return u.Host
}

var witnessRuns = regexp.MustCompile(`^witness \S+ runs on (\S+)$`)

// startWitnesses starts the witnesses, each a process with a key and a memory of its own.
// One that is started again is at the same address.
func (d *demo) startWitnesses(ctx context.Context, c *crowd) (list []hub.LedgerWitness, err error) {
	places := map[city.Slug]*place{}
	for _, name := range witnessNames {
		out, _, err := d.town.logFile("witness-" + string(name) + ".log")
		if err != nil {
			return nil, err
		}
		p := newPlace()
		places[name] = p
		dir := d.town.path("witnesses", string(name))
		c.add(&child{
			name: "The witness " + string(name), out: out,
			program: func() []string {
				return []string{d.Program, "witness", "--key", dir + "/key", "--state", dir + "/state", "--roster", d.town.path(rosterFile), "--listen", p.or(anyPort), "--with-parent"}
			},
			heard: func(line string) {
				if m := witnessRuns.FindStringSubmatch(line); m != nil {
					p.set(m[1])
				}
			},
		})
	}
	for _, name := range witnessNames {
		err = errors.Join(err, places[name].wait(ctx, "the witness "+string(name), d.town.path("witness-"+string(name)+".log")))
		list = append(list, hub.LedgerWitness{Name: name, URL: "http://" + places[name].or("")})
	}
	return list, err
}
