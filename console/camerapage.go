package console

import (
	"html/template"
	"net/http"
	"strings"

	"polity/access"
	"polity/camera/layout"
	"polity/camera/wire"
	"polity/city"
	"polity/console/frame"
	"polity/console/names"
)

// cameraView is the page of one camera.
type cameraView struct {
	Name           city.Slug
	Title, Path    string
	State          frame.Sign
	StateWords     template.HTML
	Banner         template.HTML
	Scene          sceneView
	SceneData      SceneData
	Entry          []frame.Fact
	Day            slider
	LatestWords    string
	Counts         countsView
	Events         []eventView
	EventsRule     string
	MayEdit        bool
	MaySeeAsPublic bool
	PublicAddress  string
	Purposes       []frame.Choice // to be stated before the live scene is shown
	Here           string
}

func (c *Console) cameraPage(w http.ResponseWriter, r *frame.Request) error {
	k, err := c.camera(r.Context(), city.Slug(r.PathValue("camera")))
	if err != nil {
		return err
	}
	d, err := c.dayOf(k, r)
	if err != nil {
		return err
	}
	if err := c.load(k, r, &d); err != nil {
		return err
	}
	if err := c.enlarge(k, r, &d); err != nil {
		return err
	}
	l, err := c.cfg.City.Layout(r.Context(), k.Name)
	if err != nil {
		return err
	}
	events, err := c.events(k, r, d)
	if err != nil {
		return err
	}
	scene, place, err := c.scene(r.Context(), k, d.at, r)
	if err != nil {
		return err
	}
	if scene.Place != "" {
		scene.Caption = c.HTML("scene.withcounts", "counts", c.momentWords(k, d), "picture", scene.Caption)
	}
	now := c.doing(k, r.Clock)
	v := cameraView{
		Name: k.Name, Title: k.title(), Path: r.URL.Path, State: now.State, StateWords: now.What, Banner: c.banner(k, r),
		Scene: scene, Entry: append(c.entry(k, r.Clock), append(c.lookedAt(r, k.Name), c.openedAt(r, k.Name)...)...), Day: c.slider(k, r, d, events), Counts: c.countsView(k, l, r, d),
		Events: c.eventViews(k, events, r), EventsRule: c.eventsRule(k, r),
		MayEdit: r.Viewer.Edit, MaySeeAsPublic: !r.Viewer.Public(), PublicAddress: frame.With(r, "as", "public"),
	}
	if r.Viewer.Purpose && !r.Viewer.Live {
		v.Here, v.Purposes = r.URL.RequestURI(), c.purposeChoices()
	}
	v.SceneData = c.sceneData(k, l, r, d, place)
	v.SceneData.Counts.Ticks = c.ticks(v.Events)
	v.LatestWords = c.Say("slider.latest")
	if r.Viewer.Live {
		v.LatestWords = c.Say("slider.live")
	}
	return c.Render(w, r, http.StatusOK, frame.Page{Template: "camera", Title: k.title(), Data: v})
}

// stateFragment is the part of a camera's page that is fetched again and again.
func (c *Console) stateFragment(w http.ResponseWriter, r *frame.Request) error {
	k, err := c.camera(r.Context(), city.Slug(r.PathValue("camera")))
	if err != nil {
		return err
	}
	now := c.doing(k, r.Clock)
	return c.Fragment(w, r, http.StatusOK, "camera", "state", cameraView{Path: "/cameras/" + string(k.Name), State: now.State, StateWords: now.What})
}

func (c *Console) sceneData(k Camera, l layout.Layout, r *frame.Request, d day, p Place) SceneData {
	data := SceneData{
		Camera: k.Name, Live: r.Viewer.Live && d.at.IsZero(), Public: !r.Viewer.Counts, Width: p.Width, Height: p.Height, PlaceAt: p.At.UnixMilli(), Ground: l.Ground,
		Day: d.from.UnixMilli(), Minutes: d.minutes(), Last: d.minute(d.latest), At: -1, First: d.first(), End: d.end(), Zone: c.Zone.String(),
		Counts: c.chart(d.lines(shown{wire.Occupancy, ""}), l, r, d),
	}
	if !d.at.IsZero() {
		data.At = d.minute(d.at)
	}
	if !r.Viewer.Counts {
		data.Counts.Threshold = k.Entry.Threshold
	}
	return data
}

// banner says that what is on the page is not all there is.
func (c *Console) banner(k Camera, r *frame.Request) template.HTML {
	if !r.Viewer.Counts {
		return ""
	}
	edges, err := c.cfg.City.Edges(r.Context())
	if err != nil {
		return c.HTML("banner.unknown")
	}
	for _, e := range edges {
		switch {
		case e.Name != k.Edge:
		case !e.Connected:
			return c.HTML("banner.lost", "since", r.Clock.Time(e.Since))
		case e.Waiting > behind:
			return c.HTML("banner.catchingup", "n", e.Waiting)
		}
	}
	return ""
}

// behind is how many waiting messages make an edge one that catches up; a handful
// is always on its way.
const behind = 20

func (c *Console) entry(k Camera, at frame.Clock) []frame.Fact {
	e := k.Entry
	var items []frame.Fact
	add := func(key string, words template.HTML) {
		if words != "" {
			items = append(items, frame.Fact{Name: c.Say("entry." + key), Words: words})
		}
	}
	text := func(s string) template.HTML { return template.HTML(template.HTMLEscapeString(s)) } //nolint:gosec // escaped here
	add("purpose", text(e.Purpose))
	add("view", text(e.View))
	add("body", text(e.Body))
	add("contact", text(e.Contact))
	add("decision", c.HTML("entry.decided", "decision", e.Decision, "date", at.Date(e.DecidedOn)))
	add("until", c.HTML("entry.untilwords", "from", at.Date(e.From), "until", at.Date(e.Until)))
	add("retention", c.HTML("entry.kept", "time", at.Long(e.Retention)))
	if e.PlaceRetention > 0 {
		add("places", c.HTML("entry.placeskept", "time", at.Long(e.PlaceRetention)))
	}
	add("situations", c.situations(e))
	add("public", c.HTML("entry.publicwords", "delay", at.Long(e.PublicDelay), "n", e.Threshold))
	add("people", c.HTML("entry.peoplewords"))
	add("signed", text(e.SignedBy))
	if e.Simulated {
		add("simulated", c.HTML("entry.simulatedwords"))
	}
	return items
}

// situations lists what a camera may report.
func (c *Console) situations(e Entry) template.HTML {
	if len(e.Events) == 0 {
		return c.HTML("entry.situation.none")
	}
	var words []string
	for _, k := range e.Events {
		word := c.Say("event." + names.Events[k])
		if k == wire.Crowding {
			word = c.Say("entry.situation.crowd", "what", word, "n", e.CrowdAtLeast)
		}
		words = append(words, word)
	}
	return c.HTML("entry.situation.list", "list", strings.Join(words, ", "))
}

// eventView is one event in words.
type eventView struct {
	Anchor  string
	Picture string
	State   frame.Sign
	Words   string
	When    template.HTML
	Address string
	// StartMS and EndMS are ms since 1970; EndMS is 0 while it goes on.
	StartMS, EndMS int64
}

// events returns the day's events that the one who asks may know of.
func (c *Console) events(k Camera, r *frame.Request, d day) ([]Event, error) {
	all, err := c.cfg.City.Events(r.Context(), EventQuery{Camera: k.Name, From: d.from, To: d.to})
	if err != nil || r.Viewer.Counts {
		return all, err
	}
	return publicEvents(k.Entry, all, r.Clock.Now), nil
}

func (c *Console) eventViews(k Camera, events []Event, r *frame.Request) []eventView {
	var views []eventView
	for _, e := range events {
		name := names.Events[e.Kind]
		v := eventView{
			Anchor: "event-" + e.ID, State: frame.Attention(c.Say("event." + name)), StartMS: e.Start.UnixMilli(),
			Words:   c.Say("event."+name+".what", "where", c.where(e.Where), "n", int(e.Value+.5)),
			Address: frame.With(r, "at", e.Start.In(c.Zone).Format(timeForm)),
		}
		if e.Place && (r.Viewer.Back || !e.Start.After(r.Clock.Now.Add(-k.Entry.PublicDelay))) {
			v.Picture = "/cameras/" + string(k.Name) + "/events/" + e.ID + ".jpg"
			if r.AsPublic {
				v.Picture += "?as=public"
			}
		}
		switch {
		case e.End.IsZero():
			v.When = c.HTML("event.since", "start", r.Clock.Time(e.Start))
		default:
			v.State.Sign, v.EndMS = "unknown", e.End.UnixMilli()
			v.When = c.HTML("event.fromto", "start", r.Clock.Time(e.Start), "end", r.Clock.Time(e.End), "long", r.Clock.Long(e.End.Sub(e.Start)))
		}
		views = append(views, v)
	}
	return views
}

func (c *Console) ticks(events []eventView) []Tick {
	ticks := []Tick{}
	for _, e := range events {
		ticks = append(ticks, Tick{At: e.StartMS, End: e.EndMS, Words: e.Words})
	}
	return ticks
}

func (c *Console) eventsRule(k Camera, r *frame.Request) string {
	if r.Viewer.Counts {
		return c.Say("events.all")
	}
	return c.Say("events.public", "delay", r.Clock.Long(k.Entry.PublicDelay))
}

// eventPicture answers with the place at an event, if the one who asks may know of
// the event.
func (c *Console) eventPicture(w http.ResponseWriter, r *frame.Request) error {
	k, err := c.camera(r.Context(), city.Slug(r.PathValue("camera")))
	if err != nil {
		return err
	}
	id, ok := cutJPEG(r.PathValue("event"))
	if !ok {
		return city.Errorf(city.NotFound, "%s", c.Say("error.event"))
	}
	event, picture, err := c.cfg.City.EventPlace(r.Context(), k.Name, id)
	if err != nil {
		return err
	}
	if !r.Viewer.Counts && len(publicEvents(k.Entry, []Event{event}, r.Clock.Now)) == 0 {
		return city.Errorf(city.NotFound, "%s", c.Say("error.event")) // no different from one that does not exist
	}
	latest := r.Clock.Now.Add(-k.Entry.PublicDelay)
	if event.Start.After(latest) { // the place as it is not public yet
		if err := c.lookAtEvent(k, event, r); err != nil {
			return err
		}
	}
	w.Header().Set("Content-Type", "image/jpeg")
	w.Header().Set("Cache-Control", kept(event.Start, latest, "private, max-age=3600"))
	_, err = w.Write(picture)
	return frame.Gone(err)
}

// lookAtEvent writes a look down at a place that is not public yet, which an event came
// with: the right to events is none to newer scenes.
func (c *Console) lookAtEvent(k Camera, e Event, r *frame.Request) error {
	on := c.thing(k.Name)
	if d := c.Decide(r, access.LookBack, on); !d.Allowed {
		return &frame.Refusal{Decision: d, Public: r.Who.Kind == access.Public}
	}
	looking, err := c.look(r, access.LookBack, on, e.Start)
	if err != nil {
		return err
	}
	looking.Finish()
	return nil
}
