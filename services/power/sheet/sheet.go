// Package sheet is a switching order as a sheet of paper: steps, what each leads to, tags,
// who decided, in a text that is signed and can be checked without the city's help.
package sheet

import (
	"bytes"
	"fmt"
	"strings"
	"time"
	"unicode"

	"golang.org/x/mod/sumdb/note"

	"polity/city"
)

// Head is the first line of every sheet's text. It keeps a sheet from being taken for
// anything else that the same key might sign.
const Head = "polity switching sheet v1"

// MaxSize bounds a signed sheet, in bytes.
const MaxSize = 256 << 10

// Sheet is what stands on it.
type Sheet struct {
	City, Order string // the city's name, the decision's id
	Simulated   bool
	Made, Until time.Time
	State       string // of the decision, a word
	Do, Why     string
	Effect      string
	Decided     []Decided
	Tags        []Tag
	Steps       []Step
}

// Decided is what somebody said to the order, or a program did.
type Decided struct {
	State, By string
	Note      string
	At        time.Time
}

// Tag is one that hung when the order was made.
type Tag struct {
	Line, Reason, By string
	At               time.Time
}

// Step is one switch.
type Step struct {
	Text, Why string
	After     *After    // nil: not known
	Moved     time.Time // when the switch said that it stood there; zero: it has not
}

// After is what the power flow says of the network behind a step.
type After struct {
	Customers           int
	KW                  float64 // fed
	LowestPU, HighestPU float64 // 0: nothing is live
	Loading             float64 // highest, as a part of the emergency rating; 0: not known
	Loop                bool
}

// Words is what a step leads to, in one line.
func (a *After) Words() string {
	list := []string{fmt.Sprintf("%d customers", a.Customers), fmt.Sprintf("%.0f kW", a.KW)}
	if a.LowestPU > 0 {
		list = append(list, fmt.Sprintf("voltages %.1f to %.1f %%", 100*a.LowestPU, 100*a.HighestPU))
	}
	if a.Loading > 0 {
		list = append(list, fmt.Sprintf("load at most %.0f %%", 100*a.Loading))
	}
	if a.Loop {
		list = append(list, "a loop until a later step")
	}
	return strings.Join(list, ", ")
}

// Text is the text that is signed: the same for the same sheet.
func (s *Sheet) Text() string {
	var b strings.Builder
	line := func(name, text string) {
		if text = clean(text); text != "" {
			fmt.Fprintf(&b, "%s %s\n", name, text)
		}
	}
	b.WriteString(Head + "\n")
	line("city", s.City)
	line("order", s.Order)
	if s.Simulated {
		line("simulated", "the network is made up: nothing real is switched")
	}
	line("made", moment(s.Made))
	line("until", moment(s.Until))
	line("state", s.State)
	line("do", s.Do)
	line("why", s.Why)
	line("effect", s.Effect)
	for _, d := range s.Decided {
		text := fmt.Sprintf("%s %s by %s", moment(d.At), d.State, d.By)
		if d.Note != "" {
			text += ": " + d.Note
		}
		line("said", text)
	}
	for _, t := range s.Tags {
		line("tag", fmt.Sprintf("%s by %s, %s: %s", t.Line, t.By, moment(t.At), t.Reason))
	}
	for i, x := range s.Steps {
		line(fmt.Sprintf("step %d", i+1), x.Text)
		line("  because", x.Why)
		if x.After != nil {
			line("  then", x.After.Words())
		}
		line("  moved", moment(x.Moved))
	}
	return b.String()
}

func moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// clean makes text one line that can be signed and shown.
func clean(text string) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "?"))
	return strings.Join(strings.Fields(text), " ")
}

// Sign returns the sheet as a signed note (C2SP signed-note): its text, an empty line, and
// the signature.
func Sign(s *Sheet, key note.Signer) ([]byte, error) {
	signed, err := note.Sign(&note.Note{Text: s.Text()}, key)
	if err != nil {
		return nil, fmt.Errorf("sign the sheet: %w", err)
	}
	if len(signed) > MaxSize {
		return nil, city.Errorf(city.TooLarge, "the sheet has %d bytes; %d are the most", len(signed), MaxSize)
	}
	return signed, nil
}

// Open checks a signed sheet with a public key and returns its text. An error says what is
// wrong with it: it was changed, another key signed it, or it is no sheet.
func Open(file []byte, key string) (text string, err error) {
	if len(file) > MaxSize {
		return "", city.Errorf(city.TooLarge, "this has %d bytes; a sheet has %d at most", len(file), MaxSize)
	}
	verifier, err := note.NewVerifier(strings.TrimSpace(key))
	if err != nil {
		return "", city.Errorf(city.Invalid, "this is no public key of a hub's sheets: the page of the power service shows it, NAME+HASH+KEY")
	}
	file = bytes.ReplaceAll(file, []byte("\r\n"), []byte("\n")) // as some mail programs leave it
	if !bytes.HasPrefix(file, []byte(Head+"\n")) {
		return "", city.Errorf(city.Invalid, "this is no switching sheet: its first line is not %q", Head)
	}
	n, err := note.Open(file, note.VerifierList(verifier))
	if err != nil {
		return "", city.Errorf(city.Forbidden, "the key %s did not sign this text: it was changed since, or comes from elsewhere", verifier.Name())
	}
	return n.Text, nil
}
