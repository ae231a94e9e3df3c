package browsertest

import (
	"sync"
	"testing"

	"polity/access/look"
	"polity/console/consoletest"
)

var (
	bookOnce sync.Once
	theBook  *look.Book
)

// newBook is the book of looks of the tests' city, one for all of them: they only read it.
func newBook(t testing.TB, c *consoletest.City) *look.Book {
	t.Helper()
	t = lasting(t)
	bookOnce.Do(func() {
		var err error
		if theBook, err = consoletest.NewBook(t.TempDir(), running(), c.About().Zone); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := theBook.Close(); err != nil {
				t.Error(err)
			}
		})
	})
	return theBook
}
