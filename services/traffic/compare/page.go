package compare

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"math"
	"os"
	"path/filepath"

	"polity/internal/durable"
	"polity/services/traffic/twin"
)

//go:embed page.html
var pageText string

var page = template.Must(template.New("page").Funcs(template.FuncMap{
	"f1":      func(v float64) string { return fmt.Sprintf("%.1f", v) },
	"f2":      func(v float64) string { return fmt.Sprintf("%.2f", v) },
	"change":  change,
	"minutes": func(r twin.Record) string { return fmt.Sprintf("%.0f", (r.End-r.Begin)/60) },
	"diagram": func(c twin.Corridor, r twin.Record) template.HTML {
		return template.HTML(Diagram(c, r.Begin, r.End)) //nolint:gosec // drawn by us, names are escaped
	},
}).Parse(pageText))

// change says by how much a figure differs, in per cent.
func change(before, after float64) string {
	if before == after {
		return "0 %"
	}
	if before == 0 {
		return "new"
	}
	return fmt.Sprintf("%+.0f %%", math.Round(100*(after/before-1)))
}

// HTML returns the comparison as one page for print: no script, nothing from elsewhere.
func (c *Comparison) HTML() ([]byte, error) {
	var b bytes.Buffer
	err := page.Execute(&b, map[string]any{"C": c, "Notes": c.notes(), "Before": c.Before, "After": c.After})
	if err != nil {
		return nil, fmt.Errorf("write the page: %w", err)
	}
	return b.Bytes(), nil
}

// Write writes approaches.csv, crossings.csv, report.html, report.pdf and, for each corridor
// and run, an SVG into a folder, which is made if need be. It returns the files' paths.
func (c *Comparison) Write(dir string) ([]string, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // figures are for everyone
		return nil, fmt.Errorf("make the folder for the comparison: %w", err)
	}
	text, err := c.HTML()
	if err != nil {
		return nil, err
	}
	approaches, crossings := c.CSV()
	type file struct {
		name string
		text []byte
	}
	files := []file{{"report.html", text}, {"report.pdf", c.PDF(Paper{Title: "Signals before and after (simulated)"})}, {"approaches.csv", approaches}}
	if len(c.Walks) > 0 {
		files = append(files, file{"crossings.csv", crossings})
	}
	for _, run := range []struct {
		name string
		*Run
	}{{"before", c.Before}, {"after", c.After}} {
		for i, k := range run.Record.Corridors {
			way := []string{"there", "back"}[i%2]
			files = append(files, file{fmt.Sprintf("corridor-%s-%s.svg", way, run.name), []byte(Diagram(k, run.Record.Begin, run.Record.End))})
		}
	}
	var paths []string
	for _, f := range files {
		path := filepath.Join(dir, f.name)
		if err := durable.WriteFile(path, f.text, 0o644); err != nil {
			return paths, err
		}
		paths = append(paths, path)
	}
	return paths, nil
}
