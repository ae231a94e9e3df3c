package canonical

import (
	"fmt"
	"reflect"
	"strings"
)

// Ordered reports a struct, or one below it, whose members are not declared rising by
// name or have no name: Encode could not write it.
func Ordered(t reflect.Type) error {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct {
		return nil
	}
	before := ""
	for f := range t.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "" || name == "-" || f.Anonymous {
			return fmt.Errorf("%s.%s has no name in JSON", t, f.Name)
		}
		if name <= before {
			return fmt.Errorf("%s: %s stands after %s", t, name, before)
		}
		before = name
		if err := Ordered(f.Type); err != nil {
			return err
		}
	}
	return nil
}
