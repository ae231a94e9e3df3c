package hub

import (
	"context"
	"io"
	"log/slog"
	"path/filepath"
	"slices"
	"time"

	"polity/access"
	"polity/city"
	"polity/console"
	"polity/ledger/canonical"
	"polity/ledger/proof"
	"polity/ledger/roster"
	"polity/recording/share"
	"polity/release/docket"
	"polity/release/token"
)

// cases are those for footage, as pages and programs may know them: who sees which, and
// who may bring what.
type cases struct {
	hub      *Hub
	docket   *docket.Docket
	recorded recorded
	pace     pace
	out      chan struct{} // files that are handed out at once
}

const handedOut = 8

var _ console.Cases = (*cases)(nil)

// openCases opens the docket, behind the log that it takes tokens to. Without a log there
// are no cases.
func (h *Hub) openCases(ctx context.Context, pages *console.Config) error {
	l := h.ledger
	if l == nil {
		return nil
	}
	source, err := proof.Folder(l.folder)
	if err != nil {
		return err
	}
	from := h.recordings
	if from == nil {
		from = recordings{h}
	}
	cfg := docket.Config{
		Path: filepath.Join(h.cfg.Data, "cases"), Recordings: from, Now: h.now, Logger: h.log,
		Log: struct {
			logFile
			proof.Source
		}{l.log, source},
		Roster: func() *roster.Signed { return l.roster },
		Rosters: func() (files [][]byte) {
			for _, r := range l.rosters {
				files = append(files, r.File())
			}
			return files
		},
	}
	d, err := docket.Open(ctx, cfg)
	if err != nil {
		return err
	}
	h.closers = append(h.closers, d.Close)
	h.cases = &cases{hub: h, docket: d, recorded: newRecorded(from, h.now), pace: newPace(h.now), out: make(chan struct{}, handedOut)}
	pages.Cases = h.cases
	return nil
}

const casesEach = time.Minute

// keepCases reads on what the log says of cases, and brings here what bodies hold.
func (h *Hub) keepCases(ctx context.Context) {
	if h.cases == nil {
		return
	}
	tick := time.NewTicker(casesEach)
	defer tick.Stop()
	for {
		if err := h.cases.docket.Tend(ctx); err != nil && ctx.Err() == nil {
			h.log.Error("cases for footage cannot be tended", slog.Any("error", err))
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// sight is what somebody may know of cases: their own office's in full, or how each of
// all stands.
type sight struct {
	office city.Slug // whose cases are seen in full; empty: none
	all    bool
}

func (c *cases) sight(who access.Who) sight {
	may := func(do access.Action) bool {
		return c.hub.access.Decide(who, do, access.City(), access.Circumstances{}).Allowed
	}
	switch {
	case who.Kind == access.Public:
	case may(access.CarryCase):
		return sight{office: who.Body}
	case !may(access.SeeCases):
	case who.Kind == access.Program: // of an office's officer, for whom it looks how things stand
		return sight{office: who.Body}
	default:
		return sight{all: true}
	}
	return sight{}
}

func (s sight) of(k *docket.Case) (console.Case, bool) {
	own := s.office != "" && k.Body == s.office
	out := console.Case{
		ID: k.ID.String(), Code: k.Code, Office: k.Body, Purpose: k.Purpose, Own: own, Count: len(k.Cameras), Hours: int((k.To.Sub(k.From) + time.Hour - 1) / time.Hour),
		Logged: k.Submitted, Index: k.Index, Public: k.Public, Expires: k.Expires, DetailsPublicOn: k.DetailsPublicOn.Time(), Opened: k.Opened, Disclosed: k.Disclosed,
	}
	for _, b := range share.Bodies {
		a := k.Answers[b]
		body := console.CaseBody{Body: b, State: console.CaseAnswer(a.State), Reason: a.Reason, At: a.At, Shares: a.Count, Public: a.Public}
		if own {
			body.Words, body.Request, body.Fetched = a.Words, a.Requested, a.Made
		}
		out.Bodies = append(out.Bodies, body)
	}
	if own {
		out.Cameras, out.From, out.To = slices.Clone(k.Cameras), k.From, k.To
	}
	return out, own || s.all
}

// Cases implements console.Cases.
func (c *cases) Cases(ctx context.Context, who access.Who) ([]console.Case, error) {
	all, err := c.docket.Cases(ctx)
	if err != nil {
		return nil, err
	}
	s, list := c.sight(who), []console.Case{}
	for i := range all {
		if k, ok := s.of(&all[i]); ok {
			list = append(list, k)
		}
	}
	return list, nil
}

// Case implements console.Cases.
func (c *cases) Case(ctx context.Context, who access.Who, id string) (console.Case, error) {
	none := city.Errorf(city.NotFound, "there is no such case, or it is another office's")
	var h canonical.Hash
	if h.UnmarshalText([]byte(id)) != nil {
		return console.Case{}, none
	}
	k, err := c.docket.Case(ctx, h)
	if err != nil {
		if city.KindOf(err) == city.NotFound {
			err = none
		}
		return console.Case{}, err
	}
	out, ok := c.sight(who).of(k)
	if !ok {
		return console.Case{}, none
	}
	return out, nil
}

// own is the id of a case of the office that somebody works for.
func (c *cases) own(ctx context.Context, who access.Who, id string) (h canonical.Hash, err error) {
	k, err := c.Case(ctx, who, id)
	if err != nil {
		return h, err
	}
	if !k.Own {
		return h, city.Errorf(city.Forbidden, "this is a case of %s: its own officers carry what belongs to it", k.Office)
	}
	return h, h.UnmarshalText([]byte(id))
}

// Submit implements console.Cases.
func (c *cases) Submit(ctx context.Context, who access.Who, file io.Reader) (string, error) {
	if err := c.pace.take(handingIn, who); err != nil {
		return "", err
	}
	text, err := io.ReadAll(io.LimitReader(file, token.MaxSubmission+1))
	if err != nil {
		return "", city.Errorf(city.Invalid, "the submission broke off: %w", err)
	}
	s, err := token.ParseSubmission(text)
	if err != nil {
		return "", err
	}
	if err := c.maySubmit(who, s); err != nil {
		return "", err
	}
	id, err := c.docket.Submit(ctx, who.ID, s)
	if err != nil {
		return "", err
	}
	return id.String(), nil
}

// maySubmit says whether the office of whoever brings a submission is the one that signed
// it, and whether footage of each camera may be asked for. Who asks is the office whose
// device signed: who carries the file, a program or somebody who came through the
// demo's door, makes no difference to that.
func (c *cases) maySubmit(who access.Who, s *token.Submission) error {
	l := c.hub.ledger
	e, err := s.Token(&l.roster.Roster, c.hub.now())
	if err != nil {
		return err
	}
	if e.Body != who.Body {
		return city.Errorf(city.Forbidden, "a device of %s signed this request, and your account works for %s: an officer of %s has to hand it in", e.Body, who.Body, e.Body)
	}
	asker := who
	asker.Door, asker.Scope = false, nil
	if who.Kind == access.Program {
		asker.Kind, asker.Roles = access.Person, []access.Role{access.EvidenceOfficer}
	}
	for _, name := range s.Cameras {
		if d := c.hub.access.Decide(asker, access.AskFootage, access.Camera(name, c.hub.cfg.Access.areas(name)...), access.Circumstances{}); !d.Allowed {
			return city.Errorf(city.Forbidden, "camera %s: %s", name, d.Why)
		}
	}
	return nil
}

// Request implements console.Cases.
func (c *cases) Request(ctx context.Context, who access.Who, id string, body share.Body, w io.Writer) error {
	h, err := c.own(ctx, who, id)
	if err != nil {
		return err
	}
	if err := c.pace.take(fetching, who); err != nil {
		return err
	}
	_, err = c.docket.Request(ctx, h, body, w)
	return err
}

// Answer implements console.Cases.
func (c *cases) Answer(ctx context.Context, who access.Who, id string, file io.Reader) error {
	h, err := c.own(ctx, who, id)
	if err != nil {
		return err
	}
	if err := c.pace.take(bringing, who); err != nil {
		return err
	}
	return c.docket.Answer(ctx, h, file)
}

// Recorded implements console.Cases.
func (c *cases) Recorded(ctx context.Context, camera city.Slug, from, to time.Time) (console.Recorded, error) {
	k, err := c.hub.camera(camera)
	if err != nil {
		return console.Recorded{}, err
	}
	k.mu.Lock()
	keeps, on := time.Duration(k.entry.Retention.FootageHours)*time.Hour, len(k.entry.Recorder) > 0
	k.mu.Unlock()
	if keeps == 0 || !on {
		return console.Recorded{}, nil
	}
	spans, err := c.recorded.spans(ctx, camera, latest(from, c.hub.now().Add(-keeps)), to)
	return console.Recorded{Keeps: keeps, Spans: spans}, err
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
