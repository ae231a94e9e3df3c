package console

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"polity/access"
	"polity/city"
	"polity/console/frame"
	"polity/ledger/canonical"
	"polity/ledger/roster"
	"polity/ledger/summary"
	"polity/release/token"
)

// duties are what bodies and offices owe the public: details whose day is past, an audit
// each week, and what is held beyond its time. All of it stands in the public log.
type duties struct {
	Summary  string
	Overdue  []dutyRow
	Weeks    []auditWeek
	Bodies   []string // columns of Weeks
	Holds    []holdRow
	Over     string // how many holds are over
	Actions  bool   // who looks can do something about it
	Requests []link // of this week's audits
}

type link struct{ Path, Name string }

type dutyRow struct {
	Path, Who, Code string
	State           frame.Sign
	Since, Days     string
}

type auditWeek struct {
	Week  string
	Cells []auditCell
}

type auditCell struct {
	Body, Words, Path string
	State             frame.Sign
}

type holdRow struct {
	Path, Body, Why, Cameras string
	Since, Until, Left       string
}

// auditWeeks is how many weeks are shown, this one included.
const auditWeeks = 6

func (c *Console) dutiesOf(at frame.Clock, s *summary.Summary) *duties {
	now := s.Checkpoint.Time.Time()
	d := &duties{}
	for _, r := range s.Releases {
		if !r.Overdue {
			continue
		}
		due := r.DetailsPublicOn.Time()
		d.Overdue = append(d.Overdue, dutyRow{
			Path: recordPath(r.Index), Who: c.recordBody(r.Body) + ": " + c.recordWord("purpose", r.Purpose), Code: token.Code(r.Token),
			State: frame.Attention(c.Say("record.overdue")), Since: at.Date(c.noonOf(string(r.DetailsPublicOn))), Days: c.Say("duties.days", "n", wholeDays(now.Sub(due))),
		})
	}
	c.auditsByWeek(d, s, now)
	over := 0
	for _, h := range slices.Backward(s.Holds.Newest) {
		end := h.Until.Time().AddDate(0, 0, 1)
		if !now.Before(end) {
			over++
			continue
		}
		d.Holds = append(d.Holds, holdRow{
			Path: recordPath(h.Index), Body: c.recordBody(h.Body), Why: c.recordWord("hold", h.Reason), Cameras: c.Say("cases.cameras", "n", int(h.CamerasCount)),
			Since: at.Date(h.At.Time()), Until: at.Date(c.noonOf(string(h.Until))), Left: c.Say("duties.left", "n", wholeDays(end.Sub(now))),
		})
	}
	if over > 0 {
		d.Over = c.Say("duties.over", "n", over)
	}
	words := []string{c.Say("duties.overdue.none"), c.Say("duties.holds.none")}
	if n := len(d.Overdue); n > 0 {
		words[0] = c.Say("duties.overdue", "n", n)
	}
	if n := len(d.Holds); n > 0 {
		words[1] = c.Say("duties.holds", "n", n)
	}
	d.Summary = strings.Join(words, " ")
	return d
}

func wholeDays(d time.Duration) int { return int(d / (24 * time.Hour)) }

// auditsByWeek has a row of each week and a cell of each body. A week that is over without an
// audit is one that is owed, from the first that the log could have.
func (c *Console) auditsByWeek(d *duties, s *summary.Summary, now time.Time) {
	bodies := []city.Slug{roster.Court, roster.Ombudsman}
	for _, b := range bodies {
		d.Bodies = append(d.Bodies, c.recordBody(b))
	}
	this, begun := canonical.WeekOf(now), canonical.WeekOf(s.Begun.Time())
	for n := range auditWeeks {
		week := canonical.WeekOf(now.AddDate(0, 0, -7*n))
		if week < begun {
			break
		}
		row := auditWeek{Week: c.Say("duties.week", "week", string(week))}
		if week == this {
			row.Week = c.Say("duties.week.this", "week", string(week))
		}
		for i, body := range bodies {
			row.Cells = append(row.Cells, c.auditOf(s, body, week, week == this))
			row.Cells[i].Body = d.Bodies[i]
		}
		d.Weeks = append(d.Weeks, row)
	}
}

func (c *Console) auditOf(s *summary.Summary, body city.Slug, week canonical.Week, running bool) auditCell {
	var checked, wrong int64
	cell := auditCell{State: frame.Attention(c.Say("duties.audit.missing"))}
	if running {
		cell.State = frame.Unknown(c.Say("duties.audit.open"))
	}
	for _, a := range s.Audits.Newest {
		if a.Body == body && a.Week == week {
			checked, wrong, cell.Path = checked+a.Checked, wrong+a.Wrong, recordPath(a.Index)
		}
	}
	switch {
	case cell.Path == "":
		return cell
	case wrong > 0:
		cell.State = frame.Stopped(c.Say("duties.audit.wrong"))
	default:
		cell.State = frame.Live(c.Say("duties.audit.right"))
	}
	cell.Words = c.Say("duties.audit.words", "n", checked, "wrong", c.Say("record.audit.wrong", "n", wrong))
	return cell
}

// dutiesPage is for those who carry cases and watch over them.
func (c *Console) dutiesPage(w http.ResponseWriter, r *frame.Request) error {
	_, s, err := c.summed(r)
	if err != nil {
		return err
	}
	d := c.dutiesOf(r.Clock, s)
	d.Actions = true
	for _, b := range []city.Slug{roster.Court, roster.Ombudsman} {
		d.Requests = append(d.Requests, link{"/api/v1/audits/" + string(b), c.Say("duties.audit.fetch", "body", c.recordBody(b))})
	}
	return c.Render(w, r, http.StatusOK, frame.Page{Template: "duties", Title: c.Say("duties.title"), Data: d})
}

// mayDuties says whether the page is for whoever asks, where there is a public log.
func (c *Console) mayDuties(r *frame.Request) bool {
	return c.cfg.Record != nil && c.Allowed(r, access.SeeCases, access.City())
}
