package logtest

import (
	"net/http/httptest"
	"testing"
	"time"

	"polity/city"
	"polity/ledger/log"
	"polity/ledger/roster/rostertest"
)

// Town is a city's log with its witnesses, as a test sees them.
type Town struct {
	*rostertest.City
	Witnesses []*Witness
	Config    log.Config
}

// New makes a town whose log is in dir, with three witnesses on loopback.
func New(t testing.TB, dir string) *Town {
	t.Helper()
	c := rostertest.New("town")
	verifier, err := c.Roster.LogVerifier()
	if err != nil {
		t.Fatal(err)
	}
	town := &Town{City: c, Config: log.Config{
		Dir: dir, Signer: c.Log.Signer(), Roster: c.Roster,
		Batch: 5 * time.Millisecond, Publish: 100 * time.Millisecond,
	}}
	for i, key := range c.Witnesses {
		w := &Witness{Log: verifier, Signer: key.Cosigner()}
		server := httptest.NewServer(w)
		t.Cleanup(server.Close)
		town.Witnesses = append(town.Witnesses, w)
		town.Config.Witnesses = append(town.Config.Witnesses, log.Witness{Name: city.Slug("witness-" + string(rune('1'+i))), URL: server.URL})
	}
	return town
}
