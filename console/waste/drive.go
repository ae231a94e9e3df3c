package waste

import (
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"strings"
	"time"

	"polity/access"
	"polity/city"
	"polity/console/frame"
	"polity/console/ground"
	"polity/room/order"
	"polity/services/waste/live"
)

// Crews is the waste service as those who drive ask it, and the desk that follows them.
type Crews interface {
	Drive(person string) live.DriveView
	Take(person, truck string) error // city.NotFound, city.Conflict
	Free(truck string) error
	Report(person, truck string, r live.Report) error
	AddPhoto(person, truck, day, container, id string, jpeg []byte) error // already masked
	Photo(id string) ([]byte, error)                                      // city.NotFound
}

// DriverData is what the page of a refuse truck's tour works with, at the line and without one.
type DriverData struct {
	Person    string         `json:"person"` // the account's id: what waits on a telephone is sent by nobody else
	At        int64          `json:"at"`     // of this answer, ms since 1970
	Zone      string         `json:"zone"`
	Simulated bool           `json:"simulated"`
	Clock     string         `json:"clock"` // of crews, as 06:40
	Day       string         `json:"day"`   // empty: nothing is planned
	Phase     string         `json:"phase"`
	Tours     []DriverTour   `json:"tours"`
	Sites     []string       `json:"sites"`
	Reasons   []string       `json:"reasons"` // why a container may be missed
	Mine      *DriverMine    `json:"mine"`
	Map       ground.Picture `json:"map"`
	Block     int            `json:"block"` // of the mosaic, in pixels
}

// DriverTour is a tour that can be taken.
type DriverTour struct {
	Truck  string `json:"truck"`
	Stops  int    `json:"stops"`
	Done   int    `json:"done"`
	Taken  bool   `json:"taken"` // by somebody
	Broken bool   `json:"broken"`
}

// DriverMine is the tour of the one who asks.
type DriverMine struct {
	Truck  string       `json:"truck"`
	Broken bool         `json:"broken"`
	Home   bool         `json:"home"`
	End    string       `json:"end"`
	Break  string       `json:"break"` // empty: none
	Line   string       `json:"line"`  // the way on the picture of the map, as an SVG path
	Calls  []DriverCall `json:"calls"`
}

// DriverCall is a call of it.
type DriverCall struct {
	Container string     `json:"container"` // or a site
	Site      string     `json:"site"`
	Street    string     `json:"street"`
	Fraction  string     `json:"fraction"`
	Litres    float64    `json:"litres"`
	Near      bool       `json:"near"` // at the vehicle's own kerb
	Arrive    string     `json:"arrive"`
	Kilograms float64    `json:"kilograms"`
	Done      bool       `json:"done"`
	Missed    string     `json:"missed"` // why; empty: it was not
	At        string     `json:"at"`     // when it was done; empty: not known
	Place     city.Point `json:"place"`
	OnMap     bool       `json:"onMap"`
	X         int        `json:"x"`
	Y         int        `json:"y"`
}

func (c *Console) crews() (Crews, error) {
	return frame.Running[Crews](c.Frame, access.Waste, c.service)
}

// driver is who asks, as the service knows them.
func driver(r *frame.Request) string {
	if r.AsPublic || r.Who.Kind == access.Public {
		return ""
	}
	return r.Who.ID
}

func (c *Console) driverData(r *frame.Request) (DriverData, error) {
	crews, err := c.crews()
	if err != nil {
		return DriverData{}, err
	}
	v := crews.Drive(driver(r))
	d := DriverData{
		Person: driver(r), At: r.Clock.Now.UnixMilli(), Zone: c.Zone.String(), Simulated: v.Simulated, Day: v.Day, Phase: v.Phase,
		Tours: []DriverTour{}, Sites: append([]string{}, v.Sites...), Reasons: live.Reasons, Map: c.Ground.Picture, Block: order.Block,
	}
	if !v.At.IsZero() {
		d.Clock = v.At.Format("15:04")
	}
	for _, t := range v.Tours {
		d.Tours = append(d.Tours, DriverTour{Truck: t.Truck, Stops: t.Stops, Done: t.Done, Taken: t.Taken, Broken: t.Broken})
	}
	if v.Mine != nil {
		d.Mine = c.driverMine(v.Mine)
	}
	return d, nil
}

func (c *Console) driverMine(t *live.MyTour) *DriverMine {
	m := &DriverMine{Truck: t.Truck, Broken: t.Broken, Home: t.Home, End: ofDay(t.End), Calls: []DriverCall{}}
	if t.Break > 0 {
		m.Break = ofDay(t.Break)
	}
	if c.Ground.Light != "" {
		var line strings.Builder
		for k, p := range t.Line {
			x, y := c.Ground.Project(p)
			fmt.Fprintf(&line, "%c%.0f %.0f", "ML"[min(k, 1)], x, y)
		}
		m.Line = line.String()
	}
	for i := range t.Calls {
		k := &t.Calls[i]
		x := DriverCall{
			Container: k.Container, Site: k.Site, Street: k.Street, Fraction: k.Fraction, Litres: k.Litres, Near: k.Near, Arrive: ofDay(k.Arrive),
			Kilograms: k.Kilograms, Done: k.Done, Missed: k.Missed, Place: k.Place,
		}
		if !k.At.IsZero() {
			x.At = k.At.Format("15:04")
		}
		s := c.Ground.Placed(&k.Place, "")
		x.OnMap, x.X, x.Y = s.OnMap, s.X, s.Y
		m.Calls = append(m.Calls, x)
	}
	return m
}

// driverView is the page where there are no scripts, and what the script works with.
type driverView struct {
	Driver    template.JS
	Simulated bool
	Says      string // what keeps somebody from driving; empty: nothing
	Problem   string
	Truck     string // that the reader drives; empty: none
	Tours     []DriverTour
	Calls     []DriverCall
}

func (c *Console) driverPage(w http.ResponseWriter, r *frame.Request) error {
	return c.showDriver(w, r, nil)
}

func (c *Console) showDriver(w http.ResponseWriter, r *frame.Request, problem error) error {
	d, err := c.driverData(r)
	if err != nil {
		return err
	}
	text, err := json.Marshal(d)
	if err != nil {
		return err
	}
	v := driverView{Driver: template.JS(text), Simulated: d.Simulated, Says: c.driverSays(&d), Tours: d.Tours} //nolint:gosec // encoding/json escapes < and >
	status := http.StatusOK
	if problem != nil {
		v.Problem, status = problem.Error(), frame.Status(city.KindOf(problem))
	}
	if d.Mine != nil {
		v.Truck = d.Mine.Truck
		for _, k := range d.Mine.Calls {
			if !k.Done {
				v.Calls = append(v.Calls, k)
			}
		}
	}
	return c.Render(w, r, status, frame.Page{Template: "waste/drive", Title: c.Say("waste.drive.title"), Data: v})
}

// driverSays is why no tour can be taken now.
func (c *Console) driverSays(d *DriverData) string {
	switch {
	case d.Mine != nil:
		return ""
	case d.Day == "" || len(d.Tours) == 0:
		return c.Say("waste.drive.none")
	case d.Phase == live.Proposed:
		return c.Say("waste.drive.proposed")
	case d.Phase != live.Driving:
		return c.Say("waste.drive.over")
	}
	return ""
}

func (c *Console) driverJSON(w http.ResponseWriter, r *frame.Request) error {
	d, err := c.driverData(r)
	if err != nil {
		return err
	}
	c.Answer(w, http.StatusOK, d)
	return nil
}

// takeTour gives the one who asks a truck's tour. It needs a line: two must not have one.
func (c *Console) takeTour(w http.ResponseWriter, r *frame.Request) error {
	crews, err := c.crews()
	if err != nil {
		return err
	}
	if err := c.ReadForm(w, r); err != nil {
		return err
	}
	switch err := crews.Take(driver(r), r.PostFormValue("truck")); city.KindOf(err) {
	case city.Conflict, city.NotFound:
		return c.showDriver(w, r, err)
	default:
		if err != nil {
			return err
		}
	}
	http.Redirect(w, r.Request, "/services/waste/drive", http.StatusSeeOther)
	return nil
}

// freeTour has a tour be nobody's again, as the desk wants it.
func (c *Console) freeTour(w http.ResponseWriter, r *frame.Request) error {
	crews, err := c.crews()
	if err != nil {
		return err
	}
	if err := crews.Free(r.PathValue("tour")); err != nil {
		return err
	}
	http.Redirect(w, r.Request, "/services/waste", http.StatusSeeOther)
	return nil
}

// driverReport is what a crew tells, as the telephone says it.
type driverReport struct {
	ID        string    `json:"id"`
	Day       string    `json:"day"`
	What      string    `json:"what"`
	Container string    `json:"container"`
	Site      string    `json:"site"`
	Reason    string    `json:"reason"`
	Kilograms float64   `json:"kilograms"`
	Told      time.Time `json:"told"`
}

func (c *Console) reportByDriver(w http.ResponseWriter, r *frame.Request) error {
	crews, err := c.crews()
	if err != nil {
		return err
	}
	var d driverReport
	if err := c.ReadJSON(w, r, &d); err != nil {
		return err
	}
	if err := crews.Report(driver(r), r.PathValue("tour"), live.Report(d)); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// photoByDriver takes a photo of a missed container: masked outside the frame, or not at all.
func (c *Console) photoByDriver(w http.ResponseWriter, r *frame.Request) error {
	crews, err := c.crews()
	if err != nil {
		return err
	}
	if err := c.IsJPEG(r); err != nil {
		return err
	}
	clear, err := c.PhotoFrame(r)
	if err != nil {
		return err
	}
	truck, mine := r.PathValue("tour"), crews.Drive(driver(r)).Mine
	if mine == nil || mine.Truck != truck { // before any work is done for a stranger
		return city.Errorf(city.Forbidden, "%s", c.Say("waste.drive.notyours", "truck", truck))
	}
	photo, err := c.ReadPhoto(w, r)
	if err != nil {
		return err
	}
	select { // decoding takes memory: one at a time
	case c.masking <- struct{}{}:
		defer func() { <-c.masking }()
	case <-r.Context().Done():
		return frame.ErrGone
	}
	masked, _, err := order.Masked(photo, clear)
	if err != nil {
		return err
	}
	q := r.URL.Query()
	if err := crews.AddPhoto(driver(r), truck, q.Get("day"), q.Get("container"), q.Get("id"), masked); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// missedPhoto is a photo of a missed container, for the desk.
func (c *Console) missedPhoto(w http.ResponseWriter, r *frame.Request) error {
	crews, err := c.crews()
	if err != nil {
		return err
	}
	photo, err := crews.Photo(r.PathValue("photo"))
	if err != nil {
		return err
	}
	return frame.ShowPhoto(w, photo)
}

// missRow is a missed pickup on the desk's page.
type missRow struct{ Container, Where, Why, Since, Photo string }

// misses are the containers that were missed and wait, the newest first.
func (c *Console) misses(now *live.View) (list []missRow) {
	for _, m := range now.Misses {
		x := missRow{Container: m.Container, Where: m.Street, Why: c.Say("waste.reason." + m.Reason), Since: m.At.Format("15:04")}
		if !m.Day.Equal(now.Day) || m.At.Equal(m.Day) { // its hour is not kept past a shift
			x.Since = m.Day.Format("2 January")
		}
		if m.Photo != "" {
			x.Photo = "/services/waste/photos/" + m.Photo
		}
		list = append(list, x)
	}
	return list
}

// hourOf is when something was done; empty once only its day is kept.
func hourOf(day, at time.Time) string {
	if at.Equal(day) {
		return ""
	}
	return at.Format("15:04")
}

// crewOf is what is known of who drives a truck, and what it unloaded.
func (c *Console) crewOf(now *live.View, truck string) (words string, taken bool) {
	var kilograms float64
	loads := 0
	for _, u := range now.Unloads {
		if u.Truck == truck {
			kilograms += u.Kilograms
			loads++
		}
	}
	if loads > 0 {
		words = c.Say("waste.tour.unloaded", "n", loads, "kg", fmt.Sprintf("%.0f", kilograms))
	}
	since, taken := now.Taken[truck]
	if taken {
		words = strings.TrimSpace(words + " " + c.Say("waste.tour.taken", "time", since.In(c.Zone).Format("15:04")))
	}
	return words, taken
}

// drivePath is where who drives a refuse truck goes.
const drivePath = "/services/waste/drive"

// DrivePath is where the one who asks can take a tour; empty: they cannot, or nothing drives.
func (c *Console) DrivePath(r *frame.Request) string {
	if _, err := c.crews(); err != nil || !c.Allowed(r, access.DoOrder, access.Service(access.Waste)) {
		return ""
	}
	return drivePath
}

// worker is the script that keeps the driver's page on the telephone.
func (c *Console) worker(w http.ResponseWriter, r *frame.Request) error {
	return c.ServeWorker(w, r, "crewworker")
}
