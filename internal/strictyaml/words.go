package strictyaml

import (
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
)

// words says what the library found in words for who wrote the file, who knows
// neither its types nor ours.
func words(err yaml.Error) string {
	var (
		node     *yaml.UnexpectedNodeTypeError
		typ      *yaml.TypeError
		overflow *yaml.OverflowError
		syntax   *yaml.SyntaxError
	)
	switch {
	case errors.As(err, &node):
		return fmt.Sprintf("%s; here stands %s", wantedNode(node.Expected), nodeWord(node.Actual))
	case errors.As(err, &typ):
		return fmt.Sprintf("%s; %q is none", wantedType(typ.DstType), tokenText(err))
	case errors.As(err, &overflow):
		return overflow.SrcNum + " is too large or too small a number for this setting"
	case errors.As(err, &syntax) && strings.Contains(syntax.Message, "\t"), errors.As(err, &syntax) && strings.Contains(syntax.Message, "tab character"):
		return "a tab stands here; YAML is indented by spaces only"
	case errors.As(err, &syntax):
		return "not readable as YAML: " + syntax.Message + "; look at the indentation and quotes of this line and the one before"
	}
	return err.GetMessage()
}

func tokenText(err yaml.Error) string {
	if t := err.GetToken(); t != nil {
		return t.Value
	}
	return ""
}

func wantedNode(t ast.NodeType) string {
	switch t {
	case ast.MappingType, ast.MappingValueType:
		return "settings belong here, each as 'name: value' on a line of its own"
	case ast.SequenceType:
		return "a list belongs here, each item after '- '"
	}
	return "a single value belongs here"
}

func nodeWord(t ast.NodeType) string {
	switch t {
	case ast.MappingType, ast.MappingValueType:
		return "a group of settings"
	case ast.SequenceType:
		return "a list"
	case ast.IntegerType, ast.FloatType:
		return "a number"
	case ast.BoolType:
		return "true or false"
	case ast.NullType:
		return "nothing"
	}
	return "a text"
}

func wantedType(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Bool:
		return "true or false belongs here"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64, reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return "a whole number belongs here"
	case reflect.Float32, reflect.Float64:
		return "a number belongs here"
	case reflect.Slice, reflect.Array:
		return wantedNode(ast.SequenceType)
	case reflect.Struct, reflect.Map:
		return wantedNode(ast.MappingType)
	}
	return "a text belongs here"
}
