package consoletest

import (
	"context"
	"fmt"
	"time"

	"polity/access"
	"polity/access/look"
	"polity/city"
)

// NewBook writes a book of looks of four weeks in a folder, which ends now: two bodies
// look through the camera of the square, one person far more than the other, and nobody
// through any other. The caller closes it.
func NewBook(dir string, now func() time.Time, zone *time.Location) (*look.Book, error) {
	end := now()
	at := end.AddDate(0, 0, -28)
	cfg := look.Config{Dir: dir, Zone: zone, Now: func() time.Time { return at }}
	b, err := look.Open(cfg)
	if err != nil {
		return nil, err
	}
	looker := func(id string, body city.Slug) access.Who {
		return access.Who{Kind: access.Person, ID: id, Body: body, Roles: []access.Role{access.SafetyOperator}, Session: "session-of-" + id}
	}
	much, little := looker("person-1", "safety"), looker("person-2", "traffic-office")
	for day := 0; !at.AddDate(0, 0, 1).After(end); day++ {
		begun := at
		for i := range 1 + day%7 {
			who, purpose := much, city.Slug("incident")
			if i == 2 {
				who, purpose = little, "traffic"
			}
			who.Session = fmt.Sprintf("%s-%d-%d", who.Session, day, i)
			l := look.Look{Who: who, Purpose: purpose, Do: access.LookLive, On: access.Camera("square")}
			if i == 4 {
				l.Do, l.From, l.To = access.LookBack, at.Add(-time.Hour), at
			}
			o, err := b.Record(context.Background(), l)
			if err != nil {
				return nil, err
			}
			at = at.Add(time.Duration(1+i) * time.Minute)
			o.Finish()
		}
		at = begun.AddDate(0, 0, 1)
		if err := b.Tick(context.Background()); err != nil {
			return nil, err
		}
	}
	if err := b.Close(); err != nil {
		return nil, err
	}
	cfg.Now = now
	return look.Open(cfg)
}
