// Package summarytest is a year of a city's public log in memory: footage was asked for,
// refused and opened, bodies audited, and some of it is as it should not be. For tests and
// for looking at pages.
package summarytest

import (
	"fmt"
	"time"

	"polity/city"
	"polity/ledger/canonical"
	"polity/ledger/entry"
	"polity/ledger/proof/prooftest"
	"polity/ledger/roster"
	"polity/ledger/roster/rostertest"
)

// End is when the year is looked at.
var End = time.Date(2026, 11, 24, 12, 32, 0, 0, time.UTC)

// Writer appends what bodies and offices sign.
type Writer struct{ *prooftest.Log }

// New is an empty log of a city of its own, whose first roster counts from March on.
func New(seed string) Writer {
	c := rostertest.New(seed)
	r := c.Plain()
	r.ValidFrom = "2026-03-01T00:00:00Z"
	var err error
	c.Roster, err = roster.First(c.Sign(r))
	must(err)
	return Writer{&prooftest.Log{City: c}}
}

func hash(s string) canonical.Hash { return canonical.Sum("test", []byte(s)) }

// Bytes are 1216 bytes that stand for a public key.
func Bytes(s string) (b canonical.Bytes) {
	for i := 0; len(b) < 1216; i++ {
		h := hash(fmt.Sprint(s, i))
		b = append(b, h[:]...)
	}
	return b
}

// Sign appends an entry, signed by the device that it names.
func (w Writer) Sign(e entry.Signed) int64 {
	_, device := e.By()
	must(entry.Sign(e, w.City.Devices[device].Key))
	return w.Append(e)
}

// Case is what somebody asks for.
type Case struct {
	Name     string
	Purpose  entry.Word
	Cameras  []city.Slug
	From, To canonical.Time
	Expires  canonical.Time
	PublicOn canonical.Day
}

// Details are those of the case, which open its commitments.
func (c Case) Details() *entry.ReleaseDetails {
	return &entry.ReleaseDetails{
		At: c.Expires, Body: roster.Court, Cameras: c.Cameras, Case: "R 2026/1234", Device: "court-1", From: c.From, Order: "HEL 2026-012345",
		Salts: &entry.Salts{Cameras: hash(c.Name + "1"), Case: hash(c.Name + "2"), Order: hash(c.Name + "3"), Times: hash(c.Name + "4")},
		To:    c.To, Token: c.Token(), What: "published",
	}
}

// Token is the id of its request, which stands for the one that release/token makes.
func (c Case) Token() canonical.Hash { return hash("token of " + c.Name) }

// Ask appends the request of a case by the police.
func (w Writer) Ask(c Case) int64 {
	d := c.Details()
	var cameras []byte
	for _, name := range c.Cameras {
		cameras = append(append(cameras, name...), '\n')
	}
	hours := int64((c.To.Time().Sub(c.From.Time()) + time.Hour - 1) / time.Hour)
	return w.Sign(&entry.ReleaseRequested{
		Body: "police", CamerasCount: int64(len(c.Cameras)), CaseKey: Bytes(c.Name), Cases: 1, DetailsPublicOn: c.PublicOn, Device: "police-1",
		Commitments: entry.Commitments{
			Cameras: canonical.Commit(d.Salts.Cameras, cameras), Case: canonical.Commit(d.Salts.Case, []byte(d.Case)),
			Order: canonical.Commit(d.Salts.Order, []byte(d.Order)), Times: canonical.Commit(d.Salts.Times, []byte(c.From+"/"+c.To)),
		},
		Expires: c.Expires, HoursCount: hours, ID: c.Token(), Purpose: c.Purpose,
	})
}

// Approve appends both bodies' approvals, or those of some.
func (w Writer) Approve(c Case, at canonical.Time, bodies ...city.Slug) {
	if bodies == nil {
		bodies = []city.Slug{roster.Court, roster.Ombudsman}
	}
	for _, b := range bodies {
		w.Sign(&entry.ReleaseApproved{At: at, Body: b, Count: 1200, Device: b + "-1", Shares: hash(c.Name + string(b)), Token: c.Token()})
	}
}

// Refuse appends the ombudsman's refusal.
func (w Writer) Refuse(c Case, at canonical.Time, reason entry.Word) int64 {
	return w.Sign(&entry.ReleaseRefused{At: at, Body: roster.Ombudsman, Device: "ombudsman-2", Reason: reason, Token: c.Token()})
}

// Open appends that the police opened footage.
func (w Writer) Open(c Case, at canonical.Time) int64 {
	return w.Sign(&entry.ReleaseOpened{At: at, Body: "police", Device: "police-1", Segments: 1200, Token: c.Token()})
}

// Cases of the year, by what became of them: opened with details public, refused, opened
// with details not public yet, waiting, expired, overdue, approved and not opened.
var (
	Told    = Case{"told", "serious-crime", []city.Slug{"square"}, "2026-09-10T18:00:00Z", "2026-09-10T20:00:00Z", "2026-09-20T14:00:00Z", "2026-11-01"}
	Refused = Case{"refused", "accident", []city.Slug{"quay", "square"}, "2026-10-03T06:00:00Z", "2026-10-05T06:00:00Z", "2026-10-12T14:00:00Z", "2027-04-01"}
	Closed  = Case{"closed", "missing-person", []city.Slug{"quay"}, "2026-11-08T20:00:00Z", "2026-11-09T02:00:00Z", "2026-11-18T14:00:00Z", "2027-11-01"}
	Waiting = Case{"waiting", "accident", []city.Slug{"square"}, "2026-11-22T07:00:00Z", "2026-11-22T08:00:00Z", "2026-12-01T14:00:00Z", "2027-06-01"}
	Expired = Case{"expired", "trial", []city.Slug{"square"}, "2026-10-01T07:00:00Z", "2026-10-01T08:00:00Z", "2026-10-15T14:00:00Z", "2027-06-01"}
	Overdue = Case{"overdue", "serious-crime", []city.Slug{"quay"}, "2026-08-02T10:00:00Z", "2026-08-02T11:00:00Z", "2026-08-10T14:00:00Z", "2026-11-10"}
	Ready   = Case{"ready", "complaint", []city.Slug{"square"}, "2026-11-20T10:00:00Z", "2026-11-20T10:30:00Z", "2026-11-29T14:00:00Z", "2027-02-01"}
)

// Year is a log from March to End.
func Year() Writer {
	w := New("year")
	w.Append(&entry.Roster{Roster: w.City.Roster.File(), Version: 1})
	for _, name := range []city.Slug{"quay", "square"} {
		w.Append(&entry.Registration{At: "2026-03-01T00:00:00Z", Camera: name, Class: "usual", Edge: "edge-1", Entry: hash(string(name)), FootageHours: 168, From: "2026-03-01T00:00:00Z", State: "registered", Until: "2027-12-01T00:00:00Z"})
	}
	w.Append(&entry.Registration{At: "2026-03-01T00:00:00Z", Camera: "garden", Edge: "edge-1", Entry: hash("garden"), From: "2026-03-01T00:00:00Z", State: "registered", Until: "2027-03-01T00:00:00Z"})
	w.keys()
	w.Ask(Overdue)
	w.Approve(Overdue, "2026-08-03T09:00:00Z")
	w.Open(Overdue, "2026-08-03T09:30:00Z")
	w.Ask(Told)
	w.Approve(Told, "2026-09-14T10:02:00Z")
	w.Open(Told, "2026-09-14T11:00:00Z")
	w.Ask(Expired)
	w.Ask(Refused)
	w.Approve(Refused, "2026-10-06T08:00:00Z", roster.Court)
	w.Refuse(Refused, "2026-10-06T12:00:00Z", "scope-too-wide")
	w.Sign(Told.Details())
	w.Ask(Closed)
	w.Approve(Closed, "2026-11-10T09:00:00Z")
	w.Open(Closed, "2026-11-10T09:12:00Z")
	w.rest()
	w.Ask(Ready)
	w.Approve(Ready, "2026-11-23T10:00:00Z")
	w.Ask(Waiting)
	w.Approve(Waiting, "2026-11-24T08:00:00Z", roster.Court)
	w.Publish(End)
	return w
}

// keys are published for November and December by the court, to 10 December by the
// ombudsman; some are destroyed.
func (w Writer) keys() {
	day := func(n int) canonical.Day {
		return canonical.Day(time.Date(2026, 11, n, 0, 0, 0, 0, time.UTC).Format(time.DateOnly))
	}
	for _, k := range []struct {
		body city.Slug
		days int
	}{{roster.Court, 61}, {roster.Ombudsman, 40}} {
		for n := 1; n <= k.days; n++ {
			e := &entry.EpochKey{Body: k.body, Class: "usual", Day: day(n), Device: k.body + "-1", Kem: "MLKEM768-X25519", Key: Bytes(fmt.Sprint(k.body, n))}
			w.Sign(e)
			if n <= 15 {
				w.Sign(&entry.EpochKeyDestroyed{At: canonical.At(day(n).Time().AddDate(0, 0, 9)), Body: k.body, Class: "usual", Day: day(n), Device: k.body + "-1", KeyID: e.ID(), Why: "due"})
			}
		}
	}
}

func (w Writer) rest() {
	for n, week := range []canonical.Week{"2026-W45", "2026-W46", "2026-W47"} {
		at := canonical.At(time.Date(2026, 11, 9+7*n, 8, 0, 0, 0, time.UTC))
		w.Sign(&entry.Audit{At: at, Body: roster.Court, Checked: 100, Device: "court-2", Week: week})
		w.Sign(&entry.Audit{At: at, Body: roster.Ombudsman, Checked: 100, Device: "ombudsman-2", Week: week, Wrong: int64(n / 2)})
	}
	for n := 1; n <= 23; n++ {
		d := canonical.Day(fmt.Sprintf("2026-11-%02d", n))
		w.Append(&entry.Looks{Count: &entry.LooksCount{Body: "safety", Day: d, Do: "look-live", Looks: int64(n), Minutes: int64(2 * n), Name: "square", On: "Camera", Purpose: "incident"}, Line: hash("count " + string(d))})
		w.Append(&entry.Looks{Day: &entry.LooksDay{Counts: 1, Day: d, From: canonical.At(d.Time()), Head: hash("head"), Looks: int64(n), Root: hash("root"), Until: canonical.At(d.Time().AddDate(0, 0, 1))}, Line: hash("day " + string(d))})
	}
	w.Append(&entry.Policy{At: "2026-11-12T09:00:00Z", Line: hash("line"), N: 3, New: hash("new"), Old: hash("old"), What: "approved"})
	w.Append(&entry.Retention{At: "2026-11-12T10:00:00Z", BeforeHours: 72, Camera: "square", Class: "usual", Hours: 168})
	w.Append(&entry.Software{At: "2026-11-12T10:00:00Z", Component: "hub", Hash: hash("hub"), Version: "v0.9.0"})
	w.Append(&entry.Decision{At: "2026-11-12T10:00:00Z", By: "person", Commitment: hash("decision"), Outcome: "accepted", Service: "traffic"})
	w.Sign(&entry.Hold{At: "2026-11-13T10:00:00Z", Body: roster.Ombudsman, CamerasCount: 1, Commitments: entry.Commitments{Cameras: hash("a"), Case: hash("b"), Order: hash("c"), Times: hash("d")}, Count: 600, Device: "ombudsman-1", Hold: hash("hold"), HoldKey: Bytes("hold"), Reason: "appeal", Until: "2027-06-01"})
	w.Append(&entry.Alarm{At: "2026-11-17T04:00:00Z", Edge: "edge-1", What: "disk-full"})
	w.Append(&entry.Alarm{At: "2026-11-20T00:00:00Z", Body: roster.Ombudsman, Class: "usual", What: "epoch-keys-few"})
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
