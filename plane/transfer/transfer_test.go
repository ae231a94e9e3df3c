package transfer_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"polity/city"
	"polity/plane"
	"polity/plane/postgres"
	"polity/plane/postgres/postgrestest"
	"polity/plane/sqlite"
	"polity/plane/transfer"
)

var update = flag.Bool("update", false, "write testdata/city.jsonl anew")

func TestMain(m *testing.M) { postgrestest.Main(m) }

// backends makes an empty store of each.
var backends = []struct {
	name string
	open func(t *testing.T, now func() time.Time) plane.Store
}{
	{"sqlite", func(t *testing.T, now func() time.Time) plane.Store {
		s, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "city.db"), sqlite.Config{Now: now})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}},
	{"postgres", func(t *testing.T, now func() time.Time) plane.Store {
		s, err := postgres.Open(t.Context(), postgrestest.Shared(t).Database(t), postgres.Config{Now: now})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}},
}

func fresh(t *testing.T, i int, now func() time.Time) plane.Store {
	t.Helper()
	s := backends[i].open(t, now)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

var begin = time.Date(2026, 11, 22, 14, 0, 0, 0, time.UTC)

// town fills a store with all that an export has to keep: tenants, versions, times of
// their own, history of what is gone.
func town(t *testing.T, i int) plane.Store {
	t.Helper()
	clock := begin
	s := fresh(t, i, func() time.Time { return clock })
	write := func(b *plane.Batch) {
		t.Helper()
		r, err := s.Write(t.Context(), b)
		if err == nil {
			err = r.Err()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	observe := func(o plane.Observation, id, attribute, dataset string) plane.Observation {
		o.ID, o.Attribute, o.Dataset = id, attribute, dataset
		return o
	}
	tori := &plane.Entity{Key: plane.Key{ID: "urn:x:tori"}, Types: []string{"Square", "Place"}, Scopes: []string{"/centre"}}
	tori.Set(plane.Attribute{Name: "name", Kind: plane.Language, Value: json.RawMessage(`{"fi":"Kauppatori <3","sv":"Salutorget"}`)})
	tori.Set(plane.Attribute{Name: plane.Location, Kind: plane.Geo, Value: json.RawMessage(`{"type":"Point","coordinates":[24.95,60.17]}`)})
	tori.Set(plane.Attribute{Name: "temperature", Dataset: "urn:x:sensor:1", Kind: plane.Property, Value: json.RawMessage(`-3.50`), Unit: "CEL", ObservedAt: begin.Add(1), Meta: []plane.Attribute{
		{Name: "accuracy", Kind: plane.Property, Value: json.RawMessage(`0.5`)},
	}})
	other := &plane.Entity{Key: plane.Key{Tenant: "harbour", ID: "urn:x:tori"}, Types: []string{"Quay"}}
	write(&plane.Batch{
		Changes: []plane.Change{plane.Create(tori), plane.Create(other), plane.Create(&plane.Entity{Key: plane.Key{ID: "urn:x:gone"}, Types: []string{"T"}})},
		Observations: []plane.Observation{
			observe(plane.Observation{Start: begin, Length: time.Minute, Covered: 59 * time.Second, Value: 1.0 / 3}, "urn:x:tori", "occupancy", "person"),
			observe(plane.Observation{Start: begin, Value: -1e-300}, "urn:x:tori", "occupancy", "person"),
			observe(plane.Observation{Start: begin.AddDate(0, 3, 0), Value: math.Copysign(0, -1), Detail: []byte{0, 1, 255}}, "urn:x:tori", "occupancy", "person"),
			observe(plane.Observation{Start: begin, Value: 1e21}, "urn:x:tori", "occupancy", ""),
			observe(plane.Observation{Start: time.UnixMilli(0), Value: 7}, "urn:x:gone", "level", ""),
			{Series: plane.Series{Key: plane.Key{Tenant: "harbour", ID: "urn:x:tori"}, Attribute: "ships"}, Start: begin, Value: 2},
		},
	})
	clock = clock.Add(1500 * time.Millisecond)
	write(&plane.Batch{Changes: []plane.Change{
		plane.Remove(plane.Key{ID: "urn:x:gone"}),
		plane.Update(tori.Key, func(e *plane.Entity) error {
			e.Set(plane.Attribute{Name: "open", Kind: plane.JSON, Value: json.RawMessage(`{"b":true,"a":[]}`)})
			return nil
		}),
	}})
	return s
}

func export(t *testing.T, s plane.Store) []byte {
	t.Helper()
	var b bytes.Buffer
	if _, err := transfer.Export(t.Context(), s, &b, nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestFileIsTheSameFromEveryBackend holds the file to the example of the documents,
// and moves it through every pair of backends.
func TestFileIsTheSameFromEveryBackend(t *testing.T) {
	const golden = "testdata/city.jsonl"
	if *update {
		if err := os.WriteFile(golden, export(t, town(t, 0)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../../docs/formats/city-data.md")
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(want) {
		if !bytes.Contains(page, line) {
			t.Errorf("docs/formats/city-data.md does not show the line %s", line)
		}
	}
	for from := range backends {
		t.Run(backends[from].name, func(t *testing.T) {
			s := town(t, from)
			if got := export(t, s); !bytes.Equal(got, want) {
				t.Fatalf("exported:\n%s\nwant:\n%s", got, want)
			}
			for to := range backends {
				t.Run("to "+backends[to].name, func(t *testing.T) {
					moved := fresh(t, to, nil)
					counts, err := transfer.Import(t.Context(), moved, bytes.NewReader(want), false, nil)
					if err != nil || counts != (transfer.Counts{Entities: 2, Observations: 6}) {
						t.Fatalf("%+v, %v", counts, err)
					}
					if got := export(t, moved); !bytes.Equal(got, want) {
						t.Errorf("exported again:\n%s\nwant:\n%s", got, want)
					}
					if _, err := transfer.Compare(t.Context(), moved, bytes.NewReader(want), false, nil); err != nil {
						t.Error(err)
					}
				})
			}
		})
	}
}

// TestManyMove moves more than one commit takes.
func TestManyMove(t *testing.T) {
	from := fresh(t, 0, nil)
	for n := range 3 {
		var b plane.Batch
		for i := range 2500 {
			e := &plane.Entity{Key: plane.Key{ID: fmt.Sprintf("urn:x:%d:%d", n, i)}, Types: []string{"T"}}
			b.Changes = append(b.Changes, plane.Create(e))
			for j := range 3 {
				b.Observations = append(b.Observations, plane.Observation{Series: plane.Series{Key: plane.Key{ID: fmt.Sprintf("urn:x:%d", i%10)}, Attribute: "n"}, Start: begin.Add(time.Duration(n*7500+i*3+j) * time.Minute), Value: float64(i) / 7})
			}
		}
		if _, err := from.Write(t.Context(), &b); err != nil {
			t.Fatal(err)
		}
	}
	file := export(t, from)
	told := 0
	to := fresh(t, 1, nil)
	counts, err := transfer.Import(t.Context(), to, bytes.NewReader(file), false, func(transfer.Counts) { told++ })
	if err != nil || counts != (transfer.Counts{Entities: 7500, Observations: 22500}) || told != 30 {
		t.Errorf("%+v, told %d times, %v", counts, told, err)
	}
	if !bytes.Equal(export(t, to), file) {
		t.Error("exported again it is another file")
	}
}

// TestFilesThatWereChanged: no byte can be lost or changed unnoticed.
func TestFilesThatWereChanged(t *testing.T) {
	whole, err := os.ReadFile("testdata/city.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	if counts, err := transfer.Verify(bytes.NewReader(whole), nil); err != nil || counts != (transfer.Counts{Entities: 2, Observations: 6}) {
		t.Fatalf("%+v, %v", counts, err)
	}
	for n := range whole {
		if _, err := transfer.Verify(bytes.NewReader(whole[:n]), nil); city.KindOf(err) != city.Invalid {
			t.Errorf("cut to %d bytes: %v", n, err)
		}
		changed := bytes.Clone(whole)
		changed[n] ^= 1
		if _, err := transfer.Verify(bytes.NewReader(changed), nil); city.KindOf(err) != city.Invalid {
			t.Errorf("byte %d changed: %v", n, err)
		}
	}
	lines := strings.SplitAfter(string(whole), "\n")
	for says, text := range map[string]string{
		"no export":              "id,name\n1,a\n",
		"reads \"polity":         `{"format":"polity-city-data/2"}` + "\n",
		"cut off":                strings.Join(lines[:5], ""),
		"something follows the":  string(whole) + "\n",
		"before the series":      lines[0] + "[1,0,0,1]\n",
		"neither an entity":      lines[0] + "{\"thing\":{}}\n",
		"there is no kind":       lines[0] + strings.Replace(lines[1], "LanguageProperty", "Poem", 1),
		"unknown field":          lines[0] + strings.Replace(lines[1], "types", "kinds", 1),
		"cannot be restored":     lines[0] + strings.Replace(lines[1], `"version":2`, `"version":0`, 1),
		"has no type":            lines[0] + strings.Replace(lines[1], `["Square","Place"]`, "[]", 1),
		"come before":            lines[0] + lines[2] + lines[1],
		"twice":                  lines[0] + lines[1] + lines[1],
		"no whole number":        strings.Join(lines[:4], "") + "[1.5,0,0,1]\n",
		"is no number":           strings.Join(lines[:4], "") + "[1,0,0,NaN]\n",
		"too many":               strings.Join(lines[:4], "") + "[1,9223372036854775807,0,1]\n",
		"covers":                 strings.Join(lines[:4], "") + "[1,0,1,1]\n",
		"an observation is":      strings.Join(lines[:4], "") + "[1,0,0]\n",
		"no base64":              strings.Join(lines[:4], "") + "[1,0,0,1,\"?\"]\n",
		"its last line says 3":   strings.Replace(string(whole), `"entities":2`, `"entities":3`, 1),
		"its last line says 123": whole1(string(whole)),
	} {
		_, err := transfer.Verify(strings.NewReader(text), nil)
		if city.KindOf(err) != city.Invalid || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", says, err)
		}
	}
}

// whole1 writes another digest.
func whole1(text string) string {
	before, after, _ := strings.Cut(text, `"sha256":"`)
	return before + `"sha256":"123` + after[3:]
}

func TestStoresThatHoldData(t *testing.T) {
	whole, err := os.ReadFile("testdata/city.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	for i := range backends {
		t.Run(backends[i].name, func(t *testing.T) {
			s := fresh(t, i, nil)
			observed := plane.Observation{Series: plane.Series{Key: plane.Key{ID: "urn:x:tori"}, Attribute: "occupancy"}, Start: begin, Value: 5}
			if _, err := s.Write(t.Context(), &plane.Batch{Changes: []plane.Change{plane.Put(&plane.Entity{Key: plane.Key{ID: "urn:x:here"}, Types: []string{"T"}})}, Observations: []plane.Observation{observed}}); err != nil {
				t.Fatal(err)
			}
			before := export(t, s)
			if _, err := transfer.Import(t.Context(), s, bytes.NewReader(whole), false, nil); city.KindOf(err) != city.Conflict {
				t.Error(err)
			}
			if !bytes.Equal(before, export(t, s)) {
				t.Error("the refused import changed something")
			}
			for range 2 { // again changes nothing
				if _, err := transfer.Import(t.Context(), s, bytes.NewReader(whole), true, nil); err != nil {
					t.Fatal(err)
				}
				if _, err := transfer.Compare(t.Context(), s, bytes.NewReader(whole), true, nil); err != nil {
					t.Error(err)
				}
			}
			if counts, err := transfer.Export(t.Context(), s, &bytes.Buffer{}, nil); err != nil || counts != (transfer.Counts{Entities: 3, Observations: 6}) {
				t.Errorf("%+v, %v", counts, err)
			}
			if _, err := transfer.Compare(t.Context(), s, bytes.NewReader(whole), false, nil); city.KindOf(err) != city.Conflict || !strings.Contains(err.Error(), "holds the entity urn:x:here") {
				t.Error(err)
			}
		})
	}
}

// TestCompareFindsEveryDifference takes away or changes one thing at a time.
func TestCompareFindsEveryDifference(t *testing.T) {
	whole, err := os.ReadFile("testdata/city.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	quay := plane.Key{Tenant: "harbour", ID: "urn:x:tori"}
	for says, change := range map[string]func(s plane.Store) error{
		"lacks the entity urn:x:tori of the tenant harbour": func(s plane.Store) error {
			_, err := s.Write(t.Context(), &plane.Batch{Changes: []plane.Change{plane.Remove(quay)}})
			return err
		},
		"in the store and": func(s plane.Store) error {
			_, err := s.Write(t.Context(), &plane.Batch{Changes: []plane.Change{plane.Update(quay, func(e *plane.Entity) error { e.Types = []string{"Pier"}; return nil })}})
			return err
		},
		"lacks the observation of ships": func(s plane.Store) error {
			_, err := s.Forget(t.Context(), quay, begin.AddDate(1, 0, 0))
			return err
		},
		"holds the observation of ships": func(s plane.Store) error {
			_, err := s.Write(t.Context(), &plane.Batch{Observations: []plane.Observation{{Series: plane.Series{Key: quay, Attribute: "ships"}, Start: begin.Add(1e6), Value: 1}}})
			return err
		},
	} {
		s := fresh(t, 0, nil)
		if _, err := transfer.Import(t.Context(), s, bytes.NewReader(whole), false, nil); err != nil {
			t.Fatal(err)
		}
		if err := change(s); err != nil {
			t.Fatal(err)
		}
		if _, err := transfer.Compare(t.Context(), s, bytes.NewReader(whole), false, nil); city.KindOf(err) != city.Conflict || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", says, err)
		}
	}
}

// FuzzVerify: whatever stands between the first line and the last, it is read without
// panic and refused as invalid, or it is what the last line says.
func FuzzVerify(f *testing.F) {
	whole, err := os.ReadFile("testdata/city.jsonl")
	if err != nil {
		f.Fatal(err)
	}
	first, rest, _ := bytes.Cut(whole, []byte{'\n'})
	f.Add(rest[:bytes.LastIndex(rest, []byte(`{"end"`))])
	f.Fuzz(func(t *testing.T, middle []byte) {
		text := append(append(bytes.Clone(first), '\n'), middle...)
		var counts transfer.Counts
		for line := range bytes.Lines(middle) {
			if bytes.HasPrefix(line, []byte(`{"entity":`)) {
				counts.Entities++
			} else if bytes.HasPrefix(line, []byte{'['}) {
				counts.Observations++
			}
		}
		text = fmt.Appendf(text, "{\"end\":{\"entities\":%d,\"observations\":%d,\"sha256\":\"%x\"}}\n", counts.Entities, counts.Observations, sha256.Sum256(text))
		got, err := transfer.Verify(bytes.NewReader(text), nil)
		switch {
		case err != nil && city.KindOf(err) != city.Invalid && city.KindOf(err) != city.TooLarge:
			t.Errorf("kind %v: %v", city.KindOf(err), err)
		case err == nil && got != counts:
			t.Errorf("read %+v of %+v", got, counts)
		}
	})
}
