package look

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"polity/access"
)

// TestNoPersonInWhatIsPublic: the types of the chain have no field that could hold one,
// and its bytes hold no person, session or salt of the details.
func TestNoPersonInWhatIsPublic(t *testing.T) {
	allowed := map[string]bool{}
	for _, name := range []string{
		"Prev", "Book", "Book.Format", "Count", "Count.Day", "Count.On", "Count.Name", "Count.Do", "Count.Body", "Count.Purpose", "Count.Looks", "Count.Minutes",
		"Day", "Day.Day", "Day.From", "Day.Until", "Day.Counts", "Day.Looks", "Day.Root", "Day.Head",
	} {
		allowed[name] = true
	}
	var walk func(prefix string, of reflect.Type)
	walk = func(prefix string, of reflect.Type) {
		for f := range of.Fields() {
			if !allowed[prefix+f.Name] {
				t.Errorf("%s%s is public, and nobody has said so", prefix, f.Name)
			}
			if f.Type.Kind() == reflect.Pointer {
				walk(f.Name+".", f.Type.Elem())
			}
		}
	}
	walk("", reflect.TypeFor[entry]())

	dir := t.TempDir()
	fill(t, dir, nil)
	files := book(t, dir)
	public := string(file(t, files[0]))
	for _, name := range files[1:] {
		for _, private := range regexp.MustCompile(`"(?:p-[a-z0-9]+|s-[0-9]+|[0-9a-f]{32})"`).FindAllString(string(file(t, name)), -1) {
			if strings.Contains(public, strings.Trim(private, `"`)) {
				t.Errorf("the public chain holds %s", private)
			}
		}
	}
}

// TestWhenSomebodyLookedIsNotPublic: whoever asks every few minutes learns nothing until
// the day is over, and then nothing but the day: two days that differ only in when
// somebody looked are published in the same words.
func TestWhenSomebodyLookedIsNotPublic(t *testing.T) {
	var told []string
	for _, hour := range []time.Duration{0, 3, 7} {
		h := &hand{noon.Add(-16 * time.Hour)} // the beginning of the day
		b := open(t, config(t.TempDir(), h))
		seen := public(t, b)
		for range 24 * 12 {
			if h.t.Equal(noon.Add(hour * time.Hour)) {
				o := look(t, b, live(operator("p-anna", "s-1"), "square"))
				h.turn(4 * time.Minute)
				o.Finish()
				h.turn(-4 * time.Minute)
			}
			if now := public(t, b); now != seen {
				t.Fatalf("looked at %v; at %v the public learned\n%s", noon.Add(hour*time.Hour), h.t, now)
			}
			h.turn(5 * time.Minute)
			if h.t.Equal(noon.Add(8 * time.Hour)) {
				break
			}
		}
		told = append(told, regexp.MustCompile(`"[0-9a-f]{64}"`).ReplaceAllString(public(t, b), `"…"`))
	}
	if told[0] != told[1] || told[1] != told[2] || !strings.Contains(told[0], `"looks":1`) {
		t.Errorf("the public can tell these apart:\n%s", strings.Join(told, "\n"))
	}
}

// public is all that everyone can ask of a book, but for what time it is.
func public(t *testing.T, b *Book) string {
	t.Helper()
	days, today, until := b.Days(t.Context())
	r, err := b.Chain()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	lines, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(days)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%s\n%s\n%s until %v", lines, text, today, until.UTC())
}

// TestReadingIsWrittenDown: before anything is read, who reads and what stands in the
// book, and whoever may not be named reads nothing.
func TestReadingIsWrittenDown(t *testing.T) {
	h := &hand{noon}
	b := open(t, config(t.TempDir(), h))
	look(t, b, live(operator("p-anna", "s-1"), "square"))
	q := Query{From: "2026-11-30", To: "2026-12-01", Name: "square"}
	for range 2 {
		d, err := b.Details(t.Context(), operator("p-auditor", "s-9"), q)
		if err != nil || len(d.Looks) != 1 || len(d.Reads) == 0 || d.Reads[0].Who != "p-auditor" || d.Reads[0].About != "from=2026-11-30&name=square&to=2026-12-01" {
			t.Fatalf("%+v, %v", d, err)
		}
	}
	for what, c := range map[string]struct {
		who access.Who
		q   Query
	}{
		"the public":   {access.Who{}, q},
		"no days":      {operator("p-auditor", "s-9"), Query{}},
		"many days":    {operator("p-auditor", "s-9"), Query{From: "2020-01-01", To: "2026-01-01"}},
		"a made-up ID": {operator("p-auditor", "s-9"), Query{From: "2026-11-30", To: "2026-11-30", Who: "a\nb"}},
	} {
		if d, err := b.Details(t.Context(), c.who, c.q); err == nil {
			t.Errorf("%s: %+v", what, d)
		}
	}
	if len(b.today.reads) != 2 {
		t.Errorf("%d readings", len(b.today.reads))
	}
}

// TestManyAtOnce: 64 scenes of several operators that open at the same moment.
func TestManyAtOnce(t *testing.T) {
	dir := t.TempDir()
	cfg := Config{Dir: dir, Zone: helsinki}
	b := open(t, cfg)
	var all sync.WaitGroup
	for i := range 4 {
		for _, camera := range cameras(64) {
			all.Go(func() {
				o, err := b.Record(t.Context(), live(operator(fmt.Sprintf("p-%d", i), fmt.Sprintf("s-%d", i)), camera))
				if err != nil {
					t.Error(err)
					return
				}
				_, _, _ = b.Days(t.Context())
				o.Finish()
			})
		}
	}
	all.Wait()
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Verify(dir, nil); err != nil {
		t.Fatal(err)
	}
	days, err := daysIn(dir)
	if err != nil || len(days) == 0 {
		t.Fatal(err)
	}
	if n := bytes.Count(file(t, detailsPath(dir, days[len(days)-1])), []byte(`"look":{`)); n != 256 && len(days) == 1 {
		t.Errorf("%d looks", n)
	}
}

// TestSettings: what a city may not say.
func TestSettings(t *testing.T) {
	for _, s := range []Settings{
		{DayEnds: "00:00"},
		{DayEnds: "8"},
		{DayEnds: "25:00"},
		{KeepDays: -1},
		{KeepDays: 100_000},
		{Heavy: Heavy{Times: .5}},
		{Heavy: Heavy{Days: -1}},
		{Heavy: Heavy{Least: -1}},
		{Heavy: Heavy{Cameras: -1}},
	} {
		if s.Check() == nil {
			t.Errorf("%+v passed", s)
		}
	}
	if err := (Settings{}).Check(); err != nil {
		t.Error(err)
	}
	midnight, err := ends("24:00")
	if err != nil {
		t.Fatal(err)
	}
	c := calendar{helsinki, midnight}
	for at, day := range map[string]string{"2026-11-30T23:59:59+02:00": "2026-11-30", "2026-12-01T00:00:00+02:00": "2026-12-01", "2026-10-25T03:30:00+02:00": "2026-10-25"} {
		moment, err := time.Parse(time.RFC3339, at)
		if got := c.of(moment); err != nil || got != day {
			t.Errorf("%s is of %s, not %s; %v", at, got, day, err)
		}
	}
}

// TestTheFormatIsAsItIsWrittenDown: the example of docs/formats/looks.md, and every field
// of every line.
func TestTheFormatIsAsItIsWrittenDown(t *testing.T) {
	text, err := os.ReadFile("../../docs/formats/looks.md")
	if err != nil {
		t.Fatal(err)
	}
	var c chain
	example := regexp.MustCompile("(?s)```\n(.*?)```").FindAllSubmatch(text, -1)
	if len(example) != 2 {
		t.Fatal("there are no two examples")
	}
	if err := c.read(example[0][1]); err != nil || len(c.days) != 1 {
		t.Fatalf("the example of counts: %v", err)
	}
	d := follow("2026-11-30", Hash{}, time.Time{})
	if err := d.read(example[1][1]); err != nil || d.head != c.days[0].Head {
		t.Errorf("the example of details: %v", err)
	}
	if _, root, err := d.sums(); err != nil || root != c.days[0].Root {
		t.Errorf("the root of the example: %v", err)
	}
	for _, of := range []reflect.Type{
		reflect.TypeFor[Count](), reflect.TypeFor[Day](), reflect.TypeFor[record](), reflect.TypeFor[begun](), reflect.TypeFor[again](), reflect.TypeFor[end](),
		reflect.TypeFor[read](), reflect.TypeFor[Flag](), reflect.TypeFor[removed](), reflect.TypeFor[Detail](),
	} {
		for f := range of.Fields() {
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			if name != "" && name != "-" && !bytes.Contains(text, []byte("`"+name+"`")) && !bytes.Contains(text, []byte(`"`+name+`"`)) {
				t.Errorf("%s.%s is not written down", of.Name(), f.Name)
			}
		}
	}
}

// FuzzRead: whatever stands in the files, they are refused or read, and what was read is
// what stands there.
func FuzzRead(f *testing.F) {
	dir := f.TempDir()
	fill(f, dir, nil)
	for _, name := range book(f, dir) {
		f.Add(file(f, name))
	}
	f.Add([]byte("{\"prev\":\"\"}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		var c chain
		if err := c.read(slices.Clone(data)); err == nil && len(data) > 0 {
			if int(c.size) != len(data) {
				t.Errorf("%d of %d bytes were read", c.size, len(data))
			}
			var twin chain
			var out []byte
			for _, p := range c.days {
				lines := twin.lines(p.Day, p.Of)
				out = append(out, lines...)
				if err := twin.read(lines); err != nil {
					t.Fatal(err)
				}
			}
			if len(c.days) > 0 && !bytes.HasPrefix(data, out) {
				t.Error("what was read is not what stands there")
			}
		}
		d := follow("2026-11-30", Hash{}, time.Time{})
		if err := d.read(data); err == nil {
			_, _, _ = d.sums()
			if int(d.size) != len(data) {
				t.Errorf("%d of %d bytes were read", d.size, len(data))
			}
		}
	})
}
