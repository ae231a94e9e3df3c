package console

import (
	"context"
	"html/template"
	"net/http"
	"slices"
	"strings"

	"polity/access"
	"polity/access/account"
	"polity/city"
	"polity/console/frame"
)

// peopleView is everybody who can sign in.
type peopleView struct {
	People      []personRow
	Waiting     []waitingRow
	Invitations []invitationRow
	Offline     []string // codes made on the machine, in words
	Changes     []changeRow
	MayManage   bool
	Form        rightsForm
	Code        *codeView
	Said        string
}

type personRow struct {
	ID, Name, Body, Roles string
	Looks                 template.HTML
	State                 frame.Sign
	Passkeys              int
	Since                 template.HTML
	Invited               string
	Own                   bool
}

type waitingRow struct {
	ID, Words, By string
	Rights        template.HTML
	Until         template.HTML
	Own           bool // proposed by whoever looks
}

type invitationRow struct {
	ID, Words string
	Rights    template.HTML
	Until     template.HTML
}

type changeRow struct {
	When  template.HTML
	Words string
}

// codeView is a code that was just made, shown once.
type codeView struct {
	Text, For string
	Until     template.HTML
}

// rightsForm is what somebody can be given.
type rightsForm struct {
	Bodies, Roles, Areas, Cameras []frame.Choice
}

func thePerson(r *http.Request) ([]access.Thing, error) {
	return []access.Thing{access.Account(r.PathValue("person"))}, nil
}

// anotherPerson stands for somebody who is yet to be invited.
func anotherPerson(*http.Request) ([]access.Thing, error) {
	return []access.Thing{access.Account("somebody")}, nil
}

func (c *Console) peoplePage(w http.ResponseWriter, r *frame.Request) error {
	return c.showPeople(w, r, nil, "")
}

func (c *Console) showPeople(w http.ResponseWriter, r *frame.Request, code *account.Code, said string) error {
	people, err := c.people()
	if err != nil {
		return err
	}
	ctx := r.Context()
	all, err := people.People(ctx)
	if err != nil {
		return err
	}
	names := map[string]string{"machine": c.Say("people.machine"), "directory": c.Say("people.directory"), "code": c.Say("people.code")}
	v := peopleView{MayManage: c.Allowed(r, access.ManagePeople, access.Account("somebody")), Said: said}
	for _, p := range all {
		names[p.ID] = c.personName(p)
	}
	for _, p := range all {
		v.People = append(v.People, c.personRow(p, names, r))
	}
	if v.Waiting, err = c.waiting(ctx, people, names, r); err != nil {
		return err
	}
	invited, err := people.Invitations(ctx, r.Clock.Now)
	if err != nil {
		return err
	}
	for _, i := range invited {
		who := i.Name
		if i.Person != "" {
			who = names[i.Person]
		}
		v.Invitations = append(v.Invitations, invitationRow{i.ID, c.Say("people.code."+i.Kind, "who", who), c.rightsWords(i.Rights), r.Clock.Time(i.Until)})
	}
	offline, err := people.Offline(ctx, r.Clock.Now)
	if err != nil {
		return err
	}
	for _, e := range offline {
		v.Offline = append(v.Offline, c.Say("people.offline", "date", r.Clock.Date(e.At)))
	}
	entries, err := people.Entries(ctx, 0, 50)
	if err != nil {
		return err
	}
	for _, e := range entries {
		v.Changes = append(v.Changes, changeRow{r.Clock.Time(e.At), c.changeWords(e, names)})
	}
	if code != nil {
		v.Code = &codeView{code.Text, code.For, r.Clock.Time(code.Until)}
	}
	if v.MayManage {
		if v.Form, err = c.rightsForm(ctx, account.Rights{}); err != nil {
			return err
		}
	}
	return c.Render(w, r, http.StatusOK, frame.Page{Template: "people", Title: c.Say("people.title"), Data: v})
}

func (c *Console) personName(p account.Person) string {
	if p.Name == "" {
		return c.Say("people.forgotten")
	}
	return p.Name
}

func (c *Console) personRow(p account.Person, names map[string]string, r *frame.Request) personRow {
	row := personRow{
		ID: p.ID, Name: names[p.ID], Body: c.bodyTitle(p.Body), Roles: c.roleNames(p.Roles), Looks: c.grants(p.Areas, p.Cameras),
		Passkeys: p.Passkeys, Since: r.Clock.Time(p.Created), Invited: names[p.InvitedBy], Own: p.ID == r.Who.ID,
	}
	switch {
	case !p.Disabled.IsZero():
		row.State = frame.Stopped(c.Say("people.disabled"))
	case p.Origin == account.FromDoor:
		row.State = frame.Unknown(c.Say("people.door"))
	case p.Origin == account.FromDirectory:
		row.State = frame.Live(c.Say("people.directory"))
	case p.Passkeys == 0:
		row.State = frame.Attention(c.Say("people.nopasskey"))
	default:
		row.State = frame.Live(c.Say("people.passkeys", "n", p.Passkeys))
	}
	return row
}

func (c *Console) waiting(ctx context.Context, people *account.Accounts, names map[string]string, r *frame.Request) ([]waitingRow, error) {
	list, err := people.Waiting(ctx, r.Clock.Now)
	if err != nil {
		return nil, err
	}
	var rows []waitingRow
	for _, k := range list {
		who := k.Name
		if k.Person != "" {
			who = names[k.Person]
		}
		rows = append(rows, waitingRow{k.ID, c.Say("people.waits."+k.Kind, "who", who), names[k.By], c.rightsWords(k.Rights), r.Clock.Time(k.Until), k.By == r.Who.ID})
	}
	return rows, nil
}

// rightsWords says what somebody is given.
func (c *Console) rightsWords(g account.Rights) template.HTML {
	roles := c.roleNames(g.Roles)
	if roles == "" {
		roles = c.Say("people.noroles")
	}
	words := c.HTML("people.rights", "body", c.bodyTitle(g.Body), "roles", roles)
	if looks := c.grants(g.Areas, g.Cameras); looks != "" {
		words += " " + looks
	}
	return words
}

// changeWords is an entry of the book as a sentence.
func (c *Console) changeWords(e account.Entry, names map[string]string) string {
	name := func(id string) string {
		if n := names[id]; n != "" {
			return n
		}
		return c.Say("people.somebody")
	}
	key := "people.did." + string(e.Did)
	if c.Forms(key) == nil {
		return c.Say("people.did.other", "by", name(e.By), "did", string(e.Did))
	}
	to := name(e.To)
	if e.What.Person != "" {
		to = name(e.What.Person)
	}
	return c.Say(key, "by", name(e.By), "to", to)
}

func (c *Console) rightsForm(ctx context.Context, has account.Rights) (rightsForm, error) {
	var f rightsForm
	for _, b := range c.cfg.Accounts.Bodies() {
		f.Bodies = append(f.Bodies, frame.Choice{Value: string(b.Name), Words: b.Title, Chosen: b.Name == has.Body})
	}
	for _, role := range access.Roles() {
		f.Roles = append(f.Roles, frame.Choice{Value: string(role), Words: c.Say("role." + string(role)), Chosen: slices.Contains(has.Roles, role)})
	}
	f.Areas = append(f.Areas, frame.Choice{Value: string(access.AllAreas), Words: c.Say("account.everywhere"), Chosen: slices.Contains(has.Areas, access.AllAreas)})
	for _, a := range c.cfg.AreaTitles {
		f.Areas = append(f.Areas, frame.Choice{Value: string(a.Name), Words: a.Title, Chosen: slices.Contains(has.Areas, a.Name)})
	}
	cameras, err := c.cfg.City.Cameras(ctx)
	if err != nil {
		return rightsForm{}, err
	}
	for _, k := range cameras {
		f.Cameras = append(f.Cameras, frame.Choice{Value: string(k.Name), Words: k.title(), Chosen: slices.Contains(has.Cameras, k.Name)})
	}
	return f, nil
}

// given reads what a form gives somebody. Only these fields count.
func given(r *frame.Request) account.Rights {
	g := account.Rights{Body: city.Slug(r.PostForm.Get("body"))}
	for _, v := range r.PostForm["role"] {
		g.Roles = append(g.Roles, access.Role(v))
	}
	for _, v := range r.PostForm["area"] {
		g.Areas = append(g.Areas, city.Slug(v))
	}
	for _, v := range r.PostForm["camera"] {
		g.Cameras = append(g.Cameras, city.Slug(v))
	}
	return g
}

// managed does something to accounts and shows everybody again, with a code or what waits.
func (c *Console) managed(w http.ResponseWriter, r *frame.Request, do func(*account.Accounts) (account.Decided, error)) error {
	people, err := c.people()
	if err != nil {
		return err
	}
	if err := c.ReadForm(w, r); err != nil {
		return err
	}
	done, err := do(people)
	switch {
	case err != nil:
		return err
	case done.Code != nil:
		return c.showPeople(w, r, done.Code, "")
	case done.Waiting != "":
		return c.showPeople(w, r, nil, c.Say("people.nowwaits"))
	}
	return back(w, r, "/people")
}

func (c *Console) invite(w http.ResponseWriter, r *frame.Request) error {
	return c.managed(w, r, func(a *account.Accounts) (account.Decided, error) {
		return a.Invite(r.Context(), r.Who, r.PostForm.Get("name"), given(r))
	})
}

func (c *Console) changePerson(w http.ResponseWriter, r *frame.Request) error {
	id := r.PathValue("person")
	return c.managed(w, r, func(a *account.Accounts) (account.Decided, error) {
		switch r.PostForm.Get("do") {
		case "grant":
			return a.Grant(r.Context(), r.Who, id, given(r))
		case "disable":
			return account.Decided{}, a.Disable(r.Context(), r.Who, id)
		case "enable":
			return a.Enable(r.Context(), r.Who, id)
		case "recover":
			return a.Recover(r.Context(), r.Who, id)
		case "forget":
			return account.Decided{}, a.Forget(r.Context(), r.Who, id)
		case "sessions":
			return account.Decided{}, a.RevokeAll(r.Context(), r.Who, id, "")
		}
		return account.Decided{}, city.Errorf(city.Invalid, "%s", c.Say("people.donothing"))
	})
}

func (c *Console) answerWaiting(w http.ResponseWriter, r *frame.Request) error {
	id := r.PathValue("waiting")
	return c.managed(w, r, func(a *account.Accounts) (account.Decided, error) {
		if r.PostForm.Get("do") == "agree" {
			return a.Agree(r.Context(), r.Who, id)
		}
		return account.Decided{}, a.Refuse(r.Context(), r.Who, id)
	})
}

func (c *Console) uninvite(w http.ResponseWriter, r *frame.Request) error {
	return c.managed(w, r, func(a *account.Accounts) (account.Decided, error) {
		return account.Decided{}, a.Uninvite(r.Context(), r.Who, strings.TrimSpace(r.PostForm.Get("code")))
	})
}

// personView is one person's page.
type personView struct {
	Row       personRow
	Rights    template.HTML
	Form      rightsForm
	MayManage bool
	Disabled  bool
	Forgotten bool
	Directory bool
	Sessions  []sessionRow
}

func (c *Console) personPage(w http.ResponseWriter, r *frame.Request) error {
	people, err := c.people()
	if err != nil {
		return err
	}
	p, err := people.Person(r.Context(), r.PathValue("person"))
	if err != nil {
		return err
	}
	names := map[string]string{p.ID: c.personName(p), "machine": c.Say("people.machine"), "directory": c.Say("people.directory")}
	if p.InvitedBy != "" && names[p.InvitedBy] == "" {
		if by, err := people.Person(r.Context(), p.InvitedBy); err == nil {
			names[by.ID] = c.personName(by)
		}
	}
	v := personView{
		Row: c.personRow(p, names, r), Rights: c.rightsWords(p.Rights), MayManage: c.Allowed(r, access.ManagePeople, access.Account(p.ID)),
		Disabled: !p.Disabled.IsZero(), Forgotten: p.Name == "", Directory: p.Origin == account.FromDirectory,
	}
	if v.MayManage {
		if v.Form, err = c.rightsForm(r.Context(), p.Rights); err != nil {
			return err
		}
	}
	if v.Sessions, err = c.sessionsOf(r, people, p.ID); err != nil {
		return err
	}
	return c.Render(w, r, http.StatusOK, frame.Page{Template: "person", Title: v.Row.Name, Data: v})
}

// sessionsOf are a person's, for whoever ends them or watches over that: an auditor reads
// rights, and needs nobody's devices, networks and hours for it.
func (c *Console) sessionsOf(r *frame.Request, people *account.Accounts, person string) (rows []sessionRow, err error) {
	if !slices.Contains(r.Who.Roles, access.IT) && !slices.Contains(r.Who.Roles, access.DataProtection) {
		return nil, nil
	}
	sessions, err := people.Sessions(r.Context(), person)
	for _, s := range sessions {
		rows = append(rows, sessionRow{ID: s.ID, Device: s.Device, Network: s.Network, Since: r.Clock.Time(s.Since), Seen: r.Clock.Time(s.Seen)})
	}
	return rows, err
}
