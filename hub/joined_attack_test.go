//go:build !race

// The game is number crunching: with the race detector it takes a minute more and finds
// nothing more.

package hub_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"polity/city"
	"polity/hub"
	"polity/internal/attack"
	"polity/plane"
)

// The game: in each hour a lone walker passes the camera in the west. By a coin's toss the
// same walker passes the one in the east 90 s to 240 s later, or somebody else passes it at
// any other time of that hour. So each camera alone says nothing of the toss, and whoever
// tells it better than chance has followed somebody from one camera to the other.
const (
	gamePairs = 4  // of cameras
	gameDays  = 12 // of 24 tosses for each pair
	gameRule  = 5  // threshold of the cameras' register entries
)

// regimes are the others who pass, a quarter of an hour, by the hour of the day.
var regimes = []struct {
	name string
	rate float64
}{{"an empty street", 0.1}, {"a quiet street", 3}, {"a busy street", 12}}

func regimeOf(hour int) int { return hour / 8 }

// toss is one hour of a pair.
type toss struct {
	pair, day, hour int
	same            bool
}

// street is what really happened: passages a minute, by camera and day.
type street struct {
	tosses []toss
	passed [2 * gamePairs][gameDays][24 * 60]int
}

func newStreet(r *rand.Rand) *street {
	s := &street{}
	for pair := range gamePairs {
		for day := range gameDays {
			for hour := range 24 {
				for _, camera := range []int{2 * pair, 2*pair + 1} {
					for minute := range 60 {
						s.passed[camera][day][60*hour+minute] = poisson(r, regimes[regimeOf(hour)].rate/15)
					}
				}
				west := r.Float64() * 55
				east := r.Float64() * 60
				same := r.IntN(2) == 0
				if same {
					east = west + 1.5 + r.Float64()*2.5
				}
				s.passed[2*pair][day][60*hour+int(west)]++
				s.passed[2*pair+1][day][60*hour+int(east)]++
				s.tosses = append(s.tosses, toss{pair, day, hour, same})
			}
		}
	}
	return s
}

func poisson(r *rand.Rand, mean float64) (n int) {
	for p := r.Float64(); p > math.Exp(-mean); p *= r.Float64() {
		n++
	}
	return n
}

func gameCamera(i int) city.Slug {
	return city.Slug(fmt.Sprintf("%s-%d", []string{"west", "east"}[i%2], i/2))
}

// seen is what an attacker has of a camera: a number for each step of a day, and whether
// there is one.
type seen struct {
	steps int // a day
	value [2 * gamePairs][gameDays][]float64
	known [2 * gamePairs][gameDays][]float64 // 1 or 0
}

func newSeen(steps int) *seen {
	x := &seen{steps: steps}
	for c := range x.value {
		for d := range x.value[c] {
			x.value[c][d], x.known[c][d] = make([]float64, steps), make([]float64, steps)
		}
	}
	return x
}

// joined are the features of a toss: how what two cameras say goes together at each lag of
// steps, against what is usual at that time of the day.
func (x *seen) joined(g toss, lags int) (features []float64) {
	perHour := x.steps / 24
	for _, of := range [][2 * gamePairs][gameDays][]float64{x.value, x.known} {
		usual := func(camera, step int) (mean float64) {
			for day := range gameDays {
				mean += of[camera][day][step] / gameDays
			}
			return mean
		}
		for lag := range lags {
			sum := 0.0
			for step := g.hour * perHour; step < (g.hour+1)*perHour && step+lag < x.steps; step++ {
				a := of[2*g.pair][g.day][step] - usual(2*g.pair, step)
				b := of[2*g.pair+1][g.day][step+lag] - usual(2*g.pair+1, step+lag)
				sum += a * b
			}
			features = append(features, sum)
		}
	}
	return features
}

// learner is logistic regression, of somebody who was told the truth about other days.
type learner struct {
	mean, spread, weight []float64
	bias                 float64
}

func learn(features [][]float64, truth []bool) *learner {
	n := len(features[0])
	l := &learner{mean: make([]float64, n), spread: make([]float64, n), weight: make([]float64, n)}
	for i := range n {
		for _, f := range features {
			l.mean[i] += f[i] / float64(len(features))
		}
		for _, f := range features {
			l.spread[i] += (f[i] - l.mean[i]) * (f[i] - l.mean[i]) / float64(len(features))
		}
		l.spread[i] = math.Sqrt(l.spread[i]) + 1e-9
	}
	for range 400 {
		slope, bias := make([]float64, n), 0.0
		for k, f := range features {
			wrong := 1/(1+math.Exp(-l.score(f))) - map[bool]float64{true: 1}[truth[k]]
			for i := range n {
				slope[i] += wrong * (f[i] - l.mean[i]) / l.spread[i]
			}
			bias += wrong
		}
		for i := range n {
			l.weight[i] -= 0.5 * (slope[i]/float64(len(features)) + 0.01*l.weight[i])
		}
		l.bias -= 0.5 * bias / float64(len(features))
	}
	return l
}

func (l *learner) score(f []float64) float64 {
	s := l.bias
	for i := range f {
		s += l.weight[i] * (f[i] - l.mean[i]) / l.spread[i]
	}
	return s
}

// right is the share of tosses of a regime that the attacker tells rightly with what they
// have: on odd days, after having been told the truth of all even ones. n is how many they
// were.
func right(s *street, regime int, have ...*seen) (share float64, n int) {
	joined := func(g toss) (features []float64) {
		for _, x := range have {
			lags := 3 // some minutes are no more than two steps
			if x.steps == 24*60 {
				lags = 6
			}
			features = append(features, x.joined(g, lags)...)
		}
		return features
	}
	var features [][]float64
	var truth []bool
	for _, g := range s.tosses {
		if regimeOf(g.hour) == regime && g.day%2 == 0 {
			features, truth = append(features, joined(g)), append(truth, g.same)
		}
	}
	l := learn(features, truth)
	good := 0
	for _, g := range s.tosses {
		if regimeOf(g.hour) != regime || g.day%2 == 0 {
			continue
		}
		n++
		if (l.score(joined(g)) > 0) == g.same {
			good++
		}
	}
	return float64(good) / float64(n), n
}

// chance is the least share that a fair coin exceeds once in a thousand times
// (normal approximation of the binomial, z = 3.09).
func chance(n int) float64 { return 0.5 + 3.09*0.5/math.Sqrt(float64(n)) }

// TestAttackTwoCamerasJoined lets somebody who has all that is published of two cameras,
// as files and from the API, or all that the hub stores of them once an hour is archived,
// and knows the truth about half of the days, tell on the other half whether the walker of
// the one is that of the other.
func TestAttackTwoCamerasJoined(t *testing.T) {
	attack.Tell(t, "two-cameras-joined",
		"All that is published of four pairs of cameras in twelve days, and all that the hub's database keeps of them, is joined by time, by somebody who was told the truth about half of the days, to tell whether the lone walker at one camera is the one at the other minutes later.",
		"What everyone gets are late quarters of an hour in which small numbers, and sums that would reveal them, are missing. The database keeps of those quarters what is common to their hour; minutes are overwritten some hours after they came. On empty, quiet and busy streets the attacker is right no more often than a coin (once in 1000 tries), with either and with both.")
	first := time.Date(2026, 11, 9, 0, 0, 0, 0, zone)
	s := newStreet(rand.New(rand.NewPCG(15, 30)))
	p := newPublishing(t, first.Add(-time.Hour))
	for c := range 2 * gamePairs {
		p.enter(gameCamera(c), "edge-1")
	}
	p.stop() // the cameras are registered at the start
	p.run()
	measured := p.film(s, first)
	p.set(first.AddDate(0, 0, gameDays).Add(3 * time.Hour))
	p.stop() // a restart publishes what is due at once
	p.run()
	if err := hub.ArchiveAll(p.t.Context(), p.started.City); err != nil {
		t.Fatal(err)
	}
	published, stored := p.gather(first), p.stored(first)

	for regime, of := range regimes {
		limit := 0.0
		told := map[string]float64{}
		for name, of := range map[string][]*seen{"public": {published}, "stored": stored, "both": append(stored, published), "quarters": {measured.coarser(15)}, "minutes": {measured}} {
			var n int
			told[name], n = right(s, regime, of...)
			limit = chance(n)
		}
		t.Logf("%s: right in %.0f%% with what is public, %.0f%% with what is stored, %.0f%% with both (a coin: up to %.0f%%); %.0f%% with all quarters of an hour, %.0f%% with the minutes",
			of.name, 100*told["public"], 100*told["stored"], 100*told["both"], 100*limit, 100*told["quarters"], 100*told["minutes"])
		for _, name := range []string{"public", "stored", "both"} {
			if told[name] > limit {
				t.Errorf("%s: whoever joins %s is right in %.1f%% of the cases; a coin in no more than %.1f%%", of.name, name, 100*told[name], 100*limit)
			}
		}
		if regime == 0 && (told["minutes"] < 0.8 || told["quarters"] < 0.6) {
			t.Errorf("the attacker is no good: right in %.0f%% with minutes and in %.0f%% with quarters of an hour, where everything is known", 100*told["minutes"], 100*told["quarters"])
		}
	}
}

// film has the hub take what the cameras measured, as from their edges, and returns it.
func (p *publishing) film(s *street, first time.Time) *seen {
	p.t.Helper()
	x := newSeen(24 * 60)
	for c := range s.passed {
		for day := range s.passed[c] {
			var list []plane.Observation
			start := first.AddDate(0, 0, day)
			for minute, n := range s.passed[c][day] {
				x.value[c][day][minute], x.known[c][day][minute] = float64(n), 1
				for name, v := range map[[2]string]float64{
					{"crossings", "person/gate/right"}: float64(n), {"crossings", "person/gate/left"}: 0,
					{"occupancy", "person//"}:     float64(n) / 3, // each is in view for 20 s
					{"occupancy-max", "person//"}: float64(min(n, 1)),
				} {
					list = append(list, plane.Observation{
						Series: plane.Series{Key: plane.Key{ID: "urn:polity:camera:" + string(gameCamera(c))}, Attribute: name[0], Dataset: name[1]},
						Start:  start.Add(time.Duration(minute) * time.Minute), Length: time.Minute, Covered: time.Minute, Value: v,
					})
				}
			}
			if err := hub.Observe(p.t.Context(), p.started.City, list); err != nil {
				p.t.Fatal(err)
			}
		}
	}
	return x
}

// stored is what the hub's database keeps of the cameras, a picture of each series.
func (p *publishing) stored(first time.Time) []*seen {
	p.t.Helper()
	bySeries := map[string]*seen{}
	for c := range 2 * gamePairs {
		q := plane.HistoryQuery{Key: plane.Key{ID: "urn:polity:camera:" + string(gameCamera(c))}}
		if err := p.started.Store.History(p.t.Context(), q, func(o plane.Observation) error {
			name := o.Attribute + " " + o.Dataset
			if bySeries[name] == nil {
				bySeries[name] = newSeen(24 * 60) // finer than what is expected
			}
			at := int(o.Start.Sub(first) / time.Minute)
			if at >= 0 && at < gameDays*24*60 {
				x := bySeries[name]
				x.value[c][at/(24*60)][at%(24*60)] += o.Value
				x.known[c][at/(24*60)][at%(24*60)]++
			}
			return nil
		}); err != nil {
			p.t.Fatal(err)
		}
		if err := hub.Minutes(p.t.Context(), p.started.City, gameCamera(c), func(o plane.Observation) error {
			return fmt.Errorf("a minute of %v was not archived", o.Start)
		}); err != nil {
			p.t.Fatal(err)
		}
	}
	if len(bySeries) != 4 {
		p.t.Fatalf("%d series are stored: there is little to join", len(bySeries))
	}
	var all []*seen
	for _, name := range slices.Sorted(maps.Keys(bySeries)) {
		x := bySeries[name]
		for c := range x.value { // nothing finer than quarters stands there
			for d := range x.value[c] {
				for minute, known := range x.known[c][d] {
					if (known > 0) != (minute%15 == 0) {
						p.t.Fatalf("%s of camera %d has %g numbers in minute %d of day %d", name, c, known, minute, d)
					}
				}
			}
		}
		all = append(all, x.coarser(15))
	}
	return append(all, p.remembered(first))
}

// remembered is what the hub remembers of crossings so as to publish no sum that would tell
// what is withheld: those numbers too.
func (p *publishing) remembered(first time.Time) *seen {
	p.t.Helper()
	x := newSeen(24 * 4)
	withheld := 0
	for c := range 2 * gamePairs {
		for day := range gameDays {
			b, err := os.ReadFile(filepath.Join(p.cfg.Data, "published-counts", string(gameCamera(c)), first.AddDate(0, 0, day).Format(time.DateOnly)+".json"))
			if err != nil {
				p.t.Fatal(err)
			}
			var book struct {
				Steps map[int64][]struct {
					Direction int     `json:"d"`
					Value     float64 `json:"v"`
					Withheld  bool    `json:"h"`
				} `json:"steps"`
			}
			if err := json.Unmarshal(b, &book); err != nil {
				p.t.Fatal(err)
			}
			for at, cells := range book.Steps {
				i := int(time.UnixMilli(at).Sub(first.AddDate(0, 0, day)) / (15 * time.Minute))
				for _, cell := range cells {
					if cell.Direction == 0 {
						continue
					}
					x.value[c][day][i] += cell.Value
					x.known[c][day][i] = 1
					if cell.Withheld && cell.Value > 0 {
						withheld++
					}
				}
			}
		}
	}
	if withheld < 1000 {
		p.t.Fatalf("%d numbers that are withheld are remembered: there is little to join", withheld)
	}
	return x
}

func (x *seen) coarser(by int) *seen {
	y := newSeen(x.steps / by)
	for c := range x.value {
		for d := range x.value[c] {
			for i, v := range x.value[c][d] {
				y.value[c][d][i/by] += v
				y.known[c][d][i/by] = 1
			}
		}
	}
	return y
}

// gather downloads each camera's files, with quarters of an hour, and sums of hours, of all
// series. What is withheld counts as the middle of what it may be.
func (p *publishing) gather(first time.Time) *seen {
	p.t.Helper()
	x := newSeen(24 * 4)
	numbers, withheld := 0, 0
	for c := range 2 * gamePairs {
		for day := range gameDays {
			start := first.AddDate(0, 0, day)
			path := fmt.Sprintf("/data/counts-%s/%s.csv", gameCamera(c), start.Format(time.DateOnly))
			p.eventually("the file "+path, func() bool { status, _ := p.get(path); return status == http.StatusOK })
			for at, cell := range p.table(path) {
				i := int(time.UnixMilli(at.start).Sub(start) / (15 * time.Minute))
				value, known := cell.value, 1.0
				if cell.withheld {
					value, known = (gameRule-1)/2.0, 0
					withheld++
				} else {
					numbers++
				}
				switch at.period {
				case "hour":
					for k := range 4 { // an hour's sum is known of all its quarters
						x.value[c][day][i+k] += value / 4
						x.known[c][day][i+k] += known / 4
					}
				case "15min":
					x.value[c][day][i] += value
					x.known[c][day][i] += known
				}
			}
		}
	}
	if numbers < 1000 || withheld < 1000 {
		p.t.Fatalf("%d numbers are public and %d withheld: there is little to join", numbers, withheld)
	}
	return x
}
