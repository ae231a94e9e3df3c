package console

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"polity/camera/layout"
	"polity/city"
	"polity/console/counts"
	"polity/console/frame"
	"polity/opendata"
	"polity/plane/rest"
)

// Inside tells which zones lie within which, as counts.Rule asks.
func Inside(zones []layout.Zone) func(inner, outer city.Slug) bool { return inside(zones) }

// Publishing is what the city publishes as open data. Methods are safe for concurrent
// use.
type Publishing interface {
	// Sets lists the data sets.
	Sets() []opendata.Set
	// Index returns what is published of one. NotFound: there is no such set.
	Index(id city.Slug) (*opendata.Index, error)
	// Preview returns the first rows of the newest day.
	Preview(ctx context.Context, id city.Slug, rows int) (day string, table [][]string, err error)
}

// PublishedCounts is a City that remembers what was published of counts. Pages then say
// the same: what comes late could otherwise be subtracted from what was said before.
type PublishedCounts interface {
	// PublishedCounts returns what everyone may see of a day by quarters of an hour, as
	// counts.Rule.Public does. It is not ok where nothing was remembered.
	PublishedCounts(ctx context.Context, camera city.Slug, q counts.Query) (published []counts.Series, ok bool, err error)
}

// Data is what the pages about open data show; the zero one that there is none.
type Data struct {
	Published Publishing
	About     opendata.Catalogue
}

type setRow struct {
	ID                        city.Slug
	Title, Description, Since string
	Newest                    string // day
	Days                      int
}

func (c *Console) dataPage(w http.ResponseWriter, r *frame.Request) error {
	var v struct {
		Summary string
		Sets    []setRow
		About   opendata.Catalogue
		API     bool
	}
	v.About = c.cfg.Data.About
	v.API = v.About.API
	if p := c.cfg.Data.Published; p != nil {
		for _, s := range p.Sets() {
			x, err := p.Index(s.ID)
			if err != nil {
				return err
			}
			row := setRow{ID: s.ID, Title: s.Title, Description: s.Description, Days: len(x.Days)}
			if n := len(x.Days); n > 0 {
				row.Since, row.Newest = x.Days[0].Name, x.Days[n-1].Name
			}
			v.Sets = append(v.Sets, row)
		}
	}
	v.Summary = c.Say("data.words", "n", len(v.Sets))
	return c.Render(w, r, http.StatusOK, frame.Page{Template: "data", Title: c.Say("data.title"), Data: v})
}

type fileRow struct {
	Name, Rows, Published string
	Files                 []fileLink
	Corrections           []opendata.Correction
}

type fileLink struct{ Address, Name, Size string }

type columnRow struct{ Name, Unit, Kind, About string }

type setView struct {
	ID                   city.Slug
	Description          string
	Notes                []string
	About                opendata.Catalogue
	Span, Kept           string
	Columns              []columnRow
	Head                 []string
	PreviewDay           string
	Preview              [][]string
	Days, Months         []fileRow
	More                 int // days that are not listed
	Corrected            bool
	Commands             string
	API                  string
	MailAddress, Contact string
}

const (
	previewRows = 8
	listedFiles = 14
)

func (c *Console) setPage(w http.ResponseWriter, r *frame.Request) error {
	p := c.cfg.Data.Published
	id := city.Slug(r.PathValue("set"))
	if p == nil {
		return city.Errorf(city.NotFound, "%s", c.Say("data.missing", "name", string(id)))
	}
	x, err := p.Index(id)
	if city.KindOf(err) == city.NotFound {
		return city.Errorf(city.NotFound, "%s", c.Say("data.missing", "name", string(id)))
	}
	if err != nil {
		return err
	}
	for _, s := range p.Sets() {
		if s.ID == id {
			v, err := c.setView(r, &s, x)
			if err != nil {
				return err
			}
			return c.Render(w, r, http.StatusOK, frame.Page{Template: "dataset", Title: s.Title, Data: v})
		}
	}
	return city.Errorf(city.NotFound, "%s", c.Say("data.missing", "name", string(id)))
}

func (c *Console) setView(r *frame.Request, s *opendata.Set, x *opendata.Index) (*setView, error) {
	about := c.cfg.Data.About
	v := &setView{ID: s.ID, Description: s.Description, Notes: s.Notes, About: about, MailAddress: about.Contact.Email, Contact: about.Contact.Name, API: s.Address}
	if v.Contact == "" {
		v.Contact = v.MailAddress
	}
	v.Kept = c.Say("data.kept.ever")
	if s.Keep > 0 {
		v.Kept = r.Clock.Long(s.Keep)
	}
	v.Span = c.Say("data.span.none")
	newest := "2026-11-29"
	if n := len(x.Days); n > 0 {
		newest = x.Days[n-1].Name
		v.Span = c.Say("data.span", "from", x.Days[0].Name, "to", newest, "n", n)
	}
	for _, k := range s.Columns {
		v.Columns = append(v.Columns, columnRow{k.Name, k.Unit, c.Say("data.kind." + string(k.Kind)), k.About})
		v.Head = append(v.Head, k.Name)
	}
	var err error
	if v.PreviewDay, v.Preview, err = c.cfg.Data.Published.Preview(r.Context(), s.ID, previewRows); err != nil {
		return nil, err
	}
	v.Days, v.More = c.fileRows(s.ID, x.Days)
	v.Months, _ = c.fileRows(s.ID, x.Month)
	for _, f := range append(v.Days, v.Months...) {
		v.Corrected = v.Corrected || len(f.Corrections) > 0
	}
	base := about.Base(r.Request) + "/data/" + string(s.ID)
	v.Commands = strings.Join([]string{
		"curl -O " + base + "/" + newest + ".csv", "curl -o " + string(s.ID) + ".csv '" + base + "/all.csv?from=" + newest + "'", "curl " + base + "/index.json",
	}, "\n")
	if !about.API {
		v.API = ""
	}
	return v, nil
}

// fileRows lists the newest files, the newest first.
func (c *Console) fileRows(id city.Slug, list []opendata.Published) (rows []fileRow, more int) {
	for i, p := range slices.Backward(list) {
		if len(rows) == listedFiles {
			return rows, i + 1
		}
		row := fileRow{Name: p.Name, Rows: strconv.FormatInt(p.Rows, 10), Published: p.At.In(c.Zone).Format("2006-01-02 15:04"), Corrections: p.Corrections}
		for _, ending := range opendata.Endings {
			f := p.Files[ending]
			row.Files = append(row.Files, fileLink{"/data/" + string(id) + "/" + p.Name + "." + ending, map[string]string{"csv": "CSV", "geojson": "GeoJSON"}[ending], amount(f.Bytes)})
		}
		rows = append(rows, row)
	}
	return rows, 0
}

// amount is a file's size as people read it, by powers of 1000.
func amount(bytes int64) string {
	v, unit := float64(bytes), "B"
	for _, next := range []string{"kB", "MB", "GB"} {
		if v < 1000 {
			break
		}
		v, unit = v/1000, next
	}
	return strconv.FormatFloat(round1(v), 'f', -1, 64) + " " + unit
}

// apiPage describes the plain API by its own table.
func (c *Console) apiPage(w http.ResponseWriter, r *frame.Request) error {
	about := c.cfg.Data.About
	v := struct {
		Operations []rest.Operation
		Base, Root string
		On         bool
		Example    string
	}{rest.Operations(), about.Base(r.Request), rest.Root, about.API, ""}
	v.Example = "curl '" + v.Base + rest.Root + "/types'\ncurl '" + v.Base + rest.Root + "/entities?format=geojson&updated_since=" + r.Clock.Now.UTC().Add(-time.Hour).Truncate(time.Hour).Format(time.RFC3339) + "'"
	return c.Render(w, r, http.StatusOK, frame.Page{Template: "api", Title: c.Say("api.title"), Data: v})
}
