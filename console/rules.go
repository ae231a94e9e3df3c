package console

import (
	"cmp"
	"net/http"
	"slices"
	"strings"

	"polity/access"
	"polity/access/policy"
	"polity/city"
	"polity/console/frame"
)

// rulesView is who may do what, for everyone to read.
type rulesView struct {
	Own     int // of the city's own policies
	Columns []string
	Rows    []mayRow
	Files   []rulesFile
	Changes bool // whoever looks may see how policies change
}

// mayRow is one thing that can be done, with an answer for each column.
type mayRow struct {
	Action string // said in the first of the rows of an action
	To     string
	Cells  []mayCell
}

type mayCell struct {
	Word  string
	Sign  string // yes, purpose, no
	Whose string // the column's title
}

// rulesFile is a file of policies.
type rulesFile struct {
	Name  string
	Own   bool
	Rules []ruleText
}

func (f rulesFile) rank() int {
	switch {
	case f.Name == policy.CharterFile:
		return 0
	case f.Own:
		return 1
	}
	return 2
}

type ruleText struct {
	ID, Reason, Text string
	Forbids          bool
}

// policies are those that decide; an error where pages stand alone.
func (c *Console) policies() (*policy.Live, error) {
	if c.cfg.Policies == nil {
		return nil, city.Errorf(city.NotFound, "%s", c.Say("rules.none"))
	}
	return c.cfg.Policies, nil
}

// columnTitle names a column of a review.
func (c *Console) columnTitle(k policy.Column) string {
	switch {
	case k.Role() != "":
		return c.Say("role." + string(k.Role()))
	case k.Short == "program":
		return c.Say("rules.program")
	}
	return c.Say("rules.everyone")
}

// toWords says what a row of a review is about beside its action: a place, a desk.
func (c *Console) toWords(row policy.Row) string {
	if row.To == "" || row.To == "camera" {
		return ""
	}
	if policy.KindOf(row.Do) == access.AService {
		return c.Say("rules.desk." + row.To)
	}
	return c.Say("rules.to." + row.To)
}

func (c *Console) answerWord(a policy.Answer) string {
	return c.Say([...]string{"rules.no", "rules.yes", "rules.purpose", "rules.scope"}[a])
}

func (c *Console) rulesPage(w http.ResponseWriter, r *frame.Request) error {
	live, err := c.policies()
	if err != nil {
		return err
	}
	now := live.Policies()
	v := rulesView{Changes: c.mayChange(r) || c.Allowed(r, access.ReviewAccess, access.City())}
	table := policy.Review(now)
	for _, k := range table.Columns {
		v.Columns = append(v.Columns, c.columnTitle(k))
	}
	last := access.Action("")
	for _, row := range table.Rows {
		out := mayRow{To: c.toWords(row)}
		if row.Do != last {
			out.Action = c.Say("action." + string(row.Do))
		}
		last = row.Do
		for i, a := range row.Answers {
			sign := [...]string{"no", "yes", "purpose", "purpose"}[a]
			out.Cells = append(out.Cells, mayCell{c.answerWord(a), sign, v.Columns[i]})
		}
		v.Rows = append(v.Rows, out)
	}
	for _, rule := range now.Rules() {
		if !rule.Shipped {
			v.Own++
		}
		if n := len(v.Files); n == 0 || v.Files[n-1].Name != rule.File {
			v.Files = append(v.Files, rulesFile{Name: rule.File, Own: !rule.Shipped})
		}
		f := &v.Files[len(v.Files)-1]
		f.Rules = append(f.Rules, ruleText{rule.ID, rule.Reason, rule.Text, rule.Forbids})
	}
	// What nobody can lift comes first, then what this city decided itself.
	slices.SortStableFunc(v.Files, func(a, b rulesFile) int { return cmp.Compare(a.rank(), b.rank()) })
	return c.Render(w, r, http.StatusOK, frame.Page{Template: "rules", Title: c.Say("rules.title"), Data: v})
}

func (c *Console) rulesCSV(w http.ResponseWriter, _ *frame.Request) error {
	live, err := c.policies()
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "text/csv; charset=utf-8")
	h.Set("Content-Disposition", `attachment; filename="access.csv"`)
	h.Set("Cache-Control", "no-store")
	return frame.Gone(policy.Review(live.Policies()).WriteCSV(w))
}

// explainView is one question to the policies, and their answer.
type explainView struct {
	People, Actions, Cameras, Desks []frame.Choice
	Asked                           bool
	Sign                            frame.Sign
	Why                             string
	Considered                      []consideredRow
}

type consideredRow struct {
	ID, Reason     string
	Forbids, Holds bool
}

// explainPage answers why somebody may do something, as their account is now.
func (c *Console) explainPage(w http.ResponseWriter, r *frame.Request) error {
	live, err := c.policies()
	if err != nil {
		return err
	}
	q := r.URL.Query()
	var v explainView
	var who access.Who
	v.People = []frame.Choice{{Value: "", Words: c.Say("rules.everyone"), Chosen: q.Get("person") == ""}}
	if c.cfg.Accounts != nil {
		people, err := c.cfg.Accounts.People(r.Context())
		if err != nil {
			return err
		}
		for _, p := range people {
			if !p.Disabled.IsZero() {
				continue
			}
			v.People = append(v.People, frame.Choice{Value: p.ID, Words: c.personName(p), Chosen: p.ID == q.Get("person")})
			if p.ID == q.Get("person") {
				who = access.Who{Kind: access.Person, ID: p.ID, Body: p.Body, Roles: p.Roles, Areas: p.Areas, Cameras: p.Cameras, Door: p.Origin == "door"}
			}
		}
	}
	if q.Get("person") != "" && who.ID == "" {
		return city.Errorf(city.NotFound, "%s", c.Say("rules.nobody"))
	}
	do := access.Action(q.Get("action"))
	for _, a := range access.Actions() {
		v.Actions = append(v.Actions, frame.Choice{Value: string(a), Words: c.Say("action." + string(a)), Chosen: a == do})
	}
	cameras, err := c.cfg.City.Cameras(r.Context())
	if err != nil {
		return err
	}
	for _, k := range cameras {
		v.Cameras = append(v.Cameras, frame.Choice{Value: string(k.Name), Words: k.title(), Chosen: string(k.Name) == q.Get("camera")})
	}
	for _, d := range access.Desks() {
		v.Desks = append(v.Desks, frame.Choice{Value: string(d), Words: c.Say("rules.desk." + string(d)), Chosen: string(d) == q.Get("desk")})
	}
	if do != "" {
		if err := c.explain(&v, live.Policies(), who, do, q.Get("camera"), q.Get("desk")); err != nil {
			return err
		}
	}
	return c.Render(w, r, http.StatusOK, frame.Page{Template: "explain", Title: c.Say("rules.explain"), Data: v})
}

func (c *Console) explain(v *explainView, p *policy.Policies, who access.Who, do access.Action, camera, desk string) error {
	on := access.City()
	switch policy.KindOf(do) {
	case "":
		return city.Errorf(city.Invalid, "%s", c.Say("rules.noaction"))
	case access.ACamera:
		on = c.thing(city.Slug(camera))
	case access.AService:
		on = access.Service(city.Slug(desk))
	case access.APerson:
		on = access.Account("another")
	}
	d := p.Decide(who, do, on, access.Circumstances{})
	v.Asked, v.Why = true, d.Why
	switch {
	case d.Allowed:
		v.Sign = frame.Live(c.Say("rules.yes"))
	case d.Purpose:
		v.Sign = frame.Attention(c.Say("rules.purpose"))
		who.Purpose = p.Purposes()[0]
	default:
		v.Sign = frame.Stopped(c.Say("rules.no"))
	}
	for _, k := range p.Consider(who, do, on, access.Circumstances{}) {
		v.Considered = append(v.Considered, consideredRow{k.ID, k.Reason, k.Forbids, k.Holds})
	}
	slices.SortStableFunc(v.Considered, func(a, b consideredRow) int { return strings.Compare(held(b), held(a)) })
	return nil
}

func held(k consideredRow) string {
	if k.Holds {
		return "yes"
	}
	return "no"
}
