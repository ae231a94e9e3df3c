package pdf

import (
	"fmt"
	"strings"
)

// element is a part of the report's structure: a paragraph, a heading, a table.
type element struct {
	tag    string // of ISO 32000-1, 14.8.4
	inside []*element
	pieces []piece
	object int // its number in the file
}

// piece is marked text on a page.
type piece struct{ page, mark int }

// tagOf is what text of a size is.
func tagOf(size float64, bold bool) string {
	switch {
	case bold && size >= TitleSize:
		return "H1"
	case bold && size >= HeadSize:
		return "H2"
	case bold:
		return "H3"
	}
	return "P"
}

func (w *Writer) element(e *element) *element {
	w.elements = append(w.elements, e)
	return e
}

// row adds a row to the table that is being written, and returns its cells.
func (w *Writer) row(cells int, head bool) []*element {
	var table *element
	if n := len(w.elements); n > 0 && w.elements[n-1].tag == "Table" {
		table = w.elements[n-1]
	} else {
		table = w.element(&element{tag: "Table"})
	}
	row := &element{tag: "TR"}
	for range cells {
		c := &element{tag: "TD"}
		if head {
			c.tag = "TH"
		}
		row.inside = append(row.inside, c)
	}
	table.inside = append(table.inside, row)
	return row.inside
}

// tree writes the structure, the root of which is the object of that number.
func (w *Writer) tree(root int, pageObject func(int) int, object func(format string, args ...any)) {
	document := &element{tag: "Document", inside: w.elements}
	next := root + 1
	var count func(*element)
	count = func(e *element) {
		e.object = next
		next++
		for _, c := range e.inside {
			count(c)
		}
	}
	count(document)
	var parents strings.Builder
	for i, p := range w.pages {
		fmt.Fprintf(&parents, "%d [ ", i)
		for _, e := range p.marks {
			fmt.Fprintf(&parents, "%d 0 R ", e.object)
		}
		parents.WriteString("] ")
	}
	object("<< /Type /StructTreeRoot /K %d 0 R /ParentTree << /Nums [ %s] >> /ParentTreeNextKey %d >>", document.object, parents.String(), len(w.pages))
	var put func(e *element, above int)
	put = func(e *element, above int) {
		var kids strings.Builder
		for _, c := range e.inside {
			fmt.Fprintf(&kids, "%d 0 R ", c.object)
		}
		for _, p := range e.pieces {
			fmt.Fprintf(&kids, "<< /Type /MCR /Pg %d 0 R /MCID %d >> ", pageObject(p.page), p.mark)
		}
		more := ""
		if e.tag == "TH" {
			more = "/A << /O /Table /Scope /Column >> "
		}
		object("<< /Type /StructElem /S /%s /P %d 0 R %s/K [ %s] >>", e.tag, above, more, kids.String())
		for _, c := range e.inside {
			put(c, e.object)
		}
	}
	put(document, root)
}
