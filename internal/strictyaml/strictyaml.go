// Package strictyaml decodes YAML configuration into structs and refuses what it
// does not know. Every error names file and line; an unknown key comes with the
// nearest one that exists at that place.
package strictyaml

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// Decode reads one YAML document into the struct that v points to. Name is what
// errors call the source, usually the file's path. All unknown keys are reported
// together. An empty document leaves v as it is.
func Decode(name string, data []byte, v any) (err error) {
	defer func() { // the library panics on some malformed documents; our own checks below do not
		if p := recover(); p != nil {
			err = fmt.Errorf("%s: not readable as YAML (%v)", name, p)
		}
	}()
	file, err := parser.ParseBytes(data, 0)
	if err != nil {
		return located(name, err)
	}
	var wrong []error
	documents := 0
	for _, doc := range file.Docs {
		if doc.Body == nil {
			continue
		}
		if documents++; documents > 1 {
			return fmt.Errorf("%s:%d: only one YAML document is allowed", name, doc.GetToken().Position.Line)
		}
		wrong = append(wrong, check(name, doc.Body, reflect.TypeOf(v))...)
	}
	if len(wrong) > 0 {
		return errors.Join(wrong...)
	}
	if documents == 0 {
		return nil
	}
	if err := yaml.UnmarshalWithOptions(data, v, yaml.Strict()); err != nil {
		return located(name, err)
	}
	return nil
}

// located turns the library's error into "name:line: what is wrong".
func located(name string, err error) error {
	var y yaml.Error
	if errors.As(err, &y) && y.GetToken() != nil {
		return fmt.Errorf("%s:%d: %s", name, y.GetToken().Position.Line, words(y))
	}
	return fmt.Errorf("%s: %w", name, err)
}

// check walks the document beside the type it is meant for and collects keys that
// the type does not have and values that it refuses.
func check(name string, node ast.Node, typ reflect.Type) []error {
	for typ.Kind() == reflect.Pointer {
		typ = typ.Elem()
	}
	var errs []error
	if decodesItself(typ) {
		return tryDecode(name, node, typ)
	}
	switch n := node.(type) {
	case *ast.AnchorNode:
		return check(name, n.Value, typ)
	case *ast.MappingNode:
		for _, pair := range n.Values {
			errs = append(errs, checkPair(name, pair, typ)...)
		}
	case *ast.MappingValueNode:
		errs = checkPair(name, n, typ)
	case *ast.SequenceNode:
		if typ.Kind() == reflect.Slice || typ.Kind() == reflect.Array {
			for _, item := range n.Values {
				errs = append(errs, check(name, item, typ.Elem())...)
			}
		}
	default:
		return tryDecode(name, node, typ)
	}
	return errs
}

// tryDecode decodes one value alone, because the library gives no line for what a
// type's own UnmarshalText or time.Duration refuses.
func tryDecode(name string, node ast.Node, typ reflect.Type) []error {
	err := yaml.NodeToValue(node, reflect.New(typ).Interface(), yaml.Strict())
	var y yaml.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &y) && y.GetToken() != nil:
		return []error{located(name, err)}
	}
	return []error{fmt.Errorf("%s:%d: %w", name, node.GetToken().Position.Line, err)}
}

func checkPair(name string, pair *ast.MappingValueNode, typ reflect.Type) []error {
	switch typ.Kind() {
	case reflect.Map:
		return check(name, pair.Value, typ.Elem())
	case reflect.Struct:
	default:
		return nil
	}
	token := pair.Key.GetToken()
	fields := keys(typ)
	if field, ok := fields[token.Value]; ok {
		return check(name, pair.Value, field)
	}
	known := make([]string, 0, len(fields))
	for k := range fields {
		known = append(known, k)
	}
	hint := ""
	if k := Nearest(token.Value, known); k != "" {
		hint = fmt.Sprintf("; did you mean %q?", k)
	}
	return []error{fmt.Errorf("%s:%d: unknown key %q%s", name, token.Position.Line, token.Value, hint)}
}

func decodesItself(typ reflect.Type) bool {
	p := reflect.PointerTo(typ)
	return p.Implements(reflect.TypeFor[yaml.BytesUnmarshaler]()) || p.Implements(reflect.TypeFor[yaml.InterfaceUnmarshaler]()) ||
		p.Implements(reflect.TypeFor[interface{ UnmarshalText([]byte) error }]())
}

// keys lists a struct's YAML keys with their types, embedded structs included.
func keys(typ reflect.Type) map[string]reflect.Type {
	out := map[string]reflect.Type{}
	for f := range typ.Fields() {
		tag, options, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		switch {
		case !f.IsExported() || tag == "-":
		case strings.Contains(options, "inline"):
			maps.Copy(out, keys(f.Type))
		case tag == "":
			out[strings.ToLower(f.Name)] = f.Type
		default:
			out[tag] = f.Type
		}
	}
	return out
}

// Nearest returns the candidate closest to word by edit distance, or "" when none
// is near enough to be a likely slip: more than a third of the letters differ.
func Nearest(word string, candidates []string) string {
	best, bestDistance := "", len(word)/3+2
	for _, c := range candidates {
		d := distance(strings.ToLower(word), strings.ToLower(c))
		if d < bestDistance || (d == bestDistance && best != "" && c < best) {
			best, bestDistance = c, d
		}
	}
	return best
}

// distance is the Levenshtein distance in bytes.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diagonal := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			diagonal, row[j] = row[j], min(diagonal+cost, row[j]+1, row[j-1]+1)
		}
	}
	return row[len(b)]
}
