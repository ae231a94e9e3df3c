package main

import (
	"bytes"
	"fmt"
	"os"
	"strings"
)

// Marks between which the page is written by this command.
const (
	begin = "<!-- results: written by make conformance-ngsi-ld -->\n"
	end   = "<!-- end of results -->\n"
)

// maxReason is how much of a reason the page shows.
const maxReason = 160

// writeReport puts the results of the groups that ran into the page, and leaves what
// it says of others.
func writeReport(page string, results []result) error {
	text, err := os.ReadFile(page)
	if err != nil {
		return fmt.Errorf("REPORT: %w", err)
	}
	head, rest, ok := bytes.Cut(text, []byte(begin))
	old, tail, closed := bytes.Cut(rest, []byte(end))
	if !ok || !closed {
		return fmt.Errorf("REPORT: %s has no lines %q and %q between which results stand", page, strings.TrimSpace(begin), strings.TrimSpace(end))
	}
	sections := map[string]string{}
	for _, s := range strings.Split(string(old), "\n## ")[1:] {
		name, _, _ := strings.Cut(s, ":")
		sections[name] = "## " + strings.TrimRight(s, "\n") + "\n"
	}
	for _, r := range results {
		sections[r.group.name] = section(r)
	}
	var b bytes.Buffer
	b.Write(head)
	b.WriteString(begin)
	for _, g := range groups {
		if s, ok := sections[g.name]; ok {
			b.WriteString("\n" + s)
		}
	}
	b.WriteString("\n" + end)
	b.Write(tail)
	return os.WriteFile(page, b.Bytes(), 0o644) //nolint:gosec // a public page
}

func section(r result) string {
	var b strings.Builder
	passed, total := tally(r.cases)
	fmt.Fprintf(&b, "## %s: %d of %d\n", r.group.name, passed, total)
	if passed == total {
		return b.String()
	}
	b.WriteString("\n| case | clause | reason |\n| --- | --- | --- |\n")
	for _, c := range r.cases {
		if !c.Passed {
			fmt.Fprintf(&b, "| %s | %s | %s |\n", cell(c.Name), c.Clause, cell(firstLine(c.Reason)))
		}
	}
	return b.String()
}

// cell makes a text fit a table's cell.
func cell(s string) string {
	if r := []rune(s); len(r) > maxReason {
		s = string(r[:maxReason]) + "..."
	}
	return strings.NewReplacer("|", "\\|", "<", "&lt;", ">", "&gt;", "*", "\\*").Replace(s)
}
