package entry

import (
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"polity/city"
	"polity/ledger/canonical"
	"polity/ledger/roster/rostertest"
)

var update = flag.Bool("update", false, "write vectors and schemas anew")

type slug = city.Slug

func golden(t *testing.T, path string, want []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, want, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(path); err != nil || string(got) != string(want) {
		t.Errorf("%s is not what the code writes (%v); see 'go test ./ledger/entry -update'", path, err)
	}
}

func TestEveryTypeIsWrittenReadAndVerified(t *testing.T) {
	c := rostertest.New("vectors")
	var lines []byte
	list := samples(t)
	if len(list) != len(all()) {
		t.Fatalf("%d samples of %d types", len(list), len(all()))
	}
	for i, e := range list {
		if e.of() != all()[i].of() {
			t.Fatalf("sample %d is a %s, not a %s", i, e.of(), all()[i].of())
		}
		data, err := Encode(e)
		if err != nil {
			t.Errorf("%s: %v", e.of(), err)
			continue
		}
		lines = append(append(lines, data...), '\n')
		again, err := Decode(data)
		if err != nil || !reflect.DeepEqual(e, again) {
			t.Errorf("%s is read as %+v, %v", e.of(), again, err)
			continue
		}
		if s, ok := again.(Signed); ok {
			if err := Verify(s, &c.Roster.Roster); err != nil {
				t.Errorf("%s: %v", e.of(), err)
			}
		}
	}
	golden(t, filepath.Join("testdata", "entries.txt"), lines)
}

func TestSchemasAgree(t *testing.T) {
	for _, e := range samples(t) {
		path := filepath.Join("schema", string(e.of())+".json")
		schema, err := Schema(e.of())
		if err != nil {
			t.Fatal(err)
		}
		golden(t, path, schema)
		compiled, err := jsonschema.NewCompiler().Compile(path)
		if err != nil {
			t.Fatal(err)
		}
		data, err := Encode(e)
		if err != nil {
			t.Fatal(err)
		}
		value, err := jsonschema.UnmarshalJSON(strings.NewReader(string(data)))
		if err != nil {
			t.Fatal(err)
		}
		if err := compiled.Validate(value); err != nil {
			t.Errorf("%s: %v", e.of(), err)
		}
		value.(map[string]any)["note"] = "text" //nolint:forcetypeassert // it is an object
		if compiled.Validate(value) == nil {
			t.Errorf("%s: its schema lets a member more in", e.of())
		}
	}
}

// TestNoTypeHasRoomForText walks every member of every type: each has a rule, and each
// that is text refuses what may be about somebody.
func TestNoTypeHasRoomForText(t *testing.T) {
	about := []string{
		"Matti Meikäläinen", "matti.meikalainen@example.com", "ABC-123", "abc-123", "hel-123", "b-ab-1234", "tel-0401234567", "id-131052-308t", "60.1699,24.9384",
		"at-6016-2493", "at-60169-24938", "a person in a red coat", "red\ncoat", "", "x\x00y", "<b>", strings.Repeat("a", 60), "A", "-a", "a--b", "a-",
	}
	members := 0
	var walk func(Entry, []rule, reflect.Value)
	walk = func(e Entry, list []rule, v reflect.Value) {
		fill(e)
		for _, r := range list {
			f := v.Field(r.index)
			if f.Kind() == reflect.Pointer {
				if f.IsNil() {
					continue
				}
				f = f.Elem()
			}
			if r.kind == "members" {
				walk(e, r.members, f)
				continue
			}
			if f.Kind() == reflect.Slice && f.Type().Elem().Kind() == reflect.String {
				f = f.Index(0)
			}
			if f.Kind() != reflect.String {
				continue
			}
			members++
			before := f.String()
			for _, text := range about {
				if text == "" && r.optional {
					continue
				}
				f.SetString(text)
				err := Check(e)
				if err == nil {
					t.Errorf("%s.%s takes %q", e.of(), r.path, text)
				} else if len(text) > 4 && strings.Contains(err.Error(), text) {
					t.Errorf("%s.%s: the refusal repeats the text: %v", e.of(), r.path, err)
				}
			}
			f.SetString(before)
			if err := Check(e); err != nil {
				t.Errorf("%s.%s: %v", e.of(), r.path, err)
			}
		}
	}
	for _, e := range samples(t) {
		if err := canonical.Ordered(reflect.TypeOf(e)); err != nil {
			t.Error(err)
		}
		walk(e, rules[e.of()], reflect.ValueOf(e).Elem())
	}
	if members < 80 {
		t.Errorf("only %d members were tried", members)
	}
}

func TestATypeWithTextIsFound(t *testing.T) {
	for _, bad := range []any{
		struct {
			Note string `json:"note"`
		}{},
		struct {
			Note []string `json:"note"`
		}{},
		struct {
			Any any `json:"any"`
		}{},
		struct {
			N float64 `json:"n"`
		}{},
		struct {
			In struct {
				Note map[string]string `json:"note"`
			} `json:"in"`
		}{},
		struct {
			Name slug `json:"name"`
		}{},
		struct {
			Note string `json:"note" is:"text"`
		}{},
	} {
		if _, err := read(reflect.TypeOf(bad), ""); err == nil {
			t.Errorf("%T has rules", bad)
		}
	}
}

func TestRefusals(t *testing.T) {
	list := samples(t)
	encode := func(e Entry) string {
		data, err := Encode(e)
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	retention := encode(list[15])
	for name, bad := range map[string]struct{ data, want string }{
		"empty":            {"", "says no type"},
		"no JSON":          {`"type":"retention"`, "must begin here"},
		"cut":              {retention[:len(retention)-7], "too early|whole number"},
		"cut in its type":  {`{"type":"reten`, "cut off"},
		"unknown type":     {strings.Replace(retention, `"retention"`, `"person-seen"`, 1), "not on the list"},
		"a later version":  {strings.Replace(retention, `"v":1`, `"v":2`, 1), "this version reads 1"},
		"a member more":    {strings.Replace(retention, `,"v":1`, `,"v":1,"who":"matti"`, 1), "out of order"},
		"a number too big": {strings.Replace(retention, `"hours":168`, `"hours":721`, 1), "0 to 720"},
		"another order":    {strings.Replace(retention, `"class":"usual","hours":168`, `"hours":168,"class":"usual"`, 1), "canonical"},
		"a name as text":   {strings.Replace(retention, `"square"`, `"Matti M"`, 1), "no name"},
		"too large":        {strings.Repeat("x", MaxRoster+1), "are allowed"},
	} {
		_, err := Decode([]byte(bad.data))
		if err == nil || city.KindOf(err) == city.Internal || !slices.ContainsFunc(strings.Split(bad.want, "|"), func(w string) bool { return strings.Contains(err.Error(), w) }) {
			t.Errorf("%s: %v; want %q", name, err, bad.want)
		}
		if err != nil && strings.Contains(err.Error(), "atti") {
			t.Errorf("%s: the refusal repeats the text: %v", name, err)
		}
	}
}

func TestSignaturesBindEverything(t *testing.T) {
	c := rostertest.New("vectors")
	for _, e := range samples(t) {
		s, ok := e.(Signed)
		if !ok {
			continue
		}
		v := reflect.ValueOf(e).Elem()
		for f, value := range v.Fields() {
			name := f.Name
			if slices.Contains([]string{"Type", "V", "Signature"}, name) || value.Kind() == reflect.Pointer {
				continue
			}
			before := reflect.New(value.Type()).Elem()
			before.Set(value)
			switch value.Kind() {
			case reflect.String:
				value.SetString(value.String() + "x")
			case reflect.Int64:
				value.SetInt(value.Int() + 1)
			case reflect.Slice:
				value.Set(reflect.Zero(value.Type()))
			default:
				value.SetZero()
			}
			if e.of() == "segments" && name == "Hour" {
				value.SetString("2026-12-01T15:00:00Z")
			}
			if Verify(s, &c.Roster.Roster) == nil {
				t.Errorf("%s: another %s is verified", e.of(), name)
			}
			value.Set(before)
		}
		if err := Verify(s, &c.Roster.Roster); err != nil {
			t.Error(err)
		}
	}
}

func TestNamesAreTold(t *testing.T) {
	got := Names(samples(t)[11])
	want := []Named{{Owner, "court"}, {Camera, "quay"}, {Camera, "square"}, {Device, "court-1"}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("names are %v, want %v", got, want)
	}
}

func FuzzEntry(f *testing.F) {
	for _, e := range samples(f) {
		data, err := Encode(e)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := Decode(data)
		if kind, unknown := peek(data); unknown == nil {
			other := makers[kind]()
			if slow := canonical.Decode(data, other); (slow == nil && Check(other) == nil && len(data) <= limit(kind)) != (err == nil) {
				t.Errorf("%q: %v, but reading and writing again says %v", data, err, slow)
			}
		}
		if err != nil {
			return
		}
		again, err := Encode(e)
		if err != nil || string(again) != string(data) {
			t.Errorf("%q is taken and written %q, %v", data, again, err)
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	data, err := Encode(samples(b)[6])
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := Decode(data); err != nil {
			b.Fatal(err)
		}
	}
}

func TestTheFormatsExampleIsOne(t *testing.T) {
	doc, err := os.ReadFile("../../docs/formats/ledger.md")
	if err != nil {
		t.Fatal(err)
	}
	_, example, _ := strings.Cut(string(doc), "```\n{")
	example, _, _ = strings.Cut("{"+example, "\n")
	if e, err := Decode([]byte(example)); err != nil || e.of() != "looks" {
		t.Errorf("the example of docs/formats/ledger.md: %v", err)
	}
	for _, e := range all() {
		if !strings.Contains(string(doc), "| `"+string(e.of())+"` | ") {
			t.Errorf("docs/formats/ledger.md has no row for %s", e.of())
		}
	}
}
