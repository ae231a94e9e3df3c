package console

import (
	"encoding/json"
	"errors"
	"html/template"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"polity/access"
	"polity/city"
	"polity/room/order"
)

// CrewData is what the crew's page works with, at the line and without one.
type CrewData struct {
	Person string      `json:"person"` // the account's id: what waits on a telephone is sent by nobody else
	Name   string      `json:"name"`
	At     int64       `json:"at"` // of this answer, ms since 1970
	Zone   string      `json:"zone"`
	Orders []CrewOrder `json:"orders"`
	Map    CrewMap     `json:"map"`
	Block  int         `json:"block"` // of the mosaic, in pixels
}

// CrewOrder is an order of the crew, and where on the still picture of the map it is.
type CrewOrder struct {
	order.Order
	OnMap bool `json:"onMap"`
	X     int  `json:"x"`
	Y     int  `json:"y"`

	Sheet string `json:"sheet"` // address of its sheet for printing, such as which valves to close; empty: none
}

// CrewMap is the still picture of the map.
type CrewMap struct {
	Light     string `json:"light"`
	Dark      string `json:"dark"`
	Width     int    `json:"width"`
	Height    int    `json:"height"`
	Credit    string `json:"credit"`
	CreditURL string `json:"creditUrl"`
}

// crewSettings is what the page allows beyond others: its own place, if the crew asks.
const crewSettings = "camera=(), microphone=(), geolocation=(self), display-capture=(), browsing-topics=()"

func (c *Console) crewData(r *request) (CrewData, error) {
	book, by, err := c.orders(r)
	if err != nil {
		return CrewData{}, err
	}
	list, err := book.Mine(r.Context(), by)
	d := CrewData{
		Person: by.Who.ID, Name: by.Who.Name, At: r.clock.now.UnixMilli(), Zone: c.about.Zone.String(), Orders: []CrewOrder{}, Block: order.Block, Map: c.crewMap(),
	}
	for _, o := range list {
		s := c.placed(o.Place, "")
		d.Orders = append(d.Orders, CrewOrder{Order: o, OnMap: s.OnMap, X: s.X, Y: s.Y, Sheet: c.orderSheet(&o)})
	}
	return d, err
}

func (c *Console) crewMap() CrewMap {
	return CrewMap{Light: c.ground.light, Dark: c.ground.dark, Width: c.ground.width, Height: c.ground.height, Credit: c.about.Map.Credit, CreditURL: c.about.Map.CreditURL}
}

func (c *Console) crewPage(w http.ResponseWriter, r *request) error {
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
		row := c.orderRow(r.clock, &d.Orders[i].Order)
		row.Sheet = d.Orders[i].Sheet
		rows = append(rows, row)
	}
	w.Header().Set("Permissions-Policy", crewSettings)
	drive := "" // where who drives a refuse truck goes
	if _, err := c.wasteCrews(); err == nil && c.allowed(r, access.DoOrder, access.Service(access.Waste)) {
		drive = "/services/waste/drive"
	}
	data := struct {
		Crew  template.JS
		Rows  []orderRow
		Drive string
	}{template.JS(text), rows, drive} //nolint:gosec // encoding/json escapes < and >
	return c.render(w, r, http.StatusOK, page{Template: "crew", Title: c.say.Say("crew.title"), Data: data})
}

func (c *Console) crewOrders(w http.ResponseWriter, r *request) error {
	d, err := c.crewData(r)
	if err != nil {
		return err
	}
	c.answer(w, http.StatusOK, d)
	return nil
}

// crewWorker is the script that keeps a page of who works outside on the telephone; its
// address lies beside the page, since a worker serves only what lies below it.
func (c *Console) crewWorker(w http.ResponseWriter, r *request) error {
	h := w.Header()
	r.SetPathValue("file", c.bundle.named["crewworker"])
	err := c.asset(w, r)
	h.Set("Cache-Control", "no-cache")
	return err
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

func (c *Console) doOrder(w http.ResponseWriter, r *request) error {
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

func (c *Console) noteByCrew(w http.ResponseWriter, r *request) error {
	var n crewNote
	return c.crewDid(w, r, &n, func(book *order.Book, by order.Asker, id string) (order.Order, error) {
		return book.Note(r.Context(), by, n.Key, id, n.Text, n.Told)
	})
}

// crewBodyMax is the most bytes of what a crew tells, crewPhotoMax of a photo.
const (
	crewBodyMax  = 16 << 10
	crewPhotoMax = 2<<20 + 1
)

func (c *Console) crewDid(w http.ResponseWriter, r *request, body any, do func(book *order.Book, by order.Asker, id string) (order.Order, error)) error {
	book, by, err := c.orders(r)
	if err != nil {
		return err
	}
	if err := c.readJSON(w, r, body); err != nil {
		return err
	}
	o, err := do(book, by, r.PathValue("order"))
	if err != nil {
		return err
	}
	c.answer(w, http.StatusOK, o)
	return nil
}

// readJSON reads a small body of a closed form: fields that it does not have are refused.
func (c *Console) readJSON(w http.ResponseWriter, r *request, into any) error {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return city.Errorf(city.Invalid, "%s", c.say.Say("error.notjson"))
	}
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, crewBodyMax))
	d.DisallowUnknownFields()
	err := d.Decode(into)
	if err == nil {
		if _, more := d.Token(); !errors.Is(more, io.EOF) {
			err = errors.New("something stands behind it")
		}
	}
	if err != nil {
		return city.Errorf(city.Invalid, "%s", c.say.Say("error.json", "why", err.Error()))
	}
	return nil
}

func (c *Console) photoByCrew(w http.ResponseWriter, r *request) error {
	book, by, err := c.orders(r)
	if err != nil {
		return err
	}
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "image/jpeg" {
		return city.Errorf(city.Invalid, "%s", c.say.Say("error.notjpeg"))
	}
	q := r.URL.Query()
	u := order.Upload{Stage: order.Stage(q.Get("stage"))}
	if u.Frame, err = frameOf(q); err != nil {
		return city.Errorf(city.Invalid, "%s", c.say.Say("error.frame"))
	}
	if told := q.Get("told"); told != "" {
		if u.Told, err = time.Parse(time.RFC3339, told); err != nil {
			return city.Errorf(city.Invalid, "%s", c.say.Say("error.told"))
		}
	}
	if u.JPEG, err = io.ReadAll(http.MaxBytesReader(w, r.Body, crewPhotoMax)); err != nil {
		if _, large := errors.AsType[*http.MaxBytesError](err); large {
			return city.Errorf(city.TooLarge, "%s", c.say.Say("error.photosize"))
		}
		return city.Errorf(city.Invalid, "%s", c.say.Say("error.photocut"))
	}
	o, err := book.AddPhoto(r.Context(), by, q.Get("key"), r.PathValue("order"), u)
	if err != nil {
		return err
	}
	c.answer(w, http.StatusOK, o)
	return nil
}

func frameOf(q url.Values) (f order.Frame, err error) {
	for name, into := range map[string]*int{"x": &f.X, "y": &f.Y, "w": &f.W, "h": &f.H} {
		n, bad := strconv.Atoi(q.Get(name))
		*into, err = n, errors.Join(err, bad)
	}
	return f, err
}

func (c *Console) sharePosition(w http.ResponseWriter, r *request) error {
	book, by, err := c.orders(r)
	if err != nil {
		return err
	}
	var at struct {
		Lon *float64 `json:"lon"`
		Lat *float64 `json:"lat"`
	}
	if err := c.readJSON(w, r, &at); err != nil {
		return err
	}
	if at.Lon == nil || at.Lat == nil {
		return city.Errorf(city.Invalid, "%s", c.say.Say("error.latlon"))
	}
	if err := book.Share(r.Context(), by, r.PathValue("order"), city.Point{Lon: *at.Lon, Lat: *at.Lat}); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (c *Console) hidePosition(w http.ResponseWriter, r *request) error {
	book, by, err := c.orders(r)
	if err != nil {
		return err
	}
	if err := book.Hide(r.Context(), by, r.PathValue("order")); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
