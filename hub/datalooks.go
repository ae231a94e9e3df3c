package hub

import (
	"context"
	"time"

	"polity/access/look"
	"polity/opendata"
)

// looksSource is the published counts of looks as a set of files.
type looksSource struct{ book *look.Book }

// Set implements opendata.Source.
func (*looksSource) Set() opendata.Set {
	return opendata.Set{
		ID: "looks", Title: "Looks through the city's cameras", Theme: "GOVE", Keywords: []string{"cameras", "transparency", "looks"},
		Description: "How often each body looked through each camera, or into a service's data, on each day, for how long and what for. No body is exempt.",
		Columns: []opendata.Column{
			{Name: "day", Kind: opendata.Text, About: "Day of looks; it ends and is published at the hour that /looks names."},
			{Name: "on", Kind: opendata.Text, About: "Camera or Service."},
			{Name: "name", Kind: opendata.Text, About: "Of the camera or service."},
			{Name: "do", Kind: opendata.Text, About: "look-live: the live scene; look-back: the past before it is public; look-data: raw data."},
			{Name: "body", Kind: opendata.Text, About: "Which body looked."},
			{Name: "purpose", Kind: opendata.Text, About: "What for."},
			{Name: "looks", Kind: opendata.Whole, Unit: "count", About: "How many looks."},
			{Name: "minutes", Kind: opendata.Whole, Unit: "min", About: "How long, in begun minutes."},
		},
		Notes: []string{"Small numbers are not withheld: they are about officials at work.", "The same counts, chained by hashes, stand at /looks/chain.jsonl; /looks/check says how to verify them."},
	}
}

// Rows implements opendata.Source.
func (s *looksSource) Rows(ctx context.Context, from, _ time.Time, _ bool, each func(opendata.Row) error) error {
	day := from.Format(time.DateOnly)
	days, _, _ := s.book.Days(ctx)
	for _, d := range days {
		if d.Day.Day != day {
			continue
		}
		for _, n := range d.Of {
			if err := each(opendata.Row{Cells: []any{n.Day, string(n.On), string(n.Name), string(n.Do), string(n.Body), string(n.Purpose), int64(n.Looks), int64(n.Minutes)}}); err != nil {
				return err
			}
		}
	}
	return nil
}
