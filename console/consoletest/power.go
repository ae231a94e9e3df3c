package consoletest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	pages "polity/console/power"
	"polity/service"
	power "polity/services/power/live"
)

// Power stands in for the power service: the example's network, of which a line has failed and
// is cut out, with switches that are known to a desk. Its lamps are those of Lamps.
type Power struct {
	*Lamps
	*power.Service
	at time.Time
}

// powerPlaces are where some buses of the example are.
const powerPlaces = `places:
  "5": [24.940193, 60.170466]
  "6": [24.942631, 60.171781]
  "7": [24.944307, 60.172185]
  "8": [24.946001, 60.173211]
  "9": [24.946893, 60.174219]
  "10": [24.944158, 60.176346]
  "11": [24.942502, 60.176533]
`

// NewPower returns it as of a time; dir is a folder of its own.
func NewPower(dir string, at time.Time) (*Power, error) {
	state, err := json.Marshal(map[string]any{
		"faults": []power.Fault{{
			ID: "20261124T115800-1", Line: 9, Name: "branch.10", Found: at.Add(-34 * time.Minute), Customers: 80, Dark: 80, Probability: 0.9991,
			Reason: "12 reports of darkness behind branch.10, 1 against.", Buses: []int{10}, Isolated: true,
		}},
		"tags": []power.Tag{{Line: "branch.36", Reason: "A crew works at bus 33.", By: "Otto", At: at.Add(-2 * time.Hour)}},
		"past": []power.Past{{Name: "branch.25", Found: at.Add(-5 * time.Hour), Restored: at.Add(-4 * time.Hour), Ended: at.Add(-3 * time.Hour), Customers: 60, Gained: 40}},
	})
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "state.json"), state, 0o600)
	}
	if err != nil {
		return nil, err
	}
	config := bytes.NewBufferString(powerPlaces + "field:\n  address: 127.0.0.1:9\n  switches:\n")
	for i := range 37 {
		fmt.Fprintf(config, "    branch.%d: {position: %d, command: %d}\n", i+1, 100+i, 1000+i)
	}
	s, err := power.New(config.Bytes(), service.Deps{Dir: dir, Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return at }})
	return &Power{NewLights(at), s, at}, err
}

// Run does nothing.
func (*Power) Run(ctx context.Context) error { <-ctx.Done(); return nil }

// State is one line.
func (p *Power) State() service.State { return p.Service.State() }

// View is the network, made up.
func (p *Power) View() power.View {
	v := p.Service.View()
	v.At, v.Simulated = p.at, true
	return v
}

var _ pages.LightDesk = (*Power)(nil)
