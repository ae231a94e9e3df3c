package console

import (
	"net/http"
	"strconv"

	"polity/access"
	"polity/city"
	water "polity/services/water/live"
)

// waterTellPath is the form for residents.
const waterTellPath = "/services/water/report"

// waterTell is the form by which anybody tells of trouble with water. It asks for no name and
// no words: a kind of a list and a street of a list.
type waterTell struct {
	Off           string // why nobody can report here; empty: everybody can
	Simulated     bool
	Said, Problem string
	Summary       string
	Kinds         []waterKind
	Streets       []string
	Kind, Street  string // as they were sent, to be sent again
}

func (c *Console) waterTellPage(w http.ResponseWriter, r *request) error {
	v := waterTell{}
	if r.URL.Query().Get("said") == "told" {
		v.Said = c.say.Say("water.tell.said")
	}
	return c.showWaterTell(w, r, http.StatusOK, v)
}

func (c *Console) showWaterTell(w http.ResponseWriter, r *request, status int, v waterTell) error {
	desk, err := running[WaterDesk](c, access.Water)
	if err != nil {
		v.Off = c.say.Say("water.tell.off")
	} else {
		now := desk.View()
		v.Simulated, v.Summary, v.Streets = now.Simulated, c.waterSummary(&now), desk.Streets()
		if len(v.Streets) == 0 {
			v.Off = c.say.Say("water.tell.nostreets")
		}
		v.Kinds = c.waterKinds()
	}
	return c.render(w, r, status, page{Template: "watertell", Title: c.say.Say("water.tell"), Data: v})
}

func (c *Console) waterKinds() (list []waterKind) {
	for _, kind := range water.ReportKinds() {
		list = append(list, waterKind{kind, c.say.Say("water.report." + kind)})
	}
	return list
}

// waterTold takes what somebody sent. What cannot be taken is shown again with what is wrong.
func (c *Console) waterTold(w http.ResponseWriter, r *request) error {
	desk, err := c.waterDesk(w, r)
	if err != nil {
		return err
	}
	v := waterTell{Kind: r.PostFormValue("what"), Street: r.PostFormValue("street")}
	again := func(status int, why string) error {
		v.Problem = c.say.Say(why)
		return c.showWaterTell(w, r, status, v)
	}
	if r.PostFormValue("mail") != "" { // which nobody sees, and programs fill in
		return again(http.StatusBadRequest, "water.tell.program")
	}
	if wait := c.told.take(r.RemoteAddr, r.clock.Now); wait > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(wait.Seconds())+1))
		return again(http.StatusTooManyRequests, "water.tell.often")
	}
	if err := desk.Tell(v.Kind, v.Street); err != nil {
		if kind := city.KindOf(err); kind != city.Invalid && kind != city.NotFound {
			return err
		}
		return again(http.StatusBadRequest, "water.tell.missing") // neither is on the lists
	}
	http.Redirect(w, r.Request, saying(waterTellPath, "told"), http.StatusSeeOther)
	return nil
}
