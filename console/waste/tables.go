package waste

import (
	"fmt"
	"io"
	"net/http"
	"strings"

	"polity/access"
	"polity/city"
	"polity/console/frame"
	"polity/services/waste"
	"polity/services/waste/live"
)

type tablesView struct {
	Off, Problem string
	Simulated    bool
	May          bool
	Tables       []table
	Checked      bool
	Wrong        int
	Summary      []string // what an import would do
	Problems     []string
	Ready        bool // every line is right
	Made         bool
	Said         string
}

type table struct {
	Name, Title, What, Needs, Example, Text string
	Unreadable                              string
	Understood                              string
	Errors                                  []string
	More                                    string // errors that are not listed
	Ignored                                 string
}

// tableExamples are what tables look like.
var tableExamples = map[string]string{
	"containers": "id,lat,lon,litres,fraction,fill\nc1,60.1688,24.9418,660,mixed,40%\n",
	"places":     "id,kind,lat,lon,open,unload_minutes\nyard,depot,60.1740,24.9520,,\nlandfill,landfill,60.1765,24.9500,06:00-18:00,10\n",
	"trucks":     "id,depot,kilograms,litres,shift,cost_per_km,cost_per_hour,currency\ntruck-1,yard,3000,24000,06:00-14:00,1.4,65,EUR\n",
}

const errorsShown = 50

// tablesPage is where tables of containers, places and trucks are brought in.
func (c *Console) tablesPage(w http.ResponseWriter, r *frame.Request) error {
	v := tablesView{}
	if r.URL.Query().Get("said") != "" {
		key := "waste.tables.taken"
		if r.URL.Query().Get("said") == "later" {
			key = "waste.tables.later"
		}
		v.Said = c.Say(key)
	}
	return c.showTables(w, r, http.StatusOK, live.Tables{}, v)
}

func (c *Console) showTables(w http.ResponseWriter, r *frame.Request, status int, t live.Tables, v tablesView) error {
	title := c.Say("waste.tables.title")
	desk, err := c.planner()
	if err != nil {
		v = tablesView{Off: c.Say("services.off", "name", "waste")}
		return c.Render(w, r, http.StatusOK, frame.Page{Template: "waste/tables", Title: title, Data: v})
	}
	v.Simulated = desk.View().Simulated
	v.May = c.Allowed(r, access.Decide, access.Service(access.Waste))
	if len(v.Tables) == 0 {
		v.Tables = c.tables(t)
	}
	return c.Render(w, r, status, frame.Page{Template: "waste/tables", Title: title, Data: v})
}

func (c *Console) tables(t live.Tables) (list []table) {
	for _, x := range []struct{ name, text string }{{"containers", t.Containers}, {"places", t.Places}, {"trucks", t.Trucks}} {
		list = append(list, table{
			Name: x.name, Title: c.Say("waste.tables." + x.name), What: c.Say("waste.tables." + x.name + ".what"), Needs: c.Say("waste.tables." + x.name + ".needs"),
			Example: tableExamples[x.name], Text: x.text,
		})
	}
	return list
}

// tablesFrom reads what was sent: a file, where one was chosen, in place of what was typed.
func tablesFrom(w http.ResponseWriter, r *frame.Request) (t live.Tables, err error) {
	r.Body = http.MaxBytesReader(w, r.Body, 2*live.TablesMost)
	if err := r.ParseMultipartForm(live.TablesMost); err != nil {
		return t, err
	}
	defer func() { _ = r.MultipartForm.RemoveAll() }()
	for name, into := range map[string]*string{"containers": &t.Containers, "places": &t.Places, "trucks": &t.Trucks} {
		*into = r.PostFormValue(name)
		files := r.MultipartForm.File[name+"-file"]
		if len(files) == 0 || files[0].Size == 0 {
			continue
		}
		f, err := files[0].Open()
		if err != nil {
			return t, err
		}
		text, err := io.ReadAll(f)
		_ = f.Close()
		if err != nil {
			return t, err
		}
		*into = string(text)
	}
	return t, nil
}

// bringTables checks tables, tries them or takes them over. Nothing is kept before the last.
func (c *Console) bringTables(w http.ResponseWriter, r *frame.Request) error {
	desk, err := c.planner()
	if err != nil {
		return err
	}
	t, err := tablesFrom(w, r)
	if err != nil {
		return city.Errorf(city.TooLarge, "%s", c.Say("waste.tables.large", "mib", live.TablesMost>>20))
	}
	switch r.PostFormValue("do") {
	case "try":
		if err = desk.Ask(live.Case{Tables: &t}); err == nil {
			http.Redirect(w, r.Request, planPath+"#whatif", http.StatusSeeOther)
			return nil
		}
	case "take":
		var later bool
		if later, err = desk.TakeOver(t); err == nil {
			said := "taken"
			if later {
				said = "later"
			}
			http.Redirect(w, r.Request, frame.Saying(tablesPath, said), http.StatusSeeOther)
			return nil
		}
	}
	status := http.StatusOK
	v := tablesView{Checked: true}
	if err != nil {
		if city.KindOf(err) == city.Internal {
			return err
		}
		v.Problem, status = err.Error(), frame.Status(city.KindOf(err))
	}
	p, bad := desk.Preview(t)
	if bad != nil {
		v.Problem, v.Checked, status = bad.Error(), false, frame.Status(city.KindOf(bad))
		return c.showTables(w, r, status, t, v)
	}
	c.preview(&p, t, &v)
	return c.showTables(w, r, status, t, v)
}

func (c *Console) preview(p *live.TablesPreview, t live.Tables, v *tablesView) {
	v.Tables, v.Wrong, v.Made = c.tables(t), p.Wrong(), p.Made
	v.Ready = v.Wrong == 0
	fill := func(x *table, n int, errors []waste.LineError, ignored []string) {
		x.Understood = c.Say("waste.tables.understood", "n", n, "wrong", len(errors))
		for _, e := range errors[:min(len(errors), errorsShown)] {
			x.Errors = append(x.Errors, e.Error())
		}
		if rest := len(errors) - errorsShown; rest > 0 {
			x.More = c.Say("waste.tables.more", "n", rest)
		}
		if len(ignored) > 0 {
			x.Ignored = c.Say("waste.tables.ignored", "list", strings.Join(ignored, ", "))
		}
	}
	for i := range v.Tables {
		x := &v.Tables[i]
		x.Unreadable = p.Unreadable[x.Name]
		switch {
		case x.Unreadable != "":
		case x.Name == "containers" && p.Containers != nil:
			fill(x, len(p.Containers.Containers), p.Containers.Errors, p.Containers.Ignored)
		case x.Name == "places" && p.Places != nil:
			fill(x, len(p.Places.Depots)+len(p.Places.Sites), p.Places.Errors, p.Places.Ignored)
		case x.Name == "trucks" && p.Trucks != nil:
			fill(x, len(p.Trucks.Trucks), p.Trucks.Errors, p.Trucks.Ignored)
		}
	}
	if !v.Ready {
		return
	}
	if p.Containers != nil {
		v.Summary = append(v.Summary, c.Say("waste.tables.would", "new", fmt.Sprint(p.New), "changed", fmt.Sprint(p.Changed), "same", fmt.Sprint(p.Same), "going", fmt.Sprint(p.Going)))
	}
	if p.Trucks != nil {
		v.Summary = append(v.Summary, c.Say("waste.tables.fleet", "trucks", fmt.Sprint(len(p.Fleet.Trucks)), "sites", fmt.Sprint(len(p.Fleet.Sites))))
	}
	for _, g := range waste.Gather(p.Problems) {
		v.Problems = append(v.Problems, g.String())
	}
}
