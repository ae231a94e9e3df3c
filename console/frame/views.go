package frame

import "html/template"

// Sign is a state as shape, word and colour: live, attention, stopped or unknown.
type Sign struct{ Sign, Word string }

// Live is the sign of what is as it should be.
func Live(word string) Sign { return Sign{"live", word} }

// Attention is the sign of what asks for a person.
func Attention(word string) Sign { return Sign{"attention", word} }

// Stopped is the sign of what does not go on.
func Stopped(word string) Sign { return Sign{"stopped", word} }

// Unknown is the sign of what nobody knows yet, or what has not begun.
func Unknown(word string) Sign { return Sign{"unknown", word} }

// Figure is a number that a page is about.
type Figure struct{ Name, Value, What string }

// Fact is one of a list of facts.
type Fact struct {
	Name  string
	Words template.HTML
}

// Pick is one of a list that is picked from.
type Pick struct {
	Value, Name string
	Here        bool
}

// PickGroup is a part of such a list.
type PickGroup struct {
	Name string
	List []Pick
}

// Choice is one of several answers to a form's question.
type Choice struct {
	Value, Words string
	Chosen       bool
}
