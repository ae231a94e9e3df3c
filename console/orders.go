package console

import (
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"polity/access"
	"polity/city"
	"polity/room/order"
)

// ordersAPage is how many orders stand on a page of the list; ordersAFile in a CSV.
const (
	ordersAPage = 100
	ordersAFile = 10_000
)

type orderRow struct {
	Path, Number, Kind, Task, Where, Assigned, Sheet string
	State, Priority                                  sign
	Due, Made                                        template.HTML
	Late                                             bool
}

type pick struct {
	Value, Name string
	Here        bool
}

type pickGroup struct {
	Name string // of the group
	List []pick
}

type ordersView struct {
	Summary                          string
	Rows                             []orderRow
	Desks, States, Kinds, Priorities []pick
	Search, CSV, New, More, Less     string
	Alert                            string
	None, Filtered                   bool
}

// orders is the book of work orders, and the one who asks as the book knows them.
func (c *Console) orders(r *request) (*order.Book, order.Asker, error) {
	if c.cfg.Orders == nil {
		return nil, order.Asker{}, city.Errorf(city.NotFound, "%s", c.say.Say("error.noorders"))
	}
	by := order.Asker{Who: r.who, At: access.Circumstances{Loopback: access.OnLoopback(r.Request)}}
	if r.asPublic {
		by.Who = access.Who{}
	}
	return c.cfg.Orders, by, nil
}

// orderFilter reads the address. What is on no list is an error, so that a link that was
// typed wrong does not pass for an empty list.
func (c *Console) orderFilter(r *request) (f order.Filter, err error) {
	q := r.URL.Query()
	f = order.Filter{Desk: city.Slug(q.Get("desk")), State: order.State(q.Get("state")), Kind: order.Kind(q.Get("kind")), Priority: order.Priority(q.Get("priority")), Search: strings.TrimSpace(q.Get("q"))}
	if alert := q.Get("alert"); alert != "" {
		f.From, f.Key = order.FromAlert, alert
	}
	switch f.State {
	case "all":
		f.State = ""
	case "":
		f.Open = f.Key == ""
	default:
		if !slices.Contains(order.States(), f.State) {
			return f, city.Errorf(city.Invalid, "%s", c.say.Say("error.orderfilter"))
		}
	}
	known := f.Kind == ""
	for _, d := range access.Desks() {
		known = known || slices.Contains(order.Kinds(d), f.Kind)
	}
	if !known || (f.Desk != "" && !slices.Contains(access.Desks(), f.Desk)) || (f.Priority != "" && !slices.Contains(order.Priorities(), f.Priority)) || len(f.Search) > 200 {
		return f, city.Errorf(city.Invalid, "%s", c.say.Say("error.orderfilter"))
	}
	return f, nil
}

func (c *Console) ordersPage(w http.ResponseWriter, r *request) error {
	book, by, err := c.orders(r)
	if err != nil {
		return err
	}
	if !book.Sees(by) { // a crew, which has its own
		http.Redirect(w, r.Request, "/orders/mine", http.StatusSeeOther)
		return nil
	}
	f, err := c.orderFilter(r)
	if err != nil {
		return err
	}
	f.Limit = ordersAPage
	f.Skip, _ = strconv.Atoi(r.URL.Query().Get("from")) // anything else begins at the first
	f.Skip = max(0, f.Skip)
	list, total, err := book.List(r.Context(), by, f)
	if err != nil {
		return err
	}
	v := ordersView{Summary: c.say.Say("orders.words", "n", total), Search: f.Search, Alert: f.Key, None: len(list) == 0, Filtered: r.URL.RawQuery != ""}
	for i := range list {
		v.Rows = append(v.Rows, c.orderRow(r.clock, &list[i]))
	}
	if f.Skip+len(list) < total {
		v.More = with(r, "from", strconv.Itoa(f.Skip+ordersAPage))
	}
	if f.Skip > 0 {
		v.Less = with(r, "from", strconv.Itoa(max(0, f.Skip-ordersAPage)))
	}
	v.CSV = "/orders.csv"
	if u := without(r, "from"); strings.Contains(u, "?") {
		v.CSV += u[strings.Index(u, "?"):]
	}
	if len(book.Gives(by)) > 0 {
		v.New = "/orders/new"
	}
	c.orderChoices(r, &v, f)
	return c.render(w, r, http.StatusOK, page{Template: "orders", Title: c.say.Say("orders.title"), Data: v})
}

func (c *Console) orderChoices(r *request, v *ordersView, f order.Filter) {
	v.Desks = []pick{{"", c.say.Say("orders.any.desk"), f.Desk == ""}}
	seen := map[order.Kind]bool{}
	v.Kinds = []pick{{"", c.say.Say("orders.any.kind"), f.Kind == ""}}
	for _, d := range access.Desks() {
		v.Desks = append(v.Desks, pick{string(d), c.deskName(d), d == f.Desk})
		for _, k := range order.Kinds(d) {
			if !seen[k] && (f.Desk == "" || f.Desk == d) {
				v.Kinds = append(v.Kinds, pick{string(k), c.orderKind(k), k == f.Kind})
				seen[k] = true
			}
		}
	}
	chosen := r.URL.Query().Get("state")
	v.States = []pick{{"", c.say.Say("orders.any.open"), chosen == ""}, {"all", c.say.Say("orders.any.state"), chosen == "all"}}
	for _, s := range order.States() {
		v.States = append(v.States, pick{string(s), c.orderState(s).Word, string(s) == chosen})
	}
	v.Priorities = []pick{{"", c.say.Say("orders.any.priority"), f.Priority == ""}}
	for _, p := range order.Priorities() {
		v.Priorities = append(v.Priorities, pick{string(p), c.say.Say("orders.priority." + string(p)), p == f.Priority})
	}
}

func (c *Console) deskName(d city.Slug) string { return c.say.Say("orders.desk." + string(d)) }

func (c *Console) orderKind(k order.Kind) string { return c.say.Say("orders.kind." + string(k)) }

func (c *Console) orderReason(r order.Reason) string { return c.say.Say("orders.reason." + string(r)) }

func (c *Console) orderState(s order.State) sign {
	signs := map[order.State]string{
		order.Draft: "unknown", order.Given: "unknown", order.Accepted: "live", order.OnTheWay: "live", order.AtThePlace: "live",
		order.Done: "done", order.Cannot: "attention", order.Cancelled: "stopped",
	}
	return sign{signs[s], c.say.Say("orders.state." + string(s))}
}

func (c *Console) orderPriority(p order.Priority) sign {
	s := sign{"none", c.say.Say("orders.priority." + string(p))}
	if p == order.Urgent {
		s.Sign = "attention"
	}
	return s
}

func orderPath(o *order.Order) string { return "/orders/" + url.PathEscape(o.ID) }

func (c *Console) orderRow(at clock, o *order.Order) orderRow {
	row := orderRow{
		Path: orderPath(o), Number: strconv.FormatInt(o.Number, 10), Kind: c.orderKind(o.Kind), Task: o.Task, Where: c.orderWhere(o), Assigned: o.Assigned.Name,
		State: c.orderState(o.State), Priority: c.orderPriority(o.Priority), Made: at.Time(o.Made),
	}
	if o.Due != nil {
		row.Due = at.Time(*o.Due)
		row.Late = o.Due.Before(at.now) && !o.State.Ended()
	}
	return row
}

// orderWhere is the place in words, as good as the order knows it.
func (c *Console) orderWhere(o *order.Order) string {
	switch {
	case o.Where != "":
		return o.Where
	case o.Asset != "":
		return o.Asset
	case o.Place != nil:
		return degrees(*o.Place)
	}
	return ""
}

func degrees(p city.Point) string {
	return strconv.FormatFloat(p.Lat, 'f', 5, 64) + ", " + strconv.FormatFloat(p.Lon, 'f', 5, 64)
}

// ordersCSV is the list as a table, RFC 4180.
func (c *Console) ordersCSV(w http.ResponseWriter, r *request) error {
	book, by, err := c.orders(r)
	if err != nil {
		return err
	}
	f, err := c.orderFilter(r)
	if err != nil {
		return err
	}
	f.Limit = ordersAFile
	list, _, err := book.List(r.Context(), by, f)
	if err != nil {
		return err
	}
	out := c.csv(w, "orders.csv")
	_ = out.Write([]string{"number", "desk", "kind", "state", "priority", "task", "asset", "where", "lon", "lat", "assigned", "source", "source_key", "due", "made", "given", "closed"})
	for i := range list {
		o := &list[i]
		row := cells(strconv.FormatInt(o.Number, 10), string(o.Desk), string(o.Kind), string(o.State), string(o.Priority), o.Task, o.Asset, o.Where, "", "",
			o.Assigned.Name, o.Source.From, o.Source.Key, stampOf(o.Due), stamp(o.Made), stampOf(o.Given), stampOf(o.Closed))
		if o.Place != nil {
			row[8], row[9] = strconv.FormatFloat(o.Place.Lon, 'f', 6, 64), strconv.FormatFloat(o.Place.Lat, 'f', 6, 64) // numbers below zero are no formulas
		}
		_ = out.Write(row)
	}
	out.Flush()
	return gone(out.Error())
}

func stampOf(t *time.Time) string {
	if t == nil {
		return ""
	}
	return stamp(*t)
}

// orderPhoto serves a photo that the hub encoded itself.
func (c *Console) orderPhoto(w http.ResponseWriter, r *request) error {
	book, by, err := c.orders(r)
	if err != nil {
		return err
	}
	photo, err := book.Photo(r.Context(), by, r.PathValue("order"), r.PathValue("photo"))
	if err != nil {
		return err
	}
	return showPhoto(w, photo)
}

// showPhoto answers with a crew's photo, which nobody else keeps.
func showPhoto(w http.ResponseWriter, photo []byte) error {
	h := w.Header()
	h.Set("Content-Type", "image/jpeg")
	h.Set("Content-Security-Policy", contentPolicy+"; sandbox")
	h.Set("Cache-Control", "private, no-store")
	h.Set("Content-Length", strconv.Itoa(len(photo)))
	_, err := w.Write(photo)
	return gone(err)
}
