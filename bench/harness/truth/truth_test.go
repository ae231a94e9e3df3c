package truth

import (
	"image"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func read(t *testing.T, text string) (Table, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "people.csv")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return Read(path)
}

func TestRead(t *testing.T) {
	for name, text := range map[string]string{
		"plain":         "3,2,10.4,20.5,5,7,1\n0,1,-2,3,4,5\n3,1,1,2,3,4\n",
		"column names":  "frame,id,x,y,w,h\n3,2,10.4,20.5,5,7\n0,1,-2,3,4,5\n3,1,1,2,3,4\n",
		"spaces, blank": "3, 2, 10.4, 20.5, 5, 7\r\n\r\n0,1,-2,3,4,5\n3.0,1.0,1,2,3,4",
	} {
		got, err := read(t, text)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		want := Table{0: {{1, -2, 3, 4, 5}}, 3: {{1, 1, 2, 3, 4}, {2, 10.4, 20.5, 5, 7}}}
		if len(got) != len(want) || !slices.Equal(got[0], want[0]) || !slices.Equal(got[3], want[3]) {
			t.Errorf("%s: %v", name, got)
		}
		if box := got[3][1].Box(); box != image.Rect(10, 21, 15, 28) {
			t.Errorf("%s: box %v", name, box)
		}
		if heights := got.Heights(); !slices.Equal(heights, []int{4, 5, 7}) {
			t.Errorf("%s: heights %v", name, heights)
		}
	}
}

func TestBadRowsAreNamed(t *testing.T) {
	for text, want := range map[string]string{
		"":                                  "people.csv: no boxes",
		"frame,id,x,y,w,h\n":                "people.csv: no boxes",
		"0,1,2,3,4\n":                       "people.csv:1: 5 fields",
		"0,1,2,3,4,5\n0,2,2,3,wide,5\n":     `people.csv:2: w: "wide" is not a number`,
		"0,1,2,3,4,5\nframe,id,x,y,w,h\n":   `people.csv:2: frame: "frame" is not a number`,
		"zero,1,2,3,4,5\n":                  `people.csv:1: frame: "zero" is not a number`,
		"0,1,NaN,3,4,5\n":                   `people.csv:1: x: "NaN" is not a number`,
		"0,1,2,1e12,4,5\n":                  `people.csv:1: y: "1e12" is not a number`,
		"0.5,1,2,3,4,5\n":                   `people.csv:1: frame: "0.5" is not a whole number`,
		"-1,1,2,3,4,5\n":                    "people.csv:1: frame -1: frames are counted from 0",
		"\n0,1,2,3,0,5\n":                   "people.csv:2: a box of 0 x 5 pixels",
		"0,1,2,3,4,5\n0,2,2,3,4,-5\n":       "people.csv:2: a box of 4 x -5 pixels",
		"0,1,2,3,4,5\n0,\"2\"x,2,3,4,5\n":   "people.csv:2: ",
		"0,1,2,3,4,5\n\"0,2,2,3,4,5\n7,7\n": "people.csv:3: ",
	} {
		if _, err := read(t, text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v; %q is wanted", text, err, want)
		}
	}
	if _, err := Read(filepath.Join(t.TempDir(), "none.csv")); err == nil {
		t.Error("a file that is not there was read")
	}
}

func TestATableOfAnotherFilm(t *testing.T) {
	table := Table{0: {{1, 0.2, 0.2, 0.1, 0.3}}, 10: {{1, 90, 40, 20, 20}}}
	if err := table.Within(100, 50, 11); err != nil {
		t.Error(err)
	}
	if err := table.Within(100, 50, 10); err == nil || !strings.Contains(err.Error(), "up to frame 10") {
		t.Errorf("%v", err)
	}
	if err := table.Within(90, 50, 11); err == nil || !strings.Contains(err.Error(), "picture of 90 x 50") {
		t.Errorf("%v", err)
	}
	if err := (Table{}).Within(100, 50, 0); err != nil {
		t.Error(err)
	}
}

func TestMirroredTwiceIsTheSame(t *testing.T) {
	table := Table{4: {{1, 10, 20, 5, 6}, {2, -3, 0, 8, 9}}}
	once := table.Mirrored(100)
	if want := (Person{1, 85, 20, 5, 6}); once[4][0] != want {
		t.Errorf("%v", once[4][0])
	}
	if twice := once.Mirrored(100); !slices.Equal(twice[4], table[4]) {
		t.Errorf("%v", twice[4])
	}
}

func TestRepeated(t *testing.T) {
	if _, _, found := (Table{1: {{ID: 1}, {ID: 2}}, 2: {{ID: 1}}}).Repeated(); found {
		t.Error("nobody stands twice in a frame")
	}
	frame, id, found := (Table{1: {{ID: 1}, {ID: 2}}, 2: {{ID: 7}, {ID: 7}}}).Repeated()
	if !found || frame != 2 || id != 7 {
		t.Errorf("frame %d, %d, %v", frame, id, found)
	}
}

// FuzzRead holds that what is read is what people may be looked for in.
func FuzzRead(f *testing.F) {
	f.Add("frame,id,x,y,w,h\n0,1,2,3,4,5\n")
	f.Add("0,1,-2.5,3,4,5,1\r\n3,2,\"1\",2,3,4\n")
	f.Fuzz(func(t *testing.T, text string) {
		table, err := parse("people.csv", strings.NewReader(text))
		if err != nil {
			if !strings.HasPrefix(err.Error(), "people.csv:") {
				t.Errorf("the file is not named: %v", err)
			}
			return
		}
		for frame, people := range table {
			if frame < 0 || len(people) == 0 {
				t.Errorf("frame %d has %d people", frame, len(people))
			}
			for _, p := range people {
				if b := p.Box(); b.Dx() < 0 || b.Dy() < 0 || p.W <= 0 || p.H <= 0 {
					t.Errorf("frame %d: %v", frame, p)
				}
			}
		}
	})
}
