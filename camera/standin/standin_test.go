package standin_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"polity/camera/standin"
	"polity/city"
	"polity/internal/sandbox"
)

func TestMain(m *testing.M) {
	sandbox.Stage()
	os.Exit(m.Run())
}

// film makes a second of 64 x 48, ten pictures a second.
func film(t testing.TB, name string, args ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if args == nil {
		args = []string{"-c:v", "libx264", "-preset", "ultrafast", "-bf", "0", "-g", "5", "-pix_fmt", "yuv420p"}
	}
	base := []string{"-v", "error", "-y", "-f", "lavfi", "-i", "testsrc=s=64x48:r=10:d=1"}
	if out, err := exec.CommandContext(t.Context(), "ffmpeg", append(append(base, args...), path)...).CombinedOutput(); err != nil {
		t.Fatalf("make a film: %v: %s", err, out)
	}
	return path
}

func TestServeSaysWhatIsWrong(t *testing.T) {
	good := film(t, "a.mp4")
	for _, c := range []struct {
		cfg  standin.Config
		text string
	}{
		{standin.Config{Film: "nowhere.mp4"}, "there is no such file"},
		{standin.Config{Film: film(t, "a.avi", "-c:v", "ffv1")}, "only H.264, H.265 and MJPEG"},
		{standin.Config{Film: film(t, "one.mp4", "-c:v", "libx264", "-frames:v", "1", "-pix_fmt", "yuv420p")}, "fewer than two pictures"},
		{standin.Config{Film: good, Digest: "none"}, "there are md5, sha256 and basic"},
		{standin.Config{Film: good, Address: "192.0.2.77:0"}, "stand-in camera on 192.0.2.77:0"},
		{standin.Config{Film: good, Address: "x", UDP: true}, `address "x"`},
		{standin.Config{Film: good, ONVIF: "192.0.2.77:0"}, "ONVIF"},
	} {
		camera, err := standin.Serve(t.Context(), c.cfg)
		if err == nil {
			camera.Close()
		}
		if err == nil || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%+v: %v", c.cfg, err)
		}
	}
}

func TestAnotherCodecIsNotShown(t *testing.T) {
	c, err := standin.Serve(t.Context(), standin.Config{Film: film(t, "a.mp4")})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Show(t.Context(), film(t, "a.avi", "-c:v", "mjpeg", "-pix_fmt", "yuvj420p")); city.KindOf(err) != city.Invalid {
		t.Errorf("%v", err)
	}
}

// TestFFmpegCanWatch tries a client that is not ours.
func TestFFmpegCanWatch(t *testing.T) {
	c, err := standin.Serve(t.Context(), standin.Config{Film: film(t, "a.mp4"), User: "u", Password: "secret", Digest: "md5"})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	url := strings.Replace(c.URL(), "://", "://u:secret@", 1)
	out, err := exec.CommandContext(t.Context(), "ffmpeg", "-v", "error", "-rtsp_transport", "tcp", "-i", url, "-frames:v", "15", "-f", "framecrc", "-").CombinedOutput()
	if err != nil || strings.Count(string(out), "\n0,") != 15 {
		t.Errorf("ffmpeg: %v: %s", err, out)
	}
}
