package alert

import (
	"math"

	"polity/city"
)

// Title is what pages put into words: the key of a text and what stands in it. There is
// no free text, which could name somebody.
type Title struct {
	Text   string  `json:"text"` // alert.kind.KIND of console/texts
	Values []Value `json:"values,omitempty"`
}

// Value is a number or a word that stands in a title.
type Value struct {
	Name   city.Slug `json:"name"`             // in the text
	Number *float64  `json:"number,omitempty"` // finite
	Unit   string    `json:"unit,omitempty"`   // UN/CEFACT code of the number
	Word   city.Slug `json:"word,omitempty"`   // where there is no number: a name of a zone, a measure
}

const maxValues = 8

// TitleOf is the title of a kind.
func TitleOf(kind city.Slug, values ...Value) Title {
	return Title{Text: "alert.kind." + string(kind), Values: values}
}

// Number is a value.
func Number(name city.Slug, v float64, unit string) Value {
	return Value{Name: name, Number: &v, Unit: unit}
}

// Word is a value.
func Word(name, word city.Slug) Value { return Value{Name: name, Word: word} }

func (t *Title) check(kind city.Slug) error {
	if t.Text != "alert.kind."+string(kind) {
		return city.Errorf(city.Invalid, "the title of an alert of kind %s is the text alert.kind.%s", kind, kind)
	}
	if len(t.Values) > maxValues {
		return city.Errorf(city.Invalid, "a title holds at most %d values", maxValues)
	}
	for _, v := range t.Values {
		if err := v.Name.Check(); err != nil {
			return err
		}
		switch {
		case v.Number != nil && (math.IsNaN(*v.Number) || math.IsInf(*v.Number, 0)):
			return city.Errorf(city.Invalid, "the value %s of a title is no number", v.Name)
		case !unit(v.Unit):
			return city.Errorf(city.Invalid, "the unit of %s is no code of UN/CEFACT Recommendation 20", v.Name)
		case v.Number != nil:
		default:
			if err := v.Word.Check(); err != nil {
				return err
			}
		}
	}
	return nil
}

// unit accepts codes of at most three capitals and digits.
func unit(code string) bool {
	if len(code) > 3 {
		return false
	}
	for _, r := range code {
		if (r < 'A' || r > 'Z') && (r < '0' || r > '9') {
			return false
		}
	}
	return true
}
