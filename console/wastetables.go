package console

import (
	"fmt"
	"io"
	"net/http"
	"strings"

	"polity/access"
	"polity/city"
	"polity/services/waste"
	wastelive "polity/services/waste/live"
)

type wasteTablesView struct {
	Off, Problem string
	Simulated    bool
	May          bool
	Tables       []wasteTable
	Checked      bool
	Wrong        int
	Summary      []string // what an import would do
	Problems     []string
	Ready        bool // every line is right
	Made         bool
	Said         string
}

type wasteTable struct {
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

const wasteErrorsShown = 50

// wasteTablesPage is where tables of containers, places and trucks are brought in.
func (c *Console) wasteTablesPage(w http.ResponseWriter, r *request) error {
	v := wasteTablesView{}
	if r.URL.Query().Get("said") != "" {
		key := "waste.tables.taken"
		if r.URL.Query().Get("said") == "later" {
			key = "waste.tables.later"
		}
		v.Said = c.say.Say(key)
	}
	return c.showTables(w, r, http.StatusOK, wastelive.Tables{}, v)
}

func (c *Console) showTables(w http.ResponseWriter, r *request, status int, t wastelive.Tables, v wasteTablesView) error {
	title := c.say.Say("waste.tables.title")
	desk, err := c.wastePlanner()
	if err != nil {
		v = wasteTablesView{Off: c.say.Say("services.off", "name", "waste")}
		return c.render(w, r, http.StatusOK, page{Template: "wastetables", Title: title, Data: v})
	}
	v.Simulated = desk.View().Simulated
	v.May = c.allowed(r, access.Decide, access.Service(access.Waste))
	if len(v.Tables) == 0 {
		v.Tables = c.wasteTables(t)
	}
	return c.render(w, r, status, page{Template: "wastetables", Title: title, Data: v})
}

func (c *Console) wasteTables(t wastelive.Tables) (list []wasteTable) {
	for _, x := range []struct{ name, text string }{{"containers", t.Containers}, {"places", t.Places}, {"trucks", t.Trucks}} {
		list = append(list, wasteTable{
			Name: x.name, Title: c.say.Say("waste.tables." + x.name), What: c.say.Say("waste.tables." + x.name + ".what"), Needs: c.say.Say("waste.tables." + x.name + ".needs"),
			Example: tableExamples[x.name], Text: x.text,
		})
	}
	return list
}

// tablesFrom reads what was sent: a file, where one was chosen, in place of what was typed.
func tablesFrom(w http.ResponseWriter, r *request) (t wastelive.Tables, err error) {
	r.Body = http.MaxBytesReader(w, r.Body, 2*wastelive.TablesMost)
	if err := r.ParseMultipartForm(wastelive.TablesMost); err != nil {
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
func (c *Console) bringTables(w http.ResponseWriter, r *request) error {
	desk, err := c.wastePlanner()
	if err != nil {
		return err
	}
	t, err := tablesFrom(w, r)
	if err != nil {
		return city.Errorf(city.TooLarge, "%s", c.say.Say("waste.tables.large", "mib", wastelive.TablesMost>>20))
	}
	switch r.PostFormValue("do") {
	case "try":
		if err = desk.Ask(wastelive.Case{Tables: &t}); err == nil {
			http.Redirect(w, r.Request, wastePlanPath+"#whatif", http.StatusSeeOther)
			return nil
		}
	case "take":
		var later bool
		if later, err = desk.TakeOver(t); err == nil {
			said := "taken"
			if later {
				said = "later"
			}
			http.Redirect(w, r.Request, saying(wasteTablesPath, said), http.StatusSeeOther)
			return nil
		}
	}
	status := http.StatusOK
	v := wasteTablesView{Checked: true}
	if err != nil {
		if city.KindOf(err) == city.Internal {
			return err
		}
		v.Problem, status = err.Error(), statuses[city.KindOf(err)]
	}
	p, bad := desk.Preview(t)
	if bad != nil {
		v.Problem, v.Checked, status = bad.Error(), false, statuses[city.KindOf(bad)]
		return c.showTables(w, r, status, t, v)
	}
	c.wastePreview(&p, t, &v)
	return c.showTables(w, r, status, t, v)
}

func (c *Console) wastePreview(p *wastelive.TablesPreview, t wastelive.Tables, v *wasteTablesView) {
	v.Tables, v.Wrong, v.Made = c.wasteTables(t), p.Wrong(), p.Made
	v.Ready = v.Wrong == 0
	fill := func(x *wasteTable, n int, errors []waste.LineError, ignored []string) {
		x.Understood = c.say.Say("waste.tables.understood", "n", n, "wrong", len(errors))
		for _, e := range errors[:min(len(errors), wasteErrorsShown)] {
			x.Errors = append(x.Errors, e.Error())
		}
		if rest := len(errors) - wasteErrorsShown; rest > 0 {
			x.More = c.say.Say("waste.tables.more", "n", rest)
		}
		if len(ignored) > 0 {
			x.Ignored = c.say.Say("waste.tables.ignored", "list", strings.Join(ignored, ", "))
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
		v.Summary = append(v.Summary, c.say.Say("waste.tables.would", "new", fmt.Sprint(p.New), "changed", fmt.Sprint(p.Changed), "same", fmt.Sprint(p.Same), "going", fmt.Sprint(p.Going)))
	}
	if p.Trucks != nil {
		v.Summary = append(v.Summary, c.say.Say("waste.tables.fleet", "trucks", fmt.Sprint(len(p.Fleet.Trucks)), "sites", fmt.Sprint(len(p.Fleet.Sites))))
	}
	for _, g := range waste.Gather(p.Problems) {
		v.Problems = append(v.Problems, g.String())
	}
}
