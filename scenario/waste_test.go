package scenario

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"polity/access"
	"polity/console/waste"
)

var wasteOrder = regexp.MustCompile(`action="(/decisions/waste/(plan|moves)-[^"]+)"><input type="hidden" name="revision" value="(\d+)"`)

// A small town whose six containers two trucks have to share.
const (
	wasteStreets = `<osm version="0.6"><node id="1" lat="60" lon="25"/><node id="2" lat="60" lon="25.02"/><node id="3" lat="60.01" lon="25.02"/>
<way id="9"><nd ref="1"/><nd ref="2"/><nd ref="3"/><tag k="highway" v="residential"/><tag k="name" v="Long Street"/></way></osm>`
	wasteBins  = "id,lat,lon,litres\nc1,60.0001,25.004,660\nc2,60.0001,25.008,660\nc3,60.0001,25.012,660\nc4,60.0001,25.016,660\nc5,60.003,25.0201,660\nc6,60.006,25.0201,660\n"
	wasteFleet = `trucks:
  - {id: t1, depot: {lat: 60, lon: 25.001}, kilograms: 260, litres: 9000, fractions: [mixed], shift: "06:20-07:00", cost_per_km: 1, cost_per_hour: 60, co2_g_per_km: 900}
  - {id: t2, depot: {lat: 60, lon: 25.001}, kilograms: 260, litres: 9000, fractions: [mixed], shift: "06:20-07:00", cost_per_km: 1, cost_per_hour: 60, co2_g_per_km: 900}
sites: [{id: landfill, place: {lat: 60.009, lon: 25.02}, open: "06:00-18:00", unload_minutes: 10}]
`
)

// morning is a time zone in which it is between six and seven now.
func morning() string {
	ahead := 6 - time.Now().UTC().Hour()
	if ahead < -12 {
		ahead += 24
	}
	return fmt.Sprintf("Etc/GMT%+d", -ahead) // whose signs are those of POSIX
}

// TestTodaysContainersAreCollected in a hub that runs: tours are proposed and agreed to; a
// crew takes one and tells from its telephone, once more after the hub was killed; one
// container is missed, and the vehicle breaks down, whose rest another takes after a person
// agreed; residents see their street collected.
func TestTodaysContainersAreCollected(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.employ(access.WasteOperator, access.Crew)
	for name, text := range map[string]string{"bins.csv": wasteBins, "fleet.yaml": wasteFleet, "streets.osm": wasteStreets} {
		w.write(name, text)
	}
	w.more = fmt.Sprintf("  services:\n    waste: {containers: %q, fleet: %q, map: %q, zone: %s, seconds: 0.3}\n", w.path("bins.csv"), w.path("fleet.yaml"), w.path("streets.osm"), morning())
	w.startHub()
	post := func(path, kind, body string) (status int) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+w.hubAt+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", kind)
		w.show(r)
		answer, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		return answer.StatusCode
	}
	form := func(path string, values url.Values) {
		t.Helper()
		if status := post(path, "application/x-www-form-urlencoded", values.Encode()); status >= http.StatusBadRequest {
			t.Fatalf("%s: %d", path, status)
		}
	}
	agree := func(kind string) {
		t.Helper()
		var order []string
		w.eventually("a decision waits: "+kind, soon, func() bool {
			for text := range strings.SplitSeq(w.get(w.hubAt, "/decisions"), "<form") {
				if found := wasteOrder.FindStringSubmatch(text); found != nil && found[2] == kind && strings.Contains(text, `value="accepted"`) {
					order = found
				}
			}
			return order != nil
		})
		form(order[1], url.Values{"revision": {order[3]}, "to": {"accepted"}})
	}
	drive := func() (d waste.DriverData) {
		t.Helper()
		_, text, _ := strings.Cut(w.get(w.hubAt, "/services/waste/drive.json"), "\n")
		if err := json.Unmarshal([]byte(text), &d); err != nil {
			t.Fatalf("%v: %s", err, text)
		}
		return d
	}
	n := 0
	tell := func(truck, day, rest string) (again func()) {
		t.Helper()
		n++
		body := fmt.Sprintf(`{"id":"report-%012d","day":%q,"told":%q,%s}`, n, day, time.Now().UTC().Format(time.RFC3339Nano), rest)
		again = func() {
			t.Helper()
			if status := post("/services/waste/drive/"+truck+"/reports", "application/json", body); status != http.StatusNoContent {
				t.Errorf("%s: %d", body, status)
			}
		}
		again()
		return again
	}

	agree("plan")
	w.eventually("trucks are out", soon, func() bool { return drive().Phase == "driving" })
	form("/services/waste/drive", url.Values{"truck": {"t1"}})
	d := drive()
	if d.Mine == nil || len(d.Mine.Calls) < 3 {
		t.Fatalf("%+v", d)
	}
	first := tell("t1", d.Day, fmt.Sprintf(`"what":"missed","container":%q,"reason":"locked"`, d.Mine.Calls[0].Container))
	second := tell("t1", d.Day, fmt.Sprintf(`"what":"collected","container":%q`, d.Mine.Calls[1].Container))
	stands := tell("t1", d.Day, `"what":"stands"`)
	w.hub.kill()
	w.startHub()
	for _, again := range []func(){stands, second, first} { // the telephone had no answer
		again()
	}
	agree("moves")
	w.eventually("the page says so", soon, func() bool {
		page := w.get(w.hubAt, "/services/waste")
		return strings.Contains(page, "A door or gate is locked") && strings.Contains(page, "Broken down")
	})
	form("/services/waste/drive", url.Values{"truck": {"t2"}})
	w.eventually("the other truck has the rest", soon, func() bool { d = drive(); return d.Mine != nil && len(d.Mine.Calls) >= 5 })
	for _, c := range d.Mine.Calls {
		if c.Container != "" {
			tell("t2", d.Day, fmt.Sprintf(`"what":"collected","container":%q`, c.Container))
		} else {
			tell("t2", d.Day, fmt.Sprintf(`"what":"unloaded","site":%q,"kilograms":310`, c.Site))
		}
	}
	tell("t2", d.Day, `"what":"back"`)
	page := w.get(w.hubAt, "/services/waste")
	for _, want := range []string{"5 of 6 containers are collected today", "1 could not be reached", "Long Street", "Partly", "Unloaded"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	w.signedIn = nil
	public := w.get(w.hubAt, "/services/waste")
	if !strings.Contains(public, "5 of 6 containers are collected today") || strings.Contains(public, "locked") {
		t.Error("residents see something else than what was collected")
	}
	if slices.ContainsFunc([]string{"/services/waste/drive.json", "/services/waste/view.json"}, func(path string) bool { return strings.HasPrefix(w.get(w.hubAt, path), "200") }) {
		t.Error("residents see tours")
	}
}
