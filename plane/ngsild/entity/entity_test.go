package entity_test

import (
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"testing"

	"polity/plane/ngsild/entity"
	"polity/plane/ngsild/jsonld"
	"polity/plane/ngsild/jsontext"
)

func core(t testing.TB) *jsonld.Context {
	t.Helper()
	c, err := jsonld.NewCache(func(context.Context, string) ([]byte, error) { return nil, errors.New("nothing is fetched") })
	if err != nil {
		t.Fatal(err)
	}
	return c.Core()
}

// FuzzEntity holds that whatever is taken is written so that it is read as the same,
// in the forms that lose nothing.
func FuzzEntity(f *testing.F) {
	for _, s := range []string{
		`{"id":"urn:x:1","type":"T","a":1,"b":{"type":"Property","value":{"type":"x"}},"scope":"/a"}`,
		`{"id":"urn:x:1","type":["T","U"],"a":[{"value":1,"datasetId":"urn:d"},{"value":2}],"l":{"languageMap":{"fi":"x"}}}`,
		`{"id":"urn:x:1","type":"T","g":{"type":"Point","coordinates":[1,2]},"v":{"vocab":["a","b"]},"j":{"json":null},"r":{"object":"urn:y","objectType":"Q","since":{"value":1}}}`,
		`{"id":"urn:x:1","type":"T","vl":{"valueList":[1,[2]]},"ol":{"objectList":[{"object":"urn:z"}]},"d":{"value":1,"observedAt":"2026-01-01T00:00:00.5Z","unitCode":"CEL"}}`,
	} {
		f.Add([]byte(s))
	}
	c := core(f)
	f.Fuzz(func(t *testing.T, text []byte) {
		if jsontext.Valid(text) != nil {
			return
		}
		o, ok := jsontext.Parse(text)
		if !ok {
			return
		}
		p := &entity.Parser{Context: c}
		fragment, err := p.Fragment(o)
		if err != nil {
			return
		}
		e, err := fragment.Entity("")
		if err != nil {
			return
		}
		for _, form := range []entity.Form{entity.Normalised, entity.Concise} {
			v := &entity.View{Context: c, Form: form}
			out := v.Append(nil, e)
			if !json.Valid(out) {
				t.Fatalf("form %d of %s is no JSON: %s", form, text, out)
			}
			again, _ := jsontext.Parse(out)
			f2, err := p.Fragment(again)
			if err != nil {
				t.Fatalf("form %d of %s is not read again: %v in %s", form, text, err, out)
			}
			e2, err := f2.Entity("")
			if err != nil {
				t.Fatalf("form %d of %s is not read again: %v in %s", form, text, err, out)
			}
			if !reflect.DeepEqual(e, e2) {
				t.Fatalf("form %d of %s is read otherwise: %s\n%+v\n%+v", form, text, out, e, e2)
			}
		}
		(&entity.View{Context: c, Form: entity.Simplified}).Append(nil, e)
		(&entity.View{Context: c}).AppendFeature(nil, e)
	})
}

// FuzzMembers reads the parameters pick and omit.
func FuzzMembers(f *testing.F) {
	f.Add("id,a{b,c{d}}|e")
	c := core(f)
	f.Fuzz(func(_ *testing.T, text string) {
		if m, err := entity.ParseMembers(c, text); err == nil {
			m.Overlaps(m)
		}
	})
}
