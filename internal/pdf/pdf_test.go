package pdf

import (
	"bytes"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

func TestLinesFitThePage(t *testing.T) {
	long := strings.Repeat("W", 300) + " " + strings.Repeat("iiii mmmm ", 60)
	lines := wrap(long, TextSize, Width)
	for _, l := range lines {
		if w := wide(l) * TextSize / 1000; w > Width {
			t.Errorf("a line of %d points: %q", w, l)
		}
	}
	if got := strings.ReplaceAll(strings.Join(lines, ""), " ", ""); got != strings.ReplaceAll(long, " ", "") {
		t.Error("text was lost")
	}
}

// TestARowStandsInItsColumns: figures end where their columns do, a long name goes on below,
// and a table longer than a page has more pages.
func TestARowStandsInItsColumns(t *testing.T) {
	w := New()
	for i := range 90 {
		w.Row([]string{"Harbour Street / Mill Lane, eastbound, over the main street " + strconv.Itoa(i), "12.5", "-3 %"}, []float64{60, 60}, TextSize, false)
	}
	file := w.File("A (table)")
	ends := map[string]bool{}
	for _, m := range regexp.MustCompile(` ([\d.]+) [\d.]+ Td \((12\.5|-3 %)\)`).FindAllSubmatch(file, -1) {
		x, err := strconv.ParseFloat(string(m[1]), 64)
		if err != nil {
			t.Fatal(err)
		}
		ends[fmt.Sprintf("%s %.0f", m[2], x+float64(wide(string(m[2])))*TextSize/1100)] = true
	}
	if len(ends) != 2 || !ends["12.5 479"] || !ends["-3 % 539"] {
		t.Errorf("cells end at %v", ends)
	}
	if n := bytes.Count(file, []byte("/Type /Page ")); n != 2 && n != 3 {
		t.Errorf("%d pages", n)
	}
	if !bytes.Contains(file, []byte(`/Title (A \(table\))`)) {
		t.Error("the title is not escaped")
	}
}
