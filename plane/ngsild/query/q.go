package query

import (
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"polity/plane"
	"polity/plane/ngsild/entity"
	"polity/plane/ngsild/jsonld"
)

// Q is a query by attributes (clause 4.9), such as
// speed>50;brandName!="Mercedes"|isParked.
type Q struct {
	root    *node[*term]
	context *jsonld.Context
}

// term is one condition: a path exists, or its value stands to others in a relation.
type term struct {
	path     []string // attribute, its attributes or members; as stored
	members  []string // path in brackets: inside the value
	operator string   // empty: it exists
	negated  bool     // !path: it does not exist
	values   []operand
	pattern  *regexp.Regexp
	linked   *Q // condition on the entity that a relationship leads to
}

// operand is what is compared with: one value, or a range.
type operand struct {
	value
	to      *value
	hasTo   bool
	literal string
}

type value struct {
	kind   byte // n number, s string, b bool, t time
	number float64
	text   string
	time   time.Time
}

// operators, the longer first.
var operators = []string{"!~=", "==", "!=", ">=", "<=", "~=", ">", "<"}

// maxPattern bounds regular expressions.
const maxPattern = 1000

// ParseQ reads a query.
func ParseQ(c *jsonld.Context, text string) (*Q, error) { return parseQ(c, text, 0) }

func parseQ(c *jsonld.Context, text string, depth int) (*Q, error) {
	r := &reader[*term]{text: text, what: "q", or: "|", leaf: func(r *reader[*term]) (*term, error) { return readTerm(r, c, depth) }}
	if depth > maxDepth {
		return nil, r.fail("it is nested deeper than %d", maxDepth)
	}
	root, err := r.parse()
	if err != nil {
		return nil, err
	}
	return &Q{root, c}, nil
}

func readTerm(r *reader[*term], c *jsonld.Context, depth int) (*term, error) {
	t := &term{}
	if r.peek() == '!' {
		r.at++
		t.negated = true
	}
	if err := readPath(r, c, t, depth); err != nil {
		return nil, err
	}
	for _, op := range operators {
		if strings.HasPrefix(r.text[r.at:], op) {
			t.operator = op
			r.at += len(op)
			break
		}
	}
	if t.operator == "" {
		if next := r.peek(); next != 0 && strings.IndexByte(";|)", next) < 0 {
			return nil, r.fail("%q is not an operator; there are == != > >= < <= ~= !~=", r.text[r.at:])
		}
		return t, nil
	}
	if t.negated || t.linked != nil {
		return nil, r.fail("%s cannot be compared", r.text[:r.at])
	}
	return t, readOperands(r, t)
}

// readPath reads attr, attr.sub, attr[member.member] and attr{condition}.
func readPath(r *reader[*term], c *jsonld.Context, t *term, depth int) error {
	text := r.until("!=<>~;|()[{,\"")
	if text == "" {
		return r.fail("an attribute is missing at %q", r.text[r.at:])
	}
	if strings.ContainsAny(text, " '\t") {
		return r.fail("%q is not the name of an attribute", text)
	}
	t.path = splitPath(c, text)
	for i, name := range t.path {
		if name == "" {
			return r.fail("%q is not the name of an attribute", text)
		}
		if i > plane.MaxDepth {
			return r.fail("%q is deeper than attributes are", text)
		}
		switch name {
		case "createdAt", "modifiedAt", "observedAt", "unitCode", "datasetId", "id", "type":
		default:
			t.path[i] = c.Stored(name)
		}
	}
	switch r.peek() {
	case '[':
		r.at++
		inside := r.until("]")
		if r.peek() != ']' || inside == "" {
			return r.fail("a bracket is not closed, or empty")
		}
		r.at++
		t.members = strings.Split(strings.Trim(inside, `"`), ".")
	case '{':
		level, end := 0, -1
		for i := r.at; i < len(r.text) && end < 0; i++ {
			switch r.text[i] {
			case '{':
				level++
			case '}':
				if level--; level == 0 {
					end = i
				}
			}
		}
		if end < 0 {
			return r.fail("a brace is not closed")
		}
		var err error
		if t.linked, err = parseQ(c, r.text[r.at+1:end], depth+1); err != nil {
			return err
		}
		r.at = end + 1
	}
	return nil
}

// splitPath splits at dots, but not inside an IRI.
func splitPath(c *jsonld.Context, text string) []string {
	if strings.Contains(text, "://") || strings.HasPrefix(text, "urn:") {
		return []string{text}
	}
	_ = c
	return strings.Split(text, ".")
}

func readOperands(r *reader[*term], t *term) error {
	if t.operator == "~=" || t.operator == "!~=" {
		text, _, err := readLiteral(r)
		if err != nil {
			return err
		}
		if len(text) > maxPattern {
			return r.fail("a pattern has more than %d bytes", maxPattern)
		}
		if t.pattern, err = regexp.Compile(text); err != nil {
			return r.fail("%q is not a regular expression: %v", text, err)
		}
		return nil
	}
	for {
		o, err := readOperand(r)
		if err != nil {
			return err
		}
		t.values = append(t.values, o)
		if len(t.values) > maxTerms {
			return r.fail("a list has more than %d values", maxTerms)
		}
		if r.peek() != ',' {
			break
		}
		r.at++
	}
	if (len(t.values) > 1 || t.values[0].hasTo) && t.operator != "==" && t.operator != "!=" {
		return r.fail("%s takes one value, no list and no range", t.operator)
	}
	return nil
}

func readOperand(r *reader[*term]) (operand, error) {
	text, quoted, err := readLiteral(r)
	if err != nil {
		return operand{}, err
	}
	if !quoted {
		if from, to, ok := strings.Cut(text, ".."); ok && from != "" && to != "" {
			o := operand{value: makeValue(from, false), hasTo: true, literal: from}
			end := makeValue(to, false)
			o.to = &end
			return o, nil
		}
	} else if strings.HasPrefix(r.text[r.at:], "..") {
		r.at += 2
		to, q, err := readLiteral(r)
		if err != nil {
			return operand{}, err
		}
		end := makeValue(to, q)
		return operand{value: makeValue(text, true), to: &end, hasTo: true, literal: text}, nil
	}
	return operand{value: makeValue(text, quoted), literal: text}, nil
}

// readLiteral reads a quoted or a bare value.
func readLiteral(r *reader[*term]) (text string, quoted bool, err error) {
	if r.peek() != '"' {
		text = r.until(";|),\"")
		if text == "" {
			return "", false, r.fail("a value is missing")
		}
		return decoded(text), false, nil
	}
	r.at++
	var b strings.Builder
	for r.at < len(r.text) {
		c := r.text[r.at]
		r.at++
		switch {
		case c == '\\' && r.at < len(r.text):
			if next := r.text[r.at]; next != '"' && next != '\\' {
				b.WriteByte(c) // of a pattern
			}
			b.WriteByte(r.text[r.at])
			r.at++
		case c == '"':
			return decoded(b.String()), true, nil
		default:
			b.WriteByte(c)
		}
	}
	return "", true, r.fail("a quotation mark is not closed")
}

// decoded undoes what a value inside a query is percent-encoded with (clause 4.9).
func decoded(s string) string {
	if strings.Contains(s, "%") {
		if d, err := url.PathUnescape(s); err == nil {
			return d
		}
	}
	return s
}

func makeValue(text string, quoted bool) value {
	if quoted {
		return value{kind: 's', text: text}
	}
	switch text {
	case "true", "false":
		return value{kind: 'b', text: text}
	}
	if n, err := strconv.ParseFloat(text, 64); err == nil {
		return value{kind: 'n', number: n, text: text}
	}
	if t, ok := parseMoment(text); ok {
		return value{kind: 't', time: t, text: text}
	}
	return value{kind: 's', text: text}
}

// parseMoment reads a date and time, a date, or a time of day.
func parseMoment(s string) (time.Time, bool) {
	if t, err := entity.ParseTime(s); err == nil {
		return t, true
	}
	for _, layout := range []string{"2006-01-02", "15:04:05Z", "15:04:05.999999Z"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

// Attributes calls f with each attribute that the query looks at.
func (q *Q) Attributes(f func(name string)) {
	q.root.each(func(t *term) { f(t.path[0]) })
}
