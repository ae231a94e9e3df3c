package live

import (
	"testing"
	"time"
)

func TestMain(m *testing.M) {
	settle = 300 * time.Millisecond
	m.Run()
}

// Broken is a line that breaks in a played evening.
type Broken struct {
	After time.Duration
	Line  int
}

// Evening sets how the next played evenings go, until the test ends.
func Evening(t *testing.T, repair time.Duration, list ...Broken) {
	wasRepair, was := stormRepair, stormFaults
	t.Cleanup(func() { stormRepair, stormFaults = wasRepair, was })
	stormRepair, stormFaults = repair, nil
	for _, b := range list {
		stormFaults = append(stormFaults, struct {
			after time.Duration
			line  int
		}{b.After, b.Line})
	}
}
