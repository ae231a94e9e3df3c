package main

import (
	"bufio"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"polity/city"
	"polity/register"
)

// draft is a register entry that is being written, from flags and answers.
type draft struct {
	register.Entry
	camera, edge, from, until, events string
}

// question is one thing that a draft needs.
type question struct {
	flag, ask string
	fallback  string // when nothing is answered; empty: an answer is needed
	set       func(d *draft, answer string) error
}

func text(to func(*draft) *string) func(*draft, string) error {
	return func(d *draft, answer string) error { *to(d) = answer; return nil }
}

func number(to func(*draft) *float64) func(*draft, string) error {
	return func(d *draft, answer string) (err error) {
		if *to(d), err = strconv.ParseFloat(answer, 64); err != nil {
			err = fmt.Errorf("%q is not a number", answer)
		}
		return err
	}
}

func count(to func(*draft) *int) func(*draft, string) error {
	return func(d *draft, answer string) (err error) {
		if *to(d), err = strconv.Atoi(answer); err != nil {
			err = fmt.Errorf("%q is not a whole number", answer)
		}
		return err
	}
}

// recorder takes a recorder's public key in hexadecimal digits or in base64url.
func recorder(d *draft, answer string) error {
	key, err := hex.DecodeString(answer)
	if err != nil {
		key, err = base64.RawURLEncoding.DecodeString(answer)
	}
	if err != nil || len(key) != ed25519.PublicKeySize {
		return fmt.Errorf("%.80q is no recorder's public key: it has 64 hexadecimal digits", answer)
	}
	d.Recorder = key
	return nil
}

var questions = []question{
	{"camera", "The camera's short name (a-z, 0-9, -)", "", text(func(d *draft) *string { return &d.camera })},
	{"edge", "The edge that runs it", "", text(func(d *draft) *string { return &d.edge })},
	{"title", "Its title, as residents would say it (\"Market square, east side\")", "", text(func(d *draft) *string { return &d.Title })},
	{"purpose", "What it is for, in one sentence", "", text(func(d *draft) *string { return &d.Purpose })},
	{"sees", "What it can see, in words", "", text(func(d *draft) *string { return &d.View.Words })},
	{"lon", "Its longitude, degrees", "", number(func(d *draft) *float64 { return &d.View.Lon })},
	{"lat", "Its latitude, degrees", "", number(func(d *draft) *float64 { return &d.View.Lat })},
	{"heading", "Where it looks, degrees clockwise from north", "", number(func(d *draft) *float64 { return &d.View.Heading })},
	{"field", "How wide it sees, degrees", "", number(func(d *draft) *float64 { return &d.View.Field })},
	{"reach", "How far it sees, metres", "", number(func(d *draft) *float64 { return &d.View.Reach })},
	{"body", "Who is responsible", "", text(func(d *draft) *string { return &d.Body })},
	{"contact", "How to reach them (may be empty)", "-", text(func(d *draft) *string { return &d.Contact })},
	{"decision", "Reference of the decision", "", text(func(d *draft) *string { return &d.Decision.Reference })},
	{"decided-on", "Day of the decision (YYYY-MM-DD)", "", text(func(d *draft) *string { return &d.Decision.On })},
	{"events", "Which situations it may report (" + strings.Join(register.EventNames, ", ") + "; may be empty)", "-", text(func(d *draft) *string { return &d.events })},
	{"crowd-at-least", "The fewest people that any of its zones may call a crowd", "20", count(func(d *draft) *int { return &d.CrowdAtLeast })},
	{"keep-counts", "Days that counts and events are kept", "365", count(func(d *draft) *int { return &d.Retention.CountsDays })},
	{"keep-places", "Days that pictures of the place are kept", "30", count(func(d *draft) *int { return &d.Retention.PlaceDays })},
	{"keep-footage", "Hours that sealed footage is kept (0: there is none)", "0", count(func(d *draft) *int { return &d.Retention.FootageHours })},
	{"class", "Its class of retention in the city's roster, where footage is kept (may be empty)", "-", text(func(d *draft) *string { return (*string)(&d.Class) })},
	{"recorder", "Public key of the recorder that signs its footage, as 'polity edge recorder' prints it (may be empty)", "-", recorder},
	{"public-delay", "Minutes by which the public sees it late", "10", count(func(d *draft) *int { return &d.Public.DelayMinutes })},
	{"public-threshold", "The smallest number that the public sees", "5", count(func(d *draft) *int { return &d.Public.Threshold })},
	{"from", "Valid from (YYYY-MM-DD or a time; empty: now)", "now", text(func(d *draft) *string { return &d.from })},
	{"until", "Valid until (YYYY-MM-DD or a time)", "", text(func(d *draft) *string { return &d.until })},
}

// matters says whether a question is worth asking after what was answered before.
func (q *question) matters(d *draft) bool {
	return d.Retention.FootageHours > 0 || q.flag != "class" && q.flag != "recorder"
}

// flags adds a flag for each question.
func (d *draft) flags(cmd *cobra.Command) {
	for _, q := range questions {
		usage := q.ask
		if q.fallback != "" && q.fallback != "-" {
			usage += " (default " + q.fallback + ")"
		}
		cmd.Flags().String(q.flag, "", usage)
	}
	cmd.Flags().BoolVar(&d.Simulated, "simulated", false, "a replayed film or a model stands in for the street")
}

// entry takes the flags and, if it may ask, the answers on standard input.
func (d *draft) entry(cmd *cobra.Command, ask bool, now time.Time) (register.Entry, error) {
	in := bufio.NewReader(cmd.InOrStdin())
	var missing []string
	for _, q := range questions {
		given, err := cmd.Flags().GetString(q.flag)
		if err != nil {
			return d.Entry, err
		}
		switch {
		case given != "":
			if err := q.set(d, given); err != nil {
				return d.Entry, usageError{fmt.Errorf("--%s: %w", q.flag, err)}
			}
		case cmd.Flags().Changed(q.flag) && q.fallback == "-":
		case ask && q.matters(d):
			if err := d.answer(cmd, in, q); err != nil {
				return d.Entry, err
			}
		case q.fallback == "":
			missing = append(missing, "--"+q.flag)
		case q.fallback != "-":
			if err := q.set(d, q.fallback); err != nil {
				return d.Entry, err
			}
		}
	}
	if len(missing) > 0 {
		return d.Entry, usageError{fmt.Errorf("an entry also needs %s; see 'polity camera register --help'", strings.Join(missing, ", "))}
	}
	return d.finish(now)
}

// answer asks until the answer can be used.
func (d *draft) answer(cmd *cobra.Command, in *bufio.Reader, q question) error {
	for {
		hint := ""
		if q.fallback != "" && q.fallback != "-" {
			hint = " [" + q.fallback + "]"
		}
		fmt.Fprintf(cmd.ErrOrStderr(), "%s%s: ", q.ask, hint)
		line, err := in.ReadString('\n')
		line = strings.TrimSpace(line)
		if err != nil && (line == "" || !errors.Is(err, io.EOF)) {
			return usageError{fmt.Errorf("no answer for --%s: %w", q.flag, err)}
		}
		switch {
		case line == "" && q.fallback == "-":
			return nil
		case line == "":
			line = q.fallback
		}
		if line == "" {
			fmt.Fprintln(cmd.ErrOrStderr(), "  This is needed.")
			continue
		}
		if err := q.set(d, line); err != nil {
			fmt.Fprintf(cmd.ErrOrStderr(), "  %v\n", err)
			continue
		}
		return nil
	}
}

func (d *draft) finish(now time.Time) (register.Entry, error) {
	e := d.Entry
	e.Format, e.Camera, e.Edge = register.Format, city.Slug(d.camera), city.Slug(d.edge)
	for name := range strings.SplitSeq(d.events, ",") {
		if name = strings.TrimSpace(name); name != "" && !slices.Contains(e.Events, name) {
			e.Events = append(e.Events, name)
		}
	}
	slices.Sort(e.Events)
	var err error
	if e.From, err = moment(d.from, now); err != nil {
		return e, usageError{fmt.Errorf("--from: %w", err)}
	}
	if e.Until, err = moment(d.until, now); err != nil {
		return e, usageError{fmt.Errorf("--until: %w", err)}
	}
	return e, e.Check()
}

// moment reads a day or a time.
func moment(text string, now time.Time) (time.Time, error) {
	if text == "now" {
		return now.UTC().Truncate(time.Second), nil
	}
	for _, form := range []string{time.DateOnly, time.RFC3339} {
		if t, err := time.Parse(form, text); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is neither a day such as 2027-11-22 nor a time such as 2027-11-22T08:00:00Z", text)
}
