package console

import (
	"context"
	"errors"
	"html/template"
	"io"
	"mime/multipart"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"time"

	"polity/access"
	"polity/city"
	"polity/console/frame"
	"polity/ledger/entry"
	"polity/recording/share"
)

// Cases is what the hub knows of cases for footage: what offices handed in, what both
// bodies answered, and what is recorded when. It never has an order's or a case's
// reference, and no picture. Methods are safe for concurrent use.
type Cases interface {
	// Cases returns those that the one who asks may know of, the newest first.
	Cases(ctx context.Context, who access.Who) ([]Case, error)
	// Case returns one; NotFound where there is none that the one who asks may know of.
	Case(ctx context.Context, who access.Who, id string) (Case, error)
	// Submit takes a submission (docs/formats/token.md) and returns its case's id. The same
	// again changes nothing.
	Submit(ctx context.Context, who access.Who, file io.Reader) (id string, err error)
	// Request writes the request file to a body, made anew. Nothing is written before it is
	// complete.
	Request(ctx context.Context, who access.Who, id string, body share.Body, w io.Writer) error
	// Answer takes a body's answer to a case. The same again changes nothing.
	Answer(ctx context.Context, who access.Who, id string, file io.Reader) error
	// Recorded tells what of a camera is recorded in [from, to). Unavailable: its edge does
	// not answer.
	Recorded(ctx context.Context, camera city.Slug, from, to time.Time) (Recorded, error)
}

// Case is a case for footage, as far as the one who asks may know it.
type Case struct {
	ID, Code string // base64url; as two people say it
	Office   city.Slug
	Purpose  entry.Word
	Count    int // of cameras
	Hours    int // begun
	Own      bool
	// Cameras, From and To are known to the office itself and to nobody else, until the
	// details are public.
	Cameras         []city.Slug
	From, To        time.Time
	Logged          time.Time // zero: nobody knows
	Index           int64     // of its entry in the public log
	Public          bool
	Expires         time.Time
	DetailsPublicOn time.Time
	Bodies          []CaseBody // court and ombudsman
	Opened          bool
	Disclosed       bool
}

// CaseBody is what one body was asked and said.
type CaseBody struct {
	Body    share.Body
	State   CaseAnswer
	Reason  entry.Word // of a refusal
	At      time.Time  // by the witnesses' clocks
	Shares  int64      // that were handed over
	Public  bool
	Words   string    // of the answer's file, to compare aloud
	Request string    // words of the request's file that was fetched last; empty: none was
	Fetched time.Time // when it was
}

// CaseAnswer is where a body's answer stands.
type CaseAnswer string

// The states of an answer.
const (
	AnswerWaiting  CaseAnswer = "waiting"
	AnswerApproved CaseAnswer = "approved"
	AnswerRefused  CaseAnswer = "refused"
)

// Recorded is what of a camera is recorded in a time.
type Recorded struct {
	Keeps time.Duration  // how long footage is kept; 0: none is
	Spans [][2]time.Time // without a gap, rising
}

// Purposes for which footage may be asked, as the public log knows them.
func casePurposes() []string {
	f, _ := reflect.TypeFor[entry.ReleaseRequested]().FieldByName("Purpose")
	return strings.Fields(f.Tag.Get("is"))[1:]
}

// caseState is where a case stands as a whole.
type caseState string

const (
	caseLogged    caseState = "logged"    // waits for witnesses
	caseAsked     caseState = "asked"     // waits for answers
	caseAnswered  caseState = "answered"  // both approved; an approval waits for witnesses
	caseGranted   caseState = "granted"   // may be opened
	caseOpened    caseState = "opened"    //
	caseRefused   caseState = "refused"   // by a body at least
	caseExpired   caseState = "expired"   // nobody may answer any more
	caseDisclosed caseState = "disclosed" // details are public
)

func caseStates() []caseState {
	return []caseState{caseLogged, caseAsked, caseAnswered, caseGranted, caseOpened, caseRefused, caseExpired, caseDisclosed}
}

// state is the furthest that a case has come.
func (k *Case) state(now time.Time) caseState {
	answered := func(f func(CaseBody) bool) bool {
		return len(k.Bodies) > 0 && !slices.ContainsFunc(k.Bodies, func(b CaseBody) bool { return !f(b) })
	}
	approved := answered(func(b CaseBody) bool { return b.State == AnswerApproved })
	switch {
	case k.Disclosed:
		return caseDisclosed
	case k.Opened:
		return caseOpened
	case slices.ContainsFunc(k.Bodies, func(b CaseBody) bool { return b.State == AnswerRefused }):
		return caseRefused
	case approved && answered(func(b CaseBody) bool { return b.Public }):
		return caseGranted
	case approved:
		return caseAnswered
	case !k.Expires.After(now):
		return caseExpired
	case !k.Public:
		return caseLogged
	}
	return caseAsked
}

func (c *Console) caseSign(s caseState) frame.Sign {
	signs := map[caseState]string{
		caseLogged: "unknown", caseAsked: "unknown", caseAnswered: "unknown", caseGranted: "live", caseOpened: "done",
		caseRefused: "stopped", caseExpired: "stopped", caseDisclosed: "done",
	}
	return frame.Sign{Sign: signs[s], Word: c.Say("cases.state." + string(s))}
}

func (c *Console) answerSign(a CaseAnswer) frame.Sign {
	signs := map[CaseAnswer]string{AnswerWaiting: "unknown", AnswerApproved: "live", AnswerRefused: "stopped"}
	return frame.Sign{Sign: signs[a], Word: c.Say("cases.answer." + string(a))}
}

type caseRow struct {
	Path, Code, Office, Purpose, Scope, Problem string
	State, Court, Ombudsman                     frame.Sign
	Logged, Until                               template.HTML
}

type casesView struct {
	Summary, CSV    string
	Rows            []caseRow
	States          []frame.Pick
	Offices         bool // whose they are is of interest
	None, Filtered  bool
	MayNew, MayHand bool
	Duties          bool // there is a page of what is owed
	Problem         string
}

// cases is where the hub keeps them.
func (c *Console) cases() (Cases, error) {
	if c.cfg.Cases == nil {
		return nil, city.Errorf(city.NotFound, "%s", c.Say("cases.absent"))
	}
	return c.cfg.Cases, nil
}

// listCases reads the address's filter. A state that there is not is an error, so that a
// link that was typed wrong does not pass for an empty list.
func (c *Console) listCases(r *frame.Request) (list []Case, all int, err error) {
	book, err := c.cases()
	if err != nil {
		return nil, 0, err
	}
	wanted := caseState(r.URL.Query().Get("state"))
	if wanted != "" && !slices.Contains(caseStates(), wanted) {
		return nil, 0, city.Errorf(city.Invalid, "%s", c.Say("cases.nostate"))
	}
	if list, err = book.Cases(r.Context(), r.Who); err != nil {
		return nil, 0, err
	}
	all = len(list)
	if wanted != "" {
		list = slices.DeleteFunc(list, func(k Case) bool { return k.state(r.Clock.Now) != wanted })
	}
	return list, all, nil
}

func (c *Console) casesPage(w http.ResponseWriter, r *frame.Request) error {
	return c.showCases(w, r, nil)
}

func (c *Console) showCases(w http.ResponseWriter, r *frame.Request, problem error) error {
	list, all, err := c.listCases(r)
	if err != nil {
		return err
	}
	v := casesView{
		Summary: c.Say("cases.words", "n", all), CSV: "/cases.csv", None: len(list) == 0, Filtered: all > 0,
		MayNew: c.Allowed(r, access.PrepareCase, access.City()), MayHand: c.Allowed(r, access.CarryCase, access.City()),
	}
	v.Offices, v.Duties = !v.MayHand, c.mayDuties(r)
	status := http.StatusOK
	if problem != nil {
		v.Problem, status = problem.Error(), frame.Status(city.KindOf(problem))
	}
	for i := range list {
		v.Rows = append(v.Rows, c.caseRow(r.Clock, &list[i]))
	}
	chosen := r.URL.Query().Get("state")
	v.States = []frame.Pick{{Value: "", Name: c.Say("cases.any"), Here: chosen == ""}}
	for _, s := range caseStates() {
		v.States = append(v.States, frame.Pick{Value: string(s), Name: c.caseSign(s).Word, Here: string(s) == chosen})
	}
	if chosen != "" {
		v.CSV += "?state=" + chosen
	}
	return c.Render(w, r, status, frame.Page{Template: "cases", Title: c.Say("cases.title"), Data: v})
}

func casePath(k *Case) string { return "/cases/" + k.ID }

func (c *Console) caseRow(at frame.Clock, k *Case) caseRow {
	row := caseRow{
		Path: casePath(k), Code: k.Code, Office: c.bodyTitle(k.Office), Purpose: c.casePurpose(k.Purpose), Scope: c.caseScope(k),
		State: c.caseSign(k.state(at.Now)), Logged: at.Time(k.Logged), Until: at.Time(k.Expires),
	}
	if k.Logged.IsZero() {
		row.Logged = ""
	}
	for _, b := range k.Bodies {
		if b.Body == share.Court {
			row.Court = c.answerSign(b.State)
		} else {
			row.Ombudsman = c.answerSign(b.State)
		}
	}
	return row
}

func (c *Console) casePurpose(p entry.Word) string { return c.Say("cases.purpose." + string(p)) }

func (c *Console) caseScope(k *Case) string {
	return c.Say("cases.scope", "cameras", c.Say("cases.cameras", "n", k.Count), "hours", c.Say("time.hours", "n", k.Hours))
}

// casesCSV is the list as a table, RFC 4180.
func (c *Console) casesCSV(w http.ResponseWriter, r *frame.Request) error {
	list, _, err := c.listCases(r)
	if err != nil {
		return err
	}
	out := c.CSV(w, "cases.csv")
	_ = out.Write([]string{"code", "office", "purpose", "state", "cameras", "hours", "logged", "entry", "public", "court", "ombudsman", "opened", "expires", "details_public_on"})
	for i := range list {
		k := &list[i]
		row := frame.Cells(k.Code, string(k.Office), string(k.Purpose), string(k.state(r.Clock.Now)), k.Count, k.Hours, "", k.Index, k.Public, "", "", k.Opened, stamp(k.Expires), k.DetailsPublicOn.Format(time.DateOnly))
		if !k.Logged.IsZero() {
			row[6] = stamp(k.Logged)
		}
		for _, b := range k.Bodies {
			if b.Body == share.Court {
				row[9] = string(b.State)
			} else {
				row[10] = string(b.State)
			}
		}
		_ = out.Write(row)
	}
	out.Flush()
	return frame.Gone(out.Error())
}

// handInCase takes the file that 'polity case submit' wrote.
func (c *Console) handInCase(w http.ResponseWriter, r *frame.Request) error {
	book, err := c.cases()
	if err != nil {
		return err
	}
	var id string
	err = c.uploaded(w, r, submissionMax, func(file io.Reader) error {
		id, err = book.Submit(r.Context(), r.Who, file)
		return err
	})
	if err == nil {
		http.Redirect(w, r.Request, casePath(&Case{ID: id}), http.StatusSeeOther)
		return nil
	}
	if tellable(err) {
		return c.showCases(w, r, err)
	}
	return err
}

// tellable says whether an error is told on the page from which somebody tried.
func tellable(err error) bool {
	kind := city.KindOf(err)
	return kind == city.Invalid || kind == city.Conflict || kind == city.TooLarge || kind == city.Forbidden || kind == city.Unavailable
}

// Bounds of uploads in bytes, with room for the form around the file.
const (
	submissionMax = 160 << 10
	answerMax     = 512<<20 + 64<<10
	uploadTime    = 30 * time.Minute
)

// uploaded hands on the file of a form, as it comes.
func (c *Console) uploaded(w http.ResponseWriter, r *frame.Request, most int64, take func(io.Reader) error) error {
	r.Body = http.MaxBytesReader(w, r.Body, most)
	if most > submissionMax { // a stick and a slow line; else the server's own limits hold
		control, until := http.NewResponseController(w), time.Now().Add(uploadTime)
		_ = control.SetReadDeadline(until)                        // a server without deadlines has none to move
		_ = control.SetWriteDeadline(until.Add(30 * time.Second)) // as above
	}
	form, err := r.MultipartReader()
	if err != nil {
		return city.Errorf(city.Invalid, "%s", c.Say("error.form"))
	}
	for {
		part, err := form.NextPart()
		switch {
		case errors.Is(err, io.EOF):
			return city.Errorf(city.Invalid, "%s", c.Say("cases.nofile"))
		case err != nil:
			return c.cutOff(err)
		}
		if part.FormName() == "file" {
			return c.takePart(part, take)
		}
	}
}

func (c *Console) takePart(part *multipart.Part, take func(io.Reader) error) error {
	if part.FileName() == "" {
		return city.Errorf(city.Invalid, "%s", c.Say("cases.nofile"))
	}
	err := take(part)
	if tooLarge(err) {
		return c.cutOff(err)
	}
	return err
}

func (c *Console) cutOff(err error) error {
	if tooLarge(err) {
		return city.Errorf(city.TooLarge, "%s", c.Say("cases.toolarge"))
	}
	return city.Errorf(city.Invalid, "%s", c.Say("error.form"))
}

func tooLarge(err error) bool {
	_, is := errors.AsType[*http.MaxBytesError](err)
	return is
}

// caseNav leads to cases.
func (c *Console) caseNav(r *frame.Request) []frame.NavItem {
	if c.cfg.Cases == nil || !c.Allowed(r, access.SeeCases, access.City()) {
		return nil
	}
	return []frame.NavItem{{Path: "/cases", Name: c.Say("cases.title")}}
}
