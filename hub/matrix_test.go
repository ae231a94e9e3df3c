package hub_test

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"polity/access"
	"polity/access/policy"
	"polity/city"
	"polity/hub"
)

var update = flag.Bool("update", false, "write the golden files anew")

// byHeader takes a request's word on who asks, and the shipped policies' on the rest.
type byHeader struct {
	*policy.Policies
	who map[string]access.Who
}

func (b byHeader) Who(r *http.Request) (access.Who, error) { return b.who[r.Header.Get("X-Who")], nil }

func (byHeader) Ended(string) <-chan struct{} { return nil }

// personas is one of each role that may look everywhere for a purpose, and others.
func personas() (names []string, who map[string]access.Who) {
	who = map[string]access.Who{"public": {}}
	names = []string{"public"}
	add := func(name string, w access.Who) {
		w.ID, w.Name, w.Session, w.Body = "p-"+name, name, "s-"+name, "city"
		names, who[name] = append(names, name), w
	}
	for _, role := range access.Roles() {
		add(string(role), access.Who{Kind: access.Person, Roles: []access.Role{role}, Areas: []city.Slug{access.AllAreas}, Purpose: "incident"})
	}
	add("it+safety", access.Who{Kind: access.Person, Roles: []access.Role{access.IT, access.SafetyOperator}, Areas: []city.Slug{access.AllAreas}, Purpose: "incident"})
	add("safety without an area", access.Who{Kind: access.Person, Roles: []access.Role{access.SafetyOperator}, Purpose: "incident"})
	add("safety without a purpose", access.Who{Kind: access.Person, Roles: []access.Role{access.SafetyOperator}, Areas: []city.Slug{access.AllAreas}})
	add("door: safety", access.Who{Kind: access.Person, Roles: []access.Role{access.SafetyOperator}, Areas: []city.Slug{access.AllAreas}, Purpose: "incident", Door: true})
	add("door: it", access.Who{Kind: access.Person, Roles: []access.Role{access.IT}, Door: true})
	add("program of every scope", access.Who{Kind: access.Program, Scope: access.Actions()})
	add("program of no scope", access.Who{Kind: access.Program})
	return names, who
}

// fill makes an address of a pattern.
var fill = strings.NewReplacer("{camera}", "square", "{event}", "e1.jpg", "{$}", "", "{file}", "none", "{kind}", "air", "{id}", "one",
	"{feed}", "trams", "{tour}", "truck-1.gpx", "{line}", "4", "{stop}", "1", "{set}", "counts", "{route}", "none", "{device}", "one", "{alert}", "a1", "{incident}", "i1",
	"{order}", "o1", "{photo}", "p1.jpg", "{day}", "2026-11-24", "{person}", "p1", "{session}", "s1", "{token}", "t1", "{passkey}", "k1", "{proposal}", "1", "{waiting}", "w1",
	"{case}", "c1", "{body}", "court", "{segment}", "one.seg", "{index}", "0", "{version}", "1", "{service}", "traffic", "{junction}", "j1", "{decision}", "d1")

// TestMatrix asks for every address that the hub has, as everyone there is. The golden
// file says who gets in, for people to read; a new route stands in it or the test fails.
func TestMatrix(t *testing.T) {
	p, err := policy.New(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	names, who := personas()
	w := newTown(t)
	w.access = byHeader{p, who}
	w.enter("square", "edge-1")
	w.start()
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	var golden strings.Builder
	for _, route := range hub.Routes() {
		if !route.Do.Known() {
			t.Errorf("%s names the action %q, which no policy knows", route.Pattern, route.Do)
		}
		method, path, ok := strings.Cut(route.Pattern, " ")
		if !ok {
			method, path = http.MethodGet, route.Pattern+"nothing"
		}
		path = fill.Replace(path)
		if strings.Contains(path, "{") {
			t.Errorf("%s: the test does not know what to put into the address", route.Pattern)
		}
		if path == "/live" {
			path += "?cameras=square"
		}
		var in []string
		for _, name := range names {
			ctx, stop := withStop(t)
			r, err := http.NewRequestWithContext(ctx, method, w.started.Address+path, strings.NewReader("{}"))
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("X-Who", name)
			r.Header.Set("Content-Type", "application/json")
			answer, err := client.Do(r)
			stop()
			if err != nil {
				t.Fatalf("%s as %s: %v", route.Pattern, name, err)
			}
			answer.Body.Close()
			if answer.StatusCode != http.StatusForbidden && answer.StatusCode != http.StatusUnauthorized {
				in = append(in, name)
			}
		}
		switch {
		case len(in) == len(names):
			in = []string{"everyone"}
		case len(in) == 0:
			in = []string{"nobody"}
		case len(in) == len(names)-1 && !slices.Contains(in, "public"):
			in = []string{"whoever signed in, and programs"}
		}
		fmt.Fprintf(&golden, "%s\n\t%s: %s\n", route.Pattern, route.Do, strings.Join(in, ", "))
	}
	const file = "testdata/matrix.txt"
	if *update {
		if err := os.WriteFile(file, []byte(golden.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got := golden.String(); got != string(want) {
		t.Errorf("who gets in has changed. Read what is new, and if it is meant: go test ./hub -run Matrix -update\n%s", changedLines(string(want), got))
	}
}

// withStop is a context that the caller ends once the head of an answer is there, since
// live feeds have no end.
func withStop(t *testing.T) (context.Context, context.CancelFunc) {
	t.Helper()
	return context.WithTimeout(t.Context(), time.Minute)
}

func changedLines(was, is string) string {
	before := strings.Split(was, "\n")
	var out []string
	for line := range strings.SplitSeq(is, "\n") {
		if !slices.Contains(before, line) {
			out = append(out, line)
		}
	}
	return strings.Join(out, "\n")
}
