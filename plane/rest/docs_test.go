package rest_test

import (
	"os"
	"strings"
	"testing"
)

// The example of docs/formats/rest.md is what is answered.
func TestTheDocumentedExampleIsTheAnswer(t *testing.T) {
	text, err := os.ReadFile("../../docs/formats/rest.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(text), "```json\n")
	example, _, _ := strings.Cut(rest, "```")
	if got := newTown(t).get("/api/v1/entities/urn:x:air:1").Body.String(); !ok || got != example {
		t.Errorf("answered is\n%s\ndocumented is\n%s", got, example)
	}
}
