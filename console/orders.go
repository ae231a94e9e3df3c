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
	"polity/console/frame"
	"polity/room/order"
)

// ordersAPage is how many orders stand on a page of the list; ordersAFile in a CSV.
const (
	ordersAPage = 100
	ordersAFile = 10_000
)

type orderRow struct {
	Path, Number, Kind, Task, Where, Assigned, Sheet string
	State, Priority                                  frame.Sign
	Due, Made                                        template.HTML
	Late                                             bool
}

type ordersView struct {
	Summary                          string
	Rows                             []orderRow
	Desks, States, Kinds, Priorities []frame.Pick
	Search, CSV, New, More, Less     string
	Alert                            string
	None, Filtered                   bool
}

// orderBook is the book of work orders, and the one who asks as the book knows them.
func (c *Console) orderBook(r *frame.Request) (*order.Book, order.Asker, error) {
	if c.cfg.Orders == nil {
		return nil, order.Asker{}, city.Errorf(city.NotFound, "%s", c.Say("error.noorders"))
	}
	by := order.Asker{Who: r.Who, At: access.Circumstances{Loopback: access.OnLoopback(r.Request)}}
	if r.AsPublic {
		by.Who = access.Who{}
	}
	return c.cfg.Orders, by, nil
}

// orderFilter reads the address. What is on no list is an error, so that a link that was
// typed wrong does not pass for an empty list.
func (c *Console) orderFilter(r *frame.Request) (f order.Filter, err error) {
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
			return f, city.Errorf(city.Invalid, "%s", c.Say("error.orderfilter"))
		}
	}
	known := f.Kind == ""
	for _, d := range access.Desks() {
		known = known || slices.Contains(order.Kinds(d), f.Kind)
	}
	if !known || (f.Desk != "" && !slices.Contains(access.Desks(), f.Desk)) || (f.Priority != "" && !slices.Contains(order.Priorities(), f.Priority)) || len(f.Search) > 200 {
		return f, city.Errorf(city.Invalid, "%s", c.Say("error.orderfilter"))
	}
	return f, nil
}

func (c *Console) ordersPage(w http.ResponseWriter, r *frame.Request) error {
	book, by, err := c.orderBook(r)
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
	v := ordersView{Summary: c.Say("orders.words", "n", total), Search: f.Search, Alert: f.Key, None: len(list) == 0, Filtered: r.URL.RawQuery != ""}
	for i := range list {
		v.Rows = append(v.Rows, c.orderRow(r.Clock, &list[i]))
	}
	if f.Skip+len(list) < total {
		v.More = frame.With(r, "from", strconv.Itoa(f.Skip+ordersAPage))
	}
	if f.Skip > 0 {
		v.Less = frame.With(r, "from", strconv.Itoa(max(0, f.Skip-ordersAPage)))
	}
	v.CSV = "/orders.csv"
	if u := frame.Without(r, "from"); strings.Contains(u, "?") {
		v.CSV += u[strings.Index(u, "?"):]
	}
	if len(book.Gives(by)) > 0 {
		v.New = "/orders/new"
	}
	c.orderChoices(r, &v, f)
	return c.Render(w, r, http.StatusOK, frame.Page{Template: "orders", Title: c.Say("orders.title"), Data: v})
}

func (c *Console) orderChoices(r *frame.Request, v *ordersView, f order.Filter) {
	v.Desks = []frame.Pick{{Value: "", Name: c.Say("orders.any.desk"), Here: f.Desk == ""}}
	seen := map[order.Kind]bool{}
	v.Kinds = []frame.Pick{{Value: "", Name: c.Say("orders.any.kind"), Here: f.Kind == ""}}
	for _, d := range access.Desks() {
		v.Desks = append(v.Desks, frame.Pick{Value: string(d), Name: c.DeskName(d), Here: d == f.Desk})
		for _, k := range order.Kinds(d) {
			if !seen[k] && (f.Desk == "" || f.Desk == d) {
				v.Kinds = append(v.Kinds, frame.Pick{Value: string(k), Name: c.orderKind(k), Here: k == f.Kind})
				seen[k] = true
			}
		}
	}
	chosen := r.URL.Query().Get("state")
	v.States = []frame.Pick{{Value: "", Name: c.Say("orders.any.open"), Here: chosen == ""}, {Value: "all", Name: c.Say("orders.any.state"), Here: chosen == "all"}}
	for _, s := range order.States() {
		v.States = append(v.States, frame.Pick{Value: string(s), Name: c.orderState(s).Word, Here: string(s) == chosen})
	}
	v.Priorities = []frame.Pick{{Value: "", Name: c.Say("orders.any.priority"), Here: f.Priority == ""}}
	for _, p := range order.Priorities() {
		v.Priorities = append(v.Priorities, frame.Pick{Value: string(p), Name: c.Say("orders.priority." + string(p)), Here: p == f.Priority})
	}
}

func (c *Console) orderKind(k order.Kind) string { return c.Say("orders.kind." + string(k)) }

func (c *Console) orderReason(r order.Reason) string { return c.Say("orders.reason." + string(r)) }

func (c *Console) orderState(s order.State) frame.Sign {
	signs := map[order.State]string{
		order.Draft: "unknown", order.Given: "unknown", order.Accepted: "live", order.OnTheWay: "live", order.AtThePlace: "live",
		order.Done: "done", order.Cannot: "attention", order.Cancelled: "stopped",
	}
	return frame.Sign{Sign: signs[s], Word: c.Say("orders.state." + string(s))}
}

func (c *Console) orderPriority(p order.Priority) frame.Sign {
	s := frame.Sign{Sign: "none", Word: c.Say("orders.priority." + string(p))}
	if p == order.Urgent {
		s.Sign = "attention"
	}
	return s
}

func orderPath(o *order.Order) string { return "/orders/" + url.PathEscape(o.ID) }

func (c *Console) orderRow(at frame.Clock, o *order.Order) orderRow {
	row := orderRow{
		Path: orderPath(o), Number: strconv.FormatInt(o.Number, 10), Kind: c.orderKind(o.Kind), Task: o.Task, Where: c.orderWhere(o), Assigned: o.Assigned.Name,
		State: c.orderState(o.State), Priority: c.orderPriority(o.Priority), Made: at.Time(o.Made),
	}
	if o.Due != nil {
		row.Due = at.Time(*o.Due)
		row.Late = o.Due.Before(at.Now) && !o.State.Ended()
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
func (c *Console) ordersCSV(w http.ResponseWriter, r *frame.Request) error {
	book, by, err := c.orderBook(r)
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
	out := c.CSV(w, "orders.csv")
	_ = out.Write([]string{"number", "desk", "kind", "state", "priority", "task", "asset", "where", "lon", "lat", "assigned", "source", "source_key", "due", "made", "given", "closed"})
	for i := range list {
		o := &list[i]
		row := frame.Cells(strconv.FormatInt(o.Number, 10), string(o.Desk), string(o.Kind), string(o.State), string(o.Priority), o.Task, o.Asset, o.Where, "", "",
			o.Assigned.Name, o.Source.From, o.Source.Key, stampOf(o.Due), stamp(o.Made), stampOf(o.Given), stampOf(o.Closed))
		if o.Place != nil {
			row[8], row[9] = strconv.FormatFloat(o.Place.Lon, 'f', 6, 64), strconv.FormatFloat(o.Place.Lat, 'f', 6, 64) // numbers below zero are no formulas
		}
		_ = out.Write(row)
	}
	out.Flush()
	return frame.Gone(out.Error())
}

func stampOf(t *time.Time) string {
	if t == nil {
		return ""
	}
	return stamp(*t)
}

// orderPhoto serves a photo that the hub encoded itself.
func (c *Console) orderPhoto(w http.ResponseWriter, r *frame.Request) error {
	book, by, err := c.orderBook(r)
	if err != nil {
		return err
	}
	photo, err := book.Photo(r.Context(), by, r.PathValue("order"), r.PathValue("photo"))
	if err != nil {
		return err
	}
	return frame.ShowPhoto(w, photo)
}
