package main

import (
	"bufio"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"polity/services/water/battledim"
	"polity/services/water/leaksim"
)

// listed is a line of BattLeDIM's leak lists: pipe, start, end, diameter, kind, peak.
func listed(name string) ([]leaksim.Leak, error) {
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	var leaks []leaksim.Leak
	for line := range strings.Lines(string(b)) {
		fields := strings.Split(strings.TrimPrefix(strings.TrimSpace(line), "- "), ",")
		if len(fields) != 6 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		l := leaksim.Leak{Pipe: strings.TrimSpace(fields[0])}
		for _, x := range []struct {
			field int
			into  *time.Time
		}{{1, &l.Start}, {2, &l.End}, {5, &l.Peak}} {
			if *x.into, err = time.Parse("2006-01-02 15:04", strings.TrimSpace(fields[x.field])); err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
		}
		if l.Diameter, err = strconv.ParseFloat(strings.TrimSpace(fields[3]), 64); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		l.Repaired = l.End.Before(start.AddDate(2, 0, -1))
		leaks = append(leaks, l)
	}
	if len(leaks) == 0 {
		return nil, fmt.Errorf("%s lists no leaks", name)
	}
	return leaks, nil
}

// report reads what the competition's program scored for each line of a result, and
// in all.
func report(name string) (scores []float64, total float64, err error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, 0, err
	}
	defer f.Close()
	in := bufio.NewScanner(f)
	for in.Scan() {
		text := in.Text()
		if s, ok := strings.CutPrefix(text, "Score: "); ok {
			v, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
			if err != nil {
				return nil, 0, fmt.Errorf("%s: %w", name, err)
			}
			scores = append(scores, v)
		}
		if strings.HasPrefix(text, "Total score:") {
			fields := strings.Fields(text)
			if total, err = strconv.ParseFloat(fields[len(fields)-1], 64); err != nil {
				return nil, 0, fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	if len(scores) == 0 {
		return nil, 0, fmt.Errorf("%s holds no scores", name)
	}
	return scores, total, in.Err()
}

// published rebuilds the leaks of the real year. Their flow was never published but
// for what the perfect result earned with each; its course over time follows from
// the leak list: constant, or growing with the square of time until the peak.
func published(folder string) ([]battledim.Leak, error) {
	list, err := listed(filepath.Join(folder, "Scoring Algorithm/competition_data/leakages_info.yalm"))
	if err != nil {
		return nil, err
	}
	earned, _, err := report(filepath.Join(folder, "Scoring Algorithm/results_reports/PERFECT_TEAM_report.txt"))
	if err != nil {
		return nil, err
	}
	if len(earned) != len(list) {
		return nil, fmt.Errorf("%d scores for %d leaks", len(earned), len(list))
	}
	year := start.AddDate(1, 0, 0)
	var leaks []battledim.Leak
	for i, l := range list {
		flow := make([]float64, 365*288)
		for k := range flow {
			at := year.Add(time.Duration(k) * battledim.Step)
			switch {
			case at.Before(l.Start) || at.After(l.End):
			case at.Before(l.Peak):
				part := float64(at.Sub(l.Start)) / float64(l.Peak.Sub(l.Start))
				flow[k] = part * part
			default:
				flow[k] = 1
			}
		}
		leak := battledim.Leak{Pipe: l.Pipe, Start: l.Start, End: l.End, From: year, Flow: flow}
		one := battledim.Rate([]battledim.Leak{leak}, battledim.Perfect([]battledim.Leak{leak}, year), year, func(_, _ string) float64 { return 0 })
		// The sum of the shape is kept to the cent only, so the scale is made from it twice.
		scale := earned[i] / one.Outcomes[0].Euro
		for k := range flow {
			flow[k] *= scale
		}
		leaks = append(leaks, leak)
	}
	return leaks, nil
}

// proof scores the competition's own example results with our scoring.
func proof(folder string, distance func(a, b string) float64) (perfect float64, err error) {
	leaks, err := published(folder)
	if err != nil {
		return 0, err
	}
	year := start.AddDate(1, 0, 0)
	for _, team := range []string{"PERFECT_TEAM", "test_team", "test_team_multiple"} {
		f, err := os.Open(filepath.Join(folder, "Scoring Algorithm/SUBMITTED_files", team+".txt"))
		if err != nil {
			return 0, err
		}
		detections, err := battledim.ReadDetections(team, f)
		_ = f.Close()
		if err != nil {
			return 0, err
		}
		want, total, err := report(filepath.Join(folder, "Scoring Algorithm/results_reports", team+"_report.txt"))
		if err != nil {
			return 0, err
		}
		got := battledim.Rate(leaks, detections, year, distance)
		for i, o := range got.Outcomes {
			// A leak's course between start and peak is known to a per cent or so only.
			if off := math.Abs(o.Euro - want[i]); off > 0.01*math.Abs(want[i])+0.01 {
				return 0, fmt.Errorf("%s: %s at %v scores %.2f here and %.2f in the competition", team, o.Pipe, o.At, o.Euro, want[i])
			}
		}
		if math.Abs(got.Euro-total) > 0.01*math.Abs(total) || len(got.Outcomes) != len(want) {
			return 0, fmt.Errorf("%s scores %.2f here and %.2f in the competition", team, got.Euro, total)
		}
		if team == "PERFECT_TEAM" {
			perfect = got.Euro
		}
	}
	if perfect == 0 {
		return 0, errors.New("the perfect result scores nothing")
	}
	return perfect, nil
}
