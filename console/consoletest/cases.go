package consoletest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"sync"
	"time"

	"polity/access"
	"polity/city"
	"polity/console"
	"polity/recording/share"
)

// Cases keeps cases in memory. The body "city" asks for footage, and one of another office.
type Cases struct {
	now func() time.Time

	mu   sync.Mutex
	all  []console.Case
	Took [][]byte // files that were brought
	// Err, if it is set, is what every file is answered with.
	Err error
	// Away is what Recorded answers of a camera whose edge is away.
	Away map[city.Slug]error
}

// CaseID is the id of a test's case.
func CaseID(name string) string {
	sum := sha256.Sum256([]byte(name))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// NewCases makes one case in each state: asked, logged, granted, refused, opened, and
// another office's.
func NewCases(now func() time.Time) *Cases {
	at := now().Truncate(time.Minute)
	make1 := func(name, code string, ago time.Duration, change func(*console.Case)) console.Case {
		k := console.Case{
			ID: CaseID(name), Code: code, Office: "city", Purpose: "missing-person", Count: 2, Hours: 1, Own: true, Cameras: []city.Slug{"quay", "square"},
			From: at.Add(-26 * time.Hour), To: at.Add(-25 * time.Hour), Logged: at.Add(-ago), Index: 4711, Public: true,
			Expires: at.Add(72 * time.Hour), DetailsPublicOn: at.AddDate(0, 6, 0),
			Bodies: []console.CaseBody{{Body: share.Court, State: console.AnswerWaiting}, {Body: share.Ombudsman, State: console.AnswerWaiting}},
		}
		change(&k)
		return k
	}
	approve := func(b *console.CaseBody, ago time.Duration) {
		b.State, b.At, b.Shares, b.Public, b.Words = console.AnswerApproved, at.Add(-ago), 1200, true, "fotip-lusab-babad-gutih-mudof"
	}
	return &Cases{now: now, all: []console.Case{
		make1("logged", "hubid-lirak", time.Minute, func(k *console.Case) { k.Public, k.Index = false, -1 }),
		make1("asked", "lusab-babad", 3*time.Hour, func(k *console.Case) {
			approve(&k.Bodies[0], time.Hour)
			k.Bodies[1].Request, k.Bodies[1].Fetched = "gutih-tugad-mudof-lusab-babad", at.Add(-2*time.Hour)
		}),
		make1("granted", "fotip-ralug", 24*time.Hour, func(k *console.Case) {
			approve(&k.Bodies[0], 20*time.Hour)
			approve(&k.Bodies[1], 18*time.Hour)
		}),
		make1("refused", "zasod-mimup", 48*time.Hour, func(k *console.Case) {
			approve(&k.Bodies[0], 40*time.Hour)
			k.Bodies[1].State, k.Bodies[1].At, k.Bodies[1].Reason, k.Bodies[1].Public = console.AnswerRefused, at.Add(-30*time.Hour), "scope-too-wide", true
		}),
		make1("opened", "kosin-dabub", 300*24*time.Hour, func(k *console.Case) {
			approve(&k.Bodies[0], 299*24*time.Hour)
			approve(&k.Bodies[1], 299*24*time.Hour)
			k.Opened, k.Expires, k.DetailsPublicOn = true, at.AddDate(0, 0, -290), at.AddDate(0, 0, -2)
		}),
		make1("other", "pinob-hugar", 5*time.Hour, func(k *console.Case) { k.Office = "customs" }),
	}}
}

// seen is a case as somebody may know it.
func seen(k console.Case, who access.Who) (console.Case, bool) {
	watches := who.Has(access.Auditor) || who.Has(access.DataProtection)
	k.Own = k.Office == who.Body && !watches
	if !k.Own {
		k.Cameras, k.From, k.To = nil, time.Time{}, time.Time{}
	}
	return k, k.Own || watches
}

// Cases implements console.Cases.
func (c *Cases) Cases(_ context.Context, who access.Who) (list []console.Case, _ error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, k := range c.all {
		if k, ok := seen(k, who); ok {
			list = append(list, k)
		}
	}
	return list, nil
}

// Case implements console.Cases.
func (c *Cases) Case(_ context.Context, who access.Who, id string) (console.Case, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, k := range c.all {
		if k.ID == id {
			if k, ok := seen(k, who); ok {
				return k, nil
			}
		}
	}
	return console.Case{}, city.Errorf(city.NotFound, "there is no such case")
}

// Change changes the case with a name.
func (c *Cases) Change(name string, change func(*console.Case)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range c.all {
		if c.all[i].ID == CaseID(name) {
			change(&c.all[i])
		}
	}
}

func (c *Cases) take(file io.Reader) error {
	text, err := io.ReadAll(file)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.Err != nil:
		return c.Err
	case !bytes.HasPrefix(text, []byte("POL")) && !bytes.HasPrefix(text, []byte("{")):
		return city.Errorf(city.Invalid, "this is no file of a release: it does not begin with its mark")
	}
	c.Took = append(c.Took, text)
	return nil
}

// Submit implements console.Cases: it makes another case that waits.
func (c *Cases) Submit(_ context.Context, _ access.Who, file io.Reader) (string, error) {
	return CaseID("logged"), c.take(file)
}

// Request implements console.Cases.
func (c *Cases) Request(_ context.Context, _ access.Who, _ string, body share.Body, w io.Writer) error {
	c.mu.Lock()
	err := c.Err
	c.mu.Unlock()
	if err != nil {
		return err
	}
	_, err = io.WriteString(w, "POLREL request to "+string(body))
	return err
}

// Answer implements console.Cases: the ombudsman approves.
func (c *Cases) Answer(_ context.Context, _ access.Who, id string, file io.Reader) error {
	if err := c.take(file); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range c.all {
		if k := &c.all[i]; k.ID == id {
			k.Bodies[1].State, k.Bodies[1].At, k.Bodies[1].Shares, k.Bodies[1].Public, k.Bodies[1].Words = console.AnswerApproved, c.now(), 1200, true, "mudof-gutih-lusab-babad-fotip"
		}
	}
	return nil
}

// Recorded implements console.Cases: 72 hours are kept, a quarter of an hour of the last one
// but two is missing, and cameras with "street" in their name record nothing.
func (c *Cases) Recorded(_ context.Context, camera city.Slug, from, to time.Time) (console.Recorded, error) {
	c.mu.Lock()
	err := c.Away[camera]
	c.mu.Unlock()
	r := console.Recorded{Keeps: 72 * time.Hour}
	if err != nil || bytes.HasPrefix([]byte(camera), []byte("street")) {
		return console.Recorded{}, err
	}
	now := c.now()
	gap := now.Truncate(time.Hour).Add(-3 * time.Hour)
	for _, s := range [][2]time.Time{{now.Add(-72 * time.Hour), gap.Add(10 * time.Minute)}, {gap.Add(25 * time.Minute), now}} {
		if s[0].Before(from) {
			s[0] = from
		}
		if s[1].After(to) {
			s[1] = to
		}
		if s[0].Before(s[1]) {
			r.Spans = append(r.Spans, s)
		}
	}
	return r, nil
}
