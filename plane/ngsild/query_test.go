package ngsild_test

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// TestQueries asks a small town in every language of clauses 4.9, 4.10, 4.17, 4.19.
func TestQueries(t *testing.T) {
	a := newAPI(t)
	a.must(201, "POST", "/entityOperations/create", `[
		{"id":"urn:x:a","type":"Car","speed":{"type":"Property","value":50,"observedAt":"2026-01-01T10:00:00Z","by":"radar"},"colour":"red","scope":"/town/centre"},
		{"id":"urn:x:b","type":["Car","Taxi"],"speed":80,"colour":["red","blue"],"tags":{"type":"Property","value":{"owner":{"name":"Aino"}}},"scope":["/town/north","/fleet"]},
		{"id":"urn:x:c","type":"Bike","kind":{"vocab":"cargo"},"name":{"languageMap":{"fi":"pyörä","en":"bike"}},"on":{"object":"urn:x:road"}},
		{"id":"urn:x:d","type":"Stop","location":{"type":"Point","coordinates":[24.94,60.17]}},
		{"id":"urn:x:e","type":"Stop","location":{"type":"Point","coordinates":[24.95,60.17]}},
		{"id":"urn:x:f","type":"Zone","location":{"type":"Polygon","coordinates":[[[24.9,60.1],[25,60.1],[25,60.2],[24.9,60.2],[24.9,60.1]]]}},
		{"id":"urn:x:road","type":"Road","limit":30}]`)
	for _, c := range []struct{ query, want string }{
		{"type=Car", "a b"},
		{"type=Bike,Taxi", "b c"},
		{"type=(Car;Taxi)|Bike", "b c"},
		{"type=Car;Bike", ""},
		{"type=Car&idPattern=b$", "b"},
		{"q=speed>50", "b"},
		{"q=speed>=50", "a b"},
		{"q=speed<80;colour==\"red\"", "a"},
		{"q=speed==40..60", "a"},
		{"q=speed==50,80", "a b"},
		{"q=speed!=50", "b"},
		{"q=(speed>70|kind);!tags", "c"},
		{"q=colour==\"blue\"", "b"},
		{"q=colour~=\"^r\"", "a b"},
		{"q=speed.by==\"radar\"", "a"},
		{"q=speed.observedAt>2025-12-31T00:00:00Z", "a"},
		{"q=tags[owner.name]==\"Aino\"", "b"},
		{"q=kind==cargo", "c"},
		{"q=name[fi]==\"pyörä\"", "c"},
		{"q=name[sv]", ""},
		{"q=name==\"bike\"", "c"},
		{"q=on==urn:x:road", "c"},
		{"q=on{limit<50}", "c"},
		{"q=on{limit>50}", ""},
		{"q=createdAt>2020-01-01T00:00:00Z&type=Bike", "c"},
		{"attrs=kind,tags", "b c"},
		{"type=Car&scopeQ=/town/%2B", "a b"},
		{"type=Car&scopeQ=/town/centre", "a"},
		{"type=Car&scopeQ=/town/%23;/fleet", "b"},
		{"type=Stop&georel=near;maxDistance==100&geometry=Point&coordinates=[24.94,60.17]", "d"},
		{"type=Stop&georel=near;maxDistance==600&geometry=Point&coordinates=[24.94,60.17]", "d e"},
		{"type=Stop&georel=near;minDistance==100&geometry=Point&coordinates=[24.94,60.17]", "e"},
		{"georel=within&geometry=Polygon&coordinates=[[[24.93,60.16],[24.945,60.16],[24.945,60.18],[24.93,60.18],[24.93,60.16]]]", "d"},
		{"georel=contains&geometry=Point&coordinates=[24.95,60.15]", "f"},
		{"georel=intersects&geometry=LineString&coordinates=[[24.94,60.17],[24.99,60.3]]", "d f"},
		{"georel=equals&geometry=Point&coordinates=[24.95,60.17]", "e"},
		{"georel=overlaps&geometry=Polygon&coordinates=[[[24.95,60.15],[25.1,60.15],[25.1,60.3],[24.95,60.3],[24.95,60.15]]]", "f"},
		{"type=Stop,Zone&georel=disjoint&geometry=Point&coordinates=[24.94,60.17]", "e"},
		{"type=Car&orderBy=speed;desc", "b a"},
		{"local=true&limit=2&offset=3", "d e"},
	} {
		t.Run(c.query, func(t *testing.T) {
			a := a.in(t)
			var list []struct{ ID string }
			if err := json.Unmarshal([]byte(a.must(200, "GET", "/entities?"+escaped(c.query), "").body), &list); err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, e := range list {
				got = append(got, strings.TrimPrefix(e.ID, "urn:x:"))
			}
			if !slices.Equal(got, strings.Fields(c.want)) {
				t.Errorf("got %v, want %s", got, c.want)
			}
		})
	}
}

// escaped percent-encodes values, except what is encoded already.
func escaped(query string) string {
	var parts []string
	for part := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(part, "=")
		if !strings.Contains(value, "%") {
			value = url.QueryEscape(value)
		}
		parts = append(parts, name+"="+value)
	}
	return strings.Join(parts, "&")
}

func TestPages(t *testing.T) {
	a := newAPI(t)
	a.must(201, "POST", "/entityOperations/create", `[{"id":"urn:x:1","type":"T"},{"id":"urn:x:2","type":"T"},{"id":"urn:x:3","type":"T"}]`)
	got := a.must(200, "GET", "/entities?type=T&limit=1&offset=1&count=true", "")
	links := strings.Join(got.header.Values("Link"), "\n")
	for _, want := range []string{
		`</ngsi-ld/v1/entities?type=T&count=true&limit=1&offset=0>;rel="prev"`, `</ngsi-ld/v1/entities?type=T&count=true&limit=1&offset=2>;rel="next"`,
	} {
		if !strings.Contains(links, want) {
			t.Errorf("6.3.10: no link %s in %s", want, links)
		}
	}
	if got.header.Get("NGSILD-Results-Count") != "3" {
		t.Errorf("6.3.13: count %q", got.header.Get("NGSILD-Results-Count"))
	}
	if got := a.must(200, "GET", "/entities?type=T&limit=0&count=true", ""); got.body != "[]" || got.header.Get("NGSILD-Results-Count") != "3" {
		t.Errorf("6.3.13: %s %q", got.body, got.header.Get("NGSILD-Results-Count"))
	}
}
