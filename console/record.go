package console

import (
	"cmp"
	"context"
	"html/template"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"polity/city"
	"polity/console/frame"
	"polity/ledger/entry"
	"polity/ledger/proof"
	"polity/ledger/roster"
	"polity/ledger/summary"
)

// Record is the city's public log as pages show it: what is under its newest public
// checkpoint, and nothing else. Its methods may be called by any goroutine; what they
// return is not changed by anyone. An error of kind NotFound says that nothing is public
// yet, or no such entry.
type Record interface {
	Summary(ctx context.Context) (*summary.Summary, error)
	// Entries are the bytes of the entries from (included) to (excluded, or the end).
	Entries(ctx context.Context, from, to int64) ([][]byte, error)
	Prove(ctx context.Context, index int64) (*proof.Inclusion, error)
	Watch(ctx context.Context) (RecordWatch, error)
	// Rosters are all versions since the log began, the newest last; there is one at least.
	Rosters() []*roster.Signed
}

// RecordWatch is how the log and its witnesses are doing, as the hub sees it.
type RecordWatch struct {
	Size, Public int64     // entries on disk, and public ones
	Waiting      time.Time // since when entries wait for a quorum; zero: none does
	Witnesses    []RecordWitness
}

// RecordWitness is how a witness answered last.
type RecordWitness struct {
	Name     city.Slug
	Answered time.Time // zero: not since the hub started
	Problem  string    // empty: none
}

// recordView is the page of the public log, for everyone.
type recordView struct {
	Lead, What, State template.HTML
	Sign              frame.Sign
	Strange           []recordLink
	StrangeWords      string
	Chart             RecordChart
	Months            []recordMonth
	Releases          []recordRelease
	More              string
	Witnesses         []recordWitnessRow
	Quorum            string
	Keys              []recordKeys
	Audits            []recordAudit
	Duties            *duties
	Alarms            []recordLink
	Rest              []template.HTML
	Checks            []checkView
	Rosters           []recordLink
	Statements        string // where they are posted to
	Newest            string // page of the newest entries
}

type recordLink struct {
	Path  string
	When  template.HTML
	Words string
}

type recordMonth struct {
	Month           string
	Opened, Refused int64
	By, Why         []string
	Approved        int64
}

type recordWitnessRow struct {
	Name     string
	State    frame.Sign
	Answered template.HTML
	Newest   string // whether it cosigned the newest checkpoint
}

type recordKeys struct {
	Body, Class   string
	State         frame.Sign
	Ahead, Before string
}

type recordAudit struct{ Body, Words, Newest, Path string }

// RecordChart is openings and refusals by month.
type RecordChart struct {
	Months  []string  `json:"months"`
	Opened  []float64 `json:"opened"`
	Refused []float64 `json:"refused"`
}

// Bounds of the page; the tables as CSV have all.
const (
	recordReleases = 40
	recordMonths   = 24
	recordNewest   = 10
)

func (c *Console) record() (Record, error) {
	if c.cfg.Record == nil {
		return nil, city.Errorf(city.NotFound, "%s", c.Say("record.nolog"))
	}
	return c.cfg.Record, nil
}

// summed is the record with its summary.
func (c *Console) summed(r *frame.Request) (Record, *summary.Summary, error) {
	record, err := c.record()
	if err != nil {
		return nil, nil, err
	}
	s, err := record.Summary(r.Context())
	return record, s, err
}

func (c *Console) recordPage(w http.ResponseWriter, r *frame.Request) error {
	record, s, err := c.summed(r)
	if err != nil {
		return err
	}
	watch, err := record.Watch(r.Context())
	if err != nil {
		return err
	}
	v := recordView{
		Lead: c.recordLead(r.Clock, s), What: c.HTML("record.what"), Newest: recordNewestPath(s.Checkpoint.Size), Statements: RecordEntriesPath,
		Keys: c.recordKeys(r.Clock, s), Audits: c.recordAudits(s), Duties: c.dutiesOf(r.Clock, s), Rest: c.recordRest(r.Clock, s), Checks: c.recordChecks(r, s), Rosters: c.rosterLinks(),
	}
	c.recordWatched(&v, r.Clock, s, watch)
	c.recordByMonth(&v, r.Clock, s)
	for i, release := range slices.Backward(s.Releases) {
		if len(v.Releases) == recordReleases {
			v.More = c.Say("record.releases.more", "n", int64(i+1)+s.ReleasesBefore)
			break
		}
		v.Releases = append(v.Releases, c.recordRelease(r.Clock, &release))
	}
	for _, a := range slices.Backward(s.Alarms.Newest) {
		if len(v.Alarms) < recordNewest {
			v.Alarms = append(v.Alarms, recordLink{recordPath(a.Index), r.Clock.Time(a.At.Time()), c.recordAlarm(a)})
		}
	}
	if s.StrangeNumber > 0 {
		v.StrangeWords = c.Say("record.strange", "n", s.StrangeNumber)
	}
	for _, x := range slices.Backward(s.Strange) {
		if len(v.Strange) < recordNewest {
			v.Strange = append(v.Strange, recordLink{Path: recordPath(x.Index), Words: c.Say("record.strange." + string(x.What))})
		}
	}
	return c.Render(w, r, http.StatusOK, frame.Page{Template: "record", Title: c.Say("record.title"), Data: v})
}

// RecordEntriesPath is where statements for the log are handed in.
const RecordEntriesPath = "/api/v1/record/entries"

func recordPath(index int64) string { return "/record/entry/" + strconv.FormatInt(index, 10) }

// recordLead says in a sentence how often footage was opened.
func (c *Console) recordLead(at frame.Clock, s *summary.Summary) template.HTML {
	begun := at.Date(s.Begun.Time())
	n, last := int64(0), summary.Release{}
	for _, m := range s.Months {
		for _, o := range m.Opened {
			n += o.Number
		}
	}
	for _, r := range s.Releases {
		if r.Opened != nil && (last.Opened == nil || r.Opened.At >= last.Opened.At) {
			last = r
		}
	}
	if n == 0 || last.Opened == nil {
		return c.HTML("record.lead.none", "begun", begun)
	}
	return c.HTML("record.lead", "n", n, "begun", begun, "last", at.Time(last.Opened.At.Time()), "body", c.recordBody(last.Body), "purpose", c.recordWord("purpose", last.Purpose), "path", recordPath(last.Opened.Index))
}

// openedThisYear is the sentence about footage on the front page.
func (c *Console) openedThisYear(r *frame.Request) template.HTML {
	if c.cfg.Record == nil {
		return ""
	}
	s, err := c.cfg.Record.Summary(r.Context())
	if err != nil {
		return c.HTML("record.front.unknown")
	}
	n := int64(0)
	for _, m := range s.Months {
		for _, o := range m.Opened {
			if strings.HasPrefix(m.Month, r.Clock.Now.UTC().Format("2006-")) {
				n += o.Number
			}
		}
	}
	return c.HTML("record.front", "n", n)
}

// recordWatched says how public the log is, and who keeps watch over it.
func (c *Console) recordWatched(v *recordView, at frame.Clock, s *summary.Summary, watch RecordWatch) {
	p := s.Checkpoint
	v.Sign, v.State = frame.Live(c.Say("record.public")), c.HTML("record.public.words", "n", p.Size, "time", at.Time(p.Time.Time()), "who", c.recordNames(p.Witnesses))
	if !watch.Waiting.IsZero() {
		v.Sign, v.State = frame.Attention(c.Say("record.waiting")), c.HTML("record.waiting.words", "n", watch.Size-watch.Public, "since", at.Time(watch.Waiting), "public", p.Size, "time", at.Time(p.Time.Time()))
	}
	r := c.newestRoster()
	v.Quorum = c.Say("record.quorum", "n", r.Quorum, "of", len(r.Witnesses))
	for _, x := range r.Witnesses {
		row := recordWitnessRow{Name: string(x.Name), State: frame.Unknown(c.Say("record.witness.unknown")), Newest: c.Say("record.witness.notnewest")}
		if slices.Contains(p.Witnesses, x.Name) {
			row.Newest = c.Say("record.witness.newest")
		}
		for _, y := range watch.Witnesses {
			switch {
			case y.Name != x.Name:
				continue
			case y.Problem != "" && y.Problem != "not asked yet":
				row.State = frame.Attention(y.Problem)
			case !y.Answered.IsZero():
				row.State = frame.Live(c.Say("record.witness.answers"))
			}
			row.Answered = at.Time(y.Answered)
		}
		v.Witnesses = append(v.Witnesses, row)
	}
}

// recordByMonth fills in the chart and table of the newest months, those without anything
// between them too.
func (c *Console) recordByMonth(v *recordView, at frame.Clock, s *summary.Summary) {
	known := map[string]summary.Month{}
	for _, m := range s.Months {
		known[m.Month] = m
	}
	if len(s.Months) == 0 {
		return
	}
	last := s.Checkpoint.Time.Time()
	first := c.noonOf(s.Months[0].Month + "-01")
	if earliest := c.noonOf(last.AddDate(0, 1-recordMonths, 1-last.Day()).Format(time.DateOnly)); first.Before(earliest) {
		first = earliest
	}
	for t := first; t.Format(monthForm) <= last.Format(monthForm); t = t.AddDate(0, 1, 0) {
		m := known[t.Format(monthForm)]
		row := recordMonth{Month: c.Say("looks.month", "month", at.Month(t), "year", strconv.Itoa(t.Year())), Approved: m.Approved}
		for _, o := range m.Opened {
			row.Opened += o.Number
			row.By = append(row.By, c.Say("record.by", "n", o.Number, "body", c.recordBody(o.Body), "purpose", c.recordWord("purpose", o.Purpose)))
		}
		for _, o := range m.Refused {
			row.Refused += o.Number
			row.Why = append(row.Why, c.Say("record.by", "n", o.Number, "body", c.recordBody(o.Body), "purpose", c.recordWord("reason", o.Reason)))
		}
		v.Months = append(v.Months, row)
		v.Chart.Months = append(v.Chart.Months, row.Month)
		v.Chart.Opened, v.Chart.Refused = append(v.Chart.Opened, float64(row.Opened)), append(v.Chart.Refused, float64(row.Refused))
	}
	slices.Reverse(v.Months)
}

// recordKeys says for how long each body's keys last, and which are gone.
func (c *Console) recordKeys(at frame.Clock, s *summary.Summary) (rows []recordKeys) {
	for _, k := range s.EpochKeys {
		row := recordKeys{Body: c.recordBody(k.Body), Class: string(k.Class), State: frame.Live(c.Say("record.keys.enough"))}
		switch {
		case k.Ahead == 0:
			row.State = frame.Stopped(c.Say("record.keys.none"))
		case k.Ahead < 30:
			row.State = frame.Attention(c.Say("record.keys.few"))
		}
		row.Ahead = c.Say("record.keys.nothing")
		if k.Ahead > 0 {
			row.Ahead = c.Say("record.keys.ahead", "n", k.Ahead, "last", at.Date(c.noonOf(string(k.Last))))
		}
		row.Before = c.Say("record.keys.destroyed", "n", k.Destroyed)
		if k.Kept > 0 {
			row.Before += " " + c.Say("record.keys.kept", "n", k.Kept, "first", at.Date(c.noonOf(string(k.First))))
		}
		rows = append(rows, row)
	}
	return rows
}

func (c *Console) recordAudits(s *summary.Summary) (rows []recordAudit) {
	for _, a := range s.Audits.Bodies {
		row := recordAudit{Body: c.recordBody(a.Body), Words: c.Say("record.audit.nothing")}
		if a.Checked > 0 {
			row.Words = c.Say("record.audit.words", "n", a.Checked, "wrong", c.Say("record.audit.wrong", "n", a.Wrong), "most", c.Number(100*summary.AtMost(a.Wrong, a.Checked), 2))
		}
		for _, one := range slices.Backward(s.Audits.Newest) {
			if one.Body == a.Body {
				row.Newest, row.Path = c.Say("record.audit.newest", "week", string(one.Week), "n", one.Checked, "wrong", c.Say("record.audit.wrong", "n", one.Wrong)), recordPath(one.Index)
				break
			}
		}
		rows = append(rows, row)
	}
	return rows
}

// recordRest are sentences about what else stands in the log.
func (c *Console) recordRest(at frame.Clock, s *summary.Summary) (list []template.HTML) {
	footage, cameras := 0, 0
	for _, k := range s.Cameras {
		if k.State != "registered" || !s.Checkpoint.Time.Time().Before(k.Until.Time()) {
			continue
		}
		if cameras++; k.FootageHours > 0 {
			footage++
		}
	}
	list = append(list, c.HTML("record.cameras", "n", cameras, "footage", c.Say("record.cameras.footage", "n", footage)))
	if n := len(s.Looks.Days); n > 0 {
		d := s.Looks.Days[n-1]
		list = append(list, c.HTML("record.looks", "n", d.Looks, "day", at.Date(c.noonOf(string(d.Day))), "path", recordPath(d.Index)))
	}
	if s.Policies.Number > 0 {
		p := s.Policies.Newest[len(s.Policies.Newest)-1]
		list = append(list, c.HTML("record.policies", "n", s.Policies.Number, "time", at.Time(p.At.Time()), "path", recordPath(p.Index)))
	}
	return list
}

// recordChecks are the ways to check the log, with this city's names in the commands.
func (c *Console) recordChecks(r *frame.Request, s *summary.Summary) (list []checkView) {
	address := "https://" + cmp.Or(r.Host, "city.example")
	if r.TLS == nil {
		address = "http://" + cmp.Or(r.Host, "city.example")
	}
	all := c.cfg.Record.Rosters()
	first, last := all[0], all[len(all)-1]
	for i := 1; c.Forms("record.check."+strconv.Itoa(i)+".title") != nil; i++ {
		key := "record.check." + strconv.Itoa(i)
		v := checkView{Title: c.Say(key + ".title"), Words: c.HTML(key+".words", "words", first.Words(), "version", int64(first.Version), "n", int64(len(all)-1), "root", s.Checkpoint.Root.String())}
		if c.Forms(key+".command") != nil {
			v.Commands = strings.Split(c.Say(key+".command", "address", address, "key", last.Log.Key, "version", strconv.Itoa(first.Version)), "\n")
		}
		list = append(list, v)
	}
	return list
}

// newestRoster is the one that counts now.
func (c *Console) newestRoster() *roster.Signed {
	all := c.cfg.Record.Rosters()
	return all[len(all)-1]
}

// recordBody is how a body or an office is called: the two bodies as the roster has them,
// the rest as the city's accounts do.
func (c *Console) recordBody(name city.Slug) string {
	for _, b := range c.newestRoster().Bodies {
		if b.Name == name {
			return b.Title
		}
	}
	return c.bodyTitles().of(name)
}

func (c *Console) recordNames(list []city.Slug) string {
	words := make([]string, len(list))
	for i, n := range list {
		words[i] = string(n)
	}
	return strings.Join(words, ", ")
}

// recordWord is a word of the log's closed lists as people say it.
func (c *Console) recordWord(list string, word entry.Word) string {
	if key := "record." + list + "." + string(word); c.Forms(key) != nil {
		return c.Say(key)
	}
	return string(word)
}
