// Package mail hands plain-text messages to a city's mail server over SMTP (RFC 5321).
// Nothing leaves the machine without TLS whose certificate is valid.
package mail

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/smtp"
	"net/textproto"
	"strconv"
	"time"

	"polity/city"
)

// TLS is how the connection to the server is encrypted.
type TLS string

// The ways.
const (
	StartTLS TLS = "starttls" // begins in the clear and is encrypted before anything is said (RFC 3207)
	Implicit TLS = "implicit" // encrypted from the first byte (RFC 8314)
	None     TLS = "none"     // for a server on this machine
)

// Server is the city's mail server.
type Server struct {
	Host        string
	Port        int
	TLS         TLS
	User        string // empty: none
	Password    Secret
	From        Address
	Authorities *x509.CertPool // nil: those of the machine
	Name        string         // of this machine, for EHLO; empty: localhost
}

// Secret is a password. It prints as nothing.
type Secret string

// String keeps the password out of logs.
func (Secret) String() string { return "..." }

// GoString keeps the password out of logs.
func (Secret) GoString() string { return `"..."` }

// Check reports the first thing that is wrong.
func (s *Server) Check() error {
	switch {
	case s.Host == "" || hasControl(s.Host):
		return city.Errorf(city.Invalid, "host is missing: the mail server's name")
	case s.Port < 1 || s.Port > 65535:
		return city.Errorf(city.Invalid, "port %d is none; usual are 587 with starttls and 465 with implicit", s.Port)
	case s.TLS != StartTLS && s.TLS != Implicit && s.TLS != None:
		return city.Errorf(city.Invalid, "tls is %q; it is starttls, implicit, or none on this machine", string(s.TLS))
	case s.TLS == None && !isLoopback(s.Host):
		return city.Errorf(city.Invalid, "tls is none, and mail would reach %s in the clear; that is for a server on this machine", s.Host)
	case s.From.Addr == "":
		return city.Errorf(city.Invalid, "from is missing: the address that mail comes from")
	case s.Password != "" && s.User == "":
		return city.Errorf(city.Invalid, "there is a password, but no user")
	}
	return nil
}

func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.Unmap().IsLoopback()
}

const (
	sendTime   = 30 * time.Second // for the whole dialogue
	answerMost = 64 << 10         // bytes that a server may say in it
)

// Send hands a message to the server and returns nil once that has taken it.
func (s *Server) Send(ctx context.Context, m *Message) error {
	ctx, stop := context.WithTimeout(ctx, sendTime)
	defer stop()
	text, err := m.text(s.From)
	if err != nil {
		return err
	}
	conn, err := s.connect(ctx)
	if err != nil {
		return fmt.Errorf("the mail server cannot be reached: %w", err)
	}
	defer conn.Close()
	end := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer end()
	if err := s.talk(conn, m.To.Addr, text); err != nil {
		if ctx.Err() != nil {
			return fmt.Errorf("the mail server was not done within %v", sendTime)
		}
		return said(err)
	}
	return nil
}

func (s *Server) connect(ctx context.Context) (net.Conn, error) {
	address := net.JoinHostPort(s.Host, strconv.Itoa(s.Port))
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	bounded := &boundedConn{Conn: conn, left: answerMost}
	if s.TLS != Implicit {
		return bounded, nil
	}
	secure := tls.Client(bounded, s.tls())
	if err := secure.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, err
	}
	return secure, nil
}

func (s *Server) tls() *tls.Config {
	return &tls.Config{ServerName: s.Host, RootCAs: s.Authorities, MinVersion: tls.VersionTLS12}
}

func (s *Server) talk(conn net.Conn, to string, text []byte) error {
	c, err := smtp.NewClient(conn, s.Host)
	if err != nil {
		return err
	}
	defer c.Close()
	name := s.Name
	if name == "" {
		name = "localhost"
	}
	if err := c.Hello(name); err != nil {
		return err
	}
	if s.TLS == StartTLS {
		if ok, _ := c.Extension("STARTTLS"); !ok {
			return errors.New("the mail server offers no STARTTLS, and nothing is sent in the clear; is it the right port?")
		}
		if err := c.StartTLS(s.tls()); err != nil {
			return err
		}
	}
	if s.User != "" {
		if ok, _ := c.Extension("AUTH"); !ok {
			return errors.New("the mail server offers no login, but a user is configured")
		}
		if err := c.Auth(smtp.PlainAuth("", s.User, string(s.Password), s.Host)); err != nil {
			return err
		}
	}
	if err := c.Mail(s.From.Addr); err != nil {
		return err
	}
	if err := c.Rcpt(to); err != nil {
		return err
	}
	w, err := c.Data()
	if err != nil {
		return err
	}
	if _, err := w.Write(text); err != nil {
		return err
	}
	if err := w.Close(); err != nil { // 250: it is taken
		return err
	}
	_ = c.Quit() // it is taken whatever comes now
	return nil
}

// said keeps of a server's refusal its code and the beginning of its words.
func said(err error) error {
	e, ok := errors.AsType[*textproto.Error](err)
	if !ok {
		return err
	}
	words := []rune(e.Msg)
	return fmt.Errorf("the mail server answered %d: %s", e.Code, string(words[:min(len(words), 120)]))
}

// boundedConn ends when the other side has said too much.
type boundedConn struct {
	net.Conn
	left int
}

func (b *boundedConn) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errors.New("the mail server says too much")
	}
	n, err := b.Conn.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}
