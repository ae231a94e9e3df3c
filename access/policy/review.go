package policy

import (
	"encoding/csv"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"polity/access"
	"polity/city"
)

// Answer is what somebody gets to hear.
type Answer uint8

// The answers.
const (
	No         Answer = iota
	Yes               //
	ForPurpose        // yes once a purpose is stated, and the look is recorded
	Scoped            // yes where a token's scope lists it
)

// String is the answer as a cell of a table.
func (a Answer) String() string {
	return [...]string{"-", "yes", "purpose", "scope"}[a]
}

// Column is one sort of asker.
type Column struct {
	Short, Title string
	who          access.Who
}

// Row is one thing that can be done, and each column's answer.
type Row struct {
	Do      access.Action
	To      string // which thing, in a word; empty: the city
	Title   string
	Answers []Answer
}

// Table says who may do what. Each column has no role but its own, was given one area to
// look in, and has stated no purpose.
type Table struct {
	Columns []Column
	Rows    []Row
}

// home is the area that the askers of a review were given.
const home city.Slug = "own-area"

func columns() []Column {
	list := []Column{{"public", "Everyone", access.Who{}}}
	short := map[access.Role]string{
		access.TrafficOperator: "traffic", access.WasteOperator: "waste", access.WaterOperator: "water", access.PowerOperator: "power",
		access.SafetyOperator: "safety", access.EvidenceOfficer: "evidence", access.DataProtection: "dataprot", access.IT: "it",
		access.Auditor: "auditor", access.Crew: "crew",
	}
	for _, r := range access.Roles() {
		list = append(list, Column{short[r], RoleWords(r), access.Who{
			Kind: access.Person, ID: "reviewed", Body: "city", Roles: []access.Role{r}, Areas: []city.Slug{home},
		}})
	}
	return append(list, Column{"program", "Program with a token", access.Who{Kind: access.Program, ID: "reviewed", Body: "city", Scope: access.Actions()}})
}

// to is a thing that an action is tried on.
type to struct {
	word, words string
	on          access.Thing
	at          access.Circumstances
}

func tried(a access.Action) []to {
	switch KindOf(a) {
	case access.ACamera:
		in := to{word: "own-area", words: "in an area that they were given", on: access.Camera("reviewed", home)}
		if a == access.LookLive || a == access.LookBack {
			return []to{in, {word: "elsewhere", words: "elsewhere", on: access.Camera("reviewed", "another-area")}}
		}
		return []to{{word: "camera", on: in.on}}
	case access.AService:
		var list []to
		for _, desk := range access.Desks() {
			list = append(list, to{word: string(desk), words: string(desk), on: access.Service(desk)})
		}
		return list
	case access.APerson:
		return []to{
			{word: "another", words: "for somebody else", on: access.Account("another")},
			{word: "oneself", words: "for oneself", on: access.Account("reviewed")},
		}
	}
	if a == access.SeeMetrics {
		return []to{{on: access.City()}, {word: "loopback", words: "on the machine itself", on: access.City(), at: access.Circumstances{Loopback: true}}}
	}
	return []to{{on: access.City()}}
}

// Review asks a decider everything that a review is about.
func Review(d access.Decider) Table {
	t := Table{Columns: columns()}
	for _, a := range access.Actions() {
		for _, to := range tried(a) {
			row := Row{Do: a, To: to.word, Title: Words(a)}
			if to.words != "" {
				row.Title += ": " + to.words
			}
			for _, c := range t.Columns {
				row.Answers = append(row.Answers, answer(d, c.who, a, to))
			}
			t.Rows = append(t.Rows, row)
		}
	}
	return t
}

func answer(d access.Decider, who access.Who, a access.Action, to to) Answer {
	got := d.Decide(who, a, to.on, to.at)
	switch {
	case got.Purpose:
		return ForPurpose
	case !got.Allowed:
		return No
	case who.Kind == access.Program:
		who.Scope = nil
		if !d.Decide(who, a, to.on, to.at).Allowed {
			return Scoped
		}
	}
	return Yes
}

// WriteText writes a table for a terminal, and what its words mean.
func (t Table) WriteText(to io.Writer) error {
	w := tabwriter.NewWriter(to, 0, 0, 1, ' ', 0)
	fmt.Fprint(w, "may")
	for _, c := range t.Columns {
		fmt.Fprintf(w, "\t%s", c.Short)
	}
	last := access.Action("")
	for _, r := range t.Rows {
		title := r.Title
		if action, thing, ok := strings.Cut(r.Title, ": "); ok { // the action once, its things below
			if r.Do != last {
				fmt.Fprintf(w, "\n%s%s", action, strings.Repeat("\t", len(t.Columns)))
			}
			title = "  " + thing
		}
		last = r.Do
		fmt.Fprintf(w, "\n%s", title)
		for _, a := range r.Answers {
			fmt.Fprintf(w, "\t%s", a)
		}
	}
	fmt.Fprintln(w)
	if err := w.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprint(to, "\n", legend(t))
	return err
}

func legend(t Table) string {
	var heads []string
	for _, c := range t.Columns {
		if !strings.EqualFold(c.Short, c.Title) {
			heads = append(heads, c.Short+" is "+strings.ToLower(c.Title[:1])+c.Title[1:])
		}
	}
	return "purpose: yes, once a purpose is stated; each look is recorded. scope: yes, where the\n" +
		"token's scope lists it. Each column has that role alone; with two roles, what charter\n" +
		"policies forbid one of them stays forbidden. Without a grant of areas or cameras nobody\n" +
		"looks anywhere.\n" + wrap(strings.Join(heads, ", ")+".", 88)
}

func wrap(text string, width int) string {
	var b strings.Builder
	n := 0
	for word := range strings.FieldsSeq(text) {
		if n > 0 && n+1+len(word) > width {
			b.WriteByte('\n')
			n = 0
		}
		if n > 0 {
			b.WriteByte(' ')
			n++
		}
		b.WriteString(word)
		n += len(word)
	}
	b.WriteByte('\n')
	return b.String()
}

// WriteCSV writes a table with a row of headings.
func (t Table) WriteCSV(to io.Writer) error {
	w := csv.NewWriter(to)
	head := []string{"action", "thing", "may"}
	for _, c := range t.Columns {
		head = append(head, c.Title)
	}
	rows := [][]string{head}
	for _, r := range t.Rows {
		row := []string{string(r.Do), r.To, r.Title}
		for _, a := range r.Answers {
			row = append(row, strings.ReplaceAll(a.String(), "-", "no"))
		}
		rows = append(rows, row)
	}
	return w.WriteAll(rows)
}

// WriteMarkdown writes a table for a document.
func (t Table) WriteMarkdown(to io.Writer) error {
	var b strings.Builder
	b.WriteString("| may |")
	for _, c := range t.Columns {
		b.WriteString(" " + c.Title + " |")
	}
	b.WriteString("\n| --- |" + strings.Repeat(" --- |", len(t.Columns)) + "\n")
	for _, r := range t.Rows {
		b.WriteString("| " + r.Title + " |")
		for _, a := range r.Answers {
			b.WriteString(" " + a.String() + " |")
		}
		b.WriteByte('\n')
	}
	_, err := io.WriteString(to, b.String())
	return err
}

// Matrix writes every answer with the policies that give it, a line each: for
// programs, and to be compared when policies change.
func Matrix(to io.Writer, d access.Decider) error {
	var b strings.Builder
	for _, a := range access.Actions() {
		for _, try := range tried(a) {
			b.WriteString(strings.TrimSpace(string(a) + " " + try.word))
			b.WriteByte('\n')
			for _, c := range columns() {
				got := d.Decide(c.who, a, try.on, try.at)
				by := slices.Clone(got.By)
				if got.Purpose {
					with := c.who
					with.Purpose = firstPurpose(d)
					by = d.Decide(with, a, try.on, try.at).By
				}
				line := fmt.Sprintf("    %-8s %-7s %s", c.Short, answer(d, c.who, a, try), strings.Join(by, ", "))
				b.WriteString(strings.TrimRight(line, " ") + "\n")
			}
		}
	}
	_, err := io.WriteString(to, b.String())
	return err
}

func firstPurpose(d access.Decider) city.Slug {
	if p, ok := d.(interface{ Purposes() []city.Slug }); ok {
		return p.Purposes()[0]
	}
	return access.Purposes()[0].Name
}

// Change is one answer that two reviews do not have in common.
type Change struct {
	Row     Row
	Column  Column
	Was, Is Answer
}

// Changes lists what a review of other policies answers differently.
func (t Table) Changes(after Table) []Change {
	var list []Change
	for i, r := range t.Rows {
		for j, was := range r.Answers {
			if is := after.Rows[i].Answers[j]; is != was {
				list = append(list, Change{r, t.Columns[j], was, is})
			}
		}
	}
	return list
}

// Role is the role of a column; none for the public and for programs.
func (c Column) Role() access.Role {
	if len(c.who.Roles) == 0 {
		return ""
	}
	return c.who.Roles[0]
}
