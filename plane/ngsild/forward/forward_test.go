package forward

import (
	"strings"
	"testing"
	"time"

	"polity/plane"
	"polity/plane/ngsild/jsonld"
	"polity/plane/ngsild/jsontext"
	"polity/plane/ngsild/query"
)

var now = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)

func core(t testing.TB) *jsonld.Context {
	t.Helper()
	c, err := jsonld.NewCache(nil)
	if err != nil {
		t.Fatal(err)
	}
	return c.Core()
}

// registered makes a registration of members beside id, type and endpoint.
func registered(t testing.TB, id, members string) *Registration {
	t.Helper()
	r, err := parse(t, id, members)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func parse(t testing.TB, id, members string) (*Registration, error) {
	t.Helper()
	o, ok := jsontext.Parse([]byte(`{"id":"urn:x:` + id + `","endpoint":"http://source.example:8080/",` + members + `}`))
	if !ok {
		t.Fatalf("%s is no JSON", members)
	}
	return Parse(o, core(t))
}

const (
	vehicles = `"information":[{"entities":[{"type":"Vehicle"}]}]`
	speedOf7 = `"mode":"exclusive","operations":["redirectionOps"],"information":[{"entities":[{"type":"Vehicle","id":"urn:x:7"}],"propertyNames":["speed"]}]`
)

func TestBadRegistrationsAreRefusedWithTheirReason(t *testing.T) {
	for members, why := range map[string]string{
		`"mode":"loud",` + vehicles:                                         "mode",
		`"information":[]`:                                                  "information",
		`"information":[7]`:                                                 "not an object",
		`"information":[{}]`:                                                "neither entities",
		`"information":[{"entities":[{"id":"urn:x:1"}]}]`:                   "no type",
		`"information":[{"entities":[{"type":"V","id":"one"}]}]`:            "not a URI",
		`"information":[{"entities":[{"type":"V","idPattern":"("}]}]`:       "regular expression",
		`"operations":["fly"],` + vehicles:                                  "fly",
		`"operations":[],` + vehicles:                                       "operations",
		`"management":{"timeout":0},` + vehicles:                            "timeout",
		`"management":{"cooldown":"long"},` + vehicles:                      "cooldown",
		`"management":7,` + vehicles:                                        "management",
		`"contextSourceInfo":[{"key":"a"}],` + vehicles:                     "contextSourceInfo",
		`"contextSourceInfo":[{"key":"Host","value":"x"}],` + vehicles:      "Host",
		`"contextSourceInfo":[{"key":"VIA","value":"x"}],` + vehicles:       "Via",
		`"contextSourceInfo":[{"key":"a b","value":"x"}],` + vehicles:       "no header",
		`"contextSourceInfo":[{"key":"X-A","value":"x\ny: z"}],` + vehicles: "no header",
	} {
		if _, err := parse(t, "r", members); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%s: %v, want a reason with %q", members, err, why)
		}
	}
}

// Clause 4.20.
func TestGroupsOfOperations(t *testing.T) {
	for names, want := range map[string]Op{
		``:                                     RetrieveEntity | QueryEntity | QueryBatch | discovery,
		`"operations":["retrieveOps"],`:        RetrieveEntity | QueryEntity,
		`"operations":["updateOps"],`:          UpdateEntity | UpdateAttrs | ReplaceEntity | ReplaceAttrs,
		`"operations":["createEntity"],`:       CreateEntity,
		`"operations":["createSubscription"],`: 0,
	} {
		if got := registered(t, "r", names+vehicles).Ops; got != want {
			t.Errorf("%s: %b, want %b", names, got, want)
		}
	}
	if ops := registered(t, "r", `"operations":["redirectionOps"],`+vehicles).Ops; ops.allows(CreateBatch|QueryBatch) || !ops.allows(DeleteAttrs) {
		t.Errorf("redirectionOps are %b", ops)
	}
}

func TestChoose(t *testing.T) {
	types, err := query.ParseTypes(core(t), "Vehicle")
	if err != nil {
		t.Fatal(err)
	}
	ofType := Scope{Selectors: []query.Selector{{Types: types}}}
	past := registered(t, "past", vehicles)
	past.Past = true
	expired := registered(t, "expired", vehicles)
	expired.Expires = now
	list := []*Registration{
		registered(t, "aux", `"mode":"auxiliary",`+vehicles), registered(t, "inc", vehicles),
		registered(t, "red", `"mode":"redirect",`+vehicles), registered(t, "exc", speedOf7),
		registered(t, "other", `"information":[{"entities":[{"type":"Building"}]}]`),
		registered(t, "pattern", `"information":[{"entities":[{"type":"Vehicle","idPattern":"^urn:x:8"}]}]`),
		registered(t, "names", `"information":[{"propertyNames":["speed"]}]`),
		registered(t, "alias", `"contextSourceAlias":"them",`+vehicles), past, expired,
	}
	for _, c := range []struct {
		name string
		ops  Op
		s    Scope
		via  []string
		want string
	}{
		{"by type, in order of precedence", QueryEntity, ofType, nil, "exc red alias inc names pattern aux"},
		{"a source that it came by is not asked again (6.3.18)", QueryEntity, ofType, []string{"us", "them"}, "exc red inc names pattern aux"},
		{"by id", QueryEntity, One("urn:x:7", nil, nil), nil, "exc red alias inc names other aux"},
		{"by id and pattern", QueryEntity, One("urn:x:81", nil, nil), nil, "red alias inc names other pattern aux"},
		{"by type of what is known", QueryEntity, One("urn:x:7", []string{"Building"}, nil), nil, "names other"},
		{"by attribute", QueryEntity, One("urn:x:7", nil, []string{"colour"}), nil, "red alias inc other aux"},
		{"of those that hold the data in place, the ones that do not allow it say so", CreateEntity, One("urn:x:7", []string{"Vehicle"}, nil), nil, "exc red!"},
	} {
		var got []string
		for _, s := range Choose(list, c.ops, c.s, c.via, now) {
			name := strings.TrimPrefix(s.ID, "urn:x:")
			if s.Refused != "" {
				name += "!"
			}
			got = append(got, name)
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: %v, want %s", c.name, got, c.want)
		}
	}
}

// Clause 4.3.6.3: an exclusive registration says of which attributes.
func TestExclusiveWithoutNamesIsNotPassedOnTo(t *testing.T) {
	all := registered(t, "exc", `"mode":"exclusive","operations":["redirectionOps"],"information":[{"entities":[{"type":"Vehicle","id":"urn:x:7"}]}]`)
	got := Choose([]*Registration{all}, DeleteEntity, One("urn:x:7", nil, nil), nil, now)
	if len(got) != 1 || !strings.Contains(got[0].Refused, "names no attributes") {
		t.Errorf("%+v", got)
	}
}

func TestConflict(t *testing.T) {
	held := registered(t, "held", speedOf7)
	redirect := registered(t, "red", `"mode":"redirect","information":[{"entities":[{"type":"Bus"}]}]`)
	for members, want := range map[string]string{
		speedOf7:                         "urn:x:held",
		`"mode":"redirect",` + vehicles:  "urn:x:held",
		`"mode":"inclusive",` + vehicles: "",
		`"mode":"exclusive","information":[{"entities":[{"type":"Vehicle","id":"urn:x:8"}],"propertyNames":["speed"]}]`:          "",
		`"mode":"exclusive","information":[{"entities":[{"type":"Vehicle","id":"urn:x:7"}],"propertyNames":["colour"]}]`:         "",
		`"mode":"exclusive","information":[{"entities":[{"type":"Vehicle","idPattern":"^urn:x:7$"}],"propertyNames":["speed"]}]`: "urn:x:held",
		`"mode":"exclusive","information":[{"entities":[{"type":"Bus","id":"urn:x:9"}],"propertyNames":["speed"]}]`:              "urn:x:red",
		`"mode":"redirect","information":[{"entities":[{"type":"Bus"}]}]`:                                                        "",
	} {
		got := ""
		if r := Conflict([]*Registration{held, redirect}, registered(t, "new", members), now); r != nil {
			got = r.ID
		}
		if got != want {
			t.Errorf("%s: conflicts with %q, want %q", members, got, want)
		}
	}
	if r := Conflict([]*Registration{held}, held, now); r != nil {
		t.Error("a registration that is changed conflicts with itself")
	}
}

func TestSplitWrite(t *testing.T) {
	exclusive, inclusive := registered(t, "exc", speedOf7), registered(t, "inc", vehicles)
	part := registered(t, "part", `"mode":"redirect","information":[{"entities":[{"type":"Vehicle"}],"propertyNames":["colour"]}]`)
	whole, again := registered(t, "whole", `"mode":"redirect",`+vehicles), registered(t, "whole2", `"mode":"redirect",`+vehicles)
	aux := registered(t, "aux", `"mode":"auxiliary",`+vehicles)
	share := func(r *Registration, names ...string) Share { return Share{Registration: r, Names: names} }
	for _, c := range []struct {
		name   string
		shares []Share
		names  []string
		want   string // id:names of each share, then what stays
	}{
		{"exclusive attributes go to their source alone", []Share{share(exclusive, "speed"), share(inclusive)}, []string{"speed", "colour"}, "exc:speed inc:colour | colour"},
		{"nothing stays of an entity whose attributes are all elsewhere", []Share{share(exclusive, "speed")}, []string{"speed"}, "exc:speed | nothing"},
		{"what no source has stays", []Share{share(exclusive, "speed")}, []string{"colour"}, "| colour"},
		{"redirected to all that hold it", []Share{share(whole), share(again)}, []string{"a", "b"}, "whole:all whole2:all | nothing"},
		{"a part redirected", []Share{share(part, "colour"), share(inclusive)}, []string{"a", "colour"}, "part:colour inc:a | a"},
		{"inclusive beside this broker", []Share{share(inclusive)}, []string{"a"}, "inc:all | a"},
		{"an entity without attributes", []Share{share(inclusive)}, nil, "inc:all | "},
		{"an entity without attributes, redirected", []Share{share(whole)}, nil, "whole:all | nothing"},
		{"auxiliary sources only read", []Share{share(aux)}, []string{"a"}, "| a"},
	} {
		s := SplitWrite(c.shares, c.names)
		got := ""
		for _, x := range s.Shares {
			names := "all"
			if x.Names != nil {
				names = strings.Join(x.Names, ",")
			}
			got += strings.TrimPrefix(x.ID, "urn:x:") + ":" + names + " "
		}
		if got += "| "; s.Local {
			got += strings.Join(s.Rest, ",")
		} else {
			got += "nothing"
		}
		if got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

func TestOnlyKeepsWhatIsTheSourcesOwn(t *testing.T) {
	o, _ := jsontext.Parse([]byte(`{"id":"urn:x:1","type":"V","scope":"/a","speed":1,"colour":2,"@context":[]}`))
	got := string(Only(o, []string{"speed"}, core(t)).Append(nil))
	if want := `{"id":"urn:x:1","type":"V","speed":1,"@context":[]}`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func number(name, value string, observed, modified time.Time) plane.Attribute {
	return plane.Attribute{Name: name, Kind: plane.Property, Value: []byte(value), ObservedAt: observed, Modified: modified}
}

func TestMerge(t *testing.T) {
	later := now.Add(time.Minute)
	made := func(a ...plane.Attribute) *plane.Entity {
		return &plane.Entity{Key: plane.Key{ID: "urn:x:7"}, Types: []string{"Vehicle"}, Attributes: a}
	}
	share := func(mode Mode, names ...string) *Share {
		return &Share{Registration: &Registration{Mode: mode}, Names: names}
	}
	here := Part{Entity: made(number("speed", "1", now, now))}
	for _, c := range []struct {
		name  string
		parts []Part
		want  string
	}{
		{"what was observed last", []Part{here, {made(number("speed", "2", later, time.Time{})), share(Inclusive)}}, "speed=2"},
		{"not what was observed before", []Part{{made(number("speed", "1", later, now)), nil}, {made(number("speed", "2", now, later)), share(Inclusive)}}, "speed=1"},
		{"what was changed last, if neither was observed", []Part{{made(number("speed", "1", time.Time{}, now)), nil}, {made(number("speed", "2", time.Time{}, later)), share(Inclusive)}}, "speed=2"},
		{"the first of equals", []Part{here, {made(number("speed", "2", now, now)), share(Inclusive)}}, "speed=1"},
		{"an auxiliary source fills gaps only", []Part{{made(number("speed", "9", later, later), number("colour", "3", later, later)), share(Auxiliary)}, here}, "colour=3 speed=1"},
		{"what is held elsewhere counts though it is older", []Part{{made(number("speed", "5", later, later)), nil}, {made(number("speed", "2", now, now)), share(Exclusive, "speed")}}, "speed=2"},
		{"what its holder no longer has is gone", []Part{here, {made(), share(Exclusive, "speed")}}, ""},
		{"but not what others hold", []Part{here, {made(), share(Exclusive, "colour")}}, "speed=1"},
	} {
		var got []string
		for _, a := range Merge(c.parts).Attributes {
			got = append(got, a.Name+"="+string(a.Value))
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: %v, want %s", c.name, got, c.want)
		}
	}
	if string(here.Entity.Attributes[0].Value) != "1" {
		t.Error("merging changed a part")
	}
}

func TestWhatASourceSaysIsBelievedOnlyForWhatItIsRegistered(t *testing.T) {
	share := &Share{Registration: registered(t, "r", `"information":[{"entities":[{"type":"Vehicle","idPattern":"^urn:x:"}]}]`), Names: []string{"speed"}}
	good := `{"id":"urn:x:7","type":"Vehicle","speed":{"type":"Property","value":1,"modifiedAt":"2026-11-30T12:00:00Z"},"secret":{"type":"Property","value":2}}`
	list, err := share.Read([]byte("["+good+"]"), core(t), "")
	if err != nil || len(list) != 1 || len(list[0].Attributes) != 1 || list[0].Attributes[0].Name != "speed" || !list[0].Attributes[0].Modified.Equal(now) {
		t.Fatalf("%+v %v", list, err)
	}
	for body, why := range map[string]string{
		``:                                   "not JSON",
		`<html>`:                             "not JSON",
		`7`:                                  "no entity",
		`[7]`:                                "no entity",
		`{"id":"urn:x:7"}`:                   "no type",
		`[` + good + `,` + good + `]`:        "twice",
		`{"id":"urn:y:7","type":"Vehicle"}`:  "not registered",
		`{"id":"urn:x:7","type":"Building"}`: "not registered",
		strings.Repeat("[", 70):              "nested deeper",
		`[` + strings.Repeat(good+",", MaxEntities) + good + `]`:                     "1001 entities",
		`{"id":"urn:x:7","type":"Vehicle","speed":{"type":"Property","value":null}}`: "no entity",
	} {
		if _, err := share.Read([]byte(body), core(t), ""); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%.60s: %v, want %q", body, err, why)
		}
	}
	any := &Share{Registration: registered(t, "any", `"information":[{"propertyNames":["speed"]}]`)}
	if _, err := any.Read([]byte(`{"id":"urn:polity:camera:1","type":"Camera"}`), core(t), ""); err == nil {
		t.Error("a source spoke for an entity that Polity keeps itself")
	}
}

func FuzzRead(f *testing.F) {
	share := &Share{Registration: registered(f, "r", vehicles)}
	c := core(f)
	f.Add([]byte(`[{"id":"urn:x:7","type":"Vehicle","a":[{"type":"Property","value":1,"datasetId":"urn:d"},2]}]`))
	f.Add([]byte(`{"id":"urn:x:7","type":["Vehicle"],"scope":"/a","createdAt":"x"}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		list, err := share.Read(body, c, "")
		for _, e := range list {
			if err == nil && e.Check() != nil {
				t.Errorf("%q was taken", body)
			}
		}
	})
}

func FuzzParse(f *testing.F) {
	c := core(f)
	f.Add([]byte(`{"endpoint":"http://a","information":[{"entities":[{"type":"V","idPattern":"a*"}],"propertyNames":["a"]}],"operations":["updateOps"],"management":{"timeout":1}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		o, ok := jsontext.Parse(body)
		if !ok {
			return
		}
		if r, err := Parse(o, c); err == nil && (len(r.Information) == 0 || r.timeout < 0 || r.cooldown < 0) {
			t.Errorf("%q was taken", body)
		}
	})
}
