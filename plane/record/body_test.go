package record_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"polity/plane"
	"polity/plane/record"
)

// full has all that a body can hold.
func full() *plane.Entity {
	at := time.UnixMilli(1_790_000_000_123).UTC()
	e := &plane.Entity{Key: plane.Key{Tenant: "harbour", ID: "urn:x:1"}, Types: []string{"T", "U"}, Scopes: []string{"/a/b"}, Version: 7, Created: time.UnixMilli(0).UTC(), Modified: time.UnixMilli(0).UTC()}
	for i, kind := range []plane.Kind{plane.Property, plane.Relationship, plane.Language} {
		a := plane.Attribute{Name: "näme", Kind: kind, Value: json.RawMessage(`{"a":[1,"<ö>"]}`), Created: at, Modified: at.Add(-time.Hour)}
		if i > 0 {
			a.Dataset, a.Unit, a.ObservedAt = "urn:d", "CEL", at.Add(123456789)
			a.Meta = []plane.Attribute{{Name: "of", Kind: plane.Property, Value: json.RawMessage(`1`), Created: at, Modified: at, Meta: []plane.Attribute{{Name: "deeper", Kind: plane.JSON, Value: json.RawMessage(`[]`), Created: at, Modified: at}}}}
		}
		e.Attributes = append(e.Attributes, a)
	}
	return e
}

func TestBodiesReadBack(t *testing.T) {
	for name, e := range map[string]*plane.Entity{
		"all there is": full(),
		"hardly any":   {Key: plane.Key{ID: "urn:x:1"}, Types: []string{"T"}, Created: time.UnixMilli(0).UTC(), Modified: time.UnixMilli(0).UTC()},
	} {
		line, err := record.Append(nil, e)
		if err != nil {
			t.Fatal(err)
		}
		for form, b := range map[string][]byte{"packed": record.Pack(e), "as JSON": line} {
			got, err := record.Unpack(b)
			if err != nil {
				t.Fatalf("%s, %s: %v", name, form, err)
			}
			if diff := cmp.Diff(e, got); diff != "" {
				t.Errorf("%s, %s: (-wrote +read)\n%s", name, form, diff)
			}
		}
		got := &plane.Entity{Key: e.Key, Created: e.Created, Modified: e.Modified, Version: e.Version}
		if err := record.ReadBody(record.Body(e), got); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if diff := cmp.Diff(e, got); diff != "" {
			t.Errorf("%s: (-wrote +read)\n%s", name, diff)
		}
	}
}

func TestDamagedBodiesAreErrors(t *testing.T) {
	whole := record.Pack(full())
	for n := range whole {
		if _, err := record.Unpack(whole[:n]); err == nil {
			t.Errorf("the first %d of %d bytes are read without an error", n, len(whole))
		}
	}
	if _, err := record.Unpack(append(whole, 0)); err == nil {
		t.Error("a byte left over is no error")
	}
	if _, err := record.Unpack([]byte(`{"t":["T"]}`)); err == nil {
		t.Error("other JSON is read without an error")
	}
	var e plane.Entity
	if err := record.ReadBody([]byte(`{"t":["T"]}`), &e); err == nil {
		t.Error("JSON is read as a body without an error")
	}
}

func FuzzBody(f *testing.F) {
	f.Add(record.Pack(full()))
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := record.Unpack(b)
		if err != nil || b[0] == '{' {
			return
		}
		again, err := record.Unpack(record.Pack(e))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(e, again); diff != "" {
			t.Errorf("(-first +again)\n%s", diff)
		}
	})
}
