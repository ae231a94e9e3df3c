// Package onvif asks a camera, by the ONVIF device and media services, where its
// streams are and what time it has, and finds cameras by WS-Discovery.
//
// It speaks the few requests that this takes and treats every answer as foreign
// bytes. A password is never sent in clear, never to another host than the
// camera's, and never stands in an error.
package onvif

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"polity/camera/stream"
	"polity/city"
)

// ErrPassword says that the camera refuses user and password.
var ErrPassword = errors.New("the camera refuses user and password over ONVIF")

// Config says which camera to ask.
type Config struct {
	Host           string // host or host:port; the port of HTTP is 80
	Path           string // of the device service; empty: /onvif/device_service
	User, Password string
	// Client makes the requests; nil makes one with a time limit of 10 s. Redirections
	// are never followed.
	Client *http.Client
}

// Device is a camera that has answered. Its methods may be called by any
// goroutine.
type Device struct {
	cfg    Config
	client *http.Client
	digest digest // of HTTP, once the camera asked for it

	device, media, media2 string // addresses of the services

	skew      time.Duration
	skewKnown bool
}

// The XML namespaces of requests and services.
const (
	nsDevice = "http://www.onvif.org/ver10/device/wsdl"
	nsMedia  = "http://www.onvif.org/ver10/media/wsdl"
	nsMedia2 = "http://www.onvif.org/ver20/media/wsdl"
	nsSchema = "http://www.onvif.org/ver10/schema"
)

// Open asks a camera for its time and services.
func Open(ctx context.Context, cfg Config) (*Device, error) {
	if cfg.Host == "" || strings.ContainsAny(cfg.Host, "/@?# ") {
		return nil, city.Errorf(city.Invalid, "ONVIF: give the camera's host, or host:port")
	}
	path := cfg.Path
	if path == "" || path == "/" {
		path = "/onvif/device_service"
	}
	d := &Device{cfg: cfg, device: (&url.URL{Scheme: "http", Host: cfg.Host, Path: path}).String()}
	d.client = &http.Client{Timeout: 10 * time.Second}
	if cfg.Client != nil {
		c := *cfg.Client
		d.client = &c
	}
	d.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	if err := d.readClock(ctx); err != nil {
		return nil, err
	}
	if err := d.findServices(ctx); err != nil {
		return nil, err
	}
	return d, nil
}

// Skew returns the camera's clock minus ours, to a second; ok is false where the
// camera does not tell.
func (d *Device) Skew() (skew time.Duration, ok bool) { return d.skew, d.skewKnown }

// readClock asks for the time, which needs no password (ONVIF Core, 8.3.4). It
// must be known first: a digest made with another time than the camera's is
// refused.
func (d *Device) readClock(ctx context.Context) error {
	var answer struct {
		At struct {
			UTC struct {
				Time struct{ Hour, Minute, Second string }
				Date struct{ Year, Month, Day string }
			} `xml:"UTCDateTime"`
		} `xml:"Body>GetSystemDateAndTimeResponse>SystemDateAndTime"`
	}
	asked := time.Now()
	err := d.call(ctx, d.device, nsDevice, "<GetSystemDateAndTime/>", false, &answer)
	if errors.Is(err, ErrPassword) {
		return nil // some want one for this, too; then their clock must be right
	}
	if err != nil {
		return err
	}
	t, ok := clock(answer.At.UTC.Date.Year, answer.At.UTC.Date.Month, answer.At.UTC.Date.Day,
		answer.At.UTC.Time.Hour, answer.At.UTC.Time.Minute, answer.At.UTC.Time.Second)
	if !ok {
		return nil // it tells local time only, or none
	}
	// The answer was made at some time between asking and now, and cuts off up to a
	// second.
	middle := asked.Add(time.Since(asked) / 2)
	d.skew, d.skewKnown = t.Add(500*time.Millisecond).Sub(middle).Round(time.Second), true
	return nil
}

// clock reads year, month, day, hour, minute and second.
func clock(parts ...string) (time.Time, bool) {
	var n [6]int
	for i, p := range parts {
		v, err := strconv.Atoi(strings.TrimSpace(p))
		if err != nil || v < 0 || v > 2200 {
			return time.Time{}, false
		}
		n[i] = v
	}
	return time.Date(n[0], time.Month(n[1]), n[2], n[3], n[4], n[5], 0, time.UTC), n[0] >= 1970
}

// findServices asks where the media services are, the newer one first.
func (d *Device) findServices(ctx context.Context) error {
	var services struct {
		Service []struct{ Namespace, XAddr string } `xml:"Body>GetServicesResponse>Service"`
	}
	err := d.call(ctx, d.device, nsDevice, "<GetServices><IncludeCapability>false</IncludeCapability></GetServices>", true, &services)
	if errors.Is(err, ErrPassword) {
		return err
	}
	for _, s := range services.Service {
		switch strings.TrimSpace(s.Namespace) {
		case nsMedia:
			d.media = d.home(s.XAddr)
		case nsMedia2:
			d.media2 = d.home(s.XAddr)
		}
	}
	if d.media != "" || d.media2 != "" {
		return nil
	}
	var old struct {
		Media string `xml:"Body>GetCapabilitiesResponse>Capabilities>Media>XAddr"`
	}
	if err := d.call(ctx, d.device, nsDevice, "<GetCapabilities><Category>Media</Category></GetCapabilities>", true, &old); err != nil {
		return err
	}
	if d.media = d.home(old.Media); d.media == "" {
		return errors.New("the camera has no ONVIF media service")
	}
	return nil
}

// home takes the path of an address that the camera gives and the host that it
// was asked at: cameras behind address translation name another, and the password
// goes nowhere else.
func (d *Device) home(address string) string {
	u, err := url.Parse(strings.TrimSpace(address))
	if err != nil || u.Path == "" {
		return ""
	}
	return (&url.URL{Scheme: "http", Host: d.cfg.Host, Path: u.Path, RawQuery: u.RawQuery}).String()
}

// Profile is one of the streams that a camera offers.
type Profile struct {
	Token, Name   string
	Codec         stream.Codec // 0 where it is none that can be decoded
	Width, Height int
	Rate          float64 // pictures a second, 0 where it is not told
}

// encoder is the description of a video encoder in both media services.
type encoder struct {
	Encoding   string
	Resolution struct{ Width, Height int }
	RateLimit  struct {
		FrameRateLimit float64
	} `xml:"RateControl"`
}

type profileXML struct {
	Token    string `xml:"token,attr"`
	Name     string
	Encoder  *encoder `xml:"VideoEncoderConfiguration"`   // media
	Encoder2 *encoder `xml:"Configurations>VideoEncoder"` // media 2
}

// maxProfiles bounds what is read of a camera's list.
const maxProfiles = 64

// Profiles lists what the camera offers.
func (d *Device) Profiles(ctx context.Context) ([]Profile, error) {
	var answer struct {
		Old []profileXML `xml:"Body>GetProfilesResponse>Profiles"`
	}
	var err error
	if d.media2 != "" {
		err = d.call(ctx, d.media2, nsMedia2, "<GetProfiles><Type>VideoEncoder</Type></GetProfiles>", true, &answer)
	}
	if d.media2 == "" || (err != nil && d.media != "" && !errors.Is(err, ErrPassword)) {
		d.media2 = ""
		err = d.call(ctx, d.media, nsMedia, "<GetProfiles/>", true, &answer)
	}
	if err != nil {
		return nil, err
	}
	var out []Profile
	for _, p := range answer.Old {
		e := p.Encoder
		if p.Encoder2 != nil {
			e = p.Encoder2
		}
		if e == nil || p.Token == "" || len(out) == maxProfiles {
			continue
		}
		out = append(out, Profile{
			Token: p.Token, Name: p.Name, Codec: codecOf(e.Encoding),
			Width: e.Resolution.Width, Height: e.Resolution.Height, Rate: e.RateLimit.FrameRateLimit,
		})
	}
	if len(out) == 0 {
		return nil, errors.New("the camera has no video profile")
	}
	return out, nil
}

func codecOf(encoding string) stream.Codec {
	switch strings.ToUpper(strings.TrimSpace(encoding)) {
	case "H264":
		return stream.H264
	case "H265", "HEVC":
		return stream.H265
	case "JPEG", "MJPEG":
		return stream.MJPEG
	}
	return 0
}

// Choose picks the profile to analyse, the smallest of at least lines lines (or
// the largest there is), and the one to record, the largest. Of equal ones it
// prefers what costs least to decode.
func Choose(profiles []Profile, lines int) (analyse, record Profile, err error) {
	found := false
	cost := func(p Profile) int { return int(p.Codec) }
	for _, p := range profiles {
		if p.Codec == 0 || p.Width <= 0 || p.Height <= 0 {
			continue
		}
		if !found {
			analyse, record, found = p, p, true
			continue
		}
		area, best, most := p.Width*p.Height, analyse.Width*analyse.Height, record.Width*record.Height
		enough, had := p.Height >= lines, analyse.Height >= lines
		switch {
		case enough && !had, enough == had && enough && area < best, enough == had && !enough && area > best,
			enough == had && area == best && cost(p) < cost(analyse):
			analyse = p
		}
		if area > most || area == most && cost(p) < cost(record) {
			record = p
		}
	}
	if !found {
		return analyse, record, errors.New("the camera has no profile in H.264, H.265 or MJPEG")
	}
	return analyse, record, nil
}

// StreamURL asks for the RTSP address of a profile. The host is the one that the
// camera was asked at; user and password are not in it.
func (d *Device) StreamURL(ctx context.Context, token string) (string, error) {
	var answer struct {
		Old string `xml:"Body>GetStreamUriResponse>MediaUri>Uri"`
		New string `xml:"Body>GetStreamUriResponse>Uri"`
	}
	var quoted strings.Builder
	if err := xml.EscapeText(&quoted, []byte(token)); err != nil {
		return "", fmt.Errorf("ONVIF: %w", err)
	}
	var err error
	if d.media2 != "" {
		err = d.call(ctx, d.media2, nsMedia2, "<GetStreamUri><Protocol>RTSP</Protocol><ProfileToken>"+quoted.String()+"</ProfileToken></GetStreamUri>", true, &answer)
	} else {
		err = d.call(ctx, d.media, nsMedia, `<GetStreamUri><StreamSetup><Stream xmlns="`+nsSchema+`">RTP-Unicast</Stream>`+
			`<Transport xmlns="`+nsSchema+`"><Protocol>RTSP</Protocol></Transport></StreamSetup>`+
			"<ProfileToken>"+quoted.String()+"</ProfileToken></GetStreamUri>", true, &answer)
	}
	if err != nil {
		return "", err
	}
	u, err := url.Parse(strings.TrimSpace(answer.Old + answer.New))
	if err != nil || (u.Scheme != "rtsp" && u.Scheme != "rtsps") {
		return "", errors.New("the camera gives no RTSP address over ONVIF")
	}
	u.User = nil
	u.Host = joinPort(hostname(d.cfg.Host), u.Port())
	return u.String(), nil
}

func hostname(host string) string {
	if h, _, err := net.SplitHostPort(host); err == nil {
		return h
	}
	return strings.Trim(host, "[]")
}

func joinPort(host, port string) string {
	if port != "" {
		return net.JoinHostPort(host, port)
	}
	if strings.Contains(host, ":") {
		return "[" + host + "]"
	}
	return host
}
