package standin

import (
	"bytes"
	"context"
	"crypto/sha1" //nolint:gosec // the standard's digest: WS-Security UsernameToken Profile 1.0
	"crypto/subtle"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"polity/camera/stream"
)

// onvifServer answers the ONVIF requests that clients make before they watch.
type onvifServer struct {
	camera *Camera
	http   *http.Server
	port   int
	probes *probeServer
}

// serveONVIF starts the services, and answering probes if asked for.
func serveONVIF(ctx context.Context, c *Camera) (*onvifServer, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", c.cfg.ONVIF)
	if err != nil {
		return nil, fmt.Errorf("stand-in camera's ONVIF: %w", err)
	}
	o := &onvifServer{camera: c, port: l.Addr().(*net.TCPAddr).Port}
	o.http = &http.Server{Handler: o, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 10 * time.Second}
	go func() { _ = o.http.Serve(l) }()
	if c.cfg.Discover {
		if o.probes, err = answerProbes(o.port); err != nil {
			o.close()
			return nil, fmt.Errorf("stand-in camera's discovery: %w", err)
		}
	}
	return o, nil
}

func (o *onvifServer) close() {
	_ = o.http.Close()
	if o.probes != nil {
		o.probes.close()
	}
}

// ONVIF is host:port of the ONVIF services, or "" without them.
func (c *Camera) ONVIF() string {
	if c.onvif == nil {
		return ""
	}
	host, _, err := net.SplitHostPort(c.cfg.ONVIF)
	if err != nil || host == "" {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, strconv.Itoa(c.onvif.port))
}

// envelope is what of a request is looked at.
type envelope struct {
	User struct {
		Username, Password, Nonce, Created string
	} `xml:"Header>Security>UsernameToken"`
	Body struct {
		Request struct {
			XMLName xml.Name
			Token   string `xml:"ProfileToken"`
		} `xml:",any"`
	}
}

// open are the requests that anyone may make (ONVIF Core, 5.9.4.3, PRE_AUTH).
var open = map[string]bool{"GetSystemDateAndTime": true, "GetServices": true, "GetCapabilities": true, "GetServiceCapabilities": true, "GetHostname": true}

// ServeHTTP answers one SOAP request.
func (o *onvifServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var e envelope
	body, err := io.ReadAll(io.LimitReader(r.Body, 64<<10))
	if err == nil {
		err = xml.Unmarshal(body, &e)
	}
	if err != nil {
		o.fault(w, http.StatusBadRequest, "ter:WellFormed", "the request is no SOAP envelope")
		return
	}
	request := e.Body.Request.XMLName.Local
	if o.camera.cfg.User != "" && !open[request] {
		if o.camera.cfg.HTTPDigest {
			if !o.admitHTTP(w, r) {
				return
			}
		} else if !o.admit(e) {
			o.fault(w, http.StatusBadRequest, "ter:NotAuthorized", "Sender not authorized")
			return
		}
	}
	answer, ok := o.answer(r, request, e.Body.Request.Token)
	if !ok {
		o.fault(w, http.StatusInternalServerError, "ter:ActionNotSupported", "no such request: "+request)
		return
	}
	w.Header().Set("Content-Type", "application/soap+xml; charset=utf-8")
	_, _ = io.WriteString(w, soapHead+answer+soapTail) //nolint:gosec // G705: what comes from the request is escaped, and this is no page
}

const (
	soapHead = `<?xml version="1.0" encoding="UTF-8"?><SOAP-ENV:Envelope xmlns:SOAP-ENV="http://www.w3.org/2003/05/soap-envelope"` +
		` xmlns:tt="http://www.onvif.org/ver10/schema" xmlns:tds="http://www.onvif.org/ver10/device/wsdl" xmlns:trt="http://www.onvif.org/ver10/media/wsdl"` +
		` xmlns:tr2="http://www.onvif.org/ver20/media/wsdl" xmlns:ter="http://www.onvif.org/ver10/error"><SOAP-ENV:Body>`
	soapTail = "</SOAP-ENV:Body></SOAP-ENV:Envelope>"
)

func (o *onvifServer) fault(w http.ResponseWriter, status int, code, reason string) {
	w.Header().Set("Content-Type", "application/soap+xml; charset=utf-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, soapHead+"<SOAP-ENV:Fault><SOAP-ENV:Code><SOAP-ENV:Value>SOAP-ENV:Sender</SOAP-ENV:Value><SOAP-ENV:Subcode><SOAP-ENV:Value>"+code+
		`</SOAP-ENV:Value></SOAP-ENV:Subcode></SOAP-ENV:Code><SOAP-ENV:Reason><SOAP-ENV:Text xml:lang="en">`+escaped(reason)+"</SOAP-ENV:Text></SOAP-ENV:Reason></SOAP-ENV:Fault>"+soapTail)
}

func escaped(s string) string {
	var b bytes.Buffer
	_ = xml.EscapeText(&b, []byte(s)) // a Buffer never fails
	return b.String()
}

// now is the camera's own time.
func (o *onvifServer) now() time.Time { return time.Now().Add(o.camera.cfg.Clock) }

// admit checks a UsernameToken's digest, made within five seconds by the camera's
// clock.
func (o *onvifServer) admit(e envelope) bool {
	nonce, err := base64.StdEncoding.DecodeString(strings.TrimSpace(e.User.Nonce))
	if err != nil {
		return false
	}
	created, err := time.Parse(time.RFC3339Nano, strings.TrimSpace(e.User.Created))
	if err != nil || o.now().Sub(created).Abs() > 5*time.Second {
		return false
	}
	sum := sha1.New() //nolint:gosec // as above
	sum.Write(nonce)
	sum.Write([]byte(strings.TrimSpace(e.User.Created) + o.camera.password()))
	want := base64.StdEncoding.EncodeToString(sum.Sum(nil))
	return e.User.Username == o.camera.cfg.User && subtle.ConstantTimeCompare([]byte(want), []byte(strings.TrimSpace(e.User.Password))) == 1
}

// answer makes the body of the answer to a request.
func (o *onvifServer) answer(r *http.Request, request, token string) (string, bool) {
	// Some clients leave the port away in Host.
	host := hostOf(r)
	base := escaped("http://" + net.JoinHostPort(host, strconv.Itoa(o.port)) + "/onvif/")
	switch request {
	case "GetSystemDateAndTime":
		now := o.now().UTC()
		moment := fmt.Sprintf("<tt:Time><tt:Hour>%d</tt:Hour><tt:Minute>%d</tt:Minute><tt:Second>%d</tt:Second></tt:Time><tt:Date><tt:Year>%d</tt:Year><tt:Month>%d</tt:Month><tt:Day>%d</tt:Day></tt:Date>",
			now.Hour(), now.Minute(), now.Second(), now.Year(), now.Month(), now.Day())
		return "<tds:GetSystemDateAndTimeResponse><tds:SystemDateAndTime><tt:DateTimeType>NTP</tt:DateTimeType><tt:DaylightSavings>false</tt:DaylightSavings>" +
			"<tt:TimeZone><tt:TZ>UTC0</tt:TZ></tt:TimeZone><tt:UTCDateTime>" + moment + "</tt:UTCDateTime><tt:LocalDateTime>" + moment + "</tt:LocalDateTime>" +
			"</tds:SystemDateAndTime></tds:GetSystemDateAndTimeResponse>", true
	case "GetCapabilities":
		return "<tds:GetCapabilitiesResponse><tds:Capabilities><tt:Device><tt:XAddr>" + base + "device_service</tt:XAddr></tt:Device>" +
			"<tt:Media><tt:XAddr>" + base + "media_service</tt:XAddr><tt:StreamingCapabilities><tt:RTPMulticast>false</tt:RTPMulticast><tt:RTP_TCP>true</tt:RTP_TCP><tt:RTP_RTSP_TCP>true</tt:RTP_RTSP_TCP></tt:StreamingCapabilities></tt:Media>" +
			"</tds:Capabilities></tds:GetCapabilitiesResponse>", true
	case "GetServices":
		service := func(ns, name string) string {
			return "<tds:Service><tds:Namespace>" + ns + "</tds:Namespace><tds:XAddr>" + base + name + "</tds:XAddr><tds:Version><tt:Major>2</tt:Major><tt:Minor>60</tt:Minor></tds:Version></tds:Service>"
		}
		all := service("http://www.onvif.org/ver10/device/wsdl", "device_service") + service("http://www.onvif.org/ver10/media/wsdl", "media_service")
		if o.camera.codec() == stream.H265 { // the older service knows no H.265
			all += service("http://www.onvif.org/ver20/media/wsdl", "media2_service")
		}
		return "<tds:GetServicesResponse>" + all + "</tds:GetServicesResponse>", true
	case "GetDeviceInformation":
		return "<tds:GetDeviceInformationResponse><tds:Manufacturer>Polity</tds:Manufacturer><tds:Model>stand-in camera</tds:Model>" +
			"<tds:FirmwareVersion>1</tds:FirmwareVersion><tds:SerialNumber>0</tds:SerialNumber><tds:HardwareId>software</tds:HardwareId></tds:GetDeviceInformationResponse>", true
	case "GetHostname":
		return "<tds:GetHostnameResponse><tds:HostnameInformation><tt:FromDHCP>false</tt:FromDHCP><tt:Name>standin</tt:Name></tds:HostnameInformation></tds:GetHostnameResponse>", true
	case "GetScopes":
		return "<tds:GetScopesResponse><tds:Scopes><tt:ScopeDef>Fixed</tt:ScopeDef><tt:ScopeItem>onvif://www.onvif.org/name/stand-in</tt:ScopeItem></tds:Scopes></tds:GetScopesResponse>", true
	case "GetProfiles":
		return o.profiles(strings.Contains(r.URL.Path, "media2")), true
	case "GetProfile":
		p, ok := o.camera.streams[token]
		if !ok {
			return "", false
		}
		return "<trt:GetProfileResponse>" + profile("trt:Profile", token, p) + "</trt:GetProfileResponse>", true
	case "GetStreamUri":
		if _, ok := o.camera.streams[token]; !ok {
			return "", false
		}
		uri := escaped(o.camera.urlAt(token, host))
		if strings.Contains(r.URL.Path, "media2") {
			return "<tr2:GetStreamUriResponse><tr2:Uri>" + uri + "</tr2:Uri></tr2:GetStreamUriResponse>", true
		}
		return "<trt:GetStreamUriResponse><trt:MediaUri><tt:Uri>" + uri + "</tt:Uri><tt:InvalidAfterConnect>false</tt:InvalidAfterConnect>" +
			"<tt:InvalidAfterReboot>false</tt:InvalidAfterReboot><tt:Timeout>PT60S</tt:Timeout></trt:MediaUri></trt:GetStreamUriResponse>", true
	}
	return "", false
}

// hostOf is the name under which the client knows this machine.
func hostOf(r *http.Request) string {
	if host, _, err := net.SplitHostPort(r.Host); err == nil {
		return host
	}
	return strings.Trim(r.Host, "[]")
}

func (o *onvifServer) profiles(newer bool) string {
	var b strings.Builder
	for _, name := range []string{"main", "sub"} {
		p, ok := o.camera.streams[name]
		switch {
		case !ok:
		case newer:
			u := p.first()
			fmt.Fprintf(&b, `<tr2:Profiles token="%s" fixed="true"><tr2:Name>%s</tr2:Name><tr2:Configurations><tr2:VideoEncoder token="e%s"><tt:Name>e</tt:Name>`+
				"<tt:Encoding>%s</tt:Encoding><tt:Resolution><tt:Width>%d</tt:Width><tt:Height>%d</tt:Height></tt:Resolution>"+
				`<tt:RateControl><tt:FrameRateLimit>%.1f</tt:FrameRateLimit></tt:RateControl></tr2:VideoEncoder></tr2:Configurations></tr2:Profiles>`,
				name, name, name, encodingOf(u.Codec), u.Width, u.Height, p.rate())
		default:
			b.WriteString(profile("trt:Profiles", name, p))
		}
	}
	if newer {
		return "<tr2:GetProfilesResponse>" + b.String() + "</tr2:GetProfilesResponse>"
	}
	return "<trt:GetProfilesResponse>" + b.String() + "</trt:GetProfilesResponse>"
}

// profile describes a stream as the older media service does.
func profile(element, name string, p *player) string {
	u := p.first()
	return fmt.Sprintf(`<%[1]s token="%[2]s" fixed="true"><tt:Name>%[2]s</tt:Name>`+
		`<tt:VideoSourceConfiguration token="v"><tt:Name>v</tt:Name><tt:UseCount>2</tt:UseCount><tt:SourceToken>s</tt:SourceToken><tt:Bounds x="0" y="0" width="%[4]d" height="%[5]d"/></tt:VideoSourceConfiguration>`+
		`<tt:VideoEncoderConfiguration token="e%[2]s"><tt:Name>e%[2]s</tt:Name><tt:UseCount>1</tt:UseCount><tt:Encoding>%[3]s</tt:Encoding>`+
		`<tt:Resolution><tt:Width>%[4]d</tt:Width><tt:Height>%[5]d</tt:Height></tt:Resolution><tt:Quality>4</tt:Quality>`+
		`<tt:RateControl><tt:FrameRateLimit>%.0[6]f</tt:FrameRateLimit><tt:EncodingInterval>1</tt:EncodingInterval><tt:BitrateLimit>4096</tt:BitrateLimit></tt:RateControl>`+
		`<tt:H264><tt:GovLength>20</tt:GovLength><tt:H264Profile>Main</tt:H264Profile></tt:H264><tt:SessionTimeout>PT60S</tt:SessionTimeout></tt:VideoEncoderConfiguration></%[1]s>`,
		element, name, encodingOf(u.Codec), u.Width, u.Height, p.rate())
}

func encodingOf(c stream.Codec) string {
	switch c {
	case stream.H265:
		return "H265"
	case stream.MJPEG:
		return "JPEG"
	}
	return "H264"
}

// first is the first unit of what is shown, rate its pictures a second.
func (p *player) first() *stream.Unit {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.reel.units[0]
}

func (p *player) rate() float64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return float64(len(p.reel.units)) / p.reel.length.Seconds()
}

func (c *Camera) codec() stream.Codec { return c.streams["main"].first().Codec }

// password is the one that is right at the moment.
func (c *Camera) password() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.faults.Password != "" {
		return c.faults.Password
	}
	return c.cfg.Password
}

var errNoProbes = errors.New("no network that probes could come from")
