package source

import (
	"bytes"
	"encoding/base64"
	"net"
	"net/url"
	"strings"

	"github.com/bluenviron/gortsplib/v5/pkg/base"
)

// mend evens out what cameras are known to get wrong in answers, as open
// recorders have found over the years (retina's and go2rtc's change logs list
// cameras), and takes out what could lead us away from the camera.
func mend(r *base.Response, host string) {
	// A redirection to another host would take the password's digest there.
	if where := r.Header["Location"]; len(where) == 1 && !sameHost(where[0], host) {
		delete(r.Header, "Location")
	}
	if !bytes.HasPrefix(bytes.TrimSpace(r.Body), []byte("v=0")) {
		return
	}
	// VStarcam and others leave the type of the description away.
	r.Header["Content-Type"] = base.HeaderValue{"application/sdp"}
	// Content-Base without scheme (Anjvision), with two (some turrets), or of another
	// host (cameras behind address translation): the address asked for is right then.
	if at := r.Header["Content-Base"]; len(at) > 0 {
		u, err := url.Parse(at[0])
		if err != nil || (u.Scheme != "rtsp" && u.Scheme != "rtsps") || !sameHost(at[0], host) {
			delete(r.Header, "Content-Base")
		}
	}
	r.Body = mendSDP(r.Body)
}

// sameHost compares the hosts of an address and host[:port], without the port.
func sameHost(address, host string) bool {
	u, err := url.Parse(address)
	if err != nil {
		return false
	}
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	return strings.EqualFold(u.Hostname(), strings.Trim(host, "[]"))
}

// mendSDP drops the lines of a session description that cameras get wrong and
// nobody needs, and gives unknown kinds of media a known name (TP-Link).
func mendSDP(b []byte) []byte {
	var out bytes.Buffer
	inMedia := false
	for line := range bytes.Lines(b) {
		line = bytes.TrimRight(line, "\r\n")
		switch {
		case len(line) == 0:
			continue
		case bytes.HasPrefix(line, []byte("m=")):
			inMedia = true
			kind, rest, _ := bytes.Cut(line[2:], []byte(" "))
			switch string(kind) {
			case "video", "audio", "application", "text", "message":
			default:
				line = append([]byte("m=application "), rest...)
			}
		case !inMedia && (bytes.HasPrefix(line, []byte("i=")) || bytes.HasPrefix(line, []byte("e="))):
			continue
		case bytes.HasPrefix(line, []byte("c=")) && len(bytes.Fields(line)) != 3:
			continue
		case bytes.HasPrefix(line, []byte("a=fmtp:")):
			line = mendParameters(line)
		}
		out.Write(line)
		out.WriteString("\r\n")
	}
	return out.Bytes()
}

// mendParameters leaves out parameter sets that cannot be read (GW Security and
// others): the stream brings its own.
func mendParameters(line []byte) []byte {
	head, rest, ok := bytes.Cut(line, []byte(" "))
	if !ok {
		return line
	}
	var kept [][]byte
	for p := range bytes.SplitSeq(rest, []byte(";")) {
		name, value, _ := bytes.Cut(bytes.TrimSpace(p), []byte("="))
		good := true
		switch string(name) {
		case "sprop-parameter-sets", "sprop-vps", "sprop-sps", "sprop-pps":
			for set := range bytes.SplitSeq(value, []byte(",")) {
				if _, err := base64.StdEncoding.DecodeString(string(set)); err != nil {
					good = false
				}
			}
		}
		if good {
			kept = append(kept, p)
		}
	}
	return append(append(append([]byte(nil), head...), ' '), bytes.Join(kept, []byte(";"))...)
}
