package browsertest

import (
	"net/http"
	"sync/atomic"
	"testing"

	"polity/access"
	"polity/console/consoletest"
	"polity/room/order"
)

// line is between the browser and the pages of who may do everything: it can be cut,
// and that person's sign-in can end.
type line struct {
	cut, signedOut atomic.Bool
}

// everything is a person who may do all that there is while the sign-in lasts.
func (l *line) everything() *consoletest.Access {
	a := consoletest.Everything()
	a.From = func(*http.Request) bool { return !l.signedOut.Load() }
	return a
}

// pages answers nothing while the line is cut.
func (l *line) pages(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if l.cut.Load() {
			panic(http.ErrAbortHandler)
		}
		h.ServeHTTP(w, r)
	})
}

func (l *line) reset() {
	l.cut.Store(false)
	l.signedOut.Store(false)
}

// newOrders makes a book of orders for whoever signed in.
func newOrders(t testing.TB, who *consoletest.Access) *order.Book {
	t.Helper()
	if who.As.Kind == access.Public {
		return nil
	}
	b, err := consoletest.NewOrders(t.TempDir(), who, running())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	return b
}
