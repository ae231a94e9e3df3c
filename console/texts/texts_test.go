package texts_test

import (
	"encoding/json"
	"testing"

	"polity/console/texts"
)

func TestSay(t *testing.T) {
	l := texts.English()
	for _, c := range []struct {
		key    string
		values []any
		want   string
	}{
		{"count.person", []any{"n", 1}, "1 person"},
		{"count.person", []any{"n", 0}, "0 people"},
		{"count.person", []any{"n", 12}, "12 people"},
		{"count.person", []any{"n", 1.5}, "1.5 people"},
		{"count.person", []any{"n", 1.0}, "1 person"},
		{"system.frameswords", []any{"analysed", uint64(1234567), "decoded", uint64(2)}, "1,234,567 of 2"},
		{"time.yesterday", []any{"time", "14:02"}, "yesterday 14:02"},
		{"time.yesterday", nil, "yesterday {time}"},
		{"time.yesterday", []any{"time", "{n}", "n", "x"}, "yesterday {n}"}, // a value is never a pattern
		{"no.such.key", nil, "no.such.key"},
	} {
		if got := l.Say(c.key, c.values...); got != c.want {
			t.Errorf("%s %v: %q, want %q", c.key, c.values, got, c.want)
		}
	}
}

func TestMessageForms(t *testing.T) {
	for in, ok := range map[string]bool{`"x"`: true, `{"one":"a","other":"b"}`: true, `{"one":"a"}`: false, `3`: false, `{"other":3}`: false} {
		var m texts.Message
		if err := json.Unmarshal([]byte(in), &m); (err == nil) != ok {
			t.Errorf("%s: %v", in, err)
		}
	}
}

func TestUnknownLanguage(t *testing.T) {
	for _, tag := range []string{"xx-not-a-language-at-all", "fi", "../en"} {
		if _, err := texts.Load(tag); err == nil {
			t.Errorf("%q was loaded", tag)
		}
	}
}
