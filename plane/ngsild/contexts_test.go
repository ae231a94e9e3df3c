package ngsild

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"polity/plane"
	"polity/plane/ngsild/jsonld"
	"polity/plane/sqlite"
)

// Clause 5.13.1: @contexts that came inside bodies are kept, but not without end.
func TestContextsOfBodiesAreBounded(t *testing.T) {
	store, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "city.db"), sqlite.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	c := newContexts(store, Remote{Off: true}, time.Now)
	c.most = 20
	keep := func(i int) string {
		t.Helper()
		id, err := c.keepImplicit(t.Context(), fmt.Appendf(nil, `{"a":"http://example.org/%d"}`, i))
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	hostedID := contextPrefix + "hosted"
	if err := (&Server{store: store}).putOne(t.Context(), plane.Create(document(contextTenant, hostedID, hosted, []byte(`{}`)))); err != nil {
		t.Fatal(err)
	}
	first, second := keep(0), keep(1)
	c.served(&contextEntry{localID: first, kind: implicit})
	last := ""
	for i := 2; i < 60; i++ {
		last = keep(i)
	}
	there := func(id string) bool { _, err := c.stored(t.Context(), id); return err == nil }
	page, err := store.Find(t.Context(), plane.Query{Tenant: contextTenant, Types: []string{implicit}, Count: true})
	if err != nil || page.Total > 20 || page.Total < 18 {
		t.Errorf("%d are kept, %v; want 18 to 20", page.Total, err)
	}
	if !there(first) || there(second) || !there(last) || !there("hosted") {
		t.Errorf("fetched %v, not fetched %v, last %v, hosted %v; want the second gone alone", there(first), there(second), there(last), there("hosted"))
	}
	if again := keep(1); again != second || !there(second) {
		t.Error("one that is used again is not kept again under its id")
	}
	if _, err := c.keepImplicit(t.Context(), []byte(`{"a":"`+strings.Repeat("x", jsonld.MaxContext)+`"}`)); err == nil {
		t.Error("a huge one was kept")
	}
}
