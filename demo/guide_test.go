package demo

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"polity/city"
)

// TestCommandsAreShownAsTheyAreTyped: what is shown can be copied, from the folder where the
// program was started.
func TestCommandsAreShownAsTheyAreTyped(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	g := &guide{demo: &demo{Options: Options{Program: filepath.Join(dir, "bin", "polity")}}}
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"case", "new", filepath.Join(dir, "case.json")}, "bin/polity case new case.json"},
		{[]string{"case", "--by", "Sofia (demo)", "it's"}, `bin/polity case --by 'Sofia (demo)' 'it'\''s'`},
		{[]string{"case", "play", "/elsewhere"}, "bin/polity case play /elsewhere"},
	} {
		if got := g.typed(c.args); got != c.want {
			t.Errorf("%q is shown as %q", c.args, got)
		}
	}
	long := g.typed([]string{"custodian", "--state", strings.Repeat("a", 50), "--anchor", strings.Repeat("b", 50), "show", strings.Repeat("c", 50)})
	for line := range strings.Lines(long) {
		if words := strings.Fields(line); strings.HasPrefix(words[len(words)-1], "--") {
			t.Errorf("a flag is parted from its value:\n%s", long)
		}
	}
	if !strings.Contains(long, " \\\n") {
		t.Errorf("a long line is not broken:\n%s", long)
	}
}

func TestIndented(t *testing.T) {
	for _, c := range []struct{ from, want string }{{"", "    one\n    two\n    three"}, {"two", "    two\n    three"}, {"four", ""}} {
		var out bytes.Buffer
		w := &indented{to: &out, fresh: true, from: c.from}
		for _, piece := range []string{"one\ntwo\n", "th", "ree"} {
			if n, err := w.Write([]byte(piece)); err != nil || n != len(piece) {
				t.Fatal(n, err)
			}
		}
		if out.String() != c.want {
			t.Errorf("from %q: %q", c.from, out.String())
		}
	}
}

func TestNamed(t *testing.T) {
	if got := named([]string{"custodian", "--state", "/x/court-1", "keys", "make", "--days", "90"}); got != "custodian keys make" {
		t.Error(got)
	}
}

// TestAGuideFindsTheDemoThatRuns: by its lock, and never by what one that was killed left.
func TestAGuideFindsTheDemoThatRuns(t *testing.T) {
	dir := t.TempDir()
	if at, err := running(dir); at != "" || err != nil {
		t.Errorf("in an empty folder: %q, %v", at, err)
	}
	address := filepath.Join(dir, addressFile)
	write := func() {
		if err := os.WriteFile(address, []byte("http://127.0.0.1:1\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write()
	w, err := openTown(dir, noon)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := running(dir); city.KindOf(err) != city.Unavailable || !strings.Contains(err.Error(), "still starting") {
		t.Errorf("while it starts: %v", err)
	}
	write()
	if at, err := running(dir); at != "http://127.0.0.1:1" || err != nil {
		t.Errorf("while it runs: %q, %v", at, err)
	}
	w.unlock()
	if at, err := running(dir); at != "" || err != nil {
		t.Errorf("after it was killed: %q, %v", at, err)
	}
}

// TestADraftOfOnesOwn: a draft that is none is refused before anything is begun.
func TestADraftOfOnesOwn(t *testing.T) {
	draft := filepath.Join(t.TempDir(), "case.json")
	g := &guide{demo: &demo{Options: Options{Draft: draft, Now: func() time.Time { return noon }}}, at: "http://127.0.0.1:1"}
	for _, text := range []string{"", "{}", `{"format":"polity-draft/2"}`} {
		if err := os.WriteFile(draft, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := g.drafted(time.Time{}, time.Time{}); city.KindOf(err) != city.Invalid {
			t.Errorf("%q: %v", text, err)
		}
	}
	g.Draft = ""
	text, err := g.drafted(noon.Add(-time.Minute), noon)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(draft, text, 0o600); err != nil {
		t.Fatal(err)
	}
	g.Draft = draft
	if again, err := g.drafted(time.Time{}, time.Time{}); err != nil || !bytes.Equal(again, text) {
		t.Errorf("the guide's own draft is not one: %v\n%s", err, text)
	}
}

// TestAChildThatTells: a child's lines are heard and kept, and it is started again.
func TestAChildThatTells(t *testing.T) {
	out, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	heard := make(chan string, 16)
	p := newPlace()
	c := &child{
		name: "The child", out: out,
		program: func() []string { return []string{"sh", "-c", "echo at " + p.or("nowhere") + "; exit 1"} },
		heard:   func(line string) { p.set("home"); heard <- line },
	}
	ended := make(chan error, 1)
	go func() { ended <- c.keep(ctx, func(string, ...any) {}) }()
	if first, second := <-heard, <-heard; first != "at nowhere" || second != "at home" {
		t.Errorf("heard %q, then %q", first, second)
	}
	stop()
	if err := <-ended; err != nil {
		t.Log("it was ended while it ran:", err)
	}
	if b, err := os.ReadFile(out.Name()); err != nil || !bytes.Contains(b, []byte("at nowhere\nat home\n")) {
		t.Errorf("the log has %q, %v", b, err)
	}
}
