package postgres_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"pgregory.net/rapid"

	"polity/city"
	"polity/plane"
	"polity/plane/postgres"
	"polity/plane/postgres/postgrestest"
)

func TestDatabasesThatAreNotOurs(t *testing.T) {
	server := postgrestest.Shared(t)
	for says, prepare := range map[string]func(address string){
		"a newer Polity": func(address string) {
			open(t, address)
			postgrestest.Exec(t, address, "INSERT INTO polity.migration (version, digest) VALUES (99, 'x')")
		},
		"another program": func(address string) {
			open(t, address)
			postgrestest.Exec(t, address, "UPDATE polity.migration SET digest = 'x'")
		},
		"not Polity's": func(address string) { postgrestest.Exec(t, address, "CREATE SCHEMA polity") },
	} {
		address := server.Database(t)
		prepare(address)
		for range 2 { // refusing changes nothing
			if _, err := postgres.Open(t.Context(), address, postgres.Config{}); city.KindOf(err) != city.Conflict || !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), "city_") {
				t.Errorf("%s: %v", says, err)
			}
		}
	}
	if _, err := postgres.Open(t.Context(), server.Address("nowhere"), postgres.Config{}); city.KindOf(err) != city.Unavailable || !strings.Contains(err.Error(), "createdb") {
		t.Error(err)
	}
	latin := "latin_" + nameOf(server.Database(t))
	postgrestest.Exec(t, server.Address("postgres"), "CREATE DATABASE "+latin+" ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
	if _, err := postgres.Open(t.Context(), server.Address(latin), postgres.Config{}); city.KindOf(err) != city.Conflict || !strings.Contains(err.Error(), "UTF8") {
		t.Error(err)
	}
}

func TestUserWithoutRights(t *testing.T) {
	server := postgrestest.Shared(t)
	address := server.Database(t)
	postgrestest.Exec(t, address, "DROP EXTENSION postgis")
	role := "clerk_" + nameOf(address)
	postgrestest.Exec(t, address, "CREATE ROLE "+role+" LOGIN")
	clerk := strings.Replace(address, "user=postgres", "user="+role, 1)
	if _, err := postgres.Open(t.Context(), clerk, postgres.Config{}); city.KindOf(err) != city.Forbidden || !strings.Contains(err.Error(), "CREATE EXTENSION postgis") {
		t.Error(err)
	}
	postgrestest.Exec(t, address, "CREATE EXTENSION postgis")
	if _, err := postgres.Open(t.Context(), clerk, postgres.Config{}); city.KindOf(err) != city.Forbidden {
		t.Error(err)
	}
	postgrestest.Exec(t, address, "GRANT CREATE ON DATABASE "+nameOf(address)+" TO "+role)
	if err := put(t, open(t, clerk), thing("urn:x:1")); err != nil { // no more than that is needed
		t.Error(err)
	}
}

func TestCommitsAreSyncedWhateverTheDatabaseSays(t *testing.T) {
	server := postgrestest.Shared(t)
	address := server.Database(t)
	postgrestest.Exec(t, address, "ALTER DATABASE "+nameOf(address)+" SET synchronous_commit = off")
	s := open(t, address)
	// A trigger notes what holds within the writer's own transaction.
	postgrestest.Exec(t, address, "CREATE TABLE noted (setting text)")
	postgrestest.Exec(t, address, `CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO public.noted VALUES (current_setting('synchronous_commit')); RETURN NEW; END $$`)
	postgrestest.Exec(t, address, "CREATE TRIGGER note AFTER INSERT ON polity.entity FOR EACH ROW EXECUTE FUNCTION note()")
	if err := put(t, s, thing("urn:x:1")); err != nil {
		t.Fatal(err)
	}
	if got := ask(t, address, "SELECT setting FROM noted"); got != "on" {
		t.Errorf("synchronous_commit is %s", got)
	}
}

// nameOf is the name of the database at an address of postgrestest.
func nameOf(address string) string {
	name, _, _ := strings.Cut(strings.TrimPrefix(address, "postgres:///"), "?")
	return name
}

// ask returns the one text that a query gives.
func ask(t *testing.T, address, query string) (answer string) {
	t.Helper()
	c, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(t.Context())
	if err := c.QueryRow(t.Context(), query).Scan(&answer); err != nil {
		t.Fatal(err)
	}
	return answer
}

func TestAddresses(t *testing.T) {
	const secret = "pa ss%w/rd:@"
	escaped := "pa%20ss%25w%2Frd%3A%40"
	for address, says := range map[string]string{
		"city.db":                      "no address of a database",
		"host=/tmp password=" + secret: "no address of a database",
		"postgres://polity:" + escaped + "@db.example/city":       "without encryption",
		"postgres://db.example/city?sslmode=disable":              "without encryption",
		"postgres://10.0.0.1/city?sslmode=prefer":                 "without encryption",
		"postgres://localhost,db.example/city?sslmode=disable":    "without encryption",
		"postgres://polity:" + escaped + "@db.example:x/city":     "address is wrong",
		"postgres://polity:pa ss%w/rd:@@db.example:5432/city":     "address is wrong",
		"postgres://polity:" + escaped + "@localhost/?sslmode=no": "sslmode is invalid",
		"postgres://localhost/?password=" + escaped + "&port=9x":  "address is wrong",
	} {
		err := postgres.Check(address)
		if city.KindOf(err) != city.Invalid || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", address, err)
		}
		noSecret(t, err)
	}
	for _, address := range []string{
		"postgres:///city?host=/run/postgresql", "postgresql://polity:" + escaped + "@localhost:5433/city", "postgres://127.0.0.1/city", "postgres://[::1]/city",
		"postgres://polity@db.example/city?sslmode=verify-full", "postgres://db.example/city?sslmode=require",
	} {
		if err := postgres.Check(address); err != nil {
			t.Errorf("%s: %v", address, err)
		}
	}
	// Nobody listens there.
	s, err := postgres.Open(t.Context(), "postgres://polity:"+escaped+"@127.0.0.1:1/city", postgres.Config{})
	if city.KindOf(err) != city.Unavailable || !strings.Contains(err.Error(), "database city on 127.0.0.1:1") {
		t.Errorf("%v, %v", s, err)
	}
	noSecret(t, err)
}

func noSecret(t *testing.T, err error) {
	t.Helper()
	for _, text := range []string{fmt.Sprint(err), fmt.Sprintf("%+v", err)} {
		for _, part := range []string{"pa ss", "pa%20", "pa+ss", "w/rd", "w%2F"} {
			if strings.Contains(text, part) {
				t.Errorf("the password is shown: %s", text)
			}
		}
	}
}

// TestPasswordThatIsWrong: neither what the server refuses nor the store shows it.
func TestPasswordThatIsWrong(t *testing.T) {
	server := postgrestest.Shared(t)
	address := server.Database(t)
	s := open(t, strings.Replace(address, "user=postgres", "user=postgres&password=pa%20ss", 1)) // trust asks for none
	for _, text := range []string{fmt.Sprint(s), fmt.Sprintf("%v %+v %s", s, s, s)} {
		if strings.Contains(text, "pa ss") {
			t.Errorf("the password is shown: %s", text)
		}
	}
	_, err := postgres.Open(t.Context(), strings.Replace(address, "user=postgres", "user=nobody&password=pa%20ss", 1), postgres.Config{})
	if city.KindOf(err) != city.Unavailable || !strings.Contains(err.Error(), "user or password") {
		t.Error(err)
	}
	noSecret(t, err)
}

// TestCeil: of the names that can be stored, exactly those from ceil(bound) on are
// not below the bound.
func TestCeil(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		alphabet := []string{"a", "\x00", "\x01", "\x7f", "\xc3", "\xa4", "ä", "\u07ff", "\u0800", "\ud7ff", "\ue000", "\uffff", "\U00010000", "\U0010ffff", "\xf4\x8f\xbf", "\xff", "\xed\xa0\x80"}
		draw := func(label string) string {
			return strings.Join(rapid.SliceOfN(rapid.SampledFrom(alphabet), 0, 5).Draw(rt, label), "")
		}
		bound, name := draw("bound"), draw("name")
		if !postgres.Storable(name) {
			return
		}
		got, ok := postgres.Ceil(bound)
		if ok && (!postgres.Storable(got) || got < bound) {
			rt.Fatalf("ceil of %q is %q", bound, got)
		}
		if (name >= bound) != (ok && name >= got) {
			rt.Fatalf("%q and the bound %q: ceil is %q, %v", name, bound, got, ok)
		}
	})
}

// TestLocations: PostGIS gets the geometry, or the box around what it would refuse;
// the entity is stored all the same.
func TestLocations(t *testing.T) {
	address := postgrestest.Shared(t).Database(t)
	s := open(t, address)
	for i, c := range []struct{ value, want string }{
		{`{"type":"Point","coordinates":[24.9,60.2,7]}`, "POINT(24.9 60.2)"},
		{`{"type":"LineString","coordinates":[[1,2],[3,4]]}`, "LINESTRING(1 2,3 4)"},
		{`{"type":"LineString","coordinates":[[1,2]]}`, "POLYGON((1 2,1 2,1 2,1 2,1 2))"},
		{`{"type":"Polygon","coordinates":[[[0,0],[4,0],[4,4],[0,0]],[[1,1],[2,1],[2,1.5],[1,1]]]}`, "POLYGON((0 0,4 0,4 4,0 0),(1 1,2 1,2 1.5,1 1))"},
		{`{"type":"Polygon","coordinates":[[[0,0],[4,0],[4,4],[0,4]]]}`, "POLYGON((0 0,4 0,4 4,0 4,0 0))"}, // not closed: its box
		{`{"type":"MultiPolygon","coordinates":[[[[0,0],[1,0],[1,1],[0,0]]],[[[5,5],[6,5],[6,6],[5,5]]]]}`, "MULTIPOLYGON(((0 0,1 0,1 1,0 0)),((5 5,6 5,6 6,5 5)))"},
		{`{"type":"GeometryCollection","geometries":[{"type":"Point","coordinates":[1,1]},{"type":"LineString","coordinates":[[3,3],[4,4]]}]}`, "GEOMETRYCOLLECTION(POINT(1 1),LINESTRING(3 3,4 4))"},
		{`{"type":"Square","coordinates":[[0,0],[1,1]]}`, "POLYGON((0 0,1 0,1 1,0 1,0 0))"},
		{`{"type":"Point","coordinates":[500,0]}`, "none"},
		{`{"type":"GeometryCollection","geometries":[null]}`, "none"},
		{`"nowhere"`, "none"},
	} {
		e := thing(fmt.Sprintf("urn:x:%02d", i))
		e.Set(plane.Attribute{Name: plane.Location, Kind: plane.Geo, Value: json.RawMessage(c.value)})
		if err := put(t, s, e); err != nil {
			t.Errorf("%s: %v", c.value, err)
			continue
		}
		if got := ask(t, address, "SELECT coalesce(ST_AsText(location), 'none') FROM polity.entity WHERE id = '"+e.ID+"'"); got != c.want {
			t.Errorf("%s is %s", c.value, got)
		}
	}
	// What people query.
	if got := ask(t, address, "SELECT body->'attributes'->1->>'name' FROM polity.entity_json WHERE id = 'urn:x:00'"); got != "n" {
		t.Errorf("the view says %s", got)
	}
	o := observation("urn:x:00", time.Date(2026, 11, 22, 14, 0, 0, 0, time.UTC))
	o.Length, o.Covered = time.Minute, 30*time.Second
	if _, err := s.Write(t.Context(), &plane.Batch{Observations: []plane.Observation{o}}); err != nil {
		t.Fatal(err)
	}
	if got := ask(t, address, "SELECT concat_ws(' ', id, attribute, at AT TIME ZONE 'UTC', length, covered, value) FROM polity.observation"); got != "urn:x:00 n 2026-11-22 14:00:00 00:01:00 00:00:30 1" {
		t.Errorf("the view says %s", got)
	}
}
