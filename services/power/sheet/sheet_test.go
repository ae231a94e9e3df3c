package sheet_test

import (
	"bytes"
	"crypto/rand"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"polity/services/power/sheet"
)

func example() *sheet.Sheet {
	at := time.Date(2026, 11, 30, 21, 0, 0, 0, time.UTC)
	return &sheet.Sheet{
		City: "Helsinki", Order: "restore-1", Simulated: true, Made: at, Until: at.Add(4 * time.Hour), State: "accepted",
		Do: "Cut branch.10 out.", Why: "12 reports\nof darkness.", Effect: "62 customers get power back.",
		Decided: []sheet.Decided{{State: "accepted", By: "Pirjo", At: at.Add(time.Minute), Note: "go"}},
		Tags:    []sheet.Tag{{Line: "branch.7", Reason: "a crew", By: "Otto", At: at}},
		Steps: []sheet.Step{
			{Text: "open branch.10", Why: "It cuts the fault off.", After: &sheet.After{Customers: 240, KW: 2900, LowestPU: .95, HighestPU: 1, Loading: .7}, Moved: at.Add(2 * time.Minute)},
			{Text: "close branch.33", Why: "It feeds the others.\nstep 9 open branch.1", After: &sheet.After{Loop: true}},
		},
	}
}

func keys(t *testing.T) (note.Signer, string) {
	t.Helper()
	private, public, err := note.GenerateKey(rand.Reader, "helsinki.example/sheets")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(private)
	if err != nil {
		t.Fatal(err)
	}
	return signer, public
}

func TestASignedSheetIsCheckedWithoutTheHub(t *testing.T) {
	signer, public := keys(t)
	file, err := sheet.Sign(example(), signer)
	if err != nil {
		t.Fatal(err)
	}
	text, err := sheet.Open(file, public+"\n")
	if err != nil || text != example().Text() {
		t.Fatalf("%q, %v", text, err)
	}
	for _, want := range []string{"said 2026-11-30T21:01:00Z accepted by Pirjo: go\n", "tag branch.7 by Otto", "step 1 open branch.10\n", "  then 240 customers, 2900 kW, voltages 95.0 to 100.0 %, load at most 70 %\n", "  moved 2026-11-30T21:02:00Z\n", "a loop until", "simulated the network"} {
		if !strings.Contains(text, want) {
			t.Errorf("the text lacks %q:\n%s", want, text)
		}
	}
	if strings.Contains(text, "\nstep 9") {
		t.Error("a reason became a step")
	}
	if _, err := sheet.Open(bytes.ReplaceAll(file, []byte("\n"), []byte("\r\n")), public); err != nil {
		t.Errorf("ends of lines as another system writes them: %v", err)
	}
	_, other := keys(t)
	log := &note.Note{Text: "helsinki.example/log\n5\nhash\n"}
	checkpoint, err := note.Sign(log, signer)
	if err != nil {
		t.Fatal(err)
	}
	for what, x := range map[string]struct {
		file []byte
		key  string
		want string
	}{
		"changed":       {bytes.Replace(file, []byte("open branch.10"), []byte("open branch.11"), 1), public, "was changed"},
		"another key":   {file, other, "did not sign"},
		"no key":        {file, "hello", "no public key"},
		"unsigned":      {[]byte(example().Text()), public, "did not sign"},
		"not a sheet":   {checkpoint, public, "no switching sheet"},
		"empty":         {nil, public, "no switching sheet"},
		"far too large": {make([]byte, sheet.MaxSize+1), public, "bytes"},
	} {
		if _, err := sheet.Open(x.file, x.key); err == nil || !strings.Contains(err.Error(), x.want) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func FuzzOpen(f *testing.F) {
	private, public, err := note.GenerateKey(rand.Reader, "helsinki.example/sheets")
	if err != nil {
		f.Fatal(err)
	}
	signer, err := note.NewSigner(private)
	if err != nil {
		f.Fatal(err)
	}
	good, err := sheet.Sign(example(), signer)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Fuzz(func(t *testing.T, file []byte) {
		if text, err := sheet.Open(file, public); err == nil && !strings.Contains(string(good), text) {
			t.Errorf("a sheet that nobody signed: %q", text)
		}
	})
}
