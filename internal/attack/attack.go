// Package attack is how a test that carries out an attack says what it tried and why that
// failed. The words stand beside the test and nowhere else; `make attacks` gathers them.
package attack

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"
)

// Key is the attribute of a test (go doc testing.T.Attr) that holds a Told as JSON.
const Key = "attack"

// Told is what a test says of an attack.
type Told struct {
	Name  string `json:"name"`  // as in bench/attacks/names.txt
	Tried string `json:"tried"` // what the attacker has and does
	Held  string `json:"held"`  // why it failed
}

var namePattern = regexp.MustCompile(`^[a-z]+(-[a-z]+)*$`)

// Check says what is wrong with words that nobody could judge an attack by.
func (a Told) Check() error {
	if !namePattern.MatchString(a.Name) {
		return fmt.Errorf("the attack's name %q is no words with hyphens", a.Name)
	}
	for what, text := range map[string]string{"tried": a.Tried, "held": a.Held} {
		if len(strings.Fields(text)) < 5 || strings.ContainsAny(text, "\r\n") {
			return fmt.Errorf("attack %s: what it says as %q is no sentence of one line: %q", a.Name, what, text)
		}
	}
	return nil
}

// Tell says what the running test tries, and why it fails. It counts only if the test
// passes. A test may carry out several attacks.
func Tell(t testing.TB, name, tried, held string) {
	t.Helper()
	a := Told{name, tried, held}
	if err := a.Check(); err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	t.Attr(Key, string(text))
}

// Read takes the value of the attribute.
func Read(value string) (a Told, err error) {
	if err = json.Unmarshal([]byte(value), &a); err != nil {
		return a, fmt.Errorf("words of an attack: %w", err)
	}
	return a, a.Check()
}
