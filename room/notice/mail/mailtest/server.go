// Package mailtest is a mail server for tests that keeps to the dialogue of SMTP: commands
// in order, STARTTLS, a login, dots, and one transaction after the other (RFC 5321).
package mailtest

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"fmt"
	"math/big"
	"net"
	"strings"
	"sync"
	"time"
)

// Received is a mail that the server took.
type Received struct {
	From, To string // of the envelope
	Secure   bool   // came over TLS
	User     string // who was logged in
	Data     string // head and body, lines ending with CRLF
}

// Server is a mail server on a port of this machine.
type Server struct {
	Host        string
	Port        int
	Authorities *x509.CertPool // that trust its certificate
	Certificate []byte         // DER

	cfg      Config
	tls      *tls.Config
	listener net.Listener
	conns    sync.WaitGroup

	mu     sync.Mutex
	got    []Received
	open   map[net.Conn]bool
	answer func(command string) string
}

// Config says what kind of server it is.
type Config struct {
	Implicit       bool // TLS from the first byte
	NoTLS          bool // no STARTTLS is offered
	User, Password string
	// CertFor is the name in the certificate; empty: localhost.
	CertFor string
}

// Start starts a server; Close ends it.
func Start(cfg Config) (*Server, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &Server{Host: "localhost", Port: l.Addr().(*net.TCPAddr).Port, cfg: cfg, listener: l, open: map[net.Conn]bool{}}
	if err := s.certify(); err != nil {
		l.Close()
		return nil, err
	}
	s.conns.Go(s.accept)
	return s, nil
}

func (s *Server) certify() error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	name := s.cfg.CertFor
	if name == "" {
		name = "localhost"
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return err
	}
	s.Authorities, s.Certificate = x509.NewCertPool(), der
	s.Authorities.AddCert(cert)
	s.tls = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, MinVersion: tls.VersionTLS12}
	return nil
}

// Close ends the server and all that is open.
func (s *Server) Close() {
	s.listener.Close()
	s.mu.Lock()
	for c := range s.open {
		c.Close()
	}
	s.mu.Unlock()
	s.conns.Wait()
}

// Got returns what was taken so far.
func (s *Server) Got() []Received {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Received(nil), s.got...)
}

// Answer has commands answered by f, where that returns something; "." is the end of the
// data. Nil: in the usual way.
func (s *Server) Answer(f func(command string) string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = f
}

func (s *Server) accept() {
	for {
		c, err := s.listener.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		s.open[c] = true
		s.mu.Unlock()
		s.conns.Go(func() {
			defer func() {
				c.Close()
				s.mu.Lock()
				delete(s.open, c)
				s.mu.Unlock()
			}()
			_ = c.SetDeadline(time.Now().Add(time.Minute))
			(&session{s: s, conn: c}).run()
		})
	}
}

// session is one connection.
type session struct {
	s      *Server
	conn   net.Conn
	in     *bufio.Reader
	secure bool
	hello  bool
	user   string
	from   string
	to     string
}

func (x *session) say(format string, args ...any) { fmt.Fprintf(x.conn, format+"\r\n", args...) }

func (x *session) run() {
	if x.s.cfg.Implicit && !x.encrypt() {
		return
	}
	x.in = bufio.NewReader(x.conn)
	if !x.special("") {
		x.say("220 mail.test ESMTP")
	}
	for {
		line, err := x.in.ReadString('\n')
		if err != nil || !strings.HasSuffix(line, "\r\n") {
			return
		}
		line = strings.TrimSuffix(line, "\r\n")
		if x.special(line) {
			continue
		}
		if !x.command(line) {
			return
		}
	}
}

func (x *session) special(line string) bool {
	x.s.mu.Lock()
	f := x.s.answer
	x.s.mu.Unlock()
	if f == nil {
		return false
	}
	text := f(line)
	if text != "" {
		fmt.Fprint(x.conn, text)
	}
	return text != ""
}

func (x *session) encrypt() bool {
	c := tls.Server(x.conn, x.s.tls)
	if c.Handshake() != nil {
		return false
	}
	x.conn, x.secure, x.hello, x.user = c, true, false, ""
	return true
}

// command answers one command; false ends the connection.
func (x *session) command(line string) bool {
	verb, rest, _ := strings.Cut(line, " ")
	cfg := &x.s.cfg
	switch strings.ToUpper(verb) {
	case "EHLO":
		x.hello = true
		list := []string{"mail.test", "8BITMIME"}
		if !x.secure && !cfg.NoTLS {
			list = append(list, "STARTTLS")
		}
		if cfg.User != "" && (x.secure || cfg.NoTLS) {
			list = append(list, "AUTH PLAIN")
		}
		for i, l := range list {
			sep := "-"
			if i == len(list)-1 {
				sep = " "
			}
			x.say("250%s%s", sep, l)
		}
	case "STARTTLS":
		if x.secure || cfg.NoTLS || x.in.Buffered() > 0 {
			x.say("503 no")
			return true
		}
		x.say("220 go ahead")
		if !x.encrypt() {
			return false
		}
		x.in = bufio.NewReader(x.conn)
	case "AUTH":
		text, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(rest, "PLAIN "))
		if string(text) != "\x00"+cfg.User+"\x00"+cfg.Password {
			x.say("535 wrong")
			return true
		}
		x.user = cfg.User
		x.say("235 welcome")
	case "MAIL":
		switch {
		case !x.hello:
			x.say("503 say EHLO first")
		case cfg.User != "" && x.user == "":
			x.say("530 log in first")
		default:
			x.from, x.to = path(rest, "FROM:"), ""
			x.say("250 ok")
		}
	case "RCPT":
		if x.from == "" {
			x.say("503 MAIL first")
			return true
		}
		x.to = path(rest, "TO:")
		x.say("250 ok")
	case "DATA":
		if x.to == "" {
			x.say("503 RCPT first")
			return true
		}
		x.say("354 end with a dot")
		return x.data()
	case "QUIT":
		x.say("221 bye")
		return false
	case "NOOP", "RSET":
		x.say("250 ok")
	default:
		x.say("502 what?")
	}
	return true
}

func path(rest, key string) string {
	text, _, _ := strings.Cut(strings.TrimPrefix(rest, key), " ")
	return strings.Trim(text, "<>")
}

func (x *session) data() bool {
	var b strings.Builder
	for {
		line, err := x.in.ReadString('\n')
		if err != nil {
			return false
		}
		if line == ".\r\n" {
			break
		}
		b.WriteString(strings.TrimPrefix(line, "."))
	}
	if x.special(".") {
		return true
	}
	x.s.mu.Lock()
	x.s.got = append(x.s.got, Received{x.from, x.to, x.secure, x.user, b.String()})
	x.s.mu.Unlock()
	x.from, x.to = "", ""
	x.say("250 taken")
	return true
}
