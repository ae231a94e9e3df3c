package spine

import (
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"polity/city"
)

// Programs lets programs of the city's own, on this machine, read one stream of the
// embedded server.
type Programs struct {
	Listen   string // host:port, loopback
	Password string // of the user ProgramsUser
	Stream   string // the one that they may read
}

// ProgramsUser is the name with which programs connect.
const ProgramsUser = "programs"

// readOnly is what a program may say and hear: make, ask and end consumers of one
// stream. It can publish nothing that anybody reads, and neither see nor change other
// streams (docs.nats.io, JetStream wire API).
func readOnly(stream string) *server.Permissions {
	publish := []string{"$JS.API.INFO", "$JS.API.STREAM.INFO." + stream, "$JS.API.STREAM.MSG.GET." + stream, "$JS.API.DIRECT.GET." + stream, "$JS.ACK." + stream + ".>", "$JS.FC." + stream + ".>"}
	for _, verb := range []string{"CREATE", "DURABLE.CREATE", "INFO", "MSG.NEXT", "DELETE"} {
		publish = append(publish, "$JS.API.CONSUMER."+verb+"."+stream, "$JS.API.CONSUMER."+verb+"."+stream+".>")
	}
	return &server.Permissions{
		Publish:   &server.SubjectPermission{Allow: publish},
		Subscribe: &server.SubjectPermission{Allow: []string{programsInbox + ".>"}},
	}
}

// programsInbox begins the subjects on which programs get their answers
// (nats.CustomInboxPrefix), so that they hear nobody else's.
const programsInbox = "_INBOX_" + ProgramsUser

// Check reports what is wrong. The error is of kind Invalid.
func (p *Programs) Check() error {
	host, _, err := splitListen(p.Listen)
	switch {
	case err != nil:
		return err
	case !isLoopback(host):
		return city.Errorf(city.Invalid, "programs would read changes from %s without encryption; give a loopback address, or use a NATS cluster of the city's own", p.Listen)
	case len(p.Password) < 16:
		return city.Errorf(city.Invalid, "the password of programs that read changes has %d characters; 16 are the least", len(p.Password))
	}
	return nil
}

// admit lets programs connect.
func (p *Programs) admit(o *server.Options) error {
	if err := p.Check(); err != nil {
		return err
	}
	host, port, err := splitListen(p.Listen)
	if err != nil {
		return err
	}
	o.DontListen, o.Host, o.Port = false, host, port
	o.MaxConn, o.MaxSubs = 256, 1024 // of one program each, and of the hub's own lines
	o.Users = append(o.Users, &server.User{Username: ProgramsUser, Password: p.Password, Permissions: readOnly(p.Stream)})
	return nil
}

// ProgramsAddress is where programs connect; empty where they cannot.
func (h *Hub) ProgramsAddress() string {
	if h.server == nil || h.cfg.Programs == nil {
		return ""
	}
	if a, ok := h.server.Addr().(*net.TCPAddr); ok {
		return net.JoinHostPort(a.IP.String(), strconv.Itoa(a.Port))
	}
	return ""
}

// Connect opens a connection of the hub's own, for what is of no edge. Whoever called
// closes it.
func (h *Hub) Connect(name string) (*nats.Conn, error) {
	nc, err := h.open(nats.Name("hub, "+name), nats.CustomInboxPrefix("_INBOX_hub_"+name), nats.MaxReconnects(-1), nats.ReconnectWait(time.Second))
	if err != nil {
		return nil, city.Errorf(city.Unavailable, "connect to the message spine: %w", fmt.Errorf("%w", err))
	}
	return nc, nil
}
