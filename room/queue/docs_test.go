package queue_test

import (
	"bytes"
	"encoding/json"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"polity/room/alert"
	"polity/room/queue"
	"polity/room/verdict"
)

// TestTheDocumentedFormsAreThose reads each example of docs/formats/alerts.md with the types
// that write them: no member more, and an alert comes out as it went in.
func TestTheDocumentedFormsAreThose(t *testing.T) {
	text, err := os.ReadFile("../../docs/formats/alerts.md")
	if err != nil {
		t.Fatal(err)
	}
	var examples []string
	for _, m := range regexp.MustCompile("(?s)```json\n(.*?)```").FindAllSubmatch(text, -1) {
		examples = append(examples, string(m[1]))
	}
	into := []any{new(alert.Alert), new(queue.Page), new(queue.Request), new(queue.Outcomes), &struct {
		From  string        `json:"from"`
		Kinds []verdict.Row `json:"kinds"`
	}{}}
	if len(examples) != len(into) {
		t.Fatalf("%d examples, %d types", len(examples), len(into))
	}
	for i, example := range examples {
		in := json.NewDecoder(strings.NewReader(example))
		in.DisallowUnknownFields()
		if err := in.Decode(into[i]); err != nil {
			t.Errorf("%T: %v", into[i], err)
			continue
		}
		var before, after any
		back, err := json.Marshal(into[i])
		if err != nil {
			t.Fatal(err)
		}
		if json.Unmarshal([]byte(example), &before) != nil || json.Unmarshal(bytes.TrimSpace(back), &after) != nil {
			t.Fatal("no JSON")
		}
		if _, whole := into[i].(*alert.Alert); whole && !reflect.DeepEqual(before, after) {
			t.Errorf("%s comes out as %s", example, back)
		}
	}
	a := into[0].(*alert.Alert)
	if err := a.Check(alert.Shipped()); err != nil {
		t.Error(err)
	}
	for _, s := range alert.States() {
		if !strings.Contains(string(text), "`"+string(s)+"`") {
			t.Errorf("the state %s is not described", s)
		}
	}
}
