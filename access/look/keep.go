package look

import (
	"log/slog"
	"slices"
)

// forget removes details that were kept long enough. That they are removed is in the book
// before they are.
func (b *Book) forget() error {
	days, err := daysIn(b.cfg.Dir)
	if err != nil {
		return err
	}
	oldest := next(b.today.day, -b.cfg.Settings.KeepDays)
	for _, day := range days {
		if day >= oldest || day >= b.today.day {
			return nil
		}
		p, ok := b.chain.day(day)
		if !ok {
			continue
		}
		if !slices.ContainsFunc(b.today.gone, func(r removed) bool { return r.Day == day }) {
			x := b.begin(b.now())
			x.add(record{Removed: &removed{day, p.Head, b.cfg.Settings.KeepDays}})
			if err := x.commit(); err != nil {
				return err
			}
		}
		if err := b.cfg.disk.Remove(detailsPath(b.cfg.Dir, day)); err != nil {
			return err
		}
		b.log.Info("details of looks were kept long enough and are removed", slog.String("day", day))
	}
	return nil
}
