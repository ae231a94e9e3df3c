package main

import (
	"bytes"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/parser"

	"polity/city"
	"polity/hub"
	"polity/service"
)

// checkServices asks each service what is wrong with its part of a file. Lines that name a
// place in it name it as one of the whole file.
func checkServices(path string, data []byte, parts hub.Services) error {
	var wrong []error
	for _, name := range slices.Sorted(maps.Keys(parts)) {
		m, err := service.Find(modules, name)
		if err != nil {
			wrong = append(wrong, err)
			continue
		}
		if m.Check == nil {
			continue
		}
		part, own := partOf(data, name), "services."+string(name)+":"
		if part == nil {
			part = parts[name]
		}
		if err := m.Check(part); err != nil {
			var lines []string
			for line := range strings.SplitSeq(err.Error(), "\n") {
				if rest, ok := strings.CutPrefix(line, own); ok {
					lines = append(lines, path+":"+rest)
				} else {
					lines = append(lines, "hub.services."+string(name)+": "+line)
				}
			}
			wrong = append(wrong, city.Errorf(city.Invalid, "%s", strings.Join(lines, "\n")))
		}
	}
	return errors.Join(wrong...)
}

// partOf is a service's part of a file, as it stands there and on the lines where it stands.
// Nil: it is written in braces, or there is nothing.
func partOf(data []byte, name city.Slug) []byte {
	file, err := parser.ParseBytes(data, 0)
	if err != nil {
		return nil
	}
	at, err := yaml.PathString("$.hub.services." + string(name))
	if err != nil {
		return nil
	}
	node, err := at.FilterFile(file)
	if err != nil || node == nil {
		return nil
	}
	lines := bytes.SplitAfter(data, []byte("\n"))
	first := node.GetToken().Position.Line - 1
	if first < 1 || first >= len(lines) {
		return nil
	}
	for first > 0 && indent(lines[first]) <= 0 { // a token may stand behind its line's beginning
		first--
	}
	deep := indent(lines[first])
	if strings.HasPrefix(strings.TrimSpace(string(lines[first])), string(name)+":") {
		return nil
	}
	part := bytes.Repeat([]byte("\n"), first)
	for _, line := range lines[first:] {
		if d := indent(line); d >= 0 && d < deep {
			break
		}
		part = append(part, line...)
	}
	return part
}

// indent is how far a line is moved in; -1: it is empty or a comment.
func indent(line []byte) int {
	text := bytes.TrimLeft(line, " ")
	if trimmed := bytes.TrimSpace(text); len(trimmed) == 0 || trimmed[0] == '#' {
		return -1
	}
	return len(line) - len(text)
}
