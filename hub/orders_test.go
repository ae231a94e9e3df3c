package hub_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"polity/access"
	"polity/access/policy"
	"polity/city"
	"polity/console"
	"polity/hub"
	"polity/room/order"
)

// Under the shipped policies a desk gives an order, its crew does it, nobody else sees
// it, and it is there after a restart.
func TestWorkOrdersUnderTheShippedPolicies(t *testing.T) {
	p, err := policy.New(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, who := personas()
	w := newTown(t)
	w.access = byHeader{p, who}
	w.cfg.Orders.Crews = []order.CrewConfig{{Name: "pipes", Title: "Pipes", Desks: []city.Slug{access.Water}, Members: []string{"p-crew"}}}
	w.start()
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	ask := func(as, method, path, kind, body string) (int, http.Header, string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, w.started.Address+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Who", as)
		r.Header.Set("Content-Type", kind)
		r.Header.Set("Accept", "application/json")
		answer, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		text, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		return answer.StatusCode, answer.Header, string(text)
	}
	const form = "application/x-www-form-urlencoded"
	fields := url.Values{"key": {"0123456789abcdef"}, "what": {"water/leak"}, "task": {"Close valve 214."}, "where": {"Vuorikatu 3"}, "priority": {"urgent"}, "assign": {"crew:pipes"}}.Encode()
	if code, _, text := ask("waste-operator", http.MethodPost, "/orders", form, fields); code != http.StatusForbidden {
		t.Errorf("another desk: %d %s", code, text)
	}
	code, header, text := ask("water-operator", http.MethodPost, "/orders", form, fields)
	at := header.Get("Location")
	if code != http.StatusSeeOther || !strings.HasPrefix(at, "/orders/o-") {
		t.Fatalf("%d %s", code, text)
	}
	for _, as := range []string{"water-operator", "crew"} {
		if code, _, text := ask(as, http.MethodGet, at, "", ""); code != http.StatusOK || !strings.Contains(text, "Close valve 214.") {
			t.Errorf("%s: %d", as, code)
		}
	}
	for _, as := range []string{"waste-operator", "safety-operator", "it"} {
		if code, _, _ := ask(as, http.MethodGet, at, "", ""); code != http.StatusNotFound {
			t.Errorf("%s: %d", as, code)
		}
	}
	mine := func() (d console.CrewData) {
		t.Helper()
		code, _, text := ask("crew", http.MethodGet, "/orders/mine.json", "", "")
		if err := json.Unmarshal([]byte(text), &d); err != nil || code != http.StatusOK {
			t.Fatalf("%d %s", code, text)
		}
		return d
	}
	if d := mine(); len(d.Orders) != 1 || d.Person != "p-crew" {
		t.Fatalf("%+v", d)
	}
	step := "/orders/mine/" + strings.TrimPrefix(at, "/orders/") + "/steps"
	if code, _, text := ask("crew", http.MethodPost, step, "application/json", `{"key":"0123456789abcdef","to":"accepted"}`); code != http.StatusOK {
		t.Fatalf("%d %s", code, text)
	}
	w.stop()
	w.start()
	if d := mine(); len(d.Orders) != 1 || d.Orders[0].State != "accepted" {
		t.Errorf("after a restart: %+v", d)
	}
}

func TestOrdersConfig(t *testing.T) {
	w := newTown(t)
	for says, spoil := range map[string]func(*hub.Orders){
		"hub.orders: photos": func(o *hub.Orders) { o.Photos = time.Second },
		"hub.orders: orders": func(o *hub.Orders) { o.Keep = -time.Hour },
		"hub.orders: open":   func(o *hub.Orders) { o.Open = -1 },
		"hub.orders: shift":  func(o *hub.Orders) { o.Shift = 48 * time.Hour },
		"there is no desk":   func(o *hub.Orders) { o.Crews = []order.CrewConfig{{Name: "a", Desks: []city.Slug{"police"}}} },
		"stands twice": func(o *hub.Orders) {
			o.Crews = []order.CrewConfig{{Name: "a", Desks: access.Desks()}, {Name: "a", Desks: access.Desks()}}
		},
		"name the desks":         func(o *hub.Orders) { o.Crews = []order.CrewConfig{{Name: "a"}} },
		"must begin with a lett": func(o *hub.Orders) { o.Crews = []order.CrewConfig{{Name: "1", Desks: access.Desks()}} },
	} {
		cfg := w.cfg.WithDefaults()
		spoil(&cfg.Orders)
		if err := cfg.Check(); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", says, err)
		}
	}
}
