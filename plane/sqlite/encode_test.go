package sqlite_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"polity/plane"
	"polity/plane/sqlite"
)

// full has all that a body can hold.
func full() *plane.Entity {
	at := time.UnixMilli(1_790_000_000_123).UTC()
	e := &plane.Entity{Key: plane.Key{ID: "urn:x:1"}, Types: []string{"T", "U"}, Scopes: []string{"/a/b"}, Created: time.UnixMilli(0).UTC(), Modified: time.UnixMilli(0).UTC()}
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
		got, err := sqlite.DecodeBody(sqlite.EncodeBody(e))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if diff := cmp.Diff(e, got); diff != "" {
			t.Errorf("%s: (-wrote +read)\n%s", name, diff)
		}
	}
}

func TestDamagedBodiesAreErrors(t *testing.T) {
	whole := sqlite.EncodeBody(full())
	for n := range whole {
		if _, err := sqlite.DecodeBody(whole[:n]); err == nil {
			t.Errorf("the first %d of %d bytes are read without an error", n, len(whole))
		}
	}
	if _, err := sqlite.DecodeBody(append(whole, 0)); err == nil {
		t.Error("a byte left over is no error")
	}
	if _, err := sqlite.DecodeBody([]byte(`{"t":["T"]}`)); err == nil {
		t.Error("JSON is read without an error")
	}
}

func FuzzBody(f *testing.F) {
	f.Add(sqlite.EncodeBody(full()))
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := sqlite.DecodeBody(b)
		if err != nil {
			return
		}
		again, err := sqlite.DecodeBody(sqlite.EncodeBody(e))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(e, again); diff != "" {
			t.Errorf("(-first +again)\n%s", diff)
		}
	})
}
