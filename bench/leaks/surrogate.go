package main

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"polity/bench/harness"
	"polity/internal/durable"
	"polity/services/water/battledim"
	"polity/services/water/epanet"
	"polity/services/water/leaksim"
	"polity/services/water/network"
)

// start is the first moment of the surrogate's two years, as in BattLeDIM.
var start = time.Date(2018, 1, 1, 0, 0, 0, 0, time.UTC)

// surrogate is a case on disk: what the detector may read, and the truth apart.
type surrogate struct {
	name           string
	history, scada string // folders
	fixed          []battledim.Detection
	leaks          []battledim.Leak // of the evaluation year
}

// kept is what the truth's file holds.
type kept struct {
	Drawn []leaksim.Leak
	Leaks []battledim.Leak
}

// prepare simulates a case, or takes the one simulated earlier: what it is made of
// is in its folder's name.
func prepare(ctx context.Context, r *harness.Run, text []byte, n *network.Network, name string, seed uint64, drawn []leaksim.Leak) (*surrogate, error) {
	recipe, err := json.Marshal(struct {
		Network [32]byte
		Leaks   []leaksim.Leak
		Perturb leaksim.Perturbation
		Seed    uint64
		Version int
	}{sha256.Sum256(text), drawn, leaksim.Assumed, seed, 5})
	if err != nil {
		return nil, err
	}
	folder := filepath.Join(".cache/leaks", fmt.Sprintf("%s-%x", name, sha256.Sum256(recipe))[:len(name)+13])
	s := &surrogate{name: name, history: filepath.Join(folder, "history"), scada: filepath.Join(folder, "scada")}
	for _, l := range drawn {
		if l.Repaired && l.End.Before(start.AddDate(1, 0, 0)) {
			s.fixed = append(s.fixed, battledim.Detection{Pipe: l.Pipe, At: l.End})
		}
	}
	truth := filepath.Join(folder, "truth.json")
	if b, err := os.ReadFile(truth); err == nil {
		var k kept
		if err := json.Unmarshal(b, &k); err != nil {
			return nil, fmt.Errorf("%s: %w; remove the folder and run again", truth, err)
		}
		s.leaks = k.Leaks
		r.Say("%s: simulated earlier, in %s", name, folder)
		return s, nil
	}
	r.Say("%s: simulating two years with %d leaks", name, len(drawn))
	c := leaksim.Case{Network: n, Sensors: n.File.Sensors(), Seed: seed, Start: start, Leaks: drawn, Perturb: leaksim.Assumed}
	var years [2]*leaksim.Period
	var failed [2]error
	var wait sync.WaitGroup
	for y := range years {
		wait.Go(func() {
			said := 0.0
			years[y], failed[y] = leaksim.Simulate(ctx, epanet.Native, c, start.AddDate(y, 0, 0), start.AddDate(y+1, 0, 0), func(done float64) {
				if y == 0 && done >= said+0.25 {
					said = done
					r.Say("%s: %.0f%% simulated", name, 100*done)
				}
			})
		})
	}
	wait.Wait()
	if err := errors.Join(failed[:]...); err != nil {
		return nil, err
	}
	err = errors.Join(years[0].Data.WriteFolder(s.history, "2018_SCADA_"), years[1].Data.WriteFolder(s.scada, "2019_SCADA_"))
	if err != nil {
		return nil, err
	}
	s.leaks = years[1].Leaks
	b, err := json.Marshal(kept{drawn, s.leaks})
	if err != nil {
		return nil, err
	}
	return s, durable.WriteFile(truth, b, 0o644)
}
