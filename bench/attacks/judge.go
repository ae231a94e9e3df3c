package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"polity/internal/attack"
)

// shown is an attack as one test carried it out.
type shown struct {
	attack.Told
	by      test
	seconds float64
	problem string // "": it held
}

// verdict is what came of all attacks.
type verdict struct {
	order        []string
	shown        map[string][]shown
	held, failed []string
	missing      map[string]string // names and tests, and what is missing
	said         map[string]string // by test that did not hold, all it said
}

// judge holds the results against the names that there must be and the tests that stand
// in the source.
func judge(names []string, tests []test, results map[string]*result) *verdict {
	v := &verdict{order: slices.Clone(names), shown: map[string][]shown{}, missing: map[string]string{}, said: map[string]string{}}
	for _, t := range tests {
		r := results[t.key()]
		if r == nil {
			v.missing[t.Name] = "the test in " + t.Package + " was not run: a build tag, a file that does not compile, or a name that go test passes over"
			continue
		}
		problem := r.problem()
		if problem != "" {
			v.said[t.Name] = r.said.String()
		}
		if len(r.told) == 0 {
			v.missing[t.Name] = "the test in " + t.Package + " does not say what it tries: call attack.Tell; " + problem
		}
		for _, a := range r.told {
			if !slices.Contains(v.order, a.Name) {
				v.order = append(v.order, a.Name)
			}
			v.shown[a.Name] = append(v.shown[a.Name], shown{a, t, r.seconds, problem})
		}
	}
	for _, name := range v.order {
		switch list := v.shown[name]; {
		case len(list) == 0:
			v.missing[name] = "no test carries this attack out"
		case slices.ContainsFunc(list, func(s shown) bool { return s.problem != "" }):
			v.failed = append(v.failed, name)
		default:
			v.held = append(v.held, name)
		}
	}
	for name := range v.missing {
		v.failed = append(v.failed, name)
	}
	slices.Sort(v.failed)
	return v
}

// problem says why a test shows nothing, or "".
func (r *result) problem() string {
	switch {
	case r.wrong != nil:
		return "what it says of itself: " + r.wrong.Error()
	case r.ended == "":
		return "the test never ended"
	case r.ended == "fail":
		return "the attack succeeded, or the test of it is broken"
	case len(r.skipped) > 0:
		return "left out: " + strings.Join(r.skipped, ", ")
	}
	return ""
}

func (v *verdict) print(w io.Writer) {
	for i, name := range v.order {
		fmt.Fprintf(w, "%2d  %s\n", i+1, name)
		for _, s := range v.shown[name] {
			fmt.Fprint(w, paragraph("tried   ", s.Tried))
			if s.problem != "" {
				fmt.Fprint(w, paragraph("NOT HELD", s.problem))
			} else {
				fmt.Fprint(w, paragraph("held    ", s.Held))
			}
			fmt.Fprint(w, paragraph("test    ", fmt.Sprintf("%s %s (%.1f s)", strings.TrimPrefix(s.by.Package, "polity/"), s.by.Name, s.seconds)))
		}
		if m := v.missing[name]; m != "" {
			fmt.Fprint(w, paragraph("NOT HELD", m))
		}
	}
	for _, name := range v.failed {
		if m := v.missing[name]; m != "" && !slices.Contains(v.order, name) {
			fmt.Fprintf(w, "    %s\n%s", name, paragraph("NOT HELD", m))
		}
	}
	for name, said := range v.said {
		fmt.Fprintf(w, "\n%s said:\n%s\n", name, said)
	}
	fmt.Fprintf(w, "\n%d attacks were carried out and held; %d did not hold.\n", len(v.held), len(v.failed))
}

// width of a terminal's line.
const width = 100

// paragraph is a text behind a word, broken into lines.
func paragraph(head, text string) string {
	var b strings.Builder
	line := "      " + head
	indent := strings.Repeat(" ", len(line))
	for word := range strings.FieldsSeq(text) {
		if len(line)+1+len(word) > width && strings.TrimSpace(line) != "" {
			b.WriteString(line + "\n")
			line = indent
		}
		line += " " + word
	}
	b.WriteString(line + "\n")
	return b.String()
}
