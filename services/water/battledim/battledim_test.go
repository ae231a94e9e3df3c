package battledim_test

import (
	"bytes"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"polity/city"
	"polity/services/water/battledim"
)

var year = time.Date(2019, 1, 1, 0, 0, 0, 0, time.UTC)

func leak(pipe string, from, to int, flow float64) battledim.Leak {
	l := battledim.Leak{Pipe: pipe, Start: year.AddDate(0, 0, from), End: year.AddDate(0, 0, to).Add(-battledim.Step), From: year, Flow: make([]float64, 100*288)}
	for i := range l.Flow {
		if at := year.Add(time.Duration(i) * battledim.Step); !at.Before(l.Start) && !at.After(l.End) {
			l.Flow[i] = flow
		}
	}
	return l
}

// apart puts pipes named by one letter 100 m from each other.
func apart(a, b string) float64 { return 100 * math.Abs(float64(a[0])-float64(b[0])) }

func at(pipe string, day int) battledim.Detection {
	return battledim.Detection{Pipe: pipe, At: year.AddDate(0, 0, day)}
}

func TestRate(t *testing.T) {
	leaks := []battledim.Leak{leak("a", -30, 50, 10), leak("c", 10, 20, 5)}
	for _, c := range []struct {
		name        string
		detections  []battledim.Detection
		euro        float64
		found, lies int
	}{
		{"nothing", nil, 0, 0, 0},
		{"at the pipe", []battledim.Detection{at("c", 15)}, 5*24*5*0.8 + 5.0/12*0.8, 1, 0},
		{"100 m away", []battledim.Detection{at("d", 15)}, 5*24*5*0.8 + 5.0/12*0.8 - 500.0/3, 1, 0},
		{"nearest of two", []battledim.Detection{at("d", 15), at("b", 40)}, 5*24*5*0.8 + 5.0/12*0.8 - 500.0/3 + 10*24*10*0.8 + 10.0/12*0.8 - 500.0/3, 2, 0},
		{"too far", []battledim.Detection{at("z", 15)}, -500, 0, 1},
		{"before it began", []battledim.Detection{at("g", 5)}, -500, 0, 1},
		{"after its end", []battledim.Detection{at("a", 60)}, -500, 0, 1},
		{"again", []battledim.Detection{at("c", 15), at("a", 16), at("a", 17)}, math.NaN(), 2, 0},
		{"last year", []battledim.Detection{at("z", -10)}, 0, 0, 0},
	} {
		s := battledim.Rate(leaks, c.detections, year, apart)
		if s.Found != c.found || s.False != c.lies || s.Missed != 2-c.found || !math.IsNaN(c.euro) && math.Abs(s.Euro-c.euro) > 0.01 {
			t.Errorf("%s: %+v", c.name, s)
		}
	}
	perfect := battledim.Rate(leaks, battledim.Perfect(leaks, year), year, apart)
	if want := (50*24*10 + 10*24*5) * 0.8; perfect.Found != 2 || math.Abs(perfect.Euro-want) > 0.01 {
		t.Errorf("perfect earns %.2f, want %.2f", perfect.Euro, want)
	}
}

func TestDetectionsTravel(t *testing.T) {
	all := []battledim.Detection{at("p1", 3), at("p20", 4)}
	var b bytes.Buffer
	if err := battledim.WriteDetections(&b, all); err != nil {
		t.Fatal(err)
	}
	if want := "# linkID, startTime\np1, 2019-01-04 00:00\np20, 2019-01-05 00:00\n"; b.String() != want {
		t.Errorf("written: %q", b.String())
	}
	got, err := battledim.ReadDetections("r.txt", &b)
	if err != nil || !slices.Equal(got, all) {
		t.Errorf("read %v, %v", got, err)
	}
	for text, want := range map[string]string{"p1\n": "r.txt:1:", "# x\np1, yesterday\n": `r.txt:2: time "yesterday"`} {
		if _, err := battledim.ReadDetections("r.txt", strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) || city.KindOf(err) != city.Invalid {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func FuzzReadDetections(f *testing.F) {
	f.Add("# a\np1, 2019-01-04 00:00, more\n")
	f.Fuzz(func(_ *testing.T, text string) {
		all, err := battledim.ReadDetections("f", strings.NewReader(text))
		if err == nil {
			_ = battledim.Rate([]battledim.Leak{leak("a", 1, 2, 1)}, all, year, func(_, _ string) float64 { return 0 })
		}
	})
}
