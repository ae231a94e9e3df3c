package query_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"polity/plane"
	"polity/plane/ngsild/jsonld"
	"polity/plane/ngsild/query"
)

func core(t testing.TB) *jsonld.Context {
	t.Helper()
	c, err := jsonld.NewCache(func(context.Context, string) ([]byte, error) { return nil, errors.New("nothing is fetched") })
	if err != nil {
		t.Fatal(err)
	}
	return c.Core()
}

var probe = &plane.Entity{
	Key: plane.Key{ID: "urn:x:1"}, Types: []string{"T"}, Scopes: []string{"/a/b"},
	Attributes: []plane.Attribute{
		{Name: "a", Kind: plane.Property, Value: []byte(`{"b":[1,"x",null,{"c":true}]}`), Meta: []plane.Attribute{{Name: "m", Kind: plane.Property, Value: []byte(`1`)}}},
		{Name: "location", Kind: plane.Geo, Value: []byte(`{"type":"Polygon","coordinates":[[[0,0],[1,0],[1,1],[0,0]]]}`)},
		{Name: "l", Kind: plane.Language, Value: []byte(`{"fi":"x"}`)},
	},
}

// FuzzQ holds that a query is refused or answered, and that a query joined to itself
// by "or" answers the same.
func FuzzQ(f *testing.F) {
	for _, s := range []string{`a==1`, `a[b.c]=="x";m`, `(a|b);!c`, `a.m>0`, `l[fi]~="^x"`, `a==1..2,"x"`, `a{b==1}`, `a=="\"`, strings.Repeat("(", 50)} {
		f.Add(s)
	}
	c := core(f)
	f.Fuzz(func(t *testing.T, text string) {
		q, err := query.ParseQ(c, text)
		if err != nil {
			return
		}
		is := q.Match(probe, func(string) *plane.Entity { return probe })
		if twice, err := query.ParseQ(c, "("+text+")|("+text+")"); err == nil && twice.Match(probe, func(string) *plane.Entity { return probe }) != is {
			t.Errorf("%q answers %v, and otherwise when asked twice", text, is)
		}
	})
}

func FuzzNames(f *testing.F) {
	f.Add("(A;B)|C", "/a/+/#;/b")
	c := core(f)
	f.Fuzz(func(_ *testing.T, types, scopes string) {
		if t, err := query.ParseTypes(c, types); err == nil {
			t.Match(probe.Types)
			t.Names()
		}
		if s, err := query.ParseScopes(scopes); err == nil {
			s.Match(probe.Scopes)
		}
	})
}

// FuzzGeo holds that a geo-query is refused or answered, and that within its box lies
// what it matches.
func FuzzGeo(f *testing.F) {
	f.Add("near;maxDistance==100", "Point", "[0,0]")
	f.Add("within", "Polygon", "[[[0,0],[2,0],[2,2],[0,0]]]")
	f.Add("overlaps", "Polygon", "[[[0,0],[2,2],[2,0],[0,2],[0,0]]]")
	f.Add("equals", "LineString", "[[0,0],[0,0]]")
	f.Add("contains", "MultiPolygon", "[[[[0,0],[1,0],[1,1],[0,0]]],[[[0,0],[1,0],[1,1],[0,0]]]]")
	c := core(f)
	f.Fuzz(func(t *testing.T, georel, geometry, coordinates string) {
		g, err := query.ParseGeo(c, georel, geometry, coordinates, "")
		if err != nil {
			return
		}
		if !g.Match(probe) || g.Box() == nil {
			return
		}
		b, _ := probe.Bounds()
		if x := g.Box(); b.West > x.East || b.East < x.West || b.South > x.North || b.North < x.South {
			t.Errorf("%s %s %s matches outside of its box %v", georel, geometry, coordinates, *x)
		}
	})
}
