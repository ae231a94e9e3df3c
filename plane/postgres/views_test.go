package postgres_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"polity/plane"
	"polity/plane/postgres/postgrestest"
	"polity/plane/record"
)

// rich has all that an entity can have.
func rich() *plane.Entity {
	at := time.Date(2026, 11, 22, 14, 0, 0, 120e6, time.UTC)
	deep := plane.Attribute{Name: "by", Kind: plane.Relationship, Value: json.RawMessage(`"urn:x:<2>"`)}
	e := &plane.Entity{Key: plane.Key{Tenant: "harbour", ID: "urn:x:\"quäy\""}, Types: []string{"Quay", `Pla"ce\,{}`}, Scopes: []string{"/centre"}}
	for i, value := range []string{`12.50`, `"a \"word\""`, `{"type":"Point","coordinates":[24.95,60.17]}`, `{"fi":"Tori","en":"Square"}`, `[1,{"a":[]}]`, `"term"`, `[1,2,2]`, `["urn:x:1","urn:x:2"]`} {
		a := plane.Attribute{Name: fmt.Sprintf("a%d", i), Kind: plane.Kind(i + 1), Value: json.RawMessage(value)} //nolint:gosec // below 9
		switch i {
		case 0:
			a.Dataset, a.Unit, a.ObservedAt = "urn:x:sonar", "MTR", at.Add(1-time.Second)
		case 3:
			a.ObservedAt = time.Date(1969, 12, 31, 23, 59, 59, 5e8, time.UTC)
			a.Meta = []plane.Attribute{deep, {Name: "of", Kind: plane.Property, Value: json.RawMessage(`1`), Unit: "P1", Meta: []plane.Attribute{deep}}}
		}
		e.Attributes = append(e.Attributes, a)
	}
	return e
}

// TestViewOfEntities: people read all that a program does.
func TestViewOfEntities(t *testing.T) {
	address := postgrestest.Shared(t).Database(t)
	s := open(t, address)
	bare := &plane.Entity{Key: plane.Key{ID: "urn:x:bare"}, Types: []string{"T"}}
	for _, e := range []*plane.Entity{rich(), bare} {
		if err := put(t, s, e); err != nil {
			t.Fatal(err)
		}
		got, err := s.Entity(t.Context(), e.Key)
		if err != nil {
			t.Fatal(err)
		}
		line, err := record.Append(nil, got)
		if err != nil {
			t.Fatal(err)
		}
		text := askWith(t, address, "SELECT body::text FROM polity.entity_json WHERE id = $1", e.ID)
		seen, err := record.Decode([]byte(text))
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if diff := cmp.Diff(got, seen); diff != "" {
			t.Errorf("(-stored +seen)\n%s", diff)
		}
		var want, have any
		if json.Unmarshal(line, &want) != nil || json.Unmarshal([]byte(text), &have) != nil || !cmp.Equal(want, have) {
			t.Errorf("the view says\n%s\nwant\n%s", text, line)
		}
		if types := askWith(t, address, "SELECT to_json(types)::text FROM polity.entity WHERE id = $1", e.ID); types != asJSON(e.Types) {
			t.Errorf("types %s, want %s", types, asJSON(e.Types))
		}
	}
}

func asJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(b)
}

func askWith(t *testing.T, address, query string, args ...any) (answer string) {
	t.Helper()
	c, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(t.Context())
	if err := c.QueryRow(t.Context(), query, args...).Scan(&answer); err != nil {
		t.Fatal(err)
	}
	return answer
}

// TestBodiesOfEarlierVersions: what was stored as JSON is read, seen and changed.
func TestBodiesOfEarlierVersions(t *testing.T) {
	address := postgrestest.Shared(t).Database(t)
	s := open(t, address)
	if err := put(t, s, rich()); err != nil {
		t.Fatal(err)
	}
	want, err := s.Entity(t.Context(), rich().Key)
	if err != nil {
		t.Fatal(err)
	}
	line, err := record.Append(nil, want)
	if err != nil {
		t.Fatal(err)
	}
	c, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(t.Context())
	if _, err := c.Exec(t.Context(), "UPDATE polity.entity SET body = $1", line); err != nil {
		t.Fatal(err)
	}
	got, err := s.Entity(t.Context(), want.Key)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if got := ask(t, address, "SELECT body->>'id' FROM polity.entity_json"); got != want.ID {
		t.Errorf("the view says %s", got)
	}
	r, err := s.Write(t.Context(), &plane.Batch{Changes: []plane.Change{plane.Update(want.Key, func(e *plane.Entity) error { e.Drop("a1", ""); return nil })}})
	if err != nil || r.Err() != nil {
		t.Fatal(err, r.Err())
	}
	if got, err = s.Entity(t.Context(), want.Key); err != nil || got.Version != want.Version+1 || len(got.Attributes) != len(want.Attributes)-1 {
		t.Errorf("%+v, %v", got, err)
	}
}
