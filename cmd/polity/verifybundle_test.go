package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"polity/city"
	"polity/ledger/canonical"
	"polity/ledger/entry"
	"polity/ledger/log"
	"polity/ledger/log/logtest"
	"polity/recording/share"
	"polity/release/token"
)

const bundleVector = "../../release/bundle/testdata/case.zip"

func TestVerifyBundle(t *testing.T) {
	const roster = "../../release/bundle/testdata/city.roster"
	out, err := ran(t, "verify", "bundle", bundleVector, "--roster", roster)
	if err != nil || !strings.Contains(out, "right  device police-1 of police signed it") || !strings.Contains(out, "open   whether the films show what was sealed") || !strings.Contains(out, "Nothing is wrong") {
		t.Errorf("%s%v", out, err)
	}
	if out, err = ran(t, "verify", "bundle", bundleVector); err != nil || !strings.Contains(out, "compare the words of roster 1") {
		t.Errorf("%s%v", out, err)
	}
	var got struct {
		Right    bool
		Findings []struct{ State, Where, What string }
	}
	if out, err = ran(t, "verify", "bundle", bundleVector, "--json"); err != nil || json.Unmarshal([]byte(out), &got) != nil || !got.Right || len(got.Findings) < 10 {
		t.Errorf("%s%v", out, err)
	}
	b, err := os.ReadFile(bundleVector)
	if err != nil {
		t.Fatal(err)
	}
	bad := filepath.Join(t.TempDir(), "bad.zip")
	b[len(b)/2] ^= 1
	if err := os.WriteFile(bad, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err = ran(t, "verify", "bundle", bad); exitCode(err) != 1 || !strings.Contains(out, "wrong  ") || strings.Contains(out, "Nothing is wrong") {
		t.Errorf("%s%v", out, err)
	}
	if out, err = ran(t, "verify", "bundle", bad, "--json"); exitCode(err) != 1 || json.Unmarshal([]byte(out), &got) != nil || got.Right {
		t.Errorf("%s%v", out, err)
	}
	if _, err = ran(t, "verify", "bundle", filepath.Join(t.TempDir(), "nowhere")); exitCode(err) != 2 {
		t.Errorf("%v", err)
	}
}

// TestVerifyRelease follows a release through a log, from request to disclosure.
func TestVerifyRelease(t *testing.T) {
	dir := t.TempDir()
	town := logtest.New(t, filepath.Join(dir, "log"))
	roster := filepath.Join(dir, "a.roster")
	if err := os.WriteFile(roster, town.Roster.File(), 0o600); err != nil {
		t.Fatal(err)
	}
	key, err := share.Kem().DeriveKeyPair(bytes.Repeat([]byte{7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	filmed := time.Date(2026, 12, 1, 14, 0, 0, 0, time.UTC)
	q, details, err := token.New(&town.Roster.Roster, token.Ask{
		Office: "police", Device: "police-1", Purpose: "serious-crime", Order: "HEL 2026-012345", Case: "POL 2026/77", Cameras: []city.Slug{"bridge", "square"},
		From: filmed, To: filmed.Add(time.Hour), Expires: time.Now().Add(48 * time.Hour), PublicOn: canonical.Day(time.Now().AddDate(0, 0, 2).Format(time.DateOnly)), CaseKey: key.PublicKey().Bytes(),
	}, town.Devices["police-1"].Key)
	if err != nil {
		t.Fatal(err)
	}
	sign := func(device city.Slug, e entry.Signed) entry.Entry {
		if err := entry.Sign(e, town.Devices[device].Key); err != nil {
			t.Fatal(err)
		}
		return e
	}
	approved := func(body city.Slug) entry.Entry {
		return sign(body+"-1", &entry.ReleaseApproved{At: canonical.At(filmed), Body: body, Count: 600, Device: body + "-1", Shares: canonical.Sum("shares"), Token: q.ID})
	}
	opened := sign("police-1", &entry.ReleaseOpened{At: canonical.At(filmed), Body: "police", Device: "police-1", Segments: 600, Token: q.ID})
	public := sign("police-1", &entry.ReleaseDetails{
		At: canonical.At(filmed), Body: "police", Cameras: details.Cameras, Case: details.Case, Device: "police-1", From: details.From, Order: details.Order,
		Salts: &details.Salts, To: details.To, Token: q.ID, What: "published",
	})
	wrong := *public.(*entry.ReleaseDetails)
	wrong.Order, wrong.Signature = "HEL 2026-099999", nil

	code := token.Code(q.ID)
	publish := func(to string, list ...entry.Entry) string {
		town := logtest.New(t, filepath.Join(dir, to))
		l, err := log.Open(town.Config)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := l.AppendAll(t.Context(), list); err != nil {
			t.Fatal(err)
		}
		for s := (log.State{}); s.Public < int64(len(list)); time.Sleep(10 * time.Millisecond) {
			if s, err = l.State(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		return town.Config.Dir
	}
	first := &entry.Roster{Roster: town.Roster.File(), Version: 1}
	whole := []entry.Entry{first, q, approved("court"), approved("ombudsman"), opened}
	for want, c := range map[string]struct {
		list []entry.Entry
		code int
	}{
		": waiting\n":   {whole[:3], 0},
		": approved\n":  {whole[:4], 0},
		": opened\n":    {whole, 0},
		": disclosed\n": {append(whole[:5:5], public), 0},
		"without an approval of the ombudsman in the log":              {[]entry.Entry{first, q, approved("court"), opened}, 1},
		"the published details (entry 5) do not open what the request": {append(whole[:5:5], sign("police-1", &wrong)), 1},
		"has no request with the token":                                {whole[:1], 1},
	} {
		folder := publish("log-"+strings.Trim(strings.ReplaceAll(want, " ", "-"), ":\n-"), c.list...)
		for _, name := range []string{code, q.ID.String()} {
			out, err := ran(t, "verify", "release", name, "--log", folder, "--roster", roster)
			if err != nil {
				out += err.Error()
			}
			if (err == nil) != (c.code == 0) || !strings.Contains(out, want) {
				t.Errorf("want %q: %s", want, out)
			}
		}
	}
	var got struct{ Status, Code string }
	out, err := ran(t, "verify", "release", code, "--log", filepath.Join(dir, "log-opened"), "--roster", roster, "--json")
	if err != nil || json.Unmarshal([]byte(out), &got) != nil || got.Status != "opened" || got.Code != code {
		t.Errorf("%s%v", out, err)
	}
	if _, err := ran(t, "verify", "release", code, "--roster", roster); exitCode(err) != 2 {
		t.Errorf("without a log: %v", err)
	}
}
