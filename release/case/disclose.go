package casefile

import (
	"time"

	"polity/city"
	"polity/ledger/canonical"
	"polity/ledger/entry"
)

// MaxOpen is how many days after a token's expiry its details may stay closed, extensions
// included.
const MaxOpen = 366

// Disclose signs the entry that makes the details public. It may be done before their day:
// they are the office's own. The case is unlocked. Once signed it stays.
func (c *Case) Disclose(now time.Time) (*Statement, error) {
	s, err := c.kept(detailsFile)
	if err == nil {
		if e, ok := s.Entry.(*entry.ReleaseDetails); ok && e.Token == c.Token.ID && e.What == "published" {
			return s, nil
		}
		return nil, city.Errorf(city.Invalid, "%s is not of this case", detailsFile)
	}
	if city.KindOf(err) != city.NotFound {
		return nil, err
	}
	if c.Details == nil {
		return nil, city.Errorf(city.Forbidden, "the case is locked")
	}
	d := c.Details
	return c.keep(detailsFile, &entry.ReleaseDetails{
		At: canonical.At(now), Body: c.office.about.Body, Cameras: d.Cameras, Case: d.Case, Device: c.office.about.Device, From: d.From, Order: d.Order,
		Salts: &entry.Salts{Cameras: d.Salts.Cameras, Case: d.Salts.Case, Order: d.Salts.Order, Times: d.Salts.Times}, To: d.To, Token: d.Token, What: "published",
	})
}

// Extend signs an entry that puts off the day on which the details become public. It is
// public itself.
func (c *Case) Extend(until canonical.Day, now time.Time) (*Statement, error) {
	if err := until.Check(); err != nil {
		return nil, err
	}
	switch last := c.Token.Expires.Time().AddDate(0, 0, MaxOpen); {
	case !until.Time().After(c.Token.DetailsPublicOn.Time()):
		return nil, city.Errorf(city.Invalid, "the details become public on %s; an extension names a later day", c.Token.DetailsPublicOn)
	case until.Time().After(last):
		return nil, city.Errorf(city.Invalid, "details may stay closed until %s at most", last.Format(time.DateOnly))
	}
	e := &entry.ReleaseDetails{At: canonical.At(now), Body: c.office.about.Body, Device: c.office.about.Device, PublicOn: until, Token: c.Token.ID, What: "extended"}
	if err := c.office.sign(e); err != nil {
		return nil, err
	}
	b, err := entry.Encode(e)
	return &Statement{e, b}, err
}
