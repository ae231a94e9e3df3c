package gtfs

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"
)

// writeCity writes a feed of a hundred thousand trips with twenty calls each: routes by
// the thousand, running times that differ by the hour.
func writeCity(t testing.TB, dir string, trips int) {
	t.Helper()
	file := func(name, head string, each func(w *bufio.Writer)) {
		f, err := os.Create(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		w := bufio.NewWriter(f)
		fmt.Fprintln(w, head)
		each(w)
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		f.Close()
	}
	const routes, calls = 500, 20
	file("agency.txt", "agency_name,agency_url,agency_timezone\nBig,https://big.example,Europe/Helsinki", func(*bufio.Writer) {})
	file("calendar.txt", "service_id,monday,tuesday,wednesday,thursday,friday,saturday,sunday,start_date,end_date\nall,1,1,1,1,1,1,1,20260101,20261231", func(*bufio.Writer) {})
	file("stops.txt", "stop_id,stop_name,stop_lat,stop_lon", func(w *bufio.Writer) {
		for i := range 8000 {
			fmt.Fprintf(w, "stop-%05d,Stop %d,%f,%f\n", i, i, 60+float64(i%100)/500, 24+float64(i/100)/300)
		}
	})
	file("routes.txt", "route_id,route_short_name,route_type", func(w *bufio.Writer) {
		for i := range routes {
			fmt.Fprintf(w, "route-%d,%d,3\n", i, i)
		}
	})
	file("trips.txt", "route_id,service_id,trip_id,trip_headsign,direction_id", func(w *bufio.Writer) {
		for i := range trips {
			fmt.Fprintf(w, "route-%d,all,trip-2026-%08d,Towards %d,%d\n", i%routes, i, i%90, i%2)
		}
	})
	file("stop_times.txt", "trip_id,arrival_time,departure_time,stop_id,stop_sequence", func(w *bufio.Writer) {
		for i := range trips {
			at := 5*3600 + (i/routes)*300
			for c := range calls {
				fmt.Fprintf(w, "trip-2026-%08d,%02d:%02d:%02d,%02d:%02d:%02d,stop-%05d,%d\n", i, at/3600, at/60%60, at%60, at/3600, at/60%60, at%60, (i%routes*16+c)%8000, c+1)
				at += 60 + (i/routes%24)*2 + c*i%7
			}
		}
	})
}

// BenchmarkTwoMillion reads two million stop_times. held-MB is what the feed keeps.
func BenchmarkTwoMillion(b *testing.B) {
	dir := b.TempDir()
	writeCity(b, dir, 100_000)
	for b.Loop() {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		f, err := Open(dir, DefaultLimits())
		if err != nil {
			b.Fatal(err)
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/1e6, "held-MB")
		b.ReportMetric(float64(len(f.patterns)), "patterns")
		b.ReportMetric(float64(len(f.timings)), "timings")
		runtime.KeepAlive(f)
	}
}

// BenchmarkQuestions asks the same feed what runs now, and what leaves a stop in two hours.
func BenchmarkQuestions(b *testing.B) {
	dir := b.TempDir()
	writeCity(b, dir, 100_000)
	f, err := Open(dir, DefaultLimits())
	if err != nil {
		b.Fatal(err)
	}
	now := time.Date(2026, 11, 30, 8, 0, 0, 0, f.Zone)
	b.Run("running", func(b *testing.B) {
		n := 0
		for b.Loop() {
			n = 0
			f.Running(now, now.Add(time.Second), func(Run) { n++ })
		}
		b.ReportMetric(float64(n), "runs")
	})
	b.Run("departures", func(b *testing.B) {
		n := 0
		for b.Loop() {
			n = 0
			f.At(100, now.Add(-3*time.Hour), now.Add(2*time.Hour), func(Run, int) { n++ })
		}
		b.ReportMetric(float64(n), "departures")
	})
}
