package console

import (
	"encoding/json"
	"html/template"
	"net/http"
	"time"

	"polity/city"
	"polity/console/frame"
	"polity/console/ground"
	"polity/room/order"
)

// CrewData is what the crew's page works with, at the line and without one.
type CrewData struct {
	Person string         `json:"person"` // the account's id: what waits on a telephone is sent by nobody else
	Name   string         `json:"name"`
	At     int64          `json:"at"` // of this answer, ms since 1970
	Zone   string         `json:"zone"`
	Orders []CrewOrder    `json:"orders"`
	Map    ground.Picture `json:"map"`
	Block  int            `json:"block"` // of the mosaic, in pixels
}

// CrewOrder is an order of the crew, and where on the still picture of the map it is.
type CrewOrder struct {
	order.Order
	OnMap bool `json:"onMap"`
	X     int  `json:"x"`
	Y     int  `json:"y"`

	Sheet string `json:"sheet"` // address of its sheet for printing, such as which valves to close; empty: none
}

// crewSettings is what the page allows beyond others: its own place, if the crew asks.
const crewSettings = "camera=(), microphone=(), geolocation=(self), display-capture=(), browsing-topics=()"

func (c *Console) crewData(r *frame.Request) (CrewData, error) {
	book, by, err := c.orderBook(r)
	if err != nil {
		return CrewData{}, err
	}
	list, err := book.Mine(r.Context(), by)
	d := CrewData{
		Person: by.Who.ID, Name: by.Who.Name, At: r.Clock.Now.UnixMilli(), Zone: c.Zone.String(), Orders: []CrewOrder{}, Block: order.Block, Map: c.Ground.Picture,
	}
	for _, o := range list {
		s := c.Ground.Placed(o.Place, "")
		d.Orders = append(d.Orders, CrewOrder{Order: o, OnMap: s.OnMap, X: s.X, Y: s.Y, Sheet: c.orderSheet(&o)})
	}
	return d, err
}

func (c *Console) crewPage(w http.ResponseWriter, r *frame.Request) error {
	d, err := c.crewData(r)
	if err != nil {
		return err
	}
	text, err := json.Marshal(d)
	if err != nil {
		return err
	}
	rows := make([]orderRow, 0, len(d.Orders))
	for i := range d.Orders {
		row := c.orderRow(r.Clock, &d.Orders[i].Order)
		row.Sheet = d.Orders[i].Sheet
		rows = append(rows, row)
	}
	w.Header().Set("Permissions-Policy", crewSettings)
	data := struct {
		Crew  template.JS
		Rows  []orderRow
		Drive string // where who drives a refuse truck goes
	}{template.JS(text), rows, c.waste.DrivePath(r)} //nolint:gosec // encoding/json escapes < and >
	return c.Render(w, r, http.StatusOK, frame.Page{Template: "crew", Title: c.Say("crew.title"), Data: data})
}

func (c *Console) crewOrders(w http.ResponseWriter, r *frame.Request) error {
	d, err := c.crewData(r)
	if err != nil {
		return err
	}
	c.Answer(w, http.StatusOK, d)
	return nil
}

// crewWorker is the script that keeps a page of who works outside on the telephone.
func (c *Console) crewWorker(w http.ResponseWriter, r *frame.Request) error {
	return c.ServeWorker(w, r, "crewworker")
}

// crewStep is what a crew did, as the telephone tells it. There is no field for what a
// crew may not decide.
type crewStep struct {
	Key    string       `json:"key"`
	To     order.State  `json:"to"`
	Reason order.Reason `json:"reason"`
	Note   string       `json:"note"`
	Told   time.Time    `json:"told"`
}

func (c *Console) doOrder(w http.ResponseWriter, r *frame.Request) error {
	var s crewStep
	return c.crewDid(w, r, &s, func(book *order.Book, by order.Asker, id string) (order.Order, error) {
		return book.Do(r.Context(), by, s.Key, id, order.Step{To: s.To, Reason: s.Reason, Note: s.Note, Told: s.Told})
	})
}

type crewNote struct {
	Key  string    `json:"key"`
	Text string    `json:"text"`
	Told time.Time `json:"told"`
}

func (c *Console) noteByCrew(w http.ResponseWriter, r *frame.Request) error {
	var n crewNote
	return c.crewDid(w, r, &n, func(book *order.Book, by order.Asker, id string) (order.Order, error) {
		return book.Note(r.Context(), by, n.Key, id, n.Text, n.Told)
	})
}

func (c *Console) crewDid(w http.ResponseWriter, r *frame.Request, body any, do func(book *order.Book, by order.Asker, id string) (order.Order, error)) error {
	book, by, err := c.orderBook(r)
	if err != nil {
		return err
	}
	if err := c.ReadJSON(w, r, body); err != nil {
		return err
	}
	o, err := do(book, by, r.PathValue("order"))
	if err != nil {
		return err
	}
	c.Answer(w, http.StatusOK, o)
	return nil
}

func (c *Console) photoByCrew(w http.ResponseWriter, r *frame.Request) error {
	book, by, err := c.orderBook(r)
	if err != nil {
		return err
	}
	if err := c.IsJPEG(r); err != nil {
		return err
	}
	q := r.URL.Query()
	u := order.Upload{Stage: order.Stage(q.Get("stage"))}
	if u.Frame, err = c.PhotoFrame(r); err != nil {
		return err
	}
	if told := q.Get("told"); told != "" {
		if u.Told, err = time.Parse(time.RFC3339, told); err != nil {
			return city.Errorf(city.Invalid, "%s", c.Say("error.told"))
		}
	}
	if u.JPEG, err = c.ReadPhoto(w, r); err != nil {
		return err
	}
	o, err := book.AddPhoto(r.Context(), by, q.Get("key"), r.PathValue("order"), u)
	if err != nil {
		return err
	}
	c.Answer(w, http.StatusOK, o)
	return nil
}

func (c *Console) sharePosition(w http.ResponseWriter, r *frame.Request) error {
	book, by, err := c.orderBook(r)
	if err != nil {
		return err
	}
	var at struct {
		Lon *float64 `json:"lon"`
		Lat *float64 `json:"lat"`
	}
	if err := c.ReadJSON(w, r, &at); err != nil {
		return err
	}
	if at.Lon == nil || at.Lat == nil {
		return city.Errorf(city.Invalid, "%s", c.Say("error.latlon"))
	}
	if err := book.Share(r.Context(), by, r.PathValue("order"), city.Point{Lon: *at.Lon, Lat: *at.Lat}); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (c *Console) hidePosition(w http.ResponseWriter, r *frame.Request) error {
	book, by, err := c.orderBook(r)
	if err != nil {
		return err
	}
	if err := book.Hide(r.Context(), by, r.PathValue("order")); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
