package gtfs

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"polity/city"
)

// texts is a feed in memory.
type texts map[string]string

func (x texts) Open(name string) (io.ReadCloser, error) {
	s, ok := x[name]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return io.NopCloser(strings.NewReader(s)), nil
}

func (x texts) with(name, text string) texts {
	y := maps.Clone(x)
	if text == "" {
		delete(y, name)
	} else {
		y[name] = text
	}
	return y
}

func small() texts {
	return texts{
		"agency.txt": "\ufeffagency_id,agency_name,agency_url,agency_timezone\nA,Tram Works,https://tram.example,Europe/Helsinki\n",
		"stops.txt": "stop_id,stop_name,stop_lat,stop_lon,location_type,parent_station\n" +
			"S,Square,60.17,24.94,1,\ns1,Square 1,60.1701,24.9401,0,S\ns2,Market,60.168,24.95,,\ns3,Park,60.166,24.96,,\n",
		"routes.txt":         "route_id,agency_id,route_short_name,route_type,route_color\nR1,A,1,0,00985f\nR2,A,2,3,\n",
		"calendar.txt":       "service_id,monday,tuesday,wednesday,thursday,friday,saturday,sunday,start_date,end_date\nwork,1,1,1,1,1,0,0,20260101,20261231\n",
		"calendar_dates.txt": "service_id,date,exception_type\nwork,20261225,2\nwork,20261226,1\nnight,20261128,1\nnight,20260329,1\nnight,20261025,1\n",
		"trips.txt": "route_id,service_id,trip_id,trip_headsign,direction_id,shape_id\n" +
			"R1,work,t1,Park,0,sh\nR1,work,t2,Park,0,sh\nR2,night,n1,,1,\nR2,work,f1,Park,0,\n",
		"stop_times.txt": "trip_id,arrival_time,departure_time,stop_id,stop_sequence,pickup_type\n" +
			"t1,08:00:00,08:00:30,s1,1,\nt1,,,s2,5,\nt1,08:10:00,08:10:00,s3,9,1\n" +
			"n1,23:50:00,23:50:00,s3,1,\nn1,24:10:00,24:10:00,s2,2,\nn1,25:30:00,25:30:00,s1,3,\n" +
			"f1,00:00:00,00:00:00,s1,1,\nf1,00:05:00,00:05:00,s3,2,\n" +
			"t2,9:10:00,9:10:00,s3,9,1\nt2,9:00:00,9:00:30,s1,1,\n", // out of order
		"frequencies.txt": "trip_id,start_time,end_time,headway_secs,exact_times\nf1,10:00:00,11:00:00,600,1\n",
		"shapes.txt":      "shape_id,shape_pt_lat,shape_pt_lon,shape_pt_sequence\nsh,60.166,24.96,2\nsh,60.17,24.94,1\n",
		"feed_info.txt":   "feed_publisher_name,feed_publisher_url,feed_lang,feed_start_date,feed_end_date,feed_version\nWorks,https://w.example,fi,20260101,20261130,v7\n",
	}
}

func read(t testing.TB, x Files) *Feed {
	t.Helper()
	f, err := Read(x, DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func day(t testing.TB, s string) Date {
	t.Helper()
	d, ok := ParseDate(s)
	if !ok {
		t.Fatalf("%s is no date", s)
	}
	return d
}

// departures are those of a stop as "trip hh:mm:ss+zone".
func departures(f *Feed, stop string, from, to time.Time) (list []string) {
	s, _ := f.Stop(stop)
	f.At(s, from, to, func(r Run, n int) {
		list = append(list, f.Call(r, n).Departure.In(f.Zone).Format("0102 15:04:05 -0700 ")+f.TripID(r.Trip))
	})
	slices.Sort(list)
	return list
}

func TestReadsTheSmallFeed(t *testing.T) {
	f := read(t, small())
	if f.Zone.String() != "Europe/Helsinki" || len(f.Stops) != 4 || len(f.Routes) != 2 || f.Trips() != 4 || f.Info.Version != "v7" || f.Expires() != day(t, "20261130") {
		t.Fatalf("read %+v", f.Info)
	}
	s1, _ := f.Stop("s1")
	if station, _ := f.Stop("S"); int(f.Stops[s1].Station) != station || f.Stops[s1].Name != "Square 1" {
		t.Errorf("the platform is %+v", f.Stops[s1])
	}
	t1, _ := f.Trip("t1")
	run := Run{t1, day(t, "20261130"), -1}
	if c := f.Call(run, 1); c.Sequence != 5 || c.Departure.In(f.Zone).Format("15:04:05") != "08:05:15" {
		t.Errorf("a call without a time is put at %v", c)
	}
	if c := f.Call(run, 2); c.Pickup || !c.DropOff {
		t.Errorf("the last call lets nobody on: %+v", c)
	}
	if n := f.PositionOf(t1, 9); n != 2 {
		t.Errorf("stop_sequence 9 is call %d", n)
	}
	if shape := f.Shape(t1); len(shape) != 2 || shape[0].Lat != 60.17 {
		t.Errorf("the shape is %v", shape)
	}
	n1, _ := f.Trip("n1")
	if f.Headsign(n1) != "Square 1" || f.Headsign(t1) != "Park" {
		t.Errorf("headsigns %q, %q", f.Headsign(n1), f.Headsign(t1))
	}
}

func TestCalendars(t *testing.T) {
	f := read(t, small())
	t1, _ := f.Trip("t1")
	for d, want := range map[string]bool{"20261130": true, "20261129": false, "20261225": false, "20261226": true, "20270104": false} {
		if f.Active(t1, day(t, d)) != want {
			t.Errorf("on %s it runs: %v", d, !want)
		}
	}
}

// TestServiceDays: times count from noon minus twelve hours, beyond midnight and on the
// days when clocks change.
func TestServiceDays(t *testing.T) {
	f := read(t, small())
	at := func(s string) time.Time {
		v, err := time.ParseInLocation("2006-01-02 15:04", s, f.Zone)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	for _, c := range []struct {
		stop, from, to string
		want           []string
	}{
		{"s1", "2026-11-29 00:00", "2026-11-29 04:00", []string{"1129 01:30:00 +0200 n1"}}, // 25:30 of Saturday
		// 29 March: clocks go from 03:00 to 04:00; noon minus twelve hours is 23:00 of the 28th.
		{"s3", "2026-03-29 20:00", "2026-03-30 04:00", []string{"0329 23:50:00 +0300 n1"}},
		{"s1", "2026-03-30 00:00", "2026-03-30 04:00", []string{"0330 01:30:00 +0300 n1"}},
		{"s1", "2026-10-26 00:00", "2026-10-26 04:00", []string{"1026 01:30:00 +0200 n1"}},
		{"s1", "2026-11-30 08:00", "2026-11-30 10:25", []string{"1130 08:00:30 +0200 t1", "1130 09:00:30 +0200 t2", "1130 10:00:00 +0200 f1", "1130 10:10:00 +0200 f1", "1130 10:20:00 +0200 f1"}},
		{"s1", "2026-11-30 08:00", "2026-11-30 08:00", nil},
	} {
		if got := departures(f, c.stop, at(c.from), at(c.to)); !slices.Equal(got, c.want) {
			t.Errorf("%s from %s: %q, want %q", c.stop, c.from, got, c.want)
		}
	}
	// A trip before the change on the very day: 01:00 of the service day of 29 March is midnight.
	spring := day(t, "20260329").Start(f.Zone)
	if got := spring.In(f.Zone).Format("0102 15:04"); got != "0328 23:00" {
		t.Errorf("the service day of 29 March begins %s", got)
	}
	if got := day(t, "20261025").Start(f.Zone).In(f.Zone).Format("0102 15:04"); got != "1025 01:00" {
		t.Errorf("the service day of 25 October begins %s", got)
	}
}

func TestRunning(t *testing.T) {
	f := read(t, small())
	at := time.Date(2026, 11, 30, 8, 4, 0, 0, time.UTC) // 10:04 there
	var list []string
	f.Running(at, at.Add(time.Minute), func(r Run) { list = append(list, fmt.Sprint(f.TripID(r.Trip), " ", r.Start)) })
	if !slices.Equal(list, []string{"f1 36000"}) {
		t.Errorf("running at 10:04: %q", list)
	}
}

func TestRefusesWithFileAndLine(t *testing.T) {
	ok := small()
	for _, c := range []struct{ file, text, want string }{
		{"agency.txt", "", "agency.txt is missing"},
		{"agency.txt", "agency_name,agency_url,agency_timezone\nX,http://x,Mars/Base\n", "agency.txt:2: agency_timezone"},
		{"stops.txt", "stop_idd,stop_name\na,b\n", `stops.txt:1: the column stop_id is missing; is "stop_idd" meant?`},
		{"stops.txt", ok["stops.txt"] + "s9,Nowhere,91,24.9,,\n", "stops.txt:6: stop_lat"},
		{"stops.txt", ok["stops.txt"] + "s1,Again,60,24.9,,\n", "stops.txt:6: the stop s1 stands there twice"},
		{"stops.txt", ok["stops.txt"] + "s9,Orphan,60,24.9,,ghost\n", `stops.txt:6: there is no station "ghost"`},
		{"stops.txt", "stop_id,stop_name\n\"a,b\n", "stops.txt:"},
		{"calendar.txt", ok["calendar.txt"] + "bad,1,1,1,1,1,0,0,20260230,20261231\n", "calendar.txt:3: start_date"},
		{"calendar_dates.txt", "service_id,date,exception_type\nnight,20261128,3\n", "calendar_dates.txt:2: exception_type"},
		{"trips.txt", ok["trips.txt"] + "R9,work,t9,,,\n", `trips.txt:6: there is no route "R9"`},
		{"trips.txt", ok["trips.txt"] + "R1,ghost,t9,,,\n", `trips.txt:6: there is no service "ghost"`},
		{"stop_times.txt", ok["stop_times.txt"] + "t9,08:00:00,08:00:00,s1,1,\n", `stop_times.txt:12: there is no trip "t9"`},
		{"stop_times.txt", ok["stop_times.txt"] + "t1,8h,08:00:00,s1,11,\n", "stop_times.txt:12:"},
		{"stop_times.txt", ok["stop_times.txt"] + "t1,08:00:00,08:00:00,S,11,\n", "location_type 1"},
		{"stop_times.txt", ok["stop_times.txt"] + "t1,07:00:00,07:00:00,s1,11,\n", "goes back in time"},
		{"stop_times.txt", ok["stop_times.txt"] + "t1,09:00:00,09:00:00,s1,9,\n", "stop_sequence 9 twice"},
		{"frequencies.txt", ok["frequencies.txt"] + "f1,10:30:00,12:00:00,600,1\n", "overlap"},
		{"frequencies.txt", "trip_id,start_time,end_time,headway_secs\nf1,10:00:00,11:00:00,1\n", "frequencies.txt:2: headway_secs"},
		{"shapes.txt", "shape_id,shape_pt_lat,shape_pt_lon,shape_pt_sequence\nsh,60.1,,1\n", "shapes.txt:2:"},
		{"stops.txt", "stop_id,stop_lat,stop_lon,stop_name\ns1,60,24," + strings.Repeat("x", 5000) + "\n", "stop_name has 5000 bytes"},
		{"stops.txt", "stop_id,stop_lat,stop_lon,stop_name\ns1,60,24,\"" + strings.Repeat("x\n", maxLine) + "\"\n", "a record has more than"},
	} {
		_, err := Read(ok.with(c.file, c.text), DefaultLimits())
		if err == nil || city.KindOf(err) != city.Invalid || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", c.file, err, c.want)
		}
	}
}

func TestTellsAtMostTwentyProblems(t *testing.T) {
	_, err := Read(small().with("stop_times.txt", "trip_id,stop_id,stop_sequence\n"+strings.Repeat("ghost,s1,1\n", 5000)), DefaultLimits())
	if err == nil || strings.Count(err.Error(), "\n") > maxProblems {
		t.Errorf("error %.300v", err)
	}
}

func zipped(t testing.TB, x texts, more ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, name := range slices.Sorted(maps.Keys(x)) {
		w, err := z.Create(name)
		if err == nil {
			_, err = io.WriteString(w, x[name])
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range more {
		if _, err := z.Create(name); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestZipsAndFolders(t *testing.T) {
	readZip := func(b []byte, l Limits) error {
		_, err := ReadZip(bytes.NewReader(b), int64(len(b)), l)
		return err
	}
	if err := readZip(zipped(t, small(), "__MACOSX/._agency.txt"), DefaultLimits()); err != nil {
		t.Errorf("a plain zip: %v", err)
	}
	inside := texts{}
	for name, text := range small() {
		inside["feed/"+name] = text
	}
	if err := readZip(zipped(t, inside), DefaultLimits()); err != nil {
		t.Errorf("all in one folder: %v", err)
	}
	for what, b := range map[string][]byte{
		"a path upwards": zipped(t, small(), "../stops.txt"), "an absolute path": zipped(t, small(), "/etc/stops.txt"),
		"a backslash": zipped(t, small(), `..\stops.txt`), "a file twice": zipped(t, small(), "stops.txt"), "no zip": []byte("PK no"), "nothing": nil,
	} {
		if err := readZip(b, DefaultLimits()); err == nil {
			t.Errorf("%s is taken", what)
		}
	}
	bomb := zipped(t, small().with("shapes.txt", strings.Repeat("\n", 64<<20)))
	if err := readZip(bomb, DefaultLimits()); city.KindOf(err) != city.TooLarge {
		t.Errorf("a file that unpacks to a thousand times its size: %v", err)
	}
	if err := readZip(zipped(t, small()), Limits{Bytes: 1200, Rows: 100, Items: 100}); err == nil || !strings.Contains(err.Error(), "more than is allowed") {
		t.Errorf("beyond the bytes allowed: %v", err)
	}
	if err := readZip(zipped(t, small()), Limits{Bytes: 1 << 20, Rows: 3, Items: 100}); err == nil || !strings.Contains(err.Error(), "more than 3 records") {
		t.Errorf("beyond the records allowed: %v", err)
	}
	dir := t.TempDir()
	for name, text := range small() {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Open(dir, DefaultLimits()); err != nil {
		t.Errorf("a folder: %v", err)
	}
	if _, err := Open(filepath.Join(dir, "none"), DefaultLimits()); city.KindOf(err) != city.NotFound {
		t.Errorf("nothing there: %v", err)
	}
}

// TestTripsThatComeApart: records of a trip may stand anywhere in the file.
func TestTripsThatComeApart(t *testing.T) {
	x := small()
	lines := strings.SplitAfter(strings.TrimSuffix(x["stop_times.txt"], "\n"), "\n")
	lines[len(lines)-1] += "\n"
	want := read(t, x)
	for turn := range 20 {
		body := slices.Clone(lines[1:])
		for i := range body { // a fixed shuffle for each turn
			j := (i*7 + turn*5 + turn*turn) % len(body)
			body[i], body[j] = body[j], body[i]
		}
		got := read(t, x.with("stop_times.txt", lines[0]+strings.Join(body, "")))
		for k := range want.Trips() {
			run := Run{int32(k), day(t, "20261130"), -1}
			for n := range want.Calls(int32(k)) {
				if got.Calls(int32(k)) != want.Calls(int32(k)) || fmt.Sprint(got.Call(run, n)) != fmt.Sprint(want.Call(run, n)) {
					t.Fatalf("turn %d: trip %s call %d differs", turn, want.TripID(int32(k)), n)
				}
			}
		}
	}
}

func FuzzRead(f *testing.F) {
	x := small()
	f.Add(x["stops.txt"], x["calendar_dates.txt"], x["trips.txt"], x["stop_times.txt"], x["frequencies.txt"])
	f.Fuzz(func(t *testing.T, stops, dates, trips, times, frequencies string) {
		y := small().with("stops.txt", stops).with("calendar_dates.txt", dates).with("trips.txt", trips).with("stop_times.txt", times).with("frequencies.txt", frequencies)
		feed, err := Read(y, Limits{Bytes: 1 << 20, Rows: 1000, Items: 1000})
		if err != nil {
			return
		}
		_, until := feed.Span()
		to := until.Start(feed.Zone)
		for s := range feed.Stops {
			feed.At(s, to.Add(-time.Hour), to.Add(time.Hour), func(r Run, n int) {
				if c := feed.Call(r, n); c.Departure.Before(c.Arrival) || c.Stop != s {
					t.Errorf("a call %+v at stop %d", c, s)
				}
			})
		}
		for k := range feed.Trips() {
			feed.Headsign(int32(k))
			feed.Shape(int32(k))
		}
	})
}

func FuzzZip(f *testing.F) {
	f.Add(zipped(f, small()))
	f.Fuzz(func(_ *testing.T, b []byte) {
		_, _ = ReadZip(bytes.NewReader(b), int64(len(b)), Limits{Bytes: 1 << 20, Rows: 1000, Items: 1000})
	})
}
