package scenario

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"

	"polity/access"
	"polity/internal/testport"
	"polity/services/traffic/corridor"
	"polity/services/traffic/street"
)

var planOrder = regexp.MustCompile(`action="(/decisions/traffic/plan-corridor-2-[^"]+)"><input type="hidden" name="revision" value="(\d+)"`)

// post sends a form to the hub and returns where it leads.
func (w *town) post(path string, form url.Values) (status int, to string) {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), http.MethodPost, "http://"+w.hubAt+path, strings.NewReader(form.Encode()))
	if err != nil {
		w.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w.show(r)
	once := *client
	once.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	answer, err := once.Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	answer.Body.Close()
	return answer.StatusCode, answer.Header.Get("Location")
}

// signals lets a made-up corridor connect to the hub as controllers of a city do, and returns
// the lines that the hub's configuration needs for it.
func (w *town) signals() (world *corridor.World, lines string) {
	w.t.Helper()
	n, err := street.Corridor("Harbour Street", "Mill Lane", "Church Lane")
	if err != nil {
		w.t.Fatal(err)
	}
	if world, err = corridor.New(corridor.Config{Network: n, Seed: 9, Before: 200, Beyond: 50, Log: slog.New(slog.DiscardHandler)}); err != nil {
		w.t.Fatal(err)
	}
	var text bytes.Buffer
	if err := n.WriteJSON(&text); err != nil {
		w.t.Fatal(err)
	}
	w.mkdir("traffic")
	w.write("net.json", text.String())
	files, err := world.Write(w.path("traffic"))
	if err != nil {
		w.t.Fatal(err)
	}
	at := testport.Address(w.t)
	var b strings.Builder
	fmt.Fprintf(&b, "  services:\n    traffic:\n      network: %s\n      rsmp: {listen: %q, ca_file: %s, cert_file: %s, key_file: %s, code_file: %s}\n      detectors:\n", w.path("net.json"), at, files.CA, files.Cert, files.Key, files.Code)
	walkers := "      walkers:\n"
	for i := range n.Junctions {
		x := corridor.Logics(n, i)
		for lane, logic := range x.Stop {
			fmt.Fprintf(&b, "        %s: {logic: %d, before: {logic: %d, metres: %g}}\n", lane, logic, x.Before[lane], corridor.Before)
		}
		for id, logic := range x.Walkers {
			walkers += fmt.Sprintf("        %s: {logic: %d}\n", id, logic)
		}
	}
	ctx, cancel := context.WithCancel(w.t.Context())
	var work sync.WaitGroup
	work.Go(func() {
		world.Run(ctx, func(ctx context.Context) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "tcp", at)
		})
	})
	w.t.Cleanup(func() {
		cancel()
		work.Wait()
	})
	return world, b.String() + walkers
}

// TestSignalsFromThePlanToTheStreet in a hub that runs: controllers connect over TLS and are led
// by their own detectors; a plan is tried, proposed, refused at first and then agreed to, and is
// in effect once the controller reports it; the hub is killed, and each junction is on its plan.
func TestSignalsFromThePlanToTheStreet(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.employ(access.TrafficOperator)
	world, lines := w.signals()
	w.more = lines
	w.startHub()
	w.eventually("the junctions are led by their controllers' detectors", soon, func() bool {
		return strings.Contains(w.get(w.hubAt, "/services/traffic"), "2 of 2 junctions are led")
	})
	follows := func(i int) bool {
		_, remote := world.Showing(i)
		return remote
	}
	w.eventually("the controllers follow", soon, func() bool { return follows(0) && follows(1) })

	const at = "/services/traffic/plans/corridor-2"
	wish := "plan=day&b=36&b=5&b=20&b=5&offset=3"
	if page := w.get(w.hubAt, at+"?plan=day&b=30&b=0&b=20&b=5&offset=3"); !strings.Contains(page, "the intergreen is 7 s, 2 s too short") || strings.Contains(page, "Propose it") {
		t.Error("an unsafe plan can be proposed, or nobody says what is wrong with it")
	}
	if page := w.get(w.hubAt, at+"?"+wish); !strings.Contains(page, "Nothing stands against it") || !strings.Contains(page, "In the queue model") {
		t.Errorf("the plan is not tried: %s", page)
	}
	if page := w.get(w.hubAt, at+"/report.pdf?"+wish); !strings.Contains(page, "%PDF-") {
		t.Error("there is no report")
	}
	form, err := url.ParseQuery(wish + "&why=School begins")
	if err != nil {
		t.Fatal(err)
	}
	answer := func(to string) {
		t.Helper()
		if status, place := w.post(at, form); status != http.StatusSeeOther || !strings.Contains(place, "said=asked") {
			t.Fatalf("propose: %d, %s", status, place)
		}
		var order []string
		for part := range strings.SplitSeq(w.get(w.hubAt, "/decisions"), "<form") {
			if m := planOrder.FindStringSubmatch(part); m != nil && strings.Contains(part, `value="accepted"`) {
				order = m
			}
		}
		if order == nil {
			t.Fatal("nobody is asked")
		}
		if status, _ := w.post(order[1], url.Values{"revision": {order[2]}, "to": {to}, "note": {"As discussed"}}); status != http.StatusSeeOther {
			t.Fatalf("answer: %d", status)
		}
	}
	cycle := func() string {
		page := w.get(w.hubAt, at)
		_, rest, _ := strings.Cut(page, "Cycle ")
		words, _, _ := strings.Cut(rest, "<")
		return words
	}
	answer("refused")
	w.eventually("after a refusal the controller reports its cycle", soon, func() bool { return cycle() == "70 s" })
	answer("accepted")
	w.eventually("the controller reports the plan", soon, func() bool {
		return strings.Contains(w.get(w.hubAt, at), "In effect, as the controller reports") && cycle() == "76 s"
	})

	w.hub.kill()
	w.eventually("each junction is on its own plan", soon, func() bool { return !follows(0) && !follows(1) })
	w.startHub()
	w.eventually("the plan is still the controller's", soon, func() bool { return cycle() == "76 s" })
}
