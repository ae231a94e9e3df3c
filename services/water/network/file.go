// Package network reads water networks in EPANET's file form (.inp), keeps them as
// a graph, and writes them again.
//
// A [File] is the text by section, so that an edited file keeps what Polity does
// not look at; a [Network] is what it says about nodes and links.
package network

import (
	"bytes"
	"fmt"
	"strings"

	"polity/city"
)

// Line is one line of a file.
type Line struct {
	Number int    // from 1; 0 for a line that was added
	Text   string // without line end
}

// Section is a part of a file under its heading.
type Section struct {
	Name  string // as EPANET calls it, such as "PIPES"
	Lines []Line
}

// File is the text of a network file.
type File struct {
	Name     string // what errors call it
	Sections []*Section
}

// sectionNames are those of the EPANET 2.2 User Manual, appendix C.2. EPANET looks
// at the first letters of a heading only, and so do we.
var sectionNames = []string{
	"TITLE", "JUNCTIONS", "RESERVOIRS", "TANKS", "PIPES", "PUMPS", "VALVES", "EMITTERS", "CONTROLS", "RULES", "DEMANDS",
	"ENERGY", "OPTIONS", "QUALITY", "SOURCES", "REACTIONS", "MIXING", "TIMES", "REPORT", "STATUS", "PATTERNS", "CURVES",
	"COORDINATES", "VERTICES", "LABELS", "BACKDROP", "TAGS", "LEAKAGE", "ROUGHNESS", "END",
}

const (
	mostBytes   = 256 << 20
	longestLine = 1024 // EPANET 2.2: MAXLINE
)

// ReadFile splits the text of a network file into its sections. Errors are of kind
// city.Invalid and name the line.
func ReadFile(name string, text []byte) (*File, error) {
	f := &File{Name: name}
	if len(text) > mostBytes {
		return nil, city.Errorf(city.Invalid, "%s: %d bytes; a network file has %d at most", name, len(text), mostBytes)
	}
	if bytes.IndexByte(text, 0) >= 0 {
		return nil, city.Errorf(city.Invalid, "%s: it holds zero bytes, so it is no text; export the network as .inp (EPANET's own .net form is not read)", name)
	}
	var section *Section
	number := 0
	for raw := range strings.Lines(string(text)) {
		number++
		line := strings.TrimRight(raw, "\r\n")
		word := strings.TrimSpace(line)
		if strings.HasPrefix(word, "[") {
			title, err := sectionName(word)
			if err != nil {
				return nil, city.Errorf(city.Invalid, "%s:%d: %w", name, number, err)
			}
			if title == "END" {
				break
			}
			section = f.Section(title)
			continue
		}
		if section == nil {
			if word == "" || word[0] == ';' {
				continue
			}
			return nil, city.Errorf(city.Invalid, "%s:%d: text before the first section heading, such as [JUNCTIONS]; is this an EPANET .inp file?", name, number)
		}
		if len(content(line)) > longestLine {
			return nil, city.Errorf(city.Invalid, "%s:%d: the line is longer than %d characters", name, number, longestLine)
		}
		section.Lines = append(section.Lines, Line{Number: number, Text: line})
	}
	if len(f.Sections) == 0 {
		return nil, city.Errorf(city.Invalid, "%s: no section heading, such as [JUNCTIONS]; is this an EPANET .inp file?", name)
	}
	return f, nil
}

func sectionName(word string) (string, error) {
	title := strings.ToUpper(strings.Trim(word, "[] \t"))
	for _, known := range sectionNames {
		if len(title) >= 3 && strings.HasPrefix(known, title[:min(len(title), 4)]) {
			return known, nil
		}
	}
	return "", fmt.Errorf("section %s is unknown", word)
}

// content is a line without its comment.
func content(line string) string {
	text, _, _ := strings.Cut(line, ";")
	return strings.TrimSpace(text)
}

// Section returns the section with a name, which is added if it is not there.
func (f *File) Section(name string) *Section {
	if s := f.find(name); s != nil {
		return s
	}
	s := &Section{Name: name}
	f.Sections = append(f.Sections, s)
	return s
}

// Look returns the section with a name to be read, an empty one if it is not there. Several
// goroutines may look at a file that nobody changes.
func (f *File) Look(name string) *Section {
	if s := f.find(name); s != nil {
		return s
	}
	return &Section{Name: name}
}

func (f *File) find(name string) *Section {
	for _, s := range f.Sections {
		if s.Name == name {
			return s
		}
	}
	return nil
}

// Add adds a line at the end of a section.
func (s *Section) Add(format string, args ...any) {
	s.Lines = append(s.Lines, Line{Text: fmt.Sprintf(format, args...)})
}

// Rows returns the fields of every line that holds something, with its number.
func (s *Section) Rows() []Row {
	var rows []Row
	for _, l := range s.Lines {
		if fields := strings.Fields(content(l.Text)); len(fields) > 0 {
			rows = append(rows, Row{Number: l.Number, Fields: fields})
		}
	}
	return rows
}

// Row is a line's fields.
type Row struct {
	Number int
	Fields []string
}

// Clone returns a copy that can be changed alone.
func (f *File) Clone() *File {
	c := &File{Name: f.Name}
	for _, s := range f.Sections {
		c.Sections = append(c.Sections, &Section{Name: s.Name, Lines: append([]Line(nil), s.Lines...)})
	}
	return c
}

// Text writes the file.
func (f *File) Text() []byte {
	var b bytes.Buffer
	for _, s := range f.Sections {
		fmt.Fprintf(&b, "[%s]\n", s.Name)
		for _, l := range s.Lines {
			b.WriteString(l.Text)
			b.WriteByte('\n')
		}
		if n := len(s.Lines); n == 0 || strings.TrimSpace(s.Lines[n-1].Text) != "" {
			b.WriteByte('\n')
		}
	}
	b.WriteString("[END]\n")
	return b.Bytes()
}
