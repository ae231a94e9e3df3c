package pdf

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
)

// TestWhatIsDrawnIsTagged follows the structure: each piece of text on a page belongs to one
// element, in the order in which it is read, and the page's number to none.
func TestWhatIsDrawnIsTagged(t *testing.T) {
	w := New()
	w.Text("A report", TitleSize, true, 0)
	w.Text(strings.Repeat("A paragraph that goes on. ", 400), TextSize, false, 4)
	w.Text("Heading", HeadSize, true, 12)
	w.Row([]string{"Street", "Before"}, []float64{60}, TextSize, true)
	w.Row([]string{"Mill Lane", "12.5"}, []float64{60}, TextSize, false)
	w.Text("The end.", TextSize, false, 4)
	file := string(w.File("A report"))

	objects := map[string]string{}
	for _, m := range regexp.MustCompile(`(?s)(\d+) 0 obj\n(.*?)\nendobj`).FindAllStringSubmatch(file, -1) {
		objects[m[1]] = m[2]
	}
	root := regexp.MustCompile(`/MarkInfo << /Marked true >> /StructTreeRoot (\d+) 0 R`).FindStringSubmatch(objects["1"])
	if root == nil || !strings.Contains(objects["1"], "/Lang (en)") {
		t.Fatalf("the catalog is %s", objects["1"])
	}
	var tags []string
	pieces := map[string]string{}
	var walk func(id, above string)
	walk = func(id, above string) {
		o := objects[id]
		tag := regexp.MustCompile(`/StructElem /S /(\w+) /P (\d+) 0 R`).FindStringSubmatch(o)
		if tag == nil || tag[2] != above {
			t.Fatalf("object %s, below %s, is %q", id, above, o)
		}
		tags = append(tags, tag[1])
		kids := o[strings.Index(o, "/K ["):]
		for _, m := range regexp.MustCompile(`/Pg (\d+) 0 R /MCID (\d+)`).FindAllStringSubmatch(kids, -1) {
			if pieces[m[1]+"/"+m[2]] != "" {
				t.Errorf("piece %s of page %s belongs to two", m[2], m[1])
			}
			pieces[m[1]+"/"+m[2]] = id
		}
		if !strings.Contains(kids, "/MCR") {
			for _, m := range regexp.MustCompile(`(\d+) 0 R`).FindAllStringSubmatch(kids, -1) {
				walk(m[1], id)
			}
		}
	}
	document := regexp.MustCompile(`/K (\d+) 0 R`).FindStringSubmatch(objects[root[1]])
	walk(document[1], root[1])
	if got := strings.Join(tags, " "); got != "Document H1 P H2 Table TR TH TH TR TD TD P" {
		t.Errorf("the structure is %s", got)
	}

	drawn := 0
	for id, o := range objects {
		page := regexp.MustCompile(`/Type /Page .*/StructParents (\d+) .*/Contents (\d+) 0 R`).FindStringSubmatch(o)
		if page == nil {
			continue
		}
		row := regexp.MustCompile(page[1] + ` \[ ((?:\d+ 0 R )*)\]`).FindStringSubmatch(objects[root[1]])
		if row == nil {
			t.Fatalf("page %s is in no row of %s", id, objects[root[1]])
		}
		owners := strings.Split(strings.TrimSpace(row[1]), " 0 R")
		content := objects[page[2]]
		marks := regexp.MustCompile(`/\w+ << /MCID (\d+) >> BDC\nBT .* ET\nEMC\n`).FindAllStringSubmatch(content, -1)
		for n, m := range marks {
			if m[1] != fmt.Sprint(n) || pieces[id+"/"+m[1]] == "" || strings.TrimSpace(owners[n]) != pieces[id+"/"+m[1]] {
				t.Errorf("piece %s of page %s: in the tree it is of %q, in the page's row of %q", m[1], id, pieces[id+"/"+m[1]], owners[n])
			}
		}
		drawn += len(marks)
		if all := strings.Count(content, "BT "); all != len(marks)+1 || strings.Count(content, "/Artifact BMC\nBT ") != 1 {
			t.Errorf("page %s draws %d pieces, %d are tagged", id, all, len(marks))
		}
	}
	if drawn != len(pieces) || drawn < 20 {
		t.Errorf("%d pieces are drawn, the tree has %d", drawn, len(pieces))
	}
}
