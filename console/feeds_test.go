package console_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync/atomic"
	"testing"

	"polity/access"
	"polity/console/consoletest"
)

// turning is who may do everything, until policies change or, asked for the second time
// within a request, until they lost their rights.
type turning struct {
	*consoletest.Access
	forbids atomic.Bool
	asked   atomic.Int64
	robbed  bool
}

func (a *turning) Decide(who access.Who, do access.Action, on access.Thing, at access.Circumstances) access.Decision {
	if a.forbids.Load() && do == access.LookLive {
		return access.Decision{Why: "The policies changed."}
	}
	return a.Access.Decide(who, do, on, at)
}

func (a *turning) Who(r *http.Request) (access.Who, error) {
	if a.asked.Add(1) > 1 && a.robbed {
		return access.Who{}, nil
	}
	return a.Access.Who(r)
}

// TestALiveSceneEndsWithThePolicies: a sign-in that goes on keeps nothing open that two
// people have forbidden meanwhile.
func TestALiveSceneEndsWithThePolicies(t *testing.T) {
	looks, who := &consoletest.Looks{}, &turning{Access: consoletest.Everything()}
	server := httptest.NewServer(newGated(t, who, looks))
	defer server.Close()
	answer, err := http.Get(server.URL + "/live?cameras=square")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if _, err := answer.Body.Read(make([]byte, 1)); err != nil {
		t.Fatalf("the scene does not begin: %v", err)
	}
	who.forbids.Store(true)
	if _, err := io.Copy(io.Discard, answer.Body); err != nil {
		t.Errorf("the scene ends with %v", err)
	}
}

// TestWhatWasTakenWhileAskingIsNotShown takes the rights between the gate and the feed,
// where nobody hears yet that they end.
func TestWhatWasTakenWhileAskingIsNotShown(t *testing.T) {
	looks := &consoletest.Looks{}
	robbed := func() *turning { return &turning{Access: consoletest.Everything(), robbed: true} }
	if w := get(t, newGated(t, robbed(), looks), "/live?cameras=square"); w.Code != http.StatusForbidden {
		t.Errorf("live: status %d", w.Code)
	}
	if all, _ := looks.All(); len(all) != 0 {
		t.Errorf("the book holds %+v", all)
	}
	pages, _, _ := newControlRoom(t, robbed())
	if w := get(t, pages, "/room/feed"); w.Code != http.StatusForbidden {
		t.Errorf("alerts: status %d", w.Code)
	}
}

// TestFeedsOfOnePersonAreBounded opens as many as one person may have, and finds that one
// more is refused until another is closed.
func TestFeedsOfOnePersonAreBounded(t *testing.T) {
	server := httptest.NewServer(newGated(t, consoletest.Everything(), &consoletest.Looks{}))
	t.Cleanup(server.Close) // behind the answers
	open := func() *http.Response {
		t.Helper()
		answer, err := http.Get(server.URL + "/live?cameras=square")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { answer.Body.Close() })
		return answer
	}
	var all []*http.Response
	for range 1000 {
		a := open()
		if a.StatusCode != http.StatusOK {
			if a.StatusCode != http.StatusTooManyRequests || a.Header.Get("Retry-After") == "" {
				t.Fatalf("the feed behind %d others: status %d", len(all), a.StatusCode)
			}
			break
		}
		all = append(all, a)
	}
	if len(all) < 8 || len(all) > 100 {
		t.Fatalf("one person has %d feeds", len(all))
	}
	all[0].Body.Close()
	if !slices.ContainsFunc(make([]struct{}, 1000), func(struct{}) bool { return open().StatusCode == http.StatusOK }) {
		t.Error("a feed that was closed counts on")
	}
}
