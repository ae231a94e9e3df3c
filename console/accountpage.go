package console

import (
	"html/template"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"polity/access"
	"polity/access/account"
	"polity/city"
	"polity/console/frame"
)

// accountView is the page about oneself.
type accountView struct {
	Name, Body string
	Roles      []roleWords
	Looks      template.HTML // where one may look, in words; empty: nowhere
	Purposes   []frame.Choice
	MayLook    bool
	Passkeys   []passkeyRow
	Sessions   []sessionRow
	Tokens     []tokenRow
	Scopes     []frame.Choice
	Longest    int // days that a token lasts at most
	Made       string
	Door       bool
	Directory  bool
}

type roleWords struct{ Name, What string }

type passkeyRow struct {
	ID, Name  string
	Added     template.HTML
	Used      string
	Blocked   bool
	Removable bool
}

type sessionRow struct {
	ID, Device, Network string
	Since, Seen, Until  template.HTML
	This                bool
}

type tokenRow struct {
	ID, Name, Scope string
	Expires, Used   string
}

func (c *Console) accountPage(w http.ResponseWriter, r *frame.Request) error {
	return c.showAccount(w, r, "")
}

// showAccount shows the page, with a token that was just made.
func (c *Console) showAccount(w http.ResponseWriter, r *frame.Request, made string) error {
	people, err := c.people()
	if err != nil {
		return err
	}
	ctx := r.Context()
	v := accountView{
		Name: r.Who.Name, Body: c.bodyTitle(r.Who.Body), Roles: c.roles(r.Who.Roles), Looks: c.grants(r.Who.Areas, r.Who.Cameras),
		MayLook: c.mayEverLook(r), Made: made, Longest: int(people.LongestToken().Hours() / 24), Door: r.Who.Door,
	}
	for _, p := range people.Purposes() {
		v.Purposes = append(v.Purposes, frame.Choice{Value: string(p.Name), Words: p.Title, Chosen: p.Name == r.Who.Purpose})
	}
	for _, a := range people.Scopes(r.Who) {
		v.Scopes = append(v.Scopes, frame.Choice{Value: string(a), Words: c.Say("action." + string(a))})
	}
	passkeys, err := people.Passkeys(ctx, r.Who.ID)
	if err != nil {
		return err
	}
	for _, k := range passkeys {
		v.Passkeys = append(v.Passkeys, passkeyRow{
			ID: k.ID, Name: k.Name, Added: r.Clock.Time(k.Created), Used: c.dayOrNever(r, k.Used), Blocked: !k.Blocked.IsZero(), Removable: len(passkeys) > 1,
		})
	}
	sessions, err := people.Sessions(ctx, r.Who.ID)
	if err != nil {
		return err
	}
	for _, s := range sessions {
		v.Sessions = append(v.Sessions, sessionRow{
			ID: s.ID, Device: s.Device, Network: s.Network, Since: r.Clock.Time(s.Since), Seen: r.Clock.Time(s.Seen), Until: r.Clock.Time(s.Until), This: s.ID == r.Who.Session,
		})
	}
	tokens, err := people.Tokens(ctx, r.Who.ID)
	if err != nil {
		return err
	}
	for _, k := range tokens {
		row := tokenRow{ID: k.ID, Name: k.Name, Expires: r.Clock.Date(k.Expires), Used: c.dayOrNever(r, k.Used)}
		var scope []string
		for _, a := range k.Scope {
			scope = append(scope, c.Say("action."+string(a)))
		}
		row.Scope = strings.Join(scope, ", ")
		v.Tokens = append(v.Tokens, row)
	}
	return c.Render(w, r, http.StatusOK, frame.Page{Template: "account", Title: c.Say("account.title"), Data: v})
}

// people is the accounts, or why there are none.
func (c *Console) people() (*account.Accounts, error) {
	if c.cfg.Accounts == nil {
		return nil, city.Errorf(city.NotFound, "%s", c.Say("forbidden.nobody"))
	}
	return c.cfg.Accounts, nil
}

func (c *Console) dayOrNever(r *frame.Request, t time.Time) string {
	if t.IsZero() {
		return c.Say("account.never")
	}
	return r.Clock.Date(t)
}

func (c *Console) bodyTitle(name city.Slug) string {
	if c.cfg.Accounts != nil {
		for _, b := range c.cfg.Accounts.Bodies() {
			if b.Name == name {
				return b.Title
			}
		}
	}
	return string(name)
}

func (c *Console) roles(list []access.Role) []roleWords {
	var words []roleWords
	for _, role := range list {
		words = append(words, roleWords{c.Say("role." + string(role)), c.Say("role." + string(role) + ".what")})
	}
	return words
}

// grants says where somebody may look.
func (c *Console) grants(areas, cameras []city.Slug) template.HTML {
	var words []string
	for _, a := range areas {
		words = append(words, c.areaTitle(a))
	}
	for _, k := range cameras {
		words = append(words, c.Say("account.camera", "name", string(k)))
	}
	if len(words) == 0 {
		return ""
	}
	return c.HTML("account.looks", "where", strings.Join(words, ", "))
}

func (c *Console) areaTitle(name city.Slug) string {
	if name == access.AllAreas {
		return c.Say("account.everywhere")
	}
	for _, a := range c.cfg.AreaTitles {
		if a.Name == name {
			return a.Title
		}
	}
	return string(name)
}

// mayEverLook reports whether a purpose would be of use to whoever asks: there is something
// that they may look at, or that only a purpose is missing for.
func (c *Console) mayEverLook(r *frame.Request) bool {
	may := func(do access.Action, on access.Thing) bool {
		d := c.Decide(r, do, on)
		return d.Allowed || d.Purpose
	}
	for _, desk := range access.Desks() {
		if may(access.LookData, access.Service(desk)) {
			return true
		}
	}
	for _, area := range r.Who.Areas {
		if may(access.LookLive, access.Camera("any", area)) {
			return true
		}
	}
	return slices.ContainsFunc(r.Who.Cameras, func(camera city.Slug) bool { return may(access.LookLive, c.thing(camera)) })
}

// back leads from a form that was answered to a page.
func back(w http.ResponseWriter, r *frame.Request, to string) error {
	http.Redirect(w, r.Request, frame.LocalPath(to), http.StatusSeeOther)
	return nil
}

func (c *Console) setPurpose(w http.ResponseWriter, r *frame.Request) error {
	people, err := c.people()
	if err != nil {
		return err
	}
	if err := c.ReadForm(w, r); err != nil {
		return err
	}
	if err := people.SetPurpose(r.Context(), r.Who, city.Slug(r.PostForm.Get("purpose"))); err != nil {
		return err
	}
	to := r.PostForm.Get("then")
	if to == "" {
		to = "/account"
	}
	return back(w, r, to)
}

func (c *Console) revokeSession(w http.ResponseWriter, r *frame.Request) error {
	people, err := c.people()
	if err != nil {
		return err
	}
	if err := c.ReadForm(w, r); err != nil {
		return err
	}
	if id := r.PostForm.Get("session"); id != "" {
		err = people.Revoke(r.Context(), r.Who, id)
	} else {
		err = people.RevokeAll(r.Context(), r.Who, r.Who.ID, r.Who.Session)
	}
	if err != nil {
		return err
	}
	return back(w, r, "/account#sessions")
}

func (c *Console) changePasskey(w http.ResponseWriter, r *frame.Request) error {
	people, err := c.people()
	if err != nil {
		return err
	}
	if err := c.ReadForm(w, r); err != nil {
		return err
	}
	id := r.PostForm.Get("passkey")
	if r.PostForm.Get("do") == "remove" {
		err = people.RemovePasskey(r.Context(), r.Who, id)
	} else {
		err = people.RenamePasskey(r.Context(), r.Who, id, r.PostForm.Get("name"))
	}
	if err != nil {
		return err
	}
	return back(w, r, "/account#passkeys")
}

func (c *Console) makeToken(w http.ResponseWriter, r *frame.Request) error {
	people, err := c.people()
	if err != nil {
		return err
	}
	if err := c.ReadForm(w, r); err != nil {
		return err
	}
	var scope []access.Action
	for _, a := range r.PostForm["scope"] {
		scope = append(scope, access.Action(a))
	}
	days, err := strconv.Atoi(r.PostForm.Get("days"))
	if err != nil {
		return city.Errorf(city.Invalid, "%s", c.Say("account.token.baddays"))
	}
	_, secret, err := people.MakeToken(r.Context(), r.Who, r.PostForm.Get("name"), scope, time.Duration(days)*24*time.Hour)
	if err != nil {
		return err
	}
	return c.showAccount(w, r, secret)
}

func (c *Console) revokeToken(w http.ResponseWriter, r *frame.Request) error {
	people, err := c.people()
	if err != nil {
		return err
	}
	if err := c.ReadForm(w, r); err != nil {
		return err
	}
	if err := people.RevokeToken(r.Context(), r.Who, r.PostForm.Get("token")); err != nil {
		return err
	}
	return back(w, r, "/account#tokens")
}
