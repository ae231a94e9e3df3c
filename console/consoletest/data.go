package consoletest

import (
	"context"
	"time"

	"polity/city"
	"polity/console"
	"polity/opendata"
	"polity/plane/rest"
)

// Published is open data for pages: counts of the camera with a file that was corrected,
// and a set of which nothing is published yet.
type Published struct{ now func() time.Time }

// NewData makes what the pages about open data show; now nil is time.Now.
func NewData(now func() time.Time) console.Data {
	if now == nil {
		now = time.Now
	}
	return console.Data{Published: &Published{now}, About: opendata.Catalogue{
		Title: "Open data of Helsinki", Publisher: "City of Helsinki", Contact: opendata.Contact{Name: "Data office", Email: "data@city.example"},
		Licence: rest.Licence{Name: "CC BY 4.0", URL: "https://creativecommons.org/licenses/by/4.0/"}, API: true, Address: "https://data.city.example",
	}}
}

// Sets implements console.Publishing.
func (*Published) Sets() []opendata.Set {
	return []opendata.Set{
		{
			ID: "counts-square", Title: "Counts of Railway Square, north side", Description: "How many people, bicycles and vehicles the camera sees, and how many cross its lines.",
			Keep: 90 * 24 * time.Hour, Notes: []string{"Numbers below 5 are withheld, and so are sums and parts from which such a number could be worked out."},
			Address: rest.Root + "/entities/urn:polity:counts:square",
			Columns: []opendata.Column{
				{Name: "start", Kind: opendata.Moment, About: "Beginning of the interval."},
				{Name: "class", Kind: opendata.Text, About: "person, bicycle or vehicle."},
				{Name: "value", Kind: opendata.Number, Unit: "count", About: "Empty where it is withheld."},
				{Name: "withheld", Kind: opendata.Truth, About: "The number is too small, or would reveal one that is."},
			},
		},
		{
			ID: "air-quality-observed", Title: "Air quality", Description: "What sensors observed of the air, a row per moment.",
			Columns: []opendata.Column{{Name: "temperature", Kind: opendata.Number, Unit: "CEL", About: "As the sensor measured it."}},
		},
	}
}

// Index implements console.Publishing.
func (p *Published) Index(id city.Slug) (*opendata.Index, error) {
	x := &opendata.Index{Set: id}
	switch id {
	case "air-quality-observed":
		return x, nil
	case "counts-square":
	default:
		return nil, city.Errorf(city.NotFound, "there is no set %s", id)
	}
	for back := 20; back >= 1; back-- {
		day := p.now().AddDate(0, 0, -back).UTC().Truncate(24 * time.Hour)
		one := opendata.Published{
			Name: day.Format(time.DateOnly), From: day, To: day.AddDate(0, 0, 1), Revision: 1, At: day.Add(26 * time.Hour), Rows: 1440,
			Files: map[string]opendata.File{"csv": {Bytes: 91_300, SHA256: "0"}, "geojson": {Bytes: 412_000, SHA256: "0"}},
		}
		if back == 3 {
			one.Revision, one.Corrections = 2, []opendata.Correction{{At: day.Add(50 * time.Hour), Reason: "The camera had been turned aside for two hours."}}
		}
		x.Days = append(x.Days, one)
	}
	return x, nil
}

// Preview implements console.Publishing.
func (p *Published) Preview(_ context.Context, id city.Slug, _ int) (string, [][]string, error) {
	day := p.now().AddDate(0, 0, -1).UTC().Format(time.DateOnly)
	if id != "counts-square" {
		return day, nil, nil
	}
	return day, [][]string{{day + "T12:00:00+02:00", "person", "14", "false"}, {day + "T12:00:00+02:00", "bicycle", "", "true"}, {day + "T12:15:00+02:00", "person", "9", "false"}}, nil
}
