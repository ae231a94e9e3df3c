package export

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"polity/city"
	"polity/internal/sandbox"
	"polity/recording/fmp4"
	"polity/recording/recordtest"
	"polity/recording/segment"
	"polity/recording/share"
)

func TestMain(m *testing.M) {
	sandbox.Stage()
	os.Exit(m.Run())
}

var filmed = time.Date(2026, 12, 1, 14, 0, 0, 0, time.UTC)

// sealed is a segment of a film, and how long it lasts.
func sealed(t *testing.T, sequence uint64, start time.Time, film []byte, length time.Duration, gap segment.Gap) Segment {
	t.Helper()
	bodies := &recordtest.Bodies{Seed: "export"}
	var keys [2]share.EpochKey
	for i, b := range share.Bodies {
		var err error
		if keys[i], err = bodies.Key(t.Context(), b, "short", share.Day(start)); err != nil {
			t.Fatal(err)
		}
	}
	h := segment.Header{Media: segment.H264, Domain: "helsinki.example", Camera: "square", Class: "short", Sequence: sequence, Start: start, GapStart: start, Gap: gap}
	if gap != segment.None {
		h.GapStart = start.Add(-time.Second)
	}
	var file bytes.Buffer
	w, err := segment.Seal(&file, h, keys, recordtest.Recorder(1))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(film); err != nil {
		t.Fatal(err)
	}
	trailer, err := w.Close(start.Add(length), 100)
	if err != nil {
		t.Fatal(err)
	}
	return Segment{Header: w.Header, Trailer: trailer, Open: func() (io.ReadCloser, error) {
		b, err := bodies.Open(bytes.NewReader(file.Bytes()), int64(file.Len()), segment.Recorders(recordtest.Recorder(1).Public()))
		return io.NopCloser(bytes.NewReader(b)), err
	}}
}

// film is the test film as a recorder writes it: 4 s at 25 pictures a second.
func film(t *testing.T, name string) []byte {
	t.Helper()
	units := recordtest.Film(name, filmed)
	sets, ok := fmp4.SetsOf(units[0])
	if !ok {
		t.Fatal("no parameter sets")
	}
	var b bytes.Buffer
	m, err := fmp4.NewMuxer(&b, units[0].Codec, sets)
	if err != nil {
		t.Fatal(err)
	}
	var order fmp4.Order
	var decoded, shown []int64
	for _, u := range units {
		dts, pts := order.Decode(u)
		decoded, shown = append(decoded, dts), append(shown, pts)
	}
	decoded = append(decoded, decoded[len(units)-1]+3600)
	for i, u := range units {
		if err := m.Add(u, decoded[i], shown[i], decoded[i+1]-decoded[i]); err != nil {
			t.Fatal(err)
		}
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

const four = 4 * time.Second

// pictures decodes an exported film.
func pictures(t *testing.T, file []byte, width, height int) (list []*picture, at []int64) {
	t.Helper()
	r, err := unreel(&Segment{
		Header: &segment.Header{Start: time.UnixMilli(0)}, Trailer: &segment.Trailer{State: segment.Whole},
		Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(file)), nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.play(t.Context(), func(s shot, p *picture) error {
		if p == nil || p.width != width || p.height != height {
			t.Fatalf("a picture at %d does not decode", s.ms)
		}
		list, at = append(list, &picture{p.width, p.height, bytes.Clone(p.data)}), append(at, s.ms)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return list, at
}

func job(t *testing.T, marks []Mark, segments ...Segment) Job {
	t.Helper()
	last := segments[len(segments)-1]
	return Job{Out: t.TempDir(), Clips: []Clip{{Camera: "square", From: filmed, To: last.Trailer.End, Segments: segments, Marks: marks}}}
}

func exported(t *testing.T, j Job) (*Record, []byte) {
	t.Helper()
	rec, err := Export(t.Context(), j)
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(j.Out, rec.Clips[0].File))
	if err != nil {
		t.Fatal(err)
	}
	return rec, b
}

func TestExportMasksAllButTheMark(t *testing.T) {
	clear := film(t, "h264.mp4")
	ms := filmed.UnixMilli()
	mark := Mark{From: ms + 1000, To: ms + 3000, Keys: []Position{{At: ms, Left: 5000, Top: 0, Width: 5000, Height: 10_000}}}
	first, second := sealed(t, 7, filmed, clear, four, 0), sealed(t, 8, filmed.Add(four), clear, four, 0)
	rec, file := exported(t, job(t, []Mark{mark}, first, second))
	c := rec.Clips[0]
	if len(rec.Clips) != 1 || c.Pictures != 200 || c.Grey != 0 || c.First != 7 || c.Last != 8 || c.Segments != 2 || len(c.Problems) != 0 || c.Width != 96 || c.Height != 64 || c.From != ms || c.To != ms+8000 {
		t.Fatalf("%+v", c)
	}
	f, err := Inspect(bytes.NewReader(file), nil)
	if err != nil || f.Pictures != 200 || f.Codec != "avc1" || f.Width != 96 {
		t.Fatalf("%+v, %v", f, err)
	}
	if !strings.HasPrefix(rec.Decoder.Version, "ffmpeg version") || !strings.Contains(rec.Encoder.Version, "x264 core") {
		t.Errorf("%q, %q", rec.Decoder.Version, rec.Encoder.Version)
	}
	original, _ := pictures(t, clear, 96, 64)
	shown, at := pictures(t, file, 96, 64)
	if at[0] != 0 || at[199] != 7960 {
		t.Errorf("pictures from %d to %d ms", at[0], at[199])
	}
	for i, p := range shown {
		open := at[i] >= 1000 && at[i] < 3000
		// What the encoder loses is far less than what the film holds.
		if d := distance(p, original[i%100], 50, 94); open != (d < 6) {
			t.Fatalf("picture %d at %d ms: %.1f from the film where it is marked", i, at[i], d)
		}
		if d := detail(p, 2, 30, 2, 30); d > 2.5 {
			t.Fatalf("picture %d: detail of %.1f within a masked square", i, d)
		}
	}
	if d := detail(original[10], 2, 30, 2, 30); d < 20 {
		t.Fatalf("the film itself has a detail of %.1f: this test could not fail", d)
	}
}

// distance is the mean difference in brightness between columns.
func distance(a, b *picture, from, to int) float64 {
	sum, n := 0, 0
	for row := range a.height {
		for col := from; col < to; col++ {
			d := int(a.data[row*a.width+col]) - int(b.data[row*a.width+col])
			sum, n = sum+max(d, -d), n+1
		}
	}
	return float64(sum) / float64(n)
}

// detail is the mean distance from the mean brightness of a rectangle.
func detail(p *picture, left, right, top, bottom int) float64 {
	sum, n := 0, 0
	for row := top; row < bottom; row++ {
		for col := left; col < right; col++ {
			sum, n = sum+int(p.data[row*p.width+col]), n+1
		}
	}
	mean, off := sum/n, 0
	for row := top; row < bottom; row++ {
		for col := left; col < right; col++ {
			d := int(p.data[row*p.width+col]) - mean
			off += max(d, -d)
		}
	}
	return float64(off) / float64(n)
}

func everything(ms int64) []Mark {
	return []Mark{{From: ms - 60_000, To: ms + 600_000, Keys: []Position{{Width: full, Height: full}}}}
}

func TestTheSameJobGivesTheSameFilm(t *testing.T) {
	j := job(t, everything(filmed.UnixMilli()), sealed(t, 1, filmed, film(t, "h264.mp4"), four, 0))
	rec, file := exported(t, j)
	var again bytes.Buffer
	derived, err := Derive(t.Context(), j, func(string) io.Writer { return &again })
	if err != nil || !bytes.Equal(again.Bytes(), file) || !reflect.DeepEqual(derived, rec) {
		t.Errorf("%d and %d bytes, %v", again.Len(), len(file), err)
	}
	j.Mask = Grey
	if other, err := Derive(t.Context(), j, func(string) io.Writer { return io.Discard }); err != nil || other.Clips[0].PicturesHash != rec.Clips[0].PicturesHash {
		t.Errorf("all is marked, and the mask shows: %v", err)
	}
	j.Clips[0].Marks = nil
	if other, err := Derive(t.Context(), j, func(string) io.Writer { return io.Discard }); err != nil || other.Clips[0].PicturesHash == rec.Clips[0].PicturesHash {
		t.Errorf("other marks, the same pictures: %v", err)
	}
}

func TestH265(t *testing.T) {
	rec, file := exported(t, job(t, nil, sealed(t, 1, filmed, film(t, "h265.mp4"), four, 0)))
	if c := rec.Clips[0]; c.Pictures != 100 || c.Grey != 0 {
		t.Errorf("%+v", c)
	}
	if f, err := Inspect(bytes.NewReader(file), nil); err != nil || f.Codec != "avc1" {
		t.Errorf("%+v, %v", f, err)
	}
}

// TestWhatFailsIsGrey marks the whole picture as open, and breaks one thing after another.
func TestWhatFailsIsGrey(t *testing.T) {
	clear := film(t, "h264.mp4")
	at := func(i int) time.Time { return filmed.Add(time.Duration(i) * four) }
	good := func(i int) Segment { return sealed(t, uint64(i)+1, at(i), clear, four, 0) } //nolint:gosec // small
	whole, broken, third := good(0), good(1), good(2)
	closed := func(why func() (io.ReadCloser, error)) Segment { s := broken; s.Open = why; return s }
	for name, c := range map[string]struct {
		middle []Segment
		want   What
		first  int // of the middle segment's pictures that may still be open
	}{
		"no key":      {[]Segment{closed(nil)}, Unreadable, 0},
		"not genuine": {[]Segment{closed(func() (io.ReadCloser, error) { return nil, errors.New("the key is wrong") })}, Unreadable, 0},
		"half genuine": {[]Segment{closed(func() (io.ReadCloser, error) {
			return io.NopCloser(io.MultiReader(bytes.NewReader(clear[:len(clear)/2]), failing{})), nil
		})}, Unreadable, 0},
		"no film":    {[]Segment{closed(func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader("no film")), nil })}, Unreadable, 0},
		"missing":    {nil, Missing, 0},
		"gap":        {[]Segment{}, Gap, 0},
		"damaged":    {[]Segment{sealed(t, 2, at(1), damaged(clear), four, 0)}, Undecoded, 50},
		"all broken": {[]Segment{sealed(t, 2, at(1), emptied(clear), four, 0)}, Undecoded, 0},
	} {
		t.Run(name, func(t *testing.T) {
			last := third
			if name == "gap" {
				last = sealed(t, 2, at(2), clear, four, segment.NoPicture)
			}
			list := append(append([]Segment{whole}, c.middle...), last)
			rec, file := exported(t, job(t, everything(filmed.UnixMilli()), list...))
			got := rec.Clips[0]
			if len(got.Problems) != 1 || got.Problems[0].What != c.want || got.Grey == 0 || got.To != filmed.UnixMilli()+12_000 {
				t.Errorf("%+v", got)
			}
			original, _ := pictures(t, clear, 96, 64)
			shown, times := pictures(t, file, 96, 64)
			grey := 0
			for i, p := range shown {
				flat := detail(p, 0, 96, 0, 64) < 2
				switch middle := times[i] >= 4000 && times[i] < 8000; {
				case !middle && flat:
					t.Fatalf("picture at %d ms is grey", times[i])
				case middle && flat:
					grey++
				case middle && (c.first == 0 || distance(p, original[(times[i]-4000)/40], 0, 96) > 8):
					t.Fatalf("picture at %d ms is open, and not as the camera sent it", times[i])
				}
			}
			if grey == 0 {
				t.Error("nothing is grey")
			}
		})
	}
}

type failing struct{}

// Read implements io.Reader.
func (failing) Read([]byte) (int, error) { return 0, errors.New("chunk 3 is not genuine") }

// damaged is a film with some bytes of a picture in its middle overwritten.
func damaged(film []byte) []byte {
	b := bytes.Clone(film)
	n := 0
	_ = eachMdat(b, func(content []byte) {
		if n++; n == 3 {
			for i := len(content) / 3; i < len(content)*2/3; i++ {
				content[i] ^= 0x5a
			}
		}
	})
	return b
}

// emptied is a film whose pictures are all zeros.
func emptied(film []byte) []byte {
	b := bytes.Clone(film)
	_ = eachMdat(b, func(content []byte) { clear(content) })
	return b
}

func eachMdat(film []byte, do func(content []byte)) error {
	for rest := boxes(film); len(rest) > 0; {
		name, content, err := rest.next()
		if err != nil {
			return err
		}
		if name == "mdat" {
			do(content)
		}
	}
	return nil
}

func TestNothingThatOpensIsGreyFilm(t *testing.T) {
	s := sealed(t, 1, filmed, film(t, "h264.mp4"), four, 0)
	s.Open = nil
	rec, file := exported(t, job(t, everything(filmed.UnixMilli()), s))
	if c := rec.Clips[0]; c.Grey != c.Pictures || c.Pictures != 4 || c.Width != 640 {
		t.Errorf("%+v", c)
	}
	list, _ := pictures(t, file, 640, 360)
	if len(list) != 4 {
		t.Errorf("%d pictures", len(list))
	}
}

func TestAChangedSizeBeginsAnotherFile(t *testing.T) {
	small := film(t, "h264.mp4")
	s, other := sealed(t, 1, filmed, small, four, 0), sealed(t, 2, filmed.Add(four), small, four, 0)
	wide := bytes.Clone(small)
	i := bytes.Index(wide, []byte("avc1"))
	binary.BigEndian.PutUint16(wide[i+4+24:], 128) // the file says so; the pictures are others
	open := other.Open
	other.Open = func() (io.ReadCloser, error) {
		r, err := open()
		_ = r.Close()
		return io.NopCloser(bytes.NewReader(wide)), err
	}
	j := job(t, everything(filmed.UnixMilli()), s, other)
	rec, err := Export(t.Context(), j)
	if err != nil || len(rec.Clips) != 2 || rec.Clips[0].File != "clips/square.mp4" || rec.Clips[1].File != "clips/square.part002.mp4" || rec.Clips[1].From != filmed.UnixMilli()+4000 {
		t.Fatalf("%+v, %v", rec, err)
	}
	if rec.Clips[1].Grey != rec.Clips[1].Pictures || rec.Clips[0].Grey != 0 {
		t.Error("pictures of another size than the file says are shown")
	}
}

func TestTimesAreKept(t *testing.T) {
	j := job(t, nil, sealed(t, 1, filmed, film(t, "h264.mp4"), four, 0))
	j.Clips[0].From, j.Clips[0].To = filmed.Add(time.Second), filmed.Add(2*time.Second)
	if rec, _ := exported(t, j); rec.Clips[0].Pictures != 25 || rec.Clips[0].From != filmed.UnixMilli()+1000 || rec.Clips[0].To != filmed.UnixMilli()+2000 {
		t.Errorf("%+v", rec.Clips[0])
	}
	j.Clips[0].From, j.Clips[0].To = filmed.Add(time.Hour), filmed.Add(2*time.Hour)
	if rec, _ := exported(t, j); rec.Clips[0].Grey != rec.Clips[0].Pictures {
		t.Errorf("%+v", rec.Clips[0])
	}
}

func TestNoHalfFilmIsLeft(t *testing.T) {
	j := job(t, nil, sealed(t, 1, filmed, film(t, "h264.mp4"), four, 0), sealed(t, 2, filmed.Add(four), film(t, "h264.mp4"), four, 0))
	ctx, cancel := context.WithCancel(t.Context())
	j.Progress = func(int64, int64) { cancel() }
	if _, err := Export(ctx, j); err == nil {
		t.Fatal("a job that was cancelled is done")
	}
	if list, err := os.ReadDir(filepath.Join(j.Out, "clips")); err != nil || len(list) > 0 {
		t.Errorf("%v, %v", list, err)
	}
}

func TestJobsThatSayNothingClearAreRefused(t *testing.T) {
	s := sealed(t, 2, filmed, film(t, "h264.mp4"), four, 0)
	for name, change := range map[string]func(*Job){
		"no folder":     func(j *Job) { j.Out = "" },
		"no camera":     func(j *Job) { j.Clips = nil },
		"twice":         func(j *Job) { j.Clips = append(j.Clips, j.Clips[0]) },
		"a mask":        func(j *Job) { j.Mask = "blur" },
		"a name":        func(j *Job) { j.Clips[0].Camera = "../../etc" },
		"backwards":     func(j *Job) { j.Clips[0].To = j.Clips[0].From },
		"other camera":  func(j *Job) { j.Clips[0].Camera = "bridge" },
		"out of order":  func(j *Job) { j.Clips[0].Segments = append(j.Clips[0].Segments, s) },
		"no header":     func(j *Job) { j.Clips[0].Segments = []Segment{{}} },
		"a wrong mark":  func(j *Job) { j.Clips[0].Marks = []Mark{{}} },
		"other trailer": func(j *Job) { j.Clips[0].Segments[0].Trailer = &segment.Trailer{} },
	} {
		j := job(t, nil, s)
		change(&j)
		if _, err := Export(t.Context(), j); city.KindOf(err) != city.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestInspectRefusesOtherFilm(t *testing.T) {
	good := film(t, "h264.mp4")
	if f, err := Inspect(bytes.NewReader(good), nil); err != nil || f.Pictures != 100 {
		t.Fatalf("%+v, %v", f, err)
	}
	sound := bytes.Replace(good, []byte("vide"), []byte("soun"), 1)
	for name, bad := range map[string][]byte{
		"sound": sound, "empty": nil, "cut": good[:len(good)-5], "cut in its head": good[:40],
		"no film": []byte("PK\x03\x04 and so on and on"), "more": append(bytes.Clone(good), 0, 0, 0, 8, 'm', 'o', 'o', 'v'),
	} {
		if f, err := Inspect(bytes.NewReader(bad), nil); city.KindOf(err) != city.Invalid {
			t.Errorf("%s: %+v, %v", name, f, err)
		}
	}
}

func FuzzInspect(f *testing.F) {
	f.Add(recordtest.File("h264.mp4")[:3000])
	f.Fuzz(func(_ *testing.T, b []byte) {
		_, _ = Inspect(bytes.NewReader(b), func(Sample) error { return nil })
	})
}
