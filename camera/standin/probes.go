package standin

import (
	"encoding/xml"
	"fmt"
	"net"
	"strings"
	"sync"

	"golang.org/x/net/ipv4"
)

// probeServer answers WS-Discovery probes on all networks of this machine.
type probeServer struct {
	conn  *net.UDPConn
	ended sync.WaitGroup
}

// answerProbes listens where WS-Discovery does: 239.255.255.250, port 3702.
func answerProbes(port int) (*probeServer, error) {
	group := &net.UDPAddr{IP: net.IPv4(239, 255, 255, 250), Port: 3702}
	interfaces, err := net.Interfaces()
	if err != nil {
		return nil, err
	}
	conn, err := net.ListenMulticastUDP("udp4", nil, group)
	if err != nil {
		return nil, err
	}
	joined := 0
	p := ipv4.NewPacketConn(conn)
	for i := range interfaces {
		// A network joined already counts too.
		if err := p.JoinGroup(&interfaces[i], group); err == nil || strings.Contains(err.Error(), "in use") {
			joined++
		}
	}
	if joined == 0 {
		conn.Close()
		return nil, errNoProbes
	}
	s := &probeServer{conn: conn}
	s.ended.Go(func() { s.serve(port) })
	return s, nil
}

func (s *probeServer) close() {
	s.conn.Close()
	s.ended.Wait()
}

func (s *probeServer) serve(port int) {
	buf := make([]byte, 64<<10)
	for {
		n, from, err := s.conn.ReadFromUDP(buf)
		if err != nil {
			return
		}
		var probe struct {
			MessageID string    `xml:"Header>MessageID"`
			Probe     *struct{} `xml:"Body>Probe"`
		}
		if xml.Unmarshal(buf[:n], &probe) != nil || probe.Probe == nil {
			continue
		}
		at := "http://" + net.JoinHostPort(towards(from), fmt.Sprint(port)) + "/onvif/device_service"
		_, _ = s.conn.WriteToUDP([]byte(`<?xml version="1.0" encoding="UTF-8"?><s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"`+
			` xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing" xmlns:d="http://schemas.xmlsoap.org/ws/2005/04/discovery"`+
			` xmlns:dn="http://www.onvif.org/ver10/network/wsdl"><s:Header><a:MessageID>urn:uuid:5f5a69c2-e0ae-504f-829b-0000000`+fmt.Sprintf("%05d", port)+`</a:MessageID>`+
			`<a:RelatesTo>`+escaped(probe.MessageID)+`</a:RelatesTo><a:To>http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous</a:To>`+
			`<a:Action>http://schemas.xmlsoap.org/ws/2005/04/discovery/ProbeMatches</a:Action></s:Header><s:Body><d:ProbeMatches><d:ProbeMatch>`+
			`<a:EndpointReference><a:Address>urn:uuid:5f5a69c2-e0ae-504f-829b-0000000`+fmt.Sprintf("%05d", port)+`</a:Address></a:EndpointReference>`+
			`<d:Types>dn:NetworkVideoTransmitter</d:Types><d:Scopes>onvif://www.onvif.org/type/video_encoder onvif://www.onvif.org/name/stand-in%20camera`+
			` onvif://www.onvif.org/hardware/software onvif://www.onvif.org/Profile/Streaming</d:Scopes><d:XAddrs>`+at+`</d:XAddrs><d:MetadataVersion>1</d:MetadataVersion>`+
			`</d:ProbeMatch></d:ProbeMatches></s:Body></s:Envelope>`), from)
	}
}

// towards returns the address of this machine that a peer sees.
func towards(peer *net.UDPAddr) string {
	c, err := net.DialUDP("udp", nil, peer)
	if err != nil {
		return "127.0.0.1"
	}
	defer c.Close()
	return c.LocalAddr().(*net.UDPAddr).IP.String()
}
