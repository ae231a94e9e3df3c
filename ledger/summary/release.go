package summary

import (
	"time"

	"polity/city"
	"polity/ledger/canonical"
	"polity/ledger/entry"
	"polity/ledger/roster"
)

// asked is a release with what its details are checked against.
type asked struct {
	*Release
	commitments entry.Commitments
}

// release takes in what belongs to a release.
func (f *Facts) release(index int64, e entry.Entry) {
	switch e := e.(type) {
	case *entry.ReleaseRequested:
		f.requested(index, e)
	case *entry.ReleaseApproved:
		f.answered(index, e.Token, Answer{At: e.At, Body: e.Body, Index: index, What: "approved"})
	case *entry.ReleaseRefused:
		f.answered(index, e.Token, Answer{At: e.At, Body: e.Body, Index: index, Reason: e.Reason, What: "refused"})
	case *entry.ReleaseOpened:
		f.opened(index, e)
	case *entry.ReleaseDetails:
		f.details(index, e)
	}
}

func (f *Facts) requested(index int64, e *entry.ReleaseRequested) {
	if f.byToken[e.ID] != nil {
		f.odd(index, "twice")
		return
	}
	r := &Release{
		Answers: []Answer{}, Body: e.Body, CamerasCount: e.CamerasCount, DetailsPublicOn: e.DetailsPublicOn, Expires: e.Expires,
		HoursCount: e.HoursCount, Index: index, Purpose: e.Purpose, Token: e.ID,
	}
	f.releases = append(f.releases, r)
	f.byToken[e.ID] = &asked{r, e.Commitments}
	if len(f.releases) > maxReleases {
		delete(f.byToken, f.releases[0].Token)
		f.releases = f.releases[1:]
		f.before++
	}
}

func (f *Facts) answered(index int64, token canonical.Hash, a Answer) {
	r := f.byToken[token]
	if r == nil {
		f.odd(index, "unasked")
		return
	}
	if r.answer(a.Body) != nil {
		f.odd(index, "twice")
		return
	}
	if a.What == "approved" {
		if a.At.Time().After(r.Expires.Time()) {
			f.odd(index, "late")
		}
		f.month(a.At).approved++
	} else {
		f.month(a.At).refused[Refused{Body: a.Body, Reason: a.Reason}]++
	}
	r.Answers = append(r.Answers, a)
}

func (r *Release) answer(body city.Slug) *Answer {
	for i := range r.Answers {
		if r.Answers[i].Body == body {
			return &r.Answers[i]
		}
	}
	return nil
}

// approved says whether both bodies did.
func (r *Release) approved() bool {
	court, ombudsman := r.answer(roster.Court), r.answer(roster.Ombudsman)
	return court != nil && ombudsman != nil && court.What == "approved" && ombudsman.What == "approved"
}

func (f *Facts) opened(index int64, e *entry.ReleaseOpened) {
	r := f.byToken[e.Token]
	if r == nil {
		f.odd(index, "unasked")
		return
	}
	if !r.approved() {
		f.odd(index, "unapproved")
	}
	if r.Opened != nil {
		return // again, on the same case
	}
	at := e.At
	for _, a := range r.Answers { // whose times are of checkpoints; the officer's clock may be slow
		if a.What == "approved" {
			at = max(at, a.At)
		}
	}
	r.Opened = &Opening{At: at, Index: index, Segments: e.Segments}
	f.month(at).opened[Opened{Body: r.Body, Purpose: r.Purpose}]++
}

func (f *Facts) details(index int64, e *entry.ReleaseDetails) {
	r := f.byToken[e.Token]
	switch {
	case r == nil:
		f.odd(index, "unasked")
	case e.What == "extended":
		if e.PublicOn > r.DetailsPublicOn {
			r.DetailsPublicOn = e.PublicOn
			r.Extensions++
		}
	case !r.opens(e):
		f.odd(index, "commitment")
	case r.Details == nil:
		r.Details = &Details{Cameras: e.Cameras, Case: e.Case, From: e.From, Index: index, Order: e.Order, To: e.To}
	}
}

// opens says whether published details are those that the request committed to
// (formats/token.md).
func (r *asked) opens(e *entry.ReleaseDetails) bool {
	if e.Salts == nil {
		return false
	}
	var cameras []byte
	for _, c := range e.Cameras {
		cameras = append(append(cameras, c...), '\n')
	}
	c := r.commitments
	hours := int64((e.To.Time().Sub(e.From.Time()) + time.Hour - 1) / time.Hour)
	return canonical.Commit(e.Salts.Cameras, cameras) == c.Cameras &&
		canonical.Commit(e.Salts.Case, []byte(e.Case)) == c.Case &&
		canonical.Commit(e.Salts.Order, []byte(e.Order)) == c.Order &&
		canonical.Commit(e.Salts.Times, []byte(e.From+"/"+e.To)) == c.Times &&
		int64(len(e.Cameras)) == r.CamerasCount && hours == r.HoursCount
}

// at is the release as of a time.
func (r *Release) at(now time.Time) Release {
	out := *r
	out.Answers = append([]Answer{}, r.Answers...)
	refused, given := false, r.Opened != nil
	for _, a := range r.Answers {
		refused = refused || a.What == "refused"
		given = given || a.What == "approved"
	}
	switch {
	case r.Opened != nil:
		out.State = WasOpened
	case refused:
		out.State = Refusal
	case r.approved():
		out.State = Approved
	case !now.Before(r.Expires.Time()):
		out.State = Expired
	default:
		out.State = Waiting
	}
	out.Overdue = given && r.Details == nil && !now.Before(endOf(r.DetailsPublicOn))
	return out
}
