package console

import (
	"html/template"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"polity/access"
	"polity/city"
	"polity/console/frame"
	"polity/recording/share"
)

// caseStep is one step of a case, done or not.
type caseStep struct {
	Name   string
	State  frame.Sign
	At     template.HTML
	Words  template.HTML
	Body   *caseBodyView // of the steps of a body
	Future bool
}

type caseBodyView struct {
	Name, Fetch     string // where its request is fetched; empty: there is none to fetch
	Request, Answer string // words to compare aloud
	Fetched         template.HTML
}

type caseView struct {
	Path, Code, Office, Purpose, Problem string
	State                                frame.Sign
	Next                                 string
	Command                              string
	Steps                                []caseStep
	Facts                                []frame.Fact
	Cameras                              []caseCamera
	Own, MayAnswer                       bool
}

type caseCamera struct {
	Name  city.Slug
	Title string
}

func (c *Console) casePage(w http.ResponseWriter, r *frame.Request) error {
	book, err := c.cases()
	if err != nil {
		return err
	}
	k, err := book.Case(r.Context(), r.Who, r.PathValue("case"))
	if err != nil {
		return err
	}
	return c.showCase(w, r, &k, nil)
}

func (c *Console) showCase(w http.ResponseWriter, r *frame.Request, k *Case, problem error) error {
	now := r.Clock.Now
	state := k.state(now)
	v := caseView{
		Path: casePath(k), Code: k.Code, Office: c.bodyTitle(k.Office), Purpose: c.casePurpose(k.Purpose), State: c.caseSign(state), Own: k.Own,
	}
	v.MayAnswer = k.Own && k.Public && slices.ContainsFunc(k.Bodies, CaseBody.wantsFile) && c.Allowed(r, access.CarryCase, access.City())
	v.Next, v.Command = c.caseNext(k, state)
	status := http.StatusOK
	if problem != nil {
		v.Problem, status = problem.Error(), frame.Status(city.KindOf(problem))
	}
	c.caseSteps(r, &v, k)
	if err := c.caseFacts(r, &v, k); err != nil {
		return err
	}
	return c.Render(w, r, status, frame.Page{Template: "case", Title: c.Say("case.title", "code", k.Code), Data: v})
}

// wantsFile says whether an answer has yet to be brought. One that was given in time may
// arrive later; one that a body published itself is of no use before its file is here.
func (b CaseBody) wantsFile() bool {
	return b.State == AnswerWaiting || b.State == AnswerApproved && b.Words == ""
}

// caseNext is what is to be done now, by whom, with the command to type.
func (c *Console) caseNext(k *Case, state caseState) (words, command string) {
	if !k.Own {
		return c.Say("case.watch." + string(state)), ""
	}
	words = c.Say("case.next." + string(state))
	switch state {
	case caseAsked:
		var waits []string
		for _, b := range k.Bodies {
			if b.State == AnswerWaiting {
				waits = append(waits, c.bodyName(b.Body))
			}
		}
		return c.Say("case.next.asked", "n", len(waits), "bodies", strings.Join(waits, c.Say("case.and"))), "polity case requests " + k.Code
	case caseGranted:
		if i := slices.IndexFunc(k.Bodies, CaseBody.wantsFile); i >= 0 {
			return c.Say("case.next.file", "body", c.bodyName(k.Bodies[i].Body)), ""
		}
		return words, "polity case open " + k.Code
	case caseOpened:
		return words, "polity case play " + k.Code
	case caseRefused:
		for _, b := range k.Bodies {
			if b.State == AnswerRefused {
				return c.Say("case.next.refused", "body", c.bodyName(b.Body), "reason", c.Say("case.reason."+string(b.Reason))), ""
			}
		}
	}
	return words, ""
}

func (c *Console) bodyName(b share.Body) string { return c.Say("case.body." + string(b)) }

func (c *Console) caseSteps(r *frame.Request, v *caseView, k *Case) {
	at := r.Clock
	done, waits := func(word string) frame.Sign { return frame.Sign{Sign: "done", Word: c.Say(word)} }, func(word string) frame.Sign { return frame.Unknown(c.Say(word)) }
	logged := caseStep{Name: c.Say("case.step.logged"), State: done("case.done"), Words: c.loggedWords(k)}
	if !k.Logged.IsZero() {
		logged.At = at.Time(k.Logged)
	}
	if k.Index < 0 {
		logged.State = waits("case.waits")
	}
	public := caseStep{Name: c.Say("case.step.public"), State: waits("case.waits"), Words: c.HTML("case.step.public.waits")}
	if k.Public {
		public.State, public.Words = done("case.done"), c.HTML("case.step.public.words")
	}
	v.Steps = append(v.Steps, logged, public)
	for i := range k.Bodies {
		v.Steps = append(v.Steps, c.bodyStep(at, k, &k.Bodies[i]))
	}
	opened := caseStep{Name: c.Say("case.step.opened"), State: waits("case.notyet"), Words: c.HTML("case.step.opened.waits"), Future: true}
	if k.Opened {
		opened.State, opened.Words, opened.Future = done("case.done"), c.HTML("case.step.opened.words"), false
	}
	details := caseStep{Name: c.Say("case.step.details"), State: waits("case.notyet"), Words: c.HTML("case.step.details.waits", "day", at.Date(k.DetailsPublicOn)), Future: true}
	switch {
	case k.Disclosed:
		details.State, details.Words, details.Future = done("case.done"), c.HTML("case.step.details.words"), false
	case !k.DetailsPublicOn.After(at.Now):
		details.State, details.Words, details.Future = frame.Attention(c.Say("case.overdue")), c.HTML("case.step.details.overdue", "day", at.Date(k.DetailsPublicOn)), false
		if k.Own {
			details.Words += c.HTML("case.step.details.do", "command", "polity case disclose "+k.Code)
		}
	}
	v.Steps = append(v.Steps, opened, details)
}

// loggedWords say where the entry stands, with a way to it once it is public.
func (c *Console) loggedWords(k *Case) template.HTML {
	switch {
	case k.Index < 0:
		return c.HTML("case.step.logged.waits")
	case k.Public && c.cfg.Record != nil:
		return c.HTML("case.step.logged.linked", "n", k.Index, "address", "/record/entry/"+strconv.FormatInt(k.Index, 10))
	}
	return c.HTML("case.step.logged.words", "n", k.Index)
}

func (c *Console) bodyStep(at frame.Clock, k *Case, b *CaseBody) caseStep {
	name := c.bodyName(b.Body)
	s := caseStep{Name: c.Say("case.step.body", "body", name), State: c.answerSign(b.State), Future: !k.Public}
	switch b.State {
	case AnswerApproved:
		s.Words = c.HTML("case.step.approved", "n", int(b.Shares))
	case AnswerRefused:
		s.Words = c.HTML("case.step.refused", "reason", c.Say("case.reason."+string(b.Reason)))
	case AnswerWaiting:
		s.Words = c.HTML("case.step.waiting")
		if !k.Public {
			s.Words = c.HTML("case.step.waiting.public")
		}
	}
	if b.State != AnswerWaiting {
		if s.At = at.Time(b.At); !b.Public {
			s.Words += " " + c.HTML("case.step.notpublic")
		}
	}
	if !k.Own {
		return s
	}
	if b.State == AnswerApproved && b.Words == "" {
		s.Words += " " + c.HTML("case.step.nofile")
	}
	s.Body = &caseBodyView{Name: name, Request: b.Request, Answer: b.Words}
	if b.Request != "" {
		s.Body.Fetched = at.Time(b.Fetched)
	}
	if k.Public && k.Expires.After(at.Now) && b.State == AnswerWaiting {
		s.Body.Fetch = casePath(k) + "/requests/" + string(b.Body)
	}
	return s
}

// CasesPath is where programs reach cases.
const CasesPath = "/api/v1/cases"

// fetchRequest hands over the request file to a body, made anew.
func (c *Console) fetchRequest(w http.ResponseWriter, r *frame.Request) error {
	book, err := c.cases()
	if err != nil {
		return err
	}
	body := share.Body(r.PathValue("body"))
	if body.Check() != nil {
		return city.Errorf(city.NotFound, "%s", c.Say("error.page"))
	}
	k, err := book.Case(r.Context(), r.Who, r.PathValue("case"))
	if err != nil {
		return err
	}
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(uploadTime)) // a server without deadlines has none to move
	out := &file{w: w, name: k.Code + "-" + string(body) + ".request"}
	err = book.Request(r.Context(), r.Who, k.ID, body, out)
	switch {
	case err == nil:
		return nil
	case out.begun:
		panic(http.ErrAbortHandler) // what was sent is no whole file, and must not pass for one
	case tellable(err):
		return c.showCase(w, r, &k, err)
	}
	return err
}

// file begins to be handed over with its first byte.
type file struct {
	w     http.ResponseWriter
	name  string
	begun bool
}

func (f *file) Write(b []byte) (int, error) {
	if !f.begun {
		f.begun = true
		h := f.w.Header()
		h.Set("Content-Type", "application/octet-stream")
		h.Set("Content-Disposition", `attachment; filename="`+f.name+`"`)
		h.Set("Cache-Control", "no-store")
	}
	return f.w.Write(b)
}

func (c *Console) caseFacts(r *frame.Request, v *caseView, k *Case) error {
	add := func(name, words string) {
		v.Facts = append(v.Facts, frame.Fact{Name: c.Say(name), Words: template.HTML(template.HTMLEscapeString(words))}) //nolint:gosec // escaped
	}
	add("cases.office", v.Office)
	add("cases.purpose", v.Purpose)
	add("case.scope", c.caseScope(k))
	if k.Own {
		v.Facts = append(v.Facts, frame.Fact{Name: c.Say("case.from"), Words: r.Clock.Time(k.From)}, frame.Fact{Name: c.Say("case.to"), Words: r.Clock.Time(k.To)})
	}
	v.Facts = append(v.Facts, frame.Fact{Name: c.Say("case.expires"), Words: r.Clock.Time(k.Expires)})
	add("case.publicon", r.Clock.Date(k.DetailsPublicOn))
	v.Facts = append(v.Facts, frame.Fact{Name: c.Say("case.id"), Words: c.HTML("case.id.words", "id", k.ID)})
	if !k.Own || len(k.Cameras) == 0 {
		return nil
	}
	all, err := c.cfg.City.Cameras(r.Context())
	if err != nil {
		return err
	}
	for _, name := range k.Cameras {
		camera := caseCamera{name, string(name)}
		if i := slices.IndexFunc(all, func(o Camera) bool { return o.Name == name }); i >= 0 {
			camera.Title = all[i].title()
		}
		v.Cameras = append(v.Cameras, camera)
	}
	return nil
}

// bringAnswer takes the file that a body's device wrote.
func (c *Console) bringAnswer(w http.ResponseWriter, r *frame.Request) error {
	book, err := c.cases()
	if err != nil {
		return err
	}
	id := r.PathValue("case")
	err = c.uploaded(w, r, answerMax, func(file io.Reader) error { return book.Answer(r.Context(), r.Who, id, file) })
	if err == nil {
		http.Redirect(w, r.Request, casePath(&Case{ID: id}), http.StatusSeeOther)
		return nil
	}
	if !tellable(err) {
		return err
	}
	k, gone := book.Case(r.Context(), r.Who, id)
	if gone != nil {
		return gone
	}
	return c.showCase(w, r, &k, err)
}
