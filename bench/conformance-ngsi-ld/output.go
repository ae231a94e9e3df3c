package main

import (
	"encoding/xml"
	"fmt"
	"os"
	"regexp"
	"strings"
)

// testCase is one case of the suite and what came of it.
type testCase struct {
	Name   string
	Clause string // of ETSI GS CIM 009, as the case's tags name it
	Passed bool
	Reason string
}

type xmlSuite struct {
	Suites []xmlSuite `xml:"suite"`
	Tests  []xmlTest  `xml:"test"`
}

type xmlTest struct {
	Name   string   `xml:"name,attr"`
	Tags   []string `xml:"tag"`
	Status struct {
		Status string `xml:"status,attr"`
		Text   string `xml:",chardata"`
	} `xml:"status"`
}

// clauseTag is how the suite writes a clause, as 5_6_1.
var clauseTag = regexp.MustCompile(`^\d+(_\d+)+$`)

// readOutput reads Robot Framework's output.xml.
func readOutput(file string, mayBeEmpty bool) ([]testCase, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("robot wrote no result: %w", err)
	}
	defer f.Close()
	var doc struct {
		Suite xmlSuite `xml:"suite"`
	}
	if err := xml.NewDecoder(f).Decode(&doc); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	cases := doc.Suite.cases(nil)
	if len(cases) == 0 && !mayBeEmpty {
		return nil, errNoCases
	}
	return cases, nil
}

func (s xmlSuite) cases(list []testCase) []testCase {
	for _, sub := range s.Suites {
		list = sub.cases(list)
	}
	for _, t := range s.Tests {
		c := testCase{Name: t.Name, Passed: t.Status.Status == "PASS", Reason: strings.TrimSpace(t.Status.Text)}
		for _, tag := range t.Tags {
			if clauseTag.MatchString(tag) && c.Clause == "" {
				c.Clause = strings.ReplaceAll(tag, "_", ".")
			}
		}
		list = append(list, c)
	}
	return list
}

func firstLine(s string) string {
	s, _, _ = strings.Cut(strings.TrimSpace(s), "\n")
	return s
}
