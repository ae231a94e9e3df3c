package bundle

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the vector anew")

// TestVector holds the reader to a bundle that an earlier release wrote.
func TestVector(t *testing.T) {
	const path = "testdata/case.zip"
	if *update {
		w := newWorld(t)
		b, err := os.ReadFile(w.write())
		w.must(err)
		w.must(os.WriteFile(path, b, 0o600))
		w.must(os.WriteFile("testdata/city.roster", w.Roster.File(), 0o600))
	}
	w := newWorld(t) // its roster is always the same
	if r := w.verify(path); !r.Right() || r.Record.Clips[0].Pictures != 100 {
		t.Errorf("%s", r.text())
	}
}

func reports(t *testing.T) (page, pdf []byte) {
	t.Helper()
	w := newWorld(t)
	w.write()
	page, err := os.ReadFile(filepath.Join(w.parts.Dir, htmlName))
	w.must(err)
	pdf, err = os.ReadFile(filepath.Join(w.parts.Dir, pdfName))
	w.must(err)
	return page, pdf
}

// said is what both forms of the report tell.
var said = []string{
	"police", "serious crime", "police-1", "Approved by the court", "Approved by the ombudsman", "Opened", "2026-12-02 10:00:00", "clips/square.mp4", "0.01 %",
	"ffmpeg version 5", "polity 0.1.0", "words", "polity verify bundle", "What it does not prove",
}

func TestThePageIsWholeAndFetchesNothing(t *testing.T) {
	page, _ := reports(t)
	for _, want := range append(said, `lang="en"`, "<main>", `scope="col"`, "default-src 'none'", "Ö. &lt;b&gt;Example&lt;/b&gt; (Łódź)") {
		if !bytes.Contains(page, []byte(want)) {
			t.Errorf("the page has no %q", want)
		}
	}
	if m := regexp.MustCompile(`(?i)src=|href=|url\(|@import|<script|https?:`).Find(page); m != nil {
		t.Errorf("the page has %q", m)
	}
}

var drawn = regexp.MustCompile(`Td \((.*)\) Tj`)

func TestThePDFSaysTheSame(t *testing.T) {
	_, pdf := reports(t)
	var text strings.Builder
	for _, m := range drawn.FindAllSubmatch(pdf, -1) {
		text.WriteString(strings.NewReplacer(`\(`, "(", `\)`, ")", `\\`, `\`).Replace(string(m[1])) + " ")
	}
	for _, want := range append(said, "\xd6. <b>Example</b> (?\xf3d?) (with all its letters in report.html)") {
		if !strings.Contains(text.String(), want) {
			t.Errorf("the PDF has no %q in\n%s", want, text.String())
		}
	}
}

// TestThePDFHolds follows each reference of the file's table.
func TestThePDFHolds(t *testing.T) {
	_, pdf := reports(t)
	start := regexp.MustCompile(`startxref\n(\d+)\n%%EOF\n$`).FindSubmatch(pdf)
	if start == nil || !bytes.HasPrefix(pdf, []byte("%PDF-1.4\n")) {
		t.Fatal("it does not begin or end as a PDF does")
	}
	at, err := strconv.Atoi(string(start[1]))
	if err != nil || !bytes.HasPrefix(pdf[at:], []byte("xref\n0 ")) {
		t.Fatal("the table is not where the file says")
	}
	rows := regexp.MustCompile(`(?m)^(\d{10}) 00000 n $`).FindAllSubmatch(pdf[at:], -1)
	for i, row := range rows {
		n, err := strconv.Atoi(string(row[1]))
		if err != nil || !bytes.HasPrefix(pdf[n:], fmt.Appendf(nil, "%d 0 obj\n", i+1)) {
			t.Errorf("object %d is not at %d", i+1, n)
		}
	}
	for _, m := range regexp.MustCompile(`(?s)<< /Length (\d+) >>\nstream\n(.*?)endstream`).FindAllSubmatch(pdf, -1) {
		if n, err := strconv.Atoi(string(m[1])); err != nil || n != len(m[2]) {
			t.Errorf("a stream of %s bytes has %d", m[1], len(m[2]))
		}
	}
	if len(rows) < 7 {
		t.Errorf("%d objects", len(rows))
	}
}
