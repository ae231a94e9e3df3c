package service

import (
	"fmt"
	"math"
	"strings"
)

// List is names as people say them: "a, b and c".
func List(names []string) string {
	if n := len(names) - 1; n > 0 {
		return strings.Join(names[:n], ", ") + " and " + names[n]
	}
	return strings.Join(names, "")
}

// Chance is a probability in words that never claim to be certain.
func Chance(p float64) string {
	switch {
	case p > 0.99:
		return "over 99 %"
	case p < 0.01:
		return "under 1 %"
	}
	return fmt.Sprintf("%.0f %%", math.Round(100*p))
}

// Sentence makes text fit where a decision wants one line of at most so many characters.
func Sentence(text string, most int) string {
	text = strings.Join(strings.Fields(text), " ")
	if r := []rune(text); len(r) > most {
		text = string(r[:most-1]) + "…"
	}
	return text
}
