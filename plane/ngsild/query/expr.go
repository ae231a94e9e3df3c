// Package query is the query languages of NGSI-LD (ETSI GS CIM 009, clauses 4.9,
// 4.10, 4.17 and 4.19): conditions on attributes, geography, types and scopes, each
// parsed once and then applied to entities. What is parsed is bounded in length,
// terms and depth.
package query

import (
	"slices"
	"strings"

	"polity/plane/ngsild/problem"
)

// Bounds of an expression.
const (
	MaxText  = 16 << 10 // bytes
	maxTerms = 300
	maxDepth = 20
)

// node is a condition: all or one of its parts, or a leaf.
type node[T any] struct {
	all, any []*node[T]
	leaf     T
	isLeaf   bool
}

// holds applies f to leaves as far as the answer needs.
func (n *node[T]) holds(f func(T) bool) bool {
	if n.isLeaf {
		return f(n.leaf)
	}
	if n.all != nil {
		for _, x := range n.all {
			if !x.holds(f) {
				return false
			}
		}
		return true
	}
	for _, x := range n.any {
		if x.holds(f) {
			return true
		}
	}
	return false
}

func (n *node[T]) each(f func(T)) {
	if n.isLeaf {
		f(n.leaf)
		return
	}
	for _, x := range append(slices.Clip(n.all), n.any...) {
		x.each(f)
	}
}

// reader reads an expression: leaves with ; for and, the bytes of or for or, and
// parentheses. And binds tighter.
type reader[T any] struct {
	text  string
	at    int
	what  string // for errors
	or    string
	terms int
	leaf  func(r *reader[T]) (T, error)
}

func (r *reader[T]) fail(format string, args ...any) error {
	p := problem.BadRequest(format, args...)
	p.Detail = r.what + ": " + p.Detail
	return p
}

func (r *reader[T]) peek() byte {
	if r.at < len(r.text) {
		return r.text[r.at]
	}
	return 0
}

func (r *reader[T]) parse() (*node[T], error) {
	if len(r.text) > MaxText {
		return nil, r.fail("it has %d bytes; %d are allowed", len(r.text), MaxText)
	}
	n, err := r.alternatives(0)
	if err != nil {
		return nil, err
	}
	if r.at < len(r.text) {
		return nil, r.fail("%q is not understood behind %q", r.text[r.at:], r.text[:r.at])
	}
	return n, nil
}

func (r *reader[T]) alternatives(depth int) (*node[T], error) {
	if depth > maxDepth {
		return nil, r.fail("it is nested deeper than %d", maxDepth)
	}
	var list []*node[T]
	for {
		n, err := r.conjunction(depth)
		if err != nil {
			return nil, err
		}
		list = append(list, n)
		if c := r.peek(); c == 0 || strings.IndexByte(r.or, c) < 0 {
			break
		}
		r.at++
	}
	if len(list) == 1 {
		return list[0], nil
	}
	return &node[T]{any: list}, nil
}

func (r *reader[T]) conjunction(depth int) (*node[T], error) {
	var list []*node[T]
	for {
		n, err := r.term(depth)
		if err != nil {
			return nil, err
		}
		list = append(list, n)
		if r.peek() != ';' {
			break
		}
		r.at++
	}
	if len(list) == 1 {
		return list[0], nil
	}
	return &node[T]{all: list}, nil
}

func (r *reader[T]) term(depth int) (*node[T], error) {
	if r.terms++; r.terms > maxTerms {
		return nil, r.fail("it has more than %d terms", maxTerms)
	}
	if r.peek() == '(' {
		r.at++
		n, err := r.alternatives(depth + 1)
		if err != nil {
			return nil, err
		}
		if r.peek() != ')' {
			return nil, r.fail("a parenthesis is not closed")
		}
		r.at++
		return n, nil
	}
	leaf, err := r.leaf(r)
	if err != nil {
		return nil, err
	}
	return &node[T]{leaf: leaf, isLeaf: true}, nil
}

// until reads up to one of the bytes of stop.
func (r *reader[T]) until(stop string) string {
	end := strings.IndexAny(r.text[r.at:], stop)
	if end < 0 {
		end = len(r.text) - r.at
	}
	s := r.text[r.at : r.at+end]
	r.at += end
	return s
}
