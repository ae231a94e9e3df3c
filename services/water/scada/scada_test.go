package scada_test

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"polity/city"
	"polity/services/water/scada"
)

const good = "Timestamp;n1;n2\n2019-01-01 00:00:00;40,01;39,5\n2019-01-01 00:05:00;40.02;\n2019-01-01 00:15:00;1;2\n"

func TestRead(t *testing.T) {
	table, err := scada.Read("p.csv", strings.NewReader(good))
	if err != nil {
		t.Fatal(err)
	}
	if table.Step != 5*time.Minute || table.Len() != 4 || table.Gaps != 1 || table.Empty != 1 {
		t.Errorf("%d rows every %v, %d gaps, %d empty", table.Len(), table.Step, table.Gaps, table.Empty)
	}
	n1, n2 := table.Column("n1"), table.Column("n2")
	if n1[0] != 40.01 || n1[1] != 40.02 || n1[3] != 1 || !math.IsNaN(float64(n1[2])) || !math.IsNaN(float64(n2[1])) {
		t.Errorf("n1 %v, n2 %v", n1, n2)
	}
}

func TestReadSaysWhatIsWrong(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"empty", "", "p.csv is empty"},
		{"no time", "n1;n2\n1;2\n", "the first column is"},
		{"no columns", "Timestamp\n", "0 columns"},
		{"twice", "Timestamp;n1;n1\n", `column "n1" is empty or there twice`},
		{"a word", strings.Replace(good, "39,5", "x", 1), `p.csv:2: n2: "x" is not a number`},
		{"back", good + "2019-01-01 00:05:00;1;2\n", "p.csv:5: 2019-01-01 00:05:00 is there twice, or time goes back"},
		{"off step", good + "2019-01-01 00:17:00;1;2\n", "is off the step of 5m0s"},
		{"far", good + "2119-01-01 00:00:00;1;2\n", "is the year right?"},
		{"time", good + "01.01.2019;1;2\n", `time "01.01.2019" is not of the form`},
		{"few", good + "2019-01-01 00:20:00;1\n", "1 values; the first line names 2 columns"},
		{"many", good + "2019-01-01 00:20:00;1;2;3\n", "more values than the 2 columns"},
		{"one row", "Timestamp;n1\n2019-01-01 00:00:00;1\n", "1 rows; two are needed"},
		{"infinite", good + "2019-01-01 00:20:00;1;inf\n", "not a number"},
	} {
		_, err := scada.Read("p.csv", strings.NewReader(c.text))
		if err == nil || !strings.Contains(err.Error(), c.want) || city.KindOf(err) != city.Invalid {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

func TestFolder(t *testing.T) {
	table := func(names ...string) *scada.Table {
		x := &scada.Table{Start: time.Date(2019, 1, 1, 0, 0, 0, 0, time.UTC), Step: 5 * time.Minute, Names: names}
		for c := range names {
			x.Values = append(x.Values, []float32{float32(c) + 0.25, float32(math.NaN()), -3})
		}
		return x
	}
	d := &scada.Data{Pressures: table("a", "b"), Flows: table("p"), Levels: table("t"), Demands: table("a")}
	folder := t.TempDir()
	if err := d.WriteFolder(folder, "2019_"); err != nil {
		t.Fatal(err)
	}
	got, err := scada.ReadFolder(folder)
	if err != nil {
		t.Fatal(err)
	}
	b := got.Pressures.Column("b")
	if b[0] != 1.25 || !math.IsNaN(float64(b[1])) || b[2] != -3 {
		t.Errorf("b is %v", b)
	}
	short := "Timestamp;p\n2019-01-01 00:00:00;1\n2019-01-01 00:05:00;1\n"
	if err := os.WriteFile(filepath.Join(folder, "2019_Flows.csv"), []byte(short), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := scada.ReadFolder(folder); err == nil || !strings.Contains(err.Error(), "must cover the same time") {
		t.Errorf("tables of different length: %v", err)
	}
	if err := os.WriteFile(filepath.Join(folder, "2018_Flows.csv"), []byte(short), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := scada.ReadFolder(folder); err == nil || !strings.Contains(err.Error(), "keep one year in a folder") {
		t.Errorf("two years: %v", err)
	}
}

func FuzzRead(f *testing.F) {
	f.Add(good)
	f.Add("Timestamp,n1\n2019-01-01 00:00,1\n2019-01-01 00:05,2\n")
	f.Fuzz(func(t *testing.T, text string) {
		table, err := scada.Read("f.csv", strings.NewReader(text))
		if err != nil {
			return
		}
		for _, column := range table.Values {
			if len(column) != table.Len() {
				t.Fatal("columns of different length")
			}
		}
		if err := table.Write(&bytes.Buffer{}); err != nil {
			t.Fatal(err)
		}
	})
}
