package console

import (
	"cmp"
	"context"
	"html/template"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/diff"

	"polity/access"
	"polity/access/policy"
	"polity/city"
	"polity/console/frame"
)

// policiesView is a city's own policies and how they change.
type policiesView struct {
	Files    []string
	Open     []proposalRow
	Book     []changeRow
	Head     string
	Beware   string // the files are not what two people agreed to
	MayWrite bool
}

type proposalRow struct {
	Number        int
	By, Reason    string
	At, Until     template.HTML
	Changed       string
	Void, Own     bool
	Files         []fileDiff
	Comes         []string // what it comes to, in words
	MayDecide     bool
	MayTakeItBack bool
}

// fileDiff is a file before and after, line by line.
type fileDiff struct {
	Name  string
	Lines []diffLine
}

type diffLine struct {
	Sign, Text string // "+", "-" or " "
}

// policyForm is a change of one file that somebody writes.
type policyForm struct {
	File, Text string
	Reasons    []frame.Choice
	Wrong      string
	New        bool
}

// formMost bounds what is sent of a change, in bytes: a file of policies as browsers encode it.
const formMost = 1 << 20

// mayChange reports whether whoever asks has a part in changes of policies.
func (c *Console) mayChange(r *frame.Request) bool {
	return c.Allowed(r, access.ProposePolicy, access.City()) || c.Allowed(r, access.ApprovePolicy, access.City())
}

// peopleNames are everybody's names by ID.
func (c *Console) peopleNames(ctx context.Context) (map[string]string, error) {
	names := map[string]string{"": c.Say("people.machine")}
	if c.cfg.Accounts == nil {
		return names, nil
	}
	all, err := c.cfg.Accounts.People(ctx)
	for _, p := range all {
		names[p.ID] = c.personName(p)
	}
	return names, err
}

func (c *Console) nameOf(names map[string]string, id string) string {
	if n := names[id]; n != "" {
		return n
	}
	return c.Say("people.somebody")
}

func (c *Console) policiesPage(w http.ResponseWriter, r *frame.Request) error {
	live, err := c.policies()
	if err != nil {
		return err
	}
	names, err := c.peopleNames(r.Context())
	if err != nil {
		return err
	}
	v := policiesView{MayWrite: c.Allowed(r, access.ProposePolicy, access.City())}
	for _, f := range live.Files() {
		v.Files = append(v.Files, f.Name)
	}
	for _, p := range live.Proposals() {
		v.Open = append(v.Open, c.proposalRow(r, p, names))
	}
	entries, head := live.Log()
	v.Head = head
	for _, e := range slices.Backward(entries) {
		v.Book = append(v.Book, changeRow{r.Clock.Time(e.At), c.Say("policies.did."+e.What, "by", c.nameOf(names, e.By), "n", cmp.Or(e.Proposal, e.N))})
		if len(v.Book) == 50 {
			break
		}
	}
	if err := live.Check(); err != nil {
		v.Beware = err.Error()
	}
	return c.Render(w, r, http.StatusOK, frame.Page{Template: "policies", Title: c.Say("policies.title"), Data: v})
}

func (c *Console) proposalRow(r *frame.Request, p policy.Proposal, names map[string]string) proposalRow {
	own := p.By == r.Who.ID
	return proposalRow{
		Number: p.Number, By: c.nameOf(names, p.By), Reason: c.Say("policies.reason." + string(p.Reason)), At: r.Clock.Time(p.At), Until: r.Clock.Time(p.Until),
		Changed: strings.Join(p.Changed(), ", "), Void: p.Void, Own: own,
		MayDecide: !own && c.Allowed(r, access.ApprovePolicy, access.City()), MayTakeItBack: own,
	}
}

func (c *Console) proposalPage(w http.ResponseWriter, r *frame.Request) error {
	live, err := c.policies()
	if err != nil {
		return err
	}
	list := live.Proposals()
	i := slices.IndexFunc(list, func(p policy.Proposal) bool { return strconv.Itoa(p.Number) == r.PathValue("proposal") })
	if i < 0 {
		return city.Errorf(city.NotFound, "%s", c.Say("policies.gone"))
	}
	names, err := c.peopleNames(r.Context())
	if err != nil {
		return err
	}
	p := list[i]
	v := c.proposalRow(r, p, names)
	for _, name := range p.Changed() {
		v.Files = append(v.Files, fileDiff{name, diffOf(textOf(p.Before, name), textOf(p.After, name))})
	}
	if v.Comes, err = c.comesTo(p); err != nil {
		return err
	}
	return c.Render(w, r, http.StatusOK, frame.Page{Template: "proposal", Title: c.Say("policies.proposal", "n", p.Number), Data: v})
}

func textOf(files []policy.File, name string) string {
	for _, f := range files {
		if f.Name == name {
			return f.Text
		}
	}
	return ""
}

// diffOf is two texts line by line, without the heads that name files and places.
func diffOf(before, after string) []diffLine {
	var lines []diffLine
	for i, line := range strings.Split(string(diff.Diff("before", []byte(before), "after", []byte(after))), "\n") {
		if i < 3 || line == "" || strings.HasPrefix(line, "@@") || strings.HasPrefix(line, `\`) {
			continue
		}
		lines = append(lines, diffLine{line[:1], line[1:]})
	}
	return lines
}

// comesTo says in words what a proposal changes of the review.
func (c *Console) comesTo(p policy.Proposal) ([]string, error) {
	purposes := c.purposes()
	before, err := policy.New(p.Before, purposes)
	if err != nil {
		return nil, err
	}
	after, err := policy.New(p.After, purposes)
	if err != nil {
		return nil, err
	}
	var list []string
	for _, k := range policy.Review(before).Changes(policy.Review(after)) {
		what := c.Say("action." + string(k.Row.Do))
		if to := c.toWords(k.Row); to != "" {
			what += " (" + to + ")"
		}
		list = append(list, c.Say("policies.comes", "who", c.columnTitle(k.Column), "what", what, "was", c.answerWord(k.Was), "is", c.answerWord(k.Is)))
	}
	return list, nil
}

// purposes are the city's; none: those of package access.
func (c *Console) purposes() []access.Purpose {
	if c.cfg.Accounts == nil {
		return nil
	}
	return c.cfg.Accounts.Purposes()
}

func (c *Console) proposePage(w http.ResponseWriter, r *frame.Request) error {
	live, err := c.policies()
	if err != nil {
		return err
	}
	f := policyForm{File: r.URL.Query().Get("file")}
	f.Text = textOf(live.Files(), f.File)
	return c.showPolicyForm(w, r, http.StatusOK, f, "")
}

func (c *Console) showPolicyForm(w http.ResponseWriter, r *frame.Request, status int, f policyForm, reason policy.Reason) error {
	live, err := c.policies()
	if err != nil {
		return err
	}
	for _, one := range policy.Reasons() {
		f.Reasons = append(f.Reasons, frame.Choice{Value: string(one), Words: c.Say("policies.reason." + string(one)), Chosen: one == reason})
	}
	f.New = !slices.ContainsFunc(live.Files(), func(k policy.File) bool { return k.Name == f.File })
	return c.Render(w, r, status, frame.Page{Template: "propose", Title: c.Say("policies.propose"), Data: f})
}

// propose takes a change of one file: its new text, or nothing to take it away. What is
// wrong is said beside the text, which stays.
func (c *Console) propose(w http.ResponseWriter, r *frame.Request) error {
	live, err := c.policies()
	if err != nil {
		return err
	}
	r.Body = http.MaxBytesReader(w, r.Body, formMost)
	if err := r.ParseForm(); err != nil {
		return city.Errorf(city.TooLarge, "%s", c.Say("policies.toolarge"))
	}
	f := policyForm{File: strings.TrimSpace(r.PostForm.Get("file")), Text: strings.ReplaceAll(r.PostForm.Get("text"), "\r\n", "\n")}
	reason := policy.Reason(r.PostForm.Get("reason"))
	files := slices.DeleteFunc(live.Files(), func(k policy.File) bool { return k.Name == f.File })
	if strings.TrimSpace(f.Text) != "" {
		files = append(files, policy.File{Name: f.File, Text: f.Text})
	}
	p, err := live.Propose(r.Who, files, reason)
	switch kind := city.KindOf(err); {
	case err == nil:
		return back(w, r, "/access/proposals/"+strconv.Itoa(p.Number))
	case kind == city.Invalid || kind == city.Conflict || kind == city.Unavailable:
		f.Wrong = err.Error()
		return c.showPolicyForm(w, r, frame.Status(kind), f, reason)
	}
	return err
}

// decideProposal approves or refuses.
func (c *Console) decideProposal(w http.ResponseWriter, r *frame.Request) error {
	return c.ended(w, r, func(live *policy.Live, number int) error {
		switch r.PostForm.Get("do") {
		case "approve":
			return live.Approve(r.Context(), r.Who, number)
		case "refuse":
			return live.Refuse(r.Context(), r.Who, number)
		}
		return city.Errorf(city.Invalid, "%s", c.Say("people.donothing"))
	})
}

func (c *Console) withdrawProposal(w http.ResponseWriter, r *frame.Request) error {
	return c.ended(w, r, func(live *policy.Live, number int) error { return live.Withdraw(r.Who, number) })
}

func (c *Console) ended(w http.ResponseWriter, r *frame.Request, do func(*policy.Live, int) error) error {
	live, err := c.policies()
	if err != nil {
		return err
	}
	if err := c.ReadForm(w, r); err != nil {
		return err
	}
	number, err := strconv.Atoi(r.PathValue("proposal"))
	if err != nil {
		return city.Errorf(city.NotFound, "%s", c.Say("policies.gone"))
	}
	if err := do(live, number); err != nil {
		return err
	}
	return back(w, r, "/access/changes")
}
