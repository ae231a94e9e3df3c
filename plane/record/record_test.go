package record_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"polity/city"
	"polity/plane"
	"polity/plane/record"
)

const line = `{"tenant":"harbour","id":"urn:x:1","types":["Quay","Place"],"scopes":["/centre"],"created":"2026-11-22T14:00:00Z","modified":"2026-11-22T14:00:00.25Z","version":3,` +
	`"attributes":[{"name":"depth","dataset":"urn:x:sonar","kind":"Property","value":9.50,"unit":"MTR","observed_at":"2026-11-22T13:59:59.000000001Z","created":"2026-11-22T14:00:00Z","modified":"2026-11-22T14:00:00Z",` +
	`"meta":[{"name":"by","kind":"Relationship","value":"urn:x:<2>","created":"2026-11-22T14:00:00Z","modified":"2026-11-22T14:00:00Z"}]}]}`

func TestEntityAndItsLine(t *testing.T) {
	at := time.Date(2026, 11, 22, 14, 0, 0, 0, time.UTC)
	want := &plane.Entity{
		Key: plane.Key{Tenant: "harbour", ID: "urn:x:1"}, Types: []string{"Quay", "Place"}, Scopes: []string{"/centre"},
		Created: at, Modified: at.Add(250 * time.Millisecond), Version: 3,
		Attributes: []plane.Attribute{{
			Name: "depth", Dataset: "urn:x:sonar", Kind: plane.Property, Value: json.RawMessage(`9.50`), Unit: "MTR", ObservedAt: at.Add(1 - time.Second), Created: at, Modified: at,
			Meta: []plane.Attribute{{Name: "by", Kind: plane.Relationship, Value: json.RawMessage(`"urn:x:<2>"`), Created: at, Modified: at}},
		}},
	}
	got, err := record.Decode([]byte(line))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	want.Created = want.Created.In(time.FixedZone("east", 7200))
	if b, err := record.Append([]byte("before "), want); err != nil || string(b) != "before "+line {
		t.Errorf("%s, %v", b, err)
	}
}

func TestWrongLines(t *testing.T) {
	for what, text := range map[string]string{
		"cut":         line[:len(line)-1],
		"more behind": line + "{}",
		"a field":     strings.Replace(line, `"unit"`, `"units"`, 1),
		"a kind":      strings.Replace(line, `"Property"`, `"Thing"`, 1),
		"a time":      strings.Replace(line, "T14", "T25", 1),
		"a version":   strings.Replace(line, `"version":3`, `"version":-3`, 1),
		"nothing":     "",
	} {
		if _, err := record.Decode([]byte(text)); city.KindOf(err) != city.Invalid {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := record.Append(nil, &plane.Entity{Attributes: []plane.Attribute{{Value: json.RawMessage("1")}}}); err == nil {
		t.Error("an attribute without kind was written")
	}
}

// FuzzDecode: what is read and right is written and read as the same.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(line))
	f.Fuzz(func(t *testing.T, text []byte) {
		e, err := record.Decode(text)
		if err != nil || e.Check() != nil {
			return
		}
		b, err := record.Append(nil, e)
		if err != nil {
			return // a year that RFC 3339 does not have
		}
		again, err := record.Decode(b)
		if err != nil {
			t.Fatalf("%s: %v", b, err)
		}
		if diff := cmp.Diff(e, again); diff != "" {
			t.Error(diff)
		}
	})
}
