package scenario

import (
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"polity/access"
)

var powerOrder = regexp.MustCompile(`action="(/decisions/power/((?:restore|return)-[^"]+))"><input type="hidden" name="revision" value="(\d+)"`)

// TestAStormIsWorkedInAHub that runs: lines break, and a person agrees to what is proposed
// until everybody has power again and no alert stands. The hub is killed while an order waits:
// the evening begins anew, and nothing of the one before is left. The sheet of an order is
// checked by its file and the hub's public key alone.
func TestAStormIsWorkedInAHub(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.employ(access.PowerOperator)
	w.more = `  services:
    power: {simulate: storm, pace: 20}
`
	w.startHub()
	var order []string
	waits := func() bool {
		for form := range strings.SplitSeq(w.get(w.hubAt, "/decisions"), "<form") {
			if order = powerOrder.FindStringSubmatch(form); order != nil && strings.Contains(form, `value="accepted"`) {
				return true
			}
		}
		return false
	}
	w.eventually("a fault is found", soon, waits)
	first := order[2]
	w.hub.kill()
	w.startHub()
	w.eventually("the order of before is withdrawn, and another evening has one", soon, func() bool { return waits() && order[2] != first })

	file, key := filepath.Join(t.TempDir(), "order.sheet.txt"), filepath.Join(t.TempDir(), "sheets.key")
	for name, path := range map[string]string{file: "/services/power/orders/" + order[2] + "/sheet.txt", key: "/services/power/sheets.key"} {
		_, text, _ := strings.Cut(w.get(w.hubAt, path), "\n") // behind the status
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	said, err := exec.CommandContext(t.Context(), program, "power", "sheet", "verify", file, "--key", key).CombinedOutput()
	if err != nil || !strings.Contains(string(said), "order "+order[2]) || !strings.Contains(string(said), "nothing was changed") {
		t.Errorf("%v: %s", err, said)
	}

	worked := 0
	w.eventually("the storm is over", soon, func() bool {
		if waits() {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+w.hubAt+order[1], strings.NewReader(url.Values{"revision": {order[3]}, "to": {"accepted"}}.Encode()))
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
			worked++
		}
		page := w.get(w.hubAt, "/services/power")
		return worked >= 6 && strings.Contains(page, "All 320 customers have power") && strings.Contains(page, "Faults that are over")
	})
	w.eventually("no alert stands", soon, func() bool {
		alerts := w.get(w.hubAt, "/room/alerts.json")
		return strings.HasPrefix(alerts, "200") && !strings.Contains(alerts, `"active"`)
	})
}
