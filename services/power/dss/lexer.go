package dss

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// parameter is one "name=value" of a command, or a value alone.
type parameter struct {
	name  string // lower case; empty for a value by position
	value value
}

// value is what stands to the right of an equals sign.
type value struct {
	text   string
	quoted bool // stood in quotes or brackets, where calculations are allowed
}

const (
	openers = `"'([{`
	closers = `"')]}`
)

// parameters splits a command line. A comment starts with '!' or '//' outside
// quotes and brackets.
func parameters(line string) ([]parameter, error) {
	var out []parameter
	rest := line
	for {
		rest = strings.TrimLeft(rest, " \t,\r")
		if rest == "" || rest[0] == '!' || strings.HasPrefix(rest, "//") {
			return out, nil
		}
		word, after, err := token(rest)
		if err != nil {
			return nil, err
		}
		p := parameter{value: word}
		if tail := strings.TrimLeft(after, " \t"); strings.HasPrefix(tail, "=") && !word.quoted {
			p.name = strings.ToLower(word.text)
			tail = strings.TrimLeft(tail[1:], " \t")
			if p.value, after, err = token(tail); err != nil {
				return nil, err
			}
		}
		if after == rest {
			return nil, fmt.Errorf("cannot read %q", clip(rest))
		}
		out = append(out, p)
		rest = after
	}
}

// token reads one word or one quoted text from the start of s.
func token(s string) (value, string, error) {
	if s == "" || s[0] == '!' {
		return value{}, s, nil
	}
	if i := strings.IndexByte(openers, s[0]); i >= 0 {
		end := matching(s, s[0], closers[i])
		if end < 0 {
			return value{}, "", fmt.Errorf("the %q in %q has no %q after it", s[0], clip(s), closers[i])
		}
		return value{text: s[1:end], quoted: true}, s[end+1:], nil
	}
	end := strings.IndexAny(s, " \t,=!\r")
	if slash := strings.Index(s, "//"); slash >= 0 && (end < 0 || slash < end) {
		end = slash
	}
	if end < 0 {
		end = len(s)
	}
	return value{text: s[:end]}, s[end:], nil
}

// matching returns where the bracket that s begins with closes.
func matching(s string, opening, closing byte) int {
	if opening == closing {
		if i := strings.IndexByte(s[1:], closing); i >= 0 {
			return i + 1
		}
		return -1
	}
	depth := 0
	for i := range len(s) {
		switch s[i] {
		case opening:
			depth++
		case closing:
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}

func clip(s string) string {
	if len(s) > 40 {
		return s[:40] + "…"
	}
	return s
}

// number reads a number, or in quotes a calculation in reverse Polish notation.
func (v value) number() (float64, error) {
	text := strings.TrimSpace(v.text)
	f, err := strconv.ParseFloat(text, 64)
	if err == nil && !math.IsNaN(f) && !math.IsInf(f, 0) {
		return f, nil
	}
	if v.quoted && strings.ContainsAny(text, " \t") {
		return calculate(text)
	}
	return 0, fmt.Errorf("%q is not a number", clip(text))
}

func (v value) integer() (int, error) {
	f, err := v.number()
	if err != nil {
		return 0, err
	}
	if f != math.Trunc(f) || math.Abs(f) > 1e6 {
		return 0, fmt.Errorf("%q is not a whole number", clip(v.text))
	}
	return int(f), nil
}

func (v value) boolean() (bool, error) {
	switch strings.ToLower(strings.TrimSpace(v.text)) {
	case "y", "yes", "t", "true", "1":
		return true, nil
	case "n", "no", "f", "false", "0":
		return false, nil
	}
	return false, fmt.Errorf("%q is neither yes nor no", clip(v.text))
}

func (v value) lower() string { return strings.ToLower(strings.TrimSpace(v.text)) }

// list splits an array.
func (v value) list() []value {
	var out []value
	params, err := parameters(strings.ReplaceAll(v.text, "|", " "))
	if err != nil {
		return []value{v}
	}
	for _, p := range params {
		if p.name != "" {
			p.value.text = p.name + "=" + p.value.text
		}
		out = append(out, p.value)
	}
	return out
}

func (v value) numbers() ([]float64, error) {
	list := v.list()
	out := make([]float64, len(list))
	for i, e := range list {
		f, err := e.number()
		if err != nil {
			return nil, err
		}
		out[i] = f
	}
	return out, nil
}

// matrix reads a symmetric matrix of n rows: all of it, or its lower triangle.
func (v value) matrix(n int) ([][]float64, error) {
	rows := strings.Split(v.text, "|")
	if len(rows) == 1 && n > 1 { // no bars: all rows in one list
		flat, err := v.numbers()
		if err != nil {
			return nil, err
		}
		if len(flat) != n*n {
			return nil, fmt.Errorf("a matrix of %d phases has %d rows, separated by '|'; this has 1", n, n)
		}
		m := make([][]float64, n)
		for i := range m {
			m[i] = flat[i*n : (i+1)*n]
		}
		return m, nil
	}
	if len(rows) != n {
		return nil, fmt.Errorf("a matrix of %d phases has %d rows; this has %d", n, n, len(rows))
	}
	m := make([][]float64, n)
	for i := range m {
		m[i] = make([]float64, n)
	}
	for i, text := range rows {
		row, err := value{text: text}.numbers()
		if err != nil {
			return nil, err
		}
		if len(row) != n && len(row) != i+1 {
			return nil, fmt.Errorf("row %d of the matrix has %d numbers; %d or %d are right", i+1, len(row), i+1, n)
		}
		for j, f := range row {
			m[i][j] = f
			if len(row) == i+1 {
				m[j][i] = f
			}
		}
	}
	return m, nil
}

// calculate evaluates reverse Polish notation as OpenDSS knows it.
func calculate(text string) (float64, error) {
	var stack []float64
	pop := func() float64 {
		f := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		return f
	}
	for word := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == ' ' || r == '\t' || r == ',' }) {
		if f, err := strconv.ParseFloat(word, 64); err == nil {
			stack = append(stack, f)
			continue
		}
		name := strings.ToLower(word)
		if f, ok := binary[name]; ok && len(stack) >= 2 {
			b, a := pop(), pop()
			stack = append(stack, f(a, b))
			continue
		}
		if f, ok := unary[name]; ok && len(stack) >= 1 {
			stack = append(stack, f(pop()))
			continue
		}
		if name == "pi" {
			stack = append(stack, math.Pi)
			continue
		}
		return 0, fmt.Errorf("cannot calculate %q: %q is neither a number nor an operation with enough numbers before it", clip(text), word)
	}
	if len(stack) == 0 || math.IsNaN(stack[len(stack)-1]) || math.IsInf(stack[len(stack)-1], 0) {
		return 0, fmt.Errorf("%q gives no number", clip(text))
	}
	return stack[len(stack)-1], nil
}

const degree = math.Pi / 180

var binary = map[string]func(a, b float64) float64{
	"+":     func(a, b float64) float64 { return a + b },
	"-":     func(a, b float64) float64 { return a - b },
	"*":     func(a, b float64) float64 { return a * b },
	"/":     func(a, b float64) float64 { return a / b },
	"^":     math.Pow,
	"atan2": func(a, b float64) float64 { return math.Atan2(a, b) / degree },
}

var unary = map[string]func(a float64) float64{
	"sqr":   func(a float64) float64 { return a * a },
	"sqrt":  math.Sqrt,
	"inv":   func(a float64) float64 { return 1 / a },
	"ln":    math.Log,
	"exp":   math.Exp,
	"log10": math.Log10,
	"sin":   func(a float64) float64 { return math.Sin(a * degree) },
	"cos":   func(a float64) float64 { return math.Cos(a * degree) },
	"tan":   func(a float64) float64 { return math.Tan(a * degree) },
	"asin":  func(a float64) float64 { return math.Asin(a) / degree },
	"acos":  func(a float64) float64 { return math.Acos(a) / degree },
	"atan":  func(a float64) float64 { return math.Atan(a) / degree },
}
