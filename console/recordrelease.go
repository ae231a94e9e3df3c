package console

import (
	"html/template"
	"net/http"
	"slices"
	"strings"
	"time"

	"polity/city"
	"polity/console/frame"
	"polity/ledger/summary"
	"polity/release/token"
)

// recordRelease is one request for footage in words.
type recordRelease struct {
	Path, Code   string
	Body         string
	Purpose      string
	Scope        string
	State        frame.Sign
	Words        []recordLink // what became of it, in the log's order
	Details      template.HTML
	DetailsState frame.Sign // of those that are overdue; otherwise empty
}

var releaseSigns = map[string]string{"waiting": "unknown", "refused": "stopped", "expired": "stopped", "approved": "attention", "opened": "attention"}

func (c *Console) recordRelease(at frame.Clock, r *summary.Release) recordRelease {
	state := string(r.State)
	v := recordRelease{
		Path: recordPath(r.Index), Code: token.Code(r.Token), Body: c.recordBody(r.Body), Purpose: c.recordWord("purpose", r.Purpose),
		Scope: c.recordScope(r), State: frame.Sign{Sign: releaseSigns[state], Word: c.Say("record.state." + state)},
	}
	for _, a := range r.Answers {
		words := c.Say("record.answer."+string(a.What), "body", c.recordBody(a.Body))
		if a.What == "refused" {
			words = c.Say("record.answer.refused", "body", c.recordBody(a.Body), "reason", c.recordWord("reason", a.Reason))
		}
		v.Words = append(v.Words, recordLink{recordPath(a.Index), at.Time(a.At.Time()), words})
	}
	switch {
	case r.Opened != nil:
		v.Words = append(v.Words, recordLink{recordPath(r.Opened.Index), at.Time(r.Opened.At.Time()), c.Say("record.answer.opened", "n", r.Opened.Segments)})
	case r.State == summary.Waiting:
		v.Words = append(v.Words, recordLink{Path: v.Path, When: at.Time(r.Expires.Time()), Words: c.Say("record.answer.until")})
	}
	v.Details = c.recordDetails(at, r)
	if r.Overdue {
		v.DetailsState = frame.Attention(c.Say("record.overdue"))
	}
	return v
}

func (c *Console) recordScope(r *summary.Release) string {
	return c.Say("record.scope", "cameras", c.Say("record.ncameras", "n", r.CamerasCount), "hours", c.Say("record.nhours", "n", r.HoursCount))
}

// recordDetails says which cameras and times, or when that will be public.
func (c *Console) recordDetails(at frame.Clock, r *summary.Release) template.HTML {
	on := at.Date(c.noonOf(string(r.DetailsPublicOn)))
	switch {
	case r.Details != nil:
		return c.HTML("record.details", "cameras", c.recordNames(r.Details.Cameras), "span", c.recordSpan(at, r.Details.From.Time(), r.Details.To.Time()),
			"order", string(r.Details.Order), "case", string(r.Details.Case), "path", recordPath(r.Details.Index))
	case r.Overdue:
		return c.HTML("record.details.overdue", "day", on)
	case len(r.Answers) == 0 && r.Opened == nil:
		return c.HTML("record.details.none", "day", on)
	case r.Extensions > 0:
		return c.HTML("record.details.extended", "n", r.Extensions, "day", on)
	}
	return c.HTML("record.details.later", "day", on)
}

// recordSpan is "10 September 2026, 21:00 to 23:00", in the city's time.
func (c *Console) recordSpan(at frame.Clock, from, to time.Time) string {
	from, to = from.In(at.Zone), to.In(at.Zone)
	end := to.Format("15:04")
	if at.Midnight(from) != at.Midnight(to) {
		end = at.Date(to) + ", " + end
	}
	return c.Say("record.span", "from", at.Date(from)+", "+from.Format("15:04"), "to", end)
}

// recordCSV is every request with what became of it, RFC 4180.
func (c *Console) recordCSV(w http.ResponseWriter, r *frame.Request) error {
	_, s, err := c.summed(r)
	if err != nil {
		return err
	}
	out := c.CSV(w, "openings.csv")
	_ = out.Write([]string{"index", "code", "body", "purpose", "cameras_count", "hours_count", "expires", "state", "court", "court_at", "court_reason", "ombudsman", "ombudsman_at", "ombudsman_reason", "opened_at", "segments", "details_public_on", "overdue", "cameras", "from", "to", "order", "case"})
	for _, x := range s.Releases {
		row := []any{x.Index, token.Code(x.Token), string(x.Body), string(x.Purpose), x.CamerasCount, x.HoursCount, string(x.Expires), string(x.State)}
		for _, body := range []city.Slug{"court", "ombudsman"} {
			answer := summary.Answer{}
			if i := slices.IndexFunc(x.Answers, func(a summary.Answer) bool { return a.Body == body }); i >= 0 {
				answer = x.Answers[i]
			}
			row = append(row, string(answer.What), string(answer.At), string(answer.Reason))
		}
		opened, segments := "", ""
		if x.Opened != nil {
			opened, segments = string(x.Opened.At), frame.Cells(x.Opened.Segments)[0]
		}
		row = append(row, opened, segments, string(x.DetailsPublicOn), x.Overdue)
		d := x.Details
		if d == nil {
			d = &summary.Details{}
		}
		names := make([]string, len(d.Cameras))
		for i, name := range d.Cameras {
			names[i] = string(name)
		}
		_ = out.Write(frame.Cells(append(row, strings.Join(names, " "), string(d.From), string(d.To), string(d.Order), string(d.Case))...))
	}
	out.Flush()
	return frame.Gone(out.Error())
}

// recordSummary is the summary as formats/record.md has it.
func (c *Console) recordSummary(w http.ResponseWriter, r *frame.Request) error {
	_, s, err := c.summed(r)
	if err != nil {
		return err
	}
	data, err := s.Marshal()
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-cache")
	_, err = w.Write(append(data, '\n'))
	return frame.Gone(err)
}

// openedAt is what a camera's page says of its footage: how long it is kept, until when it
// can be opened, and how often that happened.
func (c *Console) openedAt(r *frame.Request, camera city.Slug) []frame.Fact {
	if c.cfg.Record == nil {
		return nil
	}
	s, err := c.cfg.Record.Summary(r.Context())
	if err != nil {
		return []frame.Fact{{Name: c.Say("record.camera.opened"), Words: c.HTML("record.camera.unknown")}}
	}
	i, found := slices.BinarySearchFunc(s.Cameras, camera, func(k summary.Camera, name city.Slug) int { return strings.Compare(string(k.Camera), string(name)) })
	kept := frame.Fact{Name: c.Say("record.camera.footage"), Words: c.HTML("record.camera.nofootage")}
	if found && s.Cameras[i].FootageHours > 0 && s.Cameras[i].State == "registered" {
		long := time.Duration(s.Cameras[i].FootageHours) * time.Hour
		day := r.Clock.Now.UTC().Truncate(24*time.Hour).AddDate(0, 0, 1) // keys are of days of UTC
		kept.Words = c.HTML("record.camera.kept", "long", r.Clock.Long(long), "until", r.Clock.Time(day.Add(long)), "path", recordPath(s.Cameras[i].Index))
	}
	return []frame.Fact{kept, {Name: c.Say("record.camera.opened"), Words: c.openingsOf(r.Clock, s, camera)}}
}

// openingsOf says how often and what for a camera's footage was opened, as far as details
// are public.
func (c *Console) openingsOf(at frame.Clock, s *summary.Summary, camera city.Slug) template.HTML {
	n, closed := 0, 0
	var words []string
	for _, x := range slices.Backward(s.Releases) {
		if x.State != summary.WasOpened && x.State != summary.Approved {
			continue
		}
		if x.Details == nil {
			closed++
			continue
		}
		if !slices.Contains(x.Details.Cameras, camera) {
			continue
		}
		if n++; n <= 3 {
			words = append(words, string(c.HTML("record.camera.opening", "path", recordPath(x.Details.Index), "purpose", c.recordWord("purpose", x.Purpose), "body", c.recordBody(x.Body), "span", c.recordSpan(at, x.Details.From.Time(), x.Details.To.Time()))))
		}
	}
	text := c.HTML("record.camera.none")
	if n > 0 {
		text = c.HTML("record.camera.openings", "n", n, "list", template.HTML(strings.Join(words, "; "))) //nolint:gosec // each is escaped
	}
	if closed > 0 {
		text += " " + c.HTML("record.camera.closed", "n", closed)
	}
	return text + " " + c.HTML("record.camera.more")
}
