// Package pdf writes reports as PDF 1.4 (ISO 32000-1): A4, the standard fonts Helvetica and
// Helvetica-Bold, which need not be embedded, text that can be selected and searched, tagged
// (ISO 32000-1, 14.8) so that programs which read aloud know headings, paragraphs and tables.
// The same report gives the same bytes.
package pdf

import (
	"bytes"
	"fmt"
	"strings"
)

// Sizes of text, in points.
const (
	TextSize  = 10
	HeadSize  = 13
	TitleSize = 18
)

const (
	pageWidth, pageHeight = 595, 842
	margin                = 56
	// Width is that of a line, in points.
	Width = pageWidth - 2*margin
)

// page is a page's drawing instructions, and what each marked piece of them belongs to.
type page struct {
	bytes.Buffer

	marks []*element
}

// Writer writes one report.
type Writer struct {
	// Else is said behind a paragraph that has letters which the fonts lack.
	Else string

	pages    []*page
	elements []*element
	y        float64
}

// New begins a report with an empty page.
func New() *Writer {
	w := &Writer{}
	w.page()
	return w
}

func (w *Writer) page() {
	w.pages = append(w.pages, &page{})
	w.y = pageHeight - margin
}

// room goes to a new page where so many points are not left on this one.
func (w *Writer) room(need float64) {
	if w.y-need < margin {
		w.page()
	}
}

// Text writes a paragraph of a size in points, after a space.
func (w *Writer) Text(text string, size float64, bold bool, space float64) {
	w.y -= space
	shown, whole := winAnsi(text)
	if !whole {
		shown += w.Else
	}
	e := w.element(&element{tag: tagOf(size, bold)})
	for _, line := range wrap(shown, size, Width) {
		need := size * 1.35
		if bold {
			need += 2 * TextSize // a heading keeps its first line
		}
		w.room(need)
		w.y -= size * 1.35
		w.put(e, line, size, bold, margin)
	}
}

func (w *Writer) put(e *element, text string, size float64, bold bool, x float64) {
	font := "F1"
	if bold {
		font = "F2"
	}
	p := w.pages[len(w.pages)-1]
	fmt.Fprintf(p, "/%s << /MCID %d >> BDC\nBT /%s %g Tf %s %.1f Td (%s) Tj ET\nEMC\n", e.tag, len(p.marks), font, size, number(x), w.y, escape(text))
	e.pieces = append(e.pieces, piece{len(w.pages) - 1, len(p.marks)})
	p.marks = append(p.marks, e)
}

func number(x float64) string { return strings.TrimSuffix(fmt.Sprintf("%.1f", x), ".0") }

// Row writes a line of a table: the first cell at the left, as many lines as it needs, the
// others flush right, each as wide as given in points.
func (w *Writer) Row(cells []string, widths []float64, size float64, bold bool) {
	first := Width
	for _, n := range widths {
		first -= int(n)
	}
	shown, _ := winAnsi(cells[0])
	lines := wrap(shown, size, float64(first))
	w.room(float64(len(lines)) * size * 1.35)
	row := w.row(len(cells), bold)
	for i, line := range lines {
		w.y -= size * 1.35
		w.put(row[0], line, size, bold, margin)
		if i > 0 {
			continue
		}
		x := float64(margin + first)
		for k, cell := range cells[1:] {
			x += widths[k]
			text, _ := winAnsi(cell)
			w.put(row[1+k], text, size, bold, x-float64(wide(text))*size/1100)
		}
	}
}

// File puts the pages into a file.
func (w *Writer) File(title string) []byte {
	var b bytes.Buffer
	var at []int
	object := func(format string, args ...any) {
		at = append(at, b.Len())
		fmt.Fprintf(&b, "%d 0 obj\n"+format+"\nendobj\n", append([]any{len(at)}, args...)...)
	}
	b.WriteString("%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")
	const first = 6 // object number of the first page
	var kids strings.Builder
	for i := range w.pages {
		fmt.Fprintf(&kids, "%d 0 R ", first+2*i)
	}
	root := first + 2*len(w.pages)
	object("<< /Type /Catalog /Pages 2 0 R /Lang (en) /MarkInfo << /Marked true >> /StructTreeRoot %d 0 R /ViewerPreferences << /DisplayDocTitle true >> >>", root)
	object("<< /Type /Pages /Kids [ %s] /Count %d >>", kids.String(), len(w.pages))
	object("<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>")
	object("<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica-Bold /Encoding /WinAnsiEncoding >>")
	shown, _ := winAnsi(title)
	object("<< /Title (%s) /Producer (Polity) >>", escape(shown))
	for i, p := range w.pages {
		object("<< /Type /Page /Parent 2 0 R /MediaBox [0 0 %d %d] /Resources << /Font << /F1 3 0 R /F2 4 0 R >> >> /StructParents %d /Tabs /S /Contents %d 0 R >>", pageWidth, pageHeight, i, first+2*i+1)
		foot := fmt.Sprintf("/Artifact BMC\nBT /F1 8 Tf %d %d Td (%d / %d) Tj ET\nEMC\n", margin, margin/2, i+1, len(w.pages))
		object("<< /Length %d >>\nstream\n%s%sendstream", p.Len()+len(foot), p.String(), foot)
	}
	w.tree(root, func(page int) int { return first + 2*page }, object)
	start := b.Len()
	fmt.Fprintf(&b, "xref\n0 %d\n0000000000 65535 f \n", len(at)+1)
	for _, n := range at {
		fmt.Fprintf(&b, "%010d 00000 n \n", n)
	}
	fmt.Fprintf(&b, "trailer\n<< /Size %d /Root 1 0 R /Info 5 0 R >>\nstartxref\n%d\n%%%%EOF\n", len(at)+1, start)
	return b.Bytes()
}

// winAnsi is text in the encoding of the standard fonts (ISO 32000-1, annex D): Latin-1
// for what is used here. What it has no sign for becomes a question mark; then the text is
// not whole.
func winAnsi(text string) (shown string, whole bool) {
	var b strings.Builder
	whole = true
	for _, r := range text {
		if (r >= ' ' && r <= '~') || (r >= 0xa0 && r <= 0xff) {
			b.WriteByte(byte(r)) //nolint:gosec // just compared
		} else {
			b.WriteByte('?')
			whole = false
		}
	}
	return b.String(), whole
}

func escape(text string) string {
	return strings.NewReplacer(`\`, `\\`, "(", `\(`, ")", `\)`).Replace(text)
}

// wrap cuts text into lines of a width in points, at spaces where there are some.
func wrap(text string, size, width float64) (lines []string) {
	most := int(width / size * 1000)
	line, used := "", 0
	put := func(word string) {
		w := wide(word)
		if line != "" && used+wide(" ")+w > most {
			lines, line, used = append(lines, line), "", 0
		}
		for w > most { // a word longer than a line
			n := len(word)
			for wide(word[:n]) > most {
				n--
			}
			lines, word = append(lines, word[:n]), word[n:]
			w = wide(word)
		}
		if line != "" {
			line, used = line+" ", used+wide(" ")
		}
		line, used = line+word, used+w
	}
	for word := range strings.FieldsSeq(text) {
		put(word)
	}
	return append(lines, line)
}

// helvetica are the widths of the signs from space to tilde, in thousandths of the size
// (Adobe's font metrics of Helvetica). A tenth more is reckoned, for Helvetica-Bold.
var helvetica = [95]int{
	278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278, // space to /
	556, 556, 556, 556, 556, 556, 556, 556, 556, 556, 278, 278, 584, 584, 584, 556, // 0 to ?
	1015, 667, 667, 722, 722, 667, 611, 778, 722, 278, 500, 667, 556, 833, 722, 778, // @ to O
	667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 278, 278, 278, 469, 556, // P to _
	333, 556, 556, 500, 556, 556, 278, 556, 556, 222, 222, 500, 222, 833, 556, 556, // ` to o
	556, 556, 333, 500, 278, 556, 500, 722, 500, 500, 500, 334, 260, 334, 584, // p to ~
}

func wide(text string) (n int) {
	for i := range len(text) {
		w := 667
		if c := text[i]; c >= ' ' && c <= '~' {
			w = helvetica[c-' ']
		}
		n += w + w/10
	}
	return n
}
