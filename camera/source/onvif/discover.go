package onvif

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/xml"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/ipv4"
)

// Found is a camera that answered a probe.
type Found struct {
	Host     string // host:port of its device service, as Config takes it
	Path     string
	Name     string // what the camera calls itself
	Hardware string
}

// group is where cameras listen for probes (WS-Discovery 2005/04, 2.4).
var group = &net.UDPAddr{IP: net.IPv4(239, 255, 255, 250), Port: 3702}

// maxFound bounds the list that anyone on the network could fill.
const maxFound = 256

// Discover probes every network of this machine, twice since datagrams get lost,
// and returns who answered until ctx ends; give it some seconds. ONVIF Core,
// 7.3.
func Discover(ctx context.Context) ([]Found, error) {
	interfaces, err := net.Interfaces()
	if err != nil {
		return nil, fmt.Errorf("look for cameras: %w", err)
	}
	conn, err := net.ListenUDP("udp4", nil)
	if err != nil {
		return nil, fmt.Errorf("look for cameras: %w", err)
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	id := uuid()
	sent := probe(conn, interfaces, id)
	again := time.AfterFunc(500*time.Millisecond, func() { probe(conn, interfaces, id) })
	defer again.Stop()
	if !sent {
		return nil, errors.New("look for cameras: this machine has no network that probes can be sent to")
	}
	var found []Found
	buf := make([]byte, 64<<10)
	for {
		n, from, err := conn.ReadFromUDP(buf)
		if err != nil {
			if ctx.Err() != nil {
				return found, nil //nolint:nilerr // the time that was given is over
			}
			return found, fmt.Errorf("look for cameras: %w", err)
		}
		for _, f := range matches(buf[:n], from.IP, id) {
			if !slices.ContainsFunc(found, func(g Found) bool { return g.Host == f.Host }) && len(found) < maxFound {
				found = append(found, f)
			}
		}
	}
}

// probe asks on every network who is there.
func probe(conn *net.UDPConn, interfaces []net.Interface, id string) (sent bool) {
	message := `<?xml version="1.0" encoding="utf-8"?><s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"` +
		` xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing" xmlns:d="http://schemas.xmlsoap.org/ws/2005/04/discovery"` +
		` xmlns:dn="http://www.onvif.org/ver10/network/wsdl"><s:Header>` +
		"<a:Action>http://schemas.xmlsoap.org/ws/2005/04/discovery/Probe</a:Action><a:MessageID>urn:uuid:" + id + "</a:MessageID>" +
		"<a:ReplyTo><a:Address>http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous</a:Address></a:ReplyTo>" +
		"<a:To>urn:schemas-xmlsoap-org:ws:2005:04:discovery</a:To></s:Header>" +
		"<s:Body><d:Probe><d:Types>dn:NetworkVideoTransmitter</d:Types></d:Probe></s:Body></s:Envelope>"
	p := ipv4.NewPacketConn(conn)
	for i := range interfaces {
		if interfaces[i].Flags&net.FlagUp == 0 || interfaces[i].Flags&(net.FlagMulticast|net.FlagLoopback) == 0 {
			continue
		}
		if p.SetMulticastInterface(&interfaces[i]) != nil {
			continue
		}
		_ = p.SetMulticastLoopback(true)
		if _, err := conn.WriteToUDP([]byte(message), group); err == nil {
			sent = true
		}
	}
	return sent
}

// matches reads an answer to probe id that came from an address.
func matches(b []byte, from net.IP, id string) []Found {
	var answer struct {
		RelatesTo string `xml:"Header>RelatesTo"`
		Match     []struct {
			Types, Scopes, XAddrs string
		} `xml:"Body>ProbeMatches>ProbeMatch"`
	}
	if xml.Unmarshal(b, &answer) != nil || !strings.Contains(answer.RelatesTo, id) {
		return nil
	}
	var found []Found
	for _, m := range answer.Match {
		if !strings.Contains(m.Types, "NetworkVideoTransmitter") && !strings.Contains(m.Scopes, "onvif://") {
			continue // a printer
		}
		if f, ok := pick(strings.Fields(m.XAddrs), from); ok {
			f.Name, f.Hardware = scope(m.Scopes, "name"), scope(m.Scopes, "hardware")
			found = append(found, f)
		}
	}
	return found
}

// pick takes the address under which the camera answered. Some list others that
// cannot be reached from here, or 0.0.0.0.
func pick(addresses []string, from net.IP) (Found, bool) {
	for _, a := range addresses {
		u, err := url.Parse(a)
		if err != nil || u.Scheme != "http" || len(a) > 1024 {
			continue
		}
		return Found{Host: joinPort(from.String(), u.Port()), Path: u.Path}, true
	}
	return Found{}, false
}

// scope finds a value in a camera's scopes (ONVIF Core, 7.3.2.2).
func scope(scopes, name string) string {
	for s := range strings.FieldsSeq(scopes) {
		if value, ok := strings.CutPrefix(s, "onvif://www.onvif.org/"+name+"/"); ok {
			if text, err := url.PathUnescape(value); err == nil {
				return printable(text)
			}
		}
	}
	return ""
}

func uuid() string {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return string(bytes.Join([][]byte{hexed(b[:4]), hexed(b[4:6]), hexed(b[6:8]), hexed(b[8:10]), hexed(b[10:])}, []byte("-")))
}

func hexed(b []byte) []byte { return fmt.Appendf(nil, "%x", b) }
