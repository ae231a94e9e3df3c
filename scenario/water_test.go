package scenario

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"polity/access"
)

var waterOrder = regexp.MustCompile(`action="(/decisions/water/(isolate|reopen)-[^"]+)"><input type="hidden" name="revision" value="(\d+)"`)

// TestALeakIsFoundClosedAndMended in a hub that runs: made-up days in which a leak grows;
// the hub is killed while an order waits, which is withdrawn then; found again, people agree
// to what is proposed, until nothing is known and no home is without water.
func TestALeakIsFoundClosedAndMended(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.employ(access.WaterOperator)
	w.more = `  services:
    water: {simulate: season, day: 500ms}
`
	w.startHub()
	page := func() string { return w.get(w.hubAt, "/services/water") }
	var order []string
	waits := func(kinds string) func() bool {
		return func() bool {
			for form := range strings.SplitSeq(w.get(w.hubAt, "/decisions"), "<form") {
				if order = waterOrder.FindStringSubmatch(form); order != nil && strings.Contains(form, `value="accepted"`) {
					return strings.Contains(kinds, order[2])
				}
			}
			return false
		}
	}
	w.eventually("a leak is found", soon, waits("isolate"))
	first := order[1]
	if p := page(); !strings.Contains(p, "1 leak is known") || !strings.Contains(p, "simulated") || !strings.Contains(p, "Since day") {
		t.Errorf("the page: %s", p)
	}
	w.hub.kill()
	w.startHub()
	w.eventually("the order of before is withdrawn", soon, func() bool { return !waits("isolate")() || order[1] != first })
	w.eventually("the leak is found again", soon, waits("isolate"))
	for opened := false; !opened; {
		asked := order[1]
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+w.hubAt+asked, strings.NewReader(url.Values{"revision": {order[3]}, "to": {"accepted"}}.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w.show(r)
		answer, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode >= http.StatusBadRequest {
			t.Fatalf("agree to %s: %s", asked, answer.Status)
		}
		if opened = order[2] == "reopen"; !opened {
			w.eventually("what follows is proposed", soon, func() bool { return waits("isolate reopen")() && order[1] != asked })
		}
	}
	w.eventually("the leak is over", soon, func() bool {
		p := page()
		return strings.Contains(p, "No leak is known") && !strings.Contains(p, "no water until")
	})
}
