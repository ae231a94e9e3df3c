package ngsild_test

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"polity/plane/ngsild"
)

// TestTheExamples holds docs/formats/notifications.md to the code.
func TestTheExamples(t *testing.T) {
	text, err := os.ReadFile("../../docs/formats/notifications.md")
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(string(text), "```json\n")
	if len(parts) != 3 {
		t.Fatalf("there are %d examples", len(parts)-1)
	}
	for i, into := range []any{&ngsild.Deliveries{}, &ngsild.Letters{}} {
		example, _, _ := strings.Cut(parts[i+1], "\n```")
		from := json.NewDecoder(strings.NewReader(example))
		from.DisallowUnknownFields()
		if err := from.Decode(into); err != nil {
			t.Fatal(err)
		}
		again, err := json.Marshal(into)
		if err != nil {
			t.Fatal(err)
		}
		var want bytes.Buffer
		if err := json.Compact(&want, []byte(example)); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want.String(), string(again)); diff != "" {
			t.Error(diff)
		}
	}
}
