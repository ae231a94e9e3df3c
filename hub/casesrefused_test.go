package hub_test

import (
	"bytes"
	"io"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"

	"polity/recording/share"
	"polity/release/docket"
)

func TestCaseFilesThatAreRefused(t *testing.T) {
	c := newCourthouse(t)
	file, id := c.submission("square")
	at := casesAt + "/" + id
	for name, bad := range map[string]struct {
		file   []byte
		status int
		words  string
	}{
		"empty": {nil, 400, "submission"}, "no JSON": {[]byte("POLREL"), 400, "submission"}, "cut off": {file[:len(file)-10], 400, "submission"},
		"a bit flipped": {flipped(file), 400, ""}, "too large": {append(bytes.Clone(file), make([]byte, 100<<10)...), 413, "bytes"},
	} {
		if a := c.ask("program", "POST", casesAt, bad.file); a.status != bad.status || !strings.Contains(a.detail(), bad.words) {
			t.Errorf("submission %s: %d %s", name, a.status, a.body)
		}
	}
	if a := c.ask("program", "POST", casesAt, file); a.status != http.StatusCreated {
		t.Fatalf("%d %s", a.status, a.body)
	}
	for path, want := range map[string]int{
		"/requests/mayor": 404, "/answers/court": 403, "/nothing": 404, "/segments/square/../../x": 404, "/segments/square/x": 403, "/segments/bridge/" + docket.Name(c.filmed, 1): 403,
		"/hours/square": 403, "/hours/bridge": 403, "/hours/..": 403, "/hours/": 404,
	} {
		a := c.ask("program", "GET", at+path, nil)
		if a.status != want && a.status != http.StatusTemporaryRedirect && a.status != http.StatusMovedPermanently {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
	c.eventually("the token is public", func() bool { return c.state("program", id).Public })
	for name, bad := range map[string][]byte{"empty": nil, "of another form": []byte("PK"), "cut off": []byte("POLREL\r\n\x00\x01\x02\x00")} {
		if a := c.ask("program", "POST", at+"/answers", bad); a.status != http.StatusBadRequest || a.detail() == "" {
			t.Errorf("answer %s: %d %s", name, a.status, a.body)
		}
	}
	request := c.ask("officer", "GET", "/cases/"+id+"/requests/court", nil).body // as the page hands it over
	answer := c.approve(share.Court, request)
	if a := c.ask("program", "POST", at+"/answers", flipped(answer)); a.status != http.StatusBadRequest {
		t.Errorf("an answer with a bit flipped: %d %s", a.status, a.body)
	}
	// The page takes the same file, and says the same of a wrong one.
	for name, k := range map[string]struct {
		file   []byte
		status int
	}{"wrong": {flipped(answer), 400}, "right": {answer, 303}} {
		var b bytes.Buffer
		form := multipart.NewWriter(&b)
		part, err := form.CreateFormFile("file", "answer")
		c.must(err)
		_, err = part.Write(k.file)
		c.must(err)
		c.must(form.Close())
		if a := c.ask("officer", "POST", "/cases/"+id+"/answers", b.Bytes(), "Content-Type", form.FormDataContentType()); a.status != k.status {
			t.Errorf("a %s answer on the page: %d", name, a.status)
		}
	}
	if s := c.state("program", id); s.Answers["court"].State != "approved" || s.Answers["ombudsman"].State != "waiting" {
		t.Errorf("%+v", s)
	}
}

func flipped(b []byte) []byte {
	b = bytes.Clone(b)
	b[len(b)/2] ^= 1
	return b
}

func TestCasesTooOften(t *testing.T) {
	c := newCourthouse(t)
	for range 100 {
		if a := c.ask("program", "POST", casesAt, []byte("{}")); a.status == http.StatusTooManyRequests {
			if a.header.Get("Retry-After") == "" || !strings.Contains(a.detail(), "try again in") {
				t.Errorf("%v %s", a.header, a.body)
			}
			if b := c.ask("officer", "POST", casesAt, []byte("{}")); b.status != http.StatusBadRequest {
				t.Errorf("another account: %d", b.status)
			}
			return
		}
	}
	t.Error("a hundred submissions in a row were looked at")
}

func TestWithoutALogNobodyAsks(t *testing.T) {
	w := newTown(t)
	w.start()
	a, err := http.Post(w.started.Address+casesAt, "application/json", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	defer a.Body.Close()
	if text, _ := io.ReadAll(a.Body); a.StatusCode != http.StatusNotFound || !strings.Contains(string(text), "keeps no public log") {
		t.Errorf("%d %s", a.StatusCode, text)
	}
}
