package ngsild_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"polity/plane/ngsild"
	"polity/plane/sqlite"
)

// BenchmarkTypeQuery asks for 20 of 20,000 entities of one type over HTTP, on SQLite.
func BenchmarkTypeQuery(b *testing.B) {
	store, err := sqlite.Open(b.Context(), b.TempDir()+"/city.db", sqlite.Config{})
	if err != nil {
		b.Fatal(err)
	}
	defer store.Close()
	s, err := ngsild.New(b.Context(), ngsild.Config{Store: store})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	served := httptest.NewServer(s)
	defer served.Close()
	for batch := range 20 {
		var list []string
		for i := range 1000 {
			list = append(list, fmt.Sprintf(`{"id":"urn:x:Room:%05d","type":"Room","temperature":{"type":"Property","value":%d,"unitCode":"CEL","observedAt":"2026-11-30T12:00:00Z"},"name":"room %d","in":{"type":"Relationship","object":"urn:x:House:%d"},"location":{"type":"GeoProperty","value":{"type":"Point","coordinates":[24.9%d,60.17]}}}`, 1000*batch+i, i, i, i, i))
		}
		resp, err := http.Post(served.URL+ngsild.Root+"/entityOperations/create", "application/json", strings.NewReader("["+strings.Join(list, ",")+"]"))
		if err != nil || resp.StatusCode != http.StatusCreated {
			b.Fatal(err, resp.Status)
		}
		resp.Body.Close()
	}
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	b.SetParallelism(8)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for n := 0; pb.Next(); n++ {
			resp, err := client.Get(served.URL + ngsild.Root + "/entities?type=Room&limit=20")
			if err != nil {
				b.Error(err)
				return
			}
			_, _ = io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "queries/s")
}
