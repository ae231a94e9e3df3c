package log_test

import (
	"net/http/httptest"
	"sync"
	"testing"

	"polity/ledger/entry"
	"polity/ledger/log/logtest"
	"polity/ledger/proof"
)

// TestAMonitorReadsWhileTheLogGrows verifies the whole log again and again while entries are
// appended over many tiles, published, and partial tiles swept away under the reader.
func TestAMonitorReadsWhileTheLogGrows(t *testing.T) {
	town := logtest.New(t, t.TempDir())
	l := open(t, town.Config)
	add(t, l, decision(0), 0)
	public(t, l, 1)
	server := httptest.NewServer(l.Handler())
	t.Cleanup(server.Close)
	source, err := proof.Web(server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	const n = 1500
	var writers sync.WaitGroup
	done := make(chan struct{})
	for w := range 2 {
		writers.Go(func() {
			for from := 1 + w; from < n; from += 60 {
				var list []entry.Entry
				for i := from; i < min(from+60, n); i += 2 {
					list = append(list, decision(i))
				}
				if _, err := l.AppendAll(t.Context(), list); err != nil {
					t.Error(err)
				}
			}
		})
	}
	go func() { writers.Wait(); close(done) }()
	last, rounds := int64(0), 0
	for going := true; going; rounds++ {
		select {
		case <-done:
			going = false
			public(t, l, n)
		default:
		}
		r, err := proof.Verify(t.Context(), source, town.Roster, proof.Options{})
		if err != nil || len(r.Problems) > 0 || r.Entries < last {
			t.Fatalf("after %d entries: %+v, %v", last, r, err)
		}
		last = r.Entries
		if next, err := l.Entries(t.Context(), 0, func(int64, []byte) error { return nil }); err != nil || next < last {
			t.Fatalf("%d entries are read, %d are public: %v", next, last, err)
		}
	}
	if last != n {
		t.Errorf("%d entries of %d, in %d readings", last, n, rounds)
	}
	unique(t, town)
}
