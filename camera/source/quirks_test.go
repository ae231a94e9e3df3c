package source_test

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"net/textproto"
	"strings"
	"testing"
	"time"

	"github.com/bluenviron/gortsplib/v5/pkg/base"
	"github.com/bluenviron/gortsplib/v5/pkg/sdpunmarshaler"

	"polity/camera/source"
	"polity/camera/wire"
)

const goodSDP = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=Stream\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\na=control:*\r\n" +
	"m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=1\r\na=control:track1\r\n"

// describing is a camera that answers DESCRIBE with what it is given, and tells
// at which address it is then asked to send.
func describing(t *testing.T, head, body string, refusal ...string) (address string, setup <-chan string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	asked := make(chan string, 100)
	address = "rtsp://" + l.Addr().String() + "/live/ch0"
	head = strings.ReplaceAll(head, "HOST", l.Addr().String())
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				r := bufio.NewReader(conn)
				for {
					line, err := textproto.NewReader(r).ReadLine()
					if err != nil {
						return
					}
					header, err := textproto.NewReader(r).ReadMIMEHeader()
					if err != nil {
						return
					}
					method, rest, _ := strings.Cut(line, " ")
					seq := "\r\nCSeq: " + header.Get("CSeq") + "\r\n"
					switch method {
					case "DESCRIBE":
						fmt.Fprintf(conn, "RTSP/1.0 200 OK%s%sContent-Length: %d\r\n\r\n%s", seq, head, len(body), body)
					case "SETUP":
						url, _, _ := strings.Cut(rest, " ")
						select {
						case asked <- url:
						default:
						}
						fmt.Fprintf(conn, "RTSP/1.0 %s%s\r\n", append(refusal, "404 Not Found")[0], seq)
					default:
						fmt.Fprintf(conn, "RTSP/1.0 200 OK%sPublic: DESCRIBE, SETUP, PLAY\r\n\r\n", seq)
					}
				}
			}()
		}
	}()
	return address, asked
}

// TestCamerasThatDescribeThemselvesOddly goes through what cameras are known to
// get wrong (the change logs of retina and go2rtc name them): all the same, the
// right address is asked to send.
func TestCamerasThatDescribeThemselvesOddly(t *testing.T) {
	const sdpType = "Content-Type: application/sdp\r\n"
	for _, c := range []struct{ name, head, body, want string }{
		{"as it should be", sdpType + "Content-Base: rtsp://HOST/live/ch0/\r\n", goodSDP, "/live/ch0/track1"},
		{"no Content-Base", sdpType, goodSDP, "/live/ch0/track1"},
		{"no Content-Type", "Content-Base: rtsp://HOST/live/ch0/\r\n", goodSDP, "/live/ch0/track1"},
		{"Content-Type with more", "Content-Type: application/sdp; charset=utf-8\r\n", goodSDP, "/live/ch0/track1"},
		{"Content-Base without scheme", sdpType + "Content-Base: HOST/live/ch0/\r\n", goodSDP, "/live/ch0/track1"},
		{"Content-Base with two schemes", sdpType + "Content-Base: rtsp://rtsp://HOST/live/ch0/\r\n", goodSDP, "/live/ch0/track1"},
		{"Content-Base of another host", sdpType + "Content-Base: rtsp://192.0.2.99:554/live/ch0/\r\n", goodSDP, "/live/ch0/track1"},
		{"a kind of media that there is not", sdpType, goodSDP + "m=METADATA 0 RTP/AVP 107\r\na=rtpmap:107 vnd.onvif.metadata/90000\r\na=control:track3\r\n", "/live/ch0/track1"},
		{"sound before the pictures", sdpType, strings.Replace(goodSDP, "m=video", "m=audio 0 RTP/AVP 0\r\na=control:track0\r\nm=video", 1), "/live/ch0/track1"},
		{"a broken connection line", sdpType, strings.Replace(goodSDP, "c=IN IP4 0.0.0.0", "c=IN IP4", 1), "/live/ch0/track1"},
		{"lines without carriage return, and empty ones", sdpType, strings.ReplaceAll(goodSDP, "\r\n", "\n") + "\n\n", "/live/ch0/track1"},
		{"control before the format", sdpType, strings.Replace(strings.Replace(goodSDP, "a=control:track1\r\n", "", 1), "a=rtpmap", "a=control:track1\r\na=rtpmap", 1), "/live/ch0/track1"},
		{"parameter sets that are none", sdpType, strings.Replace(goodSDP, "packetization-mode=1", "packetization-mode=1;sprop-parameter-sets=Z0IA,aM4", 1), "/live/ch0/track1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			address, setup := describing(t, c.head, c.body)
			w := watch(t, source.Config{Address: address})
			select {
			case got := <-setup:
				if path := got[strings.Index(got[7:], "/")+7:]; path != c.want || !strings.HasPrefix(got, strings.TrimSuffix(address, "/live/ch0")) {
					t.Errorf("asked to send at %s", got)
				}
			case <-t.Context().Done():
				t.Error("never")
			case <-timeout():
				t.Errorf("never asked to send: %+v", w.Status())
			}
		})
	}
}

// TestTransportIsNegotiated: a camera that refuses TCP is asked for UDP; one that
// refuses both is not asked without pause.
func TestTransportIsNegotiated(t *testing.T) {
	t.Parallel()
	address, setup := describing(t, "Content-Type: application/sdp\r\n", goodSDP, "461 Unsupported Transport")
	w := watch(t, source.Config{Address: address, FirstWait: time.Hour, LastWait: time.Hour})
	if st := w.become(t, wire.NoPicture); !strings.Contains(st.Reason, "try the other of tcp and udp") || st.Connects != 2 {
		t.Errorf("%+v", st)
	}
	if len(setup) < 2 {
		t.Errorf("it was asked %d times", len(setup))
	}
}

func TestNothingLeadsAwayFromTheCamera(t *testing.T) {
	for where, kept := range map[string]bool{
		"rtsp://10.0.0.5/other": true, "rtsp://10.0.0.5:8554/other": true, "rtsp://10.0.0.6/other": false, "rtsp://evil.example/": false, "%zz": false,
	} {
		r := &base.Response{StatusCode: http.StatusFound, Header: base.Header{"Location": base.HeaderValue{where}}}
		source.Mend(r, "10.0.0.5:554")
		if _, ok := r.Header["Location"]; ok != kept {
			t.Errorf("redirected to %s: kept %v", where, ok)
		}
	}
}

// FuzzMend checks that mending keeps a good description good and never fails.
func FuzzMend(f *testing.F) {
	f.Add(goodSDP, "rtsp://10.0.0.5/x")
	f.Add("v=0\nm=\n\nc=\nm=x\r\r", "://")
	f.Fuzz(func(t *testing.T, body, contentBase string) {
		r := &base.Response{Header: base.Header{"Content-Base": base.HeaderValue{contentBase}}, Body: []byte(body)}
		_, before := sdpunmarshaler.Unmarshal([]byte(body))
		source.Mend(r, "10.0.0.5")
		_, after := sdpunmarshaler.Unmarshal(r.Body)
		if before == nil && strings.HasPrefix(body, "v=0") && after != nil && !strings.Contains(body, "\r\r") {
			t.Fatalf("mending broke it:\n%q\n%q", body, r.Body)
		}
		if at := r.Header["Content-Base"]; len(at) > 0 && strings.HasPrefix(body, "v=0") && !strings.Contains(at[0], "10.0.0.5") {
			t.Fatalf("led away to %q", at[0])
		}
	})
}
