package bundle

import "polity/internal/pdf"

// writePDF is the report as PDF; report.html is the form for readers who need more structure.
// The same report gives the same bytes.
func writePDF(c *checker) []byte {
	p, w := writePaper(c), pdf.New()
	w.Else = " (with all its letters in report.html)"
	w.Text(p.Title, pdf.TitleSize, true, 0)
	w.Text(p.Intro, pdf.TextSize, false, 4)
	for i := range p.Sections {
		s := &p.Sections[i]
		w.Text(s.Heading, pdf.HeadSize, true, 12)
		for _, l := range s.lines() {
			w.Text(l, pdf.TextSize, false, 3)
		}
	}
	return w.File(p.Title)
}
