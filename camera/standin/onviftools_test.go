package standin_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"polity/camera/standin"
)

// TestDebiansONVIFTools lets Debian's onvif-util find and ask the stand-in. It
// looks on networks only, never on its own machine, so it gets a network
// namespace; that takes root.
func TestDebiansONVIFTools(t *testing.T) {
	util, err := exec.LookPath("onvif-util")
	if err != nil {
		t.Skip("onvif-util is not installed (Debian package onvif-tools): the stand-in is tried by our own client only")
	}
	if os.Geteuid() != 0 {
		t.Skip("making a network namespace takes root: the stand-in is tried by our own client only")
	}
	name := fmt.Sprintf("pt%d", os.Getpid())
	ip := func(args ...string) error {
		if out, err := exec.CommandContext(t.Context(), "ip", args...).CombinedOutput(); err != nil {
			return fmt.Errorf("ip %s: %w: %s", strings.Join(args, " "), err, out)
		}
		return nil
	}
	if err := ip("netns", "add", name); err != nil {
		t.Skipf("no network namespace here: %v", err)
	}
	t.Cleanup(func() { _ = exec.Command("ip", "netns", "del", name).Run() })
	for _, args := range [][]string{
		{"link", "add", name + "a", "type", "veth", "peer", "name", name + "b", "netns", name},
		{"addr", "add", "198.51.100.1/24", "dev", name + "a"},
		{"link", "set", name + "a", "up"},
		{"-n", name, "addr", "add", "198.51.100.2/24", "dev", name + "b"},
		{"-n", name, "link", "set", name + "b", "up"},
		{"-n", name, "route", "add", "default", "via", "198.51.100.1"},
	} {
		if err := ip(args...); err != nil {
			t.Skipf("no network between namespaces here: %v", err)
		}
	}
	c, err := standin.Serve(t.Context(), standin.Config{
		Film: film(t, "a.mp4"), Address: "198.51.100.1:0", ONVIF: "198.51.100.1:0", Discover: true, User: "u", Password: "secret",
	})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	cmd := exec.CommandContext(t.Context(), "ip", "netns", "exec", name, util, "-u", "u", "-p", "secret", "198.51.100.1")
	cmd.Stdin = strings.NewReader("get time\nget profiles\nget rtsp\nget profile 0\nquit\n")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("onvif-util: %v: %s", err, out)
	}
	host, _, _ := net.SplitHostPort(c.ONVIF())
	for _, want := range []string{"found host: " + host, "stand-in camera software", "Token 0: main", c.URL(), "Width:      64", "Height:     48"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("onvif-util does not say %q; it says:\n%s", want, out)
		}
	}
	if !offset.Match(out) {
		t.Errorf("the clocks do not agree:\n%s", out)
	}
}

// offset is what the tools say of clocks that agree: whole seconds, one of which may have
// passed on the way.
var offset = regexp.MustCompile(`Time Offset: -?[01] seconds`)
