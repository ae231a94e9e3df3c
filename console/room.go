package console

import (
	"context"
	"html/template"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"polity/access"
	"polity/city"
	"polity/console/frame"
	"polity/console/ground"
	"polity/room/alert"
	"polity/room/queue"
)

// Colleague is somebody to whom alerts can be given.
type Colleague struct{ ID, Name string }

// RoomData is what the control room's scripts need.
type RoomData struct {
	Me         string                `json:"me"`
	Zone       string                `json:"zone"` // IANA name of the city's time zone
	Desks      []city.Slug           `json:"desks"`
	Handles    []city.Slug           `json:"handles"` // desks whose alerts one may handle
	People     map[string]string     `json:"people"`  // names by ID, as far as they stand in alerts
	Colleagues map[string]string     `json:"colleagues"`
	Kinds      []RoomKind            `json:"kinds"`
	Cameras    map[string]RoomCamera `json:"cameras"`
	Map        MapData               `json:"map"`
}

// RoomKind is a kind of alert.
type RoomKind struct {
	Name string `json:"name"`
}

// RoomCamera is a camera that alerts name.
type RoomCamera struct {
	Title string     `json:"title"`
	At    [2]float64 `json:"at"`
}

// rowsAtOnce is how many alerts a page without scripts lists.
const rowsAtOnce = 50

type roomView struct {
	Words, Now    string
	Desks         []roomOption
	Kinds         []roomOption
	States        []roomOption
	Text          string
	Rows          []alertRow
	Next          string // address of the next page
	Quiet         string // in words; empty: there are none
	QuietAddress  string
	Said          string
	Problem       bool
	MayHandle     bool
	Request, Back string
	Detail        *alertFull
	Ground        bool
	Light, Dark   string
	Width, Height int
	Credit        string
	CreditURL     string
	Data          RoomData
}

// roomOption is a value of a filter with how many alerts it lets through.
type roomOption struct {
	Value, Name, Words string
	Address            string
	N                  int
	Chosen             bool
}

type alertRow struct {
	Key      alert.Key
	Revision uint64
	Title    string
	Where    string
	Priority frame.Sign
	State    string
	Since    template.HTML
	Over     bool
	Address  string
	Current  bool
}

// roomPage is the queue of alerts, with one of them in full.
func (c *Console) roomPage(w http.ResponseWriter, r *frame.Request) error {
	if err := c.hasRoom(); err != nil {
		return err
	}
	q := r.URL.Query()
	list, err := c.cfg.Alerts.List(r.Context(), r.Who, roomQuery(q))
	if err != nil {
		return err
	}
	data, err := c.roomData(r.Context(), r, list.People)
	if err != nil {
		return err
	}
	v := roomView{
		Words: c.Say("room.words", "n", sum(list.Counts.State)), Now: c.Say("room.asof", "time", r.Clock.Words(r.Clock.Now)), Text: q.Get("q"), Data: data,
		MayHandle: len(data.Handles) > 0, Request: newRequest(), Back: frame.Without(r, "said"),
		Ground: c.Ground.Light != "", Light: c.Ground.Light, Dark: c.Ground.Dark, Width: c.Ground.Width, Height: c.Ground.Height,
		Credit: c.about.Map.Credit, CreditURL: c.about.Map.CreditURL,
	}
	c.roomFilters(&v, r, list.Counts)
	for _, a := range list.Alerts {
		v.Rows = append(v.Rows, c.alertRow(a, r, data))
	}
	if list.Next != "" {
		v.Next = frame.With(r, "after", list.Next)
	}
	if n := list.Counts.Quiet; n > 0 {
		v.Quiet, v.QuietAddress = c.Say("room.quietfold", "n", n), frame.With(r, "quiet", "only")
		if q.Get("quiet") != "" {
			v.QuietAddress = frame.Without(r, "quiet")
		}
	}
	v.Said, v.Problem = c.roomSaid(q)
	if key := q.Get("alert"); key != "" {
		v.Detail, err = c.alertDetail(r, alert.Key(key), data)
		if err != nil && city.KindOf(err) != city.NotFound && city.KindOf(err) != city.Invalid {
			return err
		}
	}
	return c.Render(w, r, http.StatusOK, frame.Page{Template: "room", Title: c.Say("room.title"), Data: v})
}

func (c *Console) hasRoom() error {
	if c.cfg.Alerts == nil {
		return city.Errorf(city.NotFound, "%s", c.Say("room.absent"))
	}
	return nil
}

// roomQuery reads an address's filters. What it does not know is left to the queue,
// which says what is wrong.
func roomQuery(q url.Values) queue.Query {
	s := queue.Query{Text: q.Get("q"), Quiet: q.Get("quiet"), Limit: rowsAtOnce, After: q.Get("after")}
	for _, d := range listed(q["desk"]) {
		s.Desks = append(s.Desks, city.Slug(d))
	}
	for _, k := range listed(q["kind"]) {
		s.Kinds = append(s.Kinds, city.Slug(k))
	}
	for _, x := range listed(q["state"]) {
		s.States = append(s.States, alert.State(x))
	}
	return s
}

// listed splits values that stand repeated or with commas.
func listed(values []string) (out []string) {
	for _, v := range values {
		for w := range strings.SplitSeq(v, ",") {
			if w = strings.TrimSpace(w); w != "" {
				out = append(out, w)
			}
		}
	}
	return out
}

func sum[K comparable](m map[K]int) (n int) {
	for _, v := range m {
		n += v
	}
	return n
}

func (c *Console) roomData(ctx context.Context, r *frame.Request, people map[string]string) (RoomData, error) {
	d := RoomData{
		Me: r.Who.ID, Zone: c.Zone.String(), Desks: []city.Slug{}, Handles: []city.Slug{}, People: map[string]string{}, Colleagues: map[string]string{},
		Kinds: []RoomKind{}, Cameras: map[string]RoomCamera{},
	}
	maps.Copy(d.People, people)
	for _, desk := range c.cfg.Alerts.Desks(r.Who) {
		d.Desks = append(d.Desks, desk)
		if c.Allowed(r, access.Handle, access.Service(desk)) {
			d.Handles = append(d.Handles, desk)
		}
	}
	for _, k := range c.cfg.Alerts.Kinds() {
		d.Kinds = append(d.Kinds, RoomKind{string(k.Name)})
	}
	cameras, err := c.cfg.City.Cameras(ctx)
	if err != nil {
		return d, err
	}
	for _, k := range cameras {
		d.Cameras[string(k.Name)] = RoomCamera{k.title(), ground.LonLat(k.Entry.Position)}
	}
	if c.cfg.Colleagues != nil && len(d.Handles) > 0 {
		all, err := c.cfg.Colleagues(ctx, d.Handles)
		if err != nil {
			return d, err
		}
		for _, o := range all {
			d.Colleagues[o.ID], d.People[o.ID] = o.Name, o.Name
		}
	}
	d.Map = c.plainMap(cameras, r.Clock)
	return d, nil
}

// plainMap is the city's map with its cameras and what they see.
func (c *Console) plainMap(cameras []Camera, at frame.Clock) MapData {
	m := c.about.Map
	d := MapData{
		Centre: ground.LonLat(m.Centre), Zoom: m.Zoom, Bounds: bounds(m, cameras), Layers: c.Ground.Layers, Light: ground.Palettes["light"], Dark: ground.Palettes["dark"],
		Worker: c.Asset("mapworker"), Cameras: []MapCamera{}, Mapped: []MapMapped{}, Streets: []string{},
	}
	if c.cfg.Sensors != nil {
		d.Sensors = "/sensors.geojson"
	}
	for _, k := range cameras {
		state := c.doing(k, at).State
		d.Cameras = append(d.Cameras, MapCamera{Name: string(k.Name), Title: k.title(), At: ground.LonLat(k.Entry.Position), Cone: coneOf(k.Entry), Sign: state.Sign, State: state.Word})
	}
	return d
}

// roomFilters offers desks, kinds and states with how many open alerts each has.
func (c *Console) roomFilters(v *roomView, r *frame.Request, n queue.Census) {
	q := r.URL.Query()
	option := func(field, value, words string, n int) roomOption {
		o := roomOption{Value: value, Name: words, Words: words, N: n, Chosen: q.Get(field) == value}
		if value != string(alert.Closed) {
			o.Words = c.Say("room.counted", "words", words, "n", n)
		}
		u := *r.URL
		p := u.Query()
		p.Del("after")
		p.Del("said")
		if p.Set(field, value); q.Get(field) == value {
			p.Del(field)
		}
		u.RawQuery = p.Encode()
		o.Address = u.RequestURI()
		return o
	}
	v.Desks = append(v.Desks, option("desk", "", c.Say("room.alldesks"), sum(n.Desk)))
	for _, d := range v.Data.Desks {
		v.Desks = append(v.Desks, option("desk", string(d), c.Say("room.desk."+string(d)), n.Desk[d]))
	}
	v.Kinds = append(v.Kinds, option("kind", "", c.Say("room.allkinds"), sum(n.Kind)))
	for _, k := range v.Data.Kinds {
		v.Kinds = append(v.Kinds, option("kind", k.Name, c.kindWords(city.Slug(k.Name)), n.Kind[city.Slug(k.Name)]))
	}
	v.States = append(v.States, option("state", "", c.Say("room.allopen"), sum(n.State)))
	for _, s := range alert.States() {
		v.States = append(v.States, option("state", string(s), c.Say("room.state."+string(s)), n.State[s]))
	}
}

func (c *Console) alertRow(a *alert.Alert, r *frame.Request, d RoomData) alertRow {
	return alertRow{
		Key: a.Key, Revision: a.Revision, Title: c.alertTitle(a), Where: c.alertWhere(a, d), Priority: c.alertPriority(a), State: c.alertState(a, r, d),
		Since: r.Clock.Time(a.Start), Over: !a.End.IsZero(), Address: frame.With(r, "alert", string(a.Key)), Current: r.URL.Query().Get("alert") == string(a.Key),
	}
}

// roomSaid puts into words what came of a form.
func (c *Console) roomSaid(q url.Values) (words string, problem bool) {
	said := q.Get("said")
	if said == "" {
		return "", false
	}
	what, counts, _ := strings.Cut(said, ".")
	var n [4]int
	for i, text := range strings.SplitN(counts, ".", len(n)) {
		n[i], _ = strconv.Atoi(text) // a number that is none is 0
	}
	if n[0] > 0 && slices.ContainsFunc(operations, func(o alert.What) bool { return string(o) == what }) {
		words = c.Say("room.done."+what, "n", n[0])
	}
	if n[1] > 0 {
		words, problem = strings.TrimSpace(words+" "+c.Say("room.conflicts", "n", n[1])), true
	}
	if n[2] > 0 {
		words, problem = strings.TrimSpace(words+" "+c.Say("room.refusals", "n", n[2])), true
	}
	if words == "" {
		words = c.Say("room.unchanged")
	}
	return words, problem
}
