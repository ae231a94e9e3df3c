package hub_test

import (
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"polity/city"
	"polity/ledger/canonical"
	"polity/ledger/entry"
	"polity/recording/root"
	"polity/recording/share"
	"polity/release/token"
)

// TestABodyAuditsWhatNobodyChose: from the file of a day to the entry in the public log.
func TestABodyAuditsWhatNobodyChose(t *testing.T) {
	c := newCourthouse(t)
	noon := time.Now().UTC().Truncate(24 * time.Hour).Add(-12 * time.Hour)
	c.recorder.Record("tower", noon, 30, func(i int) []byte { return []byte{byte(i)} })
	stored, err := c.recorder.Store.Camera("tower")
	c.must(err)
	c.enterRecorded("tower", "edge-1", "short", 72, c.recorder.Signer.Public())
	h := root.Hour{Domain: c.law.Roster.Domain, Camera: "tower", Hour: noon}
	var leaves []root.Hash
	for _, e := range stored.Entries(noon, noon.Add(time.Hour)) {
		leaves = append(leaves, e.Hash)
	}
	h.Count, h.Root = uint64(len(leaves)), root.Of(leaves)
	signature, err := h.Sign(c.recorder.Signer)
	c.must(err)
	line, err := entry.Encode(&entry.Segments{
		Camera: "tower", Count: int64(h.Count), Domain: h.Domain, Hour: canonical.At(noon), Recorder: []byte(c.recorder.Signer.Public()), Root: h.Root, Signature: signature,
	})
	c.must(err)
	index := ""
	c.eventually("the camera is registered, and the hour is in the log", func() bool {
		a := c.ask("public", "POST", "/api/v1/record/entries", append(line, '\n'))
		if m := regexp.MustCompile(`"index":(\d+)`).FindSubmatch(a.body); a.status == http.StatusOK && m != nil {
			index = string(m[1])
		}
		return index != ""
	})
	c.eventually("it is public", func() bool {
		lines := strings.Split(string(c.ask("public", "GET", "/log/checkpoint", nil).body), "\n")
		size, err := strconv.Atoi(lines[min(1, len(lines)-1)])
		at, indexed := strconv.Atoi(index)
		return err == nil && indexed == nil && size > at
	})
	// What is logged later belongs to the next day's audit: here the docket begins anew.
	c.stop()
	c.must(os.RemoveAll(filepath.Join(c.cfg.Data, "cases")))
	c.start()
	at := "/api/v1/audits"
	day := "?day=" + noon.Format(time.DateOnly)
	for who, want := range map[string]int{"public": 401, "operator": 403} {
		if a := c.ask(who, "GET", at+"/court"+day, nil); a.status != want {
			t.Errorf("%s fetches it: %d %s", who, a.status, a.body)
		}
	}
	for path, want := range map[string]int{"/parliament" + day: 404, "/court?day=yesterday": 400, "/court" + day + "&shares=many": 400, "/court?day=2999-01-01": 400} {
		if a := c.ask("auditor", "GET", at+path, nil); a.status != want {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
	var file []byte
	c.eventually("there is an audit file", func() bool {
		a := c.ask("auditor", "GET", at+"/court"+day+"&shares=5", nil)
		file = a.body
		return a.status == http.StatusOK
	})
	var answer bytes.Buffer
	a, found, err := c.devices[share.Court].Audit(bytes.NewReader(file), &answer)
	if err != nil || len(found) > 0 || a.Entry.(*entry.Audit).Checked != 5 {
		t.Fatalf("%+v, %v, %v", a, found, err)
	}
	if got := c.ask("auditor", "POST", at, answer.Bytes()); got.status != http.StatusCreated || !strings.Contains(string(got.body), `"checked":5`) {
		t.Errorf("%d %s", got.status, got.body)
	}
	if got := c.ask("auditor", "POST", at, answer.Bytes()[:50]); got.status != http.StatusBadRequest {
		t.Errorf("cut off: %d %s", got.status, got.body)
	}
}

// TestADeviceThatSawMoreThanTheHubRemembers gets its proof by the size that it names.
func TestADeviceThatSawMoreThanTheHubRemembers(t *testing.T) {
	c := newCourthouse(t)
	file, id := c.submission("square")
	if a := c.ask("program", "POST", casesAt, file); a.status != http.StatusCreated {
		t.Fatalf("%d %s", a.status, a.body)
	}
	c.eventually("the token is public", func() bool { return c.state("program", id).Public })
	for query, want := range map[string]int{"?seen=1": 200, "?seen=0": 400, "?seen=x": 400, "?seen=999999": 400} {
		if a := c.ask("program", "GET", casesAt+"/"+id+"/requests/court"+query, nil); a.status != want {
			t.Errorf("%s: %d %s", query, a.status, a.body)
		}
	}
}

func TestABodyHoldsWhatNobodyOpens(t *testing.T) {
	c := newCourthouse(t)
	d, err := token.HoldDetails("HEL 2026-012345", "POL 2026/77", []city.Slug{"square"}, c.filmed, c.filmed.Add(time.Minute))
	c.must(err)
	s, err := token.SubmitHold(&c.law.Roster.Roster, d)
	c.must(err)
	file, err := s.Encode()
	c.must(err)
	at := "/api/v1/holds"
	for who, want := range map[string]int{"public": 401, "auditor": 403, "operator": 403} {
		if a := c.ask(who, "POST", at+"/court", file); a.status != want {
			t.Errorf("%s asks for a hold: %d %s", who, a.status, a.body)
		}
	}
	var request []byte
	c.eventually("there is a request to hold", func() bool {
		a := c.ask("program", "POST", at+"/court", file)
		request = a.body
		return a.status == http.StatusOK
	})
	h, err := c.devices[share.Court].ExamineHold(bytes.NewReader(request))
	c.must(err)
	var answer bytes.Buffer
	_, err = c.devices[share.Court].Hold(h, h.Code(), "appeal", canonical.Day(time.Now().UTC().AddDate(0, 1, 0).Format(time.DateOnly)), &answer)
	c.must(err)
	if got := c.ask("program", "POST", at, answer.Bytes()); got.status != http.StatusCreated || !strings.Contains(string(got.body), `"count":4`) {
		t.Errorf("%d %s", got.status, got.body)
	}
	for name, bad := range map[string][]byte{"an answer": answer.Bytes(), "nothing": nil} {
		if got := c.ask("program", "POST", at+"/court", bad); got.status != http.StatusBadRequest {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
	}
}
