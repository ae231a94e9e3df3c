// Package texts holds every word of the pages in one place per language, ready to
// be translated: a file LANGUAGE.json of messages by key. A message is a string, or
// an object of strings by plural category (Unicode CLDR: one, two, few, many,
// other), chosen by the value named n. {name} in a message stands for a value.
package texts

import (
	"embed"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"golang.org/x/text/feature/plural"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
	"golang.org/x/text/number"
)

//go:embed *.json
var files embed.FS

// Message is one message in its plural forms; one that does not vary has only
// "other".
type Message map[string]string

// UnmarshalJSON accepts a string or an object of plural forms.
func (m *Message) UnmarshalJSON(b []byte) error {
	var s string
	if json.Unmarshal(b, &s) == nil {
		*m = Message{"other": s}
		return nil
	}
	forms := map[string]string{}
	if err := json.Unmarshal(b, &forms); err != nil {
		return err
	}
	if forms["other"] == "" {
		return fmt.Errorf("a message without the form \"other\"")
	}
	*m = forms
	return nil
}

// Language is the messages of one language. It is safe for concurrent use.
type Language struct {
	Tag      language.Tag
	messages map[string]Message
	printer  *message.Printer
}

// English is the language that every page has; others fall back on it.
var English = sync.OnceValue(func() *Language {
	l, err := Load("en")
	if err != nil {
		panic(err) // the file is part of the program and tested
	}
	return l
})

// Load reads a language's messages.
func Load(tag string) (*Language, error) {
	parsed, err := language.Parse(tag)
	if err != nil {
		return nil, err
	}
	data, err := files.ReadFile(parsed.String() + ".json")
	if err != nil {
		return nil, err
	}
	l := &Language{Tag: parsed, printer: message.NewPrinter(parsed)}
	if err := json.Unmarshal(data, &l.messages); err != nil {
		return nil, fmt.Errorf("%s.json: %w", tag, err)
	}
	return l, nil
}

// Keys returns all keys, sorted.
func (l *Language) Keys() []string { return slices.Sorted(maps.Keys(l.messages)) }

// Forms returns a message as it is written.
func (l *Language) Forms(key string) Message { return l.messages[key] }

// Say returns the message with its values filled in, given as name, value, name,
// value. Numbers are written as the language writes them. An unknown key or a value
// without a name is a programmer's error, which a test of the pages finds; the
// reader then sees the key.
func (l *Language) Say(key string, values ...any) string {
	m, ok := l.messages[key]
	if !ok {
		return key
	}
	text := m["other"]
	if len(m) > 1 {
		if form := m[l.category(values)]; form != "" {
			text = form
		}
	}
	if len(values) == 0 {
		return text
	}
	pairs := make([]string, 0, len(values))
	for i := 0; i+1 < len(values); i += 2 {
		pairs = append(pairs, fmt.Sprintf("{%v}", values[i]), l.value(values[i+1]))
	}
	return strings.NewReplacer(pairs...).Replace(text)
}

// Number writes a number with at most so many decimals.
func (l *Language) Number(v float64, decimals int) string {
	return l.printer.Sprint(number.Decimal(v, number.MaxFractionDigits(decimals)))
}

func (l *Language) value(v any) string {
	switch v := v.(type) {
	case int, int64, uint64, uint32:
		return l.printer.Sprint(number.Decimal(v))
	case float64:
		return l.Number(v, 1)
	}
	return fmt.Sprint(v)
}

var categories = map[plural.Form]string{plural.Zero: "zero", plural.One: "one", plural.Two: "two", plural.Few: "few", plural.Many: "many"}

// category is the plural category of the value n.
func (l *Language) category(values []any) string {
	for i := 0; i+1 < len(values); i += 2 {
		if values[i] != "n" {
			continue
		}
		var whole, decimals, digits int
		switch n := values[i+1].(type) {
		case int:
			whole = n
		case int64:
			whole = int(n)
		case uint64:
			whole = int(n)
		case uint32:
			whole = int(n)
		case float64:
			whole = int(n)
			if d := int(n*10+0.5) % 10; d != 0 {
				decimals, digits = d, 1
			}
		}
		if c, ok := categories[plural.Cardinal.MatchPlural(l.Tag, whole, digits, digits, decimals, decimals)]; ok {
			return c
		}
	}
	return "other"
}
