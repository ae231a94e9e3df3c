package hub

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/mail"
	"net/url"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"polity/city"
	"polity/console"
	"polity/opendata"
	"polity/plane/rest"
)

// OpenData is what everyone may see of the city's data, and take: the list without
// which no type is public.
type OpenData struct {
	Off       bool          `yaml:"off"`
	Address   string        `yaml:"address"`   // of the hub for everyone, https://data.city.example; empty: as it is asked for
	Publisher string        `yaml:"publisher"` // empty: the city
	Contact   DataContact   `yaml:"contact"`
	Licence   DataLicence   `yaml:"licence"`   // empty: CC BY 4.0
	Settle    time.Duration `yaml:"settle"`    // how long after its end a day is published; 0: 2h
	KeepDays  int           `yaml:"keep_days"` // of sensors' files; 0: for ever. Cameras' are kept as their entry says
	NoCameras bool          `yaml:"no_cameras"`
	// Types are the public types. Left out: those of the sensors' mappings, but for
	// homes, and without the location of what moves.
	Types []DataType `yaml:"types"`
}

// DataContact answers questions about the data.
type DataContact struct {
	Name  string `yaml:"name"`
	Email string `yaml:"email"`
}

// DataLicence is under which terms data are published.
type DataLicence struct {
	Name string `yaml:"name"`
	URL  string `yaml:"url"`
}

// DataType is a public type with its public attributes.
type DataType struct {
	Type        string          `yaml:"type"`
	Title       string          `yaml:"title"`
	Description string          `yaml:"description"`
	Theme       string          `yaml:"theme"` // of the EU's authority table data-theme; empty: ENVI
	Attributes  []DataAttribute `yaml:"attributes"`
}

// DataAttribute is a public attribute.
type DataAttribute struct {
	Name  string `yaml:"name"`
	Title string `yaml:"title"`
	Unit  string `yaml:"unit"`
	// PeopleAtLeast is for attributes that count people: smaller values are withheld.
	PeopleAtLeast float64 `yaml:"people_at_least"`
	// Words are no numbers: the attribute has no history and no column.
	Words bool `yaml:"words"`
}

func (o OpenData) withDefaults(name string) OpenData {
	if o.Publisher == "" {
		o.Publisher = name
	}
	if o.Licence == (DataLicence{}) {
		o.Licence = DataLicence{"CC BY 4.0", "https://creativecommons.org/licenses/by/4.0/"}
	}
	if o.Settle == 0 {
		o.Settle = 2 * time.Hour
	}
	return o
}

func (o *OpenData) check() error {
	var errs []error
	if o.Address != "" {
		if u, err := url.Parse(o.Address); err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") || u.RawQuery != "" {
			errs = append(errs, fmt.Errorf("address: %q is no address such as https://data.city.example", o.Address))
		}
	}
	if o.Contact.Email != "" {
		if _, err := mail.ParseAddress(o.Contact.Email); err != nil {
			errs = append(errs, fmt.Errorf("contact.email: %q is no address such as data@city.example", o.Contact.Email))
		}
	}
	if u, err := url.Parse(o.Licence.URL); o.Licence != (DataLicence{}) && (o.Licence.Name == "" || err != nil || u.Host == "") {
		errs = append(errs, errors.New("licence: give its name and its url"))
	}
	if o.Settle < 0 || o.Settle > 7*24*time.Hour {
		errs = append(errs, fmt.Errorf("settle: %v is not between 0 and 168h", o.Settle))
	}
	if o.KeepDays < 0 {
		errs = append(errs, fmt.Errorf("keep_days: %d is below 0", o.KeepDays))
	}
	if err := rest.Check(publicTypes(o.Types)); err != nil {
		errs = append(errs, fmt.Errorf("types: %w", err))
	}
	for _, t := range o.Types {
		set := sensorSet(&t, o)
		if err := set.Check(); err != nil && len(t.Attributes) > 0 {
			errs = append(errs, fmt.Errorf("types: %w", err))
		}
	}
	return errors.Join(errs...)
}

func publicTypes(types []DataType) []rest.Public {
	var list []rest.Public
	for _, t := range types {
		p := rest.Public{Type: t.Type, Title: t.Title, Description: t.Description}
		for _, a := range t.Attributes {
			p.Attributes = append(p.Attributes, rest.Attribute{Name: a.Name, Title: a.Title, Unit: a.Unit, AtLeast: a.PeopleAtLeast})
		}
		list = append(list, p)
	}
	return list
}

// data is what runs of it.
type data struct {
	types   []DataType
	book    *book
	archive *opendata.Archive
	files   http.Handler
	about   opendata.Catalogue
}

// openData begins to publish. Without it nothing is public but the pages.
func (h *Hub) openData() error {
	o := h.cfg.OpenData.withDefaults(h.cfg.City)
	if h.cfg.OpenData.Off {
		return nil
	}
	d := &data{types: o.Types}
	if d.types == nil && h.sensors != nil {
		d.types = mappedTypes(h.sensors.intake.Mappings().All())
	}
	dir := filepath.Join(h.cfg.Data, "opendata")
	d.book = &book{h: h, dir: filepath.Join(h.cfg.Data, "published-counts"), kept: map[bookKey]*bookDay{}}
	var err error
	d.archive, err = opendata.Open(opendata.Config{Dir: dir, Sources: func() []opendata.Source { return h.sources(d, &o) }, Zone: h.about.Zone, Settle: o.Settle, Log: h.log, Now: h.now})
	if err != nil {
		return err
	}
	d.about = opendata.Catalogue{
		Address: o.Address, Title: "Open data of " + h.cfg.City, Publisher: o.Publisher, Contact: opendata.Contact(o.Contact), Licence: rest.Licence(o.Licence), API: !h.cfg.REST.Off,
	}
	d.files = opendata.NewHandler(d.archive, d.about)
	h.data = d
	return nil
}

// run publishes what is due until ctx ends.
func (d *data) run(ctx context.Context) {
	var work sync.WaitGroup
	work.Go(func() { d.archive.Run(ctx) })
	work.Go(func() { d.book.run(ctx) })
	work.Wait()
}

// sources are the sets: one per camera that has an entry, one per public type.
func (h *Hub) sources(d *data, o *OpenData) []opendata.Source {
	var list []opendata.Source
	if !o.NoCameras {
		for _, c := range h.all() {
			list = append(list, &countsSource{h, d.book, c.name})
		}
	}
	if h.book != nil {
		list = append(list, &looksSource{h.book})
	}
	for i := range d.types {
		if slices.ContainsFunc(d.types[i].Attributes, func(a DataAttribute) bool { return isColumn(&a) }) {
			list = append(list, &sensorSource{h: h, kind: &d.types[i], set: sensorSet(&d.types[i], o), public: publicTypes(d.types)})
		}
	}
	return list
}

// words makes an id of a type's name: AirQualityObserved becomes air-quality-observed.
func words(name string) city.Slug {
	var b []byte
	for i := range len(name) {
		c := name[i]
		switch {
		case c >= 'A' && c <= 'Z':
			if i > 0 && len(b) > 0 && b[len(b)-1] != '-' && !(name[i-1] >= 'A' && name[i-1] <= 'Z') {
				b = append(b, '-')
			}
			b = append(b, c+'a'-'A')
		case (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'):
			b = append(b, c)
		case len(b) > 0 && b[len(b)-1] != '-':
			b = append(b, '-')
		}
	}
	for len(b) > 0 && b[len(b)-1] == '-' {
		b = b[:len(b)-1]
	}
	return city.Slug(b)
}

// published is what the pages show of it.
func (h *Hub) published() console.Data {
	if h.data == nil {
		return console.Data{About: opendata.Catalogue{API: h.rest != nil, Address: h.cfg.OpenData.Address}}
	}
	return console.Data{Published: h.data.archive, About: h.data.about}
}
