package browsertest

import (
	"os"
	"slices"
	"testing"
)

// turn is one test of the browser's: what was made for it ends with it, so that hundreds of
// cities do not lie in memory at once.
type turn struct {
	testing.TB
	ends []func()
}

func (t *turn) Cleanup(end func()) { t.ends = append(t.ends, end) }

func (t *turn) TempDir() string {
	dir, err := os.MkdirTemp(t.TB.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func (t *turn) end() {
	for _, end := range slices.Backward(t.ends) {
		end()
	}
	t.ends = nil
}

// lasting is for what all tests of the browser share.
func lasting(t testing.TB) testing.TB {
	if one, ok := t.(*turn); ok {
		return one.TB
	}
	return t
}
