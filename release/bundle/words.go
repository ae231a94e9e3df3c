package bundle

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"polity/release/export"
	"polity/release/token"
)

// paper is the report's content, for every form of it.
type paper struct {
	Title    string
	Intro    string
	Sections []section
}

// section has lines of a name and what it is, then paragraphs.
type section struct {
	Heading string
	Facts   []fact
	Tables  []table
	Text    []string
}

type fact struct{ Name, Value string }

type table struct {
	Caption string
	Head    []string
	Rows    [][]string
}

// write makes the report out of a check that found nothing wrong.
func writePaper(c *checker) *paper {
	return &paper{
		Title: "Opening of sealed recordings in " + c.Record.Domain,
		Intro: "Recordings of public cameras are sealed when they are made. They can be opened only when a court's and an ombudsman's device both agree, and each opening stands in a public log. This report says who opened what, and how the film in this bundle was made from it. Times are UTC.",
		Sections: []section{
			whoSection(c), openingSection(c), filmSection(c), madeSection(c), provenSection(c), checkSection(c),
		},
	}
}

func whoSection(c *checker) section {
	r := c.Record
	s := section{Heading: "Who and when", Facts: []fact{{"Office", string(r.Office)}, {"Signed by its device", string(r.Device)}}}
	if r.By != "" {
		s.Facts = append(s.Facts, fact{"Made by", r.By})
	}
	return section{s.Heading, append(s.Facts,
		fact{"Made at", when(r.Made.Time())},
		fact{"Case in the public log", token.Code(r.Token) + " (" + r.Token.String() + ")"},
		fact{"Public log", r.Origin},
		fact{"Roster of the keys that count", fmt.Sprintf("version %d, words %s", c.Version, c.Words)},
	), nil, nil}
}

func openingSection(c *checker) section {
	q := c.story.Requested
	s := section{Heading: "Request, approvals, opening", Facts: []fact{
		{"Asked by", fmt.Sprintf("%s, for %s (entry %d of the log)", q.Entry.Body, strings.ReplaceAll(string(q.Entry.Purpose), "-", " "), q.Index)},
		{"Asked for", fmt.Sprintf("%s, %s; valid until %s", count(q.Entry.CamerasCount, "camera"), count(q.Entry.HoursCount, "hour"), when(q.Entry.Expires.Time()))},
	}}
	for _, body := range bodies {
		if a := c.story.Approved[body]; a != nil {
			s.Facts = append(s.Facts, fact{
				"Approved by the " + string(body),
				fmt.Sprintf("%s, device %s, %s of keys (entry %d)", when(a.Entry.At.Time()), a.Entry.Device, count(a.Entry.Count, "half"), a.Index),
			})
		}
	}
	for _, o := range c.story.Opened {
		s.Facts = append(s.Facts, fact{"Opened", fmt.Sprintf("%s, %s (entry %d)", when(o.Entry.At.Time()), count(o.Entry.Segments, "segment"), o.Index)})
	}
	if o := c.openings; o != nil {
		for _, f := range []fact{
			{"Order", string(o.Order)}, {"Case", string(o.Case)}, {"Times asked for", strings.Trim(string(o.From)+" to "+string(o.To), " to")},
		} {
			if f.Value != "" {
				s.Facts = append(s.Facts, f)
			}
		}
		if o.Cameras != nil {
			names := make([]string, len(o.Cameras))
			for i, n := range o.Cameras {
				names[i] = string(n)
			}
			s.Facts = append(s.Facts, fact{"Cameras asked for", strings.Join(names, ", ")})
		}
	}
	s.Facts = append(s.Facts, fact{"Details become public", string(c.story.PublicOn())})
	return s
}

func filmSection(c *checker) section {
	film := table{Caption: "Film in this bundle", Head: []string{"File", "Camera", "From", "To", "Pictures", "Grey", "Marks", "Segments"}}
	marks := table{Caption: "What was marked, and so is not masked", Head: []string{"File", "From", "To", "Left", "Top", "Width", "Height", "Positions"}}
	s := section{Heading: "Film", Text: []string{maskText(c.Record.Mask.Kind)}}
	left := 0
	for i := range c.Record.Clips {
		r := &c.Record.Clips[i]
		film.Rows = append(film.Rows, []string{
			r.File, string(r.Camera), when(time.UnixMilli(r.From)), when(time.UnixMilli(r.To)),
			fmt.Sprint(r.Pictures), fmt.Sprint(r.Grey), fmt.Sprint(len(r.Marks)), fmt.Sprint(r.Segments),
		})
		for _, m := range r.Marks {
			if len(marks.Rows) == maxMarkRows {
				left++
				continue
			}
			k := m.Keys[0]
			marks.Rows = append(marks.Rows, []string{
				r.File, when(time.UnixMilli(m.From)), when(time.UnixMilli(m.To)), percent(k.Left), percent(k.Top), percent(k.Width), percent(k.Height), fmt.Sprint(len(m.Keys)),
			})
		}
		if text := problemText(r); text != "" {
			s.Text = append(s.Text, text)
		}
	}
	s.Tables = []table{film}
	if len(marks.Rows) > 0 {
		s.Tables = append(s.Tables, marks)
		s.Text = append(s.Text, "A mark is a rectangle, given by its first position in percent of the picture; it goes from each of its positions to the next.")
	}
	if left > 0 {
		s.Text = append(s.Text, count(int64(left), "more mark")+" in bundle.json.")
	}
	return s
}

// maxMarkRows is how many marks a report lists.
const maxMarkRows = 200

func percent(n int64) string { return fmt.Sprintf("%d.%02d %%", n/100, n%100) }

func maskText(kind export.MaskKind) string {
	if kind == export.Grey {
		return "Everything outside of the marks is plain grey. What was masked is in no file. There is no sound."
	}
	return "Everything outside of the marks is covered by squares of at least 32 pixels without colour, each in one of 16 shades that change once a second at most: that somebody is there can be seen, and not who. What was masked is in no file. There is no sound."
}

var problemWords = map[export.What]string{
	export.Missing: "is missing in the case", export.Unreadable: "does not open", export.Undecoded: "has pictures that do not decode", export.Gap: "comes after a time without recording",
}

// problemText says why parts of a film are grey.
func problemText(r *export.ClipRecord) string {
	if len(r.Problems) == 0 {
		return ""
	}
	counts := map[export.What]int{}
	for _, p := range r.Problems {
		counts[p.What]++
	}
	var list []string
	for _, w := range []export.What{export.Gap, export.Missing, export.Unreadable, export.Undecoded} {
		if n := counts[w]; n > 0 {
			list = append(list, fmt.Sprintf("%s that %s", count(int64(n), "place"), problemWords[w]))
		}
	}
	return fmt.Sprintf("%s shows grey: %s.", r.File, words(list))
}

func madeSection(c *checker) section {
	r := c.Record
	return section{Heading: "How the film was made", Facts: []fact{
		{"Program", r.Program}, {"Decoder", r.Decoder.Version}, {"Encoder", r.Encoder.Version},
	}, Text: []string{
		"Each sealed segment was decrypted in memory, its pictures were masked, and only then encoded anew. The record bundle.json has the marks, the segments, and the hash of the masked pictures; with the case's keys the same film can be made again and compared.",
	}}
}

func provenSection(c *checker) section {
	s := section{Heading: "What this bundle proves"}
	for _, f := range c.Findings {
		if f.State == Right {
			s.Text = append(s.Text, sentence(f))
		}
	}
	return s
}

func checkSection(c *checker) section {
	s := section{Heading: "What it does not prove, and how to check it", Text: []string{
		"Run: polity verify bundle FILE. It needs no network and no key. The roster is where trust begins: compare its words above with those that the city's court or ombudsman gives you. With other tools: sha256sum and openssl, as the public description of this format says.",
		"Whether the film shows what was sealed can be checked only by who holds the case's keys. Whether the marks leave out something that matters is for the parties to ask.",
	}}
	for _, f := range c.Findings {
		if f.State == Open {
			s.Text = append(s.Text, sentence(f))
		}
	}
	return s
}

func sentence(f Finding) string {
	if f.Where != "" {
		return f.Where + ": " + f.What + "."
	}
	return strings.ToUpper(f.What[:1]) + f.What[1:] + "."
}

func when(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05") }

func count(n int64, what string) string {
	if n == 1 {
		return "1 " + what
	}
	if before, ok := strings.CutSuffix(what, "f"); ok {
		return fmt.Sprintf("%d %sves", n, before)
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// lines are a paper's facts and texts in order, for forms without tables.
func (s *section) lines() []string {
	var list []string
	for _, f := range s.Facts {
		list = append(list, f.Name+": "+f.Value)
	}
	for _, t := range s.Tables {
		list = append(list, t.Caption+":")
		for _, row := range t.Rows {
			cells := make([]string, len(row))
			for i, value := range row {
				cells[i] = t.Head[i] + " " + value
			}
			list = append(list, strings.Join(cells, ", "))
		}
	}
	return slices.Concat(list, s.Text)
}
