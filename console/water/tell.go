package water

import (
	"net/http"
	"strconv"

	"polity/access"
	"polity/city"
	"polity/console/frame"
	"polity/services/water/live"
)

// tellPath is the form for residents.
const tellPath = "/services/water/report"

// tellView is the form by which anybody tells of trouble with water. It asks for no name and
// no words: a kind of a list and a street of a list.
type tellView struct {
	Off           string // why nobody can report here; empty: everybody can
	Simulated     bool
	Said, Problem string
	Summary       string
	Kinds         []reportKind
	Streets       []string
	Kind, Street  string // as they were sent, to be sent again
}

func (c *Console) tellPage(w http.ResponseWriter, r *frame.Request) error {
	v := tellView{}
	if r.URL.Query().Get("said") == "told" {
		v.Said = c.Say("water.tell.said")
	}
	return c.showTell(w, r, http.StatusOK, v)
}

func (c *Console) showTell(w http.ResponseWriter, r *frame.Request, status int, v tellView) error {
	desk, err := frame.Running[Desk](c.Frame, access.Water, c.service)
	if err != nil {
		v.Off = c.Say("water.tell.off")
	} else {
		now := desk.View()
		v.Simulated, v.Summary, v.Streets = now.Simulated, c.summary(&now), desk.Streets()
		if len(v.Streets) == 0 {
			v.Off = c.Say("water.tell.nostreets")
		}
		v.Kinds = c.reportKinds()
	}
	return c.Render(w, r, status, frame.Page{Template: "water/tell", Title: c.Say("water.tell"), Data: v})
}

func (c *Console) reportKinds() (list []reportKind) {
	for _, kind := range live.ReportKinds() {
		list = append(list, reportKind{kind, c.Say("water.report." + kind)})
	}
	return list
}

// takeTold takes what somebody sent. What cannot be taken is shown again with what is wrong.
func (c *Console) takeTold(w http.ResponseWriter, r *frame.Request) error {
	desk, err := c.form(w, r)
	if err != nil {
		return err
	}
	v := tellView{Kind: r.PostFormValue("what"), Street: r.PostFormValue("street")}
	again := func(status int, why string) error {
		v.Problem = c.Say(why)
		return c.showTell(w, r, status, v)
	}
	if r.PostFormValue("mail") != "" { // which nobody sees, and programs fill in
		return again(http.StatusBadRequest, "water.tell.program")
	}
	if wait := c.pace.take(r.RemoteAddr, r.Clock.Now); wait > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(wait.Seconds())+1))
		return again(http.StatusTooManyRequests, "water.tell.often")
	}
	if err := desk.Tell(v.Kind, v.Street); err != nil {
		if kind := city.KindOf(err); kind != city.Invalid && kind != city.NotFound {
			return err
		}
		return again(http.StatusBadRequest, "water.tell.missing") // neither is on the lists
	}
	http.Redirect(w, r.Request, frame.Saying(tellPath, "told"), http.StatusSeeOther)
	return nil
}
