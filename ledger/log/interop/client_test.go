package interop

import (
	"go/parser"
	"go/token"
	"strings"
	"testing"
)

// TestItIsSomebodyElses: nothing of this project is in it.
func TestItIsSomebodyElses(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "client.go", nil, parser.ImportsOnly)
	if err != nil {
		t.Fatal(err)
	}
	if len(file.Imports) < 5 {
		t.Fatalf("%d imports", len(file.Imports))
	}
	for _, i := range file.Imports {
		if strings.Contains(i.Path.Value, "polity") {
			t.Errorf("it imports %s", i.Path.Value)
		}
	}
}

func TestPaths(t *testing.T) {
	for want, got := range map[string]string{
		"/tile/0/000": path("0", 0, 256), "/tile/entries/x001/x234/067.p/9": path("entries", 1234067, 9), "/tile/1/x001/000": path("1", 1000, 256),
	} {
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
