package onvif_test

import (
	"bytes"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"polity/camera/source/onvif"
)

// liar is a camera that answers everything with the same bytes, and notes whether it
// was another host that was asked, or told the password.
type liar struct {
	t      *testing.T
	answer []byte
	asked  int
}

func (l *liar) RoundTrip(r *http.Request) (*http.Response, error) {
	l.asked++
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	if r.URL.Hostname() != "192.0.2.1" || r.URL.User != nil {
		l.t.Errorf("%s was asked in place of the camera", r.URL)
	}
	if bytes.Contains(body, []byte("xyzzy")) || strings.Contains(r.URL.String(), "xyzzy") {
		l.t.Error("the password went out in clear")
	}
	return &http.Response{
		StatusCode: http.StatusOK, Status: "200 OK", Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(l.answer)), Request: r,
	}, nil
}

// FuzzAnswers lets a camera answer anything: we never ask another host, never tell
// the password, and take no stream from elsewhere.
func FuzzAnswers(f *testing.F) {
	const head = `<E><Body>`
	f.Add([]byte(head + `<GetSystemDateAndTimeResponse><SystemDateAndTime><UTCDateTime><Time><Hour>1</Hour><Minute>2</Minute><Second>3</Second></Time><Date><Year>2026</Year><Month>11</Month><Day>22</Day></Date></UTCDateTime></SystemDateAndTime></GetSystemDateAndTimeResponse>` +
		`<GetServicesResponse><Service><Namespace>http://www.onvif.org/ver20/media/wsdl</Namespace><XAddr>http://evil.example/onvif/media2</XAddr></Service></GetServicesResponse>` +
		`<GetCapabilitiesResponse><Capabilities><Media><XAddr>http://evil.example:81/m</XAddr></Media></Capabilities></GetCapabilitiesResponse>` +
		`<GetProfilesResponse><Profiles token="a"><Name>main</Name><Configurations><VideoEncoder><Encoding>H264</Encoding><Resolution><Width>640</Width><Height>480</Height></Resolution></VideoEncoder></Configurations></Profiles></GetProfilesResponse>` +
		`<GetStreamUriResponse><MediaUri><Uri>rtsp://u:p@evil.example:5554/s</Uri></MediaUri></GetStreamUriResponse></Body></E>`))
	f.Add([]byte(head + `<Fault><Code><Value>Sender</Value><Subcode><Value>ter:NotAuthorized</Value></Subcode></Code></Fault></Body></E>`))
	f.Fuzz(func(t *testing.T, answer []byte) {
		l := &liar{t: t, answer: answer}
		d, err := onvif.Open(t.Context(), onvif.Config{Host: "192.0.2.1", User: "u", Password: "xyzzy", Client: &http.Client{Transport: l}})
		if err != nil {
			return
		}
		d.Skew()
		profiles, err := d.Profiles(t.Context())
		if err == nil {
			_, _, _ = onvif.Choose(profiles, 480)
		}
		address, err := d.StreamURL(t.Context(), "a")
		if err != nil {
			return
		}
		u, err := url.Parse(address)
		if err != nil || u.Hostname() != "192.0.2.1" || u.User != nil {
			t.Errorf("the stream is taken from %q (%v)", address, err)
		}
		if l.asked == 0 || l.asked > 10 {
			t.Errorf("the camera was asked %d times", l.asked)
		}
	})
}

// TestSeedReachesTheStream proves that the fuzz test's first seed goes all the way.
func TestSeedReachesTheStream(t *testing.T) {
	l := &liar{t: t, answer: []byte(`<E><Body><GetServicesResponse><Service><Namespace>http://www.onvif.org/ver10/media/wsdl</Namespace><XAddr>http://evil.example/m</XAddr></Service></GetServicesResponse>` +
		`<GetStreamUriResponse><MediaUri><Uri>rtsp://u:p@evil.example:5554/s</Uri></MediaUri></GetStreamUriResponse></Body></E>`)}
	d, err := onvif.Open(t.Context(), onvif.Config{Host: "192.0.2.1", Client: &http.Client{Transport: l}})
	if err != nil {
		t.Fatal(err)
	}
	if address, err := d.StreamURL(t.Context(), "a"); err != nil || address != "rtsp://192.0.2.1:5554/s" {
		t.Errorf("%q, %v", address, err)
	}
}
